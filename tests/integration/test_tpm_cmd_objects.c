/* test_tpm_cmd_objects - the commands of objects, policies, NV and attestation, each once on a real TPM, what it does
 * checked by libcrypto and another TPM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"
#include "tests/lib/tpmplace.h"
#include "tpm/talk/session.h"
#include "tpm/wire/policy.h"

#define OK(x)	  assert_int_equal(x, INRO_OK)
#define TEXT(s)	  BYTES(s, sizeof(s) - 1)
#define OWN(auth) (&(struct tpm_auth) { .by = BY_AUTH, .value = (auth) })

static const struct bytes auth = BYTES_LIT("an auth of a key");

/* ---- objects ---- */

static void test_object_life(void **state)
{
	TPMT_PUBLIC sealed = tpmkeys_sealed(TPMKEYS_GIVEN);
	const struct bytes data = TEXT("sealed");
	const struct root *root;
	struct blob b = { 0 };
	SCOPED(buf) context = { 0 };
	SCOPED(secret) x = { 0 };
	SCOPED(secret) y = { 0 };
	struct tpm_ref again;
	struct tpmkey k, changed;

	(void)state;
	OK(root_get(tpm, &root));
	tpmkeys_make(tpm, &sealed, auth, data, &k);
	OK(cmd_context_save(tpm, k.ref.handle, &context));
	again.name = k.ref.name;
	OK(cmd_context_load(tpm, buf_bytes(&context), &again.handle));
	OK(cmd_unseal(tpm, &again, OWN(auth), &x));
	assert_true(secret_equal(secret_bytes(&x), data));
	OK(cmd_flush(tpm, again.handle));
	OK(cmd_object_change_auth(tpm, &k.ref, auth, &root->ref, TEXT("new auth"), &b.priv));
	buf_add(&b.pub, buf_bytes(&k.blob.pub));
	tpmkeys_load(tpm, &b, &changed);
	OK(cmd_unseal(tpm, &changed.ref, OWN(TEXT("new auth")), &y));
	assert_true(secret_equal(secret_bytes(&y), data));
	tpmkeys_drop(tpm, &changed);
	tpmkeys_drop(tpm, &k);
}

static void test_evict(void **state)
{
	TPMT_PUBLIC p256 = tpmkeys_ecc(TPM2_ECC_NIST_P256, TPMKEYS_MADE | TPMA_OBJECT_SIGN_ENCRYPT);
	struct tpm_ref there = { .handle = 0x81000100 };
	TPM2B_PUBLIC pub;
	TPM2B_NAME name;
	struct tpmkey k;

	(void)state;
	tpmkeys_make(tpm, &p256, auth, BYTES_NONE, &k);
	OK(cmd_evict(tpm, BYTES_NONE, &k.ref, there.handle));
	OK(cmd_read_public(tpm, there.handle, &pub, &name));
	there.name = BYTES(name.name, name.size);
	assert_true(bytes_equal(there.name, k.ref.name));
	OK(cmd_evict(tpm, BYTES_NONE, &there, there.handle));
	assert_int_not_equal(cmd_read_public(tpm, there.handle, &pub, &name), INRO_OK);
	assert_int_equal(rc_plain(tpm_last_rc()), TPM2_RC_HANDLE);
	tpmkeys_drop(tpm, &k);
}

static void test_load_external(void **state)
{
	const struct root *root;
	uint32_t handle;
	TPM2B_PUBLIC pub;
	TPM2B_NAME name;

	(void)state;
	OK(root_get(tpm, &root));
	OK(cmd_load_external(tpm, &root->pub.publicArea, &handle));
	OK(cmd_read_public(tpm, handle, &pub, &name));
	assert_true(bytes_equal(BYTES(name.name, name.size), root->ref.name));
	OK(cmd_flush(tpm, handle));
}

/* A key that may be duplicated, and how it goes to another storage root. */
static void duplicate_to(struct tpm *from, const TPMT_PUBLIC *template, const TPM2B_PUBLIC *root,
			 struct duplicate *d)
{
	struct tpm_auth by = { .by = BY_POLICY, .last = true };
	struct tpm_ref parent;
	TPM2B_NAME name;
	struct tpmkey k;

	tpmkeys_make(from, template, auth, BYTES_NONE, &k);
	OK(crypt_name(&root->publicArea, &name));
	parent.name = BYTES(name.name, name.size);
	OK(cmd_load_external(from, &root->publicArea, &parent.handle));
	OK(session_policy(from, &by.policy));
	OK(cmd_policy_command(from, by.policy, TPM2_CC_Duplicate));
	OK(cmd_duplicate(from, &k.ref, &by, &parent, d));
	session_end(from, by.policy);
	buf_add(&d->pub, buf_bytes(&k.blob.pub));
	OK(cmd_flush(from, parent.handle));
	tpmkeys_drop(from, &k);
}

static void import_and_sign(struct tpm *to, const struct duplicate *d)
{
	const TPMT_SIG_SCHEME how = { .scheme = TPM2_ALG_ECDSA,
				      .details.any.hashAlg = TPM2_ALG_SHA256 };
	const struct bytes message = TEXT("from another TPM");
	const struct root *root;
	struct blob b = { 0 };
	TPMT_SIGNATURE sig;
	TPM2B_DIGEST digest;
	struct tpmkey k;

	OK(root_get(to, &root));
	OK(cmd_import(to, &root->ref, root->auth, d, &b.priv));
	buf_add(&b.pub, buf_bytes(&d->pub));
	tpmkeys_load(to, &b, &k);
	OK(crypt_hash(TPM2_ALG_SHA256, &message, 1, &digest));
	OK(cmd_sign(to, &k.ref, auth, BYTES(digest.buffer, digest.size), &how, &sig));
	OK(crypt_verify(&k.pub.publicArea, message, &sig));
	tpmkeys_drop(to, &k);
}

static void test_duplicate_and_import(void **state)
{
	const TPMA_OBJECT may_move = TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
				     TPMA_OBJECT_NODA | TPMA_OBJECT_SIGN_ENCRYPT;
	TPMT_PUBLIC p256 = tpmkeys_ecc(TPM2_ECC_NIST_P256, may_move);
	struct swtpm *there = swtpm_start(SWTPM_UNIX);
	struct tpm *other = tpmkeys_open(there);
	SCOPED(duplicate) d = { 0 };
	const struct root *root;

	(void)state;
	policy_start(&p256.authPolicy);
	OK(policy_command(&p256.authPolicy, TPM2_CC_Duplicate));
	OK(tpm_enter(other));
	OK(root_get(other, &root));
	duplicate_to(tpm, &p256, &root->pub, &d);
	import_and_sign(other, &d);
	tpm_leave(other);
	tpm_unref(other);
	assert_int_equal(swtpm_left_behind(there), 0);
	swtpm_free(there);
}

/* ---- policies ---- */

/* What is sealed under the digest opens by a session that `satisfy` leads there. */
static void unseal_by(const TPM2B_DIGEST *policy, void (*satisfy)(struct tpm_session *),
		      struct bytes value)
{
	TPMT_PUBLIC sealed =
		tpmkeys_sealed(TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_NODA);
	const struct bytes data = TEXT("sealed under a policy");
	struct tpm_auth by = { .by = BY_POLICY, .value = value, .last = true };
	SCOPED(secret) got = { 0 };
	SCOPED(secret) none = { 0 };
	struct tpmkey k;

	sealed.authPolicy = *policy;
	tpmkeys_make(tpm, &sealed, auth, data, &k);
	OK(session_policy(tpm, &by.policy));
	satisfy(by.policy);
	OK(cmd_unseal(tpm, &k.ref, &by, &got));
	session_end(tpm, by.policy);
	assert_true(secret_equal(secret_bytes(&got), data));
	OK(session_policy(tpm, &by.policy));
	assert_int_not_equal(cmd_unseal(tpm, &k.ref, &by, &none), INRO_OK);
	assert_int_equal(rc_plain(tpm_last_rc()), TPM2_RC_POLICY_FAIL);
	session_end(tpm, by.policy);
	tpmkeys_drop(tpm, &k);
}

static const struct tpm_ref owner = { .handle = TPM2_RH_OWNER };
static const uint8_t owner_name[] = { 0x40, 0x00, 0x00, 0x01 };
static TPML_PCR_SELECTION pcrs;
static TPML_DIGEST branches;

static void by_secret(struct tpm_session *s)
{
	OK(cmd_policy_secret(tpm, &owner, BYTES_NONE, s));
}

static void by_secret_or(struct tpm_session *s)
{
	by_secret(s);
	OK(cmd_policy_or(tpm, s, &branches));
}

static void by_pcrs(struct tpm_session *s)
{
	OK(cmd_policy_pcr(tpm, s, &pcrs));
}

static void by_auth_value(struct tpm_session *s)
{
	OK(cmd_policy_auth_value(tpm, s));
	OK(cmd_policy_command(tpm, s, TPM2_CC_Unseal));
}

static void test_policies(void **state)
{
	TPM2B_NAME name = { .size = sizeof owner_name };
	TPM2B_DIGEST d, values;

	(void)state;
	memcpy(name.name, owner_name, sizeof owner_name);
	policy_start(&d);
	OK(policy_secret(&d, &name));
	unseal_by(&d, by_secret, BYTES_NONE);

	branches = (TPML_DIGEST) { .count = 2, .digests = { d, { .size = 32 } } };
	OK(policy_or(&d, &branches));
	unseal_by(&d, by_secret_or, BYTES_NONE);

	OK(policy_read_pcrs(TEXT("sha256:0,7"), &pcrs));
	OK(cmd_pcr_read(tpm, &pcrs, &values));
	policy_start(&d);
	OK(policy_pcr(&d, &pcrs, &values));
	unseal_by(&d, by_pcrs, BYTES_NONE);

	policy_start(&d);
	OK(policy_auth_value(&d));
	OK(policy_command(&d, TPM2_CC_Unseal));
	unseal_by(&d, by_auth_value, auth);
}

/* ---- NV ---- */

static void test_nv(void **state)
{
	static const uint8_t content[500] = { 9, 8, 7 };
	const struct bytes data = BYTES(content, sizeof content);
	const TPMS_NV_PUBLIC pub = { .nvIndex = 0x01804900,
				     .nameAlg = TPM2_ALG_SHA256,
				     .attributes =
					     TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA,
				     .dataSize = 1200 };
	TPMS_NV_PUBLIC got;
	TPM2B_NAME name, want;
	struct tpm_ref ref = { .handle = pub.nvIndex };
	SCOPED(buf) read = { 0 };

	(void)state;
	OK(cmd_nv_define(tpm, BYTES_NONE, auth, &pub));
	OK(cmd_nv_read_public(tpm, pub.nvIndex, &got, &name));
	OK(crypt_nv_name(&pub, &want));
	assert_memory_equal(name.name, want.name, want.size);
	ref.name = BYTES(name.name, name.size);
	OK(cmd_nv_write(tpm, &ref, OWN(auth), &ref, data));
	OK(cmd_nv_read_public(tpm, pub.nvIndex, &got, &name)); /* it is written now */
	OK(cmd_nv_read(tpm, &ref, OWN(auth), &ref, 1200, &read));
	assert_int_equal(read.n, 1200);
	assert_memory_equal(read.p, content, sizeof content);
	assert_int_not_equal(cmd_nv_read(tpm, &ref, OWN(TEXT("no")), &ref, 8, &read), INRO_OK);
	OK(cmd_nv_undefine(tpm, BYTES_NONE, &ref));
	assert_int_not_equal(cmd_nv_read_public(tpm, pub.nvIndex, &got, &name), INRO_OK);
	assert_int_equal(rc_plain(tpm_last_rc()), TPM2_RC_HANDLE);
}

static void test_nv_change_auth(void **state)
{
	TPMS_NV_PUBLIC pub = { .nvIndex = 0x01804901,
			       .nameAlg = TPM2_ALG_SHA256,
			       .attributes = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA,
			       .authPolicy.size = 0,
			       .dataSize = 8 };
	struct tpm_auth by = { .by = BY_POLICY, .last = true };
	TPMS_NV_PUBLIC got;
	TPM2B_NAME name;
	struct tpm_ref ref = { .handle = pub.nvIndex };
	SCOPED(buf) read = { 0 };

	(void)state;
	policy_start(&pub.authPolicy);
	OK(policy_command(&pub.authPolicy, TPM2_CC_NV_ChangeAuth));
	OK(cmd_nv_define(tpm, BYTES_NONE, auth, &pub));
	OK(cmd_nv_read_public(tpm, pub.nvIndex, &got, &name));
	ref.name = BYTES(name.name, name.size);
	OK(cmd_nv_write(tpm, &ref, OWN(auth), &ref, TEXT("12345678")));
	OK(cmd_nv_read_public(tpm, pub.nvIndex, &got, &name));
	OK(session_policy(tpm, &by.policy));
	OK(cmd_policy_command(tpm, by.policy, TPM2_CC_NV_ChangeAuth));
	OK(cmd_nv_change_auth(tpm, &ref, &by, TEXT("a new auth")));
	session_end(tpm, by.policy);
	OK(cmd_nv_read(tpm, &ref, OWN(TEXT("a new auth")), &ref, 8, &read));
	assert_true(bytes_equal(buf_bytes(&read), TEXT("12345678")));
	OK(cmd_nv_undefine(tpm, BYTES_NONE, &ref));
}

/* ---- attestation ---- */

static void test_certify(void **state)
{
	TPMT_PUBLIC p256 = tpmkeys_ecc(TPM2_ECC_NIST_P256, TPMKEYS_MADE | TPMA_OBJECT_SIGN_ENCRYPT);
	TPMT_PUBLIC restricted = tpmkeys_restricted();
	const struct bytes nonce = TEXT("asked for just now");
	SCOPED(buf) attest = { 0 };
	TPMT_SIGNATURE sig;
	TPMS_ATTEST said;
	struct tpmkey key, ak;
	struct bytes in, name;

	(void)state;
	tpmkeys_make(tpm, &p256, auth, BYTES_NONE, &key);
	tpmkeys_make(tpm, &restricted, BYTES_NONE, BYTES_NONE, &ak);
	OK(cmd_certify(tpm,
		       &(struct certify) { .object = &key.ref,
					   .object_auth = auth,
					   .by = &ak.ref,
					   .nonce = nonce },
		       &attest, &sig));
	OK(crypt_verify(&ak.pub.publicArea, buf_bytes(&attest), &sig));
	in = buf_bytes(&attest);
	OK(wire_read_attest(&in, &said));
	assert_int_equal(said.type, TPM2_ST_ATTEST_CERTIFY);
	assert_true(bytes_equal(BYTES(said.extraData.buffer, said.extraData.size), nonce));
	name = BYTES(said.attested.certify.name.name, said.attested.certify.name.size);
	assert_true(bytes_equal(name, key.ref.name));
	tpmkeys_drop(tpm, &ak);
	tpmkeys_drop(tpm, &key);
}

/* The file of tpm2_makecredential: a magic, a version, and the two structures. */
static void make_credential(const struct ek *ek, const struct tpmkey *k, struct buf *file)
{
	SCOPED(buf) pub = { 0 };
	SCOPED(buf) hex = { 0 };
	char command[1024];
	FILE *f;
	uint8_t got[1024];

	wire_add_public(&pub, &ek->pub);
	buf_add_hex(&hex, k->ref.name);
	buf_add_u8(&hex, 0);
	snprintf(command, sizeof command,
		 "cd '%s' && tpm2_makecredential -Q -T none -u ek.pub -s secret.bin -n %s -o blob",
		 scratch_dir(), (const char *)hex.p);
	scratch_file("ek.pub", pub.p, pub.n);
	scratch_file("secret.bin", "a secret from afar", 18);
	assert_int_equal(swtpm_shell(swtpm, command), 0);
	f = fopen(scratch_path("blob"), "rb");
	assert_non_null(f);
	buf_add(file, BYTES(got, fread(got, 1, sizeof got, f)));
	fclose(f);
}

static void test_activate_credential(void **state)
{
	TPMT_PUBLIC restricted = tpmkeys_restricted();
	SCOPED(buf) file = { 0 };
	SCOPED(secret) got = { 0 };
	struct bytes in, id, secret, head;
	struct tpm_auth by;
	struct tpmkey k;
	struct ek ek;

	(void)state;
	OK(root_ek(tpm, &ek));
	assert_true(ek.transient);
	tpmkeys_make(tpm, &restricted, auth, BYTES_NONE, &k);
	make_credential(&ek, &k, &file);
	in = buf_bytes(&file);
	OK(read_bytes(&in, 8, &head));
	OK(wire_read_2b(&in, in.n, &id));
	OK(wire_read_2b(&in, in.n, &secret));
	OK(root_ek_auth(tpm, &ek, &by));
	OK(cmd_activate_credential(tpm,
				   &(struct credential_blob) { .object = &k.ref,
							       .object_auth = auth,
							       .ek = &ek.ref,
							       .ek_policy = &by,
							       .id_object = id,
							       .secret = secret },
				   &got));
	session_end(tpm, by.policy);
	assert_true(secret_equal(secret_bytes(&got), TEXT("a secret from afar")));
	tpmkeys_drop(tpm, &k);
	root_ek_end(tpm, &ek);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tpmplace_enter, tpmplace_leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_object_life),
		TEST(test_evict),
		TEST(test_load_external),
		TEST(test_duplicate_and_import),
		TEST(test_policies),
		TEST(test_nv),
		TEST(test_nv_change_auth),
		TEST(test_certify),
		TEST(test_activate_credential),
	};

	return cmocka_run_group_tests(tests, tpmplace_begin, tpmplace_end);
}
