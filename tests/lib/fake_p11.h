/*
 * fake_p11 - a Cryptoki module that does as a test tells it, for faults that real ones rarely show.
 *
 * Built twice: fake-p11.so is of version 2.40 and has no C_GetInterface; fake-p11-admin.so is 3.0
 * and offers the vendor interface.  A test reaches the knobs of a loaded one by dlsym("fake").
 */
#ifndef INRO_TESTS_LIB_FAKE_P11_H
#define INRO_TESTS_LIB_FAKE_P11_H

#include <stdbool.h>

#include "base/cryptoki/admin.h"

#define FAKE_SLOTS   4
#define FAKE_OBJECTS 8

struct fake_object {
	const CK_ATTRIBUTE *attrs;
	CK_ULONG n;
};

struct fake {
	/* what it returns; CKR_OK unless set */
	CK_RV initialize, token_info[FAKE_SLOTS], login, find, get_attribute;
	CK_FLAGS token_flags[FAKE_SLOTS];
	const char *labels[FAKE_SLOTS]; /* NULL: the slot is empty */
	const char *serials[FAKE_SLOTS];
	CK_ULONG slots;
	CK_ULONG slots_at_first; /* what the first call for the number of slots says, if not 0 */
	CK_ULONG slots_more;	 /* it always lists so many more than there is room for */
	bool never_room, endless; /* a list of slots never fits; more objects are always found */
	struct fake_object objects[FAKE_OBJECTS];
	CK_ULONG find_batch; /* how many handles C_FindObjects gives at once; 0: all */
	CK_ULONG tries_left;
	const char *words; /* last_error() */
	void (*in_initialize)(void), (*in_open)(void); /* called there, if not NULL */
	/* what it saw */
	_Atomic int sessions_at_work, sessions_at_once; /* calls that open or close one: now, most */
	int initialized, finalized, find_finals, closed;
	CK_FLAGS initialize_flags, session_flags;
	CK_USER_TYPE user;
	char pin[64];
};

#endif
