/* reference - see reference.h. */
#include "base/cryptoki/reference.h"

#include <string.h>

#include "base/der.h"

#define DESCRIPTION    "PKCS#11 Provider URI v1.0"
#define VISIBLE_STRING 0x1a

void reference_write(const char *uri, struct buf *out)
{
	size_t mark = der_begin(out, DER_SEQUENCE);

	der_add(out, VISIBLE_STRING, bytes_of(DESCRIPTION));
	der_add(out, DER_UTF8_STRING, bytes_of(uri));
	der_end(out, mark);
}

bool reference_is(struct bytes head)
{
	return head.n >= 8 && head.p[0] == DER_SEQUENCE &&
	       memmem(head.p, head.n, DESCRIPTION, sizeof DESCRIPTION - 1);
}

enum inro_err reference_read(struct bytes der, char **ret_uri)
{
	SCOPED(buf) text = { 0 };
	struct bytes body, description, uri;
	enum inro_err e = der_only(der, DER_SEQUENCE, &body);

	if (!e)
		e = der_take(&body, VISIBLE_STRING, &description);
	if (!e)
		e = der_take(&body, DER_UTF8_STRING, &uri);
	if (e || body.n || !bytes_is(description, DESCRIPTION) || memchr(uri.p, 0, uri.n))
		return err_set(INRO_E_SYNTAX, "the key reference is damaged: write it anew with "
					      "openssl pkey -in 'pkcs11:...' -out FILE");
	buf_add(&text, uri);
	*ret_uri = buf_take_str(&text);
	return *ret_uri ? INRO_OK : INRO_E_NO_MEMORY;
}
