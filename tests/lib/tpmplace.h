/*
 * tpmplace - one TPM for a group of tests, with a storage root; at the end nothing of them is left in it.
 *
 * What can't be done fails the test.
 */
#ifndef INRO_TESTS_LIB_TPMPLACE_H
#define INRO_TESTS_LIB_TPMPLACE_H

#include "tests/lib/tpmkeys.h"

extern struct swtpm *swtpm;
extern struct tpm *tpm;

/* A group's setup and teardown. */
int tpmplace_begin(void **state);
int tpmplace_end(void **state);
/* A test's that holds the turn. */
int tpmplace_enter(void **state);
int tpmplace_leave(void **state);

#endif
