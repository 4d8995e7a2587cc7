/* json - see json.h. */
#include "backoffice/core/json.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

static void free_wiped(void *p)
{
	if (p)
		wipe(p, malloc_usable_size(p));
	free(p);
}

/* Memory stays malloc()'s: free() takes what json_dumps() gives. */
void json_wipes(void)
{
	json_set_alloc_funcs(malloc, free_wiped);
}

void json_drop(json_t **json)
{
	json_decref(*json);
}

enum inro_err json_object_read(const char *what, const char *text, size_t max, json_t **ret)
{
	json_error_t at;
	json_t *object;

	if (strlen(text) > max)
		return err_set(INRO_E_TOO_BIG, "%s has more than %zu bytes", what, max);
	object = json_loads(text, JSON_REJECT_DUPLICATES, &at);
	if (!object)
		return err_set(INRO_E_SYNTAX, "%s is not JSON: line %d, column %d: %s", what,
			       at.line, at.column, at.text);
	if (!json_is_object(object)) {
		json_decref(object);
		return err_set(INRO_E_SYNTAX, "%s is a JSON object, as in {\"name\": \"value\"}",
			       what);
	}
	*ret = object;
	return INRO_OK;
}

enum inro_err json_object_write(const json_t *object, char **ret)
{
	char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);

	if (!text)
		return err_set(INRO_E_NO_MEMORY, "no memory for a JSON object");
	*ret = text;
	return INRO_OK;
}

static int add_part(const char *text, size_t n, void *arg)
{
	struct buf *b = arg;

	buf_add(b, BYTES(text, n));
	return b->err ? -1 : 0;
}

void buf_add_json(struct buf *b, const json_t *doc)
{
	int failed = doc ? json_dump_callback(doc, add_part, b, JSON_COMPACT | JSON_ENCODE_ANY) : -1;

	if (failed && !b->err)
		b->err = err_set(INRO_E_NO_MEMORY, "no memory for JSON");
}

void buf_add_json_text(struct buf *b, const json_t *value)
{
	char *text;

	if (json_is_string(value)) {
		buf_add_str(b, json_string_value(value));
		return;
	}
	text = json_dumps(value, JSON_ENCODE_ANY);
	buf_add_str(b, text ? text : "");
	free(text);
}
