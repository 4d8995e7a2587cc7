/* store_roles - what the keys of a family have been used for: bits that are only ever added. */
#include <stdlib.h>
#include <string.h>

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

static enum inro_err read_role(struct db_stmt *q, struct store_role *ret)
{
	struct bytes family = db_bytes(q, 0);

	if (family.n != STORE_FAMILY)
		return err_set(INRO_E_DAMAGED, "the record of what a key was used for is damaged");
	memcpy(ret->family, family.p, STORE_FAMILY);
	ret->bits = (uint32_t)db_int(q, 1);
	return INRO_OK;
}

static enum inro_err collect(struct db_stmt *q, struct store_role **roles, size_t *n)
{
	size_t cap = 0;
	bool row = true;
	enum inro_err e;

	while (!(e = db_step(q, &row)) && row) {
		if (*n == cap) {
			cap = cap ? cap * 2 : 16;
			struct store_role *more = realloc(*roles, cap * sizeof *more);

			if (!more)
				return err_set(INRO_E_NO_MEMORY, "no memory for %zu rows", cap);
			*roles = more;
		}
		e = read_role(q, &(*roles)[*n]);
		if (e)
			return e;
		(*n)++;
	}
	return e;
}

enum inro_err store_roles_get(struct store *s, struct store_role **ret, size_t *ret_n)
{
	struct store_role *roles = NULL;
	struct db_stmt *q;
	size_t n = 0;
	enum inro_err e = db_stmt(s->db, "SELECT family, bits FROM roles", &q);

	if (e)
		return e;
	e = collect(q, &roles, &n);
	db_reset(q);
	if (e) {
		free(roles);
		return e;
	}
	*ret = roles;
	*ret_n = n;
	return INRO_OK;
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

static enum inro_err all_there(struct store *s, const struct store_role *roles, size_t n, bool *ret)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < n; i++) {
		enum inro_err e = store_role(s, roles[i].family, &bits);

		if (e)
			return e;
		if ((bits & roles[i].bits) != roles[i].bits) {
			*ret = false;
			return INRO_OK;
		}
	}
	*ret = true;
	return INRO_OK;
}

enum inro_err store_roles_add(struct store *s, const struct store_role *roles, size_t n)
{
	bool there = false;
	enum inro_err e = all_there(s, roles, n, &there);

	if (e || there)
		return e;
	e = store_begin(s);
	if (e)
		return e;
	for (size_t i = 0; i < n && !e; i++)
		e = add_one(s, &roles[i]);
	return store_finish(s->db, e);
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
