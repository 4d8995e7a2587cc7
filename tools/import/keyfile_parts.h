/* keyfile_parts - what the readers of key files share. */
#ifndef INRO_TOOLS_IMPORT_KEYFILE_PARTS_H
#define INRO_TOOLS_IMPORT_KEYFILE_PARTS_H

#include <openssl/x509.h>

#include "tools/import/keyfile.h"

/* The passphrase, asked for once. */
struct asked {
	keyfile_ask *ask;
	void *arg;
	struct secret passphrase;
	enum inro_err e;
	bool done;
};

MUST_CHECK enum inro_err asked_take(struct asked *a);

/* INRO_E_AMBIGUOUS when there is a key already. */
MUST_CHECK enum inro_err keyfile_add_key(EVP_PKEY *pkey, struct keyfile *f);
/* name NULL or "": as the certificate's own. */
MUST_CHECK enum inro_err keyfile_add_cert(X509 *x, const char *name, struct keyfile *f);

/* Is it PKCS#12, in DER or BER?  If so everything in it is read. */
MUST_CHECK enum inro_err keyfile_read_p12(struct bytes content, OSSL_LIB_CTX *ctx, struct asked *a,
					  struct keyfile *f, bool *ret_is_p12);

#endif
