/*
 * object - a private key in a token: what is remembered of it, and its use.
 *
 * 1. An object holds no secret part of the key: label and id, the URI it was asked for by, and the
 *    handle, which is looked up anew when the session pool is another one (after a fork) or the
 *    token says that it is none of its.
 * 2. It is shared by the duplicates of a key and counted.
 * 3. A key of a file (tss2.h) is no object that its token keeps: it is loaded anew where another
 *    one would be looked up, and destroyed with the last share.
 */
#ifndef INRO_PROVIDER_OBJECT_H
#define INRO_PROVIDER_OBJECT_H

#include "provider/token.h"

struct object;

/* Reads the private key `handle` in this session, or the secret key if the URI says that type.  The
 * URI is the one it was found by. */
MUST_CHECK enum inro_err object_new(struct token *t, struct seat *s, CK_OBJECT_HANDLE handle,
				    const struct p11_uri *uri, struct object **ret);

/* What names just this object, of whatever type: token, label and id.  *ret is empty before. */
MUST_CHECK enum inro_err object_name(const struct token *t, struct seat *s, CK_OBJECT_HANDLE handle,
				     enum p11_uri_type type, struct p11_uri *ret);

struct object_file {
	struct bytes der, auth;
	const struct p11_uri *source; /* where the token's PIN comes from */
};

/* A key of a file, loaded into the token after a login. */
MUST_CHECK enum inro_err object_new_of_file(struct token *t, struct seat *s,
					    const struct object_file *file, struct object **ret,
					    CK_OBJECT_HANDLE *ret_handle);

struct object *object_share(struct object *o);
void object_free(struct object *o); /* gives up one share; NULL is fine */

/* The URI that names just this key, as it is written into a reference; of a key of a file, what to
 * call it. */
const char *object_reference(const struct object *o);
/* The file that the key is of, DER; empty when the token keeps it. */
struct bytes object_file(const struct object *o);

/* Of a secret key: its kind, and its length in bytes; 0 where the token does not tell. */
CK_KEY_TYPE object_key_type(const struct object *o);
size_t object_key_size(const struct object *o);
struct prov *object_prov(const struct object *o);

/* One use of the key: its handle, good in this session. */
struct object_use {
	struct object *object;
	struct seat *seat;
	CK_OBJECT_HANDLE key;
	CK_RV rv; /* what the last function of the token said: the step's to fill in */
};
typedef enum inro_err object_step(struct object_use *u, void *arg);

/* Runs the step, and once more from its beginning when the token had lost session, login or
 * handle.  Any thread. */
MUST_CHECK enum inro_err object_run(struct object *o, object_step *step, void *arg);
/* The PIN once more, for the operation that was just started, if the key wants it at each. */
MUST_CHECK enum inro_err object_confirm(struct object_use *u);

/* Signs input by this mechanism.  *n is the room in out, then what was written.  Any thread. */
MUST_CHECK enum inro_err object_sign(struct object *o, CK_MECHANISM *mech, struct bytes input,
				     uint8_t *out, size_t *n);

/* The same for an encryption. */
MUST_CHECK enum inro_err object_encrypt(struct object *o, CK_MECHANISM *mech, struct bytes input,
					uint8_t *out, size_t *n);

/* The same for a decryption.  INRO_E_CIPHERTEXT, whatever is wrong with the input: who asks must
 * not learn more. */
MUST_CHECK enum inro_err object_decrypt(struct object *o, CK_MECHANISM *mech, struct bytes input,
					uint8_t *out, size_t *n);

/* The RSA decryption itself, of a key of n bytes: always so many, whatever zeros the token leaves
 * out. */
MUST_CHECK enum inro_err object_decrypt_raw(struct object *o, struct bytes input, uint8_t *out,
					    size_t n);

/* The secret that the key agrees on by this mechanism, or takes out of a ciphertext.  Nothing of it
 * stays in the token.  INRO_E_KEY_USE when the key or the token does not let it out. */
MUST_CHECK enum inro_err object_derive(struct object *o, CK_MECHANISM *mech, struct secret *ret);
MUST_CHECK enum inro_err object_decapsulate(struct object *o, CK_MECHANISM *mech,
					    struct bytes ciphertext, struct secret *ret);

#endif
