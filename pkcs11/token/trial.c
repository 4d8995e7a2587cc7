/* trial - counted, derived, proved. */
#include "pkcs11/token/trial.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "pkcs11/token/guards.h"
#include "pkcs11/token/tries.h"

const char *trial_of_whom(CK_USER_TYPE user)
{
	return user == CKU_SO ? "security officer" : "user";
}

static enum inro_err wrong_pin(const struct token *t, const struct who *who, int64_t left)
{
	return err_set(INRO_E_PIN_WRONG, "wrong %s PIN for token '%.*s': %lld of %d tries left",
		       trial_of_whom(who->type), (int)t->row.label_n, (const char *)t->row.label,
		       (long long)(left > 0 ? left : 0), STORE_TRIES_MAX);
}

/* Our own connection's writes don't count as a change: token_look() would not read them. */
static void note_tries(struct token *t, const struct who *who, int64_t left)
{
	if (who->name.n > 0)
		return;
	if (who->type == CKU_SO)
		t->row.tries_so = left;
	else
		t->row.tries_user = left;
}

/* One person's; there are no more of them than people whom the store knows. */
struct wrong_here {
	CK_USER_TYPE type;
	uint8_t name[STORE_MAX_USER];
	size_t name_n;
	unsigned n;
};

static struct wrong_here *find_here(const struct token *t, const struct who *who)
{
	for (size_t i = 0; i < t->n_wrong_here; i++) {
		struct wrong_here *w = &t->wrong_here[i];

		if (w->type == who->type && bytes_equal(BYTES(w->name, w->name_n), who->name))
			return w;
	}
	return NULL;
}

static struct wrong_here *person_here(struct token *t, const struct who *who)
{
	struct wrong_here *w = find_here(t, who);

	if (w)
		return w;
	w = realloc(t->wrong_here, (t->n_wrong_here + 1) * sizeof *w);
	if (!w)
		return NULL;
	t->wrong_here = w;
	w += t->n_wrong_here++;
	*w = (struct wrong_here) { .type = who->type, .name_n = who->name.n };
	if (who->name.n > 0)
		memcpy(w->name, who->name.p, who->name.n);
	return w;
}

/* Where nothing can be written this process counts for itself. */
static enum inro_err take_try_here(struct token *t, const struct who *who, struct auth_row *row)
{
	enum inro_err e = store_take_try(t->store, who, row);
	struct wrong_here *w = e ? NULL : person_here(t, who);

	if (e)
		return e;
	if (!w)
		return err_set(INRO_E_NO_MEMORY, "no memory to count a try");
	row->tries -= 1 + (int64_t)w->n;
	if (row->tries < 0)
		return err_set(INRO_E_PIN_LOCKED, "too many wrong PINs from this program");
	w->n++;
	return INRO_OK;
}

static void give_back_here(struct token *t, const struct who *who, bool all)
{
	struct wrong_here *w = find_here(t, who);

	if (w && w->n > 0)
		w->n = all ? 0 : w->n - 1;
}

static enum inro_err give_back(struct token *t, const struct who *who)
{
	enum inro_err e = INRO_OK;

	if (store_is_read_only(t->store))
		give_back_here(t, who, true);
	else
		e = store_reset_tries(t->store, who);
	if (!e && !store_is_read_only(t->store))
		note_tries(t, who, STORE_TRIES_MAX);
	return e;
}

static enum inro_err note_left(struct token *t, const struct who *who)
{
	SCOPED(auth_row) row = { 0 };
	const struct wrong_here *w = find_here(t, who);
	enum inro_err e = store_auth(t->store, who, &row);

	if (!e)
		note_tries(t, who, row.tries - (w ? (int64_t)w->n : 0));
	return e;
}

void trial_init(struct trial *x, struct token *t, const struct who *who, struct bytes pin)
{
	*x = (struct trial) { .t = t, .who = *who, .pin = pin, .lock = -1 };
	if (who->name.n > STORE_MAX_USER)
		x->who.name.n = STORE_MAX_USER;
	if (x->who.name.n > 0)
		memcpy(x->name, who->name.p, x->who.name.n);
	x->who.name.p = x->name;
}

void trial_clear(struct trial *x)
{
	tries_leave(&x->lock);
	auth_row_clear(&x->row);
	secret_clear(&x->key);
	if (!x->entered)
		return;
	x->t->trying--;
	pthread_mutex_unlock(&x->t->turn);
}

void trial_let_others(struct trial *x)
{
	token_unlock(x->t);
}

void trial_come_back(struct trial *x)
{
	token_lock(x->t);
}

enum inro_err trial_enter(struct trial *x)
{
	struct token *t = x->t;
	bool counted = !store_is_read_only(t->store);
	enum inro_err e = INRO_OK;

	if (x->pin.n == 0 || x->pin.n > PIN_MAX)
		return err_set(INRO_E_PIN_WRONG, "no PIN has %zu bytes", x->pin.n);
	x->entered = true;
	t->trying++;
	trial_let_others(x);
	pthread_mutex_lock(&t->turn);
	if (counted)
		e = tries_enter(t->home, t->slot, x->alone, &x->lock);
	trial_come_back(x);
	return e;
}

static enum inro_err take_try(struct trial *x)
{
	struct token *t = x->t;
	enum inro_err e;

	if (store_is_read_only(t->store))
		return take_try_here(t, &x->who, &x->row);
	e = store_take_try(t->store, &x->who, &x->row);
	if (e == INRO_E_PIN_LOCKED) {
		trial_let_others(x);
		e = tries_alone(x->lock);
		trial_come_back(x);
		if (!e)
			e = store_take_try(t->store, &x->who, &x->row);
	}
	return e;
}

/* What was wrong first is told. */
enum inro_err trial_void(struct trial *x, enum inro_err e)
{
	struct token *t = x->t;
	SCOPED(err_kept) first = err_keep();
	enum inro_err kept = INRO_OK;

	if (store_is_read_only(t->store))
		give_back_here(t, &x->who, false);
	else
		kept = store_give_try(t->store, &x->who);
	if (!kept)
		kept = note_left(t, &x->who);
	if (kept)
		log_debug("a try that was none could not be given back");
	return e;
}

enum inro_err trial_take(struct trial *x)
{
	struct token *t = x->t;
	enum inro_err e = take_try(x);

	if (e == INRO_E_NOT_FOUND) /* names of users are not told */
		return err_set(INRO_E_PIN_WRONG, "wrong name or PIN");
	if (e)
		return e;
	if (!t->ops->stretch)
		return INRO_OK;
	trial_let_others(x);
	e = t->ops->stretch(x->who.type, buf_bytes(&x->row.auth), x->pin, &x->key);
	trial_come_back(x);
	if (e != INRO_E_PIN_WRONG)
		return e ? trial_void(x, e) : INRO_OK;
	note_tries(t, &x->who, x->row.tries);
	return wrong_pin(t, &x->who, x->row.tries);
}

/* The record is still the one that the try was taken of. */
static enum inro_err same_record(struct trial *x)
{
	SCOPED(auth_row) now = { 0 };
	enum inro_err e = store_auth(x->t->store, &x->who, &now);

	if (e == INRO_E_NOT_FOUND)
		return err_set(INRO_E_PIN_WRONG, "wrong name or PIN");
	if (!e && !bytes_equal(buf_bytes(&now.auth), buf_bytes(&x->row.auth)))
		e = err_set(INRO_E_PIN_WRONG, "the PIN was changed by somebody else meanwhile");
	return e;
}

static enum inro_err unlock(const struct trial *x, struct backend *b)
{
	const struct backend_ops *ops = x->t->ops;
	struct bytes auth = buf_bytes(&x->row.auth);

	return ops->stretch ? ops->unlock_by(b, x->who.type, auth, secret_bytes(&x->key))
			    : ops->unlock(b, x->who.type, auth, x->pin);
}

enum inro_err trial_prove(struct trial *x, struct backend *b)
{
	enum inro_err e = same_record(x);

	note_tries(x->t, &x->who, x->row.tries); /* not before: other threads would see a right PIN's try as a wrong one's */
	if (e == INRO_E_PIN_WRONG)
		return e;
	if (!e)
		e = unlock(x, b);
	if (e == INRO_E_PIN_WRONG)
		return wrong_pin(x->t, &x->who, x->row.tries);
	if (e)
		return e == INRO_E_PIN_LOCKED ? e : trial_void(x, e);
	return give_back(x->t, &x->who);
}

void new_pin_clear(struct new_pin *n)
{
	buf_clear(&n->begun);
	secret_clear(&n->key);
	n->pin = BYTES_NONE;
}

enum inro_err trial_begin_pin(struct trial *x, struct new_pin *n)
{
	const struct backend_ops *ops = x->t->ops;
	enum inro_err e;

	if (!ops->begin_pin)
		return INRO_OK;
	trial_let_others(x);
	e = ops->begin_pin(x->who.type, n->pin, &n->begun, &n->key);
	trial_come_back(x);
	return e;
}

enum inro_err trial_record(const struct trial *x, struct backend *b, struct bytes old,
			   const struct new_pin *n, struct buf *ret_auth)
{
	const struct backend_ops *ops = x->t->ops;

	return ops->begin_pin ? ops->set_pin_by(b, x->who.type, buf_bytes(&n->begun),
						secret_bytes(&n->key), ret_auth)
			      : guards_set(ops, b, x->who.type, old, n->pin, ret_auth);
}
