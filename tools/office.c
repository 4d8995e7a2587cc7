/* office - the core behind the commands, and its records as JSON. */
#include "tools/office.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backoffice/core/ca_guard.h"
#include "backoffice/core/where.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/pem.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"
#include "tools/pin.h"
#include "tools/text.h"

static enum inro_err ask_pin(void *arg, const char *token, struct secret *ret)
{
	return pin_take(arg, PIN_USER, token, false, ret);
}

/* A database that does not open holds nothing up that is forced. */
enum inro_err office_guard(const struct call *c, const struct ca_guard *g, const char *word,
			   char **ret)
{
	bool force = call_has(c, word);
	AUTO(free_chars) char *ca = NULL;
	enum inro_err e = ca_guard(g, &ca);
	if (e && !force)
		return err_context(e, "whether a CA needs the key can't be told; --%s deletes it", word);
	if (!e && ca && !force)
		return err_set(INRO_E_STATE,
			       "CA '%s' needs %s: it could issue nothing and sign no list any more; "
			       "--%s deletes it all the same",
			       ca, g->id.n ? "this key" : "a key in it", word);
	if (asprintf(ret, "%s%s%s", e ? "; whether a CA needed it is not known" : "",
		     ca && !e ? "; it was needed by CA " : "", ca && !e ? ca : "") < 0)
		return err_set(INRO_E_NO_MEMORY, "memory is short");
	return INRO_OK;
}

static enum inro_err ask_password(void *arg, const char *name, struct secret *ret)
{
	return pin_take(arg, PIN_PASSWORD, name, false, ret);
}

struct core_options office_options(const struct call *c)
{
	bool signs = cmd_option_named(c->verb, "pin-source") != NULL;
	const char *as = c->as ? c->as : secure_getenv("INRO_AS");
	const char *tenant = c->tenant ? c->tenant : secure_getenv("INRO_TENANT");
	return (struct core_options) {
		.tenant = tenant && *tenant ? tenant : NULL,
		.accounts = true,
		.as = as,
		.ask_password = ask_password,
		.existing = c->verb->reads,
		.ask_pin = signs ? ask_pin : NULL,
		.ask_arg = (void *)(uintptr_t)c,
	};
}

/* What the row asks of who is at work. */
static enum inro_err admit(struct core *core, const struct call *c)
{
	static const enum role roles[] = {
		[LEAST_UNSAID] = ROLE_ADMIN,	  [LEAST_NONE] = ROLE_AUDITOR,
		[LEAST_AUDITOR] = ROLE_AUDITOR,	  [LEAST_OPERATOR] = ROLE_OPERATOR,
		[LEAST_ADMIN] = ROLE_ADMIN,
	};
	char command[96];
	snprintf(command, sizeof command, "%s %s", c->noun->name, c->verb->name);
	return core_admit(core, roles[c->verb->least], command);
}

enum inro_err office_open(const struct call *c, struct core **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct core_options o = office_options(c);
	enum inro_err e = core_open(&o, &core);
	if (!e)
		e = admit(core, c);
	if (e)
		return e;
	*ret = core;
	core = NULL;
	return INRO_OK;
}

enum inro_err json_give(json_t *doc, json_t **ret)
{
	if (!doc)
		return err_set(INRO_E_NO_MEMORY, "memory is short");
	*ret = doc;
	return INRO_OK;
}

enum inro_err json_give_or_drop(enum inro_err e, json_t *doc, json_t **ret)
{
	if (!e)
		return json_give(doc, ret);
	json_decref(doc);
	return e;
}

enum inro_err office_list(const struct call *c, office_page *add, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct page page = { 0 };
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	do {
		int64_t next = 0;
		if (!e)
			e = add(core, c, &page, list, &next);
		page.after = next;
	} while (!e && page.after);
	return json_give_or_drop(e, list, ret);
}

static enum inro_err found_pages(struct core *core, const struct call *c, office_found *add,
				 json_t *list, char **next)
{
	size_t wanted = (size_t)call_number(c, "limit", 0);
	struct where_page page = { .sort = call_opt(c, "sort") };
	enum inro_err e;
	do {
		char *following = NULL;
		size_t room = wanted ? wanted - json_array_size(list) : PAGE_MAX;
		page.limit = room < PAGE_MAX ? room : PAGE_MAX;
		page.after = *next;
		e = add(core, c, &page, list, &following);
		free(*next);
		*next = following;
	} while (!e && *next && json_array_size(list) != wanted);
	return e;
}

enum inro_err office_search(const struct call *c, office_found *add, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	AUTO(free_chars) char *next = NULL;
	const char *after = call_opt(c, "after");
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	if (!e && after && !(next = strdup(after)))
		e = err_set(INRO_E_NO_MEMORY, "memory is short");
	if (!e)
		e = found_pages(core, c, add, list, &next);
	if (!e && call_has(c, "limit"))
		list = json_pack("{s:o s:s?}", "items", list, "next", next);
	return json_give_or_drop(e, list, ret);
}

enum inro_err office_time(const struct call *c, const char *option, int64_t *ret_ms)
{
	const char *text = call_opt(c, option);
	struct tm tm = { 0 };
	const char *end;
	char again[32];
	*ret_ms = 0;
	if (!text)
		return INRO_OK;
	end = strptime(text, strlen(text) > 10 ? "%Y-%m-%dT%H:%M:%SZ" : "%Y-%m-%d", &tm);
	if (!end || *end)
		return err_set(INRO_E_ARG,
			       "--%s takes 2026-11-21 or 2026-11-21T01:09:47Z, not '%s'", option,
			       text);
	time_t t = timegm(&tm);
	/* strptime() takes the 31st of any month. */
	clock_format(t, again, sizeof again);
	if (t <= 0 || strncmp(again, text, 10) != 0)
		return err_set(INRO_E_ARG, "--%s: there is no day '%s'", option, text);
	*ret_ms = (int64_t)t * 1000;
	return INRO_OK;
}

json_t *json_of_text(const char *s)
{
	return s && s[0] ? text_json(bytes_of(s)) : json_null();
}

json_t *json_of_hex(struct bytes b)
{
	SCOPED(buf) hex = { 0 };
	buf_add_hex(&hex, b);
	return b.n ? json_stringn((const char *)hex.p, hex.n) : json_null();
}

json_t *json_of_time(int64_t unix_seconds)
{
	char text[32];
	if (!unix_seconds)
		return json_null();
	clock_format(unix_seconds, text, sizeof text);
	return json_string(text);
}

json_t *json_of_dn(struct bytes der)
{
	SCOPED(buf) text = { 0 };
	return dn_text(der, &text) ? json_null() : text_json(buf_bytes(&text));
}

json_t *json_of_pem(const char *label, const struct bytes *ders, size_t n)
{
	SCOPED(buf) text = { 0 };
	for (size_t i = 0; i < n; i++)
		pem_add(&text, label, ders[i]);
	return buf_err(&text) ? NULL : text_json(buf_bytes(&text));
}

/* For people; a program gets what was written. */
static void tell_times(json_t *detail)
{
	static const char *const times[] = { "not_after", "next_update", "invalid_at" };
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		json_t *at = json_object_get(detail, times[i]);
		if (json_is_integer(at))
			json_object_set_new(detail, times[i], json_of_time(json_integer_value(at)));
	}
}

json_t *json_of_event(const struct event *ev, bool for_people)
{
	json_t *detail = ev->detail ? json_loads(ev->detail, 0, NULL) : NULL;
	if (for_people)
		tell_times(detail);
	return json_pack("{s:I s:o s:o s:o s:o s:s s:o s:o}", "id", (json_int_t)ev->id, "at",
			 json_of_time(ev->at_ms / 1000), "actor", json_of_text(ev->actor), "action",
			 json_of_text(ev->action), "subject", json_of_text(ev->subject), "outcome",
			 event_outcome_names[ev->outcome], "detail", detail ? detail : json_null(),
			 "hash", json_of_hex(blob_bytes(&ev->hash)));
}

static json_t *json_of_sans(struct bytes sans)
{
	json_t *list = json_array();
	struct san one;
	while (sans.n && !san_next(&sans, &one)) {
		SCOPED(buf) text = { 0 };
		san_one_text(&one, &text);
		json_array_append_new(list, text_json(buf_bytes(&text)));
	}
	return list;
}

/* What the certificate itself says; a record without one has none of it. */
static void add_cert_facts(json_t *doc, const struct credential *rec)
{
	SCOPED(cert) cert = { 0 };
	struct bytes der = blob_bytes(&rec->cert);
	char key[16] = "";
	if (!der.n || cert_read(der, &cert))
		return;
	pubkey_name(&cert.key, key, sizeof key);
	json_object_set_new(doc, "issuer", json_of_dn(cert.issuer));
	json_object_set_new(doc, "key_type", json_string(key));
	json_object_set_new(doc, "signature", json_string(cert.sig->name));
	json_object_set_new(doc, "names", json_of_sans(cert.ext.sans));
	json_object_set_new(doc, "pem", json_of_pem(PEM_CERT, &der, 1));
}

json_t *json_of_cred(const struct cred *c)
{
	const struct credential *r = &c->rec;
	json_t *doc = json_pack(
		"{s:I s:s s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o s:o}", "id",
		(json_int_t)r->id, "state", cred_state_names[c->state], "serial",
		json_of_hex(blob_bytes(&r->serial)), "subject", json_of_text(r->subject), "ca",
		json_of_text(c->ca_name), "profile", json_of_text(r->profile), "device",
		json_of_text(c->device_id), "not_before", json_of_time(r->not_before), "not_after",
		json_of_time(r->not_after), "key_uri", json_of_text(r->key_uri), "fingerprint",
		json_of_hex(blob_bytes(&r->fingerprint)), "revoked_at", json_of_time(r->revoked_at),
		"reason", json_of_text(c->reason), "is_ca", json_of_text(c->own_ca_name));
	if (!doc)
		return NULL;
	json_object_set_new(doc, "profile_version",
			    r->profile_version ? json_integer(r->profile_version) : json_null());
	json_object_set_new(doc, "replaces", r->replaces ? json_integer(r->replaces) : json_null());
	json_object_set_new(doc, "request_id", json_of_text(r->request_id));
	json_object_set_new(doc, "good_until", json_of_time(r->grace_until));
	json_object_set_new(doc, "cause", json_of_text(r->cause));
	json_object_set_new(doc, "invalid_at", json_of_time(r->invalid_at));
	json_object_set_new(doc, "created", json_of_time(r->created_ms / 1000));
	add_cert_facts(doc, r);
	return doc;
}
