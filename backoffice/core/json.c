/* json - see json.h. */
#include "backoffice/core/json.h"

#include <string.h>

#define REAL_ROOM 64

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

/* ---- answers ---- */

/* RFC 8259 7: what stands behind the backslash; 'u': in hex. */
static char escape_of(uint8_t c)
{
	static const char marks[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r' };

	if (c == '"' || c == '\\')
		return (char)c;
	if (c >= ' ')
		return 0;
	return c < sizeof marks && marks[c] ? marks[c] : 'u';
}

static void add_escape(struct buf *b, uint8_t c)
{
	buf_add_u8(b, '\\');
	buf_add_u8(b, (uint8_t)escape_of(c));
	if (escape_of(c) == 'u')
		buf_addf(b, "%04X", c);
}

static void add_text(struct buf *b, const char *text, size_t n)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + n, *from = p;

	buf_add_u8(b, '"');
	for (; p < end; p++) {
		if (!escape_of(*p))
			continue;
		buf_add(b, BYTES(from, (size_t)(p - from)));
		add_escape(b, *p);
		from = p + 1;
	}
	buf_add(b, BYTES(from, (size_t)(end - from)));
	buf_add_u8(b, '"');
}

static void add_object(struct buf *b, const json_t *doc)
{
	json_t *object = (json_t *)(uintptr_t)doc; /* only walked through */
	char before = '{';

	if (!json_object_size(doc))
		buf_add_u8(b, '{');
	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		const char *key = json_object_iter_key(at);

		buf_add_u8(b, (uint8_t)before);
		add_text(b, key, strlen(key));
		buf_add_u8(b, ':');
		buf_add_json(b, json_object_iter_value(at));
		before = ',';
	}
	buf_add_u8(b, '}');
}

static void add_array(struct buf *b, const json_t *doc)
{
	buf_add_u8(b, '[');
	for (size_t i = 0; i < json_array_size(doc); i++) {
		if (i)
			buf_add_u8(b, ',');
		buf_add_json(b, json_array_get(doc, i));
	}
	buf_add_u8(b, ']');
}

static void add_string(struct buf *b, const json_t *doc)
{
	add_text(b, json_string_value(doc), json_string_length(doc));
}

static void add_integer(struct buf *b, const json_t *doc)
{
	buf_addf(b, "%lld", (long long)json_integer_value(doc));
}

/* Few have any. */
static void add_real(struct buf *b, const json_t *doc)
{
	char text[REAL_ROOM];
	size_t n = json_dumpb(doc, text, sizeof text, JSON_ENCODE_ANY);

	if (n && n <= sizeof text)
		buf_add(b, BYTES(text, n));
	else if (!b->err)
		b->err = err_set(INRO_E_ARG, "a number that JSON can't write");
}

static void add_true(struct buf *b, const json_t *doc)
{
	(void)doc;
	buf_add_str(b, "true");
}

static void add_false(struct buf *b, const json_t *doc)
{
	(void)doc;
	buf_add_str(b, "false");
}

static void add_null(struct buf *b, const json_t *doc)
{
	(void)doc;
	buf_add_str(b, "null");
}

void buf_add_json(struct buf *b, const json_t *doc)
{
	static void (*const add[])(struct buf *b, const json_t *doc) = {
		[JSON_OBJECT] = add_object, [JSON_ARRAY] = add_array, [JSON_STRING] = add_string,
		[JSON_INTEGER] = add_integer, [JSON_REAL] = add_real, [JSON_TRUE] = add_true,
		[JSON_FALSE] = add_false,     [JSON_NULL] = add_null,
	};

	if (doc)
		add[json_typeof(doc)](b, doc);
	else if (!b->err)
		b->err = err_set(INRO_E_NO_MEMORY, "no memory for JSON");
}
