#include "backoffice/pki/limits.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backoffice/pki/dn.h"
#include "backoffice/pki/san.h"
#include "backoffice/pki/text.h"
#include "base/der.h"

/* A name and a constraint: UNCLEAR is neither permitted nor let past an exclusion. */
enum fit { FIT_OUT, FIT_IN, FIT_UNCLEAR };

static struct bytes skip(struct bytes s, size_t n)
{
	return n < s.n ? BYTES(s.p + n, s.n - n) : BYTES_NONE;
}

static bool same(struct bytes a, struct bytes b)
{
	return a.n == b.n &&
	       (!a.n || strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0);
}

static bool ends_with(struct bytes s, struct bytes end)
{
	return s.n >= end.n && same(skip(s, s.n - end.n), end);
}

/* Only below: ".example.com". */
static bool is_below(struct bytes host, struct bytes base)
{
	return host.n > base.n && ends_with(host, base);
}

static bool starts_with_dot(struct bytes s)
{
	return s.n && s.p[0] == '.';
}

/* ---- does a name fit ---- */

/* "*.example.com" is also "a.example.com". */
static bool star_covers(struct bytes star, struct bytes base)
{
	const uint8_t *dot = memchr(base.p, '.', base.n);

	return star.n > 2 && star.p[0] == '*' && dot && dot > base.p &&
	       same(skip(star, 1), skip(base, (size_t)(dot - base.p)));
}

static enum fit fit_dns(const struct limit *l, struct bytes name)
{
	struct bytes base = buf_bytes(&l->value);

	if (!base.n || same(name, base))
		return FIT_IN;
	if (is_below(name, base) && (base.p[0] == '.' || name.p[name.n - base.n - 1] == '.'))
		return FIT_IN;
	return l->excluded && star_covers(name, base) ? FIT_IN : FIT_OUT;
}

/* Of mailboxes and URIs: a host alone, or all below. */
static enum fit fit_host(const struct limit *l, struct bytes base, struct bytes host)
{
	if (!base.n)
		return l->excluded ? FIT_IN : FIT_OUT;
	if (starts_with_dot(base))
		return is_below(host, base) ? FIT_IN : FIT_OUT;
	return same(host, base) ? FIT_IN : FIT_OUT;
}

static enum fit fit_email(const struct limit *l, struct bytes name)
{
	struct bytes base = buf_bytes(&l->value);
	const uint8_t *at = name.n ? memrchr(name.p, '@', name.n) : NULL;
	const uint8_t *base_at = base.n ? memrchr(base.p, '@', base.n) : NULL;
	size_t local = at ? (size_t)(at - name.p) : 0;
	size_t base_local = base_at ? (size_t)(base_at - base.p) : 0;

	if (!at)
		return FIT_UNCLEAR;
	if (base_local && !bytes_equal(BYTES(name.p, local), BYTES(base.p, base_local)))
		return FIT_OUT;
	return fit_host(l, base_at ? skip(base, base_local + 1) : base, skip(name, local + 1));
}

static size_t until(struct bytes s, const char *ends)
{
	size_t n = 0;

	while (n < s.n && !(s.p[n] && strchr(ends, s.p[n])))
		n++;
	return n;
}

/* Where a verifier may see another host than RFC 3986 does, there is none to compare. */
static struct bytes uri_host(struct bytes uri)
{
	size_t scheme = until(uri, ":"), n, seen;
	struct bytes rest = skip(uri, scheme + 1);

	if (rest.n < 3 || memcmp(rest.p, "//", 2) != 0)
		return BYTES_NONE;
	rest = skip(rest, 2);
	n = until(rest, ":/?#");
	seen = memchr(rest.p, ':', rest.n) ? until(rest, ":") : until(rest, "/");
	if (n != seen || until(rest, "@[") != rest.n)
		return BYTES_NONE;
	return BYTES(rest.p, n);
}

static enum fit fit_uri(const struct limit *l, struct bytes name)
{
	struct bytes host = uri_host(name);

	return host.n ? fit_host(l, buf_bytes(&l->value), host) : FIT_UNCLEAR;
}

static enum fit fit_ip(const struct limit *l, struct bytes name)
{
	const uint8_t *base = l->value.p;

	if (l->value.n != 8 && l->value.n != 2 * LIMIT_IP_MAX)
		return FIT_UNCLEAR;
	if (l->value.n != 2 * name.n)
		return FIT_OUT;
	for (size_t i = 0; i < name.n; i++)
		if ((name.p[i] ^ base[i]) & base[name.n + i])
			return FIT_OUT;
	return FIT_IN;
}

static enum fit fit_dir(const struct limit *l, struct bytes canon)
{
	struct bytes base = buf_bytes(&l->canon);

	return canon.n >= base.n && bytes_equal(BYTES(canon.p, base.n), base) ? FIT_IN : FIT_OUT;
}

/* ---- directory names as they are compared: letters of one case, one blank for many ---- */

static void add_canon_text(struct buf *out, struct bytes v)
{
	for (int c = text_folded(&v, true); c >= 0; c = text_folded(&v, false))
		buf_add_u8(out, (uint8_t)c);
}

/* Each RDN begins with its kind, so that one of several attributes is no other's beginning. */
static enum inro_err add_canon_part(struct buf *out, const struct dn_part *p)
{
	SCOPED(buf) text = { 0 };
	size_t mark;

	add_canon_text(&text, p->value);
	if (text.err)
		return text.err;
	mark = der_begin(out, p->joined ? DER_SEQUENCE : DER_SET);
	der_add(out, DER_OID, p->oid);
	der_add(out, DER_UTF8_STRING, buf_bytes(&text));
	der_end(out, mark);
	return buf_err(out);
}

/* *ret_unclear: it has letters of another kind. */
static enum inro_err add_canon(struct bytes name, struct buf *out, bool *ret_unclear)
{
	struct dn_walk w;
	struct dn_part p;
	bool more = true;
	enum inro_err e = dn_walk(name, &w);

	while (!e && more) {
		e = dn_next(&w, &p, &more);
		if (e || !more)
			continue;
		*ret_unclear |= !dn_is_folded(&p) || p.joined;
		e = add_canon_part(out, &p);
	}
	return e ? e : buf_err(out);
}

static const struct kind {
	const char *name;
	uint8_t tag;
	enum fit (*fit)(const struct limit *l, struct bytes name);
} kinds[] = {
	{ "DNS", LIMIT_DNS, fit_dns }, { "IP", LIMIT_IP, fit_ip },	  { "email", LIMIT_EMAIL, fit_email },
	{ "URI", LIMIT_URI, fit_uri }, { "dirName", LIMIT_DIR, fit_dir },
};

static const struct kind *kind_of(uint8_t tag)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].tag == tag)
			return &kinds[i];
	return NULL;
}

/* ---- reading ---- */

static void limit_clear(struct limit *l)
{
	buf_clear(&l->value);
	buf_clear(&l->canon);
	*l = (struct limit) { 0 };
}

static void limits_of_clear(struct limits_of *o)
{
	for (size_t i = 0; i < o->n; i++)
		limit_clear(&o->items[i]);
	free(o->items);
	buf_clear(&o->who);
	*o = (struct limits_of) { 0 };
}

void limits_clear(struct limits *l)
{
	for (size_t i = 0; i < l->n; i++)
		limits_of_clear(&l->of[i]);
	l->n = 0;
}

static enum inro_err read_one(struct bytes *in, struct limit *ret)
{
	struct bytes seq;
	struct der base;
	enum inro_err e = der_take(in, DER_SEQUENCE, &seq);

	if (!e)
		e = der_next(&seq, &base);
	if (e)
		return e;
	ret->tag = base.tag;
	ret->unclear = seq.n != 0;
	buf_add(&ret->value, base.value);
	e = buf_err(&ret->value);
	return !e && base.tag == LIMIT_DIR ? add_canon(base.value, &ret->canon, &ret->unclear) : e;
}

static enum inro_err read_trees(struct bytes *in, uint8_t tag, struct limits_of *o)
{
	struct bytes trees;
	enum inro_err e;

	if (der_peek(*in) != tag)
		return INRO_OK;
	e = der_take(in, tag, &trees);
	while (!e && trees.n) {
		if (o->n == LIMITS_MAX)
			return err_set(INRO_E_TOO_BIG, "more than %d name constraints", LIMITS_MAX);
		o->items[o->n].excluded = tag == LIMITS_EXCLUDED;
		e = read_one(&trees, &o->items[o->n++]);
	}
	return e;
}

static enum inro_err read_all(struct bytes value, struct limits_of *o)
{
	struct bytes in;
	enum inro_err e = der_only(value, DER_SEQUENCE, &in);

	o->items = calloc(LIMITS_MAX, sizeof *o->items);
	if (!o->items)
		return err_set(INRO_E_NO_MEMORY, "no memory for name constraints");
	if (!e)
		e = read_trees(&in, LIMITS_PERMITTED, o);
	if (!e)
		e = read_trees(&in, LIMITS_EXCLUDED, o);
	if (!e && in.n)
		e = err_set(INRO_E_SYNTAX, "something follows the subtrees");
	return e ? err_context(e, "name constraints") : INRO_OK;
}

enum inro_err limits_read(struct limits *l, struct bytes value, struct bytes subject)
{
	struct limits_of *o = &l->of[l->n];
	enum inro_err e;

	if (l->n == LIMITS_CHAIN)
		return err_set(INRO_E_TOO_BIG, "more than %d CAs above", LIMITS_CHAIN);
	l->n++;
	e = dn_text(subject, &o->who);
	return e ? e : read_all(value, o);
}

/* ---- text ---- */

/* The bits of a mask that is ones and then zeros; -1: another. */
static int mask_bits(const uint8_t *mask, size_t n)
{
	size_t ones = 0;

	while (ones < 8 * n && mask[ones / 8] >> (7 - ones % 8) & 1)
		ones++;
	for (size_t i = ones; i < 8 * n; i++)
		if (mask[i / 8] >> (7 - i % 8) & 1)
			return -1;
	return (int)ones;
}

static void add_ip_text(const struct buf *v, struct buf *ret)
{
	char text[INET6_ADDRSTRLEN] = "", mask[INET6_ADDRSTRLEN] = "";
	size_t n = v->n / 2;
	int family = n == 4 ? AF_INET : AF_INET6, bits;

	if (v->n != 8 && v->n != 2 * LIMIT_IP_MAX) {
		buf_add_hex(ret, buf_bytes(v));
		return;
	}
	bits = mask_bits(v->p + n, n);
	inet_ntop(family, v->p, text, sizeof text);
	inet_ntop(family, v->p + n, mask, sizeof mask);
	if (bits < 0)
		buf_addf(ret, "%s/%s", text, mask);
	else
		buf_addf(ret, "%s/%d", text, bits);
}

static enum inro_err add_limit_text(const struct limit *l, struct buf *ret)
{
	const struct kind *k = kind_of(l->tag);
	enum inro_err e = INRO_OK;

	buf_addf(ret, "%s:", k ? k->name : "other");
	if (l->tag == LIMIT_IP)
		add_ip_text(&l->value, ret);
	else if (l->tag == LIMIT_DIR)
		e = dn_text(buf_bytes(&l->value), ret);
	else if (k && text_is_ascii(buf_bytes(&l->value)))
		buf_add(ret, buf_bytes(&l->value));
	else
		buf_add_hex(ret, buf_bytes(&l->value));
	return e ? e : buf_err(ret);
}

/* Of one kind, or with tag 0 of all. */
static enum inro_err add_list(const struct limits_of *o, bool excluded, uint8_t tag, struct buf *ret)
{
	enum inro_err e = INRO_OK;
	const char *between = "";

	for (size_t i = 0; !e && i < o->n; i++) {
		const struct limit *l = &o->items[i];

		if (l->excluded != excluded || (tag && l->tag != tag))
			continue;
		buf_add_str(ret, between);
		between = ", ";
		e = add_limit_text(l, ret);
	}
	return e;
}

static enum inro_err add_text(const struct limits_of *o, struct buf *ret)
{
	static const char *const words[] = { "permit ", "exclude " };
	enum inro_err e = INRO_OK;

	for (int k = 0; !e && k < 2; k++) {
		SCOPED(buf) list = { 0 };

		e = add_list(o, k == 1, 0, &list);
		if (e || !list.n)
			continue;
		buf_add_str(ret, k && o->n && !o->items[0].excluded ? "; " : "");
		buf_add_str(ret, words[k]);
		buf_add(ret, buf_bytes(&list));
	}
	return e ? e : buf_err(ret);
}

enum inro_err limits_text(struct bytes value, struct buf *ret)
{
	struct limits_of o = { 0 };
	enum inro_err e = read_all(value, &o);

	if (!e)
		e = add_text(&o, ret);
	limits_of_clear(&o);
	return e;
}

/* ---- checking ---- */

/* A name as it is compared, and as it is told. */
struct name {
	uint8_t tag;
	bool unclear; /* a directory name with letters of another kind */
	struct bytes value;
	const struct buf *text;
};

static enum inro_err refuse(const struct limits_of *o, const struct limit *l, const struct name *n)
{
	SCOPED(buf) limit = { 0 };
	enum inro_err e = l->excluded || l->unclear ? add_limit_text(l, &limit)
						    : add_list(o, false, n->tag, &limit);

	if (e)
		return e;
	return err_set(INRO_E_POLICY,
		       "the name %.*s is against the name constraints of CA '%.*s', which %s %.*s",
		       (int)n->text->n, (const char *)n->text->p, (int)o->who.n,
		       (const char *)o->who.p,
		       l->excluded ? "exclude" : l->unclear ? "are not clear:" : "permit only",
		       (int)limit.n, (const char *)limit.p);
}

static enum inro_err check_in(const struct limits_of *o, const struct name *n)
{
	const struct kind *k = kind_of(n->tag);
	const struct limit *wanted = NULL;
	bool met = false;

	for (size_t i = 0; i < o->n; i++) {
		const struct limit *l = &o->items[i];
		enum fit fit;

		if (l->tag != n->tag)
			continue;
		/* Of a kind that is not compared here (otherName, registeredID) nothing is told. */
		fit = l->unclear || n->unclear || !k ? FIT_UNCLEAR : k->fit(l, n->value);
		if (fit == FIT_UNCLEAR || (l->excluded && fit == FIT_IN))
			return refuse(o, l, n);
		if (l->excluded)
			continue;
		wanted = wanted ? wanted : l;
		met |= fit == FIT_IN;
	}
	return wanted && !met ? refuse(o, wanted, n) : INRO_OK;
}

static enum inro_err check_name(const struct limits *l, const struct name *n)
{
	enum inro_err e = n->text->err;

	for (size_t i = 0; !e && i < l->n; i++)
		e = check_in(&l->of[i], n);
	return e;
}

/* Of two labels or more, each of letters, digits, '_' and '-' inside: what OpenSSL takes for a
 * host. */
static bool looks_like_host(struct bytes s)
{
	bool dots = false;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];
		bool inside = i > 0 && i + 1 < s.n;

		if (text_is_alpha(c) || text_is_digit(c) || c == '_' || (inside && c == '-'))
			continue;
		if (c != '.' || !inside || strchr(".-", s.p[i + 1]) || s.p[i - 1] == '-')
			return false;
		dots = true;
	}
	return dots;
}

static enum inro_err check_part(const struct limits *l, const struct dn_part *p, bool has_dns)
{
	bool email = p->type == dn_type_find(bytes_of("emailAddress"));
	bool host = p->type == dn_type_find(bytes_of("CN")) && !has_dns && looks_like_host(p->value);
	SCOPED(buf) text = { 0 };
	const struct name n = { .tag = email ? LIMIT_EMAIL : LIMIT_DNS, .value = p->value, .text = &text };

	if (!p->type || (!email && !host))
		return INRO_OK;
	buf_addf(&text, "%.*s (%s of the subject)", (int)p->value.n, (const char *)p->value.p,
		 p->type->name);
	return check_name(l, &n);
}

static enum inro_err check_parts(const struct limits *l, struct bytes subject, bool has_dns)
{
	struct dn_walk w;
	struct dn_part p;
	bool more = true;
	enum inro_err e = dn_walk(subject, &w);

	while (!e && more) {
		e = dn_next(&w, &p, &more);
		if (!e && more)
			e = check_part(l, &p, has_dns);
	}
	return e;
}

static enum inro_err check_subject(const struct limits *l, struct bytes subject)
{
	SCOPED(buf) canon = { 0 };
	SCOPED(buf) text = { 0 };
	bool unclear = false;
	struct name n = { .tag = LIMIT_DIR, .text = &text };
	enum inro_err e = add_canon(subject, &canon, &unclear);

	if (!e && unclear)
		e = err_set(INRO_E_POLICY, "the subject can't be held against name constraints");
	buf_add_str(&text, "dirName:");
	if (!e)
		e = dn_text(subject, &text);
	n.value = buf_bytes(&canon);
	return e ? e : check_name(l, &n);
}

static enum inro_err check_san(const struct limits *l, const struct san *s)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) canon = { 0 };
	struct name n = { .tag = s->whole.p[0], .value = s->value, .text = &text };
	enum inro_err e = INRO_OK;

	if (n.tag == LIMIT_DIR) {
		e = add_canon(s->value, &canon, &n.unclear);
		n.value = buf_bytes(&canon);
	}
	san_one_text(s, &text);
	return e ? e : check_name(l, &n);
}

enum inro_err limits_check(const struct limits *l, struct bytes subject, struct bytes sans)
{
	bool has_dns = san_kinds(sans) >> SAN_DNS & 1;
	enum inro_err e = INRO_OK;
	struct san s;

	if (!l->n)
		return INRO_OK;
	if (!dn_is_empty(subject)) {
		e = check_subject(l, subject);
		e = e ? e : check_parts(l, subject, has_dns);
	}
	while (!e && sans.n) {
		e = san_next(&sans, &s);
		if (!e)
			e = check_san(l, &s);
	}
	return e;
}
