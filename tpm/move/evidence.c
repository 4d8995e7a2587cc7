/*
 * evidence - is this key in a TPM?  Each step rests on the one before it:
 *
 * 1. A maker vouches that the endorsement key is that of a TPM of his (certificates), or who asks
 *    knows it.
 * 2. The attestation key lives beside that endorsement key: somebody has challenged it.
 * 3. The attestation key signs only what the TPM itself says (restricted).
 * 4. The TPM says that it holds a key of this Name; the Name is a hash of what the key is and may
 *    do.
 */
#include "tpm/move/evidence.h"

#include <string.h>

#include "tpm/move/ekcert.h"
#include "tpm/move/wrap.h"

#define MAX_NONCE	64
#define CHALLENGE_BYTES 32

enum inro_err evidence_read(struct bytes in, struct evidence *ret)
{
	struct evidence v = { 0 };
	struct bytes *const fields[] = { &v.attest, &v.signature, &v.key, &v.ak, &v.ek, &v.chain };
	uint32_t version = 0;
	enum inro_err e = read_u32(&in, &version);

	if (!e && version != EVIDENCE_VERSION)
		return err_set(INRO_E_VERSION, "evidence of version %u", version);
	for (size_t i = 0; !e && i < ARRAY_LEN(fields); i++)
		e = read_field(&in, fields[i]);
	if (e || in.n)
		return err_set(INRO_E_SYNTAX, "this is no evidence of a TPM's key");
	*ret = v;
	return INRO_OK;
}

enum inro_err evidence_write(const struct evidence *e, struct buf *ret)
{
	const struct bytes fields[] = { e->attest, e->signature, e->key, e->ak, e->ek, e->chain };

	buf_add_u32(ret, EVIDENCE_VERSION);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_add_field(ret, fields[i]);
	return buf_err(ret);
}

void evidence_found_clear(struct evidence_found *f)
{
	buf_clear(&f->spki);
	*f = (struct evidence_found) { 0 };
}

/* ---- its parts as structures ---- */

struct parts {
	TPMS_ATTEST attest;
	TPMT_SIGNATURE signature;
	TPM2B_PUBLIC key, ak, ek;
};

static enum inro_err read_key(struct bytes in, TPM2B_PUBLIC *ret)
{
	enum inro_err e = wire_read_public(&in, ret);

	return e ? e : wire_end(in);
}

static enum inro_err read_statement(const struct evidence *v, struct parts *p)
{
	struct bytes attest = v->attest, signature = v->signature;
	enum inro_err e = wire_read_attest(&attest, &p->attest);

	if (!e)
		e = wire_end(attest);
	if (!e)
		e = wire_read_signature(&signature, &p->signature);
	return e ? e : wire_end(signature);
}

static enum inro_err read_keys(const struct evidence *v, struct parts *p)
{
	enum inro_err e = read_key(v->key, &p->key);

	if (!e)
		e = read_key(v->ak, &p->ak);
	return e ? e : read_key(v->ek, &p->ek);
}

static struct bytes of_name(const TPM2B_NAME *n)
{
	return BYTES(n->name, n->size);
}

/* ---- the endorsement key and the attestation key ---- */

#define BOUND (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT)
#define BORN  (BOUND | TPMA_OBJECT_SENSITIVEDATAORIGIN)
#define KINDS (TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT)

static bool is_kind(const TPM2B_PUBLIC *key, TPMA_OBJECT kind)
{
	TPMA_OBJECT a = key->publicArea.objectAttributes;

	return (a & BORN) == BORN && (a & KINDS) == kind;
}

static bool strong_name(const TPM2B_PUBLIC *key)
{
	return crypt_hash_size(key->publicArea.nameAlg) >= crypt_hash_size(TPM2_ALG_SHA256);
}

static enum inro_err check_keepers(const struct parts *p)
{
	if (!is_kind(&p->ek, TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT))
		return err_set(INRO_E_POLICY, "the endorsement key is none: it is not a restricted "
					      "decryption key made in its TPM");
	if (!is_kind(&p->ak, TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT))
		return err_set(INRO_E_POLICY, "the attestation key is none: it is not a restricted "
					      "signing key made in its TPM");
	if (!strong_name(&p->ek) || !strong_name(&p->ak) || !strong_name(&p->key))
		return err_set(INRO_E_POLICY, "a key in the evidence is named by a weak hash");
	return INRO_OK;
}

static enum inro_err check_hardware(const struct evidence *v, const struct evidence_check *by,
				    struct parts *p, struct evidence_found *f)
{
	enum inro_err e = read_keys(v, p);

	if (!e)
		e = check_keepers(p);
	if (!e && !by->known_ek)
		e = ekcert_check(v->chain, &p->ek.publicArea, by, &f->tpm);
	if (!e)
		e = crypt_name(&p->ak.publicArea, &f->ak_name);
	return e ? e : crypt_name(&p->ek.publicArea, &f->ek_name);
}

static enum inro_err check_proven(const struct evidence_check *by, const struct evidence_found *f)
{
	if (by->ak_name.n == 0)
		return err_set(INRO_E_POLICY,
			       "the attestation key is not proven to be in this TPM: "
			       "it must answer a challenge first");
	if (!bytes_equal(by->ak_name, of_name(&f->ak_name)))
		return err_set(INRO_E_POLICY, "the evidence is by another attestation key than the "
					      "one that is proven");
	if (!bytes_equal(by->ek_name, of_name(&f->ek_name)))
		return err_set(INRO_E_POLICY,
			       "the attestation key was not proven beside the endorsement key of "
			       "this evidence: it is of another TPM");
	return INRO_OK;
}

/* ---- what the TPM says ---- */

static enum inro_err check_signature(const struct evidence *v, const struct parts *p)
{
	if (crypt_hash_size(p->signature.signature.any.hashAlg) < crypt_hash_size(TPM2_ALG_SHA256))
		return err_set(INRO_E_POLICY, "the evidence is signed over a weak hash");
	return crypt_verify(&p->ak.publicArea, v->attest, &p->signature);
}

static enum inro_err check_statement(const struct parts *p, const struct evidence_check *by)
{
	const TPMS_ATTEST *a = &p->attest;
	TPM2B_NAME name;
	enum inro_err e;

	if (a->magic != TPM2_GENERATED_VALUE || a->type != TPM2_ST_ATTEST_CERTIFY)
		return err_set(INRO_E_POLICY, "what is signed is not a TPM's word about a key");
	if (!bytes_equal(by->nonce, BYTES(a->extraData.buffer, a->extraData.size)))
		return err_set(INRO_E_POLICY, "the evidence is not an answer to this nonce: it is "
					      "old, or for somebody else");
	e = crypt_name(&p->key.publicArea, &name);
	if (e)
		return e;
	return bytes_equal(of_name(&name), of_name(&a->attested.certify.name))
		       ? INRO_OK
		       : err_set(INRO_E_POLICY, "the TPM speaks of another key than this one");
}

static enum inro_err check_attributes(const struct parts *p, const struct evidence_check *by)
{
	TPMA_OBJECT a = p->key.publicArea.objectAttributes;

	if ((a & BORN) == BORN || by->imported_too)
		return INRO_OK;
	if (!(a & TPMA_OBJECT_SENSITIVEDATAORIGIN))
		return err_set(INRO_E_POLICY,
			       "the key is in the TPM, but was not made there: it may "
			       "be elsewhere too");
	return err_set(INRO_E_POLICY, "the key is in the TPM, but may be moved to another one");
}

/* A secret key has no public half to compare. */
static enum inro_err check_claimed(const struct parts *p, const struct evidence_check *by,
				   struct evidence_found *f)
{
	TPM2_ALG_ID type = p->key.publicArea.type;
	enum inro_err e = INRO_OK;

	if (type == TPM2_ALG_RSA || type == TPM2_ALG_ECC)
		e = crypt_spki(&p->key.publicArea, &f->spki);
	if (e || by->spki.n == 0)
		return e;
	return bytes_equal(by->spki, buf_bytes(&f->spki))
		       ? INRO_OK
		       : err_set(INRO_E_POLICY, "the evidence is about another key than the one "
						"that is claimed");
}

static enum inro_err check_word(const struct evidence *v, const struct evidence_check *by,
				const struct parts *p, struct evidence_found *f)
{
	enum inro_err e = check_signature(v, p);

	if (!e)
		e = check_statement(p, by);
	if (!e)
		e = check_attributes(p, by);
	return e ? e : check_claimed(p, by, f);
}

enum inro_err evidence_check(const struct evidence *v, const struct evidence_check *by,
			     struct evidence_found *ret)
{
	SCOPED(evidence_found) f = { 0 };
	struct parts p = { 0 };
	enum inro_err e;

	if (by->nonce.n == 0 || by->nonce.n > MAX_NONCE)
		return err_set(INRO_E_ARG, "a nonce has 1 to %d bytes", MAX_NONCE);
	e = read_statement(v, &p);
	if (!e)
		e = check_hardware(v, by, &p, &f);
	if (!e)
		e = check_proven(by, &f);
	if (!e)
		e = check_word(v, by, &p, &f);
	if (e)
		return e;
	f.attest = p.attest;
	f.key_attributes = p.key.publicArea.objectAttributes;
	*ret = f;
	f = (struct evidence_found) { 0 };
	return INRO_OK;
}

/* ---- the challenge ---- */

enum inro_err evidence_names(const struct evidence *v, TPM2B_NAME *ret_ak, TPM2B_NAME *ret_ek)
{
	struct parts p = { 0 };
	TPM2B_NAME ak;
	enum inro_err e = read_keys(v, &p);

	if (!e)
		e = crypt_name(&p.ak.publicArea, &ak);
	if (!e)
		e = crypt_name(&p.ek.publicArea, ret_ek);
	if (!e)
		*ret_ak = ak;
	return e;
}

enum inro_err evidence_ek(const struct evidence *v, struct buf *ret_spki)
{
	TPM2B_PUBLIC ek;
	enum inro_err e = read_key(v->ek, &ek);

	return e ? e : crypt_spki(&ek.publicArea, ret_spki);
}

enum inro_err evidence_challenge(const struct evidence *v, const struct evidence_check *by,
				 struct secret *ret_secret, struct buf *ret_blob)
{
	SCOPED(evidence_found) f = { 0 };
	SCOPED(secret) secret = { 0 };
	SCOPED(buf) encrypted = { 0 };
	SCOPED(buf) blob = { 0 };
	struct parts p = { 0 };
	enum inro_err e = check_hardware(v, by, &p, &f);

	if (!e)
		e = secret_random(CHALLENGE_BYTES, &secret);
	if (!e)
		e = wrap_credential(&p.ek.publicArea, &f.ak_name, secret_bytes(&secret), &blob,
				    &encrypted);
	if (e)
		return e;
	buf_add(&blob, buf_bytes(&encrypted));
	e = buf_err(&blob);
	if (e)
		return e;
	*ret_secret = secret;
	secret = (struct secret) { 0 };
	*ret_blob = blob;
	blob = (struct buf) { 0 };
	return INRO_OK;
}
