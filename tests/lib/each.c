/* each - see each.h. */
#include "tests/lib/each.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/scratch.h"

/* The leak checker asks for it: what SoftHSM loses of objects that it refuses is not ours. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libsofthsm2.so";
}

#define SO_PIN "87654321"

void each_ok(enum inro_err e, int line)
{
	if (e)
		fail_msg("line %d: %s: %s", line, err_name(e), err_detail(e));
}

const char *each_module;

void each_uri(const char *text, struct p11_uri *ret)
{
	OK(p11_uri_parse(text, ret));
	free(ret->module_path);
	ret->module_path = strdup(each_module);
}

static void make_token(const char *label)
{
	struct ck_module *module;
	CK_FUNCTION_LIST *f;
	CK_UTF8CHAR padded[32], so_pin[] = SO_PIN, pin[] = EACH_PIN;
	CK_SESSION_HANDLE session;
	SCOPED(p11_uri) u = { 0 };
	struct ck_token *tokens, t = { 0 };
	char text[64];
	size_t n;

	OK(ck_module_open(each_module, &module));
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
	each_uri(text, &u);
	OK(ck_token_one(module, &u, &t));
	OK(ck_session_open(module, t.slot, true, &session));
	OK(ck_login(module, session, CKU_SO, bytes_of(SO_PIN)));
	assert_int_equal(f->C_InitPIN(session, pin, sizeof pin - 1), CKR_OK);
	ck_session_close(module, session);
	ck_module_close(module);
}

struct token *each_opened(const char *text)
{
	SCOPED(p11_uri) u = { 0 };
	struct token *t;

	each_uri(text, &u);
	OK(token_open(&u, bytes_of(EACH_PIN), &t));
	return t;
}

struct token_key *each_made(struct token *t, const char *kind, const char *label)
{
	struct token_key_plan plan = { .label = label };
	struct token_key *k;

	OK(pki_key_kind_find(kind, &plan.kind));
	OK(token_key_generate(t, &plan, &k));
	return k;
}

/* SoftHSM 2.6 has no SHA-3, which PSS names in its parameters. */
static bool module_hashes(const struct pki_sig *s)
{
	return strcmp(each_module, EACH_SOFTHSM) != 0 || s->scheme != PKI_SIGN_PSS || s->hash < PKI_SHA3_224;
}

void each_signs(struct token_key *k)
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

struct token_entry each_entry(struct token *t, const char *text)
{
	SCOPED(p11_uri) u = { 0 };
	struct token_entry *list, e;
	size_t n;

	each_uri(text, &u);
	OK(token_list(t, &u, &list, &n));
	assert_int_equal(n, 1);
	e = list[0];
	free(list);
	return e;
}

static int setup_ours(void **state)
{
	static char path[4096];

	(void)state;
	snprintf(path, sizeof path, "%s/lib/inro-pkcs11.so", getenv("INRO_TEST_BUILD"));
	setenv("INRO_HOME", scratch_dir(), 1);
	each_module = path;
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
	each_module = EACH_SOFTHSM;
	make_token("one");
	make_token("two");
	return 0;
}

int each_run(const struct CMUnitTest *tests, size_t n)
{
	int failed = _cmocka_run_group_tests("our module", tests, n, setup_ours, NULL);

	if (access(EACH_SOFTHSM, R_OK) == 0)
		failed += _cmocka_run_group_tests("SoftHSM", tests, n, setup_softhsm, NULL);
	return failed;
}
