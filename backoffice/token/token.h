/*
 * token - keys and certificates in any token, through Cryptoki: make, find, sign, store, delete.
 *
 * 1. It knows PKCS#11 and nothing of whose token it is; ours and any other are the same to it.
 * 2. A struct token is one logged-in session, a struct token_key one key in it; both belong to one
 *    thread at a time.  A key stays ready between signatures: one C_SignInit and C_Sign each.
 * 3. After a fork or a lost session the next use opens and logs in anew, once.
 * 4. A PIN is kept only as a secret, for invariant 3, and appears in no error.
 */
#ifndef INRO_BACKOFFICE_TOKEN_TOKEN_H
#define INRO_BACKOFFICE_TOKEN_TOKEN_H

#include "backoffice/pki/pubkey.h"
#include "base/cryptoki/client.h"

struct token;

/* The one token that the URI names (its object parts are ignored; module-path is obeyed), logged
 * in with the URI's pin-value or pin-source, else with `pin`, else (pin.p NULL, and the token has
 * no PIN pad) INRO_E_PIN_MISSING.  INRO_E_NOT_FOUND, INRO_E_AMBIGUOUS, INRO_E_PIN_WRONG … */
MUST_CHECK enum inro_err token_open(const struct p11_uri *uri, struct bytes pin,
				    struct token **ret);
/* Nothing is tried.  INRO_E_PIN_LOCKED: the token is locked or would be by one more wrong PIN; `strictly`: or a wrong one
 * was given since the last right one, as it also looks for the moment that somebody's login takes. */
MUST_CHECK enum inro_err token_check_tries(const struct p11_uri *uri, bool strictly);
/* The same without a login, for what is public: lists of keys' public halves and certificates. */
MUST_CHECK enum inro_err token_open_public(const struct p11_uri *uri, struct token **ret);
void token_close(struct token *t); /* NULL is fine; its keys are closed first by their owner */
void token_close_ptr(struct token **t);
const char *token_label(const struct token *t);
const char *token_serial(const struct token *t);

struct token_key;

#define TOKEN_KEY_LABEL_MAX 64

struct token_key_plan {
	const struct pki_key_kind *kind;
	const char *label; /* 1 to TOKEN_KEY_LABEL_MAX bytes of UTF-8, no control characters */
	struct bytes id;   /* CKA_ID; empty: 20 random octets */
	bool may_exist;	   /* a key of the same label in the token is no error */
	bool decrypt;	   /* RSA: may decrypt too, as OPC UA applications need it */
	bool no_sign;	   /* may not sign: for keys that only decrypt or agree */
	bool derive;	   /* EC: may agree on secrets */
	bool unwrap;	   /* RSA, EC: may unwrap secret keys */
	bool extractable;  /* may leave the token, wrapped */
	CK_ULONG place;	   /* CK_INRO_PLACE_...; 0: the token decides */
	bool duplicable;   /* may be moved to another TPM */
};

/* Private key: token, private, sensitive, not extractable, sign only (one that can't sign: agrees
 * or decapsulates); public key: token, verify only.  A label or id that a key has already is
 * INRO_E_EXISTS.  On failure nothing stays. */
MUST_CHECK enum inro_err token_key_generate(struct token *t, const struct token_key_plan *plan,
					    struct token_key **ret);
/* The one private key that the URI's object and id name. INRO_E_NOT_FOUND, INRO_E_AMBIGUOUS. */
MUST_CHECK enum inro_err token_key_find(struct token *t, const struct p11_uri *uri,
					struct token_key **ret);
/* A PKCS#8 private key, PEM or DER, unencrypted: EC, RSA or of RFC 8410.  Sensitive and not
 * extractable from then on.  Private and public object, or neither; an import that was cut short
 * leaves at most the public one, and the same import again completes it. */
MUST_CHECK enum inro_err token_key_import(struct token *t, const struct token_key_plan *plan,
					  struct bytes pkcs8, struct token_key **ret);

/* A certificate that comes with a key: its own, or one of its chain. */
struct token_cert {
	struct bytes id;
	const char *label;
	struct bytes der;
};

/* A DER PKCS#8 key of a curve on which keys agree and don't sign (X25519, X448). */
bool token_pkcs8_agrees(struct bytes pkcs8);

/* The same with certificates, which may be there already: all of it or nothing. */
MUST_CHECK enum inro_err token_bundle_import(struct token *t, const struct token_key_plan *plan,
					     struct bytes pkcs8, const struct token_cert *certs,
					     size_t n, struct token_key **ret);
/* Certificates without a key: all of them or none. */
MUST_CHECK enum inro_err token_certs_import(struct token *t, const struct token_cert *certs,
					    size_t n);

struct token_secret_plan {
	const char *label; /* as of a key */
	struct bytes id;   /* empty: 20 random octets */
	CK_KEY_TYPE type;
	bool crypt, mac, derive, wrap; /* each with its counterpart */
	bool extractable;
	CK_ULONG place; /* CK_INRO_PLACE_...; 0: the token decides */
	CK_MECHANISM_TYPE only; /* the one that it is for; 0: any */
};

/* What a secret key to be made is called: "aes-256", "hmac-256", "generic-512" and the like. */
struct token_secret_kind {
	const char *name;
	CK_KEY_TYPE type;
	CK_MECHANISM_TYPE maker;
	unsigned octets;
	bool crypt; /* else it makes MACs */
};
/* The kinds in their order, NULL behind the last; NULL for a name that is none. */
const struct token_secret_kind *token_secret_kind_at(size_t i);
const struct token_secret_kind *token_secret_kind_find(const char *name);

/* A secret key made in the token, of that kind: token, private, sensitive.  As
 * token_secret_import(). */
MUST_CHECK enum inro_err token_secret_generate(struct token *t,
					       const struct token_secret_plan *plan,
					       const struct token_secret_kind *kind,
					       struct buf *ret_id);

/* A secret key of that value: token, private, sensitive.  The id it has is appended.  INRO_E_EXISTS
 * for a label or id that a secret key has already. */
MUST_CHECK enum inro_err token_secret_import(struct token *t, const struct token_secret_plan *plan,
					     struct bytes value, struct buf *ret_id);

/* What CKM_RSA_AES_KEY_WRAP or CKM_ECDH_AES_KEY_WRAP to this key made (envelope_pkcs11() in
 * backoffice/pki/envelope.h): into the token in one call, its value is nowhere else.  As
 * token_secret_import().  INRO_E_UNSUPPORTED for a key of another kind. */
MUST_CHECK enum inro_err token_secret_unwrap(struct token_key *by,
					     const struct token_secret_plan *plan,
					     struct bytes wrapped, struct buf *ret_id);
/* What AES key wrap (RFC 3394, or 5649 where the value is no whole blocks; envelope_aes_wrap())
 * under a secret key of the token made.  As above; INRO_E_POLICY: that key may not unwrap. */
struct token_secret_under {
	struct bytes id; /* of the key above it */
	struct bytes wrapped;
	size_t octets; /* of the value */
};
MUST_CHECK enum inro_err token_secret_unwrap_under(struct token *t,
						   const struct token_secret_under *under,
						   const struct token_secret_plan *plan,
						   struct buf *ret_id);
/* Another label for the secret key of that id.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err token_secret_relabel(struct token *t, struct bytes id, const char *label);

/* ---- secret keys at work (crypt.c) ---- */

/* A secret key in the token; stays ready between uses, as a struct token_key. */
struct token_secret;
/* The one that the URI's object and id name.  INRO_E_NOT_FOUND, INRO_E_AMBIGUOUS. */
MUST_CHECK enum inro_err token_secret_find(struct token *t, const struct p11_uri *uri,
					   struct token_secret **ret);
void token_secret_free(struct token_secret *s);
void token_secret_free_ptr(struct token_secret **s);
/* INRO_OK for an AES-256 key that can't leave its token, and that has just sealed something;
 * INRO_E_KEY_TYPE, INRO_E_POLICY, or why its token does not. */
MUST_CHECK enum inro_err token_secret_check_seal(struct token_secret *s);

#define TOKEN_SEAL_NONCE 12
#define TOKEN_SEAL_TAG	 16
/* AES-GCM: a fresh nonce from the token's generator, the ciphertext, the tag; appended. */
MUST_CHECK enum inro_err token_secret_seal(struct token_secret *s, struct bytes aad,
					   struct bytes plain, struct buf *ret);
/* INRO_E_DATA_INVALID when it is not what was sealed with this `aad`. */
MUST_CHECK enum inro_err token_secret_open(struct token_secret *s, struct bytes aad,
					   struct bytes sealed, struct secret *ret);

/* n octets of the token's generator. */
MUST_CHECK enum inro_err token_random(struct token *t, size_t n, struct secret *ret);

/* A MAC by a key of that value, which is in the token for that long only. */
struct token_mac {
	CK_KEY_TYPE type;
	CK_MECHANISM_TYPE mech;
	struct bytes key;
};
/* INRO_E_SIGNATURE: it is not the MAC of the message. */
MUST_CHECK enum inro_err token_mac_verify(struct token *t, const struct token_mac *m,
					  struct bytes message, struct bytes mac);

void token_key_free(struct token_key *k);
void token_key_free_ptr(struct token_key **k);

/* Borrowed; as long as the key. */
struct bytes token_key_spki(const struct token_key *k);
const struct pubkey *token_key_public(const struct token_key *k);
struct bytes token_key_id(const struct token_key *k);
const char *token_key_label(const struct token_key *k);
enum pki_key token_key_type(const struct token_key *k);
bool token_key_is(const struct token_key *k, const struct pki_key_kind *kind);
/* Is this its public half (pubkey_is_told())? */
bool token_key_has(const struct token_key *k, struct bytes spki);
/* INRO_E_TOKEN unless it is sensitive and not extractable. */
MUST_CHECK enum inro_err token_key_check_kept(const struct token_key *k);
/* "pkcs11:token=…;serial=…;object=…;id=…;type=private", appended. */
void token_key_uri(const struct token_key *k, struct buf *ret);

/* Whether the signature that it made last is to be verified by who uses it, before it goes anywhere:
 * a token that signs wrongly is found so.  Each one is; but of a key of Inro's in software, signed by the
 * libcrypto that would verify, the first in a session and every TOKEN_VERIFY_EACH-th, as long as each
 * of these was found right (token_key_right()).  Asked once for each. */
#define TOKEN_VERIFY_EACH 16
bool token_key_verify(struct token_key *k);
void token_key_right(struct token_key *k);

/* How it signs: with the hash that it is bound to, or that fits its strength (pubkey_sig()). */
MUST_CHECK enum inro_err token_key_sig(const struct token_key *k, const struct pki_sig **ret);
/* Signs a message: hashed here where the scheme has a hash, signed in the token.  ECDSA comes out
 * as DER (RFC 3279 2.2.3), RSA as RFC 8017 has it.  Appended. */
MUST_CHECK enum inro_err token_key_sign(struct token_key *k, const struct pki_sig *sig,
					struct bytes message, struct buf *ret);

/* The same of a message whose digest by sig->hash this is; where there is none, the message itself.
 */
MUST_CHECK enum inro_err token_key_sign_hashed(struct token_key *k, const struct pki_sig *sig,
					       struct bytes hashed, struct buf *ret);

/* A request (RFC 2986) by this key, signed as fits it; plan->spki is not looked at.  DER, appended. */
struct csr_plan;
MUST_CHECK enum inro_err token_key_csr(struct token_key *k, const struct csr_plan *plan,
				       struct buf *ret);

/* Stores a certificate under the key's id and label.  The same certificate again is fine; another
 * one of that id stays beside it unless `replace`, and then one that may not be destroyed. */
MUST_CHECK enum inro_err token_cert_store(struct token *t, struct bytes id, const char *label,
					  struct bytes der, bool replace);
/* The certificate of that id, DER, appended; the newest when there are more.  What can't be read is none.
 * INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err token_cert_find(struct token *t, struct bytes id, struct buf *ret_der);

enum token_what {
	TOKEN_PRIVATES = 1,
	TOKEN_PUBLICS = 2,
	TOKEN_PAIR = TOKEN_PRIVATES | TOKEN_PUBLICS,
	TOKEN_CERTS = 4,
	TOKEN_PAIR_AND_CERTS = TOKEN_PAIR | TOKEN_CERTS,
	TOKEN_SECRETS = 8,
	TOKEN_KEYS = TOKEN_PAIR | TOKEN_SECRETS,
	TOKEN_ALL = TOKEN_KEYS | TOKEN_CERTS,
};

/* Deletes what has this id; how many objects went.  Nothing there is no error.  INRO_E_AMBIGUOUS: that would be more
 * than one private or secret key; nothing is deleted. */
MUST_CHECK enum inro_err token_delete(struct token *t, struct bytes id, enum token_what what,
				      size_t *ret_n);

/* One key as a list shows it. */
struct token_entry {
	char label[256]; /* what is longer is cut */
	uint8_t id[64];
	size_t id_n;
	enum p11_uri_type type; /* P11_PRIVATE, P11_PUBLIC, P11_SECRET_KEY, P11_CERT */
	enum pki_key key;	/* PKI_KEY_NONE: of a type that has no name here */
	CK_KEY_TYPE secret;	/* of a P11_SECRET_KEY */
	unsigned bits;
	bool has_private, has_public, has_cert;
	bool sign, decrypt, derive, extractable, sensitive, local;
	CK_ULONG place; /* CK_INRO_PLACE_...; 0: the token does not tell */
};

/* The same of an entry: where other keys have its id too, what has its label besides. */
MUST_CHECK enum inro_err token_entry_delete(struct token *t, const struct token_entry *e, enum token_what what,
					    size_t *ret_n);

/* Deletes the certificate that has this id and this label ("": any).  INRO_E_NOT_FOUND: there is none.
 * INRO_E_AMBIGUOUS names them when there are several, unless all of them are meant; nothing is deleted then. */
MUST_CHECK enum inro_err token_certs_delete(struct token *t, struct bytes id, const char *label, bool all,
					    size_t *ret_n);

/* Pairs and certificates that the URI's object, id and type match, by label, then id; a pair with
 * its certificate is one entry, and keys that share an id are one each.  Caller frees *ret. */
MUST_CHECK enum inro_err token_list(struct token *t, const struct p11_uri *uri,
				    struct token_entry **ret, size_t *ret_n);
/* Its public key, from whichever of its objects has it: SubjectPublicKeyInfo, appended. */
MUST_CHECK enum inro_err token_entry_spki(struct token *t, const struct token_entry *e,
					  struct buf *ret);
/* ---- keys in a TPM: of Inro's tokens; of all others INRO_E_UNSUPPORTED (admin.h has more) ---- */

/* INRO_FACT_...; needs no login. */
MUST_CHECK enum inro_err token_tell(struct token *t, CK_ULONG fact, struct buf *ret);
MUST_CHECK enum inro_err token_answer(struct token *t, struct bytes challenge, struct buf *ret);
MUST_CHECK enum inro_err token_key_attest(struct token *t, const struct token_entry *e,
					  struct bytes nonce, struct buf *ret);
/* A TSS2 key file (DER); new_parent empty: for this TPM. */
MUST_CHECK enum inro_err token_key_give(struct token *t, const struct token_entry *e,
					struct bytes new_parent, struct bytes auth,
					struct buf *ret);

/* Such a file, wrapped for this TPM. */
struct token_wrapped {
	CK_KEY_TYPE type; /* of a pair */
	struct bytes file, auth;
};
/* As token_key_import() and token_secret_import(). */
MUST_CHECK enum inro_err token_key_take(struct token *t, const struct token_key_plan *plan,
					const struct token_wrapped *w, struct token_key **ret);
MUST_CHECK enum inro_err token_secret_take(struct token *t, const struct token_secret_plan *plan,
					   const struct token_wrapped *w, struct buf *ret_id);

/* The URI of an entry, appended. */
void token_entry_uri(const struct token *t, const struct token_entry *e, struct buf *ret);

#endif
