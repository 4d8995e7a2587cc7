/* caller - see caller.h. */
#include "backoffice/est/caller.h"

#include <string.h>
#include <strings.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/basic.h"
#include "backoffice/core/device.h"
#include "backoffice/core/unnamed.h"
#include "backoffice/est/body.h"

void caller_clear(struct caller *c)
{
	device_clear(&c->device);
	core_view_clear(&c->view);
	if (c->core)
		core_nobody(c->core);
	*c = (struct caller) { 0 };
}

enum inro_err caller_refused(struct caller *c, const char *action, enum inro_err e)
{
	return audit_refused(c->core, action, "device", c->device.device_id, e);
}

/* *ret_shown: false when what is there can't be read. */
static enum inro_err by_basic(const char *authorization, struct caller *c, struct core_who *ret, bool *ret_shown)
{
	static const char scheme[] = "Basic ";
	SCOPED(basic) b = { 0 };

	if (strncasecmp(authorization, scheme, sizeof scheme - 1) != 0 ||
	    basic_read(authorization + sizeof scheme - 1, &b) != INRO_OK)
		return err_set(INRO_E_LOGIN, "credentials that are not HTTP Basic");
	*ret_shown = true;
	basic_decode_id(&b);
	return who_by_device_psk(c->core, b.name, b.password, ret, &c->device);
}

/* A certificate counts before a password: it is what a renewal renews. */
static enum inro_err find_who(const struct http_call *call, struct caller *c, struct core_who *ret,
			      bool *ret_shown)
{
	const char *authorization = http_header(call, "Authorization");

	c->by_cert = call->peer->cert.n != 0;
	*ret_shown = c->by_cert;
	if (c->by_cert)
		return who_by_certificate(c->core, call->peer->cert, ret, &c->device);
	return authorization ? by_basic(authorization, c, ret, ret_shown) : INRO_OK;
}

static const char *label_of(const struct http_call *call, const char *otherwise)
{
	return call->n_args ? call->args[0] : otherwise;
}

static enum inro_err must_be_known(const struct http_call *call, struct core *c, bool shown, enum inro_err e)
{
	if (e == INRO_OK && !shown)
		e = err_set(INRO_E_LOGIN, "a client certificate, or a device's id and pre-shared key, "
					  "is needed");
	if (e == INRO_E_LOGIN && !shown)
		e = unnamed_refused(c, e);
	if (e == INRO_E_LOGIN)
		http_answer_header(call->answer, "WWW-Authenticate",
				   "Basic realm=\"inro\", charset=\"UTF-8\"");
	return e;
}

/* What anybody may have, who is not let in may have, too: a device whose certificate has ended still finds
 * the CA's. */
static enum inro_err may_be_anybody(struct caller *c, bool shown, enum inro_err e, struct core_who *ret)
{
	if (e == INRO_OK && shown)
		return INRO_OK;
	return e == INRO_OK || e == INRO_E_LOGIN ? who_public(c->core, ret) : e;
}

static enum inro_err must_be_device(struct caller *c, const struct core_who *who, const char *action)
{
	if (c->device.id)
		return INRO_OK;
	return audit_refused(c->core, action, "user", who->actor, err_set(INRO_E_ACCESS, "only a device enrols"));
}

static enum inro_err find_label(const struct http_call *call, const char *label, const char *action,
				struct caller *c)
{
	enum inro_err e = label_for(c->core, label_of(call, label), c->device.id ? &c->device : NULL, &c->label);

	return e == INRO_OK || !action ? e : caller_refused(c, action, e);
}

static enum inro_err enter(const struct http_call *call, const char *label, const char *action,
			   struct caller *c)
{
	struct core_who who = { 0 };
	bool shown = false;
	enum inro_err e = core_peer(c->core, call->peer->address);

	if (e == INRO_OK)
		e = core_view(c->core, &c->view);
	if (e == INRO_OK)
		e = find_who(call, c, &who, &shown);
	e = action ? must_be_known(call, c->core, shown, e) : may_be_anybody(c, shown, e, &who);
	if (e == INRO_OK)
		e = http_account(call, who.account, who.device);
	if (e == INRO_OK)
		e = core_become(c->core, &who);
	if (e == INRO_OK && action)
		e = must_be_device(c, &who, action);
	return e == INRO_OK ? find_label(call, label, action, c) : e;
}

static enum inro_err run(const struct http_call *call, const char *label, const char *action,
			 struct caller *ret)
{
	SCOPED(caller) c = { .core = call->worker };
	enum inro_err e = enter(call, label, action, &c);

	if (e != INRO_OK)
		return e;
	*ret = c;
	c = (struct caller) { 0 };
	return INRO_OK;
}

enum inro_err caller_enter(const struct http_call *call, const char *label, const char *action,
			   struct caller *ret)
{
	return run(call, label, action, ret);
}

enum inro_err caller_any(const struct http_call *call, const char *label, struct caller *ret)
{
	return run(call, label, NULL, ret);
}
