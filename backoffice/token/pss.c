/*
 * pss - RSA keys that sign by PSS alone.
 *
 * PKCS#11 has no key type for them: CKA_ALLOWED_MECHANISMS of the private key is what binds it, and
 * its public key is told as one of id-RSASSA-PSS (RFC 4055 1.2), as the provider does.  Such a list
 * says which hash, and no other length of salt.
 */
#include "backoffice/token/internal.h"

#include <string.h>

#include "base/der.h"

/* CKM_RSA_PKCS_PSS signs what was hashed outside; beside it there is one mechanism a hash. */
static const struct {
	CK_MECHANISM_TYPE mech;
	enum pki_hash hash;
} rows[] = {
	{ CKM_SHA256_RSA_PKCS_PSS, PKI_SHA256 },     { CKM_SHA384_RSA_PKCS_PSS, PKI_SHA384 },
	{ CKM_SHA512_RSA_PKCS_PSS, PKI_SHA512 },     { CKM_SHA224_RSA_PKCS_PSS, PKI_SHA224 },
	{ CKM_SHA3_224_RSA_PKCS_PSS, PKI_SHA3_224 }, { CKM_SHA3_256_RSA_PKCS_PSS, PKI_SHA3_256 },
	{ CKM_SHA3_384_RSA_PKCS_PSS, PKI_SHA3_384 }, { CKM_SHA3_512_RSA_PKCS_PSS, PKI_SHA3_512 },
};

void token_pss_list(enum pki_hash only, struct pss_list *ret)
{
	/* Every token with PSS may be expected to know these. */
	static const CK_MECHANISM_TYPE usual[] = { CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS,
						   CKM_SHA384_RSA_PKCS_PSS,
						   CKM_SHA512_RSA_PKCS_PSS };

	memcpy(ret->mech, usual, sizeof usual);
	ret->n = ARRAY_LEN(usual);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].hash == only) {
			ret->mech[1] = rows[i].mech;
			ret->n = 2;
		}
}

struct bytes pss_list_bytes(const struct pss_list *l)
{
	return BYTES((const uint8_t *)l->mech, l->n * sizeof l->mech[0]);
}

void token_pss_public(const struct token *t, const struct pss_list *l, struct template *public_key)
{
	if (ck_module_admin(t->module))
		template_add(public_key, CKA_ALLOWED_MECHANISMS, pss_list_bytes(l));
}

/* What a list binds a key to. */
struct bound {
	enum pki_hash only; /* PKI_HASH_NONE: none of ours alone */
	bool sha1;	    /* SHA-1 alone */
};

/* Is the list one of PSS alone?  SHA-1 may be among others, as in keys that OpenSSL makes. */
static bool is_pss(struct bytes list, struct bound *ret)
{
	CK_MECHANISM_TYPE mech;
	enum pki_hash one = PKI_HASH_NONE;
	unsigned hashes = 0;
	bool sha1 = false;

	for (size_t at = 0; at + sizeof mech <= list.n; at += sizeof mech) {
		size_t i = 0;

		memcpy(&mech, list.p + at, sizeof mech);
		while (i < ARRAY_LEN(rows) && rows[i].mech != mech)
			i++;
		if (i < ARRAY_LEN(rows)) {
			hashes++;
			one = rows[i].hash;
		} else if (mech == CKM_SHA1_RSA_PKCS_PSS) {
			sha1 = true;
		} else if (mech != CKM_RSA_PKCS_PSS) {
			return false;
		}
	}
	*ret = (struct bound) { .only = hashes == 1 && !sha1 ? one : PKI_HASH_NONE,
				.sha1 = sha1 && !hashes };
	return list.n >= sizeof mech;
}

/* AlgorithmIdentifier: the parameters bind it to one hash, with a salt as long as that.  Empty ones say SHA-1 (RFC 4055
 * 3.1), by which nothing here signs: whoever reads such a key refuses it for that. */
static enum inro_err add_algorithm(struct buf *b, const struct bound *to)
{
	const struct pki_sig *sig;
	size_t seq;

	if (to->only)
		for (size_t i = 0; (sig = pki_sig_at(i)); i++)
			if (sig->scheme == PKI_SIGN_PSS && sig->hash == to->only) {
				buf_add(b, sig->identifier);
				return buf_err(b);
			}
	seq = der_begin(b, DER_SEQUENCE);
	der_add(b, DER_OID, pki_key_type(PKI_RSA_PSS)->algorithm);
	if (to->sha1)
		der_add(b, DER_SEQUENCE, BYTES_NONE);
	der_end(b, seq);
	return buf_err(b);
}

static enum inro_err rebuild(struct bytes rsa, const struct bound *to, struct buf *ret)
{
	struct pubkey k;
	size_t seq;
	enum inro_err e = pubkey_read(rsa, &k);

	if (e)
		return e;
	if (k.type != PKI_RSA) {
		buf_add(ret, rsa);
		return buf_err(ret);
	}
	seq = der_begin(ret, DER_SEQUENCE);
	e = add_algorithm(ret, to);
	der_add_bits(ret, k.key_bits);
	der_end(ret, seq);
	return e ? e : buf_err(ret);
}

static bool is_bound(struct token *t, CK_OBJECT_HANDLE key, struct bound *ret)
{
	SCOPED(buf) list = { 0 };

	if (ck_attr(t->module, t->session, key, CKA_ALLOWED_MECHANISMS, &list) == INRO_OK)
		return is_pss(buf_bytes(&list), ret);
	err_reset();
	return false;
}

enum inro_err token_public_key(struct token *t, CK_OBJECT_HANDLE private_key, CK_OBJECT_HANDLE from,
			       struct buf *ret)
{
	SCOPED(buf) spki = { 0 };
	struct bound to;
	enum inro_err e = ck_public_key(t->module, t->session, from, &spki);

	if (e)
		return e;
	if (is_bound(t, private_key, &to))
		return rebuild(buf_bytes(&spki), &to, ret);
	buf_add(ret, buf_bytes(&spki));
	return buf_err(ret);
}

enum inro_err token_public_kind(struct token *t, CK_OBJECT_HANDLE key, enum pki_key *ret_type,
				unsigned *ret_bits)
{
	SCOPED(buf) spki = { 0 };
	struct bound to;
	struct pubkey k;
	enum inro_err e = ck_public_key(t->module, t->session, key, &spki);

	if (!e)
		e = pubkey_read(buf_bytes(&spki), &k);
	if (e)
		return e;
	*ret_type = k.type == PKI_RSA && is_bound(t, key, &to) ? PKI_RSA_PSS : k.type;
	*ret_bits = k.bits;
	return INRO_OK;
}
