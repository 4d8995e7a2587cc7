/* Evidence of a key: what is good passes, and whatever is otherwise is refused for its own reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "base/clock.h"
#include "tests/lib/evidence_maker.h"
#include "tests/lib/scratch.h"

static struct maker good;
static TPM2B_NAME ak_name, ek_name;

static int setup(void **state)
{
	(void)state;
	maker_new(&good);
	maker_ak_name(&good, &ak_name);
	maker_ek_name(&good, &ek_name);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	maker_free(&good);
	return 0;
}

static struct evidence_check usual(void)
{
	return (struct evidence_check) { .roots = maker_roots(),
					 .nonce = BYTES(good.nonce, good.nonce_n),
					 .ak_name = BYTES(ak_name.name, ak_name.size),
					 .ek_name = BYTES(ek_name.name, ek_name.size),
					 /* certificates are still made while a test runs */
					 .now = clock_now() + 3600 };
}

static enum inro_err check(struct bytes blob, const struct evidence_check *by)
{
	SCOPED(evidence_found) found = { 0 };
	struct evidence e;
	enum inro_err err = evidence_read(blob, &e);

	return err ? err : evidence_check(&e, by, &found);
}

/* The error, and that its line has these words. */
static void refused(const struct maker *m, const struct evidence_check *by, enum inro_err want,
		    const char *words)
{
	SCOPED(buf) blob = { 0 };
	enum inro_err e;

	maker_make(m, &blob);
	err_reset();
	e = check(buf_bytes(&blob), by);
	if (e != want || (words && !strstr(err_detail(e), words)))
		fail_msg("%s '%s' where '%s' belongs", err_name(e), err_detail(e), words);
}

static void good_evidence_passes(void **state)
{
	SCOPED(buf) blob = { 0 };
	SCOPED(evidence_found) found = { 0 };
	struct evidence_check by = usual();
	struct evidence e;
	unsigned char *spki = NULL;
	int n = i2d_PUBKEY(good.key_key, &spki);

	(void)state;
	by.spki = BYTES(spki, (size_t)n);
	maker_make(&good, &blob);
	assert_int_equal(evidence_read(buf_bytes(&blob), &e), INRO_OK);
	assert_int_equal(evidence_check(&e, &by, &found), INRO_OK);
	assert_true(bytes_equal(buf_bytes(&found.spki), by.spki));
	assert_string_equal(found.tpm.maker, "id:54455354");
	assert_string_equal(found.tpm.model, "made");
	assert_string_equal(found.tpm.version, "id:00010002");
	assert_int_equal(found.attest.clockInfo.resetCount, 7);
	assert_int_equal(found.key_attributes, good.key.publicArea.objectAttributes);
	OPENSSL_free(spki);
}

static void a_nonce_is_the_verifiers(void **state)
{
	struct evidence_check by = usual();

	(void)state;
	by.nonce = bytes_of("yesterday's nonce");
	refused(&good, &by, INRO_E_POLICY, "not an answer to this nonce");
	by.nonce = BYTES(good.nonce, good.nonce_n - 1);
	refused(&good, &by, INRO_E_POLICY, "not an answer to this nonce");
	by.nonce = BYTES_NONE;
	refused(&good, &by, INRO_E_ARG, "nonce");
}

static void an_attestation_key_is_proven(void **state)
{
	struct evidence_check by = usual();

	(void)state;
	by.ak_name = BYTES_NONE;
	refused(&good, &by, INRO_E_POLICY, "must answer a challenge");
	by.ak_name = bytes_of("somebody else's name");
	refused(&good, &by, INRO_E_POLICY, "another attestation key");
	/* the enrolled one of another TPM, whose word would be taken for this one's */
	by = usual();
	by.ek_name = BYTES(ak_name.name, ak_name.size);
	refused(&good, &by, INRO_E_POLICY, "of another TPM");
	by.ek_name = BYTES_NONE;
	refused(&good, &by, INRO_E_POLICY, "of another TPM");
}

static void the_key_is_the_one_claimed(void **state)
{
	struct evidence_check by = usual();
	unsigned char *spki = NULL;
	int n = i2d_PUBKEY(good.ak_key, &spki);

	(void)state;
	by.spki = BYTES(spki, (size_t)n);
	refused(&good, &by, INRO_E_POLICY, "another key than the one that is claimed");
	OPENSSL_free(spki);
}

static void attributes_are_held_to(void **state)
{
	const struct evidence_check by = usual();
	struct evidence_check any = by;
	struct maker m = good;
	TPM2B_NAME name;

	(void)state;
	any.imported_too = true;
	m.key.publicArea.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_SENSITIVEDATAORIGIN;
	refused(&m, &by, INRO_E_POLICY, "was not made there");
	refused(&m, &any, INRO_OK, NULL);
	m = good;
	m.key.publicArea.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_FIXEDPARENT;
	refused(&m, &by, INRO_E_POLICY, "may be moved");
	m = good;
	m.key.publicArea.nameAlg = TPM2_ALG_SHA1;
	refused(&m, &by, INRO_E_POLICY, "weak hash");
	m = good;
	m.ek.publicArea.objectAttributes |= TPMA_OBJECT_SIGN_ENCRYPT;
	refused(&m, &by, INRO_E_POLICY, "endorsement key is none");
	m = good;
	m.ak.publicArea.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_RESTRICTED;
	maker_ak_name(&m, &name);
	any.ak_name = BYTES(name.name, name.size); /* even one that is believed */
	refused(&m, &any, INRO_E_POLICY, "attestation key is none");
}

static void the_word_is_the_tpms(void **state)
{
	const struct evidence_check by = usual();
	struct maker m = good;

	(void)state;
	m.signer = good.key_key;
	refused(&m, &by, INRO_E_SIGNATURE, NULL);
	m = good;
	m.about = &good.ak;
	refused(&m, &by, INRO_E_POLICY, "another key than this one");
	m = good;
	m.magic = 0x12345678;
	refused(&m, &by, INRO_E_SYNTAX, NULL);
	m = good;
	m.type = TPM2_ST_ATTEST_TIME;
	refused(&m, &by, INRO_E_SYNTAX, NULL);
}

#define BY_ROOT "-CA roots/root.pem -CAkey root.key -subj / -extfile config -extensions "

static void the_certificate_is_an_endorsement_keys(void **state)
{
	const struct evidence_check by = usual();
	struct evidence_check later = by;
	struct maker m = good;

	(void)state;
	m.chain = NULL;
	refused(&m, &by, INRO_E_NOT_FOUND, "no certificate for its endorsement key");
	maker_certify("use.der", BY_ROOT "other_use");
	m.chain = "use.der";
	refused(&m, &by, INRO_E_POLICY, "not one of an endorsement key");
	maker_certify("name.der", BY_ROOT "other_name");
	m.chain = "name.der";
	refused(&m, &by, INRO_E_POLICY, "alternative name is critical");
	maker_certify("unknown.der", BY_ROOT "unknown");
	m.chain = "unknown.der";
	refused(&m, &by, INRO_E_SIGNATURE, "unhandled critical extension");
	maker_certify("self.der", "-signkey root.key -subj /CN=Maker");
	m.chain = "self.der";
	refused(&m, &by, INRO_E_SIGNATURE, "vouches for this TPM");
	m = good;
	m.ek.publicArea.unique.rsa.buffer[100] ^= 1;
	refused(&m, &by, INRO_E_POLICY, "another endorsement key");
	later.now += 40 * 86400;
	refused(&good, &later, INRO_E_SIGNATURE, "expired");
}

/* A CA that issues for TPMs issues other certificates, too: whoever has one of those, with its
 * private key in a file, is no TPM. */
static void other_certificates_of_the_maker_are_none(void **state)
{
	static const struct {
		const char *section, *words;
	} rows[] = {
		{ "no_use", "does not say that it is a TPM's" },
		{ "ca", "signs or issues" },
		{ "signs", "signs or issues" },
		{ "aik", "not one of an endorsement key" },
		{ "opens", NULL },
		{ "name_alone", NULL },
	};
	const struct evidence_check by = usual();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct maker m = good;
		char how[128];

		snprintf(how, sizeof how, BY_ROOT "%s", rows[i].section);
		maker_certify("made.der", how);
		m.chain = "made.der";
		refused(&m, &by, rows[i].words ? INRO_E_POLICY : INRO_OK, rows[i].words);
	}
}

/* CAs below the root: one that is none, one whose key is too short, one for others' names. */
static void a_chain_holds(void **state)
{
	static const struct {
		const char *name, *key, *section, *words;
	} rows[] = {
		{ "fine", "EC -pkeyopt ec_paramgen_curve:P-256", "below", NULL },
		{ "leaf", "EC -pkeyopt ec_paramgen_curve:P-256", "ek", "vouches for this TPM" },
		{ "weak", "RSA -pkeyopt rsa_keygen_bits:1024", "below", "too weak" },
		{ "elsewhere", "EC -pkeyopt ec_paramgen_curve:P-256", "elsewhere", "subtree" },
	};
	const struct evidence_check by = usual();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct maker m = good;
		char how[256], above[32];

		maker_ca(rows[i].name, rows[i].key, rows[i].section);
		snprintf(how, sizeof how,
			 "-CA %s.pem -CAkey %s.key -subj /O=TPMs -extfile config -extensions ek",
			 rows[i].name, rows[i].name);
		maker_certify("below.der", how);
		snprintf(above, sizeof above, "%s.der", rows[i].name);
		m.chain = "below.der";
		m.above = above;
		refused(&m, &by, rows[i].words ? INRO_E_SIGNATURE : INRO_OK, rows[i].words);
	}
}

static void a_folder_of_roots(void **state)
{
	struct evidence_check by = usual();
	char path[512], command[1100];

	(void)state;
	by.roots = "/no/such/folder";
	refused(&good, &by, INRO_E_NOT_FOUND, NULL);
	snprintf(path, sizeof path, "%s/bad", scratch_dir());
	by.roots = path;
	snprintf(command, sizeof command, "mkdir '%s' && echo hello >'%s/README'", path, path);
	assert_int_equal(system(command), 0);
	refused(&good, &by, INRO_E_NOT_FOUND, "no certificate of a TPM maker");
	snprintf(command, sizeof command, "printf '0broken' >'%s/root.der'", path);
	assert_int_equal(system(command), 0);
	refused(&good, &by, INRO_E_SYNTAX, "root.der");
}

/* One bit anywhere. */
static void no_bit_can_be_otherwise(void **state)
{
	const struct evidence_check by = usual();
	SCOPED(buf) blob = { 0 };

	(void)state;
	maker_make(&good, &blob);
	for (size_t i = 0; i < blob.n; i++) {
		blob.p[i] ^= (uint8_t)(1 << i % 8);
		if (check(buf_bytes(&blob), &by) == INRO_OK)
			fail_msg("byte %zu of %zu may be otherwise", i, blob.n);
		blob.p[i] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(check(buf_bytes(&blob), &by), INRO_OK);
}

static void nothing_can_be_missing(void **state)
{
	const struct evidence_check by = usual();
	SCOPED(buf) blob = { 0 };

	(void)state;
	maker_make(&good, &blob);
	for (size_t n = 0; n < blob.n; n += n < 64 ? 1 : 37)
		assert_int_equal(check(BYTES(blob.p, n), &by), INRO_E_SYNTAX);
	buf_add_u8(&blob, 0);
	assert_int_equal(check(buf_bytes(&blob), &by), INRO_E_SYNTAX);
}

static void a_challenge_wants_a_tpm(void **state)
{
	SCOPED(buf) blob = { 0 };
	SCOPED(buf) challenge = { 0 };
	SCOPED(secret) secret = { 0 };
	struct evidence_check by = usual();
	struct evidence e;

	(void)state;
	maker_make(&good, &blob);
	assert_int_equal(evidence_read(buf_bytes(&blob), &e), INRO_OK);
	assert_int_equal(evidence_challenge(&e, &by, &secret, &challenge), INRO_OK);
	assert_int_equal(secret.n, 32);
	/* TPM2B_ID_OBJECT: HMAC, secret; TPM2B_ENCRYPTED_SECRET: RSA-2048 */
	assert_int_equal(challenge.n, 2 + 2 + 32 + 2 + 32 + 2 + 256);
	secret_clear(&secret);
	buf_clear(&challenge);
	by.now += 40 * 86400;
	assert_int_equal(evidence_challenge(&e, &by, &secret, &challenge), INRO_E_SIGNATURE);
	assert_int_equal(challenge.n + secret.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_evidence_passes),
		cmocka_unit_test(a_nonce_is_the_verifiers),
		cmocka_unit_test(an_attestation_key_is_proven),
		cmocka_unit_test(the_key_is_the_one_claimed),
		cmocka_unit_test(attributes_are_held_to),
		cmocka_unit_test(the_word_is_the_tpms),
		cmocka_unit_test(the_certificate_is_an_endorsement_keys),
		cmocka_unit_test(other_certificates_of_the_maker_are_none),
		cmocka_unit_test(a_chain_holds),
		cmocka_unit_test(a_folder_of_roots),
		cmocka_unit_test(no_bit_can_be_otherwise),
		cmocka_unit_test(nothing_can_be_missing),
		cmocka_unit_test(a_challenge_wants_a_tpm),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
