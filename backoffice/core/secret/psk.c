/* psk - see psk.h. */
#include "backoffice/core/psk.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backoffice/core/fleet.h"
#include "backoffice/core/group.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/move.h"
#include "backoffice/core/secret/secrets.h"
#include "backoffice/pki/verifier.h"
#include "base/clock.h"
#include "base/log.h"

#define BITS_STRONG	112 /* NIST SP 800-131A: nobody guesses that */
#define SETTLE_SECONDS	2
#define SETTLE_MS	500 /* who waits may hold a worker of a server */
#define SETTLE_STEP_MS	20

void psk_new_clear(struct psk_new *p)
{
	credential_clear(&p->rec);
	secret_clear(&p->value);
	*p = (struct psk_new) { 0 };
}

/* ---- making one ---- */

/* log2(symbols) * length, rounded down, in fixed point with 16 bits of fraction. */
static unsigned bits_of(uint64_t symbols, uint64_t length)
{
	uint64_t whole = 0, y, log;

	while (symbols >> (whole + 1))
		whole++;
	y = (symbols << 24) >> whole;
	log = whole << 16;
	for (uint64_t bit = UINT64_C(1) << 15; bit; bit >>= 1) {
		y = (y * y) >> 24;
		if (y >> 25) {
			y >>= 1;
			log |= bit;
		}
	}
	return (unsigned)(log * length >> 16);
}

static enum inro_err check_policy(const struct policy *p)
{
	struct bytes alphabet = bytes_of(p->psk.alphabet);

	if (p->psk.length < 1 || p->psk.length > PSK_MAX || alphabet.n < 2 || alphabet.n > 128)
		return err_set(INRO_E_POLICY,
			       "a pre-shared key has 1 to %d characters, of 2 to "
			       "128 different ones",
			       PSK_MAX);
	if (!policy_alphabet_is_good(p->psk.alphabet))
		return err_set(INRO_E_POLICY,
			       "the policy's alphabet for pre-shared keys has a character twice, a blank, or one "
			       "beyond ASCII: change it (inro group update, inro setting set policy)");
	if (core_classes(alphabet) < p->psk.classes || p->psk.length < p->psk.classes)
		return err_set(INRO_E_POLICY,
			       "the policy wants %lld kinds of characters, its alphabet and "
			       "length don't have them",
			       (long long)p->psk.classes);
	return INRO_OK;
}

static enum inro_err random_octets(struct core *c, bool token, size_t n, struct secret *ret)
{
	return token ? seal_random(c, n, ret) : secret_random(n, ret);
}

/* Each character equally likely: octets above the greatest multiple are passed over. */
static size_t pick(const struct secret *chance, struct bytes alphabet, struct secret *out)
{
	size_t n = 0, limit = 256 - 256 % alphabet.n;

	for (size_t i = 0; i < chance->n && n < out->n; i++)
		if (chance->p[i] < limit)
			out->p[n++] = alphabet.p[chance->p[i] % alphabet.n];
	return n;
}

static enum inro_err draw(struct core *c, const struct policy *p, bool token, struct secret *out)
{
	struct bytes alphabet = bytes_of(p->psk.alphabet);
	enum inro_err e = INRO_OK;

	for (int tries = 0; e == INRO_OK && tries < 10000; tries++) {
		SCOPED(secret) chance = { 0 };

		e = random_octets(c, token, out->n * 4, &chance);
		if (e == INRO_OK && pick(&chance, alphabet, out) == out->n &&
		    core_classes(secret_bytes(out)) >= p->psk.classes)
			return INRO_OK;
	}
	if (e != INRO_OK)
		return e;
	return err_set(INRO_E_POLICY,
		       "no pre-shared key of that length has all kinds of characters");
}

static enum inro_err check_given(const struct policy *p, struct bytes given)
{
	if (given.n < (size_t)p->psk.length || given.n > PSK_MAX)
		return err_set(INRO_E_POLICY, "a pre-shared key has %lld to %d characters, not %zu",
			       (long long)p->psk.length, PSK_MAX, given.n);
	for (size_t i = 0; i < given.n; i++)
		if (given.p[i] < 0x21 || given.p[i] > 0x7e)
			return err_set(INRO_E_POLICY, "a pre-shared key is of printable ASCII "
						      "without blanks");
	if (core_classes(given) < p->psk.classes)
		return err_set(INRO_E_POLICY,
			       "a pre-shared key has %lld of upper case, lower case, digits and "
			       "others",
			       (long long)p->psk.classes);
	return INRO_OK;
}

static enum inro_err choose_value(struct core *c, const struct policy *policy, bool token,
				  struct bytes given, struct psk_new *p)
{
	enum inro_err e = check_policy(policy);

	if (e == INRO_OK && given.n) {
		e = check_given(policy, given);
		return e == INRO_OK ? secret_copy(given, &p->value) : e;
	}
	if (e == INRO_OK)
		e = secret_new((size_t)policy->psk.length, &p->value);
	p->bits = bits_of(strlen(policy->psk.alphabet), (uint64_t)policy->psk.length);
	return e == INRO_OK ? draw(c, policy, token, &p->value) : e;
}

static enum inro_err keep_hash(struct psk_new *p)
{
	SCOPED(buf) stored = { 0 };
	enum inro_err e = verifier_make(
		secret_bytes(&p->value),
		p->bits >= BITS_STRONG ? VERIFIER_COST_RANDOM : VERIFIER_COST_CHOSEN, &stored);

	return e == INRO_OK ? blob_set(&p->rec.secret, buf_bytes(&stored)) : e;
}

enum inro_err psk_prepare(struct core *c, const struct policy *policy, const char *device,
			  struct bytes given, struct psk_new *ret)
{
	SCOPED(psk_new) p = { 0 };
	bool sealed = false;
	enum inro_err e = INRO_OK;

	if (!policy->psk.hashed)
		e = seal_ready(c, &sealed, p.unsealed);
	if (e == INRO_OK)
		e = secret_begin(c, CRED_PSK, "psk", &p.rec);
	if (e == INRO_OK)
		e = choose_value(c, policy, sealed, given, &p);
	if (e == INRO_OK && sealed)
		e = secret_close(c, &p.rec, device, secret_bytes(&p.value));
	else if (e == INRO_OK)
		e = keep_hash(&p);
	if (e != INRO_OK)
		return e;
	*ret = p;
	p = (struct psk_new) { 0 };
	return INRO_OK;
}

enum inro_err psk_issue_in(struct core *c, const struct device *d, struct psk_new *p)
{
	SCOPED(credential) old = { 0 };
	enum inro_err e = secret_of_device(c, CRED_PSK, d->id, CRED_ACTIVE, &old);

	if (e == INRO_OK)
		return err_set(INRO_E_EXISTS,
			       "device '%s' has a pre-shared key; 'inro psk rotate' gives another",
			       d->device_id);
	return e == INRO_E_NOT_FOUND ? secret_record(c, d, &p->rec) : e;
}

/* ---- issue, rotate ---- */

struct psk_step {
	const char *device;
	int64_t grace_until;
	struct psk_new made;
	bool rotate;
	psk_keep_fn *keep; /* NULL: nobody does, before the caller is told */
	void *arg;
};

bool psk_is_hashed(const struct psk_new *p)
{
	return verifier_is(blob_bytes(&p->rec.secret));
}

static enum inro_err active(struct core *c, const struct device *d, struct credential *ret)
{
	enum inro_err e = secret_of_device(c, CRED_PSK, d->id, CRED_ACTIVE, ret);

	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "device '%s' has no pre-shared key; 'inro psk issue' gives one",
			       d->device_id);
	return e;
}

static enum inro_err issue_work(struct core *c, void *arg)
{
	struct psk_step *i = arg;
	SCOPED(device) d = { 0 };
	SCOPED(credential) old = { 0 };
	enum inro_err e = device_load(c, i->device, &d);

	if (e == INRO_OK && !i->rotate)
		return psk_issue_in(c, &d, &i->made);
	if (e == INRO_OK)
		e = active(c, &d, &old);
	if (e == INRO_OK)
		e = secret_supersede(c, &old, i->grace_until);
	i->made.rec.replaces = old.id;
	return e == INRO_OK ? secret_record(c, &d, &i->made.rec) : e;
}

static enum inro_err run_issue(struct core *c, struct psk_step *i, struct bytes given,
			       struct psk_new *ret)
{
	SCOPED(device) d = { 0 };
	SCOPED(policy) policy = { 0 };
	SCOPED(own) own = { 0 };
	enum inro_err e = core_own(c, i->rotate && core_is_device(c, i->device),
				   "give a device a pre-shared key", &own);

	if (e == INRO_OK)
		e = device_load(c, i->device, &d);
	if (e == INRO_OK)
		e = policy_of_device(c, &d, &policy);
	if (e == INRO_OK)
		e = psk_prepare(c, &policy, d.device_id, given, &i->made);
	if (e == INRO_OK && i->keep)
		e = i->keep(i->arg, i->device, &i->made);
	if (e == INRO_OK)
		e = core_write(c, issue_work, i);
	if (e != INRO_OK) {
		psk_new_clear(&i->made);
		return audit_refused(c, i->rotate ? "psk.rotate" : "psk.issue", "device", i->device,
				     e);
	}
	*ret = i->made;
	return INRO_OK;
}

enum inro_err psk_issue(struct core *c, const char *device, struct bytes given, struct psk_new *ret)
{
	struct psk_step i = { .device = device };

	return run_issue(c, &i, given, ret);
}

enum inro_err psk_issue_kept(struct core *c, const char *device, psk_keep_fn *keep, void *arg, struct psk_new *ret)
{
	struct psk_step i = { .device = device, .keep = keep, .arg = arg };

	return run_issue(c, &i, BYTES_NONE, ret);
}

enum inro_err psk_rotate(struct core *c, const char *device, struct bytes given,
			 int64_t grace_seconds, struct psk_new *ret)
{
	struct psk_step i = { .device = device, .rotate = true };

	i.grace_until = grace_seconds ? clock_now() + grace_seconds : 0;
	return run_issue(c, &i, given, ret);
}

/* ---- told ---- */

enum inro_err psk_show(struct core *c, const char *device, struct credential *ret)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = device_load(c, device, &d);

	return e == INRO_OK ? active(c, &d, ret) : e;
}

struct telling {
	const char *device;
	const struct credential *rec;
};

/* To open its token may have taken as long as a person takes to type a PIN. */
static enum inro_err told_work(struct core *c, void *arg)
{
	const struct telling *t = arg;
	const struct audit_entry entry = { "psk.get", "device", t->device, EVENT_DONE, NULL };
	SCOPED(credential) now = { 0 };
	enum inro_err e = psk_show(c, t->device, &now);

	if (e == INRO_OK && now.id != t->rec->id)
		e = err_set(INRO_E_STATE, "device '%s' has another pre-shared key since: ask again", t->device);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

enum inro_err psk_get(struct core *c, const char *device, struct psk_new *ret)
{
	SCOPED(psk_new) p = { 0 };
	struct telling t = { device, &p.rec };
	enum inro_err e = core_require(c, ROLE_OPERATOR, "see a pre-shared key");

	if (e == INRO_OK)
		e = psk_show(c, device, &p.rec);
	if (e == INRO_OK)
		e = secret_value(c, &p.rec, &p.value);
	if (e == INRO_OK)
		e = core_write(c, told_work, &t);
	if (e != INRO_OK)
		return audit_refused(c, "psk.get", "device", device, e);
	*ret = p;
	p = (struct psk_new) { 0 };
	return INRO_OK;
}

/* ---- verified ---- */

struct attempt {
	const char *device;
	struct policy policy;
	struct credential now, before; /* before: rotated out, with grace; id 0: none */
	bool settles; /* locked just now: others may be on their way in */
};

static enum inro_err locked(const struct attempt *a, int64_t now)
{
	return err_set(INRO_E_PIN_LOCKED,
		       "the pre-shared key of device '%s' is locked for %lld s after %lld wrong "
		       "tries; 'inro psk release' ends that",
		       a->device, (long long)(a->now.locked_until - now), (long long)a->now.fails);
}

static bool is_locked(const struct credential *rec, const struct policy *p, int64_t now)
{
	return clock_holds(now, rec->locked_until, p->psk.lock_seconds + ISSUE_TIME_OTHERS);
}

enum inro_err psk_locked_until(struct core *c, const char *device, const struct credential *rec, int64_t *ret)
{
	SCOPED(device) d = { 0 };
	SCOPED(policy) p = { 0 };
	int64_t now = clock_now();
	enum inro_err e = INRO_OK;

	if (rec->locked_until > now)
		e = device_load(c, device, &d);
	if (d.id)
		e = policy_of_device(c, &d, &p);
	if (e == INRO_OK)
		*ret = is_locked(rec, &p, now) ? rec->locked_until : 0;
	return e;
}

static enum inro_err load_attempt(struct core *c, struct attempt *a)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = device_load(c, a->device, &d);

	credential_clear(&a->now);
	credential_clear(&a->before);
	policy_clear(&a->policy);
	if (e == INRO_OK && d.state == DEVICE_DISABLED)
		e = err_set(INRO_E_STATE, "device '%s' is disabled", a->device);
	if (e == INRO_OK)
		e = policy_of_device(c, &d, &a->policy);
	if (e == INRO_OK)
		e = active(c, &d, &a->now);
	if (e != INRO_OK)
		return e;
	e = secret_of_device(c, CRED_PSK, d.id, CRED_SUPERSEDED, &a->before);
	if (e == INRO_OK && !secret_is_good(&a->before, clock_now()))
		credential_clear(&a->before);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err count_work(struct core *c, void *arg)
{
	struct attempt *a = arg;
	int64_t now = clock_now();
	enum inro_err e = load_attempt(c, a);

	a->settles = false;
	if (e == INRO_OK && is_locked(&a->now, &a->policy, now)) {
		int64_t age = now - (a->now.locked_until - a->policy.psk.lock_seconds);

		a->settles = age >= 0 && age < SETTLE_SECONDS;
		e = locked(a, now);
	}
	if (e != INRO_OK)
		return e;
	a->now.fails++;
	if (a->now.fails >= a->policy.psk.tries)
		a->now.locked_until = now + a->policy.psk.lock_seconds;
	return store_update(c->store, &a->now);
}

/* Many tries with the right key at once look like many wrong ones until the first is through: a lock that is that
 * young is looked at again. */
static enum inro_err begin_attempt(struct core *c, struct attempt *a)
{
	const struct timespec step = { .tv_nsec = SETTLE_STEP_MS * 1000000L };
	int64_t until = clock_monotonic_ms() + SETTLE_MS;
	enum inro_err e = core_write(c, count_work, a);

	while (e == INRO_E_PIN_LOCKED && a->settles && clock_monotonic_ms() < until) {
		(void)nanosleep(&step, NULL);
		e = core_write(c, count_work, a);
	}
	return e;
}

static enum inro_err uncount_work(struct core *c, void *arg)
{
	struct attempt *a = arg;
	enum inro_err e = load_attempt(c, a);

	if (e != INRO_OK || !a->now.fails)
		return e;
	if (--a->now.fails < a->policy.psk.tries)
		a->now.locked_until = 0;
	return store_update(c->store, &a->now);
}

/* A try that could not be looked at, for our token's or database's sake, is not a wrong one. */
static enum inro_err unjudged(struct core *c, struct attempt *a, enum inro_err e)
{
	SCOPED(err_kept) kept = err_keep();

	if (e == INRO_OK || e == INRO_E_PIN_WRONG)
		return e;
	if (core_write(c, uncount_work, a) != INRO_OK)
		log_debug("psk: a try of device '%s' stays counted", a->device);
	return e;
}

static enum inro_err right_work(struct core *c, void *arg)
{
	struct attempt *a = arg;
	SCOPED(credential) now = { 0 };
	enum inro_err e = store_get(c->store, a->now.id, &now);

	/* To open its token may have taken as long as a person takes to type a PIN. */
	if (e == INRO_OK && !secret_is_good(&now, clock_now()))
		e = err_set(INRO_E_STATE, "the pre-shared key of device '%s' has ended meanwhile", a->device);
	now.fails = now.locked_until = 0;
	return e == INRO_OK ? store_update(c->store, &now) : e;
}

static enum inro_err compare(struct core *c, const struct credential *rec, struct bytes value)
{
	SCOPED(secret) known = { 0 };
	enum inro_err e;

	if (verifier_is(blob_bytes(&rec->secret)))
		return verifier_check(blob_bytes(&rec->secret), value);
	e = core_pin_fault(secret_value(c, rec, &known));
	if (e == INRO_OK && !secret_equal(secret_bytes(&known), value))
		e = INRO_E_PIN_WRONG;
	return e;
}

static enum inro_err judge(struct core *c, struct attempt *a, struct bytes value)
{
	enum inro_err e = compare(c, &a->now, value);

	if (e == INRO_E_PIN_WRONG && a->before.id)
		e = compare(c, &a->before, value);
	if (e == INRO_E_PIN_WRONG)
		return err_set(e, "that is not the pre-shared key of device '%s'", a->device);
	return e == INRO_OK ? core_write(c, right_work, a) : e;
}

static void attempt_clear(struct attempt *a)
{
	credential_clear(&a->now);
	credential_clear(&a->before);
	policy_clear(&a->policy);
}

void psk_good_clear(struct psk_good *g)
{
	secret_clear(&g->now);
	secret_clear(&g->before);
}

/* Of the one before a hash may be all that is kept, and then it proves nothing here. */
static enum inro_err open_good(struct core *c, const struct attempt *a, struct psk_good *ret)
{
	enum inro_err e = core_pin_fault(secret_value(c, &a->now, &ret->now));

	if (e != INRO_OK || !a->before.id || !seal_is(blob_bytes(&a->before.secret)))
		return e;
	e = secret_value(c, &a->before, &ret->before);
	if (e == INRO_OK || e == INRO_E_NO_MEMORY)
		return e;
	/* The present one is good whatever became of what sealed the other. */
	log_debug("psk: the key before the present one of device '%s' does not open: %s", a->device, err_detail(e));
	secret_clear(&ret->before);
	err_reset();
	return INRO_OK;
}

enum inro_err psk_open(struct core *c, const char *device, struct psk_good *ret)
{
	SCOPED(attempt) a = { .device = device };
	SCOPED(psk_good) good = { 0 };
	enum inro_err e = begin_attempt(c, &a);

	if (e == INRO_OK)
		e = unjudged(c, &a, open_good(c, &a, &good));
	if (e != INRO_OK)
		return audit_refused(c, "psk.verify", "device", device, e);
	*ret = good;
	good = (struct psk_good) { 0 };
	return INRO_OK;
}

static enum inro_err opened_work(struct core *c, void *arg)
{
	SCOPED(attempt) a = { .device = arg };
	enum inro_err e = load_attempt(c, &a);

	return e == INRO_OK ? right_work(c, &a) : e;
}

enum inro_err psk_opened(struct core *c, const char *device)
{
	return core_write(c, opened_work, (void *)(uintptr_t)device);
}

/* To look at a hash takes milliseconds: where nothing was looked at, as the device is not there, or its key is locked,
 * one is made of what was sent, or the time would tell. */
enum inro_err psk_refuse_slowly(struct core *c, struct bytes value, enum inro_err e)
{
	static const struct device nobody = { 0 };
	SCOPED(err_kept) kept = err_keep();
	SCOPED(policy) p = { 0 };
	SCOPED(buf) any = { 0 };
	bool sealed = false;
	enum inro_err made = policy_of_device(c, &nobody, &p);

	if (made == INRO_OK && !p.psk.hashed)
		made = seal_is_set(c, &sealed);
	if (made == INRO_OK && !sealed)
		made = verifier_make(value, VERIFIER_COST_RANDOM, &any);
	if (made != INRO_OK)
		log_debug("psk: a refusal comes sooner than it should");
	return e;
}

enum inro_err psk_verify(struct core *c, const char *device, struct bytes value)
{
	SCOPED(attempt) a = { .device = device };
	enum inro_err e = begin_attempt(c, &a);

	if (e == INRO_OK)
		e = unjudged(c, &a, judge(c, &a, value));
	else
		e = psk_refuse_slowly(c, value, e);
	return e == INRO_OK ? e : audit_refused(c, "psk.verify", "device", device, e);
}

/* ---- deleted, released ---- */

struct removal {
	const char *device, *why;
	size_t n;
};

static enum inro_err delete_work(struct core *c, void *arg)
{
	static const enum cred_state states[] = { CRED_ACTIVE, CRED_SUPERSEDED, CRED_REVOKED };
	struct removal *r = arg;
	const struct cred_change change = { .verb = VERB_DESTROY, .why = r->why };
	SCOPED(device) d = { 0 };
	enum inro_err e = device_get(c, r->device, &d);

	r->n = 0;
	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(states);) {
		SCOPED(credential) rec = { 0 };

		e = secret_of_device(c, CRED_PSK, d.id, states[i], &rec);
		if (e == INRO_OK)
			e = cred_apply(c, &rec, &change);
		r->n += e == INRO_OK;
		i += e == INRO_E_NOT_FOUND;
		e = e == INRO_E_NOT_FOUND ? INRO_OK : e;
	}
	if (e == INRO_OK && !r->n)
		e = err_set(INRO_E_NOT_FOUND, "device '%s' has no pre-shared key", r->device);
	return e;
}

enum inro_err psk_delete(struct core *c, const char *device, const char *why, size_t *ret_n)
{
	struct removal r = { .device = device, .why = why };
	enum inro_err e = core_check_text("the reason", why, 255);

	if (e == INRO_OK)
		e = core_write(c, delete_work, &r);
	if (e != INRO_OK)
		return audit_refused(c, "psk.destroy", "device", device, e);
	*ret_n = r.n;
	return INRO_OK;
}

static enum inro_err release_work(struct core *c, void *arg)
{
	const char *device = arg;
	const struct audit_entry entry = { "psk.release", "device", device, EVENT_DONE, NULL };
	SCOPED(credential) rec = { 0 };
	enum inro_err e = psk_show(c, device, &rec);

	rec.fails = rec.locked_until = 0;
	if (e == INRO_OK)
		e = store_update(c->store, &rec);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

enum inro_err psk_release(struct core *c, const char *device)
{
	enum inro_err e = core_require(c, ROLE_OPERATOR, "release a pre-shared key");

	if (e == INRO_OK)
		e = core_write(c, release_work, (void *)(uintptr_t)device);
	return e == INRO_OK ? e : audit_refused(c, "psk.release", "device", device, e);
}
