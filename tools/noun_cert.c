/* noun_cert - certificates: issue, list, renew, revoke, and the rest of their life. */
#include "backoffice/core/cred.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/where.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/pem.h"
#include "backoffice/pki/profile.h"
#include "base/file.h"
#include "tools/cert_bulk.h"
#include "tools/cert_format.h"
#include "tools/cert_source.h"
#include "tools/confirm.h"
#include "tools/cert_ref.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"

/* A request that waits is an answer, but no certificate. */
static enum inro_err waits(struct core *core, const struct cred *cert, json_t *doc)
{
	SCOPED(buf) text = { 0 };
	if (cert->state != CRED_REQUESTED && cert->state != CRED_PENDING)
		return INRO_OK;
	enum inro_err e = cert_give_order(core, cert, doc);
	if (e != INRO_E_NOT_FOUND)
		return e;
	buf_addf(&text, "request %lld is %s", (long long)cert->rec.id,
		 cred_state_names[cert->state]);
	json_object_set_new(doc, "summary", text_json(buf_bytes(&text)));
	return err_set(INRO_E_APPROVAL,
		       "request %lld waits for somebody else: 'inro cert approve %lld' or 'inro cert "
		       "reject %lld'",
		       (long long)cert->rec.id, (long long)cert->rec.id, (long long)cert->rec.id);
}

static enum inro_err issue_one(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cert = { 0 };
	const char *sans[CALL_MAX_OPTS];
	enum inro_err e = file_read(call_opt(c, "csr"), PEM_MAX(CSR_MAX), &csr);
	if (!e)
		e = office_open(c, &core);
	struct cred_request r = {
		.csr = buf_bytes(&csr),
		.ca = call_opt(c, "ca"),
		.profile = call_opt(c, "profile"),
		.device = call_opt(c, "device"),
		.sans = sans,
		.sans_n = call_opts(c, "san", sans),
		.key_uri = call_opt(c, "key"),
		.days = (unsigned)call_number(c, "days", 0),
		.request_id = call_opt(c, "request-id"),
	};
	if (!e)
		e = cert_source_request(cred_issue(core, &r, &cert), call_opt(c, "csr"), r.csr);
	if (!e)
		e = cert_give(c, core, &cert, ret);
	return e ? e : waits(core, &cert, *ret);
}

static enum inro_err cert_issue_run(const struct call *c, json_t **ret)
{
	if (call_has(c, "make-key"))
		return cert_make_key_run(c, ret);
	return call_has(c, "csr-dir") ? cert_bulk_run(c, ret) : issue_one(c, ret);
}

static enum inro_err cert_issue_check(const struct call *c)
{
	enum inro_err e = cert_make_key_check(c);
	return e || call_has(c, "make-key") ? e : cert_bulk_check(c);
}

/* ---- list, show ---- */

/* "30" and "30d" are days, "4w" weeks. */
static enum inro_err days_of(const char *text, unsigned *ret)
{
	int64_t n = 0;
	const char *end = number_take(text, &n);
	bool unit = end && *end && strchr("dw", *end);
	if (!end || n < 1 || n > 36500 || end[unit])
		return err_set(INRO_E_ARG, "--due takes 1 to 36500 days, as in 30d, or weeks, as in 4w, not '%s'", text);
	*ret = (unsigned)(*end == 'w' ? n * 7 : n);
	return INRO_OK;
}

static enum inro_err cert_list_check(const struct call *c)
{
	const char *due = call_opt(c, "due");
	unsigned days;
	return due ? days_of(due, &days) : INRO_OK;
}

static enum inro_err cert_page(struct core *core, const struct call *c,
			       const struct where_page *page, json_t *list, char **ret_next)
{
	const char *wanted = call_opt(c, "state"), *due = call_opt(c, "due");
	int at = wanted ? name_index(cred_state_names, CRED_STATE__MAX, wanted) : 0;
	enum cred_state state = (enum cred_state)at;
	struct cred_search s = {
		.where = call_opt(c, "where"),
		.filter = { call_opt(c, "device"), call_opt(c, "ca"), wanted ? &state : NULL, 0 },
		.sort = page->sort,
		.after = page->after,
		.limit = page->limit,
	};
	SCOPED(cred_found) l = { 0 };
	enum inro_err e = due ? days_of(due, &s.filter.due_days) : INRO_OK;
	if (!e)
		e = cred_search(core, &s, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, json_of_listed_cred(&l.items[i]));
	*ret_next = l.next;
	l.next = NULL;
	return e;
}

static enum inro_err cert_list_run(const struct call *c, json_t **ret)
{
	return office_search(c, cert_page, ret);
}

static enum inro_err cert_count_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	for (int s = 0; !e && s < CRED_STATE__MAX; s++) {
		int64_t n = 0;
		e = cred_count(core, CRED_CERTIFICATE, (enum cred_state)s, &n);
		json_array_append_new(list, json_pack("{s:s s:I}", "state", cred_state_names[s],
						      "certificates", (json_int_t)n));
	}
	return json_give_or_drop(e, list, ret);
}

/* What no other row of the record tells: for people without the request itself and what is in it in DER. */
static json_t *asked_rest(json_t *asked)
{
	static const char *const told[] = { "ca",    "profile",	    "device",	 "subject",
					    "names", "subject_der", "names_der", "csr" };
	json_t *rest = json_copy(asked), *value;
	const char *key;
	void *next;
	for (size_t i = 0; i < ARRAY_LEN(told); i++)
		(void)json_object_del(rest, told[i]);
	json_object_foreach_safe(rest, next, key, value)
	{
		bool empty = json_is_array(value) ? !json_array_size(value)
						  : json_is_integer(value) && !json_integer_value(value);
		if (empty)
			(void)json_object_del(rest, key);
	}
	return rest;
}

/* A request has no certificate to read these from. */
static void fill_asked(const struct cred *cert, json_t *asked, json_t *doc)
{
	json_object_set_new(doc, "key_type", json_of_text(cert->rec.algorithm));
	json_object_set(doc, "names", json_object_get(asked, "names"));
	json_object_set_new(doc, "asked", asked_rest(asked));
}

/* Of one that waits or waited: what it was asked for by. */
static enum inro_err add_asked(struct core *core, const struct cred *cert, json_t *doc)
{
	AUTO(free_chars) char *text = NULL;
	enum inro_err e = cert->rec.cert.n ? INRO_E_NOT_FOUND : cred_asked(core, cert, &text);
	json_t *asked = text ? json_loads(text, 0, NULL) : NULL;
	if (asked)
		fill_asked(cert, asked, doc);
	json_object_set_new(doc, "request", asked ? asked : json_null());
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err cert_show_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(cred) cert = { 0 };
	struct cert_ref ref = { 0 };
	enum inro_err e = cert_ref_open(c, &core, &ref);
	if (!e)
		e = cred_get(core, ref.text, &cert);
	if (!e)
		e = cert_give(c, core, &cert, ret);
	return e ? e : add_asked(core, &cert, *ret);
}

/* ---- requests that wait ---- */

/* With a CA elsewhere it goes there, and waits on. */
static enum inro_err cert_approve_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(cred) cert = { 0 };
	struct cert_ref ref = { 0 };
	enum inro_err e = cert_ref_open(c, &core, &ref);
	if (!e)
		e = cred_approve(core, ref.text, call_opt(c, "why"), &cert);
	if (!e)
		e = cert_give(c, core, &cert, ret);
	return e || cert.state != CRED_PENDING ? e : cert_give_order(core, &cert, *ret);
}

static enum inro_err cert_reject_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(cred) cert = { 0 };
	struct cert_ref ref = { 0 };
	enum inro_err e = cert_ref_open(c, &core, &ref);
	if (!e)
		e = cred_reject(core, ref.text, call_opt(c, "why"), &cert);
	return e ? e : json_give(json_of_cred(&cert), ret);
}

/* ---- moves ---- */

static enum inro_err cert_renew_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(buf) csr = { 0 };
	SCOPED(cred) cert = { 0 };
	struct cert_ref ref = { 0 };
	enum inro_err e = INRO_OK;
	if (call_has(c, "csr"))
		e = file_read(call_opt(c, "csr"), PEM_MAX(CSR_MAX), &csr);
	struct cred_renewal r = {
		.csr = buf_bytes(&csr),
		.new_key = call_has(c, "new-key"),
		.days = (unsigned)call_number(c, "days", 0),
	};
	if (!e)
		e = cert_ref_open(c, &core, &ref);
	if (!e)
		e = cert_source_request(cred_renew(core, ref.text, &r, &cert), call_opt(c, "csr"), r.csr);
	return e ? e : cert_give(c, core, &cert, ret);
}

/* A CA's own takes with it what it issued. */
static enum inro_err ask_for_ca(const struct call *c, struct core *core, const struct cert_ref *ref)
{
	SCOPED(cred) cert = { 0 };
	char what[200];
	enum inro_err e = cred_get(core, ref->text, &cert);
	if (e || !cert.own_ca_name)
		return e;
	snprintf(what, sizeof what,
		 "that is a certificate of CA '%.64s': what was issued by its key is good no more",
		 cert.own_ca_name);
	return confirm(c, what);
}

static enum inro_err cert_revoke_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(cred) cert = { 0 };
	struct cert_ref ref = { 0 };
	const struct cred_revocation r = { .reason = call_opt(c, "reason"),
					   .why = call_opt(c, "why"),
					   .invalid_at = call_time(c, "invalid-at") / 1000 };
	enum inro_err e = cert_ref_open(c, &core, &ref);
	if (!e)
		e = ask_for_ca(c, core, &ref);
	if (!e)
		e = cred_revoke(core, ref.text, &r, &cert);
	return e ? e : json_give(json_of_revoked(&cert), ret);
}

static enum inro_err move(const struct call *c, enum verb verb, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(cred) cert = { 0 };
	struct cert_ref ref = { 0 };
	enum inro_err e = cert_ref_open(c, &core, &ref);
	if (!e)
		e = cred_move(core, ref.text, verb, call_opt(c, "why"), &cert);
	return e ? e : json_give(json_of_moved(&cert), ret);
}

static enum inro_err cert_hold_run(const struct call *c, json_t **ret)
{
	return move(c, VERB_HOLD, ret);
}

static enum inro_err cert_release_run(const struct call *c, json_t **ret)
{
	return move(c, VERB_RELEASE, ret);
}

static enum inro_err cert_retire_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(cred) cert = { 0 };
	struct cert_ref ref = { 0 };
	enum inro_err e = cert_ref_open(c, &core, &ref);
	if (!e)
		e = cred_retire(core, ref.text, call_opt(c, "cause"), call_opt(c, "why"),
				&cert);
	return e ? e : json_give(json_of_moved(&cert), ret);
}

/* "private key (deleted; ...), sealed copy of the key (none: ...)", as the statement has it. */
static json_t *things_words(const json_t *evidence)
{
	const char *text = json_string_value(json_object_get(evidence, "statement"));
	json_t *statement = text ? json_loads(text, 0, NULL) : NULL, *thing;
	SCOPED(buf) words = { 0 };
	size_t i;
	json_array_foreach(json_object_get(statement, "things"), i, thing)
		buf_addf(&words, "%s%s (%s)", words.n ? ", " : "",
			 text_or_empty(json_string_value(json_object_get(thing, "thing"))),
			 text_or_empty(json_string_value(json_object_get(thing, "done"))));
	json_decref(statement);
	return text_json(buf_bytes(&words));
}

static enum inro_err cert_destroy_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(cred) cert = { 0 };
	struct cert_ref ref = { 0 };
	SCOPED(buf) evidence = { 0 };
	const char *path = call_opt(c, "evidence");
	enum inro_err e = path ? office_new_file(path) : INRO_OK;
	if (!e)
		e = cert_ref_open(c, &core, &ref);
	if (!e)
		e = cred_destroy(core, ref.text, call_opt(c, "why"), &evidence, &cert);
	if (!e)
		e = json_give(json_of_cred(&cert), ret);
	if (e)
		return e;
	e = office_evidence(c, buf_bytes(&evidence), *ret);
	json_object_set_new(*ret, "things", things_words(json_object_get(*ret, "evidence")));
	return e;
}

static enum inro_err cert_archive_run(const struct call *c, json_t **ret)
{
	return move(c, VERB_ARCHIVE, ret);
}

/* ---- the rows ---- */

#define CERT_COLUMNS                                                                               \
	COLUMNS({ "id", "Id" }, { "state", "State" }, { "serial", "Serial" },                      \
		{ "subject", "Subject" }, { "names", "Names" }, { "issuer", "Issuer" },            \
		{ "ca", "CA" }, { "profile", "Profile" }, { "device", "Device" },                  \
		{ "not_before", "Valid from" }, { "not_after", "Valid until" },                    \
		{ "key_type", "Key type" }, { "signature", "Signature" }, { "key_uri", "Key" },    \
		{ "fingerprint", "SHA-256" }, { "revoked_at", "Revoked" }, { "reason", "Reason" }, \
		{ "replaces", "Replaces" }, { "good_until", "Beside the new one until" },     \
		{ "cause", "Cause" }, { "asked", "Asked for" })
#define OPT_CSR(must, words)                                                                       \
	{                                                                                          \
		.name = "csr", .arg = "FILE", .kind = OPT_FILE, .required = must, .help = words    \
	}
#define CERT_MOVE(word, text, handler)                                                             \
	{                                                                                          \
		.name = word, .summary = text, .args = ARGS(ARG_CERT), .opts = OPTS(OPT_WHY),      \
		.run = handler, .least = LEAST_OPERATOR,                                                     \
		.shape = SHOW_SAID, .said = "certificate {serial} is {state}{tell_ca}"               \
	}

const struct cmd_verb cert_verbs[] = {
	{ .name = "issue",
	  .summary = "Issues a certificate for a request, or for a folder of them",
	  .opts = OPTS(
		  OPT_CA, OPT_PROFILE,
		  OPT_CSR(false, "the request, PEM or DER; - is standard input"),
		  OPT_OF(OPT_DIR, "csr-dir", "FOLDER", "a request in each file of it"),
		  OPT_OF(OPT_DIR, "out-dir", "FOLDER",
			 "NAME.csr of --csr-dir becomes NAME.pem in it; what was refused is in "
			 "its file 'errors'"),
		  { .name = "devices",
		    .kind = OPT_FLAG,
		    .help = "each file of --csr-dir is named after its device's id" },
		  OPT_OF(OPT_TEXT, "request-id", "ID",
			 "repeating the command with the same id gives the same certificate again"),
		  OPT_OF(OPT_TEXT, "device", "ID", "whose certificate it is"),
		  { .name = "san",
		    .arg = "NAME",
		    .kind = OPT_TEXT,
		    .repeatable = true,
		    .help = "with --device: a name that its request may have beside those of its record: "
			    "DNS:..., IP:..." },
		  OPT_OF(OPT_URI, "key", "URI", "where its key is, for the record"),
		  { .name = "make-key",
		    .kind = OPT_FLAG,
		    .help = "make the key here, for --format p12; only where that is safe" },
		  { .name = "keep-key",
		    .kind = OPT_FLAG,
		    .help = "keep a sealed copy of a key that is made here" },
		  OPT_OF(OPT_TEXT, "subject", "DN",
			 "subject for a key that is made here; default: CN=DEVICE"),
		  OPT_KEY_TYPE, OPT_VALID),
	  .shared = { cert_key_out_opts, pin_user_opts, pin_pass_opts },
	  .check = cert_issue_check,
	  .run = cert_issue_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_PEM,
	  .said = "certificate {serial} ({subject}) is in {file}" },
	{ .name = "import",
	  .summary = "Imports certificates that an external CA issued for requests from here",
	  .args = ARGS({ .name = "PATH", .help = "a file of any number of them, PEM or DER, or a folder" }),
	  .opts = OPTS(OPT_CA, { .name = "unrequested",
				 .kind = OPT_FLAG,
				 .help = "import also what nobody here has asked for" }),
	  .run = cert_import_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "{taken} taken in, {known} were on record, {refused} refused; of those taken in, {warned} "
		  "break a rule or are other than asked" },
	{ .name = "list",
	  .summary = "Lists certificates",
	  .opts = OPTS(
		  OPT_OF(OPT_TEXT, "device", "ID", "only this device's"),
		  OPT_OF(OPT_TEXT, "ca", "CA", "only what this CA issued"),
		  { .name = "state",
		    .arg = "STATE",
		    .kind = OPT_CHOICE,
		    .choices = WORDS("requested", "pending", "active", "suspended", "superseded",
				     "revoked", "expired", "retired", "archived", "destroyed"),
		    .help = "only in this state" },
		  OPT_OF(OPT_TEXT, "due", "DAYS",
			 "only what ends within so many days, as in 30d (DUE says: expires), should have been renewed by "
			 "now (overdue), or both"),
		  OPT_SEARCH("key_type=rsa-1024 device.group=line1", "id", "expires")),
	  .check = cert_list_check,
	  .run = cert_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "id", "ID" }, { "state", "STATE" }, { "device", "DEVICE" },
			     { "ca", "CA" }, { "due", "DUE" }, { "not_after", "UNTIL" },
			     { "serial", "SERIAL" }, { "subject", "SUBJECT" }),
	  .rare = "due",
	  .empty = "no certificate is found" },
	{ .name = "count",
	  .summary = "Counts the certificates in each state",
	  .run = cert_count_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "state", "STATE" }, { "certificates", "CERTIFICATES" }),
	  .empty = "there is no state" },
	{ .name = "show",
	  .summary = "Shows a certificate, or writes it to a file",
	  .args = ARGS(ARG_CERT),
	  .shared = { cert_out_opts },
	  .run = cert_show_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = CERT_COLUMNS,
	  .said = "certificate {serial} is in {file}" },
	{ .name = "approve",
	  .summary = "Approves a waiting request and issues the certificate",
	  .args = ARGS(ARG_CERT),
	  .opts = OPTS(OPT_WHY),
	  .shared = { cert_out_opts, pin_user_opts },
	  .run = cert_approve_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_PEM,
	  .said = "certificate {serial} ({subject}) is in {file}" },
	{ .name = "reject",
	  .summary = "Rejects a waiting request, or withdraws one's own",
	  .args = ARGS(ARG_CERT),
	  .opts = OPTS(OPT_WHY),
	  .run = cert_reject_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "request {id} is {state}" },
	{ .name = "lint",
	  .summary = "Lists the rules that a certificate in a file breaks",
	  .args = ARGS({ .name = "FILE", .help = "a certificate, PEM or DER, of anybody's" }),
	  .opts = OPTS(OPT_OF(OPT_FILE, "issuer", "FILE",
			      "its issuer's certificate; a self-signed one has none")),
	  .run = cert_lint_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "rule", "RULE" }, { "from", "FROM" }, { "wrong", "WHAT IS WRONG" }),
	  .empty = "it keeps every rule" },
	{ .name = "renew",
	  .summary = "Issues a successor, which replaces the certificate at once",
	  .args = ARGS(ARG_CERT),
	  .opts = OPTS(OPT_CSR(false, "a request, for a key that is not in a token here"),
		       { .name = "new-key",
			 .kind = OPT_FLAG,
			 .help = "make another key in the same token" },
		       OPT_VALID),
	  .shared = { cert_out_opts, pin_user_opts },
	  .run = cert_renew_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "certificate {serial} replaces the old one, until {not_after}" },
	{ .name = "revoke",
	  .summary = "Revokes a certificate, for good",
	  .args = ARGS(ARG_CERT),
	  .opts = OPTS(
		  OPT_REASON("the reason in the CRL"),
		  OPT_OF(OPT_TIME, "invalid-at", "TIME",
			 "since when the key is not to be trusted: 2026-11-21 or "
			 "2026-11-21T01:09:47Z"),
		  OPT_WHY, OPT_YES),
	  .run = cert_revoke_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "certificate {serial} is {state} ({reason}){same_key}" },
	CERT_MOVE("hold", "Puts a certificate on hold", cert_hold_run),
	CERT_MOVE("release", "Releases a certificate from hold", cert_release_run),
	{ .name = "retire",
	  .summary = "Retires a certificate",
	  .args = ARGS(ARG_CERT),
	  .opts = OPTS(OPT_OF(OPT_TEXT, "cause", "TEXT",
			      "the cause for the record: replaced, no longer needed"),
		       OPT_WHY),
	  .run = cert_retire_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "certificate {serial} is {state}{tell_ca}" },
	CERT_MOVE("archive", "Archives a certificate that is out of use", cert_archive_run),
	{ .name = "destroy",
	  .summary = "Destroys the key of a certificate that is out of use, and checks that it is "
		     "gone",
	  .args = ARGS(ARG_CERT),
	  .opts = OPTS(OPT_EVIDENCE, OPT_WHY),
	  .shared = { pin_user_opts },
	  .run = cert_destroy_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "certificate {serial} is {state}: {things}" },
	{ .name = "export",
	  .summary = "Exports a certificate with its key, where a copy of the key was kept",
	  .args = ARGS(ARG_CERT),
	  .opts = OPTS({ .name = "format",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("p12"),
			 .required = true,
			 .help = "PKCS#12" },
		       { .name = "out",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "write it to this file" },
		       OPT_PROPOSAL),
	  .shared = { pin_pass_opts, pin_user_opts },
	  .run = cert_export_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_PEM,
	  .said = "certificate {serial} with its key is in {file}" },
	{ 0 },
};
