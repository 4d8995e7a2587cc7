/* test_core_wrap - symmetric keys wrapped so that others open them: by libcrypto alone. */
#include <jansson.h>
#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/symkey.h"
#include "backoffice/pki/envelope.h"
#include "tests/lib/keyed.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)

static struct keyed office;
static struct core *c;
static EVP_PKEY **keys = office.keys;

static int setup(void **state)
{
	(void)state;
	keyed_open("wrap", &office);
	c = office.c;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	keyed_close(&office);
	return 0;
}

/* ---- JWE, opened ---- */

static size_t from_base64url(const char *text, size_t n, uint8_t *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned bits = 0, have = 0;
	size_t made = 0;

	for (size_t i = 0; i < n; i++) {
		const char *at = memchr(digits, text[i], 64);

		assert_non_null(at);
		bits = bits << 6 | (unsigned)(at - digits);
		have += 6;
		if (have >= 8)
			out[made++] = (uint8_t)(bits >> (have -= 8));
	}
	return made;
}

static EVP_PKEY *epk_of(json_t *epk)
{
	uint8_t point[65] = { 4 };
	const char *x = json_string_value(json_object_get(epk, "x"));
	const char *y = json_string_value(json_object_get(epk, "y"));
	char group[] = "prime256v1";
	OSSL_PARAM params[3];
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key = NULL;

	assert_string_equal(json_string_value(json_object_get(epk, "crv")), "P-256");
	assert_int_equal(from_base64url(x, strlen(x), point + 1), 32);
	assert_int_equal(from_base64url(y, strlen(y), point + 33), 32);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 65);
	params[2] = OSSL_PARAM_construct_end();
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static size_t unwrap(const uint8_t *kek, size_t bits, bool pad, struct bytes in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	char name[32];
	int n = 0, last = 0;

	snprintf(name, sizeof name, "AES-%zu-WRAP%s", bits, pad ? "-PAD" : "");
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	assert_int_equal(EVP_DecryptInit_ex2(ctx, cipher, kek, NULL, NULL), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, out, &n, in.p, (int)in.n), 1);
	assert_int_equal(EVP_DecryptFinal_ex(ctx, out + n, &last), 1);
	EVP_CIPHER_free(cipher);
	EVP_CIPHER_CTX_free(ctx);
	return (size_t)(n + last);
}

/* RFC 7518 appendix C's way: SHA-256 of 1, Z and the lengths and words. */
static void kek_of(EVP_PKEY *own, EVP_PKEY *epk, uint8_t kek[static 32])
{
	static const char info[] = "\0\0\0\x0e"
				   "ECDH-ES+A256KW"
				   "\0\0\0\0\0\0\0\0\0\0\1";
	uint8_t all[4 + 32 + sizeof info] = { 0, 0, 0, 1 };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	size_t n = 32;

	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, epk), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, all + 4, &n), 1);
	memcpy(all + 36, info, sizeof info); /* its NUL is the last octet of 256 */
	assert_int_equal(EVP_Digest(all, sizeof all, kek, NULL, EVP_sha256(), NULL), 1);
	EVP_PKEY_CTX_free(ctx);
}

static void cek_of(EVP_PKEY *own, json_t *header, struct bytes wrapped, uint8_t cek[static 32])
{
	json_t *epk = json_object_get(header, "epk");
	size_t n = 512;
	uint8_t room[512], kek[32];

	if (epk) {
		EVP_PKEY *other = epk_of(epk);

		kek_of(own, other, kek);
		EVP_PKEY_free(other);
		n = unwrap(kek, 256, false, wrapped, room);
	} else {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);

		assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING);
		EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256());
		assert_int_equal(EVP_PKEY_decrypt(ctx, room, &n, wrapped.p, wrapped.n), 1);
		EVP_PKEY_CTX_free(ctx);
	}
	assert_int_equal(n, 32);
	memcpy(cek, room, 32);
}

static size_t open_jwe(EVP_PKEY *own, const char *alg, const char *jwe, uint8_t *out)
{
	uint8_t part[5][1024], cek[32];
	size_t n[5];
	const char *at = jwe, *dot = strchr(jwe, '.');
	size_t aad = (size_t)(dot - jwe);
	int made = 0, last = 0;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	json_t *header;

	for (int i = 0; i < 5; i++, at = dot + 1) {
		dot = at + strcspn(at, ".");
		assert_int_equal(*dot == '.', i < 4);
		n[i] = from_base64url(at, (size_t)(dot - at), part[i]);
	}
	header = json_loadb((const char *)part[0], n[0], 0, NULL);
	assert_string_equal(json_string_value(json_object_get(header, "alg")), alg);
	assert_string_equal(json_string_value(json_object_get(header, "enc")), "A256GCM");
	cek_of(own, header, BYTES(part[1], n[1]), cek);
	assert_int_equal(n[2], 12);
	assert_int_equal(n[4], 16);
	assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, cek, part[2]), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, NULL, &made, (const uint8_t *)jwe, (int)aad), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, out, &made, part[3], (int)n[3]), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, part[4]), 1);
	assert_int_equal(EVP_DecryptFinal_ex(ctx, out + made, &last), 1);
	EVP_CIPHER_CTX_free(ctx);
	json_decref(header);
	return (size_t)(made + last);
}

static void check_jwe(const char *device, EVP_PKEY *own, const char *alg)
{
	const struct symkey_delivery d = { .form = SYMKEY_JWE };
	SCOPED(buf) value = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(symkey) k = { 0 };
	uint8_t out[1024];
	char ref[24];

	keyed_make(c, device, "aes-256", ref, &value);
	OK(symkey_deliver(c, ref, &d, &k, &text));
	buf_add_u8(&text, 0);
	assert_int_equal(open_jwe(own, alg, (const char *)text.p, out), value.n);
	assert_memory_equal(out, value.p, value.n);
}

static void test_jwe(void **state)
{
	(void)state;
	check_jwe("dev-0", keys[0], "ECDH-ES+A256KW");
	check_jwe("dev-1", keys[1], "RSA-OAEP-256");
}

/* ---- CMS ---- */

static void check_cms(const char *device, EVP_PKEY *own, enum symkey_form form, int type)
{
	const struct symkey_delivery d = { .form = form };
	SCOPED(buf) value = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(symkey) k = { 0 };
	char ref[24];
	const uint8_t *p;
	char *text;
	long n;

	keyed_make(c, device, "hmac-512", ref, &value);
	OK(symkey_deliver(c, ref, &d, &k, &der));
	p = der.p;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.n);
	assert_non_null(cms);
	assert_int_equal(OBJ_obj2nid(CMS_get0_type(cms)), type);
	BIO *out = BIO_new(BIO_s_mem());
	assert_int_equal(CMS_decrypt(cms, own, NULL, NULL, out, CMS_BINARY), 1);
	n = BIO_get_mem_data(out, &text);
	assert_int_equal(n, value.n);
	assert_memory_equal(text, value.p, value.n);
	BIO_free(out);
	CMS_ContentInfo_free(cms);
}

static void test_cms(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *device = i ? "dev-1" : "dev-0";

		check_cms(device, keys[i], SYMKEY_CMS, NID_pkcs7_enveloped);
		check_cms(device, keys[i], SYMKEY_CMS_AUTH, NID_id_smime_ct_authEnvelopedData);
	}
}

/* ---- what a token opens in one call ---- */

static void kwp_open(struct bytes kek, struct bytes in, const struct buf *value)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t out[256];
	int n = 0;

	assert_true(in.n < sizeof out);
	EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	assert_int_equal(EVP_DecryptInit_ex2(ctx, cipher, kek.p, NULL, NULL), 1);
	assert_int_equal(EVP_DecryptUpdate(ctx, out, &n, in.p, (int)in.n), 1);
	assert_int_equal(n, value->n);
	assert_memory_equal(out, value->p, value->n);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
}

/* X9.63 of one round: SHA-256(Z || 00000001). */
static void x963(const uint8_t *z, size_t n, uint8_t out[static 32])
{
	uint8_t in[128];

	assert_true(n + 4 <= sizeof in);
	memcpy(in, z, n);
	memcpy(in + n, "\0\0\0\1", 4);
	assert_int_equal(EVP_Digest(in, n + 4, out, NULL, EVP_sha256(), NULL), 1);
}

static void open_agreed(EVP_PKEY *own, struct bytes in, const struct buf *value)
{
	EVP_PKEY *from = EVP_PKEY_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	uint8_t z[66], kek[32];
	size_t n = sizeof z, point = 65;

	assert_int_equal(EVP_PKEY_copy_parameters(from, own), 1);
	assert_int_equal(EVP_PKEY_set1_encoded_public_key(from, in.p, point), 1);
	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, from), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, z, &n), 1);
	x963(z, n, kek);
	kwp_open(BYTES(kek, sizeof kek), BYTES(in.p + point, in.n - point), value);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(from);
}

static void open_rsa(EVP_PKEY *own, struct bytes in, const struct buf *value)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	uint8_t kek[256];
	size_t n = sizeof kek, first = (size_t)EVP_PKEY_get_size(own);

	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, kek, &n, in.p, first), 1);
	assert_int_equal(n, 32);
	kwp_open(BYTES(kek, n), BYTES(in.p + first, in.n - first), value);
	EVP_PKEY_CTX_free(ctx);
}

static void test_pkcs11(void **state)
{
	static const char *const types[] = { "twine-80", "aes-256", "hmac-512" };
	const struct symkey_delivery d = { .form = SYMKEY_PKCS11 };
	char ref[24];

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(types); i++) {
		const char *device = i % 2 ? "dev-1" : "dev-0";
		SCOPED(buf) value = { 0 };
		SCOPED(buf) out = { 0 };
		SCOPED(symkey) k = { 0 };

		keyed_make(c, device, types[i / 2], ref, &value);
		OK(symkey_deliver(c, ref, &d, &k, &out));
		(i % 2 ? open_rsa : open_agreed)(keys[i % 2], buf_bytes(&out), &value);
	}
}

/* ---- AES key wrap ---- */

/* RFC 3394 4.6, RFC 5649 6. */
static void test_aes_wrap(void **state)
{
	static const struct {
		const char *kek, *key, *wrapped;
	} vectors[] = {
		{ "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
		  "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
		  "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD2"
		  "1" },
		{ "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
		  "c37b7e6492584340bed12207808941155068f738",
		  "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		uint8_t kek[32], key[32], wrapped[48];
		size_t kek_n, key_n, n;
		SCOPED(buf) out = { 0 };

		OK(hex_decode(bytes_of(vectors[i].kek), kek, sizeof kek, &kek_n));
		OK(hex_decode(bytes_of(vectors[i].key), key, sizeof key, &key_n));
		OK(hex_decode(bytes_of(vectors[i].wrapped), wrapped, sizeof wrapped, &n));
		OK(envelope_aes_wrap(BYTES(kek, kek_n), BYTES(key, key_n), &out));
		assert_true(bytes_equal(buf_bytes(&out), BYTES(wrapped, n)));
		FAILS(INRO_E_KEY_SIZE, envelope_aes_wrap(BYTES(kek, 10), BYTES(key, key_n), &out));
	}
}

static void test_under_own_key(void **state)
{
	static const char *const types[] = { "aes-128", "twine-80", "generic-512" };
	SCOPED(buf) kek = { 0 };
	char under[24];

	(void)state;
	keyed_make(c, "dev-0", "aes-256", under, &kek);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		const struct symkey_delivery d = { .form = SYMKEY_AES_KW, .under = under };
		SCOPED(buf) value = { 0 };
		SCOPED(buf) wrapped = { 0 };
		SCOPED(symkey) k = { 0 };
		uint8_t out[128];
		char ref[24];

		keyed_make(c, "dev-0", types[i], ref, &value);
		OK(symkey_deliver(c, ref, &d, &k, &wrapped));
		assert_int_equal(unwrap(kek.p, 256, value.n % 8, buf_bytes(&wrapped), out),
				 value.n);
		assert_memory_equal(out, value.p, value.n);
	}
}

/* No key goes under one that is easier to break. */
static void test_under_weaker_key(void **state)
{
	static const struct {
		const char *under, *key;
		enum inro_err is;
	} rows[] = {
		{ "aes-128", "aes-256", INRO_E_POLICY },  { "aes-128", "aes-192", INRO_E_POLICY },
		{ "aes-192", "hmac-512", INRO_E_POLICY }, { "aes-128", "twine-128", INRO_OK },
		{ "aes-192", "aes-128", INRO_OK },	  { "aes-256", "hmac-512", INRO_OK },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char under[24], ref[24];
		const struct symkey_delivery d = { .form = SYMKEY_AES_KW, .under = under };
		SCOPED(buf) kek = { 0 };
		SCOPED(buf) value = { 0 };
		SCOPED(buf) wrapped = { 0 };
		SCOPED(symkey) k = { 0 };

		keyed_make(c, "dev-0", rows[i].under, under, &kek);
		keyed_make(c, "dev-0", rows[i].key, ref, &value);
		FAILS(rows[i].is, symkey_deliver(c, ref, &d, &k, &wrapped));
		assert_int_equal(wrapped.n != 0, rows[i].is == INRO_OK);
	}
}

/* Not to the newest, but to the one that is named: this device's, in use. */
static void test_named_certificate(void **state)
{
	EVP_PKEY *own = office_key("P-256"), *other = office_key("P-256");
	SCOPED(symkey) k = { 0 };
	SCOPED(cred) gone = { 0 };
	SCOPED(buf) value = { 0 };
	SCOPED(buf) out = { 0 };
	char ref[24], name[24];
	struct symkey_delivery d = { .form = SYMKEY_PKCS11, .certificate = name };
	const struct cred_revocation why = { .reason = "superseded" };

	(void)state;
	keyed_certify(c, "two", other);
	snprintf(name, sizeof name, "id:%lld", (long long)keyed_certify_more(c, "two", own));
	(void)keyed_certify_more(c, "two", other);
	keyed_make(c, "two", "aes-128", ref, &value);
	OK(symkey_deliver(c, ref, &d, &k, &out));
	open_agreed(own, buf_bytes(&out), &value);
	OK(cred_revoke(c, name, &why, &gone));
	FAILS(INRO_E_STATE, symkey_deliver(c, ref, &d, &k, &out));
	snprintf(name, sizeof name, "id:%lld", (long long)keyed_certify_more(c, "dev-0", keys[0]));
	FAILS(INRO_E_NOT_FOUND, symkey_deliver(c, ref, &d, &k, &out));
	d.certificate = "id:99999999";
	FAILS(INRO_E_NOT_FOUND, symkey_deliver(c, ref, &d, &k, &out));
	EVP_PKEY_free(own);
	EVP_PKEY_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jwe),
		cmocka_unit_test(test_cms),
		cmocka_unit_test(test_pkcs11),
		cmocka_unit_test(test_aes_wrap),
		cmocka_unit_test(test_under_own_key),
		cmocka_unit_test(test_under_weaker_key),
		cmocka_unit_test(test_named_certificate),
	};

	office_tokens();
	return cmocka_run_group_tests(tests, setup, teardown);
}
