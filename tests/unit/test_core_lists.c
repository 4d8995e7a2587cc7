/* test_core_lists - revocation lists by what RFC 5280 asks of them over a CA's life: the address in a certificate is that
 * of a list which covers it, and who fetches lists misses nothing by those that are made beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/core/bulk.h"
#include "backoffice/core/ca.h"
#include "backoffice/core/cred.h"
#include "backoffice/core/crl.h"
#include "backoffice/core/status.h"
#include "backoffice/pki/crl.h"
#include "base/clock.h"
#include "tests/lib/office.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define FAILS(e, x) assert_int_equal(x, e)
#define DAY	    86400
#define T0	    INT64_C(1800000000)
#define AS_IT_IS    .crl_days = CA_AS_IT_IS, .overlap_hours = CA_AS_IT_IS, .delta_hours = CA_AS_IT_IS, .shards = CA_AS_IT_IS

static int setup(void **state)
{
	clock_set_test(T0);
	return office_setup(state, "lists");
}

static enum inro_err set(struct core *c, const char *ca, const struct ca_settings *in)
{
	SCOPED(ca_view) v = { 0 };

	return ca_set(c, ca, in, &v);
}

static enum inro_err divide(struct core *c, const char *ca, int64_t shards, const char *url)
{
	struct ca_settings in = { AS_IT_IS, .crl_url = url };

	in.shards = shards;
	return set(c, ca, &in);
}

static void issue(struct core *c, struct office_issued *i)
{
	*i = (struct office_issued) { 0 };
	office_issue(c, i);
}

/* ---- shards ---- */

/* A CA's certificate names a list, too. */
static void test_below_is_a_ca(void **state)
{
	FAILS(INRO_E_STATE, divide(*state, "root", 3, "http://x/${shard}.crl"));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "inro ca rollover"));
	OK(divide(*state, "issuing", 3, "http://x/${shard}.crl"));
	OK(divide(*state, "issuing", 0, "http://x/all.crl"));
}

/* A list that is divided says its address, and that is the one in the certificates. */
static void test_address_of_shards(void **state)
{
	const struct ca_settings days = { AS_IT_IS, .crl_url = "http://y/${shard}.crl", .delta_url = "http://d/${shard}" };
	struct office_issued i;

	OK(divide(*state, "issuing", 3, "http://x/${shard}.crl"));
	OK(divide(*state, "issuing", CA_AS_IT_IS, "http://y/${shard}.crl"));
	issue(*state, &i);
	FAILS(INRO_E_STATE, divide(*state, "issuing", CA_AS_IT_IS, "http://z/${shard}.crl"));
	FAILS(INRO_E_STATE, divide(*state, "issuing", 4, NULL));
	OK(set(*state, "issuing", &days));
	cred_clear(&i.cred);
}

/* Nor of one whose CA was read before. */
static void test_address_of_shards_meanwhile(void **state)
{
	const struct bulk_order o = { .ca = "issuing", .profile = "tls-client" };
	EVP_PKEY *key = EVP_EC_gen("P-256");
	SCOPED(buf) csr = { 0 };
	struct cred_bulk *b = NULL;
	struct bulk_row row = { 0 };

	office_csr(key, "meanwhile", &csr);
	row.csr = buf_bytes(&csr);
	OK(cred_bulk_open(*state, &o, &b));
	OK(divide(*state, "issuing", 3, "http://x/${shard}.crl"));
	FAILS(INRO_E_STATE, cred_bulk_issue(b, &row, 1));
	assert_non_null(strstr(err_detail(INRO_E_STATE), "divided otherwise by now; try again"));
	assert_int_equal(office_ask(office_db, "SELECT count(*) FROM credential WHERE own_ca IS NULL"), 0);
	cred_bulk_close(b);
	OK(cred_bulk_open(*state, &o, &b));
	bulk_row_clear(&row);
	row.csr = buf_bytes(&csr);
	OK(cred_bulk_issue(b, &row, 1));
	OK(row.error);
	bulk_row_clear(&row);
	cred_bulk_close(b);
	EVP_PKEY_free(key);
}

/* One list names no address. */
static void test_address_of_one(void **state)
{
	struct office_issued i;

	OK(divide(*state, "issuing", CA_AS_IT_IS, "http://x/all.crl"));
	issue(*state, &i);
	OK(divide(*state, "issuing", CA_AS_IT_IS, "http://y/all.crl"));
	FAILS(INRO_E_STATE, divide(*state, "issuing", 2, "http://y/${shard}.crl"));
	cred_clear(&i.cred);
}

/* What the key before it has issued is on that one's lists. */
static void test_next_key_is_free(void **state)
{
	const struct ca_rollover r = { .name = "issuing", .token = "line", .label = office_label,
				       .crl_url = "http://x/${ca.generation}.crl" };
	const struct crl_wish old = { .ca = "issuing", .generation = 1 };
	SCOPED(ca_view) v = { 0 };
	struct office_issued i;
	SCOPED(crl) list = { 0 };
	struct crl_info info;
	unsigned shards = 9;

	issue(*state, &i);
	OK(ca_rollover(*state, &r, &v));
	OK(divide(*state, "issuing", 5, "http://x/${ca.generation}-${shard}.crl"));
	OK(ca_crl_list(*state, &old, &list, &info)); /* not divided */
	OK(ca_crl_shards(*state, &old, &shards));
	assert_int_equal(shards, 0);
	OK(ca_crl_shards(*state, &(struct crl_wish) { .ca = "issuing" }, &shards));
	assert_int_equal(shards, 5);
	cred_clear(&i.cred);
	issue(*state, &i);
	FAILS(INRO_E_STATE, divide(*state, "issuing", 4, NULL));
	cred_clear(&i.cred);
}

/* ---- a key that waits ---- */

static void certify_next(struct core *c, const char *ca)
{
	struct cred_request r = { .ca = "root", .profile = "sub-ca" };
	struct ca_activation in = { 0 };
	SCOPED(ca_keys) keys = { 0 };
	SCOPED(cred) made = { 0 };
	SCOPED(ca_view) v = { 0 };

	OK(ca_keys(c, ca, &keys));
	assert_int_equal(keys.n, 1);
	r.csr = blob_bytes(&keys.items[0].rec.csr);
	OK(ca_certify(c, &r, &made));
	in.cert = blob_bytes(&made.rec.cert);
	OK(ca_activate(c, ca, &in, &v));
}

/* What is set meanwhile is set; the addresses are those that were said for the key. */
static void test_set_while_it_waits(void **state)
{
	const struct ca_rollover r = { .name = "issuing", .token = "line", .label = office_label, .external = true,
				       .crl_url = "http://x/2.crl", .delta_url = "http://x/2-delta.crl" };
	struct ca_settings in = { AS_IT_IS, .crl_url = "http://y/1.crl" };
	const struct ca_ocsp ocsp = { .signs = "ca", .minutes = 7 };
	SCOPED(ca_view) v = { 0 };
	SCOPED(ca_view) then = { 0 };
	SCOPED(ca_view) now = { 0 };

	OK(divide(*state, "issuing", CA_AS_IT_IS, "http://x/1.crl"));
	OK(ca_rollover(*state, &r, &v));
	in.crl_days = 3;
	in.overlap_hours = 5;
	OK(set(*state, "issuing", &in));
	OK(ca_set_ocsp(*state, "issuing", &ocsp, &then));
	certify_next(*state, "issuing");
	OK(ca_get(*state, "issuing", &now));
	assert_int_equal(now.policy.crl_days, 3);
	assert_int_equal(now.policy.overlap_hours, 5);
	assert_int_equal(now.policy.ocsp_minutes, 7);
	assert_string_equal(now.policy.ocsp_signs, "ca");
	assert_string_equal(now.policy.crl_url, "http://x/2.crl");
	assert_string_equal(now.policy.delta_url, "http://x/2-delta.crl");
}

/* ---- those that are given out, and others ---- */

static size_t make(struct core *c)
{
	SCOPED(crl) list = { 0 };
	struct crl_info info;

	OK(ca_crl_list(c, &(struct crl_wish) { .ca = "issuing" }, &list, &info));
	return info.entries;
}

static void publish(struct core *c, bool delta, struct crl_info *ret)
{
	OK(crl_publish(c, &(struct crl_wish) { .ca = "issuing", .delta = delta }, ret));
}

/* RFC 5280 5.2.4: a delta is of use to who has the complete list that it continues, or a later one. */
static void test_delta_continues_published(void **state)
{
	struct cred_revocation why = { 0 };
	struct crl_info full, delta;
	struct office_issued i;
	SCOPED(cred) out = { 0 };

	issue(*state, &i);
	publish(*state, false, &full);
	clock_set_test(T0 + 60);
	OK(cred_revoke(*state, i.ref, &why, &out));
	clock_set_test(T0 + 120);
	assert_int_equal(make(*state), 1); /* into a file */
	clock_set_test(T0 + DAY);
	publish(*state, true, &delta);
	assert_int_equal(delta.base, full.number);
	assert_int_equal(delta.entries, 1);
	cred_clear(&i.cred);
}

static void make_delta(struct core *c, struct crl_info *ret)
{
	SCOPED(crl) list = { 0 };

	OK(ca_crl_list(c, &(struct crl_wish) { .ca = "issuing", .delta = true }, &list, ret));
}

/* A delta into a file, before or behind the server's: what is given out is the same, no number comes twice, and the next
 * complete list is due when it was. */
static void test_delta_by_hand(void **state)
{
	struct cred_revocation why = { 0 };
	struct crl_info full, made, given, made_again;
	struct office_issued i;
	SCOPED(cred) out = { 0 };
	SCOPED(ca_view) v = { 0 };

	issue(*state, &i);
	publish(*state, false, &full);
	clock_set_test(T0 + 60);
	OK(cred_revoke(*state, i.ref, &why, &out));
	clock_set_test(T0 + 120);
	make_delta(*state, &made);
	assert_int_equal(made.base, full.number);
	clock_set_test(T0 + 180);
	publish(*state, true, &given);
	assert_int_equal(given.base, full.number);
	assert_int_equal(given.entries, 1);
	assert_int_equal(given.number, made.number + 1);
	make_delta(*state, &made_again);
	assert_int_equal(made_again.base, full.number);
	assert_int_equal(made_again.entries, 1);
	assert_int_equal(made_again.number, given.number + 1);
	OK(ca_get(*state, "issuing", &v));
	assert_int_equal(v.rec.crl_at, full.this_update);
	cred_clear(&i.cred);
}

/* RFC 5280 3.3: it has been on a list that was given out past its end before it leaves these. */
static void test_leaves_published(void **state)
{
	struct cred_revocation why = { 0 };
	struct crl_info full;
	struct office_issued i;
	SCOPED(cred) out = { 0 };

	issue(*state, &i);
	OK(cred_revoke(*state, i.ref, &why, &out));
	publish(*state, false, &full);
	assert_int_equal(full.entries, 1);
	clock_set_test(i.cred.rec.not_after + DAY);
	assert_int_equal(make(*state), 1);
	assert_int_equal(make(*state), 0);
	publish(*state, false, &full);
	assert_int_equal(full.entries, 1);
	publish(*state, false, &full);
	assert_int_equal(full.entries, 0);
	cred_clear(&i.cred);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_below_is_a_ca, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_address_of_shards, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_address_of_shards_meanwhile, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_address_of_one, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_next_key_is_free, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_set_while_it_waits, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_delta_continues_published, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_delta_by_hand, setup, office_teardown),
		cmocka_unit_test_setup_teardown(test_leaves_published, setup, office_teardown),
	};

	return cmocka_run_group_tests_name("lists", tests, office_with_key, office_drop_key);
}
