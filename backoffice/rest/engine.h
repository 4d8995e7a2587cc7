/*
 * engine - what the files that run rows share; see rows.h.
 */
#ifndef INRO_BACKOFFICE_REST_ENGINE_H
#define INRO_BACKOFFICE_REST_ENGINE_H

#include "backoffice/rest/rows.h"
#include "base/secret.h"

#define LINES_TYPE "application/x-ndjson"
#define TEXT_TYPE  "text/plain"
#define CSV_TYPE   "text/csv"
#define ETAG_ROOM  24

void rest_clear(struct rest *r); /* the core is nobody's again */
http_handler rest_handle;
/* Who it is, whether he may, and what he gave. */
MUST_CHECK enum inro_err rest_begin(struct rest *r, const struct http_call *call);

/* The error as who asked is told it: what the back office lacks (a setting, a PIN) is a state, which he may know; that
 * a token wants a login is not about his own.  NULL: no row. */
enum inro_err rest_told(const struct rest_row *row, enum inro_err e);

/* An entity tag of an answer. */
MUST_CHECK enum inro_err rest_etag(struct bytes body, char ret[static ETAG_ROOM]);
/* openapi.c: the document, which is made once for all who ask. */
MUST_CHECK enum inro_err rest_give_openapi(struct http_call *call);

/* lines.c: every item of a list, page by page, as lines; and lines that are requests. */
MUST_CHECK enum inro_err rest_lines_out(struct rest *r, struct http_call *call);
MUST_CHECK enum inro_err rest_lines_in(struct rest *r, struct http_call *call);

#endif
