/* json - JSON objects that people give: read with bounds, written compact; and answers. */
#ifndef INRO_BACKOFFICE_CORE_JSON_H
#define INRO_BACKOFFICE_CORE_JSON_H

#include <jansson.h>

#include "base/bytes.h"

/* What jansson frees is wiped from then on, as keys and passwords go through it.  When a program starts, before it has
 * other threads; again is fine. */
void json_wipes(void);
/* For AUTO(). */
void json_drop(json_t **json);
/* One object of at most max bytes, no name twice.  INRO_E_SYNTAX says where, INRO_E_TOO_BIG. */
MUST_CHECK enum inro_err json_object_read(const char *what, const char *text, size_t max,
					  json_t **ret);
/* As text of the caller's (free()), names in order, so that equal objects have equal texts. */
MUST_CHECK enum inro_err json_object_write(const json_t *object, char **ret);
/* Compact, and written once: nothing of it stays in memory elsewhere, which json_dumps() can't say.  NULL, a document
 * for which memory was short, is the buffer's failure. */
void buf_add_json(struct buf *b, const json_t *doc);
/* A text as it is, anything else as JSON. */
void buf_add_json_text(struct buf *b, const json_t *value);

#endif
