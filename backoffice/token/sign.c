/* sign - messages signed by a token's key: hashed here where the scheme has a hash, signed there.
 */
#include "backoffice/pki/csr.h"
#include "backoffice/token/internal.h"

#include <string.h>

#include "base/cryptoki/hashes.h"
#include "base/der.h"

#define SIGNATURE_MAX 49856 /* SLH-DSA with a set of 256f */

static const CK_MECHANISM_TYPE hashes[PKI_HASH__MAX] = {
	[PKI_SHA256] = CKM_SHA256,
	[PKI_SHA384] = CKM_SHA384,
	[PKI_SHA512] = CKM_SHA512,
	[PKI_SHA224] = CKM_SHA224,
	[PKI_SHA3_224] = CKM_SHA3_224,
	[PKI_SHA3_256] = CKM_SHA3_256,
	[PKI_SHA3_384] = CKM_SHA3_384,
	[PKI_SHA3_512] = CKM_SHA3_512,
};

/* What the token is asked to do. */
struct order {
	CK_MECHANISM mech;
	CK_RSA_PKCS_PSS_PARAMS pss;
	uint8_t room[PKI_DIGEST_MAX + 32];
	struct bytes data;
};

static const CK_MECHANISM_TYPE mechanisms[PKI_SCHEME__MAX] = {
	[PKI_SIGN_ECDSA] = CKM_ECDSA,	   [PKI_SIGN_PKCS1] = CKM_RSA_PKCS,
	[PKI_SIGN_PSS] = CKM_RSA_PKCS_PSS, [PKI_SIGN_EDDSA] = CKM_EDDSA,
	[PKI_SIGN_ML_DSA] = CKM_ML_DSA,	   [PKI_SIGN_SLH_DSA] = CKM_SLH_DSA,
};

static enum inro_err prepare_digest(const struct token_key *k, const struct pki_sig *sig,
				    const uint8_t *digest, struct order *o)
{
	const struct ck_hash *hash = ck_hash_find(hashes[sig->hash]);
	size_t n = pki_hash_octets(sig->hash), head = 0;

	if (!hash)
		return err_set(INRO_E_UNSUPPORTED, "no hash for %s", sig->name);
	if (sig->scheme == PKI_SIGN_PKCS1) {
		head = hash->digest_info.n;
		memcpy(o->room, hash->digest_info.p, head);
	} else if (sig->scheme == PKI_SIGN_PSS) {
		o->pss = (CK_RSA_PKCS_PSS_PARAMS) { hash->mech, hash->mgf, n };
		o->mech.pParameter = &o->pss;
		o->mech.ulParameterLen = sizeof o->pss;
	} else if (n > pki_key_type(k->pub.type)->field_octets) {
		n = pki_key_type(k->pub.type)->field_octets; /* FIPS 186-4 6.4: leftmost bits */
	}
	memcpy(o->room + head, digest, n);
	o->data = BYTES(o->room, head + n);
	return INRO_OK;
}

static enum inro_err prepare(const struct token_key *k, const struct pki_sig *sig,
			     struct bytes message, struct order *o)
{
	o->mech = (CK_MECHANISM) { mechanisms[sig->scheme], NULL, 0 };
	o->data = message;
	return sig->hash == PKI_HASH_NONE ? INRO_OK : prepare_digest(k, sig, message.p, o);
}

/* RFC 3279 2.2.3: Ecdsa-Sig-Value. */
static enum inro_err add_ecdsa(struct bytes raw, const struct token_key *k, struct buf *ret)
{
	size_t half = pki_key_type(k->pub.type)->field_octets, seq;

	if (raw.n != 2 * half)
		return err_set(INRO_E_TOKEN, "the token's signature has %zu octets, not %zu", raw.n,
			       2 * half);
	seq = der_begin(ret, DER_SEQUENCE);
	der_add_unsigned(ret, BYTES(raw.p, half));
	der_add_unsigned(ret, BYTES(raw.p + half, half));
	der_end(ret, seq);
	return buf_err(ret);
}

/* The same object in a session opened since. */
static enum inro_err find_again(struct token_key *k)
{
	static const CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	struct token *t = k->token;
	struct template tpl = { 0 };
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;
	enum inro_err e;

	template_add_ulong(&tpl, CKA_CLASS, &class);
	if (k->id.n)
		template_add(&tpl, CKA_ID, buf_bytes(&k->id));
	template_add(&tpl, CKA_LABEL, bytes_of(k->label));
	e = ck_find(t->module, t->session, tpl.a, tpl.n, found, ARRAY_LEN(found), &n);
	if (!e && n != 1)
		e = err_set(INRO_E_NOT_FOUND, "the key '%s' is no longer in token '%s'", k->label,
			    t->info.label);
	if (e)
		return e;
	k->handle = found[0];
	k->epoch = t->epoch;
	return INRO_OK;
}

enum inro_err token_key_ready(struct token_key *k)
{
	enum inro_err e = token_ready(k->token);

	return !e && k->epoch != k->token->epoch ? find_again(k) : e;
}

static enum inro_err sign_once(struct token_key *k, struct order *o, uint8_t *out, CK_ULONG *n)
{
	struct token *t = k->token;
	const CK_ULONG room = *n;
	enum inro_err e = token_key_ready(k);

	if (!e)
		e = ck_err(t->module, t->f->C_SignInit(t->session, &o->mech, k->handle),
			   "C_SignInit");
	if (!e)
		e = ck_err(t->module,
			   t->f->C_Sign(t->session, (CK_BYTE *)(uintptr_t)o->data.p, o->data.n, out,
					n),
			   "C_Sign");
	return e ? e : ck_fits(t->module, *n, room, "C_Sign");
}

enum inro_err token_key_sig(const struct token_key *k, const struct pki_sig **ret)
{
	return pubkey_sig(&k->pub, PKI_HASH_NONE, ret);
}

enum inro_err token_key_sign(struct token_key *k, const struct pki_sig *sig, struct bytes message,
			     struct buf *ret)
{
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e;

	if (sig->hash == PKI_HASH_NONE)
		return token_key_sign_hashed(k, sig, message, ret);
	e = pki_digest(sig->hash, message, digest);
	return e ? e
		 : token_key_sign_hashed(k, sig, BYTES(digest, pki_hash_octets(sig->hash)), ret);
}

enum inro_err token_key_sign_hashed(struct token_key *k, const struct pki_sig *sig,
				    struct bytes message, struct buf *ret)
{
	struct order o = { 0 };
	uint8_t out[SIGNATURE_MAX];
	CK_ULONG n = sizeof out;
	enum inro_err e;

	if (!pki_sig_fits(sig, k->pub.type))
		return err_set(INRO_E_KEY_TYPE, "key '%s' can't sign by %s", k->label, sig->name);
	if (k->pub.only && k->pub.only != sig->hash)
		return err_set(INRO_E_KEY_TYPE,
			       "key '%s' signs by RSA-PSS with %s alone, not by %s, as its certificate "
			       "lets it; certify it as the key that it is",
			       k->label, pki_hash_name(k->pub.only), sig->name);
	e = prepare(k, sig, message, &o);
	if (e)
		return e;
	e = sign_once(k, &o, out, &n);
	if (token_is_lost(e)) {
		token_lose(k->token);
		n = sizeof out;
		e = sign_once(k, &o, out, &n);
	}
	if (e)
		return err_context(e, "signing by key '%s' in token '%s'", k->label,
				   k->token->info.label);
	if (sig->scheme == PKI_SIGN_ECDSA)
		return add_ecdsa(BYTES(out, n), k, ret);
	buf_add(ret, BYTES(out, n));
	return buf_err(ret);
}

enum inro_err token_key_csr(struct token_key *k, const struct csr_plan *plan, struct buf *ret)
{
	struct csr_plan whole = *plan;
	SCOPED(buf) info = { 0 };
	SCOPED(buf) signature = { 0 };
	const struct pki_sig *sig;
	enum inro_err e = token_key_sig(k, &sig);

	whole.spki = token_key_spki(k);
	if (e == INRO_OK)
		e = csr_info(&whole, &info);
	if (e == INRO_OK)
		e = token_key_sign(k, sig, buf_bytes(&info), &signature);
	return e == INRO_OK ? pki_signed(buf_bytes(&info), sig, buf_bytes(&signature), ret) : e;
}

static bool is_software(const struct token *t)
{
	static const char model[] = "Inro soft ";

	return ck_module_admin(t->module) &&
	       memcmp(t->info.info.model, model, sizeof model - 1) == 0;
}

bool token_key_verify(struct token_key *k)
{
	if (k->trusted_in != k->epoch)
		k->trusted = 0;
	if (!k->trusted)
		return true;
	k->trusted--;
	return false;
}

void token_key_right(struct token_key *k)
{
	if (!is_software(k->token))
		return;
	k->trusted = TOKEN_VERIFY_EACH - 1;
	k->trusted_in = k->epoch;
}
