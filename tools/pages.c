/* pages - see pages.h. */
#include "tools/pages.h"

#include <stdlib.h>

enum inro_err pages_each(page_fn *page, void *arg)
{
	char *at = NULL;
	enum inro_err e;
	do {
		char *next = NULL;
		e = page(arg, at, &next);
		free(at);
		at = next;
	} while (!e && at);
	free(at);
	return e;
}
