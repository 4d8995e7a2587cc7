/*
 * held - what we have in the memory of a TPM that has no resource manager: a list that outlives its
 * writer, because it is in memory that is mapped from a file.
 *
 * 1. Whoever is connected is alone with the TPM.  All of this happens within a turn.
 * 2. A handle is listed as soon as the command that made it has answered.  Before that command
 *    "pending" is set: who finds it set after a kill flushes all that is there and not `others`.
 *    So it is when there is doubt about what was made: an answer that said that nothing was, or
 *    could not be read, need not be true.
 * 3. `others`: what was in the TPM, and not ours, when this connection made its first handle.
 * 4. After a reset of the TPM the list means nothing, and nothing is flushed.
 * 5. A TPM that puts off or refuses what it is asked (raw.h) has told nothing: all of it stays as it
 *    was.
 */
#ifndef INRO_TPM_LINK_HELD_H
#define INRO_TPM_LINK_HELD_H

#include <stdatomic.h>
#include <stdbool.h>

#include "tpm/link/raw.h"

#define HELD_MAX 128

#define HELD_MAKING 1u
#define HELD_DOUBT  2u

struct held {
	atomic_uint pending;
	atomic_uint n;
	uint32_t handles[HELD_MAX];
	atomic_uint others_known;
	uint32_t n_others;
	uint32_t others[2 * HELD_MAX];
	atomic_uint clock_known;
	struct raw_clock clock;
};

/* On a new connection, or when something is found missing: flushes what is ours or was a killed
 * one's.  INRO_E_IO: the connection's, or a TPM that puts it off or refuses. */
MUST_CHECK enum inro_err held_attach(struct held *h, const struct raw *tpm);
MUST_CHECK enum inro_err held_will_add(struct held *h, const struct raw *tpm);
void held_add(struct held *h, uint32_t handle); /* 0: none was made, it was said */
void held_doubt(struct held *h);		/* something may be there that is not listed */
void held_drop(struct held *h, uint32_t handle);
/* All that is listed; an empty list when the TPM could be talked with. */
MUST_CHECK enum inro_err held_flush(struct held *h, const struct raw *tpm);

#endif
