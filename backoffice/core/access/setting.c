/* setting - the table of settings, and rows of the table `setting`; see setting.h. */
#include "backoffice/core/setting.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/eyes.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/login.h"
#include "backoffice/core/policy.h"

#define WORDS(...) ((const char *const[]) { __VA_ARGS__, NULL })
#define NUMBER(from, to, def)                                                                      \
	.kind = SETTING_NUMBER, .min = (from), .max = (to), .otherwise = (def)
#define WORD(def, ...) .kind = SETTING_WORD, .words = WORDS(__VA_ARGS__), .otherwise = (def)
#define KEPT(how) .kind = SETTING_KEPT, .otherwise = "", .by = (how)

static enum inro_err enough_others(struct core *c, const struct setting_rule *r, const char *value);
static enum inro_err names_there(struct core *c, const struct setting_rule *r, const char *value);

const struct setting_rule setting_rules[] = { /* by name */
	{ .name = "accounts", WORD("password", "password", "os"), .whole = true, .guarded = true,
	  .help = "os: the operating system's users are the accounts of that name, without a password" },
	{ .name = "anchor.shared", .kind = SETTING_HASHES, .otherwise = "",
	  .help = "keys that many devices have, by the SHA-256 of their SubjectPublicKeyInfo: no device's trust anchor" },
	{ .name = "audit.every", NUMBER(1, 1000000, "1000"), .whole = true,
	  .help = "events after which the audit's head is signed again" },
	{ .name = "audit.key", KEPT("'inro audit sign --key'"), .whole = true,
	  .help = "the key that signs the audit's heads" },
	{ .name = "audit.minutes", NUMBER(0, 525600, "60"), .whole = true,
	  .help = "minutes after which an event must be under a signed head; 0: however long" },
	{ .name = "audit.reads", WORD("no", "yes", "no"), .whole = true,
	  .help = "whether commands that only read are events too" },
	{ .name = "clock.last", KEPT("'inro db clock --accept'"), .whole = true,
	  .help = "the greatest time at which something was issued, in seconds since 1970" },
	{ .name = "four-eyes.accounts", NUMBER(0, PROPOSAL_NEED_MAX, ""), .guarded = true, .check = enough_others,
	  .help = "others who approve that somebody gets an account, a role or a password; not set: "
		  "as many as the most of the other two" },
	{ .name = "four-eyes.archive", NUMBER(0, PROPOSAL_NEED_MAX, "0"), .guarded = true, .check = enough_others,
	  .help = "others who approve that an archived key leaves" },
	{ .name = "four-eyes.ca", NUMBER(0, PROPOSAL_NEED_MAX, "0"), .guarded = true, .check = enough_others,
	  .help = "others who approve that a CA is made or gets another key" },
	{ .name = "four-eyes.days", NUMBER(1, 3650, "30"), .guarded = true,
	  .help = "days for which an approval is good" },
	{ .name = "job.megabytes", NUMBER(1, 1048576, "1024"),
	  .help = "of rows that are sent for jobs, as many as are kept until the jobs are over" },
	{ .name = "network.stages", NUMBER(1, 2, "1"), .whole = true,
	  .help = "2: every request of the network's API has a key beside what proves who it is from" },
	{ .name = "password.classes", NUMBER(1, 4, "1"), .whole = true,
	  .help = "of upper case, lower case, digits and others, how many a new password has" },
	{ .name = "password.length", NUMBER(8, 128, "12"), .whole = true,
	  .help = "bytes of a new password at least" },
	{ .name = "password.lock", NUMBER(1, 31536000, "900"), .whole = true,
	  .help = "seconds for which an account is locked" },
	{ .name = "password.tries", NUMBER(1, 1000, "5"), .whole = true,
	  .help = "wrong passwords in a row that lock an account" },
	{ .name = "policy", .kind = SETTING_POLICY, .otherwise = "{}", .check = names_there,
	  .help = "what holds in every group that does not say otherwise" },
	{ .name = "seal.key", KEPT("'inro secret seal-key'"),
	  .help = "the key that seals what is secret" },
	{ .name = "session.minutes", NUMBER(1, 43200, "480"), .whole = true,
	  .help = "how long a session lasts after its password" },
	{ 0 },
};

static enum inro_err unknown(const char *name)
{
	SCOPED(buf) known = { 0 };

	for (const struct setting_rule *r = setting_rules; r->name; r++)
		buf_addf(&known, "%s%s", r == setting_rules ? "" : ", ", r->name);
	buf_add_u8(&known, 0);
	return err_set(INRO_E_NOT_FOUND, "there is no setting '%s'; there are %s", name,
		       buf_err(&known) == INRO_OK ? (const char *)known.p : "others");
}

static const struct setting_rule *rule_of(const char *name)
{
	const struct setting_rule *r = setting_rules;

	while (r->name && strcmp(r->name, name) != 0)
		r++;
	return r->name ? r : NULL;
}

enum inro_err setting_rule_find(const char *name, const struct setting_rule **ret)
{
	const struct setting_rule *r = rule_of(name);

	if (!r)
		return unknown(name);
	*ret = r;
	return INRO_OK;
}

static void number_values(const struct setting_rule *r, struct buf *ret)
{
	buf_addf(ret, "%lld to %lld", (long long)r->min, (long long)r->max);
}

static void word_values(const struct setting_rule *r, struct buf *ret)
{
	for (size_t i = 0; r->words[i]; i++)
		buf_addf(ret, "%s%s", i ? " or " : "", r->words[i]);
}

static void policy_values(const struct setting_rule *r, struct buf *ret)
{
	(void)r;
	buf_add_str(ret, "a policy, as JSON");
}

static void hashes_values(const struct setting_rule *r, struct buf *ret)
{
	(void)r;
	buf_add_str(ret, "SHA-256 in hex, blanks between");
}

static void kept_values(const struct setting_rule *r, struct buf *ret)
{
	buf_addf(ret, "set by %s", r->by);
}

void setting_values(const struct setting_rule *r, struct buf *ret)
{
	static void (*const by_kind[SETTING_KIND__MAX])(const struct setting_rule *,
							struct buf *) = {
		[SETTING_NUMBER] = number_values,
		[SETTING_WORD] = word_values,
		[SETTING_POLICY] = policy_values,
		[SETTING_HASHES] = hashes_values,
		[SETTING_KEPT] = kept_values,
	};

	by_kind[r->kind](r, ret);
}

void setting_print(struct buf *out)
{
	for (const struct setting_rule *r = setting_rules; r->name; r++) {
		buf_addf(out, "| `%s` | ", r->name);
		setting_values(r, out);
		buf_addf(out, " | %s | %s | %s |\n", *r->otherwise ? r->otherwise : "–",
			 r->whole ? "database" : "tenant", r->help);
	}
}

/* ---- rows ---- */

static int64_t owner_of(const struct core *c, const char *name)
{
	const struct setting_rule *r = rule_of(name);

	return r && r->whole ? TENANT_DEFAULT : c->tenant;
}

static enum inro_err find(struct core *c, const char *name, struct setting *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = owner_of(c, name) },
		{ .field = "name", .text = name },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

enum inro_err setting_get(struct core *c, const char *name, char **ret)
{
	SCOPED(setting) s = { 0 };
	enum inro_err e = find(c, name, &s);

	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	*ret = s.value;
	s.value = NULL;
	return INRO_OK;
}

enum inro_err setting_in_force(struct core *c, const char *name, char **ret)
{
	AUTO(free_chars) char *value = NULL;
	const struct setting_rule *r;
	enum inro_err e = setting_rule_find(name, &r);

	if (e == INRO_OK)
		e = setting_get(c, name, &value);
	if (e == INRO_OK && (!value || !*value))
		e = text_set(&value, r->otherwise);
	if (e != INRO_OK)
		return e;
	*ret = value;
	value = NULL;
	return INRO_OK;
}

static bool is_number(const struct setting_rule *r, const char *value, int64_t *ret)
{
	size_t n = strlen(value);
	int64_t number;

	if (n == 0 || n > 18 || strspn(value, "0123456789") != n)
		return false;
	number = strtoll(value, NULL, 10);
	if (number < r->min || number > r->max)
		return false;
	*ret = number;
	return true;
}

enum inro_err setting_number(struct core *c, const char *name, int64_t *ret)
{
	AUTO(free_chars) char *value = NULL;
	const struct setting_rule *r;
	enum inro_err e = setting_rule_find(name, &r);

	if (e == INRO_OK)
		e = setting_in_force(c, name, &value);
	if (e != INRO_OK)
		return e;
	*ret = 0;
	if (value && *value && !is_number(r, value, ret))
		return err_set(INRO_E_DAMAGED, "the setting %s is kept as '%s', which is no number of its",
			       name, value);
	return INRO_OK;
}

enum inro_err setting_is(struct core *c, const char *name, const char *word, bool *ret)
{
	AUTO(free_chars) char *value = NULL;
	enum inro_err e = setting_in_force(c, name, &value);

	*ret = e == INRO_OK && value && strcmp(value, word) == 0;
	return e;
}

enum inro_err setting_set(struct core *c, const char *name, const char *value)
{
	SCOPED(setting) s = { 0 };
	enum inro_err e = core_check_name("a setting's name", name, SETTING_NAME_MAX, "._-");
	bool old;

	if (e == INRO_OK)
		e = core_check_text("a setting", value, SETTING_VALUE_MAX);
	if (e != INRO_OK)
		return e;
	e = find(c, name, &s);
	old = e == INRO_OK;
	if (e == INRO_E_NOT_FOUND)
		e = text_set(&s.name, name);
	s.tenant = owner_of(c, name);
	if (e == INRO_OK)
		e = text_set(&s.value, value);
	if (e != INRO_OK)
		return e;
	return old ? store_update(c->store, &s) : store_insert(c->store, &s);
}

/* ---- changed by people ---- */

typedef enum inro_err take_fn(const struct setting_rule *r, const char *given, char **ret);

static enum inro_err not_one(const struct setting_rule *r, const char *given)
{
	SCOPED(buf) like = { 0 };

	setting_values(r, &like);
	buf_add_u8(&like, 0);
	return err_set(INRO_E_ARG, "%s is %s, not '%s'", r->name,
		       buf_err(&like) == INRO_OK ? (const char *)like.p : "something else", given);
}

static enum inro_err take_number(const struct setting_rule *r, const char *given, char **ret)
{
	int64_t number;

	return is_number(r, given, &number) ? text_set(ret, given) : not_one(r, given);
}

static enum inro_err take_word(const struct setting_rule *r, const char *given, char **ret)
{
	for (size_t i = 0; r->words[i]; i++)
		if (strcmp(r->words[i], given) == 0)
			return text_set(ret, given);
	return not_one(r, given);
}

static enum inro_err take_policy(const struct setting_rule *r, const char *given, char **ret)
{
	(void)r;
	return policy_normal(given, ret);
}

static enum inro_err take_hashes(const struct setting_rule *r, const char *given, char **ret)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = given + strspn(given, " ");

	if (!*at)
		return not_one(r, given);
	for (; *at; at += strspn(at, " ")) {
		size_t n = strcspn(at, " ");

		if (n != 64 || strspn(at, digits) != n)
			return not_one(r, given);
		at += n;
	}
	return text_set(ret, given);
}

static enum inro_err take_kept(const struct setting_rule *r, const char *given, char **ret)
{
	(void)given;
	(void)ret;
	return err_set(INRO_E_ARG, "%s is set by %s", r->name, r->by);
}

static enum inro_err take(const struct setting_rule *r, const char *given, char **ret)
{
	static take_fn *const by_kind[SETTING_KIND__MAX] = {
		[SETTING_NUMBER] = take_number,
		[SETTING_WORD] = take_word,
		[SETTING_POLICY] = take_policy,
		[SETTING_HASHES] = take_hashes,
		[SETTING_KEPT] = take_kept,
	};

	if (!given && r->kind != SETTING_KEPT)
		return INRO_OK;
	return by_kind[r->kind](r, given, ret);
}

struct setting_step {
	const struct setting_rule *rule;
	char *value; /* NULL: as if it had never been set */
	struct proposal_plan plan;
	int64_t proposal;
};

static enum inro_err change_work(struct core *c, void *arg)
{
	const struct setting_step *s = arg;
	AUTO(free_chars) char *was = NULL;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "setting.set", "setting", s->rule->name, EVENT_DONE,
					   &detail };
	/* Again, now that what it names can't go any more. */
	enum inro_err e = s->rule->check && s->value ? s->rule->check(c, s->rule, s->value) : INRO_OK;

	if (e == INRO_OK && s->rule->guarded)
		e = eyes_done(c, EYES_RULES, &s->plan, s->proposal, 0);
	if (e == INRO_OK)
		e = setting_get(c, s->rule->name, &was);
	if (e == INRO_OK)
		e = setting_set(c, s->rule->name, s->value);
	if (e == INRO_OK && c->account)
		e = login_still_possible(c);
	detail_text(&detail, "was", was);
	detail_text(&detail, "value", s->value);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

/* As many as are asked for must be there, or nothing of that kind could be done any more. */
static enum inro_err enough_others(struct core *c, const struct setting_rule *r, const char *value)
{
	int64_t wanted = strtoll(value, NULL, 10), others = 0;
	enum inro_err e = wanted ? eyes_others(c, &others) : INRO_OK;

	if (e == INRO_OK && others < wanted)
		e = err_set(INRO_E_STATE,
			    "%s %lld takes as many others who approve: there are %lld active "
			    "accounts of operators and administrators beside one's own",
			    r->name, (long long)wanted, (long long)others);
	return e;
}

static enum inro_err names_there(struct core *c, const struct setting_rule *r, const char *value)
{
	(void)r;
	return policy_check_names(c, value);
}

static enum inro_err may_change(struct core *c, const struct setting_step *s)
{
	enum inro_err e = core_require(c, ROLE_ADMIN, "change a setting");

	if (e == INRO_OK && s->rule->whole && c->tenant != TENANT_DEFAULT)
		e = err_set(INRO_E_ACCESS, "%s is of the whole database: the tenant 'default' sets "
					   "it", s->rule->name);
	if (e == INRO_OK && s->rule->check && s->value)
		e = s->rule->check(c, s->rule, s->value);
	if (e == INRO_OK && s->rule->guarded)
		e = eyes_check(c, EYES_RULES, &s->plan, s->proposal);
	return e;
}

static enum inro_err run_change(struct core *c, struct setting_step *s)
{
	SCOPED(buf) subject = { 0 };
	enum inro_err e;

	buf_addf(&subject, "setting:%s", s->rule->name);
	buf_add_u8(&subject, 0);
	e = buf_err(&subject);
	if (e != INRO_OK)
		return e;
	s->plan = (struct proposal_plan) { .action = "setting.set",
					   .subject = (const char *)subject.p,
					   .body = bytes_of(text_or_empty(s->value)) };
	e = may_change(c, s);
	return e == INRO_OK ? core_write(c, change_work, s) : e;
}

enum inro_err setting_change(struct core *c, const char *name, const char *value, int64_t proposal)
{
	struct setting_step s = { .proposal = proposal };
	enum inro_err e = setting_rule_find(name, &s.rule);

	if (e == INRO_OK)
		e = take(s.rule, value, &s.value);
	if (e != INRO_OK)
		return e;
	e = run_change(c, &s);
	free(s.value);
	return e == INRO_OK ? e : audit_refused(c, "setting.set", "setting", name, e);
}
