/* walk_ops - the steps of digests, signatures, ciphers: PKCS#11 3.2 5.8 to 5.15. */
#include "tests/model/ops.h"

#include <string.h>

/* ---- what a step must give ---- */

struct expected {
	CK_RV rv;
	bool sure;    /* of the bytes */
	bool bounded; /* n is only the most that can come */
	uint8_t out[INPUT_MAX + 64];
	size_t n;
};

static size_t size_of(const struct mech_row *m, enum slot slot, size_t n)
{
	if (m->out)
		return m->out;
	if (m->type == CKM_AES_CBC_PAD)
		return slot == S_ENCRYPT ? n / 16 * 16 + 16 : n;
	if (m->type == CKM_AES_GCM)
		return slot == S_ENCRYPT ? n + 16 : n - 16;
	return n;
}

static void from_memo(const struct memo *memo, enum slot slot, const uint8_t *in, size_t n,
		      struct expected *e)
{
	const uint8_t *from = slot == S_DECRYPT ? memo->out : memo->in;
	const uint8_t *to = slot == S_DECRYPT ? memo->in : memo->out;
	size_t from_n = slot == S_DECRYPT ? memo->out_n : memo->in_n;

	if (from_n != n || memcmp(from, in, n) != 0)
		return;
	e->sure = true;
	e->bounded = false;
	e->n = slot == S_DECRYPT ? memo->in_n : memo->out_n;
	memcpy(e->out, to, e->n);
}

static struct expected expect(const struct operation *op, enum slot slot, const uint8_t *in, size_t n)
{
	const struct material *k = op_material(op);
	bool pair = op->mech->kind == K_EC_PRIVATE;
	struct expected e = { .sure = !pair && (!k || k->known) };

	if (op->mech->out && !e.sure)
		e.n = op->mech->out;
	else
		e.rv = oracle_make(op->mech, slot, k, in, n, e.out, &e.n);
	if (e.rv || e.sure)
		return e;
	e.n = size_of(op->mech, slot, n);
	e.bounded = slot == S_DECRYPT;
	if (!pair && op->memo.mech == op->mech->type)
		from_memo(&op->memo, slot, in, n, &e);
	return e;
}

/* ---- what it gave ---- */

static void keep_memo(const struct operation *op, enum slot slot, const uint8_t *in, size_t n,
		      const uint8_t *out, size_t out_n)
{
	struct material *k = op_material(op);

	if (!k || k->known || slot == S_DECRYPT)
		return;
	k->memo.mech = op->mech->type;
	memcpy(k->memo.in, in, k->memo.in_n = n);
	memcpy(k->memo.out, out, k->memo.out_n = out_n);
}

static void look_at_output(const struct operation *op, enum slot slot, const struct expected *e,
			   const uint8_t *in, size_t n, const uint8_t *out, size_t out_n)
{
	if (e->bounded)
		RIGHT(out_n <= e->n, "%zu bytes, %zu at most", out_n, e->n);
	else
		RIGHT(out_n == e->n, "%zu bytes, not %zu", out_n, e->n);
	if (e->sure)
		RIGHT(out_n == 0 || memcmp(out, e->out, out_n) == 0, "another result: %02x, not %02x", out[0],
		      e->out[0]);
	if (slot == S_SIGN && op->mech->kind == K_EC_PRIVATE)
		RIGHT(oracle_verify(op->mech, op_material(op), in, n, out),
		      "libcrypto does not verify the signature");
	keep_memo(op, slot, in, n, out, out_n);
}

/* Room for a result, with a fence behind it. */
struct room {
	uint8_t p[INPUT_MAX + 128];
	bool null;
	CK_ULONG n, len;
};

static struct room draw_room(size_t need)
{
	struct room r = { .null = chance(20), .n = need + chance_below(20) };

	if (!r.null && need > 0 && chance(15))
		r.n = chance(50) ? need - 1 : chance_below((uint32_t)need);
	memset(r.p, 0xa5, sizeof r.p);
	r.len = r.null ? chance_below(9) : r.n;
	return r;
}

static void look_at_fence(const struct room *r, CK_RV rv)
{
	size_t given = rv == CKR_OK && !r->null ? r->len : r->n;

	if (rv == CKR_OK && !r->null)
		RIGHT(r->len <= r->n, "%lu bytes in room for %lu", r->len, r->n);
	for (size_t i = given; i < sizeof r->p; i++)
		RIGHT(r->p[i] == 0xa5, "it is written behind the room");
}

/* Which answers a step with output has; the operation is on. */
static void may_give(const struct operation *op, const struct expected *e, const struct room *r,
		     struct answers *a)
{
	bool length = e->rv == CKR_DATA_LEN_RANGE || e->rv == CKR_ENCRYPTED_DATA_LEN_RANGE;

	if (op->waits && !r->null)
		may_be(a, CKR_USER_NOT_LOGGED_IN);
	if (e->rv && (length || !r->null))
		may_be(a, e->rv);
	if (e->rv && r->null)
		a->also_ok = true;
	if (!r->null && (r->n < e->n || e->rv || e->bounded))
		may_be(a, CKR_BUFFER_TOO_SMALL);
	if (!e->rv && !r->null && e->bounded) {
		may_be(a, CKR_ENCRYPTED_DATA_INVALID);
		a->also_ok = true;
	}
	if (!e->rv && !r->null && r->n >= e->n && op->mech->type == CKM_AES_CBC_PAD && !op->mech->out) {
		may_be(a, CKR_BUFFER_TOO_SMALL); /* the most that could come does not fit */
		a->also_ok = true;
	}
}

/* What the answer means for the operation: whether it has ended. */
static bool has_ended(const struct operation *op, const struct room *r, CK_RV rv)
{
	if (rv == CKR_BUFFER_TOO_SMALL || rv == CKR_SESSION_HANDLE_INVALID)
		return false;
	if (rv == CKR_USER_NOT_LOGGED_IN && op->waits)
		return false;
	return rv != CKR_OK || !r->null;
}

/* An operation that lost its key gives nothing out. */
static bool settle_lost(struct operation *op, const struct room *r, bool feeds, CK_RV rv, struct answers *a)
{
	static const CK_RV codes[] = { CKR_USER_NOT_LOGGED_IN,	CKR_OPERATION_ACTIVE,
				       CKR_BUFFER_TOO_SMALL,	CKR_FUNCTION_NOT_SUPPORTED,
				       CKR_DATA_LEN_RANGE,	CKR_ENCRYPTED_DATA_LEN_RANGE,
				       CKR_SIGNATURE_LEN_RANGE, CKR_OPERATION_NOT_INITIALIZED };

	if (op->state != OP_LOST)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		may_be(a, codes[i]);
	a->also_ok = r->null || feeds;
	if (answered(a, rv) && feeds && !r->null)
		RIGHT(r->len == 0, "an operation without its key gives something out");
	return true;
}

/* ---- once ---- */

static size_t draw_input(const struct operation *op, enum slot slot, uint8_t *in)
{
	static const size_t hashes[] = { 20, 32, 48, 64 };
	size_t n = chance_below(INPUT_MAX / 2);

	if (slot == S_VERIFY || slot == S_DECRYPT) {
		memcpy(in, op->plan, op->plan_n);
		return op->plan_n;
	}
	if (op->mech->whole)
		n = hashes[chance_below(ARRAY_LEN(hashes))];
	if (slot == S_ENCRYPT && chance(85))
		n = n / 16 * 16;
	chance_fill(in, n);
	return n;
}

static void once(struct session *s, CK_SESSION_HANDLE h, enum slot slot, struct answers *a)
{
	static const struct mech_row none = { .out = 16 };
	struct operation *op = &s->ops[slot];
	struct operation off = { .mech = &none };
	uint8_t in[INPUT_MAX] = { 0 };
	bool on = op->state == OP_ON;
	size_t n = draw_input(op->state == OP_NONE ? &off : op, slot, in);
	struct expected e = { 0 };

	if (on)
		e = expect(op, slot, in, n);
	struct room r = draw_room(on ? e.n : 16);
	struct io io = { in, r.null ? NULL : r.p, n, &r.len };
	CK_RV rv = op_slots[slot].once(h, &io);

	say("C_%s %lu of %zu bytes, room %ld", op_slots[slot].name, h, n, r.null ? -1 : (long)r.n);
	look_at_fence(&r, rv);
	if (settle_lost(op, &r, false, rv, a))
		return;
	if (!op_is_off(op, a) && op->parts)
		may_be(a, CKR_OPERATION_ACTIVE);
	else if (on)
		may_give(op, &e, &r, a);
	if (answered(a, rv) && !r.null)
		look_at_output(op, slot, &e, in, n, r.p, r.len);
	if (on && has_ended(op, &r, rv))
		op->state = OP_NONE;
}

/* ---- verifying ---- */

static CK_RV judgement(const struct operation *op, const uint8_t *in, size_t n, const uint8_t *sig,
		       size_t sig_n)
{
	const struct material *k = op_material(op);
	struct expected e;

	if (sig_n != op->mech->out)
		return CKR_SIGNATURE_LEN_RANGE;
	if (op->mech->kind == K_EC_PRIVATE)
		return oracle_verify(op->mech, k, in, n, sig) ? CKR_OK : CKR_SIGNATURE_INVALID;
	e = expect(op, S_VERIFY, in, n);
	if (!e.sure)
		return CKR_SIGNATURE_INVALID;
	return memcmp(e.out, sig, sig_n) == 0 ? CKR_OK : CKR_SIGNATURE_INVALID;
}

static void verify(struct session *s, CK_SESSION_HANDLE h, bool final, struct answers *a)
{
	struct operation *op = &s->ops[S_VERIFY];
	uint8_t in[INPUT_MAX], sig[80];
	size_t n = op->plan_n;
	CK_ULONG sig_n = op->sig_n - (op->sig_n && chance(5));
	struct room none = { 0 };
	struct io io = { in, sig, n, &sig_n };
	CK_RV rv, right;

	memcpy(in, op->plan, n);
	memcpy(sig, op->sig, sizeof op->sig);
	if (sig_n && chance(10))
		sig[chance_below((uint32_t)sig_n)] ^= 4;
	say("C_Verify%s %lu of %zu bytes", final ? "Final" : "", h, final ? op->in_n : n);
	rv = final ? op_slots[S_VERIFY].final(h, &io) : op_slots[S_VERIFY].once(h, &io);
	if (settle_lost(op, &none, false, rv, a))
		return;
	if (!op_is_off(op, a) && op->parts && !final)
		may_be(a, CKR_OPERATION_ACTIVE);
	else if (op->state == OP_ON && final && op->mech->whole)
		may_be(a, CKR_FUNCTION_NOT_SUPPORTED);
	else if (op->state == OP_ON) {
		right = judgement(op, final ? op->in : in, final ? op->in_n : n, sig, sig_n);
		if (right)
			may_be(a, right);
	}
	answered(a, rv);
	if (rv != CKR_SESSION_HANDLE_INVALID && op->state == OP_ON)
		op->state = OP_NONE;
}

/* ---- in parts ---- */

static size_t draw_part(const struct operation *op, enum slot slot, uint8_t *in)
{
	size_t left = INPUT_MAX - op->in_n, n = chance_below(40) + !subject.ours;

	if (slot == S_VERIFY || slot == S_DECRYPT) {
		left = op->plan_n > op->in_n ? op->plan_n - op->in_n : 0;
		n = chance(40) || n > left ? left : n;
		memcpy(in, op->plan + op->in_n, n);
		return n;
	}
	if (n > left)
		n = left;
	chance_fill(in, n);
	return n;
}

static void update(struct session *s, CK_SESSION_HANDLE h, enum slot slot, struct answers *a)
{
	struct operation *op = &s->ops[slot];
	uint8_t in[INPUT_MAX] = { 0 };
	size_t n = draw_part(op, slot, in);
	struct room r = draw_room(n + 16);
	struct io io = { in, r.null ? NULL : r.p, n, &r.len };
	bool cipher = op_is_cipher(slot);
	CK_RV rv;

	r.null = r.null && cipher;
	say("C_%sUpdate %lu of %zu bytes, room %ld", op_slots[slot].name, h, n,
	    r.null ? -1 : (long)r.n);
	rv = op_slots[slot].update(h, &io);
	if (!cipher)
		r.len = 0;
	look_at_fence(&r, rv);
	if (settle_lost(op, &r, true, rv, a) || op_is_off(op, a)) {
		if (op->state == OP_NONE)
			answered(a, rv);
		return;
	}
	if (op->waits)
		may_be(a, CKR_USER_NOT_LOGGED_IN);
	if (op->mech->whole)
		may_be(a, CKR_FUNCTION_NOT_SUPPORTED);
	if (cipher && !r.null && r.n < n + 16 && a->n == 0) {
		may_be(a, CKR_BUFFER_TOO_SMALL);
		a->also_ok = true;
	}
	if (answered(a, rv) && !r.null) {
		RIGHT(r.len <= n + 16, "a part of %zu bytes brings out %lu", n, r.len);
		memcpy(op->out + op->out_n, r.p, r.len);
		op->out_n += r.len;
		op_fed(op, in, n);
	}
	if (rv && has_ended(op, &r, rv))
		op->state = OP_NONE;
}

/* What is still to come. */
static void rest_of(const struct operation *op, struct expected *e)
{
	if (e->rv)
		return;
	RIGHT(op->out_n <= e->n, "the parts have given %zu bytes, there are %zu", op->out_n, e->n);
	RIGHT(!e->sure || memcmp(op->out, e->out, op->out_n) == 0, "the parts have given other bytes");
}

static void final(struct session *s, CK_SESSION_HANDLE h, enum slot slot, struct answers *a)
{
	struct operation *op = &s->ops[slot];
	bool on = op->state == OP_ON, whole = on && op->mech->whole;
	struct expected e = { 0 };
	uint8_t all[INPUT_MAX + 192];

	if (on && !whole)
		e = expect(op, slot, op->in, op->in_n);
	if (on)
		rest_of(op, &e);
	size_t before = on ? op->out_n : 0, left = e.n > before ? e.n - before : 0;
	struct room r = draw_room(on ? left : 16);
	struct io io = { NULL, r.null ? NULL : r.p, 0, &r.len };

	say("C_%sFinal %lu after %zu bytes, room %ld", op_slots[slot].name, h, op->in_n,
	    r.null ? -1 : (long)r.n);
	CK_RV rv = op_slots[slot].final(h, &io);

	look_at_fence(&r, rv);
	if (settle_lost(op, &r, false, rv, a))
		return;
	e.n = left;
	if (!op_is_off(op, a) && whole)
		may_be(a, CKR_FUNCTION_NOT_SUPPORTED);
	else if (on)
		may_give(op, &e, &r, a);
	if (answered(a, rv) && !r.null) {
		e.n += before;
		memcpy(all, op->out, before);
		memcpy(all + before, r.p, r.len);
		look_at_output(op, slot, &e, op->in, op->in_n, all, before + r.len);
	}
	if (on && has_ended(op, &r, rv))
		op->state = OP_NONE;
}

/* ---- the calls ---- */

/* Most often an operation that has begun. */
static struct session *pick_operation(CK_SESSION_HANDLE *ret_h, enum slot *ret_slot, struct answers *a)
{
	struct session *s = pick_session(ret_h, a);
	size_t on[SESSIONS * S__MAX], n = 0;

	*ret_slot = (enum slot)chance_below(S__MAX);
	for (size_t i = 0; i < SESSIONS * S__MAX; i++)
		if (world.sessions[i / S__MAX].open &&
		    world.sessions[i / S__MAX].ops[i % S__MAX].state != OP_NONE)
			on[n++] = i;
	if (!s || a->n > 0 || n == 0 || chance(5))
		return s && chance(20) ? s : NULL;
	n = on[chance_below((uint32_t)n)];
	*ret_slot = (enum slot)(n % S__MAX);
	*ret_h = world.sessions[n / S__MAX].h;
	return &world.sessions[n / S__MAX];
}

static void in_one_step(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	enum slot slot;
	struct session *s = pick_operation(&h, &slot, &a);

	/* parts that have begun are ended in one step now and then only */
	if (!s || (s->ops[slot].parts && chance(85)))
		return;
	if (slot == S_VERIFY)
		verify(s, h, false, &a);
	else
		once(s, h, slot, &a);
}

static void a_part(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	enum slot slot;
	struct session *s = pick_operation(&h, &slot, &a);

	if (s)
		update(s, h, slot, &a);
}

static void the_end(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	enum slot slot;
	struct session *s = pick_operation(&h, &slot, &a);

	if (s && slot == S_VERIFY)
		verify(s, h, true, &a);
	else if (s)
		final(s, h, slot, &a);
}

const struct call op_calls[] = {
	{ "once", 12, in_one_step },
	{ "a part", 14, a_part },
	{ "the end", 10, the_end },
};
const size_t op_calls_n = ARRAY_LEN(op_calls);
