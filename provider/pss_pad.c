/* pss_pad - see pss_pad.h. */
#include "provider/pss_pad.h"

#include <string.h>

#include "base/secret.h"
#include "provider/below.h"

#define MODULUS_MAX 2048 /* bytes: RSA-16384 */

/* XORs MGF1(seed) to what is in `mask` (RFC 8017 B.2.1). */
static bool mask_with(const EVP_MD *md, struct bytes seed, uint8_t *mask, size_t n)
{
	uint8_t input[EVP_MAX_MD_SIZE + 4], block[EVP_MAX_MD_SIZE];
	unsigned size = (unsigned)EVP_MD_get_size(md);

	memcpy(input, seed.p, seed.n);
	for (size_t at = 0; at < n; at += size) {
		uint32_t counter = (uint32_t)(at / size);

		for (size_t i = 0; i < 4; i++)
			input[seed.n + i] = (uint8_t)(counter >> (24 - 8 * i));
		if (EVP_Digest(input, seed.n + 4, block, &size, md, NULL) != 1)
			return false;
		for (size_t i = 0; i < size && at + i < n; i++)
			mask[at + i] ^= block[i];
	}
	return true;
}

static bool hash_with_salt(const EVP_MD *md, struct bytes digest, struct bytes salt, uint8_t *out)
{
	static const uint8_t zeros[8];
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && EVP_DigestInit_ex2(c, md, NULL) && EVP_DigestUpdate(c, zeros, 8) &&
		  EVP_DigestUpdate(c, digest.p, digest.n) && EVP_DigestUpdate(c, salt.p, salt.n) &&
		  EVP_DigestFinal_ex(c, out, NULL);

	EVP_MD_CTX_free(c);
	return ok;
}

enum inro_err pss_pad(const struct pss_shape *s, struct bytes digest, uint8_t *out)
{
	size_t size = (s->bits + 7) / 8, encoded = (s->bits + 6) / 8, hash = digest.n, db;
	uint8_t *em = out + (size - encoded), *salt;
	enum inro_err e;

	if (size > MODULUS_MAX || encoded < hash + 2 || s->salt > encoded - hash - 2)
		return err_set(INRO_E_KEY_SIZE, "the RSA key is too short for PSS with %s",
			       EVP_MD_get0_name(s->md));
	db = encoded - hash - 1;
	salt = em + (db - s->salt);
	memset(out, 0, size);
	e = random_fill(salt, s->salt);
	if (e)
		return e;
	salt[-1] = 1;
	if (!hash_with_salt(s->md, digest, BYTES(salt, s->salt), em + db) ||
	    !mask_with(s->mgf1, BYTES(em + db, hash), em, db))
		return below_failed("padding for PSS");
	em[0] &= (uint8_t)(0xff >> (8 * encoded - (s->bits - 1)));
	out[size - 1] = 0xbc;
	return INRO_OK;
}
