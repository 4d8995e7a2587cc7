/* network - see network.h. */
#include "backoffice/core/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/access/trying.h"
#include "backoffice/core/address.h"
#include "backoffice/core/authority.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/limit.h"
#include "backoffice/core/login.h"
#include "backoffice/core/pass.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/unnamed.h"
#include "backoffice/pki/alg.h"
#include "base/clock.h"

#define DEVICE_ACTOR "device:"
#define TENANT_ROOM  65
#define NAME_ROOM    192

/* ---- the core as somebody's ---- */

static void nobody_of(const struct core *c, int64_t tenant, struct core_who *ret)
{
	*ret = (struct core_who) { .tenant = tenant, .role = ROLE_NOBODY };
	snprintf(ret->actor, sizeof ret->actor, "%s", c->peer[0] ? c->peer : "network");
}

static void work_as(struct core *c, const struct core_who *who)
{
	memset(c->renewals, 0, sizeof c->renewals);
	c->tenant = who->tenant;
	c->role = who->role;
	c->account = who->account;
	c->device = who->device;
	c->pass = who->pass;
	c->reply = 0;
}

void core_nobody(struct core *c)
{
	struct core_who nobody;

	nobody_of(c, 0, &nobody);
	work_as(c, &nobody);
	free(c->verbs);
	c->verbs = NULL;
	/* a word only; without memory the one before stays */
	if (text_set(&c->actor, nobody.actor) != INRO_OK)
		err_reset();
}

enum inro_err core_become(struct core *c, const struct core_who *who)
{
	enum inro_err e = INRO_OK;

	if (!who) {
		core_nobody(c);
		return INRO_OK;
	}
	e = text_set(&c->actor, who->actor);
	if (e == INRO_OK)
		e = text_set(&c->verbs, who->verbs);
	if (e == INRO_OK)
		work_as(c, who);
	return e;
}

enum inro_err core_peer(struct core *c, const char *address)
{
	snprintf(c->peer, sizeof c->peer, "%s", text_or_empty(address));
	address_network(c->peer, c->network);
	return core_check_text("an address", c->peer, sizeof c->peer);
}

bool core_is_device(const struct core *c, const char *device)
{
	size_t n = strlen(DEVICE_ACTOR);

	return c->device && device && strncmp(c->actor, DEVICE_ACTOR, n) == 0 &&
	       strcmp(c->actor + n, device) == 0;
}

void own_clear(struct own *o)
{
	if (o->c)
		o->c->role = o->role;
}

enum inro_err core_own(struct core *c, bool own, const char *what, struct own *ret)
{
	if (!own)
		return core_require(c, ROLE_OPERATOR, what);
	*ret = (struct own) { .c = c, .role = c->role };
	c->role = ROLE_OPERATOR;
	return INRO_OK;
}

enum role core_role_for(const struct core *c, int64_t device)
{
	return c->device && c->device == device ? ROLE_OPERATOR : c->role;
}

enum inro_err core_still_holds(struct core *c)
{
	SCOPED(device) d = { 0 };
	enum inro_err e;

	if (!c->device)
		return INRO_OK;
	e = store_get(c->store, c->device, &d);
	if (e == INRO_OK && (d.state == DEVICE_REGISTERED || d.state == DEVICE_ACTIVE))
		return INRO_OK;
	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	return err_set(INRO_E_ACCESS, "%s was disabled or deleted meanwhile", c->actor);
}

enum inro_err core_holds(struct core *c)
{
	enum inro_err e = login_holds(c);

	return e == INRO_OK ? core_still_holds(c) : e;
}

/* ---- a try ---- */

/* Where wrong tries are counted: an address or network, or all whose address is not known. */
static const char *source_of(const struct core *c)
{
	return c->network[0] ? c->network : "an address that is not known";
}

enum inro_err trying_begin(struct core *c, int64_t tenant)
{
	struct core_who nobody;
	enum inro_err e = limit_check(source_of(c));

	nobody_of(c, tenant, &nobody);
	return e == INRO_OK ? core_become(c, &nobody) : unnamed_refused(c, e);
}

/* For what nobody guesses, the key of a certificate or a random text: the wrong tries of others behind an address do
 * not keep out who has it.  *ret_full: they are used up there. */
static enum inro_err unguessed_begin(struct core *c, int64_t tenant, bool *ret_full)
{
	struct core_who nobody;

	*ret_full = limit_check(source_of(c)) != INRO_OK;
	nobody_of(c, tenant, &nobody);
	return core_become(c, &nobody);
}

/* Nothing is tried: the wrong tries of an address do not keep anybody behind it from what is public. */
enum inro_err who_public(struct core *c, struct core_who *ret)
{
	nobody_of(c, c->home, ret);
	return core_become(c, ret);
}

/* What is wrong with who asks, not with us. */
static bool is_his_fault(enum inro_err e)
{
	return e == INRO_E_LOGIN || e == INRO_E_PIN_WRONG || e == INRO_E_PIN_LOCKED ||
	       e == INRO_E_NOT_FOUND || e == INRO_E_STATE || e == INRO_E_ARG ||
	       e == INRO_E_ACCESS || e == INRO_E_SYNTAX;
}

/* What is wrong there is recorded and counted with all others of there. */
static enum inro_err too_many(struct core *c)
{
	return unnamed_refused(c, err_set(INRO_E_BUSY, "too many wrong tries from %s; wait a few seconds", source_of(c)));
}

enum inro_err trying_end(struct core *c, enum inro_err e, const char *answer)
{
	SCOPED(err_kept) kept = err_keep();

	core_nobody(c);
	if (!is_his_fault(e))
		return e;
	limit_wrong(source_of(c));
	kept.code = INRO_E_LOGIN;
	snprintf(kept.text, sizeof kept.text, "%s", answer);
	return INRO_E_LOGIN;
}

enum inro_err trying_tell(struct core *c, enum inro_err e)
{
	SCOPED(err_kept) kept = err_keep();

	core_nobody(c);
	if (is_his_fault(e) || e == INRO_E_POLICY || e == INRO_E_SIGNATURE)
		limit_wrong(source_of(c));
	return e;
}

/* ---- devices ---- */

static const char wrong_device[] = "wrong device id or key, or the device may not work here";

enum inro_err trying_split(struct core *c, const char *named, int64_t *ret_tenant,
			   const char **ret_id)
{
	const char *slash = strchr(named, '/');
	char tenant[TENANT_ROOM];

	*ret_tenant = c->home;
	*ret_id = slash ? slash + 1 : named;
	if (!slash)
		return INRO_OK;
	if ((size_t)(slash - named) >= sizeof tenant)
		return err_set(INRO_E_NOT_FOUND, "no tenant has so long a name");
	snprintf(tenant, sizeof tenant, "%.*s", (int)(slash - named), named);
	return tenant_id(c, tenant, ret_tenant);
}

void trying_is_device(const struct device *d, struct core_who *ret)
{
	*ret = (struct core_who) { .tenant = d->tenant, .role = ROLE_DEVICE, .device = d->id };
	snprintf(ret->actor, sizeof ret->actor, DEVICE_ACTOR "%s", d->device_id);
}

void trying_hand_over(struct device *d, struct device *ret)
{
	if (!ret)
		return;
	*ret = *d;
	*d = (struct device) { 0 };
}

/* What is tried with a device that was named: psk_verify() or psk_open(), which record refusals. */
struct device_try {
	struct bytes psk;
	struct psk_good *open; /* NULL: verified */
};

static enum inro_err try_psk(struct core *c, const char *id, const struct device_try *t)
{
	enum inro_err e;

	if (!t->open)
		return psk_verify(c, id, t->psk);
	e = psk_open(c, id, t->open);
	/* That there is only a hash is the office's to know: it is recorded, and counts as any wrong try. */
	return e == INRO_E_UNSUPPORTED ? INRO_E_STATE : e;
}

static enum inro_err try_named(struct core *c, const char *named, const struct device_try *t,
			       struct device *ret)
{
	int64_t tenant = 0;
	const char *id = NULL;
	enum inro_err e = trying_split(c, named, &tenant, &id), begun;

	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	begun = trying_begin(c, e == INRO_OK ? tenant : TENANT_DEFAULT);
	if (begun != INRO_OK)
		return begun;
	if (e != INRO_OK && !t->open) /* nor are names of tenants told by the time */
		e = psk_refuse_slowly(c, t->psk, e);
	if (e != INRO_OK)
		return audit_refused(c, "psk.verify", "device", named, e);
	e = try_psk(c, id, t);
	return e == INRO_OK ? device_load(c, id, ret) : e;
}

static enum inro_err named_device(struct core *c, const char *named, const struct device_try *t,
				  struct core_who *ret, struct device *ret_device)
{
	SCOPED(device) d = { 0 };
	struct core_who who;
	enum inro_err e = trying_end(c, try_named(c, text_or_empty(named), t, &d), wrong_device);

	if (e != INRO_OK)
		return e;
	trying_is_device(&d, &who);
	trying_hand_over(&d, ret_device);
	*ret = who;
	return INRO_OK;
}

enum inro_err who_by_device_psk(struct core *c, const char *device, struct bytes psk,
				struct core_who *ret, struct device *ret_device)
{
	const struct device_try t = { .psk = psk };

	return named_device(c, device, &t, ret, ret_device);
}

enum inro_err who_named(struct core *c, const char *device, struct core_who *ret,
			struct device *ret_device, struct psk_good *ret_psk)
{
	SCOPED(psk_good) psk = { 0 };
	const struct device_try t = { .open = &psk };
	enum inro_err e = named_device(c, device, &t, ret, ret_device);

	if (e != INRO_OK)
		return e;
	*ret_psk = psk;
	psk = (struct psk_good) { 0 };
	return INRO_OK;
}

static enum inro_err tried(struct core *c, const char *id, bool right)
{
	if (right)
		return psk_opened(c, id);
	return audit_refused(c, "psk.verify", "device", id,
			     err_set(INRO_E_PIN_WRONG,
				     "the message was not made with the pre-shared key of device '%s'", id));
}

enum inro_err who_tried(struct core *c, const struct core_who *who, bool right)
{
	enum inro_err e = trying_begin(c, who->tenant);

	if (e == INRO_OK)
		e = tried(c, who->actor + strlen(DEVICE_ACTOR), right);
	return trying_end(c, e, wrong_device);
}

/* ---- certificates ---- */

static const char wrong_cert[] = "the client certificate is none that lets anybody in here";

/* What it is read for; the rest of the record stays empty. */
static enum inro_err find_cert(struct core *c, struct bytes print, struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "fingerprint", .bytes = print },
		{ .field = "kind", .number = CRED_CERTIFICATE },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find_row(c->store, &credential_holder_type, &q, ret);
}

/* Good now: also one that has a successor, until that is known to be in use (renewal.h). */
static enum inro_err cert_is_good(const struct credential *rec)
{
	enum cred_state state = cred_shown_state(rec, clock_now());

	if (rec->own_ca)
		return err_set(INRO_E_ACCESS, "certificate %lld is a CA's", (long long)rec->id);
	if ((state == CRED_ACTIVE || state == CRED_SUPERSEDED) && !rec->revoked_at)
		return INRO_OK;
	return err_set(INRO_E_STATE, "certificate %lld is %s", (long long)rec->id,
		       cred_state_names[state]);
}

static enum inro_err ca_is_good(struct core *c, int64_t id)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e = id ? store_get(c->store, id, &ca) : INRO_E_NOT_FOUND;

	if (e == INRO_OK && ca.state == CA_REVOKED)
		e = err_set(INRO_E_STATE, "CA '%s' is revoked", ca.name);
	return e;
}

static enum inro_err device_by_cert(struct core *c, const struct credential *rec, struct device *ret)
{
	enum inro_err e = store_get(c->store, rec->device, ret);

	return e == INRO_OK ? device_may_have(ret) : e;
}

struct cert_try {
	uint8_t print[PKI_DIGEST_MAX];
	struct credential rec;
	struct device device;
	struct core_who who;
};

static void cert_try_clear(struct cert_try *t)
{
	credential_clear(&t->rec);
	device_clear(&t->device);
}

static enum inro_err by_pass(struct core *c, const struct pass *p, struct core_who *ret);

static enum inro_err account_by_cert(struct core *c, struct cert_try *t)
{
	SCOPED(pass) p = { 0 };
	enum inro_err e = pass_by_hash(c, PASS_CERTIFICATE, BYTES(t->print, 32), &p);

	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no device and no account has this certificate");
	return e == INRO_OK ? by_pass(c, &p, &t->who) : e;
}

static enum inro_err holder_of(struct core *c, struct cert_try *t)
{
	enum inro_err e = t->rec.id ? cert_is_good(&t->rec) : INRO_OK;

	if (e == INRO_OK && t->rec.id)
		e = ca_is_good(c, t->rec.ca);
	if (e != INRO_OK)
		return e;
	if (!t->rec.device)
		return account_by_cert(c, t);
	e = device_by_cert(c, &t->rec, &t->device);
	if (e == INRO_OK)
		trying_is_device(&t->device, &t->who);
	return e;
}

static enum inro_err try_cert(struct core *c, struct bytes der, struct cert_try *t)
{
	char name[2 * 32 + 1];
	bool full = false;
	SCOPED(buf) hex = { 0 };
	enum inro_err e = pki_digest(PKI_SHA256, der, t->print);

	if (e == INRO_OK)
		e = find_cert(c, BYTES(t->print, 32), &t->rec);
	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	e = unguessed_begin(c, t->rec.id ? t->rec.tenant : TENANT_DEFAULT, &full);
	if (e != INRO_OK)
		return e;
	e = holder_of(c, t);
	if (full && is_his_fault(e))
		return too_many(c);
	buf_add_hex(&hex, BYTES(t->print, 32));
	snprintf(name, sizeof name, "%.*s", (int)hex.n, (const char *)hex.p);
	return is_his_fault(e) ? audit_refused(c, "certificate.login", "certificate", name, e) : e;
}

enum inro_err who_by_certificate(struct core *c, struct bytes der, struct core_who *ret,
				 struct device *ret_device)
{
	SCOPED(cert_try) t = { 0 };
	enum inro_err e = trying_end(c, try_cert(c, der, &t), wrong_cert);

	if (e != INRO_OK)
		return e;
	trying_hand_over(&t.device, ret_device);
	*ret = t.who;
	return INRO_OK;
}

/* ---- accounts ---- */

static const char wrong_account[] = "wrong name or password, or the account may not work here";
static const char wrong_pass[] = "this pass lets nobody in, or does no longer";

enum inro_err who_by_account(struct core *c, const char *name, struct bytes password,
			     struct core_who *ret)
{
	const char *slash = name ? strchr(name, '/') : NULL;
	char tenant[TENANT_ROOM] = "";
	enum inro_err e = trying_begin(c, TENANT_DEFAULT);

	if (e == INRO_OK && slash && (size_t)(slash - name) >= sizeof tenant)
		e = err_set(INRO_E_LOGIN, "%s", wrong_account);
	else if (e == INRO_OK && slash)
		snprintf(tenant, sizeof tenant, "%.*s", (int)(slash - name), name);
	if (e == INRO_OK)
		e = login_by_password(c, tenant[0] ? tenant : NULL, slash ? slash + 1 : name, password,
				      ret);
	return trying_end(c, e, wrong_account);
}

/* What the pass and its account give together. */
static enum inro_err by_pass(struct core *c, const struct pass *p, struct core_who *ret)
{
	SCOPED(account) a = { 0 };
	enum inro_err e = store_get(c->store, p->account, &a);

	if (e != INRO_OK)
		return e;
	if (a.state != ACCOUNT_ACTIVE || (a.tenant != p->tenant && a.role != ROLE_ADMIN))
		return err_set(INRO_E_STATE, "the account '%s' of this pass is %s", a.name,
			       a.state == ACCOUNT_ACTIVE ? "none of the tenant's"
							 : account_state_names[a.state]);
	*ret = (struct core_who) { .tenant = p->tenant,
				   .role = p->role < a.role ? p->role : a.role,
				   .account = a.id,
				   .pass = p->id };
	snprintf(ret->actor, sizeof ret->actor, "%s%s", a.tenant != p->tenant ? "default/" : "",
		 a.name);
	snprintf(ret->verbs, sizeof ret->verbs, "%s", text_or_empty(p->verbs));
	return pass_seen(c, p);
}

static enum inro_err try_pass(struct core *c, enum pass_kind kind, const char *text,
			      struct core_who *ret)
{
	SCOPED(pass) p = { 0 };
	bool full = false;
	enum inro_err e = unguessed_begin(c, TENANT_DEFAULT, &full);

	if (e != INRO_OK)
		return e;
	e = pass_by_text(c, kind, text, &p);
	if (e == INRO_OK && kind != PASS_KEY)
		e = by_pass(c, &p, ret);
	if (!is_his_fault(e))
		return e;
	if (full)
		return too_many(c);
	return audit_refused(c, "pass.login", "pass", p.name ? p.name : pass_kind_names[kind], e);
}

static enum inro_err who_by_pass(struct core *c, enum pass_kind kind, const char *text,
				 struct core_who *ret)
{
	struct core_who who = { 0 };
	enum inro_err e = trying_end(c, try_pass(c, kind, text, &who), wrong_pass);

	if (e == INRO_OK)
		*ret = who;
	return e;
}

enum inro_err who_by_session(struct core *c, const char *token, struct core_who *ret)
{
	return who_by_pass(c, PASS_SESSION, token, ret);
}

enum inro_err who_by_api_token(struct core *c, const char *token, struct core_who *ret)
{
	return who_by_pass(c, PASS_TOKEN, token, ret);
}

enum inro_err who_has_key(struct core *c, const char *key)
{
	struct core_who nobody;

	if (!key)
		return unnamed_refused(c, err_set(INRO_E_LOGIN, "there are two stages here: the header Api-Key is needed, too"));
	return who_by_pass(c, PASS_KEY, key, &nobody);
}
