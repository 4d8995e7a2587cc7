/*
 * keygen - making keys: in a token where that was asked for, else in software.
 *
 * 1. Into a token goes what has the parameter pkcs11_uri, and, where the setting `keygen` names a
 *    token, every key that signs and was made neither for a TLS handshake nor after another key.
 * 2. Those of a TLS handshake are known by the name of their curve: libssl takes it from us, where
 *    "EC" is ours, and we give it one with a mark.  No other program has that name.  From OpenSSL
 *    3.2 on the name may come from another provider; there the caller of libcrypto tells (asker.h).
 * 3. Everything else is handed to the context below; the result is a software key (key.h).
 */
#ifndef INRO_PROVIDER_KEYGEN_H
#define INRO_PROVIDER_KEYGEN_H

#include "provider/key.h"

#define KEYGEN_URI	 "pkcs11_uri"
#define KEYGEN_EPHEMERAL "INRO-TLS:"

/* With the setting: the curves of TLS under the marked name.  They come before the ordinary ones,
 * so that libssl, which looks for the first of a number, makes keys by the marked name and still
 * knows the ordinary names where a program lists groups. */
MUST_CHECK enum inro_err keygen_tls_groups(struct prov *p, OSSL_CALLBACK *callback, void *arg,
					   int *ret_ok);

/* The rest is what each kind of key has of OSSL_FUNC_keymgmt_gen (provider-keymgmt(7)); a context is used by one thread
 * at a time.  A wrong parameter is refused as it is given.  keygen_run() makes the key where it belongs, and leaves
 * nothing behind when it fails; the key is the caller's. */
void *keygen_init(struct prov *p, const struct key_type *type, int selection,
		  const OSSL_PARAM params[]);
int keygen_set_template(void *vgen, void *vkey);
int keygen_set_params(void *vgen, const OSSL_PARAM params[]);
const OSSL_PARAM *keygen_settable_params(void *vgen, void *vprov);
void *keygen_run(void *vgen, OSSL_CALLBACK *progress, void *arg);
void keygen_cleanup(void *vgen);

#endif
