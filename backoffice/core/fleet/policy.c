/* policy - the table of members, and what several policies say together; see policy.h. */
#include "backoffice/core/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/account.h"
#include "backoffice/core/authority.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/core/json.h"
#include "backoffice/core/login.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/setting.h"
#include "backoffice/pki/pubkey.h"
#include "backoffice/token/token.h"

#define WORDS_MAX 64
#define WORD_MAX  128

#define ALPHABET_MIN 10

static const char builtin[] =
	"{\"renew_days\":30,\"key_days\":365,\"overlap_days\":7,\"approve\":false,\"plain_keys\":false,"
	"\"attestation\":true,\"anchor_again\":true,"
	"\"psk\":{\"length\":20,\"classes\":3,\"store\":\"sealed\",\"tries\":5,\"lock_seconds\":"
	"900,"
	"\"alphabet\":\"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789\"}}";

struct rule;
/* Checks a member's value, and takes it over when `to` is not NULL. */
typedef enum inro_err take_fn(const struct rule *r, json_t *value, void *to);

struct rule {
	const char *name;
	take_fn *take;
	size_t offset;
	int64_t min, max;
	const struct rule *inner; /* of an object; a name of NULL ends them */
};

static enum inro_err refuse(const struct rule *r, const char *like)
{
	return err_set(INRO_E_ARG, "the policy's \"%s\" is %s", r->name, like);
}

static enum inro_err take_text(const struct rule *r, json_t *value, void *to)
{
	const char *text = json_string_value(value);
	enum inro_err e;

	if (!text || strlen(text) != json_string_length(value))
		return refuse(r, "a text");
	if (strlen(text) < (size_t)r->min)
		return refuse(r, "a text that is not empty");
	e = core_check_text(r->name, text, (size_t)r->max);
	return e == INRO_OK && to ? text_set(to, text) : e;
}

static enum inro_err take_number(const struct rule *r, json_t *value, void *to)
{
	int64_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < r->min || n > r->max)
		return err_set(INRO_E_ARG, "the policy's \"%s\" is a number from %lld to %lld",
			       r->name, (long long)r->min, (long long)r->max);
	if (to)
		memcpy(to, &n, sizeof n);
	return INRO_OK;
}

bool policy_alphabet_is_good(const char *text)
{
	bool seen[128] = { false };

	for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
		if (*s <= ' ' || *s > '~' || seen[*s])
			return false;
		seen[*s] = true;
	}
	return true;
}

static enum inro_err take_bool(const struct rule *r, json_t *value, void *to)
{
	if (!json_is_boolean(value))
		return refuse(r, "true or false");
	if (to)
		*(bool *)to = json_is_true(value);
	return INRO_OK;
}

static enum inro_err take_store(const struct rule *r, json_t *value, void *to)
{
	static const char *const ways[] = { "sealed", "hash" };
	const char *text = json_string_value(value);
	int at = text ? name_index(ways, ARRAY_LEN(ways), text) : -1;

	if (at < 0)
		return refuse(r, "\"sealed\" or \"hash\"");
	if (to)
		*(bool *)to = at == 1;
	return INRO_OK;
}

static void words_clear(struct policy_words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->items[i]);
	free(w->items);
	*w = (struct policy_words) { 0 };
}

static enum inro_err check_word(const struct rule *r, json_t *word)
{
	const struct rule one = { .name = r->name, .min = 1, .max = WORD_MAX };

	return take_text(&one, word, NULL);
}

static enum inro_err take_words(const struct rule *r, json_t *value, void *to)
{
	struct policy_words *w = to;
	size_t n = json_array_size(value);
	enum inro_err e = INRO_OK;

	if (!json_is_array(value) || n > WORDS_MAX)
		return refuse(r, "a list of up to 64 texts");
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = check_word(r, json_array_get(value, i));
	if (e != INRO_OK || !w || !n)
		return e;
	w->items = calloc(n, sizeof *w->items);
	if (!w->items)
		return err_set(INRO_E_NO_MEMORY, "no memory for a policy");
	for (w->n = 0; e == INRO_OK && w->n < n; w->n++)
		e = text_set(&w->items[w->n], json_string_value(json_array_get(value, w->n)));
	return e;
}

bool policy_type_is_pair(const char *type)
{
	const struct pki_key_kind *kind;
	unsigned bits;

	if (pki_key_sized(type, &bits) == PKI_KEY_NONE)
		return pki_key_kind_find(type, &kind) == INRO_OK;
	return bits >= PUBKEY_RSA_MIN && bits <= PUBKEY_RSA_MAX;
}

bool policy_type_is_symmetric(const char *type)
{
	return token_secret_kind_find(type) != NULL;
}

static enum inro_err check_type(const struct rule *r, const char *type)
{
	if (policy_type_is_pair(type) || policy_type_is_symmetric(type))
		return INRO_OK;
	return err_set(INRO_E_ARG,
		       "the policy's \"%s\" has '%s', which is no type of key; there are ec-p256, "
		       "rsa-3072, ed25519, aes-256 and the others that 'inro key generate --help' and "
		       "'inro secret issue --help' list",
		       r->name, type);
}

static enum inro_err take_types(const struct rule *r, json_t *value, void *to)
{
	enum inro_err e = take_words(r, value, NULL);

	for (size_t i = 0; e == INRO_OK && i < json_array_size(value); i++)
		e = check_type(r, json_string_value(json_array_get(value, i)));
	return e == INRO_OK && to ? take_words(r, value, to) : e;
}

static take_fn take_object;

#define IN(member) offsetof(struct policy, member)
static const struct rule psk_rules[] = {
	{ "length", take_number, IN(psk.length), 8, 128, NULL },
	{ "classes", take_number, IN(psk.classes), 1, 4, NULL },
	{ "alphabet", take_text, IN(psk.alphabet), 1, WORD_MAX, NULL },
	{ "store", take_store, IN(psk.hashed), 0, 0, NULL },
	{ "tries", take_number, IN(psk.tries), 1, 1000, NULL },
	{ "lock_seconds", take_number, IN(psk.lock_seconds), 0, 31536000, NULL },
	{ 0 },
};
static const struct rule rules[] = {
	{ "ca", take_text, IN(ca), 1, WORD_MAX, NULL },
	{ "profile", take_text, IN(profile), 1, WORD_MAX, NULL },
	{ "profiles", take_words, IN(profiles), 0, 0, NULL },
	{ "key_types", take_types, IN(key_types), 0, 0, NULL },
	{ "who", take_words, IN(who), 0, 0, NULL },
	{ "renew_days", take_number, IN(renew_days), 0, 36500, NULL },
	{ "key_days", take_number, IN(key_days), 1, 36500, NULL },
	{ "overlap_days", take_number, IN(overlap_days), 0, 36500, NULL },
	{ "approve", take_bool, IN(approve), 0, 0, NULL },
	{ "plain_keys", take_bool, IN(plain_keys), 0, 0, NULL },
	{ "attestation", take_bool, IN(attestation), 0, 0, NULL },
	{ "anchor_again", take_bool, IN(anchor_again), 0, 0, NULL },
	{ "psk", take_object, 0, 0, 0, psk_rules },
	{ 0 },
};
#undef IN

static enum inro_err unknown(const struct rule *list, const char *name)
{
	SCOPED(buf) known = { 0 };

	for (const struct rule *r = list; r->name; r++)
		buf_addf(&known, "%s%s", r == list ? "" : ", ", r->name);
	buf_add_u8(&known, 0);
	return err_set(INRO_E_ARG, "a policy has no \"%s\" there; there are %s", name,
		       buf_err(&known) == INRO_OK ? (const char *)known.p : "others");
}

/* to: the struct policy; the rules of inner objects have its offsets too. */
static enum inro_err take_members(const struct rule *list, json_t *object, void *to)
{
	enum inro_err e = INRO_OK;

	for (void *at = json_object_iter(object); e == INRO_OK && at;
	     at = json_object_iter_next(object, at)) {
		const char *name = json_object_iter_key(at);
		const struct rule *r = list;

		while (r->name && strcmp(r->name, name) != 0)
			r++;
		if (!r->name)
			return unknown(list, name);
		e = r->take(r, json_object_iter_value(at), to ? (char *)to + r->offset : NULL);
	}
	return e;
}

static enum inro_err take_object(const struct rule *r, json_t *value, void *to)
{
	if (!json_is_object(value))
		return refuse(r, "an object");
	enum inro_err e = take_members(r->inner, value, to);

	return e == INRO_OK ? e : err_context(e, "\"%s\"", r->name);
}

void policy_clear(struct policy *p)
{
	free(p->ca);
	free(p->profile);
	free(p->psk.alphabet);
	words_clear(&p->profiles);
	words_clear(&p->key_types);
	words_clear(&p->who);
	*p = (struct policy) { 0 };
}

static enum inro_err words_copy(const struct policy_words *from, struct policy_words *to)
{
	enum inro_err e = INRO_OK;

	to->items = from->n ? calloc(from->n, sizeof *to->items) : NULL;
	if (from->n && !to->items)
		return err_set(INRO_E_NO_MEMORY, "no memory for a policy");
	for (; e == INRO_OK && to->n < from->n; to->n++)
		e = text_set(&to->items[to->n], from->items[to->n]);
	return e;
}

enum inro_err policy_copy(const struct policy *from, struct policy *to)
{
	SCOPED(policy) p = *from;
	enum inro_err e;

	p.ca = p.profile = p.psk.alphabet = NULL;
	p.profiles = p.key_types = p.who = (struct policy_words) { 0 };
	e = text_set(&p.ca, from->ca);
	if (e == INRO_OK)
		e = text_set(&p.profile, from->profile);
	if (e == INRO_OK)
		e = text_set(&p.psk.alphabet, from->psk.alphabet);
	if (e == INRO_OK)
		e = words_copy(&from->profiles, &p.profiles);
	if (e == INRO_OK)
		e = words_copy(&from->key_types, &p.key_types);
	if (e == INRO_OK)
		e = words_copy(&from->who, &p.who);
	if (e != INRO_OK)
		return e;
	*to = p;
	p = (struct policy) { 0 };
	return INRO_OK;
}

static enum inro_err read_policy(const char *text, json_t **ret)
{
	AUTO(json_drop) json_t *object = NULL;
	enum inro_err e = json_object_read("the policy", text, POLICY_MAX, &object);

	if (e == INRO_OK)
		e = take_members(rules, object, NULL);
	if (e != INRO_OK)
		return e;
	*ret = object;
	object = NULL;
	return INRO_OK;
}

/* Of a policy that is given; one on record from before this was checked makes no key, and is otherwise in force. */
static enum inro_err check_alphabet(const json_t *policy)
{
	const char *text = json_string_value(json_object_get(json_object_get(policy, "psk"), "alphabet"));

	if (!text || (strlen(text) >= ALPHABET_MIN && policy_alphabet_is_good(text)))
		return INRO_OK;
	return err_set(INRO_E_ARG,
		       "\"psk\": the policy's \"alphabet\" is %d to 94 different characters of printable ASCII, "
		       "without blanks",
		       ALPHABET_MIN);
}

enum inro_err policy_normal(const char *text, char **ret)
{
	AUTO(json_drop) json_t *object = NULL;
	enum inro_err e = read_policy(text, &object);

	if (e == INRO_OK)
		e = check_alphabet(object);
	return e == INRO_OK ? json_object_write(object, ret) : e;
}

/* ---- what it names ---- */

static enum inro_err has_ca(struct core *c, const char *name)
{
	SCOPED(ca) ca = { 0 };

	return ca_load(c, name, &ca);
}

static enum inro_err has_profile(struct core *c, const char *name)
{
	SCOPED(profile) p = { 0 };

	return profile_load(c, name, &p);
}

#define KNOWN_MAX 16 /* accounts that an error names */

static enum inro_err no_account(struct core *c, const char *name)
{
	const struct page some = { .limit = KNOWN_MAX };
	struct account_list l = { 0 };
	SCOPED(buf) known = { 0 };
	enum inro_err e = account_find(c, false, &some, &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", l.items[i].name);
	if (e == INRO_OK)
		buf_addf(&known, "%s", l.next ? " and others" : l.n ? "" : "none yet; 'inro user add' makes one");
	account_list_clear(&l);
	if (e == INRO_OK)
		e = buf_err(&known);
	if (e != INRO_OK)
		return e;
	return err_set(INRO_E_NOT_FOUND, "no account '%.64s'; there %s %.*s", name,
		       l.n == 1 ? "is" : "are", (int)known.n, (const char *)known.p);
}

/* Of this tenant, or default/NAME, who administers it from "default": his tokens may be for less. */
static enum inro_err has_account(struct core *c, const char *name)
{
	SCOPED(account) a = { 0 };
	bool visits = c->tenant != TENANT_DEFAULT && strncmp(name, "default/", 8) == 0;
	enum inro_err e = visits ? account_load(c, TENANT_DEFAULT, name + 8, &a) : account_get(c, name, &a);

	if (e == INRO_OK && visits && a.role < ROLE_ADMIN)
		return no_account(c, name);
	if (e == INRO_E_NOT_FOUND || (e == INRO_OK && a.state == ACCOUNT_DELETED))
		return no_account(c, name);
	return e;
}

static const struct {
	const char *member; /* a text, or a list of them */
	enum inro_err (*has)(struct core *c, const char *name);
} named[] = { { "ca", has_ca },
	      { "profile", has_profile },
	      { "profiles", has_profile },
	      { "who", has_account } };

/* That it is not there is wrong of the policy. */
static enum inro_err check_named(struct core *c, size_t at, const json_t *name)
{
	enum inro_err e = named[at].has(c, json_string_value(name));

	if (e != INRO_E_NOT_FOUND && e != INRO_E_ARG)
		return e;
	return err_set(INRO_E_ARG, "the policy's \"%s\": %.400s", named[at].member, err_detail(e));
}

enum inro_err policy_check_names(struct core *c, const char *text)
{
	AUTO(json_drop) json_t *object = NULL;
	enum inro_err e = read_policy(text, &object);

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(named); i++) {
		const json_t *value = json_object_get(object, named[i].member);

		if (json_is_string(value))
			e = check_named(c, i, value);
		for (size_t k = 0; e == INRO_OK && k < json_array_size(value); k++)
			e = check_named(c, i, json_array_get(value, k));
	}
	return e;
}

/* where: whose policy the text is. */
static enum inro_err check_unnamed(const char *where, const char *text, const char *profile)
{
	SCOPED(policy) p = { 0 };
	enum inro_err e = policy_merge(&text, 1, &p);

	if (e != INRO_OK && e != INRO_E_NO_MEMORY)
		e = err_set(INRO_E_STATE,
			    "whether the policy of %s names profile '%s' can't be read (%.200s): set that policy anew first",
			    where, profile, err_detail(e));
	if (e == INRO_OK && policy_names_profile(&p, profile))
		e = err_set(INRO_E_STATE,
			    "the policy of %s names profile '%s'; give that policy another one first",
			    where, profile);
	return e;
}

static enum inro_err check_group_unnamed(const struct device_group *g, const char *profile)
{
	char where[GROUP_PATH_MAX + sizeof "group ''"];

	snprintf(where, sizeof where, "group '%s'", g->path);
	return check_unnamed(where, g->policy, profile);
}

enum inro_err policy_check_unnamed(struct core *c, const char *profile)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "deleted_ms", .op = STORE_NONE },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	AUTO(free_chars) char *usual = NULL;
	void *list = NULL;
	size_t n = 0;
	enum inro_err e = setting_get(c, "policy", &usual);

	if (e == INRO_OK)
		e = check_unnamed("the tenant (the setting 'policy')", usual, profile);
	if (e == INRO_OK)
		e = core_all(c, &device_group_type, &q, &list, &n);
	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = check_group_unnamed((struct device_group *)list + i, profile);
	list_free(&device_group_type, list, n);
	return e;
}

static enum inro_err lay_over(json_t *under, const char *text)
{
	AUTO(json_drop) json_t *over = NULL;
	enum inro_err e;

	if (!text || !*text)
		return INRO_OK;
	e = read_policy(text, &over);
	if (e == INRO_OK && json_object_update_recursive(under, over) != 0)
		e = err_set(INRO_E_NO_MEMORY, "no memory for a policy");
	return e;
}

static enum inro_err merge(const char *const *texts, size_t n, json_t **ret)
{
	AUTO(json_drop) json_t *all = NULL;
	enum inro_err e = read_policy(builtin, &all);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = lay_over(all, texts[i]);
	if (e != INRO_OK)
		return e;
	*ret = all;
	all = NULL;
	return INRO_OK;
}

enum inro_err policy_merge_text(const char *const *texts, size_t n, char **ret)
{
	AUTO(json_drop) json_t *all = NULL;
	enum inro_err e = merge(texts, n, &all);

	return e == INRO_OK ? json_object_write(all, ret) : e;
}

enum inro_err policy_merge(const char *const *texts, size_t n, struct policy *ret)
{
	AUTO(json_drop) json_t *all = NULL;
	SCOPED(policy) p = { 0 };
	enum inro_err e = merge(texts, n, &all);

	if (e == INRO_OK)
		e = take_members(rules, all, &p);
	if (e != INRO_OK)
		return e;
	*ret = p;
	p = (struct policy) { 0 };
	return INRO_OK;
}

bool policy_takes_type(const struct policy *p, const char *type, bool (*of_kind)(const char *type))
{
	bool none = true;

	for (size_t i = 0; i < p->key_types.n; i++) {
		if (strcmp(p->key_types.items[i], type) == 0)
			return true;
		none &= !of_kind(p->key_types.items[i]);
	}
	return none;
}

static bool words_have(const struct policy_words *w, const char *word)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->items[i], word) == 0)
			return true;
	return false;
}

bool policy_names_profile(const struct policy *p, const char *profile)
{
	return (p->profile && strcmp(p->profile, profile) == 0) || words_have(&p->profiles, profile);
}

bool policy_takes_profile(const struct policy *p, const char *profile)
{
	return p->profiles.n == 0 || policy_names_profile(p, profile);
}

bool policy_takes_account(const struct policy *p, const char *account)
{
	return p->who.n == 0 || words_have(&p->who, account);
}
