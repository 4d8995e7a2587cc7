/* store_roles - what the keys of a family have been used for: bits that are only ever added. */
#include "pkcs11/token/store_internal.h"

enum inro_err store_role(struct store *s, const uint8_t family[STORE_FAMILY], uint32_t *ret_bits)
{
	struct db_stmt *q;
	bool row = false;
	enum inro_err e = db_stmt(s->db, "SELECT bits FROM roles WHERE family = ?1", &q);

	if (e)
		return e;
	db_bind_bytes(q, 1, BYTES(family, STORE_FAMILY));
	e = db_step(q, &row);
	if (!e)
		*ret_bits = row ? (uint32_t)db_int(q, 0) : 0;
	db_reset(q);
	return e;
}

static enum inro_err add_one(struct store *s, const struct store_role *r)
{
	struct db_stmt *q;
	enum inro_err e = db_stmt(s->db,
				  "INSERT INTO roles (family, bits) VALUES (?1, ?2) "
				  "ON CONFLICT (family) DO UPDATE SET bits = bits | ?2",
				  &q);

	if (e)
		return e;
	db_bind_bytes(q, 1, BYTES(r->family, sizeof r->family));
	db_bind_int(q, 2, r->bits);
	return db_run(q);
}

enum inro_err store_roles_any(struct store *s, uint32_t bits, bool *ret)
{
	struct db_stmt *q;
	bool row = false;
	enum inro_err e = db_stmt(s->db, "SELECT 1 FROM roles WHERE (bits & ?1) <> 0 LIMIT 1", &q);

	if (e)
		return e;
	db_bind_int(q, 1, bits);
	e = db_step(q, &row);
	db_reset(q);
	if (!e)
		*ret = row;
	return e;
}

static bool nothing_to_write(uint32_t have, uint32_t want, uint32_t forbid)
{
	return (have & forbid) || (have & want) == want;
}

enum inro_err store_role_claim(struct store *s, const struct store_role *role, uint32_t forbid,
			       uint32_t *ret_bits)
{
	uint32_t have = 0;
	enum inro_err e = store_role(s, role->family, &have);

	if (!e && !nothing_to_write(have, role->bits, forbid)) {
		e = store_begin(s);
		if (e)
			return e;
		/* Another process may have been before us. */
		e = store_role(s, role->family, &have);
		if (!e && !nothing_to_write(have, role->bits, forbid))
			e = add_one(s, role);
		e = store_finish(s->db, e);
	}
	if (!e)
		*ret_bits = have;
	return e;
}
