/* upkeep - see upkeep.h. */
#include "backoffice/core/upkeep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/tally.h"
#include "backoffice/core/db/transfer.h"
#include "backoffice/pki/alg.h"
#include "base/file.h"

static void close_store(struct store **s)
{
	store_close(*s);
}

static enum inro_err form_damaged(struct core *c, const struct cert_form *f)
{
	const struct store_cond conds[] = { { .field = "form", .number = f->id } };
	const struct store_query q = { STORE_WHERE(conds) };
	int64_t n = 0;
	enum inro_err e = store_count(c->store, &credential_type, &q, &n);

	if (e != INRO_OK || n < 2) /* a record is compared with its own certificate by check_rows() */
		return e;
	return err_set(INRO_E_DAMAGED,
		       "row %lld of cert_form (profile %s, key type %s) is not what it was, and %lld certificates are "
		       "stored as they differ from it; put its body back: from a backup, or from a copy of the first of "
		       "them (docs/backoffice-store.md, packed values)",
		       (long long)f->id, f->profile, f->algorithm, (long long)n);
}

/* Does the newest certificate by it come out as its record says? */
static bool newest_is_well(struct core *c, const struct cert_form *f)
{
	const struct store_cond conds[] = { { .field = "form", .number = f->id } };
	const struct store_query q = { STORE_WHERE(conds), .limit = 1, .backward = true };
	SCOPED(credential) newest = { 0 };
	uint8_t hash[PKI_DIGEST_MAX];

	return store_find(c->store, &q, &newest) == INRO_OK &&
	       pki_digest(PKI_SHA256, blob_bytes(&newest.cert), hash) == INRO_OK &&
	       bytes_equal(blob_bytes(&newest.fingerprint), BYTES(hash, pki_hash_octets(PKI_SHA256)));
}

/* A form is the first certificate that was stored by it: the record of that one has its SHA-256.  Where it has not, the
 * record may be what is wrong. */
static enum inro_err check_form(struct core *c, const struct cert_form *f)
{
	uint8_t hash[PKI_DIGEST_MAX];
	enum inro_err e = pki_digest(PKI_SHA256, blob_bytes(&f->body), hash);
	const struct store_cond conds[] = { { .field = "fingerprint",
					      .bytes = BYTES(hash, pki_hash_octets(PKI_SHA256)) } };
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };
	SCOPED(credential) first = { 0 };

	if (e == INRO_OK)
		e = store_find(c->store, &q, &first);
	if (e != INRO_E_NOT_FOUND)
		return e;
	return newest_is_well(c, f) ? INRO_OK : form_damaged(c, f);
}

/* Before the certificates: the first one that can't be read would be all that is told. */
static enum inro_err check_forms(struct core *c)
{
	const struct store_query all = { 0 };
	void *forms = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &cert_form_type, &all, &forms, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = check_form(c, (const struct cert_form *)forms + i);
	list_free(&cert_form_type, forms, n);
	return e;
}

static enum inro_err check_rows(struct core *c, const struct upkeep *how, struct upkeep_report *ret)
{
	enum inro_err e = store_check(c->store);

	if (e == INRO_OK)
		e = store_begin(c->store, STORE_READ);
	if (e != INRO_OK)
		return e;
	e = check_forms(c);
	if (e == INRO_OK)
		e = transfer_check(c->store, how, ret);
	store_rollback(c->store);
	return e;
}

enum inro_err upkeep_check(struct core *c, const struct upkeep *how, struct upkeep_report *ret)
{
	struct audit_report audit = { 0 };
	enum inro_err e = check_rows(c, how, ret);

	if (e == INRO_OK)
		e = tally_check(c);
	if (e == INRO_OK)
		e = audit_verify(c, &audit);
	ret->events = audit.count;
	return e;
}

struct begun {
	const char *action, *to;
};

/* Where it goes is told by the store's name, which has no password. */
static enum inro_err note_work(struct core *c, void *arg)
{
	const struct begun *b = arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { b->action, "database", b->to, EVENT_DONE, &detail };

	detail_text(&detail, "from", store_name(c->store));
	return audit_append(c, &entry);
}

static enum inro_err refused(struct core *c, const struct begun *b, enum inro_err e)
{
	return e == INRO_OK ? e : audit_refused(c, b->action, "database", b->to, e);
}

static enum inro_err copy_to(struct core *c, struct store *to, const char *action,
			     const struct upkeep *how, struct upkeep_report *ret)
{
	struct begun b = { action, store_name(to) };
	enum inro_err e = transfer_is_empty(to);

	if (e == INRO_OK)
		e = core_write(c, note_work, &b);
	if (e == INRO_OK)
		e = transfer_copy(c->store, to, how, ret);
	return refused(c, &b, e);
}

static enum inro_err sqlite_url(const char *path, char **ret)
{
	SCOPED(buf) url = { 0 };

	buf_add_str(&url, "sqlite:");
	buf_add_str(&url, path);
	*ret = buf_take_str(&url);
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a path");
}

static enum inro_err copy_rows(struct core *c, const char *path, const struct upkeep *how,
			       struct upkeep_report *ret)
{
	AUTO(free_chars) char *url = NULL;
	AUTO(close_store) struct store *to = NULL;
	enum inro_err e = sqlite_url(path, &url);

	if (e == INRO_OK)
		e = store_open(url, &to);
	return e == INRO_OK ? transfer_copy(c->store, to, how, ret) : e;
}

/* Under another name until it is whole: its name never shows a database that has nothing in it yet. */
static enum inro_err make_copy(struct core *c, const char *path, const struct upkeep *how,
				 struct upkeep_report *ret)
{
	AUTO(free_chars) char *part = NULL;
	enum inro_err e = store_file_part(path, &part);

	if (e != INRO_OK)
		return e;
	e = copy_rows(c, part, how, ret);
	if (e == INRO_OK)
		e = store_file_name(part, path);
	store_file_remove(part);
	return e;
}

static enum inro_err copy_to_file(struct core *c, const char *path, const char *action, const struct upkeep *how,
				  struct upkeep_report *ret)
{
	struct begun b = { action, path };
	enum inro_err e = core_write(c, note_work, &b);

	if (e == INRO_OK)
		e = make_copy(c, path, how, ret);
	return refused(c, &b, e);
}

static enum inro_err copy_to_url(struct core *c, const char *url, const char *action, const struct upkeep *how,
				 struct upkeep_report *ret)
{
	AUTO(close_store) struct store *to = NULL;
	enum inro_err e = store_open_as(url, STORE_TARGET, &to);

	return e == INRO_OK ? copy_to(c, to, action, how, ret) : e;
}

static enum inro_err copy(struct core *c, const char *url, const char *action, const struct upkeep *how,
			  struct upkeep_report *ret)
{
	const char *path = store_url_path(url);
	struct stat st;
	enum inro_err e;

	if (!path || lstat(path, &st) == 0 || errno != ENOENT)
		return copy_to_url(c, url, action, how, ret);
	e = file_check_target(path);
	return e == INRO_OK ? copy_to_file(c, path, action, how, ret) : e;
}

/* What came to the source while it was copied.  The copy is there, also when that can't be told. */
static void count_later(struct core *c, struct upkeep_report *ret)
{
	int64_t now = 0;

	if (ret->events == UPKEEP_UNKNOWN)
		return;
	if (transfer_events(c->store, &now) != INRO_OK)
		ret->later = UPKEEP_UNKNOWN;
	else
		ret->later = now > ret->events ? now - ret->events : 0;
}

enum inro_err upkeep_copy(struct core *c, const char *url, const struct upkeep *how,
			  struct upkeep_report *ret)
{
	const struct begun b = { "db.copy", "another" }; /* its URL may have a password */
	enum inro_err e = core_require(c, ROLE_ADMIN, "copy the database");

	if (e != INRO_OK)
		return refused(c, &b, e);
	e = copy(c, url, b.action, how, ret);
	if (e == INRO_OK)
		count_later(c, ret);
	return e;
}

/* The copy of a file is not read row by row again: it is the same pages. */
static enum inro_err backup(struct core *c, const char *path, const struct upkeep *how,
			    struct upkeep_report *ret)
{
	enum inro_err e = store_backup(c->store, path);

	return e == INRO_E_UNSUPPORTED ? make_copy(c, path, how, ret) : e;
}

enum inro_err upkeep_backup(struct core *c, const char *path, const struct upkeep *how,
			    struct upkeep_report *ret)
{
	struct begun b = { "db.backup", path };
	enum inro_err e = core_require(c, ROLE_ADMIN, "back the database up");

	if (e == INRO_OK && access(path, F_OK) == 0)
		e = err_set(INRO_E_EXISTS, "'%s' is there already", path);
	if (e == INRO_OK)
		e = file_check_target(path);
	if (e == INRO_OK)
		e = core_write(c, note_work, &b);
	if (e == INRO_OK)
		e = backup(c, path, how, ret);
	return refused(c, &b, e);
}
