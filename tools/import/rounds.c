/* rounds - read by libcrypto's own templates, so that what is counted is what is spent. */
#include "tools/import/rounds.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/pkcs12.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

#define SCRYPT_MEMORY (UINT64_C(32) << 20) /* what libcrypto gives to it */
#define SCRYPT_BLOCK  128

/* *spent, and what is found by the way. */
struct tally {
	uint64_t rounds;
	bool memory; /* it is this that is too much */
};

static uint64_t product(uint64_t a, uint64_t b)
{
	return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/* One that is none, is negative or longer than 64 bits is as good as endless. */
static uint64_t number(const ASN1_INTEGER *n)
{
	uint64_t value = 0;

	return n && ASN1_INTEGER_get_uint64(&value, n) == 1 ? value : UINT64_MAX;
}

static void add(struct tally *t, uint64_t rounds)
{
	t->rounds = rounds > UINT64_MAX - t->rounds ? UINT64_MAX : t->rounds + rounds;
}

/* What libcrypto can't read it does not try: no rounds. */
static void *unpack(const X509_ALGOR *a, const ASN1_ITEM *as)
{
	return a->parameter ? ASN1_TYPE_unpack_sequence(as, a->parameter) : NULL;
}

static void count_pbe(const X509_ALGOR *a, struct tally *t)
{
	PBEPARAM *p = unpack(a, ASN1_ITEM_rptr(PBEPARAM));

	if (p)
		add(t, number(p->iter));
	PBEPARAM_free(p);
}

static void count_pbkdf2(const X509_ALGOR *a, struct tally *t)
{
	PBKDF2PARAM *p = unpack(a, ASN1_ITEM_rptr(PBKDF2PARAM));

	if (p)
		add(t, number(p->iter));
	PBKDF2PARAM_free(p);
}

static void count_scrypt(const X509_ALGOR *a, struct tally *t)
{
	SCRYPT_PARAMS *p = unpack(a, ASN1_ITEM_rptr(SCRYPT_PARAMS));
	uint64_t n = p ? number(p->costParameter) : 0;
	uint64_t r = p ? number(p->blockSize) : 0;
	uint64_t parallel = p ? number(p->parallelizationParameter) : 0;

	SCRYPT_PARAMS_free(p);
	add(t, product(product(n, r), parallel));
	t->memory = product(product(n, r), SCRYPT_BLOCK) >= SCRYPT_MEMORY;
}

static void count_kdf(const X509_ALGOR *a, struct tally *t);

/* PBMAC1 (RFC 8018 §A.5) has the same two members. */
static void count_pbes2(const X509_ALGOR *a, struct tally *t)
{
	PBE2PARAM *p = unpack(a, ASN1_ITEM_rptr(PBE2PARAM));

	if (p)
		count_kdf(p->keyfunc, t);
	PBE2PARAM_free(p);
}

static const struct {
	int nid;
	void (*count)(const X509_ALGOR *a, struct tally *t);
} kdfs[] = {
	{ NID_id_pbkdf2, count_pbkdf2 },
	{ NID_id_scrypt, count_scrypt },
}, schemes[] = {
	{ NID_pbes2, count_pbes2 },
	{ NID_pbmac1, count_pbes2 },
};

static void count_kdf(const X509_ALGOR *a, struct tally *t)
{
	for (size_t i = 0; i < ARRAY_LEN(kdfs); i++)
		if (OBJ_obj2nid(a->algorithm) == kdfs[i].nid)
			kdfs[i].count(a, t);
}

static void count_scheme(const X509_ALGOR *a, struct tally *t)
{
	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		if (OBJ_obj2nid(a->algorithm) == schemes[i].nid) {
			schemes[i].count(a, t);
			return;
		}
	}
	count_pbe(a, t);
}

static enum inro_err too_many(void)
{
	return err_set(INRO_E_TOO_BIG,
		       "to try a passphrase would take more than the %llu rounds that a file may "
		       "ask for in all; write it again with fewer (openssl pkcs12 -export -iter "
		       "600000, openssl pkcs8 -topk8 -iter 600000)",
		       (unsigned long long)ROUNDS_MAX);
}

static enum inro_err spend(const struct tally *t, uint64_t *spent)
{
	if (t->memory)
		return err_set(INRO_E_TOO_BIG, "to try a passphrase would take scrypt 32 MiB or "
					       "more; write it again with -scrypt_N 16384");
	if (*spent > ROUNDS_MAX || t->rounds > ROUNDS_MAX - *spent)
		return too_many();
	*spent += t->rounds;
	return INRO_OK;
}

enum inro_err rounds_spend(const X509_ALGOR *algorithm, uint64_t *spent)
{
	struct tally t = { 0 };

	count_scheme(algorithm, &t);
	ERR_clear_error();
	return spend(&t, spent);
}

enum inro_err rounds_spend_count(const ASN1_INTEGER *count, uint64_t times, uint64_t *spent)
{
	const struct tally t = { .rounds = product(number(count), times) };

	return spend(&t, spent);
}
