/*
 * audit_mark - heads signed by a key in a token, and receipts of them.
 *
 * 1. What is signed, each text with its u32 length before it, numbers as u64 big endian:
 *    "inro-audit-mark-1", number of the mark, event, time in ms, hash of the event, SHA-256 of the
 *    signature of the mark before (empty for the first), signer's SPKI, next signer's SPKI (empty:
 *    the same), URI of the key.
 * 2. A head is signed only when the chain from the mark before stands.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/audit/audit_chain.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/setting.h"
#include "backoffice/pki/pubkey.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#define MARK_DOMAIN    "inro-audit-mark-1"
#define MINUTE_MS      INT64_C(60000)
#define RULES_MS       1000
#define RECEIPT_FORMAT 1

static void mark_message(const struct audit_mark *m, struct bytes before, struct buf *ret)
{
	buf_add_field(ret, bytes_of(MARK_DOMAIN));
	buf_add_u64(ret, (uint64_t)m->id);
	buf_add_u64(ret, (uint64_t)m->event);
	buf_add_u64(ret, (uint64_t)m->at_ms);
	buf_add_field(ret, blob_bytes(&m->hash));
	buf_add_field(ret, before);
	buf_add_field(ret, blob_bytes(&m->signer));
	buf_add_field(ret, blob_bytes(&m->next));
	buf_add_field(ret, bytes_of(m->key_uri));
}

/* What the following mark names this one by. */
static enum inro_err mark_digest(const struct audit_mark *m, uint8_t ret[static PKI_DIGEST_MAX])
{
	return pki_digest(PKI_SHA256, blob_bytes(&m->signature), ret);
}

static enum inro_err check_signature(const struct audit_mark *m, struct bytes before)
{
	SCOPED(buf) message = { 0 };
	struct pubkey key;
	const struct pki_sig *sig;
	enum inro_err e;

	mark_message(m, before, &message);
	e = buf_err(&message);
	if (e == INRO_OK)
		e = pubkey_read(blob_bytes(&m->signer), &key);
	if (e == INRO_OK)
		e = pubkey_sig(&key, PKI_HASH_NONE, &sig);
	if (e == INRO_OK)
		e = pubkey_verify(&key, sig, buf_bytes(&message), blob_bytes(&m->signature));
	return e;
}

/* ---- all marks ---- */

void mark_list_clear(struct mark_list *l)
{
	free(l->items);
	*l = (struct mark_list) { 0 };
}

struct mark_walk {
	struct mark_list *list;
	struct audit_report *report;
	uint8_t before[PKI_DIGEST_MAX];
	struct blob signer; /* who signs the next one */
};

static enum inro_err keep_mark(struct mark_list *l, const struct audit_mark *m)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct mark_at *more = realloc(l->items, cap * sizeof *more);

		if (!more)
			return err_set(INRO_E_NO_MEMORY, "no memory for %zu signed heads", cap);
		l->items = more;
		l->cap = cap;
	}
	l->items[l->n].event = m->event;
	memcpy(l->items[l->n++].hash, m->hash.p, AUDIT_HASH);
	return INRO_OK;
}

/* NULL: it follows the one before. */
static const char *objection(const struct mark_walk *w, const struct audit_mark *m)
{
	size_t n = w->list->n;

	if (m->id != (int64_t)n + 1)
		return "was signed, and a signed head is missing";
	if (m->hash.n != AUDIT_HASH || m->event < 1 ||
	    (n && m->event < w->list->items[n - 1].event))
		return "has a signed head that is not as it was written";
	if (n && !bytes_equal(blob_bytes(&m->signer), blob_bytes(&w->signer)))
		return "was signed by a key that the one before did not name";
	if (check_signature(m, BYTES(w->before, n ? AUDIT_HASH : 0)) != INRO_OK)
		return "has a signed head whose signature is wrong";
	return NULL;
}

static enum inro_err mark_row(void *arg, void *record)
{
	struct mark_walk *w = arg;
	const struct audit_mark *m = record;
	const char *why = objection(w, m);
	enum inro_err e;

	if (why)
		return chain_found(w->report, m->event > 0 ? m->event : 1, why);
	e = keep_mark(w->list, m);
	if (e == INRO_OK)
		e = mark_digest(m, w->before);
	if (e == INRO_OK)
		e = blob_set(&w->signer, blob_bytes(m->next.n ? &m->next : &m->signer));
	return e;
}

enum inro_err mark_check_all(struct core *c, struct mark_list *ret, struct audit_report *r)
{
	struct mark_walk w = { .list = ret, .report = r };
	enum inro_err e =
		store_each(c->store, &audit_mark_type, &(struct store_query) { 0 }, mark_row, &w);

	blob_clear(&w.signer);
	return e;
}

/* ---- signing ---- */

struct signing {
	struct token_key *key;	/* signs from now on */
	struct token_key *old;	/* signs the mark that names it; NULL: the same key goes on */
	struct audit_mark last; /* id 0: none yet */
	struct audit_mark made[2];
	size_t n;
	const char *new_uri; /* to be the setting; NULL: it stays */
	char *uri;
	struct chain_place head;
};

static void signing_clear(struct signing *s)
{
	audit_mark_clear(&s->last);
	for (size_t i = 0; i < ARRAY_LEN(s->made); i++)
		audit_mark_clear(&s->made[i]);
	free(s->uri);
}

static enum inro_err last_mark(struct core *c, struct audit_mark *ret)
{
	const struct store_query newest = { .limit = 1, .backward = true };
	enum inro_err e = store_find(c->store, &newest, ret);

	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* The head, when all from the mark before to it stands. */
static enum inro_err read_head(struct core *c, struct signing *s)
{
	struct audit_report report = { 0 };
	struct chain_walk walk = { .report = &report };
	SCOPED(audit_segment) newest = { 0 };
	enum inro_err e = last_mark(c, &s->last);

	if (e == INRO_OK)
		e = chain_start(c, &walk.at, &newest);
	if (e == INRO_OK && s->last.event > walk.at.count &&
	    !chain_place_set(&walk.at, s->last.event, &s->last.hash))
		e = err_set(INRO_E_DAMAGED, "the last signed head has no hash");
	if (e == INRO_OK)
		e = chain_walk(c, &walk);
	if (e == INRO_OK)
		e = chain_check_head(c, &walk.at, &report);
	s->head = walk.at;
	return e;
}

static enum inro_err look(struct core *c, struct signing *s)
{
	enum inro_err e = store_begin(c->store, STORE_READ);

	if (e != INRO_OK)
		return e;
	e = read_head(c, s);
	store_rollback(c->store);
	if (e == INRO_OK && s->head.count == 0)
		e = err_set(INRO_E_STATE, "nothing has happened yet that could be signed");
	return e;
}

static bool is_signer(const struct audit_mark *last, const struct token_key *key)
{
	return !last->id || bytes_equal(blob_bytes(last->next.n ? &last->next : &last->signer),
					token_key_spki(key));
}

static enum inro_err find_keys(struct core *c, struct signing *s, const char *uri)
{
	enum inro_err e = core_key(c, uri, &s->key);

	if (e != INRO_OK || is_signer(&s->last, s->key))
		return e;
	if (!s->uri)
		return err_set(INRO_E_CONFIG, "the setting audit.key is gone, and this key is not "
					      "the one that signed the last head");
	e = core_key(c, s->uri, &s->old);
	if (e == INRO_OK && !is_signer(&s->last, s->old))
		e = err_set(INRO_E_CONFIG, "the key at %s is not the one that signed the last head",
			    s->uri);
	return e;
}

static enum inro_err fill_mark(struct signing *s, struct token_key *key, struct audit_mark *m)
{
	const struct audit_mark *before = s->n ? &s->made[s->n - 1] : &s->last;
	SCOPED(buf) uri = { 0 };
	enum inro_err e;

	m->id = before->id + 1;
	m->event = s->head.count;
	m->at_ms = clock_now_ms();
	token_key_uri(key, &uri);
	buf_add_u8(&uri, 0);
	e = buf_err(&uri);
	if (e == INRO_OK)
		e = text_set(&m->key_uri, (const char *)uri.p);
	if (e == INRO_OK)
		e = blob_set(&m->hash, chain_hash(&s->head));
	if (e == INRO_OK)
		e = blob_set(&m->signer, token_key_spki(key));
	if (e == INRO_OK && key == s->old)
		e = blob_set(&m->next, token_key_spki(s->key));
	return e;
}

static enum inro_err sign_mark(struct signing *s, struct token_key *key)
{
	const struct audit_mark *before = s->n ? &s->made[s->n - 1] : &s->last;
	struct audit_mark *m = &s->made[s->n];
	uint8_t digest[PKI_DIGEST_MAX];
	SCOPED(buf) message = { 0 };
	SCOPED(buf) signature = { 0 };
	const struct pki_sig *sig;
	enum inro_err e = fill_mark(s, key, m);

	if (e == INRO_OK)
		e = mark_digest(before, digest);
	mark_message(m, BYTES(digest, before->id ? AUDIT_HASH : 0), &message);
	if (e == INRO_OK)
		e = buf_err(&message);
	if (e == INRO_OK)
		e = token_key_sig(key, &sig);
	if (e == INRO_OK)
		e = token_key_sign(key, sig, buf_bytes(&message), &signature);
	if (e == INRO_OK)
		e = blob_set(&m->signature, buf_bytes(&signature));
	s->n += e == INRO_OK;
	return e;
}

static enum inro_err record_mark(struct core *c, const struct audit_mark *m)
{
	SCOPED(buf) detail = { 0 };
	char name[32];
	const struct audit_entry entry = { "audit.sign", "mark", name, EVENT_DONE, &detail };
	struct audit_mark copy = *m; /* the store writes its id */
	enum inro_err e = store_insert(c->store, &copy);

	if (e != INRO_OK)
		return e;
	snprintf(name, sizeof name, "%lld", (long long)m->id);
	detail_int(&detail, "event", m->event);
	detail_text(&detail, "key", m->key_uri);
	if (m->next.n)
		detail_text(&detail, "next", "another key");
	return audit_append(c, &entry);
}

static enum inro_err record_marks(struct core *c, void *arg)
{
	const struct signing *s = arg;
	enum inro_err e = s->new_uri ? setting_set(c, AUDIT_KEY_SETTING, s->new_uri) : INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < s->n; i++)
		e = record_mark(c, &s->made[i]);
	return e;
}

static enum inro_err make_marks(struct core *c, struct signing *s)
{
	enum inro_err e = s->old ? sign_mark(s, s->old) : INRO_OK;

	if (e == INRO_OK)
		e = sign_mark(s, s->key);
	if (e == INRO_OK)
		e = core_write(c, record_marks, s);
	if (e == INRO_E_EXISTS)
		e = err_set(INRO_E_BUSY, "somebody else signed the head at the same time");
	if (e == INRO_OK)
		c->unmarked = 0;
	return e;
}

static enum inro_err start_signing(struct core *c, const char *uri, struct buf *ref,
				   struct signing *s)
{
	enum inro_err e = setting_get(c, AUDIT_KEY_SETTING, &s->uri);

	if (e == INRO_OK && uri)
		e = core_key_ref(uri, ref);
	if (e == INRO_OK && uri && (!s->uri || strcmp(s->uri, (const char *)ref->p) != 0))
		s->new_uri = (const char *)ref->p;
	if (e == INRO_OK && !uri && (!s->uri || !*s->uri))
		e = err_set(INRO_E_CONFIG, "no key signs the audit yet; 'inro audit sign --key "
					   "URI' says which does from now on");
	if (e == INRO_OK)
		e = core_require(c, s->new_uri ? ROLE_ADMIN : ROLE_OPERATOR,
				 s->new_uri ? "say which key signs the audit" : "sign the audit");
	if (e == INRO_OK && s->new_uri && c->tenant != TENANT_DEFAULT)
		e = err_set(INRO_E_ACCESS,
			    "the audit is that of all tenants: tenant 'default' says which key signs it");
	return e;
}

/* The last mark made, and what proves it. */
static enum inro_err hand_over(struct signing *s, struct audit_mark *ret, struct buf *ret_receipt);

static enum inro_err sign_head(struct core *c, const char *uri, struct signing *s)
{
	SCOPED(buf) ref = { 0 };
	enum inro_err e = start_signing(c, uri, &ref, s);

	if (e == INRO_OK)
		e = look(c, s);
	if (e == INRO_OK)
		e = find_keys(c, s, uri ? uri : s->uri);
	c->marking = true;
	if (e == INRO_OK)
		e = make_marks(c, s);
	c->marking = false;
	s->new_uri = NULL;
	return e;
}

enum inro_err audit_sign(struct core *c, const char *uri, struct audit_mark *ret,
			 struct buf *ret_receipt)
{
	SCOPED(signing) s = { 0 };
	enum inro_err e = sign_head(c, uri, &s);

	if (e != INRO_OK)
		return audit_refused(c, "audit.sign", "audit", "head", e);
	return hand_over(&s, ret, ret_receipt);
}

#define TRY_MS	    MINUTE_MS
#define TRY_MS_MOST (60 * MINUTE_MS)

static enum inro_err note_trouble(struct core *c, enum inro_err e)
{
	struct mark_trouble *t = &c->mark_trouble;
	bool again = t->code == e;

	t->wait_ms = again ? 2 * t->wait_ms : TRY_MS;
	if (t->wait_ms > TRY_MS_MOST)
		t->wait_ms = TRY_MS_MOST;
	t->until_ms = clock_monotonic_ms() + t->wait_ms;
	t->code = e;
	snprintf(t->why, sizeof t->why, "%s", err_detail(e));
	return again ? e : audit_refused(c, "audit.sign", "audit", "head", e);
}

enum inro_err audit_sign_again(struct core *c)
{
	struct mark_trouble *t = &c->mark_trouble;
	SCOPED(signing) s = { 0 };
	enum inro_err e;

	if (t->code != INRO_OK && clock_monotonic_ms() < t->until_ms)
		return err_set(t->code, "%s", t->why);
	e = sign_head(c, NULL, &s);
	if (e == INRO_E_BUSY)
		return e;
	if (e != INRO_OK)
		return note_trouble(c, e);
	*t = (struct mark_trouble) { 0 };
	return INRO_OK;
}

/* A server asks for them after each change: once a second is enough. */
static enum inro_err read_rules(struct core *c)
{
	struct mark_rules *r = &c->mark_rules;
	int64_t now = clock_monotonic_ms();
	enum inro_err e;

	if (c->writers && now < r->until_ms)
		return INRO_OK;
	e = setting_number(c, "audit.every", &r->every);
	if (e == INRO_OK)
		e = setting_number(c, "audit.minutes", &r->minutes);
	r->until_ms = e == INRO_OK ? now + RULES_MS : 0;
	return e;
}

/* So many events, the first of them at this time, are under no signed head. */
static enum inro_err is_due(struct core *c, int64_t events, int64_t first_ms, bool *ret)
{
	const struct mark_rules *r = &c->mark_rules;
	enum inro_err e = read_rules(c);

	if (e == INRO_OK)
		*ret = events >= r->every ||
		       (r->minutes && events && clock_is_over(first_ms, r->minutes * MINUTE_MS));
	return e;
}

/* The event that a mark is told by is not one that another mark is for. */
static enum inro_err uncovered(struct core *c, int64_t *ret_events, int64_t *ret_first_ms)
{
	SCOPED(audit_mark) last = { 0 };
	SCOPED(audit_head) head = { 0 };
	SCOPED(event) first = { 0 };
	enum inro_err e = last_mark(c, &last);
	int64_t covered = last.id ? last.event + 1 : 0;

	if (e == INRO_OK)
		e = store_get(c->store, 1, &head);
	if (e != INRO_OK)
		return e;
	*ret_events = head.count > covered ? head.count - covered : 0;
	if (*ret_events)
		e = store_get(c->store, covered + 1, &first);
	*ret_first_ms = first.at_ms;
	return e;
}

enum inro_err audit_is_due(struct core *c, bool *ret)
{
	int64_t events = 0, first_ms = 0;
	enum inro_err e = uncovered(c, &events, &first_ms);

	return e == INRO_OK ? is_due(c, events, first_ms, ret) : e;
}

static bool wants_mark(struct core *c, bool closing)
{
	bool due = closing;

	if (c->marking || !c->ring || c->role < ROLE_OPERATOR || !c->unmarked)
		return false;
	return due || (is_due(c, c->unmarked, c->unmarked_ms, &due) == INRO_OK && due);
}

void mark_if_due(struct core *c, bool closing)
{
	SCOPED(signing) s = { 0 };
	SCOPED(err_kept) kept = err_keep();
	AUTO(free_chars) char *uri = NULL;
	struct token_key *key;
	enum inro_err e;

	if (!wants_mark(c, closing))
		return;
	c->unmarked = 0; /* when it fails, not at every event again */
	e = setting_get(c, AUDIT_KEY_SETTING, &uri);
	if (e != INRO_OK || !uri || core_key_at_hand(c, uri, &key) != INRO_OK)
		return;
	e = sign_head(c, NULL, &s);
	if (e != INRO_OK)
		log_debug("the audit's head was not signed: %s", err_detail(e));
}

/* ---- receipts ---- */

static void set_hex(json_t *doc, const char *name, struct bytes value)
{
	SCOPED(buf) hex = { 0 };

	buf_add_hex(&hex, value);
	json_object_set_new(doc, name, json_stringn((const char *)hex.p, hex.n));
}

static enum inro_err write_receipt(const struct audit_mark *m, struct bytes before, struct buf *ret)
{
	json_t *doc = json_pack("{s:i s:I s:I s:I s:s}", "inro_audit_receipt", RECEIPT_FORMAT,
				"mark", (json_int_t)m->id, "event", (json_int_t)m->event, "at_ms",
				(json_int_t)m->at_ms, "key", m->key_uri);
	char *text;

	set_hex(doc, "hash", blob_bytes(&m->hash));
	set_hex(doc, "before", before);
	set_hex(doc, "signer", blob_bytes(&m->signer));
	set_hex(doc, "next", blob_bytes(&m->next));
	set_hex(doc, "signature", blob_bytes(&m->signature));
	text = json_dumps(doc, JSON_INDENT(1));
	json_decref(doc);
	if (!text)
		return err_set(INRO_E_NO_MEMORY, "no memory for a receipt");
	buf_addf(ret, "%s\n", text);
	free(text);
	return buf_err(ret);
}

static enum inro_err hand_over(struct signing *s, struct audit_mark *ret, struct buf *ret_receipt)
{
	struct audit_mark *m = &s->made[s->n - 1];
	const struct audit_mark *before = s->n > 1 ? &s->made[0] : &s->last;
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e = mark_digest(before, digest);

	if (e == INRO_OK && ret_receipt)
		e = write_receipt(m, BYTES(digest, before->id ? AUDIT_HASH : 0), ret_receipt);
	if (e != INRO_OK)
		return e;
	*ret = *m;
	*m = (struct audit_mark) { 0 };
	return INRO_OK;
}

static enum inro_err get_hex(const json_t *doc, const char *name, struct blob *ret)
{
	const char *text = json_string_value(json_object_get(doc, name));
	uint8_t room[AUDIT_RECEIPT_MAX / 2];
	size_t n = 0;
	enum inro_err e;

	if (!text)
		return err_set(INRO_E_SYNTAX, "a receipt has '%s'", name);
	e = hex_decode(bytes_of(text), room, sizeof room, &n);
	return e == INRO_OK ? blob_set(ret, BYTES(room, n)) : e;
}

static enum inro_err read_receipt_doc(const json_t *doc, struct audit_mark *m, struct blob *before)
{
	enum inro_err e = get_hex(doc, "hash", &m->hash);

	if (json_integer_value(json_object_get(doc, "inro_audit_receipt")) != RECEIPT_FORMAT)
		return err_set(INRO_E_SYNTAX, "that is no receipt of 'inro audit sign'");
	m->id = json_integer_value(json_object_get(doc, "mark"));
	m->event = json_integer_value(json_object_get(doc, "event"));
	m->at_ms = json_integer_value(json_object_get(doc, "at_ms"));
	if (e == INRO_OK)
		e = text_set(&m->key_uri, json_string_value(json_object_get(doc, "key")));
	if (e == INRO_OK)
		e = get_hex(doc, "before", before);
	if (e == INRO_OK)
		e = get_hex(doc, "signer", &m->signer);
	if (e == INRO_OK)
		e = get_hex(doc, "next", &m->next);
	if (e == INRO_OK)
		e = get_hex(doc, "signature", &m->signature);
	return e;
}

static enum inro_err read_receipt(struct bytes text, struct audit_mark *ret)
{
	SCOPED(audit_mark) m = { 0 };
	struct blob before = { 0 };
	json_t *doc = text.n <= AUDIT_RECEIPT_MAX ? json_loadb((const char *)text.p, text.n, 0, NULL) : NULL;
	enum inro_err e;

	if (!doc)
		return err_set(INRO_E_SYNTAX, "that is no receipt of 'inro audit sign'");
	e = read_receipt_doc(doc, &m, &before);
	if (e == INRO_OK && check_signature(&m, blob_bytes(&before)) != INRO_OK)
		e = err_set(INRO_E_SIGNATURE, "the receipt's own signature is wrong");
	json_decref(doc);
	blob_clear(&before);
	if (e != INRO_OK)
		return e;
	*ret = m;
	m = (struct audit_mark) { 0 };
	return INRO_OK;
}

enum inro_err mark_read_receipt(struct bytes text)
{
	SCOPED(audit_mark) given = { 0 };

	return read_receipt(text, &given);
}

enum inro_err mark_check_receipt(struct core *c, struct bytes text, struct audit_report *r)
{
	SCOPED(audit_mark) given = { 0 };
	SCOPED(audit_mark) kept = { 0 };
	enum inro_err e = read_receipt(text, &given);

	if (e != INRO_OK)
		return e;
	e = store_get(c->store, given.id, &kept);
	if (e == INRO_E_NOT_FOUND)
		return chain_found(r, given.event,
				   "was signed, says the receipt, and that is gone: "
				   "the database was set back");
	if (e == INRO_OK &&
	    (given.event != kept.event ||
	     !bytes_equal(blob_bytes(&given.signature), blob_bytes(&kept.signature))))
		e = chain_found(r, given.event,
				"was signed otherwise, says the receipt: the "
				"database is another one or was set back");
	return e;
}
