#include "base/conf.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/inherit.h"

#define CONF_DEFAULT   "/etc/inro/inro.conf"
#define CONF_MAX_SIZE  ((size_t)1 << 20)
#define CONF_MAX_ITEMS 4096
#define SECTION_MAX    50 /* inih keeps 49 bytes of a name; the line has two brackets */
#define KEY_MAX	       (INI_MAX_LINE - 3) /* what inih keeps of a line; of a value that is longer we keep the rest */
#define CONF_LINE_MAX  4096

struct conf_item {
	char *section, *key, *value;
	int line;
};

struct conf {
	char *name;
	struct conf_item *items;
	size_t n, cap;
};

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		free(c->items[i].section);
		free(c->items[i].key);
		free(c->items[i].value);
	}
	free(c->items);
	free(c->name);
	free(c);
}

void conf_free_ptr(struct conf **c)
{
	conf_free(*c);
	*c = NULL;
}

static enum inro_err room_for_one(struct conf *c)
{
	size_t cap = c->cap ? 2 * c->cap : 16;
	struct conf_item *items;

	if (c->n < c->cap)
		return INRO_OK;
	if (c->n >= CONF_MAX_ITEMS)
		return err_set(INRO_E_TOO_BIG, "%s: more than %d items", c->name, CONF_MAX_ITEMS);
	items = realloc(c->items, cap * sizeof *items);
	if (!items)
		return err_set(INRO_E_NO_MEMORY, "no memory for %s", c->name);
	c->items = items;
	c->cap = cap;
	return INRO_OK;
}

static enum inro_err add_one(struct conf *c, int line, const char *section, const char *key,
			     const char *value)
{
	enum inro_err e = room_for_one(c);

	if (e)
		return e;
	struct conf_item *it = &c->items[c->n++];

	*it = (struct conf_item) { strdup(section), strdup(key), strdup(value), line };
	return it->section && it->key && it->value
		       ? INRO_OK
		       : err_set(INRO_E_NO_MEMORY, "no memory for %s", c->name);
}

struct parsing {
	struct conf *conf;
	const char *rest; /* of the text */
	struct bytes now; /* the line that was read last, without its end */
	int line;	  /* the one that was read last */
	enum inro_err e;  /* the first failure that is not about a line's form */
};

/* inih's reader: a line with its end, as fgets(). */
static char *read_line(char *out, int cap, void *user)
{
	struct parsing *p = user;
	size_t n = strcspn(p->rest, "\n");

	if (*p->rest == '\0' || cap < 2)
		return NULL;
	p->now = BYTES((const uint8_t *)p->rest, n);
	n += p->rest[n] == '\n';
	p->rest += n;
	n = n < (size_t)cap ? n : (size_t)cap - 1;
	memcpy(out, p->now.p, n);
	out[n] = '\0';
	if (n == (size_t)cap - 1)
		out[n - 1] = '\n'; /* it ends for inih where its room does */
	p->line++;
	return out;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The value as inih would read it, if it took lines of any length: behind the first '=' or ':', without blanks around it
 * and without what begins with " ;". */
static struct bytes whole_value(struct bytes line)
{
	size_t at = 0, end;

	while (at < line.n && line.p[at] != '=' && line.p[at] != ':')
		at++;
	at += at < line.n;
	while (at < line.n && is_blank(line.p[at]))
		at++;
	for (end = at; end < line.n && !(line.p[end] == ';' && is_blank(line.p[end - 1])); end++)
		;
	while (end > at && is_blank(line.p[end - 1]))
		end--;
	return BYTES(line.p + at, end - at);
}

static enum inro_err add_long(struct parsing *p, const char *section, const char *key)
{
	SCOPED(buf) text = { 0 };

	buf_add(&text, whole_value(p->now));
	buf_add_u8(&text, 0);
	return buf_err(&text) ? buf_err(&text) : add_one(p->conf, p->line, section, key, (const char *)text.p);
}

/* inih's handler: nonzero is success */
static int add_item(void *user, const char *section, const char *key, const char *value)
{
	struct parsing *p = user;

	if (!p->e && p->now.n > KEY_MAX)
		p->e = add_long(p, section, key);
	else if (!p->e)
		p->e = add_one(p->conf, p->line, section, key, value ? value : "");
	return p->e == INRO_OK;
}

static enum inro_err parse(struct conf *c, const char *text)
{
	struct parsing p = { .conf = c, .rest = text };
	int line = ini_parse_stream(read_line, &p, add_item, &p);

	if (p.e)
		return p.e;
	if (line < 0)
		return INRO_E_NO_MEMORY;
	if (line > 0)
		return err_set(INRO_E_CONFIG, "%s, line %d: not `key = value` or `[section]`",
			       c->name, line);
	return INRO_OK;
}

static struct bytes take_line(struct bytes *text)
{
	const uint8_t *end = memchr(text->p, '\n', text->n);
	struct bytes line = BYTES(text->p, end ? (size_t)(end - text->p) : text->n);

	*text = BYTES(text->p + line.n + (end != NULL), text->n - line.n - (end != NULL));
	while (line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
		line = BYTES(line.p + 1, line.n - 1);
	return line;
}

/* Has it its separator where inih sees it? */
static bool is_long_value(struct bytes line)
{
	return line.n <= KEY_MAX || memchr(line.p, '=', KEY_MAX - 1) || memchr(line.p, ':', KEY_MAX - 1);
}

/* inih cuts long lines and section names without a word, and takes an indented line for more of
 * the value above it. */
static enum inro_err tidy(struct bytes text, const char *name, struct buf *ret)
{
	for (int n = 1; text.n; n++) {
		struct bytes line = take_line(&text);
		size_t max = line.n && line.p[0] == '[' ? SECTION_MAX : is_long_value(line) ? CONF_LINE_MAX : KEY_MAX;

		if (line.n && memchr(line.p, 0, line.n))
			return err_set(INRO_E_CONFIG, "%s, line %d: has a NUL byte in it", name, n);
		if (line.n > max && line.p[0] != '#' && line.p[0] != ';')
			return err_set(INRO_E_CONFIG, "%s, line %d: longer than %zu bytes", name, n,
				       max);
		buf_add(ret, line.n > KEY_MAX && (line.p[0] == '#' || line.p[0] == ';') ? BYTES(line.p, KEY_MAX) : line);
		buf_add_u8(ret, '\n');
	}
	return buf_err(ret);
}

enum inro_err conf_parse(struct bytes text, const char *name, struct conf **ret)
{
	AUTO(conf_free_ptr) struct conf *c = calloc(1, sizeof *c);
	AUTO(free_chars) char *lines = NULL;
	SCOPED(buf) tidied = { 0 };
	enum inro_err e = tidy(text, name, &tidied);

	if (e)
		return e;
	lines = buf_take_str(&tidied);
	if (c)
		c->name = strdup(name);
	if (!c || !c->name || !lines)
		return INRO_E_NO_MEMORY;
	e = parse(c, lines);
	if (e)
		return e;
	*ret = c;
	c = NULL;
	return INRO_OK;
}

/* NULL when nobody names a file. */
static enum inro_err from_environment(const char **ret)
{
	static struct inherit parents;
	const char *named = secure_getenv("INRO_CONFIG");

	if (!named || !*named) {
		*ret = inherited(&parents);
		return INRO_OK;
	}
	*ret = named;
	return inherit_leave(&parents, named);
}

enum inro_err conf_open(const char *path, struct conf **ret)
{
	SCOPED(buf) text = { 0 };
	const char *named = path && *path ? path : NULL;
	enum inro_err e = named ? INRO_OK : from_environment(&named);
	const char *name = named ? named : CONF_DEFAULT;

	if (!e)
		e = file_read(name, CONF_MAX_SIZE, &text);
	if (e == INRO_E_NOT_FOUND && name != named)
		return conf_parse(BYTES_NONE, name, ret);
	return e ? e : conf_parse(buf_bytes(&text), name, ret);
}

const char *conf_get(const struct conf *c, const char *section, const char *key)
{
	for (size_t i = c->n; i > 0; i--)
		if (!strcmp(c->items[i - 1].section, section) && !strcmp(c->items[i - 1].key, key))
			return c->items[i - 1].value;
	return NULL;
}

const char *conf_get_nth(const struct conf *c, const char *section, const char *key, size_t n)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->items[i].section, section) && !strcmp(c->items[i].key, key) &&
		    n-- == 0)
			return c->items[i].value;
	return NULL;
}

size_t conf_count(const struct conf *c)
{
	return c->n;
}

void conf_item(const struct conf *c, size_t i, const char **ret_section, const char **ret_key,
	       const char **ret_value)
{
	*ret_section = c->items[i].section;
	*ret_key = c->items[i].key;
	*ret_value = c->items[i].value;
}

int conf_line(const struct conf *c, size_t i)
{
	return c->items[i].line;
}

const char *conf_name(const struct conf *c)
{
	return c->name;
}
