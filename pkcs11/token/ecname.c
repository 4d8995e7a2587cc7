/* ecname - the names in use for the curves that are offered. */
#include "pkcs11/token/ecname.h"

#include "base/der.h"

#define P256 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define P384 "\x06\x05\x2b\x81\x04\x00\x22"
#define P521 "\x06\x05\x2b\x81\x04\x00\x23"
#define OID(text)                                                                                  \
	{                                                                                          \
		.p = (const uint8_t *)(text), .n = sizeof(text) - 1                                \
	}

static const struct {
	const char *name;
	struct bytes params;
} names[] = {
	{ "secp256r1", OID(P256) }, { "prime256v1", OID(P256) }, { "P-256", OID(P256) },
	{ "secp384r1", OID(P384) }, { "P-384", OID(P384) },	 { "secp521r1", OID(P521) },
	{ "P-521", OID(P521) },
};

enum inro_err ecname_params(struct bytes given, struct bytes *ret_params)
{
	struct bytes name;

	if (der_only(given, DER_PRINTABLE_STRING, &name)) {
		err_reset();
		*ret_params = given;
		return INRO_OK;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (bytes_is(name, names[i].name)) {
			*ret_params = names[i].params;
			return INRO_OK;
		}
	}
	return err_set(INRO_E_CURVE, "no curve is named '%.*s' here", (int)name.n,
		       (const char *)name.p);
}
