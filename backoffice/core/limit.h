/*
 * limit - wrong tries by where they come from, in this process: a burst, then one each few seconds.
 *
 * 1. The table has a fixed size: who is forgotten first is who has been quiet longest.
 * 2. Any thread may call.
 */
#ifndef INRO_BACKOFFICE_CORE_LIMIT_H
#define INRO_BACKOFFICE_CORE_LIMIT_H

#include "base/err.h"

#define LIMIT_BURST	 20
#define LIMIT_EACH_MS	 3000 /* one more try after so long */

/* INRO_E_BUSY: too many wrong tries from there. */
MUST_CHECK enum inro_err limit_check(const char *from);
void limit_wrong(const char *from);
void limit_forget(void); /* tests: everybody */

#endif
