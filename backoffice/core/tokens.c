/* tokens - see tokens.h. */
#include "backoffice/core/tokens.h"

#include <stdio.h>
#include <string.h>

#include "backoffice/core/audit.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/seal.h"
#include "base/secret.h"

#define PROBE_OCTETS 16

static bool differ(const char *a, const char *b)
{
	return *a && *b && strcmp(a, b) != 0;
}

/* Tokens may have one label; then the serial numbers tell. */
static bool is_known(const struct tokens *l, struct token_state *one)
{
	bool shared = false;

	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->items[i].label, one->label) != 0)
			continue;
		if (!differ(l->items[i].serial, one->serial))
			return true;
		shared = true;
	}
	snprintf(one->name, sizeof one->name, "%s%s%s", one->label, shared ? "/" : "",
		 shared ? one->serial : "");
	return false;
}

static void name_of(const char *uri, struct token_state *ret)
{
	SCOPED(p11_uri) u = { 0 };

	if (p11_uri_parse(uri, &u) != INRO_OK)
		snprintf(ret->label, sizeof ret->label, "?");
	else if (u.has_slot_id && !u.token && !u.serial)
		snprintf(ret->label, sizeof ret->label, "slot:%lu", u.slot_id);
	else
		snprintf(ret->label, sizeof ret->label, "%s", u.token ? u.token : text_or_empty(u.serial));
	snprintf(ret->serial, sizeof ret->serial, "%s", text_or_empty(u.serial));
}

static enum inro_err probe(struct core *c, const char *uri)
{
	SCOPED(secret) octets = { 0 };
	struct token *token;
	enum inro_err e = core_token(c, uri, &token);

	return e == INRO_OK ? token_random(token, PROBE_OCTETS, &octets) : e;
}

static void look_at(struct core *c, const char *uri, struct tokens *l)
{
	struct token_state one = { 0 };

	name_of(uri, &one);
	if (l->n == TOKENS_MAX || is_known(l, &one))
		return;
	one.error = probe(c, uri);
	if (one.error != INRO_OK)
		snprintf(one.why, sizeof one.why, "%s", err_detail(one.error));
	l->items[l->n++] = one;
}

static enum inro_err of_cas(struct core *c, struct tokens *l)
{
	const struct store_cond active = { .field = "state", .number = CA_ACTIVE };
	const struct store_query q = { .conds = &active, .n = 1 };
	void *items = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &ca_type, &q, &items, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		if (*text_or_empty(((struct ca *)items)[i].key_uri))
			look_at(c, ((struct ca *)items)[i].key_uri, l);
	list_free(&ca_type, items, n);
	return e;
}

static enum inro_err of_setting(struct core *c, const char *name, struct tokens *l)
{
	const struct store_cond named = { .field = "name", .text = name };
	const struct store_query q = { .conds = &named, .n = 1 };
	void *items = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &setting_type, &q, &items, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		if (strncmp(text_or_empty(((struct setting *)items)[i].value), "pkcs11:", 7) == 0)
			look_at(c, ((struct setting *)items)[i].value, l);
	list_free(&setting_type, items, n);
	return e;
}

enum inro_err tokens_look(struct core *c, struct tokens *ret)
{
	enum inro_err e = of_cas(c, ret);

	if (e == INRO_OK)
		e = of_setting(c, AUDIT_KEY_SETTING, ret);
	return e == INRO_OK ? of_setting(c, SEAL_SETTING, ret) : e;
}
