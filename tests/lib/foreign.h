/*
 * foreign - a CA of others, by libcrypto alone: its certificate, those that it makes, its lists; and how a back
 * office comes to have them.
 *
 * Everything fails the running test when it does not work.
 */
#ifndef INRO_TESTS_LIB_FOREIGN_H
#define INRO_TESTS_LIB_FOREIGN_H

#include <openssl/x509.h>

#include "backoffice/core/ca.h"
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
/* The same for who asks by a request, DER. */
X509 *foreign_answer(const struct foreign *f, const char *cn, struct bytes csr, int days);
/* A complete list with one entry, of this serial number, for this reason of RFC 5280, DER. */
void foreign_list(const struct foreign *f, int number, const ASN1_INTEGER *serial, int reason, struct buf *ret);
/* The same with that entry so many times. */
void foreign_list_times(const struct foreign *f, int number, const ASN1_INTEGER *serial, int reason, int times,
			struct buf *ret);
/* Appended. */
void foreign_der(X509 *x, struct buf *ret);

/* It becomes a CA elsewhere of this back office; `in` says how, but for its certificate.  ret may be NULL. */
enum inro_err foreign_connect(const struct foreign *f, struct core *c, struct ca_connection in, struct ca_view *ret);
/* A certificate is brought to the back office as one of the CA of that name. */
struct foreign_brought {
	enum inro_err error;
	bool unrequested;
	int64_t credential;
};
struct foreign_brought foreign_bring(struct core *c, const char *ca, X509 *x, bool unrequested);

#endif
