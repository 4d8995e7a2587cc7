/* noun_device - the registry of devices, and the main job: provision. */
#include "backoffice/core/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/group.h"
#include "backoffice/core/provision.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/where.h"
#include "backoffice/pki/profile.h"
#include "base/file.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/pages.h"
#include "tools/text.h"

/* What the options give, with what they borrow from. */
struct device_options {
	struct device_fields fields;
	struct device_anchor anchor;
	uint8_t hash[ANCHOR_HASH];
	struct buf file;
	char *attrs;
};

static void device_options_clear(struct device_options *o)
{
	buf_clear(&o->file);
	free(o->attrs);
}

static enum inro_err anchor_file(const char *path, enum anchor_kind kind, struct device_options *o)
{
	enum inro_err e = file_read(path, (size_t)64 << 10, &o->file);
	o->anchor = (struct device_anchor) { .kind = kind, .value = buf_bytes(&o->file) };
	if (e)
		return e;
	e = device_anchor_check(&o->anchor);
	return e ? err_context(e, "%s", path) : e;
}

static enum inro_err anchor_of(const struct call *c, struct device_options *o)
{
	const char *text = call_opt(c, "anchor"), *key = call_opt(c, "anchor-key");
	const char *ek = call_opt(c, "anchor-ek"), *store = call_opt(c, "anchor-store");
	enum inro_err e = INRO_OK;
	if (!text && !key && !ek)
		return INRO_OK;
	o->fields.anchor = &o->anchor;
	if (key)
		e = anchor_file(key, ANCHOR_KEY, o);
	else if (ek)
		e = anchor_file(ek, ANCHOR_EK, o);
	else if (*text)
		e = device_anchor_parse(text, o->hash, &o->anchor);
	if (store)
		o->anchor.store =
			(enum anchor_store)name_index(anchor_store_names, ANCHOR_STORE__MAX, store);
	return e;
}

/* "NAME=VALUE"; without a value the attribute is taken away. */
static enum inro_err add_attr(const char *text, json_t *attrs)
{
	SCOPED(buf) name = { 0 };
	const char *is = strchr(text, '=');
	if (!is || is == text)
		return err_set(INRO_E_ARG, "--attr is NAME=VALUE, not '%s'", text);
	buf_add(&name, BYTES(text, (size_t)(is - text)));
	buf_add_u8(&name, 0);
	if (buf_err(&name) || json_object_set_new(attrs, (const char *)name.p,
						  is[1] ? json_string(is + 1) : json_null()))
		return err_set(INRO_E_ARG, "attribute '%s' is not UTF-8", text);
	return INRO_OK;
}

static enum inro_err attrs_of(const struct call *c, struct device_options *o)
{
	const char *given[CALL_MAX_OPTS];
	size_t n = call_opts(c, "attr", given);
	json_t *attrs = json_object();
	enum inro_err e = INRO_OK;
	for (size_t i = 0; !e && i < n; i++)
		e = add_attr(given[i], attrs);
	if (!e && n)
		o->fields.attrs = o->attrs = json_dumps(attrs, JSON_COMPACT);
	json_decref(attrs);
	return e;
}

static enum inro_err fields_of(const struct call *c, struct device_options *o)
{
	enum inro_err e;
	o->fields = (struct device_fields) {
		.name = call_opt(c, "name"),
		.ip = call_opt(c, "ip"),
		.mac = call_opt(c, "mac"),
		.hostname = call_opt(c, "hostname"),
		.os = call_opt(c, "os"),
		.serial = call_opt(c, "serial"),
		.group = call_opt(c, "group"),
	};
	e = anchor_of(c, o);
	return e ? e : attrs_of(c, o);
}

/* The end of the sentence for people. */
static enum inro_err tell_more(const struct psk_new *psk, json_t *doc)
{
	SCOPED(buf) text = { .secret = true };
	const char *before = json_string_value(json_object_get(doc, "anchor_before"));
	if (before)
		buf_addf(&text, "; its trust anchor was that of device '%s', which is deleted", before);
	if (psk)
		buf_addf(&text, "; its pre-shared key of %u bits, shown this once: ", psk->bits);
	if (psk)
		buf_add(&text, secret_bytes(&psk->value));
	return buf_err(&text) || json_object_set_new(doc, "told", text_json(buf_bytes(&text)))
		       ? INRO_E_NO_MEMORY
		       : INRO_OK;
}

typedef enum inro_err device_write(struct core *core, const char *id, const struct device_fields *f,
				   struct device *ret);

static enum inro_err write_device(const struct call *c, device_write *write, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(device) d = { 0 };
	SCOPED(device_options) o = { 0 };
	enum inro_err e = fields_of(c, &o);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = write(core, call_arg(c, 0), &o.fields, &d);
	if (!e)
		e = json_of_one_device(core, &d, ret);
	return e || c->json ? e : tell_more(NULL, *ret);
}

static enum inro_err device_add_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(device) d = { 0 };
	SCOPED(device_options) o = { 0 };
	SCOPED(psk_new) psk = { 0 };
	bool keyed = !call_has(c, "no-psk");
	char made[DEVICE_ID_MADE];
	const char *id = call_arg(c, 0);
	enum inro_err e = fields_of(c, &o);
	if (!e && !id)
		e = device_id_new(made);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = device_add_with(core, id ? id : made, &o.fields, keyed ? &psk : NULL, &d);
	if (!e)
		e = json_of_one_device(core, &d, ret);
	if (!e && keyed) {
		json_object_update_new(*ret, json_of_psk(&psk));
		office_note_psk(&psk);
	}
	if (!e && !c->json)
		e = tell_more(keyed ? &psk : NULL, *ret);
	return e;
}

static enum inro_err check_device_add(const struct call *c)
{
	int anchors = call_has(c, "anchor") + call_has(c, "anchor-key") + call_has(c, "anchor-ek");
	if (anchors > 1)
		return err_set(INRO_E_ARG, "one of --anchor, --anchor-key and --anchor-ek");
	if (!anchors && call_has(c, "anchor-store"))
		return err_set(INRO_E_ARG,
			       "--anchor-store goes with --anchor, --anchor-key or --anchor-ek");
	return INRO_OK;
}

static enum inro_err check_update(const struct call *c)
{
	if (c->n_opts)
		return check_device_add(c);
	return err_set(INRO_E_ARG, "nothing to change; see 'inro device update --help'");
}

static enum inro_err device_update_run(const struct call *c, json_t **ret)
{
	return write_device(c, device_update, ret);
}

/* ---- list, show ---- */

static enum inro_err device_page(struct core *core, const struct call *c,
				 const struct where_page *page, json_t *list, char **ret_next)
{
	const char *wanted = call_opt(c, "state");
	int at = wanted ? name_index(device_state_names, DEVICE_STATE__MAX, wanted) : 0;
	enum device_state state = (enum device_state)at;
	const struct device_search q = {
		.where = call_opt(c, "where"),
		.filter = { call_opt(c, "prefix"), wanted ? &state : NULL, call_has(c, "all") },
		.sort = page->sort,
		.after = page->after,
		.limit = page->limit,
	};
	SCOPED(device_found) found = { 0 };
	enum inro_err e = device_search(core, &q, &found);
	for (size_t i = 0; !e && i < found.n; i++) {
		json_t *doc = NULL;
		e = json_of_device(core, &found.items[i], &doc);
		json_array_append_new(list, doc);
	}
	*ret_next = found.next;
	found.next = NULL;
	return e;
}

static enum inro_err device_list_run(const struct call *c, json_t **ret)
{
	return office_search(c, device_page, ret);
}

/* ---- count ---- */

static enum inro_err count_groups(struct core *core, json_t *list)
{
	struct page page = { 0 };
	enum inro_err e;
	do {
		e = json_count_groups(core, &page, "devices", list, &page.after);
	} while (!e && page.after);
	return e;
}

static enum inro_err device_count_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	const char *by = call_opt(c, "by");
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = by && !strcmp(by, "group") ? count_groups(core, list)
					       : json_count_states(core, "devices", list);
	return json_give_or_drop(e, list, ret);
}

struct certificates {
	struct core *core;
	const char *device;
	json_t *list;
};

static enum inro_err add_page(void *arg, const char *after, char **ret_next)
{
	const struct certificates *of = arg;
	const struct cred_search s = { .filter.device = of->device, .after = after };
	SCOPED(cred_found) l = { 0 };
	enum inro_err e = cred_search(of->core, &s, &l);
	for (size_t i = 0; !e && i < l.n; i++) {
		const struct credential *r = &l.items[i].rec;
		json_array_append_new(of->list, json_pack("{s:I s:s s:o s:o s:o s:o}", "id",
						      (json_int_t)r->id, "state",
						      cred_state_names[l.items[i].state], "serial",
						      json_of_hex(blob_bytes(&r->serial)),
						      "profile", json_of_text(r->profile), "issued",
						      json_of_time(r->created_ms / 1000),
						      "not_after", json_of_time(r->not_after)));
	}
	*ret_next = l.next;
	l.next = NULL;
	return e;
}

static enum inro_err add_certificates(struct core *core, const char *id, json_t *doc)
{
	struct certificates of = { core, id, json_array() };
	enum inro_err e = pages_each(add_page, &of);
	json_object_set_new(doc, "certificates", of.list);
	return e;
}

static enum inro_err device_show_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(device) d = { 0 };
	json_t *doc = NULL;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = device_get(core, call_arg(c, 0), &d);
	if (!e)
		e = json_of_one_device(core, &d, &doc);
	if (!e)
		e = add_certificates(core, call_arg(c, 0), doc);
	return json_give_or_drop(e, doc, ret);
}

static enum inro_err device_history_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(event_list) l = { 0 };
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = audit_of_device(core, call_arg(c, 0), NULL, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, json_of_event(&l.items[i], !c->json));
	return json_give_or_drop(e, list, ret);
}

/* ---- moves ---- */

static enum inro_err switch_device(const struct call *c, enum verb verb, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(device) d = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = device_switch(core, call_arg(c, 0), verb, call_opt(c, "why"), &d);
	return e ? e : json_of_device(core, &d, ret);
}

static enum inro_err device_enable_run(const struct call *c, json_t **ret)
{
	return switch_device(c, VERB_ENABLE, ret);
}

static enum inro_err device_disable_run(const struct call *c, json_t **ret)
{
	return switch_device(c, VERB_DISABLE, ret);
}

static enum inro_err device_delete_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	size_t revoked = 0;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = device_delete(core, call_arg(c, 0), call_opt(c, "why"), &revoked);
	return e ? e
		 : json_give(json_pack("{s:s s:s s:I}", "id", call_arg(c, 0), "state",
				       device_state_names[DEVICE_DELETED], "revoked",
				       (json_int_t)revoked),
			     ret);
}

/* ---- provision ---- */

static json_t *steps_json(const struct provision_result *r)
{
	json_t *list = json_array();
	for (size_t i = 0; i < r->n; i++)
		json_array_append_new(list, json_pack("{s:s s:o}", "step",
						      provision_stage_names[r->steps[i].stage],
						      "result", json_of_text(r->steps[i].text)));
	return list;
}

static enum inro_err device_provision_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(provision_result) result = { 0 };
	const char *sans[CALL_MAX_OPTS];
	struct provision_request r = {
		.device = call_arg(c, 0),
		.token = call_opt(c, "token"),
		.ca = call_opt(c, "ca"),
		.profile = call_opt(c, "profile"),
		.key_type = call_opt(c, "type"),
		.label = call_opt(c, "label"),
		.subject = call_opt(c, "subject"),
		.sans = sans,
		.sans_n = call_opts(c, "san", sans),
		.days = (unsigned)call_number(c, "days", 0),
	};
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = device_provision(core, &r, &result);
	if (e)
		return e;
	json_t *doc = json_of_cred(&result.cert);
	if (doc)
		json_object_set_new(doc, "steps", steps_json(&result));
	return json_give(doc, ret);
}

/* ---- the rows ---- */

#define ARG_DEVICE                                                                                 \
	{                                                                                          \
		.name = "ID", .help = "the device's id"                                            \
	}
#define FIELD(field, text)                                                                         \
	{                                                                                          \
		.name = field, .arg = "TEXT", .kind = OPT_TEXT, .help = text                       \
	}
#define DEVICE_FIELDS                                                                              \
	OPTS(FIELD("name", "its name for people"), FIELD("ip", "its IP address"),                  \
	     FIELD("mac", "its MAC address"), FIELD("hostname", "its host name"),                  \
	     FIELD("os", "its operating system"), FIELD("serial", "its serial number"),            \
	     { .name = "group",                                                                    \
	       .arg = "GROUP",                                                                     \
	       .kind = OPT_TEXT,                                                                   \
	       .help = "its group, as in plant/line1; empty: none" },                              \
	     { .name = "attr",                                                                     \
	       .arg = "NAME=VALUE",                                                                \
	       .kind = OPT_TEXT,                                                                   \
	       .repeatable = true,                                                                 \
	       .help = "additional field; without a value it is removed" },                        \
	     { .name = "anchor",                                                                   \
	       .arg = "WHAT",                                                                      \
	       .kind = OPT_TEXT,                                                                   \
	       .help = "trust anchor: serial:MAKER:SERIAL, key:SHA256 or ek:SHA256; empty: "       \
		       "none" },                                                                   \
	     { .name = "anchor-key",                                                               \
	       .arg = "FILE",                                                                      \
	       .kind = OPT_FILE,                                                                   \
	       .help = "trust anchor: its public key or certificate" },                            \
	     { .name = "anchor-ek",                                                                \
	       .arg = "FILE",                                                                      \
	       .kind = OPT_FILE,                                                                   \
	       .help = "trust anchor: its TPM's endorsement key or certificate" },                 \
	     { .name = "anchor-store",                                                             \
	       .arg = "KIND",                                                                      \
	       .kind = OPT_CHOICE,                                                                 \
	       .choices = WORDS("unknown", "software", "hardware"),                                \
	       .help = "where the device keeps it" })
#define DEVICE_COLUMNS                                                                             \
	COLUMNS({ "id", "Id" }, { "name", "Name" }, { "state", "State" }, { "ip", "IP" },          \
		{ "mac", "MAC" }, { "hostname", "Host name" }, { "os", "OS" },                     \
		{ "group", "Group" }, { "serial", "Serial number" }, { "attrs", "Attributes" },    \
		{ "anchor", "Trust anchor" }, { "anchor_before", "Was that of" },                  \
		{ "anchor_store", "Kept in" },                                                     \
		{ "created", "Registered" }, { "updated", "Changed" }, { "deleted", "Deleted" },   \
		{ "certificates", "Certificates" })
#define DEVICE_MOVE(word, text, handler)                                                           \
	{                                                                                          \
		.name = word, .summary = text, .args = ARGS(ARG_DEVICE), .opts = OPTS(OPT_WHY),    \
		.run = handler, .least = LEAST_OPERATOR,                                                     \
		.shape = SHOW_SAID, .said = "device '{id}' is {state}"                               \
	}

static const struct cmd_opt no_psk_opts[] = {
	{ .name = "no-psk", .kind = OPT_FLAG, .help = "without a pre-shared key" },
	{ 0 },
};

const struct cmd_verb device_verbs[] = {
	{ .name = "add",
	  .summary = "Registers a device and gives it a pre-shared key",
	  .args = ARGS({ .name = "ID",
			 .optional = true,
			 .help = "1 to 64 of letters, digits and . _ : -; one is made when not said" }),
	  .opts = DEVICE_FIELDS,
	  .shared = { pin_user_opts, no_psk_opts },
	  .check = check_device_add,
	  .run = device_add_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "device '{id}' is {state}{told}" },
	{ .name = "list",
	  .summary = "Lists devices",
	  .opts = OPTS({ .name = "prefix",
			 .arg = "TEXT",
			 .kind = OPT_TEXT,
			 .help = "only ids that begin so" },
		       { .name = "state",
			 .arg = "STATE",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("registered", "active", "disabled", "deleted"),
			 .help = "only in this state" },
		       { .name = "all", .kind = OPT_FLAG, .help = "also deleted ones" },
		       OPT_SEARCH("group=line1 state=active name^=pump", "id", "name", "host", "ip",
				  "mac")),
	  .run = device_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "id", "ID" }, { "name", "NAME" }, { "state", "STATE" },
			     { "group", "GROUP" }, { "ip", "IP" }, { "mac", "MAC" },
			     { "hostname", "HOST" }, { "os", "OS" }),
	  .empty = "no device is found; 'inro device add ID' registers one" },
	{ .name = "show",
	  .summary = "Shows a device and its certificates",
	  .args = ARGS(ARG_DEVICE),
	  .run = device_show_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = DEVICE_COLUMNS },
	{ .name = "count",
	  .summary = "Counts devices",
	  .opts = OPTS({ .name = "by",
			 .arg = "WHAT",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("state", "group"),
			 .help = "by state (default) or by group" }),
	  .run = device_count_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "what", "WHAT" }, { "devices", "DEVICES" }),
	  .empty = "there is no group" },
	{ .name = "import",
	  .summary = "Registers the devices of a CSV file, or of JSON lines",
	  .args = ARGS(
		  { .name = "FILE",
		    .help = "its first row names the columns: id, name, ip ...; - is standard input" }),
	  .opts = OPTS({ .name = "update",
			 .kind = OPT_FLAG,
			 .help = "update devices that exist with other values" },
		       { .name = "errors",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .makes = true,
			 .help = "file for bad rows; default: FILE.errors" },
		       { .name = "format",
			 .arg = "FORMAT",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("csv", "jsonl"),
			 .help = "csv, or jsonl: one JSON object per line; default: jsonl of NAME.jsonl, else csv" },
		       OPT_ENCODING("")),
	  .check = device_import_check,
	  .run = device_import_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "{rows} {rows:row|rows}: {added} {added:device is|devices are} added, {updated} changed, "
		  "{same} were there{told}" },
	{ .name = "export",
	  .summary = "Exports devices to a file",
	  .args = ARGS({ .name = "FILE", .optional = true, .help = "where to; a file that is there is replaced" }),
	  .opts = OPTS(OPT_OUT_SAME,
		       { .name = "format",
			 .arg = "FORMAT",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("csv", "jsonl"),
			 .help = "csv (default), or jsonl: one JSON object per line" },
		       { .name = "where",
			 .arg = "CONDITIONS",
			 .kind = OPT_TEXT,
			 .help = "only those, as 'inro device list' takes it" },
		       { .name = "all", .kind = OPT_FLAG, .help = "also deleted ones" }),
	  .check = out_file_check,
	  .run = device_export_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_SAID,
	  .said = "{devices} {devices:device is|devices are} in {file}" },
	{ .name = "history",
	  .summary = "Shows the history of a device, its certificates and its keys",
	  .args = ARGS(ARG_DEVICE),
	  .run = device_history_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "at", "AT" }, { "actor", "ACTOR" }, { "action", "ACTION" },
			     { "subject", "SUBJECT" }, { "outcome", "OUTCOME" },
			     { "detail", "DETAIL" }),
	  .empty = "nothing is known of such a device" },
	{ .name = "update",
	  .summary = "Changes the recorded fields of a device",
	  .args = ARGS(ARG_DEVICE),
	  .opts = DEVICE_FIELDS,
	  .check = check_update,
	  .run = device_update_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "device '{id}' is changed{told}" },
	DEVICE_MOVE("enable", "Enables a disabled device again", device_enable_run),
	DEVICE_MOVE("disable", "Disables a device: it gets no more certificates", device_disable_run),
	{ .name = "delete",
	  .summary = "Deletes a device and revokes its certificates",
	  .args = ARGS(ARG_DEVICE),
	  .opts = OPTS(OPT_WHY),
	  .run = device_delete_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "device '{id}' is deleted, {revoked} {revoked:certificate is|certificates are} revoked" },
	{ .name = "provision",
	  .summary = "Generates a key in a token and issues its certificate, in one step",
	  .args = ARGS(ARG_DEVICE),
	  .opts = OPTS({ .name = "token",
			 .arg = "LABEL",
			 .kind = OPT_TEXT,
			 .required = true,
			 .help = "the device's token" },
		       OPT_CA, OPT_PROFILE, OPT_KEY_TYPE,
		       { .name = "label",
			 .arg = "LABEL",
			 .kind = OPT_TEXT,
			 .help = "the key's label; default: the device's id" },
		       { .name = "subject",
			 .arg = "DN",
			 .kind = OPT_TEXT,
			 .help = "its subject; default: CN=ID" },
		       { .name = "san",
			 .arg = "NAME",
			 .kind = OPT_TEXT,
			 .repeatable = true,
			 .help = "additional name: DNS:host, IP:address, URI:uri or email:a@b; a host or address "
				 "takes the place of the record's" },
		       OPT_VALID),
	  .shared = { out_opts, pin_user_opts },
	  .run = device_provision_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_STEPS,
	  .columns = COLUMNS({ "step", "STEP" }, { "result", "RESULT" }),
	  .said = "device '{device}' has certificate {serial}, until {not_after}" },
	{ 0 },
};
