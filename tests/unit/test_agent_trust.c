/* Whom a device takes for its service after the roots in `trust` were replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backoffice/pki/link.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tests/lib/judge.h"
#include "tests/lib/scratch.h"
#include "tools/agent/trust.h"

#define NOW  INT64_C(1800000000)
#define YEAR INT64_C(31536000)

/* Three keys of one root, one after the other; somebody of the same name; another CA */
static struct judge_ca old, next, last, stranger, other;
static struct cert link_next, link_last, link_back, link_strange, link_other, link_ended;
static char *trust_path, *kept_path;
static struct agent_settings settings;

static void make_link(const struct judge_ca *by, const struct judge_ca *of, int64_t end, struct cert *ret)
{
	SCOPED(buf) tbs = { 0 };
	SCOPED(buf) signature = { 0 };
	SCOPED(buf) der = { 0 };
	const struct pki_sig *sig;
	const struct link_plan plan = { .of = &of->cert, .issuer = &by->cert, .not_before = NOW - 1000, .not_after = end };

	assert_int_equal(link_tbs(&plan, &tbs, &sig), INRO_OK);
	judge_sign(by->key, sig, buf_bytes(&tbs), &signature);
	assert_int_equal(pki_signed(buf_bytes(&tbs), sig, buf_bytes(&signature), &der), INRO_OK);
	assert_int_equal(cert_read(buf_bytes(&der), ret), INRO_OK);
}

static int make(void **state)
{
	(void)state;
	judge_ca_make("P-256", "/CN=Root", NULL, NOW - 900, &old);
	judge_ca_make("P-256", "/CN=Root", NULL, NOW - 800, &next);
	judge_ca_make("P-256", "/CN=Root", NULL, NOW - 700, &last);
	judge_ca_make("P-256", "/CN=Root", NULL, NOW - 600, &stranger);
	judge_ca_make("P-256", "/CN=Other", NULL, NOW - 600, &other);
	make_link(&old, &next, NOW + YEAR, &link_next);
	make_link(&next, &last, NOW + YEAR, &link_last);
	make_link(&next, &old, NOW + YEAR, &link_back);
	make_link(&stranger, &next, NOW + YEAR, &link_strange);
	make_link(&old, &other, NOW + YEAR, &link_other);
	make_link(&old, &next, NOW - 10, &link_ended);
	trust_path = file_join(scratch_dir(), "ca.pem");
	settings = (struct agent_settings) { .dir = strdup(scratch_dir()), .trust = trust_path };
	kept_path = file_join(scratch_dir(), TRUST_FILE);
	assert_true(settings.dir && trust_path && kept_path);
	return 0;
}

static int clear(void **state)
{
	struct judge_ca *const cas[] = { &old, &next, &last, &stranger, &other };
	struct cert *const links[] = { &link_next, &link_last, &link_back, &link_strange, &link_other, &link_ended };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cas); i++)
		judge_ca_clear(cas[i]);
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		cert_clear(links[i]);
	free(trust_path);
	free(kept_path);
	free(settings.dir);
	return 0;
}

static void set_trust(const struct cert *c)
{
	SCOPED(buf) text = { 0 };

	pem_add(&text, PEM_CERT, buf_bytes(&c->der));
	assert_int_equal(file_write(trust_path, 0644, buf_bytes(&text)), INRO_OK);
}

static int anew(void **state)
{
	(void)state;
	unlink(kept_path);
	set_trust(&old.cert);
	return 0;
}

/* The service sends these; NULL ends them. */
static void told(const struct cert *const *list)
{
	SCOPED(est_certs) c = { 0 };

	for (; *list; list++)
		buf_add(&c.ders[c.n++], buf_bytes(&(*list)->der));
	assert_int_equal(trust_follow(&settings, &c, NOW), INRO_OK);
}
#define TOLD(...) told((const struct cert *const[]) { __VA_ARGS__, NULL })

static bool believes(const struct cert *c)
{
	SCOPED(buf) all = { 0 };
	SCOPED(buf) one = { 0 };

	assert_int_equal(trust_load(&settings, &all), INRO_OK);
	pem_add(&one, PEM_CERT, buf_bytes(&c->der));
	return all.n && memmem(all.p, all.n, one.p, one.n);
}

static bool follows_nothing(void)
{
	SCOPED(buf) all = { 0 };

	assert_int_equal(trust_load(&settings, &all), INRO_OK);
	return all.n == 0;
}

static void the_next_root_is_followed(void **state)
{
	(void)state;
	assert_true(follows_nothing());
	TOLD(&old.cert, &next.cert, &link_back, &link_next);
	assert_true(believes(&old.cert)); /* what is in `trust` stays */
	assert_true(believes(&next.cert));
	assert_false(believes(&link_next)); /* it leads there, and is no end */
}

static void and_the_one_after(void **state)
{
	(void)state;
	TOLD(&last.cert, &link_last, &next.cert, &link_next);
	assert_true(believes(&last.cert));
}

/* The old root has ended, and with it what leads from there. */
static void what_was_followed_leads_on(void **state)
{
	(void)state;
	TOLD(&next.cert, &link_next);
	TOLD(&last.cert, &next.cert, &link_last);
	assert_true(believes(&next.cert));
	assert_true(believes(&last.cert));
}

static void nobody_else_is_followed(void **state)
{
	(void)state;
	TOLD(&next.cert);
	TOLD(&next.cert, &link_strange, &stranger.cert); /* that name, by another key */
	TOLD(&other.cert, &link_other);			 /* that key's word, for another name */
	TOLD(&next.cert, &link_ended);
	TOLD(&link_next);
	assert_true(follows_nothing());
	assert_int_not_equal(access(kept_path, F_OK), 0);
}

static void none_that_was_before(void **state)
{
	(void)state;
	set_trust(&next.cert);
	TOLD(&old.cert, &next.cert, &link_back, &link_next);
	assert_true(follows_nothing());
}

static void without_its_beginning_it_counts_for_nothing(void **state)
{
	SCOPED(buf) text = { 0 };

	(void)state;
	TOLD(&last.cert, &link_last, &next.cert, &link_next);
	set_trust(&other.cert);
	assert_true(follows_nothing());
	set_trust(&next.cert); /* in the middle of the way */
	assert_true(believes(&last.cert));
	set_trust(&old.cert);
	pem_add(&text, PEM_CERT, buf_bytes(&stranger.cert.der));
	pem_add(&text, PEM_CERT, buf_bytes(&link_strange.der));
	pem_add(&text, PEM_CERT, buf_bytes(&next.cert.der));
	assert_int_equal(file_write(kept_path, 0644, buf_bytes(&text)), INRO_OK);
	assert_true(follows_nothing());
}

static void a_damaged_file_is_as_none(void **state)
{
	(void)state;
	assert_int_equal(file_write(kept_path, 0644, bytes_of("-----BEGIN CERTIFICATE-----\nnonsense\n")), INRO_OK);
	assert_true(follows_nothing());
	TOLD(&next.cert, &link_next);
	assert_true(believes(&next.cert));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_next_root_is_followed, anew),
		cmocka_unit_test_setup(and_the_one_after, anew),
		cmocka_unit_test_setup(what_was_followed_leads_on, anew),
		cmocka_unit_test_setup(nobody_else_is_followed, anew),
		cmocka_unit_test_setup(none_that_was_before, anew),
		cmocka_unit_test_setup(without_its_beginning_it_counts_for_nothing, anew),
		cmocka_unit_test_setup(a_damaged_file_is_as_none, anew),
	};

	return cmocka_run_group_tests(tests, make, clear);
}
