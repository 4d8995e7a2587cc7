#include "backoffice/pki/issue.h"

#include <string.h>

#include "backoffice/pki/extval.h"
#include "backoffice/pki/lint.h"
#include "backoffice/pki/san.h"
#include "backoffice/pki/text.h"
#include "base/clock.h"
#include "base/der.h"

#define OID_LIMITS "2.5.29.30" /* name constraints */

/* Everything that goes into the certificate, decided. */
struct plan {
	const struct issue *in;
	struct issued *out;
	unsigned key_usage;
	int path_len;
	struct buf crl_url, ocsp_url, issuer_url; /* C strings, empty: none */
	struct buf exts;			  /* Extensions of the profile's own */
	unsigned critical;			  /* how many of them are */
};

static void plan_clear(struct plan *p)
{
	buf_clear(&p->crl_url);
	buf_clear(&p->ocsp_url);
	buf_clear(&p->issuer_url);
	buf_clear(&p->exts);
}

void issued_clear(struct issued *i)
{
	buf_clear(&i->tbs);
	buf_clear(&i->subject);
	buf_clear(&i->sans);
	*i = (struct issued) { 0 };
}

/* ---- subject ---- */

static uint64_t row_bit(const struct dn_type *t)
{
	return UINT64_C(1) << (t - dn_type_at(0));
}

static enum inro_err missing_part(const struct profile *p, uint64_t missing)
{
	size_t row = 0;

	while (!(missing >> row & 1))
		row++;
	return err_set(INRO_E_POLICY, "profile %s wants a subject with %s", p->name,
		       dn_type_at(row)->name);
}

/* A unit below a unit, a domain below a domain; a second CN would only hide the first. */
static bool may_repeat(const struct dn_type *t)
{
	return t == dn_type_find(bytes_of("OU")) || t == dn_type_find(bytes_of("DC"));
}

static enum inro_err check_part(const struct profile *p, const struct dn_type *t, uint64_t before)
{
	if (!(p->subject_allowed & row_bit(t)))
		return err_set(INRO_E_POLICY, "profile %s allows no %s in the subject", p->name,
			       t->name);
	if (before & row_bit(t) && !may_repeat(t))
		return err_set(INRO_E_POLICY, "the subject has more than one %s", t->name);
	return INRO_OK;
}

static enum inro_err check_parts(const struct profile *p, struct bytes subject)
{
	uint64_t there = 0;
	struct dn_walk w;
	struct dn_part part;
	bool more = true;
	enum inro_err e = dn_check(subject);

	if (!e)
		e = dn_walk(subject, &w);
	while (!e && more) {
		e = dn_next(&w, &part, &more);
		if (e || !more)
			continue;
		e = check_part(p, part.type, there);
		there |= row_bit(part.type);
	}
	if (!e && p->subject_required & ~there)
		e = missing_part(p, p->subject_required & ~there);
	return e;
}

static enum inro_err not_bound(const struct issue *in, const char *type)
{
	return err_set(INRO_E_POLICY, "profile %s wants the device's id '%s' as %s of the subject",
		       in->profile->name, in->vars.device_id, type);
}

/* Nobody gets a certificate in another device's name: every bound part says the device's id, and
 * one is there. */
static enum inro_err check_bound(const struct issue *in, struct bytes subject)
{
	uint64_t bind = in->vars.device_id ? in->profile->subject_bind : 0;
	size_t found = 0;
	struct dn_walk w;
	struct dn_part part;
	bool more = bind != 0;
	enum inro_err e = dn_walk(subject, &w);

	while (!e && more) {
		e = dn_next(&w, &part, &more);
		if (e || !more || !(bind & row_bit(part.type)))
			continue;
		if (!bytes_is(part.value, in->vars.device_id))
			return not_bound(in, part.type->name);
		found++;
	}
	if (!e && bind && !found)
		e = not_bound(in, "CN or serialNumber");
	return e;
}

static enum inro_err decide_subject(struct plan *pl)
{
	const struct issue *in = pl->in;
	const struct profile *p = in->profile;
	bool asked = !p->subject_source && !dn_is_empty(in->subject);
	struct buf *out = &pl->out->subject;
	enum inro_err e;

	if (asked)
		buf_add(out, in->subject);
	e = asked ? buf_err(out)
		  : dn_parse(p->subject_default ? p->subject_default : "", &in->vars, out);
	if (e)
		return err_context(e, "subject by profile %s", p->name);
	if (in->issuer && !p->ca && dn_same(buf_bytes(out), in->issuer->subject))
		return err_set(INRO_E_POLICY, "the subject is the CA's own name");
	e = check_parts(p, buf_bytes(out));
	return e ? e : check_bound(in, buf_bytes(out));
}

/* ---- alternative names ---- */

static enum inro_err check_kinds(const struct profile *p, struct bytes names)
{
	unsigned kinds = san_kinds(names), wrong = kinds & ~p->san_allowed;
	int k = 0;

	while (wrong && !(wrong >> k & 1))
		k++;
	if (wrong)
		return err_set(INRO_E_POLICY, "profile %s allows no alternative name of kind %s",
			       p->name, san_kind_name((enum san_kind)k));
	return INRO_OK;
}

/* Asked for, or what a variable of a default stands for. */
static enum inro_err check_wildcards(const struct profile *p, struct bytes names)
{
	return san_has_wildcard(names) && !p->san_wildcard ?
		       err_set(INRO_E_POLICY, "profile %s allows no wildcard names", p->name) :
		       INRO_OK;
}

static enum inro_err check_count(struct bytes names)
{
	struct san s;
	enum inro_err e = INRO_OK;

	for (size_t n = 0; !e && names.n; n++) {
		if (n == ISSUE_SANS_MAX)
			return err_set(INRO_E_POLICY, "more than %d alternative names",
				       ISSUE_SANS_MAX);
		e = san_next(&names, &s);
	}
	return e;
}

static enum inro_err check_required(const struct profile *p, struct bytes names)
{
	unsigned kinds = san_kinds(names);

	for (size_t i = 0; i < p->san_required.n; i++) {
		SCOPED(buf) words = { 0 };

		if (kinds & p->san_required.bits[i])
			continue;
		for (int k = 0; k < SAN_OTHER; k++)
			if (p->san_required.bits[i] >> k & 1)
				buf_addf(&words, "%s%s", words.n ? " or " : "",
					 san_kind_name((enum san_kind)k));
		return err_set(INRO_E_POLICY, "profile %s wants an alternative name of kind %.*s, which the request has not",
			       p->name, (int)words.n, (const char *)words.p);
	}
	return INRO_OK;
}

/* A default whose variable has no value here is left out; check_required() has the last word. */
static enum inro_err add_default(const struct issue *in, struct bytes word, struct buf *names)
{
	SCOPED(buf) text = { 0 };
	AUTO(free_chars) char *name = NULL;
	enum inro_err e = dn_expand(word, &in->vars, &text);

	if (e)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	name = buf_take_str(&text);
	return name ? san_add(names, name) : INRO_E_NO_MEMORY;
}

/* The profile's names of every kind that is not in `without`. */
static enum inro_err add_defaults(const struct issue *in, unsigned without, struct buf *names)
{
	struct bytes rest = bytes_of(in->profile->san_default), word;
	enum inro_err e = INRO_OK;

	while (!e && text_word(&rest, &word)) {
		const uint8_t *colon = memchr(word.p, ':', word.n);
		enum san_kind kind = san_kind_find(BYTES(word.p, (size_t)(colon - word.p)));

		if (!(without >> kind & 1))
			e = add_default(in, word, names);
	}
	return e;
}

enum inro_err issue_default_names(const struct issue *in, struct buf *names)
{
	return add_defaults(in, 0, names);
}

static enum inro_err not_granted(const struct issue *in, const struct san *s, struct bytes granted)
{
	SCOPED(buf) name = { 0 };
	SCOPED(buf) may = { 0 };
	enum inro_err e = san_text(granted, &may);

	san_one_text(s, &name);
	buf_add_str(&may, may.n ? "" : "none");
	if (!e)
		e = buf_err(&name);
	if (!e)
		e = buf_err(&may);
	if (e)
		return e;
	return err_set(INRO_E_POLICY,
		       "the request wants the name %.*s, which is not one of device '%s'; its "
		       "names are: %.*s",
		       (int)name.n, (const char *)name.p, in->vars.device_id, (int)may.n,
		       (const char *)may.p);
}

/* A device gets names that are its own: of its record or named by the operator, and the profile's
 * for it. */
static enum inro_err check_granted(const struct issue *in)
{
	SCOPED(buf) granted = { 0 };
	struct bytes names = in->sans;
	struct san s;
	enum inro_err e = INRO_OK;

	if (!in->vars.device_id || !names.n)
		return INRO_OK;
	buf_add(&granted, in->granted);
	/* A default that is no name for this device (an id with ':' as DNS) grants nothing. */
	if (add_defaults(in, 0, &granted) == INRO_E_NO_MEMORY)
		return INRO_E_NO_MEMORY;
	e = buf_err(&granted);
	while (!e && names.n) {
		e = san_next(&names, &s);
		if (!e && !san_has(buf_bytes(&granted), &s))
			e = not_granted(in, &s, buf_bytes(&granted));
	}
	return e;
}

static enum inro_err decide_sans(struct plan *pl)
{
	const struct issue *in = pl->in;
	struct buf *out = &pl->out->sans;
	enum inro_err e = check_count(in->sans);

	if (!e)
		e = san_check(in->sans);

	if (!e)
		e = check_kinds(in->profile, in->sans);
	if (!e)
		e = check_granted(in);
	if (!e) {
		buf_add(out, in->sans);
		e = add_defaults(in, san_kinds(in->sans), out);
	}
	if (!e)
		e = check_wildcards(in->profile, buf_bytes(out));
	if (!e)
		e = check_required(in->profile, buf_bytes(out));
	return e ? e : buf_err(out);
}

/* ---- validity ---- */

static enum inro_err end_with_ca(const struct issue *in, int64_t *end)
{
	char text[32];

	if (!in->issuer || *end <= in->issuer->not_after ||
	    in->profile->beyond_ca == PROFILE_BEYOND_ALLOW)
		return INRO_OK;
	clock_format(in->issuer->not_after, text, sizeof text);
	if (in->profile->beyond_ca == PROFILE_BEYOND_REFUSE)
		return err_set(INRO_E_POLICY,
			       "it would be valid for longer than the CA, which "
			       "ends at %s",
			       text);
	*end = in->issuer->not_after;
	return INRO_OK;
}

static enum inro_err check_ca_time(const struct issue *in)
{
	char text[32];

	if (!in->issuer)
		return INRO_OK;
	if (in->now < in->issuer->not_before) {
		clock_format(in->issuer->not_before, text, sizeof text);
		return err_set(INRO_E_POLICY, "the CA's certificate is not valid before %s", text);
	}
	if (in->now > in->issuer->not_after) {
		clock_format(in->issuer->not_after, text, sizeof text);
		return err_set(INRO_E_POLICY, "the CA's certificate expired at %s", text);
	}
	return INRO_OK;
}

/* Who asks for longer than the profile has is told so: it would end when nobody expects it. */
static enum inro_err end_as_asked(const struct issue *in, int64_t *ret)
{
	char text[32];

	*ret = in->profile->seconds ? in->now + in->profile->seconds : CERT_FOREVER;
	if (!in->not_after)
		return INRO_OK;
	if (in->not_after > *ret) {
		clock_format(*ret, text, sizeof text);
		return err_set(INRO_E_POLICY,
			       "by profile '%s' it ends at %s at the latest; ask for fewer days",
			       in->profile->name, text);
	}
	*ret = in->not_after;
	return INRO_OK;
}

static enum inro_err decide_validity(struct plan *pl)
{
	const struct issue *in = pl->in;
	int64_t begin = in->now - (int64_t)in->profile->backdate_minutes * 60;
	int64_t end = 0;
	enum inro_err e = check_ca_time(in);

	if (in->issuer && begin < in->issuer->not_before)
		begin = in->issuer->not_before;
	if (!e)
		e = end_as_asked(in, &end);
	if (!e)
		e = end_with_ca(in, &end);
	if (!e && end <= in->now)
		e = err_set(INRO_E_POLICY, "it would have expired already");
	if (e)
		return e;
	pl->out->not_before = begin;
	pl->out->not_after = end < CERT_FOREVER ? end : CERT_FOREVER;
	return INRO_OK;
}

/* ---- the rest ---- */

static int smaller_path(int a, int b)
{
	if (a == EXT_PATH_LEN_NONE || b == EXT_PATH_LEN_NONE)
		return a == EXT_PATH_LEN_NONE ? b : a;
	return a < b ? a : b;
}

static struct bounds bounds_of(const struct issue *in)
{
	struct bounds b = in->bounds ? *in->bounds : bounds_none();

	if (!in->bounds && in->issuer)
		bounds_add(&b, in->issuer);
	return b;
}

static enum inro_err check_purposes(const struct profile *p, const struct bounds *b)
{
	const struct bounds all = bounds_none();
	unsigned over = p->extended & all.purposes & ~b->purposes;
	SCOPED(buf) words = { 0 };

	if (!over)
		return INRO_OK;
	eku_text(over, &words);
	if (buf_err(&words))
		return buf_err(&words);
	return err_set(INRO_E_POLICY,
		       "profile %s is for %.*s, which the extended key usage of the CA, or of one above it, does not allow",
		       p->name, (int)words.n, (const char *)words.p);
}

static enum inro_err decide_usage(struct plan *pl)
{
	const struct issue *in = pl->in;
	const struct profile *p = in->profile;
	const struct bounds b = bounds_of(in);

	if (!in->issuer && !p->ca)
		return err_set(INRO_E_POLICY,
			       "profile %s is not for a CA; only CAs are self-signed", p->name);
	if (p->ca && b.cas == 0)
		return err_set(INRO_E_POLICY, "the path length of the CA, or of one above it, leaves no room for a CA below");
	pl->key_usage = p->key_usage;
	if (pki_key_type(in->key->type)->family == PKI_RSA_KEYS)
		pl->key_usage |= p->key_usage_rsa;
	else if (pki_key_type(in->key->type)->family == PKI_EC)
		pl->key_usage |= p->key_usage_ec;
	pl->path_len = smaller_path(p->path_len, in->path_len);
	if (b.cas > 0)
		pl->path_len = smaller_path(pl->path_len, b.cas - 1);
	return check_purposes(p, &b);
}

static enum inro_err decide_sig(struct plan *pl)
{
	const struct issue *in = pl->in;
	const struct pubkey *signer = in->issuer ? &in->issuer->key : in->key;

	return in->profile->padding ? pubkey_sig_pss(signer, in->profile->hash, &pl->out->sig)
				    : pubkey_sig(signer, in->profile->hash, &pl->out->sig);
}

static enum inro_err decide_url(const struct issue *in, const char *given, const char *by_profile,
				struct buf *ret)
{
	SCOPED(buf) scratch = { 0 };
	const char *url = given ? given : by_profile;
	enum inro_err e;

	if (!url || !*url || !in->issuer)
		return INRO_OK;
	e = dn_expand(bytes_of(url), &in->vars, ret);
	if (!e)
		e = san_add_value(&scratch, SAN_URI, buf_bytes(ret));
	if (e)
		return err_context(e, "address by profile %s", in->profile->name);
	buf_add_u8(ret, 0);
	return buf_err(ret);
}

static enum inro_err decide_urls(struct plan *pl)
{
	const struct issue *in = pl->in;
	const struct profile *p = in->profile;
	enum inro_err e = decide_url(in, in->crl_url, p->crl_url, &pl->crl_url);

	if (!e)
		e = decide_url(in, in->ocsp_url, p->ocsp_url, &pl->ocsp_url);
	return e ? e : decide_url(in, in->issuer_url, p->issuer_url, &pl->issuer_url);
}

/* ---- name constraints ---- */

/* Where profile and request have some, they must be the same. */
static enum inro_err check_same_limits(const struct issue *in, const struct profile_ext *x)
{
	SCOPED(buf) one = { 0 };
	struct ext_one ext;
	struct bytes rest;
	enum inro_err e = INRO_OK;

	if (strcmp(x->oid, OID_LIMITS) != 0)
		return INRO_OK;
	e = extval_add(&one, x->oid, x->value, &in->vars);
	rest = buf_bytes(&one);
	if (!e)
		e = ext_next(&rest, &ext);
	if (!e && !bytes_equal(ext.value, in->constraints))
		e = err_set(INRO_E_POLICY, "profile %s has name constraints of its own",
			    in->profile->name);
	return e;
}

/* Its own, as those who read them below this CA will. */
static enum inro_err check_own_limits(const struct plan *pl)
{
	const struct issue *in = pl->in;
	SCOPED(limits) own = { 0 };
	enum inro_err e = limits_read(&own, in->constraints, buf_bytes(&pl->out->subject));

	for (size_t i = 0; i < in->profile->exts.n && !e; i++)
		e = check_same_limits(in, &in->profile->exts.items[i]);
	return e;
}

static enum inro_err decide_limits(struct plan *pl)
{
	const struct issue *in = pl->in;
	enum inro_err e = INRO_OK;

	if (in->constraints.n && !in->profile->ca)
		return err_set(INRO_E_POLICY, "name constraints are for CAs");
	if (in->constraints.n)
		e = check_own_limits(pl);
	if (!e && in->limits)
		e = limits_check(in->limits, buf_bytes(&pl->out->subject),
				 buf_bytes(&pl->out->sans));
	return e;
}

/* Those of the profile's own, made here so that a value that does not fit costs no key. */
static enum inro_err decide_exts(struct plan *pl)
{
	const struct profile *p = pl->in->profile;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < p->exts.n && !e; i++) {
		const struct profile_ext *x = &p->exts.items[i];
		bool limits = strcmp(x->oid, OID_LIMITS) == 0;

		if (limits && pl->in->constraints.n)
			continue; /* check_same_limits() */
		pl->critical += !limits && extval_is_critical(x->value);
		e = extval_add(&pl->exts, x->oid, x->value, &pl->in->vars);
		if (e)
			return err_set(INRO_E_POLICY, "extension %s by profile %s: %s", x->oid,
				       p->name, err_detail(e));
	}
	return e;
}

static enum inro_err decide_key(struct plan *pl)
{
	return profile_check_key(pl->in->profile, pl->in->key);
}

static enum inro_err (*const decisions[])(struct plan *) = {
	decide_key,	decide_usage, decide_sig,  decide_validity,
	decide_subject, decide_sans,  decide_limits, decide_urls, decide_exts,
};

/* ---- DER ---- */

static enum inro_err issuer_key_id(const struct issue *in, uint8_t room[static PUBKEY_ID_OCTETS],
				   struct bytes *ret)
{
	enum inro_err e = INRO_OK;

	if (in->issuer && in->issuer->ext.ski.n) {
		*ret = in->issuer->ext.ski;
		return INRO_OK;
	}
	e = pubkey_id(in->issuer ? &in->issuer->key : in->key, room);
	if (!e)
		*ret = BYTES(room, PUBKEY_ID_OCTETS);
	return e;
}

static const char *url_text(const struct buf *b)
{
	return b->n ? (const char *)b->p : NULL;
}

static enum inro_err add_extensions(struct buf *b, const struct plan *pl)
{
	const struct profile *p = pl->in->profile;
	uint8_t id[PUBKEY_ID_OCTETS], issuer_id[PUBKEY_ID_OCTETS];
	struct bytes aki;
	enum inro_err e = pubkey_id(pl->in->key, id);

	if (!e)
		e = issuer_key_id(pl->in, issuer_id, &aki);
	if (e)
		return e;
	ext_add_constraints(b, p->ca, pl->path_len);
	if (pl->key_usage)
		ext_add_key_usage(b, pl->key_usage);
	if (p->extended)
		ext_add_eku(b, p->extended, p->extended_critical);
	if (pl->out->sans.n)
		ext_add_sans(b, buf_bytes(&pl->out->sans),
			     dn_is_empty(buf_bytes(&pl->out->subject)));
	if (pl->in->constraints.n)
		ext_add_limits(b, pl->in->constraints);
	ext_add_ski(b, BYTES(id, sizeof id));
	ext_add_aki(b, aki);
	if (pl->crl_url.n)
		ext_add_crl_url(b, url_text(&pl->crl_url));
	if (pl->ocsp_url.n || pl->issuer_url.n)
		ext_add_access(b, url_text(&pl->ocsp_url), url_text(&pl->issuer_url));
	if (p->ocsp_nocheck)
		ext_add_ocsp_nocheck(b);
	buf_add(b, buf_bytes(&pl->exts));
	return buf_err(b);
}

static enum inro_err add_tbs(struct buf *b, const struct plan *pl)
{
	const struct issue *in = pl->in;
	size_t tbs = der_begin(b, DER_SEQUENCE), mark = der_begin(b, DER_CONTEXT_CONSTRUCTED);
	size_t list;
	enum inro_err e;

	der_add_int(b, 2); /* v3 */
	der_end(b, mark);
	der_add_unsigned(b, in->serial);
	buf_add(b, pl->out->sig->identifier);
	buf_add(b, in->issuer ? in->issuer->subject : buf_bytes(&pl->out->subject));
	mark = der_begin(b, DER_SEQUENCE);
	der_add_time(b, pl->out->not_before);
	der_add_time(b, pl->out->not_after);
	der_end(b, mark);
	buf_add(b, buf_bytes(&pl->out->subject));
	buf_add(b, in->key->spki);
	mark = der_begin(b, DER_CONTEXT_CONSTRUCTED | 3);
	list = der_begin(b, DER_SEQUENCE);
	e = add_extensions(b, pl);
	der_end(b, list);
	der_end(b, mark);
	der_end(b, tbs);
	return e ? e : buf_err(b);
}

/* What will be signed is read back from its bytes, not from our intentions. */
static enum inro_err check_tbs(const struct plan *pl, struct issued *out)
{
	enum inro_err e = cert_read_tbs(buf_bytes(&out->tbs), &out->read);
	struct cert c = out->read;

	if (e)
		return err_context(e, "no certificate");
	/* Whoever wrote the profile knows the ones that it has. */
	c.ext.unknown_critical -= pl->critical;
	return lint(&c, pl->in->issuer);
}

static enum inro_err decide(struct plan *pl)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < ARRAY_LEN(decisions) && !e; i++)
		e = decisions[i](pl);
	return e;
}

enum inro_err issue_check(const struct issue *in)
{
	SCOPED(issued) out = { 0 };
	SCOPED(plan) pl = { .in = in, .out = &out };

	return decide(&pl);
}

enum inro_err issue_tbs(const struct issue *in, struct issued *ret)
{
	SCOPED(issued) out = { 0 };
	SCOPED(plan) pl = { .in = in, .out = &out };
	enum inro_err e = decide(&pl);

	if (!e)
		e = add_tbs(&out.tbs, &pl);
	if (!e)
		e = check_tbs(&pl, &out);
	if (e)
		return e;
	*ret = out;
	out = (struct issued) { 0 };
	return INRO_OK;
}
