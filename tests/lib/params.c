#include "tests/lib/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <openssl/crypto.h>

OSSL_PARAM params_octets(const char *name, struct bytes x)
{
	static uint8_t rooms[4][512];
	static size_t next;
	uint8_t *room = rooms[next++ % 4];

	assert_true(x.n <= sizeof rooms[0]);
	memcpy(room, x.p, x.n);
	return OSSL_PARAM_construct_octet_string(name, room, x.n);
}

OSSL_PARAM params_text(const char *name, const char *value)
{
	static char rooms[4][32];
	static size_t next;
	char *room = rooms[next++ % 4];

	OPENSSL_strlcpy(room, value, sizeof rooms[0]);
	return OSSL_PARAM_construct_utf8_string(name, room, 0);
}

struct bytes params_joined(struct buf *b, struct bytes x, struct bytes y, struct bytes z)
{
	buf_reset(b);
	buf_add(b, x);
	buf_add(b, y);
	buf_add(b, z);
	assert_int_equal(buf_err(b), INRO_OK);
	return buf_bytes(b);
}
