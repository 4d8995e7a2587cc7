/* pq - libpq by dlopen(3); see pq.h. */
#include "backoffice/store/pq.h"

#include <pthread.h>
#include <stdio.h>

#include "base/own.h"

#define PQ_ROW(name) LIBRARY_ROW(struct pq, name)

static const struct library_row functions[] = { PQ_FUNCTIONS(PQ_ROW) };
static const struct library library = { .file = "libpq.so.5",
					.what = "PostgreSQL's client library",
					.remedy = "libpq5 of PostgreSQL 14 or later",
					.rows = functions,
					.n = ARRAY_LEN(functions) };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct pq loaded;
static char missing[256]; /* "": all there */

static void load(void)
{
	enum inro_err e = library_load(&library, &loaded);

	if (e != INRO_OK)
		snprintf(missing, sizeof missing, "%s", err_detail(e));
}

enum inro_err pq_load(const struct pq **ret)
{
	pthread_once(&once, load);
	if (*missing)
		return err_set(INRO_E_CONFIG, "%s", missing);
	*ret = &loaded;
	return INRO_OK;
}
