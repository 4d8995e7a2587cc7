/* secret - memory that is wiped, kept out of core dumps and emptied in forked children.
 *
 * Each secret has its own pages: madvise() works on pages, and a neighbour on the same page
 * would lose its content in a child.
 */
#include "base/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define SECRET_MAX ((size_t)16 << 20)

static size_t pages_of(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

void wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}

enum inro_err secret_new(size_t n, struct secret *ret)
{
	void *p;

	if (n > SECRET_MAX)
		return err_set(INRO_E_TOO_BIG, "a secret of %zu bytes is too large", n);
	if (n == 0) {
		*ret = (struct secret) { 0 };
		return INRO_OK;
	}
	p = mmap(NULL, pages_of(n), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return INRO_E_NO_MEMORY;
	/* Locking may be over the process's limit and a kernel may lack the advice: the secret is
	 * then still wiped in time. */
	(void)mlock(p, pages_of(n));
	(void)madvise(p, pages_of(n), MADV_DONTDUMP);
	(void)madvise(p, pages_of(n), MADV_WIPEONFORK);
	*ret = (struct secret) { .p = p, .n = n };
	return INRO_OK;
}

enum inro_err secret_copy(struct bytes from, struct secret *ret)
{
	struct secret s = { 0 };
	enum inro_err e = secret_new(from.n, &s);

	if (e)
		return e;
	if (from.n)
		memcpy(s.p, from.p, from.n);
	*ret = s;
	return INRO_OK;
}

enum inro_err secret_random(size_t n, struct secret *ret)
{
	SCOPED(secret) s = { 0 };
	enum inro_err e = secret_new(n, &s);

	if (!e)
		e = random_fill(s.p, s.n);
	if (e)
		return e;
	*ret = s;
	s = (struct secret) { 0 };
	return INRO_OK;
}

void secret_clear(struct secret *s)
{
	if (s->p) {
		wipe(s->p, pages_of(s->n));
		munmap(s->p, pages_of(s->n));
	}
	*s = (struct secret) { 0 };
}

void secret_shrink(struct secret *s, size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (n >= s->n)
		return;
	if (n == 0) {
		secret_clear(s);
		return;
	}
	wipe(s->p + n, s->n - n);
	/* secret_clear() reckons the mapping from n: give back what it would forget */
	if (pages_of(s->n) > pages_of(n))
		munmap(s->p + pages_of(n), (pages_of(s->n) - pages_of(n)) / page * page);
	s->n = n;
}

void secret_keep_on_fork(struct secret *s)
{
	if (s->p)
		(void)madvise(s->p, pages_of(s->n), MADV_KEEPONFORK);
}

struct bytes secret_bytes(const struct secret *s)
{
	return BYTES(s->p, s->n);
}

bool secret_equal(struct bytes a, struct bytes b)
{
	volatile uint8_t diff = 0;

	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		diff |= a.p[i] ^ b.p[i];
	return diff == 0;
}

enum inro_err random_fill(void *p, size_t n)
{
	uint8_t *at = p;

	while (n) {
		ssize_t got = getrandom(at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return err_set(INRO_E_IO, "the kernel gives no random bytes: %s",
				       strerror(errno));
		at += got;
		n -= (size_t)got;
	}
	return INRO_OK;
}
