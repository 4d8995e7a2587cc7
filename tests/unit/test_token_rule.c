/* The tables of kinds, attributes and mechanisms: whole, consistent, nothing twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pkcs11/token/mech.h"
#include "pkcs11/token/rule.h"

static void no_attribute_is_twice_in_a_kind(void **state)
{
	const struct object_kind *k;
	const struct attr_rule *a, *b;

	(void)state;
	for (size_t n = 0; (k = rule_kind_at(n)) != NULL; n++) {
		if (rule_kind(k->class, k->key_type)) /* this libcrypto has it */
			assert_ptr_equal(rule_kind(k->class, k->key_type), k);
		assert_true(rule_class_known(k->class));
		assert_int_equal(rule_class_is_typed(k->class),
				 k->key_type != CK_UNAVAILABLE_INFORMATION);
		for (size_t i = 0; (a = rule_at(k, i)) != NULL; i++) {
			assert_ptr_equal(rule_find(k, a->type), a);
			for (size_t j = 0; j < i; j++) {
				b = rule_at(k, j);
				assert_true(a->type != b->type);
			}
		}
	}
	assert_null(rule_kind(CKO_SECRET_KEY, CKK_DES));
	assert_false(rule_class_known(77));
}

static bool bool_default(const struct attr_rule *r)
{
	return r->def == DEFAULT_FALSE || r->def == DEFAULT_TRUE || r->def == DEFAULT_USE;
}

static void check_rule(const struct object_kind *k, const struct attr_rule *r)
{
	unsigned f = r->flags;

	assert_true(r->kind < ATTR_KIND__MAX);
	assert_true(!(f & RULE_CREATE_MUST) || (f & RULE_CREATE));
	assert_true(!(f & RULE_GEN_MUST) || (f & RULE_GEN));
	assert_true(!(f & (RULE_RAISE | RULE_LOWER)) || r->kind == ATTR_BOOL);
	assert_true((f & (RULE_RAISE | RULE_LOWER)) != (RULE_RAISE | RULE_LOWER));
	assert_true(!(f & (RULE_OFFICER | RULE_USE)) || r->kind == ATTR_BOOL);
	assert_true(!bool_default(r) || r->kind == ATTR_BOOL);
	/* a flag that is stored always has a value */
	if (r->kind == ATTR_BOOL)
		assert_true(bool_default(r) || (f & RULE_POLICY));
	/* parts of keys are neither stored among the attributes nor changed */
	if (f & (RULE_PART | RULE_SECRET))
		assert_false(f & (RULE_SET | RULE_COPY | RULE_COLUMN | RULE_SEALED));
	if (f & RULE_SECRET)
		assert_true(k->class == CKO_PRIVATE_KEY || k->class == CKO_SECRET_KEY);
}

static void rules_agree_with_themselves(void **state)
{
	const struct object_kind *k;
	const struct attr_rule *r;

	(void)state;
	for (size_t n = 0; (k = rule_kind_at(n)) != NULL; n++)
		for (size_t i = 0; (r = rule_at(k, i)) != NULL; i++)
			check_rule(k, r);
}

/* All that decides what a key may do is bound into its seal. */
static void every_flag_of_a_key_with_a_secret_is_bound(void **state)
{
	const struct object_kind *k;
	const struct attr_rule *r;

	(void)state;
	for (size_t n = 0; (k = rule_kind_at(n)) != NULL; n++) {
		if (k->class != CKO_PRIVATE_KEY && k->class != CKO_SECRET_KEY)
			continue;
		for (size_t i = 0; (r = rule_at(k, i)) != NULL; i++)
			if ((r->kind == ATTR_BOOL && r->type != CKA_TOKEN) ||
			    r->kind == ATTR_TEMPLATE)
				assert_true(r->flags & RULE_POLICY);
		assert_true(rule_find(k, CKA_ALLOWED_MECHANISMS)->flags & RULE_POLICY);
		assert_true(k->class == CKO_SECRET_KEY ||
			    rule_find(k, CKA_PUBLIC_KEY_INFO)->flags & RULE_POLICY);
		assert_true(rule_find(k, CKA_CLASS)->flags & RULE_POLICY);
		assert_true(rule_find(k, CKA_KEY_TYPE)->flags & RULE_POLICY);
		assert_true(rule_find(k, CKA_SENSITIVE)->flags & RULE_RAISE);
		assert_true(rule_find(k, CKA_EXTRACTABLE)->flags & RULE_LOWER);
	}
}

static void values_have_their_form(void **state)
{
	static const struct {
		enum attr_kind kind;
		const char *value;
		size_t n;
		bool good;
	} cases[] = {
		{ ATTR_BOOL, "\0", 1, true },	      { ATTR_BOOL, "\1", 1, true },
		{ ATTR_BOOL, "\2", 1, false },	      { ATTR_BOOL, "", 0, false },
		{ ATTR_BOOL, "\1\0", 2, false },      { ATTR_ULONG, "12345678", sizeof(CK_ULONG), true },
		{ ATTR_ULONG, "1234", sizeof(CK_ULONG) / 2, false },     { ATTR_ULONG, "", 0, false },
		{ ATTR_ULONGS, "", 0, true },	      { ATTR_ULONGS, "12345678", 8, true },
		{ ATTR_ULONGS, "1234567", 7, false }, { ATTR_DATE, "", 0, true },
		{ ATTR_DATE, "20260102", 8, true },   { ATTR_DATE, "2026010x", 8, false },
		{ ATTR_DATE, "2026", 4, false },      { ATTR_NUMBER, "", 0, false },
		{ ATTR_NUMBER, "\1", 1, true },	      { ATTR_BYTES, "", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct attr_rule rule = { .type = CKA_ID, .kind = cases[i].kind };

		assert_int_equal(rule_check_value(&rule, BYTES(cases[i].value, cases[i].n)),
				 cases[i].good ? INRO_OK : INRO_E_ATTR_VALUE);
	}
}

static void mechanisms_are_sorted(void **state)
{
	const struct mech *m;
	CK_MECHANISM_TYPE before = 0;

	(void)state;
	for (size_t i = 0; (m = mech_at(i)) != NULL; i++) {
		assert_true(i == 0 || m->type > before);
		before = m->type;
		assert_ptr_equal(mech_find(m->type), m);
		assert_true(m->uses != 0);
		assert_true(m->min <= m->max);
		assert_non_null(m->param);
		assert_int_equal(m->key == KEY_NONE, (m->uses & USE_DIGEST) != 0);
	}
	assert_null(mech_find(before + 1));
	assert_null(mech_find(~0UL));
}

static void a_backend_that_can_less_lists_less(void **state)
{
	static const CK_MECHANISM_TYPE none[] = { CK_UNAVAILABLE_INFORMATION };
	static const CK_MECHANISM_TYPE ec[] = { CKM_ECDSA, CK_UNAVAILABLE_INFORMATION };

	(void)state;
	assert_true(mech_offered(mech_find(CKM_SHA256), none));
	assert_false(mech_offered(mech_find(CKM_ECDSA_SHA256), none));
	assert_true(mech_offered(mech_find(CKM_ECDSA_SHA256), ec));
	assert_false(mech_offered(mech_find(CKM_RSA_PKCS), ec));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_attribute_is_twice_in_a_kind),
		cmocka_unit_test(rules_agree_with_themselves),
		cmocka_unit_test(every_flag_of_a_key_with_a_secret_is_bound),
		cmocka_unit_test(values_have_their_form),
		cmocka_unit_test(mechanisms_are_sorted),
		cmocka_unit_test(a_backend_that_can_less_lists_less),
	};

	return cmocka_run_group_tests_name("token rules", tests, NULL, NULL);
}
