/* tkey_ec - ECDSA and ECDH in the TPM. */
#include "tpm/token/tkey_private.h"

#include <string.h>

#include "base/own.h"

static enum inro_err curve_of(const struct tkey *k, const struct tkey_curve **ret)
{
	const struct tkey_curve *c = tkey_curve_find(pkey_away_curve(k->public));

	if (!c)
		return err_set(INRO_E_CURVE, "no TPM signs on %s",
			       pkey_away_curve(k->public)->name);
	*ret = c;
	return INRO_OK;
}

/* A number of the TPM's, which may come without its leading zeros, into n bytes. */
static enum inro_err place(const uint8_t *from, size_t from_n, uint8_t *to, size_t n)
{
	if (from_n > n)
		return err_set(INRO_E_TOKEN,
			       "the TPM gave a number of %zu bytes for a curve of %zu", from_n, n);
	memset(to, 0, n - from_n);
	memcpy(to + n - from_n, from, from_n);
	return INRO_OK;
}

/* ---- signatures ---- */

struct signing {
	struct bytes auth, digest;
	TPMT_SIG_SCHEME scheme;
	TPMT_SIGNATURE sig;
};

static enum inro_err step_sign(struct tpm *t, const struct tpm_ref *object, void *arg)
{
	struct signing *s = arg;

	return cmd_sign(t, object, s->auth, s->digest, &s->scheme, &s->sig);
}

/* A TPM takes a digest of exactly the hash's length; ECDSA takes the leftmost bits of a longer one,
 * and a shorter one is a smaller number: zeros in front. */
static void fit_digest(const struct tkey_curve *c, struct bytes in, uint8_t *out)
{
	size_t n = in.n < c->hash_n ? in.n : c->hash_n;

	memset(out, 0, c->hash_n - n);
	memcpy(out + c->hash_n - n, in.p, n);
}

static enum inro_err run_sign(struct tkey *k, const struct tkey_curve *c, struct bytes in,
			      uint8_t *out, size_t field)
{
	uint8_t digest[LIBCTX_MAX_HASH];
	struct signing s = { .auth = secret_bytes(&k->auth),
			     .digest = BYTES(digest, c->hash_n),
			     .scheme = { .scheme = TPM2_ALG_ECDSA } };
	const TPMS_SIGNATURE_ECDSA *sig = &s.sig.signature.ecdsa;
	enum inro_err e;

	s.scheme.details.ecdsa.hashAlg = c->hash;
	fit_digest(c, in, digest);
	e = resident_do(k->object, 0, step_sign, &s);
	if (!e && s.sig.sigAlg != TPM2_ALG_ECDSA)
		e = err_set(INRO_E_TOKEN, "the TPM signed with another scheme");
	if (!e)
		e = place(sig->signatureR.buffer, sig->signatureR.size, out, field);
	return e ? e : place(sig->signatureS.buffer, sig->signatureS.size, out + field, field);
}

enum inro_err tkey_ec_sign(struct tkey *k, const struct use_spec *spec, struct bytes in,
			   struct room out, size_t *ret_n)
{
	SCOPED(buf) room = { 0 };
	const struct tkey_curve *c = NULL;
	struct use_spec raw;
	uint8_t sig[EC_MAX_POINT];
	size_t n = pkey_sig_len(k->public);
	enum inro_err e = pkey_away_sign(k->public, spec, &in, &room, &raw);

	if (!e)
		e = curve_of(k, &c);
	if (!e && out.cap < n) {
		*ret_n = n;
		return INRO_E_TOO_SMALL;
	}
	if (!e)
		e = run_sign(k, c, in, sig, n / 2);
	return e ? e : tkey_give(BYTES(sig, n), out, ret_n);
}

/* ---- agreement ---- */

struct agreeing {
	struct bytes auth;
	TPMS_ECC_POINT peer, z;
};

static enum inro_err step_agree(struct tpm *t, const struct tpm_ref *object, void *arg)
{
	struct agreeing *a = arg;

	return cmd_ecdh_zgen(t, object, a->auth, &a->peer, &a->z);
}

static void set_coordinate(const uint8_t *from, size_t n, TPM2B_ECC_PARAMETER *to)
{
	to->size = (UINT16)n;
	memcpy(to->buffer, from, n);
}

static enum inro_err run_agree(struct tkey *k, const uint8_t *point, size_t field,
			       struct secret *ret)
{
	struct agreeing a = { .auth = secret_bytes(&k->auth) };
	SCOPED(secret) z = { 0 };
	enum inro_err e = secret_new(field, &z);

	set_coordinate(point + 1, field, &a.peer.x);
	set_coordinate(point + 1 + field, field, &a.peer.y);
	if (!e)
		e = resident_do(k->object, 0, step_agree, &a);
	if (!e)
		e = place(a.z.x.buffer, a.z.x.size, z.p, field);
	wipe(&a.z, sizeof a.z);
	if (e)
		return e;
	*ret = z;
	z = (struct secret) { 0 };
	return INRO_OK;
}

enum inro_err tkey_agree(struct tkey *k, struct bytes peer, struct secret *ret)
{
	uint8_t point[EC_MAX_POINT];
	enum inro_err e;

	if (k->kind != KEY_EC)
		return err_set(INRO_E_KEY_TYPE, "a key of this type agrees on nothing");
	if (!k->agrees)
		return err_set(INRO_E_KEY_TYPE, "the key was made in the TPM for signing alone: "
						"make one with CKA_DERIVE");
	e = pkey_away_peer(k->public, peer, point);
	return e ? e : run_agree(k, point, pkey_away_curve(k->public)->field, ret);
}
