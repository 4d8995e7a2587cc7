/*
 * smech - the table of what secret keys do, and what can be told from a row alone: for skey*.c, and
 * for backends whose secret keys are not in this process.
 */
#ifndef INRO_PKCS11_TOKEN_SMECH_H
#define INRO_PKCS11_TOKEN_SMECH_H

#include "pkcs11/token/skey.h"

#define MAX_BLOCK 16 /* bytes */

/* How a mechanism behaves; everything else about it is in its row. */
enum skey_form {
	FORM_HMAC,
	FORM_CMAC,
	FORM_GMAC,
	FORM_BLOCKS, /* whole blocks in, the same out */
	FORM_PADDED, /* anything in, whole blocks out */
	FORM_STREAM, /* as much out as in, byte by byte */
	FORM_WHOLE,  /* as much out as in, but all at once */
	FORM_AEAD,
	FORM_CCM, /* an AEAD that must know the length first */
	FORM_KW,
	FORM_KWP,
	FORM__MAX
};

struct smech {
	CK_MECHANISM_TYPE mech;
	enum skey_form form;
	CK_KEY_TYPE type; /* HMACs: or CKK_GENERIC_SECRET */
	/* libcrypto's: what follows AES-<bits>- and TWINE-<bits>-, a cipher, or for HMACs a hash */
	const char *aes, *twine, *cipher, *hash;
	uint8_t block;		/* bytes; 1: none */
	uint8_t least;		/* bytes of the shortest input to encrypt */
	uint8_t iv_min, iv_max; /* bytes */
	uint8_t counter;	/* bytes of a block, 0: has no counter; ChaCha20's: 64 */
	uint8_t tag;		/* bytes of a whole MAC or tag */
	uint8_t tag_min;	/* bytes of the shortest that is made; 0: tag_n is not looked at */
	uint8_t tag_step;
	bool old; /* decrypts only */
};

/* NULL: there is none in the table. */
const struct smech *smech_find(CK_MECHANISM_TYPE mech);
/* libcrypto's name of the cipher for a key of n bytes. */
const char *smech_cipher(const struct smech *m, size_t n, char room[24]);

/* That mechanism, use, key type and parameters fit. */
MUST_CHECK enum inro_err smech_check(CK_KEY_TYPE type, const struct use_spec *spec,
				     enum key_use use, const struct smech **ret);
/* Bytes of tag or MAC. */
size_t smech_tag(const struct smech *m, const struct use_spec *spec);
/* Bytes that can be done with this counter before it comes round. */
uint64_t smech_reach(const struct smech *m, const struct use_spec *spec);
/* That n bytes are a whole input: INRO_E_DATA_LENGTH, INRO_E_CIPHERTEXT_LENGTH. */
MUST_CHECK enum inro_err smech_check_length(const struct smech *m, const struct use_spec *spec,
					    enum key_use use, size_t n);
bool smech_is_mac(const struct smech *m);
bool smech_is_aead(const struct smech *m);

/* PKCS#7 padding of the last block, looked at in constant time: bytes that are not padding.
 * INRO_E_CIPHERTEXT. */
MUST_CHECK enum inro_err skey_unpad(const uint8_t *last, size_t block, size_t *ret);

#endif
