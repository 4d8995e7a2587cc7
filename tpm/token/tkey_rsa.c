/*
 * tkey_rsa - RSA with the bare operation in the TPM.
 *
 * 1. What is signed is encoded here; the TPM raises it to the private exponent.  The result is
 *    checked with the public key before anybody sees it: one wrong bit in a computation with primes
 *    would give the key away (Boneh, DeMillo, Lipton).
 * 2. PKCS#1 v1.5 decryption is the bare operation and implicit rejection here.  OAEP is the TPM's
 *    where it can (one hash for both, a label that ends with NUL), else the bare operation and a
 *    constant-time look here.
 */
#include "tpm/token/tkey_private.h"

#include <string.h>

#include "base/own.h"
#include "tpm/token/padding.h"

#define MAX_BLOCK_RSA (RSA_MAX_BITS / 8)
#define MAX_LABEL     64

static const TPMT_RSA_DECRYPT bare = { .scheme = TPM2_ALG_NULL };

struct decrypting {
	struct bytes auth;
	struct rsa_ciphertext in;
	struct secret out;
};

static enum inro_err step_decrypt(struct tpm *t, const struct tpm_ref *object, void *arg)
{
	struct decrypting *d = arg;

	return cmd_rsa_decrypt(t, object, d->auth, &d->in, &d->out);
}

static enum inro_err run_decrypt(struct tkey *k, struct decrypting *d)
{
	enum inro_err e;

	d->auth = secret_bytes(&k->auth);
	e = resident_do(k->object, 0, step_decrypt, d);
	if (!e && d->out.n > pkey_sig_len(k->public))
		return err_set(INRO_E_TOKEN, "the TPM gave %zu bytes for an RSA operation",
			       d->out.n);
	return e;
}

/* in to the private exponent, as long as the modulus. */
static enum inro_err run_bare(struct tkey *k, struct bytes in, uint8_t *out)
{
	struct decrypting d = { .in = { .octets = in, .scheme = &bare } };
	size_t n = pkey_sig_len(k->public);
	enum inro_err e = run_decrypt(k, &d);

	if (!e) {
		memset(out, 0, n - d.out.n);
		if (d.out.n)
			memcpy(out + n - d.out.n, d.out.p, d.out.n);
	}
	secret_clear(&d.out);
	return e;
}

/* ---- signing ---- */

static enum inro_err encode(const struct use_spec *spec, struct bytes in, struct room em)
{
	if (spec->mech == CKM_RSA_PKCS_PSS)
		return padding_pss(spec, in, em);
	if (spec->mech == CKM_RSA_PKCS)
		padding_pkcs1(in, em);
	else
		memcpy(em.p, in.p, em.cap);
	return INRO_OK;
}

static enum inro_err check_signature(const struct tkey *k, struct bytes em, struct bytes sig)
{
	static const struct use_spec raw = { .mech = CKM_RSA_X_509 };
	uint8_t back[MAX_BLOCK_RSA];
	size_t n = 0;
	enum inro_err e =
		pkey_verify_recover(k->public, &raw, sig, (struct room) { back, sizeof back }, &n);

	if (e == INRO_E_NO_MEMORY || (!e && bytes_equal(BYTES(back, n), em)))
		return e;
	return err_set(INRO_E_TOKEN, "the TPM made a signature that does not verify");
}

enum inro_err tkey_rsa_sign(struct tkey *k, const struct use_spec *spec, struct bytes in,
			    struct room out, size_t *ret_n)
{
	SCOPED(buf) room = { 0 };
	uint8_t em[MAX_BLOCK_RSA], sig[MAX_BLOCK_RSA];
	struct use_spec raw;
	size_t n = pkey_sig_len(k->public);
	enum inro_err e = pkey_away_sign(k->public, spec, &in, &room, &raw);

	if (!e && out.cap < n) {
		*ret_n = n;
		return INRO_E_TOO_SMALL;
	}
	if (!e)
		e = encode(&raw, in, (struct room) { em, n });
	if (!e)
		e = run_bare(k, BYTES(em, n), sig);
	if (e == INRO_E_CIPHERTEXT) /* it takes every number below the modulus */
		e = err_set(INRO_E_TOKEN, "the TPM fails at RSA with this key");
	if (!e)
		e = check_signature(k, BYTES(em, n), BYTES(sig, n));
	return e ? e : tkey_give(BYTES(sig, n), out, ret_n);
}

/* ---- decryption: each to em, which is as long as the modulus ---- */

static enum inro_err open_raw(struct tkey *k, const struct use_spec *spec, struct bytes in,
			      uint8_t *em, size_t *n)
{
	(void)spec;
	*n = in.n;
	return run_bare(k, in, em);
}

/* In place of the private exponent, which nobody here knows. */
static enum inro_err rejection_secret(const struct tkey *k, TPM2B_DIGEST *ret)
{
	static const struct bytes label = BYTES_LIT("PKCS#1 v1.5 implicit rejection");

	return crypt_hmac(TPM2_ALG_SHA256, secret_bytes(&k->auth), &label, 1, ret);
}

static enum inro_err open_pkcs1(struct tkey *k, const struct use_spec *spec, struct bytes in,
				uint8_t *em, size_t *n)
{
	TPM2B_DIGEST secret;
	enum inro_err e = rejection_secret(k, &secret);

	if (!e)
		e = open_raw(k, spec, in, em, n);
	if (!e)
		e = pkey_away_pkcs1(BYTES(secret.buffer, secret.size), in, em, n);
	wipe(&secret, sizeof secret);
	return e;
}

/* Whether the TPM undoes this OAEP: MGF1 is with the same hash there, a label a C string with its
 * NUL. */
static bool does_oaep(const struct tkey *k, const struct use_spec *spec, TPMT_RSA_DECRYPT *ret)
{
	bool label = !spec->label.n ||
		     (spec->label.n <= MAX_LABEL && spec->label.p[spec->label.n - 1] == 0);

	*ret = (TPMT_RSA_DECRYPT) { .scheme = TPM2_ALG_OAEP };
	ret->details.oaep.hashAlg = tkey_hash(k->caps, spec->digest);
	return label && spec->digest == spec->mgf_digest &&
	       ret->details.oaep.hashAlg != TPM2_ALG_NULL;
}

static enum inro_err open_oaep_there(struct tkey *k, struct decrypting *d, uint8_t *em, size_t *n)
{
	enum inro_err e = run_decrypt(k, d);

	if (!e && d->out.n)
		memcpy(em, d->out.p, d->out.n);
	*n = d->out.n;
	secret_clear(&d->out);
	return e;
}

static enum inro_err open_oaep(struct tkey *k, const struct use_spec *spec, struct bytes in,
			       uint8_t *em, size_t *n)
{
	TPMT_RSA_DECRYPT scheme;
	struct decrypting d = { .in = { .octets = in, .scheme = &scheme, .label = spec->label } };
	enum inro_err e;

	if (does_oaep(k, spec, &scheme))
		return open_oaep_there(k, &d, em, n);
	e = run_bare(k, in, em);
	return e ? e : padding_oaep_undo(spec, em, in.n, n);
}

static const struct {
	CK_MECHANISM_TYPE mech;
	enum inro_err (*open)(struct tkey *k, const struct use_spec *spec, struct bytes in,
			      uint8_t *em, size_t *n);
} openings[] = {
	{ CKM_RSA_PKCS, open_pkcs1 },
	{ CKM_RSA_X_509, open_raw },
	{ CKM_RSA_PKCS_OAEP, open_oaep },
};

enum inro_err tkey_rsa_decrypt(struct tkey *k, const struct use_spec *spec, struct bytes in,
			       struct room out, size_t *ret_n)
{
	uint8_t em[MAX_BLOCK_RSA];
	size_t n = 0;
	enum inro_err e = pkey_away_decrypt(k->public, spec, in);

	if (e)
		return e;
	e = err_set(INRO_E_MECHANISM, "mechanism 0x%lx does not decrypt", spec->mech);
	for (size_t i = 0; i < ARRAY_LEN(openings); i++)
		if (openings[i].mech == spec->mech)
			e = openings[i].open(k, spec, in, em, &n);
	if (!e)
		e = tkey_give(BYTES(em, n), out, ret_n);
	wipe(em, sizeof em);
	return e;
}
