/*
 * tkey - a key whose secret is in the TPM, loaded into this process: its blob, its authValue, and
 * what can be done with it.
 *
 * 1. Counted, never changed after it is made; any thread may use it.
 * 2. Each use is one command while the object is resident (resident.h).
 * 3. Every key has a random authValue of 32 bytes, noDA, userWithAuth; RSA keys have scheme NULL and
 *    both sign and decrypt, so that raw, PKCS#1, PSS with any salt and OAEP with any hash work.
 */
#ifndef INRO_TPM_TOKEN_TKEY_H
#define INRO_TPM_TOKEN_TKEY_H

#include "pkcs11/token/backend.h"
#include "tpm/talk/resident.h"

struct tkey;

/* Whether this TPM can be the place of such a key; the mechanisms that it does, sorted as
 * backend_ops.mechanisms. */
bool tkey_can_hold(uint32_t caps, const struct key_spec *spec);
bool tkey_can_do(uint32_t caps, const struct key_spec *spec, CK_MECHANISM_TYPE mech, enum key_use use);

/* caps: enum cap of root.h. */
MUST_CHECK enum inro_err tkey_generate(struct tpm *t, uint32_t caps, const struct key_spec *spec,
				       struct tkey **ret);
/* From the plain form (backend.h, 6): TPM2_Import of what is wrapped here for the storage root. */
MUST_CHECK enum inro_err tkey_import(struct tpm *t, uint32_t caps, const struct key_spec *spec,
				     struct bytes plain, struct tkey **ret);
/* From a blob under the storage root of this TPM that is somebody else's, with its authValue: it gets
 * a new one of ours. */
MUST_CHECK enum inro_err tkey_adopt(struct tpm *t, uint32_t caps, struct blob *b,
				    struct bytes auth, struct tkey **ret);
/* As it was written by tkey_write(); the content of a sealed record. */
MUST_CHECK enum inro_err tkey_read(struct tpm *t, uint32_t caps, struct bytes content,
				   struct tkey **ret);
MUST_CHECK enum inro_err tkey_write(const struct tkey *k, struct buf *ret_content);

struct tkey *tkey_ref(struct tkey *k);
void tkey_unref(struct tkey *k);
void tkey_unref_ptr(struct tkey **k); /* for AUTO() */

enum key_kind tkey_kind(const struct tkey *k);
CK_KEY_TYPE tkey_type(const struct tkey *k);
size_t tkey_size(const struct tkey *k); /* of a secret key's value; 0 of a pair */
MUST_CHECK enum inro_err tkey_spki(const struct tkey *k, struct buf *ret); /* nothing for secret keys */
struct resident *tkey_resident(const struct tkey *k);
struct bytes tkey_auth(const struct tkey *k);
/* Of a secret key: a hash that is the same for the same key blob (backend.h, family). */
struct bytes tkey_name(const struct tkey *k);

/* As `use` of backend.h. */
MUST_CHECK enum inro_err tkey_use(struct tkey *k, const struct use *what, struct bytes in,
				  struct room out, size_t *ret_n);
/* ECDH without a KDF. */
MUST_CHECK enum inro_err tkey_agree(struct tkey *k, struct bytes peer, struct secret *ret);

/* As op_begin ... of backend.h. */
struct tparts;
MUST_CHECK enum inro_err tparts_begin(struct tkey *k, const struct use *what, struct tparts **ret);
MUST_CHECK enum inro_err tparts_step(struct tparts *p, struct bytes in, struct room out,
				     size_t *ret_n);
MUST_CHECK enum inro_err tparts_last(struct tparts *p, struct room out, size_t *ret_n);
void tparts_ref(struct tparts *p);
void tparts_unref(struct tparts *p);
void tparts_unref_ptr(struct tparts **p); /* for AUTO() */

#endif
