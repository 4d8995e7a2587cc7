/* roles - claimed in the store, remembered as long as nobody writes. */
#include "pkcs11/token/roles.h"

#include <string.h>

_Static_assert(STORE_FAMILY == BACKEND_FAMILY, "a family is stored as the backend gives it");

/* The gate, so that no logout comes between. */
static enum inro_err family_of(struct loaded_key *key, uint8_t ret[STORE_FAMILY])
{
	struct token *t = key->token;
	enum inro_err e;

	token_enter_gate(t);
	if (!loaded_key_is_live(key))
		e = err_set(INRO_E_LOGIN, "the user has logged out");
	else
		e = t->ops->family(t->backend, key->key, ret);
	token_leave_gate(t);
	return e;
}

enum inro_err roles_claim(struct loaded_key *key, const struct role_claim *claim,
			  unsigned *ret_roles)
{
	struct token *t = key->token;
	struct store_role role = { .bits = claim->add };
	uint32_t had = 0;
	enum inro_err e;

	if (!claim->add && !claim->forbid) {
		*ret_roles = 0;
		return INRO_OK;
	}
	e = family_of(key, role.family);
	if (!e)
		e = store_role_claim(t->store, &role, claim->forbid, &had);
	if (e)
		return e;
	if (had & claim->forbid)
		return err_set(
			claim->refusal,
			"what this key or a copy of it has moved before does not go together "
			"with this (roles 0x%x)",
			had);
	t->roles_claimed += (had | claim->add) != had;
	*ret_roles = had;
	return INRO_OK;
}

/* Rises when anybody has written; never 0. */
static uint64_t stamp(const struct token *t)
{
	return t->epoch + t->roles_claimed + 1;
}

static enum inro_err look(struct token *t)
{
	enum inro_err e = INRO_OK;

	if (t->roles_stamp == stamp(t))
		return INRO_OK;
	e = store_roles_any(t->store, ROLES_WRAPPED, &t->any_wrapped);
	if (!e)
		t->roles_stamp = stamp(t);
	return e;
}

static enum inro_err look_at_key(struct object *o)
{
	struct store_role role = { 0 };
	struct token *t = o->token;
	enum inro_err e;

	if (o->roles_stamp == stamp(t) || !o->key)
		return INRO_OK;
	e = family_of(o->key, role.family);
	if (!e)
		e = store_role(t->store, role.family, &role.bits);
	if (e)
		return e;
	o->roles = role.bits;
	o->roles_stamp = stamp(t);
	return INRO_OK;
}

enum inro_err roles_may_use(struct object *o, enum key_use use)
{
	enum inro_err e = look(o->token);

	if (e || !o->token->any_wrapped || o->class == CKO_PUBLIC_KEY)
		return e;
	e = look_at_key(o);
	return e ? e : policy_use(o->roles, use);
}
