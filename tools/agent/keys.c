/* keys - see keys.h. */
#include "tools/agent/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "backoffice/pki/csr.h"
#include "base/file.h"

enum inro_err keys_open(const struct agent_settings *s, struct token **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	SCOPED(secret) pin = { 0 };
	enum inro_err e = p11_uri_name_token(s->token, &uri);

	if (e == INRO_OK)
		e = file_read_secret(s->pin_source, &pin);
	return e == INRO_OK ? token_open(&uri, secret_bytes(&pin), ret) : e;
}

/* When the file with the PIN came to be as it is, in nanoseconds; 0: it can't be told.  What it says of when
 * it was written may have come with it, the same for one PIN as for the next (images, cp -p). */
static int64_t pin_written(const struct agent_settings *s)
{
	struct stat st;

	if (stat(s->pin_source, &st) != 0 || st.st_ctim.tv_sec <= 0)
		return 0;
	return st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec;
}

enum inro_err keys_need(struct keys_hold *h)
{
	int64_t written = pin_written(h->s);
	enum inro_err e;

	if (h->token)
		return INRO_OK;
	if (written && written == *h->refused_pin)
		return err_set(INRO_E_PIN_WRONG,
			       "the token refused the PIN in %s; it is not tried again before that "
			       "file changes",
			       h->s->pin_source);
	e = keys_open(h->s, &h->token);
	*h->refused_pin = e == INRO_E_PIN_WRONG ? written : 0;
	return e;
}

void keys_hold_clear(struct keys_hold *h)
{
	token_close(h->token);
	h->token = NULL;
}

static enum inro_err find_label(struct token *t, const char *label, struct token_key **ret)
{
	SCOPED(p11_uri) uri = { .type = P11_PRIVATE };

	uri.object = (char *)(uintptr_t)label;
	enum inro_err e = token_key_find(t, &uri, ret);

	uri.object = NULL;
	return e;
}

bool keys_unwrap(const struct pki_key_kind *kind)
{
	enum pki_family family = pki_key_type(kind->type)->family;

	return family == PKI_EC || family == PKI_RSA_KEYS;
}

enum inro_err keys_make(const struct agent_settings *s, struct token *t, unsigned generation,
			struct token_key **ret)
{
	char label[TOKEN_KEY_LABEL_MAX + 1];
	struct token_key_plan plan = { .label = label };
	int n = snprintf(label, sizeof label, "%s-%u", s->key_label, generation);
	enum inro_err e;

	if (n < 0 || (size_t)n >= sizeof label)
		return err_set(INRO_E_TOO_BIG, "key-label '%s' is too long; %d bytes with its number",
			       s->key_label, TOKEN_KEY_LABEL_MAX);
	e = pki_key_kind_find(s->key_type, &plan.kind);
	plan.unwrap = e == INRO_OK && s->secrets.n && keys_unwrap(plan.kind);
	if (e == INRO_OK)
		e = find_label(t, label, ret);
	if (e != INRO_E_NOT_FOUND)
		return e;
	return token_key_generate(t, &plan, ret);
}

enum inro_err keys_find(struct token *t, const char *text, struct token_key **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	enum inro_err e = p11_uri_parse(text, &uri);

	return e == INRO_OK ? token_key_find(t, &uri, ret) : e;
}

enum inro_err keys_uri(const struct agent_settings *s, const struct token_key *k, char **ret)
{
	SCOPED(buf) plain = { 0 };
	SCOPED(buf) whole = { 0 };
	SCOPED(p11_uri) uri = { 0 };
	enum inro_err e;

	token_key_uri(k, &plain);
	buf_add_u8(&plain, 0);
	e = buf_err(&plain);
	if (e == INRO_OK)
		e = p11_uri_parse((const char *)plain.p, &uri);
	if (e != INRO_OK)
		return e;
	if (asprintf(&uri.pin_source, "file:%s", s->pin_source) < 0) {
		uri.pin_source = NULL;
		return agent_no_memory();
	}
	p11_uri_print(&uri, &whole);
	*ret = buf_take_str(&whole);
	return *ret ? INRO_OK : agent_no_memory();
}

enum inro_err keys_drop(struct token *t, const char *uri)
{
	AUTO(token_key_free_ptr) struct token_key *k = NULL;
	size_t n;
	enum inro_err e = keys_find(t, uri, &k);

	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	return e == INRO_OK ? token_delete(t, token_key_id(k), TOKEN_PAIR_AND_CERTS, &n) : e;
}

enum inro_err keys_csr(struct token_key *k, struct bytes subject, struct bytes sans,
		       struct buf *ret)
{
	const struct csr_plan plan = { .subject = subject, .sans = sans };

	return token_key_csr(k, &plan, ret);
}
