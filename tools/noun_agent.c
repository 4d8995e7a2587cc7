/*
 * noun_agent - the device's agent: what it does in a round, and what it says of itself.
 *
 * `run` becomes the program inro-agent, which waits and starts `once` when it is due.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/pki/alg.h"
#include "base/file.h"
#include "base/process.h"
#include "tools/agent/check.h"
#include "tools/agent/round.h"
#include "tools/agent/status.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tpm/move/evidence.h"

#define WATCHER "inro-agent"

static enum inro_err read_settings(const struct call *c, struct agent_settings *ret)
{
	return agent_settings_read(call_opt(c, "config"), ret);
}

static enum inro_err agent_run_run(const struct call *c, json_t **ret)
{
	SCOPED(agent_settings) s = { 0 };
	AUTO(free_chars) char *self = process_program();
	AUTO(free_chars) char *program = NULL;
	char *slash = self ? strrchr(self, '/') : NULL;
	enum inro_err e = read_settings(c, &s);

	(void)ret;
	if (e != INRO_OK)
		return e;
	if (slash) {
		*slash = 0;
		program = file_join(self, WATCHER);
	}
	if (!program)
		return agent_no_memory();
	execl(program, WATCHER, s.file, (char *)NULL);
	return err_set(INRO_E_CONFIG, "%s can't be started: %s", program, strerror(errno));
}

static enum inro_err do_round(const struct call *c, bool renew, json_t **ret)
{
	SCOPED(agent_settings) s = { 0 };
	const struct round_options o = { .renew = renew };
	int64_t wait;
	enum inro_err e = read_settings(c, &s);

	if (e == INRO_OK)
		e = round_run(&s, &o, &wait);
	return e == INRO_OK ? status_json(&s, ret) : e;
}

static enum inro_err note_end(const struct call *c, json_t **ret)
{
	SCOPED(agent_settings) s = { 0 };
	enum inro_err e = read_settings(c, &s);

	if (e == INRO_OK)
		e = status_note_end(&s, call_opt(c, "ended"));
	return e == INRO_OK ? status_json(&s, ret) : e;
}

static enum inro_err agent_once_run(const struct call *c, json_t **ret)
{
	enum inro_err e = call_has(c, "ended") ? note_end(c, ret) : do_round(c, call_has(c, "renew"), ret);

	if (e == INRO_OK && call_has(c, "quiet")) {
		json_decref(*ret);
		*ret = NULL;
	}
	return e;
}

static enum inro_err agent_renew_run(const struct call *c, json_t **ret)
{
	return do_round(c, true, ret);
}

static enum inro_err agent_status_run(const struct call *c, json_t **ret)
{
	SCOPED(agent_settings) s = { 0 };
	enum inro_err e = read_settings(c, &s);

	return e == INRO_OK ? status_json(&s, ret) : e;
}

static enum inro_err agent_check_run(const struct call *c, json_t **ret)
{
	SCOPED(agent_settings) s = { 0 };
	SCOPED(buf) found = { 0 };
	enum inro_err e = read_settings(c, &s);

	if (e == INRO_OK)
		e = agent_check(&s, &found);
	if (e != INRO_OK)
		return e;
	return json_give(json_pack("{s:s s:s s:s#}", "server", s.server, "token", s.token, "found",
				   (const char *)found.p, (int)found.n),
			 ret);
}

/* "ek:SHA256", as `inro device add --anchor` takes it. */
static enum inro_err anchor_of(struct bytes evidence, struct buf *ret)
{
	SCOPED(buf) spki = { 0 };
	uint8_t digest[PKI_DIGEST_MAX];
	struct evidence v;
	enum inro_err e = evidence_read(evidence, &v);

	if (e == INRO_OK)
		e = evidence_ek(&v, &spki);
	if (e == INRO_OK)
		e = pki_digest(PKI_SHA256, buf_bytes(&spki), digest);
	buf_add_str(ret, "ek:");
	buf_add_hex(ret, BYTES(digest, pki_hash_octets(PKI_SHA256)));
	buf_add_u8(ret, '\n');
	return e == INRO_OK ? buf_err(ret) : e;
}

static enum inro_err agent_anchor_run(const struct call *c, json_t **ret)
{
	SCOPED(agent_settings) s = { 0 };
	SCOPED(buf) evidence = { 0 };
	SCOPED(buf) text = { 0 };
	enum inro_err e = read_settings(c, &s);

	if (e == INRO_OK)
		e = round_evidence(&s, &evidence);
	if (e == INRO_OK)
		e = anchor_of(buf_bytes(&evidence), &text);
	return e == INRO_OK ?
		       json_give(json_pack("{s:s#}", "text", (const char *)text.p, (int)text.n), ret) :
		       e;
}

static enum inro_err agent_settings_run(const struct call *c, json_t **ret)
{
	json_t *list = json_array();
	enum inro_err e = INRO_OK;

	(void)c;
	for (const struct agent_rule *r = agent_rules; r->name && e == INRO_OK; r++) {
		SCOPED(buf) takes = { 0 };

		agent_setting_takes(r, &takes);
		e = buf_err(&takes);
		json_array_append_new(list, json_pack("{s:s s:s# s:b s:s? s:s}", "name", r->name, "takes",
						      (const char *)takes.p, (int)takes.n, "required",
						      r->required, "default", r->otherwise, "what", r->help));
	}
	return json_give_or_drop(e, list, ret);
}

/* ---- the rows ---- */

#define OPT_CONFIG                                                                                 \
	{                                                                                          \
		.name = "config", .arg = "FILE", .kind = OPT_FILE,                                 \
		.help = "the agent's settings; default: /etc/inro/agent.conf"                      \
	}
#define STATUS_COLUMNS                                                                             \
	COLUMNS({ "id", "Id" }, { "state", "State" }, { "generation", "Generation" },              \
		{ "subject", "Subject" }, { "serial", "Serial" }, { "not_before", "Valid from" },  \
		{ "not_after", "Valid until" }, { "renew_at", "To be renewed" },                       \
		{ "key", "Key" }, { "ca", "CA" }, { "ca_serial", "Serial of the CA" },             \
		{ "ca_key_id", "Key of the CA" }, { "cert_file", "Certificate file" },             \
		{ "key_file", "Key file" }, { "ca_file", "CA file" },                              \
		{ "secrets", "Symmetric keys" },                                                   \
		{ "looked_at", "Looked at" }, { "failures", "Failures" }, { "error", "Error" },    \
		{ "dir", "Folder" })

const struct cmd_verb agent_verbs[] = {
	{ .name = "run",
	  .summary = "Gets and renews this device's certificate and symmetric keys from now on",
	  .opts = OPTS(OPT_CONFIG),
	  .run = agent_run_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "" },
	{ .name = "once",
	  .summary = "Does what is due now, then exits",
	  .opts = OPTS(OPT_CONFIG, { .name = "renew",
				     .kind = OPT_FLAG,
				     .help = "renew, due or not" },
		       { .name = "ended",
			 .arg = "WHY",
			 .kind = OPT_TEXT,
			 .help = "do nothing but note in the status that a round was ended, as inro-agent does" },
		       { .name = "quiet",
			 .kind = OPT_FLAG,
			 .help = "don't show what was done, only errors" }),
	  .run = agent_once_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_RECORD,
	  .columns = STATUS_COLUMNS },
	{ .name = "renew",
	  .summary = "Renews this device's certificate and symmetric keys now, due or not",
	  .opts = OPTS(OPT_CONFIG),
	  .run = agent_renew_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_RECORD,
	  .columns = STATUS_COLUMNS },
	{ .name = "status",
	  .summary = "Shows what this device has and when it is renewed",
	  .opts = OPTS(OPT_CONFIG),
	  .run = agent_status_run,
	  .least = LEAST_NONE,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = STATUS_COLUMNS },
	{ .name = "check",
	  .summary = "Tests the settings: the token, the service and its certificate",
	  .opts = OPTS(OPT_CONFIG),
	  .run = agent_check_run,
	  .least = LEAST_NONE,
	  .reads = true,
	  .shape = SHOW_SAID,
	  .said = "token {token} opens, and {server} answers: {found}" },
	{ .name = "anchor",
	  .summary = "Prints which TPM this device's token is in, as `inro device add --anchor` "
		     "takes it",
	  .opts = OPTS(OPT_CONFIG),
	  .run = agent_anchor_run,
	  .least = LEAST_NONE,
	  .reads = true,
	  .shape = SHOW_TEXT },
	{ .name = "settings",
	  .summary = "Prints every setting of the agent's file",
	  .run = agent_settings_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "name", "SETTING" }, { "takes", "TAKES" }, { "required", "REQUIRED" },
			     { "default", "DEFAULT" }, { "what", "WHAT IT IS" }),
	  .empty = "there is no setting" },
	{ 0 },
};
