/*
 * seal - see seal.h.  A sealed text: "IS", version 1, the number of its key (4 octets), then what
 * token_secret_seal() gives.
 */
#include "backoffice/core/seal.h"

#include <string.h>

#include "backoffice/core/internal.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/secret/seal_parts.h"

#define HEAD	    "IS\1"
#define HEAD_OCTETS 3

static void bind(const struct core *c, uint32_t number, const struct seal_of *of, struct buf *ret)
{
	buf_add_str(ret, "inro sealed secret 1");
	buf_add_u32(ret, number);
	buf_add_u64(ret, (uint64_t)c->tenant);
	buf_add_field(ret, bytes_of(cred_kind_names[of->kind]));
	buf_add_field(ret, bytes_of(of->device));
	buf_add_field(ret, bytes_of(of->algorithm));
	buf_add_field(ret, of->serial);
}

enum inro_err seal_close_by(struct core *c, const char *uri, const struct seal_of *of,
			      struct bytes plain, struct blob *ret)
{
	SCOPED(buf) aad = { 0 };
	SCOPED(buf) out = { 0 };
	struct token_secret *key;
	uint32_t number;
	bool fresh, open = core_token_is_open(c, uri);
	enum inro_err e = seal_number_of(c, uri, &number, &fresh);

	if (e == INRO_OK)
		e = core_secret_key(c, uri, &key);
	if (e != INRO_OK)
		return err_context(e, "the key that seals secrets");
	if (!open)
		seal_opened(c);
	bind(c, number, of, &aad);
	buf_add(&out, BYTES(HEAD, HEAD_OCTETS));
	buf_add_u32(&out, number);
	e = buf_err(&aad);
	if (e == INRO_OK)
		e = token_secret_seal(key, buf_bytes(&aad), plain, &out);
	return e == INRO_OK ? blob_set(ret, buf_bytes(&out)) : e;
}

enum inro_err seal_close(struct core *c, const struct seal_of *of, struct bytes plain,
			 struct blob *ret)
{
	AUTO(free_chars) char *uri = NULL;
	enum inro_err e = seal_current(c, &uri);

	return e == INRO_OK ? seal_close_by(c, uri, of, plain, ret) : e;
}

enum inro_err seal_read_head(struct bytes *sealed, uint32_t *ret_number)
{
	struct bytes head;

	if (read_bytes(sealed, HEAD_OCTETS, &head) != INRO_OK ||
	    !bytes_equal(head, BYTES(HEAD, HEAD_OCTETS)) || read_u32(sealed, ret_number) != INRO_OK)
		return err_set(INRO_E_DAMAGED, "a secret is not stored as a sealed one");
	return INRO_OK;
}

bool seal_is(struct bytes stored)
{
	return stored.n > HEAD_OCTETS && memcmp(stored.p, HEAD, HEAD_OCTETS) == 0;
}

enum inro_err seal_open(struct core *c, const struct seal_of *of, struct bytes sealed,
			struct secret *ret)
{
	AUTO(free_chars) char *uri = NULL;
	SCOPED(buf) aad = { 0 };
	struct token_secret *key;
	uint32_t number;
	bool open = false;
	enum inro_err e = seal_read_head(&sealed, &number);

	if (e == INRO_OK)
		e = seal_uri_of(c, number, &uri);
	if (e == INRO_OK && !uri)
		e = err_set(INRO_E_DAMAGED, "the sealing key number %u is on no record", number);
	if (e == INRO_OK) {
		open = core_token_is_open(c, uri);
		e = core_secret_key(c, uri, &key);
	}
	if (e != INRO_OK)
		return err_context(e, "the key that a secret is sealed under");
	if (!open)
		seal_opened(c);
	bind(c, number, of, &aad);
	e = buf_err(&aad);
	if (e == INRO_OK)
		e = token_secret_open(key, buf_bytes(&aad), sealed, ret);
	if (e == INRO_E_DATA_INVALID)
		return err_set(INRO_E_DAMAGED, "the sealed secret does not open: it was changed, "
					       "or moved here from another record");
	return e;
}

enum inro_err seal_random(struct core *c, size_t n, struct secret *ret)
{
	AUTO(free_chars) char *uri = NULL;
	struct token *token;
	enum inro_err e = seal_current(c, &uri);

	if (e == INRO_OK)
		e = core_token(c, uri, &token);
	return e == INRO_OK ? token_random(token, n, ret) : e;
}
