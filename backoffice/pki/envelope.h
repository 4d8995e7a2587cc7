/*
 * envelope - a key for its owner alone: wrapped under his AES key, or to his certificate as CMS, as
 * JWE, or as what his token unwraps in one call.
 *
 * 1. What is wrapped is the octets of the key and nothing else.
 * 2. Content keys are fresh each time; RSA is OAEP with SHA-256, EC is ECDH with an ephemeral key
 * of the curve.
 * 3. Everything is appended, or nothing.
 */
#ifndef INRO_BACKOFFICE_PKI_ENVELOPE_H
#define INRO_BACKOFFICE_PKI_ENVELOPE_H

#include "backoffice/pki/crypt.h"
#include "base/secret.h"

/* AES key wrap: RFC 3394, and with padding (RFC 5649) for a key that is no multiple of 8 octets.
 * `kek`: 16, 24 or 32 octets. */
MUST_CHECK enum inro_err envelope_aes_wrap(struct bytes kek, struct bytes key, struct buf *ret);

/* CMS, DER: EnvelopedData with AES-256-CBC (RFC 5652, 3565), or AuthEnvelopedData with AES-256-GCM
 * (RFC 5083, 5084); RSA-OAEP (RFC 4055), or ECDH with X9.63, SHA-256 and AES-256 key wrap (RFC
 * 5753). `cert` is DER with an RSA or EC key.  INRO_E_KEY_TYPE for others. */
MUST_CHECK enum inro_err envelope_cms(struct bytes cert, bool authenticated, struct bytes key,
				      struct buf *ret);

/* EnvelopedData of a SignedData (keypack.h) as RFC 7030 4.4.2 has it: to a certificate as above, or under
 * an AES key that the receiver knows by `id` (KEKRecipientInfo, RFC 3565). */
MUST_CHECK enum inro_err envelope_signed(struct bytes cert, struct bytes signed_data,
					 struct buf *ret);
MUST_CHECK enum inro_err envelope_signed_kek(struct bytes kek, struct bytes id,
					     struct bytes signed_data, struct buf *ret);

/* JWE compact (RFC 7516): RSA-OAEP-256 or ECDH-ES+A256KW, A256GCM (RFC 7518).  kid: in the header;
 * letters, digits, - and _. */
MUST_CHECK enum inro_err envelope_jwe(struct bytes cert, const char *kid, struct bytes key,
				      struct buf *ret);

/* What C_UnwrapKey of PKCS#11 takes with the certificate's private key: CKM_RSA_AES_KEY_WRAP (OAEP with
 * SHA-256, no label, AES-256) or CKM_ECDH_AES_KEY_WRAP (CKD_SHA256_KDF, no shared data, AES-256). */
MUST_CHECK enum inro_err envelope_pkcs11(struct bytes cert, struct bytes key, struct buf *ret);

/* The public key of a certificate; NULL when it can't be read.  The caller's. */
EVP_PKEY *envelope_key(struct bytes cert);
void envelope_free_key(EVP_PKEY **k); /* for AUTO() */

#endif
