/* tpm_login - a new token's secrets, PINs, logins. */
#include "tpm/token/tpm_private.h"

#include "base/own.h"
#include "tpm/talk/session.h"

static struct pin_at pin_at(struct backend *b)
{
	return (struct pin_at) { .tpm = b->tpm,
				 .words = &b->words,
				 .serial = buf_bytes(&b->serial),
				 .kept = &b->sealed };
}

void tpm_lock(struct backend *b)
{
	pthread_rwlock_wrlock(&b->gate);
	backend_soft.lock(b->soft);
	pin_opened_clear(&b->opened);
	pthread_rwlock_unlock(&b->gate);
	table_drop_all(&b->ops);
	table_drop_all(&b->keys);
}

/* ---- a new token ---- */

/* The root and what the TPM can do, found and kept in the words. */
static enum inro_err settle_step(struct tpm *t, void *arg)
{
	struct words *w = arg;
	const struct root *root = NULL;
	enum inro_err e = root_settle(t, &root);

	if (!e)
		e = caps_read(t, &w->caps);
	if (e)
		return e;
	w->root_name = root->pub_name;
	w->root_pub = root->persistent ? root->pub : (TPM2B_PUBLIC) { 0 };
	return INRO_OK;
}

static enum inro_err settle(struct backend *b)
{
	struct words w = b->words;
	enum inro_err e = words_check_auths(&w);

	if (!e && w.root_name.size > 0) /* a token that is made anew */
		e = words_check_root(&w, b->tpm);
	if (!e)
		e = resident_turn(b->tpm, 0, settle_step, &w);
	if (!e)
		b->words = w;
	return e ? e : tpm_list_mechanisms(b);
}

enum inro_err tpm_init(struct backend *b)
{
	SCOPED(pin_opened) fresh = { 0 };
	enum inro_err e = settle(b);

	if (!e)
		e = secret_random(SOFT_MASTER, &fresh.master);
	if (!e)
		e = secret_random(SOFT_MASTER, &fresh.officer);
	if (e)
		return e;
	tpm_lock(b);
	e = soft_unlock_with(b->soft, secret_bytes(&fresh.master));
	if (e)
		return e;
	b->opened = fresh;
	fresh = (struct pin_opened) { 0 };
	return INRO_OK;
}

enum inro_err tpm_words_now(struct backend *b, struct buf *ret_config)
{
	return words_write(&b->words, ret_config);
}

/* ---- before a PIN is there ---- */

/* Where the root is to be looked at or made first, all of it is left to the login; and where a
 * connection does not outlast its turn. */
static bool is_worth_it(const struct backend *b)
{
	return b->words.root_pub.publicArea.type != 0 && b->words.how == TPM_BY_HMAC &&
	       !atomic_load(&link_no_threads);
}

/* The salted session. */
enum inro_err tpm_ready(struct backend *b)
{
	enum inro_err e = is_worth_it(b) ? tpm_try_enter(b->tpm) : INRO_E_UNSUPPORTED;

	if (e)
		return e;
	e = words_expect_step(b->tpm, &b->words);
	if (!e)
		e = session_ready(b->tpm);
	tpm_leave(b->tpm);
	return e;
}

/* ---- PINs ---- */

enum inro_err tpm_set_pin(struct backend *b, CK_USER_TYPE user, struct bytes pin,
			  struct buf *ret_auth)
{
	const struct pin_at at = pin_at(b);
	enum inro_err e = tpm_check_unlocked(b);

	return e ? e : pin_make(&at, user, pin, &b->opened, ret_auth);
}

/* For one whose index was removed from the TPM the security officer makes another. */
enum inro_err tpm_change_pin(struct backend *b, CK_USER_TYPE user, struct bytes old,
			     struct bytes pin, struct buf *ret_auth)
{
	const struct pin_at at = pin_at(b);
	bool there = true;
	enum inro_err e = tpm_check_unlocked(b);

	if (!e && b->opened.officer.n > 0)
		e = pin_is_there(&at, old, &there);
	if (!e && !there)
		return pin_make(&at, user, pin, &b->opened, ret_auth);
	if (!e)
		e = pin_change(&at, user, old, pin, &b->opened);
	if (e)
		return e;
	buf_add(ret_auth, old);
	return buf_err(ret_auth);
}

enum inro_err tpm_forget_pin(struct backend *b, struct bytes auth)
{
	const struct pin_at at = pin_at(b);

	return pin_forget(&at, auth);
}

void tpm_kept(struct bytes auth)
{
	pin_settled(auth, true);
}

enum inro_err tpm_leaving(struct backend *b, struct bytes auth)
{
	const struct pin_at at = pin_at(b);

	return pin_leaving(&at, auth);
}

bool tpm_has_strays(struct backend *b)
{
	stray_free(b->strays);
	b->strays = pin_note_strays(bytes_of(b->words.tcti));
	return b->strays != NULL;
}

enum inro_err tpm_drop_strays(struct backend *b, struct bytes records)
{
	const struct pin_at at = pin_at(b);
	enum inro_err e = pin_drop_strays(&at, b->strays, records);

	stray_free(b->strays);
	b->strays = NULL;
	return e;
}

enum inro_err tpm_guard_opens(struct backend *b, struct bytes auth)
{
	const struct pin_at at = pin_at(b);

	return pin_opens(&at, auth);
}

/* A PIN that is proved while somebody is logged in changes nothing. */
enum inro_err tpm_unlock(struct backend *b, CK_USER_TYPE user, struct bytes auth, struct bytes pin)
{
	const struct pin_at at = pin_at(b);
	SCOPED(pin_opened) found = { 0 };
	enum inro_err e = pin_open(&at, user, auth, pin, &found);

	if (!e)
		e = soft_unlock_with(b->soft, secret_bytes(&found.master));
	if (e || b->opened.master.n > 0)
		return e;
	b->opened = found;
	found = (struct pin_opened) { 0 };
	return INRO_OK;
}
