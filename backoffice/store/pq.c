/* pq - libpq by dlopen(3); see pq.h. */
#include "backoffice/store/pq.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "base/own.h"

#define PQ_LIBRARY "libpq.so.5"

static const struct {
	const char *name;
	size_t at;
} functions[] = {
#define PQ_ROW(name) { #name, offsetof(struct pq, name) },
	PQ_FUNCTIONS(PQ_ROW)
#undef PQ_ROW
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct pq loaded;
static char missing[256]; /* "": all there */

static void look_up(void *library)
{
	for (size_t i = 0; i < ARRAY_LEN(functions) && !*missing; i++) {
		void *f = dlsym(library, functions[i].name);

		memcpy((char *)&loaded + functions[i].at, &f, sizeof f);
		if (!f)
			strncpy(missing, functions[i].name, sizeof missing - 1);
	}
}

static void load(void)
{
	void *library = dlopen(PQ_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	const char *why = library ? NULL : dlerror();

	if (library)
		look_up(library);
	else
		strncpy(missing, why ? why : PQ_LIBRARY, sizeof missing - 1);
}

enum inro_err pq_load(const struct pq **ret)
{
	pthread_once(&once, load);
	if (*missing)
		return err_set(INRO_E_CONFIG,
			       "PostgreSQL's client library can't be used (%s); install libpq5 of "
			       "PostgreSQL 14 or later",
			       missing);
	*ret = &loaded;
	return INRO_OK;
}
