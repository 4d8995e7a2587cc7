#include "backoffice/pki/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/builtin.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/ext.h"
#include "backoffice/pki/extval.h"
#include "backoffice/pki/field.h"
#include "backoffice/pki/pubkey.h"
#include "backoffice/pki/san.h"
#include "backoffice/pki/text.h"
#include "base/conf.h"

#define FIELD_MAX 64

/* ---- the fields ---- */

static const char *const beyond_words[] = {
	[PROFILE_BEYOND_CUT] = "cut",
	[PROFILE_BEYOND_REFUSE] = "refuse",
	[PROFILE_BEYOND_ALLOW] = "allow",
};
static const char *const hash_words[] = {
	[PKI_HASH_NONE] = "auto",
	[PKI_SHA256] = "sha256",
	[PKI_SHA384] = "sha384",
	[PKI_SHA512] = "sha512",
	[PKI_SHA224] = "sha224",
	[PKI_SHA3_224] = "sha3-224",
	[PKI_SHA3_256] = "sha3-256",
	[PKI_SHA3_384] = "sha3-384",
	[PKI_SHA3_512] = "sha3-512",
};
static const char *const source_words[] = { "request", "profile" };
static const char *const challenge_words[] = {
	[PROFILE_CHALLENGE_UNUSED] = "unused",
	[PROFILE_CHALLENGE_CHECKED] = "checked",
	[PROFILE_CHALLENGE_REQUIRED] = "required",
};
static const char *const padding_words[] = { "pkcs1", "pss" };

#define AT(member)	   .offset = offsetof(struct profile, member)
#define DOC(s, k, v, i, h) .doc = { .section = s, .key = k, .values = v, .initial = i, .help = h }
#define WORDS(w)	   .kind = &kind_choice, .words = (w), .words_n = ARRAY_LEN(w)
#define KEY_USAGE	   .kind = &kind_bits, .find = ku_find, .text = ku_text
#define MUST_BE_GIVEN	   NULL

#define SAN_WORDS     "words of: DNS IP URI email"
#define SUBJECT_WORDS "attribute types, as in names"
#define USAGE_WORDS   "words of RFC 5280 4.2.1.3"

static const struct field fields[] = {
	{ DOC("profile", "name", "a-z, 0-9 and -", MUST_BE_GIVEN, "what commands call it"),
	  .kind = &kind_name, AT(name) },
	{ DOC("profile", "title", "text", "", "what it is for, for people"), .kind = &kind_text,
	  AT(title) },
	{ DOC("validity", "period", "NUMBERy, NUMBERd, NUMBERh or forever", MUST_BE_GIVEN,
	      "how long it is valid; a year has 365 days; forever is 99991231235959Z"),
	  .kind = &kind_period, AT(seconds) },
	{ DOC("validity", "backdate", "minutes, 0 to 1440", "5",
	      "how much earlier than now it begins, for clocks that are behind"),
	  .kind = &kind_number, AT(backdate_minutes), .max = 1440 },
	{ DOC("validity", "beyond_ca", "cut, refuse or allow", "cut",
	      "what happens when it would end after its CA"),
	  WORDS(beyond_words), AT(beyond_ca) },
	{ DOC("key", "types",
	      "words as ec-p256, rsa, ed25519: those below",
	      MUST_BE_GIVEN, "types of key that get a certificate"),
	  .kind = &kind_keys, AT(key_types) },
	{ DOC("key", "rsa_min", "bits, 2048 to 16384", "2048", "the smallest RSA key"),
	  .kind = &kind_number, AT(rsa_min), .min = 2048, .max = PUBKEY_RSA_MAX },
	{ DOC("key", "rsa_max", "bits, 2048 to 16384", "4096", "the largest RSA key"),
	  .kind = &kind_number, AT(rsa_max), .min = 2048, .max = PUBKEY_RSA_MAX },
	{ DOC("key", "hash", "auto, sha224, sha256, sha384, sha512 or sha3-224 to sha3-512", "auto",
	      "hash of the CA's signature; auto fits the CA's key"),
	  WORDS(hash_words), AT(hash) },
	{ DOC("key", "padding", "pkcs1 or pss", "pkcs1",
	      "how an RSA key of the CA signs: PKCS#1 1.5, or PSS with the hash's salt"),
	  WORDS(padding_words), AT(padding) },
	{ DOC("key", "blocklist", "a file's path", "",
	      "fingerprints of keys that get no certificate, as below"),
	  .kind = &kind_text, AT(blocklist) },
	{ DOC("key", "attested", "yes or no", "no",
	      "yes: only a key that the device's TPM vouches for gets a certificate, also by a renewal"),
	  .kind = &kind_bool, AT(attested) },
	{ DOC("subject", "allowed", SUBJECT_WORDS, "CN O OU L ST C serialNumber",
	      "what the subject may have"),
	  .kind = &kind_types, AT(subject_allowed) },
	{ DOC("subject", "required", SUBJECT_WORDS, "CN", "what the subject must have"),
	  .kind = &kind_types, AT(subject_required) },
	{ DOC("subject", "default", "a name with variables", "",
	      "the subject when the request has none"),
	  .kind = &kind_text, AT(subject_default) },
	{ DOC("subject", "source", "request or profile", "request",
	      "profile: always the default, whatever the request says"),
	  .kind = &kind_choice, .words = source_words, .words_n = 2, AT(subject_source) },
	{ DOC("subject", "bind", SUBJECT_WORDS, "",
	      "what is the device's id, and nothing else, in a certificate for a device"),
	  .kind = &kind_types, AT(subject_bind) },
	{ DOC("san", "allowed", SAN_WORDS, "", "kinds of alternative names that are taken"),
	  .kind = &kind_bits, .find = field_san_find, .text = field_san_bits_text,
	  AT(san_allowed) },
	{ DOC("san", "required", SAN_WORDS ", joined by | where one of them is enough", "",
	      "kinds that must be there"),
	  .kind = &kind_groups, AT(san_required) },
	{ DOC("san", "default", "names as DNS:..., with variables", "",
	      "names added for the kinds that the request has none of"),
	  .kind = &kind_text, AT(san_default) },
	{ DOC("san", "wildcard", "yes or no", "no", "DNS names may begin with *."),
	  .kind = &kind_bool, AT(san_wildcard) },
	{ DOC("usage", "key_usage", USAGE_WORDS, "", "key usage, for every key"), KEY_USAGE,
	  AT(key_usage) },
	{ DOC("usage", "key_usage_rsa", USAGE_WORDS, "", "added for RSA keys"), KEY_USAGE,
	  AT(key_usage_rsa) },
	{ DOC("usage", "key_usage_ec", USAGE_WORDS, "", "added for EC keys"), KEY_USAGE,
	  AT(key_usage_ec) },
	{ DOC("usage", "extended",
	      "words of: serverAuth clientAuth codeSigning emailProtection timeStamping "
	      "OCSPSigning cmcCA cmcRA cmKGA",
	      "", "extended key usage"),
	  .kind = &kind_bits, .find = eku_find, .text = eku_text, AT(extended) },
	{ DOC("usage", "extended_critical", "yes or no", "no", "extended key usage is critical"),
	  .kind = &kind_bool, AT(extended_critical) },
	{ DOC("constraints", "ca", "yes or no", "no", "the certificate is a CA's"),
	  .kind = &kind_bool, AT(ca) },
	{ DOC("constraints", "path_len", "none or 0 to 255", "none",
	      "how many CAs may follow below a CA"),
	  .kind = &kind_path, AT(path_len), .max = 255 },
	{ DOC("extensions", "crl_url", "URI with ${ca.name}", "",
	      "where the revocation list is; a CA's own setting comes first"),
	  .kind = &kind_text, AT(crl_url) },
	{ DOC("extensions", "ocsp_url", "URI with ${ca.name}", "", "where OCSP answers"),
	  .kind = &kind_text, AT(ocsp_url) },
	{ DOC("extensions", "issuer_url", "URI with ${ca.name}, ${ca.generation}", "",
	      "where the CA's certificate is; a server has it at `/ca/${ca.name}/key${ca.generation}.cer`"),
	  .kind = &kind_text, AT(issuer_url) },
	{ DOC("extensions", "ocsp_nocheck", "yes or no", "no",
	      "says that an OCSP signer's certificate is not itself checked (RFC 6960 4.2.2.2.1)"),
	  .kind = &kind_bool, AT(ocsp_nocheck) },
	{ DOC("extensions", "OID", "a value, as below", "",
	      "an extension of one's own: the key is its OID in digits and dots; up to 16"),
	  .kind = &kind_exts, AT(exts) },
	{ DOC("issuing", "approve", "yes or no", "no",
	      "a request waits until somebody has approved it"),
	  .kind = &kind_bool, AT(approve) },
	{ DOC("issuing", "channel_binding", "yes or no", "no",
	      "a request over EST names the TLS connection that it comes by in its challenge password"),
	  .kind = &kind_bool, AT(channel_binding) },
	{ DOC("issuing", "challenge", "unused, checked or required", "unused",
	      "a request's challenge password is compared with the device's pre-shared key"),
	  WORDS(challenge_words), AT(challenge) },
	{ DOC("renewal", "reuse_key", "yes or no", "yes",
	      "a key that had a certificate may get another; no: each certificate has a new key"),
	  .kind = &kind_bool, AT(reuse_key) },
	{ DOC("renewal", "overlap", "NUMBERy, NUMBERd, NUMBERh or none", "none",
	      "how long the old one stays beside the new one; none: as the group's policy says"),
	  .kind = &kind_span, AT(overlap) },
};

_Static_assert(ARRAY_LEN(fields) <= FIELD_MAX, "profile_read() counts fields in FIELD_MAX bits");

const struct profile_field *profile_field_at(size_t i)
{
	return i < ARRAY_LEN(fields) ? &fields[i].doc : NULL;
}

void profile_field_text(const struct profile *p, size_t i, struct buf *ret)
{
	if (i < ARRAY_LEN(fields))
		fields[i].kind->print(&fields[i], (const char *)p + fields[i].offset, ret);
}

/* ---- reading ---- */

static size_t field_find(const char *section, const char *key)
{
	size_t i = 0;

	while (i < ARRAY_LEN(fields) &&
	       (strcmp(fields[i].doc.section, section) != 0 || strcmp(fields[i].doc.key, key) != 0))
		i++;
	return i;
}

static enum inro_err set_field(struct profile *p, size_t i, const char *value, const char *where)
{
	const struct field *f = &fields[i];

	if (!f->kind->parse(f, bytes_of(value), (char *)p + f->offset))
		return err_set(INRO_E_CONFIG, "%s: [%s] %s = %.64s: not %s", where, f->doc.section,
			       f->doc.key, value, f->doc.values);
	return INRO_OK;
}

/* An extension of one's own; a value that begins with + goes on behind the one before. */
static enum inro_err set_ext(struct profile *p, const char *oid, const char *value,
			     const char *where)
{
	struct profile_ext *last = p->exts.n ? &p->exts.items[p->exts.n - 1] : NULL;
	char *joined = NULL;

	if (last && value[0] == '+' && !strcmp(last->oid, oid)) {
		if (asprintf(&joined, "%s%s", last->value, value + 1) < 0)
			return err_set(INRO_E_NO_MEMORY, "no memory for an extension");
		free(last->value);
		last->value = joined;
		return INRO_OK;
	}
	for (size_t i = 0; i < p->exts.n; i++)
		if (!strcmp(p->exts.items[i].oid, oid))
			return err_set(INRO_E_CONFIG, "%s: [extensions] %.64s: given twice", where,
				       oid);
	if (p->exts.n == PROFILE_EXTS)
		return err_set(INRO_E_TOO_BIG, "%s: more than %d extensions", where, PROFILE_EXTS);
	last = &p->exts.items[p->exts.n++];
	last->oid = strdup(oid);
	last->value = strdup(value);
	return last->oid && last->value ? INRO_OK
					: err_set(INRO_E_NO_MEMORY, "no memory for an extension");
}

static bool is_ext(const char *section, const char *key)
{
	return !strcmp(section, "extensions") && text_is_digit((uint8_t)key[0]);
}

static enum inro_err set_given(struct profile *p, const struct conf *c, uint64_t *ret_given)
{
	uint64_t given = 0;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < conf_count(c) && !e; i++) {
		const char *section, *key, *value;
		size_t at;

		conf_item(c, i, &section, &key, &value);
		if (is_ext(section, key)) {
			e = set_ext(p, key, value, conf_name(c));
			continue;
		}
		at = field_find(section, key);
		if (at == ARRAY_LEN(fields))
			return err_set(INRO_E_CONFIG, "%s: [%.32s] %.32s: no profile has that",
				       conf_name(c), section, key);
		if (given >> at & 1)
			return err_set(INRO_E_CONFIG, "%s: [%s] %s: given twice", conf_name(c),
				       section, key);
		given |= UINT64_C(1) << at;
		e = set_field(p, at, value, conf_name(c));
	}
	*ret_given = given;
	return e;
}

static enum inro_err set_initial(struct profile *p, uint64_t given, const char *where)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < ARRAY_LEN(fields) && !e; i++) {
		const struct profile_field *d = &fields[i].doc;

		if (given >> i & 1)
			continue;
		if (!d->initial)
			return err_set(INRO_E_CONFIG, "%s: [%s] %s is missing", where, d->section,
				       d->key);
		e = set_field(p, i, d->initial, where);
	}
	return e;
}

static enum inro_err read_from(enum profile_from from, struct bytes text, const char *where, struct profile *ret)
{
	AUTO(conf_free_ptr) struct conf *c = NULL;
	SCOPED(profile) p = { 0 };
	uint64_t given;
	enum inro_err e;

	if (text.n > PROFILE_MAX)
		return err_set(INRO_E_TOO_BIG, "%s: a profile of more than %zu octets", where,
			       PROFILE_MAX);
	e = conf_parse(text, where, &c);
	if (!e)
		e = set_given(&p, c, &given);
	if (!e)
		e = set_initial(&p, given, where);
	if (!e) {
		e = profile_check(&p, from);
		e = e ? err_context(e, "%s", where) : INRO_OK;
	}
	if (e)
		return e;
	*ret = p;
	p = (struct profile) { 0 };
	return INRO_OK;
}

enum inro_err profile_read(struct bytes text, const char *where, struct profile *ret)
{
	return read_from(PROFILE_GIVEN, text, where, ret);
}

enum inro_err profile_read_record(struct bytes text, const char *where, struct profile *ret)
{
	return read_from(PROFILE_ON_RECORD, text, where, ret);
}

void profile_clear(struct profile *p)
{
	free(p->name);
	free(p->title);
	free(p->blocklist);
	free(p->subject_default);
	free(p->san_default);
	free(p->crl_url);
	free(p->ocsp_url);
	free(p->issuer_url);
	for (size_t i = 0; i < p->exts.n; i++) {
		free(p->exts.items[i].oid);
		free(p->exts.items[i].value);
	}
	*p = (struct profile) { 0 };
}

/* The copy has what it was copied from until then. */
static bool own_text(char **text)
{
	const char *from = *text;

	*text = from ? strdup(from) : NULL;
	return *text || !from;
}

enum inro_err profile_copy(const struct profile *from, struct profile *to)
{
	SCOPED(profile) p = *from;
	bool good = true;

	/* Each one, also behind one that failed: what is left is the other's. */
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].kind == &kind_text || fields[i].kind == &kind_name)
			good &= own_text((char **)(void *)((char *)&p + fields[i].offset));
	for (size_t i = 0; i < p.exts.n; i++) {
		good &= own_text(&p.exts.items[i].oid);
		good &= own_text(&p.exts.items[i].value);
	}
	if (!good)
		return err_set(INRO_E_NO_MEMORY, "no memory for a profile");
	*to = p;
	p = (struct profile) { 0 };
	return INRO_OK;
}

/* ---- consistency ---- */

static bool subject_holds(const struct profile *p)
{
	return !(p->subject_required & ~p->subject_allowed);
}

static bool bind_holds(const struct profile *p)
{
	return !(p->subject_bind & ~p->subject_allowed);
}

static bool source_holds(const struct profile *p)
{
	return !p->subject_source || p->subject_default;
}

static bool attested_holds(const struct profile *p)
{
	return !p->attested || !p->ca;
}

static bool challenge_holds(const struct profile *p)
{
	return !p->challenge || !p->channel_binding;
}

/* What variables may stand for; an attribute is anything. */
#define SAMPLE(attr)                                                                               \
	{                                                                                          \
		.device_id = "d", .device_name = "d", .ca_name = "d", .ca_generation = "1",        \
		.device_serial = "d", .device_ip = "192.0.2.1", .device_mac = "02:00:00:00:00:01", \
		.device_hostname = "d", .device_os = "d", .device_group = "d", .any_attr = (attr)  \
	}
static const struct dn_vars samples[] = { SAMPLE("d"), SAMPLE("192.0.2.1"), SAMPLE("urn:d"),
					  SAMPLE("d@d.example") };
#define sample samples[0]

static bool subject_default_holds(const struct profile *p)
{
	SCOPED(buf) der = { 0 };

	return !p->subject_default || dn_parse(p->subject_default, &sample, &der) == INRO_OK;
}

static bool sans_hold(const struct profile *p)
{
	for (size_t i = 0; i < p->san_required.n; i++)
		if (!(p->san_required.bits[i] & p->san_allowed))
			return false;
	return true;
}

static bool san_holds(struct bytes word, const struct dn_vars *vars, struct buf *names)
{
	SCOPED(buf) text = { 0 };
	AUTO(free_chars) char *name = NULL;

	if (dn_expand(word, vars, &text))
		return false;
	name = buf_take_str(&text);
	return name && !san_add(names, name);
}

static bool san_default_holds(const struct profile *p)
{
	struct bytes rest = bytes_of(p->san_default), word;
	SCOPED(buf) names = { 0 };

	while (text_word(&rest, &word)) {
		bool holds = false;

		for (size_t i = 0; !holds && i < ARRAY_LEN(samples); i++)
			holds = san_holds(word, &samples[i], &names);
		if (!holds)
			return false;
	}
	return !(san_kinds(buf_bytes(&names)) & ~p->san_allowed);
}

static bool rsa_holds(const struct profile *p)
{
	return p->rsa_min <= p->rsa_max;
}

static bool has_key_type(const struct profile *p)
{
	return p->key_types != 0;
}

static bool ca_holds(const struct profile *p)
{
	unsigned all = p->key_usage | p->key_usage_rsa | p->key_usage_ec;

	return p->ca ? !!(p->key_usage & USAGE_KEY_CERT_SIGN) : !(all & USAGE_KEY_CERT_SIGN);
}

static bool path_holds(const struct profile *p)
{
	return p->ca || p->path_len == EXT_PATH_LEN_NONE;
}

static bool usage_holds(const struct profile *p)
{
	unsigned for_rsa = USAGE_KEY_ENCIPHERMENT | USAGE_DATA_ENCIPHERMENT;
	unsigned for_ec = USAGE_KEY_AGREEMENT | USAGE_ENCIPHER_ONLY | USAGE_DECIPHER_ONLY;

	return !((p->key_usage | p->key_usage_ec) & for_rsa) &&
	       !((p->key_usage | p->key_usage_rsa) & for_ec);
}

static bool nocheck_holds(const struct profile *p)
{
	return !p->ocsp_nocheck || p->extended & EKU_OCSP_SIGNING;
}

/* RFC 5280 4.2: what a CA's certificate alone has, and what must be critical or must not be.  A profile on record from
 * before there were all of these issues as it did: then only those that hold for it count. */
enum critical { CRITICAL_OR_NOT, ALWAYS_CRITICAL, NEVER_CRITICAL };
static const struct ext_rule {
	const char *oid;
	enum { ANYONES, CAS, CAS_IF_GIVEN } whose;
	enum critical critical; /* where it is given */
} ext_rules[] = {
	{ "2.5.29.33", CAS, CRITICAL_OR_NOT },		   /* 4.2.1.5: policy mappings */
	{ "2.5.29.30", CAS, ALWAYS_CRITICAL },		   /* 4.2.1.10: name constraints */
	{ "2.5.29.36", CAS, ALWAYS_CRITICAL },		   /* 4.2.1.11: policy constraints */
	{ "2.5.29.54", CAS_IF_GIVEN, ALWAYS_CRITICAL },	   /* 4.2.1.14: inhibit anyPolicy */
	{ "2.5.29.9", ANYONES, NEVER_CRITICAL },	   /* 4.2.1.8: subject directory attributes */
	{ "2.5.29.46", ANYONES, NEVER_CRITICAL },	   /* 4.2.1.15: freshest CRL */
	{ "1.3.6.1.5.5.7.1.11", ANYONES, NEVER_CRITICAL }, /* 4.2.2.2: subject information access */
};

static enum inro_err check_rule(const struct profile *p, const struct profile_ext *x,
				const struct ext_rule *r, enum profile_from from)
{
	bool critical = extval_is_critical(x->value);

	if (strcmp(x->oid, r->oid) != 0)
		return INRO_OK;
	if (!p->ca && (r->whose == CAS || (r->whose == CAS_IF_GIVEN && from == PROFILE_GIVEN)))
		return err_set(INRO_E_CONFIG, "only a CA's certificate has it");
	if (from == PROFILE_ON_RECORD)
		return INRO_OK;
	if (r->critical == ALWAYS_CRITICAL && !critical)
		return err_set(INRO_E_CONFIG, "it must be critical (RFC 5280 4.2); write \"critical,\" before "
					      "its value");
	if (r->critical == NEVER_CRITICAL && critical)
		return err_set(INRO_E_CONFIG, "it must not be critical (RFC 5280 4.2)");
	return INRO_OK;
}

static enum inro_err check_ext(const struct profile *p, const struct profile_ext *x, enum profile_from from)
{
	SCOPED(buf) der = { 0 };
	enum inro_err e = extval_add(&der, x->oid, x->value, &sample);

	for (size_t i = 0; !e && i < ARRAY_LEN(ext_rules); i++)
		e = check_rule(p, x, &ext_rules[i], from);
	return e ? err_set(INRO_E_CONFIG, "[extensions] %.64s: %s", x->oid, err_detail(e))
		 : INRO_OK;
}

static enum inro_err check_exts(const struct profile *p, enum profile_from from)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < p->exts.n && !e; i++)
		e = check_ext(p, &p->exts.items[i], from);
	return e;
}

static enum inro_err try_url(const char *url, const struct dn_vars *vars)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) name = { 0 };
	enum inro_err e = dn_expand(bytes_of(url), vars, &text);

	return !e && text.n ? san_add_value(&name, SAN_URI, buf_bytes(&text)) : e;
}

/* Whose variable nobody has, or which is no URI, no certificate could be issued with.  An attribute may be the
 * whole address. */
static enum inro_err check_url(const char *key, const char *url)
{
	enum inro_err e = url && *url ? INRO_E_SYNTAX : INRO_OK;

	for (size_t i = 0; e && e != INRO_E_NO_MEMORY && i < ARRAY_LEN(samples); i++)
		e = try_url(url, &samples[i]);
	if (e && e != INRO_E_NO_MEMORY)
		return err_set(INRO_E_CONFIG, "[extensions] %s: %s", key, err_detail(e));
	return e;
}

/* One on record from before this was looked at issues where it can: to what has no issuer, or below a CA that says
 * itself where its lists are. */
static enum inro_err check_urls(const struct profile *p, enum profile_from from)
{
	const struct {
		const char *key, *url;
	} urls[] = { { "crl_url", p->crl_url }, { "ocsp_url", p->ocsp_url }, { "issuer_url", p->issuer_url } };
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && from == PROFILE_GIVEN && i < ARRAY_LEN(urls); i++)
		e = check_url(urls[i].key, urls[i].url);
	return e;
}

static const struct {
	bool (*holds)(const struct profile *p);
	const char *wrong;
} checks[] = {
	{ has_key_type, "[key] types: there is none" },
	{ rsa_holds, "[key] rsa_min is above rsa_max" },
	{ subject_holds, "[subject] what is required is not allowed" },
	{ bind_holds, "[subject] what is bound is not allowed" },
	{ attested_holds, "[key] attested is for the keys of devices, not for those of CAs" },
	{ challenge_holds, "[issuing] challenge and channel_binding are the same place in a request" },
	{ source_holds, "[subject] source = profile needs a default" },
	{ subject_default_holds, "[subject] default is not a name" },
	{ sans_hold, "[san] what is required is not allowed" },
	{ san_default_holds, "[san] default is not a list of allowed names" },
	{ ca_holds, "[usage] keyCertSign and [constraints] ca go together, for every key" },
	{ path_holds, "[constraints] path_len is for a CA" },
	{ usage_holds, "[usage] keyEncipherment and dataEncipherment belong to key_usage_rsa, "
		       "keyAgreement, encipherOnly and decipherOnly to key_usage_ec" },
	{ nocheck_holds, "[extensions] ocsp_nocheck is for OCSPSigning" },
};

enum inro_err profile_check(const struct profile *p, enum profile_from from)
{
	for (size_t i = 0; i < ARRAY_LEN(checks); i++)
		if (!checks[i].holds(p))
			return err_set(INRO_E_CONFIG, "%s", checks[i].wrong);
	enum inro_err e = check_urls(p, from);
	return e ? e : check_exts(p, from);
}

bool profile_ext_at(const struct profile *p, size_t i, const char **ret_oid, const char **ret_value)
{
	if (i >= p->exts.n)
		return false;
	*ret_oid = p->exts.items[i].oid;
	*ret_value = p->exts.items[i].value;
	return true;
}

bool profile_mentions(const struct profile *p, const char *variable)
{
	const char *const texts[] = { p->subject_default, p->san_default, p->crl_url, p->ocsp_url,
				      p->issuer_url };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i] && strstr(texts[i], variable))
			return true;
	for (size_t i = 0; i < p->exts.n; i++)
		if (strstr(p->exts.items[i].value, variable))
			return true;
	return false;
}

/* By its type: of a key that is still to be made there are no numbers. */
static bool is_rsa(const struct pubkey *k)
{
	enum pki_family family = pki_key_type(k->type)->family;

	return family == PKI_RSA_KEYS || family == PKI_RSA_PSS_KEYS;
}

enum inro_err profile_check_key(const struct profile *p, const struct pubkey *k)
{
	char name[PUBKEY_NAME_MAX];

	pubkey_name(k, name, sizeof name);
	if (!(p->key_types >> k->type & 1))
		return err_set(INRO_E_POLICY, "profile %s allows no key of type %s", p->name, name);
	if (is_rsa(k) && (k->bits < p->rsa_min || k->bits > p->rsa_max))
		return err_set(INRO_E_POLICY, "profile %s wants RSA keys of %u to %u bits, not %u",
			       p->name, p->rsa_min, p->rsa_max, k->bits);
	return INRO_OK;
}

/* ---- the built-in ones ---- */

const char *profile_builtin_at(size_t i)
{
	return i < profile_builtins_n ? profile_builtins[i].name : NULL;
}

const char *profile_builtin_text(const char *name)
{
	for (size_t i = 0; i < profile_builtins_n; i++)
		if (!strcmp(profile_builtins[i].name, name))
			return profile_builtins[i].text;
	return NULL;
}

enum inro_err profile_builtin(const char *name, struct profile *ret)
{
	const char *text = profile_builtin_text(name);
	SCOPED(buf) known = { 0 };

	if (text)
		return profile_read(bytes_of(text), name, ret);
	for (size_t i = 0; i < profile_builtins_n; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", profile_builtins[i].name);
	return err_set(INRO_E_NOT_FOUND, "no profile is called '%.64s'; built in are %.*s", name,
		       (int)known.n, (const char *)known.p);
}
