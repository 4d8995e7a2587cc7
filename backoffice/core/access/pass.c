/* pass - see pass.h. */
#include "backoffice/core/pass.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/account.h"
#include "backoffice/core/eyes.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/setting.h"
#include "backoffice/pki/alg.h"
#include "base/clock.h"

#define VALUE_OCTETS 32
#define DAY_SECONDS  INT64_C(86400)
#define SEEN_MS	     60000

void pass_list_clear(struct pass_list *l)
{
	list_free(&pass_type, l->items, l->n);
	*l = (struct pass_list) { 0 };
}

/* ---- the commands that a pass is for ---- */

/* One of them, without the blanks around it; *rest is what follows. */
static struct bytes next_verb(const char **rest)
{
	const char *from = *rest + strspn(*rest, " ");
	size_t n = strcspn(from, ",");

	*rest = from[n] ? from + n + 1 : from + n;
	while (n && from[n - 1] == ' ')
		n--;
	return BYTES(from, n);
}

static bool verb_allows(struct bytes verb, const char *command)
{
	size_t n = strlen(command);

	if (verb.n >= 2 && verb.p[verb.n - 1] == '*') /* "device *" */
		return n >= verb.n - 1 && memcmp(verb.p, command, verb.n - 1) == 0;
	return bytes_is(verb, command);
}

bool pass_verbs_allow(const char *verbs, const char *command)
{
	bool allowed = !verbs || !*verbs;

	while (!allowed && *verbs)
		allowed = verb_allows(next_verb(&verbs), command);
	return allowed;
}

static bool verb_is_one(struct bytes verb)
{
	bool star = verb.n > 2 && verb.p[verb.n - 1] == '*' && verb.p[verb.n - 2] == ' ';

	for (size_t i = 0; i < verb.n - star; i++)
		if (!islower(verb.p[i]) && verb.p[i] != ' ' && verb.p[i] != '-')
			return false;
	return verb.n > 0;
}

enum inro_err pass_verbs_check(const char *verbs)
{
	if (verbs && strlen(verbs) >= WHO_VERBS_MAX)
		return err_set(INRO_E_TOO_BIG, "the commands of a pass are up to %d bytes",
			       WHO_VERBS_MAX - 1);
	while (verbs && *verbs)
		if (!verb_is_one(next_verb(&verbs)))
			return err_set(INRO_E_ARG, "the commands of a pass are like 'device *, cert "
						   "list'");
	return INRO_OK;
}

/* ---- found ---- */

/* One with an end that is from a time to come was given when the clock was ahead: it would last for that much longer. */
static bool is_over(const struct pass *p)
{
	return p->until && (p->until <= clock_now() || p->created_ms / 1000 - clock_now() > ISSUE_TIME_OTHERS);
}

enum inro_err pass_by_hash(struct core *c, enum pass_kind kind, struct bytes hash, struct pass *ret)
{
	const struct store_cond conds[] = {
		{ .field = "hash", .bytes = hash },
		{ .field = "kind", .number = kind },
		{ .field = "ended_ms", .op = STORE_NONE },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	enum inro_err e = store_find(c->store, &q, ret);

	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no such %s, or it was revoked", pass_kind_names[kind]);
	if (e == INRO_OK && is_over(ret))
		return err_set(INRO_E_STATE, "the %s '%s' is over", pass_kind_names[kind], ret->name);
	return e;
}

enum inro_err pass_by_text(struct core *c, enum pass_kind kind, const char *text, struct pass *ret)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e;

	if (!text || !*text || strlen(text) >= PASS_TEXT_MAX)
		return err_set(INRO_E_NOT_FOUND, "that is no %s", pass_kind_names[kind]);
	e = pki_digest(PKI_SHA256, bytes_of(text), hash);
	return e == INRO_OK ? pass_by_hash(c, kind, BYTES(hash, 32), ret) : e;
}

static enum inro_err seen_work(struct core *c, void *arg)
{
	SCOPED(pass) p = { 0 };
	enum inro_err e = store_get(c->store, *(const int64_t *)arg, &p);

	p.seen_ms = clock_now_ms();
	return e == INRO_OK ? store_update(c->store, &p) : e;
}

enum inro_err pass_seen(struct core *c, const struct pass *p)
{
	int64_t id = p->id;

	if (!clock_is_over(p->seen_ms, SEEN_MS))
		return INRO_OK;
	return core_write(c, seen_work, &id);
}

enum inro_err pass_find(struct core *c, bool with_ended, const struct page *page,
			struct pass_list *ret)
{
	struct store_cond conds[3] = { { .field = "tenant", .number = c->tenant } };
	struct store_query q = { .conds = conds, .n = 1 };
	struct core_rows rows = { 0 };
	enum inro_err e;

	if (!with_ended)
		conds[q.n++] = (struct store_cond) { .field = "ended_ms", .op = STORE_NONE };
	if (c->role < ROLE_ADMIN)
		conds[q.n++] = (struct store_cond) { .field = "account", .number = c->account };
	e = core_page(c, &pass_type, &q, page, &rows);
	if (e == INRO_OK)
		*ret = (struct pass_list) { .items = rows.items, .n = rows.n, .next = rows.next };
	return e;
}

enum inro_err pass_account(struct core *c, const struct pass *p, char **ret)
{
	SCOPED(account) a = { 0 };
	enum inro_err e = p->account ? store_get(c->store, p->account, &a) : INRO_OK;

	return e == INRO_OK ? text_set(ret, text_or_empty(a.name)) : e;
}

/* ---- made ---- */


static enum inro_err draw_value(enum pass_kind kind, struct secret *ret)
{
	SCOPED(secret) chance = { 0 };
	SCOPED(buf) text = { .secret = true };
	enum inro_err e = secret_random(VALUE_OCTETS, &chance);

	if (e != INRO_OK)
		return e;
	buf_addf(&text, "inro_%s_", pass_kind_names[kind]);
	buf_add_hex(&text, secret_bytes(&chance));
	e = buf_err(&text);
	return e == INRO_OK ? secret_copy(buf_bytes(&text), ret) : e;
}

static enum inro_err hash_into(struct pass *p, struct bytes of)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e = pki_digest(PKI_SHA256, of, hash);

	return e == INRO_OK ? blob_set(&p->hash, BYTES(hash, 32)) : e;
}

static enum inro_err note_pass(struct core *c, const char *action, const struct pass *p)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { action, "pass", p->name, EVENT_DONE, &detail };

	detail_int(&detail, "id", p->id);
	detail_text(&detail, "kind", pass_kind_names[p->kind]);
	detail_int(&detail, "account", p->account);
	detail_text(&detail, "role", role_names[p->role]);
	detail_text(&detail, "verbs", p->verbs);
	detail_int(&detail, "until", p->until);
	return audit_append(c, &entry);
}

static enum inro_err insert_pass(struct core *c, struct pass *p)
{
	enum inro_err e;

	p->id = 0;
	e = store_insert(c->store, p);
	if (e == INRO_E_EXISTS)
		return err_set(e, "there is a pass for this certificate; revoke that first");
	return e == INRO_OK ? note_pass(c, p->kind == PASS_SESSION ? "user.session" : "pass.add", p)
			    : e;
}

static enum inro_err add_work(struct core *c, void *arg)
{
	return insert_pass(c, arg);
}

/* Who came by a pass that lasts makes no others. */
static enum inro_err came_himself(struct core *c)
{
	SCOPED(pass) by = { 0 };
	enum inro_err e = c->pass ? store_get(c->store, c->pass, &by) : INRO_OK;

	if (e == INRO_OK && c->pass && by.kind != PASS_SESSION)
		return err_set(INRO_E_ACCESS, "who came by a %s makes no passes: log in by the password",
			       pass_kind_names[by.kind]);
	return e;
}

static enum inro_err for_another(struct core *c, const char *name, struct account *ret)
{
	int64_t need = 0;
	enum inro_err e = core_require(c, ROLE_ADMIN, "make a pass for another account");

	if (e == INRO_OK)
		e = eyes_need(c, EYES_ACCOUNTS, &need);
	if (e == INRO_OK && need)
		e = err_set(INRO_E_POLICY, "where accounts take more than one, each makes his own "
					   "passes");
	return e == INRO_OK ? account_get(c, name, ret) : e;
}

static enum inro_err load_holder(struct core *c, const struct pass_new *in, struct account *ret)
{
	SCOPED(account) own = { 0 };
	enum inro_err e;

	if (in->kind == PASS_KEY)
		return core_require(c, ROLE_ADMIN, "make a key");
	if (!c->account && !in->account)
		return err_set(INRO_E_STATE, "a pass is an account's: 'inro user add' makes the first");
	e = c->account ? store_get(c->store, c->account, &own) : INRO_OK;
	if (e != INRO_OK)
		return e;
	if (in->account && (own.tenant != c->tenant || strcmp(own.name, in->account) != 0))
		return for_another(c, in->account, ret);
	*ret = own;
	own = (struct account) { 0 };
	return INRO_OK;
}

static enum inro_err check_pass(const struct pass_new *in, const struct account *holder)
{
	enum inro_err e = core_check_name("a pass's name", in->name, PASS_NAME_MAX, "._@-");

	if (e == INRO_OK && (in->kind == PASS_SESSION || (unsigned)in->kind >= PASS_KIND__MAX))
		e = err_set(INRO_E_ARG, "a pass is a token, a certificate or a key");
	if (e == INRO_OK && (in->kind == PASS_CERTIFICATE) != (in->cert.n != 0))
		e = err_set(INRO_E_ARG, "a certificate is for a pass of that kind");
	if (e == INRO_OK && (unsigned)in->role >= ROLE__MAX)
		e = err_set(INRO_E_ARG, "that is no role");
	if (e == INRO_OK && holder->id && in->role > holder->role)
		e = err_set(INRO_E_POLICY, "the account '%s' is %s: its pass is no more",
			    holder->name, role_names[holder->role]);
	if (e == INRO_OK && in->days > PASS_DAYS_MAX)
		e = err_set(INRO_E_ARG, "a pass lasts up to %d days", PASS_DAYS_MAX);
	return e == INRO_OK ? pass_verbs_check(in->verbs) : e;
}

static enum inro_err fill_pass(const struct core *c, const struct pass_new *in, int64_t account,
			       struct pass *p)
{
	enum inro_err e = text_set(&p->name, in->name);

	p->tenant = c->tenant;
	p->kind = in->kind;
	p->account = account;
	p->role = in->role;
	p->created_ms = clock_now_ms();
	p->until = in->days ? clock_now() + in->days * DAY_SECONDS : 0;
	return e == INRO_OK ? text_set(&p->verbs, in->verbs) : e;
}

/* Of all tenants together no two have one certificate. */
static enum inro_err check_proved(const struct core *c, const struct pass_new *in)
{
	if (!in->unproved || (c->role == ROLE_ADMIN && c->tenant == TENANT_DEFAULT))
		return INRO_OK;
	return err_set(INRO_E_ACCESS,
		       "who binds a client certificate shows that he has its key: over a connection that shows it, "
		       "and not in a batch");
}

static enum inro_err make_pass(struct core *c, const struct pass_new *in, struct secret *value,
			       struct pass *p)
{
	SCOPED(account) holder = { 0 };
	enum inro_err e = came_himself(c);

	if (e == INRO_OK)
		e = check_proved(c, in);
	if (e == INRO_OK)
		e = load_holder(c, in, &holder);
	if (e == INRO_OK)
		e = check_pass(in, &holder);
	if (e == INRO_OK)
		e = fill_pass(c, in, holder.id, p);
	if (e == INRO_OK && !in->cert.n)
		e = draw_value(in->kind, value);
	if (e == INRO_OK)
		e = hash_into(p, in->cert.n ? in->cert : secret_bytes(value));
	return e == INRO_OK ? core_write(c, add_work, p) : e;
}

enum inro_err pass_add(struct core *c, const struct pass_new *in, struct secret *ret_value,
		       struct pass *ret)
{
	SCOPED(secret) value = { 0 };
	SCOPED(pass) p = { 0 };
	enum inro_err e = make_pass(c, in, &value, &p);

	if (e != INRO_OK)
		return audit_refused(c, "pass.add", "pass", text_or_empty(in->name), e);
	*ret_value = value;
	value = (struct secret) { 0 };
	*ret = p;
	p = (struct pass) { 0 };
	return INRO_OK;
}

/* ---- ended ---- */

struct ending {
	int64_t id;
	struct pass out;
};

static enum inro_err end_pass(struct core *c, struct pass *p)
{
	enum inro_err e;

	if (p->ended_ms)
		return INRO_OK;
	p->ended_ms = clock_now_ms();
	e = store_update(c->store, p);
	return e == INRO_OK ? note_pass(c, "pass.revoke", p) : e;
}

static enum inro_err revoke_work(struct core *c, void *arg)
{
	struct ending *x = arg;
	SCOPED(pass) p = { 0 };
	enum inro_err e = core_by_id(c, &pass_type, x->id, &p);

	/* Another's is not there for who may not end it. */
	if (e == INRO_OK && c->role < ROLE_ADMIN && p.account != c->account)
		e = INRO_E_NOT_FOUND;
	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no pass %lld; 'inro user token list' shows the ones there are",
			       (long long)x->id);
	if (e == INRO_OK)
		e = end_pass(c, &p);
	if (e != INRO_OK)
		return e;
	pass_clear(&x->out);
	x->out = p;
	p = (struct pass) { 0 };
	return INRO_OK;
}

enum inro_err pass_revoke(struct core *c, int64_t id, struct pass *ret)
{
	struct ending x = { .id = id };
	char name[24];
	enum inro_err e = core_write(c, revoke_work, &x);

	snprintf(name, sizeof name, "%lld", (long long)id);
	if (e != INRO_OK) {
		pass_clear(&x.out);
		return audit_refused(c, "pass.revoke", "pass", name, e);
	}
	*ret = x.out;
	return INRO_OK;
}

/* The sessions of this account, in every tenant, but the newest `keep` of them. */
static enum inro_err end_sessions(struct core *c, int64_t account, size_t keep, size_t *ret_n)
{
	const struct store_cond conds[] = {
		{ .field = "account", .number = account },
		{ .field = "kind", .number = PASS_SESSION },
		{ .field = "ended_ms", .op = STORE_NONE },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	void *rows = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &pass_type, &q, &rows, &n);
	struct pass *sessions = rows;

	*ret_n = 0;
	for (size_t i = 0; e == INRO_OK && i + keep < n; i++, (*ret_n)++)
		e = end_pass(c, &sessions[i]);
	list_free(&pass_type, rows, n);
	return e;
}

struct logout {
	const char *name;
	size_t n;
};

static enum inro_err logout_work(struct core *c, void *arg)
{
	struct logout *l = arg;
	SCOPED(account) a = { 0 };
	enum inro_err e = INRO_OK;

	a.id = c->account;
	if (l->name)
		e = core_require(c, ROLE_ADMIN, "log another out");
	if (e == INRO_OK && l->name)
		e = account_get(c, l->name, &a);
	return e == INRO_OK ? end_sessions(c, a.id, 0, &l->n) : e;
}

enum inro_err pass_logout(struct core *c, const char *account, size_t *ret_n)
{
	struct logout l = { .name = account };
	enum inro_err e = core_write(c, logout_work, &l);

	if (e != INRO_OK)
		return audit_refused(c, "user.logout", "user", text_or_empty(account), e);
	*ret_n = l.n;
	return INRO_OK;
}

/* ---- sessions ---- */

/* What is over is nobody's any more: it goes for good. */
static enum inro_err drop_over(struct core *c, int64_t account)
{
	const struct store_cond conds[] = {
		{ .field = "account", .number = account },
		{ .field = "kind", .number = PASS_SESSION },
		{ .field = "until", .op = STORE_LT, .number = clock_now() },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	int64_t n = 0;

	return store_delete(c->store, &pass_type, &q, &n);
}

static enum inro_err session_work(struct core *c, void *arg)
{
	struct pass *p = arg;
	size_t n = 0;
	enum inro_err e = drop_over(c, p->account);

	if (e == INRO_OK)
		e = end_sessions(c, p->account, PASS_SESSIONS_MAX - 1, &n);
	return e == INRO_OK ? insert_pass(c, p) : e;
}

static enum inro_err make_session(struct core *c, const struct core_who *who, struct secret *value,
				  struct pass *p)
{
	const struct pass_new in = { .kind = PASS_SESSION, .name = "session", .role = who->role };
	int64_t minutes = 0;
	enum inro_err e = core_become(c, who);

	if (e == INRO_OK)
		e = setting_number(c, "session.minutes", &minutes);
	if (e == INRO_OK)
		e = fill_pass(c, &in, who->account, p);
	p->until = clock_now() + minutes * 60;
	if (e == INRO_OK)
		e = draw_value(PASS_SESSION, value);
	if (e == INRO_OK)
		e = hash_into(p, secret_bytes(value));
	return e == INRO_OK ? core_write(c, session_work, p) : e;
}

enum inro_err pass_session(struct core *c, const struct core_who *who, struct secret *ret_value,
			   struct pass *ret)
{
	SCOPED(secret) value = { 0 };
	SCOPED(pass) p = { 0 };
	enum inro_err e;

	if (!who->account || who->pass)
		return err_set(INRO_E_ACCESS, "a session begins with a password");
	e = make_session(c, who, &value, &p);
	if (e != INRO_OK)
		return e;
	*ret_value = value;
	value = (struct secret) { 0 };
	*ret = p;
	p = (struct pass) { 0 };
	return INRO_OK;
}

/* ---- forgotten ---- */

static enum inro_err newest_pass(struct core *c, int64_t *ret)
{
	const struct store_query q = { .backward = true, .limit = 1 };
	SCOPED(pass) p = { 0 };
	enum inro_err e = store_find(c->store, &q, &p);

	*ret = p.id;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* The newest stays: no number is given out twice. */
static enum inro_err purge_before(struct core *c, struct store_cond kind, int64_t seconds)
{
	const struct store_cond ends[] = {
		{ .field = "ended_ms", .op = STORE_LT, .number = seconds * 1000 },
		{ .field = "until", .op = STORE_LT, .number = seconds },
	};
	struct store_cond conds[] = { kind, { .field = "id", .op = STORE_LT }, { 0 } };
	const struct store_query q = { STORE_WHERE(conds) };
	int64_t n = 0;
	enum inro_err e = newest_pass(c, &conds[1].number);

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(ends); i++) {
		conds[2] = ends[i];
		e = store_delete(c->store, &pass_type, &q, &n);
	}
	return e;
}

static enum inro_err purge_work(struct core *c, void *arg)
{
	const struct store_cond session = { .field = "kind", .number = PASS_SESSION };
	const struct store_cond other = { .field = "kind", .op = STORE_NE, .number = PASS_SESSION };
	int64_t now = clock_now();
	enum inro_err e = purge_before(c, session, now - SESSION_KEPT_DAYS * DAY_SECONDS);

	(void)arg;
	return e == INRO_OK ? purge_before(c, other, now - PASS_KEPT_DAYS * DAY_SECONDS) : e;
}

enum inro_err pass_purge(struct core *c)
{
	return core_write(c, purge_work, NULL);
}
