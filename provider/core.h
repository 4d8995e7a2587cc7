/*
 * core - what libcrypto hands a provider: its error queue, its BIOs and the settings in
 * openssl.cnf.
 *
 * 1. No lock of ours is held during an upcall: the core may call back or fork.
 * 2. Every failure that leaves the provider is raised once, with a reason of our own and one line
 *    that says what, which and what to do (err_detail).
 */
#ifndef INRO_PROVIDER_CORE_H
#define INRO_PROVIDER_CORE_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include "base/bytes.h"

struct core {
	const OSSL_CORE_HANDLE *handle;
	OSSL_FUNC_core_get_params_fn *get_params;
	OSSL_FUNC_core_new_error_fn *new_error;
	OSSL_FUNC_core_set_error_debug_fn *set_error_debug;
	OSSL_FUNC_core_vset_error_fn *vset_error;
	OSSL_FUNC_BIO_read_ex_fn *bio_read;
	OSSL_FUNC_BIO_write_ex_fn *bio_write;
	OSSL_FUNC_BIO_gets_fn *bio_gets;
	OSSL_FUNC_BIO_ctrl_fn *bio_ctrl; /* may be NULL */
};

/* Takes the upcalls we need; false when the core lacks one. */
bool core_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, struct core *ret);

/* A setting of the provider's section; NULL when it is not set.  Lives as long as the core. */
const char *core_setting(const struct core *c, const char *name);

/* Puts e and its detail on the error queue of this thread. */
void core_raise(const struct core *c, enum inro_err e, const char *file, int line,
		const char *function);

/* Up to max bytes; less only at the end of the input. */
MUST_CHECK enum inro_err core_read(const struct core *c, OSSL_CORE_BIO *in, size_t max,
				   struct buf *ret);
/* One line with its end; false at the end of the input. */
bool core_line(const struct core *c, OSSL_CORE_BIO *in, char *line, size_t cap);
MUST_CHECK enum inro_err core_write(const struct core *c, OSSL_CORE_BIO *out, struct bytes b);
/* What was written to a file has left this process, as far as the core tells the file: libcrypto
 * and openssl(1) don't look whether closing it does that. */
MUST_CHECK enum inro_err core_flush(const struct core *c, OSSL_CORE_BIO *out);

/* What the reasons are called; ends with an empty row. */
const OSSL_ITEM *core_reasons(void);

#endif
