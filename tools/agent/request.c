/* request - see request.h. */
#include "tools/agent/request.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/pki/dn.h"
#include "backoffice/pki/san.h"
#include "base/own.h"

static enum inro_err first_names(const struct agent_settings *s, struct buf *subject,
				 struct buf *sans)
{
	SCOPED(buf) usual = { 0 };
	enum inro_err e;

	buf_addf(&usual, "/CN=%s", s->id);
	buf_add_u8(&usual, 0);
	e = buf_err(&usual);
	if (e == INRO_OK)
		e = dn_parse(s->subject ? s->subject : (const char *)usual.p, NULL, subject);
	for (size_t i = 0; e == INRO_OK && i < s->sans.n; i++)
		e = san_add(sans, s->sans.items[i]);
	return e == INRO_OK ? buf_err(sans) : e;
}

/* A renewal asks for what the certificate has (RFC 7030 4.2.2). */
static enum inro_err sign_request(const struct request_room *q, struct token_key *key, bool again,
				  struct buf *ret)
{
	SCOPED(buf) subject = { 0 };
	SCOPED(buf) sans = { 0 };
	enum inro_err e;

	if (again)
		return keys_csr(key, q->live->cert.subject, q->live->cert.ext.sans, ret);
	e = first_names(q->s, &subject, &sans);
	return e == INRO_OK ? keys_csr(key, buf_bytes(&subject), buf_bytes(&sans), ret) : e;
}

static enum inro_err begin(const struct request_room *q, unsigned generation, bool again, struct buf *csr,
			   char **uri)
{
	AUTO(token_key_free_ptr) struct token_key *key = NULL;
	enum inro_err e = keys_need(q->hold);

	if (e == INRO_OK && again && q->s->rekey == AGENT_REKEY_SAME)
		e = keys_find(q->hold->token, q->live->uri, &key);
	else if (e == INRO_OK)
		e = keys_make(q->s, q->hold->token, generation, &key);
	if (e == INRO_OK)
		e = keys_uri(q->s, key, uri);
	if (e == INRO_OK)
		e = sign_request(q, key, again, csr);
	return e == INRO_OK ? pair_begin(q->s, generation, buf_bytes(csr), *uri) : e;
}

enum inro_err request_of(const struct request_room *q, unsigned generation, bool again, struct buf *ret_csr,
			 char **ret_uri)
{
	enum inro_err e = pair_request(q->s, generation, ret_csr, ret_uri);

	return e == INRO_E_NOT_FOUND ? begin(q, generation, again, ret_csr, ret_uri) : e;
}

/* One key, wherever its PIN is from and whatever else the URIs say. */
static bool is_same_key(const char *a, const char *b)
{
	SCOPED(p11_uri) x = { 0 };
	SCOPED(p11_uri) y = { 0 };

	if (p11_uri_parse(a, &x) != INRO_OK || p11_uri_parse(b, &y) != INRO_OK)
		return strcmp(a, b) == 0;
	return x.has_id && y.has_id ? bytes_equal(BYTES(x.id, x.id_n), BYTES(y.id, y.id_n)) : strcmp(a, b) == 0;
}

static enum inro_err is_kept(const struct request_room *q, unsigned generation, const char *uri, bool *ret)
{
	AUTO(free_chars) char *before = NULL;
	unsigned live = q->live->generation;
	enum inro_err e = INRO_OK;

	*ret = q->live->uri && is_same_key(uri, q->live->uri);
	if (!*ret && live > 1 && generation != live - 1)
		e = pair_uri(q->s, live - 1, &before);
	if (before)
		*ret = is_same_key(uri, before);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

enum inro_err request_drop(const struct request_room *q, unsigned generation)
{
	AUTO(free_chars) char *uri = NULL;
	enum inro_err e = pair_uri(q->s, generation, &uri); /* its request may have gone before a power cut */
	bool kept = false;

	if (e == INRO_OK)
		e = is_kept(q, generation, uri, &kept);
	if (e == INRO_OK && !kept)
		e = keys_need(q->hold);
	if (e == INRO_OK)
		e = pair_withdraw(q->s, generation);
	if (e == INRO_OK && !kept)
		e = keys_drop(q->hold->token, uri);
	return e == INRO_OK || e == INRO_E_NOT_FOUND ? pair_drop(q->s, generation) : e;
}

void request_give_up(const struct request_room *q, unsigned generation)
{
	SCOPED(err_kept) kept = err_keep();

	if (request_drop(q, generation) != INRO_OK)
		err_reset();
}
