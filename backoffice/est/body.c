/* body - see body.h. */
#include "backoffice/est/body.h"

#include <string.h>

#include "backoffice/pki/pem.h"
#include "base/secret.h"

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
