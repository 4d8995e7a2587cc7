/*
 * tkey - a key whose secret is in the TPM, loaded into this process: its blob, its authValue, and
 * what can be done with it.
 *
 * 1. Counted, never changed after it is made; any thread may use it.
 * 2. Each use is one command while the object is resident (resident.h).
 * 3. Every key has a random authValue of 32 bytes, noDA, userWithAuth; RSA keys have scheme NULL
 *    and both sign and decrypt, so that raw, PKCS#1, PSS with any salt and OAEP with any hash work.
 */
#ifndef INRO_TPM_TOKEN_TKEY_H
#define INRO_TPM_TOKEN_TKEY_H

#include "pkcs11/soft/parts.h"
#include "pkcs11/token/backend.h"
#include "tpm/talk/resident.h"

/* An HMAC key's value as long as a block of the name algorithm (SHA-256) and no longer is what a TPM takes. */
#define TKEY_MAX_HMAC 64

struct tkey;

/* Whether this TPM can be the place of such a key that exists already (what is 0 or empty in spec
 * is not known yet), and whether it can make such a one: HMAC keys are made as long as SHA-256,
 * SHA-384 or SHA-512 (hashes of their names), RSA keys with exponent 65537. */
bool tkey_can_hold(uint32_t caps, const struct key_spec *spec);
bool tkey_can_make(uint32_t caps, const struct key_spec *spec);
/* Whether it does this with such a key.  Of pairs: with what is done around it on the host. */
bool tkey_can_do(uint32_t caps, const struct key_spec *spec, CK_MECHANISM_TYPE mech,
		 enum key_use use);

/* caps: enum cap of root.h.  INRO_E_UNSUPPORTED for what the TPM can't make or hold. */
MUST_CHECK enum inro_err tkey_generate(struct tpm *t, uint32_t caps, const struct key_spec *spec,
				       struct tkey **ret);
/* From the plain form (backend.h, 6): TPM2_Import of what is wrapped here for the storage root. */
MUST_CHECK enum inro_err tkey_import(struct tpm *t, uint32_t caps, const struct key_spec *spec,
				     struct bytes plain, struct tkey **ret);
/* From a blob under the storage root of this TPM that is somebody else's, with its authValue: it
 * gets a new one of ours.  spec: its kind must fit if it is given; of HMAC keys key_type and n are
 * taken from it, because a blob does not tell.  The blob stays the caller's. */
MUST_CHECK enum inro_err tkey_adopt(struct tpm *t, uint32_t caps, const struct key_spec *spec,
				    const struct blob *b, struct bytes auth, struct tkey **ret);
/* As it was written by tkey_write(); the content of a sealed record.  INRO_E_DAMAGED,
 * INRO_E_VERSION. */
MUST_CHECK enum inro_err tkey_read(struct tpm *t, uint32_t caps, struct bytes content,
				   struct tkey **ret);
MUST_CHECK enum inro_err tkey_write(const struct tkey *k, struct buf *ret_content);

struct tkey *tkey_ref(struct tkey *k);
void tkey_unref(struct tkey *k);
void tkey_unref_ptr(struct tkey **k); /* for AUTO() */

enum key_kind tkey_kind(const struct tkey *k);
CK_KEY_TYPE tkey_type(const struct tkey *k);
/* Of a secret key's value; 0 of a pair and of an adopted HMAC key of which nobody said it. */
size_t tkey_size(const struct tkey *k);
MUST_CHECK enum inro_err tkey_spki(const struct tkey *k,
				   struct buf *ret); /* nothing for secret keys */
struct resident *tkey_resident(const struct tkey *k);
struct bytes tkey_auth(const struct tkey *k);
/* Of a secret key: a hash that is the same for the same key blob (backend.h, family). */
struct bytes tkey_name(const struct tkey *k);

/* As `use` of backend.h.  INRO_E_KEY_TYPE also for a mechanism that the key's type has and the TPM
 * has not.  A MAC of more than 1024 bytes takes several turns; more than 16 MiB:
 * INRO_E_DATA_LENGTH.
 */
MUST_CHECK enum inro_err tkey_use(struct tkey *k, const struct use *what, struct bytes in,
				  struct room out, size_t *ret_n);
/* ECDH without a KDF. */
MUST_CHECK enum inro_err tkey_agree(struct tkey *k, struct bytes peer, struct secret *ret);

/* As op_begin ... of backend.h.  Nothing stays in the TPM between two parts: what a signature or a
 * MAC is made of is collected here, ciphers go on with the IV that the last part left. */
MUST_CHECK enum inro_err tparts_begin(struct tkey *k, const struct use *what, struct parts **ret);

#endif
