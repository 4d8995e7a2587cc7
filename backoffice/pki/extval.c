/* extval - see extval.h. */
#include "backoffice/pki/extval.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/ext.h"
#include "backoffice/pki/text.h"
#include "base/der.h"

static const char critical_word[] = "critical,";

struct type {
	const char *name, *help;
	enum inro_err (*add)(const struct type *t, struct bytes value, struct buf *der);
	uint8_t tag;
	bool variables;
};

static enum inro_err take_hex(struct bytes value, struct buf *out)
{
	AUTO(free_chars) char *room = malloc(EXTVAL_MAX);
	size_t n = 0;

	if (!room)
		return err_set(INRO_E_NO_MEMORY, "no memory for a value");
	if (value.n > 2 * EXTVAL_MAX)
		return err_set(INRO_E_TOO_BIG, "a value of more than %d octets", EXTVAL_MAX);
	if (!value.n || hex_decode(value, (uint8_t *)room, EXTVAL_MAX, &n) != INRO_OK)
		return err_set(INRO_E_SYNTAX, "a value that is not hexadecimal digits in pairs");
	buf_add(out, BYTES((uint8_t *)room, n));
	return buf_err(out);
}

static enum inro_err add_der(const struct type *t, struct bytes value, struct buf *der)
{
	SCOPED(buf) octets = { 0 };
	struct bytes in;
	struct der one;
	enum inro_err e = take_hex(value, &octets);

	(void)t;
	if (e)
		return e;
	in = buf_bytes(&octets);
	if (der_next(&in, &one) || in.n)
		return err_set(INRO_E_SYNTAX, "octets that are not one DER element");
	buf_add(der, buf_bytes(&octets));
	return buf_err(der);
}

static enum inro_err add_octets(const struct type *t, struct bytes value, struct buf *der)
{
	SCOPED(buf) octets = { 0 };
	enum inro_err e = take_hex(value, &octets);

	if (e)
		return e;
	der_add(der, t->tag, buf_bytes(&octets));
	return buf_err(der);
}

static bool text_fits(uint8_t tag, struct bytes value)
{
	size_t n;

	if (tag == DER_PRINTABLE_STRING)
		return text_is_printable_string(value);
	return tag == DER_IA5_STRING ? text_is_ascii(value) : text_is_utf8(value, &n);
}

static enum inro_err add_text(const struct type *t, struct bytes value, struct buf *der)
{
	if (!text_fits(t->tag, value))
		return err_set(INRO_E_SYNTAX, "a text with characters that %s can't have", t->name);
	der_add(der, t->tag, value);
	return buf_err(der);
}

static enum inro_err add_number(const struct type *t, struct bytes value, struct buf *der)
{
	char text[24] = "";
	int64_t v;

	(void)t;
	if (value.n && value.n < sizeof text)
		memcpy(text, value.p, value.n);
	if (!number_read(text, &v) || strlen(text) != value.n)
		return err_set(INRO_E_SYNTAX, "a number from %lld to %lld is wanted, in digits alone", (long long)INT64_MIN,
			       (long long)INT64_MAX);
	der_add_int(der, v);
	return buf_err(der);
}

static enum inro_err add_bool(const struct type *t, struct bytes value, struct buf *der)
{
	const uint8_t no = 0;

	(void)t;
	if (!bytes_is(value, "yes") && !bytes_is(value, "no"))
		return err_set(INRO_E_SYNTAX, "yes or no is wanted");
	if (bytes_is(value, "yes"))
		der_add_bool(der, true);
	else
		der_add(der, DER_BOOLEAN, BYTES(&no, 1));
	return buf_err(der);
}

static enum inro_err add_null(const struct type *t, struct bytes value, struct buf *der)
{
	(void)t;
	if (value.n)
		return err_set(INRO_E_SYNTAX, "NULL has no value");
	der_add(der, DER_NULL, BYTES_NONE);
	return buf_err(der);
}

static enum inro_err add_oid(struct bytes dotted, struct buf *der)
{
	char text[128];

	if (!dotted.n || dotted.n >= sizeof text)
		return err_set(INRO_E_SYNTAX, "an OID in digits and dots is wanted");
	memcpy(text, dotted.p, dotted.n);
	text[dotted.n] = 0;
	der_add_oid(der, text);
	return buf_err(der) ? err_set(INRO_E_SYNTAX, "'%s' is no OID", text) : INRO_OK;
}

static enum inro_err add_oid_type(const struct type *t, struct bytes value, struct buf *der)
{
	(void)t;
	return add_oid(value, der);
}

static enum inro_err add_oids(const struct type *t, struct bytes value, struct buf *der)
{
	size_t list = der_begin(der, t->tag);
	struct bytes word;
	enum inro_err e = value.n ? INRO_OK : err_set(INRO_E_SYNTAX, "a list without an OID");

	while (!e && text_word(&value, &word))
		e = add_oid(word, der);
	der_end(der, list);
	return e ? e : buf_err(der);
}

static const struct type types[] = {
	{ "DER", "hexadecimal digits of one DER element", add_der, 0, false },
	{ "UTF8", "a text, with variables", add_text, DER_UTF8_STRING, true },
	{ "PRINTABLE", "a text of PrintableString's characters, with variables", add_text,
	  DER_PRINTABLE_STRING, true },
	{ "IA5", "a text of ASCII characters, with variables", add_text, DER_IA5_STRING, true },
	{ "OCTETS", "hexadecimal digits of an OCTET STRING's octets", add_octets, DER_OCTET_STRING,
	  false },
	{ "INTEGER", "a number", add_number, 0, false },
	{ "BOOLEAN", "yes or no", add_bool, 0, false },
	{ "NULL", "nothing", add_null, 0, false },
	{ "OID", "an OID in digits and dots", add_oid_type, 0, false },
	{ "OIDS", "a SEQUENCE of such OIDs", add_oids, DER_SEQUENCE, false },
};

const char *extval_type_at(size_t i, const char **ret_help)
{
	if (i >= ARRAY_LEN(types))
		return NULL;
	*ret_help = types[i].help;
	return types[i].name;
}

static struct bytes trimmed(struct bytes s)
{
	while (s.n && s.p[0] == ' ')
		s = BYTES(s.p + 1, s.n - 1);
	return s;
}

/* The value without "critical,". */
static struct bytes bare(const char *value)
{
	bool critical = extval_is_critical(value);

	return trimmed(bytes_of(critical ? value + sizeof critical_word - 1 : value));
}

bool extval_is_critical(const char *value)
{
	return !strncmp(value, critical_word, sizeof critical_word - 1);
}

static enum inro_err no_type(void)
{
	SCOPED(buf) names = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		buf_addf(&names, "%s%s:", i ? ", " : "", types[i].name);
	if (buf_err(&names))
		return buf_err(&names);
	return err_set(INRO_E_SYNTAX, "a value begins with one of %.*s", (int)names.n,
		       (const char *)names.p);
}

static const struct type *find_type(struct bytes *value)
{
	const uint8_t *colon = value->n ? memchr(value->p, ':', value->n) : NULL;
	size_t n = colon ? (size_t)(colon - value->p) : 0;

	for (size_t i = 0; colon && i < ARRAY_LEN(types); i++)
		if (bytes_is(BYTES(value->p, n), types[i].name)) {
			*value = trimmed(BYTES(colon + 1, value->n - n - 1));
			return &types[i];
		}
	return NULL;
}

static enum inro_err add_value(const char *text, const struct dn_vars *vars, struct buf *der)
{
	struct bytes value = bare(text);
	const struct type *t = find_type(&value);
	SCOPED(buf) filled = { 0 };
	enum inro_err e;

	if (!t)
		return no_type();
	if (t->variables) {
		e = dn_expand(value, vars, &filled);
		if (e)
			return e;
		value = buf_bytes(&filled);
	}
	e = t->add(t, value, der);
	if (!e && der->n > EXTVAL_MAX)
		e = err_set(INRO_E_TOO_BIG, "a value of more than %d octets", EXTVAL_MAX);
	return e;
}

enum inro_err extval_add(struct buf *b, const char *oid, const char *value,
			 const struct dn_vars *vars)
{
	SCOPED(buf) name = { 0 };
	SCOPED(buf) der = { 0 };
	struct bytes content;
	enum inro_err e = add_oid(bytes_of(oid), &name);

	if (!e)
		e = der_only(buf_bytes(&name), DER_OID, &content);
	if (!e && ext_is_known(content))
		e = err_set(INRO_E_UNSUPPORTED, "Inro writes this one itself; its settings are in "
						"keys of their own");
	if (!e)
		e = add_value(value, vars, &der);
	if (e)
		return e;
	ext_add_other(b, content, extval_is_critical(value), buf_bytes(&der));
	return buf_err(b);
}
