/*
 * est - Enrollment over Secure Transport (RFC 7030, 8951, 9908): /.well-known/est/ with and without a
 * label.
 *
 * 1. Who asks is known by his client certificate, else by HTTP Basic with a device's id and pre-shared
 *    key.  CA certificates and CSR attributes are anybody's.
 * 2. A challenge password in a request names the TLS connection that it came by (RFC 7030 3.5, RFC
 *    9266), or the request is refused.
 * 3. A handler keeps nothing between two calls: any worker of any server may answer the next.
 */
#ifndef INRO_BACKOFFICE_EST_EST_H
#define INRO_BACKOFFICE_EST_EST_H

#include "backoffice/http/http.h"

/* The worker of a call is a struct core. */
struct est_options {
	const char *label;    /* for paths without one; NULL: as the policy of the device's group says */
	unsigned retry_after; /* seconds, for what waits for a person; 0: 60 */
};

/* The rows; the table's arg is a const struct est_options that stays. */
extern const struct http_route est_routes[];
extern const size_t est_routes_n;

#endif
