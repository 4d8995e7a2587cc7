/*
 * link - the way to one TPM: bytes of a command there, bytes of a response back.
 *
 * What is written in a token's record ("tcti"):
 *   device:/dev/tpmrm0    the kernel's resource manager; also device:/dev/tpm0
 *   swtpm:path=SOCKET     swtpm on a unix socket
 *   swtpm:host=H,port=P   swtpm on TCP (127.0.0.1, 2321)
 *   tabrmd:[...]          tpm2-abrmd, through tss2-tctildr, loaded when it is asked for
 *   libtpms:              the embedded TPM of this INRO_HOME: its state is in INRO_HOME/tpm
 *
 * 1. Nothing is opened before the first turn: a link costs nothing until it is used.
 * 2. A turn is exclusive: against other threads by the caller (tpm_enter()), against other
 *    processes by the link.  Between turns others may have had the TPM.
 * 3. What was in the TPM's volatile memory (transient objects, sessions) is gone when *ret_epoch is
 *    another than at the last turn: the TPM was reset, another process had it, the connection is
 *    new.  Contexts saved before may still load; whether they do, the TPM says.
 * 4. A link belongs to the process that made it.  In a forked child only link_free() may be called,
 *    which then touches nothing but the child's descriptors and memory.
 * 5. A TPM without a resource manager (swtpm, /dev/tpm0) is left as it was found: what the link's
 *    users hold there is in a ledger on disk (link_hold(), link_drop()), and who comes after a
 *    process that was killed, or takes the turn from another, flushes what that one held.
 * 6. Processes of one INRO_HOME take fair turns at a single-client TPM (swtpm, /dev/tpm0).  Other
 *    programs are not known to us: they get in when we have not used it for link_idle_ms, and so
 *    let the connection go; that of a resource manager too.
 */
#ifndef INRO_TPM_LINK_LINK_H
#define INRO_TPM_LINK_LINK_H

#include <stdatomic.h>
#include <sys/types.h>

#include "tpm/wire/wire.h"

#define LINK_BYTES 4096 /* bytes of a command or response; TPM2_MAX_COMMAND_SIZE */

struct link;

struct link_kind {
	const char *scheme; /* "device", "swtpm", "tabrmd", "libtpms" */
	bool managed;	    /* has a resource manager, or nobody else in its memory: no ledger */
	bool embedded;	    /* runs in this process: its secrets do not travel */
	/* `rest`: what stands behind "scheme:".  Checks the words, opens nothing. */
	enum inro_err (*make)(struct bytes rest, const char *home, struct link **ret);
	void (*free)(struct link *l);
	/* Opens it when it isn't open, waits for its turn (INRO_E_BUSY after a minute). */
	enum inro_err (*begin)(struct link *l);
	/* The turn is over; the connection may stay. */
	void (*end)(struct link *l);
	/* One command, one whole response (its size checked against its header).  INRO_E_IO: the
	 * connection is lost, whether the command was done is not known; the next turn connects
	 * anew and begins a new epoch.  `durable`: what the command changes must be on disk before
	 * the response is given (embedded). */
	enum inro_err (*talk)(struct link *l, struct bytes command, bool durable,
			      struct buf *ret_response);
	/* Of a TPM without a resource manager: link_lost() and its relatives.  NULL: nothing to do.
	 */
	void (*lost)(struct link *l);
	enum inro_err (*will_hold)(struct link *l);
	void (*hold)(struct link *l, uint32_t handle);
	void (*drop)(struct link *l, uint32_t handle);
};

/* What every kind begins with. */
struct link {
	const struct link_kind *kind;
	atomic_ullong epoch; /* begins at 1 */
	pid_t pid;	     /* whose it is */
	/* Of the turn that begins next, and while it lasts: how long to wait for it, and about as
	 * long for each command (INRO_E_BUSY, INRO_E_IO); 0: as long as it takes. */
	int haste_ms;
};

/* INRO_E_CONFIG for words that no kind knows, with those that it could be. */
MUST_CHECK enum inro_err link_make(struct bytes tcti, const char *home, struct link **ret);
void link_free(struct link *l); /* NULL is fine */
MUST_CHECK enum inro_err link_begin(struct link *l, uint64_t *ret_epoch);
void link_end(struct link *l);
MUST_CHECK enum inro_err link_talk(struct link *l, struct bytes command, bool durable,
				   struct buf *ret_response);
/* Within a turn: the TPM has told that its memory is gone (TPM_RC_INITIALIZE was answered and
 * TPM2_Startup sent, or a handle is not there any more): a new epoch. */
void link_lost(struct link *l);

/* Within a turn, of links that are not managed; nothing for others. `handle`: a transient object or
 * a session.  link_will_hold() before the command that makes one, link_hold() after it. */
MUST_CHECK enum inro_err link_will_hold(struct link *l);
void link_hold(struct link *l, uint32_t handle); /* 0: none was made, as far as is known */
void link_drop(struct link *l, uint32_t handle);

/* The words that name the TPM of this machine when nobody chose: device:/dev/tpmrm0 if that is
 * there and may be used; else INRO_E_CONFIG with what can be chosen. */
MUST_CHECK enum inro_err link_choose(struct buf *ret_tcti);

/* How long a connection outlasts its last turn, in milliseconds (200).  For tests. */
extern atomic_uint link_idle_ms;
/* No thread is made: a connection ends with each turn. */
extern atomic_bool link_no_threads;

/* For tests: takes the place of the real thing, by scheme.  NULL: none. */
extern const struct link_kind *link_extra;

#endif
