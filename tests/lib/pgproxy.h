/*
 * pgproxy - stands between a PostgreSQL client and its server, on a Unix socket in the scratch
 * folder, and cuts the connection at a COMMIT: before the server gets it, or before its answer
 * comes back.
 */
#ifndef INRO_TESTS_LIB_PGPROXY_H
#define INRO_TESTS_LIB_PGPROXY_H

enum pgproxy_cut { PGPROXY_NOTHING, PGPROXY_BEFORE, PGPROXY_AFTER };

/* The URL by way of the proxy, which runs in a child until the program ends. */
const char *pgproxy_url(const char *url);
/* What happens to the next COMMIT; once. */
void pgproxy_cut_next(enum pgproxy_cut what);

#endif
