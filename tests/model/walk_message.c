/* walk_message - many messages under one key: PKCS#11 3.2 5.9, 5.11.  AES-GCM with keys that are known. */
#include "tests/model/ops.h"

#include <string.h>

#define TAG 16

/* What a session has of each; enum message_slot is also the row in `rows`. */
enum message_slot { M_ENCRYPT, M_DECRYPT, M__MAX };

static struct messages {
	enum op_state state;
	int material;
	bool parts; /* a message has begun in parts */
	uint8_t in[INPUT_MAX], out[INPUT_MAX];
	size_t in_n, out_n;
	uint8_t tag[TAG]; /* of what is decrypted */
	uint8_t plan[INPUT_MAX];
	size_t plan_n;
} all[SESSIONS][M__MAX];

static uint8_t nonce[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static struct messages *of(const struct session *s, enum message_slot slot)
{
	return &all[s - world.sessions][slot];
}

/* A session that is new in its place has none. */
void message_walks_forget(size_t session)
{
	memset(all[session], 0, sizeof all[session]);
}

void message_walks_logout(int token)
{
	for (size_t i = 0; i < SESSIONS * M__MAX; i++)
		if (world.sessions[i / M__MAX].open && world.sessions[i / M__MAX].token == token &&
		    all[i / M__MAX][i % M__MAX].state == OP_ON)
			all[i / M__MAX][i % M__MAX].state = OP_LOST;
}

size_t message_walks_count(const struct session *s, enum op_state state)
{
	return (size_t)(of(s, M_ENCRYPT)->state == state) + (of(s, M_DECRYPT)->state == state);
}

static const struct row {
	const char *name;
	unsigned permits;
} rows[M__MAX] = {
	[M_ENCRYPT] = { "Encrypt", F_ENCRYPT },
	[M_DECRYPT] = { "Decrypt", F_DECRYPT },
};

/* ---- the calls of both ---- */

static CK_RV init(enum message_slot slot, CK_SESSION_HANDLE h, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	return (slot == M_ENCRYPT ? subject.f3->C_MessageEncryptInit
				  : subject.f3->C_MessageDecryptInit)(h, m, key);
}

static CK_RV final(enum message_slot slot, CK_SESSION_HANDLE h)
{
	return (slot == M_ENCRYPT ? subject.f3->C_MessageEncryptFinal
				  : subject.f3->C_MessageDecryptFinal)(h);
}

struct step {
	CK_GCM_MESSAGE_PARAMS param;
	uint8_t tag[TAG], in[INPUT_MAX], out[INPUT_MAX];
	size_t n;
	CK_ULONG len;
	bool null;
};

static CK_RV whole(enum message_slot slot, CK_SESSION_HANDLE h, struct step *p)
{
	return (slot == M_ENCRYPT ? subject.f3->C_EncryptMessage : subject.f3->C_DecryptMessage)(
		h, &p->param, sizeof p->param, NULL, 0, p->in, p->n, p->null ? NULL : p->out, &p->len);
}

static CK_RV first(enum message_slot slot, CK_SESSION_HANDLE h, struct step *p)
{
	return (slot == M_ENCRYPT ? subject.f3->C_EncryptMessageBegin
				  : subject.f3->C_DecryptMessageBegin)(h, &p->param, sizeof p->param,
								       NULL, 0);
}

static CK_RV next(enum message_slot slot, CK_SESSION_HANDLE h, struct step *p, bool last)
{
	return (slot == M_ENCRYPT ? subject.f3->C_EncryptMessageNext
				  : subject.f3->C_DecryptMessageNext)(
		h, &p->param, sizeof p->param, p->in, p->n, p->null ? NULL : p->out, &p->len,
		last ? CKF_END_OF_MESSAGE : 0);
}

static void prepare(struct step *p)
{
	p->param = (CK_GCM_MESSAGE_PARAMS) { .pIv = nonce,
					     .ulIvLen = sizeof nonce,
					     .ivGenerator = CKG_NO_GENERATE,
					     .pTag = p->tag,
					     .ulTagBits = 8 * TAG };
	p->len = sizeof p->out;
	p->null = chance(10);
}

/* ---- begin, end ---- */

static const struct mech_row *gcm(void)
{
	for (size_t i = 0; i < model_mechs_n; i++)
		if (model_mechs[i].type == CKM_AES_GCM)
			return &model_mechs[i];
	return NULL;
}

static void begin(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	CK_OBJECT_HANDLE key;
	enum message_slot slot = (enum message_slot)chance_below(M__MAX);
	CK_MECHANISM m = { CKM_AES_GCM, NULL, 0 };
	struct session *s = subject.f3 ? pick_session(&h, &a) : NULL;
	struct object *o = s ? pick_key(s, IS(K_AES), rows[slot].permits, CKR_KEY_HANDLE_INVALID, &key, &a)
			     : NULL;

	if (!s || a.idle || (o && !world.materials[o->material].known))
		return;
	if (of(s, slot)->state == OP_ON)
		may_be(&a, CKR_OPERATION_ACTIVE);
	if (o && !(o->flags & rows[slot].permits))
		may_be(&a, CKR_KEY_FUNCTION_NOT_PERMITTED);
	if (o && model_token(s)->login != USER)
		may_be(&a, CKR_USER_NOT_LOGGED_IN);
	if (o && subject.in_tpm && a.n == 0) {
		may_be(&a, CKR_MECHANISM_INVALID);
		a.also_ok = true;
	}
	say("C_Message%sInit %lu key %lu", rows[slot].name, h, key);
	if (answered(&a, init(slot, h, &m, key)))
		*of(s, slot) = (struct messages) { .state = OP_ON, .material = o->material };
}

static void end(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	enum message_slot slot = (enum message_slot)chance_below(M__MAX);
	struct session *s = subject.f3 ? pick_session(&h, &a) : NULL;
	struct messages *op = s ? of(s, slot) : NULL;

	if (!s || (op->state == OP_NONE && chance(90)))
		return;
	if (op->state != OP_ON)
		may_be(&a, CKR_OPERATION_NOT_INITIALIZED);
	a.also_ok = op->state == OP_LOST;
	say("C_Message%sFinal %lu", rows[slot].name, h);
	if (answered(&a, final(slot, h)))
		op->state = OP_NONE;
}

/* ---- messages ---- */

/* The whole message that the token has taken, as libcrypto has it: the ciphertext and its tag. */
static void seal(const struct messages *op, const uint8_t *text, size_t n, uint8_t *ret, uint8_t *tag)
{
	uint8_t sealed[INPUT_MAX + 64];
	size_t sealed_n = 0;

	oracle_make(gcm(), S_ENCRYPT, &world.materials[op->material], text, n, sealed, &sealed_n);
	memcpy(ret, sealed, n);
	memcpy(tag, sealed + n, TAG);
}

static void draw_message(struct messages *op, enum message_slot slot)
{
	uint8_t text[INPUT_MAX];

	op->plan_n = chance_below(100);
	chance_fill(text, op->plan_n);
	memcpy(op->plan, text, op->plan_n);
	if (slot == M_DECRYPT)
		seal(op, text, op->plan_n, op->plan, op->tag);
	if (slot == M_DECRYPT && chance(15))
		op->tag[3] ^= 1;
}

static CK_RV judge(const struct messages *op, enum message_slot slot, const uint8_t *in, size_t n,
		   const uint8_t *out, const uint8_t *tag)
{
	uint8_t want[INPUT_MAX + 64], sealed[INPUT_MAX + 64];
	size_t want_n = 0;
	uint8_t right[TAG];

	if (slot == M_ENCRYPT) {
		seal(op, in, n, want, right);
		RIGHT(memcmp(out, want, n) == 0 && memcmp(tag, right, TAG) == 0,
		      "a message of %zu bytes is encrypted otherwise", n);
		return CKR_OK;
	}
	memcpy(sealed, in, n);
	memcpy(sealed + n, tag, TAG);
	if (oracle_make(gcm(), S_DECRYPT, &world.materials[op->material], sealed, n + TAG, want, &want_n))
		return CKR_AEAD_DECRYPT_FAILED;
	RIGHT(!out || memcmp(out, want, n) == 0, "a message of %zu bytes is decrypted otherwise", n);
	return CKR_OK;
}

static void may_lose(struct answers *a, bool also_ok)
{
	a->also_ok = also_ok;
	may_be(a, CKR_USER_NOT_LOGGED_IN);
	may_be(a, CKR_OPERATION_NOT_INITIALIZED);
	may_be(a, CKR_OPERATION_ACTIVE);
	may_be(a, CKR_BUFFER_TOO_SMALL);
}

static void may_open(const struct messages *op, const struct step *p, struct answers *a)
{
	if (judge(op, M_DECRYPT, p->in, p->n, NULL, p->tag))
		may_be(a, CKR_AEAD_DECRYPT_FAILED);
}

static void one_message(struct session *s, CK_SESSION_HANDLE h, enum message_slot slot, struct answers *a)
{
	struct messages *op = of(s, slot);
	struct step p = { 0 };
	CK_RV rv;

	if (op->state == OP_ON && !op->parts)
		draw_message(op, slot);
	memcpy(p.in, op->plan, p.n = op->plan_n);
	memcpy(p.tag, op->tag, TAG);
	prepare(&p);
	if (!p.null && p.n && chance(10))
		p.len = p.n - 1;
	bool small = !p.null && p.len < p.n, asks = p.null && p.n > 0;

	say("C_%sMessage %lu of %zu bytes", rows[slot].name, h, p.n);
	rv = whole(slot, h, &p);
	if (op->state == OP_NONE)
		may_be(a, CKR_OPERATION_NOT_INITIALIZED);
	else if (op->state == OP_LOST)
		may_lose(a, asks || p.n == 0);
	else if (op->parts)
		may_be(a, CKR_OPERATION_ACTIVE);
	else if (small)
		may_be(a, CKR_BUFFER_TOO_SMALL);
	else if (slot == M_DECRYPT && !asks)
		may_open(op, &p, a);
	if (!answered(a, rv) || op->state != OP_ON)
		return;
	RIGHT(p.len == p.n, "a message of %zu bytes gives %lu", p.n, p.len);
	if (!p.null)
		judge(op, slot, p.in, p.n, p.out, p.tag);
}

static void begin_message(struct session *s, CK_SESSION_HANDLE h, enum message_slot slot,
			  struct answers *a)
{
	struct messages *op = of(s, slot);
	struct step p = { 0 };

	prepare(&p);
	say("C_%sMessageBegin %lu", rows[slot].name, h);
	if (op->state == OP_NONE)
		may_be(a, CKR_OPERATION_NOT_INITIALIZED);
	else if (op->state == OP_LOST)
		may_lose(a, true);
	else if (op->parts)
		may_be(a, CKR_OPERATION_ACTIVE);
	if (!answered(a, first(slot, h, &p)) || op->state != OP_ON)
		return;
	op->parts = true;
	op->in_n = op->out_n = 0;
	draw_message(op, slot);
}

/* What of the plan comes next; all of it, when it is the last. */
static void draw_part(const struct messages *op, struct step *p, bool last)
{
	size_t left = op->plan_n - op->in_n;

	p->n = last ? left : chance_below((uint32_t)left + 1);
	memcpy(p->in, op->plan + op->in_n, p->n);
	memcpy(p->tag, op->tag, TAG);
}

static void settle_part(struct messages *op, enum message_slot slot, const struct step *p, bool last)
{
	RIGHT(op->out_n + p->len <= op->in_n + p->n, "parts of %zu bytes give %zu", op->in_n + p->n,
	      op->out_n + p->len);
	memcpy(op->in + op->in_n, p->in, p->n);
	memcpy(op->out + op->out_n, p->out, p->len);
	op->in_n += p->n;
	op->out_n += p->len;
	if (!last)
		return;
	RIGHT(op->out_n == op->in_n, "parts of %zu bytes gave %zu", op->in_n, op->out_n);
	RIGHT(judge(op, slot, op->in, op->in_n, op->out, p->tag) == CKR_OK, "a wrong tag is taken");
	op->parts = false;
}

/* What a part gives: of what is decrypted nothing before the last. */
static size_t told(const struct messages *op, enum message_slot slot, const struct step *p, bool last)
{
	if (slot == M_ENCRYPT)
		return p->n;
	return last ? op->in_n + p->n : 0;
}

static void next_part(struct session *s, CK_SESSION_HANDLE h, enum message_slot slot, struct answers *a)
{
	struct messages *op = of(s, slot);
	bool last = chance(40), on = op->state == OP_ON && op->parts;
	struct step p = { 0 }, judged;
	CK_RV rv;

	prepare(&p);
	if (on)
		draw_part(op, &p, last);
	p.null = p.null && p.n > 0;
	judged = p;
	say("C_%sMessageNext %lu of %zu bytes%s", rows[slot].name, h, p.n, last ? ", the last" : "");
	rv = next(slot, h, &p, last);
	if (op->state == OP_LOST)
		may_lose(a, true);
	else if (!on)
		may_be(a, CKR_OPERATION_NOT_INITIALIZED);
	else if (last && slot == M_DECRYPT && !p.null) {
		memcpy(judged.in, op->plan, judged.n = op->plan_n);
		may_open(op, &judged, a);
	}
	if (answered(a, rv) && op->state == OP_LOST)
		RIGHT(p.len == 0, "messages without their key give something out");
	else if (rv == CKR_OK && p.null) /* a question takes nothing */
		RIGHT(p.len == told(op, slot, &p, last), "a part of %zu bytes is said to give %lu", p.n, p.len);
	else if (rv == CKR_OK)
		settle_part(op, slot, &p, last);
	else if (on && rv != CKR_SESSION_HANDLE_INVALID)
		op->parts = false; /* the message is over, its successors are not */
}

static void message(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h = 0;
	enum message_slot slot = (enum message_slot)chance_below(M__MAX);
	struct session *s = subject.f3 ? pick_session(&h, &a) : NULL;

	for (int i = 0; i < 8 && s && a.n == 0 && of(s, slot)->state == OP_NONE; i++) {
		slot = (enum message_slot)chance_below(M__MAX);
		s = pick_session(&h, &a);
	}
	if (!s || (of(s, slot)->state == OP_NONE && chance(80)))
		return;
	if (chance(of(s, slot)->parts ? 90 : 5))
		next_part(s, h, slot, &a);
	else if (chance(50))
		begin_message(s, h, slot, &a);
	else
		one_message(s, h, slot, &a);
}

const struct call message_calls[] = {
	{ "begin messages", 10, begin },
	{ "end messages", 2, end },
	{ "a message", 16, message },
};
const size_t message_calls_n = ARRAY_LEN(message_calls);
