/* walk_begin - operations begin and are given up; what happens beside them: PKCS#11 3.2 5.6.12, 5.8 to 5.15. */
#include "tests/model/ops.h"

#include <string.h>

#define IN_OUT(name)                                                                               \
	static CK_RV do_##name(CK_SESSION_HANDLE h, struct io *io)                                 \
	{                                                                                          \
		return subject.f->name(h, io->in, io->n, io->out, io->len);                        \
	}
#define IN_ONLY(name)                                                                              \
	static CK_RV do_##name(CK_SESSION_HANDLE h, struct io *io)                                 \
	{                                                                                          \
		return subject.f->name(h, io->in, io->n);                                          \
	}
#define OUT_ONLY(name)                                                                             \
	static CK_RV do_##name(CK_SESSION_HANDLE h, struct io *io)                                 \
	{                                                                                          \
		return subject.f->name(h, io->out, io->len);                                       \
	}
#define WITH_KEY(name)                                                                             \
	static CK_RV do_##name(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key)         \
	{                                                                                          \
		return subject.f->name(h, m, key);                                                 \
	}

IN_OUT(C_Digest)
IN_OUT(C_Sign)
IN_OUT(C_Encrypt)
IN_OUT(C_Decrypt)
IN_OUT(C_EncryptUpdate)
IN_OUT(C_DecryptUpdate)
IN_ONLY(C_DigestUpdate)
IN_ONLY(C_SignUpdate)
IN_ONLY(C_VerifyUpdate)
OUT_ONLY(C_DigestFinal)
OUT_ONLY(C_SignFinal)
OUT_ONLY(C_EncryptFinal)
OUT_ONLY(C_DecryptFinal)
WITH_KEY(C_SignInit)
WITH_KEY(C_VerifyInit)
WITH_KEY(C_EncryptInit)
WITH_KEY(C_DecryptInit)

static CK_RV do_C_DigestInit(CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	(void)key;
	return subject.f->C_DigestInit(h, m);
}

static CK_RV do_C_Verify(CK_SESSION_HANDLE h, struct io *io)
{
	return subject.f->C_Verify(h, io->in, io->n, io->out, *io->len);
}

static CK_RV do_C_VerifyFinal(CK_SESSION_HANDLE h, struct io *io)
{
	return subject.f->C_VerifyFinal(h, io->out, *io->len);
}

const struct slot_row op_slots[S__MAX] = {
	[S_DIGEST] = { "Digest", 0, CKF_DIGEST, do_C_DigestInit, do_C_Digest, do_C_DigestUpdate,
		       do_C_DigestFinal },
	[S_SIGN] = { "Sign", F_SIGN, CKF_SIGN, do_C_SignInit, do_C_Sign, do_C_SignUpdate,
		     do_C_SignFinal },
	[S_VERIFY] = { "Verify", F_VERIFY, CKF_VERIFY, do_C_VerifyInit, do_C_Verify,
		       do_C_VerifyUpdate, do_C_VerifyFinal },
	[S_ENCRYPT] = { "Encrypt", F_ENCRYPT, CKF_ENCRYPT, do_C_EncryptInit, do_C_Encrypt,
			do_C_EncryptUpdate, do_C_EncryptFinal },
	[S_DECRYPT] = { "Decrypt", F_DECRYPT, CKF_DECRYPT, do_C_DecryptInit, do_C_Decrypt,
			do_C_DecryptUpdate, do_C_DecryptFinal },
};

bool op_is_cipher(enum slot slot)
{
	return slot == S_ENCRYPT || slot == S_DECRYPT;
}

struct material *op_material(const struct operation *op)
{
	return op->material < 0 ? NULL : &world.materials[op->material];
}

/* ---- beginning ---- */

static enum kind kind_for(const struct mech_row *m, enum slot slot)
{
	return m->kind == K_EC_PRIVATE && slot == S_VERIFY ? K_EC_PUBLIC : m->kind;
}

static const struct mech_row *draw_mechanism(enum slot slot)
{
	const struct mech_row *m;

	do
		m = &model_mechs[chance_below((uint32_t)model_mechs_n)];
	while (!(m->slots & (1u << slot)) && !chance(1));
	return m;
}

static void may_use(const struct session *s, const struct object *o, const struct mech_row *m,
		    enum slot slot, struct answers *a)
{
	if (o->kind == K_DATA)
		may_be(a, CKR_KEY_HANDLE_INVALID);
	else if (o->kind != kind_for(m, slot))
		may_be(a, CKR_KEY_TYPE_INCONSISTENT);
	if (!(o->flags & op_slots[slot].permits))
		may_be(a, CKR_KEY_FUNCTION_NOT_PERMITTED);
	if (subject.ours && model_has_secret(o) && model_token(s)->login != USER)
		may_be(a, CKR_USER_NOT_LOGGED_IN);
}

/* A cipher text that opens, a message with its signature: what the step will be given. */
static void make_plan(struct operation *op, enum slot slot)
{
	const struct material *k = op_material(op);
	const struct memo *memo = &op->memo;
	size_t n = op->mech->whole ? 32 : chance_below(60);
	uint8_t text[INPUT_MAX];

	chance_fill(text, n);
	op->sig_n = op->mech->out;
	if (slot == S_DECRYPT && op->mech->type != CKM_AES_CTR)
		n = op->mech->type == CKM_AES_CBC_PAD || op->mech->type == CKM_AES_GCM ? n : n / 16 * 16;
	if (k->known && slot == S_DECRYPT) {
		oracle_make(op->mech, S_ENCRYPT, k, text, n, op->plan, &op->plan_n);
	} else if (k->known) {
		oracle_make(op->mech, S_SIGN, k, text, n, op->sig, &op->sig_n);
		memcpy(op->plan, text, op->plan_n = n);
	} else if (memo->mech == op->mech->type && slot == S_DECRYPT) {
		memcpy(op->plan, memo->out, op->plan_n = memo->out_n);
	} else if (memo->mech == op->mech->type) {
		memcpy(op->plan, memo->in, op->plan_n = memo->in_n);
		memcpy(op->sig, memo->out, memo->out_n);
	} else {
		memcpy(op->plan, text, op->plan_n = n);
		chance_fill(op->sig, op->sig_n);
	}
	if (chance(15) && op->plan_n)
		op->plan[chance_below((uint32_t)op->plan_n)] ^= 0x20;
}

static void begin_with(struct session *s, enum slot slot, const struct mech_row *m,
		       const struct object *o)
{
	struct operation *op = &s->ops[slot];

	*op = (struct operation) { .state = OP_ON, .mech = m, .material = -1 };
	if (!o)
		return;
	op->material = o->material;
	op->memo = world.materials[o->material].memo;
	op->users = (o->flags & F_PRIVATE) || model_has_secret(o);
	op->always = op->waits = slot == S_SIGN && (o->flags & F_ALWAYS_AUTH);
	op->in_tpm = subject.in_tpm;
	if (slot == S_VERIFY || slot == S_DECRYPT)
		make_plan(op, slot);
}

/* Others than those that the mechanism takes, now and then. */
static unsigned kinds_for(const struct mech_row *m, enum slot slot)
{
	return chance(5) ? IS(K__MAX) - 1 : IS(kind_for(m, slot));
}

static void begin(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE key = 0;
	enum slot slot = (enum slot)chance_below(S__MAX);
	const struct mech_row *m = draw_mechanism(slot);
	struct session *s = pick_session(&h, &a);
	struct object *o = NULL;
	CK_MECHANISM mech = oracle_mechanism(m);

	if (!s)
		return;
	if (slot != S_DIGEST)
		o = pick_key(s, kinds_for(m, slot), op_slots[slot].permits, CKR_KEY_HANDLE_INVALID,
			     &key, &a);
	if (a.idle)
		return;
	if (s->ops[slot].state == OP_ON)
		may_be(&a, CKR_OPERATION_ACTIVE);
	if (!(m->slots & (1u << slot)))
		may_be(&a, CKR_MECHANISM_INVALID);
	if (o)
		may_use(s, o, m, slot, &a);
	if (o && subject.in_tpm && a.n == 0 && m->type == CKM_AES_GCM) {
		may_be(&a, CKR_MECHANISM_INVALID);
		a.also_ok = true;
	}
	say("C_%sInit %lu %s key %lu", op_slots[slot].name, h, m->name, key);
	if (answered(&a, op_slots[slot].init(h, &mech, key)))
		begin_with(s, slot, m, o);
}

/* ---- giving up ---- */

static void give_up(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	enum slot slot = (enum slot)chance_below(S__MAX);
	struct session *s = pick_session(&h, &a);
	struct operation *op = s ? &s->ops[slot] : NULL;

	if (!s || !subject.f3 || (op->state == OP_NONE && chance(80)))
		return;
	if (op->state != OP_ON)
		may_be(&a, CKR_ARGUMENTS_BAD);
	a.also_ok = op->state == OP_LOST;
	say("C_%sInit %lu NULL", op_slots[slot].name, h);
	if (answered(&a, op_slots[slot].init(h, NULL, 0)))
		op->state = OP_NONE;
}

static void cancel(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);
	unsigned which = chance_below(1u << (S__MAX + 1));
	CK_FLAGS flags = which >> S__MAX ? CKF_FIND_OBJECTS : 0;

	if (!s || !subject.f3)
		return;
	for (int i = 0; i < S__MAX; i++)
		flags |= which & (1u << i) ? op_slots[i].cancel : 0;
	say("C_SessionCancel %lu 0x%lx", h, flags);
	if (!answered(&a, subject.f3->C_SessionCancel(h, flags)))
		return;
	for (int i = 0; i < S__MAX; i++)
		if (which & (1u << i))
			s->ops[i].state = OP_NONE;
	if (flags & CKF_FIND_OBJECTS)
		s->search.on = false;
}

void op_fed(struct operation *op, const uint8_t *in, size_t n)
{
	memcpy(op->in + op->in_n, in, n);
	op->in_n += n;
	op->parts = true;
}

bool op_is_off(const struct operation *op, struct answers *a)
{
	if (op->state == OP_NONE)
		may_be(a, CKR_OPERATION_NOT_INITIALIZED);
	return op->state == OP_NONE;
}

/* ---- logins and keys for what has begun ---- */

static void may_digest(const struct object *o, struct answers *a)
{
	if (o->kind == K_DATA)
		may_be(a, CKR_KEY_HANDLE_INVALID);
	else if (!(SECRETS & IS(o->kind)) || !model_readable(o))
		may_be(a, CKR_KEY_INDIGESTIBLE);
	else if (world.tokens[o->token].login != USER)
		may_be(a, CKR_USER_NOT_LOGGED_IN);
}

static void digest_key(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE key;
	struct session *s = pick_session(&h, &a);
	struct operation *op = s ? &s->ops[S_DIGEST] : NULL;
	struct object *o = s ? pick_object(s, chance(80) ? SECRETS : IS(K__MAX) - 1,
					   CKR_KEY_HANDLE_INVALID, &key, &a)
			     : NULL;
	const struct material *m = o && o->material >= 0 ? &world.materials[o->material] : NULL;

	if (!s || a.idle || !subject.ours || (m && model_readable(o) && !m->known))
		return;
	if (op->in_n + 32 > INPUT_MAX || (op->state == OP_NONE && chance(80)))
		return;
	op_is_off(op, &a);
	if (o)
		may_digest(o, &a);
	say("C_DigestKey %lu %lu", h, key);
	CK_RV rv = subject.f->C_DigestKey(h, key);

	if (answered(&a, rv) && m)
		op_fed(op, m->value, m->n);
	else if (rv && rv != CKR_SESSION_HANDLE_INVALID)
		op->state = OP_NONE;
}

/* The login for one use of a key (CKA_ALWAYS_AUTHENTICATE). */
static void login_for_use(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);
	struct operation *op = s ? &s->ops[S_SIGN] : NULL;
	bool right = !chance(20), waits;

	if (!s || (!op->waits && chance(90)))
		return;
	waits = op->waits && op->state == OP_ON;
	if (!waits)
		may_be(&a, CKR_OPERATION_NOT_INITIALIZED);
	if (op->state == OP_LOST) {
		may_be(&a, CKR_USER_NOT_LOGGED_IN);
		a.also_ok = right;
	}
	if (!right && (waits || op->state == OP_LOST))
		may_be(&a, CKR_PIN_INCORRECT);
	say("C_Login %lu for one use%s", h, right ? "" : " wrongly");
	if (answered(&a, subject.f->C_Login(h, CKU_CONTEXT_SPECIFIC,
					    module_pin(right ? USER_PIN : "00000000"),
					    right ? strlen(USER_PIN) : 8)) &&
	    op->state == OP_ON)
		op->waits = false;
}

const struct call begin_calls[] = {
	{ "begin", 40, begin },
	{ "give up", 3, give_up },
	{ "cancel", 1, cancel },
	{ "a key's hash", 2, digest_key },
	{ "a login for one use", 3, login_for_use },
};
const size_t begin_calls_n = ARRAY_LEN(begin_calls);
