/*
 * libcrypto - manners of code that calls libcrypto inside somebody else's program: its error queue is
 * the application's too, and it may be shut down before we are.
 *
 * Everything here may be called by any thread at any time.
 */
#ifndef INRO_BASE_LIBCRYPTO_LIBCRYPTO_H
#define INRO_BASE_LIBCRYPTO_LIBCRYPTO_H

#include <stdbool.h>

#include "base/err.h"
#include "base/own.h"

/* libcrypto is past OPENSSL_cleanup(): leave its objects alone, the process is ending. */
bool libcrypto_gone(void);
/* The same as an error: INRO_E_CRYPTO once it is gone. */
MUST_CHECK enum inro_err libcrypto_alive(void);

/* Has it run when OPENSSL_cleanup() begins, in that thread, before anything that others use is freed;
 * libcrypto is gone by then.  For code that is never unloaded. */
void libcrypto_before_end(void (*run)(void));

/* KEEP_LIBCRYPTO_ERRORS(); at the head of a function takes off the thread's error queue, on every
 * way out, what was raised within. */
struct libcrypto_errors {
	int marked;
};

struct libcrypto_errors libcrypto_errors_keep(void);
void libcrypto_errors_clear(struct libcrypto_errors *kept);

#define KEEP_LIBCRYPTO_ERRORS()                                                                    \
	SCOPED(libcrypto_errors) kept_errors __attribute__((unused)) = libcrypto_errors_keep()

/* For a libcrypto call that failed: logs its latest reason and returns INRO_E_NO_MEMORY if that was
 * it, INRO_E_CRYPTO otherwise, with "<what>: <reason>" as detail. */
enum inro_err libcrypto_err(const char *what);

#endif
