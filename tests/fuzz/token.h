/*
 * token - one token in this process for a fuzzer of the module: made once, its user logged in, a
 * few keys in it whose values nobody must see.
 *
 * The module's own code is linked in, nothing is loaded: a fuzzer sees which ways are taken.
 */
#ifndef INRO_TESTS_FUZZ_TOKEN_H
#define INRO_TESTS_FUZZ_TOKEN_H

#include "base/bytes.h"
#include "base/cryptoki/admin.h"

#define FUZZ_OBJECTS 16

extern struct ck_functions_3_2 *fuzz_p11;
extern const struct inro_admin *fuzz_admin;
extern CK_SLOT_ID fuzz_slot;
/* Read-write, logged in; not to be closed. */
extern CK_SESSION_HANDLE fuzz_session;

/* At the first call; nothing at later ones. */
void fuzz_token_make(void);
/* Handles of what is always there: how many. */
size_t fuzz_token_objects(CK_OBJECT_HANDLE ret[FUZZ_OBJECTS]);
/* Logs in again if somebody has logged out, and destroys what was made since. */
void fuzz_token_restore(void);
/* Ends the program when eight bytes of a sensitive value are among these. */
void fuzz_token_no_secret(struct bytes x);

#endif
