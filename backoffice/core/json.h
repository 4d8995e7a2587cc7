/* json - JSON objects that people give: read with bounds, written compact; and answers. */
#ifndef INRO_BACKOFFICE_CORE_JSON_H
#define INRO_BACKOFFICE_CORE_JSON_H

#include <jansson.h>

#include "base/bytes.h"

/* For AUTO(). */
void json_drop(json_t **json);
/* One object of at most max bytes, no name twice.  INRO_E_SYNTAX says where, INRO_E_TOO_BIG. */
MUST_CHECK enum inro_err json_object_read(const char *what, const char *text, size_t max,
					  json_t **ret);
/* Any value, as json_loadb() with JSON_REJECT_DUPLICATES and JSON_DECODE_ANY reads it.  NULL: it is not plain enough, or
 * wrong, or memory is short, and json_loadb() has the word. */
json_t *json_plain(struct bytes text);
/* As text of the caller's (free()), names in order, so that equal objects have equal texts. */
MUST_CHECK enum inro_err json_object_write(const json_t *object, char **ret);
/* The same octets as json_dumps() with JSON_COMPACT, written once: nothing of them stays in memory elsewhere.  NULL,
 * a document for which memory was short, is the buffer's failure. */
void buf_add_json(struct buf *b, const json_t *doc);

#endif
