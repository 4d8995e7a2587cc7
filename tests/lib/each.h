/*
 * each - tests of tokens through Cryptoki, run on a token of ours and, where SoftHSM is installed, on one of its, by
 * the same calls.
 */
#ifndef INRO_TESTS_LIB_EACH_H
#define INRO_TESTS_LIB_EACH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backoffice/token/internal.h"

#define EACH_PIN     "123456"
#define EACH_SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

/* Ends the test with the words of the error. */
#define OK(x) each_ok(x, __LINE__)
void each_ok(enum inro_err e, int line);

extern const char *each_module; /* that the tests are run on now */

/* There are the tokens "one" and "two". */
void each_uri(const char *text, struct p11_uri *ret);
struct token *each_opened(const char *text);
struct token_key *each_made(struct token *t, const char *kind, const char *label);
/* By each algorithm that fits it, and by no other. */
void each_signs(struct token_key *k);
/* The one object that this means. */
struct token_entry each_entry(struct token *t, const char *text);

/* How many failed. */
int each_run(const struct CMUnitTest *tests, size_t n);

#endif
