/* pkey_use - signing, verifying, recovering and agreeing; pkey_mech.c says what is allowed. */
#include "pkcs11/token/pkey_private.h"

#include <string.h>

#include "base/der.h"
#include "base/own.h"

/* SEQUENCE of two INTEGERs of at most 67 octets, with room to spare. */
#define MAX_DER_SIG 160

/* ---- r || s and its DER ---- */

static enum inro_err sig_from_der(struct bytes der, size_t field, uint8_t *out)
{
	struct bytes seq, number;
	enum inro_err e = der_only(der, DER_SEQUENCE, &seq);

	for (int i = 0; !e && i < 2; i++, out += field) {
		e = der_take_unsigned(&seq, &number);
		if (!e && number.n > field)
			e = INRO_E_CRYPTO;
		if (e)
			break;
		memset(out, 0, field - number.n);
		memcpy(out + field - number.n, number.p, number.n);
	}
	return e ? err_set(INRO_E_CRYPTO, "libcrypto made a signature that can't be read")
		 : INRO_OK;
}

static void sig_to_der(struct bytes sig, struct buf *der)
{
	size_t seq = der_begin(der, DER_SEQUENCE), field = sig.n / 2;

	der_add_unsigned(der, BYTES(sig.p, field));
	der_add_unsigned(der, BYTES(sig.p + field, field));
	der_end(der, seq);
}

/* ---- each kind's way ---- */

static int ecdsa_sign(const struct pkey *k, struct prepared *p, struct bytes in, uint8_t *out,
		      size_t *n)
{
	uint8_t der[MAX_DER_SIG];
	size_t der_n = sizeof der;

	if (EVP_PKEY_sign(p->ctx, der, &der_n, in.p, in.n) <= 0 ||
	    sig_from_der(BYTES(der, der_n), k->sig_len / 2, out))
		return 0;
	*n = k->sig_len;
	return 1;
}

static int ecdsa_verify(struct prepared *p, struct bytes in, struct bytes sig)
{
	SCOPED(buf) der = { 0 };

	sig_to_der(sig, &der);
	return der.err ? 0 : EVP_PKEY_verify(p->ctx, der.p, der.n, in.p, in.n);
}

static int message_sign(const struct pkey *k, struct prepared *p, struct bytes in, uint8_t *out,
			size_t *n)
{
	(void)k;
	return EVP_DigestSign(p->md, out, n, in.n ? in.p : (const uint8_t *)"", in.n);
}

static int message_verify(struct prepared *p, struct bytes in, struct bytes sig)
{
	return EVP_DigestVerify(p->md, sig.p, sig.n, in.n ? in.p : (const uint8_t *)"", in.n);
}

static int plain_sign(const struct pkey *k, struct prepared *p, struct bytes in, uint8_t *out,
		      size_t *n)
{
	(void)k;
	return EVP_PKEY_sign(p->ctx, out, n, in.p, in.n);
}

static int plain_verify(struct prepared *p, struct bytes in, struct bytes sig)
{
	return EVP_PKEY_verify(p->ctx, sig.p, sig.n, in.p, in.n);
}

static const struct {
	int (*sign)(const struct pkey *k, struct prepared *p, struct bytes in, uint8_t *out,
		    size_t *n);
	int (*verify)(struct prepared *p, struct bytes in, struct bytes sig);
} ways[KEY_KIND__MAX] = {
	[KEY_RSA] = { plain_sign, plain_verify },
	[KEY_EC] = { ecdsa_sign, ecdsa_verify },
	[KEY_EDWARDS] = { message_sign, message_verify },
	[KEY_ML_DSA] = { message_sign, message_verify },
	[KEY_SLH_DSA] = { message_sign, message_verify },
};

/* ---- signatures ---- */

static enum inro_err run_sign(struct pkey *k, struct prepared *p, struct bytes in, uint8_t *out)
{
	size_t n = k->sig_len;

	if (ways[k->kind].sign(k, p, in, out, &n) <= 0) {
		pkey_spoiled(p);
		return libcrypto_err("signing");
	}
	pkey_done(k, p);
	return n == k->sig_len
		       ? INRO_OK
		       : err_set(INRO_E_CRYPTO, "libcrypto made a signature of %zu bytes", n);
}

enum inro_err pkey_sign(struct pkey *k, const struct use_spec *spec, struct bytes in, uint8_t *out,
			size_t cap, size_t *ret_n)
{
	KEEP_LIBCRYPTO_ERRORS();
	SCOPED(buf) room = { 0 };
	struct use_spec s = *spec;
	const struct pkey_raw *raw = NULL;
	struct prepared *p = NULL;
	enum inro_err e = pkey_reduce(k, USE_SIGN, &s, &in, &room, &raw);

	if (e)
		return e;
	if (cap < k->sig_len) {
		*ret_n = k->sig_len;
		return INRO_E_TOO_SMALL;
	}
	e = pkey_prepare(k, USE_SIGN, &s, raw, &p);
	if (!e)
		e = run_sign(k, p, in, out);
	if (!e)
		*ret_n = k->sig_len;
	return e;
}

enum inro_err pkey_sig_fits(const struct pkey *k, size_t n)
{
	bool cut = pkey_kind(k) == KEY_EC && n > 0 && n < k->sig_len && n % 2 == 0;

	return n == k->sig_len || cut
		       ? INRO_OK
		       : err_set(INRO_E_SIGNATURE_LENGTH,
				 "a signature of %zu bytes; this key's have %zu", n, k->sig_len);
}

enum inro_err pkey_verify(struct pkey *k, const struct use_spec *spec, struct bytes in,
			  struct bytes sig)
{
	KEEP_LIBCRYPTO_ERRORS();
	SCOPED(buf) room = { 0 };
	struct use_spec s = *spec;
	const struct pkey_raw *raw = NULL;
	struct prepared *p = NULL;
	int verdict;
	enum inro_err e = pkey_reduce(k, USE_VERIFY, &s, &in, &room, &raw);

	if (!e)
		e = pkey_sig_fits(k, sig.n);
	if (!e)
		e = pkey_prepare(k, USE_VERIFY, &s, raw, &p);
	if (e)
		return e;
	verdict = ways[k->kind].verify(p, in, sig);
	pkey_done(k, p);
	if (verdict == 1)
		return INRO_OK;
	return libcrypto_err("verifying") == INRO_E_NO_MEMORY
		       ? INRO_E_NO_MEMORY
		       : err_set(INRO_E_SIGNATURE, "the signature does not verify");
}

enum inro_err pkey_verify_recover(struct pkey *k, const struct use_spec *spec, struct bytes sig,
				  struct room out, size_t *ret_n)
{
	KEEP_LIBCRYPTO_ERRORS();
	uint8_t plain[PKEY_MAX_SIG];
	size_t n = sizeof plain;
	const struct pkey_raw *raw = NULL;
	struct prepared *p = NULL;
	int done;
	enum inro_err e = pkey_raw_find(k, spec->mech, USE_VERIFY_RECOVER, &raw);

	if (!e && (pkey_mech_hash(spec->mech) || sig.n != k->sig_len))
		e = err_set(INRO_E_SIGNATURE_LENGTH,
			    "a signature of this key has %zu bytes, not %zu", k->sig_len, sig.n);
	if (!e)
		e = pkey_prepare(k, USE_VERIFY_RECOVER, spec, raw, &p);
	if (e)
		return e;
	done = EVP_PKEY_verify_recover(p->ctx, plain, &n, sig.p, sig.n);
	pkey_done(k, p);
	if (done <= 0)
		return err_set(INRO_E_SIGNATURE, "nothing can be recovered from the signature");
	*ret_n = n;
	if (n > out.cap)
		return INRO_E_TOO_SMALL;
	memcpy(out.p, plain, n);
	return INRO_OK;
}

/* ---- agreement ---- */

enum inro_err pkey_take_peer(const struct pkey *k, struct bytes given, struct pkey **ret)
{
	struct bytes point;
	enum inro_err e = curve_point(k->curve, given, &point);

	if (!e)
		e = pkey_from_point(k, point, ret);
	if (e && e != INRO_E_NO_MEMORY && e != INRO_E_CRYPTO)
		return err_set(INRO_E_PUBLIC_KEY, "the other's public key is no point of %s",
			       k->curve->name);
	return e;
}

/* The point is on the curve and the cofactor 1, or it is in the function (X25519, X448), whose
 * answer to a point of small order libcrypto refuses: no further look at the peer is needed. */
static enum inro_err run_agree(struct pkey *k, struct prepared *p, const struct pkey *peer,
			       struct secret *z)
{
	size_t n = z->n;

	if (EVP_PKEY_derive_set_peer_ex(p->ctx, peer->evp, 0) <= 0) {
		pkey_spoiled(p);
		return libcrypto_err("agreeing on a key");
	}
	if (EVP_PKEY_derive(p->ctx, z->p, &n) <= 0 || n != z->n) {
		pkey_spoiled(p);
		return libcrypto_err("agreeing on a key") == INRO_E_NO_MEMORY
			       ? INRO_E_NO_MEMORY
			       : err_set(INRO_E_PUBLIC_KEY, "the other's point is of small order");
	}
	pkey_done(k, p);
	return INRO_OK;
}

enum inro_err pkey_agree(struct pkey *k, struct bytes peer, struct secret *ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(pkey_unref_ptr) struct pkey *other = NULL;
	SCOPED(secret) z = { 0 };
	const struct use_spec spec = { .mech = CKM_ECDH1_DERIVE };
	const struct pkey_raw *raw = NULL;
	struct prepared *p = NULL;
	enum inro_err e = pkey_raw_find(k, spec.mech, USE_DERIVE, &raw);

	if (!e)
		e = pkey_take_peer(k, peer, &other);
	if (!e)
		e = secret_new(k->curve->field, &z);
	if (!e)
		e = pkey_prepare(k, USE_DERIVE, &spec, raw, &p);
	if (!e)
		e = run_agree(k, p, other, &z);
	if (e)
		return e;
	*ret = z;
	z = (struct secret) { 0 };
	return INRO_OK;
}
