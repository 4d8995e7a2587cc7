/* held - what we have in the memory of a TPM that has no resource manager. */
#include "tpm/link/held.h"

#include <tss2/tss2_tpm2_types.h>

/* TPM2_TRANSIENT_FIRST and its like are shifts of a signed 0x80 out of its type. */
#define FIRST_TRANSIENT ((uint32_t)TPM2_HT_TRANSIENT << TPM2_HR_SHIFT)
#define FIRST_SESSION	((uint32_t)TPM2_HT_LOADED_SESSION << TPM2_HR_SHIFT)

static size_t count(const struct held *h)
{
	unsigned n = atomic_load(&h->n);

	return n < HELD_MAX ? n : HELD_MAX;
}

static void forget(struct held *h)
{
	atomic_store(&h->n, 0);
	atomic_store(&h->pending, 0);
	atomic_store(&h->others_known, 0);
}

/* A counter that goes back is another TPM's. */
static bool was_reset(const struct held *h, const struct raw_clock *now)
{
	if (now->rc == TPM2_RC_INITIALIZE)
		return true;
	return !atomic_load(&h->clock_known) || now->resets != h->clock.resets ||
	       now->restarts != h->clock.restarts || now->since < h->clock.since;
}

static void keep_clock(struct held *h, const struct raw_clock *now)
{
	atomic_store(&h->clock_known, 0);
	h->clock = *now;
	atomic_store(&h->clock_known, now->rc == 0);
}

static bool is_others(const struct held *h, uint32_t handle)
{
	for (size_t i = 0; i < h->n_others && i < ARRAY_LEN(h->others); i++)
		if (h->others[i] == handle)
			return true;
	return false;
}

/* Transient objects and loaded sessions, in that order. */
static enum inro_err list_all(const struct raw *tpm, uint32_t out[2 * HELD_MAX], size_t *ret_n)
{
	size_t sessions = 0;
	enum inro_err e = raw_handles(tpm, FIRST_TRANSIENT, HELD_MAX, out, ret_n);

	if (!e)
		e = raw_handles(tpm, FIRST_SESSION, HELD_MAX, out + *ret_n, &sessions);
	*ret_n += sessions;
	return e;
}

/* Somebody was killed between a command and its entry. */
static enum inro_err flush_unlisted(struct held *h, const struct raw *tpm)
{
	uint32_t there[2 * HELD_MAX];
	size_t n = 0;
	enum inro_err e = list_all(tpm, there, &n);

	for (size_t i = 0; !e && i < n; i++)
		if (!is_others(h, there[i]))
			e = raw_flush(tpm, there[i]);
	return e;
}

enum inro_err held_flush(struct held *h, const struct raw *tpm)
{
	enum inro_err e = INRO_OK;

	if (atomic_load(&h->pending) && atomic_load(&h->others_known))
		e = flush_unlisted(h, tpm);
	/* Of a list that is flushed in part the rest stays: others may be given the same numbers. */
	for (size_t n = count(h); !e && n > 0; n--) {
		e = raw_flush(tpm, h->handles[n - 1]);
		if (!e)
			atomic_store(&h->n, (uint32_t)n - 1);
	}
	if (!e)
		forget(h);
	return e;
}

enum inro_err held_attach(struct held *h, const struct raw *tpm)
{
	struct raw_clock now;
	enum inro_err e = raw_clock(tpm, &now);

	if (e)
		return e;
	if (was_reset(h, &now))
		forget(h);
	keep_clock(h, &now);
	return held_flush(h, tpm);
}

static enum inro_err note_others(struct held *h, const struct raw *tpm)
{
	size_t n = 0;
	enum inro_err e = list_all(tpm, h->others, &n);

	h->n_others = (uint32_t)n;
	if (!e)
		atomic_store(&h->others_known, 1);
	return e;
}

enum inro_err held_will_add(struct held *h, const struct raw *tpm)
{
	enum inro_err e = INRO_OK;

	if (!atomic_load(&h->others_known))
		e = note_others(h, tpm);
	if (!e)
		(void)atomic_fetch_or(&h->pending, HELD_MAKING);
	return e;
}

void held_add(struct held *h, uint32_t handle)
{
	size_t n = count(h);

	if (!handle || n == HELD_MAX) {
		held_doubt(h);
	} else {
		h->handles[n] = handle;
		atomic_store(&h->n, (unsigned)n + 1);
	}
	(void)atomic_fetch_and(&h->pending, ~HELD_MAKING);
}

void held_doubt(struct held *h)
{
	(void)atomic_fetch_or(&h->pending, HELD_DOUBT);
}

void held_drop(struct held *h, uint32_t handle)
{
	size_t n = count(h);

	for (size_t i = 0; i < n; i++) {
		if (h->handles[i] != handle)
			continue;
		h->handles[i] = h->handles[n - 1];
		atomic_store(&h->n, (unsigned)n - 1);
		return;
	}
}
