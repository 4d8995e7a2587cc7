/*
 * roll - all connections of this process, for the two moments in which they must be found: a fork,
 * in whose child their descriptors are closed, and the end of the program or module, before which
 * threads end and the TPM is left as it was found.
 */
#ifndef INRO_TPM_LINK_ROLL_H
#define INRO_TPM_LINK_ROLL_H

#include "tpm/link/wired.h"

/* From any thread; `w` stays the caller's, who removes it before it is freed. */
void roll_add(struct wired *w);
void roll_remove(struct wired *w);

#endif
