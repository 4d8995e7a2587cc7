/* device_new - see device_new.h. */
#include "backoffice/rest/device_new.h"

#include <stdlib.h>

#include "backoffice/core/newcomer.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/view.h"
#include "backoffice/rest/creds.h"
#include "backoffice/show/doc.h"

/* ---- what is said of a device ---- */

void device_input_clear(struct device_input *in)
{
	free(in->attrs);
}

static enum inro_err read_anchor(const struct rest *r, struct device_input *in)
{
	const char *text = rest_text(r, "anchor");
	int store = rest_word(r, "anchor_store", anchor_store_names, ANCHOR_STORE__MAX);
	enum inro_err e = INRO_OK;

	if (!text)
		return store < 0 ? INRO_OK : err_set(INRO_E_ARG, "'anchor_store' goes with 'anchor'");
	in->fields.anchor = &in->anchor;
	if (*text)
		e = device_anchor_parse(text, in->hash, &in->anchor);
	if (store >= 0)
		in->anchor.store = (enum anchor_store)store;
	return e;
}

/* Who names none gets one. */
static enum inro_err name_device(const struct rest *r)
{
	char id[DEVICE_ID_MADE];
	enum inro_err e;

	if (rest_given(r, "id"))
		return INRO_OK;
	e = device_id_new(id);
	if (e == INRO_OK && json_object_set_new(r->in, "id", json_string(id)) != 0)
		e = err_set(INRO_E_NO_MEMORY, "no memory for a device's id");
	return e;
}

enum inro_err device_input_read(const struct rest *r, struct device_input *in)
{
	const json_t *attrs = json_object_get(r->in, "attrs");

	in->fields = (struct device_fields) {
		.name = rest_text(r, "name"),
		.ip = rest_text(r, "ip"),
		.mac = rest_text(r, "mac"),
		.hostname = rest_text(r, "hostname"),
		.os = rest_text(r, "os"),
		.serial = rest_text(r, "serial"),
		.group = rest_text(r, "group"),
	};
	if (attrs)
		in->fields.attrs = in->attrs = json_dumps(attrs, JSON_COMPACT);
	return read_anchor(r, in);
}

static enum inro_err read_new_device(const struct rest *r, struct device_input *in)
{
	enum inro_err e = name_device(r);

	return e == INRO_OK ? device_input_read(r, in) : e;
}

/* Who may add devices by a pass must be let issue by it, too. */
static enum inro_err add_certified(struct rest *r, const struct device_input *in, struct psk_new *psk,
				   json_t **ret)
{
	SCOPED(newcomer) n = { .fields = &in->fields, .psk = psk };
	SCOPED(cred) cert = { 0 };
	enum inro_err e = core_admit(r->core, ROLE_OPERATOR, "cert issue");

	if (e == INRO_OK)
		e = rest_issue_newcomer(r, &n, &cert);
	if (e == INRO_OK)
		e = json_of_one_device(r->core, &n.made, ret);
	if (e == INRO_OK)
		json_object_set_new(*ret, "certificate", json_of_cred(&cert));
	return e;
}

static enum inro_err add_bare(struct rest *r, const struct device_input *in, struct psk_new *psk,
			      json_t **ret)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = device_add_with(r->core, rest_text(r, "id"), &in->fields, psk, &d);

	return e == INRO_OK ? json_of_one_device(r->core, &d, ret) : e;
}

static enum inro_err check_certified(const struct rest *r)
{
	static const char *const others[] = { "ca", "profile", "sans", "days", "key_uri" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (rest_given(r, others[i]) && !rest_given(r, "csr"))
			return err_set(INRO_E_ARG, "'%s' goes with 'csr'", others[i]);
	if (rest_given(r, "csr") && !(rest_given(r, "ca") && rest_given(r, "profile")))
		return err_set(INRO_E_ARG, "'csr' needs 'ca' and 'profile'");
	return INRO_OK;
}

enum inro_err rest_add_device(struct rest *r, json_t **ret)
{
	SCOPED(device_input) in = { 0 };
	SCOPED(psk_new) psk = { 0 };
	bool keyed = !rest_true(r, "no_psk");
	enum inro_err e = read_new_device(r, &in);

	r->bare = !keyed;
	if (e == INRO_OK)
		e = check_certified(r);
	if (e == INRO_OK)
		e = (rest_given(r, "csr") ? add_certified : add_bare)(r, &in, keyed ? &psk : NULL, ret);
	if (e == INRO_OK && keyed)
		json_object_update_new(*ret, json_of_psk(&psk));
	return e;
}

/* ---- several at once ---- */

struct adding {
	struct device_input in;
	struct psk_new psk;
	const char *sans[REST_TEXTS_MAX];
};

static void addings_free(struct adding *a, struct newcomer_row *rows, size_t n)
{
	for (size_t i = 0; a && i < n; i++) {
		device_input_clear(&a[i].in);
		psk_new_clear(&a[i].psk);
	}
	for (size_t i = 0; rows && i < n; i++)
		newcomer_row_clear(&rows[i]);
	free(a);
	free(rows);
}

static bool is_same(const struct rest *a, const struct rest *b, const char *member)
{
	return json_equal(json_object_get(a->in, member), json_object_get(b->in, member)) ||
	       !(rest_given(a, member) || rest_given(b, member));
}

/* Of one CA by one profile; or none has a certificate. */
static bool joins_device(const struct rest *a, const struct rest *b)
{
	return rest_given(a, "csr") == rest_given(b, "csr") && is_same(a, b, "ca") &&
	       is_same(a, b, "profile") && is_same(a, b, "days");
}

static enum inro_err read_row(struct rest *r, struct adding *a, struct newcomer_row *row)
{
	enum inro_err e = read_new_device(r, &a->in);

	if (e == INRO_OK)
		e = check_certified(r);
	row->request = (struct cred_request) { .device = rest_text(r, "id") };
	if (rest_given(r, "csr"))
		row->request = rest_wish(r, row->request.device, a->sans);
	row->newcomer = (struct newcomer) { .fields = &a->in.fields,
					    .psk = rest_true(r, "no_psk") ? NULL : &a->psk };
	return e;
}

static void joint_ends(struct rest_joint *j, enum inro_err e)
{
	j->done = true;
	j->error = e;
	if (e != INRO_OK)
		j->why = err_keep();
}

/* A refusal of the right to issue is on record with this; all others come when the line is done alone. */
static void begin_row(struct rest_joint *j, struct adding *a, struct newcomer_row *row)
{
	enum inro_err e = rest_given(j->r, "csr") ? core_admit(j->r->core, ROLE_OPERATOR, "cert issue")
						  : INRO_OK;

	if (e != INRO_OK)
		joint_ends(j, e);
	row->skip = read_row(j->r, a, row) != INRO_OK || e != INRO_OK;
}

static enum inro_err describe_row(struct rest *r, struct adding *a, const struct newcomer_row *row,
				  json_t **ret)
{
	enum inro_err e = json_of_one_device(r->core, &row->newcomer.made, ret);

	if (e == INRO_OK && row->request.csr.n && !row->cert.rec.id)
		e = err_set(INRO_E_NO_MEMORY, "no memory for a certificate that is on record");
	if (e == INRO_OK && row->request.csr.n)
		json_object_set_new(*ret, "certificate", json_of_cred(&row->cert));
	if (e == INRO_OK && row->newcomer.psk)
		json_object_update_new(*ret, json_of_psk(&a->psk));
	return e;
}

static void give_rows(struct core *c, struct adding *a, struct newcomer_row *rows,
		      struct rest_joint *joints, size_t n)
{
	SCOPED(core_view) view = { 0 };
	enum inro_err seen = core_view(c, &view);

	for (size_t i = 0; i < n; i++) {
		struct rest_joint *j = &joints[i];

		if (rows[i].done)
			joint_ends(j, seen == INRO_OK ? describe_row(j->r, &a[i], &rows[i], &j->doc) : seen);
		else if (rows[i].unsure)
			joint_ends(j, err_set(INRO_E_IO, "it may be on record: look before you do it again"));
	}
}

static void add_devices(struct core *c, struct rest_joint *joints, size_t n)
{
	struct adding *a = calloc(n, sizeof *a);
	struct newcomer_row *rows = calloc(n, sizeof *rows);

	for (size_t i = 0; a && rows && i < n; i++)
		begin_row(&joints[i], &a[i], &rows[i]);
	if (a && rows) {
		cred_issue_newcomers(c, rows, n);
		give_rows(c, a, rows, joints, n);
	}
	addings_free(a, rows, n);
}

const struct rest_together rest_devices_together = { "device add", joins_device, add_devices };
