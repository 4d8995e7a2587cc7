/* tpmkeys - a TPM as tests of tpm/talk want it, and keys made there for a moment. */
#include "tests/lib/tpmkeys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

struct tpm *tpmkeys_open(const struct swtpm *s)
{
	struct tpm_words words = { .tcti = bytes_of(swtpm_tcti(s)), .home = scratch_dir() };
	struct tpm *t = NULL;

	OK(tpm_get(&words, &t));
	return t;
}

TPMT_PUBLIC tpmkeys_ecc(TPM2_ECC_CURVE curve, TPMA_OBJECT attributes)
{
	return (TPMT_PUBLIC) {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = attributes,
		.parameters.eccDetail = { .symmetric.algorithm = TPM2_ALG_NULL,
					  .scheme.scheme = TPM2_ALG_NULL,
					  .curveID = curve,
					  .kdf.scheme = TPM2_ALG_NULL },
	};
}

TPMT_PUBLIC tpmkeys_rsa(TPMA_OBJECT attributes)
{
	return (TPMT_PUBLIC) {
		.type = TPM2_ALG_RSA,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = attributes,
		.parameters.rsaDetail = { .symmetric.algorithm = TPM2_ALG_NULL,
					  .scheme.scheme = TPM2_ALG_NULL,
					  .keyBits = 2048 },
	};
}

TPMT_PUBLIC tpmkeys_hmac(TPMA_OBJECT attributes)
{
	return (TPMT_PUBLIC) {
		.type = TPM2_ALG_KEYEDHASH,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = attributes | TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT,
		.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
	};
}

TPMT_PUBLIC tpmkeys_sealed(TPMA_OBJECT attributes)
{
	TPMT_PUBLIC pub = tpmkeys_hmac(attributes);

	pub.objectAttributes = attributes;
	return pub;
}

TPMT_PUBLIC tpmkeys_aes(uint16_t bits, TPMA_OBJECT attributes)
{
	return (TPMT_PUBLIC) {
		.type = TPM2_ALG_SYMCIPHER,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = attributes | TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT,
		.parameters.symDetail.sym = { .algorithm = TPM2_ALG_AES,
					      .keyBits.aes = bits,
					      .mode.aes = TPM2_ALG_NULL },
	};
}

TPMT_PUBLIC tpmkeys_restricted(void)
{
	TPMT_PUBLIC pub = tpmkeys_ecc(TPM2_ECC_NIST_P256, TPMKEYS_MADE | TPMA_OBJECT_RESTRICTED |
								  TPMA_OBJECT_SIGN_ENCRYPT);

	pub.parameters.eccDetail.scheme.scheme = TPM2_ALG_ECDSA;
	pub.parameters.eccDetail.scheme.details.ecdsa.hashAlg = TPM2_ALG_SHA256;
	return pub;
}

void tpmkeys_load(struct tpm *t, struct blob *b, struct tpmkey *ret)
{
	struct bytes in;
	const struct root *root;
	struct tpm_auth auth = { .by = BY_AUTH };

	*ret = (struct tpmkey) { .blob = *b };
	*b = (struct blob) { 0 };
	in = buf_bytes(&ret->blob.pub);
	OK(wire_read_public(&in, &ret->pub));
	OK(wire_end(in));
	OK(crypt_name(&ret->pub.publicArea, &ret->name));
	ret->ref.name = BYTES(ret->name.name, ret->name.size);
	OK(root_get(t, &root));
	OK(cmd_load(t, &root->ref, &auth, &ret->blob, &ret->ref.handle));
}

void tpmkeys_make(struct tpm *t, const TPMT_PUBLIC *template, struct bytes auth, struct bytes data,
		  struct tpmkey *ret)
{
	const struct new_object what = { .template = template, .auth = auth, .data = data };
	const struct root *root;
	struct blob b = { 0 };

	OK(root_get(t, &root));
	OK(cmd_create(t, &root->ref, root->auth, &what, &b));
	tpmkeys_load(t, &b, ret);
}

void tpmkeys_drop(struct tpm *t, struct tpmkey *k)
{
	OK(cmd_flush(t, k->ref.handle));
	blob_clear(&k->blob);
}
