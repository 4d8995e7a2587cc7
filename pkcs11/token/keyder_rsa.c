/* keyder_rsa - RSA keys in DER: RFC 3279 2.3.1 and RFC 8017 A.1. */
#include "base/oids.h"
#include "pkcs11/token/keyder_private.h"

#define ALGORITHM OID_ELEMENT("\x09", OID_RSA)
#define RSA_PARTS 8 /* n e d p q dp dq qinv, the order of RFC 8017 A.1.2 */

static bool rsa_owns(struct bytes oid)
{
	return bytes_equal(oid, BYTES(ALGORITHM, sizeof ALGORITHM - 1));
}

static enum inro_err rsa_read_algorithm(struct bytes oid, struct bytes rest,
					struct key_parts *parts)
{
	(void)oid;
	parts->kind = KEY_RSA;
	return der_only(rest, DER_NULL, &rest);
}

static CK_ULONG bits_of(struct bytes magnitude)
{
	CK_ULONG bits = magnitude.n * 8;

	for (unsigned mask = 0x80; magnitude.n && mask && !(magnitude.p[0] & mask); mask >>= 1)
		bits--;
	return bits;
}

static enum inro_err check_public(struct key_parts *parts)
{
	parts->bits = bits_of(parts->n);
	if (parts->bits < RSA_MIN_BITS || parts->bits > RSA_MAX_BITS)
		return err_set(INRO_E_KEY_SIZE, "an RSA modulus of %lu bits: %d to %d are taken",
			       parts->bits, RSA_MIN_BITS, RSA_MAX_BITS);
	/* libcrypto's own bound for large moduli is 64 bits; 3 is the least that is a key */
	if (parts->e.n == 0 || parts->e.n > 8 || !(parts->e.p[parts->e.n - 1] & 1) ||
	    (parts->e.n == 1 && parts->e.p[0] < 3))
		return err_set(INRO_E_ATTR_VALUE, "the RSA public exponent must be odd, at least "
						  "3 and at most 64 bits long");
	return INRO_OK;
}

static enum inro_err rsa_read_public(struct bytes der, struct key_parts *parts)
{
	struct bytes seq;
	enum inro_err e = der_only(der, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take_unsigned(&seq, &parts->n);
	if (!e)
		e = der_take_unsigned(&seq, &parts->e);
	if (!e)
		e = keyder_nothing_left(seq);
	return e ? e : check_public(parts);
}

static enum inro_err rsa_read_private(struct bytes der, struct key_parts *parts)
{
	struct bytes *const numbers[RSA_PARTS] = {
		&parts->n, &parts->e,  &parts->d,  &parts->p,
		&parts->q, &parts->dp, &parts->dq, &parts->qinv
	};
	struct bytes seq;
	int64_t version = -1;
	enum inro_err e = der_only(der, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take_int(&seq, &version);
	if (!e && version != 0)
		return err_set(INRO_E_UNSUPPORTED, "an RSA key with more than two primes");
	for (size_t i = 0; !e && i < RSA_PARTS; i++)
		e = der_take_unsigned(&seq, numbers[i]);
	if (!e)
		e = keyder_nothing_left(seq);
	return e ? e : check_public(parts);
}

static void rsa_write_algorithm(const struct key_parts *parts, struct buf *b)
{
	(void)parts;
	buf_add(b, BYTES(ALGORITHM, sizeof ALGORITHM - 1));
	der_add(b, DER_NULL, BYTES_NONE);
}

static enum inro_err rsa_write_public(const struct key_parts *parts, struct buf *b)
{
	struct key_parts public = { .n = keyder_trimmed(parts->n), .e = keyder_trimmed(parts->e) };
	size_t seq = der_begin(b, DER_SEQUENCE);

	der_add_unsigned(b, public.n);
	der_add_unsigned(b, public.e);
	der_end(b, seq);
	return check_public(&public);
}

static enum inro_err rsa_write_private(const struct key_parts *parts, struct buf *b)
{
	const struct bytes numbers[RSA_PARTS] = { parts->n, parts->e,  parts->d,  parts->p,
						  parts->q, parts->dp, parts->dq, parts->qinv };
	struct key_parts public = { .n = keyder_trimmed(parts->n), .e = keyder_trimmed(parts->e) };
	size_t seq = der_begin(b, DER_SEQUENCE);

	der_add_int(b, 0);
	for (size_t i = 0; i < RSA_PARTS; i++) {
		if (keyder_trimmed(numbers[i]).n == 0)
			return err_set(INRO_E_TEMPLATE_INCOMPLETE,
				       "an RSA private key needs modulus, both exponents, both "
				       "primes and the three CRT numbers");
		der_add_unsigned(b, numbers[i]);
	}
	der_end(b, seq);
	return check_public(&public);
}

const struct keyder_form keyder_rsa = {
	.owns = rsa_owns,
	.read_algorithm = rsa_read_algorithm,
	.read_public = rsa_read_public,
	.read_private = rsa_read_private,
	.write_algorithm = rsa_write_algorithm,
	.write_public = rsa_write_public,
	.write_private = rsa_write_private,
};
