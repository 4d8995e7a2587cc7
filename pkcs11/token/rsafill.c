/* rsafill - a probabilistic factoring by the exponents, then the Chinese remainder's numbers. */
#include "pkcs11/token/rsafill.h"

#include <openssl/bn.h>

#include "pkcs11/token/libctx.h"

#define TRIES 24 /* each fails with a probability of one half */

enum { N, E, D, P, Q, DP, DQ, QINV, NUMBERS };

struct numbers {
	BN_CTX *ctx;
	BIGNUM *v[NUMBERS];
	BIGNUM *k, *r, *g, *x, *one_less; /* on the way */
};

static void numbers_clear(struct numbers *n)
{
	BIGNUM *const on_the_way[] = { n->k, n->r, n->g, n->x, n->one_less };

	for (size_t i = 0; i < NUMBERS; i++)
		BN_clear_free(n->v[i]);
	for (size_t i = 0; i < ARRAY_LEN(on_the_way); i++)
		BN_clear_free(on_the_way[i]);
	BN_CTX_free(n->ctx);
}

static struct bytes *part(struct key_parts *parts, size_t i)
{
	struct bytes *const at[NUMBERS] = { &parts->n, &parts->e,  &parts->d,  &parts->p,
					    &parts->q, &parts->dp, &parts->dq, &parts->qinv };

	return at[i];
}

static bool take(struct key_parts *parts, struct numbers *n)
{
	bool ok = (n->ctx = BN_CTX_new()) && (n->k = BN_new()) && (n->r = BN_new()) &&
		  (n->g = BN_new()) && (n->x = BN_new()) && (n->one_less = BN_new());

	for (size_t i = 0; i < NUMBERS && ok; i++) {
		struct bytes b = *part(parts, i);

		n->v[i] = BN_bin2bn(b.n ? b.p : (const uint8_t *)"", (int)b.n, NULL);
		ok = n->v[i] != NULL;
	}
	if (ok && BN_is_zero(n->v[E]))
		ok = BN_set_word(n->v[E], 65537);
	return ok;
}

/* k = d e - 1 = 2^t r, r odd. */
static bool split_exponents(struct numbers *n, int *ret_t)
{
	int t = 0;

	if (!BN_mul(n->k, n->v[D], n->v[E], n->ctx) || !BN_sub_word(n->k, 1) || BN_is_zero(n->k))
		return false;
	while (!BN_is_bit_set(n->k, t))
		t++;
	*ret_t = t;
	return t > 0 && BN_rshift(n->r, n->k, t) && BN_copy(n->one_less, n->v[N]) &&
	       BN_sub_word(n->one_less, 1);
}

/* x = g^r, squared until its square is one: then x - 1 shares a prime with n. */
static bool try_base(struct numbers *n, BN_ULONG base, int t)
{
	if (!BN_set_word(n->g, base) || !BN_mod_exp(n->x, n->g, n->r, n->v[N], n->ctx))
		return false;
	for (int i = 0; i < t; i++) {
		if (BN_is_one(n->x) || BN_cmp(n->x, n->one_less) == 0)
			return false;
		if (!BN_mod_sqr(n->g, n->x, n->v[N], n->ctx))
			return false;
		if (BN_is_one(n->g))
			return BN_sub_word(n->x, 1) && BN_gcd(n->v[P], n->x, n->v[N], n->ctx);
		if (!BN_copy(n->x, n->g))
			return false;
	}
	return false;
}

static enum inro_err find_primes(struct numbers *n)
{
	int t = 0;
	bool found = false;

	if (!split_exponents(n, &t))
		return err_set(INRO_E_ATTR_VALUE, "the exponents are not those of an RSA key");
	for (BN_ULONG base = 2; base < 2 + TRIES && !found; base++)
		found = try_base(n, base, t);
	if (!found)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE,
			       "the primes do not follow from the modulus and the exponents that "
			       "were given: give all numbers of the key");
	return BN_div(n->v[Q], NULL, n->v[N], n->v[P], n->ctx) ? INRO_OK : libcrypto_err("dividing");
}

/* The larger prime is the first (RFC 8017 3.2), as every program expects. */
static enum inro_err find_rest(struct numbers *n)
{
	if (BN_is_zero(n->v[P]) || BN_is_zero(n->v[Q]))
		return err_set(INRO_E_ATTR_VALUE, "a prime of an RSA key is zero");
	if (BN_cmp(n->v[P], n->v[Q]) < 0)
		BN_swap(n->v[P], n->v[Q]);
	if (!BN_copy(n->x, n->v[P]) || !BN_sub_word(n->x, 1) ||
	    !BN_mod(n->v[DP], n->v[D], n->x, n->ctx) || !BN_copy(n->x, n->v[Q]) ||
	    !BN_sub_word(n->x, 1) || !BN_mod(n->v[DQ], n->v[D], n->x, n->ctx) ||
	    !BN_mod_inverse(n->v[QINV], n->v[Q], n->v[P], n->ctx))
		return err_set(INRO_E_ATTR_VALUE, "the numbers are not those of an RSA key");
	return INRO_OK;
}

static enum inro_err give(struct key_parts *parts, const struct numbers *n, struct secret *room)
{
	size_t at = 0, total = 0;
	enum inro_err e;

	for (size_t i = 0; i < NUMBERS; i++)
		total += (size_t)BN_num_bytes(n->v[i]);
	e = secret_new(total, room);
	for (size_t i = 0; i < NUMBERS && !e; i++) {
		*part(parts, i) = BYTES(room->p + at, (size_t)BN_num_bytes(n->v[i]));
		at += (size_t)BN_bn2bin(n->v[i], room->p + at);
	}
	return e;
}

static bool lacks(struct key_parts *parts, size_t from)
{
	for (size_t i = from; i < NUMBERS; i++) {
		if (part(parts, i)->n == 0)
			return true;
	}
	return false;
}

enum inro_err rsafill(struct key_parts *parts, struct secret *ret_room)
{
	KEEP_LIBCRYPTO_ERRORS();
	SCOPED(numbers) n = { 0 };
	enum inro_err e = INRO_OK;

	if (!lacks(parts, 0))
		return INRO_OK;
	if (parts->n.n == 0 || parts->d.n == 0)
		return err_set(INRO_E_TEMPLATE_INCOMPLETE,
			       "an RSA private key needs at least modulus and private exponent");
	for (size_t i = 0; i < NUMBERS; i++) {
		if (part(parts, i)->n > RSA_MAX_BITS / 8)
			return err_set(INRO_E_KEY_SIZE, "a number of an RSA key is too long");
	}
	if (!take(parts, &n))
		return err_set(INRO_E_NO_MEMORY, "no memory for an RSA key");
	if (parts->p.n == 0 || parts->q.n == 0)
		e = find_primes(&n);
	if (!e && (parts->p.n == 0 || lacks(parts, DP)))
		e = find_rest(&n);
	return e ? e : give(parts, &n, ret_room);
}
