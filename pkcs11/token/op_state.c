/*
 * op_state - digests that are put aside.
 *
 * A state is a mark and sixteen random bytes: nobody guesses another's, and one of another process
 * or an earlier life of the library is not taken for one of this.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/token/libctx.h"
#include "pkcs11/token/op_dual.h"
#include "pkcs11/token/op_private.h"

#define MAGIC	   "inro digest 1"
#define NAME_BYTES 16
#define STATE_SIZE (sizeof MAGIC - 1 + NAME_BYTES)

struct op_state {
	uint8_t name[NAME_BYTES]; /* random */
	CK_MECHANISM_TYPE mech;
	bool parts;
	EVP_MD_CTX *md; /* NULL: a free place */
};

static void forget(struct op_state *state)
{
	if (!libcrypto_gone())
		EVP_MD_CTX_free(state->md);
	*state = (struct op_state) { 0 };
}

void op_states_init(struct op_states *all)
{
	*all = (struct op_states) { 0 };
	pthread_mutex_init(&all->lock, NULL);
}

void op_states_clear(struct op_states *all)
{
	for (size_t i = 0; all->list && i < OP_STATES_MAX; i++)
		forget(&all->list[i]);
	free(all->list);
	all->list = NULL;
	pthread_mutex_destroy(&all->lock);
}

/* ---- put aside ---- */

static enum inro_err copy_of(const EVP_MD_CTX *md, EVP_MD_CTX **ret)
{
	EVP_MD_CTX *copy = EVP_MD_CTX_new();

	if (!copy || !EVP_MD_CTX_copy_ex(copy, md)) {
		EVP_MD_CTX_free(copy);
		return libcrypto_err("copying a digest");
	}
	*ret = copy;
	return INRO_OK;
}

/* Under the lock: in the place of the oldest. */
static enum inro_err keep(struct op_states *all, const struct op_state *state)
{
	if (!all->list)
		all->list = calloc(OP_STATES_MAX, sizeof *all->list);
	if (!all->list)
		return err_set(INRO_E_NO_MEMORY, "no memory for the state of a digest");
	struct op_state *place = &all->list[all->given++ % OP_STATES_MAX];

	forget(place);
	*place = *state;
	return INRO_OK;
}

static enum inro_err put_aside(struct op_states *all, const struct op *op, uint8_t *out)
{
	struct op_state state = { .mech = op->use.mech->type, .parts = op->parts };
	enum inro_err e = random_fill(state.name, sizeof state.name);

	if (!e)
		e = copy_of(op->md, &state.md);
	if (e)
		return e;
	pthread_mutex_lock(&all->lock);
	e = keep(all, &state);
	pthread_mutex_unlock(&all->lock);
	if (e) {
		forget(&state);
		return e;
	}
	memcpy(out, MAGIC, sizeof MAGIC - 1);
	memcpy(out + sizeof MAGIC - 1, state.name, NAME_BYTES);
	return INRO_OK;
}

static bool any_other(const struct session *s)
{
	for (int i = 0; i < OP__MAX; i++) {
		if (i != OP_DIGEST && s->ops[i] && s->ops[i]->use.mech)
			return true;
	}
	return false;
}

enum inro_err op_state_get(struct op_states *all, struct session *s, struct op_out out)
{
	bool other = any_other(s);
	struct op *op;
	enum inro_err e = op_get(s, OP_DIGEST, &op);

	if (e && !other)
		return e;
	if (other)
		return err_set(INRO_E_STATE_UNSAVEABLE, "only the state of a digest can be saved");
	if (op_answered(STATE_SIZE, out, &e))
		return e;
	e = put_aside(all, op, out.p);
	if (!e)
		*out.len = STATE_SIZE;
	return e;
}

/* ---- taken up again ---- */

static const struct op_state *find(const struct op_states *all, const uint8_t *name)
{
	for (size_t i = 0; all->list && i < OP_STATES_MAX; i++) {
		if (all->list[i].md && memcmp(all->list[i].name, name, NAME_BYTES) == 0)
			return &all->list[i];
	}
	return NULL;
}

/* Under the lock. */
static enum inro_err look_up(const struct op_states *all, const uint8_t *name, struct op_state *ret)
{
	const struct op_state *state = find(all, name);
	enum inro_err e;

	if (!state)
		return err_set(INRO_E_SAVED_STATE,
			       "the state is not one of the last %d that were saved in this "
			       "process",
			       OP_STATES_MAX);
	*ret = *state;
	e = copy_of(state->md, &ret->md);
	return e;
}

static enum inro_err begin_with(struct session *s, const struct op_state *state)
{
	const CK_MECHANISM mech = { .mechanism = state->mech };
	struct op *op = NULL;
	enum inro_err e;

	for (int i = 0; i < OP__MAX; i++)
		op_end(s, (enum op_slot)i);
	e = op_begin(s, &(struct op_init) { .slot = OP_DIGEST, .mech = &mech });
	if (!e)
		e = op_get(s, OP_DIGEST, &op);
	if (e)
		return e;
	EVP_MD_CTX_free(op->md);
	op->md = state->md;
	op->parts = state->parts;
	return INRO_OK;
}

enum inro_err op_state_set(struct op_states *all, struct session *s, struct bytes state)
{
	struct op_state found = { 0 };
	enum inro_err e;

	if (state.n != STATE_SIZE || memcmp(state.p, MAGIC, sizeof MAGIC - 1) != 0)
		return err_set(INRO_E_SAVED_STATE, "these bytes are no saved state");
	pthread_mutex_lock(&all->lock);
	e = look_up(all, state.p + sizeof MAGIC - 1, &found);
	pthread_mutex_unlock(&all->lock);
	if (e)
		return e;
	e = begin_with(s, &found);
	if (e)
		forget(&found);
	return e;
}
