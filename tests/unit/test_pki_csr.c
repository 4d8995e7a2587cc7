/* Requests: libcrypto's read by us, ours read by libcrypto, and a set of hostile ones. */
#include <openssl/core_names.h>
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
	assert_non_null(strstr(err_detail(INRO_E_SYNTAX), "no PEM block 'CERTIFICATE REQUEST', but 'CERTIFICATE'"));
	assert_int_equal(csr_read(bytes_of("-----BEGIN \033[1m-----"), &wrong), INRO_E_SYNTAX);
	assert_null(strchr(err_detail(INRO_E_SYNTAX), '\033')); /* nothing of what strangers write */
	assert_int_equal(csr_read(bytes_of("-----BEGIN "), &wrong), INRO_E_SYNTAX);
	assert_int_equal(csr_read(bytes_of("a PIN, by mistake"), &wrong), INRO_E_SYNTAX);
	assert_non_null(strstr(err_detail(INRO_E_SYNTAX), "neither PEM nor DER"));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_new_request_label),
		cmocka_unit_test(test_pss_request),
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
		cmocka_unit_test(test_point_off_the_curve),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_huge_names),
		cmocka_unit_test(test_nul_in_the_subject),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
