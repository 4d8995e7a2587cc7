/* softhsm_db - SoftHSM's SQLite backend: the rows of an object in the form of an object file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/db/db.h"
#include "tools/import/softhsm.h"

/* Rows of the table attribute_binary that are a set of mechanisms: numbers of this machine's order.
 */
#define IS_SET(type) ((type) == CKA_ALLOWED_MECHANISMS)

struct row {
	uint64_t type;
	struct db_stmt *s; /* column 1 is the value */
};

static void add_head(const struct row *r, enum softhsm_kind kind, struct buf *out)
{
	buf_add_u64(out, r->type);
	buf_add_u64(out, kind);
}

static void add_octets(struct bytes b, struct buf *out)
{
	buf_add_u64(out, b.n);
	buf_add(out, b);
}

static uint64_t native(struct bytes *in, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, in->p, n);
	in->p += n;
	in->n -= n;
	return v;
}

static enum inro_err add_bool(const struct row *r, struct buf *out)
{
	add_head(r, SOFTHSM_BOOL, out);
	buf_add_u8(out, db_int(r->s, 1) ? 0xff : 0);
	return INRO_OK;
}

static enum inro_err add_integer(const struct row *r, struct buf *out)
{
	add_head(r, SOFTHSM_ULONG, out);
	buf_add_u64(out, (uint64_t)db_int(r->s, 1));
	return INRO_OK;
}

static enum inro_err add_set(struct bytes value, struct buf *out)
{
	if (value.n % 8)
		return err_set(INRO_E_DAMAGED, "a set of mechanisms of %zu octets", value.n);
	buf_add_u64(out, value.n / 8);
	while (value.n)
		buf_add_u64(out, native(&value, 8));
	return INRO_OK;
}

static enum inro_err add_binary(const struct row *r, struct buf *out)
{
	struct bytes value = db_bytes(r->s, 1);

	add_head(r, IS_SET(r->type) ? SOFTHSM_MECHS : SOFTHSM_BYTES, out);
	if (IS_SET(r->type))
		return add_set(value, out);
	add_octets(value, out);
	return INRO_OK;
}

/* An attribute of a template: type (8 octets), kind (4), then a bool (1), a number (8) or a length
 * (8) and octets. */
static enum inro_err add_nested(struct bytes *in, struct buf *out)
{
	static const size_t fixed[] = {
		[SOFTHSM_BOOL] = 1, [SOFTHSM_ULONG] = 8, [SOFTHSM_BYTES] = 8
	};
	uint64_t kind, v;
	struct bytes octets = BYTES_NONE;

	if (in->n < 12)
		return err_set(INRO_E_DAMAGED, "a template is cut short");
	buf_add_u64(out, native(in, 8));
	kind = native(in, 4);
	if (kind < SOFTHSM_BOOL || kind > SOFTHSM_BYTES || in->n < fixed[kind])
		return err_set(INRO_E_DAMAGED, "a template is cut short, or of unknown kinds");
	buf_add_u64(out, kind);
	v = native(in, fixed[kind]);
	if (kind == SOFTHSM_BOOL)
		buf_add_u8(out, v ? 0xff : 0);
	else
		buf_add_u64(out, v);
	if (kind == SOFTHSM_BYTES && read_bytes(in, (size_t)v, &octets))
		return err_set(INRO_E_DAMAGED, "a template is cut short");
	buf_add(out, octets);
	return INRO_OK;
}

static enum inro_err add_array(const struct row *r, struct buf *out)
{
	struct bytes value = db_bytes(r->s, 1);
	SCOPED(buf) map = { 0 };
	enum inro_err e = INRO_OK;

	while (!e && value.n)
		e = add_nested(&value, &map);
	add_head(r, SOFTHSM_MAP, out);
	add_octets(buf_bytes(&map), out);
	return e ? e : buf_err(&map);
}

static const struct {
	const char *sql;
	enum inro_err (*add)(const struct row *r, struct buf *out);
} tables[] = {
	{ "SELECT type, value FROM attribute_boolean WHERE object_id = ?1 ORDER BY type",
	  add_bool },
	{ "SELECT type, value FROM attribute_integer WHERE object_id = ?1 ORDER BY type",
	  add_integer },
	{ "SELECT type, value FROM attribute_binary WHERE object_id = ?1 ORDER BY type",
	  add_binary },
	{ "SELECT type, value FROM attribute_array WHERE object_id = ?1 ORDER BY type", add_array },
};

static enum inro_err add_table(struct db *db, size_t table, int64_t object, struct buf *out)
{
	struct row r = { 0 };
	bool more = false;
	enum inro_err e = db_stmt(db, tables[table].sql, &r.s);

	if (e)
		return e;
	db_bind_int(r.s, 1, object);
	while (!(e = db_step(r.s, &more)) && more) {
		r.type = (uint64_t)db_int(r.s, 0);
		e = tables[table].add(&r, out);
		if (!e && out->n > SOFTHSM_FILE_MAX)
			e = err_set(INRO_E_DAMAGED, "it has more than %u octets", SOFTHSM_FILE_MAX);
		if (e)
			break;
	}
	db_reset(r.s);
	return e;
}

enum inro_err softhsm_db_read(const char *path, const char *name, struct buf *ret)
{
	AUTO(db_close_ptr) struct db *db = NULL;
	int64_t object = strtoll(name, NULL, 10);
	enum inro_err e = db_open_foreign(path, "SoftHSM token", &db);

	buf_add_u64(ret, 0); /* the generation */
	for (size_t i = 0; !e && i < ARRAY_LEN(tables); i++)
		e = add_table(db, i, object, ret);
	return e ? e : buf_err(ret);
}

enum inro_err softhsm_db_list(const char *path, struct softhsm_names *ret)
{
	AUTO(db_close_ptr) struct db *db = NULL;
	struct db_stmt *s = NULL;
	char name[24];
	bool more = false;
	enum inro_err e = db_open_foreign(path, "SoftHSM token", &db);

	if (!e)
		e = db_stmt(db, "SELECT id FROM object WHERE id <> 1 ORDER BY id", &s);
	while (!e && !(e = db_step(s, &more)) && more) {
		snprintf(name, sizeof name, "%lld", (long long)db_int(s, 0));
		e = softhsm_names_add(ret, name);
	}
	if (s)
		db_reset(s);
	return e;
}
