/*
 * op_message_crypt - messages that are encrypted and decrypted.
 *
 * The backend has an AEAD's tag behind the ciphertext, the parameter of a message has it apart:
 * the two meet in a buffer, or in the caller's where there is room.
 */
#include <stdlib.h>
#include <string.h>

#include "pkcs11/token/mech_private.h"
#include "pkcs11/token/op_message.h"
#include "pkcs11/token/op_private.h"

#define MAX_TAG	      16
#define MIN_FRESH     64  /* bits of a nonce that are made here */
#define SMALL_MESSAGE 512 /* bytes that need no memory */

/* Beside the operation: the nonce that was made last, and what a message in parts needs until its
 * end. */
struct message {
	uint8_t nonce[MECH_MAX_NONCE];
	size_t nonce_n;
	CK_ULONG fixed_bits;
	bool counts;
	struct use_spec spec; /* of the one in parts: its bytes are in `room` */
	struct buf room;
};

void op_message_free(struct message *m)
{
	buf_clear(&m->room);
	free(m);
}

static enum inro_err state_of(struct op *op, struct message **ret)
{
	if (!op->message)
		op->message = calloc(1, sizeof *op->message);
	*ret = op->message;
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for messages");
}

/* ---- nonces ---- */

/* Of octet i, a mask of those among the first `fixed` bits; i is not before them. */
static unsigned kept_bits(size_t i, CK_ULONG fixed)
{
	return i == fixed / 8 ? 0xffu & ~(0xffu >> fixed % 8) : 0;
}

/* The bits from `fixed` on as one big-endian number, plus one. */
static void count_up(uint8_t *nonce, size_t n, CK_ULONG fixed)
{
	for (size_t i = n; i-- > fixed / 8;) {
		unsigned keep = kept_bits(i, fixed);
		uint8_t next = (uint8_t)((nonce[i] & ~keep) + 1);

		nonce[i] = (uint8_t)((nonce[i] & keep) | (next & ~keep));
		if ((next & ~keep) != 0)
			return;
	}
}

static enum inro_err draw(struct message *m)
{
	CK_ULONG fixed = m->fixed_bits;
	uint8_t fresh[MECH_MAX_NONCE];
	enum inro_err e = random_fill(fresh, m->nonce_n);

	if (e)
		return e;
	for (size_t i = fixed / 8; i < m->nonce_n; i++) {
		unsigned keep = kept_bits(i, fixed);

		m->nonce[i] = (uint8_t)((m->nonce[i] & keep) | (fresh[i] & ~keep));
	}
	return INRO_OK;
}

static bool same_fixed(const struct message *m, const struct mech_message *p)
{
	size_t whole = p->fixed_bits / 8;
	uint8_t rest = (uint8_t) ~(0xffu >> p->fixed_bits % 8);

	return m->nonce_n == p->nonce_n && m->fixed_bits == p->fixed_bits &&
	       memcmp(m->nonce, p->nonce, whole) == 0 &&
	       (rest == 0 || ((m->nonce[whole] ^ p->nonce[whole]) & rest) == 0);
}

static enum inro_err check_generator(const struct mech_message *p)
{
	if (p->generator > CKG_GENERATE_RANDOM)
		return err_set(INRO_E_MECHANISM_PARAM, "nonce generator 0x%lx is not offered",
			       p->generator);
	if (p->fixed_bits > 8 * p->nonce_n || 8 * p->nonce_n - p->fixed_bits < MIN_FRESH)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "%lu of %lu bits of the nonce are fixed: at least %d must not be",
			       p->fixed_bits, 8 * p->nonce_n, MIN_FRESH);
	return INRO_OK;
}

/* Leaves the nonce of this message in m, and shows it to the caller if it was made here. */
static enum inro_err take_nonce(struct op *op, struct message *m, const struct mech_message *p)
{
	bool counter = p->generator == CKG_GENERATE_COUNTER;
	enum inro_err e = INRO_OK;

	if (p->generator == CKG_NO_GENERATE || op->slot == OP_MESSAGE_DECRYPT) {
		memcpy(m->nonce, p->nonce, p->nonce_n);
		m->nonce_n = p->nonce_n;
		m->counts = false;
		return INRO_OK;
	}
	e = check_generator(p);
	if (e)
		return e;
	if (counter && m->counts && same_fixed(m, p)) {
		count_up(m->nonce, m->nonce_n, m->fixed_bits);
	} else {
		memcpy(m->nonce, p->nonce, p->nonce_n);
		m->nonce_n = p->nonce_n;
		m->fixed_bits = p->fixed_bits;
		e = draw(m);
	}
	if (e)
		return e;
	m->counts = counter;
	memcpy(p->nonce, m->nonce, m->nonce_n);
	return INRO_OK;
}

/* ---- a whole message ---- */

static enum inro_err prepare_spec(struct op *op, const struct mech_message *p, struct bytes ad,
				  struct use_spec *ret)
{
	struct message *m;
	enum inro_err e = state_of(op, &m);

	if (!e && ad.n > MECH_MAX_AD)
		e = err_set(INRO_E_DATA_LENGTH, "at most %zu bytes of associated data can be",
			    MECH_MAX_AD);
	if (!e)
		e = take_nonce(op, m, p);
	if (e)
		return e;
	*ret = op->use.spec;
	ret->iv = BYTES(m->nonce, m->nonce_n);
	ret->ad = ad;
	ret->tag_n = p->tag_n;
	return INRO_OK;
}

/* Room for a message and its tag: `small`, or memory of ours. */
static enum inro_err room_for(size_t n, struct buf *big, uint8_t small[SMALL_MESSAGE],
			      struct room *ret)
{
	*ret = (struct room) { small, SMALL_MESSAGE };
	if (n <= SMALL_MESSAGE)
		return INRO_OK;
	if (n > OP_MAX_COLLECTED)
		return err_set(INRO_E_DATA_LENGTH, "a message has at most %zu bytes",
			       OP_MAX_COLLECTED);
	*ret = (struct room) { buf_extend(big, n), n };
	return buf_err(big);
}

static enum inro_err encrypt(struct op *op, const struct use_spec *spec,
			     const struct mech_message *p, struct bytes data, struct op_out out)
{
	SCOPED(buf) big = { 0 };
	uint8_t small[SMALL_MESSAGE];
	size_t need = data.n + p->tag_n, n = 0;
	struct room room = { out.p, out.p ? *out.len : 0 };
	enum inro_err e = INRO_OK;

	if (room.cap < need)
		e = room_for(need, &big, small, &room);
	if (!e)
		e = op_whole(op, spec, data, room, &n);
	if (e)
		return e;
	if (room.p != out.p && data.n > 0)
		memcpy(out.p, room.p, data.n);
	memcpy(p->tag, room.p + data.n, p->tag_n);
	*out.len = data.n;
	return INRO_OK;
}

static enum inro_err decrypt(struct op *op, const struct use_spec *spec,
			     const struct mech_message *p, struct bytes data, struct op_out out)
{
	SCOPED(buf) big = { 0 };
	uint8_t small[SMALL_MESSAGE];
	size_t need = data.n + p->tag_n, n = 0;
	struct room room;
	enum inro_err e = room_for(need, &big, small, &room);

	if (e)
		return e;
	if (data.n > 0)
		memcpy(room.p, data.p, data.n);
	memcpy(room.p + data.n, p->tag, p->tag_n);
	e = op_whole(op, spec, BYTES(room.p, need), (struct room) { out.p, out.p ? *out.len : 0 },
		     &n);
	if (!e)
		*out.len = n;
	return e;
}

static enum inro_err crypt_whole(struct op *op, struct use_spec *spec, const struct mech_message *p,
				 struct bytes data, struct op_out out)
{
	if (op->use.mech->type == CKM_AES_CCM && p->data_n != data.n)
		return err_set(op->slot == OP_MESSAGE_ENCRYPT ? INRO_E_DATA_LENGTH
							      : INRO_E_CIPHERTEXT_LENGTH,
			       "%zu bytes; the parameter says %lu", data.n, p->data_n);
	spec->data_n = data.n;
	return op->slot == OP_MESSAGE_ENCRYPT ? encrypt(op, spec, p, data, out)
					      : decrypt(op, spec, p, data, out);
}

/* The parameter of a message that begins, and what the backend is told of it. */
static enum inro_err read_message(struct op *op, const struct message_in *in,
				  struct mech_message *ret_param, struct use_spec *ret_spec)
{
	enum inro_err e = mech_message_read(op->use.mech, in->param, ret_param);

	if (!e)
		e = op_check_login(op);
	return e ? e : prepare_spec(op, ret_param, in->ad, ret_spec);
}

enum inro_err op_message_crypt(struct session *s, enum op_slot slot, const struct message_in *in,
			       struct op_out out)
{
	struct op *op;
	struct mech_message p;
	struct use_spec spec;
	enum inro_err e = op_message_get(s, slot, false, &op);

	if (e)
		return e;
	/* without data there is no length to ask for: the tag is all */
	if ((in->data.n > 0 || out.p) && op_answered(in->data.n, out, &e))
		return e;
	e = read_message(op, in, &p, &spec);
	if (!e)
		e = crypt_whole(op, &spec, &p, in->data, out);
	return op_message_over(op, e);
}

/* ---- a message in parts ---- */

static enum inro_err keep_spec(struct op *op, const struct use_spec *spec)
{
	struct message *m = op->message;

	buf_clear(&m->room);
	buf_add(&m->room, spec->ad);
	m->spec = *spec;
	m->spec.ad = buf_bytes(&m->room);
	return buf_err(&m->room);
}

enum inro_err op_message_crypt_begin(struct session *s, enum op_slot slot,
				     const struct message_in *in)
{
	struct op *op;
	struct mech_message p;
	struct use_spec spec;
	enum inro_err e = op_message_get(s, slot, false, &op);

	if (e)
		return e;
	e = read_message(op, in, &p, &spec);
	if (!e)
		e = keep_spec(op, &spec);
	if (e)
		return op_message_over(op, e);
	op->parts = true;
	return INRO_OK;
}

/* Streamed: what comes in goes out, the tag comes at the end. */
static enum inro_err next_streamed(struct op *op, const struct mech_message *p, struct bytes part,
				   struct op_out out, bool last)
{
	uint8_t tag[MAX_TAG];
	struct use_spec own = op->use.spec;
	size_t n = 0, tag_n = 0;
	enum inro_err e;

	op->use.spec = op->message->spec;
	e = op_stream_step(op, part, (struct room) { out.p, out.p ? *out.len : 0 }, &n);
	if (!e && last)
		e = op_stream_last(op, (struct room) { tag, sizeof tag }, &tag_n);
	op->use.spec = own;
	if (!e && last)
		memcpy(p->tag, tag, tag_n < p->tag_n ? tag_n : p->tag_n);
	if (!e)
		*out.len = n;
	return e;
}

static enum inro_err next_collected(struct op *op, const struct mech_message *p, struct bytes part,
				    struct op_out out, bool last)
{
	enum inro_err e = op_collect(op, part);

	if (!e && last)
		return crypt_whole(op, &op->message->spec, p, buf_bytes(&op->held), out);
	*out.len = 0;
	return e;
}

static size_t next_size(const struct op *op, struct bytes part, bool last)
{
	if (op->way == WAY_STREAMED)
		return part.n;
	return last ? op->held.n + part.n : 0;
}

enum inro_err op_message_crypt_next(struct session *s, enum op_slot slot,
				    const struct message_in *in, struct op_out out, bool last)
{
	struct op *op;
	struct mech_message p = { 0 };
	size_t need;
	enum inro_err e = op_message_get(s, slot, true, &op);

	if (e)
		return e;
	need = next_size(op, in->data, last);
	if ((in->data.n > 0 || need > 0 || out.p) && op_answered(need, out, &e))
		return e;
	e = mech_message_read(op->use.mech, in->param, &p);
	if (!e && p.tag_n != op->message->spec.tag_n)
		e = err_set(INRO_E_MECHANISM_PARAM, "the tag's length has changed on the way");
	if (!e)
		e = op->way == WAY_STREAMED ? next_streamed(op, &p, in->data, out, last)
					    : next_collected(op, &p, in->data, out, last);
	return e || last ? op_message_over(op, e) : e;
}
