/* refused - see refused.h. */
#include "provider/refused.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "base/secret.h"
#include "provider/prov.h"

#define WORDS	     4 /* of a SHA-256 */
#define WAIT_SECONDS 60

/* A page that forked children share.  An entry that is being written is like no other. */
struct refused {
	uint8_t salt[32];
	pthread_mutex_t turn;
	bool has_turns;
	atomic_uint written;
	struct {
		_Atomic uint64_t words[WORDS];
	} entries[REFUSED_MAX];
};

_Static_assert(sizeof(struct refused) <= 4096, "one page");

/* Robust: who ends in the midst of a try does not keep the others from theirs. */
static bool make_turns(pthread_mutex_t *m)
{
	pthread_mutexattr_t a;
	bool ok;

	if (pthread_mutexattr_init(&a) != 0)
		return false;
	ok = pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED) == 0 &&
	     pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == 0 &&
	     pthread_mutex_init(m, &a) == 0;
	(void)pthread_mutexattr_destroy(&a);
	return ok;
}

static struct refused *refused_new(void)
{
	struct refused *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (r == MAP_FAILED)
		return NULL;
	(void)madvise(r, sizeof *r, MADV_DONTDUMP);
	(void)mlock(r, sizeof *r);
	r->has_turns = make_turns(&r->turn);
	if (random_fill(r->salt, sizeof r->salt) == INRO_OK)
		return r;
	refused_free(r);
	return NULL;
}

void refused_free(struct refused *r)
{
	if (r)
		(void)munmap(r, sizeof *r);
}

void refused_begin(struct prov *p)
{
	struct refused *r = atomic_load(&p->refused), *none = NULL;

	if (r)
		return;
	r = refused_new();
	if (r && !atomic_compare_exchange_strong(&p->refused, &none, r))
		refused_free(r); /* another thread was first */
}

/* Each text with its end: no two refusals are the same bytes. */
static bool digest(struct prov *p, const struct refused *r, const struct refusal *of,
		   uint64_t ret[WORDS])
{
	SCOPED(buf) all = { .secret = true };
	OSSL_LIB_CTX *libctx;

	buf_add(&all, BYTES(r->salt, sizeof r->salt));
	buf_add_u8(&all, (uint8_t)of->kind);
	buf_add(&all, BYTES((const uint8_t *)of->serial, strlen(of->serial) + 1));
	buf_add(&all, BYTES((const uint8_t *)of->label, strlen(of->label) + 1));
	buf_add(&all, of->what);
	return buf_err(&all) == INRO_OK && below_libctx(&p->below, &libctx) == INRO_OK &&
	       EVP_Q_digest(libctx, "SHA256", NULL, all.p, all.n, (unsigned char *)ret, NULL) == 1;
}

static bool is_entry(struct refused *r, unsigned at, const uint64_t words[WORDS])
{
	bool same = true;

	for (unsigned w = 0; w < WORDS; w++)
		same = atomic_load(&r->entries[at].words[w]) == words[w] && same;
	return same;
}

static bool has(struct refused *r, const uint64_t words[WORDS])
{
	unsigned n = atomic_load(&r->written);

	for (unsigned i = 0; i < n && i < REFUSED_MAX; i++)
		if (is_entry(r, i, words))
			return true;
	return false;
}

bool refused_has(struct prov *p, const struct refusal *of)
{
	struct refused *r = atomic_load(&p->refused);
	uint64_t words[WORDS];

	return r && atomic_load(&r->written) > 0 && digest(p, r, of, words) && has(r, words);
}

void refused_add(struct prov *p, const struct refusal *of)
{
	struct refused *r = atomic_load(&p->refused);
	uint64_t words[WORDS];
	unsigned at;

	if (!r || !of->what.n || !digest(p, r, of, words) || has(r, words))
		return;
	at = atomic_fetch_add(&r->written, 1) % REFUSED_MAX;
	for (unsigned w = 0; w < WORDS; w++)
		atomic_store(&r->entries[at].words[w], words[w]);
}

bool refused_turn(struct prov *p, const struct refusal *of)
{
	struct refused *r = atomic_load(&p->refused);
	struct timespec until;
	int rc;

	if (!r || !r->has_turns || !of->what.n || clock_gettime(CLOCK_REALTIME, &until) != 0)
		return false;
	until.tv_sec += WAIT_SECONDS;
	rc = pthread_mutex_timedlock(&r->turn, &until);
	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(&r->turn);
	return rc == 0;
}

void refused_turn_over(struct prov *p, bool turn)
{
	struct refused *r = atomic_load(&p->refused);

	if (r && turn)
		(void)pthread_mutex_unlock(&r->turn);
}
