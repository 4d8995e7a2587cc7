/*
 * padding - RSA encodings on the host, around a TPM that does the bare operation (RFC 8017).
 */
#ifndef INRO_TPM_TOKEN_PADDING_H
#define INRO_TPM_TOKEN_PADDING_H

#include "pkcs11/token/backend.h"

/* 9.2 steps 3 to 5 for what is a DigestInfo, or anything else up to em.cap - 11 bytes. */
void padding_pkcs1(struct bytes in, struct room em);
/* 9.1.1 of a hash, with a fresh salt; the modulus has 8 * em.cap bits. */
MUST_CHECK enum inro_err padding_pss(const struct use_spec *spec, struct bytes hash,
				     struct room em);
/* 7.1.2 step 3: em, n bytes that the bare decryption gave, is overwritten with the message.  In a
 * time that does not depend on em until it is known whether it is good: INRO_E_CIPHERTEXT. */
MUST_CHECK enum inro_err padding_oaep_undo(const struct use_spec *spec, uint8_t *em, size_t n,
					   size_t *ret_n);

#endif
