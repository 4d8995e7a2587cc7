/*
 * json_plain - JSON as programs mostly send it, read at an eighth of jansson's instructions; see json.h.
 *
 * 1. What is read here, jansson reads as the same.  Whatever is not plain is left to it: numbers that are not whole,
 *    \u, long or foreign names of members, and all that is wrong, of which it says where.
 */
#include "backoffice/core/json.h"

#include <stdlib.h>
#include <string.h>

#define KEY_ROOM   64
#define DIGITS_MAX 18
#define DEPTH_MAX  16

struct reader {
	const uint8_t *p, *end;
	struct buf room; /* a text without its escapes */
	unsigned depth;
};

static void reader_clear(struct reader *r)
{
	buf_clear(&r->room);
}

static bool is_at(const struct reader *r, char c)
{
	return r->p < r->end && *r->p == (uint8_t)c;
}

static bool take(struct reader *r, char c)
{
	bool there = is_at(r, c);

	r->p += there;
	return there;
}

static void skip_space(struct reader *r)
{
	while (is_at(r, ' ') || is_at(r, '\n') || is_at(r, '\t') || is_at(r, '\r'))
		r->p++;
}

/* 0: not one of the short escapes. */
static uint8_t escaped(const struct reader *r)
{
	static const uint8_t as[] = { ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',	 ['b'] = '\b',
				      ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t' };

	return r->p < r->end && *r->p < sizeof as ? as[*r->p] : 0;
}

static void add_up_to(struct reader *r, const uint8_t *from)
{
	buf_add(&r->room, BYTES(from, (size_t)(r->p - from)));
}

/* *ret is good until the next one.  *ret_ascii: there is nothing else in it. */
static bool take_text(struct reader *r, struct bytes *ret, bool *ret_ascii)
{
	const uint8_t *from;
	uint8_t all = 0;

	buf_reset(&r->room);
	if (!take(r, '"'))
		return false;
	for (from = r->p; r->p < r->end && *r->p != '"'; r->p++) {
		all |= *r->p;
		if (*r->p < ' ')
			return false;
		if (*r->p != '\\')
			continue;
		add_up_to(r, from);
		r->p++;
		if (!escaped(r))
			return false;
		buf_add_u8(&r->room, escaped(r));
		from = r->p + 1;
	}
	*ret_ascii = all < 0x80;
	*ret = BYTES(from, (size_t)(r->p - from));
	if (r->room.n) {
		add_up_to(r, from);
		*ret = buf_bytes(&r->room);
	}
	return take(r, '"') && buf_err(&r->room) == INRO_OK;
}

static bool take_key(struct reader *r, char ret[static KEY_ROOM])
{
	struct bytes text;
	bool ascii = false;

	skip_space(r);
	if (!take_text(r, &text, &ascii) || !ascii || text.n >= KEY_ROOM)
		return false;
	memcpy(ret, text.p, text.n);
	ret[text.n] = '\0';
	skip_space(r);
	return take(r, ':');
}

static json_t *read_text(struct reader *r)
{
	struct bytes text;
	bool ascii = false;

	if (!take_text(r, &text, &ascii))
		return NULL;
	return ascii ? json_stringn_nocheck((const char *)text.p, text.n)
		     : json_stringn((const char *)text.p, text.n);
}

static bool ends_number(const struct reader *r)
{
	return r->p == r->end || (*r->p && strchr(",]} \n\t\r", *r->p));
}

static json_t *read_number(struct reader *r)
{
	bool minus = take(r, '-');
	const uint8_t *from = r->p;
	json_int_t n = 0;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - from < DIGITS_MAX)
		n = n * 10 + (*r->p++ - '0');
	if (r->p == from || (*from == '0' && (minus || r->p - from > 1)) || !ends_number(r))
		return NULL;
	return json_integer(minus ? -n : n);
}

static bool take_word(struct reader *r, const char *word)
{
	size_t n = strlen(word);
	bool there = (size_t)(r->end - r->p) >= n && memcmp(r->p, word, n) == 0;

	r->p += there ? n : 0;
	return there;
}

static json_t *read_word(struct reader *r)
{
	if (take_word(r, "true"))
		return json_true();
	if (take_word(r, "false"))
		return json_false();
	return take_word(r, "null") ? json_null() : NULL;
}

static json_t *read_value(struct reader *r);

/* Behind an item: *ret_more, another one. */
static bool goes_on(struct reader *r, char end, bool *ret_more)
{
	skip_space(r);
	*ret_more = take(r, ',');
	return *ret_more || take(r, end);
}

static json_t *read_object(struct reader *r)
{
	json_t *object = json_object();
	bool good = take(r, '{') && object, more;
	char key[KEY_ROOM];

	skip_space(r);
	more = !take(r, '}');
	while (good && more) {
		good = take_key(r, key) && !json_object_get(object, key) &&
		       json_object_set_new_nocheck(object, key, read_value(r)) == 0 && goes_on(r, '}', &more);
	}
	if (good)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *read_array(struct reader *r)
{
	json_t *array = json_array();
	bool good = take(r, '[') && array, more;

	skip_space(r);
	more = !take(r, ']');
	while (good && more)
		good = json_array_append_new(array, read_value(r)) == 0 && goes_on(r, ']', &more);
	if (good)
		return array;
	json_decref(array);
	return NULL;
}

static json_t *read_deeper(struct reader *r, json_t *read(struct reader *r))
{
	json_t *value = ++r->depth <= DEPTH_MAX ? read(r) : NULL;

	r->depth--;
	return value;
}

/* NULL, which nothing is put together with, when it is not plain. */
static json_t *read_value(struct reader *r)
{
	skip_space(r);
	if (is_at(r, '{'))
		return read_deeper(r, read_object);
	if (is_at(r, '['))
		return read_deeper(r, read_array);
	if (is_at(r, '"'))
		return read_text(r);
	if (is_at(r, '-') || (r->p < r->end && *r->p >= '0' && *r->p <= '9'))
		return read_number(r);
	return read_word(r);
}

json_t *json_plain(struct bytes text)
{
	SCOPED(reader) r = { .p = text.p, .end = text.p + text.n };
	json_t *value = read_value(&r);

	skip_space(&r);
	if (value && r.p == r.end)
		return value;
	json_decref(value);
	return NULL;
}
