/* round - see round.h. */
#include "tools/agent/round.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/own.h"
#include "tools/agent/attest.h"
#include "tools/agent/due.h"
#include "tools/agent/est.h"
#include "tools/agent/hook.h"
#include "tools/agent/keys.h"
#include "tools/agent/pair.h"
#include "tools/agent/request.h"
#include "tools/agent/secrets.h"
#include "tools/agent/self.h"
#include "tools/agent/status.h"
#include "tools/agent/trust.h"

#define DAY	     86400
#define LOCK_WAIT_MS 1000
#define WAIT_LEAST   1
#define NO_CLOCK     INT64_C(1763683200) /* 2025-11-21: no device is set to a day before */

/* An error that keeps nothing else from being done, and is told at the end. */
struct put_by {
	enum inro_err code; /* INRO_OK: none */
	char why[ERR_DETAIL_MAX];
};

struct round {
	const struct agent_settings *s;
	struct status status;
	struct fetch_way way;
	struct buf trust; /* empty: the setting alone */
	struct keyroom *keys;
	struct pair live; /* generation 0: none */
	bool expired;
	int64_t believed, renew_at, wait; /* wait 0: not decided */
	struct keys_hold hold;
	struct self self;    /* what the service wants */
	bool told;	     /* it said so in this round */
	struct put_by asked, secrets, commands; /* what the service wants; symmetric keys; after-renewal */
	unsigned ran_for; /* generation whose commands this round has run */
	int64_t secrets_wake; /* 0: nothing is to be done */
};

static void round_open(struct round *r, const struct agent_settings *s)
{
	r->s = s;
	r->hold = (struct keys_hold) { .s = s, .refused_pin = &r->status.refused_pin };
	status_read(s, &r->status);
}

static void put_by(struct put_by *p, enum inro_err e)
{
	p->code = e;
	if (e != INRO_OK)
		snprintf(p->why, sizeof p->why, "%s", err_detail(e));
}

static enum inro_err tell(const struct put_by *p)
{
	return p->code == INRO_OK ? INRO_OK : err_set(p->code, "%s", p->why);
}

static void round_clear(struct round *r)
{
	keys_hold_clear(&r->hold);
	keyroom_close(r->keys);
	pair_clear(&r->live);
	self_clear(&r->self);
	status_clear(&r->status);
	buf_clear(&r->trust);
	*r = (struct round) { 0 };
}

/* ---- what there is ---- */

static enum inro_err load_live(struct round *r)
{
	unsigned generation;
	enum inro_err e = pair_live(r->s, &generation);

	return e == INRO_OK && generation ? pair_load(r->s, generation, &r->live) : e;
}

static struct due_rules rules_of(const struct round *r)
{
	const struct agent_settings *s = r->s;

	return (struct due_rules) { .before = s->renew_before ? s->renew_before :
								r->status.policy_days * DAY,
				    .every = s->renew_every,
				    .jitter = s->jitter };
}

static struct due_known known_of(const struct round *r)
{
	const struct cert *c = &r->live.cert;

	return (struct due_known) {
		.least = r->live.generation && c->not_before > NO_CLOCK ? c->not_before : NO_CLOCK,
		.heard = r->status.heard,
		.heard_at = r->status.heard_at,
	};
}

static void look_at_time(struct round *r)
{
	const struct cert *c = &r->live.cert;
	struct due_rules rules = rules_of(r);
	const struct due_known known = known_of(r);
	struct due_clock clock = { .now = clock_now(), .since = r->live.since };
	int64_t from;

	r->believed = r->way.believed = clock.believed = due_believe(clock.now, &known);
	if (!r->live.generation)
		return;
	r->expired = c->not_after <= r->believed;
	from = r->live.since <= r->believed ? r->live.since : c->not_before;
	r->renew_at = due_at(&rules, from, c->not_after, due_seed(r->s->id, c->serial));
	r->renew_at = due_hold_back(r->renew_at, from, &clock);
}

/* The service's word for it counts, and not what this clock once said: it may have been ahead. */
static void take_date(struct round *r, int64_t date)
{
	if (!date)
		return;
	r->status.heard = date;
	r->status.heard_at = clock_now();
	look_at_time(r);
}

/* Both clocks may be wrong, the service's once and this one's since: so it is asked as of each time that
 * may be, and says no more than the time.  Who it is, is verified as of that one. */
static bool hear(struct round *r)
{
	SCOPED(err_kept) kept = err_keep();
	const struct due_known known = known_of(r);
	int64_t times[DUE_TIMES], date = 0;
	size_t n = due_times(clock_now(), &known, times);
	enum inro_err e = INRO_E_SIGNATURE;

	for (size_t i = 0; e == INRO_E_SIGNATURE && i < n; i++) {
		r->way.believed = times[i];
		e = est_date(&r->way, r->s->label, &date);
	}
	r->way.believed = r->believed;
	take_date(r, date);
	return date != 0;
}

/* ---- asking ---- */

static struct request_room room_of(struct round *r)
{
	return (struct request_room) { r->s, &r->hold, &r->live };
}

/* By what a first certificate is asked for; after one that has ended, as after-expiry says. */
static int64_t first_way(const struct round *r)
{
	const struct agent_settings *s = r->s;

	if (r->live.generation && s->after_expiry != AGENT_AFTER_STOP)
		return s->after_expiry;
	return s->attest       ? AGENT_AFTER_ATTEST :
	       s->factory_cert ? AGENT_AFTER_FACTORY :
				 AGENT_AFTER_PSK;
}

static enum inro_err who_asks(const struct round *r, bool again, struct secret *psk, char **cert,
			      struct fetch_who *ret)
{
	const struct agent_settings *s = r->s;
	enum inro_err e;

	if (again) {
		*cert = pair_path(s, r->live.generation, "chain.pem");
		*ret = (struct fetch_who) { .cert = *cert, .key_uri = r->live.uri };
		return *cert ? INRO_OK : agent_no_memory();
	}
	if (first_way(r) == AGENT_AFTER_FACTORY) {
		*ret = (struct fetch_who) { .cert = s->factory_cert, .key_uri = s->factory_key };
		return INRO_OK;
	}
	e = file_read_secret(s->psk_file, psk);
	if (e == INRO_OK)
		*ret = (struct fetch_who) { .id = s->id, .psk = secret_bytes(psk) };
	return e;
}

static bool goes_by_tpm(const struct round *r, bool again)
{
	return again ? r->s->attest == AGENT_ATTEST_ALWAYS : first_way(r) == AGENT_AFTER_ATTEST;
}

static enum inro_err ask_by_tpm(struct round *r, const char *uri, struct est_asked *a)
{
	enum inro_err e = keys_need(&r->hold);
	const struct attest_asking asking = {
		.s = r->s,
		.token = r->hold.token,
		.key_uri = uri,
		.renews = a->again ? buf_bytes(&r->live.cert.der) : BYTES_NONE,
	};

	return e == INRO_OK ? attest_enroll(&r->way, &asking, a) : e;
}

static enum inro_err ask_by_est(struct round *r, struct est_asked *a)
{
	AUTO(free_chars) char *cert = NULL;
	SCOPED(secret) psk = { 0 };
	struct fetch_who who = { 0 };
	enum inro_err e = who_asks(r, a->again, &psk, &cert, &who);

	return e == INRO_OK ? est_enroll(&r->way, &who, a) : e;
}

/* What is no news to a request would be none to the same request another time. */
static enum inro_err check_new(const struct round *r, struct bytes leaf, struct est_asked *a)
{
	enum inro_err e = r->live.generation ? est_check_new(leaf, &r->live.cert) : INRO_OK;

	a->refused = e != INRO_OK;
	return e;
}

static enum inro_err install(struct round *r, unsigned generation, struct est_asked *a,
			     const struct est_certs *cas, const char *uri)
{
	AUTO(token_key_free_ptr) struct token_key *key = NULL;
	struct est_pick pick;
	struct pair_new fresh;
	enum inro_err e = keys_need(&r->hold);

	if (e == INRO_OK)
		e = keys_find(r->hold.token, uri, &key);
	if (e == INRO_OK)
		e = est_pick(&a->certs, cas, token_key_spki(key), r->believed, &pick);
	if (e == INRO_OK)
		e = check_new(r, pick.leaf, a);
	if (e == INRO_OK)
		e = token_cert_store(r->hold.token, token_key_id(key), token_key_label(key), pick.leaf,
				     true);
	if (e != INRO_OK)
		return e;
	fresh = (struct pair_new) { .leaf = pick.leaf,
				    .chain = pick.chain,
				    .chain_n = pick.chain_n,
				    .cas = pick.cas,
				    .cas_n = pick.cas_n,
				    .uri = uri };
	return pair_install(r->s, generation, &fresh);
}

static enum inro_err ask(struct round *r, unsigned generation, bool again)
{
	AUTO(free_chars) char *uri = NULL;
	SCOPED(buf) csr = { 0 };
	SCOPED(est_certs) cas = { 0 };
	struct est_asked a = { .label = r->s->label, .again = again };
	const struct request_room q = room_of(r);
	enum inro_err e = request_of(&q, generation, again, &csr, &uri);

	if (e == INRO_OK)
		e = est_cacerts(&r->way, r->s->label, &cas);
	if (e == INRO_OK)
		e = trust_follow(r->s, &cas, r->believed);
	a.csr = buf_bytes(&csr);
	if (e == INRO_OK)
		e = goes_by_tpm(r, again) ? ask_by_tpm(r, uri, &a) : ask_by_est(r, &a);
	take_date(r, a.date);
	if (e == INRO_OK && a.waits)
		r->wait = a.retry_after;
	else if (e == INRO_OK)
		e = install(r, generation, &a, &cas, uri);
	est_certs_clear(&a.certs);
	if (a.refused)
		request_give_up(&q, generation);
	return e;
}

/* ---- a round ---- */

static enum inro_err finish(struct round *r, unsigned live)
{
	const struct request_room q = room_of(r);
	enum inro_err e = INRO_OK;
	unsigned old = live;

	if (!pair_has(r->s, live, "done")) {
		e = hook_run_all(r->s, live, "");
		if (e == INRO_OK)
			e = pair_mark_done(r->s, live);
	}
	/* The one before stays: a program may still have it open.  The oldest goes first, so that none is left behind a gap. */
	while (old > 2 && pair_has(r->s, old - 2, ""))
		old--;
	for (; e == INRO_OK && old < live; old++)
		e = request_drop(&q, old - 1);
	return e;
}

/* A command that fails is run again with the next round, and in nobody's way until then. */
static void after_new(struct round *r)
{
	unsigned live = r->live.generation;

	if (!live || live == r->ran_for)
		return;
	r->ran_for = live;
	put_by(&r->commands, finish(r, live));
}

static enum inro_err reload(struct round *r)
{
	pair_clear(&r->live);
	enum inro_err e = load_live(r);

	if (e == INRO_OK)
		look_at_time(r);
	return e;
}

/* ---- what the service wants ---- */

static bool wants(const struct round *r, enum self_verb verb)
{
	for (size_t i = 0; i < r->self.n; i++)
		if (r->self.errands[i].verb == verb)
			return true;
	return false;
}

/* Nobody to ask with before the first certificate and after the last one. */
static bool can_ask(const struct round *r)
{
	return r->live.generation && !r->expired;
}

static enum inro_err ask_self(struct round *r)
{
	AUTO(free_chars) char *cert = NULL;
	SCOPED(secret) none = { 0 };
	struct fetch_who who;
	enum inro_err e;

	if (!can_ask(r))
		return INRO_OK;
	/* before the provider logs in with the PIN file of an earlier day */
	e = keys_need(&r->hold);
	if (e == INRO_OK)
		e = who_asks(r, true, &none, &cert, &who);
	if (e == INRO_OK)
		e = self_ask(&r->way, &who, r->live.cert.serial, &r->self);
	r->told = r->told || e == INRO_OK;
	if (e == INRO_OK && r->self.renew_days)
		r->status.policy_days = r->self.renew_days;
	if (e == INRO_OK)
		take_date(r, r->self.date);
	if (e == INRO_OK)
		look_at_time(r);
	return e;
}

/* A wrong time makes a certificate look expired, and a service like somebody else.  What is due by the
 * device's own plan is not held up by a service that can't say what it wants. */
static enum inro_err ask_in_time(struct round *r)
{
	enum inro_err e;

	if (!can_ask(r))
		hear(r); /* or what comes next says why not */
	e = ask_self(r);
	if (e == INRO_E_SIGNATURE && hear(r))
		e = ask_self(r);
	if (e != INRO_E_BUSY && e != INRO_E_SYNTAX)
		return e;
	put_by(&r->asked, e);
	return INRO_OK;
}

/* Nobody could before the first one: what its group says holds from now on, and not from the next round. */
static void ask_at_last(struct round *r)
{
	if (!r->told && r->asked.code == INRO_OK)
		put_by(&r->asked, ask_self(r));
}

static char *status_text(const struct round *r)
{
	AUTO(free_chars) char *path = status_path(r->s);
	SCOPED(buf) text = { 0 };

	if (!path || file_read_regular(path, (size_t)64 << 10, &text) != INRO_OK)
		return strdup("no round before this one");
	return buf_take_str(&text);
}

/* An errand is answered once the certificate is there; its keys come then too, once. */
static bool starts_anew(const struct round *r, const struct round_options *o)
{
	return o->renew || (!r->wait && (wants(r, SELF_RENEW) || wants(r, SELF_CLEAR)));
}

static enum inro_err run_secrets(struct round *r, const struct round_options *o,
				 const struct fetch_who *who)
{
	struct secrets_work w = { .s = r->s,
				  .way = &r->way,
				  .who = who,
				  .token = r->hold.token,
				  .key_uri = r->live.uri,
				  .serial = r->live.cert.serial,
				  .rules = rules_of(r),
				  .believed = r->believed,
				  .now = clock_now(),
				  .overlap = r->self.overlap_days * DAY,
				  .renew = starts_anew(r, o),
				  .listed = r->self.keys,
				  .before = r->status.secrets };
	enum inro_err e = secrets_run(&w);

	json_decref(r->status.secrets);
	r->status.secrets = w.told;
	r->secrets_wake = w.wake;
	return e;
}

/* One that can't be had keeps no command from hearing of the others. */
static enum inro_err run_with_hooks(struct round *r, const struct round_options *o,
				    const struct fetch_who *who)
{
	enum inro_err e = run_secrets(r, o, who);

	if (e == INRO_OK)
		return secrets_hooks(r->s, r->live.generation);
	SCOPED(err_kept) kept = err_keep();
	if (secrets_hooks(r->s, r->live.generation) != INRO_OK)
		err_reset();
	return e;
}

/* Its symmetric keys; the certificate they come to is there. */
static enum inro_err do_secrets(struct round *r, const struct round_options *o)
{
	AUTO(free_chars) char *cert = NULL;
	SCOPED(secret) none = { 0 };
	struct fetch_who who;
	enum inro_err e;

	if (!r->s->secrets.n || !r->live.generation || r->expired || r->asked.code != INRO_OK)
		return INRO_OK;
	e = keys_need(&r->hold);
	if (e == INRO_OK)
		e = who_asks(r, true, &none, &cert, &who);
	if (e == INRO_OK)
		e = run_with_hooks(r, o, &who);
	return e;
}

/* What was asked for has been done, or is done here. */
static enum inro_err do_errand(struct round *r, const struct self_errand *e, char **said)
{
	if (e->verb == SELF_RUN)
		return hook_run_named(r->s, r->live.generation, e->name);
	if (e->verb == SELF_STATUS)
		*said = status_text(r);
	if (e->verb == SELF_RENEW && r->secrets.code != INRO_OK)
		return tell(&r->secrets);
	if (e->verb == SELF_RENEW || e->verb == SELF_CLEAR)
		return tell(&r->commands);
	if (e->verb == SELF_UNKNOWN)
		return err_set(INRO_E_UNSUPPORTED, "this agent does not know that");
	return INRO_OK;
}

static enum inro_err do_errands(struct round *r)
{
	AUTO(free_chars) char *cert = NULL;
	SCOPED(secret) none = { 0 };
	struct fetch_who who;
	enum inro_err e = r->self.n ? who_asks(r, true, &none, &cert, &who) : INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < r->self.n; i++) {
		const struct self_errand *one = &r->self.errands[i];
		AUTO(free_chars) char *said = NULL;
		enum inro_err went = do_errand(r, one, &said);
		const char *answer = said ? said : went == INRO_OK ? "" : err_detail(went);

		e = self_answer(&r->way, &who, one->id, went == INRO_OK, answer);
		if (e == INRO_E_STATE) /* it was cancelled meanwhile */
			e = INRO_OK;
	}
	return e;
}

/* ---- what is due ---- */

static bool is_due(const struct round *r, const struct round_options *o)
{
	return !r->live.generation || o->renew || r->self.wanted || wants(r, SELF_RENEW) ||
	       wants(r, SELF_CLEAR) || r->renew_at <= r->believed;
}

static enum inro_err do_due(struct round *r, const struct round_options *o)
{
	enum inro_err e;

	if (!is_due(r, o))
		return INRO_OK;
	if (r->expired && r->s->after_expiry == AGENT_AFTER_STOP)
		return err_set(INRO_E_STATE,
			       "the certificate has expired, and after-expiry says stop: give the "
			       "device a new start with after-expiry = psk, factory or attestation");
	e = ask(r, r->live.generation + 1,
		r->live.generation && !r->expired && !wants(r, SELF_CLEAR));
	if (e == INRO_OK && !r->wait)
		e = reload(r);
	return e;
}

static enum inro_err work(struct round *r, const struct round_options *o)
{
	enum inro_err e = load_live(r);

	if (e == INRO_OK)
		e = trust_load(r->s, &r->trust);
	if (e != INRO_OK)
		return e;
	look_at_time(r);
	r->way = (struct fetch_way) { .server = r->s->server,
				      .trust = r->s->trust,
				      .trust_pem = buf_bytes(&r->trust),
				      .proxy = r->s->proxy,
				      .timeout = r->s->timeout,
				      .believed = r->believed,
				      .room = &r->keys };
	after_new(r); /* of a round that was cut short */
	e = ask_in_time(r);
	if (e == INRO_OK)
		e = do_due(r, o);
	if (e == INRO_OK) {
		after_new(r);
		ask_at_last(r);
	}
	if (e == INRO_OK)
		put_by(&r->secrets, do_secrets(r, o));
	if (e == INRO_OK && !r->wait)
		e = do_errands(r);
	if (e == INRO_OK)
		e = tell(&r->asked);
	if (e == INRO_OK)
		e = tell(&r->secrets);
	return e == INRO_OK ? tell(&r->commands) : e;
}

static int64_t wait_after_failure(struct round *r)
{
	const struct cert *c = &r->live.cert;
	struct due_retry retry = { .first = r->s->retry,
				   .longest = r->s->retry_max,
				   .failures = r->status.failures };
	uint32_t random;

	if (r->live.generation && !r->expired)
		retry.left = c->not_after - r->believed;
	if (random_fill(&random, sizeof random) != INRO_OK)
		random = 0;
	return due_retry(&retry, random);
}

static int64_t wait_until_due(const struct round *r)
{
	int64_t left = r->renew_at - r->believed;

	if (r->wait)
		return r->wait < r->s->retry_max ? r->wait : r->s->retry_max;
	if (r->secrets_wake && r->secrets_wake - r->believed < left)
		left = r->secrets_wake - r->believed;
	return left < r->s->poll ? left : r->s->poll;
}

static void set_outcome(struct round *r, enum inro_err e)
{
	struct status *st = &r->status;
	int64_t wait;

	free(st->error);
	st->error = e == INRO_OK ? NULL : strdup(err_detail(e));
	st->error_at = clock_now();
	st->failures = e == INRO_OK ? 0 : st->failures + 1;
	wait = e == INRO_OK ? wait_until_due(r) : wait_after_failure(r);
	st->wait = wait < WAIT_LEAST ? WAIT_LEAST : wait;
	st->generation = r->live.generation;
	st->live = r->live.generation ? &r->live : NULL;
	st->renew_at = r->renew_at;
	st->state = r->expired	       ? "expired" :
		    r->live.generation ? "valid" :
		    r->wait	       ? "waiting" :
					 "none";
}

static enum inro_err hold_folder(const struct agent_settings *s, int *ret_held)
{
	AUTO(free_chars) char *lock = file_join(s->dir, "lock");
	enum inro_err e = lock ? file_make_dir(s->dir) : agent_no_memory();

	if (e == INRO_OK)
		e = file_lock(lock, LOCK_WAIT_MS, ret_held);
	return e == INRO_E_BUSY ? err_set(e, "another round is at work in %s", s->dir) : e;
}

enum inro_err round_run(const struct agent_settings *s, const struct round_options *o,
			int64_t *ret_wait)
{
	SCOPED(round) r = { 0 };
	AUTO(close_fd) int held = -1;
	enum inro_err e = hold_folder(s, &held), told;

	*ret_wait = s->retry;
	if (e != INRO_OK)
		return e;
	round_open(&r, s);
	e = work(&r, o);
	set_outcome(&r, e);
	*ret_wait = r.status.wait;
	told = status_write(s, &r.status);
	if (told != INRO_OK && e == INRO_OK)
		return err_context(told, "the status can't be written");
	return e == INRO_OK ? INRO_OK : err_set(e, "%s", r.status.error ? r.status.error : "");
}

/* The key that the first round asks with, when there is none yet. */
enum inro_err round_evidence(const struct agent_settings *s, struct buf *ret)
{
	SCOPED(round) r = { 0 };
	SCOPED(buf) csr = { 0 };
	AUTO(free_chars) char *uri = NULL;
	AUTO(close_fd) int held = -1;
	enum inro_err e = hold_folder(s, &held);

	if (e != INRO_OK)
		return e;
	round_open(&r, s);
	e = load_live(&r);
	const struct request_room q = room_of(&r);
	if (e == INRO_OK && !r.live.generation)
		e = request_of(&q, 1, false, &csr, &uri);
	if (e == INRO_OK)
		e = keys_need(&r.hold);
	if (e == INRO_OK)
		e = attest_which(r.hold.token, uri ? uri : r.live.uri, ret);
	if (uri && s->attest && attest_never(e))
		request_give_up(&q, 1);
	return e;
}
