/* reply - see reply.h. */
#include "backoffice/core/reply.h"

#include "backoffice/core/internal.h"
#include "base/clock.h"

struct asking {
	struct bytes key, digest;
	struct reply out;
	bool busy; /* another one is at it */
};

static enum inro_err drop_where(struct core *c, struct store_query q)
{
	int64_t n = 0;

	return store_delete(c->store, &reply_type, &q, &n);
}

static enum inro_err drop_old(struct core *c, void *arg)
{
	int64_t now = clock_now_ms();
	const struct store_cond old = { .field = "created_ms", .op = STORE_LT, .number = now - REPLY_KEEP_MS };
	const struct store_cond ahead = { .field = "created_ms", .op = STORE_GT, .number = now + REPLY_KEEP_MS };
	enum inro_err e = drop_where(c, (struct store_query) { .conds = &old, .n = 1 });

	(void)arg;
	return e == INRO_OK ? drop_where(c, (struct store_query) { .conds = &ahead, .n = 1 }) : e;
}

enum inro_err reply_purge(struct core *c)
{
	return core_write(c, drop_old, NULL);
}

static enum inro_err insert_reply(struct core *c, struct asking *a)
{
	enum inro_err e = blob_set(&a->out.key, a->key);

	a->out.id = 0;
	a->out.tenant = c->tenant;
	a->out.created_ms = clock_now_ms();
	if (e == INRO_OK)
		e = blob_set(&a->out.digest, a->digest);
	return e == INRO_OK ? store_insert(c->store, &a->out) : e;
}

static enum inro_err judge_reply(struct core *c, struct asking *a)
{
	if (!bytes_equal(blob_bytes(&a->out.digest), a->digest))
		return err_set(INRO_E_POLICY, "this idempotency key was used for another request");
	if (a->out.status > REPLY_BEGUN)
		return INRO_OK;
	a->busy = !clock_is_over(a->out.created_ms, REPLY_WORK_MS);
	if (a->busy || a->out.status == REPLY_BEGUN)
		return INRO_OK;
	a->out.created_ms = clock_now_ms();
	return store_update(c->store, &a->out);
}

static enum inro_err begin_work(struct core *c, void *arg)
{
	struct asking *a = arg;
	const struct store_cond by_key = { .field = "key", .bytes = a->key };
	const struct store_query q = { .conds = &by_key, .n = 1 };
	enum inro_err e = drop_old(c, NULL);

	reply_clear(&a->out);
	a->busy = false;
	if (e == INRO_OK)
		e = store_find(c->store, &q, &a->out);
	if (e == INRO_E_NOT_FOUND)
		return insert_reply(c, a);
	return e == INRO_OK ? judge_reply(c, a) : e;
}

enum inro_err reply_begin(struct core *c, struct bytes key, struct bytes digest, struct reply *ret)
{
	struct asking a = { .key = key, .digest = digest };
	enum inro_err e = core_write(c, begin_work, &a);

	/* Not in the transaction: that would be tried again. */
	if (e == INRO_OK && a.busy)
		e = err_set(INRO_E_BUSY, "this request is being worked at");
	if (e != INRO_OK) {
		reply_clear(&a.out);
		return e;
	}
	*ret = a.out;
	return INRO_OK;
}

void reply_bind(struct core *c, const struct reply *r)
{
	c->reply = r ? r->id : 0;
	c->reply_ms = r ? r->created_ms : 0;
}

enum inro_err reply_hold(struct core *c)
{
	SCOPED(reply) r = { 0 };
	enum inro_err e = store_get(c->store, c->reply, &r);

	if (e == INRO_E_NOT_FOUND || (e == INRO_OK && r.created_ms != c->reply_ms) ||
	    (e == INRO_OK && r.status > REPLY_BEGUN))
		return err_set(INRO_E_STATE, "the same request was sent again meanwhile, and is done by that");
	if (e != INRO_OK || r.status == REPLY_BEGUN)
		return e;
	r.status = REPLY_BEGUN;
	return store_update(c->store, &r);
}

struct ending {
	const struct reply *of;
	int status;
	const char *type;
	struct bytes body;
};

static enum inro_err end_work(struct core *c, void *arg)
{
	const struct ending *x = arg;
	SCOPED(reply) r = { 0 };
	enum inro_err e = store_get(c->store, x->of->id, &r);

	if (e == INRO_E_NOT_FOUND || (e == INRO_OK && r.created_ms != x->of->created_ms))
		return INRO_OK; /* it is another one's by now */
	r.status = x->status;
	if (e == INRO_OK)
		e = text_set(&r.type, x->type);
	if (e == INRO_OK)
		e = blob_set(&r.body, x->body);
	return e == INRO_OK ? store_update(c->store, &r) : e;
}

enum inro_err reply_end(struct core *c, const struct reply *r, int status, const char *type,
			struct bytes body)
{
	struct ending x = { r, status, type, body.n > REPLY_MAX ? BYTES_NONE : body };

	return core_write(c, end_work, &x);
}

static enum inro_err drop_work(struct core *c, void *arg)
{
	const struct reply *r = arg;
	const struct store_cond conds[] = {
		{ .field = "id", .number = r->id },
		{ .field = "created_ms", .number = r->created_ms },
		{ .field = "status", .number = 0 },
	};

	return drop_where(c, (struct store_query) { STORE_WHERE(conds) });
}

enum inro_err reply_drop(struct core *c, const struct reply *r)
{
	struct reply of = { .id = r->id, .created_ms = r->created_ms };

	return core_write(c, drop_work, &of);
}
