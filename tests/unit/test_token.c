/* Keys in tokens through Cryptoki: opened, made, used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backoffice/token/internal.h"
#include "tests/lib/each.h"
#include "tests/lib/judge.h"
#include "tests/lib/scratch.h"

/* ---- opening ---- */

static void test_open(void **state)
{
	SCOPED(p11_uri) u = { 0 };
	SCOPED(p11_uri) gone = { 0 };
	struct token *t = each_opened("pkcs11:token=one");

	(void)state;
	assert_string_equal(token_label(t), "one");
	assert_true(strlen(token_serial(t)) > 0);
	token_close(t);
	each_uri("pkcs11:token=one", &u);
	t = NULL;
	assert_int_equal(token_open(&u, BYTES_NONE, &t), INRO_E_PIN_MISSING);
	assert_int_equal(token_open(&u, bytes_of("999999"), &t), INRO_E_PIN_WRONG);
	assert_null(strstr(err_detail(INRO_E_PIN_WRONG), "999999"));
	each_uri("pkcs11:token=gone", &gone);
	assert_int_equal(token_open(&gone, bytes_of(EACH_PIN), &t), INRO_E_NOT_FOUND);
	p11_uri_clear(&gone);
	each_uri("pkcs11:", &gone);
	assert_int_equal(token_open(&gone, bytes_of(EACH_PIN), &t), INRO_E_AMBIGUOUS);
	assert_null(t);
}

static void test_pin_from_the_uri(void **state)
{
	const char *file = scratch_file("pin", EACH_PIN "\n", sizeof EACH_PIN);
	SCOPED(p11_uri) u = { 0 };
	char text[4096];
	struct token *t;

	(void)state;
	snprintf(text, sizeof text, "pkcs11:token=one?pin-source=file:%s", file);
	each_uri(text, &u);
	OK(token_open(&u, bytes_of("999999"), &t));
	token_close(t);
	p11_uri_clear(&u);
	each_uri("pkcs11:token=one?pin-value=" EACH_PIN, &u);
	OK(token_open(&u, BYTES_NONE, &t));
	token_close(t);
}

/* ---- keys ---- */

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

	if (strcmp(each_module, EACH_SOFTHSM) != 0)
		return true;
	return family != PKI_MONTGOMERY && family != PKI_ML_DSA && family != PKI_ML_KEM && family != PKI_SLH_DSA &&
	       (family != PKI_EDWARDS || !sanitizer || !strstr(sanitizer, "address"));
}

/* Kinds of secret keys: each is listed by its name, and gone when it was deleted. */
static void test_generate_secret(void **state)
{
	const struct token_secret_kind *kind;
	struct token *t = each_opened("pkcs11:token=one");

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
			assert_string_equal(each_module, EACH_SOFTHSM);
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
	struct token *t = each_opened("pkcs11:token=one");

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
		k = each_made(t, kind, kind);
		assert_string_equal(token_key_label(k), kind);
		assert_int_equal(token_key_id(k).n, 20);
		assert_int_equal(token_key_type(k), pki_key_kind_at(i)->type);
		each_signs(k);
		token_key_uri(k, &text);
		buf_add_u8(&text, 0);
		each_uri((const char *)text.p, &u);
		OK(token_key_find(t, &u, &again));
		assert_true(bytes_equal(token_key_spki(k), token_key_spki(again)));
		each_signs(again);
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
	struct token *t = each_opened("pkcs11:token=one");
	struct token_key *k = each_made(t, "ec-p256", "twin"), *other = NULL;
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
	each_uri("pkcs11:token=one;object=twin", &u);
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

/* As pkcs11-tool leaves them: nobody has looked whether the id was taken. */
static void give_id(struct token *t, struct bytes from, const char *to)
{
	static const CK_OBJECT_CLASS classes[] = { CKO_PRIVATE_KEY, CKO_PUBLIC_KEY };
	CK_ATTRIBUTE a = { CKA_ID, (void *)(uintptr_t)to, strlen(to) };

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
		CK_ULONG n = 0;

		OK(token_find_id(t, classes[i], from, BYTES_NONE, &found, &n));
		assert_in_range(n, classes[i] == CKO_PUBLIC_KEY, 1); /* it may be there alone */
		if (n)
			assert_int_equal(t->f->C_SetAttributeValue(t->session, found[0], &a, 1), CKR_OK);
	}
}

static size_t count(struct token *t, const char *text)
{
	SCOPED(p11_uri) u = { 0 };
	struct token_entry *list = NULL;
	size_t n = 0;

	each_uri(text, &u);
	OK(token_list(t, &u, &list, &n));
	free(list);
	return n;
}

/* Keys that share an id are shown one by one, and each is deleted alone. */
static void test_one_id(void **state)
{
	static const char *const labels[] = { "first", "second", "third" };
	const struct token_secret_kind *aes = token_secret_kind_find("aes-256");
	const struct token_secret_plan plan = {
		.label = "secret", .id = bytes_of("same"), .type = aes->type, .crypt = true
	};
	struct token *t = each_opened("pkcs11:token=one");
	struct token_key *k[3];
	struct token_entry e;
	SCOPED(buf) id = { 0 };
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		k[i] = each_made(t, i == 2 ? "rsa-2048" : "ec-p256", labels[i]);
		give_id(t, token_key_id(k[i]), "same");
	}
	OK(token_secret_generate(t, &plan, aes, &id));
	assert_int_equal(count(t, "pkcs11:id=same"), 4);
	assert_int_equal(count(t, "pkcs11:id=same;type=private"), 3);
	for (size_t i = 0; i < 3; i++) {
		SCOPED(buf) spki = { 0 };
		char uri[64];

		snprintf(uri, sizeof uri, "pkcs11:object=%s;id=same", labels[i]);
		e = each_entry(t, uri);
		assert_true(e.has_private && e.has_public);
		OK(token_entry_spki(t, &e, &spki));
		assert_true(bytes_equal(buf_bytes(&spki), token_key_spki(k[i])));
	}
	assert_int_equal(token_delete(t, bytes_of("same"), TOKEN_ALL, &n), INRO_E_AMBIGUOUS);
	for (size_t i = 0; i < 3; i++)
		assert_non_null(strstr(err_detail(INRO_E_AMBIGUOUS), labels[i]));
	assert_non_null(strstr(err_detail(INRO_E_AMBIGUOUS), "'secret'"));
	assert_non_null(strstr(err_detail(INRO_E_AMBIGUOUS), "name one by its label, too, or give each an id"));
	assert_int_equal(token_delete(t, bytes_of("same"), TOKEN_PAIR, &n), INRO_E_AMBIGUOUS);
	assert_int_equal(count(t, "pkcs11:id=same"), 4);
	e = each_entry(t, "pkcs11:object=secret;type=secret-key");
	OK(token_entry_delete(t, &e, TOKEN_SECRETS, &n));
	assert_int_equal(n, 1);
	e = each_entry(t, "pkcs11:object=second");
	OK(token_entry_delete(t, &e, TOKEN_PAIR_AND_CERTS, &n));
	assert_int_equal(n, 2);
	e = each_entry(t, "pkcs11:object=first");
	OK(token_entry_delete(t, &e, TOKEN_PAIR_AND_CERTS, &n));
	assert_int_equal(n, 2);
	OK(token_delete(t, bytes_of("same"), TOKEN_ALL, &n));
	assert_int_equal(n, 2);
	for (size_t i = 0; i < 3; i++)
		token_key_free(k[i]);
	token_close(t);
}

/* A key whose list binds it to PSS with one hash. */
static void make_bound(struct token *t, CK_MECHANISM_TYPE hash, const char *label)
{
	CK_MECHANISM m = { .mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN };
	CK_MECHANISM_TYPE list[] = { CKM_RSA_PKCS_PSS, hash };
	CK_ULONG bits = 2048;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE public[] = { { CKA_TOKEN, &yes, sizeof yes },
				  { CKA_MODULUS_BITS, &bits, sizeof bits },
				  { CKA_ID, (void *)(uintptr_t)label, strlen(label) },
				  { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) },
				  { CKA_ALLOWED_MECHANISMS, list, sizeof list } };
	CK_ATTRIBUTE private[] = { { CKA_TOKEN, &yes, sizeof yes },
				   { CKA_SIGN, &yes, sizeof yes },
				   { CKA_ID, (void *)(uintptr_t)label, strlen(label) },
				   { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) },
				   { CKA_ALLOWED_MECHANISMS, list, sizeof list } };
	CK_OBJECT_HANDLE made[2];
	size_t n = ARRAY_LEN(public) - !ck_module_admin(t->module);

	OK(token_ready(t));
	assert_int_equal(t->f->C_GenerateKeyPair(t->session, &m, public, n, private, ARRAY_LEN(private),
						 &made[0], &made[1]),
			 CKR_OK);
}

/* SHA-1 binds a key, too: it is told as what it is, and is none that is used here. */
static void test_bound_to_sha1(void **state)
{
	static const uint8_t empty[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x00 };
	struct token *t = each_opened("pkcs11:token=one");
	SCOPED(p11_uri) uri = { 0 };
	SCOPED(buf) spki = { 0 };
	struct token_key *k = NULL;
	struct token_entry e;
	size_t n = 0;

	(void)state;
	make_bound(t, CKM_SHA1_RSA_PKCS_PSS, "old");
	make_bound(t, CKM_SHA256_RSA_PKCS_PSS, "new");
	e = each_entry(t, "pkcs11:object=new");
	assert_int_equal(e.key, PKI_RSA_PSS);
	e = each_entry(t, "pkcs11:object=old");
	assert_int_equal(e.key, PKI_RSA_PSS);
	assert_int_equal(e.bits, 2048);
	OK(token_entry_spki(t, &e, &spki));
	assert_non_null(memmem(spki.p, spki.n, empty, sizeof empty));
	OK(p11_uri_parse("pkcs11:object=old", &uri));
	assert_int_equal(token_key_find(t, &uri, &k), INRO_E_UNSUPPORTED);
	assert_non_null(strstr(err_detail(INRO_E_UNSUPPORTED), "SHA-1, its default, which is too weak"));
	OK(token_entry_delete(t, &e, TOKEN_PAIR_AND_CERTS, &n));
	assert_int_equal(n, 2);
	token_close(t);
}

static void destroy_all(struct token *t, CK_OBJECT_CLASS class, const char *id)
{
	AUTO(free_handles) CK_OBJECT_HANDLE *found = NULL;
	CK_ULONG n = 0;

	OK(token_find_id(t, class, bytes_of(id), BYTES_NONE, &found, &n));
	for (CK_ULONG i = 0; i < n; i++)
		assert_int_equal(t->f->C_DestroyObject(t->session, found[i]), CKR_OK);
}

/* A public key that was put there under another key's id: neither goes with the other. */
static void test_one_id_of_a_public_key(void **state)
{
	struct token *t = each_opened("pkcs11:token=one");
	struct token_key *mine = each_made(t, "ec-p256", "mine"), *peer = each_made(t, "ec-p256", "peer");
	struct token_entry e;
	size_t n = 0;

	(void)state;
	give_id(t, token_key_id(peer), "lone");
	destroy_all(t, CKO_PRIVATE_KEY, "lone");
	give_id(t, bytes_of("lone"), "same");
	give_id(t, token_key_id(mine), "same");
	assert_int_equal(count(t, "pkcs11:id=same"), 2);
	e = each_entry(t, "pkcs11:object=peer");
	OK(token_entry_delete(t, &e, TOKEN_PAIR_AND_CERTS, &n));
	assert_int_equal(n, 1);
	e = each_entry(t, "pkcs11:object=mine");
	assert_true(e.has_private && e.has_public);
	OK(token_entry_delete(t, &e, TOKEN_PAIR_AND_CERTS, &n));
	assert_int_equal(n, 2);
	token_key_free(mine);
	token_key_free(peer);
	token_close(t);
}

/* Two pairs that only their numbers tell apart: none is deleted in place of the other. */
static void test_one_id_and_label(void **state)
{
	struct token *t = each_opened("pkcs11:token=one");
	struct token_key *k = each_made(t, "ec-p256", "both"), *other = NULL;
	struct token_key_plan plan = { .label = "both", .may_exist = true };
	struct token_entry *list = NULL;
	SCOPED(p11_uri) u = { 0 };
	size_t n = 0;

	(void)state;
	OK(pki_key_kind_find("ec-p256", &plan.kind));
	OK(token_key_generate(t, &plan, &other));
	give_id(t, token_key_id(k), "same");
	give_id(t, token_key_id(other), "same");
	each_uri("pkcs11:object=both", &u);
	OK(token_list(t, &u, &list, &n));
	assert_int_equal(n, 2);
	assert_int_equal(token_entry_delete(t, list, TOKEN_PAIR_AND_CERTS, &n), INRO_E_AMBIGUOUS);
	assert_non_null(strstr(err_detail(INRO_E_AMBIGUOUS), "2 keys with id 73616d65 and label 'both'"));
	assert_int_equal(count(t, "pkcs11:object=both;type=private"), 2);
	free(list);
	destroy_all(t, CKO_PRIVATE_KEY, "same");
	destroy_all(t, CKO_PUBLIC_KEY, "same");
	token_key_free(k);
	token_key_free(other);
	token_close(t);
}

static void test_least_use(void **state)
{
	struct token *t = each_opened("pkcs11:token=one");
	struct token_key *k = each_made(t, "rsa-2048", "least"), *both;
	struct token_key_plan plan = { .label = "both", .decrypt = true };
	struct token_entry e;
	size_t n;

	(void)state;
	e = each_entry(t, "pkcs11:object=least");
	assert_true(e.has_private && e.has_public && !e.has_cert);
	assert_true(e.sign && e.sensitive && e.local);
	assert_false(e.decrypt || e.derive || e.extractable);
	OK(pki_key_kind_find("rsa-2048", &plan.kind));
	OK(token_key_generate(t, &plan, &both));
	e = each_entry(t, "pkcs11:object=both");
	assert_true(e.sign && e.decrypt);
	OK(token_delete(t, token_key_id(k), TOKEN_ALL, &n));
	OK(token_delete(t, token_key_id(both), TOKEN_ALL, &n));
	token_key_free(k);
	token_key_free(both);
	token_close(t);
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
	struct token *t = each_opened("pkcs11:token=one");
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

static CK_FUNCTION_LIST honest;

static CK_RV sign_longer(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_n, CK_BYTE *out, CK_ULONG *n)
{
	CK_ULONG room = *n;
	CK_RV rv = honest.C_Sign(s, in, in_n, out, n);

	*n = room + 2;
	return rv;
}

/* Of what can't be had some modules say CKR_OK and this length. */
static CK_RV tell_no_length(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a, CK_ULONG n)
{
	CK_RV rv = honest.C_GetAttributeValue(s, o, a, n);

	if (a->type == CKA_LABEL && a->pValue)
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	return rv;
}

static CK_RV decrypt_longer(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_n, CK_BYTE *out, CK_ULONG *n)
{
	CK_ULONG room = *n;
	CK_RV rv = honest.C_Decrypt(s, in, in_n, out, n);

	*n = room + 1;
	return rv;
}

/* A module that says more bytes than there was room for: nothing of what lies behind is taken for them. */
static void test_said_longer(void **state)
{
	struct token *t = each_opened("pkcs11:token=one");
	struct token_key *k = each_made(t, "rsa-2048", "said longer");
	struct token_key *other = each_made(t, "ec-p256", "one of two"), *another = each_made(t, "ec-p256", "the other");
	struct token_secret *s = sealing(t, "opened longer", "aes-256");
	const struct pki_sig *sig;
	CK_FUNCTION_LIST odd = *t->f, *own = t->f;
	SCOPED(buf) signature = { 0 };
	SCOPED(buf) sealed = { 0 };
	SCOPED(secret) plain = { 0 };
	size_t n = 0;

	(void)state;
	give_id(t, token_key_id(other), "one of two");
	give_id(t, token_key_id(another), "one of two");
	token_key_free(another);
	honest = *t->f;
	odd.C_Sign = sign_longer;
	odd.C_Decrypt = decrypt_longer;
	OK(token_key_sig(k, &sig));
	OK(token_secret_seal(s, BYTES_NONE, bytes_of("secret"), &sealed));
	t->f = &odd;
	assert_int_equal(token_key_sign(k, sig, bytes_of("x"), &signature), INRO_E_TOKEN);
	assert_int_equal(signature.n, 0);
	assert_int_equal(token_secret_open(s, BYTES_NONE, buf_bytes(&sealed), &plain), INRO_E_TOKEN);
	odd.C_GetAttributeValue = tell_no_length;
	assert_int_equal(token_delete(t, bytes_of("one of two"), TOKEN_ALL, &n), INRO_E_AMBIGUOUS);
	assert_non_null(strstr(err_detail(INRO_E_AMBIGUOUS), "('', '')"));
	t->f = own;
	each_signs(k);
	token_secret_free(s);
	token_key_free(other);
	token_key_free(k);
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
	struct token *t = each_opened("pkcs11:token=one");
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
		cmocka_unit_test(test_one_id),
		cmocka_unit_test(test_one_id_of_a_public_key),
		cmocka_unit_test(test_one_id_and_label),
		cmocka_unit_test(test_bound_to_sha1),
		cmocka_unit_test(test_least_use),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_said_longer),
		cmocka_unit_test(test_mac),
	};

	return each_run(tests, ARRAY_LEN(tests));
}
