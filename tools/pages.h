/* pages - a list that comes in pages, to its end. */
#ifndef INRO_TOOLS_PAGES_H
#define INRO_TOOLS_PAGES_H

#include "base/err.h"

/* The page behind the cursor `after` (NULL: the first).  *ret_next is the next one's, malloc()ed; it is NULL before,
 * and stays so behind the last. */
typedef enum inro_err page_fn(void *arg, const char *after, char **ret_next);

/* Each page in turn, until one fails. */
MUST_CHECK enum inro_err pages_each(page_fn *page, void *arg);

#endif
