/* test_tpm_root - storage roots and endorsement keys of TPMs that others have been at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/x509.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"
#include "tests/lib/tpmkeys.h"
#include "tests/lib/tpmtap.h"
#include "tpm/talk/hold.h"
#include "tpm/talk/session.h"
#include "tpm/wire/policy.h"

#define OK(x) assert_int_equal(x, INRO_OK)

struct place {
	struct swtpm *swtpm;
	struct tpm *tpm;
	bool held;
};

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	p->swtpm = swtpm_start(SWTPM_UNIX);
	*state = p;
	return 0;
}

static void leave(struct place *p)
{
	if (p->held)
		tpm_leave(p->tpm);
	p->held = false;
}

static int end(void **state)
{
	struct place *p = *state;

	leave(p);
	tpm_unref(p->tpm);
	assert_int_equal(swtpm_left_behind(p->swtpm), 0);
	swtpm_free(p->swtpm);
	free(p);
	return 0;
}

static void enter(struct place *p)
{
	OK(tpm_enter(p->tpm));
	p->held = true;
}

static struct tpm *open_tpm(struct place *p)
{
	p->tpm = tpmkeys_open(p->swtpm);
	enter(p);
	return p->tpm;
}

static void close_tpm(struct place *p)
{
	leave(p);
	tpm_unref(p->tpm);
	p->tpm = NULL;
}

static void shell(const struct place *p, const char *command)
{
	char line[1024];

	snprintf(line, sizeof line, "cd '%s' && { %s; } >log 2>&1", scratch_dir(), command);
	assert_int_equal(swtpm_shell(p->swtpm, line), 0);
}

static TPM2B_NAME name_of_root(struct tpm *t)
{
	const struct root *root;

	OK(root_get(t, &root));
	return root->pub_name;
}

/* ---- storage roots ---- */

static void test_primary_and_settled(void **state)
{
	struct place *p = *state;
	struct tpm *t = open_tpm(p);
	const struct root *root;
	TPM2B_NAME before = name_of_root(t);
	TPMA_OBJECT attributes;

	OK(root_get(t, &root));
	assert_false(root->persistent);
	attributes = root->pub.publicArea.objectAttributes;
	assert_true(attributes & TPMA_OBJECT_NODA);
	assert_int_equal(tpm_count_of(t, TPM2_CC_CreatePrimary), 1);
	OK(root_settle(t, &root));
	assert_true(root->persistent);
	assert_int_equal(root->ref.handle, 0x81000001);
	assert_memory_equal(&before, &root->pub_name, sizeof before);
	close_tpm(p);
	assert_int_equal(swtpm_count(p->swtpm, SWTPM_PERSISTENT), 1);
	/* Who comes next finds it. */
	t = open_tpm(p);
	OK(root_get(t, &root));
	assert_true(root->persistent);
	assert_int_equal(tpm_count(t), 1);
	assert_memory_equal(&before, &root->pub_name, sizeof before);
	leave(p);
}

/* The owner has an auth that is not told: what he has made is used, nothing can be made. */
static void test_owner_forbids(void **state)
{
	struct place *p = *state;
	const struct root *root;
	struct tpm *t;

	shell(p, "tpm2_changeauth -c owner forbidden");
	t = open_tpm(p);
	assert_int_not_equal(root_get(t, &root), INRO_OK);
	close_tpm(p);
	assert_int_equal(swtpm_count(p->swtpm, SWTPM_PERSISTENT), 0);
	shell(p, "tpm2_createprimary -C o -P forbidden -g sha256 -G ecc -c root.ctx &&"
		 " tpm2_evictcontrol -C o -P forbidden -c root.ctx 0x81000001 && tpm2_flushcontext "
		 "-t");
	t = open_tpm(p);
	OK(root_settle(t, &root));
	assert_true(root->persistent);
	leave(p);
}

static struct tpm *open_with_owner(struct place *p, struct bytes owner)
{
	struct tpm_words words = { .tcti = bytes_of(swtpm_tcti(p->swtpm)),
				   .home = scratch_dir(),
				   .owner_auth = owner };

	OK(tpm_get(&words, &p->tpm));
	enter(p);
	return p->tpm;
}

static void test_owner_auth_is_told(void **state)
{
	struct place *p = *state;
	const struct root *root;
	struct tpm *t;

	shell(p, "tpm2_changeauth -c owner told");
	t = open_with_owner(p, bytes_of("told"));
	OK(root_settle(t, &root));
	assert_true(root->persistent);
	leave(p);
}

/* RSA, with dictionary attack protection: used as it is. */
static void test_somebody_elses_root(void **state)
{
	struct place *p = *state;
	TPMT_PUBLIC key = tpmkeys_ecc(TPM2_ECC_NIST_P256, TPMKEYS_MADE | TPMA_OBJECT_SIGN_ENCRYPT);
	const struct root *root;
	struct tpmkey k;
	struct tpm *t;

	shell(p, "tpm2_createprimary -C o -g sha256 -G rsa -c root.ctx &&"
		 " tpm2_evictcontrol -C o -c root.ctx 0x81000001 && tpm2_flushcontext -t");
	t = open_tpm(p);
	OK(root_get(t, &root));
	assert_true(root->persistent);
	assert_int_equal(root->pub.publicArea.type, TPM2_ALG_RSA);
	tpmkeys_make(t, &key, BYTES_NONE, BYTES_NONE, &k);
	tpmkeys_drop(t, &k);
	leave(p);
}

static void test_not_a_root(void **state)
{
	struct place *p = *state;
	const struct root *root;
	struct tpm *t;

	shell(p, "tpm2_createprimary -C o -g sha256 -G ecc -c root.ctx && tpm2_flushcontext -t &&"
		 " tpm2_create -C root.ctx -G ecc256:ecdsa -u k.pub -r k.priv &&"
		 " tpm2_flushcontext -t && tpm2_load -C root.ctx -u k.pub -r k.priv -c k.ctx &&"
		 " tpm2_flushcontext -t && tpm2_evictcontrol -C o -c k.ctx 0x81000001 &&"
		 " tpm2_flushcontext -t");
	t = open_tpm(p);
	assert_int_equal(root_get(t, &root), INRO_E_CONFIG);
	leave(p);
}

static void test_cleared_meanwhile(void **state)
{
	struct place *p = *state;
	const struct root *root;
	struct tpm *t = open_tpm(p);

	OK(root_get(t, &root));
	leave(p);
	swtpm_reset(p->swtpm);
	shell(p, "tpm2_clear -c p");
	enter(p);
	assert_int_equal(root_get(t, &root), INRO_E_TOKEN);
	leave(p);
}

static void test_primary_comes_back(void **state)
{
	struct place *p = *state;
	struct tpm *t = open_tpm(p);
	TPM2B_NAME before = name_of_root(t), after;

	root_let_go(t);
	leave(p);
	assert_int_equal(swtpm_count(p->swtpm, SWTPM_TRANSIENT), 0);
	enter(p);
	after = name_of_root(t);
	assert_memory_equal(&before, &after, sizeof before);
	assert_int_equal(tpm_count_of(t, TPM2_CC_CreatePrimary), 1);
	leave(p);
	swtpm_reset(p->swtpm); /* no context of before loads */
	enter(p);
	after = name_of_root(t);
	assert_memory_equal(&before, &after, sizeof before);
	leave(p);
}

/* Somebody on the wire puts another key in the root's place: nothing is encrypted to it. */
static void test_root_altered_on_its_way(void **state)
{
	struct place *p = *state;
	char tcti[256];
	struct tpm_words words = { .home = scratch_dir() };
	const struct root *root;
	struct tpm *t = open_tpm(p);

	OK(root_settle(t, &root));
	close_tpm(p);
	snprintf(tcti, sizeof tcti, "tap:%s", swtpm_tcti(p->swtpm));
	words.tcti = bytes_of(tcti);
	link_extra = &tpmtap_kind;
	OK(tpm_get(&words, &p->tpm));
	enter(p);
	tpmtap_change(TPM2_CC_ReadPublic, true, 60, 0x40);
	assert_int_equal(root_get(p->tpm, &root), INRO_E_DAMAGED);
	OK(root_get(p->tpm, &root));
	close_tpm(p);
	tpmtap_reset();
	link_extra = NULL;
}

/* ---- residents beside a root that takes a place itself ---- */

static enum inro_err touch(struct tpm *t, const struct tpm_ref *key, void *arg)
{
	TPM2B_PUBLIC pub;
	TPM2B_NAME name;

	(void)arg;
	return cmd_read_public(t, key->handle, &pub, &name);
}

static enum inro_err load_two(struct tpm *t, const struct tpm_ref *key, void *arg)
{
	TPMT_PUBLIC *pub = arg;
	uint32_t a = 0, b = 0;

	OK(cmd_load_external(t, pub, &a));
	OK(cmd_load_external(t, pub, &b));
	OK(cmd_flush(t, a));
	OK(cmd_flush(t, b));
	return touch(t, key, NULL);
}

static void test_residents_beside_a_primary(void **state)
{
	struct place *p = *state;
	TPMT_PUBLIC key = tpmkeys_ecc(TPM2_ECC_NIST_P256, TPMKEYS_MADE | TPMA_OBJECT_SIGN_ENCRYPT);
	struct resident *r[4];
	struct tpmkey k;
	const struct root *root;
	TPMT_PUBLIC pub;
	struct tpm *t = open_tpm(p);

	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		tpmkeys_make(t, &key, BYTES_NONE, BYTES_NONE, &k);
		OK(cmd_flush(t, k.ref.handle));
		OK(resident_new(t, &k.blob, &r[i]));
	}
	OK(root_get(t, &root));
	pub = root->pub.publicArea;
	leave(p);
	for (size_t i = 0; i < 3 * ARRAY_LEN(r); i++)
		OK(resident_do(r[i % ARRAY_LEN(r)], 0, touch, NULL));
	OK(resident_do(r[1], 2, load_two, &pub)); /* the root leaves for that */
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		OK(resident_do(r[i], 1, touch, NULL));
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		resident_free(r[i]);
}

/* ---- endorsement keys ---- */

static void manufacture(struct place *p)
{
	char conf[2048], command[1024];
	const char *dir = scratch_dir();

	swtpm_stop(p->swtpm);
	snprintf(conf, sizeof conf,
		 "statedir = %s/ca\nsigningkey = %s/ca/signkey.pem\n"
		 "issuercert = %s/ca/issuercert.pem\ncertserial = %s/ca/certserial\n",
		 dir, dir, dir, dir);
	scratch_file("localca.conf", conf, strlen(conf));
	scratch_file("localca.options", "--platform-model Test\n", 22);
	snprintf(conf, sizeof conf,
		 "create_certs_tool = /usr/bin/swtpm_localca\n"
		 "create_certs_tool_config = %s/localca.conf\n"
		 "create_certs_tool_options = %s/localca.options\n",
		 dir, dir);
	scratch_file("setup.conf", conf, strlen(conf));
	snprintf(command, sizeof command,
		 "swtpm_setup --tpm2 --tpmstate '%s' --config setup.conf --create-ek-cert "
		 "--overwrite",
		 swtpm_dir(p->swtpm));
	shell(p, command);
	swtpm_restart(p->swtpm);
}

static struct bytes first_certificate(const struct buf *all)
{
	struct bytes in = buf_bytes(all), one;

	OK(read_field(&in, &one));
	return one;
}

/* The certificate is of this very key. */
static void check_certificate(struct bytes der, const struct ek *ek)
{
	const uint8_t *q = der.p;
	X509 *x = d2i_X509(NULL, &q, (long)der.n);
	SCOPED(buf) spki = { 0 };
	uint8_t *got = NULL;
	int n;

	assert_non_null(x);
	assert_ptr_equal(q, der.p + der.n);
	OK(crypt_spki(&ek->pub.publicArea, &spki));
	n = i2d_PUBKEY(X509_get0_pubkey(x), &got);
	assert_true(n > 0 && bytes_equal(BYTES(got, (size_t)n), buf_bytes(&spki)));
	OPENSSL_free(got);
	X509_free(x);
}

static void check_ek(struct tpm *t, bool transient, TPM2B_NAME *ret_name)
{
	SCOPED(buf) all = { 0 };
	struct ek ek;

	OK(root_ek(t, &ek));
	assert_int_equal(ek.transient, transient);
	OK(root_ek_certificates(t, &ek, &all));
	check_certificate(first_certificate(&all), &ek);
	*ret_name = ek.name;
	root_ek_end(t, &ek);
}

static void test_ek_of_a_maker(void **state)
{
	struct place *p = *state;
	TPM2B_NAME found, made, rsa;
	struct tpm *t;

	manufacture(p);
	t = open_tpm(p);
	check_ek(t, false, &found);
	close_tpm(p);
	/* Without the persistent one the template makes the same key: P-384, then RSA. */
	shell(p, "tpm2_evictcontrol -C o -c 0x81010016 || tpm2_evictcontrol -C p -c 0x81010016");
	t = open_tpm(p);
	check_ek(t, true, &made);
	assert_memory_equal(&found, &made, sizeof found);
	close_tpm(p);
	shell(p, "tpm2_nvundefine -C p 0x1c00016");
	t = open_tpm(p);
	check_ek(t, false, &found);
	close_tpm(p);
	shell(p, "tpm2_evictcontrol -C o -c 0x81010001 || tpm2_evictcontrol -C p -c 0x81010001");
	t = open_tpm(p);
	check_ek(t, true, &rsa);
	assert_memory_equal(&found, &rsa, sizeof found);
	leave(p);
}

/* What follows in NV goes along, also when it is cut between two indices. */
static void test_ek_chain(void **state)
{
	struct place *p = *state;
	SCOPED(buf) all = { 0 };
	struct bytes in, one;
	size_t n = 0;
	struct ek ek;
	struct tpm *t;

	manufacture(p);
	shell(p, "openssl x509 -in ca/issuercert.pem -outform DER -out issuer.der &&"
		 " cat issuer.der issuer.der > chain && split -n 2 -d chain part. &&"
		 " for i in 0 1; do s=$(stat -c %s part.0$i) &&"
		 " tpm2_nvdefine -C o -s $s -a 'ownerread|ownerwrite' 0x1c0010$i &&"
		 " tpm2_nvwrite -C o -i part.0$i 0x1c0010$i || exit 1; done");
	t = open_tpm(p);
	OK(root_ek(t, &ek));
	OK(root_ek_certificates(t, &ek, &all));
	root_ek_end(t, &ek);
	leave(p);
	for (in = buf_bytes(&all); in.n; n++)
		OK(read_field(&in, &one));
	assert_int_equal(n, 3);
}

/* An index of somebody else's at the number of one of the chain: the empty auth is not tried on what
 * counts for the TPM's dictionary, and it is in nobody's way. */
static void test_ek_chain_of_others(void **state)
{
	struct place *p = *state;
	SCOPED(buf) all = { 0 };
	struct ek ek;
	struct tpm *t;

	manufacture(p);
	shell(p, "tpm2_nvdefine -Q -C o -s 8 -p theirs -a 'authread|ownerwrite' 0x1c00100 &&"
		 " echo 1234567 | tpm2_nvwrite -Q -C o -i - 0x1c00100");
	t = open_tpm(p);
	OK(root_ek(t, &ek));
	OK(root_ek_certificates(t, &ek, &all)); /* the key's own, without a chain */
	assert_true(all.n > 0);
	root_ek_end(t, &ek);
	close_tpm(p);
	shell(p, "tpm2_getcap properties-variable | grep -q 'LOCKOUT_COUNTER: 0x0$'");
}

static void test_ek_without_certificate(void **state)
{
	struct place *p = *state;
	struct tpm *t = open_tpm(p);
	SCOPED(buf) all = { 0 };
	struct ek ek;

	OK(root_ek(t, &ek));
	assert_true(ek.transient);
	assert_int_equal(ek.pub.publicArea.parameters.eccDetail.curveID, TPM2_ECC_NIST_P256);
	OK(root_ek_certificates(t, &ek, &all));
	assert_int_equal(all.n, 0);
	root_ek_end(t, &ek);
	leave(p);
}

/* The templates' policy is the one that a session reaches: a child of the EK can be made and
 * loaded. */
static void use_ek_as_parent(struct tpm *t)
{
	TPMT_PUBLIC ak = tpmkeys_restricted();
	struct new_object what = { .template = &ak };
	SCOPED(blob) b = { 0 };
	struct tpm_auth by;
	uint32_t handle;
	struct ek ek;

	OK(root_ek(t, &ek));
	OK(root_ek_auth(t, &ek, &by));
	OK(cmd_create_by(t, &ek.ref, &by, &what, &b));
	session_end(t, by.policy);
	OK(root_ek_auth(t, &ek, &by));
	OK(cmd_load(t, &ek.ref, &by, &b, &handle));
	session_end(t, by.policy);
	OK(cmd_flush(t, handle));
	root_ek_end(t, &ek);
}

static void test_ek_as_parent(void **state)
{
	struct place *p = *state;
	struct tpm *t = open_tpm(p);

	use_ek_as_parent(t); /* P-256: by policy */
	close_tpm(p);
	manufacture(p);
	t = open_tpm(p);
	use_ek_as_parent(t); /* P-384: by auth */
	leave(p);
}

static void test_policy_a(void **state)
{
	struct place *p = *state;
	static const uint8_t endorsement[] = { 0x40, 0x00, 0x00, 0x0b };
	TPM2B_NAME name = { .size = sizeof endorsement };
	struct tpm *t = open_tpm(p);
	TPM2B_DIGEST d;
	struct ek ek;

	memcpy(name.name, endorsement, sizeof endorsement);
	policy_start(&d);
	OK(policy_secret(&d, &name));
	OK(root_ek(t, &ek));
	assert_memory_equal(d.buffer, ek.pub.publicArea.authPolicy.buffer, 32);
	root_ek_end(t, &ek);
	leave(p);
}

/* ---- what it can do ---- */

static void test_caps(void **state)
{
	struct place *p = *state;
	struct tpm *t = open_tpm(p);
	struct caps caps;

	OK(caps_read(t, &caps));
	assert_int_equal(caps.can & CAP_P256, CAP_P256);
	assert_int_equal(caps.can & (CAP_RSA_2048 | CAP_RSA_3072), CAP_RSA_2048 | CAP_RSA_3072);
	assert_int_equal(caps.can & CAP_RSA_4096, 0);
	assert_int_equal(caps.can & (CAP_P384 | CAP_P521 | CAP_HMAC),
			 CAP_P384 | CAP_P521 | CAP_HMAC);
	assert_int_equal(caps.can & (CAP_SHA1 | CAP_SHA256 | CAP_SHA384 | CAP_SHA512),
			 CAP_SHA1 | CAP_SHA256 | CAP_SHA384 | CAP_SHA512);
	assert_int_equal(caps.can & (CAP_AES_128 | CAP_AES_256), CAP_AES_128 | CAP_AES_256);
	assert_int_equal(caps.can & (CAP_ECB | CAP_CBC | CAP_CFB | CAP_CTR),
			 CAP_ECB | CAP_CBC | CAP_CFB | CAP_CTR);
	assert_int_equal(caps.transient_slots, 3);
	assert_int_equal(caps.max_nv, 2048);
	assert_string_equal(caps.maker, "IBM");
	assert_string_equal(caps.model, "SWTPM");
	leave(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_primary_and_settled),
		TEST(test_primary_comes_back),
		TEST(test_owner_forbids),
		TEST(test_owner_auth_is_told),
		TEST(test_somebody_elses_root),
		TEST(test_not_a_root),
		TEST(test_cleared_meanwhile),
		TEST(test_root_altered_on_its_way),
		TEST(test_residents_beside_a_primary),
		TEST(test_ek_of_a_maker),
		TEST(test_ek_chain),
		TEST(test_ek_chain_of_others),
		TEST(test_ek_without_certificate),
		TEST(test_ek_as_parent),
		TEST(test_policy_a),
		TEST(test_caps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
