/*
 * pkey_crypt - RSA encryption and decryption (RFC 8017 7.1, 7.2; PKCS#11 3.2 6.1).
 *
 * Of a padding that is wrong nobody learns more than that: every failure of OAEP is one error from
 * one place, PKCS#1 v1.5 has none (pkey_pkcs1.c).
 */
#include "pkcs11/token/pkey_private.h"

#include <string.h>

#include <openssl/rsa.h>

#include "base/own.h"

#define MAX_BLOCK (RSA_MAX_BITS / 8)

static enum inro_err give_out(const uint8_t *from, size_t n, struct room out, size_t *ret_n)
{
	*ret_n = n;
	if (n > out.cap)
		return INRO_E_TOO_SMALL;
	if (n)
		memcpy(out.p, from, n);
	return INRO_OK;
}

enum inro_err pkey_encrypt(struct pkey *k, const struct use_spec *spec, struct bytes in,
			   struct room out, size_t *ret_n)
{
	KEEP_LIBCRYPTO_ERRORS();
	SCOPED(buf) room = { 0 };
	uint8_t block[MAX_BLOCK];
	size_t n = sizeof block;
	struct use_spec s = *spec;
	const struct pkey_raw *raw = NULL;
	struct prepared *p = NULL;
	enum inro_err e = pkey_reduce(k, USE_ENCRYPT, &s, &in, &room, &raw);

	if (!e && out.cap < k->modulus.n) {
		*ret_n = k->modulus.n;
		return INRO_E_TOO_SMALL;
	}
	if (!e)
		e = pkey_prepare(k, USE_ENCRYPT, &s, raw, &p);
	if (e)
		return e;
	if (EVP_PKEY_encrypt(p->ctx, block, &n, in.n ? in.p : block, in.n) <= 0) {
		pkey_spoiled(p);
		return libcrypto_err("encrypting");
	}
	pkey_done(k, p);
	return give_out(block, n, out, ret_n);
}

/* A ciphertext that can be one: anybody can see whether it is. */
static enum inro_err check_ciphertext(const struct pkey *k, struct bytes in)
{
	if (in.n != k->modulus.n)
		return err_set(INRO_E_CIPHERTEXT_LENGTH,
			       "a ciphertext of this key has %zu bytes, not %zu", k->modulus.n,
			       in.n);
	return memcmp(in.p, k->modulus.p, in.n) < 0
		       ? INRO_OK
		       : err_set(INRO_E_CIPHERTEXT, "the ciphertext is not below the modulus");
}

enum inro_err pkey_decrypt_check(const struct pkey *k, const struct use_spec *spec,
				 enum key_use findable, struct bytes in,
				 const struct pkey_raw **ret)
{
	enum inro_err e = pkey_raw_find(k, spec->mech, findable, ret);

	if (!e && pkey_mech_hash(spec->mech))
		e = err_set(INRO_E_MECHANISM, "mechanism 0x%lx signs and verifies only",
			    spec->mech);
	if (!e)
		e = (*ret)->check(k, spec, USE_DECRYPT, in.n);
	return !e || e == INRO_E_DATA_LENGTH ? check_ciphertext(k, in) : e;
}

/* libcrypto's reason is not looked at: there is one reason. */
static enum inro_err run_decrypt(struct pkey *k, struct prepared *p, const struct pkey_raw *raw,
				 struct bytes in, uint8_t *block, size_t *n)
{
	enum inro_err e = INRO_OK;
	int done = EVP_PKEY_decrypt(p->ctx, block, n, in.p, in.n);

	if (done > 0 && raw->padding == RSA_PKCS1_PADDING)
		e = pkey_pkcs1_unpad(secret_bytes(&p->secret), in, block, n);
	pkey_done(k, p);
	if (done <= 0)
		return err_set(INRO_E_CIPHERTEXT, "the ciphertext does not decrypt");
	return e;
}

enum inro_err pkey_decrypt(struct pkey *k, const struct use_spec *spec, struct bytes in,
			   struct room out, size_t *ret_n)
{
	KEEP_LIBCRYPTO_ERRORS();
	uint8_t block[MAX_BLOCK];
	size_t n = sizeof block;
	const struct pkey_raw *raw = NULL;
	struct prepared *p = NULL;
	enum inro_err e = pkey_decrypt_check(k, spec, USE_DECRYPT, in, &raw);

	if (!e)
		e = pkey_prepare(k, USE_DECRYPT, spec, raw, &p);
	if (!e)
		e = run_decrypt(k, p, raw, in, block, &n);
	if (!e)
		e = give_out(block, n, out, ret_n);
	wipe(block, sizeof block);
	return e;
}

size_t pkey_crypt_max(const struct pkey *k, const struct use_spec *spec, enum key_use use)
{
	size_t n = k->modulus.n;

	if (use == USE_ENCRYPT || spec->mech == CKM_RSA_X_509)
		return n;
	if (spec->mech == CKM_RSA_PKCS_OAEP)
		return n - 2 * libctx_md_size(spec->digest) - 2;
	return n - PKCS1_OVERHEAD;
}
