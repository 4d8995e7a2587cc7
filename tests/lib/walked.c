#include "tests/lib/walked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"

void walked_must(const struct walked *w, CK_RV want, CK_RV got, const char *what, int line)
{
	if (got != want) {
		print_error("%s with 0x%lx (key of %s size): 0x%lx, not 0x%lx: %s\n", what,
			    w->r->type, w->key.public == w->key.private ? "a" : "a pair's", got,
			    want, p11_admin->last_error());
		_fail(__FILE__, line);
	}
}

void walked_nothing_behind(const struct walked *w, const CK_BYTE *p, CK_ULONG n, CK_ULONG room)
{
	for (CK_ULONG i = n; i < room; i++)
		HOLDS(p[i] == 0x5a);
}

void walked_whole(struct walked *w, const struct walked_way *y, CK_BYTE *in, CK_ULONG n,
		  struct walked_made *ret)
{
	CK_ULONG asked = 0, len;

	GOOD(y->init(w->s, &w->m, y->key));
	WANT(CKR_OPERATION_ACTIVE, y->init(w->s, &w->m, y->key));
	GOOD(y->once(w->s, in, n, NULL, &asked));
	HOLDS(asked < WALKED_ROOM - 1);
	ret->n = asked + 1;
	memset(ret->p, 0x5a, WALKED_ROOM);
	GOOD(y->once(w->s, in, n, ret->p, &ret->n));
	HOLDS(ret->n <= asked);
	walked_nothing_behind(w, ret->p, asked, WALKED_ROOM);
	len = WALKED_ROOM;
	WANT(CKR_OPERATION_NOT_INITIALIZED, y->once(w->s, in, n, ret->p, &len));
	GOOD(y->init(w->s, &w->m, y->key));
	if (ret->n > 0) {
		CK_BYTE none;

		len = 0;
		WANT(CKR_BUFFER_TOO_SMALL, y->once(w->s, in, n, &none, &len));
		HOLDS(len >= ret->n && len <= asked);
		len = ret->n - 1;
		WANT(CKR_BUFFER_TOO_SMALL, y->once(w->s, in, n, ret->p, &len));
		HOLDS(len >= ret->n && len <= asked);
	}
	len = ret->n;
	GOOD(y->once(w->s, in, n, ret->p, &len));
	HOLDS(len == ret->n);
}

static CK_ULONG piece_of(CK_ULONG done, CK_ULONG n)
{
	static const CK_ULONG pieces[] = { 1, 0, 30, 17, 9999 };
	static unsigned at;
	CK_ULONG piece = pieces[at++ % ARRAY_LEN(pieces)];

	return done == 0 ? 1 : piece < n - done ? piece : n - done;
}

static void feed(struct walked *w, const struct walked_way *y, CK_BYTE *in, CK_ULONG n,
		 struct walked_made *ret)
{
	ret->n = 0;
	for (CK_ULONG done = 0, piece; done < n; done += piece) {
		CK_ULONG asked = 0, len = WALKED_ROOM - ret->n;

		piece = piece_of(done, n);
		if (y->update) {
			GOOD(y->update(w->s, in + done, piece));
			continue;
		}
		GOOD(y->step(w->s, in + done, piece, NULL, &asked));
		GOOD(y->step(w->s, in + done, piece, ret->p + ret->n, &len));
		HOLDS(len <= asked);
		ret->n += len;
	}
}

static void in_parts(struct walked *w, const struct walked_way *y, CK_BYTE *in, CK_ULONG n,
		     struct walked_made *ret)
{
	CK_ULONG asked = 0, len;

	GOOD(y->init(w->s, &w->m, y->key));
	feed(w, y, in, n, ret);
	GOOD(y->final(w->s, NULL, &asked));
	GOOD(y->final(w->s, NULL, &asked)); /* still there */
	if (asked > 0 && y->update) {
		len = asked - 1;
		WANT(CKR_BUFFER_TOO_SMALL, y->final(w->s, ret->p, &len));
		HOLDS(len == asked);
	}
	len = WALKED_ROOM - ret->n;
	GOOD(y->final(w->s, ret->p + ret->n, &len));
	HOLDS(len <= asked);
	ret->n += len;
	len = WALKED_ROOM;
	WANT(CKR_OPERATION_NOT_INITIALIZED, y->final(w->s, ret->p, &len));
}

/* 5.2: one step or parts. */
static void never_mixed(struct walked *w, const struct walked_way *y, CK_BYTE *in, CK_ULONG n)
{
	struct walked_made out;
	CK_ULONG len = WALKED_ROOM;

	GOOD(y->init(w->s, &w->m, y->key));
	if (y->update)
		GOOD(y->update(w->s, in, 1));
	else
		GOOD(y->step(w->s, in, 1, out.p, &len));
	len = WALKED_ROOM;
	WANT(CKR_OPERATION_ACTIVE, y->once(w->s, in, n, out.p, &len));
	WANT(CKR_OPERATION_NOT_INITIALIZED, y->once(w->s, in, n, out.p, &len));
}

static void takes_no_parts(struct walked *w, const struct walked_way *y, CK_BYTE *in)
{
	struct walked_made out;
	CK_ULONG len = WALKED_ROOM;

	GOOD(y->init(w->s, &w->m, y->key));
	WANT(CKR_FUNCTION_NOT_SUPPORTED,
	     y->update ? y->update(w->s, in, 1) : y->step(w->s, in, 1, out.p, &len));
	WANT(CKR_OPERATION_NOT_INITIALIZED,
	     y->update ? y->update(w->s, in, 1) : y->step(w->s, in, 1, out.p, &len));
}

void walked_both_ways(struct walked *w, const struct walked_way *y, CK_BYTE *in, CK_ULONG n,
		      struct walked_made *ret, bool same)
{
	struct walked_made parts;

	if (w->r->one_part) {
		takes_no_parts(w, y, in);
	} else {
		in_parts(w, y, in, n, &parts);
		never_mixed(w, y, in, n);
	}
	walked_whole(w, y, in, n, ret);
	if (!w->r->one_part && same) {
		HOLDS(parts.n == ret->n);
		assert_memory_equal(parts.p, ret->p, ret->n);
	}
}
