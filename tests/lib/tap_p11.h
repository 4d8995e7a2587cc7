/*
 * tap_p11 - our own Cryptoki module with a tap in the line: it counts, and fails when told to.
 *
 * Built as tap-p11.so; the module behind it is the one INRO_TAPPED names.  A test reaches the knobs
 * by dlsym("tap"); with INRO_TAP_TELLS_NO_TRIES in the environment the token never tells that a wrong PIN was given.
 */
#ifndef INRO_TESTS_LIB_TAP_P11_H
#define INRO_TESTS_LIB_TAP_P11_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/cryptoki/cryptoki.h"

struct tap {
	/* what it does */
	CK_RV sign_init; /* for the next sign_init_times calls of C_SignInit ... */
	atomic_int sign_init_times;
	atomic_int sign_init_every; /* ... or for each so many'th; 0: never */
	CK_RV context_login;	    /* what a login for a single use gives */
	bool always_authenticate;   /* every key asks for that */
	bool has_twins;		    /* whoever makes a pair: another program makes one like it */
	bool unreadable_once_made;  /* after a key pair was made no attribute can be read */
	int most_sessions;	    /* 0: as many as the real one */
	CK_ULONG crowd;		    /* so many tokens of others come before the real ones */
	bool logs_out;		    /* the whole token, when any session is closed */
	bool no_public_key_info;    /* as modules of 2.40 */
	bool bare_point;	    /* CKA_EC_POINT without its OCTET STRING */
	CK_ULONG longer;	    /* what is signed or decrypted is said to be so much longer than its room */
	const char *keypad; /* the PIN that is typed there; the token takes none from a program */
	CK_RV keypad_gives; /* what comes of it, when not CKR_OK */
	/* what it saw */
	atomic_int open; /* sessions, less those closed with success */
	atomic_int sign_inits, searches, logins, context_logins;
	atomic_int pairs, destroyed, finalized;
};

#endif
