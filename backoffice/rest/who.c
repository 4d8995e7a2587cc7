/*
 * who - who a request is from, by its headers or the certificate of its connection.
 *
 * 1. Nothing is believed that two places say: an Authorization header outweighs the certificate.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/basic.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/unnamed.h"
#include "backoffice/rest/rows.h"

static bool for_devices(const struct http_call *call)
{
	return strncmp(call->path, "/v1/device/", 11) == 0;
}

static enum inro_err by_basic(struct core *c, const struct http_call *call, const char *value,
			      struct core_who *ret)
{
	SCOPED(basic) b = { 0 };

	if (basic_read(value, &b) != INRO_OK)
		return unnamed_refused(c, err_set(INRO_E_LOGIN, "the header Authorization can't be read"));
	if (!for_devices(call))
		return who_by_account(c, b.name, b.password, ret);
	basic_decode_id(&b);
	return who_by_device_psk(c, b.name, b.password, ret, NULL);
}

static enum inro_err by_bearer(struct core *c, const struct http_call *call, const char *value,
			       struct core_who *ret)
{
	(void)call;
	if (strncmp(value, "inro_session_", 13) == 0)
		return who_by_session(c, value, ret);
	return who_by_api_token(c, value, ret);
}

static const struct {
	const char *scheme;
	enum inro_err (*by)(struct core *, const struct http_call *, const char *, struct core_who *);
} schemes[] = { { "Basic ", by_basic }, { "Bearer ", by_bearer } };

static enum inro_err by_header(struct core *c, const struct http_call *call, const char *value,
			       struct core_who *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		size_t n = strlen(schemes[i].scheme);

		if (strncasecmp(value, schemes[i].scheme, n) == 0)
			return schemes[i].by(c, call, value + n + strspn(value + n, " "), ret);
	}
	return unnamed_refused(c, err_set(INRO_E_LOGIN, "the header Authorization is Basic or Bearer"));
}

/* The first of two stages, where the settings ask for it. */
static enum inro_err first_stage(struct core *c, const struct http_call *call)
{
	int64_t stages = 1;
	enum inro_err e = setting_number(c, "network.stages", &stages);

	return e == INRO_OK && stages > 1 ? who_has_key(c, http_header(call, "Api-Key")) : e;
}

enum inro_err rest_who(struct core *c, const struct http_call *call, struct core_who *ret)
{
	const char *header = http_header(call, "Authorization");
	enum inro_err e = core_peer(c, call->peer->address);

	*ret = (struct core_who) { .role = ROLE_NOBODY };
	snprintf(ret->actor, sizeof ret->actor, "%s", call->peer->address);
	if (e == INRO_OK)
		e = first_stage(c, call);
	if (e != INRO_OK)
		return e;
	if (header)
		return by_header(c, call, header, ret);
	if (call->peer->cert.n)
		return who_by_certificate(c, call->peer->cert, ret, NULL);
	return INRO_OK;
}

enum inro_err rest_refused(struct rest *r, enum inro_err e)
{
	return audit_refused(r->core, "command", "command", r->row->command, e);
}

enum inro_err rest_admit(struct rest *r)
{
	bool self = r->row->flags & REST_SELF;
	enum inro_err e;

	if (r->row->flags & REST_OPEN)
		return INRO_OK;
	if (r->who.role == ROLE_NOBODY)
		return unnamed_refused(r->core, err_set(INRO_E_LOGIN, "say who you are: the header Authorization, or a "
								      "client certificate"));
	e = core_become(r->core, &r->who);
	if (e != INRO_OK)
		return e;
	if (self && r->who.role != ROLE_DEVICE)
		return rest_refused(r, err_set(INRO_E_ACCESS, "%s is for devices, each for itself", r->row->pattern));
	return self ? INRO_OK : core_admit(r->core, r->row->least, r->row->command);
}
