/*
 * Keys and certificates in tokens through Cryptoki: in a token of ours and, where SoftHSM is
 * installed, in one of its, by the same calls.
 */
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backoffice/pki/pem.h"
#include "backoffice/token/internal.h"
#include "tests/lib/judge.h"
#include "tests/lib/scratch.h"

#define OK(x)	OK_AT(x, __LINE__)
#define PIN	"123456"
#define SO_PIN	"87654321"
#define NOW	INT64_C(1790000000)
#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

static void ok_at(enum inro_err e, int line)
{
	if (e)
		fail_msg("line %d: %s: %s", line, err_name(e), err_detail(e));
}

#define OK_AT(x, line) ok_at(x, line)

static const char *module_path; /* of the module that the tests are run on now */

static void uri(const char *text, struct p11_uri *ret)
{
	OK(p11_uri_parse(text, ret));
	free(ret->module_path);
	ret->module_path = strdup(module_path);
}

static void make_token(const char *label)
{
	struct ck_module *module;
	CK_FUNCTION_LIST *f;
	CK_UTF8CHAR padded[32], so_pin[] = SO_PIN, pin[] = PIN;
	CK_SESSION_HANDLE session;
	SCOPED(p11_uri) u = { 0 };
	struct ck_token *tokens, t = { 0 };
	char text[64];
	size_t n;

	OK(ck_module_open(module_path, &module));
	f = ck_module_functions(module);
	memset(padded, ' ', sizeof padded);
	memcpy(padded, label, strlen(label));
	OK(ck_tokens(module, NULL, true, &tokens, &n));
	for (size_t i = 0; i < n; i++)
		if (!(tokens[i].info.flags & CKF_TOKEN_INITIALIZED))
			t = tokens[i];
	free(tokens);
	assert_int_equal(f->C_InitToken(t.slot, so_pin, sizeof so_pin - 1, padded), CKR_OK);
	snprintf(text, sizeof text, "pkcs11:token=%s", label);
	uri(text, &u);
	OK(ck_token_one(module, &u, &t));
	OK(ck_session_open(module, t.slot, true, &session));
	OK(ck_login(module, session, CKU_SO, bytes_of(SO_PIN)));
	assert_int_equal(f->C_InitPIN(session, pin, sizeof pin - 1), CKR_OK);
	ck_session_close(module, session);
	ck_module_close(module);
}

static struct token *opened(const char *text)
{
	SCOPED(p11_uri) u = { 0 };
	struct token *t;

	uri(text, &u);
	OK(token_open(&u, bytes_of(PIN), &t));
	return t;
}

static struct token_key *made(struct token *t, const char *kind, const char *label)
{
	struct token_key_plan plan = { .label = label };
	struct token_key *k;

	OK(pki_key_kind_find(kind, &plan.kind));
	OK(token_key_generate(t, &plan, &k));
	return k;
}

/* ---- opening ---- */

static void test_open(void **state)
{
	SCOPED(p11_uri) u = { 0 };
	SCOPED(p11_uri) gone = { 0 };
	struct token *t = opened("pkcs11:token=one");

	(void)state;
	assert_string_equal(token_label(t), "one");
	assert_true(strlen(token_serial(t)) > 0);
	token_close(t);
	uri("pkcs11:token=one", &u);
	t = NULL;
	assert_int_equal(token_open(&u, BYTES_NONE, &t), INRO_E_PIN_MISSING);
	assert_int_equal(token_open(&u, bytes_of("999999"), &t), INRO_E_PIN_WRONG);
	assert_null(strstr(err_detail(INRO_E_PIN_WRONG), "999999"));
	uri("pkcs11:token=gone", &gone);
	assert_int_equal(token_open(&gone, bytes_of(PIN), &t), INRO_E_NOT_FOUND);
	p11_uri_clear(&gone);
	uri("pkcs11:", &gone);
	assert_int_equal(token_open(&gone, bytes_of(PIN), &t), INRO_E_AMBIGUOUS);
	assert_null(t);
}

static void test_pin_from_the_uri(void **state)
{
	const char *file = scratch_file("pin", PIN "\n", sizeof PIN);
	SCOPED(p11_uri) u = { 0 };
	char text[4096];
	struct token *t;

	(void)state;
	snprintf(text, sizeof text, "pkcs11:token=one?pin-source=file:%s", file);
	uri(text, &u);
	OK(token_open(&u, bytes_of("999999"), &t));
	token_close(t);
	p11_uri_clear(&u);
	uri("pkcs11:token=one?pin-value=" PIN, &u);
	OK(token_open(&u, BYTES_NONE, &t));
	token_close(t);
}

/* ---- keys ---- */

/* SoftHSM 2.6 has no SHA-3, which PSS names in its parameters. */
static bool module_hashes(const struct pki_sig *s)
{
	return strcmp(module_path, SOFTHSM) != 0 || s->scheme != PKI_SIGN_PSS || s->hash < PKI_SHA3_224;
}

static void assert_signs(struct token_key *k)
{
	struct pubkey pub;

	OK(pubkey_read(token_key_spki(k), &pub));
	for (size_t i = 0; pki_sig_at(i); i++) {
		const struct pki_sig *s = pki_sig_at(i);
		SCOPED(buf) signature = { 0 };

		if (!pki_sig_fits(s, pub.type)) {
			assert_int_equal(token_key_sign(k, s, bytes_of("x"), &signature),
					 INRO_E_KEY_TYPE);
			continue;
		}
		if (!module_hashes(s))
			continue;
		OK(token_key_sign(k, s, bytes_of("message"), &signature));
		OK(pubkey_verify(&pub, s, bytes_of("message"), buf_bytes(&signature)));
	}
}

static bool is_slow(const struct pki_key_kind *kind)
{
	return !pki_key_type(kind->type)->bits && kind->bits > 2048;
}

static bool libcrypto_has(const char *algorithm)
{
	EVP_KEYMGMT *k = EVP_KEYMGMT_fetch(NULL, algorithm, NULL);

	EVP_KEYMGMT_free(k);
	return k;
}

/* libcrypto has the algorithm; before 3.5 it has no ML-DSA and ML-KEM. */
static bool is_known(const struct pki_key_kind *kind)
{
	const struct pki_key_type *type = pki_key_type(kind->type);

	return !type->octets || libcrypto_has(type->group);
}

/* SoftHSM 2.6 agrees by EC alone, knows nothing post-quantum, and loses memory with each Edwards
 * key that it makes. */
static bool module_has(const struct pki_key_kind *kind)
{
	const char *sanitizer = getenv("INRO_TEST_SANITIZE");
	enum pki_family family = pki_key_type(kind->type)->family;

	if (strcmp(module_path, SOFTHSM) != 0)
		return true;
	return family != PKI_MONTGOMERY && family != PKI_ML_DSA && family != PKI_ML_KEM && family != PKI_SLH_DSA &&
	       (family != PKI_EDWARDS || !sanitizer || !strstr(sanitizer, "address"));
}

/* Kinds of secret keys: each is listed by its name, and gone when it was deleted. */
static void test_generate_secret(void **state)
{
	const struct token_secret_kind *kind;
	struct token *t = opened("pkcs11:token=one");

	(void)state;
	for (size_t i = 0; (kind = token_secret_kind_at(i)); i++) {
		const struct token_secret_plan plan = { .label = kind->name,
							.type = kind->type,
							.crypt = kind->crypt,
							.mac = !kind->crypt };
		SCOPED(p11_uri) u = { 0 };
		SCOPED(buf) id = { 0 };
		struct token_entry *list = NULL;
		size_t n = 0;

		if (token_secret_generate(t, &plan, kind, &id) == INRO_E_MECHANISM) {
			assert_string_equal(module_path, SOFTHSM);
			continue;
		}
		u.id = id.p;
		u.id_n = id.n;
		u.has_id = true;
		OK(token_list(t, &u, &list, &n));
		u.id = NULL;
		assert_int_equal(n, 1);
		assert_int_equal(list->type, P11_SECRET_KEY);
		assert_int_equal(list->secret, kind->type);
		assert_int_equal(list->bits, kind->octets * 8);
		assert_true(list->sensitive && !list->extractable && list->local);
		assert_ptr_equal(token_secret_kind_find(kind->name), kind);
		free(list);
		OK(token_delete(t, buf_bytes(&id), TOKEN_ALL, &n));
		assert_int_equal(n, 1);
	}
	assert_null(token_secret_kind_find("aes-257"));
	token_close(t);
}

static void test_generate_and_sign(void **state)
{
	struct token *t = opened("pkcs11:token=one");

	(void)state;
	for (size_t i = 0; pki_key_kind_at(i); i++) {
		const char *kind = pki_key_kind_at(i)->name;
		struct token_key *k, *again;
		SCOPED(p11_uri) u = { 0 };
		SCOPED(buf) text = { 0 };
		size_t n;

		if (is_slow(pki_key_kind_at(i)) || !is_known(pki_key_kind_at(i)) ||
		    !module_has(pki_key_kind_at(i)))
			continue;
		k = made(t, kind, kind);
		assert_string_equal(token_key_label(k), kind);
		assert_int_equal(token_key_id(k).n, 20);
		assert_int_equal(token_key_type(k), pki_key_kind_at(i)->type);
		assert_signs(k);
		token_key_uri(k, &text);
		buf_add_u8(&text, 0);
		uri((const char *)text.p, &u);
		OK(token_key_find(t, &u, &again));
		assert_true(bytes_equal(token_key_spki(k), token_key_spki(again)));
		assert_signs(again);
		token_key_free(again);
		OK(token_delete(t, token_key_id(k), TOKEN_ALL, &n));
		assert_int_equal(n, 2);
		assert_int_equal(token_key_find(t, &u, &again), INRO_E_NOT_FOUND);
		token_key_free(k);
	}
	token_close(t);
}

static void test_twins(void **state)
{
	struct token *t = opened("pkcs11:token=one");
	struct token_key *k = made(t, "ec-p256", "twin"), *other = NULL;
	struct token_key_plan plan = { .label = "twin" };
	SCOPED(p11_uri) u = { 0 };
	size_t n;

	(void)state;
	OK(pki_key_kind_find("ec-p256", &plan.kind));
	assert_int_equal(token_key_generate(t, &plan, &other), INRO_E_EXISTS);
	assert_non_null(strstr(err_detail(INRO_E_EXISTS), "'twin'"));
	plan.may_exist = true;
	plan.id = token_key_id(k);
	assert_int_equal(token_key_generate(t, &plan, &other), INRO_E_EXISTS);
	plan.id = BYTES_NONE;
	OK(token_key_generate(t, &plan, &other));
	uri("pkcs11:token=one;object=twin", &u);
	struct token_key *none = NULL;
	assert_int_equal(token_key_find(t, &u, &none), INRO_E_AMBIGUOUS);
	plan.label = "";
	assert_int_equal(token_key_generate(t, &plan, &none), INRO_E_ARG);
	OK(token_delete(t, token_key_id(k), TOKEN_ALL, &n));
	OK(token_delete(t, token_key_id(other), TOKEN_ALL, &n));
	assert_int_equal(token_delete(t, BYTES_NONE, TOKEN_ALL, &n), INRO_E_ARG);
	token_key_free(k);
	token_key_free(other);
	token_close(t);
}

static struct token_entry one_entry(struct token *t, const char *text)
{
	SCOPED(p11_uri) u = { 0 };
	struct token_entry *list, e;
	size_t n;

	uri(text, &u);
	OK(token_list(t, &u, &list, &n));
	assert_int_equal(n, 1);
	e = list[0];
	free(list);
	return e;
}

static void test_least_use(void **state)
{
	struct token *t = opened("pkcs11:token=one");
	struct token_key *k = made(t, "rsa-2048", "least"), *both;
	struct token_key_plan plan = { .label = "both", .decrypt = true };
	struct token_entry e;
	size_t n;

	(void)state;
	e = one_entry(t, "pkcs11:object=least");
	assert_true(e.has_private && e.has_public && !e.has_cert);
	assert_true(e.sign && e.sensitive && e.local);
	assert_false(e.decrypt || e.derive || e.extractable);
	OK(pki_key_kind_find("rsa-2048", &plan.kind));
	OK(token_key_generate(t, &plan, &both));
	e = one_entry(t, "pkcs11:object=both");
	assert_true(e.sign && e.decrypt);
	OK(token_delete(t, token_key_id(k), TOKEN_ALL, &n));
	OK(token_delete(t, token_key_id(both), TOKEN_ALL, &n));
	token_key_free(k);
	token_key_free(both);
	token_close(t);
}

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
	struct token *t = opened("pkcs11:token=one");

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
		assert_signs(k);
		e = one_entry(t, "pkcs11:object=brought;type=private");
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
	struct token *t = opened("pkcs11:token=one");
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
	e = one_entry(t, "pkcs11:object=half");
	assert_true(e.has_public && !e.has_private);
	OK(token_key_import(t, &plan, buf_bytes(&file), &k));
	assert_true(bytes_equal(token_key_id(k), buf_bytes(&id)));
	assert_signs(k);
	e = one_entry(t, "pkcs11:object=half");
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
	struct token *t = opened("pkcs11:token=one");
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
	uri("pkcs11:object=bad", &u);
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
	struct token *t = opened("pkcs11:token=one");
	struct token_key *k = made(t, "ec-p256", "with cert");
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
	e = one_entry(t, "pkcs11:object=with%20cert");
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

/* ---- lists ---- */

static void test_list(void **state)
{
	static const char *const labels[] = { "c", "a", "b" };
	struct token *t = opened("pkcs11:token=one"), *public;
	struct token_key *keys[3];
	struct token_entry *list;
	SCOPED(p11_uri) all = { 0 };
	SCOPED(p11_uri) one = { 0 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		keys[i] = made(t, "ec-p256", labels[i]);
	uri("pkcs11:", &all);
	OK(token_list(t, &all, &list, &n));
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++) {
		const char expected[] = { (char)('a' + i), 0 };

		assert_string_equal(list[i].label, expected);
		assert_int_equal(list[i].key, PKI_EC_P256);
		assert_int_equal(list[i].bits, 256);
	}
	free(list);
	uri("pkcs11:token=one", &one);
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

/* ---- a key that goes on ---- */

static struct token_key *shared;

static int sign_in_child(void *arg)
{
	SCOPED(buf) signature = { 0 };
	struct pubkey pub;
	const struct pki_sig *sig;

	(void)arg;
	if (pki_sig_for(PKI_EC_P256, PKI_HASH_NONE, &sig) ||
	    token_key_sign(shared, sig, bytes_of("child"), &signature))
		return 1;
	return pubkey_read(token_key_spki(shared), &pub) ||
			       pubkey_verify(&pub, sig, bytes_of("child"), buf_bytes(&signature))
		       ? 2
		       : 0;
}

static void test_fork(void **state)
{
	struct token *t = opened("pkcs11:token=one");
	size_t n;

	(void)state;
	shared = made(t, "ec-p256", "shared");
	assert_signs(shared);
	assert_int_equal(scratch_child(sign_in_child, NULL), 0);
	assert_signs(shared);
	OK(token_delete(t, token_key_id(shared), TOKEN_ALL, &n));
	token_key_free(shared);
	token_close(t);
}

/* Sessions that somebody else in the process has closed, or logged out. */
static void sign_once(struct token_key *k)
{
	SCOPED(buf) signature = { 0 };
	const struct pki_sig *sig;

	OK(token_key_sig(k, &sig));
	OK(token_key_sign(k, sig, bytes_of("x"), &signature));
}

/* The first in a session and each 16th, and all until one is found right. */
static void test_which_is_verified(void **state)
{
	struct token *t = opened("pkcs11:token=one");
	struct token_key *k = made(t, "ec-p256", "looked-at");
	struct ck_module *module;
	struct ck_token info;
	SCOPED(p11_uri) u = { 0 };
	bool ours = strcmp(module_path, SOFTHSM) != 0; /* of another's each one is */

	(void)state;
	for (int i = 0; i < 3; i++) {
		sign_once(k);
		assert_true(token_key_verify(k));
	}
	for (int i = 0; i < 2 * TOKEN_VERIFY_EACH; i++) {
		sign_once(k);
		assert_int_equal(token_key_verify(k), !ours || i % TOKEN_VERIFY_EACH == 0);
		if (i % TOKEN_VERIFY_EACH == 0)
			token_key_right(k);
	}
	sign_once(k);
	assert_true(token_key_verify(k));
	token_key_right(k);
	OK(ck_module_open(module_path, &module));
	uri("pkcs11:token=one", &u);
	OK(ck_token_one(module, &u, &info));
	assert_int_equal(ck_module_functions(module)->C_CloseAllSessions(info.slot), CKR_OK);
	ck_module_close(module);
	sign_once(k);
	assert_true(token_key_verify(k));
	token_key_free(k);
	token_close(t);
}

static void test_lost_session(void **state)
{
	struct token *t = opened("pkcs11:token=one");
	struct token_key *k = made(t, "ec-p256", "lost");
	struct ck_module *module;
	struct ck_token info;
	SCOPED(p11_uri) u = { 0 };
	size_t n;

	(void)state;
	OK(ck_module_open(module_path, &module));
	uri("pkcs11:token=one", &u);
	OK(ck_token_one(module, &u, &info));
	assert_int_equal(ck_module_functions(module)->C_CloseAllSessions(info.slot), CKR_OK);
	assert_signs(k);
	OK(token_delete(t, token_key_id(k), TOKEN_ALL, &n));
	ck_module_close(module);
	const struct pki_sig *sig;
	SCOPED(buf) signature = { 0 };
	OK(pki_sig_for(PKI_EC_P256, PKI_HASH_NONE, &sig));
	assert_int_equal(token_key_sign(k, sig, bytes_of("x"), &signature), INRO_E_NOT_FOUND);
	assert_non_null(strstr(err_detail(INRO_E_NOT_FOUND), "no longer in token"));
	token_key_free(k);
	token_close(t);
}

/* The module itself, by another copy of the code that opened it: a provider that is unloaded. */
static void test_finalised(void **state)
{
	struct token *late, *t = opened("pkcs11:token=one");
	struct token_key *k = made(t, "ec-p256", "finalised");
	size_t n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ck_module_functions(t->module)->C_Finalize(NULL), CKR_OK);
		assert_signs(k);
	}
	assert_int_equal(ck_module_functions(t->module)->C_Finalize(NULL), CKR_OK);
	late = opened("pkcs11:token=one");
	assert_signs(k);
	OK(token_delete(t, token_key_id(k), TOKEN_ALL, &n));
	token_key_free(k);
	token_close(late);
	token_close(t);
}

static int setup_ours(void **state)
{
	static char path[4096];

	(void)state;
	snprintf(path, sizeof path, "%s/lib/inro-pkcs11.so", getenv("INRO_TEST_BUILD"));
	setenv("INRO_HOME", scratch_dir(), 1);
	module_path = path;
	make_token("one");
	make_token("two");
	return 0;
}

static int setup_softhsm(void **state)
{
	char conf[4096];
	int n = snprintf(conf, sizeof conf, "directories.tokendir = %s\nlog.level = ERROR\n",
			 scratch_dir());

	(void)state;
	setenv("SOFTHSM2_CONF", scratch_file("softhsm.conf", conf, (size_t)n), 1);
	module_path = SOFTHSM;
	make_token("one");
	make_token("two");
	return 0;
}

/* ---- secret keys at work ---- */

static struct token_secret *sealing(struct token *t, const char *label, const char *kind)
{
	const struct token_secret_kind *k = token_secret_kind_find(kind);
	const struct token_secret_plan plan = { .label = label, .type = k->type, .crypt = true };
	struct p11_uri u = { .object = (char *)(uintptr_t)label };
	SCOPED(buf) id = { 0 };
	struct token_secret *s;

	OK(token_secret_generate(t, &plan, k, &id));
	OK(token_secret_find(t, &u, &s));
	return s;
}

static void test_seal(void **state)
{
	struct token *t = opened("pkcs11:token=one");
	struct token_secret *s = sealing(t, "sealing", "aes-256");
	struct token_secret *small = sealing(t, "too small", "aes-128"), *none;
	struct bytes aad = bytes_of("whose it is");
	const struct p11_uri missing = { .object = (char *)(uintptr_t) "missing" },
			     nameless = { 0 };
	SCOPED(buf) sealed = { 0 };
	SCOPED(buf) again = { 0 };
	SCOPED(secret) plain = { 0 };
	SCOPED(secret) wrong = { 0 };

	(void)state;
	OK(token_secret_check_seal(s));
	assert_int_equal(token_secret_check_seal(small), INRO_E_KEY_TYPE);
	assert_int_equal(token_secret_find(t, &missing, &none), INRO_E_NOT_FOUND);
	assert_int_equal(token_secret_find(t, &nameless, &none), INRO_E_ARG);
	OK(token_secret_seal(s, aad, bytes_of("secret"), &sealed));
	OK(token_secret_seal(s, aad, bytes_of("secret"), &again));
	assert_int_equal(sealed.n, TOKEN_SEAL_NONCE + 6 + TOKEN_SEAL_TAG);
	assert_memory_not_equal(sealed.p, again.p, TOKEN_SEAL_NONCE);
	OK(token_secret_open(s, aad, buf_bytes(&sealed), &plain));
	assert_true(bytes_is(secret_bytes(&plain), "secret"));
	assert_int_not_equal(token_secret_open(s, BYTES_NONE, buf_bytes(&sealed), &wrong), INRO_OK);
	assert_int_not_equal(token_secret_open(small, aad, buf_bytes(&sealed), &wrong), INRO_OK);
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 1;
		assert_int_not_equal(token_secret_open(s, aad, buf_bytes(&sealed), &wrong),
				     INRO_OK);
		sealed.p[i] ^= 1;
	}
	for (size_t n = 0; n <= TOKEN_SEAL_NONCE + TOKEN_SEAL_TAG; n++)
		assert_int_equal(token_secret_open(s, aad, BYTES(sealed.p, n), &wrong),
				 INRO_E_DAMAGED);
	token_lose(t); /* a session that was lost */
	secret_clear(&plain);
	OK(token_secret_open(s, aad, buf_bytes(&sealed), &plain));
	token_secret_free(s);
	token_secret_free(small);
	token_close(t);
}

/* RFC 4231 4.3 (HMAC-SHA-256, "Jefe"). */
static void test_mac(void **state)
{
	static const uint8_t mac[] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e,
				       0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
				       0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83,
				       0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43 };
	const struct token_mac m = { CKK_GENERIC_SECRET, CKM_SHA256_HMAC, bytes_of("JefeJefe") };
	const struct token_mac jefe = { CKK_GENERIC_SECRET, CKM_SHA256_HMAC, bytes_of("Jefe") };
	struct bytes message = bytes_of("what do ya want for nothing?");
	struct token *t = opened("pkcs11:token=one");
	SCOPED(secret) one = { 0 };
	SCOPED(secret) two = { 0 };
	enum inro_err e = token_mac_verify(t, &jefe, message, BYTES(mac, sizeof mac));

	(void)state;
	if (e != INRO_E_KEY_SIZE && e != INRO_E_TOKEN) /* SoftHSM wants 32 octets */
		OK(e);
	assert_int_not_equal(token_mac_verify(t, &m, message, BYTES(mac, sizeof mac)), INRO_OK);
	OK(token_random(t, 32, &one));
	OK(token_random(t, 32, &two));
	assert_false(secret_equal(secret_bytes(&one), secret_bytes(&two)));
	token_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_pin_from_the_uri),
		cmocka_unit_test(test_generate_and_sign),
		cmocka_unit_test(test_generate_secret),
		cmocka_unit_test(test_twins),
		cmocka_unit_test(test_least_use),
		cmocka_unit_test(test_import),
		cmocka_unit_test(test_import_of_the_other_half),
		cmocka_unit_test(test_refused_imports),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_lost_session),
		cmocka_unit_test(test_which_is_verified),
		cmocka_unit_test(test_finalised),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_mac),
	};
	int failed = cmocka_run_group_tests_name("our module", tests, setup_ours, NULL);

	if (access(SOFTHSM, R_OK) == 0)
		failed += cmocka_run_group_tests_name("SoftHSM", tests, setup_softhsm, NULL);
	return failed;
}
