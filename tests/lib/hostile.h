/*
 * hostile - certificate requests as nobody honest makes them, and a few odd but good ones: made
 * anew each time, with signatures that hold wherever a key can make one.
 */
#ifndef INRO_TESTS_LIB_HOSTILE_H
#define INRO_TESTS_LIB_HOSTILE_H

#include "base/bytes.h"

struct hostile {
	const char *name;
	enum inro_err e;  /* by cred_issue() with the profile below; INRO_OK: it is issued */
	const char *says; /* in its detail */
	void (*make)(const struct hostile *h, struct buf *ret);
	const char *text; /* of its maker's */
	int number;
};

/* NULL behind the last. */
const struct hostile *hostile_at(size_t i);

/* A profile that forbids little. */
extern const char hostile_profile[];

#endif
