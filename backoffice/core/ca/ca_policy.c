/* ca_policy - a CA's policy: read from its record, checked, changed; see ca_policy.h. */
#include "backoffice/core/ca_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca/delegate.h"
#include "backoffice/core/connector.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/json.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/status.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/ext.h"
#include "backoffice/pki/san.h"
#include "base/clock.h"

#define SHARD_MARK   "${shard}"
#define SETTINGS_MAX 8192
#define OCSP_MINUTES_MAX (366 * 24 * 60)

/* The members of the object: a number within bounds, or a text. */
static const struct member {
	const char *name;
	size_t offset;
	unsigned initial, least, most; /* most 0: a text */
} members[] = {
	{ "crl_days", offsetof(struct ca_policy, crl_days), 7, 1, 3650 },
	{ "crl_overlap_hours", offsetof(struct ca_policy, overlap_hours), 0, 0, 8760 },
	{ "delta_hours", offsetof(struct ca_policy, delta_hours), 24, 1, 8760 },
	{ "crl_shards", offsetof(struct ca_policy, shards), 0, 0, CRL_SHARDS_MAX },
	{ "crl_url", offsetof(struct ca_policy, crl_url), 0, 0, 0 },
	{ "delta_url", offsetof(struct ca_policy, delta_url), 0, 0, 0 },
	{ "ocsp_minutes", offsetof(struct ca_policy, ocsp_minutes), 60, 1, OCSP_MINUTES_MAX },
	{ "ocsp_signs", offsetof(struct ca_policy, ocsp_signs), 0, 0, 0 },
	{ "ocsp_id", offsetof(struct ca_policy, ocsp_id), 0, 0, 0 },
	{ "ocsp_token", offsetof(struct ca_policy, ocsp_token), 0, 0, 0 },
	{ "ocsp_key_type", offsetof(struct ca_policy, ocsp_key_type), 0, 0, 0 },
	{ "cmp_signs", offsetof(struct ca_policy, cmp_signs), 0, 0, 0 },
	{ "cmp_token", offsetof(struct ca_policy, cmp_token), 0, 0, 0 },
	{ "cmp_key_type", offsetof(struct ca_policy, cmp_key_type), 0, 0, 0 },
};

void ca_policy_clear(struct ca_policy *p)
{
	free(p->crl_url);
	free(p->delta_url);
	free(p->ocsp_signs);
	free(p->ocsp_id);
	free(p->ocsp_token);
	free(p->ocsp_key_type);
	free(p->cmp_signs);
	free(p->cmp_token);
	free(p->cmp_key_type);
	*p = (struct ca_policy) { 0 };
}

static unsigned *number_at(struct ca_policy *p, const struct member *m)
{
	return (unsigned *)(void *)((char *)p + m->offset);
}

static char **text_at(struct ca_policy *p, const struct member *m)
{
	return (char **)(void *)((char *)p + m->offset);
}

static enum inro_err read_member(json_t *doc, const struct member *m, struct ca_policy *p)
{
	json_t *value = json_object_get(doc, m->name);
	json_int_t n = json_integer_value(value);

	if (m->most == 0)
		return text_set(text_at(p, m), json_string_value(value));
	*number_at(p, m) = value ? (unsigned)n : m->initial;
	if (value && (!json_is_integer(value) || n < m->least || n > m->most))
		return err_set(INRO_E_ARG, "%s is a number from %u to %u", m->name, m->least,
			       m->most);
	return INRO_OK;
}

static enum inro_err read_json(const char *text, struct ca_policy *p)
{
	AUTO(json_drop) json_t *doc = NULL;
	enum inro_err e = json_object_read("a CA's settings", text && *text ? text : "{}",
					   SETTINGS_MAX, &doc);

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(members); i++)
		e = read_member(doc, &members[i], p);
	return e;
}

enum inro_err ca_policy_read(const struct ca *ca, struct ca_policy *ret)
{
	SCOPED(ca_policy) p = { 0 };
	enum inro_err e = read_json(ca->settings, &p);

	if (e == INRO_E_NO_MEMORY)
		return e;
	if (e != INRO_OK)
		return err_set(INRO_E_DAMAGED, "the settings of CA '%s' are damaged", ca->name);
	*ret = p;
	p = (struct ca_policy) { 0 };
	return INRO_OK;
}

unsigned ca_policy_shard(const struct ca_policy *p, struct bytes serial)
{
	unsigned tail = 0;

	if (!p->shards)
		return 0;
	for (size_t i = serial.n > 4 ? serial.n - 4 : 0; i < serial.n; i++)
		tail = tail << 8 | serial.p[i];
	return 1 + tail % p->shards;
}

enum inro_err ca_policy_url(const struct ca *ca, const char *url, unsigned shard, struct buf *ret)
{
	char generation[24];
	const struct dn_vars vars = { .ca_name = ca->name, .ca_generation = generation };
	const char *mark = url ? strstr(url, SHARD_MARK) : NULL;
	SCOPED(buf) text = { 0 };
	enum inro_err e;

	if (!url)
		return INRO_OK;
	snprintf(generation, sizeof generation, "%lld", (long long)ca->generation);
	buf_add(&text, mark ? BYTES(url, (size_t)(mark - url)) : bytes_of(url));
	if (mark)
		buf_addf(&text, "%u%s", shard, mark + strlen(SHARD_MARK));
	e = buf_err(&text);
	if (e == INRO_OK)
		e = dn_expand(buf_bytes(&text), &vars, ret);
	buf_add_u8(ret, 0);
	return e == INRO_OK ? buf_err(ret) : e;
}

/* ---- changing it ---- */

static enum inro_err check_url(const struct ca *ca, const char *what, const char *url,
			       unsigned shards)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) name = { 0 };
	enum inro_err e = ca_policy_url(ca, url, 1, &text);

	if (e == INRO_OK && text.n)
		e = san_add_value(&name, SAN_URI, BYTES(text.p, text.n - 1));
	if (e != INRO_OK)
		return err_context(e, "%s", what);
	if (url && !strstr(url, SHARD_MARK) != !shards)
		return err_set(INRO_E_ARG, "%s %s " SHARD_MARK ": the lists are %sdivided", what,
			       shards ? "needs" : "has no use for", shards ? "" : "not ");
	return INRO_OK;
}

static enum inro_err check_policy(const struct ca *ca, const struct ca_policy *p)
{
	enum inro_err e = check_url(ca, "the address of the lists", p->crl_url, p->shards);

	if (e == INRO_OK)
		e = check_url(ca, "the address of the deltas", p->delta_url, p->shards);
	if (e == INRO_OK && p->shards && !p->crl_url)
		e = err_set(INRO_E_ARG, "certificates must name their shard's list: give the "
					"address of the lists too, with " SHARD_MARK " in it");
	return e;
}

/* Has the present key certified anybody but its own CA?  What was certified names another list: by RFC 5280 6.3.3 (b)
 * one that says of itself that it is for another address, or without its certificates, is none for it. */
static enum inro_err check_unused(struct core *c, const struct ca *ca)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = ca->id },
		{ .field = "ca_generation", .number = ca->generation },
		{ .field = "own_ca", .op = STORE_NE, .number = ca->id }, /* or none */
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };
	SCOPED(credential) rec = { 0 };
	enum inro_err e = store_find(c->store, &q, &rec);

	if (e != INRO_OK)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	return err_set(INRO_E_STATE,
		       "CA '%s' has issued certificates that name its lists as they are; how these are divided, "
		       "and where divided ones are, can be said only before that, or for another key (inro ca "
		       "rollover)",
		       ca->name);
}

static enum inro_err put_member(json_t *doc, const struct member *m, struct ca_policy *p)
{
	json_t *value = NULL;

	if (m->most)
		value = json_integer(*number_at(p, m));
	else if (*text_at(p, m))
		value = json_string(*text_at(p, m));
	else
		return INRO_OK;
	return json_object_set_new(doc, m->name, value) ? INRO_E_NO_MEMORY : INRO_OK;
}

static enum inro_err write_policy(struct ca_policy *p, struct ca *ca)
{
	AUTO(json_drop) json_t *doc = json_object();
	AUTO(free_chars) char *text = NULL;
	enum inro_err e = doc ? INRO_OK : INRO_E_NO_MEMORY;

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(members); i++)
		e = put_member(doc, &members[i], p);
	if (e == INRO_OK)
		e = json_object_write(doc, &text);
	if (e == INRO_OK && strlen(text) > SETTINGS_MAX)
		e = err_set(INRO_E_TOO_BIG, "a CA's settings have up to %d bytes: its addresses are too long",
			    SETTINGS_MAX);
	return e == INRO_OK ? text_set(&ca->settings, text) : e;
}

struct changing {
	const char *name;
	const struct ca_settings *in; /* one of the three */
	const struct ca_ocsp *ocsp;
	const struct ca_cmp *cmp;
};

/* A number that was said takes the place of the one there; one out of bounds is told. */
static enum inro_err take_numbers(const struct ca_settings *in, struct ca_policy *p)
{
	const int64_t said[] = { in->crl_days, in->overlap_hours, in->delta_hours, in->shards };

	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		const struct member *m = &members[i];

		if (said[i] == CA_AS_IT_IS)
			continue;
		if (said[i] < m->least || said[i] > m->most)
			return err_set(INRO_E_ARG, "%s is a number from %u to %u", m->name,
				       m->least, m->most);
		*number_at(p, m) = (unsigned)said[i];
	}
	return INRO_OK;
}

static enum inro_err take_urls(const struct ca_settings *in, struct ca_policy *p)
{
	enum inro_err e = in->crl_url ? text_set(&p->crl_url, in->crl_url) : INRO_OK;

	if (e == INRO_OK && in->delta_url)
		e = text_set(&p->delta_url, in->delta_url);
	return e;
}

/* ---- a new key ---- */

/* Lists of two keys can't be at one address. */
static enum inro_err check_moved(const char *what, const char *option, const char *was,
				 const char *is)
{
	if (!was || !is || strcmp(was, is) != 0 || strstr(is, "${ca.generation}"))
		return INRO_OK;
	return err_set(INRO_E_ARG,
		       "%s is in the certificates of the old key, whose lists go on: give the new "
		       "key's by %s, or have ${ca.generation} in it",
		       what, option);
}

enum inro_err ca_policy_roll(struct ca *ca, const char *crl_url, const char *delta_url)
{
	const struct ca_settings in = { CA_AS_IT_IS, CA_AS_IT_IS, CA_AS_IT_IS,
					CA_AS_IT_IS, crl_url,	  delta_url };
	SCOPED(ca_policy) was = { 0 };
	SCOPED(ca_policy) p = { 0 };
	enum inro_err e = ca_policy_read(ca, &was);

	if (e == INRO_OK)
		e = ca_policy_read(ca, &p);
	if (e == INRO_OK)
		e = take_urls(&in, &p);
	if (e == INRO_OK)
		e = check_moved("the address of the lists", "--crl-url", was.crl_url, p.crl_url);
	if (e == INRO_OK)
		e = check_moved("the address of the deltas", "--delta-url", was.delta_url,
				p.delta_url);
	if (e == INRO_OK)
		e = check_policy(ca, &p);
	return e == INRO_OK && (ca->settings || crl_url || delta_url) ? write_policy(&p, ca) : e;
}

/* How its lists are divided was decided with their addresses, when the key was made. */
enum inro_err ca_policy_turn(struct ca *ca, const struct ca *next)
{
	SCOPED(ca_policy) p = { 0 };
	SCOPED(ca_policy) lists = { 0 };
	const struct ca then = { .name = ca->name, .settings = next->settings };
	enum inro_err e = ca_policy_read(ca, &p);

	if (e == INRO_OK)
		e = ca_policy_read(&then, &lists);
	if (e == INRO_OK)
		e = text_set(&p.crl_url, lists.crl_url);
	if (e == INRO_OK)
		e = text_set(&p.delta_url, lists.delta_url);
	p.shards = lists.shards;
	return e == INRO_OK && (ca->settings || next->settings) ? write_policy(&p, ca) : e;
}

static enum inro_err take_settings(const struct ca *ca, const struct ca_settings *in, struct ca_policy *p)
{
	enum inro_err e = take_numbers(in, p);

	if (e == INRO_OK)
		e = take_urls(in, p);
	return e == INRO_OK ? check_policy(ca, p) : e;
}

static bool says_nothing(const struct ca_settings *in)
{
	return in->crl_days == CA_AS_IT_IS && in->overlap_hours == CA_AS_IT_IS &&
	       in->delta_hours == CA_AS_IT_IS && in->shards == CA_AS_IT_IS && !in->crl_url &&
	       !in->delta_url;
}

enum inro_err ca_policy_begin(struct ca *ca, const struct ca_settings *in)
{
	SCOPED(ca_policy) p = { 0 };
	enum inro_err e;

	if (says_nothing(in))
		return INRO_OK;
	e = ca_policy_read(ca, &p);
	if (e == INRO_OK)
		e = take_settings(ca, in, &p);
	return e == INRO_OK ? write_policy(&p, ca) : e;
}

static bool moves_lists(const struct ca_policy *was, const struct ca_policy *is)
{
	return was->shards != is->shards ||
	       (is->shards && strcmp(text_or_empty(was->crl_url), text_or_empty(is->crl_url)) != 0);
}

enum inro_err ca_policy_stands(const struct ca *was, const struct ca *now)
{
	SCOPED(ca_policy) then = { 0 };
	SCOPED(ca_policy) p = { 0 };
	enum inro_err e;

	if (strcmp(text_or_empty(was->settings), text_or_empty(now->settings)) == 0)
		return INRO_OK;
	e = ca_policy_read(was, &then);
	if (e == INRO_OK)
		e = ca_policy_read(now, &p);
	if (e == INRO_OK && moves_lists(&then, &p))
		e = err_set(INRO_E_STATE, "the lists of CA '%s' are divided otherwise by now; try again", now->name);
	return e;
}

static enum inro_err change_policy(struct core *c, struct ca *ca, const struct ca_settings *in)
{
	SCOPED(ca_policy) was = { 0 };
	SCOPED(ca_policy) p = { 0 };
	enum inro_err e = ca_policy_read(ca, &was);

	if (e == INRO_OK)
		e = ca_policy_read(ca, &p);
	if (e == INRO_OK)
		e = take_settings(ca, in, &p);
	if (e == INRO_OK && moves_lists(&was, &p))
		e = check_unused(c, ca);
	return e == INRO_OK ? write_policy(&p, ca) : e;
}

/* ---- who answers on line, and who signs messages ---- */

const char *const ocsp_signs_names[] = { "delegated", "ca", "off", NULL };
static const char *const ocsp_ids[] = { "key", "name", NULL };

static enum inro_err take_word(const char *what, const char *const *words, const char *said,
			       char **word)
{
	SCOPED(buf) list = { 0 };

	if (!said)
		return INRO_OK;
	for (size_t i = 0; words[i]; i++) {
		if (strcmp(words[i], said) == 0)
			return text_set(word, said);
		buf_addf(&list, "%s%s", i ? ", " : "", words[i]);
	}
	buf_add_u8(&list, 0);
	return err_set(INRO_E_ARG, "%s is one of: %s", what,
		       buf_err(&list) == INRO_OK ? (const char *)list.p : "");
}

/* What it is made with must be such that it can sign; the token is looked at when it is used. */
static enum inro_err take_key(const char *token, const char *key_type, char **at_token, char **at_type)
{
	const struct pki_key_kind *kind = NULL;
	enum inro_err e = INRO_OK;

	if (key_type && *key_type)
		e = pki_key_kind_find(key_type, &kind);
	if (e == INRO_OK && kind && !pki_key_signs(kind->type))
		e = err_set(INRO_E_ARG, "a key of type %s signs nothing", kind->name);
	if (e == INRO_OK && key_type)
		e = text_set(at_type, key_type);
	if (e == INRO_OK)
		e = core_check_text("a token", token, 255);
	return e == INRO_OK && token ? text_set(at_token, token) : e;
}

static enum inro_err take_ocsp(const struct ca_ocsp *in, struct ca_policy *p)
{
	enum inro_err e = take_word("who signs", ocsp_signs_names, in->signs, &p->ocsp_signs);

	if (e == INRO_OK)
		e = take_word("the id of who answers", ocsp_ids, in->id, &p->ocsp_id);
	if (e == INRO_OK && in->minutes > OCSP_MINUTES_MAX)
		e = err_set(INRO_E_ARG, "an answer is good for 1 to %d minutes", OCSP_MINUTES_MAX);
	if (e == INRO_OK && in->minutes)
		p->ocsp_minutes = in->minutes;
	return e == INRO_OK ? take_key(in->token, in->key_type, &p->ocsp_token, &p->ocsp_key_type) : e;
}

static enum inro_err change_ocsp(struct core *c, struct ca *ca, const struct ca_ocsp *in)
{
	SCOPED(ca_policy) p = { 0 };
	enum inro_err e = ca_policy_read(ca, &p);

	if (e == INRO_OK)
		e = take_ocsp(in, &p);
	if (e == INRO_OK && (in->token || in->key_type))
		e = delegate_drop(c, SIGNER_OCSP, ca->id);
	return e == INRO_OK ? write_policy(&p, ca) : e;
}

/* Whoever checks a message looks whether the key may sign more than certificates and lists. */
static enum inro_err check_signs_itself(const struct ca *ca, const struct ca_policy *p)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e;

	if (strcmp(text_or_empty(p->cmp_signs), "ca") != 0)
		return INRO_OK;
	if (ca->kind != CA_LOCAL)
		return ca_is_elsewhere(ca);
	if (!ca->cert.n)
		return INRO_OK;
	e = cert_read(blob_bytes(&ca->cert), &cert);
	if (e == INRO_OK && !(cert.ext.key_usage & USAGE_DIGITAL_SIGNATURE))
		e = err_set(INRO_E_POLICY,
			    "the certificate of CA '%s' has no digitalSignature: its key signs "
			    "certificates and lists, and no client takes messages signed by it",
			    ca->name);
	return e;
}

/* The one that a person had made would be gone, and no other one come. */
static enum inro_err drop_messages(struct core *c, const struct ca *ca)
{
	if (ca->kind != CA_LOCAL)
		return err_set(INRO_E_STATE,
			       "CA '%s' is elsewhere: no server makes a key for it. Get a certificate of the "
			       "profile " SIGNER_PROFILE " from there (inro cert issue)",
			       ca->name);
	return delegate_drop(c, SIGNER_MESSAGES, ca->id);
}

static enum inro_err change_cmp(struct core *c, struct ca *ca, const struct ca_cmp *in)
{
	SCOPED(ca_policy) p = { 0 };
	enum inro_err e = ca_policy_read(ca, &p);

	if (e == INRO_OK)
		e = take_word("who signs", ocsp_signs_names, in->signs, &p.cmp_signs);
	if (e == INRO_OK)
		e = take_key(in->token, in->key_type, &p.cmp_token, &p.cmp_key_type);
	if (e == INRO_OK && in->signs)
		e = check_signs_itself(ca, &p);
	if (e == INRO_OK && (in->token || in->key_type))
		e = drop_messages(c, ca);
	return e == INRO_OK ? write_policy(&p, ca) : e;
}

static enum inro_err change(struct core *c, struct ca *ca, const struct changing *s)
{
	if (s->ocsp)
		return change_ocsp(c, ca, s->ocsp);
	return s->cmp ? change_cmp(c, ca, s->cmp) : change_policy(c, ca, s->in);
}

static enum inro_err set_work(struct core *c, void *arg)
{
	const struct changing *s = arg;
	SCOPED(ca) ca = { 0 };
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.set", "ca", s->name, EVENT_DONE, &detail };
	enum inro_err e = ca_load(c, s->name, &ca);

	if (e == INRO_OK)
		e = change(c, &ca, s);
	if (e != INRO_OK)
		return e;
	ca.updated_ms = clock_now_ms();
	detail_text(&detail, "settings", ca.settings);
	e = store_update(c->store, &ca);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err set(struct core *c, struct changing *s, struct ca_view *ret)
{
	enum inro_err e = core_require(c, ROLE_ADMIN, "change a CA's settings");

	if (e == INRO_OK)
		e = core_write(c, set_work, s);
	return e == INRO_OK ? ca_get(c, s->name, ret)
			    : audit_refused(c, "ca.set", "ca", s->name, e);
}

enum inro_err ca_set(struct core *c, const char *name, const struct ca_settings *in,
		     struct ca_view *ret)
{
	return set(c, &(struct changing) { .name = name, .in = in }, ret);
}

enum inro_err ca_set_ocsp(struct core *c, const char *name, const struct ca_ocsp *in,
			  struct ca_view *ret)
{
	return set(c, &(struct changing) { .name = name, .ocsp = in }, ret);
}

enum inro_err ca_set_cmp(struct core *c, const char *name, const struct ca_cmp *in, struct ca_view *ret)
{
	return set(c, &(struct changing) { .name = name, .cmp = in }, ret);
}
