/* duty - the table of duties, and whose turn each is; see duty.h. */
#include "backoffice/core/duty.h"

#include <stdio.h>
#include <string.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/confirm.h"
#include "backoffice/core/crl.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/job.h"
#include "backoffice/core/lease.h"
#include "backoffice/core/pass.h"
#include "backoffice/core/reach.h"
#include "backoffice/core/reply.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/status.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)

/* Looking at a lane costs little; a new CA is not to wait. */
#define LOOK_MS SECOND

/* Where nobody has said which key signs, each try would be a refusal more in the audit. */
static enum inro_err sign_head(struct core *c)
{
	AUTO(free_chars) char *uri = NULL;
	bool due = false;
	enum inro_err e = setting_get(c, AUDIT_KEY_SETTING, &uri);

	if (e == INRO_OK && uri && *uri)
		e = audit_is_due(c, &due);
	return e == INRO_OK && due ? audit_sign_again(c) : e;
}

/* One run of one duty. */
struct duty_turn {
	const struct duty *duty;
	const struct duty_watch *watch;
	char lease[64];
	char holder[LEASE_HOLDER_MAX + 1];
	bool lost; /* it is another server's by now */
};

bool duty_stops(const struct core *c)
{
	const struct duty_watch *w = c->turn ? c->turn->watch : NULL;

	return (c->turn && c->turn->lost) || (w && w->ends && w->ends(w->arg));
}

static bool server_ends(void *core)
{
	return duty_stops(core);
}

static enum inro_err do_jobs(struct core *c)
{
	const struct job_watch watch = { .ends = server_ends, .arg = c };

	return job_serve(c, &watch);
}

const struct duty duties[] = {
	{ "ocsp-signers", DUTY_QUICK, 5 * SECOND, 30 * SECOND, MINUTE, true, ocsp_signers_renew },
	{ "message-signers", DUTY_QUICK, 5 * SECOND, 30 * SECOND, MINUTE, true, message_signers_renew },
	{ "crl", DUTY_QUICK, 10 * SECOND, 30 * SECOND, 5 * MINUTE, true, crl_publish_due },
	{ "confirm", DUTY_QUICK, 30 * SECOND, MINUTE, MINUTE, true, confirm_sweep },
	{ "audit-mark", DUTY_QUICK, 30 * SECOND, MINUTE, MINUTE, false, sign_head },
	{ "purge", DUTY_QUICK, 10 * MINUTE, MINUTE, 5 * MINUTE, false, status_purge },
	{ "purge-replies", DUTY_QUICK, 30 * MINUTE, MINUTE, 5 * MINUTE, false, reply_purge },
	{ "purge-passes", DUTY_QUICK, 60 * MINUTE, MINUTE, 5 * MINUTE, false, pass_purge },
	{ "jobs", DUTY_LONG, 0, 0, 0, false, do_jobs },
	{ "ca-send", DUTY_AWAY, 5 * SECOND, 30 * SECOND, 25 * MINUTE, true, ca_send_due },
	{ 0 },
};

enum inro_err duty_goes_on(struct core *c)
{
	struct duty_turn *t = c->turn;
	bool mine = true;
	enum inro_err e;

	if (!t || !t->duty->lease_ms)
		return INRO_OK;
	e = lease_take(c, t->lease, t->holder, t->duty->lease_ms, &mine);
	t->lost = e == INRO_OK && !mine;
	if (t->lost)
		e = err_set(INRO_E_BUSY, "another server does '%s' by now", t->duty->name);
	return e;
}

#define GO_ON_ROWS 100 /* of which each takes little; what takes long asks itself */

#define FAULTS_TOLD 3 /* in words */
#define WORDS_EACH  150

/* The words of one are told whole, those of several so far that there is room for all. */
void duty_note(struct duty_faults *f, enum inro_err e)
{
	size_t n = strlen(f->why);

	if (e == INRO_OK)
		return;
	if (f->n == 0) {
		f->first = e;
		snprintf(f->why, sizeof f->why, "%s", err_detail(e));
	} else if (f->n < FAULTS_TOLD) {
		n = f->n == 1 && n > WORDS_EACH ? WORDS_EACH : n;
		snprintf(f->why + n, sizeof f->why - n, "; %.*s", WORDS_EACH, err_detail(e));
	}
	f->n++;
}

enum inro_err duty_say(const struct duty_faults *f)
{
	if (f->n > FAULTS_TOLD)
		return err_set(f->first, "%s; and %zu more", f->why, f->n - FAULTS_TOLD);
	return f->n ? err_set(f->first, "%s", f->why) : INRO_OK;
}

enum inro_err duty_each(struct core *c, const struct record_type *t, const struct store_query *q, duty_row_fn *fn)
{
	void *rows = NULL;
	size_t n = 0;
	struct duty_faults faults = { 0 };
	enum inro_err e = core_all(c, t, q, &rows, &n);

	for (size_t i = 0; e == INRO_OK && i < n && !duty_stops(c); i++) {
		duty_note(&faults, fn(c, (const char *)rows + i * t->size));
		if (i % GO_ON_ROWS == GO_ON_ROWS - 1)
			e = duty_goes_on(c);
	}
	list_free(t, rows, n);
	return e == INRO_OK ? duty_say(&faults) : e;
}

static enum inro_err in_each_tenant(struct core *c, const struct duty *d)
{
	int64_t own = c->tenant;
	void *rows = NULL;
	size_t n = 0;
	struct duty_faults faults = { 0 };
	enum inro_err e = core_all(c, &tenant_type, &(struct store_query) { 0 }, &rows, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		c->tenant = ((const struct tenant *)rows)[i].id;
		e = d->run(c);
		if (e != INRO_OK)
			duty_note(&faults, err_context(e, "tenant '%s'", ((struct tenant *)rows)[i].name));
		/* One tenant's token is no other's trouble. */
		e = duty_goes_on(c);
	}
	c->tenant = own;
	list_free(&tenant_type, rows, n);
	return faults.n ? duty_say(&faults) : e;
}

static enum inro_err work(struct core *c, struct duty_turn *t)
{
	enum inro_err e;

	c->turn = t;
	e = t->duty->each_tenant ? in_each_tenant(c, t->duty) : t->duty->run(c);
	c->turn = NULL;
	return e;
}

static enum inro_err tell(const struct duty_turn *t, enum inro_err done)
{
	if (t->watch->told)
		t->watch->told(t->watch->arg, t->duty->name, done);
	return done;
}

static enum inro_err do_one(struct core *c, struct duty_turn *t)
{
	bool mine = false;
	enum inro_err done, e = lease_take(c, t->lease, t->holder, t->duty->lease_ms, &mine);

	if (e != INRO_OK || !mine)
		return e;
	done = tell(t, work(c, t));
	return lease_leave(c, t->lease, t->holder,
			   done == INRO_OK ? t->duty->every_ms : t->duty->again_ms);
}

static enum inro_err look_at(struct core *c, const struct duty *d, const struct duty_watch *w)
{
	struct duty_turn t = { .duty = d, .watch = w };
	int64_t left = 0;
	enum inro_err e;

	if (!d->lease_ms) {
		(void)tell(&t, work(c, &t));
		return INRO_OK;
	}
	e = lease_holder(t.holder);
	snprintf(t.lease, sizeof t.lease, "duty/%s", d->name);
	if (e == INRO_OK)
		e = lease_left(c, t.lease, &left);
	return e == INRO_OK && !left ? do_one(c, &t) : e;
}

enum inro_err duty_tick(struct core *c, enum duty_lane lane, const struct duty_watch *w,
			int64_t *ret_wait_ms)
{
	static const struct duty_watch nobody;
	enum inro_err e = core_require(c, ROLE_ADMIN, "do a server's duties");

	*ret_wait_ms = LOOK_MS;
	for (const struct duty *d = duties; e == INRO_OK && d->name; d++)
		if (d->lane == lane)
			e = look_at(c, d, w ? w : &nobody);
	return e;
}
