/* Requests: libcrypto's read by us, ours read by libcrypto, and a set of hostile ones. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/pki/pem.h"
#include "backoffice/pki/san.h"
#include "base/der.h"
#include "tests/lib/judge.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static const struct {
	const char *key;
	enum pki_key type;
	unsigned bits;
	const char *name;
} keys[] = {
	{ "P-256", PKI_EC_P256, 256, "ec-p256" },
	{ "P-384", PKI_EC_P384, 384, "ec-p384" },
	{ "P-521", PKI_EC_P521, 521, "ec-p521" },
	{ "P-224", PKI_EC_P224, 224, "ec-p224" },
	{ "secp256k1", PKI_EC_K256, 256, "ec-secp256k1" },
	{ "brainpoolP224r1", PKI_EC_BP224, 224, "ec-brainpoolp224r1" },
	{ "brainpoolP256r1", PKI_EC_BP256, 256, "ec-brainpoolp256r1" },
	{ "brainpoolP320r1", PKI_EC_BP320, 320, "ec-brainpoolp320r1" },
	{ "brainpoolP384r1", PKI_EC_BP384, 384, "ec-brainpoolp384r1" },
	{ "brainpoolP512r1", PKI_EC_BP512, 512, "ec-brainpoolp512r1" },
	{ "rsa:2048", PKI_RSA, 2048, "rsa-2048" },
	{ "rsa-pss:2048", PKI_RSA_PSS, 2048, "rsa-pss-2048" }, /* its salt is as long as there is room for */
};

static EVP_PKEY *ec; /* shared by the tests that need any key */

static int setup(void **state)
{
	(void)state;
	ec = judge_key("P-256");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(ec);
	return 0;
}

/* ---- libcrypto's, read by us ---- */

static X509_REQ *request(EVP_PKEY *key, const char *san, const char *usage)
{
	X509_REQ *r = X509_REQ_new();
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();

	X509_REQ_set_version(r, 0);
	X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(r), "CN", MBSTRING_UTF8,
				   (const unsigned char *)"dev-1", -1, -1, 0);
	X509_REQ_set_pubkey(r, key);
	if (san)
		sk_X509_EXTENSION_push(list,
				       X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san));
	if (usage)
		sk_X509_EXTENSION_push(list, X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage));
	if (sk_X509_EXTENSION_num(list))
		X509_REQ_add_extensions(r, list);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return r;
}

static void encode(X509_REQ *r, struct buf *ret)
{
	unsigned char *der = NULL;
	int n = i2d_X509_REQ(r, &der);

	assert_true(n > 0);
	buf_add(ret, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	X509_REQ_free(r);
}

static void libcrypto_csr(EVP_PKEY *key, const char *san, const char *usage, struct buf *ret)
{
	X509_REQ *r = request(key, san, usage);

	assert_true(X509_REQ_sign(r, key, EVP_sha256()) > 0);
	encode(r, ret);
}

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		EVP_PKEY *key = judge_key(keys[i].key);
		SCOPED(buf) der = { 0 };
		SCOPED(buf) pem = { 0 };
		SCOPED(buf) spki = { 0 };
		SCOPED(buf) text = { 0 };
		SCOPED(csr) c = { 0 };
		SCOPED(csr) again = { 0 };
		char name[PUBKEY_NAME_MAX];

		libcrypto_csr(key, "DNS:a.example,IP:192.0.2.1,URI:urn:x:y,email:a@b.example",
			      "critical,digitalSignature,keyAgreement,decipherOnly", &der);
		OK(csr_read(buf_bytes(&der), &c));
		OK(csr_verify(&c));
		assert_int_equal(c.key.type, keys[i].type);
		assert_int_equal(c.key.bits, keys[i].bits);
		pubkey_name(&c.key, name, sizeof name);
		assert_string_equal(name, keys[i].name);
		judge_spki(key, &spki);
		assert_true(bytes_equal(c.key.spki, buf_bytes(&spki)));
		OK(dn_text(c.subject, &text));
		assert_true(bytes_is(buf_bytes(&text), "CN=dev-1"));
		buf_reset(&text);
		OK(san_text(c.ext.sans, &text));
		assert_true(bytes_is(buf_bytes(&text), "DNS:a.example, IP:192.0.2.1, URI:urn:x:y, "
						       "email:a@b.example"));
		assert_true(c.ext.has_key_usage && c.ext.key_usage_critical);
		assert_int_equal(c.ext.key_usage, USAGE_DIGITAL_SIGNATURE | USAGE_KEY_AGREEMENT |
							  USAGE_DECIPHER_ONLY);
		pem_add(&pem, PEM_CSR, buf_bytes(&der));
		OK(csr_read(buf_bytes(&pem), &again));
		assert_true(bytes_equal(buf_bytes(&again.der), buf_bytes(&der)));
		EVP_PKEY_free(key);
	}
}

static void test_new_request_label(void **state)
{
	SCOPED(buf) der = { 0 };
	SCOPED(buf) pem = { 0 };
	SCOPED(csr) c = { 0 };
	SCOPED(csr) wrong = { 0 };

	(void)state;
	libcrypto_csr(ec, NULL, NULL, &der);
	pem_add(&pem, "NEW CERTIFICATE REQUEST", buf_bytes(&der));
	OK(csr_read(buf_bytes(&pem), &c));
	buf_reset(&pem);
	pem_add(&pem, PEM_CERT, buf_bytes(&der));
	assert_int_equal(csr_read(buf_bytes(&pem), &wrong), INRO_E_SYNTAX);
}

static void test_pss_request(void **state)
{
	static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };
	EVP_PKEY *key = judge_key("rsa:2048");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(digests); i++) {
		X509_REQ *r = request(key, NULL, NULL);
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		EVP_PKEY_CTX *pctx = NULL;
		SCOPED(buf) der = { 0 };
		SCOPED(csr) c = { 0 };

		assert_int_equal(
			EVP_DigestSignInit_ex(ctx, &pctx, digests[i], NULL, NULL, key, NULL), 1);
		EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
		EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST);
		assert_true(X509_REQ_sign_ctx(r, ctx) > 0);
		EVP_MD_CTX_free(ctx);
		encode(r, &der);
		OK(csr_read(buf_bytes(&der), &c));
		assert_int_equal(c.sig->scheme, PKI_SIGN_PSS);
		OK(csr_verify(&c));
	}
	EVP_PKEY_free(key);
}

static void test_challenge(void **state)
{
	X509_REQ *r = request(ec, "DNS:a.example", NULL);
	SCOPED(buf) der = { 0 };
	SCOPED(csr) c = { 0 };

	(void)state;
	X509_REQ_add1_attr_by_NID(r, NID_pkcs9_challengePassword, MBSTRING_ASC,
				  (const unsigned char *)"secret one", -1);
	assert_true(X509_REQ_sign(r, ec, EVP_sha256()) > 0);
	encode(r, &der);
	OK(csr_read(buf_bytes(&der), &c));
	assert_true(bytes_is(c.challenge, "secret one"));
	OK(csr_verify(&c));
}

/* ---- ours, read by libcrypto ---- */

static void build(EVP_PKEY *key, const struct csr_plan *plan, struct buf *ret)
{
	SCOPED(buf) info = { 0 };
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) signature = { 0 };
	struct csr_plan p = *plan;
	struct pubkey pub;
	const struct pki_sig *sig;

	judge_spki(key, &spki);
	OK(pubkey_read(buf_bytes(&spki), &pub));
	OK(pki_sig_for(pub.type, PKI_HASH_NONE, &sig));
	p.spki = buf_bytes(&spki);
	OK(csr_info(&p, &info));
	judge_sign(key, sig, buf_bytes(&info), &signature);
	OK(pki_signed(buf_bytes(&info), sig, buf_bytes(&signature), ret));
}

static void test_build(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		EVP_PKEY *key = judge_key(keys[i].key);
		SCOPED(buf) name = { 0 };
		SCOPED(buf) sans = { 0 };
		SCOPED(buf) der = { 0 };
		SCOPED(csr) c = { 0 };
		struct csr_plan plan = { .key_usage = USAGE_DIGITAL_SIGNATURE,
					 .eku = EKU_CLIENT_AUTH | EKU_SERVER_AUTH };
		X509_REQ *r;
		STACK_OF(X509_EXTENSION) * list;

		judge_name("/O=Example/CN=dev-1", &name);
		OK(san_add(&sans, "URI:urn:x:y"));
		plan.subject = buf_bytes(&name);
		plan.sans = buf_bytes(&sans);
		if (i % 2)
			plan.challenge = bytes_of("pass-1");
		build(key, &plan, &der);
		r = judge_req(buf_bytes(&der));
		assert_int_equal(X509_REQ_verify(r, key), 1);
		assert_int_equal(X509_REQ_get_attr_count(r), i % 2 ? 2 : 1);
		list = X509_REQ_get_extensions(r);
		assert_int_equal(sk_X509_EXTENSION_num(list), 3);
		sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
		X509_REQ_free(r);
		OK(csr_read(buf_bytes(&der), &c));
		OK(csr_verify(&c));
		assert_true(bytes_equal(c.challenge, plan.challenge));
		assert_int_equal(c.ext.eku, plan.eku);
		EVP_PKEY_free(key);
	}
}

static void test_build_bare(void **state)
{
	SCOPED(buf) name = { 0 };
	SCOPED(buf) der = { 0 };
	struct csr_plan plan = { 0 };
	X509_REQ *r;

	(void)state;
	judge_name("", &name);
	plan.subject = buf_bytes(&name);
	build(ec, &plan, &der);
	r = judge_req(buf_bytes(&der));
	assert_int_equal(X509_REQ_verify(r, ec), 1);
	assert_int_equal(X509_REQ_get_attr_count(r), 0);
	X509_REQ_free(r);
}

/* ---- hostile ones ---- */

static enum inro_err read_only(struct bytes der)
{
	SCOPED(csr) c = { 0 };

	return csr_read(der, &c);
}

static enum inro_err read_and_verify(struct bytes der)
{
	SCOPED(csr) c = { 0 };
	enum inro_err e = csr_read(der, &c);

	return e ? e : csr_verify(&c);
}

/* In memory of its own, so that a sanitizer sees one octet too far. */
static enum inro_err read_copy(struct bytes der, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	enum inro_err e;

	memcpy(copy, der.p, n);
	e = read_and_verify(BYTES(copy, n));
	free(copy);
	return e;
}

static void test_truncated(void **state)
{
	SCOPED(buf) der = { 0 };

	(void)state;
	libcrypto_csr(ec, "DNS:a.example", "digitalSignature", &der);
	for (size_t n = 0; n < der.n; n++)
		assert_int_not_equal(read_copy(buf_bytes(&der), n), INRO_OK);
	OK(read_copy(buf_bytes(&der), der.n));
}

/* Each octet changed: refused, or the signature no longer fits, but never both fine. */
static void test_each_octet_changed(void **state)
{
	static const uint8_t masks[] = { 0x01, 0x20, 0x80, 0xff };
	SCOPED(buf) der = { 0 };

	(void)state;
	libcrypto_csr(ec, "DNS:a.example", "digitalSignature", &der);
	for (size_t i = 0; i < der.n; i++)
		for (size_t m = 0; m < sizeof masks; m++) {
			der.p[i] ^= masks[m];
			assert_int_not_equal(read_copy(buf_bytes(&der), der.n), INRO_OK);
			der.p[i] ^= masks[m];
		}
}

static void test_trailing(void **state)
{
	SCOPED(buf) der = { 0 };

	(void)state;
	libcrypto_csr(ec, NULL, NULL, &der);
	buf_add_u8(&der, 0);
	assert_int_equal(read_only(buf_bytes(&der)), INRO_E_SYNTAX);
}

static void test_oversized(void **state)
{
	uint8_t *big = calloc(1, CSR_MAX + 1);
	SCOPED(buf) text = { 0 };

	(void)state;
	pem_add(&text, PEM_CSR, BYTES(big, CSR_MAX));
	assert_true(text.n > CSR_MAX && text.n <= PEM_MAX(CSR_MAX));
	assert_int_equal(read_only(buf_bytes(&text)), INRO_E_SYNTAX); /* no longer than may be, and nonsense */
	buf_reset(&text);
	pem_add(&text, PEM_CSR, BYTES(big, CSR_MAX + 1));
	assert_int_equal(read_only(buf_bytes(&text)), INRO_E_TOO_BIG);
	for (size_t i = 0; i < CSR_MAX; i++)
		buf_add_u8(&text, ' ');
	assert_int_equal(read_only(buf_bytes(&text)), INRO_E_TOO_BIG);
	assert_int_equal(read_only(BYTES(big, CSR_MAX + 1)), INRO_E_TOO_BIG);
	assert_int_equal(read_only(BYTES(big, CSR_MAX)), INRO_E_SYNTAX);
	assert_int_equal(read_only(BYTES_NONE), INRO_E_SYNTAX);
	memset(big, 0x30, CSR_MAX); /* nested for ever */
	assert_int_equal(read_only(BYTES(big, CSR_MAX)), INRO_E_SYNTAX);
	free(big);
}

static void test_wrong_key(void **state)
{
	EVP_PKEY *other = judge_key("P-256");
	X509_REQ *r = request(ec, NULL, NULL);
	SCOPED(buf) der = { 0 };

	(void)state;
	assert_true(X509_REQ_sign(r, other, EVP_sha256()) > 0);
	encode(r, &der);
	OK(read_only(buf_bytes(&der)));
	assert_int_equal(read_and_verify(buf_bytes(&der)), INRO_E_SIGNATURE);
	EVP_PKEY_free(other);
}

static void test_weak_hash(void **state)
{
	X509_REQ *r = request(ec, NULL, NULL);
	SCOPED(buf) der = { 0 };

	(void)state;
	assert_true(X509_REQ_sign(r, ec, EVP_sha1()) > 0);
	encode(r, &der);
	assert_int_equal(read_only(buf_bytes(&der)), INRO_E_UNSUPPORTED);
}

static void test_explicit_parameters(void **state)
{
	EVP_PKEY *key = judge_key("P-256");
	SCOPED(buf) der = { 0 };

	(void)state;
	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
							OSSL_PKEY_EC_ENCODING_EXPLICIT),
			 1);
	libcrypto_csr(key, NULL, NULL, &der);
	assert_int_equal(read_only(buf_bytes(&der)), INRO_E_UNSUPPORTED);
	EVP_PKEY_free(key);
}

/* id-RSASSA-PSS bound to a hash: read with its bounds, refused where they are broken or make no sense. */
static void test_bound_pss(void **state)
{
	static const struct {
		const char *digest, *mask;
		int salt;
		enum pki_hash only;
		enum inro_err e;
	} rows[] = {
		{ "SHA256", "SHA256", 32, PKI_SHA256, INRO_OK },
		{ "SHA384", "SHA384", 20, PKI_SHA384, INRO_OK },
		{ "SHA256", "SHA512", 32, PKI_HASH_NONE, INRO_E_UNSUPPORTED },
		{ "SHA256", "SHA256", 33, PKI_HASH_NONE, INRO_E_UNSUPPORTED },
		{ "SHA1", "SHA1", 20, PKI_HASH_NONE, INRO_E_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
		EVP_PKEY *key = NULL;
		SCOPED(buf) spki = { 0 };
		SCOPED(buf) signature = { 0 };
		const struct pki_sig *sig, *other;
		struct pubkey k = { 0 };

		assert_true(EVP_PKEY_keygen_init(ctx) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(ctx, rows[i].digest, NULL) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(ctx, rows[i].mask) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, rows[i].salt) > 0);
		assert_true(EVP_PKEY_generate(ctx, &key) > 0);
		judge_spki(key, &spki);
		assert_int_equal(pubkey_read(buf_bytes(&spki), &k), rows[i].e);
		if (rows[i].e == INRO_OK) {
			assert_int_equal(k.only, rows[i].only);
			OK(pubkey_sig(&k, PKI_HASH_NONE, &sig));
			assert_int_equal(sig->hash, rows[i].only);
			OK(pubkey_sig_pss(&k, rows[i].only, &other));
			assert_ptr_equal(other, sig);
			assert_int_equal(pubkey_sig(&k, PKI_SHA512, &other), INRO_E_KEY_TYPE);
			assert_int_equal(pubkey_sig_pss(&k, PKI_SHA512, &other), INRO_E_KEY_TYPE);
			judge_sign(key, sig, bytes_of("text"), &signature);
			OK(pubkey_verify(&k, sig, bytes_of("text"), buf_bytes(&signature)));
			OK(pki_sig_for(PKI_RSA_PSS, PKI_SHA512, &other));
			assert_int_equal(pubkey_verify(&k, other, bytes_of("text"),
						       buf_bytes(&signature)),
					 INRO_E_KEY_TYPE);
		}
		EVP_PKEY_free(key);
		EVP_PKEY_CTX_free(ctx);
	}
}

/* SubjectPublicKeyInfo of these numbers, by this AlgorithmIdentifier. */
static void with_algorithm(const struct pubkey *k, struct bytes algorithm, struct buf *ret)
{
	size_t seq = der_begin(ret, DER_SEQUENCE);

	buf_add(ret, algorithm);
	der_add_bits(ret, k->key_bits);
	der_end(ret, seq);
	OK(buf_err(ret));
}

/* An RSA key is the same one whatever it signs by; its hash is that of rsaEncryption. */
static void check_form(const struct pubkey *rsa, struct bytes algorithm, enum pki_hash only)
{
	SCOPED(buf) form = { 0 };
	uint8_t print[PKI_DIGEST_MAX], hash[PKI_DIGEST_MAX];
	struct pubkey k;

	with_algorithm(rsa, algorithm, &form);
	OK(pubkey_read(buf_bytes(&form), &k));
	assert_int_equal(k.type, PKI_RSA_PSS);
	assert_int_equal(k.only, only);
	OK(pki_digest(PKI_SHA256, rsa->spki, hash));
	OK(pubkey_print(&k, print));
	assert_memory_equal(print, hash, PUBKEY_PRINT);
	OK(pubkey_print(rsa, print));
	assert_memory_equal(print, hash, PUBKEY_PRINT);
	assert_true(pubkey_same(&k, rsa) && pubkey_same(rsa, &k));
}

static void test_one_key(void **state)
{
	static const struct bytes pss = BYTES_LIT("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a");
	SCOPED(buf) one = { 0 };
	SCOPED(buf) two = { 0 };
	SCOPED(buf) three = { 0 };
	EVP_PKEY *made[2] = { judge_key("rsa:2048"), judge_key("rsa:2048") };
	const struct pki_sig *bound;
	struct pubkey rsa, other, p256;

	(void)state;
	judge_spki(made[0], &one);
	judge_spki(made[1], &two);
	judge_spki(ec, &three);
	OK(pubkey_read(buf_bytes(&one), &rsa));
	OK(pubkey_read(buf_bytes(&two), &other));
	OK(pubkey_read(buf_bytes(&three), &p256));
	OK(pki_sig_for(PKI_RSA_PSS, PKI_SHA384, &bound));
	check_form(&rsa, pss, PKI_HASH_NONE);
	check_form(&rsa, bound->identifier, PKI_SHA384);
	assert_true(pubkey_same(&p256, &p256));
	assert_false(pubkey_same(&p256, &rsa));
	assert_false(pubkey_same(&rsa, &other));
	EVP_PKEY_free(made[0]);
	EVP_PKEY_free(made[1]);
}

/* No byte of the parameters of PSS can be left out or follow. */
static void test_pss_parameters_cut(void **state)
{
	const struct pki_sig *sig, *found;
	uint8_t id[128];

	(void)state;
	OK(pki_sig_for(PKI_RSA_PSS, PKI_SHA256, &sig));
	memcpy(id, sig->identifier.p, sig->identifier.n);
	for (size_t n = 0; n < sig->identifier.n; n++)
		assert_int_not_equal(pki_sig_find(BYTES(id, n), &found), INRO_OK);
	for (size_t i = 0; i + 1 < sig->identifier.n; i++) {
		id[i] ^= 0x40;
		assert_int_not_equal(pki_sig_find(BYTES(id, sig->identifier.n), &found), INRO_OK);
		id[i] ^= 0x40;
	}
}

static void test_other_keys(void **state)
{
	static const char *const groups[] = { "secp224k1", "brainpoolP256t1", "P-192" };
	EVP_PKEY *ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	SCOPED(buf) der = { 0 };
	X509_REQ *r = request(ed, NULL, NULL);

	(void)state;
	assert_true(X509_REQ_sign(r, ed, NULL) > 0);
	encode(r, &der);
	OK(read_only(buf_bytes(&der)));
	EVP_PKEY_free(ed);
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		EVP_PKEY *key = judge_key(groups[i]);

		buf_reset(&der);
		libcrypto_csr(key, NULL, NULL, &der);
		assert_int_equal(read_only(buf_bytes(&der)), INRO_E_UNSUPPORTED);
		EVP_PKEY_free(key);
	}
}

static void test_compressed_point(void **state)
{
	EVP_PKEY *key = judge_key("P-256");
	SCOPED(buf) der = { 0 };

	(void)state;
	assert_int_equal(EVP_PKEY_set_utf8_string_param(
				 key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"),
			 1);
	libcrypto_csr(key, NULL, NULL, &der);
	assert_int_equal(read_only(buf_bytes(&der)), INRO_E_SYNTAX);
	EVP_PKEY_free(key);
}

/* ---- keys that are none ---- */

static void rsa_spki(struct bytes modulus, struct bytes exponent, struct buf *ret)
{
	size_t spki = der_begin(ret, DER_SEQUENCE), part = der_begin(ret, DER_SEQUENCE);

	der_add_oid(ret, "1.2.840.113549.1.1.1");
	der_add(ret, DER_NULL, BYTES_NONE);
	der_end(ret, part);
	part = der_begin(ret, DER_BIT_STRING);
	buf_add_u8(ret, 0);
	size_t key = der_begin(ret, DER_SEQUENCE);
	der_add_unsigned(ret, modulus);
	der_add_unsigned(ret, exponent);
	der_end(ret, key);
	der_end(ret, part);
	der_end(ret, spki);
	OK(buf_err(ret));
}

static void test_rsa_sanity(void **state)
{
	static const uint8_t one[] = { 1 }, two[] = { 2 }, three[] = { 3 }, f4[] = { 1, 0, 1 };
	static const uint8_t long_e[] = { 1, 0, 0, 0, 1 };
	uint8_t n[2049];
	const struct {
		size_t octets;
		struct bytes e;
		uint8_t last;
		enum inro_err err;
	} rows[] = {
		{ 256, BYTES(f4, 3), 1, INRO_OK },
		{ 256, BYTES(three, 1), 1, INRO_OK },
		{ 2048, BYTES(f4, 3), 1, INRO_OK },
		{ 2049, BYTES(f4, 3), 1, INRO_E_POLICY },
		{ 127, BYTES(f4, 3), 1, INRO_E_POLICY },
		{ 1, BYTES(f4, 3), 1, INRO_E_POLICY },
		{ 256, BYTES(one, 1), 1, INRO_E_POLICY },
		{ 256, BYTES(two, 1), 1, INRO_E_POLICY },
		{ 256, BYTES_NONE, 1, INRO_E_POLICY }, /* zero */
		{ 256, BYTES(long_e, 5), 1, INRO_E_POLICY },
		{ 256, BYTES(f4, 3), 2, INRO_E_POLICY },
	};

	(void)state;
	memset(n, 0xaa, sizeof n);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) spki = { 0 };
		struct pubkey k;

		n[rows[i].octets - 1] = rows[i].last;
		rsa_spki(BYTES(n, rows[i].octets), rows[i].e, &spki);
		assert_int_equal(pubkey_read(buf_bytes(&spki), &k), rows[i].err);
		n[rows[i].octets - 1] = 0xaa;
	}
}

static void test_point_off_the_curve(void **state)
{
	SCOPED(buf) der = { 0 };
	SCOPED(csr) c = { 0 };

	(void)state;
	libcrypto_csr(ec, NULL, NULL, &der);
	OK(csr_read(buf_bytes(&der), &c));
	/* the last octet of y */
	c.der.p[(size_t)(c.key.key_bits.p - c.der.p) + c.key.key_bits.n - 1] ^= 1;
	assert_int_equal(csr_verify(&c), INRO_E_SYNTAX);
}

/* ---- requests put together by hand ---- */

/* A request with these attributes, rightly signed. */
static void by_hand(struct bytes subject, struct bytes attributes, struct buf *ret)
{
	SCOPED(buf) info = { 0 };
	SCOPED(buf) signature = { 0 };
	const struct pki_sig *sig;
	size_t mark = der_begin(&info, DER_SEQUENCE);

	der_add_int(&info, 0);
	buf_add(&info, subject);
	judge_spki(ec, &info);
	buf_add(&info, attributes);
	der_end(&info, mark);
	OK(pki_sig_for(PKI_EC_P256, PKI_HASH_NONE, &sig));
	judge_sign(ec, sig, buf_bytes(&info), &signature);
	OK(pki_signed(buf_bytes(&info), sig, buf_bytes(&signature), ret));
}

/* [0] { n × SEQUENCE { oid, SET { value } } } */
static void attributes(struct buf *out, const char *oid, struct bytes value, int n)
{
	size_t all = der_begin(out, DER_CONTEXT_CONSTRUCTED);

	for (int i = 0; i < n; i++) {
		size_t one = der_begin(out, DER_SEQUENCE);

		der_add_oid(out, oid);
		der_add(out, DER_SET, value);
		der_end(out, one);
	}
	der_end(out, all);
	OK(buf_err(out));
}

#define OID_EXTENSIONS "1.2.840.113549.1.9.14"
#define OID_CHALLENGE  "1.2.840.113549.1.9.7"

static enum inro_err with_attributes(const char *oid, struct bytes value, int n)
{
	SCOPED(buf) name = { 0 };
	SCOPED(buf) attrs = { 0 };
	SCOPED(buf) der = { 0 };

	judge_name("CN=x", &name);
	attributes(&attrs, oid, value, n);
	by_hand(buf_bytes(&name), buf_bytes(&attrs), &der);
	return read_and_verify(buf_bytes(&der));
}

static void test_attributes(void **state)
{
	static const uint8_t no_list[] = { 0x30, 0x00 }, text[] = { 0x0c, 0x01, 'x' };
	SCOPED(buf) name = { 0 };
	SCOPED(buf) der = { 0 };

	(void)state;
	judge_name("CN=x", &name);
	by_hand(buf_bytes(&name), BYTES_NONE, &der); /* left out altogether */
	OK(read_and_verify(buf_bytes(&der)));
	OK(with_attributes(OID_EXTENSIONS, BYTES(no_list, 2), 1));
	assert_int_equal(with_attributes(OID_EXTENSIONS, BYTES(no_list, 2), 2), INRO_E_SYNTAX);
	assert_int_equal(with_attributes(OID_EXTENSIONS, BYTES(text, 3), 1), INRO_E_SYNTAX);
	OK(with_attributes(OID_CHALLENGE, BYTES(text, 3), 1));
	assert_int_equal(with_attributes(OID_CHALLENGE, BYTES(text, 3), 2), INRO_E_SYNTAX);
	assert_int_equal(with_attributes(OID_CHALLENGE, BYTES_NONE, 1), INRO_E_SYNTAX);
	OK(with_attributes("1.2.3.4", BYTES(text, 3), 32));
	assert_int_equal(with_attributes("1.2.3.4", BYTES(text, 3), 33), INRO_E_TOO_BIG);
}

/* One extension as a request's list. */
static enum inro_err with_extension(struct bytes one, int n)
{
	SCOPED(buf) list = { 0 };
	size_t mark = der_begin(&list, DER_SEQUENCE);

	for (int i = 0; i < n; i++)
		buf_add(&list, one);
	der_end(&list, mark);
	return with_attributes(OID_EXTENSIONS, buf_bytes(&list), 1);
}

static void test_extensions(void **state)
{
	static const struct {
		const char *what, *value;
	} broken[] = {
		{ "2.5.29.15", "03020700" },	     /* no bit */
		{ "2.5.29.15", "03020680" },	     /* a trailing zero bit */
		{ "2.5.29.15", "03020880" },	     /* eight unused bits */
		{ "2.5.29.15", "030100" },	     /* empty */
		{ "2.5.29.15", "030400010101" },     /* too long */
		{ "2.5.29.37", "3000" },	     /* no usage */
		{ "2.5.29.17", "3000" },	     /* no name */
		{ "2.5.29.19", "3003020101" },	     /* a path length, but no CA */
		{ "2.5.29.19", "30060101ff0201ff" }, /* -1 */
		{ "2.5.29.19", "3003010101" },	     /* a BOOLEAN that is neither */
	};
	SCOPED(buf) one = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		uint8_t value[16];
		size_t seq, n;

		OK(hex_decode(bytes_of(broken[i].value), value, sizeof value, &n));
		buf_reset(&one);
		seq = der_begin(&one, DER_SEQUENCE);
		der_add_oid(&one, broken[i].what);
		der_add(&one, DER_OCTET_STRING, BYTES(value, n));
		der_end(&one, seq);
		assert_int_equal(with_extension(buf_bytes(&one), 1), INRO_E_SYNTAX);
	}
	buf_reset(&one);
	ext_add_key_usage(&one, USAGE_DIGITAL_SIGNATURE);
	OK(with_extension(buf_bytes(&one), 1));
	assert_int_equal(with_extension(buf_bytes(&one), 2), INRO_E_SYNTAX);
	assert_int_equal(with_extension(buf_bytes(&one), 65), INRO_E_SYNTAX);
}

static void test_huge_names(void **state)
{
	SCOPED(buf) sans = { 0 };
	SCOPED(buf) ext = { 0 };

	(void)state;
	sans.max = (size_t)1 << 20;
	while (sans.n < 60000)
		der_add(&sans, DER_CONTEXT | 2, bytes_of("aaaaaaaaaaaaaaa.example"));
	ext_add_sans(&ext, buf_bytes(&sans), false);
	OK(with_extension(buf_bytes(&ext), 1)); /* read, for the profile to refuse */
	assert_int_equal(san_check(buf_bytes(&sans)), INRO_E_TOO_BIG);
	while (sans.n < 120000)
		der_add(&sans, DER_CONTEXT | 2, bytes_of("aaaaaaaaaaaaaaa.example"));
	buf_reset(&ext);
	ext_add_sans(&ext, buf_bytes(&sans), false);
	assert_int_equal(with_extension(buf_bytes(&ext), 1), INRO_E_TOO_BIG);
}

static void test_nul_in_the_subject(void **state)
{
	static const uint8_t evil[] = { 0x30, 0x0e, 0x31, 0x0c, 0x30, 0x0a, 0x06, 0x03,
					0x55, 0x04, 0x03, 0x0c, 0x03, 'a',  0,	  'b' };
	SCOPED(buf) der = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(csr) c = { 0 };

	(void)state;
	by_hand(BYTES(evil, sizeof evil), BYTES_NONE, &der);
	OK(csr_read(buf_bytes(&der), &c));
	assert_int_equal(dn_check(c.subject), INRO_E_SYNTAX);
	OK(dn_text(c.subject, &text)); /* shown without the NUL */
	assert_null(memchr(text.p, 0, text.n));
}

/* RFC 3279 2.3.1: the NULL is there, or the SPKI would go into a certificate without it. */
static void test_rsa_without_null(void **state)
{
	EVP_PKEY *key = judge_key("rsa:2048");
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) bare = { 0 };
	struct bytes seq, algorithm, oid;
	struct pubkey k;
	size_t outer, inner;

	(void)state;
	judge_spki(key, &spki);
	OK(pubkey_read(buf_bytes(&spki), &k));
	OK(der_only(buf_bytes(&spki), DER_SEQUENCE, &seq));
	OK(der_take(&seq, DER_SEQUENCE, &algorithm));
	OK(der_take(&algorithm, DER_OID, &oid));
	outer = der_begin(&bare, DER_SEQUENCE);
	inner = der_begin(&bare, DER_SEQUENCE);
	der_add(&bare, DER_OID, oid);
	der_end(&bare, inner);
	buf_add(&bare, seq);
	der_end(&bare, outer);
	OK(buf_err(&bare));
	assert_int_equal(pubkey_read(buf_bytes(&bare), &k), INRO_E_SYNTAX);
	assert_non_null(strstr(err_detail(INRO_E_SYNTAX), "NULL"));
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsa_without_null),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_new_request_label),
		cmocka_unit_test(test_pss_request),
		cmocka_unit_test(test_bound_pss),
		cmocka_unit_test(test_one_key),
		cmocka_unit_test(test_pss_parameters_cut),
		cmocka_unit_test(test_challenge),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_build_bare),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_each_octet_changed),
		cmocka_unit_test(test_trailing),
		cmocka_unit_test(test_oversized),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_weak_hash),
		cmocka_unit_test(test_explicit_parameters),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_compressed_point),
		cmocka_unit_test(test_rsa_sanity),
		cmocka_unit_test(test_point_off_the_curve),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_huge_names),
		cmocka_unit_test(test_nul_in_the_subject),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
