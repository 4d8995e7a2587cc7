/* token - opening, PINs, login. */
#include "pkcs11/token/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "pkcs11/token/guards.h"
#include "pkcs11/token/object.h"
#include "pkcs11/token/people.h"
#include "pkcs11/token/settings.h"

#define LOOK_AGAIN_NS 2000000

enum inro_err token_new(const char *home, CK_SLOT_ID slot, atomic_uint *resting, struct token **ret)
{
	struct token *t = calloc(1, sizeof *t);
	pthread_rwlockattr_t attr;

	if (!t)
		return err_set(INRO_E_NO_MEMORY, "no memory for a token");
	t->id = slot;
	atomic_init(&t->slot, slot);
	t->home = home;
	t->resting = resting;
	t->login = TOKEN_NOBODY;
	atomic_init(&t->login_epoch, 1);
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_init(&t->turn, NULL);
	/* A logout must not wait for ever behind signers that follow each other. */
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&t->gate, &attr);
	pthread_rwlockattr_destroy(&attr);
	*ret = t;
	return INRO_OK;
}

void token_free(struct token *t)
{
	if (!t)
		return;
	token_close(t);
	free(t->wrong_here);
	pthread_rwlock_destroy(&t->gate);
	pthread_mutex_destroy(&t->turn);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void token_lock(struct token *t)
{
	pthread_mutex_lock(&t->lock);
}

static void stop_resting(struct token *t)
{
	if (t->rests)
		atomic_fetch_sub(t->resting, 1);
	t->rests = false;
}

static void rest(struct token *t)
{
	if (t->rests || !t->backend)
		return;
	t->rests = true;
	if (atomic_fetch_add(t->resting, 1) >= TOKENS_RESTING)
		token_close(t);
}

void token_unlock(struct token *t)
{
	if (!token_in_use(t))
		rest(t);
	else if (t->rests)
		stop_resting(t);
	pthread_mutex_unlock(&t->lock);
}

void token_enter_gate(struct token *t)
{
	pthread_rwlock_rdlock(&t->gate);
}

void token_leave_gate(struct token *t)
{
	pthread_rwlock_unlock(&t->gate);
}

void token_close_gate(struct token *t)
{
	pthread_rwlock_wrlock(&t->gate);
}

/* One detail for a file that is no token of ours, with what was found wrong. */
static enum inro_err not_recognized(enum inro_err e, const char *path)
{
	char found[256];

	if (e == INRO_E_NOT_FOUND)
		return err_set(INRO_E_NO_TOKEN, "there is no token in this slot");
	if (e != INRO_E_DAMAGED && e != INRO_E_VERSION && e != INRO_E_SYNTAX &&
	    e != INRO_E_UNSUPPORTED)
		return e;
	snprintf(found, sizeof found, "%s", err_detail(e));
	return err_set(INRO_E_TOKEN_UNKNOWN, "%s can't be used as a token: %s", path, found);
}

static enum inro_err find_backend(struct token *t)
{
	t->ops = backend_find(bytes_of(t->row.backend));
	if (!t->ops)
		return err_set(INRO_E_UNSUPPORTED, "its backend '%s' is not in this module",
			       t->row.backend);
	return t->ops->open(buf_bytes(&t->row.config), bytes_of(t->row.serial), &t->backend);
}

static int64_t coarse_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

bool token_is_there(struct token *t)
{
	int64_t now = coarse_now(), seen = atomic_load(&t->seen_at);

	if (seen != 0 && now - seen < LOOK_AGAIN_NS)
		return true;
	if (!home_has(t->home, t->slot))
		return false;
	atomic_store(&t->seen_at, now);
	return true;
}

/* SQLite has one word for all that keeps it from opening a file. */
static enum inro_err may_read(const char *path)
{
	return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0 && errno == EACCES
		       ? home_err(EACCES, path)
		       : INRO_OK;
}

static void follow(struct token *t)
{
	if (t->moves_to == 0 || token_in_use(t))
		return;
	token_close(t);
	atomic_store(&t->slot, t->moves_to);
	atomic_store(&t->seen_at, 0);
	t->moves_to = 0;
}

void token_move(struct token *t, CK_SLOT_ID file)
{
	t->moves_to = file;
	follow(t);
}

enum inro_err token_open(struct token *t)
{
	AUTO(free_chars) char *path = NULL;
	enum inro_err e;

	follow(t);
	if (t->backend && !token_in_use(t) && !token_is_there(t))
		token_close(t); /* its file was taken away */
	if (t->backend)
		return INRO_OK;
	e = home_path(t->home, t->slot, &path);
	if (e)
		return e;
	e = may_read(path);
	if (!e)
		e = store_open(path, !settings_get()->read_only, &t->store);
	if (!e)
		e = store_token(t->store, &t->row);
	if (!e)
		e = find_backend(t);
	if (!e)
		e = store_change_count(t->store, &t->change_count);
	if (e) {
		e = not_recognized(e, path);
		token_close(t);
	}
	return e;
}

void token_close(struct token *t)
{
	stop_resting(t);
	objects_drop_all(t);
	if (t->backend)
		t->ops->close(t->backend);
	t->backend = NULL;
	store_close(t->store);
	t->store = NULL;
	token_row_clear(&t->row);
	t->login = TOKEN_NOBODY;
	t->login_name_n = 0;
	atomic_store(&t->pin_expired, false);
	atomic_fetch_add(&t->login_epoch, 1);
}

/* No store counts like that: the next look takes everything in anew. */
#define NEVER_SEEN (-1)

enum inro_err token_reread(struct token *t)
{
	SCOPED(token_row) now = { 0 };
	enum inro_err e = store_token(t->store, &now);

	if (e)
		return e;
	if (now.generation != t->row.generation) {
		e = t->login == TOKEN_NOBODY ? INRO_OK : token_logout(t);
		objects_drop_all(t);
	}
	struct token_row old = t->row;

	t->row = now;
	now = old;
	return e ? e : token_reread_login(t);
}

void token_changed(struct token *t)
{
	if (token_reread(t))
		t->change_count = NEVER_SEEN;
}

enum inro_err token_look(struct token *t, bool at_once)
{
	int64_t now = coarse_now(), count;

	if (!at_once && now - t->looked_at < LOOK_AGAIN_NS)
		return INRO_OK;
	enum inro_err e = store_change_count(t->store, &count);

	if (e)
		return e;
	if (count != t->change_count) {
		t->epoch++;
		e = token_reread(t);
	}
	if (e) /* the next look fails as this one did */
		return e;
	t->change_count = count;
	t->looked_at = now;
	return INRO_OK;
}

enum inro_err token_refresh(struct token *t)
{
	enum inro_err e = token_look(t, true);

	return e ? e : token_reread(t);
}

/* The words that the backend keeps in place of those that were given. */
static enum inro_err take_words(const struct backend_ops *ops, struct backend *b,
				struct token_row *row)
{
	SCOPED(buf) words = { 0 };
	enum inro_err e;

	if (!ops->words)
		return INRO_OK;
	e = ops->words(b, &words);
	if (e)
		return e;
	buf_reset(&row->config);
	buf_add(&row->config, buf_bytes(&words));
	return buf_err(&row->config);
}

static enum inro_err set_pins(const struct backend_ops *ops, struct backend *b,
			      const struct token_spec *spec, struct token_row *row)
{
	enum inro_err e = ops->set_pin(b, CKU_SO, spec->so_pin, &row->auth_so);

	if (!e && spec->user_pin.n > 0)
		e = ops->set_pin(b, CKU_USER, spec->user_pin, &row->auth_user);
	if (e)
		guards_drop_one(ops, b, buf_bytes(&row->auth_so));
	return e;
}

/* A fresh root secret and the records of who may open it. */
static enum inro_err make_auth(const char *home, const struct backend_ops *ops,
			       const struct token_spec *spec, struct token_row *row)
{
	struct backend *b;
	enum inro_err e = ops->open(buf_bytes(&row->config), bytes_of(row->serial), &b);

	if (e)
		return e;
	e = ops->init(b);
	if (!e)
		e = take_words(ops, b, row);
	if (!e)
		guards_sweep(home, ops, b);
	if (!e)
		e = set_pins(ops, b, spec, row);
	ops->close(b);
	return e;
}

/* A row that could not be kept: what its PINs have outside goes; what was wrong first is told. */
static enum inro_err drop_made(const struct token_row *row, enum inro_err e)
{
	SCOPED(err_kept) kept = err_keep();

	guards_drop_row(row);
	return e;
}

/* Labels come padded with blanks (PKCS#11 3.0 3.3). */
static enum inro_err set_label(struct token_row *row, struct bytes label)
{
	while (label.n > 0 && label.p[label.n - 1] == ' ')
		label.n--;
	if (label.n > STORE_MAX_LABEL)
		return err_set(INRO_E_ARG, "a token's label has at most %d bytes", STORE_MAX_LABEL);
	if (label.n > 0)
		memcpy(row->label, label.p, label.n);
	row->label_n = label.n;
	return INRO_OK;
}

static enum inro_err new_row(const char *home, const struct token_spec *spec, const char *serial,
			     struct token_row *row)
{
	const struct backend_ops *ops =
		backend_find(spec->backend.n ? spec->backend : bytes_of(backend_default));
	enum inro_err e;

	if (!ops)
		return err_set(INRO_E_UNSUPPORTED, "there is no backend '%.*s'",
			       (int)spec->backend.n, (const char *)spec->backend.p);
	e = set_label(row, spec->label);
	if (!e)
		e = token_check_new_pin(spec->so_pin);
	if (!e && spec->user_pin.n > 0)
		e = token_check_new_pin(spec->user_pin);
	if (e)
		return e;
	snprintf(row->serial, sizeof row->serial, "%s", serial);
	snprintf(row->backend, sizeof row->backend, "%s", ops->name);
	row->tries_so = row->tries_user = STORE_TRIES_MAX;
	row->change_user = spec->change_user;
	row->policy = settings_get()->strict ? POLICY_STRICT : POLICY_DEFAULT;
	buf_add(&row->config, spec->config);
	e = buf_err(&row->config);
	return e ? e : make_auth(home, ops, spec, row);
}

static enum inro_err read_back(const char *path, bool write, const struct token_row *made)
{
	SCOPED(token_row) found = { 0 };
	struct store *s;
	enum inro_err e = store_open(path, write, &s);

	if (e)
		return e;
	e = store_token(s, &found);
	store_close(s);
	if (!e && strcmp(found.serial, made->serial) != 0)
		e = err_set(INRO_E_DAMAGED, "%s: what was written does not come back", path);
	return e;
}

/* Told to be made when it was read back. */
static enum inro_err fill_new(const char *path, const void *row)
{
	enum inro_err e = store_create(path, row);

	return e ? e : read_back(path, true, row);
}

/* A token that could not be made for sure is there all the same when only its folder could not be
 * synced: what its PINs have outside stays noted, and stays. */
static bool is_made(const char *home, CK_SLOT_ID slot, const struct token_row *row)
{
	SCOPED(err_kept) kept = err_keep();
	AUTO(free_chars) char *path = NULL;

	/* One that can't be read just now may be it: what is left over is swept later. */
	return home_has(home, slot) && !home_path(home, slot, &path) &&
	       read_back(path, false, row) != INRO_E_DAMAGED;
}

enum inro_err token_make(const char *home, const struct token_spec *spec, CK_SLOT_ID *slot)
{
	SCOPED(token_row) row = { 0 };
	char serial[STORE_SERIAL + 1];
	uint64_t unique;
	enum inro_err e = random_fill(&unique, sizeof unique);

	if (e)
		return e;
	snprintf(serial, sizeof serial, "%016llx", (unsigned long long)unique);
	e = new_row(home, spec, serial, &row);
	if (e)
		return e;
	e = home_make(home, fill_new, &row, slot);
	if (e)
		return is_made(home, *slot, &row) ? e : drop_made(&row, e);
	guards_keep_row(backend_find(bytes_of(row.backend)), &row);
	return INRO_OK;
}

/* In place of the old one, whose PINs have nothing outside any more. */
static enum inro_err replace_row(struct token *t, const struct token_row *row)
{
	SCOPED(buf) old = { 0 };
	enum inro_err e = guards_list(t, &old);

	if (!e)
		e = guards_leave(t->ops, t->backend, buf_bytes(&old));
	if (!e)
		e = store_token_reset(t->store, row);
	if (e) {
		guards_keep_list(t->ops, buf_bytes(&old));
		return drop_made(row, e);
	}
	guards_keep_row(t->ops, row);
	guards_drop(t->ops, t->backend, buf_bytes(&old));
	return INRO_OK;
}

enum inro_err token_may_reset(const struct token *t)
{
	if (t->sessions > 0)
		return err_set(INRO_E_SESSION_EXISTS, "close the token's sessions first");
	if (t->trying > 0)
		return err_set(INRO_E_BUSY, "another thread tries a PIN of the token: look which one it is, and try "
					    "again");
	if (store_is_read_only(t->store))
		return err_set(INRO_E_TOKEN_WRITE_PROTECTED, "the token can only be read here");
	return INRO_OK;
}

/* Others have had the token meanwhile, and may have opened it. */
static enum inro_err prove_so_pin(struct token *t, struct bytes pin)
{
	enum inro_err e = token_may_reset(t);

	if (!e)
		e = token_prove_pin(t, &(struct who) { .type = CKU_SO }, pin);
	return e ? e : token_may_reset(t);
}

enum inro_err token_reset_begin(struct token *t, const struct token_spec *spec,
				struct token_row *ret)
{
	enum inro_err e = prove_so_pin(t, spec->so_pin);

	if (e)
		return e;
	memcpy(ret->serial, t->row.serial, sizeof ret->serial);
	memcpy(ret->backend, t->row.backend, sizeof ret->backend);
	ret->generation = t->row.generation;
	buf_add(&ret->config, buf_bytes(&t->row.config));
	return buf_err(&ret->config);
}

enum inro_err token_reset_prepare(const char *home, const struct token_spec *spec,
				  const struct token_row *was, struct token_row *ret)
{
	struct token_spec same = *spec;

	same.backend = bytes_of(was->backend);
	same.config = buf_bytes(&was->config);
	enum inro_err e = new_row(home, &same, was->serial, ret);

	ret->generation = was->generation + 1;
	return e;
}

/* The slot may hold another token's file by now, as often initialised as that one. */
static bool is_that_one(const struct token *t, const struct token_row *row)
{
	return strcmp(t->row.serial, row->serial) == 0 && t->row.generation == row->generation - 1;
}

static enum inro_err still_may_reset(struct token *t, const struct token_row *row)
{
	enum inro_err e = token_refresh(t);

	if (!e)
		e = token_may_reset(t);
	if (!e && !is_that_one(t, row))
		e = err_set(INRO_E_BUSY, "another has initialised or replaced the token at the "
				     "same time: look which one it is, and try again");
	return e;
}

enum inro_err token_reset(struct token *t, const struct token_row *row)
{
	enum inro_err e = token_open(t);

	if (!e)
		e = still_may_reset(t, row);
	if (e)
		return drop_made(row, e);
	e = replace_row(t, row);
	if (e)
		return e;
	home_forget_old(t->home, t->slot);
	home_note_life(t->home, t->slot, (unsigned)row->generation);
	token_close(t);
	return INRO_OK;
}

/* The name goes first: a token is there or not, whenever this is killed.  Emptied all the same:
 * another process that has it open sees its objects go.  *ret_left: what was wrong with what it has
 * outside, which stays behind then. */
static enum inro_err remove_token(struct token *t, enum inro_err *ret_left)
{
	SCOPED(buf) guards = { 0 };
	enum inro_err e = guards_list(t, &guards);

	if (!e)
		e = guards_leave(t->ops, t->backend, buf_bytes(&guards));
	if (!e)
		e = home_remove(t->home, t->slot);
	if (e) {
		guards_keep_list(t->ops, buf_bytes(&guards));
		return e;
	}
	if (store_empty(t->store))
		log_debug("a removed token keeps its rows for those who have it open");
	*ret_left = guards_drop(t->ops, t->backend, buf_bytes(&guards));
	SCOPED(err_kept) kept = err_keep();
	guards_sweep(t->home, t->ops, t->backend);
	token_close(t);
	home_sweep(t->home);
	atomic_store(&t->seen_at, 0);
	return INRO_OK;
}

enum inro_err token_destroy(struct token *t, struct bytes so_pin)
{
	enum inro_err left = INRO_OK, e = prove_so_pin(t, so_pin);

	if (!e)
		e = remove_token(t, &left);
	if (!e && left)
		e = err_context(left, "the token is removed, but not what guarded its PINs");
	return e;
}

/* Whoever may do this could as well remove the file: it is his, and he can write it. */
enum inro_err token_destroy_locked(struct token *t)
{
	enum inro_err left, e = token_may_reset(t);

	if (!e)
		e = token_refresh(t);
	/* nor is it needed where it opens nothing: the hardware is another, has given the PIN up (a
	 * backup of a token that was removed), or is not in the state that it was bound to */
	if (!e && t->row.tries_so > 0 &&
	    guards_open(t, &(struct who) { .type = CKU_SO }) != INRO_E_TOKEN)
		e = err_set(INRO_E_POLICY, "the SO PIN of this token is not locked: remove it with "
					   "that");
	return e ? e : remove_token(t, &left);
}
