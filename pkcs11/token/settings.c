/* settings - one row a key: what it may be and where it goes. */
#include "pkcs11/token/settings.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

#define SECTION	  "token"
#define PIN_LEAST 4

static const struct settings defaults = { .pin_min = PIN_LEAST, .pin_max = SECRET_MAX_PIN };
static _Atomic(const struct settings *) in_force = &defaults;

const struct settings_row settings_rows[] = {
	{ "legacy", "yes|no", "old mechanisms and small keys, for verifying and decrypting" },
	{ "policy", "default|strict", "of tokens made from now on" },
	{ "read-only", "yes|no", "no token is written to" },
	{ "pin-min", "4-255", "bytes that a new PIN has at least" },
	{ "pin-max", "4-255", "bytes that a new PIN has at most" },
	{ "pin-classes", "0-4", "how many of lower, upper, digit and other a new PIN must have" },
	{ "pin-helper", "/PROGRAM", "asks the user for a PIN that C_Login was not given" },
	{ 0 },
};

/* Two words, the second of which means true. */
struct words {
	const char *no, *yes;
};

static const struct {
	struct words words;   /* flags */
	unsigned least, most; /* numbers */
	size_t at;	      /* of the field */
} forms[] = {
	{ .words = { "no", "yes" }, .at = offsetof(struct settings, legacy) },
	{ .words = { "default", "strict" }, .at = offsetof(struct settings, strict) },
	{ .words = { "no", "yes" }, .at = offsetof(struct settings, read_only) },
	{ .least = PIN_LEAST, .most = SECRET_MAX_PIN, .at = offsetof(struct settings, pin_min) },
	{ .least = PIN_LEAST, .most = SECRET_MAX_PIN, .at = offsetof(struct settings, pin_max) },
	{ .most = 4, .at = offsetof(struct settings, pin_classes) },
	{ .at = offsetof(struct settings, pin_helper) },
};
_Static_assert(ARRAY_LEN(forms) + 1 == ARRAY_LEN(settings_rows), "a form for each row");

static bool take_word(struct words w, const char *value, bool *ret)
{
	bool yes = strcmp(value, w.yes) == 0;

	if (yes || strcmp(value, w.no) == 0)
		*ret = yes;
	return yes || strcmp(value, w.no) == 0;
}

static bool take_number(unsigned least, unsigned most, const char *value, unsigned *ret)
{
	unsigned n = 0;
	size_t digits = strspn(value, "0123456789");

	if (digits == 0 || digits > 4 || value[digits] != '\0')
		return false;
	for (const char *c = value; *c; c++)
		n = n * 10 + (unsigned)(*c - '0');
	if (n < least || n > most)
		return false;
	*ret = n;
	return true;
}

static bool take_path(const char *value, const char **ret)
{
	char *copy = value[0] == '/' ? strdup(value) : NULL;

	if (!copy)
		return false;
	free((char *)(uintptr_t)*ret);
	*ret = copy;
	return true;
}

static bool take_value(size_t row, const char *value, struct settings *s)
{
	void *field = (char *)s + forms[row].at;

	if (forms[row].words.yes)
		return take_word(forms[row].words, value, field);
	if (forms[row].most)
		return take_number(forms[row].least, forms[row].most, value, field);
	return take_path(value, field);
}

static enum inro_err take_item(const struct conf *c, size_t i, struct settings *s)
{
	const char *section, *key, *value;
	size_t row = 0;

	conf_item(c, i, &section, &key, &value);
	if (strcmp(section, SECTION) != 0)
		return INRO_OK;
	while (settings_rows[row].key && strcmp(settings_rows[row].key, key) != 0)
		row++;
	if (!settings_rows[row].key)
		return err_set(INRO_E_CONFIG, "%s, line %d: [" SECTION "] has no setting '%s'",
			       conf_name(c), conf_line(c, i), key);
	if (!take_value(row, value, s))
		return err_set(INRO_E_CONFIG, "%s, line %d: '%s' can't be '%s', only %s",
			       conf_name(c), conf_line(c, i), key, value,
			       settings_rows[row].values);
	if (s->pin_min > s->pin_max)
		return err_set(INRO_E_CONFIG, "%s, line %d: pin-min is more than pin-max",
			       conf_name(c), conf_line(c, i));
	return INRO_OK;
}

static void settings_free(struct settings **s)
{
	if (*s)
		free((char *)(uintptr_t)(*s)->pin_helper);
	free(*s);
}

static bool same(const struct settings *a, const struct settings *b)
{
	bool helper = a->pin_helper && b->pin_helper ? strcmp(a->pin_helper, b->pin_helper) == 0
						     : a->pin_helper == b->pin_helper;

	return helper && a->legacy == b->legacy && a->strict == b->strict &&
	       a->read_only == b->read_only && a->pin_min == b->pin_min &&
	       a->pin_max == b->pin_max && a->pin_classes == b->pin_classes;
}

/* Whatever keeps the file from being read is a matter of the installation. */
static enum inro_err open_file(struct conf **ret)
{
	enum inro_err e = conf_open(NULL, ret);

	if (e == INRO_OK || e == INRO_E_CONFIG || e == INRO_E_NO_MEMORY)
		return e;
	return err_set(INRO_E_CONFIG, "the settings can't be read: %s", err_detail(e));
}

/* What is replaced is never freed: somebody may be reading it.  So the same again is not kept, and
 * what is kept hangs on a chain.  Several threads may be in C_Initialize. */
struct kept {
	struct settings s; /* first: settings_load() makes them as one */
	struct kept *before;
};
static _Atomic(struct kept *) latest;

static void put_in_force(struct settings **s)
{
	struct kept *k = (struct kept *)*s;

	if (same(*s, atomic_load(&in_force)))
		return;
	k->before = atomic_exchange(&latest, k);
	atomic_store(&in_force, *s);
	*s = NULL;
}

enum inro_err settings_load(void)
{
	AUTO(conf_free_ptr) struct conf *c = NULL;
	AUTO(settings_free) struct settings *s = calloc(1, sizeof(struct kept));
	enum inro_err e;

	if (!s)
		return err_set(INRO_E_NO_MEMORY, "no memory for settings");
	*s = defaults;
	e = open_file(&c);
	for (size_t i = 0; !e && i < conf_count(c); i++)
		e = take_item(c, i, s);
	if (!e)
		put_in_force(&s);
	return e;
}

const struct settings *settings_get(void)
{
	return atomic_load_explicit(&in_force, memory_order_acquire);
}
