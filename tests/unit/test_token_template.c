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

/* ---- every attribute of every kind ---- */

/* A value of a form; false gives the other one for flags. */
static CK_ATTRIBUTE value_for(const struct attr_rule *r, bool flag)
{
	static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	static CK_ULONG one = 1;
	static char date[] = "20260102", text[] = "x";
	const CK_ATTRIBUTE values[ATTR_KIND__MAX] = {
		[ATTR_BOOL] = { r->type, flag ? &yes : &no, 1 },
		[ATTR_ULONG] = { r->type, &one, sizeof one },
		[ATTR_CHOICE] = { r->type, &one, sizeof one },
		[ATTR_TRUST] = { r->type, &one, sizeof one },
		[ATTR_BYTES] = { r->type, text, 1 },
		[ATTR_TEXT] = { r->type, text, 1 },
		[ATTR_DATE] = { r->type, date, 8 },
		[ATTR_NUMBER] = { r->type, text, 1 },
		[ATTR_ULONGS] = { r->type, &one, sizeof one },
		[ATTR_TEMPLATE] = { r->type, NULL, 0 },
	};

	return values[r->kind];
}

static enum inro_err change_from(const struct object_kind *k, const struct attr_rule *r, bool from,
				 bool to, unsigned allowed)
{
	SCOPED(attrs) set = { 0 };
	CK_ATTRIBUTE a = value_for(r, to);

	assert_int_equal(template_imply(k, &set), INRO_OK);
	if (r->kind == ATTR_BOOL)
		assert_int_equal(attrs_set_bool(&set, r->type, from), INRO_OK);
	return template_change(of(&a, 1), k, allowed, &set);
}

static enum inro_err expected(const struct attr_rule *r, bool from, bool to, unsigned allowed)
{
	bool officer = (allowed & RULE_OFFICER) != 0;

	if (!(r->flags & allowed & (RULE_SET | RULE_COPY)))
		return INRO_E_ATTR_READ_ONLY;
	if (r->kind != ATTR_BOOL || from == to || ((r->flags & RULE_USE) && officer))
		return INRO_OK;
	if ((r->flags & RULE_RAISE) && !to)
		return INRO_E_ATTR_READ_ONLY;
	if ((r->flags & RULE_LOWER) && to)
		return INRO_E_ATTR_READ_ONLY;
	return (r->flags & RULE_OFFICER) && to && !officer ? INRO_E_ATTR_READ_ONLY : INRO_OK;
}

static void every_attribute_changes_as_its_rule_says(void **state)
{
	static const unsigned ways[] = { RULE_SET, RULE_SET | RULE_COPY, RULE_SET | RULE_OFFICER };
	const struct object_kind *k;
	const struct attr_rule *r;

	(void)state;
	for (size_t n = 0; (k = rule_kind_at(n)) != NULL; n++) {
		for (size_t i = 0; (r = rule_at(k, i)) != NULL; i++) {
			for (unsigned w = 0; w < 4 * ARRAY_LEN(ways); w++) {
				bool from = w & 1, to = w & 2;

				assert_int_equal(change_from(k, r, from, to, ways[w / 4]),
						 expected(r, from, to, ways[w / 4]));
			}
		}
	}
}

/* Given at each occasion: taken, or refused as what can't be given there. */
static void every_attribute_is_given_when_its_rule_says(void **state)
{
	static const unsigned occasions[] = { RULE_CREATE, RULE_GEN, RULE_UNWRAP, RULE_DERIVE };
	const struct object_kind *k;
	const struct attr_rule *r;

	(void)state;
	for (size_t n = 0; (k = rule_kind_at(n)) != NULL; n++) {
		for (size_t i = 0; (r = rule_at(k, i)) != NULL; i++) {
			for (size_t w = 0; w < ARRAY_LEN(occasions); w++) {
				SCOPED(attrs) set = { 0 };
				CK_ATTRIBUTE a = value_for(r, false);
				enum inro_err e = template_apply(of(&a, 1), k, occasions[w], &set);

				if (!(r->flags & occasions[w]))
					assert_int_equal(e, INRO_E_ATTR_READ_ONLY);
				else
					assert_true(!e || e == INRO_E_TEMPLATE_INCOMPLETE);
				if (!e && (r->flags & (RULE_PART | RULE_SECRET)))
					assert_false(attrs_has(&set, r->type));
			}
		}
	}
}

/* What must be given, and the value of what may be left out. */
static void every_attribute_has_its_default(void **state)
{
	const struct object_kind *k;
	const struct attr_rule *r;

	(void)state;
	for (size_t n = 0; (k = rule_kind_at(n)) != NULL; n++) {
		SCOPED(attrs) set = { 0 };

		assert_int_equal(template_apply(of(NULL, 0), k, RULE_DERIVE, &set), INRO_OK);
		for (size_t i = 0; (r = rule_at(k, i)) != NULL; i++) {
			bool flag = r->def == DEFAULT_TRUE || r->def == DEFAULT_USE;
			bool given = r->type == CKA_CLASS || r->type == CKA_KEY_TYPE;

			assert_int_equal(attrs_has(&set, r->type), r->def != DEFAULT_NONE || given);
			if (r->kind == ATTR_BOOL && r->def != DEFAULT_NONE)
				assert_int_equal(attrs_bool(&set, r->type, !flag), flag);
		}
		for (size_t i = 0; (r = rule_at(k, i)) != NULL; i++) {
			SCOPED(attrs) none = { 0 };

			if (r->flags & RULE_CREATE_MUST)
				assert_int_equal(template_apply(of(NULL, 0), k, RULE_CREATE, &none),
						 INRO_E_TEMPLATE_INCOMPLETE);
		}
	}
}

/* An object that was kept before an attribute was known has its default, is bound to what it was
 * bound to, and keeps what is set from then on. */
static void what_an_older_record_lacks_is_implied(void **state)
{
	SCOPED(attrs) set = { 0 };
	SCOPED(attrs) copy = { 0 };
	SCOPED(buf) before = { 0 };
	SCOPED(buf) after = { 0 };

	(void)state;
	assert_int_equal(attrs_set_bool(&set, CKA_SIGN, true), INRO_OK);
	record_write(private_ec(), &set, RULE_POLICY, 0, &before);
	assert_int_equal(template_imply(private_ec(), &set), INRO_OK);
	assert_false(attrs_bool(&set, CKA_DECAPSULATE, true));
	assert_true(attrs_bool(&set, CKA_SENSITIVE, false));
	assert_true(attrs_bool(&set, CKA_SIGN, false));
	assert_int_equal(attrs_copy(&set, &copy), INRO_OK);
	record_write(private_ec(), &copy, RULE_POLICY, 0, &after);
	assert_true(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
	assert_int_equal(attrs_set_bool(&copy, CKA_SIGN_RECOVER, false), INRO_OK);
	buf_reset(&after);
	record_write(private_ec(), &copy, RULE_POLICY, 0, &after);
	assert_true(after.n > before.n);
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
		cmocka_unit_test(every_attribute_changes_as_its_rule_says),
		cmocka_unit_test(every_attribute_is_given_when_its_rule_says),
		cmocka_unit_test(every_attribute_has_its_default),
		cmocka_unit_test(what_an_older_record_lacks_is_implied),
		cmocka_unit_test(sets_are_sorted),
		cmocka_unit_test(lists_come_back_as_they_were),
		cmocka_unit_test(lists_that_were_not_written_here),
	};

	return cmocka_run_group_tests_name("token templates", tests, NULL, NULL);
}
