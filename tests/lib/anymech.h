/*
 * anymech - any mechanism with a parameter that is right and a key that fits, for tests that walk
 * them all.
 *
 * 1. The table is the standard's, not the module's: a mechanism that the module lists and that has
 *    no row here is a failure of the test.
 * 2. What anymech_mechanism() gives points into static memory, and is good until it is called again
 *    for a row with the same kind of parameter.
 */
#ifndef INRO_TESTS_LIB_ANYMECH_H
#define INRO_TESTS_LIB_ANYMECH_H

#include "tests/lib/moving.h"

enum any_key {
	ANY_NONE,
	ANY_RSA,
	ANY_EC,
	ANY_EDWARDS,
	ANY_MONTGOMERY,
	ANY_ML_DSA,
	ANY_SLH_DSA,
	ANY_ML_KEM,
	ANY_AES,
	ANY_XTS,
	ANY_CHACHA,
	ANY_TWINE,
	ANY_GENERIC,
	ANY_HKDF,
	ANY_HMAC, /* of the row's hash */
	ANY__MAX
};

enum any_param {
	PAR_NONE,
	PAR_IV16,
	PAR_IV8,
	PAR_CTR,
	PAR_CTR8,
	PAR_MAC_4,
	PAR_GCM,
	PAR_CCM,
	PAR_MAC_N,
	PAR_CHACHA,
	PAR_POLY,
	PAR_PSS, /* with the row's hash */
	PAR_OAEP,
	PAR_HASH, /* a context, and which hash was made outside */
	PAR_RSA_AES,
	PAR_ECDH_AES,
	PAR_ECDH,
	PAR_HKDF,
	PAR_COUNTER,
	PAR_FEEDBACK,
	PAR_PBKD2,
	PAR_OTHER_KEY,
	PAR_STRING,
	PAR__MAX
};

/* What goes in: whole blocks, at least one block, nothing but a hash ... */
enum any_input {
	IN_ANY,
	IN_BLOCKS,   /* of 16 bytes; none is nothing */
	IN_16_UP,    /* 16 bytes at least */
	IN_HASH,     /* exactly as long as the row's hash */
	IN_MODULUS,  /* bytes up to the modulus less a padding */
	IN_EXACTLY_N /* the length is in the parameter */
};

struct any_mech {
	CK_MECHANISM_TYPE type;
	enum any_key key;
	enum any_param param;
	enum any_input input;
	CK_MECHANISM_TYPE hash;
	bool one_part; /* takes no parts, by the standard */
};

/* NULL when there is none. */
const struct any_mech *anymech_find(CK_MECHANISM_TYPE type);
/* The length of a hash; 0: none. */
CK_ULONG anymech_hash_n(CK_MECHANISM_TYPE hash);
/* The mechanism for an input of n bytes; `other` is the peer's key or the second base key. */
CK_MECHANISM anymech_mechanism(const struct any_mech *r, CK_SESSION_HANDLE s, CK_ULONG n,
			       CK_OBJECT_HANDLE other);
/* A key or pair that has every use of its type and may leave, of the largest or smallest size that
 * the mechanism info says; those of the same kind and size are made once a session. */
struct module_pair anymech_key(const struct any_mech *r, CK_SESSION_HANDLE s,
			       const CK_MECHANISM_INFO *info, bool largest);
/* Forgets them. */
void anymech_forget(void);
/* How many bytes are a good input for it with that key. */
CK_ULONG anymech_input(const struct any_mech *r, CK_SESSION_HANDLE s, struct module_pair key);

#endif
