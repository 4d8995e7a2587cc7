/* sign_ecdsa - ECDSA by a token: r and s side by side from Cryptoki, DER to libcrypto. */
#include "provider/signature.h"

#include <string.h>

#include "base/der.h"

/* Two numbers of the largest curve's order, P-521. */
#define RAW_MAX (2 * 66)

static enum inro_err to_der(struct bytes raw, uint8_t *out, size_t *n)
{
	SCOPED(buf) der = { .max = *n };
	size_t mark = der_begin(&der, DER_SEQUENCE);

	der_add_unsigned(&der, BYTES(raw.p, raw.n / 2));
	der_add_unsigned(&der, BYTES(raw.p + raw.n / 2, raw.n / 2));
	der_end(&der, mark);
	if (buf_err(&der))
		return buf_err(&der);
	memcpy(out, der.p, der.n);
	*n = der.n;
	return INRO_OK;
}

static const struct bytes bytes_of_zero = { (const uint8_t[]) { 0 }, 1 };

static enum inro_err sign(struct signature *s, struct bytes input, uint8_t *out, size_t *n)
{
	CK_MECHANISM mech = { .mechanism = CKM_ECDSA };
	size_t order = ((size_t)EVP_PKEY_get_bits(s->key->pkey) + 7) / 8;
	uint8_t raw[RAW_MAX];
	size_t raw_n = sizeof raw;
	enum inro_err e;

	/* Of a longer digest the leftmost bits count (FIPS 186-5 6.4.1); every curve whose order is
	 * shorter than a digest has one of whole bytes. */
	if (input.n > order)
		input.n = order;
	if (input.n == 0) /* the number 0, which a token takes in one byte and not in none */
		input = bytes_of_zero;
	e = object_sign(s->key->object, &mech, input, raw, &raw_n);
	if (e)
		return e;
	if (raw_n == 0 || raw_n % 2)
		return err_set(INRO_E_TOKEN, "the token's ECDSA signature has %zu bytes", raw_n);
	return to_der(BYTES(raw, raw_n), out, n);
}

const struct signature_type signature_ecdsa = { .sign = sign };
