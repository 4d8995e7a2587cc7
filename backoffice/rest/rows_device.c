/* rows_device - devices, their pre-shared keys, and groups. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/device.h"
#include "backoffice/core/errand.h"
#include "backoffice/core/group.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/view.h"
#include "backoffice/rest/creds.h"
#include "backoffice/rest/device_new.h"
#include "backoffice/rest/lists.h"
#include "backoffice/show/doc.h"

/* ---- devices ---- */

static enum inro_err list_devices(struct rest *r, json_t **ret)
{
	int at = rest_word(r, "state", device_state_names, DEVICE_STATE__MAX);
	enum device_state state = (enum device_state)at;
	const struct device_search s = {
		.where = rest_text(r, "where"),
		.filter = { rest_text(r, "prefix"), at < 0 ? NULL : &state, rest_true(r, "all") },
		.sort = rest_text(r, "sort"),
		.after = rest_text(r, "after"),
		.limit = (size_t)rest_number(r, "limit", 0),
	};
	SCOPED(device_found) found = { 0 };
	json_t *items = json_array();
	enum inro_err e = device_search(r->core, &s, &found);

	for (size_t i = 0; e == INRO_OK && i < found.n; i++) {
		json_t *doc = NULL;

		e = json_of_device(r->core, &found.items[i], &doc);
		json_array_append_new(items, doc);
	}
	return rest_give_page(e, items, found.next, ret);
}

static enum inro_err show_device(struct rest *r, json_t **ret)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = device_get(r->core, r->args[0], &d);

	return e == INRO_OK ? json_of_one_device(r->core, &d, ret) : e;
}

static enum inro_err update_device(struct rest *r, json_t **ret)
{
	SCOPED(device_input) in = { 0 };
	SCOPED(device) d = { 0 };
	enum inro_err e = device_input_read(r, &in);

	if (e == INRO_OK)
		e = device_update(r->core, r->args[0], &in.fields, &d);
	return e == INRO_OK ? json_of_one_device(r->core, &d, ret) : e;
}

static enum inro_err switch_device(struct rest *r, enum verb verb, json_t **ret)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = device_switch(r->core, r->args[0], verb, rest_text(r, "why"), &d);

	return e == INRO_OK ? json_of_device(r->core, &d, ret) : e;
}

static enum inro_err enable_device(struct rest *r, json_t **ret)
{
	return switch_device(r, VERB_ENABLE, ret);
}

static enum inro_err disable_device(struct rest *r, json_t **ret)
{
	return switch_device(r, VERB_DISABLE, ret);
}

static enum inro_err delete_device(struct rest *r, json_t **ret)
{
	size_t n = 0;
	enum inro_err e = device_delete(r->core, r->args[0], rest_text(r, "why"), &n);

	return e == INRO_OK ? json_give(json_pack("{s:s s:I}", "id", r->args[0], "revoked",
						  (json_int_t)n),
					ret)
			    : e;
}

/* With those of its certificates and keys, as the command has them; in their order, so that an id is a place. */
static enum inro_err device_events(struct rest *r, json_t **ret)
{
	SCOPED(event_list) l = { 0 };
	struct page page;
	json_t *items = json_array();
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = audit_of_device(r->core, r->args[0], &page, &l);
	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, json_of_event(&l.items[i], true));
	return rest_give_numbered(e, items, l.next, ret);
}

static enum inro_err count_in_groups(struct rest *r, json_t **ret)
{
	struct page page;
	int64_t next = 0;
	json_t *items = json_array();
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = json_count_groups(r->core, &page, "n", items, &next);
	return rest_give_numbered(e, items, next, ret);
}

static enum inro_err count_devices(struct rest *r, json_t **ret)
{
	const char *by = rest_text(r, "by");
	json_t *items;
	enum inro_err e;

	if (by && strcmp(by, "group") == 0)
		return count_in_groups(r, ret);
	items = json_array();
	e = json_count_states(r->core, "n", items);
	return rest_give_page(e, items, NULL, ret);
}

/* ---- pre-shared keys ---- */

static enum inro_err give_psk(struct rest *r, const struct psk_new *p, json_t **ret)
{
	json_t *doc = json_of_psk(p);

	if (doc)
		json_object_set_new(doc, "device", json_of_text(r->args[0]));
	return json_give(doc, ret);
}

static enum inro_err issue_psk(struct rest *r, json_t **ret)
{
	SCOPED(psk_new) p = { 0 };
	enum inro_err e = psk_issue(r->core, r->args[0], bytes_of(rest_text(r, "psk")), &p);

	return e == INRO_OK ? give_psk(r, &p, ret) : e;
}

static enum inro_err rotate_psk(struct rest *r, json_t **ret)
{
	SCOPED(psk_new) p = { 0 };
	enum inro_err e = psk_rotate(r->core, r->args[0], bytes_of(rest_text(r, "psk")),
				     rest_number(r, "grace", 0), &p);

	return e == INRO_OK ? give_psk(r, &p, ret) : e;
}

static enum inro_err get_psk(struct rest *r, json_t **ret)
{
	SCOPED(psk_new) p = { 0 };
	enum inro_err e = psk_get(r->core, r->args[0], &p);

	return e == INRO_OK ? give_psk(r, &p, ret) : e;
}

static enum inro_err show_psk(struct rest *r, json_t **ret)
{
	SCOPED(psk_new) p = { 0 };
	json_t *doc = NULL;
	enum inro_err e = psk_show(r->core, r->args[0], &p.rec);

	if (e == INRO_OK)
		e = give_psk(r, &p, &doc);
	if (e == INRO_OK)
		e = json_add_psk_tries(r->core, r->args[0], &p.rec, doc);
	return json_give_or_drop(e, doc, ret);
}

/* A wrong one is an answer, not an error of who asks. */
static enum inro_err verify_psk(struct rest *r, json_t **ret)
{
	enum inro_err e = psk_verify(r->core, r->args[0], bytes_of(rest_text(r, "psk")));

	if (e == INRO_E_PIN_LOCKED)
		return err_set(INRO_E_ACCESS, "%.400s", err_detail(e));
	if (e != INRO_OK && e != INRO_E_PIN_WRONG)
		return e;
	return json_give(json_pack("{s:s s:b}", "id", r->args[0], "verified", e == INRO_OK), ret);
}

static enum inro_err delete_psk(struct rest *r, json_t **ret)
{
	size_t n = 0;
	enum inro_err e = psk_delete(r->core, r->args[0], rest_text(r, "why"), &n);

	return e == INRO_OK ? json_give(json_pack("{s:s s:I}", "id", r->args[0], "destroyed",
						  (json_int_t)n),
					ret)
			    : e;
}

static enum inro_err release_psk(struct rest *r, json_t **ret)
{
	(void)ret;
	return psk_release(r->core, r->args[0]);
}

/* ---- groups ---- */

static enum inro_err give_group(struct rest *r, const struct device_group *g, bool whole,
				json_t **ret)
{
	AUTO(free_chars) char *text = NULL;
	json_t *doc = json_of_group(g);
	enum inro_err e = json_add_counts(r->core, g, doc);

	if (e == INRO_OK && whole)
		e = policy_text(r->core, g->id, &text);
	if (e == INRO_OK && whole)
		json_object_set_new(doc, "holds", json_of_object(text));
	return json_give_or_drop(e, doc, ret);
}

static enum inro_err list_groups(struct rest *r, json_t **ret)
{
	SCOPED(group_list) l = { 0 };
	struct page page;
	json_t *items = json_array();
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = group_find(r->core, rest_text(r, "under"), &page, &l);
	for (size_t i = 0; e == INRO_OK && i < l.n; i++) {
		json_t *doc = NULL;

		e = give_group(r, &l.items[i], false, &doc);
		json_array_append_new(items, doc);
	}
	return rest_give_numbered(e, items, l.next, ret);
}

static char *policy_given(const struct rest *r)
{
	const json_t *policy = json_object_get(r->in, "policy");

	return policy ? json_dumps(policy, JSON_COMPACT) : NULL;
}

static enum inro_err add_group(struct rest *r, json_t **ret)
{
	AUTO(free_chars) char *policy = policy_given(r);
	SCOPED(device_group) g = { 0 };
	enum inro_err e = group_add(r->core, rest_text(r, "path"), policy, &g);

	return e == INRO_OK ? give_group(r, &g, true, ret) : e;
}

static enum inro_err show_group(struct rest *r, json_t **ret)
{
	SCOPED(device_group) g = { 0 };
	enum inro_err e = group_get(r->core, r->args[0], &g);

	return e == INRO_OK ? give_group(r, &g, true, ret) : e;
}

static enum inro_err update_group(struct rest *r, json_t **ret)
{
	AUTO(free_chars) char *policy = policy_given(r);
	const struct group_change change = { .policy = policy, .path = rest_text(r, "path") };
	SCOPED(device_group) g = { 0 };
	enum inro_err e = group_update(r->core, r->args[0], &change, &g);

	return e == INRO_OK ? give_group(r, &g, true, ret) : e;
}

static enum inro_err delete_group(struct rest *r, json_t **ret)
{
	SCOPED(device_group) g = { 0 };

	(void)ret;
	return group_delete(r->core, r->args[0], &g);
}

/* ---- the rows ---- */

#define DEVICE_IN                                                                                  \
	{ .name = "name", .kind = REST_TEXT, .max = 255, .help = "what people call it" },          \
		{ .name = "ip", .kind = REST_TEXT, .max = 64 },                                    \
		{ .name = "mac", .kind = REST_TEXT, .max = 64 },                                   \
		{ .name = "hostname", .kind = REST_TEXT, .max = 255 },                             \
		{ .name = "os", .kind = REST_TEXT, .max = 255 },                                   \
		{ .name = "serial", .kind = REST_TEXT, .max = 255 },                               \
		{ .name = "group", .kind = REST_TEXT, .max = 255, .help = "the path of its group" }, \
		{ .name = "attrs", .kind = REST_OBJECT,                                            \
		  .help = "further fields: texts, numbers, true and false" },                      \
		IN_TEXT("anchor", "what only this device has: serial:MAKER:SERIAL, key:HEX, ek:HEX"), \
		IN_WORD("anchor_store", "where it keeps that", "unknown", "software", "hardware")
#define DEVICE_OUT                                                                                 \
	OUT_HAS("id"), OUT_TEXT("name"), OUT_HAS("state"), OUT_TEXT("group"), OUT_TEXT("ip"),      \
		OUT_TEXT("mac"), OUT_TEXT("hostname"), OUT_TEXT("os"), OUT_TEXT("serial"),         \
		OUT_OBJECT("attrs"), OUT_TEXT("anchor"), OUT_TEXT("anchor_before"), OUT_HAS("anchor_kind"),                   \
		OUT_HAS("anchor_store"), OUT_TIME("created"), OUT_TIME("updated"), OUT_TIME("deleted")
#define PSK_OUT                                                                                    \
	OUT_TEXT("psk_store"), OUT_TIME("psk_issued"), OUT_TEXT("psk"), OUT_NUMBER("psk_entropy_bits")

static const struct rest_shape device = { "Device", FIELDS(DEVICE_OUT) };
static const struct rest_shape new_device = { "NewDevice",
					    FIELDS(DEVICE_OUT, PSK_OUT, OUT_A("certificate", rest_certificate)) };
static const struct rest_shape gone = { "DeletedDevice", FIELDS(OUT_HAS("id"), OUT_COUNT("revoked")) };
static const struct rest_shape counted = { "Count", FIELDS(OUT_HAS("what"), OUT_COUNT("n")) };
static const struct rest_shape psk = { "PresharedKey", FIELDS(PSK_OUT, OUT_HAS("device")) };
static const struct rest_shape psk_state = { "PresharedKeyState",
					     FIELDS(PSK_OUT, OUT_HAS("device"), OUT_COUNT("wrong_tries"),
						    OUT_TIME("locked_until")) };
static const struct rest_shape psk_gone = { "DestroyedPresharedKeys",
					    FIELDS(OUT_HAS("id"), OUT_COUNT("destroyed")) };
static const struct rest_shape group = {
	"Group", FIELDS(OUT_HAS("path"), OUT_OBJECT("policy"), OUT_OBJECT("holds"), OUT_TIME("created"),
			OUT_TIME("updated"), OUT_NUMBER("registered"), OUT_NUMBER("active"),
			OUT_NUMBER("disabled"), OUT_NUMBER("devices"))
};

#define PSK_IN { .name = "psk", .kind = REST_TEXT, .max = 128, .help = "a given one; one is made when not said" }
#define GROUP_POLICY { .name = "policy", .kind = REST_OBJECT, .help = "what it says; what it does not say its parent says" }

/* ---- errands ---- */

static enum inro_err give_errands(struct rest *r, struct errand_list *l, json_t **ret)
{
	json_t *items = json_array();
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < l->n; i++) {
		json_t *doc = NULL;

		e = json_of_errand(r->core, &l->items[i], &doc);
		json_array_append_new(items, doc);
	}
	return rest_give_numbered(e, items, l->next, ret);
}

static enum inro_err list_errands(struct rest *r, json_t **ret)
{
	SCOPED(errand_list) l = { 0 };
	struct page page;
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = errand_find(r->core, rest_text(r, "device"), rest_true(r, "open"), &page, &l);
	return e == INRO_OK ? give_errands(r, &l, ret) : e;
}

static enum inro_err send_errand(struct rest *r, json_t **ret)
{
	const char *one_id = rest_text(r, "device"), *where = rest_text(r, "where");
	enum errand_verb verb =
		(enum errand_verb)rest_word(r, "verb", errand_verb_names, ERRAND_VERB__MAX);
	SCOPED(errand) one = { 0 };
	size_t n = 1;
	enum inro_err e;

	if (!one_id == !where)
		return err_set(INRO_E_ARG, "an errand is for 'device' or for those of 'where'");
	e = one_id ? errand_add(r->core, one_id, verb, rest_text(r, "name"), &one) :
		     errand_add_where(r->core, where, verb, rest_text(r, "name"), &n);
	return e == INRO_OK ? json_give(json_pack("{s:s s:I}", "verb", errand_verb_names[verb],
						  "devices", (json_int_t)n),
					ret) :
			      e;
}

static enum inro_err cancel_errand(struct rest *r, json_t **ret)
{
	SCOPED(errand) one = { 0 };
	int64_t id = 0;
	enum inro_err e = rest_id(r, 0, &id);

	if (e == INRO_OK)
		e = errand_cancel(r->core, id, &one);
	return e == INRO_OK ? json_of_errand(r->core, &one, ret) : e;
}

const struct rest_shape rest_errand = {
	"Errand", FIELDS(OUT_COUNT("id"), OUT_TEXT("device"), OUT_HAS("verb"), OUT_TEXT("name"), OUT_HAS("state"),
			 OUT_TEXT("actor"), OUT_TEXT("answer"), OUT_TIME("created"), OUT_TIME("ended"))
};
static const struct rest_shape sent = { "ErrandsSent", FIELDS(OUT_HAS("verb"), OUT_COUNT("devices")) };

const struct rest_row rest_device_rows[] = {
	{ "GET", "/v1/devices", "device list", "Lists devices", ROLE_AUDITOR, REST_LIST, 0,
	  FIELDS(IN_TEXT("where", "only those, as 'group=line1 state=active'"),
		 IN_TEXT("prefix", "ids that begin so"),
		 IN_WORD("state", "only those in this state", "registered", "active", "disabled", "deleted"),
		 IN_BOOL("all", "deleted ones too"),
		 IN_WORD("sort", "in this order", "id", "name", "host", "ip", "mac"), IN_PAGE),
	  &device, list_devices },
	{ "POST", "/v1/devices", "device add",
	  "Registers a device, and gives it a pre-shared key; with a request (PKCS#10) a certificate, too, "
	  "or neither",
	  ROLE_OPERATOR, REST_SECRET, 201,
	  FIELDS({ .name = "id", .kind = REST_TEXT, .min = 1, .max = 64, .help = "one is made when not said" }, DEVICE_IN,
		 IN_BOOL("no_psk", "it gets no pre-shared key"),
		 { .name = "csr", .kind = REST_TEXT, .min = 1, .max = REST_PEM_MAX,
		   .help = "PEM; what follows goes with it, and takes the right to issue" },
		 IN_TEXT("ca", "who issues its certificate"), IN_TEXT("profile", "what kind"),
		 { .name = "sans", .kind = REST_TEXTS, .help = "further names that it may ask for: DNS:host" },
		 IN_KEY("key_uri", false, "where the key is, if known"),
		 IN_NUMBER("days", 1, 36500, "how long it is valid; the profile's period is the longest")),
	  &new_device, rest_add_device },
	{ "GET", "/v1/devices/{id}", "device show", "Shows a device", ROLE_AUDITOR, 0, 0, NULL, &device,
	  show_device },
	{ "PATCH", "/v1/devices/{id}", "device update",
	  "Changes the fields that are given; null removes a field",
	  ROLE_OPERATOR, 0, 0, FIELDS(DEVICE_IN), &device, update_device },
	{ "DELETE", "/v1/devices/{id}", "device delete",
	  "Deletes a device and revokes the certificates that are bound to it", ROLE_OPERATOR, 0, 0,
	  FIELDS(IN_WHY), &gone, delete_device },
	{ "POST", "/v1/devices/{id}/enable", "device enable", "Enables it again", ROLE_OPERATOR, 0, 0,
	  FIELDS(IN_WHY), &device, enable_device },
	{ "POST", "/v1/devices/{id}/disable", "device disable",
	  "Disables a device: it gets nothing and is not let in; its certificates stay valid", ROLE_OPERATOR, 0, 0,
	  FIELDS(IN_WHY), &device, disable_device },
	{ "GET", "/v1/devices/{id}/events", "device history",
	  "Lists the events about a device, its certificates and its keys",
	  ROLE_AUDITOR, REST_LIST, 0, FIELDS(IN_PAGE), &rest_event, device_events },
	{ "GET", "/v1/counts/devices", "device count", "Counts devices by their state, or by group",
	  ROLE_AUDITOR, REST_LIST, 0, FIELDS(IN_WORD("by", "state when not said", "state", "group"), IN_PAGE),
	  &counted, count_devices },
	{ "POST", "/v1/devices/{id}/psk", "psk issue", "Gives a device a pre-shared key", ROLE_OPERATOR,
	  REST_SECRET, 201, FIELDS(PSK_IN), &psk, issue_psk },
	{ "GET", "/v1/devices/{id}/psk", "psk get", "Shows the pre-shared key", ROLE_OPERATOR, REST_SECRET,
	  0, NULL, &psk, get_psk },
	{ "DELETE", "/v1/devices/{id}/psk", "psk delete", "Destroys the pre-shared keys of a device",
	  ROLE_OPERATOR, 0, 0, FIELDS(IN_WHY), &psk_gone, delete_psk },
	{ "GET", "/v1/devices/{id}/psk/state", "psk show",
	  "Shows the record of the pre-shared key, not the key",
	  ROLE_AUDITOR, 0, 0, NULL, &psk_state, show_psk },
	{ "POST", "/v1/devices/{id}/psk/rotate", "psk rotate", "Replaces a device's pre-shared key",
	  ROLE_OPERATOR, REST_SECRET, 0,
	  FIELDS(PSK_IN, IN_NUMBER("grace", 0, 31536000, "seconds that the old one stays good")), &psk,
	  rotate_psk },
	{ "POST", "/v1/devices/{id}/psk/verify", "psk verify",
	  "Checks whether this is the pre-shared key", ROLE_OPERATOR,
	  0, 0, FIELDS({ .name = "psk", .kind = REST_TEXT, .required = true, .max = 128 }), &rest_verified,
	  verify_psk },
	{ "POST", "/v1/devices/{id}/psk/release", "psk release",
	  "Resets the count of wrong tries, and so unlocks", ROLE_OPERATOR, 0, 0,
	  NULL, NULL, release_psk },
	{ "GET", "/v1/errands", "errand list", "Lists the errands of devices and their answers",
	  ROLE_AUDITOR, REST_LIST, 0,
	  FIELDS(IN_TEXT("device", "only this one's"), IN_BOOL("open", "only what no device has come for yet"),
		 IN_PAGE),
	  &rest_errand, list_errands },
	{ "POST", "/v1/errands", "errand send", "Asks devices to do something when they come", ROLE_OPERATOR,
	  0, 201,
	  FIELDS({ .name = "verb",
		   .kind = REST_WORD,
		   .required = true,
		   .words = CHOICE("renew", "run", "status", "clear"),
		   .help = "what" },
		 IN_TEXT("device", "this device"), IN_TEXT("where", "all these devices, as 'group=line1'"),
		 IN_TEXT("name", "of run: what the device's owner calls the command")),
	  &sent, send_errand },
	{ "POST", "/v1/errands/{id}/cancel", "errand cancel",
	  "Withdraws an errand that no device has fetched yet",
	  ROLE_OPERATOR, 0, 0, NULL, &rest_errand, cancel_errand },
	{ "GET", "/v1/groups", "group list", "Lists groups", ROLE_AUDITOR, REST_LIST, 0,
	  FIELDS(IN_TEXT("under", "this one and those in it"), IN_PAGE), &group, list_groups },
	{ "POST", "/v1/groups", "group add", "Creates a group", ROLE_ADMIN, 0, 201,
	  FIELDS(IN_MUST("path", "names from the top, plant/line1"), GROUP_POLICY), &group, add_group },
	{ "GET", "/v1/groups/{path...}", "group show",
	  "Shows a group and the policy in force there", ROLE_AUDITOR,
	  0, 0, NULL, &group, show_group },
	{ "PATCH", "/v1/groups/{path...}", "group update", "Changes a group's policy, or its place",
	  ROLE_ADMIN, 0, 0, FIELDS(IN_TEXT("path", "its new path"), GROUP_POLICY), &group, update_group },
	{ "DELETE", "/v1/groups/{path...}", "group delete", "Deletes an empty group",
	  ROLE_ADMIN, 0, 0, NULL, NULL, delete_group },
	{ 0 },
};
