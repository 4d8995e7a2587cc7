/*
 * raw - the few commands that a link sends on its own account, without sessions (TPM 2.0 Part 3).
 *
 * A TPM that is busy (rc_is_again()) is asked again for a moment; INRO_E_IO when it still is then, and
 * when it refuses.  Not so one that was not started, or has failed (TPM_RC_INITIALIZE, FAILURE): it
 * has nothing in its memory that could be used.
 */
#ifndef INRO_TPM_LINK_RAW_H
#define INRO_TPM_LINK_RAW_H

#include "base/bytes.h"

/* How a command gets to the TPM. */
struct raw {
	enum inro_err (*talk)(void *of, struct bytes command, struct buf *ret_response);
	void *of;
	int haste_ms; /* how long a TPM that wants to be asked again is asked; 0: ten seconds */
};

/* What distinguishes one life of a TPM's volatile memory from the next (Part 1, 36.6). */
struct raw_clock {
	uint32_t rc;	/* TPM_RC_INITIALIZE, FAILURE, or 0: then the rest is valid */
	uint64_t since; /* milliseconds since it was powered */
	uint32_t resets, restarts;
};

MUST_CHECK enum inro_err raw_clock(const struct raw *tpm, struct raw_clock *ret); /* 29.1 */
/* The handles in the TPM from `first` on, of its kind; at most `cap` (30.2). */
MUST_CHECK enum inro_err raw_handles(const struct raw *tpm, uint32_t first, size_t cap,
				     uint32_t *out, size_t *ret_n);
/* A handle that is not there is no error (28.4). */
MUST_CHECK enum inro_err raw_flush(const struct raw *tpm, uint32_t handle);

#endif
