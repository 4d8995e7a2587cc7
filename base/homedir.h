/*
 * homedir - the folder of tokens and database.
 *
 *   1. the one that a library of this process works in (homedir_hold())
 *   2. INRO_HOME of the environment
 *   3. in a forked child: the folder of the process that it was forked from
 *   4. `home` in the section [inro] of inro.conf (base/conf.h)
 *   5. /var/lib/inro for root; $XDG_DATA_HOME/inro, else ~/.local/share/inro, for others
 */
#ifndef INRO_BASE_HOMEDIR_H
#define INRO_BASE_HOMEDIR_H

#include "base/bytes.h"

/* Made if it is missing and `make`.  Caller frees. */
MUST_CHECK enum inro_err homedir(bool make, char **ret);

/* It is this one, which homedir() gave, for the process, whatever the environment comes to say, until
 * homedir_release() of the same text.  A forked child is bound to nothing.  Any thread. */
void homedir_hold(const char *name);
void homedir_release(const char *name);

#endif
