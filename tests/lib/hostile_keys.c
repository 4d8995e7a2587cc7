/* hostile_keys - see hostile_keys.h. */
#include "tests/lib/hostile_keys.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "base/der.h"
#include "tests/lib/csr_parts.h"

static void make_for(EVP_PKEY *key, struct buf *ret)
{
	struct csr_parts p;

	csr_must(key != NULL, "a key");
	csr_parts_open(&p);
	buf_reset(&p.spki);
	csr_add_spki(&p.spki, key);
	p.signer = key;
	csr_parts_close(&p, ret);
	EVP_PKEY_free(key);
}

void hostile_explicit(const struct hostile *h, struct buf *ret)
{
	EVP_PKEY *key = EVP_EC_gen(h->text);

	csr_must(key && EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
						       OSSL_PKEY_EC_ENCODING_EXPLICIT) == 1,
		 "explicit parameters");
	make_for(key, ret);
}

void hostile_curve(const struct hostile *h, struct buf *ret)
{
	make_for(EVP_EC_gen(h->text), ret);
}

void hostile_compressed(const struct hostile *h, struct buf *ret)
{
	EVP_PKEY *key = EVP_EC_gen(h->text);

	csr_must(key && EVP_PKEY_set_utf8_string_param(
				key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
				OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED) == 1,
		 "a compressed point");
	make_for(key, ret);
}

void hostile_spki(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;

	csr_parts_open(&p);
	buf_reset(&p.spki);
	csr_add_hex(&p.spki, h->text);
	csr_parts_close(&p, ret);
}

/* An RSA key of a modulus and an exponent that may be none. */
static void add_rsa_spki(struct buf *to, const BIGNUM *n, const BIGNUM *e)
{
	const BIGNUM *const numbers[] = { n, e };
	SCOPED(buf) key = { 0 };
	size_t seq = der_begin(&key, DER_SEQUENCE), spki;

	for (size_t i = 0; i < 2; i++) {
		static uint8_t octets[4096];

		der_add_unsigned(&key, BYTES(octets, (size_t)BN_bn2bin(numbers[i], octets)));
	}
	der_end(&key, seq);
	spki = der_begin(to, DER_SEQUENCE);
	csr_add_hex(to, "300d06092a864886f70d0101010500");
	der_add_bits(to, buf_bytes(&key));
	der_end(to, spki);
}

void hostile_rsa_numbers(const struct hostile *h, struct buf *ret)
{
	BIGNUM *n = BN_new(), *e = NULL;
	struct csr_parts p;

	csr_must(BN_rand(n, abs(h->number), 0, h->number > 0) && BN_hex2bn(&e, h->text), "numbers");
	if (h->number < 0)
		BN_clear_bit(n, 0);
	csr_parts_open(&p);
	buf_reset(&p.spki);
	add_rsa_spki(&p.spki, n, e);
	csr_add_hex(&p.identifier, "300d06092a864886f70d01010b0500");
	csr_parts_close(&p, ret);
	BN_free(n);
	BN_free(e);
}

/* A key of these primes that signs. */
static EVP_PKEY *rsa_of(const BIGNUM *p, const BIGNUM *q)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = BN_new(), *d = BN_new(), *e = BN_new(), *p1 = BN_dup(p), *q1 = BN_dup(q);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *kctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params;

	BN_set_word(e, 65537);
	BN_mul(n, p, q, ctx);
	BN_sub_word(p1, 1);
	BN_sub_word(q1, 1);
	BN_mul(p1, p1, q1, ctx);
	csr_must(BN_mod_inverse(d, e, p1, ctx) != NULL, "an exponent");
	OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e);
	OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_D, d);
	params = OSSL_PARAM_BLD_to_param(bld);
	csr_must(EVP_PKEY_fromdata_init(kctx) == 1 &&
			 EVP_PKEY_fromdata(kctx, &key, EVP_PKEY_KEYPAIR, params) == 1,
		 "a key of two primes");
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(kctx);
	BN_free(n);
	BN_free(d);
	BN_free(e);
	BN_free(p1);
	BN_free(q1);
	BN_CTX_free(ctx);
	return key;
}

static bool fits(const BIGNUM *p, BN_CTX *ctx)
{
	return BN_mod_word(p, 65537) != 1 && BN_check_prime(p, ctx, NULL) == 1;
}

/* The first prime from p on. */
static void next_prime(BIGNUM *p, BN_CTX *ctx)
{
	BN_set_bit(p, 0);
	while (!fits(p, ctx))
		BN_add_word(p, 2);
}

void hostile_close(const struct hostile *h, struct buf *ret)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = BN_new(), *q;

	BN_rand(p, h->number, 1, 1);
	next_prime(p, ctx);
	q = BN_dup(p);
	BN_add_word(q, 1000);
	next_prime(q, ctx);
	make_for(rsa_of(p, q), ret);
	BN_free(p);
	BN_free(q);
	BN_CTX_free(ctx);
}

void hostile_factor(const struct hostile *h, struct buf *ret)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = BN_new(), *q = BN_new();

	BN_rand(p, h->number, 1, 1);
	next_prime(p, ctx);
	BN_set_word(q, 751);
	make_for(rsa_of(p, q), ret);
	BN_free(p);
	BN_free(q);
	BN_CTX_free(ctx);
}

/* k * M + (65537^a mod M), for the product M of the primes to 167. */
static void roca_prime(BIGNUM *p, int bits, BN_CTX *ctx)
{
	BIGNUM *m = BN_new(), *base = BN_new(), *a = BN_new(), *x = BN_new();

	BN_one(m);
	for (unsigned n = 2; n <= 167; n++) {
		unsigned q = 2;

		while (n % q)
			q++;
		if (q == n)
			BN_mul_word(m, n);
	}
	BN_set_word(base, 65537);
	do {
		BN_rand(a, 60, 0, 0);
		BN_mod_exp(x, base, a, m, ctx);
		BN_rand(p, bits - BN_num_bits(m), 1, 0);
		BN_mul(p, p, m, ctx);
		BN_add(p, p, x);
	} while (!fits(p, ctx));
	BN_free(m);
	BN_free(base);
	BN_free(a);
	BN_free(x);
}

void hostile_roca(const struct hostile *h, struct buf *ret)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = BN_new(), *q = BN_new();

	roca_prime(p, h->number + 1, ctx);
	roca_prime(q, h->number + 1, ctx);
	make_for(rsa_of(p, q), ret);
	BN_free(p);
	BN_free(q);
	BN_CTX_free(ctx);
}

void hostile_rsa(const struct hostile *h, struct buf *ret)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *e = NULL;
	EVP_PKEY *key = NULL;

	BN_hex2bn(&e, h->text);
	csr_must(EVP_PKEY_keygen_init(ctx) == 1 &&
			 EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, h->number) == 1 &&
			 EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) == 1 &&
			 EVP_PKEY_keygen(ctx, &key) == 1,
		 "an RSA key");
	EVP_PKEY_CTX_free(ctx);
	BN_free(e);
	make_for(key, ret);
}

void hostile_identity(const struct hostile *h, struct buf *ret)
{
	uint8_t point[32] = { 1 }, signature[64] = { 1 };
	struct csr_parts p;
	size_t spki;

	(void)h;
	csr_parts_open(&p);
	buf_reset(&p.spki);
	spki = der_begin(&p.spki, DER_SEQUENCE);
	csr_add_hex(&p.spki, "300506032b6570");
	der_add_bits(&p.spki, BYTES(point, sizeof point));
	der_end(&p.spki, spki);
	csr_add_hex(&p.identifier, "300506032b6570");
	buf_add(&p.signature, BYTES(signature, sizeof signature));
	csr_parts_close(&p, ret);
}
