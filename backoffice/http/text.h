/* text - JSON strings and dates of HTTP, written into a buffer. */
#ifndef INRO_BACKOFFICE_HTTP_TEXT_H
#define INRO_BACKOFFICE_HTTP_TEXT_H

#include "base/bytes.h"

/* The string with its quotes; what is not UTF-8 or not fit for a terminal becomes '?'. */
void text_add_json(struct buf *out, struct bytes text);

/* "Sat, 21 Nov 2026 17:20:00 GMT" */
#define HTTP_DATE_SIZE 30
void http_date(int64_t unix_seconds, char out[static HTTP_DATE_SIZE]);

#endif
