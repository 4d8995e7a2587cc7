/*
 * chosen - the Cryptoki module under test: INRO_TEST_MODULE says inro (the default), softhsm or
 * tpm2-pkcs11, which have homes in the scratch folder; the TPM is a swtpm of the test's own.
 *
 * What a module lacks is in lacking.txt, for the shell tests too.
 */
#ifndef INRO_TESTS_LIB_CHOSEN_H
#define INRO_TESTS_LIB_CHOSEN_H

#include <stdbool.h>

/* Its path; its environment is set.  Ends the program with 77 where it is not installed. */
const char *chosen_module(void);
bool chosen_is_ours(void);
/* A process has made a token or a key and is gone: takes out of the TPM what it left. */
void chosen_made(void);
/* Prints what is lacking. */
bool chosen_can(const char *what);

/* Skips the rest of a cmocka test. */
#define NEEDS(what)                                                                                \
	do {                                                                                       \
		if (!chosen_can(what))                                                             \
			skip();                                                                    \
	} while (0)

#endif
