/*
 * pkey_pkcs1 - PKCS#1 v1.5 decryption without an oracle: implicit rejection.
 *
 * A ciphertext whose padding is wrong decrypts to a message that depends on key and ciphertext only
 * and can't be told from a real one (draft-irtf-cfrg-rsa-guidance 7; libcrypto does the same from
 * 3.2 on, with the same messages).  Nothing here branches or indexes by what was decrypted until
 * the choice is made; the length and the bytes that then come out are the answer.
 *
 *   secret = SHA-256(d), d as long as the modulus
 *   kdk = HMAC-SHA-256(secret, ciphertext)
 *   prf(label, n) = the first n bytes of HMAC-SHA-256(kdk, u16 i || label || u16 8 n), i = 0, 1 ...
 *   message = the last L bytes of prf("message", bytes of the modulus), L the last of the 128
 *   numbers in prf("length", 256), cut to the bits of the longest, that is not too long
 */
#include "pkcs11/token/pkey_private.h"

#include <string.h>

#include <openssl/core_names.h>

#include "base/own.h"
#include "pkcs11/token/kdf_prf.h"
#include "pkcs11/token/masks.h"

#define HASH_N	    32
#define MAX_BLOCK   (RSA_MAX_BITS / 8)
#define LENGTHS	    128
#define MIN_PADDING 8

enum inro_err pkey_pkcs1_secret(const struct pkey *k, struct secret *ret)
{
	SCOPED(secret) d = { 0 };
	SCOPED(secret) hash = { 0 };
	const EVP_MD *md;
	struct bytes number;
	size_t used = 0;
	enum inro_err e = secret_new(k->modulus.n, &d);

	if (!e)
		e = secret_new(HASH_N, &hash);
	if (!e)
		e = libctx_md(CKM_SHA256, &md);
	if (!e)
		e = pkey_take_number(k, OSSL_PKEY_PARAM_RSA_D, d.n, &d, &used, &number);
	if (!e && EVP_Digest(number.p, number.n, hash.p, NULL, md, NULL) != 1)
		e = libcrypto_err("hashing");
	if (e)
		return e;
	*ret = hash;
	hash = (struct secret) { 0 };
	return INRO_OK;
}

/* ---- the message of a bad ciphertext ---- */

/* The bytes from i * HASH_N on. */
static enum inro_err expand_block(struct prf *kdk, const char *label, size_t n, size_t i,
				  uint8_t out[HASH_N])
{
	const uint8_t counter[2] = { (uint8_t)(i >> 8), (uint8_t)i };
	const uint8_t bits[2] = { (uint8_t)(n >> 5), (uint8_t)(n << 3) };
	enum inro_err e = prf_start(kdk);

	if (!e)
		e = prf_add(kdk, BYTES(counter, sizeof counter));
	if (!e)
		e = prf_add(kdk, bytes_of(label));
	if (!e)
		e = prf_add(kdk, BYTES(bits, sizeof bits));
	return e ? e : prf_end(kdk, out);
}

static enum inro_err expand(struct prf *kdk, const char *label, uint8_t *out, size_t n)
{
	uint8_t block[HASH_N];
	enum inro_err e = INRO_OK;

	for (size_t done = 0; !e && done < n; done += HASH_N) {
		e = expand_block(kdk, label, n, done / HASH_N, block);
		if (!e)
			memcpy(out + done, block, n - done < HASH_N ? n - done : HASH_N);
	}
	wipe(block, sizeof block);
	return e;
}

static enum inro_err open_kdk(struct bytes secret, struct bytes ciphertext, struct prf *ret)
{
	SCOPED(prf) prf = { 0 };
	uint8_t key[HASH_N];
	enum inro_err e = prf_open(CKM_SHA256, secret, &prf);

	if (!e)
		e = prf_start(&prf);
	if (!e)
		e = prf_add(&prf, ciphertext);
	if (!e)
		e = prf_end(&prf, key);
	if (!e)
		e = prf_open(CKM_SHA256, BYTES(key, sizeof key), ret);
	wipe(key, sizeof key);
	return e;
}

/* The last candidate that is less than `limit`. */
static uint32_t pick_length(const uint8_t candidates[2 * LENGTHS], uint32_t limit)
{
	uint32_t mask = limit, length = 0;

	for (unsigned shift = 1; shift < 16; shift *= 2)
		mask |= mask >> shift;
	for (size_t i = 0; i < LENGTHS; i++) {
		uint32_t x = ((uint32_t)candidates[2 * i] << 8 | candidates[2 * i + 1]) & mask;

		length = mask_choose(mask_less(x, limit), x, length);
	}
	return length;
}

static enum inro_err substitute(struct bytes secret, struct bytes ciphertext, uint8_t *message,
				uint32_t *ret_start)
{
	SCOPED(prf) kdk = { 0 };
	uint8_t candidates[2 * LENGTHS];
	uint32_t n = (uint32_t)ciphertext.n;
	enum inro_err e = open_kdk(secret, ciphertext, &kdk);

	if (!e)
		e = expand(&kdk, "length", candidates, sizeof candidates);
	if (!e)
		e = expand(&kdk, "message", message, n);
	if (!e)
		*ret_start = n - pick_length(candidates, n - 2 - MIN_PADDING);
	wipe(candidates, sizeof candidates);
	return e;
}

/* ---- the padding ---- */

/* 00 02, at least eight bytes that are not 0, 0, the message: whether it is so, and where the
 * message starts. */
static uint32_t scan(const uint8_t *em, uint32_t n, uint32_t *ret_start)
{
	uint32_t good = mask_equal(em[0], 0) & mask_equal(em[1], 2), seen = 0, zero = 0;

	for (uint32_t i = 2; i < n; i++) {
		uint32_t is_zero = mask_equal(em[i], 0);

		zero = mask_choose(~seen & is_zero, i, zero);
		seen |= is_zero;
	}
	*ret_start = zero + 1;
	return good & ~mask_less(zero, 2 + MIN_PADDING);
}

enum inro_err pkey_pkcs1_unpad(struct bytes secret, struct bytes ciphertext, uint8_t *em,
			       size_t *ret_n)
{
	uint8_t other[MAX_BLOCK];
	uint32_t n = (uint32_t)ciphertext.n, start, other_start, good;
	enum inro_err e = substitute(secret, ciphertext, other, &other_start);

	if (e)
		return e;
	good = scan(em, n, &start);
	start = mask_choose(good, start, other_start);
	for (uint32_t i = 0; i < n; i++)
		em[i] = (uint8_t)mask_choose(good, em[i], other[i]);
	wipe(other, sizeof other);
	memmove(em, em + start, n - start);
	*ret_n = n - start;
	return INRO_OK;
}
