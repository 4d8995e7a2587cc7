/*
 * confirm - what takes much with it is asked about before it is done.
 */
#ifndef INRO_TOOLS_CONFIRM_H
#define INRO_TOOLS_CONFIRM_H

#include "tools/cmd.h"

#define OPT_YES                                                                                    \
	{                                                                                          \
		.name = "yes", .kind = OPT_FLAG,                                                   \
		.help = "do it without asking, also where it takes much with it; -y for short"     \
	}

/* "WHAT; go on?" on the terminal, and only "yes" is yes.  Without a terminal --yes must be there.
 * INRO_E_CANCELLED: nothing was done. */
MUST_CHECK enum inro_err confirm(const struct call *c, const char *what);
/* The same of what programs do, too: asked of a person alone, where standard input is a terminal. */
MUST_CHECK enum inro_err confirm_person(const struct call *c, const char *what);

#endif
