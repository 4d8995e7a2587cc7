/*
 * test_tpm_talk - commands to real TPMs, with somebody on the wire: swtpm and the embedded one.
 *
 * What he hears is no secret, and what he changes is refused.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/file.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tpmkeys.h"
#include "tests/lib/tpmtap.h"
#include "tpm/talk/session.h"
#include "tpm/wire/policy.h"

#define OK(x) assert_int_equal(x, INRO_OK)

static const struct bytes auth = BYTES_LIT("the key's own auth");
static const struct bytes other_auth = BYTES_LIT("another key's auth");
static const struct bytes wrong = BYTES_LIT("not that auth");
static const struct bytes treasure = BYTES_LIT("what nobody may hear on the way");
static const struct bytes message = BYTES_LIT("what is signed");
static const TPMT_SIG_SCHEME ecdsa = { .scheme = TPM2_ALG_ECDSA,
				       .details.ecdsa.hashAlg = TPM2_ALG_SHA256 };

static struct swtpm *swtpm; /* NULL: the embedded one */
static struct tpm *tpm;
static TPM2B_DIGEST digest;

/* ---- a TPM ---- */

static void open_tpm(const char *way, struct tpm_words w)
{
	SCOPED(buf) tcti = { 0 };

	link_extra = &tpmtap_kind;
	tpmtap_reset();
	buf_addf(&tcti, "tap:%s", way);
	w.tcti = buf_bytes(&tcti);
	w.home = scratch_path("home");
	OK(file_make_dir(w.home));
	OK(tpm_get(&w, &tpm));
	OK(tpm_enter(tpm));
}

static void close_tpm(void)
{
	tpm_leave(tpm);
	tpm_unref_ptr(&tpm);
}

static int begin(void **state)
{
	const struct root *root;

	(void)state;
	OK(crypt_hash(TPM2_ALG_SHA256, &message, 1, &digest));
	open_tpm(swtpm ? swtpm_tcti(swtpm) : "libtpms:", (struct tpm_words) { 0 });
	OK(root_settle(tpm, &root));
	return 0;
}

/* Nothing is left behind by any of them. */
static int end(void **state)
{
	(void)state;
	close_tpm();
	if (swtpm)
		assert_int_equal(swtpm_left_behind(swtpm), 0);
	return 0;
}

/* ---- keys ---- */

static void make_key(struct bytes of, struct tpmkey *ret)
{
	const TPMT_PUBLIC area =
		tpmkeys_ecc(TPM2_ECC_NIST_P256, TPMKEYS_MADE | TPMA_OBJECT_SIGN_ENCRYPT);

	tpmkeys_make(tpm, &area, of, BYTES_NONE, ret);
}

static enum inro_err sign(const struct tpmkey *k, struct bytes by)
{
	TPMT_SIGNATURE sig;
	enum inro_err e =
		cmd_sign(tpm, &k->ref, by, BYTES(digest.buffer, digest.size), &ecdsa, &sig);

	if (!e)
		OK(crypt_verify(&k->pub.publicArea, message, &sig));
	return e;
}

/* After a loss: the same key, in the TPM again.  It may be there still, when the loss was a lie. */
static void load_again(struct tpmkey *k)
{
	struct blob b = k->blob;

	(void)!cmd_flush(tpm, k->ref.handle);
	tpmkeys_load(tpm, &b, k);
}

/* ---- what is asked of it ---- */

static void test_sign(void **state)
{
	struct tpmkey k;
	uint64_t before;

	(void)state;
	make_key(auth, &k);
	OK(sign(&k, auth));
	before = tpm_count(tpm);
	for (int i = 0; i < 5; i++)
		OK(sign(&k, auth));
	assert_int_equal(tpm_count(tpm) - before, 5);
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_Sign), 6);
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_StartAuthSession), 1);
	tpmkeys_drop(tpm, &k);
}

static void test_wrong_auth(void **state)
{
	const uint64_t epoch = tpm_epoch(tpm);
	struct tpmkey k;
	enum inro_err e;

	(void)state;
	make_key(auth, &k);
	e = sign(&k, wrong);
	assert_int_equal(e, INRO_E_IO); /* the key was perhaps another one */
	assert_int_not_equal(tpm_epoch(tpm), epoch);
	load_again(&k);
	e = sign(&k, wrong);
	assert_int_equal(e, rc_err(TPM2_RC_BAD_AUTH));
	assert_int_equal(rc_plain(tpm_last_rc()), TPM2_RC_BAD_AUTH);
	OK(sign(&k, auth));
	tpmkeys_drop(tpm, &k);
}

/* An authValue that ends with zeros, as random ones do, and one that is nothing else. */
static void test_zeros(void **state)
{
	static const uint8_t zeros[32];
	struct bytes some = BYTES("abc\0\0", 5), none = BYTES(zeros, sizeof zeros);
	struct tpmkey k, l;

	(void)state;
	make_key(some, &k);
	OK(sign(&k, some));
	make_key(none, &l);
	OK(sign(&l, none));
	OK(sign(&l, BYTES_NONE));
	tpmkeys_drop(tpm, &k);
	tpmkeys_drop(tpm, &l);
}

static void test_secrets_do_not_travel(void **state)
{
	const TPMT_PUBLIC area = tpmkeys_sealed(TPMKEYS_GIVEN);
	const struct tpm_auth by = { .by = BY_AUTH, .value = auth };
	SCOPED(secret) got = { 0 };
	uint8_t drawn[32];
	struct tpmkey k;

	(void)state;
	tpmkeys_make(tpm, &area, auth, treasure, &k);
	OK(cmd_unseal(tpm, &k.ref, &by, &got));
	assert_true(bytes_equal(secret_bytes(&got), treasure));
	OK(cmd_random(tpm, drawn, sizeof drawn));
	assert_true(tpmtap_heard(k.ref.name));
	assert_false(tpmtap_heard(treasure));
	assert_false(tpmtap_heard(auth));
	assert_false(tpmtap_heard(BYTES(drawn, sizeof drawn)));
	tpmkeys_drop(tpm, &k);
}

static void assert_sign_changed(struct tpmkey *k, bool response, size_t at)
{
	const uint64_t epoch = tpm_epoch(tpm), sent = tpm_count_of(tpm, TPM2_CC_Sign);
	enum inro_err e;

	tpmtap_change(TPM2_CC_Sign, response, at, 0x01);
	e = sign(k, auth);
	/* a session that could be the reason is made anew, and the command with it */
	if (e == INRO_OK && (response || tpm_count_of(tpm, TPM2_CC_Sign) != sent + 2))
		fail_msg("byte %zu of the %s can be changed", at,
			 response ? "response" : "command");
	tpmtap_reset();
	if (tpm_epoch(tpm) != epoch)
		load_again(k);
}

/* Header, parameters, nonce, attributes, HMAC: whatever it is, it is refused, and the next one goes
 * well. */
static void test_changed(void **state)
{
	struct tpmkey k;
	size_t n[2];

	(void)state;
	make_key(auth, &k);
	OK(sign(&k, auth));
	n[0] = tpmtap_latest(TPM2_CC_Sign, false).n;
	n[1] = tpmtap_latest(TPM2_CC_Sign, true).n;
	assert_true(n[0] > 100 && n[1] > 100);
	for (size_t at = 6; at < n[0]; at++)
		assert_sign_changed(&k, false, at);
	for (size_t at = 0; at < n[1]; at++)
		assert_sign_changed(&k, true, at);
	OK(sign(&k, auth));
	tpmkeys_drop(tpm, &k);
}

static void test_changed_says_so(void **state)
{
	struct tpmkey k;

	(void)state;
	make_key(auth, &k);
	OK(sign(&k, auth));
	tpmtap_change(TPM2_CC_Sign, true, 40, 0x80); /* in the signature */
	assert_int_equal(sign(&k, auth), INRO_E_TOKEN);
	assert_non_null(strstr(err_detail(INRO_E_TOKEN), "not authentic"));
	OK(sign(&k, auth));
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_StartAuthSession), 2);
	tpmkeys_drop(tpm, &k);
}

/* ---- two authorisations ---- */

static void certify(const struct tpmkey *what, struct bytes what_auth, const struct tpmkey *by,
		    struct bytes by_auth)
{
	SCOPED(buf) attest = { 0 };
	TPMT_SIGNATURE sig;

	OK(cmd_certify(tpm,
		       &(struct certify) { .object = &what->ref,
					   .object_auth = what_auth,
					   .by = &by->ref,
					   .by_auth = by_auth,
					   .nonce = bytes_of("nonce") },
		       &attest, &sig));
	OK(crypt_verify(&by->pub.publicArea, buf_bytes(&attest), &sig));
}

static void test_two_auths(void **state)
{
	const TPMT_PUBLIC area = tpmkeys_restricted();
	struct tpmkey ak, open_ak, k;

	(void)state;
	make_key(auth, &k);
	tpmkeys_make(tpm, &area, other_auth, BYTES_NONE, &ak);
	certify(&k, auth, &ak, other_auth);
	tpmkeys_drop(tpm, &ak);
	tpmkeys_make(tpm, &area, BYTES_NONE, BYTES_NONE, &open_ak);
	certify(&k, auth, &open_ak, BYTES_NONE);
	certify(&k, auth, &open_ak, BYTES_NONE);
	tpmkeys_drop(tpm, &open_ak);
	tpmkeys_drop(tpm, &k);
}

/* ---- policies ---- */

static void make_sealed(const TPM2B_DIGEST *policy, struct tpmkey *ret)
{
	TPMT_PUBLIC area = tpmkeys_sealed(TPMKEYS_GIVEN);

	area.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_USERWITHAUTH;
	area.authPolicy = *policy;
	tpmkeys_make(tpm, &area, auth, treasure, ret);
}

static void assert_unsealed(const struct tpmkey *k, const struct tpm_auth *by)
{
	SCOPED(secret) got = { 0 };

	tpmtap_reset();
	OK(cmd_unseal(tpm, &k->ref, by, &got));
	assert_true(bytes_equal(secret_bytes(&got), treasure));
	assert_false(tpmtap_heard(treasure));
}

static void test_policy_secret(void **state)
{
	struct tpm_auth by = { .by = BY_POLICY };
	SCOPED(secret) got = { 0 };
	struct tpmkey guard, k;
	TPM2B_DIGEST policy;

	(void)state;
	make_key(other_auth, &guard);
	policy_start(&policy);
	OK(policy_secret(&policy, &guard.name));
	make_sealed(&policy, &k);
	OK(session_policy(tpm, &by.policy));
	assert_int_not_equal(cmd_unseal(tpm, &k.ref, &by, &got), INRO_OK); /* nothing was shown */
	OK(cmd_policy_secret(tpm, &guard.ref, other_auth, by.policy));
	assert_unsealed(&k, &by);
	by.last = true; /* a policy holds once */
	assert_int_not_equal(cmd_unseal(tpm, &k.ref, &by, &got), INRO_OK);
	OK(cmd_policy_secret(tpm, &guard.ref, other_auth, by.policy));
	assert_unsealed(&k, &by);
	assert_int_equal(session_handle(by.policy), 0);
	session_end(tpm, by.policy);
	tpmkeys_drop(tpm, &k);
	tpmkeys_drop(tpm, &guard);
}

static void test_policy_auth_value(void **state)
{
	struct tpm_auth by = { .by = BY_POLICY, .value = wrong };
	SCOPED(secret) got = { 0 };
	struct tpmkey k;
	TPM2B_DIGEST policy;

	(void)state;
	policy_start(&policy);
	OK(policy_auth_value(&policy));
	make_sealed(&policy, &k);
	OK(session_policy(tpm, &by.policy));
	OK(cmd_policy_auth_value(tpm, by.policy));
	assert_int_equal(cmd_unseal(tpm, &k.ref, &by, &got), rc_err(TPM2_RC_BAD_AUTH));
	by.value = auth;
	by.last = true;
	assert_unsealed(&k, &by);
	session_end(tpm, by.policy);
	tpmkeys_drop(tpm, &k);
}

#define INDEX 0x01800777u

static void define_index(struct tpm_ref *ref, TPM2B_NAME *name)
{
	TPMS_NV_PUBLIC pub = { .nvIndex = INDEX,
			       .nameAlg = TPM2_ALG_SHA256,
			       .attributes = TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA,
			       .dataSize = 8 };

	policy_start(&pub.authPolicy);
	OK(policy_command(&pub.authPolicy, TPM2_CC_NV_ChangeAuth));
	OK(cmd_nv_define(tpm, BYTES_NONE, auth, &pub));
	OK(cmd_nv_read_public(tpm, INDEX, &pub, name));
	*ref = (struct tpm_ref) { .handle = INDEX, .name = BYTES(name->name, name->size) };
}

/* Another auth for what the old one's holder need not say: nothing of either is heard. */
static void test_change_auth(void **state)
{
	struct tpm_auth by = { .by = BY_POLICY, .last = true };
	struct tpm_auth old = { .by = BY_AUTH, .value = auth };
	struct tpm_auth new = { .by = BY_AUTH, .value = other_auth };
	SCOPED(buf) got = { 0 };
	struct tpm_ref ref;
	TPM2B_NAME name;

	(void)state;
	define_index(&ref, &name);
	OK(cmd_nv_write(tpm, &ref, &old, &ref, bytes_of("8 bytes.")));
	OK(cmd_nv_read_public(tpm, INDEX, &(TPMS_NV_PUBLIC) { 0 }, &name)); /* written: renamed */
	OK(session_policy(tpm, &by.policy));
	OK(cmd_policy_command(tpm, by.policy, TPM2_CC_NV_ChangeAuth));
	OK(cmd_nv_change_auth(tpm, &ref, &by, other_auth));
	session_end(tpm, by.policy);
	assert_int_not_equal(cmd_nv_read(tpm, &ref, &old, &ref, 8, &got), INRO_OK);
	OK(cmd_nv_read(tpm, &ref, &new, &ref, 8, &got));
	assert_true(bytes_is(buf_bytes(&got), "8 bytes."));
	assert_false(tpmtap_heard(auth) || tpmtap_heard(other_auth));
	OK(cmd_nv_undefine(tpm, BYTES_NONE, &ref));
}

/* ---- sequences: their object is gone when its last command has been answered ---- */

static void test_sequence(void **state)
{
	const TPMT_PUBLIC area =
		tpmkeys_hmac(TPMKEYS_MADE | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_SIGN_ENCRYPT);
	TPM2B_DIGEST whole, parts;
	uint32_t sequence;
	struct tpmkey k;

	(void)state;
	tpmkeys_make(tpm, &area, auth, BYTES_NONE, &k);
	OK(cmd_hmac(tpm, &k.ref, auth, TPM2_ALG_SHA256, treasure, &whole));
	OK(cmd_hmac_start(tpm, &k.ref, auth, other_auth, TPM2_ALG_SHA256, &sequence));
	OK(cmd_sequence_update(tpm, sequence, other_auth, BYTES(treasure.p, 10)));
	OK(cmd_sequence_complete(tpm, sequence, other_auth, BYTES(treasure.p + 10, treasure.n - 10),
				 &parts));
	assert_memory_equal(&whole.buffer, &parts.buffer, 32);
	assert_false(tpmtap_heard(BYTES(treasure.p, 10)));
	assert_false(tpmtap_heard(other_auth));
	tpmkeys_drop(tpm, &k);
}

/* ---- losses ---- */

/* The wire is cut when the TPM has signed: nobody knows, and it is done again. */
static void test_cut(void **state)
{
	const uint64_t epoch = tpm_epoch(tpm);
	struct tpmkey k;
	uint8_t drawn[8];

	(void)state;
	make_key(auth, &k);
	tpmtap_break(TPM2_CC_Sign);
	assert_int_equal(sign(&k, auth), INRO_E_IO);
	assert_int_not_equal(tpm_epoch(tpm), epoch);
	load_again(&k);
	OK(sign(&k, auth));
	tpmtap_break(TPM2_CC_GetRandom); /* names nothing that could be lost */
	OK(cmd_random(tpm, drawn, sizeof drawn));
	blob_clear(&k.blob);
}

/* Uses more than a session has. */
static void test_session_life(void **state)
{
	uint8_t drawn[8];

	(void)state;
	for (int i = 0; i < 40000; i++) {
		tpmtap_reset();
		OK(cmd_random(tpm, drawn, sizeof drawn));
	}
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_StartAuthSession), 2);
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_FlushContext), 1);
}

#define THREADS 8
#define EACH	20

static void *sign_many(void *arg)
{
	size_t failed = 0;

	for (int i = 0; i < EACH; i++) {
		enum inro_err e = tpm_enter(tpm);

		if (!e) {
			e = sign(arg, auth);
			tpm_leave(tpm);
		}
		if (e)
			print_error("signature %d of a thread: %s\n", i, err_detail(e));
		failed += e != INRO_OK;
	}
	return (void *)failed; /* NOLINT: a number */
}

static void test_threads(void **state)
{
	pthread_t threads[THREADS];
	struct tpmkey k;
	void *failed;

	(void)state;
	make_key(auth, &k);
	atomic_store(&link_idle_ms, 60000); /* the key stays, also when no thread gets to run */
	tpm_leave(tpm);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_many, &k), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	atomic_store(&link_idle_ms, 200);
	OK(tpm_enter(tpm));
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_Sign), THREADS * EACH);
	tpmkeys_drop(tpm, &k);
}

/* Each is now the first to ask for the TPM, now the last to let it go. */
static void *come_and_go(void *arg)
{
	const struct tpm_words *w = arg;
	size_t failed = 0;
	uint8_t drawn[8];

	for (int i = 0; i < EACH; i++) {
		struct tpm *t;

		if (tpm_get(w, &t))
			return arg;
		failed += tpm_enter(t) != INRO_OK;
		failed += cmd_random(t, drawn, sizeof drawn) != INRO_OK;
		tpm_leave(t);
		tpm_unref(t);
	}
	return failed ? arg : NULL;
}

static void test_come_and_go(void **state)
{
	SCOPED(buf) tcti = { 0 };
	struct tpm_words w = { .home = scratch_path("home") };
	pthread_t threads[THREADS];
	void *failed;

	close_tpm();
	buf_addf(&tcti, "tap:%s", swtpm ? swtpm_tcti(swtpm) : "libtpms:");
	w.tcti = buf_bytes(&tcti);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &w), 0);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	begin(state);
}

/* ---- of swtpm alone ---- */

/* Power cuts between turns, and one in the middle of a turn. */
static void test_reset(void **state)
{
	uint64_t epoch = tpm_epoch(tpm);
	struct tpmkey k;

	(void)state;
	make_key(auth, &k);
	for (int i = 0; i < 3; i++) {
		tpm_leave(tpm);
		swtpm_reset(swtpm);
		OK(tpm_enter(tpm));
		if (tpm_epoch(tpm) == epoch)
			assert_int_equal(sign(&k, auth), INRO_E_IO);
		assert_true(tpm_epoch(tpm) > epoch);
		epoch = tpm_epoch(tpm);
		load_again(&k);
		OK(sign(&k, auth));
	}
	swtpm_reset(swtpm);
	assert_int_equal(sign(&k, auth), INRO_E_IO);
	assert_true(tpm_epoch(tpm) > epoch);
	load_again(&k);
	OK(sign(&k, auth));
	tpmkeys_drop(tpm, &k);
}

/* Owner and root have auths: the root is made by a session that can't be salted to it, and neither
 * auth is heard. */
static void test_auths_of_hierarchies(void **state)
{
	const struct tpm_words w = { .owner_auth = bytes_of("the owner's"),
				     .root_auth = bytes_of("the root's") };
	struct swtpm *mine = swtpm_start(SWTPM_UNIX);
	const struct root *root;
	struct tpmkey k;

	(void)state;
	assert_int_equal(swtpm_shell(mine, "tpm2_changeauth -c owner \"the owner's\""), 0);
	open_tpm(swtpm_tcti(mine), w);
	OK(root_get(tpm, &root));
	assert_false(root->persistent);
	assert_false(tpmtap_heard(w.root_auth));
	OK(root_settle(tpm, &root));
	assert_true(root->persistent);
	assert_false(tpmtap_heard(w.owner_auth));
	close_tpm();
	assert_int_equal(swtpm_left_behind(mine), 0);
	open_tpm(swtpm_tcti(mine), w);
	OK(root_get(tpm, &root));
	OK(cmd_create(
		tpm, &root->ref, root->auth,
		&(struct new_object) { .template = &(TPMT_PUBLIC[]) { tpmkeys_restricted() }[0] },
		&k.blob));
	blob_clear(&k.blob);
	close_tpm();
	swtpm_free(mine);
}

/* ---- passwords ---- */

/* Only the embedded TPM takes them, and it does all the same. */
static void test_passwords(void **state)
{
	struct tpm_words w = { .tcti = BYTES_LIT("libtpms:"),
			       .home = scratch_path("home"),
			       .how = TPM_BY_PASSWORD };
	struct tpm *tapped = tpm;
	struct tpmkey k;

	(void)state;
	tpm_leave(tapped);
	OK(tpm_get(&w, &tpm));
	OK(tpm_enter(tpm));
	make_key(auth, &k);
	OK(sign(&k, auth));
	assert_int_equal(sign(&k, wrong), rc_err(TPM2_RC_BAD_AUTH));
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_StartAuthSession), 0);
	tpmkeys_drop(tpm, &k);
	tpm_leave(tpm);
	tpm_unref(tpm);
	tpm = tapped;
	OK(tpm_enter(tpm));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
#define BOTH                                                                                       \
	T(test_sign), T(test_wrong_auth), T(test_zeros), T(test_secrets_do_not_travel),            \
		T(test_changed), T(test_changed_says_so), T(test_two_auths),                       \
		T(test_policy_secret), T(test_policy_auth_value), T(test_change_auth),             \
		T(test_sequence), T(test_cut), T(test_threads), T(test_come_and_go)

static int on_swtpm(void)
{
	const struct CMUnitTest tests[] = { BOTH, T(test_reset),
					    cmocka_unit_test(test_auths_of_hierarchies) };
	int failed;

	swtpm = swtpm_start(SWTPM_UNIX);
	failed = cmocka_run_group_tests_name("swtpm", tests, NULL, NULL);
	swtpm_free(swtpm);
	swtpm = NULL;
	return failed;
}

int main(void)
{
	const struct CMUnitTest tests[] = { BOTH, T(test_session_life), T(test_passwords) };
	int failed = cmocka_run_group_tests_name("libtpms", tests, NULL, NULL);

	return failed + on_swtpm();
}
