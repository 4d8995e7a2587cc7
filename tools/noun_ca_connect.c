/* noun_ca_connect - CAs of others: put on record, asked, and heard. */
#include "backoffice/core/ca.h"

#include <stdio.h>
#include <sys/stat.h>
#include <errno.h>

#include "backoffice/pki/cert.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tools/cert_source.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"

enum inro_err ca_connect_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	SCOPED(buf) cert = { 0 };
	SCOPED(buf) chain = { 0 };
	struct ca_connection in = { .name = call_arg(c, 0), .by = call_opt(c, "by") };
	enum inro_err e = file_read(call_opt(c, "cert"), CERT_MAX, &cert);
	if (!e && call_has(c, "chain"))
		e = file_read(call_opt(c, "chain"), CERT_SOURCE_MAX, &chain);
	if (!e)
		e = office_open(c, &core);
	in.in = (struct ca_activation) { .cert = buf_bytes(&cert),
					 .chain = buf_bytes(&chain),
					 .proposal = call_number(c, "proposal", 0) };
	if (!e)
		e = ca_connect(core, &in, &v);
	return e ? e : json_give(json_of_ca(&v), ret);
}

/* ---- requests ---- */

/* As FOLDER/ID.csr; what is there already is written anew. */
static enum inro_err write_order(const char *folder, const struct ca_order_view *v, json_t *doc)
{
	char name[32];
	json_t *pem = json_object_get(doc, "pem");
	snprintf(name, sizeof name, "%lld.csr", (long long)v->rec.credential);
	AUTO(free_chars) char *path = file_join(folder, name);
	if (!path || !pem)
		return err_set(INRO_E_NO_MEMORY, "memory is short");
	json_object_set_new(doc, "file", json_string(path));
	return file_write(path, 0644, BYTES(json_string_value(pem), json_string_length(pem)));
}

static enum inro_err add_orders(const struct call *c, const struct ca_orders *l, json_t *list)
{
	const char *folder = call_opt(c, "out-dir");
	enum inro_err e = INRO_OK;
	if (folder && mkdir(folder, 0755) && errno != EEXIST)
		return file_err(errno, folder);
	for (size_t i = 0; !e && i < l->n; i++) {
		json_t *doc = json_of_ca_order(&l->items[i]);
		e = doc && folder ? write_order(folder, &l->items[i], doc) : INRO_OK;
		json_array_append_new(list, doc);
	}
	return e;
}

enum inro_err ca_requests_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_orders) l = { 0 };
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_orders(core, call_arg(c, 0), &l);
	if (!e)
		e = add_orders(c, &l, list);
	return json_give_or_drop(e, list, ret);
}

/* The request in place of the certificate that it waits for. */
enum inro_err cert_give_order(struct core *core, const struct cred *cert, json_t *doc)
{
	SCOPED(ca_order) order = { 0 };
	SCOPED(buf) text = { 0 };
	enum inro_err e = ca_order_of(core, cert->rec.id, &order);
	struct bytes csr = blob_bytes(&order.csr);
	if (e)
		return e;
	buf_addf(&text, "request %lld waits for CA '%s': bring it there, and what comes back is taken in by "
			"'inro cert import --ca %s FILE'\n",
		 (long long)cert->rec.id, cert->ca_name, cert->ca_name);
	json_object_set_new(doc, "summary", text_json(buf_bytes(&text)));
	json_object_set_new(doc, "pem", json_of_pem(PEM_CSR, &csr, 1));
	return INRO_OK;
}

/* ---- certificates ---- */

struct coming {
	struct cert_source source;
	struct arrivals all;
};

static void arrived(void *arg, const struct ca_collected *one)
{
	struct coming *a = arg;
	arrivals_add(&a->all, one, a->source.name);
}

static enum inro_err take_path(const struct call *c, struct core *core, const char *path,
			       struct coming *a)
{
	const struct ca_incoming in = { .files = cert_source_pull,
					.arg = &a->source,
					.unrequested = call_has(c, "unrequested") };
	a->source = (struct cert_source) { .path = path };
	enum inro_err e = cert_source_open(&a->source);
	if (!e)
		e = ca_collect(core, call_opt(c, "ca"), &in, arrived, a);
	cert_source_clear(&a->source);
	return e;
}

/* What was refused is said, and is the command's status. */
static enum inro_err result_of(const struct arrivals *a)
{
	json_t *one, *why = NULL, *file = NULL;
	size_t i;
	json_array_foreach(a->list, i, one)
	{
		if (why || !json_object_get(one, "why"))
			continue;
		why = json_object_get(one, "why");
		file = json_object_get(one, "file");
	}
	if (!a->refused)
		return INRO_OK;
	return err_set(INRO_E_POLICY, "%zu of %zu %s refused; %s: %s", a->refused,
		       json_array_size(a->list), a->refused > 1 ? "are" : "is", json_string_value(file),
		       json_string_value(why));
}

enum inro_err cert_import_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct coming a = { .all = { .list = json_array() } };
	enum inro_err e = office_open(c, &core);
	for (size_t i = 0; !e && i < c->n_args; i++)
		e = take_path(c, core, call_arg(c, i), &a);
	if (e) {
		json_decref(a.all.list);
		return e;
	}
	e = result_of(&a.all);
	if (json_give(json_of_arrivals(&a.all), ret))
		return err_set(INRO_E_NO_MEMORY, "memory is short");
	return e;
}

/* ---- lists ---- */

enum inro_err ca_crl_import_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(buf) list = { 0 };
	struct ca_list_taken t = { 0 };
	enum inro_err e = file_read(call_arg(c, 1), CERT_SOURCE_MAX, &list);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = ca_take_list(core, call_arg(c, 0), buf_bytes(&list), &t);
	return e ? e : json_give(json_of_ca_list_taken(call_arg(c, 0), &t), ret);
}
