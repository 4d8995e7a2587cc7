/*
 * backend - where the secrets of one token live: the one interface that soft, tpm and keyd
 * implement and the token core uses.
 *
 * A backend makes, seals, loads and uses keys.  It knows no sessions, objects, handles or
 * attributes; the core knows no secrets.
 *
 * 1. Everything that crosses is plain bytes and small structs: no callbacks, no pointers kept after
 *    the call returns, so that the same interface can be carried over a socket.
 * 2. A sealed blob opens only with the associated data it was sealed with.  The core puts object
 *    id, record version and every policy attribute in it: an edited or swapped record fails with
 *    INRO_E_DAMAGED.
 * 3. unlock() proves a PIN against an auth record that the core stores; only then seal, generate,
 *    import and load work, INRO_E_LOGIN before.  PIN counters are the core's.
 * 4. Functions may be called by several threads at once; open, close, unlock, lock, init and
 *    set_pin are never called beside others on the same instance.
 * 5. After lock() no loaded key is left and the secrets of the instance are wiped.
 */
#ifndef INRO_PKCS11_TOKEN_BACKEND_H
#define INRO_PKCS11_TOKEN_BACKEND_H

#include "base/bytes.h"
#include "base/cryptoki/cryptoki.h"
#include "base/secret.h"

enum key_kind { KEY_NONE, KEY_RSA, KEY_EC, KEY_KIND__MAX };

enum key_use {
	USE_SIGN = 1,
	USE_VERIFY = 2,
	USE_ENCRYPT = 4,
	USE_DECRYPT = 8,
	USE_DERIVE = 16,
	USE_WRAP = 32,
	USE_UNWRAP = 64,
	USE_GENERATE = 128,
	USE_GENERATE_PAIR = 256,
	USE_DIGEST = 512
};

/* What kind of key to make. */
struct key_spec {
	enum key_kind kind;
	CK_ULONG bits;	     /* RSA: the modulus */
	struct bytes params; /* EC: ECParameters (DER, named curve); RSA: public exponent, big
				endian, empty for 65537 */
};

/* A mechanism as it crosses: the parameter structs of Cryptoki hold pointers and C types, so the
 * core has checked and flattened them. */
struct use_spec {
	CK_MECHANISM_TYPE mech;
	CK_MECHANISM_TYPE digest; /* PSS, OAEP: hash; 0 otherwise */
	CK_MECHANISM_TYPE mgf_digest;
	CK_ULONG salt_len;
	struct bytes label; /* OAEP */
};

typedef uint64_t backend_key; /* a loaded key; never 0, never reused in one instance */

struct backend; /* one token's instance; each backend has its own struct behind this */

struct backend_ops {
	const char *name; /* "soft" */

	/* config: the words given at creation, kept by the core.  serial: the token's, for messages
	 * and for binding. */
	enum inro_err (*open)(struct bytes config, struct bytes serial, struct backend **ret);
	void (*close)(struct backend *b);

	/* A new root secret for a new token; the instance is unlocked afterwards.  set_pin then
	 * gives the first auth records. */
	enum inro_err (*init)(struct backend *b);
	/* The auth record that lets `pin` unlock this token as `user` (CKU_SO, CKU_USER).  Needs an
	 * unlocked instance. */
	enum inro_err (*set_pin)(struct backend *b, CK_USER_TYPE user, struct bytes pin,
				 struct buf *ret_auth);
	/* INRO_E_PIN_WRONG, or INRO_E_DAMAGED for a record that can't be one. */
	enum inro_err (*unlock)(struct backend *b, CK_USER_TYPE user, struct bytes auth,
				struct bytes pin);
	void (*lock)(struct backend *b);

	/* Private attributes and data, not keys. */
	enum inro_err (*seal)(struct backend *b, struct bytes plain, struct bytes ad,
			      struct buf *ret_sealed);
	enum inro_err (*unseal)(struct backend *b, struct bytes sealed, struct bytes ad,
				struct secret *ret);

	/* A new key pair, held ready as *ret_key; ret_spki: SubjectPublicKeyInfo (DER).  `ad` may
	 * not be known before the public half is: seal_key() follows. */
	enum inro_err (*generate)(struct backend *b, const struct key_spec *spec,
				  backend_key *ret_key, struct buf *ret_spki);
	/* A private key from PKCS#8 PrivateKeyInfo (DER), checked for consistency. */
	enum inro_err (*import)(struct backend *b, struct bytes pkcs8, backend_key *ret_key,
				struct buf *ret_spki);
	/* The loaded key's blob for the record, bound to `ad`. */
	enum inro_err (*seal_key)(struct backend *b, backend_key key, struct bytes ad,
				  struct buf *ret_sealed);
	enum inro_err (*load)(struct backend *b, struct bytes sealed, struct bytes ad,
			      backend_key *ret_key);
	void (*unload)(struct backend *b, backend_key key);
	/* The PKCS#8 of a key whose policy says that it may be seen; the core has checked. */
	enum inro_err (*reveal)(struct backend *b, backend_key key, struct secret *ret_pkcs8);

	/* One operation on a whole input.  *ret_n <= cap bytes go to out; INRO_E_TOO_SMALL with the
	 * size in *ret_n when cap is less.  For mechanisms with a hash in the name the input is the
	 * message; the core hashes multi-part input itself and passes the raw form. */
	enum inro_err (*use)(struct backend *b, backend_key key, enum key_use use,
			     const struct use_spec *spec, struct bytes in, uint8_t *out, size_t cap,
			     size_t *ret_n);

	enum inro_err (*random)(struct backend *b, uint8_t *out, size_t n);

	/* Which mechanisms this backend does with private keys; sorted, ended by
	 * CK_UNAVAILABLE_INFORMATION; constant.  Without an instance: what a new token would do.
	 * The core lists table ∩ this. */
	const CK_MECHANISM_TYPE *(*mechanisms)(struct backend *b);
};

/* By name; NULL when there is none.  Defined in pkcs11/backends.c, the only file that names every
 * backend. */
const struct backend_ops *backend_find(struct bytes name);
extern const char *const backend_default; /* "soft" */

#endif
