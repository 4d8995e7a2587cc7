/*
 * rest - the network's API under /v1: everything that the commands can do, as JSON over HTTP.
 *
 * 1. There is one table of routes (rows.h).  What a route takes and gives, who may use it, the OpenAPI
 *    document and the reference in docs/http-api.md come from it.
 * 2. A worker of the server is a struct core; a request leaves it nobody's.
 */
#ifndef INRO_BACKOFFICE_REST_REST_H
#define INRO_BACKOFFICE_REST_REST_H

#include "backoffice/http/http.h"

/* The rows, for http_options.tables; stays. */
struct http_table rest_table(void);
/* The OpenAPI 3.1 document, appended. */
void rest_openapi(struct buf *out);
/* The table as the Markdown rows that docs/http-api.md shows, appended. */
void rest_print(struct buf *out);

#endif
