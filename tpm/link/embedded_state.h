/*
 * embedded_state - the embedded TPM's permanent state on disk, and the lock that goes with it.
 *
 * HOME/tpm/lock    flock()ed for a turn
 * HOME/tpm/queue   flock()ed by who waits for a turn
 * HOME/tpm/state   what the TPM keeps over a loss of power, behind a header with its checksum
 * HOME/tpm/state.new   one that is being written; what a killed process leaves is written over
 *
 * 1. The state is whole and on disk, or the one before it is: temporary, fsync, rename, fsync of
 *    the folder.  A kill or a loss of power at any moment leaves one that opens.
 * 2. A damaged state is told and left as it is; it is never used and never replaced.
 * 3. Which state a process has in memory is known by the file itself: it holds it open, and sees
 *    that it lost its name when another took its place.  There is no number beside it that could be
 *    out of step after a kill, and a state that was put back from a backup is noticed as well.
 * 4. A process that takes turn after turn stands in the queue every few milliseconds: others get
 *    in.
 * 5. Between lock and unlock the caller is the only one, of all processes of this machine.
 */
#ifndef INRO_TPM_LINK_EMBEDDED_STATE_H
#define INRO_TPM_LINK_EMBEDDED_STATE_H

#include <sys/stat.h>

#include "base/bytes.h"

struct state {
	char *dir;    /* HOME/tpm */
	int dir_fd;   /* negative: not open */
	int lock_fd;  /* negative: not open */
	int queue_fd; /* negative: not open */
	int known_fd; /* the file last read or written; negative: none, or there was no file */
	struct stat known;
	int64_t queued_ms; /* when it last stood in the queue */
};

#define STATE_NONE ((struct state) { .dir_fd = -1, .lock_fd = -1, .queue_fd = -1, .known_fd = -1 })

/* Opens nothing. */
MUST_CHECK enum inro_err state_init(const char *home, struct state *ret);
void state_clear(struct state *s);

/* Opens what isn't open and waits so long for other processes, then INRO_E_BUSY. */
MUST_CHECK enum inro_err state_lock(struct state *s, int timeout_ms);
void state_unlock(struct state *s);
/* In a forked child: gives up the parent's lock without releasing it for the parent. */
void state_drop_lock(struct state *s);

/* Whether the file is the one that was read or written last. */
bool state_is_known(const struct state *s);
/* INRO_E_NOT_FOUND: there is none yet.  INRO_E_DAMAGED, INRO_E_VERSION. */
MUST_CHECK enum inro_err state_read(struct state *s, struct buf *ret);
/* On disk when it returns.  After an error the state on disk is the old one or, when only the last
 * sync failed, the new one; it has to be read again. */
MUST_CHECK enum inro_err state_write(struct state *s, struct bytes content);

#endif
