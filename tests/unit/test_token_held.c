/* What is brought into a token: keys, their other halves, certificates; and the list of what it holds. */
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/envelope.h"
#include "backoffice/pki/pem.h"
#include "tests/lib/each.h"
#include "tests/lib/wish.h"

#define NOW INT64_C(1790000000)

/* ---- import ---- */

static void pkcs8(EVP_PKEY *key, bool pem, struct buf *ret)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (pem)
		assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL),
				 1);
	else
		assert_int_equal(i2d_PKCS8PrivateKey_bio(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(bio, &text);
	buf_add(ret, BYTES(text, (size_t)n));
	BIO_free(bio);
}

static void test_import(void **state)
{
	static const char *const types[] = { "P-256", "P-384", "P-521", "rsa:2048" };
	struct token *t = each_opened("pkcs11:token=one");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		EVP_PKEY *key = judge_key(types[i]);
		struct token_key_plan plan = { .label = "brought" };
		struct token_key *k;
		struct token_entry e;
		SCOPED(buf) file = { 0 };
		SCOPED(buf) spki = { 0 };
		size_t n;

		pkcs8(key, i % 2, &file);
		OK(token_key_import(t, &plan, buf_bytes(&file), &k));
		judge_spki(key, &spki);
		assert_true(bytes_equal(token_key_spki(k), buf_bytes(&spki)));
		each_signs(k);
		e = each_entry(t, "pkcs11:object=brought;type=private");
		assert_true(e.sensitive && !e.extractable && !e.local && e.has_public);
		OK(token_delete(t, token_key_id(k), TOKEN_KEYS, &n));
		assert_int_equal(n, 2);
		token_key_free(k);
		EVP_PKEY_free(key);
	}
	token_close(t);
}

static void destroy_private(struct token *t, struct bytes id)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG n = 0;

	OK(token_ready(t));
	OK(token_find_id(t, CKO_PRIVATE_KEY, id, BYTES_NONE, &found, &n));
	assert_int_equal(n, 1);
	assert_int_equal(t->f->C_DestroyObject(t->session, found[0]), CKR_OK);
}

/* An import that ended between its two objects; the same again completes it. */
static void test_import_of_the_other_half(void **state)
{
	struct token *t = each_opened("pkcs11:token=one");
	EVP_PKEY *key = judge_key("P-256"), *other = judge_key("P-256");
	struct token_key_plan plan = { .label = "half" };
	struct token_key *k;
	SCOPED(buf) file = { 0 };
	SCOPED(buf) id = { 0 };
	struct token_entry e;
	size_t n;

	(void)state;
	pkcs8(key, true, &file);
	OK(token_key_import(t, &plan, buf_bytes(&file), &k));
	buf_add(&id, token_key_id(k));
	token_key_free(k);
	destroy_private(t, buf_bytes(&id));
	e = each_entry(t, "pkcs11:object=half");
	assert_true(e.has_public && !e.has_private);
	OK(token_key_import(t, &plan, buf_bytes(&file), &k));
	assert_true(bytes_equal(token_key_id(k), buf_bytes(&id)));
	each_signs(k);
	e = each_entry(t, "pkcs11:object=half");
	assert_true(e.has_public && e.has_private);
	token_key_free(k);
	assert_int_equal(token_key_import(t, &plan, buf_bytes(&file), &k), INRO_E_EXISTS);
	/* another key of that label is not what was begun */
	destroy_private(t, buf_bytes(&id));
	buf_reset(&file);
	pkcs8(other, true, &file);
	OK(token_key_import(t, &plan, buf_bytes(&file), &k));
	assert_false(bytes_equal(token_key_id(k), buf_bytes(&id)));
	OK(token_delete(t, token_key_id(k), TOKEN_KEYS, &n));
	token_key_free(k);
	OK(token_delete(t, buf_bytes(&id), TOKEN_KEYS, &n));
	assert_int_equal(n, 1);
	token_close(t);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static void test_refused_imports(void **state)
{
	EVP_PKEY *sm2 = EVP_PKEY_Q_keygen(NULL, NULL, "SM2"), *ec = judge_key("P-256");
	struct token *t = each_opened("pkcs11:token=one");
	struct token_key_plan plan = { .label = "bad" };
	struct token_key *k = NULL;
	SCOPED(buf) file = { 0 };
	SCOPED(p11_uri) u = { 0 };
	struct token_entry *list;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;
	size_t entries;

	(void)state;
	pkcs8(sm2, true, &file);
	assert_int_equal(token_key_import(t, &plan, buf_bytes(&file), &k), INRO_E_UNSUPPORTED);
	assert_int_equal(token_key_import(t, &plan, bytes_of("nonsense"), &k), INRO_E_SYNTAX);
	assert_int_equal(token_key_import(t, &plan, BYTES_NONE, &k), INRO_E_TOO_BIG);
	PEM_write_bio_PKCS8PrivateKey(bio, ec, EVP_aes_128_cbc(), "pw", 2, NULL, NULL);
	n = BIO_get_mem_data(bio, &text);
	assert_int_equal(token_key_import(t, &plan, BYTES(text, (size_t)n), &k), INRO_E_SYNTAX);
	BIO_free(bio);
	buf_reset(&file);
	pkcs8(ec, false, &file);
	for (size_t i = 0; i < file.n; i++)
		assert_int_not_equal(token_key_import(t, &plan, BYTES(file.p, i), &k), INRO_OK);
	each_uri("pkcs11:object=bad", &u);
	OK(token_list(t, &u, &list, &entries));
	assert_int_equal(entries, 0);
	free(list);
	token_close(t);
	EVP_PKEY_free(sm2);
	EVP_PKEY_free(ec);
}

/* ---- certificates ---- */

static void test_certificates(void **state)
{
	struct token *t = each_opened("pkcs11:token=one");
	struct token_key *k = each_made(t, "ec-p256", "with cert");
	struct judge_ca a = { 0 }, b = { 0 };
	struct token_entry e;
	SCOPED(buf) der = { 0 };
	SCOPED(buf) text = { 0 };
	size_t n;

	(void)state;
	judge_ca_make("P-256", "CN=A", NULL, NOW, &a);
	judge_ca_make("P-256", "CN=B", NULL, NOW + 1000, &b);
	assert_int_equal(token_cert_find(t, token_key_id(k), &der), INRO_E_NOT_FOUND);
	for (int i = 0; i < 2; i++) /* the same again is fine */
		OK(token_cert_store(t, token_key_id(k), "with cert", buf_bytes(&a.cert.der),
				    false));
	OK(token_cert_store(t, token_key_id(k), "with cert", buf_bytes(&b.cert.der), false));
	OK(token_cert_find(t, token_key_id(k), &der));
	assert_true(bytes_equal(buf_bytes(&der), buf_bytes(&b.cert.der)));
	e = each_entry(t, "pkcs11:object=with%20cert");
	assert_true(e.has_private && e.has_public && e.has_cert);
	assert_int_equal(e.type, P11_PRIVATE);
	token_entry_uri(t, &e, &text);
	assert_non_null(memmem(text.p, text.n, "type=private", 12));
	OK(token_delete(t, token_key_id(k), TOKEN_CERTS, &n));
	assert_int_equal(n, 2);
	OK(token_cert_store(t, token_key_id(k), "with cert", buf_bytes(&b.cert.der), false));
	OK(token_cert_store(t, token_key_id(k), "with cert", buf_bytes(&a.cert.der), true));
	buf_reset(&der);
	OK(token_cert_find(t, token_key_id(k), &der));
	assert_true(bytes_equal(buf_bytes(&der), buf_bytes(&a.cert.der)));
	assert_int_equal(token_cert_store(t, token_key_id(k), "x", bytes_of("nonsense"), false),
			 INRO_E_SYNTAX);
	OK(token_delete(t, token_key_id(k), TOKEN_ALL, &n));
	assert_int_equal(n, 3);
	token_key_free(k);
	token_close(t);
	judge_ca_clear(&a);
	judge_ca_clear(&b);
}

/* What anybody may put beside a key, where a token takes it; SoftHSM may keep also what it refuses. */
static void put_odd(struct token *t, struct bytes id, struct bytes value, bool stays)
{
	static const CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	static const CK_ULONG type = CKC_X_509;
	struct template tpl = { 0 };
	CK_OBJECT_HANDLE made;

	template_add_ulong(&tpl, CKA_CLASS, &class);
	template_add_ulong(&tpl, CKA_CERTIFICATE_TYPE, &type);
	template_add_bool(&tpl, CKA_TOKEN, true);
	template_add_bool(&tpl, CKA_PRIVATE, false);
	template_add(&tpl, CKA_ID, id);
	template_add(&tpl, CKA_SUBJECT, BYTES("\x30\x00", 2));
	if (value.n)
		template_add(&tpl, CKA_VALUE, value);
	else
		template_add(&tpl, CKA_URL, bytes_of("http://nowhere.example/"));
	if (!value.n) {
		template_add(&tpl, CKA_HASH_OF_SUBJECT_PUBLIC_KEY, bytes_of("01234567890123456789"));
		template_add(&tpl, CKA_HASH_OF_ISSUER_PUBLIC_KEY, bytes_of("01234567890123456789"));
	}
	if (stays)
		template_add_bool(&tpl, CKA_DESTROYABLE, false);
	(void)t->f->C_CreateObject(t->session, tpl.a, tpl.n, &made);
}

static size_t certs_of(struct token *t, struct bytes id)
{
	CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG n = 0;

	OK(token_find_id(t, CKO_CERTIFICATE, id, BYTES_NONE, &found, &n));
	free(found);
	return n;
}

static void found_is(struct token *t, struct bytes id, const struct judge_ca *a)
{
	SCOPED(buf) der = { 0 };

	OK(token_cert_find(t, id, &der));
	assert_true(bytes_equal(buf_bytes(&der), buf_bytes(&a->cert.der)));
}

#define HUGE_VALUE ((17 << 20) + 1) /* more than is read of an attribute */

/* What can't be read hides no certificate; one that is there already takes the place of the others all the same, but
 * for what nobody may destroy. */
static void test_odd_certificates(void **state)
{
	struct token *t = each_opened("pkcs11:token=two");
	struct token_key *k = each_made(t, "ec-p256", "with others");
	struct bytes id = token_key_id(k);
	uint8_t *huge = calloc(1, HUGE_VALUE);
	struct judge_ca a = { 0 }, b = { 0 };
	SCOPED(buf) der = { 0 };
	size_t odd, stay, n;

	(void)state;
	judge_ca_make("P-256", "CN=A", NULL, NOW, &a);
	judge_ca_make("P-256", "CN=B", NULL, NOW + 1000, &b);
	put_odd(t, id, BYTES_NONE, false);
	put_odd(t, id, bytes_of("nonsense"), false);
	put_odd(t, id, BYTES(huge, HUGE_VALUE), false);
	odd = certs_of(t, id);
	assert_int_not_equal(odd, 0);
	assert_int_equal(token_cert_find(t, id, &der), INRO_E_NOT_FOUND);
	OK(token_cert_store(t, id, "with others", buf_bytes(&b.cert.der), false));
	OK(token_cert_store(t, id, "with others", buf_bytes(&a.cert.der), false));
	found_is(t, id, &b);
	assert_int_equal(certs_of(t, id), odd + 2);
	/* As by a run that ended before the others went. */
	OK(token_cert_store(t, id, "with others", buf_bytes(&a.cert.der), true));
	assert_int_equal(certs_of(t, id), 1);
	found_is(t, id, &a);
	put_odd(t, id, BYTES_NONE, true);
	stay = certs_of(t, id) - 1;
	OK(token_cert_store(t, id, "with others", buf_bytes(&b.cert.der), true));
	assert_int_equal(certs_of(t, id), 1 + stay);
	found_is(t, id, &b);
	OK(token_delete(t, id, TOKEN_KEYS, &n));
	token_key_free(k);
	token_close(t);
	judge_ca_clear(&a);
	judge_ca_clear(&b);
	free(huge);
}

/* ---- keys that come wrapped ---- */

static void certify(struct token_key *k, struct buf *ret)
{
	struct judge_ca ca = { 0 };
	SCOPED(wish) w = { 0 };
	struct bytes spki = token_key_spki(k);
	const unsigned char *at = spki.p;
	EVP_PKEY *public = d2i_PUBKEY(NULL, &at, (long)spki.n);

	assert_non_null(public);
	judge_ca_make("P-256", "CN=CA", NULL, WISH_NOW - 1000, &ca);
	wish_for(&w, "tls-client", public, &ca, "CN=x");
	OK(wish_issue(&w, ret));
	EVP_PKEY_free(public);
	judge_ca_clear(&ca);
}

/* A key that unwraps is found again when its session was lost: the number that it had before is none now. */
static void test_unwrapping_after_a_loss(void **state)
{
	const struct token_secret_plan plan = { .label = "wrapped", .type = CKK_AES, .crypt = true };
	struct token_key_plan made = { .label = "unwraps", .unwrap = true };
	struct token *t;
	struct token_key *k;
	SCOPED(buf) cert = { 0 };
	SCOPED(buf) wrapped = { 0 };
	SCOPED(buf) id = { 0 };
	size_t n;

	(void)state;
	if (strcmp(each_module, EACH_SOFTHSM) == 0)
		skip(); /* 2.6 has no such mechanism */
	t = each_opened("pkcs11:token=one");
	OK(pki_key_kind_find("ec-p256", &made.kind));
	OK(token_key_generate(t, &made, &k));
	certify(k, &cert);
	OK(envelope_pkcs11(buf_bytes(&cert), bytes_of("0123456789abcdef"), &wrapped));
	token_lose(t);
	k->handle = CK_INVALID_HANDLE;
	OK(token_secret_unwrap(k, &plan, buf_bytes(&wrapped), &id));
	OK(token_delete(t, buf_bytes(&id), TOKEN_SECRETS, &n));
	assert_int_equal(n, 1);
	OK(token_delete(t, token_key_id(k), TOKEN_ALL, &n));
	token_key_free(k);
	token_close(t);
}

/* ---- lists ---- */

static void test_list(void **state)
{
	static const char *const labels[] = { "c", "a", "b" };
	struct token *t = each_opened("pkcs11:token=one"), *public;
	struct token_key *keys[3];
	struct token_entry *list;
	SCOPED(p11_uri) all = { 0 };
	SCOPED(p11_uri) one = { 0 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		keys[i] = each_made(t, "ec-p256", labels[i]);
	each_uri("pkcs11:", &all);
	OK(token_list(t, &all, &list, &n));
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		const char expected[] = { (char)('a' + i), 0 };

		assert_string_equal(list[i].label, expected);
		assert_int_equal(list[i].key, PKI_EC_P256);
		assert_int_equal(list[i].bits, 256);
	}
	free(list);
	each_uri("pkcs11:token=one", &one);
	OK(token_open_public(&one, &public));
	free(one.object);
	one.object = strdup("b");
	OK(token_list(t, &one, &list, &n));
	assert_int_equal(n, 1);
	free(list);
	all.type = P11_CERT;
	OK(token_list(t, &all, &list, &n));
	assert_int_equal(n, 0);
	free(list);
	token_close(public);
	for (size_t i = 0; i < 3; i++) {
		OK(token_delete(t, token_key_id(keys[i]), TOKEN_ALL, &n));
		token_key_free(keys[i]);
	}
	token_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_import),
		cmocka_unit_test(test_import_of_the_other_half),
		cmocka_unit_test(test_refused_imports),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_odd_certificates),
		cmocka_unit_test(test_unwrapping_after_a_loss),
		cmocka_unit_test(test_list),
	};

	return each_run(tests, ARRAY_LEN(tests));
}
