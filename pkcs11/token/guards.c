#include "pkcs11/token/guards.h"

#include <string.h>

#include "base/homedir.h"
#include "base/log.h"
#include "base/own.h"

enum inro_err guards_list(struct token *t, struct buf *ret)
{
	return t->ops->forget_pin ? store_auth_list(t->store, ret) : INRO_OK;
}

static enum inro_err drop(const struct backend_ops *ops, struct backend *b, struct bytes auth)
{
	enum inro_err e = ops->forget_pin && auth.n > 0 ? ops->forget_pin(b, auth) : INRO_OK;

	if (e)
		log_debug("what guarded a PIN stays behind: %s", err_detail(e));
	return e;
}

void guards_drop_one(const struct backend_ops *ops, struct backend *b, struct bytes auth)
{
	SCOPED(err_kept) kept = err_keep();

	(void)drop(ops, b, auth);
}

enum inro_err guards_drop(const struct backend_ops *ops, struct backend *b, struct bytes list)
{
	struct bytes auth;
	enum inro_err first = INRO_OK;

	while (list.n > 0 && !read_field(&list, &auth)) {
		if (first)
			guards_drop_one(ops, b, auth);
		else
			first = drop(ops, b, auth);
	}
	return first;
}

void guards_keep_one(const struct backend_ops *ops, struct bytes auth)
{
	if (ops->kept && auth.n > 0)
		ops->kept(auth);
}

void guards_keep_row(const struct backend_ops *ops, const struct token_row *row)
{
	guards_keep_one(ops, buf_bytes(&row->auth_so));
	guards_keep_one(ops, buf_bytes(&row->auth_user));
}

void guards_keep_list(const struct backend_ops *ops, struct bytes list)
{
	struct bytes auth;

	while (list.n > 0 && !read_field(&list, &auth))
		guards_keep_one(ops, auth);
}

/* A record that can't be one has nothing outside. */
enum inro_err guards_leave(const struct backend_ops *ops, struct backend *b, struct bytes list)
{
	struct bytes auth;
	enum inro_err e = INRO_OK;

	while (!e && ops->leaving && list.n > 0 && !read_field(&list, &auth)) {
		e = ops->leaving(b, auth);
		e = e == INRO_E_DAMAGED ? INRO_OK : e;
	}
	return e;
}

static enum inro_err add_records(const char *home, CK_SLOT_ID slot, struct buf *ret)
{
	AUTO(free_chars) char *path = NULL;
	struct store *s;
	enum inro_err e = home_path(home, slot, &path);

	if (!e)
		e = store_open(path, false, &s);
	if (e)
		return e;
	e = store_auth_list(s, ret);
	store_close(s);
	return e;
}

/* Of all tokens: one that can't be read may name anything. */
static enum inro_err all_records(const char *home, struct buf *ret)
{
	SCOPED(home_slots) slots = { 0 };
	enum inro_err e = home_list(home, &slots);

	for (size_t i = 0; !e && i < slots.n; i++)
		e = add_records(home, slots.ids[i], ret);
	return e;
}

/* Backends keep their notes in the home of the process: what is noted there is recorded there. */
static bool is_the_home(const char *home)
{
	AUTO(free_chars) char *now = NULL;

	return !homedir(false, &now) && strcmp(now, home) == 0;
}

void guards_sweep(const char *home, const struct backend_ops *ops, struct backend *b)
{
	SCOPED(buf) records = { 0 };
	SCOPED(err_kept) kept = err_keep();
	enum inro_err e;

	if (!ops->has_strays || !is_the_home(home) || !ops->has_strays(b))
		return;
	e = all_records(home, &records);
	if (!e)
		e = ops->drop_strays(b, buf_bytes(&records));
	if (e)
		log_debug("what was left behind by another stays: %s", err_detail(e));
}

enum inro_err guards_open(struct token *t, const struct who *who)
{
	SCOPED(auth_row) row = { 0 };
	enum inro_err e = t->ops->guard_opens ? store_auth(t->store, who, &row) : INRO_OK;

	if (!e && row.auth.n > 0) {
		e = t->ops->guard_opens(t->backend, buf_bytes(&row.auth));
		if (e == INRO_E_TOKEN || e == INRO_E_DAMAGED)
			return e;
	}
	if (e)
		err_reset();
	return INRO_OK;
}

void guards_drop_row(const struct token_row *row)
{
	const struct backend_ops *ops = backend_find(bytes_of(row->backend));
	struct backend *b;

	if (!ops || !ops->forget_pin)
		return;
	if (ops->open(buf_bytes(&row->config), bytes_of(row->serial), &b))
		return;
	guards_drop_one(ops, b, buf_bytes(&row->auth_so));
	guards_drop_one(ops, b, buf_bytes(&row->auth_user));
	ops->close(b);
}

enum inro_err guards_set(const struct backend_ops *ops, struct backend *b, CK_USER_TYPE type,
			 struct bytes old, struct bytes pin, struct buf *ret_auth)
{
	return ops->change_pin && old.n > 0 ? ops->change_pin(b, type, old, pin, ret_auth)
					    : ops->set_pin(b, type, pin, ret_auth);
}
