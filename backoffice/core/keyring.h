/*
 * keyring - the tokens and keys that a core has open, and pairs made for something that may yet fail.
 */
#ifndef INRO_BACKOFFICE_CORE_KEYRING_H
#define INRO_BACKOFFICE_CORE_KEYRING_H

#include "backoffice/core/internal.h"
#include "backoffice/token/token.h"

/* keys.c: both stay open until the core is closed; never inside a transaction. */
MUST_CHECK enum inro_err core_token(struct core *c, const char *uri, struct token **ret);
/* The same for what nobody asked for: as token_check_tries() before a PIN is tried. */
MUST_CHECK enum inro_err core_token_gently(struct core *c, const char *uri, bool strictly, struct token **ret);
bool core_token_is_open(struct core *c, const char *uri); /* by this core */
/* Does the token, which was given a wrong PIN just now, say so?  Not every module does. */
bool core_token_tells_tries(struct core *c, const char *uri);
MUST_CHECK enum inro_err core_key(struct core *c, const char *uri, struct token_key **ret);
MUST_CHECK enum inro_err core_secret_key(struct core *c, const char *uri,
					 struct token_secret **ret);
/* What is wrong with a PIN or login of ours is no word about the one who asks: INRO_E_TOKEN. */
enum inro_err core_pin_fault(enum inro_err e);
/* The key when core_key() has found it before: no token is used, and a view (view.h) stays.  NULL: it has not. */
struct token_key *core_key_found(const struct core *c, const char *uri);
/* The key when its token is open already: nobody is asked.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err core_key_at_hand(struct core *c, const char *uri, struct token_key **ret);
/* The URI by which core_key() found it; borrowed, as long as the key.  NULL: not by core_key(). */
const char *core_key_name(const struct core *c, const struct token_key *key);
/* A key's URI as it is recorded: what names the key, not how to open it (no pin-value, no
 * pin-source).  Appended with its NUL. */
MUST_CHECK enum inro_err core_key_ref(const char *uri, struct buf *ret);
/* Looks at the module that the recorded URI of a certificate's key names, before it is opened:
 * INRO_E_POLICY when it is neither the core's nor one with a CA's key in it. */
MUST_CHECK enum inro_err core_key_recorded(struct core *c, const char *uri);
/* Is it the key of this hash (pubkey_print())?  What was recorded as a key's URI may name another one: it was said by
 * people, and tokens change.  INRO_E_POLICY. */
MUST_CHECK enum inro_err key_check_hash(const struct token_key *key, struct bytes hash);
/* Deletes the pair and certificate that the URI names and looks for it again: INRO_OK when it is
 * gone, how many objects went.  INRO_E_POLICY and nothing is deleted when the key there has
 * another public key than this hash's (pubkey_print()). */
MUST_CHECK enum inro_err core_key_wipe(struct core *c, const char *uri, struct bytes hash,
				       size_t *ret_objects);
/* "pkcs11:token=LABEL" as a URI text, appended with its NUL. */
MUST_CHECK enum inro_err core_token_uri(const char *label, struct buf *ret);
/* A request signed by a key in a token. */
struct key_csr {
	struct token_key *key;
	struct bytes subject, sans; /* DER Name; GeneralNames content */
	struct bytes limits;	    /* name constraints; empty: none */
};
MUST_CHECK enum inro_err key_csr(const struct key_csr *in, struct buf *ret_der);

/* A key made for something that may yet fail: unless kept it is deleted again. */
struct new_key {
	struct token *token;
	struct token_key *key; /* NULL: none */
	bool keep;
	bool found; /* not made: it was there */
};
struct new_key_plan {
	const char *token_uri, *label;
	const struct pki_key_kind *kind;
	bool decrypt, derive; /* as struct token_key_plan has them: new_key_uses() */
};
/* What the key of a certificate by this profile does beside signing: RSA decrypts where the certificate says
 * dataEncipherment, EC agrees on secrets where it says keyAgreement. */
struct profile;
void new_key_uses(const struct profile *p, struct new_key_plan *plan);
MUST_CHECK enum inro_err new_key_make(struct core *c, const struct new_key_plan *plan,
				      struct new_key *ret);
/* A type of key by its name; NULL: ec-p256. */
MUST_CHECK enum inro_err new_key_kind(const char *type, const struct pki_key_kind **ret);
/* The same, but when the token has one key of that label already, that one: a run that was cut
 * short may have left it.  It has the type that is wanted and can't be taken out of the token, or
 * it is INRO_E_EXISTS.  *ret_rec: the newest certificate on record for it, id 0 when there is none.
 */
MUST_CHECK enum inro_err new_key_or_left(struct core *c, const struct new_key_plan *plan,
					 struct new_key *ret, struct credential *ret_rec);
/* The newest certificate on record for this pubkey_print() of a key, of this tenant, or of another one and for a key
 * in a token.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err key_record(struct core *c, struct bytes hash, struct credential *ret);
/* After a failure: where nobody knows whether it is on record (INRO_E_IO, a commit without an answer) it stays, or what
 * is on record would have no key; what is done next finds it. */
void new_key_unsure(struct new_key *k, enum inro_err e);
void new_key_clear(struct new_key *k);
/* "which certificate 17 is for": another tenant's number is not told. */
#define KEY_OWNER_MAX 64
const char *key_owner(const struct core *c, const struct credential *rec, char ret[static KEY_OWNER_MAX]);
/* Puts the certificate beside its key; as key_check_hash() when it is another's. */
MUST_CHECK enum inro_err key_store_cert(struct token *token, const struct token_key *key,
					const struct credential *rec, bool replace);

#endif
