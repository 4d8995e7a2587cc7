/*
 * office - a database with a few devices for a fuzzer of requests to /v1.
 *
 * 1. A request is "LETTERS METHOD TARGET" and a body.  The letters are listed at words[] and roles[]; a target is a
 *    path with its query as it comes over the wire.
 * 2. What a request changes is rolled back where it would be committed: the next one finds the same database.
 * 3. Who asks is taken from the letters: what is in the header Authorization is for fuzz_est.  Nothing goes out to
 *    other servers, and there is no module.
 * 4. It is answered, and what is answered is JSON where it says so, or the program ends.
 */
#ifndef INRO_TESTS_FUZZ_OFFICE_H
#define INRO_TESTS_FUZZ_OFFICE_H

#include <stdbool.h>

#include "base/bytes.h"

#define OFFICE_LINE_MAX 4096

/* Rows are not what was written: the server may say that it is broken; else that ends the program. */
extern bool office_is_edited;

/* At the first call; nothing at later ones. */
void office_make(void);
/* The line is written into.  The status; 0: there is no such route. */
int office_ask(char *line, struct bytes body);

#endif
