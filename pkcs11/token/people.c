/* people - PINs and logins. */
#include "pkcs11/token/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "pkcs11/token/guards.h"
#include "pkcs11/token/object.h"
#include "pkcs11/token/settings.h"
#include "pkcs11/token/trial.h"

static const struct who the_user = { .type = CKU_USER };

/* ---- the form of a PIN ---- */

enum sort { LOWER = 1, UPPER = 2, DIGIT = 4, OTHER = 8 };

static unsigned sort_of(uint8_t c)
{
	if (c >= 'a' && c <= 'z')
		return LOWER;
	if (c >= 'A' && c <= 'Z')
		return UPPER;
	return c >= '0' && c <= '9' ? DIGIT : OTHER;
}

/* Text in UTF-8 without NUL; what kinds of characters it has. */
static enum inro_err read_text(struct bytes text, const char *what, unsigned *ret_classes)
{
	unsigned classes = 0;

	if (!utf8_is_text(text, NULL))
		return err_set(INRO_E_PIN_INVALID, "%s is text in UTF-8", what);
	for (size_t i = 0; i < text.n; i++)
		classes |= sort_of(text.p[i]);
	*ret_classes = classes;
	return INRO_OK;
}

enum inro_err token_check_new_pin(struct bytes pin)
{
	const struct settings *s = settings_get();
	unsigned classes = 0;

	if (pin.n < s->pin_min || pin.n > s->pin_max)
		return err_set(INRO_E_PIN_FORMAT, "a PIN has %u to %u bytes", s->pin_min,
			       s->pin_max);
	enum inro_err e = read_text(pin, "a PIN", &classes);

	if (e)
		return e;
	if ((unsigned)__builtin_popcount(classes) < s->pin_classes)
		return err_set(INRO_E_PIN_WEAK,
			       "a PIN has %u of these: small letters, capitals, digits, others",
			       s->pin_classes);
	return INRO_OK;
}

/* ---- logins ---- */

struct who token_who(const struct token *t)
{
	return (struct who) { .type = t->login, .name = BYTES(t->login_name, t->login_name_n) };
}

static enum inro_err may_log_in(const struct token *t, const struct who *who)
{
	struct who now = token_who(t);

	if (who->type != CKU_SO && who->type != CKU_USER)
		return err_set(INRO_E_USER_TYPE, "user type %lu is not offered", who->type);
	if (who->name.n > STORE_MAX_USER)
		return err_set(INRO_E_PIN_WRONG, "wrong name or PIN");
	if (now.type == who->type && bytes_equal(now.name, who->name))
		return err_set(INRO_E_USER_ALREADY_LOGGED_IN, "the %s is logged in already",
			       trial_of_whom(who->type));
	if (now.type != TOKEN_NOBODY)
		return err_set(INRO_E_ANOTHER_USER_LOGGED_IN, "the %s is logged in; log out first",
			       trial_of_whom(now.type));
	if (who->type == CKU_SO && t->sessions != t->rw_sessions)
		return err_set(INRO_E_SESSION_READ_ONLY_EXISTS,
			       "close the read-only sessions before the security officer logs in");
	return INRO_OK;
}

static void note_login(struct token *t, const struct who *who, bool must_change)
{
	t->login = who->type;
	t->login_name_n = who->name.n;
	if (who->name.n > 0)
		memcpy(t->login_name, who->name.p, who->name.n);
	atomic_store(&t->pin_expired, must_change);
}

enum inro_err token_may_login(struct token *t, const struct who *who)
{
	enum inro_err e = token_look(t, true);

	return e ? e : may_log_in(t, who);
}

/* Others could log in, and open sessions, while this one waited. */
static enum inro_err try_login(struct trial *x)
{
	enum inro_err e = trial_enter(x);

	if (!e)
		e = token_may_login(x->t, &x->who);
	if (!e)
		e = trial_take(x);
	if (e)
		return e;
	e = token_may_login(x->t, &x->who);
	return e ? trial_void(x, e) : INRO_OK;
}

enum inro_err token_login(struct token *t, const struct who *who, struct bytes pin)
{
	SCOPED(trial) x;
	enum inro_err e;

	trial_init(&x, t, who, pin);
	e = token_may_login(t, who);
	if (!e)
		e = try_login(&x);
	if (e)
		return e;
	token_close_gate(t);
	e = trial_prove(&x, t->backend);
	if (e)
		t->ops->lock(t->backend);
	else
		note_login(t, &x.who, x.row.must_change);
	atomic_fetch_add(&t->login_epoch, 1);
	token_leave_gate(t);
	return e;
}

enum inro_err token_logout(struct token *t)
{
	if (t->login == TOKEN_NOBODY)
		return err_set(INRO_E_LOGIN, "nobody is logged in");
	token_close_gate(t);
	t->ops->lock(t->backend);
	note_login(t, &(struct who) { .type = TOKEN_NOBODY }, false);
	atomic_fetch_add(&t->login_epoch, 1);
	token_leave_gate(t);
	objects_drop_private(t);
	return INRO_OK;
}

/* A named user whom the SO has removed is logged in no more. */
enum inro_err token_reread_login(struct token *t)
{
	SCOPED(auth_row) row = { 0 };
	struct who who = token_who(t);
	enum inro_err e;

	if (who.type == TOKEN_NOBODY)
		return INRO_OK;
	e = store_auth(t->store, &who, &row);
	if (e == INRO_E_NOT_FOUND)
		return token_logout(t);
	if (!e)
		atomic_store(&t->pin_expired, row.must_change);
	return e;
}

/* An instance of the backend beside the token's own, unlocked by the PIN of who has his turn: what a
 * failed try leaves behind does not touch who is logged in. */
static enum inro_err open_beside(struct trial *x, struct backend **ret)
{
	struct token *t = x->t;
	struct backend *b;
	enum inro_err e = token_look(t, true);

	if (!e)
		e = t->ops->open(buf_bytes(&t->row.config), bytes_of(t->row.serial), &b);
	if (e)
		return e;
	e = trial_take(x);
	if (!e)
		e = trial_prove(x, b);
	if (e) {
		t->ops->close(b);
		return e;
	}
	*ret = b;
	return INRO_OK;
}

enum inro_err token_prove_pin(struct token *t, const struct who *who, struct bytes pin)
{
	SCOPED(trial) x;
	struct backend *b;
	enum inro_err e;

	trial_init(&x, t, who, pin);
	e = trial_enter(&x);
	if (!e)
		e = open_beside(&x, &b);
	if (!e)
		t->ops->close(b);
	return e;
}

enum inro_err token_prove_login(struct token *t, struct bytes pin)
{
	uint64_t epoch = atomic_load(&t->login_epoch);
	struct who who = token_who(t);
	enum inro_err e;

	if (who.type == TOKEN_NOBODY)
		return err_set(INRO_E_LOGIN, "nobody is logged in");
	e = token_prove_pin(t, &who, pin);
	if (!e && atomic_load(&t->login_epoch) != epoch)
		e = err_set(INRO_E_LOGIN, "the login ended while the PIN was tried");
	return e;
}

/* ---- setting one ---- */

static enum inro_err need_officer(struct token *t)
{
	enum inro_err e = token_look(t, true);

	if (!e && store_is_read_only(t->store))
		e = err_set(INRO_E_TOKEN_WRITE_PROTECTED, "the token can only be read here");
	if (!e && t->login != CKU_SO)
		e = err_set(INRO_E_LOGIN, "the security officer must be logged in");
	return e;
}

/* A record that took the place of another: what that one has outside goes. */
static void drop_replaced(struct token *t, struct bytes old, struct bytes now)
{
	if (!bytes_equal(old, now))
		guards_drop_one(t->ops, t->backend, old);
}

/* What the record has outside that could not be kept, without losing what was wrong. */
static enum inro_err drop_made(struct token *t, struct bytes made, enum inro_err e)
{
	guards_drop_one(t->ops, t->backend, made);
	return e;
}

/* Nothing when no PIN is set. */
static enum inro_err record_of(struct token *t, const struct who *who, struct auth_row *ret)
{
	enum inro_err e = store_auth(t->store, who, ret);

	return e == INRO_E_PIN_MISSING ? INRO_OK : e;
}

static enum inro_err make_record(struct trial *x, struct bytes old, const struct new_pin *fresh,
				 struct buf *ret)
{
	token_close_gate(x->t);
	enum inro_err e = trial_record(x, x->t->backend, old, fresh, ret);

	token_leave_gate(x->t);
	return e;
}

/* The auth record for a PIN, by the officer's login; `old`: the one that is there, read anew, or NULL.
 * Others have had the token: who was the officer may have gone, or the token have become another. */
static enum inro_err officers_record(struct trial *x, struct auth_row *old, struct buf *ret)
{
	SCOPED(new_pin) fresh = { .pin = x->pin };
	enum inro_err e = trial_enter(x);

	if (!e)
		e = trial_begin_pin(x, &fresh);
	if (!e)
		e = need_officer(x->t);
	if (!e && old)
		e = record_of(x->t, &x->who, old);
	return e ? e : make_record(x, old ? buf_bytes(&old->auth) : BYTES_NONE, &fresh, ret);
}

static enum inro_err may_set(struct token *t, const struct who *who, struct bytes pin,
			     struct auth_row *old)
{
	enum inro_err e = need_officer(t);

	if (!e)
		e = token_check_new_pin(pin);
	return e ? e : record_of(t, who, old);
}

/* Where no record tells that a PIN was changed nobody proves one meanwhile. */
static bool changes_in_place(const struct token *t)
{
	return t->ops->change_pin != NULL;
}

enum inro_err token_init_pin(struct token *t, const struct who *who, struct bytes pin,
			     bool must_change)
{
	SCOPED(trial) x;
	SCOPED(auth_row) old = { 0 };
	SCOPED(buf) auth = { 0 };
	enum inro_err e = may_set(t, who, pin, &old);

	trial_init(&x, t, who, pin);
	x.alone = changes_in_place(t);
	if (!e)
		e = officers_record(&x, &old, &auth);
	if (e)
		return e;
	e = store_set_auth(t->store, who, buf_bytes(&auth), must_change);
	/* what is changed, not made anew, goes on guarding the PIN that there was: its record is
	 * the same */
	if (e && !bytes_equal(buf_bytes(&old.auth), buf_bytes(&auth)))
		guards_drop_one(t->ops, t->backend, buf_bytes(&auth));
	if (e)
		return e;
	guards_keep_one(t->ops, buf_bytes(&auth));
	drop_replaced(t, buf_bytes(&old.auth), buf_bytes(&auth));
	token_changed(t);
	return INRO_OK;
}

static enum inro_err check_name(const struct who *who)
{
	unsigned classes;

	if (who->name.n == 0 || who->name.n > STORE_MAX_USER)
		return err_set(INRO_E_ARG, "a user's name has 1 to %d bytes", STORE_MAX_USER);
	if (who->type != CKU_SO && who->type != CKU_USER)
		return err_set(INRO_E_USER_TYPE, "user type %lu is not offered", who->type);
	if (read_text(who->name, "a name", &classes))
		return err_set(INRO_E_ARG, "a user's name is text in UTF-8");
	for (size_t i = 0; i < who->name.n; i++)
		if (who->name.p[i] < 0x20 || who->name.p[i] == 0x7f)
			return err_set(INRO_E_ARG, "a user's name has no control characters");
	return INRO_OK;
}

enum inro_err token_user_add(struct token *t, const struct who *who, struct bytes pin,
			     bool must_change)
{
	SCOPED(trial) x;
	SCOPED(buf) auth = { 0 };
	enum inro_err e = need_officer(t);

	if (!e)
		e = check_name(who);
	if (!e)
		e = token_check_new_pin(pin);
	trial_init(&x, t, who, pin);
	if (!e)
		e = officers_record(&x, NULL, &auth);
	if (e)
		return e;
	e = store_user_add(t->store, who, buf_bytes(&auth), must_change);
	if (e)
		return drop_made(t, buf_bytes(&auth), e);
	guards_keep_one(t->ops, buf_bytes(&auth));
	return INRO_OK;
}

/* Of either type. */
static enum inro_err record_of_name(struct token *t, struct bytes name, struct auth_row *ret)
{
	struct who who = { .type = CKU_SO, .name = name };
	enum inro_err e = store_auth(t->store, &who, ret);

	if (e != INRO_E_NOT_FOUND)
		return e;
	who.type = CKU_USER;
	return store_auth(t->store, &who, ret);
}

/* The record goes, and what it has outside: a list of one. */
static enum inro_err delete_user(struct token *t, struct bytes name, struct bytes guards)
{
	enum inro_err e = guards_leave(t->ops, t->backend, guards);

	if (!e)
		e = store_user_delete(t->store, name);
	if (e) {
		guards_keep_list(t->ops, guards);
		return e;
	}
	SCOPED(err_kept) kept = err_keep();

	(void)guards_drop(t->ops, t->backend, guards);
	return INRO_OK;
}

enum inro_err token_user_delete(struct token *t, struct bytes name)
{
	SCOPED(auth_row) old = { 0 };
	SCOPED(buf) guards = { 0 };
	enum inro_err e = need_officer(t);

	if (!e)
		e = record_of_name(t, name, &old);
	buf_add_field(&guards, buf_bytes(&old.auth));
	if (!e)
		e = buf_err(&guards);
	if (!e)
		e = delete_user(t, name, buf_bytes(&guards));
	if (e)
		return e;
	token_changed(t);
	return INRO_OK;
}

static enum inro_err check_change(struct token *t, struct bytes new_pin)
{
	if (store_is_read_only(t->store))
		return err_set(INRO_E_TOKEN_WRITE_PROTECTED, "the token can only be read here");
	return token_check_new_pin(new_pin);
}

struct who token_whose_pin(const struct token *t)
{
	return t->login == TOKEN_NOBODY ? the_user : token_who(t);
}

/* Others could log in and out while it waited: no PIN is tried as another's. */
static enum inro_err still_his(const struct trial *x)
{
	struct who now = token_whose_pin(x->t);

	if (now.type == x->who.type && bytes_equal(now.name, x->who.name))
		return INRO_OK;
	return err_set(x->t->login == TOKEN_NOBODY ? INRO_E_LOGIN : INRO_E_ANOTHER_USER_LOGGED_IN,
		       "another has logged %s meanwhile: no PIN was tried or changed",
		       x->t->login == TOKEN_NOBODY ? "out" : "in");
}

/* Nobody waits for the new record: the instance is its own. */
static enum inro_err record_anew(struct trial *x, struct backend *b, struct bytes pin,
				 struct buf *ret)
{
	SCOPED(new_pin) fresh = { .pin = pin };
	enum inro_err e = trial_begin_pin(x, &fresh);

	if (e)
		return e;
	trial_let_others(x);
	e = trial_record(x, b, buf_bytes(&x->row.auth), &fresh, ret);
	trial_come_back(x);
	return e;
}

/* What takes its turn in token_set_pin(): the new record in the place of the one that was proved. */
static enum inro_err change_record(struct trial *x, struct bytes new_pin, struct buf *ret)
{
	const struct backend_ops *ops = x->t->ops;
	struct backend *b;
	enum inro_err e = open_beside(x, &b);

	if (e)
		return e;
	if (x->row.must_change && secret_equal(x->pin, new_pin))
		e = err_set(INRO_E_PIN_WEAK, "the new PIN must be another one");
	if (!e)
		e = record_anew(x, b, new_pin, ret);
	ops->close(b);
	return e ? e
		 : store_change_auth(x->t->store, &x->who, buf_bytes(&x->row.auth), buf_bytes(ret));
}

enum inro_err token_set_pin(struct token *t, const struct who *who, struct bytes old_pin,
			    struct bytes new_pin)
{
	SCOPED(trial) x; /* what the officer sets meanwhile is not undone */
	SCOPED(buf) auth = { 0 };
	enum inro_err e = check_change(t, new_pin);

	trial_init(&x, t, who, old_pin);
	x.alone = changes_in_place(t);
	if (!e)
		e = trial_enter(&x);
	if (!e)
		e = still_his(&x);
	if (!e)
		e = change_record(&x, new_pin, &auth);
	if (e)
		return e;
	guards_keep_one(t->ops, buf_bytes(&auth));
	token_changed(t);
	return INRO_OK;
}
