/*
 * cmp_routes - the Certificate Management Protocol (RFC 9810, lightweight profile RFC 9483) over HTTP (RFC 9811):
 * /.well-known/cmp and /.well-known/cmp/p/LABEL.
 *
 * 1. A message is believed after its protection: a MAC by a device's id and pre-shared key, or a
 *    signature by a device's certificate.  The transport may be plain HTTP.
 * 2. A transaction is a record of the database (core/confirm.h): nothing is kept here between two
 *    messages.  A replayed request gets what it got, and never a second certificate.
 * 3. An answer is protected as the request was: by the same key, or by the CA's signer
 *    (core/signer.h).  Only what says that a message was not believed has no protection.
 */
#ifndef INRO_BACKOFFICE_CMP_CMP_ROUTES_H
#define INRO_BACKOFFICE_CMP_CMP_ROUTES_H

#include "backoffice/http/http.h"

/* The worker of a call is a struct core. */
struct cmp_options {
	const char *label;    /* for the path without one; NULL: as the policy of the device's group says */
	unsigned check_after; /* seconds, for what waits for a person; 0: 60 */
	unsigned confirm;     /* seconds in which a certificate is confirmed; 0: 600 */
};

/* The rows; the table's arg is a const struct cmp_options that stays. */
extern const struct http_route cmp_routes[];
extern const size_t cmp_routes_n;

#endif
