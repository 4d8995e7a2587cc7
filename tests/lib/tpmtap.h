/*
 * tpmtap - somebody on the wire to a TPM: hears all of it and can change it.
 *
 * `link_extra = &tpmtap_kind` and the words "tap:" in front of those of another TPM.
 */
#ifndef INRO_TESTS_LIB_TPMTAP_H
#define INRO_TESTS_LIB_TPMTAP_H

#include "tpm/link/link.h"

extern const struct link_kind tpmtap_kind;

/* Forgets what it heard, and changes nothing any more. */
void tpmtap_reset(void);
/* Whether these bytes were in a command or a response since. */
bool tpmtap_heard(struct bytes x);
/* The latest command or response of this command code. */
struct bytes tpmtap_latest(TPM2_CC cc, bool response);
/* In the next command of that code, or in its response: this byte is another. */
void tpmtap_change(TPM2_CC cc, bool response, size_t at, uint8_t flip);
/* The next command of that code does not come back: it was done, the connection breaks. */
void tpmtap_break(TPM2_CC cc);

#endif
