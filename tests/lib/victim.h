/*
 * victim - a token whose file is written anew with changes in it, and what must hold of it however
 * it was changed: nothing is shown that is secret, and a key that can be used is as it was made.
 */
#ifndef INRO_TESTS_LIB_VICTIM_H
#define INRO_TESTS_LIB_VICTIM_H

#include "tests/lib/module.h"

/* The file as it was. */
extern uint8_t victim_file[1 << 20];
extern size_t victim_n;
/* The value of the sensitive secret key in it. */
extern const uint8_t victim_secret[33];

/* A token with two pairs and a sensitive secret key, closed, its file read whole. */
void victim_make(void);
/* The file anew, with this content, under a slot that this process has not opened. */
const char *victim_write(CK_SLOT_ID at, const uint8_t *content, size_t n);
/* Opens it, logs in when that is asked for, looks at everything, closes it.  False when it could
 * not even be opened. */
bool victim_look(CK_SLOT_ID at, bool login);

#endif
