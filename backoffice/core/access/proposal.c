/* proposal - see proposal.h.  `decided` is a JSON array of {by, said, at, why}. */
#include "backoffice/core/proposal.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/internal.h"
#include "backoffice/core/login.h"
#include "backoffice/core/setting.h"
#include "backoffice/pki/alg.h"
#include "base/clock.h"

#define ACTION_MAX  64
#define SUBJECT_MAX 300
#define WHY_MAX	    255
#define DAY_MS	    INT64_C(86400000)

static void drop_json(json_t **j)
{
	json_decref(*j);
}

void proposal_list_clear(struct proposal_list *l)
{
	list_free(&proposal_type, l->items, l->n);
	*l = (struct proposal_list) { 0 };
}

static enum inro_err record_step(struct core *c, const struct proposal *p, const char *action,
				 const char *why)
{
	SCOPED(buf) detail = { 0 };
	SCOPED(buf) name = { 0 };
	struct audit_entry entry = { .action = action, .kind = "proposal", .detail = &detail };
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e = pki_digest(PKI_SHA256, blob_bytes(&p->body), hash);

	buf_addf(&name, "%lld", (long long)p->id);
	buf_add_u8(&name, 0);
	if (e == INRO_OK)
		e = buf_err(&name);
	if (e != INRO_OK)
		return e;
	entry.name = (const char *)name.p;
	detail_text(&detail, "action", p->action);
	detail_text(&detail, "subject", p->subject);
	detail_hex(&detail, "body", BYTES(hash, pki_hash_octets(PKI_SHA256)));
	detail_text(&detail, "state", proposal_state_names[p->state]);
	detail_text(&detail, "why", why);
	return audit_append(c, &entry);
}

static enum inro_err check_plan(const struct proposal_plan *p)
{
	enum inro_err e = core_check_text("the action", p->action, ACTION_MAX);

	if (e == INRO_OK)
		e = core_check_text("the subject", p->subject, SUBJECT_MAX);
	if (e == INRO_OK)
		e = core_check_text("the reason", p->why, WHY_MAX);
	if (e == INRO_OK)
		e = core_check_text("the request's id", p->request_id, WHY_MAX);
	if (e == INRO_OK && p->body.n > PROPOSAL_BODY_MAX)
		e = err_set(INRO_E_TOO_BIG, "a proposal has up to %zu bytes", PROPOSAL_BODY_MAX);
	if (e == INRO_OK && (p->need < 1 || p->need > PROPOSAL_NEED_MAX))
		e = err_set(INRO_E_ARG, "a proposal takes 1 to %d approvals, not %lld",
			    PROPOSAL_NEED_MAX, (long long)p->need);
	return e;
}

static bool is_about(const struct proposal *rec, const struct proposal_plan *p)
{
	return strcmp(rec->action, p->action) == 0 && strcmp(rec->subject, p->subject) == 0 &&
	       bytes_equal(blob_bytes(&rec->body), p->body);
}

static enum inro_err by_request(struct core *c, const struct proposal_plan *p, struct proposal *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "request_id", .text = p->request_id },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	SCOPED(proposal) rec = { 0 };
	enum inro_err e;

	if (!p->request_id || !*p->request_id)
		return INRO_E_NOT_FOUND;
	e = store_find(c->store, &q, &rec);
	if (e == INRO_OK && !is_about(&rec, p))
		e = err_set(INRO_E_EXISTS, "the request '%s' was about something else",
			    p->request_id);
	if (e != INRO_OK)
		return e;
	*ret = rec;
	rec = (struct proposal) { 0 };
	return INRO_OK;
}

static enum inro_err fill(struct core *c, const struct proposal_plan *p, struct proposal *rec)
{
	const struct {
		char **to;
		const char *from;
	} texts[] = {
		{ &rec->action, p->action },	      { &rec->subject, p->subject },
		{ &rec->asked_by, c->actor },	      { &rec->decided, "[]" },
		{ &rec->why, text_or_empty(p->why) }, { &rec->request_id, p->request_id },
	};
	enum inro_err e = blob_set(&rec->body, p->body);

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(texts); i++)
		e = text_set(texts[i].to, texts[i].from);
	rec->tenant = c->tenant;
	rec->state = PROPOSAL_OPEN;
	rec->need = p->need;
	rec->created_ms = rec->updated_ms = clock_now_ms();
	return e;
}

enum inro_err proposal_open_inside(struct core *c, const struct proposal_plan *p,
				   struct proposal *ret)
{
	SCOPED(proposal) rec = { 0 };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "propose something");

	if (e == INRO_OK)
		e = check_plan(p);
	if (e != INRO_OK)
		return e;
	e = by_request(c, p, ret);
	if (e != INRO_E_NOT_FOUND)
		return e;
	e = fill(c, p, &rec);
	if (e == INRO_OK)
		e = store_insert(c->store, &rec);
	if (e == INRO_OK)
		e = record_step(c, &rec, "proposal.open", p->why);
	if (e != INRO_OK)
		return e;
	*ret = rec;
	rec = (struct proposal) { 0 };
	return INRO_OK;
}

/* What a transaction works on, and what it made. */
struct deciding {
	int64_t id;
	enum verb verb;
	const char *why;
	bool gone; /* what it is about: nobody is asked */
	const struct proposal_plan *plan;
	struct proposal made;
};

static enum inro_err open_work(struct core *c, void *arg)
{
	struct deciding *d = arg;

	proposal_clear(&d->made);
	return proposal_open_inside(c, d->plan, &d->made);
}

static enum inro_err finish(struct core *c, core_work_fn *work, struct deciding *d,
			    struct proposal *ret)
{
	enum inro_err e = core_write(c, work, d);

	if (e != INRO_OK) {
		proposal_clear(&d->made);
		return e;
	}
	*ret = d->made;
	return INRO_OK;
}

enum inro_err proposal_open(struct core *c, const struct proposal_plan *p, struct proposal *ret)
{
	struct deciding d = { .plan = p };
	enum inro_err e = finish(c, open_work, &d, ret);

	return e == INRO_OK ? e : audit_refused(c, "proposal.open", "proposal", p->subject, e);
}

struct mine {
	const struct proposal_plan *plan;
	struct proposal found;
};

static enum inro_err mine_row(void *arg, void *record)
{
	struct proposal *rec = record;
	struct mine *m = arg;

	if (m->found.id || !is_about(rec, m->plan) ||
	    (rec->state != PROPOSAL_OPEN && rec->state != PROPOSAL_APPROVED))
		return INRO_OK;
	m->found = *rec;
	*rec = (struct proposal) { 0 };
	return INRO_OK;
}

enum inro_err proposal_mine(struct core *c, const struct proposal_plan *p, struct proposal *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "asked_by", .text = c->actor },
		{ .field = "action", .text = p->action },
		{ .field = "subject", .text = p->subject },
	};
	const struct store_query q = { STORE_WHERE(conds), .backward = true };
	struct mine m = { .plan = p };
	enum inro_err e = store_each(c->store, &proposal_type, &q, mine_row, &m);

	if (e == INRO_OK && !m.found.id)
		return INRO_E_NOT_FOUND;
	if (e != INRO_OK) {
		proposal_clear(&m.found);
		return e;
	}
	*ret = m.found;
	return INRO_OK;
}

enum inro_err proposal_get(struct core *c, int64_t id, struct proposal *ret)
{
	return core_numbered(c, &proposal_type, "proposal", id, ret);
}

enum inro_err proposal_find(struct core *c, const struct proposal_filter *f,
			    const struct page *page, struct proposal_list *ret)
{
	struct store_cond conds[3] = { { .field = "tenant", .number = c->tenant } };
	struct store_query q = { .conds = conds, .n = 1 };
	struct core_rows rows = { 0 };
	enum inro_err e;

	if (f && f->action)
		conds[q.n++] = (struct store_cond) { .field = "action", .text = f->action };
	if (f && f->state)
		conds[q.n++] = (struct store_cond) { .field = "state", .number = *f->state };
	e = core_page(c, &proposal_type, &q, page, &rows);
	if (e == INRO_OK)
		*ret = (struct proposal_list) { .items = rows.items, .n = rows.n, .next = rows.next };
	return e;
}

/* Names are never given again; one without an account is of the time before there were any. */
static enum inro_err may_still(struct core *c, const char *by, bool *ret)
{
	const char *slash = strchr(by, '/'); /* default/NAME */
	const enum role least = slash ? ROLE_ADMIN : ROLE_OPERATOR;
	SCOPED(account) a = { 0 };
	enum inro_err e = account_load(c, slash ? TENANT_DEFAULT : c->tenant, slash ? slash + 1 : by, &a);

	*ret = e == INRO_E_NOT_FOUND || (a.state == ACCOUNT_ACTIVE && a.role >= least);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* An approval is good for so many days (four-eyes.days), then as if it had not been said. */
static bool is_stale(const json_t *one, int64_t days)
{
	return clock_is_over(json_integer_value(json_object_get(one, "at")) * 1000, days * DAY_MS + 1);
}

/* Whether `who` decided, in what is in the list from there on, and that holds. */
static bool has_decided(const json_t *list, size_t from, const char *who, int64_t days)
{
	for (size_t i = from; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		const char *by = json_string_value(json_object_get(one, "by"));

		if (by && strcmp(by, who) == 0 && !is_stale(one, days))
			return true;
	}
	return false;
}

static enum inro_err approvals(struct core *c, const json_t *list, int64_t *ret)
{
	int64_t days = 0;
	enum inro_err e = setting_number(c, "four-eyes.days", &days);
	json_t *one;
	size_t i;

	*ret = 0;
	json_array_foreach(list, i, one)
	{
		const char *said = json_string_value(json_object_get(one, "said"));
		const char *by = json_string_value(json_object_get(one, "by"));
		bool counts = false;

		if (e == INRO_OK && by && said && strcmp(said, verb_names[VERB_APPROVE]) == 0 && !is_stale(one, days) &&
		    !has_decided(list, i + 1, by, days))
			e = may_still(c, by, &counts);
		*ret += counts;
	}
	return e;
}

static enum inro_err read_decided(const struct proposal *rec, json_t **ret)
{
	*ret = json_loads(text_or_empty(rec->decided), 0, NULL);
	if (json_is_array(*ret))
		return INRO_OK;
	return err_set(INRO_E_DAMAGED, "what was decided about proposal %lld can't be read",
		       (long long)rec->id);
}

enum inro_err proposal_approvals(struct core *c, const struct proposal *rec, int64_t *ret)
{
	AUTO(drop_json) json_t *list = NULL;
	enum inro_err e = read_decided(rec, &list);

	return e == INRO_OK ? approvals(c, list, ret) : e;
}

static enum inro_err may_decide(struct core *c, const struct proposal *rec, enum verb verb, const json_t *list)
{
	bool own = strcmp(rec->asked_by, c->actor) == 0;
	int64_t days = 0;
	enum inro_err e = setting_number(c, "four-eyes.days", &days);

	if (e != INRO_OK)
		return e;

	if (verb == VERB_WITHDRAW) {
		if (own || c->role >= ROLE_ADMIN)
			return INRO_OK;
		return err_set(INRO_E_ACCESS,
			       "proposal %lld is withdrawn by %s, who asked, or an administrator",
			       (long long)rec->id, rec->asked_by);
	}
	if (own)
		return err_set(INRO_E_POLICY, "nobody decides about what he asked for himself; "
					      "'inro proposal withdraw' takes it back");
	if (has_decided(list, 0, c->actor, days))
		return err_set(INRO_E_POLICY, "%s has decided about proposal %lld already",
			       c->actor, (long long)rec->id);
	return INRO_OK;
}

/* Adds what was said to the record. */
static enum inro_err note(struct core *c, struct proposal *rec, json_t *list,
			  const struct deciding *d)
{
	AUTO(free_chars) char *text = NULL;
	json_t *one = json_pack("{s:s s:s s:I}", "by", c->actor, "said", verb_names[d->verb], "at",
				(json_int_t)clock_now());

	if (d->why && *d->why)
		json_object_set_new(one, "why", json_string(d->why));
	if (!one || json_array_append_new(list, one) != 0 ||
	    !(text = json_dumps(list, JSON_COMPACT)))
		return err_set(INRO_E_NO_MEMORY, "no memory for a proposal's decisions");
	rec->updated_ms = clock_now_ms();
	return text_set(&rec->decided, text);
}

static enum inro_err move(struct core *c, struct proposal *rec, enum verb verb)
{
	int to;
	enum inro_err e = lifecycle_move(LIFE_PROPOSAL, (int)rec->state, verb, c->role, &to);

	if (e != INRO_OK)
		return err_context(e, "proposal %lld", (long long)rec->id);
	rec->state = (enum proposal_state)to;
	return INRO_OK;
}

static const char *const steps[VERB__MAX] = {
	[VERB_APPROVE] = "proposal.approve",
	[VERB_REJECT] = "proposal.reject",
	[VERB_WITHDRAW] = "proposal.withdraw",
};

static enum inro_err decide(struct core *c, struct deciding *d, struct proposal *rec)
{
	AUTO(drop_json) json_t *list = NULL;
	enum proposal_state before = rec->state;
	int64_t n = 0;
	enum inro_err e = read_decided(rec, &list);

	if (e == INRO_OK && !d->gone)
		e = may_decide(c, rec, d->verb, list);
	if (e == INRO_OK)
		e = move(c, rec, d->verb);
	if (e == INRO_OK)
		e = note(c, rec, list, d);
	if (e == INRO_OK && d->verb == VERB_APPROVE)
		e = approvals(c, list, &n);
	if (e == INRO_OK && d->verb == VERB_APPROVE && n < rec->need)
		rec->state = before;
	return e;
}

static enum inro_err decide_work(struct core *c, void *arg)
{
	struct deciding *d = arg;
	enum inro_err e;

	proposal_clear(&d->made);
	e = proposal_get(c, d->id, &d->made);
	if (e == INRO_OK)
		e = decide(c, d, &d->made);
	if (e == INRO_OK)
		e = store_update(c->store, &d->made);
	return e == INRO_OK ? record_step(c, &d->made, steps[d->verb], d->why) : e;
}

enum inro_err proposal_decide_inside(struct core *c, int64_t id, enum verb verb, const char *why,
				     struct proposal *ret)
{
	struct deciding d = { .id = id, .verb = verb, .why = why };
	enum inro_err e = decide_work(c, &d);

	if (e != INRO_OK) {
		proposal_clear(&d.made);
		return e;
	}
	*ret = d.made;
	return INRO_OK;
}

enum inro_err proposal_drop_inside(struct core *c, int64_t id, const char *why)
{
	struct deciding d = { .id = id, .verb = VERB_WITHDRAW, .why = why, .gone = true };
	enum inro_err e = decide_work(c, &d);

	proposal_clear(&d.made);
	return e;
}

enum inro_err proposal_decide(struct core *c, int64_t id, enum verb verb, const char *why,
			      struct proposal *ret)
{
	struct deciding d = { .id = id, .verb = verb, .why = why };
	char name[32];
	enum inro_err e;

	if ((unsigned)verb >= VERB__MAX || !steps[verb])
		return err_set(INRO_E_ARG, "a proposal is approved, rejected or withdrawn");
	e = core_check_text("the reason", why, WHY_MAX);
	if (e == INRO_OK)
		e = finish(c, decide_work, &d, ret);
	if (e == INRO_OK)
		return e;
	snprintf(name, sizeof name, "%lld", (long long)id);
	return audit_refused(c, steps[verb], "proposal", name, e);
}

static enum inro_err check(struct core *c, int64_t id, const struct proposal_plan *p,
			   struct proposal *rec)
{
	struct proposal after;
	enum inro_err e = proposal_get(c, id, rec);

	if (e != INRO_OK)
		return e;
	if (!is_about(rec, p))
		return err_set(INRO_E_POLICY,
			       "proposal %lld is about something else: what was approved is done "
			       "as it was proposed, or not at all",
			       (long long)id);
	if (rec->state == PROPOSAL_OPEN)
		return err_set(INRO_E_STATE, "proposal %lld waits for %lld approval(s) in all",
			       (long long)id, (long long)rec->need);
	after = *rec;
	return move(c, &after, VERB_EXECUTE);
}

enum inro_err proposal_check(struct core *c, int64_t id, const struct proposal_plan *p)
{
	SCOPED(proposal) rec = { 0 };
	enum inro_err e = check(c, id, p, &rec);

	if (e == INRO_OK && strcmp(rec.asked_by, c->actor) != 0)
		e = err_set(INRO_E_ACCESS, "proposal %lld is carried out by %s, who made it",
			    (long long)id, rec.asked_by);
	return e;
}

enum inro_err proposal_done(struct core *c, int64_t id, const struct proposal_plan *p,
			    int64_t result)
{
	SCOPED(proposal) rec = { 0 };
	enum inro_err e = check(c, id, p, &rec);

	if (e == INRO_OK)
		e = move(c, &rec, VERB_EXECUTE);
	rec.result = result;
	rec.updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = store_update(c->store, &rec);
	return e == INRO_OK ? record_step(c, &rec, "proposal.done", NULL) : e;
}
