/* ca - CAs and their keys as documents. */
#include "backoffice/show/doc.h"

#include "backoffice/core/ca.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/status.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/limits.h"
#include "backoffice/pki/pem.h"

#define DAY_SECONDS 86400

/* One that is no text is none. */
static json_t *limits_json(const struct cert *cert)
{
	SCOPED(buf) text = { 0 };
	if (!cert->ext.limits.n)
		return json_null();
	if (limits_text(cert->ext.limits, &text))
		return json_string("not readable");
	return json_stringn((const char *)text.p, text.n);
}

/* What its certificate says, with which people compare it elsewhere. */
static void add_cert(json_t *doc, const struct ca_view *v)
{
	SCOPED(cert) cert = { 0 };
	bool known = v->rec.cert.n && cert_read(blob_bytes(&v->rec.cert), &cert) == INRO_OK;
	json_object_set_new(doc, "serial", known ? json_of_hex(cert.serial) : json_null());
	json_object_set_new(doc, "fingerprint",
			    known ? json_of_hex(BYTES(cert.fingerprint, sizeof cert.fingerprint)) : json_null());
	json_object_set_new(doc, "name_constraints", known ? limits_json(&cert) : json_null());
}

static void add_policy(json_t *doc, const struct ca_view *v)
{
	const struct ca_policy *p = &v->policy;
	int64_t due = v->rec.crl_at ? v->rec.crl_at + (int64_t)p->crl_days * DAY_SECONDS : 0;
	json_object_set_new(doc, "crl_due", json_of_time(due));
	json_object_set_new(doc, "crl_days", json_integer(p->crl_days));
	json_object_set_new(doc, "crl_overlap_hours", json_integer(p->overlap_hours));
	json_object_set_new(doc, "delta_hours", json_integer(p->delta_hours));
	json_object_set_new(doc, "crl_shards", p->shards ? json_integer(p->shards) : json_null());
	json_object_set_new(doc, "crl_url", json_of_text(p->crl_url));
	json_object_set_new(doc, "delta_url", json_of_text(p->delta_url));
	json_object_set_new(doc, "generation", json_integer(v->rec.generation));
}

json_t *json_of_ca(const struct ca_view *v)
{
	struct bytes der = blob_bytes(&v->rec.cert);
	json_t *doc = json_pack(
		"{s:o s:s s:o s:o s:o s:o s:o s:o s:b s:o s:o s:o s:o s:o}", "name",
		json_of_text(v->rec.name), "state", ca_state_names[v->rec.state], "parent",
		json_of_text(v->parent_name), "subject", json_of_text(v->rec.subject), "profile",
		json_of_text(v->rec.profile), "not_before", json_of_time(v->rec.not_before),
		"not_after", json_of_time(v->rec.not_after), "key_uri",
		json_of_text(v->rec.key_uri), "issues", v->why_not == NULL, "why_not",
		json_of_text(v->why_not), "crl_number",
		v->rec.crl_number ? json_integer(v->rec.crl_number) : json_null(), "crl_at",
		json_of_time(v->rec.crl_at), "certificate",
		v->credential ? json_integer(v->credential) : json_null(), "pem",
		der.n ? json_of_pem(PEM_CERT, &der, 1) : json_null());
	if (doc)
		add_cert(doc, v);
	if (doc)
		add_policy(doc, v);
	return doc;
}

static json_t *number_or_null(int64_t n)
{
	return n ? json_integer(n) : json_null();
}

json_t *json_of_ca_key(const struct ca_key_view *v)
{
	const struct ca_generation *g = &v->rec;
	struct bytes der = blob_bytes(&g->cert);
	return json_pack("{s:I s:s s:s s:o s:o s:o s:o s:o s:o s:o}", "generation",
			 (json_int_t)g->number, "state", der.n ? "earlier" : "waits", "key_uri",
			 g->key_uri, "not_before", json_of_time(g->not_before), "not_after",
			 json_of_time(g->not_after), "crl_number",
			 number_or_null(v->lists.full_number), "crl_at",
			 json_of_time(v->lists.full_at), "crl_next", json_of_time(v->lists.full_next),
			 "lists_until", json_of_time(g->needed_until), "pem",
			 der.n ? json_of_pem(PEM_CERT, &der, 1) : json_null());
}

static json_t *json_of_answering(const struct status_issuer *i)
{
	SCOPED(cert) cert = { 0 };
	bool known = i->signer.n && cert_read(blob_bytes(&i->signer), &cert) == INRO_OK;

	return json_pack("{s:I s:o s:o s:o}", "generation", (json_int_t)i->generation, "key_uri",
			 json_of_text(i->key_uri), "serial",
			 known ? json_of_hex(cert.serial) : json_null(), "not_after",
			 i->key_uri ? json_of_time(i->signer_until) : json_null());
}

static const char *or_first(const char *word, const char *first)
{
	return word && *word ? word : first;
}

json_t *json_of_ca_ocsp(const struct ca_view *v, const struct status_issuers *l)
{
	const struct ca_policy *p = &v->policy;
	json_t *keys = json_array();

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].ca == v->rec.id)
			json_array_append_new(keys, json_of_answering(&l->items[i]));
	return json_pack("{s:s s:s s:i s:s s:o s:o s:o}", "name", v->rec.name, "signer",
			 or_first(p->ocsp_signs, "delegated"), "minutes", (int)p->ocsp_minutes, "id",
			 or_first(p->ocsp_id, "key"), "token", json_of_text(p->ocsp_token), "type",
			 json_of_text(p->ocsp_key_type), "keys", keys);
}

json_t *json_of_ca_cmp(const struct ca_view *v, const struct ca_messages *m)
{
	const struct ca_policy *p = &v->policy;
	SCOPED(cert) cert = { 0 };
	bool known = m->cert.n && cert_read(blob_bytes(&m->cert), &cert) == INRO_OK;

	return json_pack("{s:s s:s s:o s:o s:o s:o s:o s:b}", "name", v->rec.name, "signer",
			 or_first(p->cmp_signs, "delegated"), "token", json_of_text(p->cmp_token), "type",
			 json_of_text(p->cmp_key_type), "key_uri", json_of_text(m->key_uri), "serial",
			 known ? json_of_hex(cert.serial) : json_null(), "not_after",
			 known ? json_of_time(cert.not_after) : json_null(), "by_ca", m->itself);
}

/* The two certificates by which that key and the one after it vouch for each other; 0: the latest that do. */
static enum inro_err links_json(const struct ca_keys *keys, const char *name, unsigned generation, json_t **ret)
{
	const struct ca_generation *last = NULL;
	for (size_t i = 0; i < keys->n; i++)
		if (keys->items[i].rec.new_with_old.n && (!generation || keys->items[i].rec.number == generation))
			last = &keys->items[i].rec;
	if (!last && generation)
		return err_set(INRO_E_NOT_FOUND,
			       "CA '%s' has no keys %u and %u that certify each other; 'inro ca keys' shows its keys",
			       name, generation, generation + 1);
	if (!last)
		return err_set(INRO_E_NOT_FOUND,
			       "CA '%s' has no two keys that certify each other: only a root that "
			       "got another key has",
			       name);
	const struct bytes ders[] = { blob_bytes(&last->new_with_old),
				      blob_bytes(&last->old_with_new) };
	return json_give(json_pack("{s:s s:I s:o s:o s:o}", "name", name, "generation",
				   (json_int_t)last->number + 1, "new_with_old",
				   json_of_pem(PEM_CERT, &ders[0], 1), "old_with_new",
				   json_of_pem(PEM_CERT, &ders[1], 1), "pem",
				   json_of_pem(PEM_CERT, ders, 2)),
			 ret);
}

enum inro_err json_of_ca_links(struct core *core, const char *name, unsigned generation, json_t **ret)
{
	SCOPED(ca_keys) keys = { 0 };
	enum inro_err e = ca_keys(core, name, &keys);
	return e ? e : links_json(&keys, name, generation, ret);
}

/* The request that is out: of the CA itself, or of its next key. */
static enum inro_err find_request(struct core *core, const struct ca_view *v, struct bytes *ret,
				  struct ca_keys *keys)
{
	enum inro_err e = ca_keys(core, v->rec.name, keys);
	*ret = blob_bytes(&v->rec.csr);
	for (size_t i = 0; !e && i < keys->n; i++)
		if (keys->items[i].rec.csr.n && !keys->items[i].rec.cert.n)
			*ret = blob_bytes(&keys->items[i].rec.csr);
	if (!e && !ret->n)
		e = err_set(INRO_E_STATE, "CA '%s' is certified here; it has no request",
			    v->rec.name);
	return e;
}

enum inro_err json_of_ca_csr(struct core *core, const char *name, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_keys) keys = { 0 };
	struct bytes der = BYTES_NONE;
	enum inro_err e = ca_get(core, name, &v);
	if (!e)
		e = find_request(core, &v, &der, &keys);
	return e ? e
		 : json_give(json_pack("{s:s s:s s:o}", "name", name, "state",
				       ca_state_names[v.rec.state], "pem",
				       json_of_pem(PEM_CSR, &der, 1)),
			     ret);
}
