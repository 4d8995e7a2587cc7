/* padding - EMSA-PKCS1-v1_5, EMSA-PSS and EME-OAEP. */
#include "tpm/token/padding.h"

#include <string.h>

#include "pkcs11/token/keyder.h"
#include "pkcs11/token/libctx.h"
#include "pkcs11/token/masks.h"

#define MAX_EM (RSA_MAX_BITS / 8)

/* ---- PKCS#1 v1.5 ---- */

void padding_pkcs1(struct bytes in, struct room em)
{
	size_t padding = em.cap - in.n - 3;

	em.p[0] = 0;
	em.p[1] = 1;
	memset(em.p + 2, 0xff, padding);
	em.p[2 + padding] = 0;
	if (in.n)
		memcpy(em.p + 3 + padding, in.p, in.n);
}

/* ---- what PSS and OAEP are made of ---- */

static enum inro_err hash(CK_MECHANISM_TYPE which, struct bytes in, uint8_t *out)
{
	const EVP_MD *md;
	enum inro_err e = libctx_md(which, &md);

	if (!e && EVP_Digest(in.n ? in.p : (const uint8_t *)"", in.n, out, NULL, md, NULL) != 1)
		e = libcrypto_err("hashing");
	return e;
}

/* MGF1 of the seed (B.2.1) is added to x. */
static enum inro_err mask(CK_MECHANISM_TYPE which, struct bytes seed, uint8_t *x, size_t n)
{
	uint8_t in[MAX_EM + 4], block[LIBCTX_MAX_HASH];
	size_t size = libctx_md_size(which);
	enum inro_err e = INRO_OK;

	if (!size || seed.n > MAX_EM)
		return err_set(INRO_E_MECHANISM_PARAM, "hash 0x%lx makes no mask", which);
	memcpy(in, seed.p, seed.n);
	for (uint32_t i = 0; !e && i * size < n; i++) {
		const uint8_t counter[4] = { 0, 0, (uint8_t)(i >> 8), (uint8_t)i };

		memcpy(in + seed.n, counter, sizeof counter);
		e = hash(which, BYTES(in, seed.n + sizeof counter), block);
		for (size_t j = 0; !e && j < size && i * size + j < n; j++)
			x[i * size + j] ^= block[j];
	}
	wipe(in, sizeof in);
	wipe(block, sizeof block);
	return e;
}

/* ---- PSS ---- */

/* H = Hash(eight zeros, the message's hash, salt). */
static enum inro_err salted(const struct use_spec *spec, struct bytes message, struct bytes salt,
			    uint8_t *h)
{
	uint8_t m[8 + LIBCTX_MAX_HASH + MAX_EM] = { 0 };

	memcpy(m + 8, message.p, message.n);
	memcpy(m + 8 + message.n, salt.p, salt.n);
	return hash(spec->digest, BYTES(m, 8 + message.n + salt.n), h);
}

enum inro_err padding_pss(const struct use_spec *spec, struct bytes message, struct room em)
{
	size_t size = libctx_md_size(spec->digest);
	uint8_t *h, *salt;
	enum inro_err e;

	if (message.n != size || em.cap > MAX_EM || spec->salt_len > em.cap - size - 2)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "hash, salt and modulus do not fit together");
	h = em.p + em.cap - 1 - size;
	salt = h - spec->salt_len;
	memset(em.p, 0, em.cap);
	salt[-1] = 1;
	e = random_fill(salt, spec->salt_len);
	if (!e)
		e = salted(spec, message, BYTES(salt, spec->salt_len), h);
	if (!e)
		e = mask(spec->mgf_digest, BYTES(h, size), em.p, (size_t)(h - em.p));
	/* one bit less than the modulus */
	em.p[0] &= 0x7f;
	em.p[em.cap - 1] = 0xbc;
	return e;
}

/* ---- OAEP ---- */

/* db: the label's hash, zeros, 1, the message: whether it is so, and where the message starts. */
static uint32_t scan(const uint8_t *db, size_t n, struct bytes label, uint32_t *ret_start)
{
	uint32_t bad = 0, seen = 0, one = 0;

	for (size_t i = 0; i < label.n; i++)
		bad |= (uint32_t)(db[i] ^ label.p[i]);
	for (uint32_t i = (uint32_t)label.n; i < n; i++) {
		uint32_t is_one = mask_equal(db[i], 1);

		one = mask_choose(~seen & is_one, i, one);
		seen |= is_one;
		bad |= ~seen & db[i];
	}
	*ret_start = one + 1;
	return mask_equal(bad, 0) & seen;
}

static enum inro_err unmask(const struct use_spec *spec, uint8_t *em, size_t n, size_t size)
{
	uint8_t *seed = em + 1, *db = seed + size;
	size_t db_n = n - 1 - size;
	enum inro_err e = mask(spec->mgf_digest, BYTES(db, db_n), seed, size);

	return e ? e : mask(spec->mgf_digest, BYTES(seed, size), db, db_n);
}

enum inro_err padding_oaep_undo(const struct use_spec *spec, uint8_t *em, size_t n, size_t *ret_n)
{
	uint8_t label[LIBCTX_MAX_HASH];
	size_t size = libctx_md_size(spec->digest), front = 1 + size;
	uint32_t good, start;
	enum inro_err e;

	if (!size || n > MAX_EM || n < 2 * size + 2)
		return err_set(INRO_E_MECHANISM_PARAM, "hash and modulus do not fit together");
	e = hash(spec->digest, spec->label, label);
	if (!e)
		e = unmask(spec, em, n, size);
	if (e)
		return e;
	good = scan(em + front, n - front, BYTES(label, size), &start) & mask_equal(em[0], 0);
	if (!good)
		return err_set(INRO_E_CIPHERTEXT, "the ciphertext does not decrypt");
	*ret_n = n - front - start;
	memmove(em, em + front + start, *ret_n);
	return INRO_OK;
}
