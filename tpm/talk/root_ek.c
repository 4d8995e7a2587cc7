/*
 * root_ek - the endorsement key and its certificates.
 *
 * TCG EK Credential Profile for TPM family 2.0, 2.5: templates (annex B), NV indices (2.2.1.4,
 * 2.2.1.5).
 */
#include <string.h>

#include "base/der.h"
#include "tpm/talk/talk_private.h"

#define CHAIN_FIRST 0x01c00100
#define CHAIN_LAST  0x01c001ff

/* PolicySecret(TPM_RH_ENDORSEMENT): "PolicyA" of the profile's low range. */
#define POLICY_A_SHA256                                                                            \
	{                                                                                          \
		.size = 32, .buffer = {                                                            \
			0x83,                                                                      \
			0x71,                                                                      \
			0x97,                                                                      \
			0x67,                                                                      \
			0x44,                                                                      \
			0x84,                                                                      \
			0xb3,                                                                      \
			0xf8,                                                                      \
			0x1a,                                                                      \
			0x90,                                                                      \
			0xcc,                                                                      \
			0x8d,                                                                      \
			0x46,                                                                      \
			0xa5,                                                                      \
			0xd7,                                                                      \
			0x24,                                                                      \
			0xfd,                                                                      \
			0x52,                                                                      \
			0xd7,                                                                      \
			0x6e,                                                                      \
			0x06,                                                                      \
			0x52,                                                                      \
			0x0b,                                                                      \
			0x64,                                                                      \
			0xf2,                                                                      \
			0xa1,                                                                      \
			0xda,                                                                      \
			0x1b,                                                                      \
			0x33,                                                                      \
			0x14,                                                                      \
			0x69,                                                                      \
			0xaa,                                                                      \
		}                                                                                  \
	}

/* PolicyOR of the same and of a policy in NV: "PolicyB" of the high range. */
#define POLICY_B_SHA384                                                                            \
	{                                                                                          \
		.size = 48, .buffer = {                                                            \
			0xb2,                                                                      \
			0x6e,                                                                      \
			0x7d,                                                                      \
			0x28,                                                                      \
			0xd1,                                                                      \
			0x1a,                                                                      \
			0x50,                                                                      \
			0xbc,                                                                      \
			0x53,                                                                      \
			0xd8,                                                                      \
			0x82,                                                                      \
			0xbc,                                                                      \
			0xf5,                                                                      \
			0xfd,                                                                      \
			0x3a,                                                                      \
			0x1a,                                                                      \
			0x07,                                                                      \
			0x41,                                                                      \
			0x48,                                                                      \
			0xbb,                                                                      \
			0x35,                                                                      \
			0xd3,                                                                      \
			0xb4,                                                                      \
			0xe4,                                                                      \
			0xcb,                                                                      \
			0x1c,                                                                      \
			0x0a,                                                                      \
			0xd9,                                                                      \
			0xbd,                                                                      \
			0xe4,                                                                      \
			0x19,                                                                      \
			0xca,                                                                      \
			0xcb,                                                                      \
			0x47,                                                                      \
			0xba,                                                                      \
			0x09,                                                                      \
			0x69,                                                                      \
			0x96,                                                                      \
			0x46,                                                                      \
			0x15,                                                                      \
			0x0f,                                                                      \
			0x9f,                                                                      \
			0xc0,                                                                      \
			0x00,                                                                      \
			0xf3,                                                                      \
			0xf8,                                                                      \
			0x0e,                                                                      \
			0x12,                                                                      \
		}                                                                                  \
	}

#define EK_ATTRIBUTES                                                                              \
	(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN |        \
	 TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)

#define AES_CFB(bits)                                                                              \
	{                                                                                          \
		.algorithm = TPM2_ALG_AES, .keyBits.aes = (bits), .mode.aes = TPM2_ALG_CFB         \
	}

/* By preference: a key on a curve is made a hundred times faster. */
static const struct ek_kind {
	uint32_t handle, certificate;
	TPMT_PUBLIC template;
} kinds[] = {
	{ .handle = 0x81010002,
	  .certificate = 0x01c0000a,
	  .template = { .type = TPM2_ALG_ECC,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = EK_ATTRIBUTES,
			.authPolicy = POLICY_A_SHA256,
			.parameters.eccDetail = { .symmetric = AES_CFB(128),
						  .scheme.scheme = TPM2_ALG_NULL,
						  .curveID = TPM2_ECC_NIST_P256,
						  .kdf.scheme = TPM2_ALG_NULL },
			.unique.ecc = { .x.size = 32, .y.size = 32 } } },
	{ .handle = 0x81010016,
	  .certificate = 0x01c00016,
	  .template = { .type = TPM2_ALG_ECC,
			.nameAlg = TPM2_ALG_SHA384,
			.objectAttributes = EK_ATTRIBUTES | TPMA_OBJECT_USERWITHAUTH,
			.authPolicy = POLICY_B_SHA384,
			.parameters.eccDetail = { .symmetric = AES_CFB(256),
						  .scheme.scheme = TPM2_ALG_NULL,
						  .curveID = TPM2_ECC_NIST_P384,
						  .kdf.scheme = TPM2_ALG_NULL } } },
	{ .handle = 0x81010001,
	  .certificate = 0x01c00002,
	  .template = { .type = TPM2_ALG_RSA,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = EK_ATTRIBUTES,
			.authPolicy = POLICY_A_SHA256,
			.parameters.rsaDetail = { .symmetric = AES_CFB(128),
						  .scheme.scheme = TPM2_ALG_NULL,
						  .keyBits = 2048 },
			.unique.rsa.size = 256 } },
};

/* Whether a command failed because the thing it names is not there. */
static bool is_missing(enum inro_err e)
{
	return e && rc_plain(tpm_last_rc()) == TPM2_RC_HANDLE;
}

/* INRO_E_NOT_FOUND when no EK has a certificate. */
static enum inro_err certified_kind(struct tpm *t, const struct ek_kind **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		TPMS_NV_PUBLIC pub;
		TPM2B_NAME name;
		enum inro_err e = cmd_nv_read_public(t, kinds[i].certificate, &pub, &name);

		if (is_missing(e))
			continue;
		*ret = &kinds[i];
		return e;
	}
	return err_set(INRO_E_NOT_FOUND, "the endorsement key of this TPM has no certificate");
}

/* Everything but the key itself is as in the template. */
static bool fits(const struct ek_kind *k, const TPMT_PUBLIC *pub)
{
	SCOPED(buf) a = { 0 };
	SCOPED(buf) b = { 0 };
	TPMT_PUBLIC mine = k->template;

	mine.unique = pub->unique;
	wire_add_public_area(&a, &mine);
	wire_add_public_area(&b, pub);
	return !buf_err(&a) && !buf_err(&b) && bytes_equal(buf_bytes(&a), buf_bytes(&b));
}

/* Someone's other key at that handle does not count. */
static enum inro_err persistent_ek(struct tpm *t, const struct ek_kind *k, struct ek *ret)
{
	enum inro_err e = cmd_read_public(t, k->handle, &ret->pub, &ret->name);

	if (is_missing(e) || (!e && !fits(k, &ret->pub.publicArea)))
		return INRO_E_NOT_FOUND;
	ret->ref.handle = k->handle;
	return e;
}

static enum inro_err primary_ek(struct tpm *t, const struct ek_kind *k, struct ek *ret)
{
	struct bytes auth = secret_bytes(&t->endorsement_auth);
	const struct new_object what = { .template = &k->template };
	enum inro_err e;

	do
		e = cmd_create_primary(t, TPM2_RH_ENDORSEMENT, auth, &what, &ret->ref.handle,
				       &ret->pub);
	while (e && residents_shrink(t, NULL));
	e = tpm_auth_err(e, "endorsement-auth");
	if (e)
		return err_context(e, "making the endorsement key");
	ret->transient = true;
	e = crypt_name(&ret->pub.publicArea, &ret->name);
	if (e)
		root_ek_end(t, ret);
	return e;
}

enum inro_err root_ek(struct tpm *t, struct ek *ret)
{
	const struct ek_kind *k = &kinds[0];
	enum inro_err e = certified_kind(t, &k);

	*ret = (struct ek) { 0 };
	if (e && e != INRO_E_NOT_FOUND)
		return e;
	e = persistent_ek(t, k, ret);
	if (e == INRO_E_NOT_FOUND)
		e = primary_ek(t, k, ret);
	ret->ref.name = BYTES(ret->name.name, ret->name.size);
	return e;
}

void root_ek_end(struct tpm *t, struct ek *ek)
{
	if (ek->transient)
		cmd_let_go(t, ek->ref.handle);
	*ek = (struct ek) { 0 };
}

/* ---- certificates ---- */

/* By its own auth, which is empty in an index of the maker's, if a wrong one there does not count
 * against the whole TPM; somebody else's index may have the number. */
static bool reads_by_itself(const TPMS_NV_PUBLIC *pub)
{
	const TPMA_NV both = TPMA_NV_AUTHREAD | TPMA_NV_NO_DA;

	return (pub->attributes & both) == both;
}

/* Else by the owner's. */
static enum inro_err read_index(struct tpm *t, uint32_t index, struct buf *ret)
{
	TPMS_NV_PUBLIC pub;
	TPM2B_NAME name;
	struct tpm_ref ref = { .handle = index }, who;
	struct tpm_auth by = { .by = BY_AUTH };
	enum inro_err e = cmd_nv_read_public(t, index, &pub, &name);

	if (e || !(pub.attributes & TPMA_NV_WRITTEN))
		return !e || is_missing(e) ? INRO_E_NOT_FOUND : e;
	ref.name = BYTES(name.name, name.size);
	who = ref;
	if (!reads_by_itself(&pub) && !(pub.attributes & TPMA_NV_OWNERREAD))
		return INRO_E_NOT_FOUND; /* nobody that we could be reads it: it is not the maker's */
	if (!reads_by_itself(&pub)) {
		who = (struct tpm_ref) { .handle = TPM2_RH_OWNER };
		by.value = secret_bytes(&t->owner_auth);
	}
	return cmd_nv_read(t, &who, &by, &ref, pub.dataSize, ret);
}

/* Certificates, one behind the other; what follows them only fills the index. */
static enum inro_err add_certificates(struct bytes in, struct buf *ret)
{
	struct bytes one;

	while (der_peek(in) == DER_SEQUENCE) {
		enum inro_err e = der_take_whole(&in, DER_SEQUENCE, &one);

		if (e)
			return err_context(e, "reading the endorsement key's certificates");
		buf_add_field(ret, one);
	}
	return buf_err(ret);
}

/* A certificate may begin in one index and end in the next. */
static enum inro_err read_chain(struct tpm *t, struct buf *ret)
{
	SCOPED(buf) all = { 0 };
	enum inro_err e = INRO_OK;

	for (uint32_t i = CHAIN_FIRST; !e && i <= CHAIN_LAST; i++)
		e = read_index(t, i, &all);
	if (e && e != INRO_E_NOT_FOUND)
		return e;
	e = buf_err(&all);
	return e ? e : add_certificates(buf_bytes(&all), ret);
}

static const struct ek_kind *kind_of(const TPMT_PUBLIC *pub)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (fits(&kinds[i], pub))
			return &kinds[i];
	return NULL;
}

enum inro_err root_ek_certificates(struct tpm *t, const struct ek *ek, struct buf *ret)
{
	const struct ek_kind *k = kind_of(&ek->pub.publicArea);
	SCOPED(buf) own = { 0 };
	enum inro_err e = k ? read_index(t, k->certificate, &own) : INRO_E_NOT_FOUND;

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (!e)
		e = add_certificates(buf_bytes(&own), ret);
	return e ? e : read_chain(t, ret);
}

/* ---- authorisation ---- */

enum inro_err root_ek_session(struct tpm *t, struct tpm_session **ret)
{
	const struct tpm_ref endorsement = { .handle = TPM2_RH_ENDORSEMENT };
	struct tpm_session *s;
	enum inro_err e = session_policy(t, &s);

	if (e)
		return e;
	e = cmd_policy_secret(t, &endorsement, secret_bytes(&t->endorsement_auth), s);
	if (e) {
		e = tpm_auth_err(e, "endorsement-auth");
		session_end(t, s);
		return e;
	}
	*ret = s;
	return INRO_OK;
}

enum inro_err root_ek_auth(struct tpm *t, const struct ek *ek, struct tpm_auth *ret)
{
	struct tpm_session *s;
	enum inro_err e;

	*ret = (struct tpm_auth) { .by = BY_AUTH };
	if (ek->pub.publicArea.objectAttributes & TPMA_OBJECT_USERWITHAUTH)
		return INRO_OK;
	e = root_ek_session(t, &s);
	if (!e)
		*ret = (struct tpm_auth) { .by = BY_POLICY, .policy = s, .last = true };
	return e;
}
