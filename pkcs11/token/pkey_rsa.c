/* pkey_rsa - RSA pairs (RFC 8017). */
#include "pkcs11/token/pkey_private.h"

#include <openssl/core_names.h>

#include "base/own.h"

#define F4		   65537
#define RSA_NUMBERS	   8
#define RSA_PUBLIC_NUMBERS 2
#define RSA_MAX_NUMBER	   ((size_t)RSA_MAX_BITS / 8)
#define RSA_ROOM	   (RSA_NUMBERS * RSA_MAX_NUMBER)

struct number {
	const char *name;
	size_t offset; /* in struct key_parts */
};

/* The public ones first. */
static const struct number rsa_numbers[RSA_NUMBERS] = {
	{ .name = OSSL_PKEY_PARAM_RSA_N, .offset = offsetof(struct key_parts, n) },
	{ .name = OSSL_PKEY_PARAM_RSA_E, .offset = offsetof(struct key_parts, e) },
	{ .name = OSSL_PKEY_PARAM_RSA_D, .offset = offsetof(struct key_parts, d) },
	{ .name = OSSL_PKEY_PARAM_RSA_FACTOR1, .offset = offsetof(struct key_parts, p) },
	{ .name = OSSL_PKEY_PARAM_RSA_FACTOR2, .offset = offsetof(struct key_parts, q) },
	{ .name = OSSL_PKEY_PARAM_RSA_EXPONENT1, .offset = offsetof(struct key_parts, dp) },
	{ .name = OSSL_PKEY_PARAM_RSA_EXPONENT2, .offset = offsetof(struct key_parts, dq) },
	{ .name = OSSL_PKEY_PARAM_RSA_COEFFICIENT1, .offset = offsetof(struct key_parts, qinv) },
};

static struct bytes *part(struct key_parts *parts, const struct number *number)
{
	return (struct bytes *)(void *)((char *)parts + number->offset);
}

static enum inro_err rsa_from_parts(struct pkey *k, struct key_parts *parts)
{
	SCOPED(secret) room = { 0 };
	OSSL_PARAM params[RSA_NUMBERS + 1];
	size_t n = k->is_private ? RSA_NUMBERS : RSA_PUBLIC_NUMBERS;
	uint8_t *scratch;
	enum inro_err e = secret_new(RSA_ROOM, &room);

	if (e)
		return e;
	k->algorithm = "RSA";
	scratch = room.p;
	for (size_t i = 0; i < n; i++) {
		struct bytes x = *part(parts, &rsa_numbers[i]);

		if (x.n > RSA_MAX_NUMBER)
			return err_set(INRO_E_TOO_BIG, "an RSA key with a part of %zu bytes", x.n);
		params[i] = pkey_number_param(rsa_numbers[i].name, x, &scratch);
	}
	params[n] = OSSL_PARAM_construct_end();
	return pkey_build(k, params);
}

static enum inro_err rsa_to_parts(const struct pkey *k, bool private, struct secret *room,
				  struct key_parts *ret)
{
	struct key_parts parts = { .kind = KEY_RSA, .bits = k->bits };
	size_t n = private ? RSA_NUMBERS : RSA_PUBLIC_NUMBERS, used = 0;
	enum inro_err e = secret_new(RSA_ROOM, room);

	for (size_t i = 0; !e && i < n; i++)
		e = pkey_take_number(k, rsa_numbers[i].name, 0, room, &used,
				     part(&parts, &rsa_numbers[i]));
	if (!e)
		*ret = parts;
	return e;
}

/* The exponent as a number; 0 if it is none that a key is made with. */
static uint64_t exponent_of(struct bytes e)
{
	uint64_t x = 0;

	if (e.n == 0)
		return F4;
	for (size_t i = 0; i < e.n; i++) {
		if (x >> 56)
			return 0;
		x = x << 8 | e.p[i];
	}
	return x >= F4 && (x & 1) ? x : 0;
}

static enum inro_err rsa_generate(struct pkey *k, const struct key_spec *spec)
{
	uint64_t exponent = exponent_of(spec->params);
	size_t bits = spec->bits;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_PKEY_PARAM_RSA_BITS, &bits),
		OSSL_PARAM_construct_uint64(OSSL_PKEY_PARAM_RSA_E, &exponent),
		OSSL_PARAM_construct_end(),
	};

	if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS || bits % 8)
		return err_set(INRO_E_KEY_SIZE, "an RSA key of %zu bits: %d to %d, in steps of 8",
			       bits, RSA_MIN_BITS, RSA_MAX_BITS);
	if (!exponent)
		return err_set(INRO_E_ATTR_VALUE, "an RSA key is made with an odd public exponent "
						  "of 65537 to 2^64");
	k->algorithm = "RSA";
	return pkey_make(k, params, false);
}

static void rsa_measure(struct pkey *k, const struct key_parts *public)
{
	k->modulus = public->n;
	k->sig_len = public->n.n;
}

const struct pkey_type pkey_type_rsa = {
	.generate = rsa_generate,
	.from_parts = rsa_from_parts,
	.to_parts = rsa_to_parts,
	.measure = rsa_measure,
	.sample = "RSA",
};
