/*
 * walked - one mechanism with one key, used in every way that PKCS#11 3.2 5.2 speaks of: in one
 * step and in parts, with too little room and enough.
 *
 * Here `w` is the struct walked that is at hand: for HOLDS(), WANT() and GOOD(), which say of which
 * mechanism something does not hold.
 */
#ifndef INRO_TESTS_LIB_WALKED_H
#define INRO_TESTS_LIB_WALKED_H

#include "tests/lib/anymech.h"

#define WALKED_ROOM 50000 /* a signature of SLH-DSA-256f has 49 856 */

struct walked {
	CK_SESSION_HANDLE s;
	const struct any_mech *r;
	CK_MECHANISM_INFO info;
	struct module_pair key;
	CK_MECHANISM m;
	CK_BYTE in[1024]; /* of which n are taken */
	CK_ULONG n;
};

void walked_must(const struct walked *w, CK_RV want, CK_RV got, const char *what, int line);
/* As MUST(), and says of which. */
#define HOLDS(condition)                                                                           \
	((condition) ? (void)0                                                                     \
		     : (print_error("with 0x%lx: ", w->r->type),                                   \
			module_fail(#condition, __FILE__, __LINE__)))
#define WANT(rv, call) walked_must(w, (rv), (call), #call, __LINE__)
#define GOOD(call)     WANT(CKR_OK, call)

typedef CK_RV walked_init_fn(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);
typedef CK_RV walked_once_fn(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
typedef CK_RV walked_update_fn(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG);
typedef CK_RV walked_final_fn(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG *);

/* What makes something of bytes. */
struct walked_way {
	walked_init_fn *init;
	walked_once_fn *once;
	walked_update_fn *update; /* without output */
	walked_once_fn *step;	   /* with output */
	walked_final_fn *final;
	CK_OBJECT_HANDLE key;
};

struct walked_made {
	CK_BYTE p[WALKED_ROOM];
	CK_ULONG n;
};

/* What is behind the n bytes was not touched. */
void walked_nothing_behind(const struct walked *w, const CK_BYTE *p, CK_ULONG n, CK_ULONG room);
/* 5.2: asked for with NULL, refused when too small, given when there is just enough room and when
 * there is more; neither of the first two ends the operation. */
void walked_whole(struct walked *w, const struct walked_way *y, CK_BYTE *in, CK_ULONG n,
		  struct walked_made *ret);
/* Also in parts, and never mixed; `same`: both give the same. */
void walked_both_ways(struct walked *w, const struct walked_way *y, CK_BYTE *in, CK_ULONG n,
		      struct walked_made *ret, bool same);

#endif
