/*
 * ledger - whose turn it is at a TPM without a resource manager, and what is held there: a file in
 * INRO_HOME/tpm that all processes lock and map.
 *
 * 1. The lock (flock) is the turn.  Everything else in the file may be stale: its writer may have
 *    been killed.  Nothing waits for ever on the word of a file.
 * 2. Who has just connected keeps the TPM for a slice of time when others want it as well: what
 *    must be made anew in the TPM at each change costs more than most commands.
 * 3. Who waits says so ("wanted"), time and again.  Who is connected and sees that lets go.
 */
#ifndef INRO_TPM_LINK_LEDGER_H
#define INRO_TPM_LINK_LEDGER_H

#include "tpm/link/held.h"

struct ledger;

MUST_CHECK enum inro_err ledger_open(const char *path, struct ledger **ret);
void ledger_close(struct ledger *l); /* a turn of this process ends with it; NULL is fine */
/* In a forked child: closes its descriptor, so that the parent's turn ends when the parent says. */
void ledger_close_fd(struct ledger *l);

/* The turn, if it can be had now. */
bool ledger_try(struct ledger *l);
/* Waits for it until `deadline` (clock_monotonic_ms), then INRO_E_BUSY. */
MUST_CHECK enum inro_err ledger_wait(struct ledger *l, int64_t deadline);
void ledger_leave(struct ledger *l);
/* Leaves those a moment to come in who waited while we had the TPM. */
void ledger_yield(struct ledger *l);

/* Within a turn: tells whoever is still connected that the TPM is wanted. */
void ledger_ask(struct ledger *l);
/* Within a turn: the TPM is ours now. */
void ledger_taken(struct ledger *l);
/* Within a turn: it is not any more. */
void ledger_given(struct ledger *l);
bool ledger_is_ours(const struct ledger *l);
/* Whether another one wants it, and our slice is over. */
bool ledger_gives_way(const struct ledger *l);

struct held *ledger_held(struct ledger *l);
/* Changes whenever somebody asks or leaves while others wait. */
atomic_uint *ledger_word(struct ledger *l);

#endif
