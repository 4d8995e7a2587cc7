/*
 * who - who a request is from, by its headers or the certificate of its connection.
 *
 * 1. Nothing is believed that two places say: an Authorization header outweighs the certificate.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "backoffice/core/setting.h"
#include "backoffice/rest/rows.h"
#include "base/secret.h"

#define BASIC_MAX 1024

/* What is before the first ':' and what is behind it, in place. */
struct basic {
	char text[BASIC_MAX];
	const char *name;
	struct bytes password;
};

static void basic_clear(struct basic *b)
{
	wipe(b->text, sizeof b->text);
}

static bool read_basic(const char *base64, struct basic *b)
{
	size_t n = strlen(base64), pad = 0;
	char *colon;
	int got;

	while (pad < 2 && pad < n && base64[n - 1 - pad] == '=')
		pad++;
	if (n == 0 || n % 4 || n / 4 * 3 >= sizeof b->text)
		return false;
	got = EVP_DecodeBlock((unsigned char *)b->text, (const unsigned char *)base64, (int)n);
	if (got < (int)pad)
		return false;
	b->text[got - (int)pad] = '\0';
	colon = strchr(b->text, ':');
	if (!colon || memchr(b->text, 0, (size_t)got - pad))
		return false;
	*colon = '\0';
	b->name = b->text;
	b->password = bytes_of(colon + 1);
	return true;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* A device's id may have a ':', which no user name of RFC 7617 has: it stands there as %3A. */
static void decode_id(char *s)
{
	char *to = s;

	for (; *s; s++) {
		int high = *s == '%' ? hex_digit(s[1]) : -1;
		int low = high >= 0 ? hex_digit(s[2]) : -1;

		*to++ = (char)(low >= 0 ? high << 4 | low : *s);
		s += low >= 0 ? 2 : 0;
	}
	*to = '\0';
}

static bool for_devices(const struct http_call *call)
{
	return strncmp(call->path, "/v1/device/", 11) == 0;
}

static enum inro_err by_basic(struct core *c, const struct http_call *call, const char *value,
			      struct core_who *ret)
{
	SCOPED(basic) b = { 0 };

	if (!read_basic(value, &b))
		return err_set(INRO_E_LOGIN, "the header Authorization can't be read");
	if (!for_devices(call))
		return who_by_account(c, b.name, b.password, ret);
	decode_id(b.text);
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
	return err_set(INRO_E_LOGIN, "the header Authorization is Basic or Bearer");
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

enum inro_err rest_admit(struct rest *r)
{
	bool self = r->row->flags & REST_SELF;
	enum inro_err e;

	if (r->row->flags & REST_OPEN)
		return INRO_OK;
	if (r->who.role == ROLE_NOBODY)
		return err_set(INRO_E_LOGIN, "say who you are: the header Authorization, or a client "
					     "certificate");
	e = core_become(r->core, &r->who);
	if (e != INRO_OK)
		return e;
	if (self && r->who.role != ROLE_DEVICE)
		return err_set(INRO_E_ACCESS, "%s is for devices, each for itself", r->row->pattern);
	return self ? INRO_OK : core_admit(r->core, r->row->least, r->row->command);
}
