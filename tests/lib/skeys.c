#include "tests/lib/skeys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/own.h"

size_t skeys_unhex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	assert_int_equal(hex_decode(bytes_of(hex), out, cap, &n), INRO_OK);
	return n;
}

bool skeys_is_aead(CK_MECHANISM_TYPE mech)
{
	return mech == CKM_AES_GCM || mech == CKM_AES_CCM || mech == CKM_CHACHA20_POLY1305;
}

struct skey *skeys_aes(void)
{
	static const uint8_t value[32] = { 1, 2, 3 };
	struct skey *k = NULL;

	assert_int_equal(skey_new(&(struct key_spec) { .kind = KEY_SECRET, .key_type = CKK_AES },
				  BYTES(value, sizeof value), &k),
			 INRO_OK);
	return k;
}
