/*
 * skey - one secret key as libcrypto uses it: AES, ChaCha20, HMAC and generic secrets, 3DES for old
 * data.  The twin of pkey.h.
 *
 * 1. A skey never changes after it is made; any number of threads may use it at once.  It is
 *    counted as pkeys are.
 * 2. Its value lies in a struct secret.  A small pool of prepared contexts hangs on each key, taken
 *    and given back without a lock: a GCM message or an HMAC costs no fetch and no key schedule.
 * 3. In one step or in parts: struct skey_op is one operation in parts.  An AEAD is decrypted in
 *    one step only, and nothing is written before its tag is checked.
 * 4. Modes: FIPS 197, SP 800-38A (ECB CBC CFB OFB CTR), -38B (CMAC), -38C (CCM), -38D (GCM, GMAC),
 *    -38E (XTS), -38F (KW, KWP), RFC 8439 (ChaCha20-Poly1305), RFC 2104 (HMAC);
 *    PKCS#11 3.2 6.13 and following.  CKM_AES_CTS is CBC-CS1 of SP 800-38A's addendum.
 * 5. spec->iv is 1 to 128 bytes for GCM, and for ChaCha20 the 16 bytes that its state ends with:
 *    the block counter (counter_bits: 32 or 64, little endian), then the nonce.  A counter that
 *    would come round is refused: INRO_E_DATA_LENGTH.
 * 6. Shortest tags, for making and for believing them: GCM 12 bytes, CCM 4; MACs of general length
 *    1.  CCM's spec->data_n must be the length of the text; wrapping and unwrapping set it.
 */
#ifndef INRO_PKCS11_TOKEN_SKEY_H
#define INRO_PKCS11_TOKEN_SKEY_H

#include "pkcs11/token/backend.h"

struct skey;
struct skey_op;

/* By spec->key_type; spec->n 0: any size that fits the type.  INRO_E_KEY_SIZE, INRO_E_KEY_TYPE. */
MUST_CHECK enum inro_err skey_new(const struct key_spec *spec, struct bytes value,
				  struct skey **ret);
MUST_CHECK enum inro_err skey_generate(const struct key_spec *spec, struct skey **ret);
struct skey *skey_ref(struct skey *k);
void skey_unref(struct skey *k);
void skey_unref_ptr(struct skey **k); /* for AUTO() */
CK_KEY_TYPE skey_type(const struct skey *k);
/* Borrowed. */
struct bytes skey_value(const struct skey *k);

/* Sizes that a type can have: INRO_E_KEY_SIZE, INRO_E_KEY_TYPE. */
MUST_CHECK enum inro_err skey_check_size(CK_KEY_TYPE type, size_t n);

/* One operation on a whole input, as `use` of backend.h: USE_SIGN (a MAC), USE_ENCRYPT,
 * USE_DECRYPT. */
MUST_CHECK enum inro_err skey_use(struct skey *k, enum key_use use, const struct use_spec *spec,
				  struct bytes in, struct room out, size_t *ret_n);
/* How many bytes skey_use() gives for n bytes: exact, but an upper bound for padded decryption. */
MUST_CHECK enum inro_err skey_size(const struct use_spec *spec, enum key_use use, size_t n,
				   size_t *ret);

/* The same in parts.  *ret keeps a reference to the key. */
MUST_CHECK enum inro_err skey_begin(struct skey *k, enum key_use use, const struct use_spec *spec,
				    struct skey_op **ret);
/* How much the next step may give at most; skey_step() wants that room, or INRO_E_TOO_SMALL. */
size_t skey_step_max(const struct skey_op *op, size_t n);
MUST_CHECK enum inro_err skey_step(struct skey_op *op, struct bytes in, struct room out,
				   size_t *ret_n);
MUST_CHECK enum inro_err skey_last(struct skey_op *op, struct room out, size_t *ret_n);
void skey_op_free(struct skey_op *op); /* wipes it; NULL is fine */

/* Wrapping of any bytes (a key's plain form) and its undoing: KW (CKM_AES_KEY_WRAP), KWP, CBC,
 * CBC-PAD, ECB, GCM, CCM, CTR ... whatever encrypts.  CBC and ECB put zeros behind, up to a whole
 * block; who unwraps knows the length.  INRO_E_KEY_SIZE: the mechanism wraps no key of this length.
 * unwrap: INRO_E_WRAPPED for everything that is wrong with the blob, INRO_E_AEAD for AEADs. */
MUST_CHECK enum inro_err skey_wrap(struct skey *k, const struct use_spec *spec, struct bytes plain,
				   struct buf *ret_blob);
MUST_CHECK enum inro_err skey_unwrap(struct skey *k, const struct use_spec *spec, struct bytes blob,
				     struct secret *ret_plain);

/* What skey_use(), skey_begin() and skey_wrap() do on this libcrypto; sorted, ended by
 * CK_UNAVAILABLE_INFORMATION. */
const CK_MECHANISM_TYPE *skey_mechanisms(void);

#endif
