/* libcrypto - see libcrypto.h. */
#include "base/libcrypto/libcrypto.h"

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "base/log.h"

bool libcrypto_gone(void)
{
	/* Refused once OPENSSL_cleanup() has begun; needs no handler of ours, which could be
	 * called after this module has been unloaded. */
	return OPENSSL_init_crypto(0, NULL) == 0;
}

enum inro_err libcrypto_alive(void)
{
	return libcrypto_gone() ? err_set(INRO_E_CRYPTO, "libcrypto has been shut down: the "
							 "process is ending")
				: INRO_OK;
}

void libcrypto_before_end(void (*run)(void))
{
	if (OPENSSL_atexit(run) != 1)
		log_debug("libcrypto runs no handler for us at its end");
}

struct libcrypto_errors libcrypto_errors_keep(void)
{
	return (struct libcrypto_errors) { .marked = ERR_set_mark() };
}

void libcrypto_errors_clear(struct libcrypto_errors *kept)
{
	/* Without a mark the queue was empty: this empties it again. */
	(void)kept;
	ERR_pop_to_mark();
}

enum inro_err libcrypto_err(const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);
	enum inro_err e =
		ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE ? INRO_E_NO_MEMORY : INRO_E_CRYPTO;

	log_debug("libcrypto: %s: %08lx %s", what, code, reason ? reason : "no reason given");
	return err_set(e, "%s: %s", what, reason ? reason : "libcrypto failed");
}
