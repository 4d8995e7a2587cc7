/*
 * tpmways - the TPMs that a test of keys runs on: every test for every way to one.
 */
#ifndef INRO_TESTS_LIB_TPMWAYS_H
#define INRO_TESTS_LIB_TPMWAYS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/swtpm.h"
#include "tpm/token/tkey.h"
#include "tpm/talk/root.h"

/* Of this round. */
extern struct tpm *tpm;
extern struct caps tpm_caps;
extern struct swtpm *tpm_real; /* NULL: embedded */

/* The embedded TPM by HMAC and by password sessions, and a swtpm on a unix socket and on TCP, each
 * with a TPM of its own; the count of failures.  A swtpm must be left empty: that is one test more.
 */
int run_on_every_tpm(const struct CMUnitTest *tests, size_t n_tests);

#endif
