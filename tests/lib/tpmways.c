#include "tests/lib/tpmways.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/own.h"
#include "pkcs11/token/libctx.h"
#include "tests/lib/scratch.h"

struct tpm *tpm;
struct caps tpm_caps;
struct swtpm *tpm_real;

static const struct way {
	const char *name;
	bool embedded;
	enum swtpm_way way;
	enum tpm_how how;
} ways[] = {
	{ .name = "libtpms", .embedded = true, .how = TPM_BY_HMAC },
	{ .name = "libtpms-password", .embedded = true, .how = TPM_BY_PASSWORD },
	{ .name = "swtpm-unix", .way = SWTPM_UNIX, .how = TPM_BY_HMAC },
	{ .name = "swtpm-tcp", .way = SWTPM_TCP, .how = TPM_BY_HMAC },
};

static const struct way *way;

static enum inro_err step_caps(struct tpm *t, void *arg)
{
	return caps_read(t, arg);
}

static int get_tpm(void **state)
{
	char home[512];
	struct tpm_words words = { .how = way->how };
	enum inro_err e;

	(void)state;
	(void)snprintf(home, sizeof home, "%s/%s", scratch_dir(), way->name);
	assert_int_equal(mkdir(home, 0700), 0);
	tpm_real = way->embedded ? NULL : swtpm_start(way->way);
	words.tcti = bytes_of(tpm_real ? swtpm_tcti(tpm_real) : "libtpms:");
	words.home = home;
	assert_int_equal(tpm_get(&words, &tpm), INRO_OK);
	e = resident_turn(tpm, 0, step_caps, &tpm_caps);
	if (e)
		print_error("%s\n", err_detail(e));
	assert_int_equal(e, INRO_OK);
	return 0;
}

static int drop_tpm(void **state)
{
	uint32_t left;

	(void)state;
	tpm_unref(tpm);
	left = tpm_real ? swtpm_left_behind(tpm_real) : 0;
	swtpm_free(tpm_real);
	if (left)
		fprintf(stderr, "%u objects and sessions are left in the TPM\n", left);
	return left != 0;
}

int run_on_every_tpm(const struct CMUnitTest *tests, size_t n_tests)
{
	int failed = 0;

	crypt_use(libctx_get);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		way = &ways[i];
		failed += _cmocka_run_group_tests(way->name, tests, n_tests, get_tpm, drop_tpm);
	}
	return failed;
}
