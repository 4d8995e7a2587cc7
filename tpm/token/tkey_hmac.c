/*
 * tkey_hmac - MACs in the TPM.
 *
 * Up to 1024 bytes are one command.  More is a sequence, a transient object of its own.  So that
 * nobody waits for the TPM until megabytes are through, and nothing stays there between turns, it
 * goes in slices: at the end of a slice the sequence is saved, flushed, and the turn given up.
 * After a loss of the TPM's memory it begins again: the whole message is here.
 */
#include "tpm/token/tkey_private.h"

#include <sched.h>
#include <string.h>

#include "base/own.h"

#define SLICE ((size_t)16 * TKEY_CHUNK)

struct mac {
	struct bytes auth, in;
	TPM2_ALG_ID hash;
	TPM2B_DIGEST out;
	size_t done;	  /* bytes of `in` that are in `saved` */
	struct buf saved; /* the sequence's context */
	uint64_t epoch;	  /* in which it was saved */
	bool over;
};

static enum inro_err step_hmac(struct tpm *t, const struct tpm_ref *object, void *arg)
{
	struct mac *m = arg;

	return cmd_hmac(t, object, m->auth, m->hash, m->in, &m->out);
}

/* ---- a slice ---- */

static enum inro_err begin_slice(struct tpm *t, const struct tpm_ref *object, struct mac *m,
				 uint32_t *ret)
{
	if (m->epoch != tpm_epoch(t)) {
		buf_clear(&m->saved);
		m->done = 0;
	}
	m->epoch = tpm_epoch(t);
	return m->saved.n ? cmd_context_load(t, buf_bytes(&m->saved), ret)
			  : cmd_hmac_start(t, object, m->auth, BYTES_NONE, m->hash, ret);
}

/* What is left after `at`, at most `max` bytes of it. */
static struct bytes rest(const struct mac *m, size_t at, size_t max)
{
	size_t n = m->in.n - at;

	return BYTES(m->in.p + at, n < max ? n : max);
}

/* Not the last chunk. */
static enum inro_err feed_slice(struct tpm *t, uint32_t sequence, struct mac *m, size_t *at)
{
	size_t end = m->done + SLICE;
	enum inro_err e = INRO_OK;

	while (!e && *at < end && m->in.n - *at > TKEY_CHUNK) {
		e = cmd_sequence_update(t, sequence, BYTES_NONE, rest(m, *at, TKEY_CHUNK));
		*at += TKEY_CHUNK;
	}
	return e;
}

static enum inro_err put_away(struct tpm *t, uint32_t sequence, struct mac *m, size_t at)
{
	SCOPED(buf) context = { 0 };
	enum inro_err e = cmd_context_save(t, sequence, &context);

	if (!e)
		e = cmd_flush(t, sequence);
	if (e)
		return e;
	buf_clear(&m->saved);
	m->saved = context;
	context = (struct buf) { 0 };
	m->done = at;
	return INRO_OK;
}

static enum inro_err end_slice(struct tpm *t, uint32_t sequence, struct mac *m, size_t at)
{
	enum inro_err e;

	if (m->in.n - at > TKEY_CHUNK)
		return put_away(t, sequence, m, at);
	e = cmd_sequence_complete(t, sequence, BYTES_NONE, rest(m, at, TKEY_CHUNK), &m->out);
	m->over = !e;
	return e;
}

static enum inro_err step_slice(struct tpm *t, const struct tpm_ref *object, void *arg)
{
	struct mac *m = arg;
	uint32_t sequence = 0;
	size_t at;
	enum inro_err e = begin_slice(t, object, m, &sequence);

	if (e)
		return e;
	at = m->done;
	e = feed_slice(t, sequence, m, &at);
	if (!e)
		e = end_slice(t, sequence, m, at);
	if (e)
		cmd_let_go(t, sequence);
	return e;
}

enum inro_err tkey_mac(struct tkey *k, TPM2_ALG_ID hash, struct bytes in, uint8_t *out)
{
	struct mac m = { .auth = secret_bytes(&k->auth), .hash = hash, .in = in };
	enum inro_err e = INRO_OK;

	if (in.n <= TKEY_CHUNK)
		e = resident_do(k->object, 0, step_hmac, &m);
	while (!e && in.n > TKEY_CHUNK && !m.over) {
		e = resident_do(k->object, 1, step_slice, &m);
		(void)sched_yield();
	}
	buf_clear(&m.saved);
	if (!e && m.out.size != crypt_hash_size(hash))
		e = err_set(INRO_E_TOKEN, "the TPM made a MAC of %u bytes", m.out.size);
	if (!e)
		memcpy(out, m.out.buffer, m.out.size);
	return e;
}
