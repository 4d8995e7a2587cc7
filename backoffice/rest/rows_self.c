/* rows_self - what a device asks for itself: who it is, its certificates, keys and pre-shared key. */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/device.h"
#include "backoffice/core/errand.h"
#include "backoffice/core/group.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/symkey.h"
#include "backoffice/rest/creds.h"
#include "backoffice/rest/lists.h"
#include "backoffice/rest/secrets.h"
#include "backoffice/show/doc.h"

/* The id in "device:ID". */
static const char *own_id(const struct rest *r)
{
	return strchr(r->who.actor, ':') + 1;
}

/* INRO_E_NOT_FOUND for what is another's: it is not told that it is there. */
static enum inro_err is_own(struct rest *r, int64_t device)
{
	if (device == r->who.device)
		return INRO_OK;
	return rest_refused(r, err_set(INRO_E_NOT_FOUND, "this device has no '%s'", r->args[0]));
}

static enum inro_err add_policy(struct rest *r, const struct device *d, json_t *doc)
{
	SCOPED(policy) p = { 0 };
	enum inro_err e = policy_of_device(r->core, d, &p);

	if (e != INRO_OK)
		return e;
	json_object_set_new(doc, "policy",
			    json_pack("{s:I s:I s:I s:o s:o}", "renew_days", (json_int_t)p.renew_days,
				      "key_days", (json_int_t)p.key_days, "overlap_days",
				      (json_int_t)p.overlap_days, "profile", json_of_text(p.profile),
				      "ca", json_of_text(p.ca)));
	return INRO_OK;
}

/* "wanted": since when it is to be renewed, whatever is left of it. */
static json_t *own_cert_doc(const struct cred *c)
{
	json_t *doc = json_of_listed_cred(c);

	json_object_set_new(doc, "wanted", json_of_time(c->rec.wanted_at));
	return doc;
}

/* A page may be short, and those that are in use on the next one. */
static enum inro_err add_certs(struct rest *r, json_t *doc)
{
	static const enum cred_state active = CRED_ACTIVE;
	struct cred_search s = { .filter = { .device = own_id(r), .state = &active } };
	AUTO(free_chars) char *at = NULL;
	json_t *items = json_array();
	enum inro_err e;

	do {
		SCOPED(cred_found) l = { 0 };

		s.after = at;
		e = cred_search(r->core, &s, &l);
		for (size_t i = 0; e == INRO_OK && i < l.n; i++)
			json_array_append_new(items, own_cert_doc(&l.items[i]));
		free(at);
		at = l.next;
		l.next = NULL;
	} while (e == INRO_OK && at);
	json_object_set_new(doc, "certificates", items);
	return e;
}

static enum inro_err add_keys_in(struct rest *r, enum cred_state state, json_t *items)
{
	struct symkey_search s = { .filter = { .device = own_id(r), .state = &state } };
	AUTO(free_chars) char *at = NULL;
	enum inro_err e;

	do {
		SCOPED(symkey_found) l = { 0 };

		s.after = at;
		e = symkey_search(r->core, &s, &l);
		for (size_t i = 0; e == INRO_OK && i < l.n; i++)
			json_array_append_new(items, json_of_symkey(&l.items[i]));
		free(at);
		at = l.next;
		l.next = NULL;
	} while (e == INRO_OK && at);
	return e;
}

/* A key that is held is told, too: it is no reason to ask for another one. */
static enum inro_err add_keys(struct rest *r, json_t *doc)
{
	json_t *items = json_array();
	enum inro_err e = add_keys_in(r, CRED_ACTIVE, items);

	if (e == INRO_OK)
		e = add_keys_in(r, CRED_SUSPENDED, items);
	json_object_set_new(doc, "secrets", items);
	return e;
}

static enum inro_err add_errands(struct rest *r, json_t *doc)
{
	SCOPED(errand_list) l = { 0 };
	json_t *items = json_array();
	enum inro_err e = errand_own(r->core, &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++) {
		json_t *one = NULL;

		e = json_of_errand(r->core, &l.items[i], &one);
		json_array_append_new(items, one);
	}
	json_object_set_new(doc, "errands", items);
	return e;
}

static enum inro_err end_errand(struct rest *r, json_t **ret)
{
	SCOPED(errand) one = { 0 };
	int64_t id = 0;
	enum inro_err e = rest_id(r, 0, &id);

	if (e == INRO_OK)
		e = errand_end(r->core, id, rest_true(r, "done"), rest_text(r, "answer"), &one);
	return e == INRO_OK ? json_of_errand(r->core, &one, ret) : e;
}

static enum inro_err show_self(struct rest *r, json_t **ret)
{
	SCOPED(device) d = { 0 };
	json_t *doc = NULL;
	enum inro_err e = device_get(r->core, own_id(r), &d);

	if (e == INRO_OK)
		e = json_of_device(r->core, &d, &doc);
	if (e == INRO_OK)
		e = add_policy(r, &d, doc);
	if (e == INRO_OK)
		e = add_certs(r, doc);
	if (e == INRO_OK)
		e = add_keys(r, doc);
	if (e == INRO_OK)
		e = add_errands(r, doc);
	return json_give_or_drop(e, doc, ret);
}

static enum inro_err issue_own(struct rest *r, json_t **ret)
{
	return rest_issue_for(r, own_id(r), ret);
}

static enum inro_err own_cert(struct rest *r)
{
	SCOPED(cred) cert = { 0 };
	enum inro_err e = cred_get(r->core, r->args[0], &cert);

	return e == INRO_OK || e == INRO_E_NOT_FOUND ? is_own(r, cert.rec.device) : e;
}

static enum inro_err renew_own(struct rest *r, json_t **ret)
{
	enum inro_err e = own_cert(r);

	return e == INRO_OK ? rest_renew(r, r->args[0], ret) : e;
}

static enum inro_err revoke_own(struct rest *r, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	const struct cred_revocation in = { .reason = rest_text(r, "reason"), .why = rest_text(r, "why") };
	enum inro_err e = own_cert(r);

	if (e == INRO_OK)
		e = cred_revoke(r->core, r->args[0], &in, &cert);
	return e == INRO_OK ? json_give(json_of_cred(&cert), ret) : e;
}

static enum inro_err rotate_own(struct rest *r, json_t **ret)
{
	SCOPED(psk_new) p = { 0 };
	enum inro_err e = psk_rotate(r->core, own_id(r), BYTES_NONE, rest_number(r, "grace", 0), &p);
	json_t *doc = e == INRO_OK ? json_of_psk(&p) : NULL;

	if (doc)
		json_object_set_new(doc, "device", json_of_text(own_id(r)));
	return json_give_or_drop(e, doc, ret);
}

static enum inro_err issue_own_key(struct rest *r, json_t **ret)
{
	return rest_issue_key(r, own_id(r), ret);
}

static enum inro_err own_key(struct rest *r)
{
	SCOPED(symkey) k = { 0 };
	enum inro_err e = symkey_get(r->core, r->args[0], &k);

	return e == INRO_OK || e == INRO_E_NOT_FOUND ? is_own(r, k.rec.device) : e;
}

static enum inro_err renew_own_key(struct rest *r, json_t **ret)
{
	enum inro_err e = own_key(r);

	return e == INRO_OK ? rest_renew_key(r, ret) : e;
}

static enum inro_err get_own_key(struct rest *r, json_t **ret)
{
	enum inro_err e = own_key(r);

	return e == INRO_OK ? rest_get_key(r, ret) : e;
}

/* ---- the rows ---- */

static const struct rest_shape own_policy = {
	"OwnPolicy", FIELDS(OUT_COUNT("renew_days"), OUT_COUNT("key_days"), OUT_COUNT("overlap_days"),
			    OUT_TEXT("profile"), OUT_TEXT("ca"))
};
static const struct rest_shape self = {
	"Self", FIELDS(OUT_HAS("id"), OUT_TEXT("name"), OUT_HAS("state"), OUT_TEXT("group"), OUT_TEXT("ip"),
		       OUT_TEXT("mac"), OUT_TEXT("hostname"), OUT_TEXT("os"), OUT_TEXT("serial"),
		       OUT_OBJECT("attrs"), OUT_TEXT("anchor"), OUT_HAS("anchor_kind"),
		       OUT_HAS("anchor_store"), OUT_TIME("created"), OUT_TIME("updated"),
		       OUT_TIME("deleted"), OUT_A("policy", own_policy),
		       OUT_LIST("certificates", rest_certificate), OUT_LIST("secrets", rest_symkey),
		       OUT_LIST("errands", rest_errand))
};
static const struct rest_shape own_psk = { "OwnPresharedKey",
					   FIELDS(OUT_TEXT("psk_store"), OUT_TIME("psk_issued"),
						  OUT_TEXT("psk"), OUT_NUMBER("psk_entropy_bits"),
						  OUT_HAS("device")) };

#define SELF "/v1/device/self"

const struct rest_row rest_self_rows[] = {
	{ "GET", SELF, "self show", "Shows a device its record and the policy in force for it",
	  ROLE_OPERATOR, REST_SELF, 0, NULL, &self, show_self },
	{ "POST", SELF "/certificates", "self issue", "Issues a certificate for a device's request",
	  ROLE_OPERATOR, REST_SELF | REST_WAITS, 201,
	  FIELDS(IN_PEM("csr", true, "PEM"), IN_MUST("ca", "who issues it"), IN_MUST("profile", "what kind"),
		 IN_NUMBER("days", 1, 36500, "how long it is valid"),
		 IN_TEXT("request_id", "who asks again by it gets this one again")),
	  &rest_certificate, issue_own },
	{ "POST", SELF "/certificates/{cert}/renew", "self renew",
	  "Issues the successor of a device's certificate", ROLE_OPERATOR, REST_SELF | REST_WAITS, 201,
	  FIELDS(IN_PEM("csr", true, "PEM"), IN_NUMBER("days", 1, 36500, "how long it is valid")),
	  &rest_certificate, renew_own },
	{ "POST", SELF "/certificates/{cert}/revoke", "self revoke", "Revokes a device's own certificate",
	  ROLE_OPERATOR, REST_SELF, 0,
	  FIELDS(IN_WORD("reason", "RFC 5280 5.3.1", "unspecified", "keyCompromise", "superseded",
			 "cessationOfOperation"),
		 IN_WHY),
	  &rest_certificate, revoke_own },
	{ "POST", SELF "/errands/{errand}", "self errand", "Reports the outcome of an errand", ROLE_OPERATOR,
	  REST_SELF, 0,
	  FIELDS({ .name = "done", .kind = REST_BOOL, .required = true, .help = "or else it failed" },
		 { .name = "answer", .kind = REST_TEXT, .max = 4096, .help = "what the device says of it" }),
	  &rest_errand, end_errand },
	{ "POST", SELF "/psk/rotate", "self rotate", "Replaces a device's pre-shared key", ROLE_OPERATOR,
	  REST_SELF | REST_SECRET, 0,
	  FIELDS(IN_NUMBER("grace", 0, 86400, "seconds that the old one stays good")), &own_psk, rotate_own },
	{ "POST", SELF "/secrets", "self secret", "Generates a symmetric key for a device", ROLE_OPERATOR,
	  REST_SELF, 201, FIELDS(REST_KEY_IN), &rest_symkey, issue_own_key },
	{ "POST", SELF "/secrets/{key}/renew", "self renew-secret",
	  "Generates the successor of a device's key",
	  ROLE_OPERATOR, REST_SELF, 201, FIELDS(REST_GRACE), &rest_symkey, renew_own_key },
	{ "POST", SELF "/secrets/{key}/get", "self get-secret", "Gives a device its key", ROLE_OPERATOR,
	  REST_SELF | REST_SECRET, 0, FIELDS(REST_FORM), &rest_told_key, get_own_key },
	{ 0 },
};
