/*
 * mech - the mechanisms: one table for C_GetMechanismList, C_GetMechanismInfo and every operation.
 *
 * 1. Sorted by type.  What a token lists is this table without what its backend and this libcrypto
 *    can't do.
 * 2. Parameters are checked and flattened here; nothing behind keeps a pointer of the caller's.
 *    Every size is bounded before memory is taken; what can't be right is INRO_E_MECHANISM_PARAM.
 * 3. mech.c finds and opens, mech_table.c has the rows, mech_param.c and mech_derive.c the parsers.
 * PKCS#11 3.2 chapter 6.
 */
#ifndef INRO_PKCS11_TOKEN_MECH_H
#define INRO_PKCS11_TOKEN_MECH_H

#include "pkcs11/token/backend.h"

struct mech;
struct mech_use;

/* What a mechanism is like, beside its uses. */
enum mech_trait {
	MECH_COLLECT = 1,     /* no parts in the backend: the core collects them */
	MECH_ONE_PART = 2,    /* no parts at all */
	MECH_AEAD = 4,	      /* authenticated: nothing is released before the tag is good */
	MECH_MAC = 8,	      /* verified by computing */
	MECH_LEGACY = 32,     /* old data only, and only when the settings allow it */
	MECH_BY_KEY = 64,     /* only for keys whose CKA_ALLOWED_MECHANISMS names it */
	MECH_SIZE_BITS = 128, /* min and max of a secret key in bits, not bytes */
	MECH_BLOCK = 256,     /* whole blocks come out */
	MECH_PAD = 512,	      /* the same, with padding at the end */
	MECH_BLOCK_8 = 1024   /* of 8 bytes, not 16 */
};

typedef enum inro_err mech_param_fn(struct bytes param, enum key_use use, struct mech_use *u);

struct mech {
	CK_MECHANISM_TYPE type;
	CK_MECHANISM_TYPE digest; /* hashed by the core; 0: the input is taken as it is */
	CK_MECHANISM_TYPE raw;	  /* what the backend must do for it; 0: the core does all */
	enum key_kind key, also;  /* kinds of key that fit; also: KEY_NONE for no other */
	/* KEY_SECRET: the key types that fit, ended by CK_UNAVAILABLE_INFORMATION; NULL: any */
	const CK_KEY_TYPE *types;
	unsigned uses; /* enum key_use */
	/* As C_GetMechanismInfo says them: RSA and curves in bits, secret keys in bytes (but see
	 * MECH_SIZE_BITS), ML-DSA, ML-KEM, SLH-DSA: the public key in bytes; 0, 0: no key */
	CK_ULONG min, max;
	CK_FLAGS flags; /* beside those of the uses */
	mech_param_fn *param;
	unsigned traits; /* enum mech_trait */
};

#define MECH_ROOM 160

/*
 * A mechanism opened for one use.  The spec's bytes are its own: in `small`, or in `big` when they
 * are many.  It points into itself: it is never copied or moved.  `{ 0 }` is an empty one.
 *
 * Beside the spec:
 *   other     the handle of the second key, 0: none.  HKDF's salt key,
 *             CKM_CONCATENATE_BASE_AND_KEY's other: the caller finds the key, checks it and sets
 *             spec.other.
 *   password  CKM_PKCS5_PBKD2: in secret memory.
 *   fresh_bits  wrapping: random bits of the nonce that were made here; 0: it is the caller's.
 *   more      SP 800-108: the keys that are made besides: the caller's memory, looked at within
 *             the same call only; bounded (MECH_MORE_KEYS), not checked otherwise.
 * Where the standard has none of use_spec's words: CKM_CONCATENATE_BASE_AND_DATA and _DATA_AND_BASE
 * have their data in spec.label; CKM_AES_GMAC its IV in spec.iv; SP 800-108 with CKM_AES_CMAC has
 * that as spec.digest; key generation has nothing.
 */
struct mech_use {
	const struct mech *mech; /* NULL: empty */
	struct use_spec spec;
	CK_OBJECT_HANDLE other;
	struct bytes password;
	CK_ULONG fresh_bits;
	const CK_DERIVED_KEY *more;
	size_t more_n;
	uint8_t *at; /* what is free of the room */
	size_t left;
	struct buf big;
	uint8_t small[MECH_ROOM];
};

#define MECH_MORE_KEYS 16

/* NULL when there is none. */
const struct mech *mech_find(CK_MECHANISM_TYPE type);
/* In order; NULL behind the last. */
const struct mech *mech_at(size_t i);
/* Whether this backend and this libcrypto can do what it needs, and the settings allow it. */
bool mech_offered(const struct mech *m, const CK_MECHANISM_TYPE *backend);
CK_FLAGS mech_flags(const struct mech *m);
/* Whether a key of this kind fits; `type` counts for KEY_SECRET. */
bool mech_takes(const struct mech *m, enum key_kind kind, CK_KEY_TYPE type);
/* Whether a key of this size fits: RSA and curves in bits, secret keys in bytes; others always do.
 */
bool mech_takes_size(const struct mech *m, CK_ULONG size);

/* The whole length of a MAC in bytes (CKM_SHA256_HMAC: 32); 0: not one. */
size_t mech_mac_size(CK_MECHANISM_TYPE mac);

/* The mechanism for this use with its parameter: INRO_E_MECHANISM, INRO_E_MECHANISM_PARAM,
 * INRO_E_ARG (mechanism NULL), INRO_E_NO_MEMORY.  *ret is empty after a failure.  Small parameters
 * take no memory.  For USE_WRAP with CK_GCM_WRAP_PARAMS or CK_CCM_WRAP_PARAMS that ask for it, the
 * nonce is made here and written to the caller's. */
MUST_CHECK enum inro_err mech_open(const CK_MECHANISM *mechanism, enum key_use use,
				   const CK_MECHANISM_TYPE *backend, struct mech_use *ret);
/* The same for messages (AEADs only): the parameter is that of a message, or none; it is not looked
 * into. */
MUST_CHECK enum inro_err mech_open_message(const CK_MECHANISM *mechanism, enum key_use use,
					   const CK_MECHANISM_TYPE *backend, struct mech_use *ret);
/* One message: pointers into the caller's memory. */
#define MECH_MAX_NONCE 128 /* bytes; libcrypto's bound */
struct mech_message {
	uint8_t *nonce, *tag;
	CK_ULONG nonce_n, fixed_bits;	 /* fixed_bits: not checked */
	CK_GENERATOR_FUNCTION generator; /* not checked */
	size_t tag_n;
	CK_ULONG data_n; /* CCM */
};
MUST_CHECK enum inro_err mech_message_read(const struct mech *m, struct bytes param,
					   struct mech_message *ret);
/* For C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated: an AEAD with the parameter of a message and
 * the call's associated data, otherwise as mech_open().  Where the caller has the tag is borrowed.
 * INRO_E_MECHANISM for what takes no associated data, INRO_E_DATA_LENGTH for too many. */
struct mech_sealing {
	const CK_MECHANISM *mechanism;
	enum key_use use; /* USE_WRAP, USE_UNWRAP */
	struct bytes ad;
};
MUST_CHECK enum inro_err mech_open_sealing(const struct mech_sealing *what,
					   const CK_MECHANISM_TYPE *backend, struct mech_use *ret,
					   struct room *ret_tag);
/* Wipes it; usable again. */
void mech_use_clear(struct mech_use *u);

#endif
