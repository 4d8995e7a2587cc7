/* seal_key - which key seals (seal.h): chosen by an administrator, or made by itself where nobody has chosen one. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "backoffice/core/internal.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/seal.h"
#include "backoffice/core/secret/seal_parts.h"
#include "backoffice/core/setting.h"
#include "base/file.h"
#include "base/homedir.h"
#include "base/log.h"

#define UNNAMED	 SEAL_SETTING ".unnamed" /* the key that was made by itself, until somebody names one */
#define REFUSED	 SEAL_SETTING ".refused" /* a PIN that nobody was asked for was wrong ... */
#define TOLD	 "yes"			 /* ... and the token says itself whether a right one came since, */
#define UNTOLD	 "untold"		 /* ... or it does not, and a use that somebody asked for has to come first */
#define TURN_MS	 10000
#define KEYS_MAX 1000u

static void number_name(uint32_t number, char out[static 32])
{
	snprintf(out, 32, "%s.%u", SEAL_SETTING, number);
}

enum inro_err seal_uri_of(struct core *c, uint32_t number, char **ret)
{
	char name[32];

	number_name(number, name);
	return setting_get(c, name, ret);
}

enum inro_err seal_number_of(struct core *c, const char *uri, uint32_t *ret, bool *ret_new)
{
	for (uint32_t n = 1; n <= KEYS_MAX; n++) {
		AUTO(free_chars) char *known = NULL;
		enum inro_err e = seal_uri_of(c, n, &known);

		if (e != INRO_OK)
			return e;
		if (known && strcmp(known, uri) != 0)
			continue;
		*ret = n;
		*ret_new = !known;
		return INRO_OK;
	}
	return err_set(INRO_E_TOO_BIG, "more than %u sealing keys", KEYS_MAX);
}

enum inro_err seal_key_uri(struct core *c, char **ret)
{
	return setting_get(c, SEAL_SETTING, ret);
}

enum inro_err seal_is_set(struct core *c, bool *ret)
{
	AUTO(free_chars) char *uri = NULL;
	enum inro_err e = seal_key_uri(c, &uri);

	if (e == INRO_OK)
		*ret = uri != NULL;
	return e;
}

/* ---- made or chosen ---- */

/* A key that is to seal. */
struct chosen {
	struct buf uri;	  /* as it is recorded, with its NUL */
	struct buf token; /* where it was made, a URI with its NUL; empty: it was there */
	struct buf id;	  /* CKA_ID of one that was made */
};

static void chosen_clear(struct chosen *k)
{
	buf_clear(&k->uri);
	buf_clear(&k->token);
	buf_clear(&k->id);
}

static const char *chosen_token(const struct chosen *k)
{
	return (const char *)k->token.p;
}

static const char *chosen_uri(const struct chosen *k)
{
	return (const char *)k->uri.p;
}

/* In k->token. */
static enum inro_err generate_key(struct core *c, struct chosen *k)
{
	SCOPED(p11_uri) u = { 0 };
	uint8_t chance[4];
	char label[32];
	/* said so, a token that keeps keys in several places takes one where that can be done */
	struct token_secret_plan plan = {
		.label = label, .type = CKK_AES, .crypt = true, .only = CKM_AES_GCM
	};
	struct token *token;
	enum inro_err e = core_token(c, chosen_token(k), &token);

	if (e == INRO_OK)
		e = random_fill(chance, sizeof chance);
	if (e != INRO_OK)
		return e;
	snprintf(label, sizeof label, "seal-%02x%02x%02x%02x", chance[0], chance[1], chance[2],
		 chance[3]);
	e = token_secret_generate(token, &plan, token_secret_kind_find("aes-256"), &k->id);
	if (e == INRO_E_ATTR_TYPE) { /* a module that can't bind a key to mechanisms */
		plan.only = 0;
		buf_clear(&k->id);
		e = token_secret_generate(token, &plan, token_secret_kind_find("aes-256"), &k->id);
	}
	if (e == INRO_OK)
		e = text_set(&u.token, token_label(token));
	if (e == INRO_OK)
		e = text_set(&u.serial, token_serial(token));
	if (e == INRO_OK)
		e = text_set(&u.object, label);
	u.type = P11_SECRET_KEY;
	p11_uri_print(&u, &k->uri);
	buf_add_u8(&k->uri, 0);
	return e == INRO_OK ? buf_err(&k->uri) : e;
}

/* What nothing is sealed by does not stay in its token; one that was not made here does. */
static void drop_key(struct core *c, const struct chosen *k)
{
	SCOPED(err_kept) kept = err_keep();
	struct token *token;
	size_t gone;
	enum inro_err e = INRO_OK;

	if (k->id.n)
		e = core_token(c, chosen_token(k), &token);
	if (e == INRO_OK && k->id.n)
		e = token_delete(token, buf_bytes(&k->id), TOKEN_SECRETS, &gone);
	if (e != INRO_OK)
		log_debug("seal: an unused key stays in its token: %s", err_detail(e));
}

/* uri: as it was given, it may say where the PIN is. */
static enum inro_err check_key(struct core *c, const char *uri)
{
	struct token_secret *key;
	enum inro_err e = core_secret_key(c, uri, &key);

	return e == INRO_OK ? token_secret_check_seal(key) : e;
}

/* One that seals, in k->token. */
static enum inro_err make_key(struct core *c, struct chosen *k)
{
	enum inro_err e = generate_key(c, k);

	if (e == INRO_OK)
		e = check_key(c, chosen_uri(k));
	if (e != INRO_OK)
		drop_key(c, k);
	return e;
}

/* One that seals. */
static enum inro_err choose_key(struct core *c, const struct seal_key_request *r, struct chosen *ret)
{
	enum inro_err e;

	if (!r->uri == !r->token)
		return err_set(INRO_E_ARG, "either a key or a token to make one in is named");
	e = r->token ? core_token_uri(r->token, &ret->token) : core_key_ref(r->uri, &ret->uri);
	if (e != INRO_OK)
		return e;
	return r->token ? make_key(c, ret) : check_key(c, r->uri);
}

struct key_set {
	const char *uri;
	bool first;   /* there must be none yet */
	bool unnamed; /* nobody has named it */
};

static enum inro_err record_key(struct core *c, const char *uri, const char *before)
{
	const struct audit_entry entry = { "seal.key", "setting", SEAL_SETTING, EVENT_DONE, NULL };
	struct audit_entry with = entry;
	SCOPED(buf) detail = { 0 };

	detail_text(&detail, "uri", uri);
	detail_text(&detail, "before", before);
	with.detail = &detail;
	return audit_append(c, &with);
}

/* Whether somebody named the key; there is a row only where nobody did. */
static enum inro_err mark_named(struct core *c, const struct key_set *s)
{
	AUTO(free_chars) char *unnamed = NULL;
	enum inro_err e = setting_get(c, UNNAMED, &unnamed);

	if (e != INRO_OK || (!s->unnamed && !unnamed))
		return e;
	return setting_set(c, UNNAMED, s->unnamed ? s->uri : NULL);
}

static enum inro_err has_one(const char *uri)
{
	return err_set(INRO_E_EXISTS,
		       "secrets are sealed by %s already; 'inro secret reseal' changes that", uri);
}

static enum inro_err set_work(struct core *c, void *arg)
{
	const struct key_set *s = arg;
	AUTO(free_chars) char *before = NULL;
	char name[32];
	uint32_t number;
	bool fresh;
	enum inro_err e = seal_key_uri(c, &before);

	if (e == INRO_OK && before && s->first)
		e = has_one(before);
	if (e == INRO_OK)
		e = seal_number_of(c, s->uri, &number, &fresh);
	if (e != INRO_OK)
		return e;
	if (before && strcmp(before, s->uri) == 0)
		return mark_named(c, s);
	number_name(number, name);
	if (fresh)
		e = setting_set(c, name, s->uri);
	if (e == INRO_OK)
		e = setting_set(c, SEAL_SETTING, s->uri);
	if (e == INRO_OK)
		e = mark_named(c, s);
	return e == INRO_OK ? record_key(c, s->uri, before) : e;
}

/* Recorded; when another program was faster, what was made goes.  After any other error it stays: what is recorded may
 * not be known, as where a database is lost in its commit. */
static enum inro_err set_chosen(struct core *c, const struct chosen *k, struct key_set *s)
{
	enum inro_err e;

	s->uri = chosen_uri(k);
	e = core_write(c, set_work, s);
	if (e == INRO_E_EXISTS)
		drop_key(c, k);
	return e;
}

enum inro_err seal_key_choose(struct core *c, const struct seal_key_request *r, bool first,
			     char **ret)
{
	SCOPED(chosen) key = { 0 };
	AUTO(free_chars) char *before = NULL;
	struct key_set s = { .first = first };
	enum inro_err e = core_require(c, ROLE_ADMIN, "choose the key that seals secrets");

	if (e == INRO_OK)
		e = seal_key_uri(c, &before);
	if (e == INRO_OK && first && before) /* before one is made for nothing */
		e = has_one(before);
	if (e == INRO_OK)
		e = choose_key(c, r, &key);
	if (e == INRO_OK)
		e = set_chosen(c, &key, &s);
	if (e != INRO_OK)
		return audit_refused(c, "seal.key", "setting", SEAL_SETTING, e);
	seal_opened(c);
	return text_set(ret, chosen_uri(&key));
}

/* ---- none was named ---- */

/* That of the CA in a token here that issues: one below another before a root, which may be kept apart; of these the
 * newest. */
static const struct ca *pick_ca(const struct ca *cas, size_t n)
{
	const struct ca *best = NULL;

	for (size_t i = 0; i < n; i++) {
		SCOPED(p11_uri) u = { 0 };

		if (!*text_or_empty(cas[i].key_uri) || p11_uri_parse(cas[i].key_uri, &u) != INRO_OK ||
		    u.module_path || u.module_name)
			continue;
		if (!best || (cas[i].parent && !best->parent) ||
		    (!cas[i].parent == !best->parent && cas[i].id > best->id))
			best = &cas[i];
	}
	return best;
}

/* The token of such a CA, as a URI with its NUL; empty when there is none. */
static enum inro_err token_of_ca(struct core *c, struct buf *ret_uri)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "state", .number = CA_ACTIVE },
	};
	const struct store_query q = { .conds = conds, .n = ARRAY_LEN(conds) };
	SCOPED(p11_uri) key = { 0 };
	struct p11_uri named = { 0 };
	void *cas = NULL;
	size_t n = 0;
	const struct ca *ca;
	enum inro_err e = core_all(c, &ca_type, &q, &cas, &n);

	ca = e == INRO_OK ? pick_ca(cas, n) : NULL;
	if (ca) {
		e = p11_uri_parse(ca->key_uri, &key);
		named.token = key.token; /* borrowed */
		named.serial = key.serial;
		p11_uri_print(&named, ret_uri);
		buf_add_u8(ret_uri, 0);
	}
	list_free(&ca_type, cas, n);
	return e == INRO_OK ? buf_err(ret_uri) : e;
}

static enum inro_err refused_work(struct core *c, void *arg)
{
	return setting_set(c, REFUSED, arg);
}

static void note_refused(struct core *c, const char *how)
{
	SCOPED(err_kept) kept = err_keep();

	if (core_write(c, refused_work, (void *)(uintptr_t)how) != INRO_OK)
		log_debug("seal: whether a PIN was wrong is not on record");
}

/* The sealing key's token had its right PIN just now. */
void seal_opened(struct core *c)
{
	SCOPED(err_kept) kept = err_keep();
	AUTO(free_chars) char *refused = NULL;

	if (setting_get(c, REFUSED, &refused) == INRO_OK && refused)
		note_refused(c, NULL);
}

/* Programs of this machine look at what is on record, and try, one after the other; -1 stays: not to be had. */
static void take_turn(int *ret_fd)
{
	SCOPED(err_kept) kept = err_keep();
	AUTO(free_chars) char *home = NULL;
	AUTO(free_chars) char *path = NULL;

	if (homedir(true, &home) == INRO_OK && (path = file_join(home, "seal.lock")) != NULL &&
	    file_lock(path, TURN_MS, ret_fd) != INRO_OK)
		log_debug("seal: no turn: %s", err_detail(INRO_E_IO));
}

static enum inro_err try_gently(struct core *c, const char *uri, const char *refused)
{
	bool open = core_token_is_open(c, uri);
	struct token *token;
	enum inro_err e = core_token_gently(c, uri, *refused, &token);

	if (e == INRO_OK && *refused && !open)
		note_refused(c, NULL);
	if (e == INRO_E_PIN_WRONG && !*refused)
		note_refused(c, core_token_tells_tries(c, uri) ? TOLD : UNTOLD);
	return e;
}

/* A PIN that was wrong once is not tried by further commands, until the token had a right one. */
static enum inro_err open_gently(struct core *c, const char *uri)
{
	AUTO(free_chars) char *refused = NULL;
	AUTO(close_fd) int turn = -1;
	enum inro_err e;

	if (!core_token_is_open(c, uri))
		take_turn(&turn);
	e = setting_get(c, REFUSED, &refused);
	if (e == INRO_OK && strcmp(text_or_empty(refused), UNTOLD) == 0 && !core_token_is_open(c, uri))
		return err_set(INRO_E_PIN_LOCKED,
			       "a wrong PIN was given before, and the token does not tell of a right one since: "
			       "reading what it seals ('inro psk get'), or choosing the key, ends that");
	return e == INRO_OK ? try_gently(c, uri, text_or_empty(refused)) : e;
}

static enum inro_err make_first(struct core *c)
{
	SCOPED(chosen) key = { 0 };
	struct key_set s = { .first = true, .unnamed = true };
	enum inro_err e = token_of_ca(c, &key.token);

	if (e == INRO_OK && !key.token.n)
		e = err_set(INRO_E_CONFIG, "there is no CA in a token");
	if (e == INRO_OK)
		e = open_gently(c, chosen_token(&key));
	if (e == INRO_OK)
		e = make_key(c, &key);
	if (e == INRO_OK)
		e = set_chosen(c, &key, &s);
	return e == INRO_E_EXISTS ? INRO_OK : e; /* another program was faster */
}

/* Unless there is one; what hinders it is an error. */
static enum inro_err make_by_itself(struct core *c)
{
	static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER; /* one thread of a process makes it */
	bool is = false;
	enum inro_err e;

	if (!c->pin_known)
		return err_set(INRO_E_PIN_MISSING, "no PIN is at hand");
	pthread_mutex_lock(&first);
	e = seal_is_set(c, &is);
	if (e == INRO_OK && !is)
		e = make_first(c);
	pthread_mutex_unlock(&first);
	return e;
}

/* Does a key seal that was made by itself? */
enum inro_err seal_is_unnamed(struct core *c, bool *ret)
{
	AUTO(free_chars) char *now = NULL;
	AUTO(free_chars) char *unnamed = NULL;
	enum inro_err e = seal_key_uri(c, &now);

	if (e == INRO_OK)
		e = setting_get(c, UNNAMED, &unnamed);
	*ret = e == INRO_OK && now && unnamed && strcmp(now, unnamed) == 0;
	return e;
}

/* The token of the key that seals, without asking anybody. */
static enum inro_err open_unasked(struct core *c)
{
	AUTO(free_chars) char *uri = NULL;
	struct token_secret *key;
	enum inro_err e;

	if (!c->pin_known)
		return err_set(INRO_E_PIN_MISSING, "no PIN is at hand");
	e = seal_key_uri(c, &uri);
	if (e == INRO_OK)
		e = open_gently(c, uri);
	return e == INRO_OK ? core_secret_key(c, uri, &key) : e;
}

enum inro_err seal_current(struct core *c, char **ret)
{
	enum inro_err e = seal_key_uri(c, ret);

	if (e != INRO_OK || *ret)
		return e;
	e = make_by_itself(c);
	if (e != INRO_OK)
		return err_set(INRO_E_CONFIG, "there is no key that seals secrets; 'inro secret "
					      "seal-key --token TOKEN' makes one (none is made by itself: %s)",
			       err_detail(e));
	return seal_key_uri(c, ret);
}

enum inro_err seal_ready(struct core *c, bool *ret, char why[static SEAL_WHY])
{
	bool is = false, unnamed = false;
	enum inro_err e = seal_is_set(c, &is);

	*why = '\0';
	if (e == INRO_OK)
		e = seal_is_unnamed(c, &unnamed);
	if (e != INRO_OK || (is && !unnamed)) {
		*ret = is;
		return e;
	}
	e = is ? open_unasked(c) : make_by_itself(c);
	if (e != INRO_OK)
		snprintf(why, SEAL_WHY, "%s", err_detail(e));
	*ret = e == INRO_OK;
	return INRO_OK;
}
