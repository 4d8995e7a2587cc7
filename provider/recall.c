/* recall - see recall.h. */
#include "provider/recall.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "provider/key.h"

/* Another thread may have looked for a kind before it was fetched, and ask us only now. */
#define SETTLED_MS 100

/* When all kinds are looked at. */
#define LOOK_MS 1000
#define LOOKS	16

/* A name with two rows, one of which is of nobody: which of them is found without any properties
 * tells whether a program's default properties prefer us. */
#define WHOSE	  "INRO-WHOSE"
#define OURS	  "ours"
#define NOBODYS	  "nobody's"
#define OF_NOBODY "provider=nobody"

/* What there is to be found while this thread fetches for us, the first row without a name when it
 * does not; and whether libcrypto came to us, because it did not remember. */
static _Thread_local struct {
	OSSL_ALGORITHM rows[3];
	bool asked;
} mine;

static const void *library_of(const void *function)
{
	Dl_info where;

	return dladdr(function, &where) ? where.dli_fbase : NULL;
}

bool recall_init(struct recall *r, const struct core *c)
{
	const void *theirs = library_of((const void *)(uintptr_t)c->get_params);

	if (!c->get_libctx || theirs != library_of((const void *)(uintptr_t)ERR_peek_error))
		return false;
	r->libctx = (OSSL_LIB_CTX *)c->get_libctx(c->handle);
	return true;
}

bool recall_is_asking(void)
{
	return mine.rows[0].algorithm_names != NULL;
}

const OSSL_ALGORITHM *recall_rows(void)
{
	mine.asked = true;
	return mine.rows;
}

static EVP_KEYMGMT *fetch(const struct recall *r, const char *name, const char *by)
{
	EVP_KEYMGMT *kind;

	mine.asked = false;
	ERR_set_mark();
	kind = EVP_KEYMGMT_fetch(r->libctx, name, by);
	ERR_pop_to_mark();
	mine.rows[0] = (OSSL_ALGORITHM) { 0 };
	return kind;
}

static bool is_remembered(const struct recall *r, unsigned kind, const char *by)
{
	EVP_KEYMGMT *k;

	mine.rows[0] = keymgmt_algorithms[kind];
	mine.rows[1] = (OSSL_ALGORITHM) { 0 };
	k = fetch(r, key_types[kind].name, by);
	EVP_KEYMGMT_free(k);
	return k && !mine.asked;
}

static const char *const properties[] = { PROV_PROPERTIES, "?" PROV_PROPERTIES };

/* How many were not. */
static unsigned fetch_all(const struct recall *r)
{
	unsigned n = 0;

	for (unsigned kind = 0; kind < SHOWN_KINDS; kind++)
		for (size_t i = 0; i < ARRAY_LEN(properties); i++)
			n += !is_remembered(r, kind, properties[i]);
	return n;
}

static bool is_preferred(const struct recall *r)
{
	const OSSL_DISPATCH *any = keymgmt_algorithms[0].implementation;
	EVP_KEYMGMT *found;
	const char *whose;
	bool ours;

	mine.rows[0] = (OSSL_ALGORITHM) { WHOSE, OF_NOBODY, any, NOBODYS };
	mine.rows[1] = (OSSL_ALGORITHM) { WHOSE, PROV_PROPERTIES, any, OURS };
	found = fetch(r, WHOSE, NULL);
	whose = found ? EVP_KEYMGMT_get0_description(found) : NULL;
	ours = whose && strcmp(whose, OURS) == 0;
	EVP_KEYMGMT_free(found);
	return ours;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_settled(struct recall *r)
{
	return atomic_load(&r->by) == (uintptr_t)pthread_self() ||
	       now_ms() - atomic_load(&r->at) > SETTLED_MS;
}

static bool is_kept(struct recall *r)
{
	int64_t now = now_ms();

	if (atomic_fetch_add(&r->looks, 1) % LOOKS && now - atomic_load(&r->seen) < LOOK_MS)
		return is_remembered(r, KEY_TYPE_ec, properties[0]);
	atomic_store(&r->seen, now);
	return fetch_all(r) == 0;
}

enum recalled recall_kinds(struct recall *r)
{
	if (is_kept(r))
		return is_settled(r) ? RECALL_KEPT : RECALL_MADE;
	(void)fetch_all(r);
	if (is_preferred(r) || fetch_all(r) > 0)
		return RECALL_NONE;
	atomic_store(&r->by, (uintptr_t)pthread_self());
	atomic_store(&r->at, now_ms());
	return RECALL_MADE;
}
