/* test_token_sets - the back office's types of key with parameter sets are those of PKCS#11 and of libcrypto. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "backoffice/pki/alg.h"
#include "base/cryptoki/paramset.h"
#include "base/der.h"

#define OK(x) assert_int_equal(x, INRO_OK)

/* Sets are called by the numbers of PKCS#11, and are told by its OIDs, also where this libcrypto has none of them. */
static void test_parameter_sets(void **state)
{
	static const CK_KEY_TYPE types[PKI_FAMILY__MAX] = {
		[PKI_ML_DSA] = CKK_ML_DSA, [PKI_SLH_DSA] = CKK_SLH_DSA, [PKI_ML_KEM] = CKK_ML_KEM
	};
	size_t n = 0;

	(void)state;
	for (int k = PKI_KEY_NONE + 1; k < PKI_KEY__MAX; k++) {
		const struct pki_key_type *t = pki_key_type((enum pki_key)k);
		const struct param_set *set;
		struct bytes oid;

		assert_int_equal(!t->set, !types[t->family]);
		if (!t->set)
			continue;
		OK(paramset_find(types[t->family], t->set, &set));
		OK(der_only(set->oid, DER_OID, &oid));
		assert_true(bytes_equal(oid, t->algorithm));
		assert_string_equal(set->name, t->group);
		assert_int_equal(set->public, t->octets);
		n++;
	}
	for (size_t i = 0; paramset_at(i); i++)
		n--;
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_parameter_sets) };

	return cmocka_run_group_tests_name("parameter sets", tests, NULL, NULL);
}
