/*
 * watch - which slots have changed: a token made, removed or initialised anew, by this process or
 * another (PKCS#11 3.2 5.5.5).
 *
 * 1. What there is is compared with what there was at the last look, first at C_Initialize; what
 *    differs is an event, told once and to one caller.  Several changes of a slot between two looks
 *    are one.
 * 2. The folder is read again only when its time has changed, so looking costs one stat(2).
 * 3. No thread: who waits reads the folder's notifications himself.
 */
#ifndef INRO_PKCS11_TOKEN_WATCH_H
#define INRO_PKCS11_TOKEN_WATCH_H

#include <pthread.h>

#include "pkcs11/token/home.h"

struct watch {
	pthread_mutex_t lock;
	const char *home;
	struct home_slots now;
	struct timespec when; /* the folder's time at that look; 0: look again */
	CK_SLOT_ID *pending;  /* ascending */
	size_t n_pending;
};

/* `home` is the library's. */
void watch_init(struct watch *w, const char *home);
void watch_clear(struct watch *w);
/* What there is, looked at if that is needed; a copy, the caller's. */
MUST_CHECK enum inro_err watch_list(struct watch *w, struct home_slots *ret);
/* INRO_E_NO_EVENT when nothing has happened. */
MUST_CHECK enum inro_err watch_take(struct watch *w, CK_SLOT_ID *ret);
/* Opens the folder's notifications; -1 when there are none to be had. */
int watch_open(struct watch *w);
/* Until something may have happened, or some hundred milliseconds are over. */
void watch_pause(int notifications);

#endif
