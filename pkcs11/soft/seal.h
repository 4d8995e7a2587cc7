/*
 * seal - AES-256-GCM around what leaves the memory of a software token.
 *
 * 1. Every sealed blob has its own key and nonce, derived from the master key and 32 random bytes:
 *    no number of blobs brings a nonce back.
 * 2. What a blob is (a private key, a secret key, data, ...) is part of that derivation: one never
 *    opens as the other.
 * 3. Any difference in the blob or in the associated data is INRO_E_DAMAGED, whatever it is.
 *
 * docs/key-hierarchy.md has the layout byte by byte.
 */
#ifndef INRO_PKCS11_SOFT_SEAL_H
#define INRO_PKCS11_SOFT_SEAL_H

#include "base/bytes.h"
#include "base/secret.h"

#define SEAL_KEY   32
#define SEAL_NONCE 12
#define SEAL_TAG   16
/* What a blob is longer than its content. */
#define SEAL_OVERHEAD (1 + 32 + SEAL_TAG)
/* Longer content is refused: nothing a token keeps comes near. */
#define SEAL_MAX_PLAIN ((size_t)1 << 20)

enum seal_kind {
	SEAL_DATA,
	SEAL_PRIVATE_KEY,
	SEAL_SECRET_KEY,
	SEAL_TPM_KEY,	/* a TPM's blob and its authValue */
	SEAL_PIN_GUARD, /* what lets the security officer set PINs in a TPM */
	SEAL_KIND__MAX
};

/* Appends the sealed blob.  `ad` is what it belongs to: bound, not contained.  INRO_E_TOO_BIG. */
MUST_CHECK enum inro_err seal_close(struct bytes master, enum seal_kind kind, struct bytes plain,
				    struct bytes ad, struct buf *ret_sealed);
/* The same master key, kind and `ad` give the content back; else INRO_E_DAMAGED. */
MUST_CHECK enum inro_err seal_open(struct bytes master, enum seal_kind kind, struct bytes sealed,
				   struct bytes ad, struct secret *ret_plain);

/* HMAC-SHA-256 of a secret key's value under a key that is derived from the master key: the same
 * for the same value, and telling nothing about it. */
#define SEAL_FAMILY 32
MUST_CHECK enum inro_err seal_family(struct bytes master, struct bytes value,
				     uint8_t ret[SEAL_FAMILY]);

/* The cipher itself, with a key that is used once: SEAL_KEY bytes of key, then SEAL_NONCE of nonce.
 * box is the ciphertext and the tag. */
MUST_CHECK enum inro_err aead_close(struct bytes key_and_nonce, struct bytes plain, struct bytes ad,
				    struct buf *ret_box);
MUST_CHECK enum inro_err aead_open(struct bytes key_and_nonce, struct bytes box, struct bytes ad,
				   struct secret *ret_plain);

#endif
