/* keep - new objects get their place: rows in the store, in one transaction, or the session. */
#include "pkcs11/token/objects.h"

#include <stdlib.h>

#include "base/secret.h"

/* A pair, or what one derivation makes. */
#define KEEP_MAX (1 + MECH_MORE_KEYS)

static enum inro_err name_it(struct object *o)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = random_fill(o->uid, sizeof o->uid);

	if (e)
		return e;
	buf_add_hex(&text, BYTES(o->uid, sizeof o->uid));
	e = buf_err(&text);
	return e ? e : attrs_set(&o->attrs, CKA_UNIQUE_ID, buf_bytes(&text));
}

static enum inro_err keep_in_store(struct token *t, struct object *const *list, size_t n)
{
	struct record records[KEEP_MAX] = { 0 };
	struct record *rows[KEEP_MAX] = { 0 };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < n && !e; i++) {
		list[i]->version = 1;
		e = object_record(list[i], &records[i]);
		rows[i] = &records[i];
	}
	if (!e)
		e = store_insert(t->store, rows, n);
	for (size_t i = 0; i < n; i++) {
		if (!e)
			list[i]->row = records[i].row;
		record_clear(&records[i]);
	}
	return e;
}

/* All of them are in the store or all in the session: the caller has seen to that for pairs. */
static enum inro_err keep_alike(struct session *s, struct object *const *list, size_t n)
{
	struct token *t = s->token;
	enum inro_err e = INRO_OK;

	if (n == 0)
		return INRO_OK;
	if (attrs_bool(&list[0]->attrs, CKA_TOKEN, false))
		e = keep_in_store(t, list, n);
	for (size_t i = 0; i < n && !e; i++) {
		list[i]->owner = list[i]->row ? 0 : s->handle;
		list[i]->epoch = t->epoch + 1;
		e = objects_add(list[i]);
		if (!e && list[i]->row)
			warm_touch(list[i]);
	}
	return e;
}

/* Before the store is written to: what is in it must not fail afterwards. */
static enum inro_err reserve(struct token *t, size_t n)
{
	enum inro_err e = map_reserve(&t->by_handle, n);

	return e ? e : map_reserve(&t->by_row, n);
}

enum inro_err objects_keep(struct session *s, struct object *const *list, size_t n)
{
	enum inro_err e;
	bool alike = true;

	if (n > KEEP_MAX)
		return INRO_E_ARG;
	e = reserve(s->token, n);
	for (size_t i = 0; i < n && !e; i++) {
		bool in_token = attrs_bool(&list[i]->attrs, CKA_TOKEN, false);

		alike = alike && in_token == attrs_bool(&list[0]->attrs, CKA_TOKEN, false);
		list[i]->private = attrs_bool(&list[i]->attrs, CKA_PRIVATE, false);
		e = session_may_keep(s, list[i]);
		if (!e)
			e = name_it(list[i]);
	}
	if (e || alike)
		return e ? e : keep_alike(s, list, n);
	if (n > 2)
		return INRO_E_ARG;
	/* One half in the store, one in the session: the store's, which can fail, goes first. */
	size_t first = attrs_bool(&list[0]->attrs, CKA_TOKEN, false) ? 0 : 1;

	e = keep_alike(s, &list[first], 1);
	return e ? e : keep_alike(s, &list[1 - first], 1);
}

enum inro_err objects_keep_new(struct session *s, struct object *const *list, size_t n)
{
	enum inro_err e = INRO_OK;

	token_lock(s->token);
	for (size_t i = 0; i < n && !e; i++) {
		if (list[i]->key && !loaded_key_is_live(list[i]->key))
			e = err_set(INRO_E_LOGIN, "the user logged out while the key was made");
	}
	if (!e)
		e = objects_keep(s, list, n);
	token_unlock(s->token);
	return e;
}
