/* ca_other - CAs that are elsewhere or came from there, and the places of keys, as documents. */
#include "backoffice/show/doc.h"

#include "backoffice/core/ca.h"
#include "backoffice/pki/pem.h"

json_t *json_of_ca_imported(const struct ca_view *v, const struct ca_imported *done)
{
	json_t *doc = json_of_ca(v);
	if (!doc)
		return NULL;
	json_object_set_new(doc, "entries", json_integer(done->listed));
	json_object_set_new(doc, "past", json_integer(done->past));
	json_object_set_new(doc, "known", json_integer(done->known));
	json_object_set_new(doc, "passed_over", json_integer(done->foreign));
	json_object_set_new(doc, "released", json_integer(done->released));
	return doc;
}

json_t *json_of_ca_places(const struct ca_places *l, bool tested)
{
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++) {
		const struct ca_place_view *p = &l->items[i];
		json_t *works = tested ? json_string(p->why ? "no" : "yes") : json_null();
		json_array_append_new(list, json_pack("{s:I s:s s:o s:o}", "place", (json_int_t)i + 1,
						      "key_uri", p->uri, "works", works, "why",
						      json_of_text(p->why)));
	}
	return list;
}

json_t *json_of_ca_changed_places(const char *ca, const struct ca_places *l)
{
	return json_pack("{s:s s:I s:o}", "name", ca, "copies", (json_int_t)l->n, "keys",
			 json_of_ca_places(l, false));
}

json_t *json_of_ca_order(const struct ca_order_view *v)
{
	struct bytes csr = blob_bytes(&v->rec.csr);
	return json_pack("{s:I s:s s:o s:o s:o s:o s:I s:o s:o}", "id", (json_int_t)v->rec.credential, "what",
			 csr.n ? "issue" : "revoke", "device", json_of_text(v->device_id), "subject",
			 json_of_text(v->subject), "asked", json_of_time(v->rec.created_ms / 1000), "pem",
			 csr.n ? json_of_pem(PEM_CSR, &csr, 1) : json_null(), "tries",
			 (json_int_t)v->rec.tries, "again",
			 v->rec.due_ms ? json_of_time(v->rec.due_ms / 1000) : json_null(), "why",
			 json_of_text(v->rec.why));
}

json_t *json_of_ca_list_taken(const char *ca, const struct ca_list_taken *t)
{
	return json_pack("{s:s s:o s:I s:I s:I s:I s:I}", "name", ca, "number",
			 t->long_number ? json_null() : json_integer(t->number), "entries", (json_int_t)t->entries,
			 "changed", (json_int_t)t->changed, "foreign", (json_int_t)t->foreign, "unlisted",
			 (json_int_t)t->unlisted, "released", (json_int_t)t->released);
}

void arrivals_add(struct arrivals *a, const struct ca_collected *one, const char *from)
{
	json_t *doc = one->error ? json_pack("{s:s s:s s:s}", "state", "refused", "error",
					     err_name(one->error), "why", one->why)
				 : json_of_cred(&one->cred);
	json_object_set_new(doc, "file", text_json(bytes_of(from ? from : "")));
	json_object_set_new(doc, "known", json_boolean(one->known));
	json_object_set_new(doc, "unrequested", json_boolean(one->unrequested));
	json_object_set_new(doc, "warnings", json_of_text(one->warnings));
	json_array_append_new(a->list, doc);
	a->refused += one->error != INRO_OK;
	a->known += one->known;
	a->taken += !one->error && !one->known;
	a->unrequested += one->unrequested;
	a->warned += !one->error && *one->warnings;
}

json_t *json_of_arrivals(const struct arrivals *a)
{
	return json_pack("{s:I s:I s:I s:I s:I s:o}", "taken", (json_int_t)a->taken, "known",
			 (json_int_t)a->known, "refused", (json_int_t)a->refused, "unrequested",
			 (json_int_t)a->unrequested, "warned", (json_int_t)a->warned, "certificates",
			 a->list);
}
