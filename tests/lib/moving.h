/*
 * moving - keys that are made, wrapped, unwrapped and derived in a line each: for tests of what a
 * key may not do.
 *
 * A key's attributes are letters of a set: what is not in it is said to be false.
 */
#ifndef INRO_TESTS_LIB_MOVING_H
#define INRO_TESTS_LIB_MOVING_H

#include "tests/lib/module.h"

enum moving {
	M_TOKEN = 1,
	M_SENSITIVE = 2,
	M_EXTRACTABLE = 4,
	M_WRAP = 8,
	M_UNWRAP = 16,
	M_ENCRYPT = 32,
	M_DECRYPT = 64,
	M_SIGN = 128,
	M_VERIFY = 256,
	M_DERIVE = 512,
	M_BOUND = 1024, /* CKA_WRAP_WITH_TRUSTED */
	M_PUBLIC = 2048 /* CKA_PRIVATE false */
};

#define M_MOVER	 (M_WRAP | M_UNWRAP | M_SENSITIVE)
#define M_TARGET (M_SENSITIVE | M_EXTRACTABLE)
#define M_OPEN	 M_EXTRACTABLE /* readable */
/* What Java, NSS and Node ask for. */
#define M_ALL_USES (M_WRAP | M_UNWRAP | M_ENCRYPT | M_DECRYPT | M_SIGN | M_VERIFY | M_DERIVE)

struct blob {
	CK_BYTE p[4096];
	CK_ULONG n;
};

/* A template out of the letters; n attributes are written, at most MOVING_MAX. */
#define MOVING_MAX 16
CK_ULONG moving_template(unsigned flags, CK_ATTRIBUTE *ret);

CK_OBJECT_HANDLE moving_aes(CK_SESSION_HANDLE s, unsigned flags, CK_ULONG n);
CK_OBJECT_HANDLE moving_generic(CK_SESSION_HANDLE s, unsigned flags, CK_ULONG n);
/* C_CreateObject. */
CK_RV moving_import(CK_SESSION_HANDLE s, unsigned flags, CK_KEY_TYPE type, const void *value,
		    CK_ULONG n, CK_OBJECT_HANDLE *ret);
CK_RV moving_wrap(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key,
		  struct blob *ret);
/* A secret key of this type. */
CK_RV moving_unwrap(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE by,
		    const struct blob *blob, unsigned flags, CK_KEY_TYPE type,
		    CK_OBJECT_HANDLE *ret);
/* A secret key of this type and length (0: none said). */
CK_RV moving_derive(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE base, unsigned flags,
		    CK_KEY_TYPE type, CK_ULONG n, CK_OBJECT_HANDLE *ret);
/* CKA_VALUE; its length, 0 if it is not to be had: *ret_rv says why. */
CK_ULONG moving_value(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, void *out, CK_ULONG cap,
		      CK_RV *ret_rv);
CK_RV moving_copy(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE a, CK_OBJECT_HANDLE *ret);
/* An RSA pair of 3072 bits: the public half wraps, the private half unwraps and has `also`. */
struct module_pair moving_rsa(CK_SESSION_HANDLE s, unsigned also);

/* The token's one key that unwraps. */
CK_OBJECT_HANDLE moving_mover(CK_SESSION_HANDLE s);
/* The public half of an RSA key once more, as one that was brought: it wraps. */
CK_RV moving_bring_public(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE like, CK_OBJECT_HANDLE *ret);
/* The module ends and begins anew, with this configuration. */
void moving_start_again(const char *config);

/* The 3.2 list. */
struct ck_functions_3_2;
struct ck_functions_3_2 *moving_3_2(void);

extern CK_MECHANISM moving_kw, moving_kwp, moving_oaep;

#endif
