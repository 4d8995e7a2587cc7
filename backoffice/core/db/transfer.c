/* transfer - see transfer.h. */
#include "backoffice/core/db/transfer.h"

#include <string.h>
#include <openssl/evp.h>

#include "backoffice/core/db/likeness.h"
#include "backoffice/pki/crypt.h"
#include "backoffice/store/sql.h"

struct transfer {
	const struct upkeep *how;
	const struct record_type *t; /* the table it is at */
	struct store *to;	     /* NULL: rows are only read */
	bool looks;		     /* into certificates */
	EVP_MD_CTX *md;
	struct buf row; /* as it goes into the digest */
	int64_t rows;
};

static void transfer_clear(struct transfer *t)
{
	EVP_MD_CTX_free(t->md);
	buf_clear(&t->row);
}

/* Kind, then the value: no two rows look alike. */
static void add_field(struct buf *out, const struct sql_value *v)
{
	buf_add_u8(out, (uint8_t)v->kind);
	if (v->kind == SQL_INT)
		buf_add_u64(out, (uint64_t)v->number);
	else if (v->kind == SQL_TEXT)
		buf_add_field(out, bytes_of(v->text));
	else if (v->kind == SQL_BYTES)
		buf_add_field(out, v->bytes);
}

static enum inro_err digest_row(struct transfer *t, const void *record)
{
	enum inro_err e = INRO_OK;
	struct sql_value v;

	buf_reset(&t->row);
	buf_add_field(&t->row, bytes_of(t->t->table));
	for (size_t i = 0; e == INRO_OK && i < t->t->n; i++) {
		e = sql_field_value(&t->t->fields[i], record, &v);
		if (e == INRO_OK)
			add_field(&t->row, &v);
	}
	if (e == INRO_OK)
		e = buf_err(&t->row);
	if (e == INRO_OK && !EVP_DigestUpdate(t->md, t->row.p, t->row.n))
		e = crypt_err("digesting a row");
	return e;
}

static enum inro_err take_row(void *arg, void *record)
{
	struct transfer *t = arg;
	enum inro_err e = digest_row(t, record);

	if (e == INRO_OK && t->looks && t->t == &credential_type)
		e = likeness_check(record);
	if (e == INRO_OK && t->to)
		e = store_insert_row(t->to, t->t, record);
	if (e == INRO_OK && t->how->told)
		t->how->told(t->how->arg, t->t->table, t->rows);
	t->rows++;
	return e;
}

/* Every table, in the order of record_types[], each in the order of ids. */
static enum inro_err walk(struct store *s, struct transfer *t, struct upkeep_report *ret)
{
	const struct store_query all = { 0 };
	enum inro_err e = INRO_OK;

	t->md = EVP_MD_CTX_new();
	if (!t->md || !EVP_DigestInit_ex(t->md, crypt_md(PKI_SHA256), NULL))
		return crypt_err("making a digest");
	for (size_t i = 0; e == INRO_OK && record_types[i]; i++) {
		t->t = record_types[i];
		e = store_each(s, t->t, &all, take_row, t);
		if (e != INRO_OK)
			e = err_context(e, "table %s", t->t->table);
	}
	if (e == INRO_OK && !EVP_DigestFinal_ex(t->md, ret->digest, NULL))
		e = crypt_err("making a digest");
	ret->rows = t->rows;
	return e;
}

enum inro_err transfer_read(struct store *s, const struct upkeep *how, struct upkeep_report *ret)
{
	SCOPED(transfer) t = { .how = how };

	return walk(s, &t, ret);
}

enum inro_err transfer_check(struct store *s, const struct upkeep *how, struct upkeep_report *ret)
{
	SCOPED(transfer) t = { .how = how, .looks = true };

	return walk(s, &t, ret);
}

/* A new database has its first tenant and a head of the audit that counts nothing. */
enum inro_err transfer_is_empty(struct store *to)
{
	const struct store_query all = { 0 };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && record_types[i]; i++) {
		const struct record_type *t = record_types[i];
		bool first = t == &tenant_type || t == &audit_head_type;
		int64_t n = 0;

		e = store_count(to, t, &all, &n);
		if (e == INRO_OK && n > first)
			e = err_set(INRO_E_EXISTS,
				    "%s is not empty (it has a %s); name a new database",
				    store_name(to), t->what);
	}
	return e;
}

static enum inro_err empty(struct store *to)
{
	static const struct record_type *const made[] = { &audit_head_type, &tenant_type };
	const struct store_cond any = { .field = "id", .op = STORE_GE, .number = 1 };
	const struct store_query all = { .conds = &any, .n = 1 };
	enum inro_err e = transfer_is_empty(to);
	int64_t n;

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(made); i++)
		e = store_delete(to, made[i], &all, &n);
	return e;
}

static enum inro_err copy_rows(struct store *from, struct store *to, const struct upkeep *how,
			       struct upkeep_report *ret)
{
	SCOPED(transfer) t = { .how = how, .to = to };
	struct upkeep_report there = { 0 };
	enum inro_err e = empty(to);

	store_defer(to); /* one that fails undoes all */
	if (e == INRO_OK)
		e = walk(from, &t, ret);
	if (e == INRO_OK)
		e = store_settle(to);
	if (e == INRO_OK)
		e = transfer_read(to, how, &there);
	if (e == INRO_OK && (there.rows != ret->rows ||
			     memcmp(there.digest, ret->digest, sizeof there.digest) != 0))
		e = err_set(INRO_E_DAMAGED,
			    "what %s gives back is not what was written (%lld rows of %lld); "
			    "nothing was kept",
			    store_name(to), (long long)there.rows, (long long)ret->rows);
	return e;
}

static enum inro_err copy_into(struct store *from, struct store *to, const struct upkeep *how,
			       struct upkeep_report *ret)
{
	enum inro_err e = store_begin(to, STORE_LOAD);

	if (e != INRO_OK)
		return e;
	e = copy_rows(from, to, how, ret);
	if (e == INRO_OK)
		e = store_commit(to);
	else
		store_rollback(to);
	if (e == INRO_OK)
		store_survey(to); /* whoever comes next finds ways for as many rows */
	return e;
}

enum inro_err transfer_events(struct store *s, int64_t *ret)
{
	SCOPED(audit_head) head = { 0 };
	enum inro_err e = store_get(s, 1, &head);

	if (e == INRO_OK)
		*ret = head.count;
	return e;
}

enum inro_err transfer_copy(struct store *from, struct store *to, const struct upkeep *how,
			    struct upkeep_report *ret)
{
	enum inro_err e = store_begin(from, STORE_READ);

	if (e != INRO_OK)
		return e;
	if (transfer_events(from, &ret->events) != INRO_OK)
		ret->events = UPKEEP_UNKNOWN; /* a damaged database may have no number, and is copied as it is */
	e = copy_into(from, to, how, ret);
	store_rollback(from);
	return e;
}
