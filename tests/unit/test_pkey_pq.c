/* ML-DSA, SLH-DSA and ML-KEM: their DER with every libcrypto, the rest with one that has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/der.h"
#include "base/own.h"
#include "pkcs11/token/setkind.h"
#include "pkcs11/token/pkey.h"

#define OCTETS(s) BYTES(s, sizeof(s) - 1)
#define MAX_PART  4896
#define MAX_OUT	  49856

static uint8_t number[MAX_PART], out[MAX_OUT], again[MAX_OUT];

static bool here(const struct param_set *set)
{
	return pkey_kind_offered(setkind_of(set));
}

/* Those that take a second for a signature are for tests of their own. */
static bool quick(const struct param_set *set)
{
	return setkind_of(set) != KEY_SLH_DSA || set->set == CKP_SLH_DSA_SHA2_128F ||
	       set->set == CKP_SLH_DSA_SHAKE_192F;
}

static struct key_parts parts_of_set(const struct param_set *set, bool seed, bool value)
{
	return (struct key_parts) { .kind = setkind_of(set),
				    .set = set->set,
				    .seed = BYTES(number, seed ? set->seed : 0),
				    .value = BYTES(number, value ? set->private : 0) };
}

static void assert_same(struct bytes a, struct bytes b)
{
	assert_int_equal(a.n, b.n);
	if (a.n)
		assert_memory_equal(a.p, b.p, a.n);
}

/* ---- DER ---- */

static void test_private_keys_in_der(void **state)
{
	(void)state;
	memset(number, 0x5a, sizeof number);
	for (size_t i = 0; paramset_at(i); i++) {
		const struct param_set *set = paramset_at(i);

		for (int form = set->seed ? 1 : 2; form <= (set->seed ? 3 : 2); form++) {
			struct key_parts parts = parts_of_set(set, form & 1, form & 2), back;
			SCOPED(secret) pkcs8 = { 0 };

			assert_int_equal(keyder_write_pkcs8(&parts, &pkcs8), INRO_OK);
			assert_int_equal(keyder_read_pkcs8(secret_bytes(&pkcs8), &back), INRO_OK);
			assert_int_equal(back.kind, setkind_of(set));
			assert_int_equal(back.set, set->set);
			assert_same(back.seed, parts.seed);
			assert_same(back.value, parts.value);
			for (size_t cut = 0; cut < 60 && cut < pkcs8.n; cut++)
				assert_int_not_equal(keyder_read_pkcs8(BYTES(pkcs8.p, cut), &back),
						     INRO_OK);
		}
	}
}

static void test_wrong_sizes_in_der(void **state)
{
	(void)state;
	for (size_t i = 0; paramset_at(i); i++) {
		const struct param_set *set = paramset_at(i);
		struct key_parts none = parts_of_set(set, false, false),
				 value = parts_of_set(set, false, true),
				 seed = parts_of_set(set, false, true), public = none;
		SCOPED(secret) pkcs8 = { 0 };
		SCOPED(buf) spki = { 0 };

		assert_int_equal(keyder_write_pkcs8(&none, &pkcs8), INRO_E_TEMPLATE_INCOMPLETE);
		assert_int_equal(keyder_write_spki(&none, &spki), INRO_E_TEMPLATE_INCOMPLETE);
		value.value.n--;
		assert_int_equal(keyder_write_pkcs8(&value, &pkcs8), INRO_E_ATTR_VALUE);
		seed.seed = BYTES(number, set->seed + 1);
		assert_int_equal(keyder_write_pkcs8(&seed, &pkcs8), INRO_E_ATTR_VALUE);
		public.point = BYTES(number, set->public + 1);
		assert_int_equal(keyder_write_spki(&public, &spki), INRO_E_ATTR_VALUE);
		none.set = 0x77;
		assert_int_equal(keyder_write_spki(&none, &spki), INRO_E_PARAMETER_SET);
	}
}

static void test_public_keys_in_der(void **state)
{
	(void)state;
	for (size_t i = 0; paramset_at(i); i++) {
		const struct param_set *set = paramset_at(i);
		struct key_parts parts = { .kind = setkind_of(set),
					   .set = set->set,
					   .point = BYTES(number, set->public) },
				 back;
		AUTO(pkey_unref_ptr) struct pkey *k = NULL;
		SCOPED(buf) spki = { 0 };

		assert_int_equal(keyder_write_spki(&parts, &spki), INRO_OK);
		assert_int_equal(keyder_read_spki(buf_bytes(&spki), &back), INRO_OK);
		assert_int_equal(back.set, set->set);
		assert_same(back.point, parts.point);
		if (!here(set))
			assert_int_equal(pkey_from_spki(buf_bytes(&spki), &k), INRO_E_KEY_TYPE);
	}
}

/* ---- without ---- */

static void test_what_is_not_here_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; paramset_at(i); i++) {
		const struct param_set *set = paramset_at(i);
		const struct key_spec spec = { .kind = setkind_of(set), .set = set->set };
		const struct key_spec wrong = { .kind = setkind_of(set), .set = 0x77 };
		struct pkey *k = NULL;

		assert_int_equal(pkey_generate(&wrong, &k),
				 here(set) ? INRO_E_PARAMETER_SET : INRO_E_KEY_TYPE);
		if (!here(set))
			assert_int_equal(pkey_generate(&spec, &k), INRO_E_KEY_TYPE);
		assert_null(k);
	}
}

static void test_mechanisms_are_there_with_their_keys(void **state)
{
	static const struct {
		CK_MECHANISM_TYPE mech;
		enum key_kind kind;
	} expected[] = {
		{ CKM_ML_KEM_KEY_PAIR_GEN, KEY_ML_KEM },
		{ CKM_ML_KEM, KEY_ML_KEM },
		{ CKM_ML_DSA_KEY_PAIR_GEN, KEY_ML_DSA },
		{ CKM_ML_DSA, KEY_ML_DSA },
		{ CKM_HASH_ML_DSA, KEY_ML_DSA },
		{ CKM_HASH_ML_DSA_SHA512, KEY_ML_DSA },
		{ CKM_SLH_DSA, KEY_SLH_DSA },
		{ CKM_HASH_SLH_DSA_SHA3_512, KEY_SLH_DSA },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		const CK_MECHANISM_TYPE *m = pkey_mechanisms();

		while (*m < expected[i].mech)
			m++;
		assert_int_equal(*m == expected[i].mech, pkey_kind_offered(expected[i].kind));
	}
}

/* ---- with ---- */

static struct pkey *make(const struct param_set *set)
{
	const struct key_spec spec = { .kind = setkind_of(set), .set = set->set };
	struct pkey *k = NULL;

	assert_int_equal(pkey_generate(&spec, &k), INRO_OK);
	assert_int_equal(pkey_kind(k), setkind_of(set));
	return k;
}

/* From each form that knows enough comes the same key. */
static void try_form(const struct pkey *k, struct key_parts parts)
{
	AUTO(pkey_unref_ptr) struct pkey *back = NULL;
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) one = { 0 };
	SCOPED(buf) two = { 0 };

	assert_int_equal(keyder_write_pkcs8(&parts, &pkcs8), INRO_OK);
	assert_int_equal(pkey_from_pkcs8(secret_bytes(&pkcs8), &back), INRO_OK);
	assert_int_equal(pkey_check(back), INRO_OK);
	assert_int_equal(pkey_spki(k, &one), INRO_OK);
	assert_int_equal(pkey_spki(back, &two), INRO_OK);
	assert_same(buf_bytes(&one), buf_bytes(&two));
	secret_clear(&pkcs8);
	assert_int_equal(pkey_pkcs8(back, &pkcs8), INRO_OK);
	assert_int_equal(keyder_read_pkcs8(secret_bytes(&pkcs8), &parts), INRO_OK);
	assert_true(parts.value.n > 0);
}

static void there_and_back(const struct pkey *k, const struct param_set *set)
{
	AUTO(pkey_unref_ptr) struct pkey *none = NULL;
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(secret) wrong = { 0 };
	struct key_parts parts, one;

	assert_int_equal(pkey_pkcs8(k, &pkcs8), INRO_OK);
	assert_int_equal(keyder_read_pkcs8(secret_bytes(&pkcs8), &parts), INRO_OK);
	assert_int_equal(parts.seed.n, set->seed);
	assert_int_equal(parts.value.n, set->private);
	try_form(k, parts);
	one = parts;
	one.seed = BYTES_NONE;
	try_form(k, one);
	if (!set->seed)
		return;
	one = parts;
	one.value = BYTES_NONE;
	try_form(k, one);
	memcpy(number, parts.seed.p, parts.seed.n);
	number[3] ^= 1;
	one = parts;
	one.seed = BYTES(number, parts.seed.n);
	assert_int_equal(keyder_write_pkcs8(&one, &wrong), INRO_OK);
	assert_int_equal(pkey_from_pkcs8(secret_bytes(&wrong), &none), INRO_E_ATTR_VALUE);
}

static struct pkey *public_of(const struct pkey *k)
{
	SCOPED(buf) spki = { 0 };
	struct pkey *public = NULL;

	assert_int_equal(pkey_spki(k, &spki), INRO_OK);
	assert_int_equal(pkey_from_spki(buf_bytes(&spki), &public), INRO_OK);
	return public;
}

static void sign(struct pkey *k, const struct use_spec *spec, struct bytes in, uint8_t *sig)
{
	AUTO(pkey_unref_ptr) struct pkey *public = public_of(k);
	struct use_spec other = *spec;
	size_t n = 0;

	assert_int_equal(pkey_sign(k, spec, in, sig, pkey_sig_len(k) - 1, &n), INRO_E_TOO_SMALL);
	assert_int_equal(n, pkey_sig_len(k));
	assert_int_equal(pkey_sign(k, spec, in, sig, MAX_OUT, &n), INRO_OK);
	assert_int_equal(n, pkey_sig_len(k));
	assert_int_equal(pkey_verify(public, spec, in, BYTES(sig, n)), INRO_OK);
	assert_int_equal(pkey_verify(public, spec, in, BYTES(sig, n - 1)), INRO_E_SIGNATURE_LENGTH);
	other.ad = OCTETS("another context");
	assert_int_equal(pkey_verify(public, &other, in, BYTES(sig, n)), INRO_E_SIGNATURE);
	sig[n / 2] ^= 1;
	assert_int_equal(pkey_verify(public, spec, in, BYTES(sig, n)), INRO_E_SIGNATURE);
	sig[n / 2] ^= 1;
}

static void hedged_or_not(struct pkey *k, struct use_spec spec, struct bytes in)
{
	sign(k, &spec, in, out);
	sign(k, &spec, in, again);
	assert_memory_not_equal(out, again, pkey_sig_len(k));
	spec.deterministic = true;
	sign(k, &spec, in, out);
	sign(k, &spec, in, again);
	assert_memory_equal(out, again, pkey_sig_len(k));
}

static void sign_all_ways(struct pkey *k, bool ml)
{
	struct use_spec spec = { .mech = ml ? CKM_ML_DSA : CKM_SLH_DSA };
	struct use_spec hash = { .mech = ml ? CKM_HASH_ML_DSA : CKM_HASH_SLH_DSA,
				 .digest = CKM_SHA3_256 };
	uint8_t context[256] = "a context";
	struct bytes digest = OCTETS("thirty-two bytes, also as a hash");
	size_t n;

	hedged_or_not(k, spec, OCTETS("sample"));
	sign(k, &spec, BYTES_NONE, out);
	spec.ad = BYTES(context, 255);
	hedged_or_not(k, spec, OCTETS("sample"));
	hedged_or_not(k, hash, digest);
	hash.ad = BYTES(context, 255);
	hedged_or_not(k, hash, digest);
	hash.ad = spec.ad = BYTES(context, 256);
	assert_int_equal(pkey_sign(k, &spec, digest, out, MAX_OUT, &n), INRO_E_MECHANISM_PARAM);
	assert_int_equal(pkey_sign(k, &hash, digest, out, MAX_OUT, &n), INRO_E_MECHANISM_PARAM);
	hash.ad = BYTES_NONE;
	assert_int_equal(pkey_sign(k, &hash, BYTES(digest.p, 31), out, MAX_OUT, &n),
			 INRO_E_DATA_LENGTH);
	hash.digest = CKM_SHA_1;
	assert_int_equal(pkey_sign(k, &hash, BYTES(digest.p, 20), out, MAX_OUT, &n),
			 INRO_E_MECHANISM_PARAM);
}

/* A mechanism with a hash in its name, in one step, is the raw one on the hash. */
static void sign_hashed(struct pkey *k)
{
	for (const CK_MECHANISM_TYPE *m = pkey_mechanisms(); *m != CK_UNAVAILABLE_INFORMATION;
	     m++) {
		const struct use_spec spec = { .mech = *m, .ad = OCTETS("ctx") };

		if (pkey_mech_hash(*m) && pkey_mech_fits(*m, pkey_kind(k), USE_SIGN))
			sign(k, &spec, OCTETS("sample"), out);
	}
}

static void encapsulate(struct pkey *k, const struct param_set *set)
{
	AUTO(pkey_unref_ptr) struct pkey *public = public_of(k);
	SCOPED(buf) ciphertext = { 0 };
	SCOPED(secret) one = { 0 };
	SCOPED(secret) two = { 0 };
	SCOPED(secret) other = { 0 };

	for (int i = 0; i < 3; i++) { /* from the pool from the second on */
		buf_clear(&ciphertext);
		secret_clear(&one);
		secret_clear(&two);
		assert_int_equal(pkey_encapsulate(public, &ciphertext, &one), INRO_OK);
		assert_int_equal(ciphertext.n, set->out);
		assert_int_equal(one.n, PARAMSET_SHARED);
		assert_int_equal(pkey_decapsulate(k, buf_bytes(&ciphertext), &two), INRO_OK);
		assert_true(secret_equal(secret_bytes(&one), secret_bytes(&two)));
	}
	assert_int_equal(pkey_decapsulate(public, buf_bytes(&ciphertext), &other), INRO_E_KEY_TYPE);
	ciphertext.p[7] ^= 1;
	assert_int_equal(pkey_decapsulate(k, buf_bytes(&ciphertext), &other), INRO_OK);
	assert_false(secret_equal(secret_bytes(&one), secret_bytes(&other)));
	assert_int_equal(pkey_decapsulate(k, BYTES(ciphertext.p, ciphertext.n - 1), &two),
			 INRO_E_CIPHERTEXT_LENGTH);
	assert_int_equal(pkey_sig_len(k), 0);
}

static void test_every_set(void **state)
{
	(void)state;
	for (size_t i = 0; paramset_at(i); i++) {
		const struct param_set *set = paramset_at(i);
		AUTO(pkey_unref_ptr) struct pkey *k = NULL;

		if (!here(set) || !quick(set))
			continue;
		k = make(set);
		there_and_back(k, set);
		if (setkind_of(set) == KEY_ML_KEM)
			encapsulate(k, set);
		else
			sign_all_ways(k, setkind_of(set) == KEY_ML_DSA);
		if (setkind_of(set) == KEY_ML_DSA)
			sign_hashed(k);
	}
}

static void test_slow_sets(void **state)
{
	const struct use_spec spec = { .mech = CKM_SLH_DSA };

	(void)state;
	for (size_t i = 0; paramset_at(i); i++) {
		const struct param_set *set = paramset_at(i);
		AUTO(pkey_unref_ptr) struct pkey *k = NULL;
		size_t n = 0;

		if (!here(set) || quick(set))
			continue;
		k = make(set);
		assert_int_equal(pkey_sign(k, &spec, OCTETS("m"), out, sizeof out, &n), INRO_OK);
		assert_int_equal(n, set->out);
		assert_int_equal(pkey_verify(k, &spec, OCTETS("m"), BYTES(out, n)), INRO_OK);
	}
}

static void test_kinds_do_not_mix(void **state)
{
	const struct key_spec p256 = { .kind = KEY_EC,
				       .params =
					       OCTETS("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") };
	const struct use_spec ml = { .mech = CKM_ML_DSA }, slh = { .mech = CKM_SLH_DSA },
			      ecdsa = { .mech = CKM_ECDSA };
	AUTO(pkey_unref_ptr) struct pkey *ec = NULL;
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	SCOPED(buf) ciphertext = { 0 };
	SCOPED(secret) shared = { 0 };
	const struct param_set *set;
	size_t n;

	(void)state;
	assert_int_equal(pkey_generate(&p256, &ec), INRO_OK);
	assert_int_equal(pkey_sign(ec, &ml, OCTETS("m"), out, MAX_OUT, &n), INRO_E_KEY_TYPE);
	assert_int_equal(pkey_encapsulate(ec, &ciphertext, &shared), INRO_E_KEY_TYPE);
	assert_int_equal(pkey_decapsulate(ec, OCTETS("m"), &shared), INRO_E_KEY_TYPE);
	if (!pkey_kind_offered(KEY_ML_DSA))
		return;
	assert_int_equal(paramset_find(CKK_ML_DSA, CKP_ML_DSA_44, &set), INRO_OK);
	k = make(set);
	assert_int_equal(pkey_sign(k, &slh, OCTETS("m"), out, MAX_OUT, &n), INRO_E_KEY_TYPE);
	assert_int_equal(pkey_sign(k, &ecdsa, OCTETS("m"), out, MAX_OUT, &n), INRO_E_KEY_TYPE);
	assert_int_equal(pkey_encapsulate(k, &ciphertext, &shared), INRO_E_KEY_TYPE);
	assert_int_equal(pkey_agree(k, OCTETS("m"), &shared), INRO_E_KEY_TYPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private_keys_in_der),
		cmocka_unit_test(test_wrong_sizes_in_der),
		cmocka_unit_test(test_public_keys_in_der),
		cmocka_unit_test(test_what_is_not_here_is_refused),
		cmocka_unit_test(test_mechanisms_are_there_with_their_keys),
		cmocka_unit_test(test_every_set),
		cmocka_unit_test(test_slow_sets),
		cmocka_unit_test(test_kinds_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
