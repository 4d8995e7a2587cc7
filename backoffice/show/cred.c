/* cred - certificates, keys and pre-shared keys as documents. */
#include "backoffice/show/doc.h"

#include "backoffice/core/cred.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/symkey.h"
#include "backoffice/pki/bundle.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/lint.h"
#include "backoffice/pki/pem.h"
#include "backoffice/pki/san.h"

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
	char key[PUBKEY_NAME_MAX] = "";
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

json_t *json_of_listed_cred(const struct cred *c)
{
	json_t *doc = json_of_cred(c);
	json_object_del(doc, "pem");
	json_object_set_new(doc, "due", json_of_text(cred_due_names[c->due]));
	return doc;
}

static void add_kin(json_t *doc, const struct cred *cert, bool revoked, const char *words,
		    const char *key, struct buf *text)
{
	json_t *ids = json_array();
	for (size_t i = 0; i < cert->kin_n; i++) {
		if (cert->kin[i].revoked != revoked)
			continue;
		buf_addf(text, "%s%lld", json_array_size(ids) ? ", " : words,
			 (long long)cert->kin[i].id);
		json_array_append_new(ids, json_integer(cert->kin[i].id));
	}
	json_object_set_new(doc, key, ids);
}

/* Its CA is elsewhere, and does not know. */
static void add_tell(const struct cred *cert, struct buf *text)
{
	if (cert->tell_ca)
		buf_addf(text, "; CA '%s' is elsewhere and has to do the same: tell it", cert->ca_name);
}

json_t *json_of_moved(const struct cred *cert)
{
	json_t *doc = json_of_cred(cert);
	SCOPED(buf) text = { 0 };
	add_tell(cert, &text);
	json_object_set_new(doc, "tell_ca",
			    json_stringn(text.n ? (const char *)text.p : "", text.n));
	return doc;
}

/* What has the same key: by number, and in words behind the answer's. */
json_t *json_of_revoked(const struct cred *cert)
{
	json_t *doc = json_of_cred(cert);
	SCOPED(buf) text = { 0 };
	add_kin(doc, cert, true, "; with it those of the same key: ", "also_revoked", &text);
	add_kin(doc, cert, false, "; NOT revoked, though of the same key, a CA's: ", "same_key_ca",
		&text);
	add_tell(cert, &text);
	json_object_set_new(doc, "same_key",
			    json_stringn(text.n ? (const char *)text.p : "", text.n));
	return doc;
}

json_t *json_of_psk(const struct psk_new *p)
{
	bool hashed = psk_is_hashed(p);
	json_t *doc = json_pack("{s:s s:o}", "psk_store", hashed ? "hash" : "sealed", "psk_issued",
				json_of_time(p->rec.not_before));
	if (doc && p->value.n)
		json_object_set_new(doc, "psk", text_json(secret_bytes(&p->value)));
	if (doc && p->bits)
		json_object_set_new(doc, "psk_entropy_bits", json_integer(p->bits));
	return doc;
}

enum inro_err json_add_psk_tries(struct core *core, const char *device, const struct credential *rec, json_t *doc)
{
	int64_t until = 0;
	enum inro_err e = psk_locked_until(core, device, rec, &until);

	if (e)
		return e;
	json_object_set_new(doc, "wrong_tries", json_integer((json_int_t)rec->fails));
	json_object_set_new(doc, "locked_until", json_of_time(until));
	return INRO_OK;
}

json_t *json_of_symkey(const struct symkey *k)
{
	const struct credential *r = &k->rec;
	int64_t end = r->not_after == CERT_FOREVER ? 0 : r->not_after;
	return json_pack("{s:I s:o s:o s:o s:o s:s s:o s:o s:o s:o}", "id", (json_int_t)r->id,
			 "serial", json_of_hex(blob_bytes(&r->serial)), "device",
			 json_of_text(k->device_id), "type", json_of_text(r->algorithm), "name",
			 json_of_text(r->subject), "state", cred_state_names[k->state],
			 "not_before", json_of_time(r->not_before), "not_after", json_of_time(end),
			 "good_until", json_of_time(r->grace_until), "replaces",
			 r->replaces ? json_integer((json_int_t)r->replaces) : json_null());
}

enum inro_err json_of_pkcs7(const struct bytes *ders, size_t n, json_t **ret)
{
	SCOPED(buf) der = { 0 };
	enum inro_err e = bundle_pkcs7(ders, n, &der);
	struct bytes one = buf_bytes(&der);
	return e ? e : json_give(json_of_pem("PKCS7", &one, 1), ret);
}

static void add_broken(void *arg, const struct lint_rule *rule)
{
	json_array_append_new(arg, json_pack("{s:s s:s s:s}", "rule", rule->name, "from",
					     rule->section, "wrong", rule->wrong));
}

json_t *json_of_broken_rules(const struct cert *cert, const struct cert *issuer)
{
	json_t *list = json_array();
	lint_all(cert, issuer, add_broken, list);
	return list;
}
