/*
 * foreign - a CA of others, by libcrypto alone: its certificate, those that it makes, its lists.
 *
 * Everything fails the running test when it does not work.
 */
#ifndef INRO_TESTS_LIB_FOREIGN_H
#define INRO_TESTS_LIB_FOREIGN_H

#include <openssl/x509.h>

#include "base/bytes.h"

struct foreign {
	EVP_PKEY *key; /* P-256 */
	X509 *cert;    /* a root's; its key may sign messages, too */
};
/* Valid since a day before this clock's time, for so many days behind it; cn NULL: no name. */
void foreign_open(struct foreign *f, const char *cn, int days);
/* The same with another key usage, as openssl.cnf has it. */
void foreign_open_for(struct foreign *f, const char *cn, int days, const char *usage);
void foreign_close(struct foreign *f);
/* A certificate of it for a device's key; the caller frees. */
X509 *foreign_certify(const struct foreign *f, const char *cn, EVP_PKEY *key, int days);
/* A complete list with one entry, of this serial number, for this reason of RFC 5280, DER. */
void foreign_list(const struct foreign *f, int number, const ASN1_INTEGER *serial, int reason, struct buf *ret);
/* The same with that entry so many times. */
void foreign_list_times(const struct foreign *f, int number, const ASN1_INTEGER *serial, int reason, int times,
			struct buf *ret);
/* Appended. */
void foreign_der(X509 *x, struct buf *ret);

#endif
