/*
 * homedir - the folder of tokens and database.
 *
 *   1. INRO_HOME of the environment
 *   2. in a forked child: the folder of the process that it was forked from
 *   3. `home` in the section [inro] of inro.conf (base/conf.h)
 *   4. /var/lib/inro for root; $XDG_DATA_HOME/inro, else ~/.local/share/inro, for others
 */
#ifndef INRO_BASE_HOMEDIR_H
#define INRO_BASE_HOMEDIR_H

#include "base/bytes.h"

/* Made if it is missing and `make`.  Caller frees. */
MUST_CHECK enum inro_err homedir(bool make, char **ret);

#endif
