/* body - see body.h. */
#include "backoffice/est/body.h"

#include <string.h>
#include <strings.h>

#include "backoffice/pki/pem.h"
#include "base/secret.h"

#define BASIC "Basic "

enum inro_err body_read(struct bytes body, struct buf *ret_der)
{
	struct bytes text = body;

	if (!body.n)
		return err_set(INRO_E_SYNTAX, "a request in base64 is missing");
	if (pem_is(body))
		return pem_next(&text, PEM_CSR, ret_der);
	return pem_base64(body, ret_der);
}

void body_add(struct buf *ret, struct bytes der)
{
	pem_add_lines(ret, der);
}

void body_add_part(struct buf *ret, const char *type, struct bytes der)
{
	buf_addf(ret, "--" BODY_BOUNDARY "\r\nContent-Type: %s\r\n"
		      "Content-Transfer-Encoding: base64\r\n\r\n",
		 type);
	body_add(ret, der);
	buf_add_str(ret, "\r\n");
}

void body_add_end(struct buf *ret)
{
	buf_add_str(ret, "--" BODY_BOUNDARY "--\r\n");
}

static bool is_base64_of(struct bytes text, struct bytes binding)
{
	SCOPED(buf) octets = { 0 };

	return binding.n && pem_base64(text, &octets) == INRO_OK &&
	       secret_equal(buf_bytes(&octets), binding);
}

bool body_binds(struct bytes challenge, const struct bytes *bindings, size_t n)
{
	bool found = false;

	for (size_t i = 0; i < n; i++)
		found |= is_base64_of(challenge, bindings[i]);
	return found;
}

enum inro_err body_basic(const char *authorization, struct buf *room, const char **ret_user,
			 struct bytes *ret_password)
{
	size_t skip = strlen(BASIC), user;
	uint8_t *colon;

	if (strncasecmp(authorization, BASIC, skip) != 0 ||
	    pem_base64(bytes_of(authorization + skip), room) != INRO_OK || !room->n)
		return err_set(INRO_E_SYNTAX, "credentials that are not HTTP Basic");
	buf_add_u8(room, 0);
	if (buf_err(room) != INRO_OK)
		return buf_err(room);
	colon = memchr(room->p, ':', room->n - 1);
	if (!colon || memchr(room->p, 0, room->n - 1))
		return err_set(INRO_E_SYNTAX, "credentials that are not HTTP Basic");
	*colon = 0;
	user = (size_t)(colon - room->p);
	*ret_user = (const char *)room->p;
	*ret_password = BYTES(colon + 1, room->n - user - 2);
	return INRO_OK;
}
