/* office - see office.h. */
#include "tests/lib/office.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <sqlite3.h>
#include <cmocka.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/ca.h"
#include "backoffice/core/group.h"
#include "backoffice/core/tenant.h"
#include "base/clock.h"
#include "base/cryptoki/client.h"
#include "tests/lib/postgres.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

atomic_int office_asked;
const char *office_pin = OFFICE_PIN;

static struct ck_module *module;

bool office_on_postgres(void)
{
	const char *kind = getenv("INRO_TEST_DB");

	return kind && strcmp(kind, "postgres") == 0;
}

static void make_token(const char *label)
{
	CK_FUNCTION_LIST *f = ck_module_functions(module);
	CK_UTF8CHAR padded[32], so_pin[] = "87654321", pin[] = OFFICE_PIN;
	CK_SESSION_HANDLE session;
	struct ck_token *tokens;
	CK_SLOT_ID slot = 0;
	size_t n;

	memset(padded, ' ', sizeof padded);
	memcpy(padded, label, strlen(label));
	OK(ck_tokens(module, NULL, true, &tokens, &n));
	for (size_t i = 0; i < n; i++)
		if (!(tokens[i].info.flags & CKF_TOKEN_INITIALIZED))
			slot = tokens[i].slot;
	free(tokens);
	assert_int_equal(f->C_InitToken(slot, so_pin, sizeof so_pin - 1, padded), CKR_OK);
	OK(ck_tokens(module, NULL, false, &tokens, &n));
	for (size_t i = 0; i < n; i++)
		if (strcmp(tokens[i].label, label) == 0)
			slot = tokens[i].slot;
	free(tokens);
	OK(ck_session_open(module, slot, true, &session));
	OK(ck_login(module, session, CKU_SO, bytes_of("87654321")));
	assert_int_equal(f->C_InitPIN(session, pin, sizeof pin - 1), CKR_OK);
	ck_session_close(module, session);
}

void office_tokens(void)
{
	char path[4096];

	if (office_on_postgres() && !postgres_installed())
		exit(77); /* which ctest counts as skipped */
	snprintf(path, sizeof path, "%s/lib/inro-pkcs11.so", getenv("INRO_TEST_BUILD"));
	setenv("INRO_MODULE", path, 0);
	setenv("INRO_HOME", scratch_dir(), 1);
	OK(ck_module_open(NULL, &module));
	make_token("ca");
	make_token("line");
}

static enum inro_err ask_pin(void *arg, const char *token, struct secret *ret)
{
	(void)arg;
	office_asked++;
	if (!office_pin)
		return err_set(INRO_E_PIN_MISSING, "no PIN for token '%s'", token);
	return secret_copy(bytes_of(office_pin), ret);
}

struct core_options office_options(void)
{
	return (struct core_options) { .actor = "tester", .role = ROLE_ADMIN, .ask_pin = ask_pin };
}

/* A name that needs no quotes there. */
static const char *postgres_name(const char *db)
{
	static char name[60];

	snprintf(name, sizeof name, "db_%s", db);
	for (char *c = name; *c; c++)
		if (strchr("-.", *c))
			*c = '_';
	return name;
}

const char *office_url(const char *db)
{
	static char rooms[8][600];
	static unsigned next;
	char *url = rooms[next++ % 8];

	if (office_on_postgres())
		return postgres_url(postgres_name(db));
	snprintf(url, sizeof rooms[0], "sqlite:%s", scratch_path(db));
	return url;
}

struct core *office_open_as(const char *db, struct core_options o)
{
	struct core *c = NULL;

	if (!o.db)
		o.db = office_url(db);
	OK(core_open(&o, &c));
	assert_non_null(c);
	return c;
}

struct core *office_open_plant2(struct core *c, char label[static 48])
{
	struct core_options o = office_options();
	const struct ca_request r = { .name = "issuing", .subject = "CN=Theirs", .token = "ca", .label = label };
	struct core *theirs;
	SCOPED(tenant) t = { 0 };
	SCOPED(ca_view) v = { 0 };

	snprintf(label, 48, "%s theirs", office_label);
	OK(tenant_add(c, "plant2", &t));
	o.tenant = "plant2";
	theirs = office_open_as(office_db, o);
	OK(ca_create(theirs, &r, &v));
	return theirs;
}

struct core *office_open(const char *db)
{
	return office_open_as(db, office_options());
}

void office_make_cas(struct core *c, const char *label)
{
	char root[64], issuing[64];
	struct ca_request r = { .name = "root",
				.subject = "/O=Example/CN=Root",
				.token = "ca",
				.key_type = "ec-p384",
				.label = root };
	SCOPED(ca_view) one = { 0 };
	SCOPED(ca_view) two = { 0 };

	snprintf(root, sizeof root, "%s-root", label);
	snprintf(issuing, sizeof issuing, "%s-issuing", label);
	OK(ca_create(c, &r, &one));
	r = (struct ca_request) { .name = "issuing",
				  .subject = "CN=Issuing,O=Example",
				  .token = "ca",
				  .parent = "root",
				  .label = issuing };
	OK(ca_create(c, &r, &two));
}

char office_db[40], office_label[32];

int office_setup(void **state, const char *name)
{
	static unsigned n;

	snprintf(office_label, sizeof office_label, "%s-%u", name, n++);
	snprintf(office_db, sizeof office_db, "%s.db", office_label);
	*state = office_open(office_db);
	office_make_cas(*state, office_label);
	return 0;
}

int office_teardown(void **state)
{
	struct audit_report r;

	OK(audit_verify(*state, &r));
	core_close(*state);
	clock_set_test(0);
	office_pin = OFFICE_PIN;
	return 0;
}

EVP_PKEY *office_key(const char *type)
{
	EVP_PKEY *k;

	if (strncmp(type, "rsa:", 4) == 0)
		k = EVP_RSA_gen((unsigned)strtoul(type + 4, NULL, 10));
	else
		k = EVP_EC_gen(type);
	assert_non_null(k);
	return k;
}

void office_csr(EVP_PKEY *key, const char *cn, struct buf *ret_der)
{
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name = X509_NAME_new();
	unsigned char *der = NULL;
	int n;

	assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn,
					       -1, -1, 0));
	assert_true(X509_REQ_set_subject_name(req, name));
	assert_true(X509_REQ_set_pubkey(req, key));
	assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	n = i2d_X509_REQ(req, &der);
	assert_true(n > 0);
	buf_reset(ret_der);
	buf_add(ret_der, BYTES(der, (size_t)n));
	OK(buf_err(ret_der));
	OPENSSL_free(der);
	X509_NAME_free(name);
	X509_REQ_free(req);
}

X509 *office_x509(const struct blob *der)
{
	const unsigned char *p = der->p;
	X509 *x = d2i_X509(NULL, &p, (long)der->n);

	assert_non_null(x);
	assert_ptr_equal(p, der->p + der->n);
	return x;
}

static void add_crl(X509_STORE *store, struct bytes der)
{
	const unsigned char *p = der.p;
	X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.n);

	assert_non_null(crl);
	assert_true(X509_STORE_add_crl(store, crl));
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	X509_CRL_free(crl);
}

int office_verify(struct core *c, const char *ca, const struct blob *cert, struct bytes crl)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	X509 *leaf = office_x509(cert);
	SCOPED(chain) chain = { 0 };
	int result;

	OK(ca_chain(c, ca, 0, &chain));
	for (size_t i = 0; i + 1 < chain.n; i++)
		sk_X509_push(between, office_x509(&chain.certs[i]));
	{
		X509 *root = office_x509(&chain.certs[chain.n - 1]);

		assert_true(X509_STORE_add_cert(store, root));
		X509_free(root);
	}
	if (crl.n)
		add_crl(store, crl);
	X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
	assert_true(X509_STORE_CTX_init(ctx, store, leaf, between));
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), clock_now());
	result = X509_verify_cert(ctx) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_pop_free(between, X509_free);
	X509_free(leaf);
	return result;
}

void office_issue_key(struct core *c, EVP_PKEY *key, struct office_issued *ret)
{
	SCOPED(buf) csr = { 0 };
	struct cred_request r = { .ca = "issuing", .profile = "tls-client" };

	office_csr(key, "x", &csr);
	r.csr = buf_bytes(&csr);
	*ret = (struct office_issued) { 0 };
	OK(cred_issue(c, &r, &ret->cred));
	snprintf(ret->ref, sizeof ret->ref, "id:%lld", (long long)ret->cred.rec.id);
}

void office_issue(struct core *c, struct office_issued *ret)
{
	office_issue_key(c, office_ec, ret);
}

int office_verdict(struct core *c, const struct office_issued *i)
{
	SCOPED(buf) crl = { 0 };
	struct crl_info info;

	OK(ca_crl(c, "issuing", 0, &crl, &info));
	return office_verify(c, "issuing", &i->cred.rec.cert, buf_bytes(&crl));
}

static CK_SESSION_HANDLE open_session(const char *token)
{
	struct p11_uri uri = { .token = (char *)(uintptr_t)token };
	CK_SESSION_HANDLE session;
	struct ck_token t;

	OK(ck_module_enter(module));
	OK(ck_token_one(module, &uri, &t));
	OK(ck_session_open(module, t.slot, true, &session));
	return session;
}

size_t office_count(const char *token, unsigned long class)
{
	CK_OBJECT_CLASS of = class;
	CK_ATTRIBUTE template = { CKA_CLASS, &of, sizeof of };
	CK_SESSION_HANDLE session = open_session(token);
	CK_OBJECT_HANDLE *found;
	CK_ULONG n;

	OK(ck_login(module, session, CKU_USER, bytes_of(OFFICE_PIN)));
	OK(ck_find_all(module, session, &template, 1, &found, &n));
	free(found);
	ck_session_close(module, session);
	return n;
}

void office_lock(const char *token)
{
	CK_FUNCTION_LIST *f = ck_module_functions(module);
	CK_SESSION_HANDLE session = open_session(token);
	CK_UTF8CHAR wrong[] = "wrong-one";
	CK_RV rv = CKR_PIN_INCORRECT;

	for (int i = 0; i < 20 && rv == CKR_PIN_INCORRECT; i++)
		rv = f->C_Login(session, CKU_USER, wrong, sizeof wrong - 1);
	assert_int_equal(rv, CKR_PIN_LOCKED);
	ck_session_close(module, session);
}

void office_unlock(const char *token)
{
	CK_FUNCTION_LIST *f = ck_module_functions(module);
	CK_SESSION_HANDLE session = open_session(token);
	CK_UTF8CHAR pin[] = OFFICE_PIN;

	OK(ck_login(module, session, CKU_SO, bytes_of("87654321")));
	assert_int_equal(f->C_InitPIN(session, pin, sizeof pin - 1), CKR_OK);
	ck_session_close(module, session);
}

static int first_number(void *arg, int n, char **values, char **names)
{
	(void)n;
	(void)names;
	*(long long *)arg = values[0] ? strtoll(values[0], NULL, 10) : 0;
	return 0;
}

long long office_ask(const char *db, const char *sql)
{
	long long number = 0;
	char *why = NULL;
	sqlite3 *raw;

	if (office_on_postgres())
		return postgres_sql(postgres_name(db), sql);
	assert_int_equal(sqlite3_open(scratch_path(db), &raw), SQLITE_OK);
	sqlite3_busy_timeout(raw, 10000);
	if (sqlite3_exec(raw, sql, first_number, &number, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
	sqlite3_close(raw);
	return number;
}

void office_sql(const char *db, const char *sql)
{
	(void)office_ask(db, sql);
	(void)office_ask(db, "UPDATE setting SET value = value || '.' WHERE name = 'stamp'");
}

void office_trigger(const char *db, const char *name, const char *when, const char *sql)
{
	char text[512];

	if (office_on_postgres()) {
		snprintf(text, sizeof text,
			 "CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS "
			 "$$ BEGIN %s; RETURN NEW; END $$",
			 name, sql);
		office_sql(db, text);
		snprintf(text, sizeof text,
			 "CREATE TRIGGER %s %s FOR EACH ROW EXECUTE FUNCTION %s()", name, when,
			 name);
	} else {
		snprintf(text, sizeof text, "CREATE TRIGGER %s %s BEGIN %s; END", name, when, sql);
	}
	office_sql(db, text);
}

void office_trigger_drop(const char *db, const char *name)
{
	char text[128];

	snprintf(text, sizeof text,
		 office_on_postgres() ? "DROP FUNCTION %s() CASCADE" : "DROP TRIGGER %s", name);
	office_sql(db, text);
}

EVP_PKEY *office_ec;

int office_with_key(void **state)
{
	(void)state;
	office_tokens();
	office_ec = office_key("P-256");
	return 0;
}

int office_drop_key(void **state)
{
	(void)state;
	EVP_PKEY_free(office_ec);
	return 0;
}

typedef bool event_is_fn(const struct event *e, const char *words);

static size_t count_events(struct core *c, event_is_fn *is, const char *words)
{
	struct page page = { .limit = 100 };
	size_t n = 0;

	do {
		SCOPED(event_list) list = { 0 };

		OK(audit_find(c, &(struct audit_filter) { 0 }, &page, &list));
		for (size_t i = 0; i < list.n; i++)
			n += is(&list.items[i], words);
		page.after = list.next;
	} while (page.after);
	return n;
}

static bool says(const struct event *e, const char *words)
{
	return e->detail && strstr(e->detail, words);
}

static bool is_refusal(const struct event *e, const char *words)
{
	(void)words;
	return e->outcome == EVENT_REFUSED;
}

size_t office_said(struct core *c, const char *words)
{
	return count_events(c, says, words);
}

size_t office_refusals(struct core *c)
{
	return count_events(c, is_refusal, NULL);
}

void office_add_group(struct core *c, const char *path, const char *policy)
{
	SCOPED(device_group) g = { 0 };

	OK(group_add(c, path, policy, &g));
	assert_string_equal(g.path, path);
}

void office_add_device(struct core *c, const char *id, const struct device_fields *f)
{
	SCOPED(device) d = { 0 };

	OK(device_add(c, id, f, &d));
}
