/* admin - the vendor interface: tokens made, removed, described, saved (base/cryptoki/admin.h). */
#include "pkcs11/api/admin_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/utf8.h"
#include "pkcs11/token/bundle.h"
#include "pkcs11/token/check.h"

#define LOCK_WAIT_MS 10000

static struct bytes text(struct inro_text t)
{
	return BYTES(t.p, t.n);
}

/* One maker at a time, so that no two tokens get one label. */
static enum inro_err lock_home(const struct lib *l, int *ret_fd)
{
	AUTO(free_chars) char *dir = file_join(l->home, "tokens");
	AUTO(free_chars) char *name = dir ? file_join(dir, "lock") : NULL;
	enum inro_err e = name ? file_make_dir(dir) : INRO_E_NO_MEMORY;

	return e ? e : file_lock(name, LOCK_WAIT_MS, ret_fd);
}

/* What is no token any more has no label; any other failure to read one may hide the label. */
static enum inro_err compare_row(struct lib *l, CK_SLOT_ID file, struct bytes label,
				 struct bytes serial)
{
	struct token *t;
	enum inro_err e = lib_token(l, lib_slot_of(l, file), &t);

	if (e)
		return e == INRO_E_SLOT ? INRO_OK : e;
	token_lock(t);
	e = token_open(t);
	if (!e && bytes_equal(label, BYTES(t->row.label, t->row.label_n)))
		e = err_set(INRO_E_EXISTS, "there is a token '%.*s' already; remove it, or take another label or home",
			    (int)label.n, (const char *)label.p);
	else if (!e && bytes_is(serial, t->row.serial))
		e = err_set(INRO_E_EXISTS, "the token with serial %s is there already",
			    t->row.serial);
	else if (e == INRO_E_TOKEN_UNKNOWN || e == INRO_E_NO_TOKEN)
		e = INRO_OK;
	token_unlock(t);
	return e;
}

static enum inro_err check_unique(struct lib *l, struct bytes label, struct bytes serial)
{
	SCOPED(home_slots) files = { 0 };
	enum inro_err e = home_list(l->home, &files);

	for (size_t i = 0; i < files.n && !e; i++)
		e = compare_row(l, files.ids[i], label, serial);
	return e;
}

static enum inro_err end_removals(struct lib *l)
{
	SCOPED(home_slots) files = { 0 };
	enum inro_err e = home_list(l->home, &files);

	if (!e)
		lib_end_removals(l, &files);
	return e;
}

static enum inro_err check_label(struct bytes label)
{
	uint32_t c = 0;

	if (label.n == 0 || label.n > STORE_MAX_LABEL)
		return err_set(INRO_E_ARG, "a token's label has 1 to %d bytes", STORE_MAX_LABEL);
	for (size_t at = 0, n; at < label.n; at += n) {
		n = utf8_take(BYTES(label.p + at, label.n - at), &c);
		if (n == 0)
			return err_set(INRO_E_ARG, "a token's label is text in UTF-8");
		if (c < 0x20 || c == 0x7f)
			return err_set(INRO_E_ARG, "a token's label has no control characters");
	}
	return label.p[label.n - 1] == ' '
		       ? err_set(INRO_E_ARG, "a token's label does not end with a blank")
		       : INRO_OK;
}

static enum inro_err create(struct lib *l, const struct inro_new_token *t, bool change_pin,
			    CK_SLOT_ID *ret_slot)
{
	struct token_spec spec = { .label = text(t->label),
				   .so_pin = text(t->so_pin),
				   .user_pin = text(t->user_pin),
				   .backend = text(t->backend),
				   .config = text(t->config),
				   .change_user = change_pin };
	AUTO(close_fd) int lock = -1;
	CK_SLOT_ID slot = 0;
	enum inro_err e = check_label(spec.label);

	if (!e)
		e = token_check_new_pin(spec.so_pin);
	if (!e)
		e = token_check_new_pin(spec.user_pin);
	if (!e)
		e = lock_home(l, &lock);
	if (!e)
		e = end_removals(l);
	if (!e)
		e = check_unique(l, spec.label, BYTES_NONE);
	if (!e)
		e = token_make(l->home, &spec, &slot);
	if (e)
		return e;
	lib_note_made(l, slot);
	*ret_slot = lib_slot_of(l, slot);
	return e;
}

static enum inro_err check_texts(const struct inro_new_token *t)
{
	const struct inro_text *const all[] = { &t->label, &t->backend, &t->config, &t->so_pin,
						&t->user_pin };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < ARRAY_LEN(all) && !e; i++)
		e = api_need_bytes(all[i]->p, all[i]->n, "a text with a length");
	return e;
}

static CK_RV admin_create_first(const struct inro_new_token *t, CK_BBOOL change_pin,
				CK_SLOT_ID *ret_slot)
{
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(t, "the new token");
	if (!e)
		e = api_need(ret_slot, "the slot");
	if (!e)
		e = check_texts(t);
	return rv_of(e ? e : create(l, t, change_pin != CK_FALSE, ret_slot));
}

static CK_RV admin_create(const struct inro_new_token *t, CK_SLOT_ID *ret_slot)
{
	return admin_create_first(t, CK_FALSE, ret_slot);
}

static CK_RV admin_destroy(CK_SLOT_ID slot, struct inro_text so_pin)
{
	SCOPED(opened) at = { 0 };
	enum inro_err e = api_open_token(slot, &at);

	if (!e)
		e = api_need_bytes(so_pin.p, so_pin.n, "the SO PIN");
	return rv_of(e ? e : token_destroy(at.token, text(so_pin)));
}

static CK_RV admin_destroy_locked(CK_SLOT_ID slot)
{
	SCOPED(opened) at = { 0 };
	enum inro_err e = api_open_token(slot, &at);

	return rv_of(e ? e : token_destroy_locked(at.token));
}

static CK_RV admin_check(CK_SLOT_ID slot, struct inro_text user_pin, struct inro_check *ret)
{
	SCOPED(opened) at = { 0 };
	struct check_report r;
	enum inro_err e = api_open_token(slot, &at);

	if (!e)
		e = api_need(ret, "the report");
	if (!e)
		e = api_need_bytes(user_pin.p, user_pin.n, "the PIN");
	if (!e)
		e = token_check(at.token, text(user_pin), &r);
	if (e)
		return rv_of(e);
	*ret = (struct inro_check) { .objects = r.objects,
				     .sealed = r.sealed,
				     .damaged = r.damaged };
	snprintf(ret->first, sizeof ret->first, "%s", r.first);
	return CKR_OK;
}

static enum inro_err fill_status(struct token *t, struct inro_token_status *ret)
{
	AUTO(free_chars) char *path = NULL;
	struct store_counts counts;
	enum inro_err e = store_count(t->store, &counts);

	if (!e)
		e = home_path(t->home, t->slot, &path);
	if (e)
		return e;
	*ret = (struct inro_token_status) {
		.tries_left_user = t->row.auth_user.n ? (CK_ULONG)t->row.tries_user : 0,
		.tries_left_so = (CK_ULONG)t->row.tries_so,
		.tries_max = STORE_TRIES_MAX,
		.objects = (CK_ULONG)counts.objects,
		.private_keys = (CK_ULONG)counts.private_keys,
		.certificates = (CK_ULONG)counts.certificates,
		.store_version = (CK_ULONG)store_file_version(t->store),
	};
	snprintf(ret->backend, sizeof ret->backend, "%s", t->row.backend);
	snprintf(ret->path, sizeof ret->path, "%s", path);
	return INRO_OK;
}

static CK_RV admin_status(CK_SLOT_ID slot, struct inro_token_status *ret)
{
	SCOPED(opened) at = { 0 };
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(ret, "the status");
	if (!e)
		e = api_open_token(slot, &at);
	return rv_of(e ? e : fill_status(at.token, ret));
}

static enum inro_err path_of(struct inro_text in, char **ret)
{
	if (in.n == 0 || !in.p || memchr(in.p, '\0', in.n))
		return err_set(INRO_E_ARG, "a file's name is needed");
	*ret = strndup(in.p, in.n);
	return *ret ? INRO_OK : INRO_E_NO_MEMORY;
}

static CK_RV admin_backup(CK_SLOT_ID slot, struct inro_text to)
{
	SCOPED(opened) at = { 0 };
	AUTO(free_chars) char *path = NULL;
	enum inro_err e = api_open_token(slot, &at);

	if (!e)
		e = path_of(to, &path);
	return rv_of(e ? e : store_copy_to(at.token->store, path));
}

static enum inro_err copy_token(CK_SLOT_ID slot, const char *path)
{
	SCOPED(opened) at = { 0 };
	enum inro_err e = api_open_token(slot, &at);

	return e ? e : store_copy_to(at.token->store, path);
}

/* The copy, sealed as the token is, stands for a moment beside the file that it becomes.  The token
 * is free again while that is encrypted. */
static enum inro_err save(CK_SLOT_ID slot, const char *path, struct bytes passphrase)
{
	AUTO(free_chars) char *copy = NULL;
	enum inro_err e;

	if (asprintf(&copy, "%s.%ld.copy", path, (long)getpid()) < 0) {
		copy = NULL;
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	}
	e = copy_token(slot, copy);
	if (!e)
		e = bundle_write(copy, path, passphrase);
	/* also one that was there before: left by one that was killed and had this number */
	unlink(copy);
	return e;
}

static CK_RV admin_save(CK_SLOT_ID slot, struct inro_text to, struct inro_text passphrase)
{
	AUTO(free_chars) char *path = NULL;
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(passphrase.p, "the passphrase");
	if (!e)
		e = path_of(to, &path);
	return rv_of(e ? e : save(slot, path, text(passphrase)));
}

/* ---- restore ---- */

struct restoring {
	struct lib *lib;
	const char *from;
	struct bytes passphrase; /* empty: the file is not encrypted */
	bool by_pin;		 /* only what opens here, by this PIN */
	struct bytes user_pin;
};

static enum inro_err check_restored(const struct restoring *r, const char *path)
{
	SCOPED(token_row) row = { 0 };
	struct store *s;
	enum inro_err e = store_open(path, true, &s);

	if (e)
		return e;
	e = store_check(s);
	if (!e)
		e = store_token(s, &row);
	store_close(s);
	if (!e)
		e = check_unique(r->lib, BYTES(row.label, row.label_n), bytes_of(row.serial));
	return e || !r->by_pin ? e : check_opens(&row, r->user_pin);
}

/* The backup itself is only ever read; its copy is checked before it becomes a token. */
static enum inro_err copy_backup(const char *path, const void *arg)
{
	const struct restoring *r = arg;
	enum inro_err e = r->passphrase.n ? bundle_read(r->from, path, r->passphrase)
					  : store_copy(r->from, path);

	if (!e)
		e = check_restored(r, path);
	/* Nobody knows the copy by its name. */
	if (e && strstr(err_detail(e), path))
		e = err_set(e, "'%s' can't be restored: %s", r->from, err_text(e));
	return e;
}

static enum inro_err restore(const struct restoring *what, CK_SLOT_ID *ret_slot)
{
	AUTO(close_fd) int lock = -1;
	CK_SLOT_ID slot = 0;
	enum inro_err e = lock_home(what->lib, &lock);

	if (!e)
		e = home_make(what->lib->home, copy_backup, what, &slot);
	if (e)
		return e;
	lib_note_made(what->lib, slot);
	*ret_slot = lib_slot_of(what->lib, slot);
	return INRO_OK;
}

static CK_RV admin_restore(struct inro_text from, CK_SLOT_ID *ret_slot)
{
	AUTO(free_chars) char *path = NULL;
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(ret_slot, "the slot");
	if (!e)
		e = path_of(from, &path);
	return rv_of(e ? e : restore(&(struct restoring) { .lib = l, .from = path }, ret_slot));
}

static CK_RV admin_load(struct inro_text from, struct inro_text passphrase, CK_SLOT_ID *ret_slot)
{
	AUTO(free_chars) char *path = NULL;
	AUTO(lib_leave) struct lib *l = NULL;
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(ret_slot, "the slot");
	if (!e)
		e = api_need(passphrase.n ? passphrase.p : NULL, "the passphrase");
	if (!e)
		e = path_of(from, &path);
	if (e)
		return rv_of(e);
	return rv_of(restore(
		&(struct restoring) { .lib = l, .from = path, .passphrase = text(passphrase) },
		ret_slot));
}

static CK_RV admin_rebuild(struct inro_text from, struct inro_text passphrase,
			   struct inro_text user_pin, CK_SLOT_ID *ret_slot)
{
	AUTO(free_chars) char *path = NULL;
	AUTO(lib_leave) struct lib *l = NULL;
	struct restoring what = { .passphrase = text(passphrase),
				  .by_pin = true,
				  .user_pin = text(user_pin) };
	enum inro_err e = lib_get(&l);

	if (!e)
		e = api_need(ret_slot, "the slot");
	if (!e)
		e = api_need_bytes(passphrase.p, passphrase.n, "the passphrase");
	if (!e)
		e = api_need(user_pin.n ? user_pin.p : NULL, "the PIN");
	if (!e)
		e = path_of(from, &path);
	what.lib = l;
	what.from = path;
	return rv_of(e ? e : restore(&what, ret_slot));
}

const struct inro_admin api_admin = {
	.version = { 1, 2 },
	.create = admin_create,
	.destroy = admin_destroy,
	.status = admin_status,
	.backup = admin_backup,
	.restore = admin_restore,
	.last_error = api_last_error,
	.create_first = admin_create_first,
	.destroy_locked = admin_destroy_locked,
	.user_login = admin_user_login,
	.user_add = admin_user_add,
	.user_delete = admin_user_delete,
	.user_pin = admin_user_pin,
	.user_list = admin_user_list,
	.check = admin_check,
	.save = admin_save,
	.load = admin_load,
	.attest = admin_attest,
	.tell = admin_tell,
	.answer = admin_answer,
	.take = admin_take,
	.give = admin_give,
	.rebuild = admin_rebuild,
};
