/*
 * uri - PKCS#11 URIs as text: one table of attributes, read and written by it (RFC 7512 2.3, 2.4).
 *
 * 1. A separator is found before anything is decoded, so that an encoded one is part of a value.
 * 2. Error texts name attributes, never their values: one of them is a PIN.
 * 3. What is printed can be parsed and gives the same fields again, but for pin-value.
 */
#include "base/cryptoki/uri.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "pkcs11:"

enum part {
	PATH,
	QUERY,
};

struct uri_attr;

struct kind {
	enum inro_err (*parse)(struct p11_uri *u, const struct uri_attr *a, struct bytes raw);
	bool (*given)(const struct p11_uri *u, const struct uri_attr *a);
	void (*print)(const struct p11_uri *u, const struct uri_attr *a, struct buf *out);
};

struct uri_attr {
	const char *name;
	enum part part;
	const struct kind *kind;
	size_t offset; /* text: of its char * */
	size_t max;    /* text: as long as the Cryptoki field it is compared with */
};

static const char *const type_names[P11_TYPE__MAX] = {
	[P11_PUBLIC] = "public",	 [P11_PRIVATE] = "private", [P11_CERT] = "cert",
	[P11_SECRET_KEY] = "secret-key", [P11_DATA] = "data",
};

static bool is_unreserved(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

/* pk11-pchar and pk11-qchar. */
static bool may_stand(uint8_t c, enum part part)
{
	static const char *const more[] = {
		[PATH] = ":[]@!$'()*+,=&", [QUERY] = ":[]@!$'()*+,=/?|"
	};

	return is_unreserved(c) || (c && strchr(more[part], c));
}

/* Decodes into out, which has room for raw.n bytes. */
static enum inro_err decode(const struct uri_attr *a, struct bytes raw, uint8_t *out, size_t *ret_n)
{
	size_t n = 0, one;

	for (size_t i = 0; i < raw.n; i++) {
		if (raw.p[i] != '%') {
			if (!may_stand(raw.p[i], a->part))
				return err_set(INRO_E_SYNTAX,
					       "PKCS#11 URI: '%s' has a character that must be "
					       "percent-encoded",
					       a->name);
			out[n++] = raw.p[i];
			continue;
		}
		if (raw.n - i < 3 || hex_decode(BYTES(raw.p + i + 1, 2), out + n, 1, &one))
			return err_set(INRO_E_SYNTAX,
				       "PKCS#11 URI: '%s' has a %% without two hex digits",
				       a->name);
		n++;
		i += 2;
	}
	*ret_n = n;
	return INRO_OK;
}

static enum inro_err check_text(const struct uri_attr *a, struct bytes text, size_t max)
{
	if (text.n && memchr(text.p, 0, text.n))
		return err_set(INRO_E_SYNTAX, "PKCS#11 URI: '%s' has a zero byte in it", a->name);
	if (text.n > max)
		return err_set(INRO_E_TOO_BIG, "PKCS#11 URI: '%s' is longer than %zu bytes",
			       a->name, max);
	return INRO_OK;
}

static void encode(struct buf *out, struct bytes value, enum part part)
{
	for (size_t i = 0; i < value.n; i++) {
		uint8_t c = value.p[i];

		if (is_unreserved(c) || c == ':' || (part == QUERY && c == '/'))
			buf_add_u8(out, c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

static char **text_field(struct p11_uri *u, const struct uri_attr *a)
{
	return (char **)(void *)((char *)u + a->offset);
}

static const char *text_value(const struct p11_uri *u, const struct uri_attr *a)
{
	return *(char *const *)(const void *)((const char *)u + a->offset);
}

static enum inro_err text_parse(struct p11_uri *u, const struct uri_attr *a, struct bytes raw)
{
	AUTO(free_chars) char *s = malloc(raw.n + 1);
	size_t n;
	enum inro_err e;

	if (!s)
		return err_set(INRO_E_NO_MEMORY, "no memory for a PKCS#11 URI");
	e = decode(a, raw, (uint8_t *)s, &n);
	if (e == INRO_OK)
		e = check_text(a, BYTES(s, n), a->max);
	if (e != INRO_OK)
		return e;
	s[n] = '\0';
	*text_field(u, a) = s;
	s = NULL;
	return INRO_OK;
}

static bool text_given(const struct p11_uri *u, const struct uri_attr *a)
{
	return text_value(u, a) != NULL;
}

static void text_print(const struct p11_uri *u, const struct uri_attr *a, struct buf *out)
{
	encode(out, bytes_of(text_value(u, a)), a->part);
}

static enum inro_err id_parse(struct p11_uri *u, const struct uri_attr *a, struct bytes raw)
{
	uint8_t *id = malloc(raw.n + 1);
	enum inro_err e;

	if (!id)
		return err_set(INRO_E_NO_MEMORY, "no memory for a PKCS#11 URI");
	e = decode(a, raw, id, &u->id_n);
	if (e != INRO_OK) {
		free(id);
		return e;
	}
	u->id = id;
	u->has_id = true;
	return INRO_OK;
}

static bool id_given(const struct p11_uri *u, const struct uri_attr *a)
{
	(void)a;
	return u->has_id;
}

static void id_print(const struct p11_uri *u, const struct uri_attr *a, struct buf *out)
{
	(void)a;
	for (size_t i = 0; i < u->id_n; i++)
		buf_addf(out, "%%%02X", u->id[i]);
}

/* Decimal digits off the front of *in. */
static enum inro_err take_number(const struct uri_attr *a, struct bytes *in, unsigned long max,
				 unsigned long *ret)
{
	unsigned long v = 0;
	size_t i = 0;

	for (; i < in->n && in->p[i] >= '0' && in->p[i] <= '9'; i++) {
		unsigned long digit = (unsigned long)(in->p[i] - '0');

		if (v > (max - digit) / 10)
			return err_set(INRO_E_TOO_BIG, "PKCS#11 URI: '%s' is larger than %lu",
				       a->name, max);
		v = v * 10 + digit;
	}
	if (i == 0)
		return err_set(INRO_E_SYNTAX, "PKCS#11 URI: '%s' lacks a decimal number", a->name);
	*in = BYTES(in->p + i, in->n - i);
	*ret = v;
	return INRO_OK;
}

static enum inro_err nothing_behind(const struct uri_attr *a, struct bytes rest)
{
	if (rest.n)
		return err_set(INRO_E_SYNTAX, "PKCS#11 URI: '%s' has more than a number", a->name);
	return INRO_OK;
}

static enum inro_err version_parse(struct p11_uri *u, const struct uri_attr *a, struct bytes raw)
{
	unsigned long major, minor = 0;
	enum inro_err e = take_number(a, &raw, 255, &major);

	if (e == INRO_OK && raw.n && raw.p[0] == '.') {
		raw = BYTES(raw.p + 1, raw.n - 1);
		e = take_number(a, &raw, 255, &minor);
	}
	if (e == INRO_OK)
		e = nothing_behind(a, raw);
	if (e != INRO_OK)
		return e;
	u->library_version = (CK_VERSION) { (unsigned char)major, (unsigned char)minor };
	u->has_library_version = true;
	return INRO_OK;
}

static bool version_given(const struct p11_uri *u, const struct uri_attr *a)
{
	(void)a;
	return u->has_library_version;
}

static void version_print(const struct p11_uri *u, const struct uri_attr *a, struct buf *out)
{
	(void)a;
	buf_addf(out, "%d.%d", u->library_version.major, u->library_version.minor);
}

static enum inro_err slot_parse(struct p11_uri *u, const struct uri_attr *a, struct bytes raw)
{
	unsigned long v;
	enum inro_err e = take_number(a, &raw, ~0UL, &v);

	if (e == INRO_OK)
		e = nothing_behind(a, raw);
	if (e != INRO_OK)
		return e;
	u->slot_id = v;
	u->has_slot_id = true;
	return INRO_OK;
}

static bool slot_given(const struct p11_uri *u, const struct uri_attr *a)
{
	(void)a;
	return u->has_slot_id;
}

static void slot_print(const struct p11_uri *u, const struct uri_attr *a, struct buf *out)
{
	(void)a;
	buf_addf(out, "%lu", u->slot_id);
}

static enum inro_err type_parse(struct p11_uri *u, const struct uri_attr *a, struct bytes raw)
{
	for (int t = P11_ANY + 1; t < P11_TYPE__MAX; t++) {
		if (bytes_is(raw, type_names[t])) {
			u->type = (enum p11_uri_type)t;
			return INRO_OK;
		}
	}
	return err_set(INRO_E_SYNTAX,
		       "PKCS#11 URI: '%s' is none of public, private, cert, secret-key, data",
		       a->name);
}

static bool type_given(const struct p11_uri *u, const struct uri_attr *a)
{
	(void)a;
	return u->type != P11_ANY;
}

static void type_print(const struct p11_uri *u, const struct uri_attr *a, struct buf *out)
{
	(void)a;
	buf_add_str(out, type_names[u->type]);
}

static enum inro_err pin_parse(struct p11_uri *u, const struct uri_attr *a, struct bytes raw)
{
	SCOPED(secret) pin = { 0 };
	size_t n = 0;
	enum inro_err e = secret_new(raw.n, &pin);

	if (e == INRO_OK)
		e = decode(a, raw, pin.p, &n);
	if (e == INRO_OK)
		e = check_text(a, BYTES(pin.p, n), SECRET_MAX_PIN);
	if (e != INRO_OK)
		return e;
	secret_shrink(&pin, n);
	u->pin_value = pin;
	pin = (struct secret) { 0 };
	u->has_pin_value = true;
	return INRO_OK;
}

static bool never_given(const struct p11_uri *u, const struct uri_attr *a)
{
	(void)u;
	(void)a;
	return false;
}

static const struct kind text = { text_parse, text_given, text_print };
static const struct kind id = { id_parse, id_given, id_print };
static const struct kind version = { version_parse, version_given, version_print };
static const struct kind slot = { slot_parse, slot_given, slot_print };
static const struct kind type = { type_parse, type_given, type_print };
static const struct kind pin = { pin_parse, never_given, NULL };

#define TEXT(name, part, field, max)                                                               \
	{                                                                                          \
		name, part, &text, offsetof(struct p11_uri, field), max                            \
	}

/* In the order of printing. */
static const struct uri_attr attrs[] = {
	TEXT("library-manufacturer", PATH, library_manufacturer, 32),
	TEXT("library-description", PATH, library_description, 32),
	{ "library-version", PATH, &version, 0, 0 },
	TEXT("slot-manufacturer", PATH, slot_manufacturer, 32),
	TEXT("slot-description", PATH, slot_description, 64),
	{ "slot-id", PATH, &slot, 0, 0 },
	TEXT("model", PATH, model, 16),
	TEXT("manufacturer", PATH, manufacturer, 32),
	TEXT("serial", PATH, serial, 16),
	TEXT("token", PATH, token, 32),
	{ "id", PATH, &id, 0, 0 },
	TEXT("object", PATH, object, P11_URI_MAX),
	{ "type", PATH, &type, 0, 0 },
	TEXT("pin-source", QUERY, pin_source, P11_URI_MAX),
	{ "pin-value", QUERY, &pin, 0, 0 },
	TEXT("module-name", QUERY, module_name, P11_URI_MAX),
	TEXT("module-path", QUERY, module_path, P11_URI_MAX),
};

static bool well_formed_name(struct bytes name)
{
	for (size_t i = 0; i < name.n; i++)
		if (!is_unreserved(name.p[i]) || name.p[i] == '.' || name.p[i] == '~')
			return false;
	return name.n > 0;
}

static const struct uri_attr *attr_find(struct bytes name, enum part part)
{
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++)
		if (attrs[i].part == part && bytes_is(name, attrs[i].name))
			return &attrs[i];
	return NULL;
}

/* A path attribute that we don't know would narrow the choice: without it we might take another
 * object.  One in the query only says how to reach it. */
static enum inro_err unknown_attr(struct bytes name, enum part part)
{
	if (part == QUERY)
		return INRO_OK;
	return err_set(INRO_E_SYNTAX, "PKCS#11 URI: unknown attribute '%.*s'", (int)name.n,
		       (const char *)name.p);
}

/* Everything up to the separator, which is dropped; false when there is none. */
static bool split(struct bytes *in, char separator, struct bytes *ret)
{
	const uint8_t *at = in->n ? memchr(in->p, separator, in->n) : NULL;
	size_t n = at ? (size_t)(at - in->p) : in->n;

	*ret = BYTES(in->p, n);
	*in = at ? BYTES(at + 1, in->n - n - 1) : BYTES_NONE;
	return at != NULL;
}

static enum inro_err parse_attr(struct p11_uri *u, uint32_t *seen, struct bytes value,
				enum part part)
{
	const struct uri_attr *a;
	struct bytes name;
	uint32_t bit;

	if (!split(&value, '=', &name) || !well_formed_name(name))
		return err_set(INRO_E_SYNTAX, "PKCS#11 URI: an attribute is not NAME=VALUE");
	a = attr_find(name, part);
	if (!a)
		return unknown_attr(name, part);
	bit = 1U << (a - attrs);
	if (*seen & bit)
		return err_set(INRO_E_SYNTAX, "PKCS#11 URI: '%s' is given twice", a->name);
	*seen |= bit;
	return a->kind->parse(u, a, value);
}

static enum inro_err parse_part(struct p11_uri *u, struct bytes in, enum part part)
{
	uint32_t seen = 0;
	struct bytes one;
	bool more = in.n > 0;
	enum inro_err e = INRO_OK;

	while (e == INRO_OK && more) {
		more = split(&in, part == PATH ? ';' : '&', &one);
		e = parse_attr(u, &seen, one, part);
	}
	return e;
}

bool p11_uri_is(const char *s)
{
	return s && strncasecmp(s, SCHEME, strlen(SCHEME)) == 0;
}

enum inro_err p11_uri_parse(const char *s, struct p11_uri *ret)
{
	SCOPED(p11_uri) u = { 0 };
	struct bytes path, rest;
	enum inro_err e;

	if (!p11_uri_is(s))
		return err_set(INRO_E_SYNTAX, "a PKCS#11 URI begins with '" SCHEME "', as '" SCHEME "token=LABEL;object=LABEL' does");
	rest = BYTES(s + strlen(SCHEME), strnlen(s, P11_URI_MAX + 1) - strlen(SCHEME));
	if (rest.n > P11_URI_MAX - strlen(SCHEME))
		return err_set(INRO_E_TOO_BIG, "a PKCS#11 URI of more than %d bytes", P11_URI_MAX);
	split(&rest, '?', &path);
	e = parse_part(&u, path, PATH);
	if (e == INRO_OK)
		e = parse_part(&u, rest, QUERY);
	if (e == INRO_OK && u.has_pin_value && u.pin_source)
		e = err_set(INRO_E_SYNTAX, "PKCS#11 URI: both pin-source and pin-value are given");
	if (e != INRO_OK)
		return e;
	*ret = u;
	u = (struct p11_uri) { 0 };
	return INRO_OK;
}

void p11_uri_clear(struct p11_uri *u)
{
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++)
		if (attrs[i].kind == &text)
			free(*text_field(u, &attrs[i]));
	free(u->id);
	secret_clear(&u->pin_value);
	*u = (struct p11_uri) { 0 };
}

static enum inro_err copy_texts(const struct p11_uri *u, struct p11_uri *to)
{
	for (size_t i = 0; i < ARRAY_LEN(attrs); i++) {
		char **field = text_field(to, &attrs[i]);

		if (attrs[i].kind != &text || !text_value(u, &attrs[i]))
			continue;
		*field = strdup(text_value(u, &attrs[i]));
		if (!*field)
			return err_set(INRO_E_NO_MEMORY, "no memory for a PKCS#11 URI");
	}
	return INRO_OK;
}

static enum inro_err copy_id(const struct p11_uri *u, struct p11_uri *to)
{
	if (!u->has_id)
		return INRO_OK;
	to->id = malloc(u->id_n + 1);
	if (!to->id)
		return err_set(INRO_E_NO_MEMORY, "no memory for a PKCS#11 URI");
	if (u->id_n)
		memcpy(to->id, u->id, u->id_n);
	to->id_n = u->id_n;
	to->has_id = true;
	return INRO_OK;
}

enum inro_err p11_uri_copy(const struct p11_uri *u, struct p11_uri *ret)
{
	SCOPED(p11_uri)
	c = {
		.has_slot_id = u->has_slot_id,
		.slot_id = u->slot_id,
		.has_library_version = u->has_library_version,
		.library_version = u->library_version,
		.type = u->type,
		.has_pin_value = u->has_pin_value,
	};
	enum inro_err e = copy_texts(u, &c);

	if (e == INRO_OK)
		e = copy_id(u, &c);
	if (e == INRO_OK)
		e = secret_copy(secret_bytes(&u->pin_value), &c.pin_value);
	if (e != INRO_OK)
		return e;
	*ret = c;
	c = (struct p11_uri) { 0 };
	return INRO_OK;
}

static void print_part(const struct p11_uri *u, enum part part, const char *first,
		       const char *between, struct buf *out)
{
	const char *before = first;

	for (size_t i = 0; i < ARRAY_LEN(attrs); i++) {
		const struct uri_attr *a = &attrs[i];

		if (a->part != part || !a->kind->given(u, a))
			continue;
		buf_addf(out, "%s%s=", before, a->name);
		a->kind->print(u, a, out);
		before = between;
	}
}

void p11_uri_print(const struct p11_uri *u, struct buf *out)
{
	buf_add_str(out, SCHEME);
	print_part(u, PATH, "", ";", out);
	print_part(u, QUERY, "?", "&", out);
}
