/*
 * embedded_chip - libtpms: the one TPM that this process can be, switched on and off.
 *
 * 1. The library is loaded when it is first asked for and never unloaded.
 * 2. It has one state, without locks: the caller makes sure that one thread is here at a time.
 * 3. What the TPM wants to keep over a loss of power is left in *ret_kept; nothing is on disk yet.
 *    What TPM2_Startup alone wants to keep (it counts its calls) is dropped: processes that only
 *    use keys leave the state alone and need not know of each other.  The next thing that is kept
 *    has it.
 * 4. libcrypto is used with the library context of crypt.h, inside fork_gate but for commands that
 *    may take long (the making of keys, self-tests).
 * 5. A forked child's copy begins with chip_forget(); it can then be switched on, also when a
 *    thread of the parent was in the middle of a command.
 */
#ifndef INRO_TPM_LINK_EMBEDDED_CHIP_H
#define INRO_TPM_LINK_EMBEDDED_CHIP_H

#include "base/bytes.h"

/* Switches it on with this state (none: a new TPM is made) and sends TPM2_Startup(CLEAR).
 * *ret_kept: of a new TPM, its first state.  INRO_E_CONFIG: libtpms is not installed. */
MUST_CHECK enum inro_err chip_on(struct bytes state, struct buf *ret_kept);
/* As a loss of power. */
void chip_off(void);
bool chip_is_on(void);
/* In a forked child: as chip_off(), but touches nothing of what the library had in memory. */
void chip_forget(void);

/* INRO_E_IO when the library fails: the TPM is then off.  *ret_kept stays empty when nothing is to
 * be kept.  A TPM that has gone into failure mode gives its response and is off. */
MUST_CHECK enum inro_err chip_command(struct bytes command, struct buf *ret_response,
				      struct buf *ret_kept);

#endif
