#include "backoffice/pki/dn.h"

#include <string.h>

#include "backoffice/pki/text.h"
#include "base/der.h"

#define X520(last)  BYTES_LIT("\x55\x04" last)
#define PILOT(last) BYTES_LIT("\x09\x92\x26\x89\x93\xf2\x2c\x64\x01" last)
#define UB_NAME	    32768 /* RFC 5280 Appendix A */

/* Bounds: RFC 5280 Appendix A and X.520; profiles know the rows by their number. */
static const struct dn_type types[] = {
	{ "CN", "commonName", "2.5.4.3", X520("\x03"), 1, 64, DER_UTF8_STRING },
	{ "O", "organizationName", "2.5.4.10", X520("\x0a"), 1, 64, DER_UTF8_STRING },
	{ "OU", "organizationalUnitName", "2.5.4.11", X520("\x0b"), 1, 64, DER_UTF8_STRING },
	{ "L", "localityName", "2.5.4.7", X520("\x07"), 1, 128, DER_UTF8_STRING },
	{ "ST", "stateOrProvinceName", "2.5.4.8", X520("\x08"), 1, 128, DER_UTF8_STRING },
	{ "C", "countryName", "2.5.4.6", X520("\x06"), 2, 2, DER_PRINTABLE_STRING },
	{ "serialNumber", "serialNumber", "2.5.4.5", X520("\x05"), 1, 64, DER_PRINTABLE_STRING },
	{ "emailAddress", "emailAddress", "1.2.840.113549.1.9.1",
	  BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"), 1, 255, DER_IA5_STRING },
	{ "DC", "domainComponent", "0.9.2342.19200300.100.1.25", PILOT("\x19"), 1, 63,
	  DER_IA5_STRING },
	{ "UID", "userId", "0.9.2342.19200300.100.1.1", PILOT("\x01"), 1, 256, DER_UTF8_STRING },
	{ "title", "title", "2.5.4.12", X520("\x0c"), 1, 64, DER_UTF8_STRING },
	{ "GN", "givenName", "2.5.4.42", X520("\x2a"), 1, UB_NAME, DER_UTF8_STRING },
	{ "SN", "surname", "2.5.4.4", X520("\x04"), 1, UB_NAME, DER_UTF8_STRING },
	{ "street", "streetAddress", "2.5.4.9", X520("\x09"), 1, 128, DER_UTF8_STRING },
	{ "postalCode", "postalCode", "2.5.4.17", X520("\x11"), 1, 40, DER_UTF8_STRING },
};

const struct dn_type *dn_type_at(size_t i)
{
	return i < ARRAY_LEN(types) ? &types[i] : NULL;
}

const struct dn_type *dn_type_find(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (text_same(name, types[i].name) || text_same(name, types[i].long_name) ||
		    bytes_is(name, types[i].oid))
			return &types[i];
	return NULL;
}

static const struct dn_type *type_of(struct bytes oid)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (bytes_equal(types[i].oid_der, oid))
			return &types[i];
	return NULL;
}

/* May this be the value of that attribute, in a certificate of ours? */
static enum inro_err check_value(const struct dn_type *t, uint8_t tag, struct bytes v)
{
	size_t n = 0;

	if (!text_is_utf8(v, &n))
		return err_set(INRO_E_SYNTAX, "%s is not UTF-8 without control characters",
			       t->name);
	if (n < t->min || n > t->max)
		return err_set(INRO_E_TOO_BIG, "%s has %zu characters, not %zu to %zu", t->name, n,
			       t->min, t->max);
	if (tag == DER_PRINTABLE_STRING && !text_is_printable_string(v))
		return err_set(INRO_E_SYNTAX,
			       "%s may have letters, digits and '()+,-./:=? and blanks only",
			       t->name);
	if (tag == DER_IA5_STRING && !text_is_ascii(v))
		return err_set(INRO_E_SYNTAX, "%s may have ASCII characters only", t->name);
	if (t->max == 2 && (!text_is_alpha(v.p[0]) || !text_is_alpha(v.p[1])))
		return err_set(INRO_E_SYNTAX, "%s is a country code of two letters", t->name);
	return INRO_OK;
}

/* ---- variables ---- */

#define ATTR "device.attr."

static const char *attribute(const struct dn_vars *vars, struct bytes name)
{
	for (size_t i = 0; i < vars->attrs_n; i++)
		if (bytes_is(name, vars->attrs[i].name))
			return vars->attrs[i].value;
	return vars->any_attr;
}

static const char *variable(const struct dn_vars *vars, struct bytes name)
{
	const size_t prefix = sizeof ATTR - 1;
	const struct {
		const char *name, *value;
	} known[] = {
		{ "device.id", vars->device_id },
		{ "device.name", vars->device_name },
		{ "device.serial", vars->device_serial },
		{ "device.ip", vars->device_ip },
		{ "device.mac", vars->device_mac },
		{ "device.hostname", vars->device_hostname },
		{ "device.os", vars->device_os },
		{ "device.group", vars->device_group },
		{ "ca.name", vars->ca_name },
		{ "ca.generation", vars->ca_generation },
	};

	if (name.n > prefix && !memcmp(name.p, ATTR, prefix))
		return attribute(vars, BYTES(name.p + prefix, name.n - prefix));

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (bytes_is(name, known[i].name))
			return known[i].value;
	return NULL;
}

enum inro_err dn_expand(struct bytes text, const struct dn_vars *vars, struct buf *ret)
{
	for (size_t i = 0; i < text.n; i++) {
		const uint8_t *end;
		struct bytes name;
		const char *value;

		if (text.p[i] != '$' || i + 1 == text.n || text.p[i + 1] != '{') {
			buf_add_u8(ret, text.p[i]);
			continue;
		}
		end = memchr(text.p + i, '}', text.n - i);
		name = BYTES(text.p + i + 2, end ? (size_t)(end - text.p) - i - 2 : 0);
		value = end ? variable(vars, name) : NULL;
		if (!value)
			return err_set(INRO_E_NOT_FOUND, "there is no value here for ${%.*s}",
				       (int)name.n, (const char *)name.p);
		buf_add_str(ret, value);
		i += name.n + 2;
	}
	return buf_err(ret);
}

/* ---- text to DER ---- */

struct part {
	struct bytes type, value; /* as written, escapes and all */
};

struct syntax {
	uint8_t separator;
	const char *forbidden; /* unescaped in a value */
	bool reversed;
};

static const struct syntax slash_form = { '/', "+", false };
static const struct syntax rfc4514_form = { ',', "+\"<>;", true };

static struct bytes trim(struct bytes s)
{
	while (s.n && s.p[0] == ' ')
		s = BYTES(s.p + 1, s.n - 1);
	while (s.n && s.p[s.n - 1] == ' ' && (s.n < 2 || s.p[s.n - 2] != '\\'))
		s.n--;
	return s;
}

static enum inro_err check_raw(const struct syntax *syn, uint8_t c)
{
	if (c == '+')
		return err_set(INRO_E_UNSUPPORTED,
			       "a name part with several attributes ('+') is not taken; write "
			       "\\+ for the character");
	if (strchr(syn->forbidden, c) && c)
		return err_set(INRO_E_SYNTAX, "write \\%c for the character %c in a name", c, c);
	return INRO_OK;
}

/* "TYPE=value" up to the separator, taken off the front of *in. */
static enum inro_err take_part(const struct syntax *syn, struct bytes *in, struct part *ret)
{
	size_t n = 0;
	const uint8_t *eq;
	enum inro_err e = INRO_OK;

	for (; n < in->n && in->p[n] != syn->separator && !e; n++) {
		if (in->p[n] == '\\' && n + 1 < in->n)
			n++;
		else
			e = check_raw(syn, in->p[n]);
	}
	if (e)
		return e;
	eq = n ? memchr(in->p, '=', n) : NULL;
	if (!eq)
		return err_set(INRO_E_SYNTAX, "'%.*s' is not TYPE=value", (int)(n < 64 ? n : 64),
			       (const char *)in->p);
	ret->type = trim(BYTES(in->p, (size_t)(eq - in->p)));
	ret->value = trim(BYTES(eq + 1, (size_t)(in->p + n - eq - 1)));
	if (n + 1 == in->n)
		return err_set(INRO_E_SYNTAX, "nothing follows the last '%c'", syn->separator);
	*in = n < in->n ? BYTES(in->p + n + 1, in->n - n - 1) : BYTES_NONE;
	return INRO_OK;
}

/* RFC 4514 2.4: a backslash before a character or before two hex digits. */
static enum inro_err unescape(struct bytes text, struct buf *out)
{
	uint8_t octet;
	size_t n;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '\\') {
			buf_add_u8(out, text.p[i]);
			continue;
		}
		if (++i == text.n)
			return err_set(INRO_E_SYNTAX, "a name ends with a backslash");
		if (i + 1 < text.n && !hex_decode(BYTES(text.p + i, 2), &octet, 1, &n)) {
			buf_add_u8(out, octet);
			i++;
		} else {
			buf_add_u8(out, text.p[i]);
		}
	}
	return buf_err(out);
}

static enum inro_err part_value(const struct part *p, const struct dn_vars *vars, struct buf *ret)
{
	SCOPED(buf) plain = { 0 };
	enum inro_err e;

	if (p->value.n && p->value.p[0] == '#')
		return err_set(INRO_E_UNSUPPORTED,
			       "a name's value in hex (#...) is not taken; write \\# for the "
			       "character");
	e = unescape(p->value, &plain);
	if (e)
		return e;
	if (vars)
		return dn_expand(buf_bytes(&plain), vars, ret);
	buf_add(ret, buf_bytes(&plain));
	return buf_err(ret);
}

static enum inro_err add_part(struct buf *out, const struct part *p, const struct dn_vars *vars)
{
	SCOPED(buf) value = { 0 };
	const struct dn_type *t = dn_type_find(p->type);
	size_t set, seq;
	enum inro_err e;

	if (!t)
		return err_set(INRO_E_UNSUPPORTED, "'%.*s' is no attribute type of a name here",
			       (int)(p->type.n < 64 ? p->type.n : 64), (const char *)p->type.p);
	e = part_value(p, vars, &value);
	if (!e)
		e = check_value(t, t->tag, buf_bytes(&value));
	if (e)
		return e;
	set = der_begin(out, DER_SET);
	seq = der_begin(out, DER_SEQUENCE);
	der_add(out, DER_OID, t->oid_der);
	der_add(out, t->tag, buf_bytes(&value));
	der_end(out, seq);
	der_end(out, set);
	return buf_err(out);
}

static enum inro_err add_parts(struct buf *out, const struct part *parts, size_t n,
			       const struct syntax *syn, const struct dn_vars *vars)
{
	size_t mark = der_begin(out, DER_SEQUENCE);
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < n && !e; i++)
		e = add_part(out, &parts[syn->reversed ? n - 1 - i : i], vars);
	der_end(out, mark);
	return e ? e : buf_err(out);
}

enum inro_err dn_parse(const char *text, const struct dn_vars *vars, struct buf *ret_der)
{
	struct part parts[DN_PARTS];
	struct bytes in = trim(bytes_of(text));
	const struct syntax *syn = in.n && in.p[0] == '/' ? &slash_form : &rfc4514_form;
	size_t n = 0, before = ret_der->n;
	enum inro_err e = INRO_OK;

	if (in.n > DN_MAX)
		return err_set(INRO_E_TOO_BIG, "a name of more than %d octets", DN_MAX);
	if (syn == &slash_form)
		in = BYTES(in.p + 1, in.n - 1);
	while (in.n && !e) {
		if (n == DN_PARTS)
			return err_set(INRO_E_TOO_BIG, "a name of more than %d parts", DN_PARTS);
		e = take_part(syn, &in, &parts[n++]);
	}
	if (!e)
		e = add_parts(ret_der, parts, n, syn, vars);
	if (!e && ret_der->n - before > DN_MAX)
		e = err_set(INRO_E_TOO_BIG, "a name of more than %d octets", DN_MAX);
	if (e)
		buf_truncate(ret_der, before);
	return e;
}

/* ---- reading ---- */

enum inro_err dn_walk(struct bytes der, struct dn_walk *ret)
{
	struct bytes names;
	enum inro_err e = der_only(der, DER_SEQUENCE, &names);

	if (!e)
		*ret = (struct dn_walk) { .names = names };
	return e;
}

static enum inro_err next_set(struct dn_walk *w)
{
	struct bytes set;
	enum inro_err e = der_take(&w->names, DER_SET, &set);

	if (e)
		return e;
	if (set.n == 0)
		return err_set(INRO_E_SYNTAX, "an empty part in a name");
	w->set = set;
	return INRO_OK;
}

enum inro_err dn_next(struct dn_walk *w, struct dn_part *ret, bool *ret_more)
{
	struct dn_part p = { .joined = w->set.n != 0 };
	struct bytes seq;
	struct der value;
	enum inro_err e = INRO_OK;

	*ret_more = w->set.n || w->names.n;
	if (!*ret_more)
		return INRO_OK;
	if (!w->set.n)
		e = next_set(w);
	if (!e)
		e = der_take(&w->set, DER_SEQUENCE, &seq);
	if (!e)
		e = der_take(&seq, DER_OID, &p.oid);
	if (!e)
		e = der_next(&seq, &value);
	if (e)
		return e;
	if (seq.n)
		return err_set(INRO_E_SYNTAX, "something follows a value in a name");
	p.type = type_of(p.oid);
	p.tag = value.tag;
	p.value = value.value;
	*ret = p;
	return INRO_OK;
}

static enum inro_err check_part(const struct dn_part *p)
{
	char oid[128];

	if (p->joined)
		return err_set(INRO_E_UNSUPPORTED, "a name part with several attributes");
	if (!p->type)
		return err_set(INRO_E_UNSUPPORTED, "a name has an attribute of type %s",
			       der_oid_text(p->oid, oid, sizeof oid) ? "?" : oid);
	if (p->tag != p->type->tag &&
	    !(p->type->tag == DER_UTF8_STRING && p->tag == DER_PRINTABLE_STRING))
		return err_set(INRO_E_UNSUPPORTED, "%s is written as string type %02x",
			       p->type->name, p->tag);
	return check_value(p->type, p->tag, p->value);
}

enum inro_err dn_check(struct bytes der)
{
	struct dn_walk w;
	struct dn_part p;
	bool more = true;
	size_t n = 0;
	enum inro_err e = dn_walk(der, &w);

	if (!e && der.n > DN_MAX)
		return err_set(INRO_E_TOO_BIG, "a name of more than %d octets", DN_MAX);
	while (!e && more) {
		e = dn_next(&w, &p, &more);
		if (!e && more)
			e = check_part(&p);
		if (!e && more && ++n > DN_PARTS)
			e = err_set(INRO_E_TOO_BIG, "a name of more than %d parts", DN_PARTS);
	}
	return e;
}

bool dn_is_empty(struct bytes der)
{
	struct dn_walk w;

	return der.n == 0 || (!dn_walk(der, &w) && w.names.n == 0);
}

/* ---- comparing ---- */

bool dn_is_folded(const struct dn_part *p)
{
	return p->tag == DER_UTF8_STRING || p->tag == DER_PRINTABLE_STRING || p->tag == DER_IA5_STRING;
}

static bool same_text(struct bytes a, struct bytes b)
{
	int c = text_folded(&a, true), d = text_folded(&b, true);

	while (c >= 0 && c == d) {
		c = text_folded(&a, false);
		d = text_folded(&b, false);
	}
	return c == d;
}

static bool same_part(const struct dn_part *a, const struct dn_part *b)
{
	if (a->joined != b->joined || !bytes_equal(a->oid, b->oid))
		return false;
	if (dn_is_folded(a) && dn_is_folded(b))
		return same_text(a->value, b->value);
	return a->tag == b->tag && bytes_equal(a->value, b->value);
}

bool dn_same(struct bytes a, struct bytes b)
{
	struct dn_walk x, y;
	struct dn_part p, q;
	bool more = true, others = true;

	if (bytes_equal(a, b))
		return true;
	if (dn_walk(a, &x) || dn_walk(b, &y))
		return false;
	while (more && others) {
		if (dn_next(&x, &p, &more) || dn_next(&y, &q, &others))
			return false;
		if (more && others && !same_part(&p, &q))
			return false;
	}
	return more == others;
}

/* ---- DER to text ---- */

static bool is_text(const struct dn_part *p)
{
	size_t n;

	return p->type &&
	       (p->tag == DER_UTF8_STRING || p->tag == DER_PRINTABLE_STRING ||
		p->tag == DER_IA5_STRING) &&
	       text_is_utf8(p->value, &n);
}

static void add_escaped(struct buf *out, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++) {
		bool edge = (v.p[i] == ' ' && (i == 0 || i + 1 == v.n)) || (v.p[i] == '#' && !i);

		if (edge || memchr(",+\"\\<>;", v.p[i], 7))
			buf_add_u8(out, '\\');
		buf_add_u8(out, v.p[i]);
	}
}

static enum inro_err part_text(struct buf *out, const struct dn_part *p)
{
	char oid[128];
	enum inro_err e;

	if (is_text(p)) {
		buf_addf(out, "%s=", p->type->name);
		add_escaped(out, p->value);
		return buf_err(out);
	}
	e = der_oid_text(p->oid, oid, sizeof oid);
	if (e)
		return e;
	SCOPED(buf) whole = { 0 };
	der_add(&whole, p->tag, p->value);
	buf_addf(out, "%s=#", oid);
	buf_add_hex(out, buf_bytes(&whole));
	return buf_err(out);
}

enum inro_err dn_text(struct bytes der, struct buf *ret)
{
	SCOPED(buf) out = { 0 };
	size_t from[DN_PARTS + 1] = { 0 }, n = 0;
	struct dn_walk w;
	struct dn_part p;
	bool more = true;
	enum inro_err e = dn_walk(der, &w);

	while (!e && more) {
		e = dn_next(&w, &p, &more);
		if (e || !more)
			continue;
		if (!p.joined && n == DN_PARTS)
			return err_set(INRO_E_TOO_BIG, "a name of more than %d parts", DN_PARTS);
		if (p.joined)
			buf_add_u8(&out, '+');
		else
			from[n++] = out.n;
		e = part_text(&out, &p);
	}
	if (e)
		return e;
	from[n] = out.n;
	for (size_t i = n; i > 0; i--) {
		buf_add(ret, BYTES(out.p + from[i - 1], from[i] - from[i - 1]));
		if (i > 1)
			buf_add_u8(ret, ',');
	}
	return buf_err(ret);
}
