/* check - one object after the other, as a use would read it. */
#include "pkcs11/token/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "pkcs11/token/guards.h"
#include "pkcs11/token/object.h"
#include "pkcs11/token/people.h"

static void note(struct check_report *r, int64_t row, enum inro_err e)
{
	if (r->damaged++ == 0)
		snprintf(r->first, sizeof r->first, "object %lld: %s", (long long)row,
			 err_detail(e));
}

/* What is sealed beside keys, private attributes, object_read() opens. */
static enum inro_err read_one(struct object *o, bool open, struct check_report *r)
{
	struct loaded_key *key;
	enum inro_err e = object_read(o);

	if (e || !open || !o->private)
		return e;
	if (o->class == CKO_PRIVATE_KEY || o->class == CKO_SECRET_KEY)
		e = object_key(o, &key);
	r->sealed += e == INRO_OK;
	return e;
}

static enum inro_err look_at(struct token *t, const struct store_hit *hit, bool open,
			     struct check_report *r)
{
	struct object *o;
	enum inro_err e = objects_of_hit(t, hit, &o);

	if (e)
		return e;
	r->objects++;
	e = read_one(o, open, r);
	if (e == INRO_E_OBJECT_HANDLE) { /* removed by another process just now */
		err_reset();
		r->objects--;
		return INRO_OK;
	}
	if (e == INRO_E_NO_MEMORY || e == INRO_E_IO || e == INRO_E_BUSY)
		return e;
	if (e)
		note(r, hit->row, e);
	return INRO_OK;
}

enum inro_err check_opens(const struct token_row *row, struct bytes pin)
{
	const struct backend_ops *ops = backend_find(bytes_of(row->backend));
	struct backend *b;
	enum inro_err e;

	if (!ops)
		return err_set(INRO_E_UNSUPPORTED,
			       "its keys are kept by '%s', which is not offered", row->backend);
	if (row->auth_user.n == 0)
		return err_set(INRO_E_PIN_MISSING, "the user of this token has no PIN yet");
	e = ops->open(buf_bytes(&row->config), bytes_of(row->serial), &b);
	if (e)
		return e;
	e = ops->unlock(b, CKU_USER, buf_bytes(&row->auth_user), pin);
	ops->close(b);
	return e;
}

static enum inro_err read_all(struct token *t, bool open, struct check_report *r)
{
	struct store_query all = { .with_private = open };
	struct store_hit *hits = NULL;
	size_t n = 0;
	enum inro_err e = store_find(t->store, &all, &hits, &n);

	for (size_t i = 0; i < n && !e; i++)
		e = look_at(t, &hits[i], open, r);
	free(hits);
	return e;
}

/* Another thread's login that comes while this one waits is as good as one that was there. */
static enum inro_err log_in(struct token *t, struct bytes pin, bool *ret_mine)
{
	const struct who user = { .type = CKU_USER };
	enum inro_err e;

	if (t->login != TOKEN_NOBODY)
		return INRO_OK;
	if (pin.n == 0)
		return guards_open(t, &user);
	e = token_login(t, &user, pin);
	*ret_mine = !e;
	if (e != INRO_E_USER_ALREADY_LOGGED_IN && e != INRO_E_ANOTHER_USER_LOGGED_IN)
		return e;
	err_reset();
	return INRO_OK;
}

enum inro_err token_check(struct token *t, struct bytes pin, struct check_report *ret)
{
	struct check_report r = { 0 };
	bool mine = false;
	enum inro_err e = store_check(t->store);

	if (!e)
		e = log_in(t, pin, &mine);
	if (e)
		return e;
	if (t->sessions == 0) /* what is remembered was good once */
		objects_drop_all(t);
	e = read_all(t, t->login == CKU_USER, &r);
	if (mine && token_logout(t))
		err_reset();
	if (!e)
		*ret = r;
	return e;
}
