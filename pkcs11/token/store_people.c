/* store_people - who has a PIN: auth records, tries left, named users. */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/token/store_internal.h"

/* What is done to each kind: the SO and the user are columns of the token's row, the others rows.
 * ?1 tries, ?2 auth, ?3 change, ?4 name, ?5 type. */
enum kind { KIND_SO, KIND_USER, KIND_NAMED, KIND__MAX };

static const struct {
	const char *read, *take, *give, *reset, *set;
} sqls[KIND__MAX] = {
	[KIND_SO] = { "SELECT auth_so, tries_so, change_so FROM token",
		      "UPDATE token SET tries_so = tries_so - 1 WHERE tries_so > 0",
		      "UPDATE token SET tries_so = tries_so + 1 WHERE tries_so < ?1",
		      "UPDATE token SET tries_so = ?1 WHERE tries_so <> ?1",
		      "UPDATE token SET auth_so = ?2, tries_so = ?1, change_so = ?3" },
	[KIND_USER] = { "SELECT auth_user, tries_user, change_user FROM token",
			"UPDATE token SET tries_user = tries_user - 1 WHERE tries_user > 0",
			"UPDATE token SET tries_user = tries_user + 1 WHERE tries_user < ?1",
			"UPDATE token SET tries_user = ?1 WHERE tries_user <> ?1",
			"UPDATE token SET auth_user = ?2, tries_user = ?1, change_user = ?3" },
	[KIND_NAMED] = { "SELECT auth, tries, change FROM users WHERE name = ?4 AND type = ?5",
			 "UPDATE users SET tries = tries - 1 "
			 "WHERE name = ?4 AND type = ?5 AND tries > 0",
			 "UPDATE users SET tries = tries + 1 "
			 "WHERE name = ?4 AND type = ?5 AND tries < ?1",
			 "UPDATE users SET tries = ?1 WHERE name = ?4 AND type = ?5 "
			 "AND tries <> ?1",
			 "UPDATE users SET auth = ?2, tries = ?1, change = ?3 "
			 "WHERE name = ?4 AND type = ?5" },
};

static enum kind kind_of(const struct who *w)
{
	if (w->name.n > 0)
		return KIND_NAMED;
	return w->type == CKU_SO ? KIND_SO : KIND_USER;
}

static void bind_who(struct db_stmt *q, const struct who *w)
{
	if (w->name.n == 0)
		return;
	db_bind_bytes(q, 4, w->name);
	db_bind_int(q, 5, (int64_t)w->type);
}

static enum inro_err nobody(const struct who *w)
{
	if (w->name.n == 0)
		return err_set(INRO_E_NO_TOKEN, STORE_REMOVED);
	return err_set(INRO_E_NOT_FOUND, "this token has no %s called '%.*s'",
		       w->type == CKU_SO ? "security officer" : "user", (int)w->name.n,
		       (const char *)w->name.p);
}

enum inro_err store_auth(struct store *s, const struct who *who, struct auth_row *ret)
{
	struct db_stmt *q;
	bool row = false;
	enum inro_err e = db_stmt(s->db, sqls[kind_of(who)].read, &q);

	if (e)
		return e;
	bind_who(q, who);
	e = db_step(q, &row);
	if (!e && !row)
		e = nobody(who);
	if (!e) {
		buf_clear(&ret->auth);
		buf_add(&ret->auth, db_bytes(q, 0));
		ret->tries = db_int(q, 1);
		ret->must_change = db_int(q, 2) != 0;
		e = buf_err(&ret->auth);
	}
	db_reset(q);
	if (!e && ret->auth.n == 0)
		return err_set(INRO_E_PIN_MISSING, "no user PIN is set yet on this token: its SO sets one, as by "
			       "'inro token pin unblock'");
	return e;
}

enum inro_err store_auth_list(struct store *s, struct buf *ret)
{
	struct db_stmt *q;
	bool row = true;
	enum inro_err e = db_stmt(s->db,
				  "SELECT auth_so FROM token UNION ALL SELECT auth_user FROM token "
				  "UNION ALL SELECT auth FROM users",
				  &q);

	if (e)
		return e;
	while (!(e = db_step(q, &row)) && row)
		if (db_bytes(q, 0).n > 0)
			buf_add_field(ret, db_bytes(q, 0));
	db_reset(q);
	return e ? e : buf_err(ret);
}

/* In a transaction. */
static enum inro_err run_set(struct store *s, const char *sql, const struct who *who,
			     struct bytes auth, bool must_change)
{
	struct db_stmt *q;
	enum inro_err e = db_stmt(s->db, sql, &q);

	if (e)
		return e;
	db_bind_int(q, 1, STORE_TRIES_MAX);
	db_bind_bytes(q, 2, auth);
	db_bind_int(q, 3, must_change);
	bind_who(q, who);
	e = db_run(q);
	return !e && db_changes(s->db) == 0 ? nobody(who) : e;
}

enum inro_err store_set_auth(struct store *s, const struct who *who, struct bytes auth,
			     bool must_change)
{
	enum inro_err e = store_begin(s);

	if (e)
		return e;
	e = store_finish(s->db, run_set(s, sqls[kind_of(who)].set, who, auth, must_change));
	if (!e)
		store_fold(s);
	return e;
}

/* In a transaction. */
static enum inro_err check_proved(struct store *s, const struct who *who, struct bytes proved)
{
	SCOPED(auth_row) now = { 0 };
	enum inro_err e = store_auth(s, who, &now);

	if (!e && !bytes_equal(buf_bytes(&now.auth), proved))
		e = err_set(INRO_E_PIN_WRONG, "the PIN was changed by somebody else meanwhile");
	return e;
}

enum inro_err store_change_auth(struct store *s, const struct who *who, struct bytes proved,
				struct bytes auth)
{
	enum inro_err e = store_begin(s);

	if (e)
		return e;
	e = check_proved(s, who, proved);
	if (!e)
		e = run_set(s, sqls[kind_of(who)].set, who, auth, false);
	e = store_finish(s->db, e);
	if (!e)
		store_fold(s);
	return e;
}

/* One statement about the tries of somebody. */
static enum inro_err set_tries(struct store *s, const char *sql, const struct who *who)
{
	struct db_stmt *q;
	enum inro_err e = db_stmt(s->db, sql, &q);

	if (e)
		return e;
	db_bind_int(q, 1, STORE_TRIES_MAX);
	bind_who(q, who);
	return db_run(q);
}

enum inro_err store_give_try(struct store *s, const struct who *who)
{
	enum inro_err e = store_begin(s);

	return e ? e : store_finish(s->db, set_tries(s, sqls[kind_of(who)].give, who));
}

enum inro_err store_reset_tries(struct store *s, const struct who *who)
{
	enum inro_err e = store_begin(s);

	return e ? e : store_finish(s->db, set_tries(s, sqls[kind_of(who)].reset, who));
}

static enum inro_err locked(const struct who *w)
{
	bool last = w->type == CKU_SO && w->name.n == 0; /* a named one gets his from the other */

	return err_set(INRO_E_PIN_LOCKED, "the %s PIN is locked after %d wrong tries; %s",
		       w->type == CKU_SO ? "security officer" : "user", STORE_TRIES_MAX,
		       last ? "only 'inro token delete --force' can remove the token"
			    : "the security officer can set a new one");
}

static enum inro_err take_try(struct store *s, const struct who *who, struct auth_row *row)
{
	struct db_stmt *q;
	enum inro_err e = store_auth(s, who, row);

	if (!e)
		e = db_stmt(s->db, sqls[kind_of(who)].take, &q);
	if (e)
		return e;
	bind_who(q, who);
	e = db_run(q);
	if (!e && db_changes(s->db) == 0)
		e = locked(who);
	row->tries--;
	return e;
}

/* Where nothing can be written the tries are whole as they are; who counts them is the caller. */
static enum inro_err read_try(struct store *s, const struct who *who, struct auth_row *row)
{
	enum inro_err e = store_auth(s, who, row);

	return !e && row->tries <= 0 ? locked(who) : e;
}

enum inro_err store_take_try(struct store *s, const struct who *who, struct auth_row *ret)
{
	enum inro_err e;

	if (s->read_only)
		return read_try(s, who, ret);
	e = store_begin(s);
	return e ? e : store_finish(s->db, take_try(s, who, ret));
}

/* ---- named users ---- */

enum inro_err store_user_add(struct store *s, const struct who *who, struct bytes auth,
			     bool must_change)
{
	enum inro_err e = store_begin(s);

	if (e)
		return e;
	e = store_finish(s->db, run_set(s,
					"INSERT INTO users (name, type, auth, tries, change) "
					"VALUES (?4, ?5, ?2, ?1, ?3)",
					who, auth, must_change));
	return e == INRO_E_EXISTS ? err_set(e, "there is a user '%.*s' already", (int)who->name.n,
					    (const char *)who->name.p)
				  : e;
}

static enum inro_err delete_user(struct store *s, struct bytes name)
{
	struct db_stmt *q;
	enum inro_err e = db_stmt(s->db, "DELETE FROM users WHERE name = ?1", &q);

	if (e)
		return e;
	db_bind_bytes(q, 1, name);
	e = db_run(q);
	return !e && db_changes(s->db) == 0
		       ? nobody(&(struct who) { .type = CKU_USER, .name = name })
		       : e;
}

enum inro_err store_user_delete(struct store *s, struct bytes name)
{
	enum inro_err e = store_begin(s);

	if (e)
		return e;
	e = store_finish(s->db, delete_user(s, name));
	if (!e)
		store_fold(s);
	return e;
}

static enum inro_err read_user(struct db_stmt *q, struct named_user *ret)
{
	struct bytes name = db_bytes(q, 0);

	if (name.n == 0 || name.n > STORE_MAX_USER)
		return err_set(INRO_E_DAMAGED, "the name of a user is damaged");
	memcpy(ret->name, name.p, name.n);
	ret->name_n = name.n;
	ret->type = (CK_USER_TYPE)db_int(q, 1);
	ret->tries = db_int(q, 2);
	ret->must_change = db_int(q, 3) != 0;
	return INRO_OK;
}

static enum inro_err collect_users(struct db_stmt *q, struct named_user **users, size_t *n)
{
	bool row = true;
	enum inro_err e;

	while (!(e = db_step(q, &row)) && row) {
		struct named_user *more = realloc(*users, (*n + 1) * sizeof *more);

		if (!more)
			return err_set(INRO_E_NO_MEMORY, "no memory for %zu users", *n + 1);
		*users = more;
		e = read_user(q, &more[*n]);
		if (e)
			return e;
		(*n)++;
	}
	return e;
}

enum inro_err store_users(struct store *s, struct named_user **ret, size_t *ret_n)
{
	struct named_user *users = NULL;
	struct db_stmt *q;
	size_t n = 0;
	enum inro_err e =
		db_stmt(s->db, "SELECT name, type, tries, change FROM users ORDER BY name", &q);

	if (e)
		return e;
	e = collect_users(q, &users, &n);
	db_reset(q);
	if (e) {
		free(users);
		return e;
	}
	*ret = users;
	*ret_n = n;
	return INRO_OK;
}
