/* made - where what a request made is (RFC 9110 15.3.2): a table of patterns, filled from the answer's document. */
#include <stdio.h>
#include <string.h>

#include "backoffice/rest/rows.h"

#define MEMBER_ROOM 32
#define CA	    "/v1/cas/{name}"
#define CERT	    "/v1/certificates/id:{id}"
#define SECRET	    "/v1/secrets/{id}"
#define JOB	    "/v1/jobs/{id}"

/* By the row's command.  What a device makes for itself is where operators see it. */
static const struct {
	const char *command, *pattern;
} places[] = {
	{ "ca certify", CERT },
	{ "ca connect", CA },
	{ "ca create", CA },
	{ "ca import", CA },
	{ "cert issue", CERT },
	{ "cert make-key", CERT },
	{ "cert renew", CERT },
	{ "device add", "/v1/devices/{id}" },
	{ "errand send", "/v1/errands" }, /* several */
	{ "group add", "/v1/groups/{path...}" },
	{ "job resume", JOB },
	{ "job start", JOB },
	{ "profile add", "/v1/profiles/{name}" },
	{ "psk issue", "/v1/devices/{device}/psk" },
	{ "secret issue", SECRET },
	{ "secret renew", SECRET },
	{ "secret seal-key set", "/v1/seal-key" },
	{ "self attest", CERT },
	{ "self issue", CERT },
	{ "self renew", CERT },
	{ "self renew-secret", SECRET },
	{ "self secret", SECRET },
	{ "tenant add", "/v1/tenants/{name}" },
	{ "user add", "/v1/users/{name}" },
	{ "user login", "/v1/sessions/current" },
	{ "user token add", "/v1/tokens/{id}" },
};

const char *rest_place(const struct rest_row *row)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (strcmp(places[i].command, row->command) == 0)
			return places[i].pattern;
	return NULL;
}

/* RFC 3986 2.3 */
static void add_escaped(struct buf *out, const char *text, bool path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text; text++)
		if (strchr(plain, *text) || (path && *text == '/'))
			buf_add_u8(out, (uint8_t)*text);
		else
			buf_addf(out, "%%%02X", (unsigned char)*text);
}

static bool add_member(struct buf *out, const json_t *doc, const char *name, size_t n)
{
	bool path = n > 3 && memcmp(name + n - 3, "...", 3) == 0;
	char member[MEMBER_ROOM];
	const json_t *value;

	snprintf(member, sizeof member, "%.*s", (int)(path ? n - 3 : n), name);
	value = json_object_get(doc, member);
	if (json_is_integer(value))
		buf_addf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_string(value))
		add_escaped(out, json_string_value(value), path);
	else
		return false;
	return true;
}

bool rest_made(const char *pattern, const json_t *doc, struct buf *ret)
{
	while (*pattern) {
		size_t n = strcspn(pattern, "{"), name;

		buf_add(ret, BYTES(pattern, n));
		pattern += n;
		if (!*pattern)
			break;
		name = strcspn(pattern, "}") - 1;
		if (!add_member(ret, doc, pattern + 1, name))
			return false;
		pattern += name + 2;
	}
	return buf_err(ret) == INRO_OK;
}
