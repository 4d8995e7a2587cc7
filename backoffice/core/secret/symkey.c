/* symkey - see symkey.h. */
#include "backoffice/core/symkey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/evidence.h"
#include "backoffice/core/eyes.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/group.h"
#include "backoffice/core/key_use.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/move.h"
#include "backoffice/core/secret/secrets.h"
#include "backoffice/core/where.h"
#include "backoffice/pki/envelope.h"
#include "base/clock.h"

#define DAY_SECONDS INT64_C(86400)
#define GET	    "key.get"

const char *const symkey_form_names[SYMKEY_FORM__MAX] = {
	[SYMKEY_RAW] = "raw", [SYMKEY_AES_KW] = "aes-kw",     [SYMKEY_JWE] = "jwe",
	[SYMKEY_CMS] = "cms", [SYMKEY_CMS_AUTH] = "cms-auth", [SYMKEY_PKCS11] = "pkcs11",
};

void symkey_clear(struct symkey *k)
{
	credential_clear(&k->rec);
	free(k->device_id);
	*k = (struct symkey) { 0 };
}

void symkey_found_clear(struct symkey_found *f)
{
	for (size_t i = 0; i < f->n; i++)
		symkey_clear(&f->items[i]);
	free(f->items);
	free(f->next);
	*f = (struct symkey_found) { 0 };
}

/* The record becomes the view's. */
static enum inro_err view(struct core *c, struct credential *rec, struct symkey *ret)
{
	SCOPED(device) d = { 0 };
	enum inro_err e = rec->device ? store_get(c->store, rec->device, &d) : INRO_OK;

	if (e != INRO_OK)
		return e;
	*ret = (struct symkey) { *rec, cred_shown_state(rec, clock_now()), d.device_id };
	*rec = (struct credential) { 0 };
	d.device_id = NULL;
	return INRO_OK;
}

/* ---- issued, renewed ---- */

struct making {
	const char *device, *ref; /* ref: of the one to be renewed; NULL: a first one */
	const char *type, *name;
	int64_t days, grace;
	struct credential rec;
};

static enum inro_err check_type(const struct policy *p, const char *type,
				const struct token_secret_kind **ret)
{
	*ret = type ? token_secret_kind_find(type) : NULL;
	if (!*ret)
		return err_set(INRO_E_ARG, "'%s' is no type of symmetric key", text_or_empty(type));
	if (policy_takes_type(p, type, policy_type_is_symmetric))
		return INRO_OK;
	return err_set(INRO_E_POLICY, "the policy of the device's group has no %s keys", type);
}

static enum inro_err make_value(struct core *c, struct making *m,
				const struct token_secret_kind *kind)
{
	SCOPED(secret) value = { 0 };
	enum inro_err e = seal_random(c, kind->octets, &value);

	if (e == INRO_OK)
		e = secret_begin(c, CRED_KEY, kind->name, &m->rec);
	if (e == INRO_OK)
		e = text_set(&m->rec.subject, m->name);
	if (e == INRO_OK && m->days)
		m->rec.not_after = m->rec.not_before + m->days * DAY_SECONDS;
	return e == INRO_OK ? secret_close(c, &m->rec, m->device, secret_bytes(&value)) : e;
}

static enum inro_err prepare(struct core *c, struct making *m)
{
	const struct token_secret_kind *kind;
	SCOPED(device) d = { 0 };
	SCOPED(policy) p = { 0 };
	enum inro_err e = core_check_text("a key's name", m->name, SYMKEY_NAME_MAX);
	if (e == INRO_OK && m->days > SYMKEY_DAYS_MAX)
		e = err_set(INRO_E_ARG, "a key is valid for up to %d days", SYMKEY_DAYS_MAX);
	if (e == INRO_OK)
		e = device_load(c, m->device, &d);
	if (e == INRO_OK)
		e = policy_of_device(c, &d, &p);
	if (e == INRO_OK)
		e = check_type(&p, m->type, &kind);
	if (e != INRO_OK)
		return e;
	if (!m->days)
		m->days = p.key_days;
	if (m->grace < 0)
		m->grace = p.overlap_days * DAY_SECONDS;
	return make_value(c, m, kind);
}

static enum inro_err make_work(struct core *c, void *arg)
{
	struct making *m = arg;
	SCOPED(device) d = { 0 };
	SCOPED(credential) old = { 0 };
	enum inro_err e = device_load(c, m->device, &d);

	if (e == INRO_OK && m->ref)
		e = secret_load(c, CRED_KEY, m->ref, &old);
	if (e == INRO_OK && m->ref)
		e = secret_supersede(c, &old, m->grace ? clock_now() + m->grace : 0);
	m->rec.replaces = old.id;
	return e == INRO_OK ? secret_record(c, &d, &m->rec) : e;
}

static enum inro_err make(struct core *c, struct making *m, struct symkey *ret)
{
	const char *action = m->ref ? "key.renew" : "key.issue";
	SCOPED(own) own = { 0 };
	enum inro_err e = core_own(c, core_is_device(c, m->device), "give a device a key", &own);

	if (e == INRO_OK)
		e = prepare(c, m);
	if (e == INRO_OK)
		e = core_write(c, make_work, m);
	if (e == INRO_OK)
		e = view(c, &m->rec, ret);
	credential_clear(&m->rec);
	if (e == INRO_OK)
		return e;
	return audit_refused(c, action, m->ref ? "key" : "device", m->ref ? m->ref : m->device, e);
}

enum inro_err symkey_issue(struct core *c, const struct symkey_request *r, struct symkey *ret)
{
	struct making m = {
		.device = r->device, .type = r->type, .name = r->name, .days = r->days
	};

	return make(c, &m, ret);
}

enum inro_err symkey_get(struct core *c, const char *ref, struct symkey *ret)
{
	SCOPED(credential) rec = { 0 };
	enum inro_err e = secret_load(c, CRED_KEY, ref, &rec);

	return e == INRO_OK ? view(c, &rec, ret) : e;
}

enum inro_err symkey_renew(struct core *c, const char *ref, int64_t grace_seconds,
			   struct symkey *ret)
{
	SCOPED(symkey) old = { 0 };
	struct making m = { .ref = ref, .grace = grace_seconds };
	enum inro_err e = symkey_get(c, ref, &old);

	if (e != INRO_OK)
		return audit_refused(c, "key.renew", "key", text_or_empty(ref), e);
	m.device = old.device_id;
	m.type = old.rec.algorithm;
	m.name = old.rec.subject;
	return make(c, &m, ret);
}

/* ---- found ---- */

static enum inro_err add_filter(struct core *c, void *arg, struct where *w)
{
	const struct symkey_filter *f = arg;
	const struct cred_filter shared = { .device = f->device };
	enum inro_err e = cred_where(c, CRED_KEY, &shared, w);

	if (e == INRO_OK && f->state)
		e = where_add(w, where_cred_state(*f->state));
	if (e == INRO_OK && f->type)
		e = where_add(w, (struct store_cond) { .field = "algorithm", .text = f->type });
	return e;
}

static enum inro_err view_all(struct core *c, struct credential *recs, size_t n,
			      struct symkey_found *f)
{
	enum inro_err e = INRO_OK;

	f->items = calloc(n + 1, sizeof *f->items);
	if (!f->items)
		return err_set(INRO_E_NO_MEMORY, "no memory for a list of %zu", n);
	for (; e == INRO_OK && f->n < n; f->n++)
		e = view(c, &recs[f->n], &f->items[f->n]);
	return e;
}

enum inro_err symkey_search(struct core *c, const struct symkey_search *s, struct symkey_found *ret)
{
	struct symkey_filter filter = s->filter;
	const struct where_ask ask = {
		s->where, add_filter, &filter, { s->after, s->sort, s->limit, false }
	};
	SCOPED(symkey_found) f = { 0 };
	void *recs = NULL;
	size_t n = 0;
	enum inro_err e = where_search(c, &where_creds, &ask, &recs, &n, &f.next);

	if (e == INRO_OK)
		e = view_all(c, recs, n, &f);
	list_free(&credential_type, recs, n);
	if (e != INRO_OK)
		return e;
	*ret = f;
	f = (struct symkey_found) { 0 };
	return INRO_OK;
}

/* ---- given out ---- */

static enum inro_err may_use(const struct symkey *k)
{
	if (secret_is_good(&k->rec, clock_now()))
		return INRO_OK;
	return err_set(INRO_E_STATE, "key %lld is %s%s", (long long)k->rec.id,
		       cred_state_names[k->state],
		       k->state == CRED_SUPERSEDED ? ", its grace time is over" : "");
}

static enum inro_err may_give(const struct core *c, const struct symkey *k)
{
	if (k->state == CRED_ARCHIVED)
		return core_require(c, ROLE_ADMIN, "take a key from the archive");
	return may_use(k);
}

static enum inro_err newest_certificate(struct core *c, const struct symkey *k,
					struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "device", .number = k->rec.device },
		{ .field = "kind", .number = CRED_CERTIFICATE },
		{ .field = "state", .number = CRED_ACTIVE },
		{ .field = "not_after", .op = STORE_GE, .number = clock_now() },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1, .backward = true };
	enum inro_err e = store_find(c->store, &q, ret);

	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "device '%s' has no certificate to wrap a key to",
			       text_or_empty(k->device_id));
	return e;
}

static enum inro_err named_certificate(struct core *c, const struct symkey *k, const char *ref,
				       struct credential *ret)
{
	enum inro_err e = cred_load(c, ref, ret);

	if (e == INRO_E_NOT_FOUND ||
	    (e == INRO_OK && (ret->kind != CRED_CERTIFICATE || ret->device != k->rec.device)))
		return err_set(INRO_E_NOT_FOUND, "device '%s' has no certificate '%s'",
			       text_or_empty(k->device_id), ref);
	if (e == INRO_OK && cred_shown_state(ret, clock_now()) != CRED_ACTIVE)
		return err_set(INRO_E_STATE, "certificate '%s' is %s: no key is wrapped to it", ref,
			       cred_state_names[cred_shown_state(ret, clock_now())]);
	return e;
}

/* One that can be used now: by its name, or the newest. */
static enum inro_err certificate_of(struct core *c, const struct symkey *k, const char *ref,
				    struct credential *ret)
{
	enum inro_err e = ref ? named_certificate(c, k, ref, ret) : newest_certificate(c, k, ret);

	return e == INRO_OK ? key_use_trusted(c, blob_bytes(&ret->key_hash)) : e;
}

static enum inro_err give_raw(struct core *c, const struct symkey *k,
			      const struct symkey_delivery *d, struct bytes value, struct buf *ret)
{
	(void)c;
	(void)k;
	(void)d;
	buf_add(ret, value);
	return buf_err(ret);
}

/* Who breaks the wrapping key has both; 256 bits guard whatever there is. */
static enum inro_err strong_enough(const struct symkey *under, const struct secret *kek,
				   const struct symkey *k, struct bytes value)
{
	if (kek->n >= 32 || kek->n >= value.n)
		return INRO_OK;
	return err_set(INRO_E_POLICY,
		       "key %lld (%s) is weaker than key %lld (%s): wrap it under an aes-256 key",
		       (long long)under->rec.id, under->rec.algorithm, (long long)k->rec.id,
		       text_or_empty(k->rec.algorithm));
}

static enum inro_err kek_value(struct core *c, const struct symkey *k, struct secret *ret)
{
	enum inro_err e = may_use(k);

	if (strncmp(text_or_empty(k->rec.algorithm), "aes-", 4) != 0)
		e = err_set(INRO_E_KEY_TYPE, "key %lld is no AES key", (long long)k->rec.id);
	return e == INRO_OK ? secret_value(c, &k->rec, ret) : e;
}

enum inro_err symkey_kek(struct core *c, const char *ref, const struct device *d,
			 struct secret *ret)
{
	SCOPED(symkey) k = { 0 };
	enum inro_err e = symkey_get(c, ref, &k);

	if (e == INRO_E_NOT_FOUND || (e == INRO_OK && k.rec.device != d->id))
		return err_set(INRO_E_NOT_FOUND, "device '%s' has no such symmetric key",
			       d->device_id);
	return e == INRO_OK ? kek_value(c, &k, ret) : e;
}

static enum inro_err give_aes_kw(struct core *c, const struct symkey *k,
				 const struct symkey_delivery *d, struct bytes value,
				 struct buf *ret)
{
	SCOPED(symkey) under = { 0 };
	SCOPED(secret) kek = { 0 };
	enum inro_err e = INRO_OK;

	if (!d->under)
		return err_set(INRO_E_ARG, "which AES key of the device it is wrapped under");
	e = symkey_get(c, d->under, &under);
	if (e == INRO_OK && (under.rec.device != k->rec.device || under.rec.id == k->rec.id))
		e = err_set(INRO_E_POLICY, "a key is wrapped under another key of the same device");
	if (e == INRO_OK)
		e = kek_value(c, &under, &kek);
	if (e == INRO_OK)
		e = strong_enough(&under, &kek, k, value);
	return e == INRO_OK ? envelope_aes_wrap(secret_bytes(&kek), value, ret) : e;
}

static enum inro_err give_to_cert(struct core *c, const struct symkey *k,
				  const struct symkey_delivery *d, struct bytes value,
				  struct buf *ret)
{
	SCOPED(credential) cert = { 0 };
	SCOPED(buf) kid = { 0 };
	enum inro_err e = certificate_of(c, k, d->certificate, &cert);

	buf_add_hex(&kid, blob_bytes(&k->rec.serial));
	buf_add_u8(&kid, 0);
	if (e == INRO_OK)
		e = buf_err(&kid);
	if (e != INRO_OK)
		return e;
	if (d->form == SYMKEY_JWE)
		return envelope_jwe(blob_bytes(&cert.cert), (const char *)kid.p, value, ret);
	if (d->form == SYMKEY_PKCS11)
		return envelope_pkcs11(blob_bytes(&cert.cert), value, ret);
	return envelope_cms(blob_bytes(&cert.cert), d->form == SYMKEY_CMS_AUTH, value, ret);
}

typedef enum inro_err give_fn(struct core *c, const struct symkey *k,
			      const struct symkey_delivery *d, struct bytes value, struct buf *ret);
static give_fn *const givers[SYMKEY_FORM__MAX] = {
	[SYMKEY_RAW] = give_raw,     [SYMKEY_AES_KW] = give_aes_kw,    [SYMKEY_JWE] = give_to_cert,
	[SYMKEY_CMS] = give_to_cert, [SYMKEY_CMS_AUTH] = give_to_cert,
	[SYMKEY_PKCS11] = give_to_cert,
};

struct given {
	const struct symkey *key;
	struct symkey_delivery delivery;
	struct proposal_plan plan; /* of one that others approve */
	char subject[40], certificate[24];
	struct buf body;
};

static void given_clear(struct given *g)
{
	buf_clear(&g->body);
}

static bool takes_eyes(const struct given *g)
{
	return g->key->state == CRED_ARCHIVED || g->delivery.proposal;
}

/* The certificate that it is wrapped to by its number: what a name or none stands for may be another one later. */
static enum inro_err find_recipient(struct core *c, struct given *g)
{
	SCOPED(credential) cert = { 0 };
	enum inro_err e;

	if (givers[g->delivery.form] != give_to_cert)
		return INRO_OK;
	e = certificate_of(c, g->key, g->delivery.certificate, &cert);
	snprintf(g->certificate, sizeof g->certificate, "id:%lld", (long long)cert.id);
	g->delivery.certificate = g->certificate;
	return e;
}

/* What others approve: this key, for this device, in this form and for nobody else. */
static enum inro_err plan_giving(struct given *g)
{
	const struct symkey_delivery *d = &g->delivery;

	snprintf(g->subject, sizeof g->subject, "key:%lld", (long long)g->key->rec.id);
	detail_hex(&g->body, "serial", blob_bytes(&g->key->rec.serial));
	detail_text(&g->body, "device", g->key->device_id);
	detail_text(&g->body, "form", symkey_form_names[d->form]);
	detail_text(&g->body, "under", d->under);
	detail_text(&g->body, "certificate", d->certificate);
	detail_end(&g->body);
	if (buf_err(&g->body) != INRO_OK)
		return buf_err(&g->body);
	g->plan = (struct proposal_plan) { .action = GET,
					   .subject = g->subject,
					   .body = BYTES(g->body.p, g->body.n - 1) };
	return INRO_OK;
}

static enum inro_err ask_others(struct core *c, struct given *g)
{
	enum inro_err e;

	if (!takes_eyes(g))
		return INRO_OK;
	e = find_recipient(c, g);
	if (e == INRO_OK)
		e = plan_giving(g);
	return e == INRO_OK ? eyes_check(c, EYES_ARCHIVE, &g->plan, g->delivery.proposal) : e;
}

/* To open its token may have taken as long as a person takes to type a PIN. */
static enum inro_err is_as_it_was(struct core *c, const struct symkey *k)
{
	struct symkey now = { 0 };
	enum inro_err e = store_get(c->store, k->rec.id, &now.rec);

	now.state = e == INRO_OK ? cred_shown_state(&now.rec, clock_now()) : now.state;
	if (e == INRO_OK && (now.state != CRED_ARCHIVED || k->state != CRED_ARCHIVED))
		e = may_use(&now);
	symkey_clear(&now);
	return e;
}

static enum inro_err given_work(struct core *c, void *arg)
{
	const struct given *g = arg;
	SCOPED(buf) detail = { 0 };
	char name[24];
	const struct audit_entry entry = { GET, "key", name, EVENT_DONE, &detail };
	enum inro_err e = is_as_it_was(c, g->key);

	if (e == INRO_OK && takes_eyes(g))
		e = eyes_done(c, EYES_ARCHIVE, &g->plan, g->delivery.proposal, g->key->rec.id);
	snprintf(name, sizeof name, "%lld", (long long)g->key->rec.id);
	detail_text(&detail, "device", g->key->device_id);
	detail_text(&detail, "form", symkey_form_names[g->delivery.form]);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err give(struct core *c, const struct symkey *k, const struct symkey_delivery *d,
			  struct buf *ret)
{
	SCOPED(given) g = { .key = k, .delivery = *d };
	SCOPED(secret) value = { 0 };
	size_t before = ret->n;
	enum inro_err e = may_give(c, k);

	if (e == INRO_OK)
		e = ask_others(c, &g);
	if (e == INRO_OK)
		e = secret_value(c, &k->rec, &value);
	if (e == INRO_OK)
		e = givers[d->form](c, k, &g.delivery, secret_bytes(&value), ret);
	if (e == INRO_OK)
		e = core_write(c, given_work, &g);
	if (e != INRO_OK)
		buf_truncate(ret, before);
	return e;
}

enum inro_err symkey_deliver(struct core *c, const char *ref, const struct symkey_delivery *d,
			     struct symkey *ret_key, struct buf *ret)
{
	SCOPED(symkey) k = { 0 };
	SCOPED(own) own = { 0 };
	enum inro_err e = symkey_get(c, ref, &k);

	if (e == INRO_OK)
		e = core_own(c, c->device && c->device == k.rec.device, "see a key", &own);
	if (e == INRO_OK)
		e = give(c, &k, d, ret);
	if (e != INRO_OK)
		return audit_refused(c, GET, "key", text_or_empty(ref), e);
	*ret_key = k;
	k = (struct symkey) { 0 };
	return INRO_OK;
}

/* ---- verified ---- */

static enum inro_err usable_value(struct core *c, const char *ref, struct symkey *ret,
				  struct secret *ret_value)
{
	enum inro_err e = symkey_get(c, ref, ret);

	if (e == INRO_OK)
		e = may_use(ret);
	if (e == INRO_OK)
		e = core_pin_fault(secret_value(c, &ret->rec, ret_value));
	return e == INRO_OK ? is_as_it_was(c, ret) : e;
}

enum inro_err symkey_verify(struct core *c, const char *ref, struct bytes value)
{
	SCOPED(symkey) k = { 0 };
	SCOPED(secret) known = { 0 };
	enum inro_err e = usable_value(c, ref, &k, &known);

	if (e == INRO_OK && !secret_equal(secret_bytes(&known), value))
		e = err_set(INRO_E_PIN_WRONG, "that is not key %lld", (long long)k.rec.id);
	if (e == INRO_OK)
		return e;
	return audit_refused(c, "key.verify", "key", text_or_empty(ref), e);
}

static const struct {
	CK_KEY_TYPE type;
	CK_MECHANISM_TYPE mech;
} macs[] = {
	{ CKK_AES, CKM_AES_CMAC },
	{ CKK_INRO_TWINE, CKM_INRO_TWINE_CMAC },
	{ CKK_SHA256_HMAC, CKM_SHA256_HMAC },
	{ CKK_SHA384_HMAC, CKM_SHA384_HMAC },
	{ CKK_SHA512_HMAC, CKM_SHA512_HMAC },
	{ CKK_GENERIC_SECRET, CKM_SHA256_HMAC },
};

static enum inro_err mac_of(const struct symkey *k, struct token_mac *ret)
{
	const struct token_secret_kind *kind =
		token_secret_kind_find(text_or_empty(k->rec.algorithm));

	for (size_t i = 0; kind && i < ARRAY_LEN(macs); i++) {
		if (macs[i].type != kind->type)
			continue;
		ret->type = kind->type;
		ret->mech = macs[i].mech;
		return INRO_OK;
	}
	return err_set(INRO_E_KEY_TYPE, "a %s key makes no MACs", text_or_empty(k->rec.algorithm));
}

static enum inro_err check_mac(struct core *c, const struct symkey *k, const struct secret *value,
			       struct bytes message, struct bytes mac)
{
	AUTO(free_chars) char *uri = NULL;
	struct token_mac m = { .key = secret_bytes(value) };
	struct token *token;
	enum inro_err e = mac_of(k, &m);

	if (e == INRO_OK)
		e = seal_key_uri(c, &uri);
	if (e == INRO_OK)
		e = core_token(c, uri, &token);
	if (e == INRO_OK)
		e = token_mac_verify(token, &m, message, mac);
	if (e == INRO_E_SIGNATURE)
		e = err_set(e, "that is not what key %lld makes of the message",
			    (long long)k->rec.id);
	return e;
}

enum inro_err symkey_verify_mac(struct core *c, const char *ref, struct bytes message,
				struct bytes mac)
{
	SCOPED(symkey) k = { 0 };
	SCOPED(secret) value = { 0 };
	enum inro_err e = usable_value(c, ref, &k, &value);

	if (e == INRO_OK)
		e = check_mac(c, &k, &value, message, mac);
	if (e == INRO_OK)
		return e;
	return audit_refused(c, "key.verify", "key", text_or_empty(ref), e);
}

/* ---- moved ---- */

struct moving {
	const char *ref;
	struct cred_change change;
	struct credential rec;
};

static enum inro_err move_work(struct core *c, void *arg)
{
	struct moving *m = arg;
	enum inro_err e;

	credential_clear(&m->rec);
	e = secret_load(c, CRED_KEY, m->ref, &m->rec);
	return e == INRO_OK ? cred_apply(c, &m->rec, &m->change) : e;
}

enum inro_err symkey_move(struct core *c, const char *ref, enum verb verb, const char *why,
			  struct symkey *ret)
{
	struct moving m = { .ref = ref, .change = { .verb = verb, .why = why } };
	char action[32];
	enum inro_err e = core_check_text("the reason", why, 255);

	if (verb == VERB_EXPIRE || verb == VERB_SUPERSEDE)
		return err_set(INRO_E_ARG, "a key is not to be moved by '%s'", verb_names[verb]);
	snprintf(action, sizeof action, "key.%s", verb_names[verb]);
	if (e == INRO_OK)
		e = core_write(c, move_work, &m);
	if (e == INRO_OK)
		e = view(c, &m.rec, ret);
	credential_clear(&m.rec);
	return e == INRO_OK ? e : audit_refused(c, action, "key", text_or_empty(ref), e);
}

/* ---- destroyed, with a statement ---- */

struct ending {
	struct moving move;
	struct credential before;
	char *signer;
};

static void ending_clear(struct ending *x)
{
	credential_clear(&x->move.rec);
	credential_clear(&x->before);
	free(x->signer);
}

static char *statement_of(const struct core *c, const struct ending *x, const struct symkey *k)
{
	const struct credential *r = &x->before;
	char now[32], *text;
	json_t *doc;

	clock_format(clock_now(), now, sizeof now);
	doc = json_pack("{s:s s:I s:o s:s s:s s:s s:[o] s:s s:s s:s*}", "destroyed", "key", "id",
			(json_int_t)r->id, "serial", evidence_hex(blob_bytes(&r->serial)), "type",
			text_or_empty(r->algorithm), "name", text_or_empty(r->subject), "device",
			text_or_empty(k->device_id), "things", evidence_copy(r, &k->rec), "by",
			c->actor, "at", now, "why", x->move.change.why);
	text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
	json_decref(doc);
	return text;
}

/* What the statement says of the record was looked at after it was wiped. */
static enum inro_err tell_ending(struct core *c, struct ending *x, struct buf *ret_evidence,
				 struct symkey *ret)
{
	AUTO(free_chars) char *text = NULL;
	SCOPED(credential) after = { 0 };
	const struct destruction ev = { "key", x->before.id, x->signer };
	enum inro_err e = store_get(c->store, x->before.id, &after);

	if (e == INRO_OK)
		e = view(c, &after, ret);
	if (e == INRO_OK && !(text = statement_of(c, x, ret)))
		e = err_set(INRO_E_NO_MEMORY, "no memory for a statement");
	return e == INRO_OK ? evidence_give(c, &ev, text, ret_evidence) : e;
}

static enum inro_err destroy(struct core *c, struct ending *x, struct buf *ret_evidence,
			     struct symkey *ret)
{
	enum inro_err e = core_check_text("the reason", x->move.change.why, 255);

	if (e == INRO_OK)
		e = secret_load(c, CRED_KEY, x->move.ref, &x->before);
	if (e == INRO_OK)
		e = evidence_signer(c, &x->signer);
	if (e == INRO_OK)
		e = core_write(c, move_work, &x->move);
	return e == INRO_OK ? tell_ending(c, x, ret_evidence, ret) : e;
}

enum inro_err symkey_destroy(struct core *c, const char *ref, const char *why,
			     struct buf *ret_evidence, struct symkey *ret)
{
	SCOPED(ending)
	x = { .move = { .ref = ref, .change = { .verb = VERB_DESTROY, .why = why } } };
	enum inro_err e = destroy(c, &x, ret_evidence, ret);

	return e == INRO_OK ? e : audit_refused(c, "key.destroy", "key", text_or_empty(ref), e);
}
