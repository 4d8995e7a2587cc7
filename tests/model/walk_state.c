/* walk_state - digests that are put aside, and tokens that would be made anew: PKCS#11 3.2 5.5.7, 5.6.6, 5.6.7. */
#include "tests/model/ops.h"

#include <string.h>

static struct state {
	uint8_t p[128];
	CK_ULONG n;
	const struct mech_row *mech;
	uint8_t in[INPUT_MAX];
	size_t in_n;
	bool parts;
} saved;

void state_walks_begin(void)
{
	saved = (struct state) { 0 };
}

/* Operations that are active beside the digest, or may be. */
static size_t others(const struct session *s, enum op_state state)
{
	size_t n = 0;

	for (int i = 0; i < S__MAX; i++)
		n += i != S_DIGEST && s->ops[i].state == state;
	return n + message_walks_count(s, state);
}

static void save(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = subject.ours ? pick_session(&h, &a) : NULL;
	const struct operation *op = s ? &s->ops[S_DIGEST] : NULL;
	struct state now = { .n = sizeof now.p };
	bool asks = chance(10);

	if (!s || (op->state != OP_ON && chance(80)))
		return;
	if (op->state != OP_ON)
		may_be(&a, CKR_OPERATION_NOT_INITIALIZED);
	if (others(s, OP_ON) + others(s, OP_LOST) > 0) {
		may_be(&a, CKR_STATE_UNSAVEABLE);
		a.also_ok = op->state == OP_ON && h == s->h && others(s, OP_ON) == 0;
	}
	say("C_GetOperationState %lu", h);
	if (!answered(&a, subject.f->C_GetOperationState(h, asks ? NULL : now.p, &now.n)) || asks)
		return;
	now.mech = op->mech;
	now.parts = op->parts;
	memcpy(now.in, op->in, now.in_n = op->in_n);
	saved = now;
}

/* What is active ends with it. */
static void restore(void)
{
	struct answers a = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = subject.ours && saved.n ? pick_session(&h, &a) : NULL;
	struct state with = saved;

	if (!s)
		return;
	if (chance(15)) {
		with.p[chance_below((uint32_t)with.n)] ^= 8;
		may_be(&a, CKR_SAVED_STATE_INVALID);
	}
	say("C_SetOperationState %lu", h);
	if (!answered(&a, subject.f->C_SetOperationState(h, with.p, with.n, 0, 0)))
		return;
	for (int i = 0; i < S__MAX; i++)
		s->ops[i].state = OP_NONE;
	message_walks_forget((size_t)(s - world.sessions));
	s->ops[S_DIGEST] = (struct operation) {
		.state = OP_ON, .mech = saved.mech, .material = -1, .parts = saved.parts
	};
	memcpy(s->ops[S_DIGEST].in, saved.in, s->ops[S_DIGEST].in_n = saved.in_n);
}

/* Not while there are sessions; without them begin_anew() of test_model.c does it. */
static void make_token_anew(void)
{
	struct answers a = { 0 };
	int token = (int)chance_below(TOKENS);
	CK_UTF8CHAR label[32];

	if (model_sessions(token, false) == 0)
		return;
	memset(label, ' ', sizeof label);
	may_be(&a, CKR_SESSION_EXISTS);
	say("C_InitToken token %d", token);
	answered(&a, subject.f->C_InitToken(world.tokens[token].slot, module_pin(SO_PIN), strlen(SO_PIN),
					    label));
}

const struct call state_calls[] = {
	{ "save", 5, save },
	{ "restore", 4, restore },
	{ "a token anew", 1, make_token_anew },
};
const size_t state_calls_n = ARRAY_LEN(state_calls);
