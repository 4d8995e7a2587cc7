/* What the agent takes of an EST answer: reading, and which certificate, chain and CAs it installs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backoffice/pki/bundle.h"
#include "tests/lib/judge.h"
#include "tools/agent/est.h"

#define NOW INT64_C(1800000000)

static struct judge_ca root, sub, stranger;

static int make_cas(void **state)
{
	(void)state;
	judge_ca_make("P-256", "/CN=Root", NULL, NOW - 100, &root);
	judge_ca_make("P-256", "/CN=Sub", &root, NOW - 100, &sub);
	judge_ca_make("P-256", "/CN=Sub", NULL, NOW - 100, &stranger);
	return 0;
}

static int free_cas(void **state)
{
	(void)state;
	judge_ca_clear(&root);
	judge_ca_clear(&sub);
	judge_ca_clear(&stranger);
	return 0;
}

static void add(struct est_certs *c, const struct cert *cert)
{
	buf_add(&c->ders[c->n++], buf_bytes(&cert->der));
}

/* base64 of a certs-only message, in lines of `width`. */
static void message(const struct bytes *certs, size_t n, size_t width, struct buf *ret)
{
	SCOPED(buf) der = { 0 };
	SCOPED(buf) flat = { 0 };

	assert_int_equal(bundle_pkcs7(certs, n, &der), INRO_OK);
	flat.p = buf_extend(&flat, der.n * 2 + 8) ? flat.p : NULL;
	assert_non_null(flat.p);
	flat.n = (size_t)EVP_EncodeBlock(flat.p, der.p, (int)der.n);
	for (size_t i = 0; i < flat.n; i += width) {
		buf_add(ret, BYTES(flat.p + i, flat.n - i < width ? flat.n - i : width));
		buf_add_str(ret, "\r\n");
	}
	assert_int_equal(buf_err(ret), INRO_OK);
}

static void read_back(void **state)
{
	const struct bytes certs[] = { buf_bytes(&sub.cert.der), buf_bytes(&root.cert.der) };

	(void)state;
	for (size_t width = 10; width < 5000; width *= 4) {
		SCOPED(buf) body = { 0 };
		SCOPED(est_certs) c = { 0 };

		message(certs, 2, width, &body);
		assert_int_equal(est_read(buf_bytes(&body), &c), INRO_OK);
		assert_int_equal(c.n, 2);
		assert_true(bytes_equal(buf_bytes(&c.ders[0]), certs[0]) ||
			    bytes_equal(buf_bytes(&c.ders[1]), certs[0]));
	}
}

static void unreadable(void **state)
{
	static const char *const bad[] = { "", "<html>", "MIIB", "!!!!", "====", "AAAA" };
	const struct bytes certs[] = { buf_bytes(&sub.cert.der) };
	SCOPED(buf) body = { 0 };
	struct est_certs c = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_not_equal(est_read(bytes_of(bad[i]), &c), INRO_OK);
	message(certs, 1, 64, &body);
	for (size_t n = 0; n < body.n - 8; n += 5)
		assert_int_not_equal(est_read(BYTES(body.p, n), &c), INRO_OK);
	assert_int_equal(c.n, 0);
}

static void too_many(void **state)
{
	struct bytes certs[PAIR_CERTS_MAX + 1];
	SCOPED(buf) body = { 0 };
	struct est_certs c = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(certs); i++)
		certs[i] = buf_bytes(&sub.cert.der);
	message(certs, ARRAY_LEN(certs), 64, &body);
	assert_int_not_equal(est_read(buf_bytes(&body), &c), INRO_OK);
}

static void picked(void **state)
{
	SCOPED(est_certs) issued = { 0 };
	SCOPED(est_certs) cas = { 0 };
	struct est_pick p;

	(void)state;
	/* the one that was asked for is `sub` itself: any certificate with an issuer does */
	add(&issued, &sub.cert);
	add(&cas, &root.cert);
	assert_int_equal(est_pick(&issued, &cas, sub.cert.key.spki, NOW, &p), INRO_OK);
	assert_true(bytes_equal(p.leaf, buf_bytes(&sub.cert.der)));
	assert_int_equal(p.chain_n, 0); /* the root is not sent along */
	assert_int_equal(p.cas_n, 1);
}

static void refused(void **state)
{
	SCOPED(est_certs) issued = { 0 };
	SCOPED(est_certs) cas = { 0 };
	SCOPED(est_certs) others = { 0 };
	struct est_pick p;

	(void)state;
	add(&issued, &sub.cert);
	add(&cas, &root.cert);
	add(&others, &stranger.cert);
	assert_int_equal(est_pick(&issued, &cas, root.cert.key.spki, NOW, &p), INRO_E_POLICY);
	assert_int_equal(est_pick(&issued, &others, sub.cert.key.spki, NOW, &p), INRO_E_SIGNATURE);
	assert_int_equal(est_pick(&issued, &cas, sub.cert.key.spki, sub.cert.not_after, &p),
			 INRO_E_POLICY);
	assert_int_equal(est_pick(&issued, &cas, sub.cert.key.spki, sub.cert.not_before - 1000, &p),
			 INRO_E_POLICY);
}

/* What has room for one CA gets the one that the chain leads to. */
static void root_first(void **state)
{
	SCOPED(est_certs) issued = { 0 };
	SCOPED(est_certs) cas = { 0 };
	struct est_pick p;

	(void)state;
	add(&issued, &sub.cert);
	add(&cas, &stranger.cert);
	add(&cas, &root.cert);
	assert_int_equal(est_pick(&issued, &cas, sub.cert.key.spki, NOW, &p), INRO_OK);
	assert_int_equal(p.cas_n, 2);
	assert_true(bytes_equal(p.cas[0], buf_bytes(&root.cert.der)));
	assert_true(bytes_equal(p.cas[1], buf_bytes(&stranger.cert.der)));
}

/* A renewal by the same key is answered by a certificate of before. */
static void not_new(void **state)
{
	static const uint8_t serial[] = { 1 };
	const struct bytes leaf = buf_bytes(&sub.cert.der);
	struct cert live = sub.cert;

	(void)state;
	assert_int_equal(est_check_new(leaf, &live), INRO_E_POLICY);
	live.serial = BYTES(serial, sizeof serial);
	assert_int_equal(est_check_new(leaf, &live), INRO_OK); /* another one of the same second */
	live.not_before++;
	assert_int_equal(est_check_new(leaf, &live), INRO_OK); /* begins earlier, by what clocks differ */
	live.not_after++;
	assert_int_equal(est_check_new(leaf, &live), INRO_E_POLICY);
	live.key.spki = root.cert.key.spki;
	assert_int_equal(est_check_new(leaf, &live), INRO_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_back), cmocka_unit_test(unreadable),
		cmocka_unit_test(too_many),  cmocka_unit_test(picked),
		cmocka_unit_test(refused),   cmocka_unit_test(root_first),
		cmocka_unit_test(not_new),
	};

	return cmocka_run_group_tests(tests, make_cas, free_cas);
}
