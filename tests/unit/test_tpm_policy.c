/* test_tpm_policy - digests of policies, and Names, as a TPM works them out; PCRs as people write
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/own.h"
#include "tests/lib/scratch.h"
#include "tests/lib/swtpm.h"
#include "tpm/wire/policy.h"

static struct swtpm *tpm;

static int start(void **state)
{
	(void)state;
	tpm = swtpm_start(SWTPM_UNIX);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	swtpm_free(tpm);
	return 0;
}

/* ---- what the TPM says ---- */

static void tool(const char *format, ...) PRINTF_LIKE(1, 2);
static void tool(const char *format, ...)
{
	SCOPED(buf) all = { 0 };
	AUTO(free_chars) char *line = NULL;
	char words[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	buf_addf(&all, "cd '%s' && { %s; } >tool.log 2>&1 || { cat tool.log; exit 1; }",
		 scratch_dir(), words);
	line = buf_take_str(&all);
	if (swtpm_shell(tpm, line) != 0)
		fail_msg("%s", words);
}

/* A trial session through which `steps` go; each finds the session in $S. */
static void session(const char *steps)
{
	tool("S='-S s.ctx -L digest' && tpm2_startauthsession -S s.ctx && { %s; } && "
	     "tpm2_flushcontext s.ctx",
	     steps);
}

static void file(const char *name, struct buf *ret)
{
	assert_int_equal(file_read(scratch_path(name), 4096, ret), INRO_OK);
}

static void agrees(const TPM2B_DIGEST *d)
{
	SCOPED(buf) digest = { 0 };

	file("digest", &digest);
	assert_int_equal(d->size, POLICY_SIZE);
	assert_int_equal(digest.n, POLICY_SIZE);
	assert_memory_equal(d->buffer, digest.p, POLICY_SIZE);
}

/* ---- policies ---- */

static const TPM2B_NAME owner = { 4, { 0x40, 0, 0, 1 } }; /* a hierarchy's Name is its handle */

static void test_secret(void **state)
{
	TPM2B_DIGEST d;

	(void)state;
	session("tpm2_policysecret $S -c o");
	policy_start(&d);
	assert_int_equal(policy_secret(&d, &owner), INRO_OK);
	agrees(&d);
}

static void test_command(void **state)
{
	TPM2B_DIGEST d;

	(void)state;
	session("tpm2_policysecret $S -c o && tpm2_policycommandcode $S TPM2_CC_NV_Write");
	policy_start(&d);
	assert_int_equal(policy_secret(&d, &owner), INRO_OK);
	assert_int_equal(policy_command(&d, TPM2_CC_NV_Write), INRO_OK);
	agrees(&d);
}

static void test_auth_value(void **state)
{
	TPM2B_DIGEST d;

	(void)state;
	session("tpm2_policyauthvalue $S");
	policy_start(&d);
	assert_int_equal(policy_auth_value(&d), INRO_OK);
	agrees(&d);
}

static void test_or(void **state)
{
	TPML_DIGEST branches = { .count = 2 };
	TPM2B_DIGEST d;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(branches.digests); i++) {
		policy_start(&branches.digests[i]);
		assert_int_equal(policy_command(&branches.digests[i],
						i ? TPM2_CC_NV_ChangeAuth : TPM2_CC_NV_Write),
				 INRO_OK);
	}
	session("tpm2_policycommandcode $S TPM2_CC_NV_Write && cp digest a");
	session("tpm2_policycommandcode $S TPM2_CC_NV_ChangeAuth && cp digest b");
	session("tpm2_policyor $S sha256:a,b");
	policy_start(&d);
	assert_int_equal(policy_auth_value(&d), INRO_OK); /* does not matter */
	assert_int_equal(policy_or(&d, &branches), INRO_OK);
	agrees(&d);
	session("tpm2_policyor $S sha256:a,b,b,b,b,b,b,b");
	branches.count = 8;
	assert_int_equal(policy_or(&d, &branches), INRO_OK);
	agrees(&d);
	branches.count = 1;
	assert_int_equal(policy_or(&d, &branches), INRO_E_ARG);
	branches.count = 9;
	assert_int_equal(policy_or(&d, &branches), INRO_E_ARG);
	branches.count = 2;
	branches.digests[1].size = 20;
	assert_int_equal(policy_or(&d, &branches), INRO_E_ARG);
	agrees(&d);
}

static void pcrs_agree(const char *text)
{
	SCOPED(buf) values = { 0 };
	struct bytes part;
	TPML_PCR_SELECTION which;
	TPM2B_DIGEST hash, d;

	tool("tpm2_pcrread -o values %s && tpm2_startauthsession -S s.ctx && "
	     "tpm2_policypcr -S s.ctx -l %s -L digest && tpm2_flushcontext s.ctx",
	     text, text);
	file("values", &values);
	part = buf_bytes(&values);
	assert_int_equal(crypt_hash(TPM2_ALG_SHA256, &part, 1, &hash), INRO_OK);
	assert_int_equal(policy_read_pcrs(bytes_of(text), &which), INRO_OK);
	policy_start(&d);
	assert_int_equal(policy_pcr(&d, &which, &hash), INRO_OK);
	agrees(&d);
}

static void test_pcr(void **state)
{
	(void)state;
	tool("tpm2_pcrextend 7:sha256=%064d", 5);
	pcrs_agree("sha256:0,2,7");
	pcrs_agree("sha256:23");
	pcrs_agree("sha1:0+sha256:7,16");
}

/* ---- Names ---- */

static void test_names(void **state)
{
	SCOPED(buf) area = { 0 };
	SCOPED(buf) want = { 0 };
	TPM2B_PUBLIC pub;
	TPM2B_NAME name;
	struct bytes in;

	(void)state;
	tool("tpm2_createprimary -C o -G ecc -c p.ctx && tpm2_readpublic -c p.ctx -o pub -n name "
	     "&& "
	     "tpm2_flushcontext -t");
	file("pub", &area);
	file("name", &want);
	in = buf_bytes(&area);
	assert_int_equal(wire_read_public(&in, &pub), INRO_OK);
	assert_int_equal(wire_end(in), INRO_OK);
	assert_int_equal(crypt_name(&pub.publicArea, &name), INRO_OK);
	assert_true(bytes_equal(BYTES(name.name, name.size), buf_bytes(&want)));
}

static void test_nv_name(void **state)
{
	static const TPMS_NV_PUBLIC pub = {
		.nvIndex = 0x01500001,
		.nameAlg = TPM2_ALG_SHA256,
		.attributes = TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE | TPMA_NV_AUTHREAD,
		.dataSize = 8,
	};
	SCOPED(buf) grep = { 0 };
	AUTO(free_chars) char *line = NULL;
	TPM2B_NAME name;

	(void)state;
	tool("tpm2_nvdefine -C o -s 8 -a 'ownerread|ownerwrite|authread' 0x1500001 && "
	     "tpm2_nvreadpublic 0x1500001 > said");
	assert_int_equal(crypt_nv_name(&pub, &name), INRO_OK);
	buf_addf(&grep, "grep -q ");
	buf_add_hex(&grep, BYTES(name.name, name.size));
	buf_addf(&grep, " said");
	line = buf_take_str(&grep);
	tool("%s", line);
}

/* ---- PCRs as people write them ---- */

static void test_read_pcrs(void **state)
{
	TPML_PCR_SELECTION x;

	(void)state;
	assert_int_equal(policy_read_pcrs(bytes_of("sha256:0,2,7,23+sha512:10"), &x), INRO_OK);
	assert_int_equal(x.count, 2);
	assert_int_equal(x.pcrSelections[0].hash, TPM2_ALG_SHA256);
	assert_int_equal(x.pcrSelections[0].sizeofSelect, 3);
	assert_memory_equal(x.pcrSelections[0].pcrSelect, "\x85\x00\x80", 3);
	assert_int_equal(x.pcrSelections[1].hash, TPM2_ALG_SHA512);
	assert_memory_equal(x.pcrSelections[1].pcrSelect, "\x00\x04\x00", 3);
	assert_int_equal(policy_read_pcrs(bytes_of("sha1:0+sha256:1+sha384:2+sha512:3"), &x),
			 INRO_OK);
	assert_int_equal(x.count, 4);
}

static void test_read_pcrs_refused(void **state)
{
	static const char *const wrong[] = {
		"",	      "sha256",	    "sha256:",		"sha256:,",	     "sha256:1,",
		":1",	      "sha3:1",	    "SHA256:1",		"sha256:24",	     "sha256:00",
		"sha256:01",  "sha256:-1",  "sha256:1 ",	" sha256:1",	     "sha256:1,1",
		"sha256:1+",  "+sha256:1",  "sha256:1++sha1:1", "sha256:1+sha256:2", "sha256:1:2",
		"sha256:0x1", "sha256:1-3", "sha256:100",	"sha256:1;sha1:1",
	};
	TPML_PCR_SELECTION x = { .count = 77 };
	char large[130];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (policy_read_pcrs(bytes_of(wrong[i]), &x) != INRO_E_SYNTAX)
			fail_msg("'%s' was read", wrong[i]);
		assert_non_null(strstr(err_detail(INRO_E_SYNTAX), "sha256:0,2,7"));
	}
	assert_int_equal(policy_read_pcrs(BYTES("sha256:1\0", 9), &x), INRO_E_SYNTAX);
	memset(large, '1', sizeof large);
	assert_int_equal(policy_read_pcrs(BYTES(large, 129), &x), INRO_E_TOO_BIG);
	assert_int_equal(x.count, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_auth_value),
		cmocka_unit_test(test_or),
		cmocka_unit_test(test_pcr),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_nv_name),
		cmocka_unit_test(test_read_pcrs),
		cmocka_unit_test(test_read_pcrs_refused),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
