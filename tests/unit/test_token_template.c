/* Templates against the rules, the sets they fill, and the list that goes to disk and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "pkcs11/token/record.h"
#include "pkcs11/token/template.h"
#include "tests/lib/module.h"

static const struct object_kind *private_ec(void)
{
	return rule_kind(CKO_PRIVATE_KEY, CKK_EC);
}

static struct template of(const CK_ATTRIBUTE *a, CK_ULONG n)
{
	return (struct template) { a, n };
}

static void bounds_come_first(void **state)
{
	static uint8_t big[1];
	CK_ATTRIBUTE many[TEMPLATE_MAX + 1] = { 0 };
	CK_ATTRIBUTE one[] = { A_BYTES(CKA_LABEL, big, TEMPLATE_MAX_VALUE) };

	(void)state;
	assert_int_equal(template_check(of(NULL, 0)), INRO_OK);
	assert_int_equal(template_check(of(NULL, 1)), INRO_E_ARG);
	assert_int_equal(template_check(of(many, TEMPLATE_MAX)), INRO_OK);
	assert_int_equal(template_check(of(many, TEMPLATE_MAX + 1)), INRO_E_ARG);
	assert_int_equal(template_check(of(many, ~0UL)), INRO_E_ARG);
	assert_int_equal(template_check(of(one, 1)), INRO_OK);
	one[0].ulValueLen++;
	assert_int_equal(template_check(of(one, 1)), INRO_E_ATTR_VALUE);
	one[0] = (CK_ATTRIBUTE) { CKA_LABEL, NULL, 1 };
	assert_int_equal(template_check(of(one, 1)), INRO_E_ATTR_VALUE);
}

static void what_is_left_out_has_its_default(void **state)
{
	SCOPED(attrs) set = { 0 };

	(void)state;
	assert_int_equal(template_apply(of(NULL, 0), private_ec(), RULE_GEN, &set), INRO_OK);
	assert_true(attrs_bool(&set, CKA_SENSITIVE, false));
	assert_false(attrs_bool(&set, CKA_EXTRACTABLE, true));
	assert_true(attrs_bool(&set, CKA_PRIVATE, false));
	assert_false(attrs_bool(&set, CKA_TOKEN, true));
	assert_false(attrs_bool(&set, CKA_DECRYPT, true));
	assert_int_equal(attrs_ulong(&set, CKA_KEY_TYPE, 99), CKK_EC);
	assert_false(attrs_has(&set, CKA_VALUE));
}

static void secrets_never_get_among_the_attributes(void **state)
{
	SCOPED(attrs) set = { 0 };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_EC),
			     A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
			     A_TEXT(CKA_VALUE, "12345678901234567890123456789012") };

	(void)state;
	assert_int_equal(template_apply(of(t, 4), private_ec(), RULE_CREATE, &set), INRO_OK);
	assert_false(attrs_has(&set, CKA_VALUE));
	assert_false(attrs_has(&set, CKA_EC_PARAMS));
	assert_int_equal(template_apply(of(t, 3), private_ec(), RULE_CREATE, &set),
			 INRO_E_TEMPLATE_INCOMPLETE);
}

static void changes_keep_their_direction(void **state)
{
	SCOPED(attrs) set = { 0 };
	CK_ATTRIBUTE t[1];

	(void)state;
	assert_int_equal(template_apply(of(NULL, 0), private_ec(), RULE_GEN, &set), INRO_OK);
	t[0] = (CK_ATTRIBUTE)A_BOOL(CKA_SENSITIVE, CK_FALSE);
	assert_int_equal(template_change(of(t, 1), private_ec(), RULE_SET, &set),
			 INRO_E_ATTR_READ_ONLY);
	t[0] = (CK_ATTRIBUTE)A_BOOL(CKA_SENSITIVE, CK_TRUE); /* says nothing new */
	assert_int_equal(template_change(of(t, 1), private_ec(), RULE_SET, &set), INRO_OK);
	t[0] = (CK_ATTRIBUTE)A_BOOL(CKA_TOKEN, CK_TRUE); /* by a copy only */
	assert_int_equal(template_change(of(t, 1), private_ec(), RULE_SET, &set),
			 INRO_E_ATTR_READ_ONLY);
	assert_int_equal(template_change(of(t, 1), private_ec(), RULE_SET | RULE_COPY, &set),
			 INRO_OK);
	assert_true(attrs_bool(&set, CKA_TOKEN, false));
}

static void sets_are_sorted(void **state)
{
	SCOPED(attrs) set = { 0 };
	SCOPED(attrs) copy = { 0 };
	static const char text[] = "a value that is longer than the small ones";

	(void)state;
	for (CK_ATTRIBUTE_TYPE t = 0; t < 200; t++) /* 7 and 200 have no common divisor */
		assert_int_equal(attrs_set(&set, t * 7 % 200, BYTES(text, t % 42)), INRO_OK);
	assert_int_equal(set.n, 200);
	for (size_t i = 0; i < set.n; i++)
		assert_int_equal(set.a[i].type, i);
	assert_int_equal(attrs_set(&set, 3, bytes_of(text)), INRO_OK);
	assert_true(bytes_is(attrs_bytes(&set, 3), text));
	assert_int_equal(attrs_copy(&set, &copy), INRO_OK);
	assert_int_equal(attrs_set(&set, 3, BYTES_NONE), INRO_OK);
	assert_int_equal(set.n, 200);
	assert_int_equal(attrs_bytes(&set, 3).n, 0);
	assert_true(bytes_is(attrs_bytes(&copy, 3), text));
}

static void lists_come_back_as_they_were(void **state)
{
	SCOPED(attrs) set = { 0 };
	SCOPED(attrs) back = { 0 };
	SCOPED(buf) list = { 0 };
	CK_MECHANISM_TYPE two[] = { CKM_ECDSA, CKM_ECDSA_SHA256 };
	CK_ATTRIBUTE t[] = { A_BYTES(CKA_ALLOWED_MECHANISMS, two, sizeof two),
			     A_TEXT(CKA_SUBJECT, "subject") };
	const unsigned left_out = RULE_COLUMN | RULE_PART | RULE_SECRET;

	(void)state;
	assert_int_equal(template_apply(of(t, 2), private_ec(), RULE_GEN, &set), INRO_OK);
	record_write(private_ec(), &set, 0, left_out, &list);
	assert_int_equal(buf_err(&list), INRO_OK);
	assert_int_equal(record_read(private_ec(), buf_bytes(&list), &back), INRO_OK);
	for (size_t i = 0; i < back.n; i++)
		assert_true(bytes_equal(attr_value(&back.a[i]), attrs_bytes(&set, back.a[i].type)));
	assert_true(attrs_has(&back, CKA_SENSITIVE));
	assert_false(attrs_has(&back, CKA_LABEL)); /* a column */
	for (size_t n = 0; n < list.n; n++) {
		SCOPED(attrs) some = { 0 };
		enum inro_err e = record_read(private_ec(), BYTES(list.p, n), &some);

		assert_true(e == INRO_E_DAMAGED || (e == INRO_OK && some.n < back.n));
	}
}

static void lists_that_were_not_written_here(void **state)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		const char *value;
		size_t n;
	} bad[] = {
		{ CKA_PRIVATE, "\0", 1 },
		{ CKA_VALUE, "x", 1 },
		{ CKA_EC_POINT, "x", 1 },
		{ CKA_SENSITIVE, "\0\0", 2 },
		{ CKA_SENSITIVE, "\2", 1 },
		{ CKA_SENSITIVE, "", 0 },
		{ CKA_KEY_GEN_MECHANISM, "", 0 },
		{ CKA_ENCRYPT, "\1", 1 },
		{ 0x80001234, "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		SCOPED(buf) list = { 0 };
		SCOPED(attrs) set = { 0 };

		buf_add_u64(&list, bad[i].type);
		buf_add_field(&list, BYTES(bad[i].value, bad[i].n));
		assert_int_equal(record_read(private_ec(), buf_bytes(&list), &set), INRO_E_DAMAGED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_come_first),
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(secrets_never_get_among_the_attributes),
		cmocka_unit_test(changes_keep_their_direction),
		cmocka_unit_test(sets_are_sorted),
		cmocka_unit_test(lists_come_back_as_they_were),
		cmocka_unit_test(lists_that_were_not_written_here),
	};

	return cmocka_run_group_tests_name("token templates", tests, NULL, NULL);
}
