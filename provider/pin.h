/*
 * pin - where the PIN of a token comes from, in this order:
 *
 *   1. the URI: pin-value or pin-source
 *   2. the setting `pin` of the provider: file:PATH, or the PIN itself (for tests)
 *   3. the environment: INRO_PIN
 *   4. systemd: the credential LABEL.pin, where LABEL is the token's, else inro-pin
 *      (files of $CREDENTIALS_DIRECTORY)
 *   5. the program: its passphrase callback, which libcrypto hands over in a load only
 *
 * The first that is there is taken; a refused one is not followed by the next, nor is a file that
 * can't be read or is empty.
 */
#ifndef INRO_PROVIDER_PIN_H
#define INRO_PROVIDER_PIN_H

#include "provider/asking.h"
#include "provider/prov.h"

/* Who may be asked; ask is NULL when no program is there to ask. */
struct pin_source {
	const struct p11_uri *uri;
	OSSL_PASSPHRASE_CALLBACK *ask;
	void *arg;
};

/* INRO_E_PIN_MISSING when there is none; the detail names the places looked at. */
MUST_CHECK enum inro_err pin_obtain(const struct prov *p, const struct pin_source *from,
				    const char *token_label, struct secret *ret);

/* Whether it comes of a pipe, a socket or a terminal, and of which: a line that was read there is gone. */
bool pin_comes_once(const struct prov *p, const struct p11_uri *uri, struct asked *ret);

/* The authorisation value of a key in a file (tss2.h): the setting `tss2-auth`, the credential
 * inro-tss2-auth, the program. */
MUST_CHECK enum inro_err pin_of_file(const struct prov *p, const struct pin_source *from,
				     struct secret *ret);

#endif
