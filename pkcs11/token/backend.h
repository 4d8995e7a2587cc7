/*
 * backend - where the secrets of one token live: the one interface that soft and tpm implement and
 * the token core uses.
 *
 * A backend makes, seals, loads and uses keys.  It knows no sessions, objects, handles or
 * attributes; the core knows no secrets.
 *
 * 1. Everything that crosses is plain bytes and small structs: no callbacks, no pointers kept after
 *    the call returns, so that the same interface can be carried over a socket.
 * 2. A sealed blob opens only with the associated data it was sealed with.  The core puts object
 *    id, record version and every policy attribute in it: an edited or swapped record fails with
 *    INRO_E_DAMAGED.
 * 3. unlock() (or stretch() and unlock_by()) proves a PIN against an auth record that the core
 *    stores; only then seal, generate, import and load work, INRO_E_LOGIN before.  PIN counters are the core's.
 * 4. Functions may be called by several threads at once; open, close, unlock, unlock_by, lock, init,
 *    set_pin and set_pin_by are never called beside others on the same instance, except that
 *    generate() may be running while lock() or an unlocking comes: it checks again before it holds the
 *    new key.
 * 5. After lock() no loaded key and no operation is left and the secrets of the instance are wiped.
 * 6. A key's plain form is PKCS#8 (DER) for the private half of a pair and the bare value for a
 *    secret key.  It crosses only by import() and reveal().
 * 7. Which key may do what is the core's to decide; a backend checks only that key and mechanism
 *    fit, and sizes.
 */
#ifndef INRO_PKCS11_TOKEN_BACKEND_H
#define INRO_PKCS11_TOKEN_BACKEND_H

#include "base/bytes.h"
#include "base/cryptoki/cryptoki.h"
#include "base/secret.h"

enum key_kind {
	KEY_NONE,
	KEY_RSA,
	KEY_EC,		/* Weierstrass curves: CKK_EC */
	KEY_EDWARDS,	/* Ed25519, Ed448 */
	KEY_MONTGOMERY, /* X25519, X448 */
	KEY_ML_DSA,
	KEY_SLH_DSA,
	KEY_ML_KEM,
	KEY_SECRET, /* every symmetric type: CKK_AES, CKK_GENERIC_SECRET, ... */
	KEY_KIND__MAX
};

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
	USE_DIGEST = 512,
	USE_SIGN_RECOVER = 1024,
	USE_VERIFY_RECOVER = 2048,
	USE_ENCAPSULATE = 4096,
	USE_DECAPSULATE = 8192
};

/* Where a key's secret is while it is used and how it is kept. */
enum key_place {
	PLACE_ANY,	  /* in a request: the backend decides */
	PLACE_SOFT,	  /* memory of a process; sealed under the PINs */
	PLACE_TPM_SEALED, /* memory of a process; sealed under a key that the TPM keeps */
	PLACE_TPM	  /* the TPM; it never leaves it */
};

/* What kind of key to make, and what it is for: a backend with more than one place for keys decides
 * by that (1); it does not enforce it (7). */
struct key_spec {
	enum key_kind kind;
	CK_ULONG bits;	      /* RSA: the modulus */
	struct bytes params;  /* EC, Edwards, Montgomery: CKA_EC_PARAMS (DER, named curve); RSA:
				 public exponent, big endian, empty for 65537 */
	CK_ULONG set;	      /* ML-DSA, ML-KEM, SLH-DSA: CKA_PARAMETER_SET */
	CK_KEY_TYPE key_type; /* secret keys: CKK_AES ... */
	size_t n;	      /* secret keys: bytes of the value; 0 in import, unwrap and derive:
				 as many as there are */
	enum key_place place; /* INRO_E_UNSUPPORTED when it can't be there */
	unsigned uses;	      /* enum key_use that its attributes allow */
	bool extractable;     /* its plain form may be asked for */
	bool kept;	      /* a token object */
	bool duplicable;      /* may be moved to another TPM by that TPM's own means */
	const CK_MECHANISM_TYPE *allowed; /* CKA_ALLOWED_MECHANISMS; NULL: all */
	size_t allowed_n;
};

/* A mechanism as it crosses: the parameter structs of Cryptoki hold pointers and C types, so the
 * core has checked and flattened them.  What a mechanism does not have is zero. */
struct use_spec {
	CK_MECHANISM_TYPE mech;
	CK_MECHANISM_TYPE digest; /* PSS, OAEP, HASH_ML_DSA: hash; HKDF, SP 800-108, PBKDF2,
				     ECDH's X9.63: hash of the PRF or KDF */
	CK_MECHANISM_TYPE mgf_digest;
	CK_ULONG salt_len;     /* PSS */
	CK_ULONG tag_n;	       /* AEAD tags and general-length MACs: bytes; 0: the whole */
	CK_ULONG counter_bits; /* CTR, ChaCha20 */
	CK_ULONG data_n;       /* CCM: bytes of the message; SP 800-108: set by the backend */
	CK_ULONG rounds;       /* PBKDF2 */
	CK_ULONG kdf;	       /* ECDH: CKD_NULL, CKD_SHA256_KDF ...; HKDF: enum hkdf_step */
	CK_ULONG aes_bits;     /* RSA-AES and ECDH-AES key wrap: of the key between */
	bool prehash;	       /* EdDSA: Ed25519ph, Ed448ph */
	bool has_context;      /* EdDSA: a parameter came, also with an empty context */
	bool deterministic;    /* ML-DSA, SLH-DSA: CKH_DETERMINISTIC_REQUIRED */
	struct bytes label;    /* OAEP: label; SP 800-108: see kdf.h */
	struct bytes iv;       /* ciphers: IV, nonce or counter block (ChaCha20: counter, little
				  endian, and nonce, 16 bytes together); KW and KWP: the alternative
				  IV; HKDF and PBKDF2: salt */
	struct bytes ad;       /* AEAD: additional data; EdDSA, ML-DSA, SLH-DSA: context; HKDF and
				  X9.63: info */
	struct bytes peer;     /* ECDH: the other's point, not wrapped in an OCTET STRING */
	uint64_t other;	       /* a second key (backend_key): HKDF's salt key, CONCATENATE's other
				  key; 0: none */
};

enum hkdf_step { HKDF_EXTRACT = 1, HKDF_EXPAND = 2, HKDF_BOTH = 3 };

#define BACKEND_FAMILY 32 /* bytes */

/* The key that wraps: one that is loaded here, or a public key given as it is. */
struct wrap_key {
	uint64_t key;	   /* backend_key; 0: `spki` */
	struct bytes spki; /* SubjectPublicKeyInfo (DER) */
};

/* One operation: key, use and mechanism. */
struct use {
	uint64_t key; /* backend_key */
	enum key_use use;
	const struct use_spec *spec;
};

/* Where bytes go: at most cap of them. */
struct room {
	uint8_t *p;
	size_t cap;
};

typedef uint64_t backend_op; /* an operation in parts; never 0, never reused in one instance */

typedef uint64_t backend_key; /* a loaded key; never 0, never reused in one instance */

enum backend_fact {
	FACT_ROOT, /* the storage root's public area (TPM2B_PUBLIC): wrap for it */
	FACT_EK,   /* the endorsement key's public area, then its certificates, each a u32 field */
	FACT_ABOUT /* text for people, "name=value" a line: maker, firmware, places, PCRs */
};

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
	/* What of unlock() takes long, without an instance: a key from the PIN, as the record wants it.
	 * unlock_by() then does with that key of that record what unlock() does.  Both NULL where the
	 * time of unlock() is not this process's own. */
	enum inro_err (*stretch)(CK_USER_TYPE user, struct bytes auth, struct bytes pin,
				 struct secret *ret_key);
	enum inro_err (*unlock_by)(struct backend *b, CK_USER_TYPE user, struct bytes auth,
				   struct bytes key);
	/* The same of set_pin(): what a new record begins with and the key that the PIN gives with that,
	 * without an instance; set_pin_by() then makes the record of them.  NULL with stretch(). */
	enum inro_err (*begin_pin)(CK_USER_TYPE user, struct bytes pin, struct buf *ret_begun,
				   struct secret *ret_key);
	enum inro_err (*set_pin_by)(struct backend *b, CK_USER_TYPE user, struct bytes begun,
				    struct bytes key, struct buf *ret_auth);

	/* Private attributes and data, not keys. */
	enum inro_err (*seal)(struct backend *b, struct bytes plain, struct bytes ad,
			      struct buf *ret_sealed);
	enum inro_err (*unseal)(struct backend *b, struct bytes sealed, struct bytes ad,
				struct secret *ret);

	/* A new key or pair, held ready as *ret_key; ret_spki: SubjectPublicKeyInfo (DER), nothing
	 * for secret keys.  `ad` may not be known before the public half is: seal_key() follows. */
	enum inro_err (*generate)(struct backend *b, const struct key_spec *spec,
				  backend_key *ret_key, struct buf *ret_spki);
	/* A key from its plain form, checked for consistency and against spec->kind (and key_type,
	 * n).  INRO_E_SYNTAX, INRO_E_ATTR_VALUE, INRO_E_KEY_SIZE. */
	enum inro_err (*import)(struct backend *b, const struct key_spec *spec, struct bytes plain,
				backend_key *ret_key, struct buf *ret_spki);
	/* The loaded key's blob for the record, bound to `ad`. */
	enum inro_err (*seal_key)(struct backend *b, backend_key key, struct bytes ad,
				  struct buf *ret_sealed);
	enum inro_err (*load)(struct backend *b, struct bytes sealed, struct bytes ad,
			      backend_key *ret_key);
	void (*unload)(struct backend *b, backend_key key);
	/* The plain form of a key whose policy says that it may be seen; the core has checked. */
	enum inro_err (*reveal)(struct backend *b, backend_key key, struct secret *ret_plain);
	/* The bytes of a secret key's value.  INRO_E_KEY_TYPE for a private one. */
	enum inro_err (*size)(struct backend *b, backend_key key, size_t *ret_n);
	/* What is the same for every object with this very key, also when it was copied or came in
	 * by another way, and tells nothing about it: a keyed hash of a secret value, a hash of a
	 * pair's SubjectPublicKeyInfo.  Needs an unlocked instance for secret keys. */
	enum inro_err (*family)(struct backend *b, backend_key key, uint8_t ret[BACKEND_FAMILY]);

	/* One operation on a whole input: sign (MACs too: the core compares), encrypt, decrypt,
	 * sign-recover.  *ret_n <= out.cap bytes go to out.p; INRO_E_TOO_SMALL with the size in
	 * *ret_n when it is less.  For mechanisms with a hash in the name the input is the message.
	 * An AEAD's tag stands behind its ciphertext; nothing is written before it is checked:
	 * INRO_E_AEAD.  Bad padding and bad ciphertext: INRO_E_CIPHERTEXT, CKM_RSA_PKCS by implicit
	 * rejection. */
	enum inro_err (*use)(struct backend *b, const struct use *what, struct bytes in,
			     struct room out, size_t *ret_n);
	/* The same in parts.  op_step() may hold bytes back (a block, everything); op_last() gives
	 * what is left, the tag or the MAC.  AEAD decryption in parts is not done here: the core
	 * collects and uses use().  op_end() at any time; after an error nothing else is allowed.
	 * op_copy(): C_GetOperationState is for digests, so there is none. */
	enum inro_err (*op_begin)(struct backend *b, const struct use *what, backend_op *ret);
	enum inro_err (*op_step)(struct backend *b, backend_op op, struct bytes in, struct room out,
				 size_t *ret_n);
	enum inro_err (*op_last)(struct backend *b, backend_op op, struct room out, size_t *ret_n);
	void (*op_end)(struct backend *b, backend_op op);

	/* The plain form of `key` under another; the core has checked that it may. */
	enum inro_err (*wrap)(struct backend *b, const struct wrap_key *by,
			      const struct use_spec *spec, backend_key key, struct buf *ret_blob);
	/* What import() would make of the content.  INRO_E_WRAPPED (one answer for everything that
	 * can be wrong with the blob or its content), INRO_E_AEAD. */
	enum inro_err (*unwrap)(struct backend *b, backend_key by, const struct use_spec *spec,
				struct bytes blob, const struct key_spec *made,
				backend_key *ret_key, struct buf *ret_spki);
	/* Key agreement and derivation: n keys of the kinds made[0..n), all of them or none. */
	enum inro_err (*derive)(struct backend *b, backend_key base, const struct use_spec *spec,
				const struct key_spec *made, size_t n, backend_key *ret_keys);
	/* ML-KEM to the public key `spki`: a ciphertext and the shared secret as a key. */
	enum inro_err (*encapsulate)(struct backend *b, struct bytes spki,
				     const struct use_spec *spec, const struct key_spec *made,
				     struct buf *ret_ciphertext, backend_key *ret_key);
	enum inro_err (*decapsulate)(struct backend *b, backend_key key,
				     const struct use_spec *spec, struct bytes ciphertext,
				     const struct key_spec *made, backend_key *ret_key);

	enum inro_err (*random)(struct backend *b, uint8_t *out, size_t n);

	/* Which mechanisms this backend does with keys that it holds; sorted, ended by
	 * CK_UNAVAILABLE_INFORMATION; constant.  Without an instance: what a new token would do.
	 * The core lists table ∩ this. */
	const CK_MECHANISM_TYPE *(*mechanisms)(struct backend *b);

	/* ---- NULL where a backend has nothing of the kind ---- */

	/* Fewer sizes of keys for one of these mechanisms than the core's table has: *min and *max
	 * (bits; of secret keys bytes) come closer together. */
	void (*sizes)(struct backend *b, CK_MECHANISM_TYPE mech, CK_ULONG *min, CK_ULONG *max);

	/* After init(): the words to keep instead of those that were given. */
	enum inro_err (*words)(struct backend *b, struct buf *ret_config);
	/* What can be done before a PIN is there, so that unlock() has less to do; without waiting
	 * for others.  That it failed matters to nobody: unlock() tells. */
	enum inro_err (*ready)(struct backend *b);
	/* As set_pin, where a record is there already (`old`): what guards the PIN outside of the
	 * record is changed, not made anew.  Done before the core's transaction; the new record
	 * may be the old one.  Without it: set_pin(). */
	enum inro_err (*change_pin)(struct backend *b, CK_USER_TYPE user, struct bytes old,
				    struct bytes pin, struct buf *ret_auth);
	/* A record that nobody needs any more: what it has outside goes.  After the core's
	 * transaction; needs no login. */
	enum inro_err (*forget_pin)(struct backend *b, struct bytes auth);
	/* A record that set_pin() or change_pin() gave is stored.  Before that what it has outside
	 * may be nobody's, when the process is killed: the backend keeps note of it. */
	void (*kept)(struct bytes auth);
	/* The same of a record that is about to go: forget_pin() follows, or kept() when it stays.
	 */
	enum inro_err (*leaving)(struct backend *b, struct bytes auth);
	/* Whether there are such notes of processes that are no more.  They are this instance's
	 * from then on, until drop_strays() gives up what none of `records` has outside: fields,
	 * of all tokens of the home, read in between. */
	bool (*has_strays)(struct backend *b);
	enum inro_err (*drop_strays)(struct backend *b, struct bytes records);
	/* Whether the right PIN would open a record as things are now: INRO_E_TOKEN, with the
	 * reason, when what it has outside is gone or another, or what it was bound to is not as it
	 * was: never when it only can't be known now.  INRO_E_DAMAGED for what can't be a record.
	 * Needs no login, spends no try. */
	enum inro_err (*guard_opens)(struct backend *b, struct bytes auth);
	/* Where a loaded key is; NULL: PLACE_SOFT. */
	enum key_place (*place)(struct backend *b, backend_key key);
	/* Evidence by the hardware that the key is in it (tpm/move/evidence.h has the bytes). */
	enum inro_err (*attest)(struct backend *b, backend_key key, struct bytes nonce,
				struct buf *ret);
	/* What the hardware tells about itself. */
	enum inro_err (*tell)(struct backend *b, enum backend_fact what, struct buf *ret);
	/* The answer to a challenge that only this hardware can give. */
	enum inro_err (*answer)(struct backend *b, struct bytes challenge, struct secret *ret);
	/* A key wrapped for this hardware (a TSS2 key file, DER): loadable or importable. `auth`:
	 * the authValue that it has.  As import() otherwise. */
	enum inro_err (*take)(struct backend *b, const struct key_spec *spec, struct bytes file,
			      struct bytes auth, backend_key *ret_key, struct buf *ret_spki);
	/* The key as such a file: for this hardware with `auth` as its authValue, or, when
	 * new_parent (TPM2B_PUBLIC) is given, for another: only keys made duplicable.
	 * INRO_E_KEY_UNEXTRACTABLE. */
	enum inro_err (*give)(struct backend *b, backend_key key, struct bytes new_parent,
			      struct bytes auth, struct buf *ret_file);
};

/* By name; NULL when there is none.  Defined in pkcs11/backends.c, the only file that names every
 * backend. */
const struct backend_ops *backend_find(struct bytes name);
extern const char *const backend_default; /* "soft" */

#endif
