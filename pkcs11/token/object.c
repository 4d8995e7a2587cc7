/* object - handles, reading, sealing, loading. */
#include "pkcs11/token/object.h"

#include <stdlib.h>
#include <string.h>

#include "pkcs11/token/cold.h"
#include "pkcs11/token/record.h"
#include "pkcs11/token/template.h"

static _Atomic CK_OBJECT_HANDLE last_handle;

bool loaded_key_is_live(const struct loaded_key *k)
{
	return k->epoch == atomic_load(&k->token->login_epoch);
}

static void unload(struct token *t, backend_key key, uint64_t epoch)
{
	token_enter_gate(t);
	if (epoch == atomic_load(&t->login_epoch))
		t->ops->unload(t->backend, key);
	token_leave_gate(t);
}

enum inro_err loaded_key_new(struct token *t, backend_key key, uint64_t epoch,
			     struct loaded_key **ret)
{
	struct loaded_key *k = malloc(sizeof *k);

	if (!k) {
		unload(t, key, epoch);
		return err_set(INRO_E_NO_MEMORY, "no memory for a key");
	}
	*k = (struct loaded_key) { .token = t, .key = key, .epoch = epoch };
	atomic_init(&k->refs, 1);
	*ret = k;
	return INRO_OK;
}

struct loaded_key *loaded_key_ref(struct loaded_key *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void loaded_key_unref(struct loaded_key *k)
{
	if (!k || atomic_fetch_sub(&k->refs, 1) != 1)
		return;
	unload(k->token, k->key, k->epoch);
	free(k);
}

enum inro_err object_new(struct token *t, const struct object_kind *kind, struct object **ret)
{
	struct object *o = calloc(1, sizeof *o);

	if (!o)
		return err_set(INRO_E_NO_MEMORY, "no memory for an object");
	o->token = t;
	o->kind = kind;
	o->class = kind ? kind->class : CK_UNAVAILABLE_INFORMATION;
	atomic_init(&o->refs, 1);
	*ret = o;
	return INRO_OK;
}

struct object *object_ref(struct object *o)
{
	atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}

void object_unref(struct object *o)
{
	if (!o || atomic_fetch_sub(&o->refs, 1) != 1)
		return;
	loaded_key_unref(o->key);
	pkey_unref(o->pub);
	attrs_clear(&o->attrs);
	free(o);
}

void object_unref_ptr(struct object **o)
{
	object_unref(*o);
}

bool object_visible(const struct object *o)
{
	return !o->gone && (!o->private || o->token->login == CKU_USER);
}

enum inro_err objects_add(struct object *o)
{
	struct token *t = o->token;
	enum inro_err e;

	o->handle = atomic_fetch_add(&last_handle, 1) + 1;
	e = map_put(&t->by_handle, o->handle, o);
	if (!e && o->row) {
		e = map_put(&t->by_row, (uint64_t)o->row, o);
		if (e)
			map_remove(&t->by_handle, o->handle);
	}
	if (e)
		return e;
	t->session_objects += !o->row && !o->own;
	object_ref(o);
	return INRO_OK;
}

void object_drop(struct object *o)
{
	struct token *t = o->token;

	if (o->gone)
		return;
	o->gone = true;
	t->session_objects -= !o->row && !o->own;
	map_remove(&t->by_handle, o->handle);
	map_remove(&t->by_row, (uint64_t)o->row);
	warm_leave(o);
	object_unref(o);
}

struct object *objects_next(const struct token *t, size_t *at)
{
	struct object *o;

	while ((o = map_next(&t->by_handle, at)) != NULL && cold_is(o))
		continue;
	return o;
}

struct chosen {
	bool (*want)(const struct object *, CK_ULONG);
	CK_ULONG arg;
	bool (*want_cold)(struct cold); /* NULL: none */
};

static bool is_chosen(const struct chosen *c, const void *entry)
{
	if (cold_is(entry))
		return c->want_cold && c->want_cold(cold_of(entry));
	return c->want(entry, c->arg);
}

static void drop_entry(struct token *t, void *entry)
{
	uint64_t row;

	if (!cold_is(entry)) {
		object_drop(entry);
		return;
	}
	row = (uint64_t)cold_of(entry).row;
	map_remove(&t->by_handle, cold_handle(map_get(&t->by_row, row)));
	map_remove(&t->by_row, row);
}

/* Collected first: the map must not change under its own walk. */
static void drop_where(struct token *t, const struct chosen *c)
{
	void **list = calloc(t->by_handle.n + 1, sizeof *list);
	size_t at = 0, n = 0;
	void *entry;

	if (!list) {
		/* Without memory for a list: one at a time, from the start each time. */
		while ((entry = map_next(&t->by_handle, &at)) != NULL) {
			if (!is_chosen(c, entry))
				continue;
			drop_entry(t, entry);
			at = 0;
		}
		return;
	}
	while ((entry = map_next(&t->by_handle, &at)) != NULL) {
		if (is_chosen(c, entry))
			list[n++] = entry;
	}
	while (n > 0)
		drop_entry(t, list[--n]);
	free(list);
}

bool object_class_has_secret(CK_OBJECT_CLASS class)
{
	return class == CKO_PRIVATE_KEY || class == CKO_SECRET_KEY;
}

bool object_has_secret(const struct object *o)
{
	return object_class_has_secret(o->class);
}

/* Handles of what all may see stay (3.2 5.6.10).  A session's key is gone with what the backend had of
 * it; the token's is loaded again. */
static bool ends_with_login(const struct object *o, CK_ULONG arg)
{
	(void)arg;
	return o->private || (object_has_secret(o) && !o->row);
}

/* They are the token's, all of them. */
static bool ends_with_login_cold(struct cold c)
{
	return c.private;
}

static bool is_owned_by(const struct object *o, CK_ULONG session)
{
	return o->owner == session;
}

static bool is_any(const struct object *o, CK_ULONG arg)
{
	(void)o;
	(void)arg;
	return true;
}

static bool is_any_cold(struct cold c)
{
	(void)c;
	return true;
}

void objects_drop_private(struct token *t)
{
	drop_where(t, &(struct chosen) { ends_with_login, 0, ends_with_login_cold });
}

void objects_drop_session(struct token *t, CK_SESSION_HANDLE session)
{
	if (t->session_objects > 0)
		drop_where(t, &(struct chosen) { is_owned_by, session, NULL });
}

void objects_drop_all(struct token *t)
{
	free(t->own);
	t->own = NULL;
	t->own_n = 0;
	drop_where(t, &(struct chosen) { is_any, 0, is_any_cold });
	map_clear(&t->by_handle);
	map_clear(&t->by_row);
}

/* One of the store that is not in memory, with what is known of it before it is read. */
static enum inro_err object_of(struct token *t, const struct store_hit *hit, struct object **ret)
{
	enum inro_err e = object_new(t, NULL, ret);

	if (e)
		return e;
	(*ret)->row = hit->row;
	(*ret)->class = hit->class;
	(*ret)->private = hit->private;
	return INRO_OK;
}

static enum inro_err add_new(struct token *t, const struct store_hit *hit, struct object **ret)
{
	struct object *o;
	enum inro_err e = object_of(t, hit, &o);

	if (e)
		return e;
	e = objects_add(o);
	object_unref(o);
	if (!e)
		*ret = o;
	return e;
}

/* In place of its cold entries. */
static enum inro_err wake(struct token *t, CK_OBJECT_HANDLE handle, const struct store_hit *hit,
			  struct object **ret)
{
	struct object *o;
	enum inro_err e = object_of(t, hit, &o);

	if (e)
		return e;
	o->handle = handle;
	map_set(&t->by_handle, handle, o);
	map_set(&t->by_row, (uint64_t)hit->row, o);
	*ret = o; /* the reference is the maps' */
	return INRO_OK;
}

/* Without a number it would be taken for a session's, and never be read: such a one is nobody's. */
static enum inro_err check_row(const struct store_hit *hit)
{
	if (hit->row > 0)
		return INRO_OK;
	return err_set(INRO_E_DAMAGED, "a record has the number %lld", (long long)hit->row);
}

enum inro_err objects_of_hit(struct token *t, const struct store_hit *hit, struct object **ret)
{
	enum inro_err e = check_row(hit);
	void *entry = e ? NULL : map_get(&t->by_row, (uint64_t)hit->row);

	if (e)
		return e;
	if (!entry)
		return add_new(t, hit, ret);
	if (cold_is(entry))
		return wake(t, cold_handle(entry), hit, ret);
	*ret = entry;
	return INRO_OK;
}

static void *cold_entry_of(const struct store_hit *hit)
{
	return cold_entry((struct cold) { .row = hit->row,
					  .private = hit->private,
					  .secret = object_class_has_secret(hit->class) });
}

/* A handle for one that nobody has looked at yet. */
static enum inro_err add_cold(struct token *t, const struct store_hit *hit, CK_OBJECT_HANDLE *ret)
{
	CK_OBJECT_HANDLE handle = atomic_fetch_add(&last_handle, 1) + 1;
	struct object *o;
	enum inro_err e;

	if (!cold_fits(hit->row, handle)) {
		e = add_new(t, hit, &o);
		if (!e)
			*ret = o->handle;
		return e;
	}
	e = map_put(&t->by_handle, handle, cold_entry_of(hit));
	if (e)
		return e;
	e = map_put(&t->by_row, (uint64_t)hit->row, cold_handle_entry(handle));
	if (e)
		map_remove(&t->by_handle, handle);
	else
		*ret = handle;
	return e;
}

enum inro_err objects_handle_of_hit(struct token *t, const struct store_hit *hit,
				    CK_OBJECT_HANDLE *ret)
{
	enum inro_err e = check_row(hit);
	void *entry = e ? NULL : map_get(&t->by_row, (uint64_t)hit->row);

	if (e)
		return e;
	if (!entry)
		return add_cold(t, hit, ret);
	*ret = cold_is(entry) ? cold_handle(entry) : ((const struct object *)entry)->handle;
	return INRO_OK;
}

/* Its class is known when it is read: whether it is that of a secret is known now. */
static enum inro_err wake_handle(struct token *t, CK_OBJECT_HANDLE handle, const void *entry,
				 struct object **ret)
{
	struct cold c = cold_of(entry);

	return wake(t, handle,
		    &(struct store_hit) { .row = c.row,
					  .class = c.secret ? CKO_SECRET_KEY :
							      CK_UNAVAILABLE_INFORMATION,
					  .private = c.private },
		    ret);
}

enum inro_err objects_get(struct token *t, CK_OBJECT_HANDLE handle, struct object **ret)
{
	enum inro_err e = token_look(t, false);
	struct object *o = map_get(&t->by_handle, handle);

	if (!e && o && cold_is(o))
		e = wake_handle(t, handle, o, &o);
	if (e)
		return e;
	if (!o || !object_visible(o))
		return err_set(INRO_E_OBJECT_HANDLE, "there is no object with handle %lu", handle);
	e = object_read(o);
	if (e)
		return e;
	*ret = o;
	return INRO_OK;
}

void object_binding(const struct object *o, struct buf *ret)
{
	buf_add_field(ret, bytes_of("inro object 2"));
	buf_add_field(ret, bytes_of(o->token->row.serial));
	buf_add_field(ret, BYTES(o->uid, sizeof o->uid));
	buf_add_u64(ret, (uint64_t)o->version);
	record_write(o->kind, &o->attrs, RULE_POLICY, 0, ret);
}

static enum inro_err set_columns(struct object *o, const struct record *r)
{
	SCOPED(buf) uid = { 0 };
	enum inro_err e = attrs_set_ulong(&o->attrs, CKA_CLASS, r->class);

	buf_add_hex(&uid, BYTES(r->uid, sizeof r->uid));
	if (!e)
		e = buf_err(&uid);
	if (!e)
		e = attrs_set(&o->attrs, CKA_UNIQUE_ID, buf_bytes(&uid));
	if (!e)
		e = attrs_set_bool(&o->attrs, CKA_TOKEN, true);
	if (!e)
		e = attrs_set_bool(&o->attrs, CKA_PRIVATE, r->private);
	if (!e)
		e = attrs_set(&o->attrs, CKA_LABEL, r->label);
	if (!e && r->has_id)
		e = attrs_set(&o->attrs, CKA_ID, r->id);
	if (!e && r->key_type != CK_UNAVAILABLE_INFORMATION)
		e = attrs_set_ulong(&o->attrs, CKA_KEY_TYPE, r->key_type);
	return e;
}

/* What a private object that is no key has sealed. */
static enum inro_err unseal(struct object *o, const struct record *r)
{
	SCOPED(buf) binding = { 0 };
	SCOPED(secret) plain = { 0 };
	enum inro_err e;

	object_binding(o, &binding);
	e = buf_err(&binding);
	if (!e)
		e = o->token->ops->unseal(o->token->backend, r->sealed, buf_bytes(&binding),
					  &plain);
	return e ? e : record_read(o->kind, secret_bytes(&plain), &o->attrs);
}

static bool has_pair(const struct object_kind *kind)
{
	return kind->key != KEY_NONE && kind->key != KEY_SECRET;
}

static enum inro_err take_record(struct object *o, const struct record *r)
{
	const struct object_kind *kind = rule_kind(r->class, r->key_type);

	if (!kind)
		return err_set(INRO_E_DAMAGED, "an object of the unknown class 0x%lx", r->class);
	attrs_clear(&o->attrs);
	o->kind = kind;
	o->class = r->class;
	o->private = r->private;
	o->version = r->version;
	memcpy(o->uid, r->uid, sizeof o->uid);
	enum inro_err e = set_columns(o, r);

	if (!e)
		e = record_read(kind, r->attrs, &o->attrs);
	if (!e && kind->key == KEY_NONE && r->private)
		e = unseal(o, r);
	if (!e && has_pair(kind))
		e = object_set_parts(o);
	if (!e)
		e = template_imply(kind, &o->attrs);
	if (e == INRO_E_SYNTAX || e == INRO_E_UNSUPPORTED || e == INRO_E_CURVE ||
	    e == INRO_E_KEY_SIZE)
		e = err_set(INRO_E_DAMAGED, "an object's public key is damaged");
	return e;
}

/* A key that was loaded under another version of the record is loaded again, and its seal checked,
 * when it is next used; an operation that has begun with it ends with it. */
static void forget_keys(struct object *o)
{
	pkey_unref(o->pub);
	o->pub = NULL;
	loaded_key_unref(o->key);
	o->key = NULL;
}

void object_cool(struct object *o)
{
	struct token *t = o->token;

	warm_leave(o);
	forget_keys(o);
	attrs_clear(&o->attrs);
	o->epoch = 0;
	/* One that somebody else holds stays, as do its handle's entries. */
	if (atomic_load(&o->refs) > 1 || !cold_fits(o->row, o->handle))
		return;
	map_set(&t->by_handle, o->handle,
		cold_entry((struct cold) { o->row, o->private, object_has_secret(o) }));
	map_set(&t->by_row, (uint64_t)o->row, cold_handle_entry(o->handle));
	object_unref(o);
}

static enum inro_err read_again(struct object *o)
{
	SCOPED(record) r = { 0 };
	enum inro_err e = store_get(o->token->store, o->row, &r);

	if (e == INRO_E_OBJECT_HANDLE)
		object_drop(o);
	if (e)
		return e;
	forget_keys(o);
	o->epoch = 0; /* until all of it is taken: half of it is never looked at */
	return take_record(o, &r);
}

enum inro_err object_read(struct object *o)
{
	uint64_t now = o->token->epoch + 1;
	int64_t version = -1;
	enum inro_err e = INRO_OK;

	if (!o->row)
		return INRO_OK;
	if (o->epoch != 0 && o->epoch != now)
		e = store_version(o->token->store, o->row, &version);
	if (!e && (o->epoch == 0 || (o->epoch != now && version != o->version)))
		e = read_again(o);
	if (e)
		return e;
	o->epoch = now;
	warm_touch(o);
	return INRO_OK;
}

/* A public key that the security officer trusts has a seal, too: who can only write the file makes
 * none. */
#define TRUSTED_WORD "trusted"

static bool is_trusted_public(const struct object *o)
{
	return o->class == CKO_PUBLIC_KEY && attrs_bool(&o->attrs, CKA_TRUSTED, false);
}

enum inro_err object_check_trust(const struct object *o)
{
	SCOPED(record) r = { 0 };
	SCOPED(buf) binding = { 0 };
	SCOPED(secret) word = { 0 };
	struct token *t = o->token;
	enum inro_err e;

	if (!o->row || !is_trusted_public(o))
		return INRO_OK;
	e = store_get(t->store, o->row, &r);
	object_binding(o, &binding);
	if (!e)
		e = buf_err(&binding);
	if (!e)
		e = t->ops->unseal(t->backend, r.sealed, buf_bytes(&binding), &word);
	if (!e && !bytes_is(secret_bytes(&word), TRUSTED_WORD))
		e = err_set(INRO_E_DAMAGED, "a key that is said to be trusted has another's seal");
	return e;
}

static enum inro_err seal(struct object *o, struct bytes binding, struct buf *ret)
{
	SCOPED(buf) plain = { 0 };
	struct token *t = o->token;
	enum inro_err e;

	if (object_has_secret(o))
		return t->ops->seal_key(t->backend, o->key->key, binding, ret);
	if (is_trusted_public(o))
		return t->ops->seal(t->backend, bytes_of(TRUSTED_WORD), binding, ret);
	record_write(o->kind, &o->attrs, RULE_SEALED, RULE_COLUMN, &plain);
	e = buf_err(&plain);
	return e ? e : t->ops->seal(t->backend, buf_bytes(&plain), binding, ret);
}

static void point_into_room(struct record *r, const size_t at[4], size_t attrs_n)
{
	r->attrs = BYTES(r->room.p + at[0], attrs_n);
	r->sealed = BYTES(r->room.p + at[1], at[2] - at[1]);
	r->public_hash = BYTES(r->room.p + at[2], at[3] - at[2]);
}

/* Keys and certificates with a key of a known kind are found by it. */
static enum inro_err add_hash(const struct object *o, struct buf *ret)
{
	struct bytes spki = attrs_bytes(&o->attrs, CKA_PUBLIC_KEY_INFO);
	uint8_t hash[STORE_HASH];

	if (spki.n == 0 || record_hash_spki(spki, hash))
		return INRO_OK;
	buf_add(ret, BYTES(hash, sizeof hash));
	return buf_err(ret);
}

enum inro_err object_record(struct object *o, struct record *ret)
{
	SCOPED(record)
	r = { .row = o->row,
	      .version = o->version,
	      .class = o->class,
	      .key_type = o->kind->key_type,
	      .private = o->private };
	SCOPED(buf) binding = { 0 };
	unsigned hidden = o->private && o->kind->key == KEY_NONE ? RULE_SEALED : 0;
	bool sealed = object_has_secret(o) || hidden || is_trusted_public(o);
	size_t at[4] = { 0 };
	enum inro_err e;

	memcpy(r.uid, o->uid, sizeof r.uid);
	r.label = attrs_bytes(&o->attrs, CKA_LABEL);
	r.has_id = attrs_has(&o->attrs, CKA_ID);
	r.id = attrs_bytes(&o->attrs, CKA_ID);
	object_binding(o, &binding);
	record_write(o->kind, &o->attrs, 0,
		     hidden | RULE_COLUMN | RULE_PART | RULE_SECRET | RULE_COMPUTED, &r.room);
	at[1] = r.room.n;
	e = buf_err(&binding);
	if (!e && sealed)
		e = seal(o, buf_bytes(&binding), &r.room);
	at[2] = r.room.n;
	if (!e)
		e = add_hash(o, &r.room);
	at[3] = r.room.n;
	if (!e)
		e = buf_err(&r.room);
	if (e)
		return e;
	point_into_room(&r, at, at[1]);
	*ret = r;
	r = (struct record) { 0 };
	return INRO_OK;
}

static enum inro_err load_key(struct object *o)
{
	SCOPED(buf) binding = { 0 };
	SCOPED(record) r = { 0 };
	struct token *t = o->token;
	backend_key key;
	enum inro_err e = store_get(t->store, o->row, &r);

	if (e)
		return e;
	object_binding(o, &binding);
	e = buf_err(&binding);
	if (!e)
		e = t->ops->load(t->backend, r.sealed, buf_bytes(&binding), &key);
	return e ? e : loaded_key_new(t, key, atomic_load(&t->login_epoch), &o->key);
}

enum inro_err object_key(struct object *o, struct loaded_key **ret)
{
	if (o->token->login != CKU_USER)
		return err_set(INRO_E_LOGIN, "the user must log in before the key can be used");
	return object_load(o, ret);
}

enum inro_err object_load(struct object *o, struct loaded_key **ret)
{
	enum inro_err e = INRO_OK;

	if (o->token->login == TOKEN_NOBODY)
		return err_set(INRO_E_LOGIN, "nobody is logged in: the key can't be loaded");
	if (o->key && !loaded_key_is_live(o->key)) {
		loaded_key_unref(o->key);
		o->key = NULL;
	}
	if (!o->key && !o->row)
		return err_set(INRO_E_KEY_HANDLE, "the session key went with the logout");
	if (!o->key)
		e = load_key(o);
	if (!e)
		*ret = o->key;
	return e;
}

enum inro_err object_public(struct object *o, struct pkey **ret)
{
	if (!o->pub) {
		enum inro_err e =
			pkey_from_spki(attrs_bytes(&o->attrs, CKA_PUBLIC_KEY_INFO), &o->pub);

		if (e)
			return e;
	}
	*ret = o->pub;
	return INRO_OK;
}
