/* test_pki_csrattrs - what a profile wants in a request, octet by octet (RFC 9908 3.4, RFC 8951 3.5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "backoffice/pki/csrattrs.h"
#include "base/der.h"

#define OK(x) assert_int_equal(x, INRO_OK)
#define HEAD  "[profile]\nname = p\n[validity]\nperiod = 30d\n"

static void make(const char *text, const char *device, struct buf *ret)
{
	SCOPED(profile) p = { 0 };
	const struct dn_vars vars = { .ca_name = "ca", .device_id = device };
	struct csrattrs in = { .profile = &p, .vars = &vars };

	OK(profile_read(bytes_of(text), "p.ini", &p));
	in.key_types = p.key_types;
	OK(csrattrs_make(&in, ret));
}

static bool has(const struct buf *b, struct bytes part)
{
	return memmem(b->p, b->n, part.p, part.n) != NULL;
}

/* Attribute { template, { { 0, { { { CN } } }, [1] } } } and nothing else. */
static void test_least(void **state)
{
	static const uint8_t want[] = { 0x30, 0x23, 0x30, 0x21, 0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86,
					0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x3d, 0x31, 0x12, 0x30,
					0x10, 0x02, 0x01, 0x00, 0x30, 0x09, 0x31, 0x07, 0x30, 0x05,
					0x06, 0x03, 0x55, 0x04, 0x03, 0xa1, 0x00 };
	SCOPED(buf) der = { 0 };

	(void)state;
	make(HEAD "[key]\ntypes = ec-p256 ec-p384\n", NULL, &der);
	assert_int_equal(der.n, sizeof want);
	assert_memory_equal(der.p, want, sizeof want);
}

static const struct bytes oid_challenge = BYTES_LIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07"),
			  p384 = BYTES_LIT("\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
					   "\x06\x05\x2b\x81\x04\x00\x22"),
			  rsa_3072 = BYTES_LIT("\x31\x04\x02\x02\x0c\x00"),
			  dev = BYTES_LIT("\x06\x03\x55\x04\x03\x0c\x03""dev"),
			  open_serial = BYTES_LIT("\x30\x05\x06\x03\x55\x04\x05"),
			  exts_template = BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3e"),
			  san = BYTES_LIT("\x82\x03""dev");

static void test_the_one_type_of_key(void **state)
{
	SCOPED(buf) ec = { 0 };
	SCOPED(buf) rsa = { 0 };

	(void)state;
	make(HEAD "[key]\ntypes = ec-p384\n", NULL, &ec);
	assert_true(has(&ec, p384));
	make(HEAD "[key]\ntypes = rsa\nrsa_min = 3072\n", NULL, &rsa);
	assert_true(has(&rsa, rsa_3072)); /* the older form */
	assert_true(rsa.n > 3072 / 8);	  /* and a placeholder of that size */
}

static void test_known_and_open_values(void **state)
{
	static const char text[] = HEAD "[key]\ntypes = ec-p256 rsa\n[subject]\nrequired = CN serialNumber\n"
					"default = CN=${device.id}\n[san]\nallowed = DNS\nrequired = "
					"DNS\ndefault = DNS:${device.id}\n";
	SCOPED(buf) mine = { 0 };
	SCOPED(buf) anybodys = { 0 };

	(void)state;
	make(text, "dev", &mine);
	assert_true(has(&mine, dev));
	assert_true(has(&mine, open_serial));
	assert_true(has(&mine, san));
	assert_false(has(&mine, exts_template));
	make(text, NULL, &anybodys);
	assert_false(has(&anybodys, bytes_of("dev")));
	assert_true(has(&anybodys, exts_template));
}

static void test_channel_binding(void **state)
{
	SCOPED(buf) with = { 0 };
	SCOPED(buf) without = { 0 };

	(void)state;
	make(HEAD "[key]\ntypes = ec-p256\n[issuing]\nchannel_binding = yes\n", NULL, &with);
	make(HEAD "[key]\ntypes = ec-p256\n", NULL, &without);
	assert_true(has(&with, oid_challenge));
	assert_false(has(&without, oid_challenge));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_the_one_type_of_key),
		cmocka_unit_test(test_known_and_open_values),
		cmocka_unit_test(test_channel_binding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
