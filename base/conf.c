#include "base/conf.h"

#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define CONF_DEFAULT   "/etc/inro/inro.conf"
#define CONF_MAX_SIZE  ((size_t)1 << 20)
#define CONF_MAX_ITEMS 4096

struct conf_item {
	char *section, *key, *value;
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

static bool room_for_one(struct conf *c)
{
	size_t cap = c->cap ? 2 * c->cap : 16;
	struct conf_item *items;

	if (c->n < c->cap)
		return true;
	if (c->n >= CONF_MAX_ITEMS)
		return false;
	items = realloc(c->items, cap * sizeof *items);
	if (!items)
		return false;
	c->items = items;
	c->cap = cap;
	return true;
}

/* inih's handler: nonzero is success */
static int add_item(void *user, const char *section, const char *key, const char *value)
{
	struct conf *c = user;
	struct conf_item *it;

	if (!room_for_one(c))
		return 0;
	it = &c->items[c->n++];
	*it = (struct conf_item) { strdup(section), strdup(key), strdup(value ? value : "") };
	return it->section && it->key && it->value;
}

static enum inro_err parse(struct conf *c, const char *text)
{
	int line = ini_parse_string(text, add_item, c);

	if (line < 0)
		return INRO_E_NO_MEMORY;
	if (line > 0)
		return err_set(INRO_E_CONFIG, "%s, line %d: not `key = value` or `[section]`",
			       c->name, line);
	return INRO_OK;
}

enum inro_err conf_parse(struct bytes text, const char *name, struct conf **ret)
{
	AUTO(conf_free_ptr) struct conf *c = calloc(1, sizeof *c);
	AUTO(free_chars) char *copy = text.n ? strndup((const char *)text.p, text.n) : strdup("");
	enum inro_err e;

	if (c)
		c->name = strdup(name);
	if (!c || !c->name || !copy)
		return INRO_E_NO_MEMORY;
	if (strlen(copy) != text.n)
		return err_set(INRO_E_CONFIG, "%s: has a NUL byte in it", name);
	e = parse(c, copy);
	if (e)
		return e;
	*ret = c;
	c = NULL;
	return INRO_OK;
}

enum inro_err conf_open(const char *path, struct conf **ret)
{
	SCOPED(buf) text = { 0 };
	const char *named = path ? path : secure_getenv("INRO_CONFIG");
	const char *name = named && *named ? named : CONF_DEFAULT;
	enum inro_err e = file_read(name, CONF_MAX_SIZE, &text);

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

const char *conf_name(const struct conf *c)
{
	return c->name;
}
