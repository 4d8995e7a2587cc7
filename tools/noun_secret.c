/* noun_secret - symmetric keys, and the key that seals what is secret. */
#include "backoffice/core/seal.h"
#include "tools/nouns.h"
#include "tools/office.h"

/* ---- the key that seals ---- */

static struct seal_key_request seal_request(const struct call *c, const char *uri)
{
	return (struct seal_key_request) { .uri = call_opt(c, uri), .token = call_opt(c, "token") };
}

static enum inro_err seal_key_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	AUTO(free_chars) char *uri = NULL;
	struct seal_key_request r = seal_request(c, "key");
	enum inro_err e = office_open(c, &core);
	if (!e && (r.uri || r.token))
		e = seal_key_set(core, &r, &uri);
	else if (!e)
		e = seal_key_uri(core, &uri);
	return e ? e : json_give(json_pack("{s:o}", "uri", json_of_text(uri)), ret);
}

static enum inro_err one_of(const struct call *c, const char *uri, bool none)
{
	size_t n = (size_t)call_has(c, uri) + (size_t)call_has(c, "token");
	if (n == 1 || (n == 0 && none))
		return INRO_OK;
	return err_set(INRO_E_ARG, "either --%s or --token is given", uri);
}

static enum inro_err seal_key_check(const struct call *c)
{
	return one_of(c, "key", true);
}

static enum inro_err reseal_check(const struct call *c)
{
	return one_of(c, "to", false);
}

static enum inro_err reseal_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(reseal_report) r = { 0 };
	struct seal_key_request to = seal_request(c, "to");
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = seal_rotate(core, &to, &r);
	if (!e && r.unread)
		e = err_set(INRO_E_DAMAGED,
			    "%lld secrets are sealed by the new key; %lld did not open and stay as "
			    "they are, the first in record %lld",
			    (long long)r.done, (long long)r.unread, (long long)r.first);
	return e ? e
		 : json_give(json_pack("{s:s s:I}", "uri", r.uri, "secrets", (json_int_t)r.done),
			     ret);
}

/* ---- the rows ---- */

#define OPT_MAKE_IN                                                                                \
	{                                                                                          \
		.name = "token", .arg = "LABEL", .kind = OPT_TEXT,                                 \
		.help = "make the key in this token"                                               \
	}

const struct cmd_verb secret_verbs[] = {
	{ .name = "seal-key",
	  .summary = "Says which key of a token seals secrets; makes or names it, once",
	  .opts = OPTS(OPT_MAKE_IN, { .name = "key",
				      .arg = "URI",
				      .kind = OPT_TEXT,
				      .help = "an AES-256 key that can't leave its token" }),
	  .shared = { pin_user_opts },
	  .check = seal_key_check,
	  .run = seal_key_run,
	  .shape = SHOW_SAID,
	  .said = "secrets are sealed by {uri}" },
	{ .name = "reseal",
	  .summary = "Seals every secret anew, by another key",
	  .opts = OPTS(OPT_MAKE_IN, { .name = "to",
				      .arg = "URI",
				      .kind = OPT_TEXT,
				      .help = "the other key, an AES-256 key that can't leave its "
					      "token" }),
	  .shared = { pin_user_opts },
	  .check = reseal_check,
	  .run = reseal_run,
	  .shape = SHOW_SAID,
	  .said = "{secrets} secrets are sealed anew, by {uri}" },
	{ 0 },
};
