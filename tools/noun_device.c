/* noun_device - the registry of devices, and the main job: provision. */
#include "backoffice/core/device.h"

#include "backoffice/core/provision.h"
#include "backoffice/pki/profile.h"
#include "tools/nouns.h"
#include "tools/office.h"

static json_t *device_json(const struct device *d)
{
	return json_pack("{s:o s:o s:s s:o s:o s:o s:o s:o s:o}", "id", json_of_text(d->device_id),
			 "name", json_of_text(d->name), "state", device_state_names[d->state], "ip",
			 json_of_text(d->ip), "mac", json_of_text(d->mac), "hostname",
			 json_of_text(d->hostname), "os", json_of_text(d->os), "created",
			 json_of_time(d->created_ms / 1000), "updated",
			 json_of_time(d->updated_ms / 1000));
}

static struct device_fields fields_of(const struct call *c)
{
	return (struct device_fields) {
		.name = call_opt(c, "name"),
		.ip = call_opt(c, "ip"),
		.mac = call_opt(c, "mac"),
		.hostname = call_opt(c, "hostname"),
		.os = call_opt(c, "os"),
	};
}

typedef enum inro_err device_write(struct core *core, const char *id, const struct device_fields *f,
				   struct device *ret);

static enum inro_err write_device(const struct call *c, device_write *write, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(device) d = { 0 };
	struct device_fields f = fields_of(c);
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = write(core, call_arg(c, 0), &f, &d);
	return e ? e : json_give(device_json(&d), ret);
}

static enum inro_err device_add_run(const struct call *c, json_t **ret)
{
	return write_device(c, device_add, ret);
}

static enum inro_err check_update(const struct call *c)
{
	if (c->n_opts)
		return INRO_OK;
	return err_set(INRO_E_ARG, "nothing to change; see 'inro device update --help'");
}

static enum inro_err device_update_run(const struct call *c, json_t **ret)
{
	return write_device(c, device_update, ret);
}

/* ---- list, show ---- */

static enum inro_err device_page(struct core *core, const struct call *c, const struct page *page,
				 json_t *list, int64_t *ret_next)
{
	const char *wanted = call_opt(c, "state");
	int at = wanted ? name_index(device_state_names, DEVICE_STATE__MAX, wanted) : 0;
	enum device_state state = (enum device_state)at;
	struct device_filter f = {
		.id_prefix = call_opt(c, "prefix"),
		.state = wanted ? &state : NULL,
		.with_deleted = call_has(c, "all"),
	};
	SCOPED(device_list) l = { 0 };
	enum inro_err e = device_find(core, &f, page, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, device_json(&l.items[i]));
	*ret_next = l.next;
	return e;
}

static enum inro_err device_list_run(const struct call *c, json_t **ret)
{
	return office_list(c, device_page, ret);
}

static enum inro_err add_certificates(struct core *core, const char *id, json_t *doc)
{
	SCOPED(cred_list) l = { 0 };
	struct cred_filter f = { .device = id };
	json_t *list = json_array();
	enum inro_err e = cred_find(core, &f, &(struct page) { 0 }, &l);
	for (size_t i = 0; !e && i < l.n; i++) {
		const struct credential *r = &l.items[i].rec;
		json_array_append_new(list, json_pack("{s:I s:s s:o s:o}", "id", (json_int_t)r->id,
						      "state", cred_state_names[l.items[i].state],
						      "serial", json_of_hex(blob_bytes(&r->serial)),
						      "not_after", json_of_time(r->not_after)));
	}
	json_object_set_new(doc, "certificates", list);
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
		e = json_give(device_json(&d), &doc);
	if (!e)
		e = add_certificates(core, call_arg(c, 0), doc);
	return json_give_or_drop(e, doc, ret);
}

/* ---- moves ---- */

static enum inro_err switch_device(const struct call *c, enum verb verb, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(device) d = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = device_switch(core, call_arg(c, 0), verb, call_opt(c, "why"), &d);
	return e ? e : json_give(device_json(&d), ret);
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
	OPTS(FIELD("name", "what people call it"), FIELD("ip", "its IP address"),                  \
	     FIELD("mac", "its MAC address"), FIELD("hostname", "its host name"),                  \
	     FIELD("os", "its operating system"))
#define DEVICE_COLUMNS                                                                             \
	COLUMNS({ "id", "Id" }, { "name", "Name" }, { "state", "State" }, { "ip", "IP" },          \
		{ "mac", "MAC" }, { "hostname", "Host name" }, { "os", "OS" },                     \
		{ "created", "Registered" }, { "updated", "Changed" },                             \
		{ "certificates", "Certificates" })
#define DEVICE_MOVE(word, text, handler)                                                           \
	{                                                                                          \
		.name = word, .summary = text, .args = ARGS(ARG_DEVICE), .opts = OPTS(OPT_WHY),    \
		.run = handler, .shape = SHOW_SAID, .said = "device '{id}' is {state}"             \
	}

const struct cmd_verb device_verbs[] = {
	{ .name = "add",
	  .summary = "Registers a device",
	  .args = ARGS({ .name = "ID", .help = "1 to 64 of letters, digits and . _ : -" }),
	  .opts = DEVICE_FIELDS,
	  .run = device_add_run,
	  .shape = SHOW_SAID,
	  .said = "device '{id}' is {state}" },
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
		       { .name = "all", .kind = OPT_FLAG, .help = "deleted ones too" }),
	  .run = device_list_run,
	  .shape = SHOW_TABLE,
	  .columns =
		  COLUMNS({ "id", "ID" }, { "name", "NAME" }, { "state", "STATE" }, { "ip", "IP" },
			  { "mac", "MAC" }, { "hostname", "HOST" }, { "os", "OS" }),
	  .empty = "there is no such device; 'inro device add ID' registers one" },
	{ .name = "show",
	  .summary = "Shows a device and its certificates",
	  .args = ARGS(ARG_DEVICE),
	  .run = device_show_run,
	  .shape = SHOW_RECORD,
	  .columns = DEVICE_COLUMNS },
	{ .name = "update",
	  .summary = "Changes what is known of a device",
	  .args = ARGS(ARG_DEVICE),
	  .opts = DEVICE_FIELDS,
	  .check = check_update,
	  .run = device_update_run,
	  .shape = SHOW_SAID,
	  .said = "device '{id}' is changed" },
	DEVICE_MOVE("enable", "Lets a disabled device have certificates again", device_enable_run),
	DEVICE_MOVE("disable", "Lets a device have no more certificates", device_disable_run),
	{ .name = "delete",
	  .summary = "Deletes a device and revokes its certificates",
	  .args = ARGS(ARG_DEVICE),
	  .opts = OPTS(OPT_WHY),
	  .run = device_delete_run,
	  .shape = SHOW_SAID,
	  .said = "device '{id}' is deleted, {revoked} certificates are revoked" },
	{ .name = "provision",
	  .summary = "Key in the token, request, certificate, record: all in one step",
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
			 .help = "the key's label; the device's id when not said" },
		       { .name = "subject",
			 .arg = "DN",
			 .kind = OPT_TEXT,
			 .help = "CN=ID when not said" },
		       OPT_SAN, OPT_VALID),
	  .shared = { out_opts, pin_user_opts },
	  .run = device_provision_run,
	  .shape = SHOW_STEPS,
	  .columns = COLUMNS({ "step", "STEP" }, { "result", "RESULT" }),
	  .said = "device '{device}' has certificate {serial}, until {not_after}" },
	{ 0 },
};
