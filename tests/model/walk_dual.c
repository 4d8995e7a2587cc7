/* walk_dual - two operations over the same data: PKCS#11 3.2 5.16. */
#include "tests/model/ops.h"

#include <string.h>

static CK_RV digest_encrypt(CK_SESSION_HANDLE h, struct io *io)
{
	return subject.f->C_DigestEncryptUpdate(h, io->in, io->n, io->out, io->len);
}

static CK_RV sign_encrypt(CK_SESSION_HANDLE h, struct io *io)
{
	return subject.f->C_SignEncryptUpdate(h, io->in, io->n, io->out, io->len);
}

static CK_RV decrypt_digest(CK_SESSION_HANDLE h, struct io *io)
{
	return subject.f->C_DecryptDigestUpdate(h, io->in, io->n, io->out, io->len);
}

static CK_RV decrypt_verify(CK_SESSION_HANDLE h, struct io *io)
{
	return subject.f->C_DecryptVerifyUpdate(h, io->in, io->n, io->out, io->len);
}

static const struct pair {
	const char *name;
	enum slot other, cipher;
	CK_RV (*update)(CK_SESSION_HANDLE, struct io *);
} pairs[] = {
	{ "DigestEncrypt", S_DIGEST, S_ENCRYPT, digest_encrypt },
	{ "SignEncrypt", S_SIGN, S_ENCRYPT, sign_encrypt },
	{ "DecryptDigest", S_DIGEST, S_DECRYPT, decrypt_digest },
	{ "DecryptVerify", S_VERIFY, S_DECRYPT, decrypt_verify },
};

struct dual {
	const struct pair *pair;
	struct operation *other, *cipher;
	uint8_t in[INPUT_MAX], out[INPUT_MAX + 128];
	size_t n, room;
	CK_ULONG len;
	bool null;
};

static size_t at_most(size_t n, size_t most)
{
	return n < most ? n : most;
}

static void draw_input(struct dual *d)
{
	size_t left = INPUT_MAX - 48;

	left -= at_most(d->cipher->in_n, left);
	left = at_most(left, INPUT_MAX - 48 - at_most(d->other->in_n, INPUT_MAX - 48));
	d->n = at_most(chance_below(40), left);
	if (d->pair->cipher == S_DECRYPT) {
		d->n = at_most(d->n, d->cipher->plan_n - at_most(d->cipher->in_n, d->cipher->plan_n));
		memcpy(d->in, d->cipher->plan + d->cipher->in_n, d->n);
	} else {
		chance_fill(d->in, d->n);
	}
	d->null = chance(10);
	d->room = chance(15) ? chance_below(32) : d->n + 16;
	d->len = d->room;
	memset(d->out, 0xa5, sizeof d->out);
}

static void may_step(const struct dual *d, struct answers *a)
{
	bool small = d->null || d->room < d->n + 16;

	if (d->other->state == OP_NONE || d->cipher->state == OP_NONE) {
		may_be(a, CKR_OPERATION_NOT_INITIALIZED);
		return;
	}
	if (d->other->waits)
		may_be(a, CKR_USER_NOT_LOGGED_IN);
	else if (d->other->mech->whole)
		may_be(a, CKR_FUNCTION_NOT_SUPPORTED);
	if (!small)
		return;
	/* a question for the length is answered before anything else, or not */
	a->also_ok = a->n == 0 || (d->null && !d->other->waits);
	may_be(a, CKR_BUFFER_TOO_SMALL);
}

static void take(struct dual *d)
{
	bool decrypts = d->pair->cipher == S_DECRYPT;

	RIGHT(d->len <= d->room, "%lu bytes in room for %zu", d->len, d->room);
	for (size_t i = d->len; i < sizeof d->out; i++)
		RIGHT(d->out[i] == 0xa5, "it is written behind the room");
	memcpy(d->cipher->out + d->cipher->out_n, d->out, d->len);
	d->cipher->out_n += d->len;
	op_fed(d->cipher, d->in, d->n);
	op_fed(d->other, decrypts ? d->out : d->in, decrypts ? d->len : d->n);
}

/* "An error ends both" (5.16): but for room that is too small, and a login that is still to come. */
static bool goes_on(const struct dual *d, CK_RV rv)
{
	return rv == CKR_OK || rv == CKR_BUFFER_TOO_SMALL || rv == CKR_OPERATION_NOT_INITIALIZED ||
	       rv == CKR_SESSION_HANDLE_INVALID || (rv == CKR_USER_NOT_LOGGED_IN && d->other->waits);
}

static bool is_ready(const struct session *s, const struct pair *p)
{
	return s->ops[p->other].state == OP_ON && s->ops[p->cipher].state == OP_ON;
}

/* Most often where both have begun. */
static const struct pair *draw_pair(const struct session *s)
{
	const struct pair *p = &pairs[chance_below(ARRAY_LEN(pairs))];

	for (size_t i = 0; i < ARRAY_LEN(pairs) && !is_ready(s, p); i++)
		p = &pairs[(size_t)(p - pairs + 1) % ARRAY_LEN(pairs)];
	return is_ready(s, p) || chance(5) ? p : NULL;
}

static void both(void)
{
	struct answers a = { 0 };
	struct dual d = { 0 };
	CK_SESSION_HANDLE h;
	struct session *s = pick_session(&h, &a);

	for (int i = 0; i < 6 && s && a.n == 0 && !draw_pair(s); i++)
		s = pick_session(&h, &a);
	d.pair = s && subject.ours ? draw_pair(s) : NULL;
	if (!d.pair)
		return;
	d.other = &s->ops[d.pair->other];
	d.cipher = &s->ops[d.pair->cipher];
	if (d.other->state == OP_LOST || d.cipher->state == OP_LOST)
		return;
	draw_input(&d);
	may_step(&d, &a);
	say("C_%sUpdate %lu of %zu bytes, room %ld", d.pair->name, h, d.n,
	    d.null ? -1 : (long)d.room);
	struct io io = { d.in, d.null ? NULL : d.out, d.n, &d.len };
	CK_RV rv = d.pair->update(h, &io);

	if (answered(&a, rv) && !d.null)
		take(&d);
	if (!goes_on(&d, rv))
		d.other->state = d.cipher->state = OP_NONE;
}

const struct call dual_calls[] = {
	{ "both", 10, both },
};
const size_t dual_calls_n = ARRAY_LEN(dual_calls);
