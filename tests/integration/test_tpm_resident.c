/* test_tpm_resident - many keys in a TPM that has room for three, and what it costs. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"
#include "tests/lib/tpmplace.h"

#define OK(x) assert_int_equal(x, INRO_OK)

#define KEYS 100

static const struct bytes auth = BYTES_LIT("an auth of a key");
static const struct bytes message = BYTES_LIT("what is to be signed");
static TPM2B_DIGEST digest;

static int begin(void **state)
{
	OK(crypt_hash(TPM2_ALG_SHA256, &message, 1, &digest));
	return tpmplace_begin(state);
}

static TPMT_PUBLIC signing_key(void)
{
	return tpmkeys_ecc(TPM2_ECC_NIST_P256, TPMKEYS_MADE | TPMA_OBJECT_SIGN_ENCRYPT);
}

/* ---- steps ---- */

struct making {
	TPMT_PUBLIC template;
	struct blob blob;
};

static enum inro_err create(struct tpm *t, void *arg)
{
	struct making *m = arg;
	const struct new_object what = { .template = &m->template, .auth = auth };
	const struct root *root;
	enum inro_err e = root_get(t, &root);

	return e ? e : cmd_create(t, &root->ref, root->auth, &what, &m->blob);
}

static struct resident *new_key(void)
{
	struct making m = { .template = signing_key() };
	struct resident *r = NULL;

	OK(resident_turn(tpm, 1, create, &m));
	OK(resident_new(tpm, &m.blob, &r));
	return r;
}

static enum inro_err sign(struct tpm *t, const struct tpm_ref *key, void *arg)
{
	const TPMT_SIG_SCHEME how = { .scheme = TPM2_ALG_ECDSA,
				      .details.any.hashAlg = TPM2_ALG_SHA256 };

	return cmd_sign(t, key, auth, BYTES(digest.buffer, digest.size), &how, arg);
}

static bool is_by(const struct resident *r, const TPMT_SIGNATURE *sig)
{
	struct bytes in = buf_bytes(&resident_blob(r)->pub);
	TPM2B_PUBLIC pub;

	return wire_read_public(&in, &pub) == INRO_OK &&
	       crypt_verify(&pub.publicArea, message, sig) == INRO_OK;
}

/* How many commands it took. */
static uint64_t sign_by(struct resident *r)
{
	uint64_t before = tpm_count(tpm);
	TPMT_SIGNATURE sig;

	OK(resident_do(r, 0, sign, &sig));
	assert_true(is_by(r, &sig));
	return tpm_count(tpm) - before;
}

struct keys {
	struct resident *r[KEYS];
};

static void make_keys(struct keys *k, size_t n)
{
	for (size_t i = 0; i < n; i++)
		k->r[i] = new_key();
}

static void free_keys(struct keys *k, size_t n)
{
	for (size_t i = 0; i < n; i++)
		resident_free(k->r[i]);
}

static enum inro_err nothing(struct tpm *t, void *arg)
{
	(void)t;
	(void)arg;
	return INRO_OK;
}

/* What was freed is flushed by the next turn. */
static void flush_freed(void)
{
	OK(resident_turn(tpm, 0, nothing, NULL));
}

/* ---- tests ---- */

static void test_two_commands_then_one(void **state)
{
	struct resident *r = new_key();
	uint64_t loads = tpm_count_of(tpm, TPM2_CC_Load);

	(void)state;
	assert_int_equal(sign_by(r), 2);
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_Load), loads + 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(sign_by(r), 1);
	resident_free(r);
	flush_freed();
}

static void test_a_hundred_keys(void **state)
{
	static struct keys k;
	uint64_t loads, saves;

	(void)state;
	make_keys(&k, KEYS);
	loads = tpm_count_of(tpm, TPM2_CC_Load);
	saves = tpm_count_of(tpm, TPM2_CC_ContextSave);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < KEYS; i++)
			sign_by(k.r[i]);
	/* Each is loaded once and saved once; after that its context comes back. */
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_Load) - loads, KEYS);
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_ContextSave) - saves, KEYS);
	assert_int_equal(sign_by(k.r[KEYS - 1]), 1);
	assert_int_equal(sign_by(k.r[0]), 3); /* FlushContext, ContextLoad, Sign */
	free_keys(&k, KEYS);
	flush_freed();
}

static void test_the_last_used_stay(void **state)
{
	struct keys k;

	(void)state;
	make_keys(&k, 4);
	assert_int_equal(sign_by(k.r[0]), 2);
	assert_int_equal(sign_by(k.r[1]), 2);
	/* A Load wants two places: the root is there meanwhile.  So ContextSave, FlushContext of 0.
	 */
	assert_int_equal(sign_by(k.r[2]), 4);
	assert_int_equal(sign_by(k.r[0]), 2); /* ContextLoad: now there are three */
	assert_int_equal(sign_by(k.r[1]), 1);
	assert_int_equal(sign_by(k.r[2]), 1);
	assert_int_equal(sign_by(k.r[0]), 1);
	assert_int_equal(sign_by(k.r[3]), 6); /* 1 and 2 go */
	assert_int_equal(sign_by(k.r[0]), 1);
	assert_int_equal(sign_by(k.r[1]), 2);
	assert_int_equal(sign_by(k.r[2]), 4); /* 3, the oldest, goes */
	assert_int_equal(sign_by(k.r[0]), 1);
	free_keys(&k, 4);
	flush_freed();
}

static void test_freed_are_flushed(void **state)
{
	struct resident *r = new_key();
	uint64_t flushes;

	(void)state;
	sign_by(r);
	flushes = tpm_count_of(tpm, TPM2_CC_FlushContext);
	resident_free(r);
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_FlushContext), flushes);
	flush_freed();
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_FlushContext), flushes + 1);
	resident_free(NULL);
}

/* ---- steps that bring more in ---- */

static enum inro_err use_two_more(struct tpm *t, const struct tpm_ref *key, void *arg)
{
	const struct root *root;
	uint32_t a, b;
	enum inro_err e = root_get(t, &root);

	OK(e);
	OK(cmd_load_external(t, &root->pub.publicArea, &a));
	OK(cmd_load_external(t, &root->pub.publicArea, &b));
	OK(cmd_flush(t, a));
	OK(cmd_flush(t, b));
	return sign(t, key, arg);
}

static void test_room_for_more(void **state)
{
	TPMT_SIGNATURE sig;
	struct keys k;

	(void)state;
	make_keys(&k, 3);
	for (int i = 0; i < 3; i++)
		sign_by(k.r[i]);
	OK(resident_do(k.r[0], 2, use_two_more, &sig));
	assert_true(is_by(k.r[0], &sig));
	free_keys(&k, 3);
	flush_freed();
}

/* Somebody else's object takes one of the three places. */
static void test_less_room_than_thought(void **state)
{
	const struct root *root;
	uint32_t foreign;
	struct keys k;

	(void)state;
	make_keys(&k, 4);
	OK(tpm_enter(tpm));
	resident_flush_all(tpm);
	OK(root_get(tpm, &root));
	OK(cmd_load_external(tpm, &root->pub.publicArea, &foreign));
	tpm_leave(tpm);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 4; i++)
			sign_by(k.r[i]);
	OK(tpm_enter(tpm));
	OK(cmd_flush(tpm, foreign));
	tpm_leave(tpm);
	free_keys(&k, 4);
	flush_freed();
}

/* The same, seen only by the step: room is made and it is done again. */
static enum inro_err use_one_more_unsaid(struct tpm *t, const struct tpm_ref *key, void *arg)
{
	const struct root *root;
	uint32_t a = 0;
	enum inro_err e = root_get(t, &root);

	if (!e)
		e = cmd_load_external(t, &root->pub.publicArea, &a);
	if (!e)
		e = cmd_flush(t, a);
	return e ? e : sign(t, key, arg);
}

static void test_a_step_that_finds_no_room(void **state)
{
	TPMT_SIGNATURE sig;
	struct keys k;

	(void)state;
	make_keys(&k, 3);
	for (int i = 0; i < 3; i++)
		sign_by(k.r[i]);
	OK(resident_do(k.r[2], 0, use_one_more_unsaid, &sig));
	assert_true(is_by(k.r[2], &sig));
	free_keys(&k, 3);
	flush_freed();
}

/* ---- losses ---- */

static void test_power_cut(void **state)
{
	uint64_t loads;
	struct keys k;

	(void)state;
	make_keys(&k, 5);
	for (int i = 0; i < 5; i++)
		sign_by(k.r[i]);
	swtpm_reset(swtpm);
	loads = tpm_count_of(tpm, TPM2_CC_Load);
	for (int i = 0; i < 5; i++)
		sign_by(k.r[i]);
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_Load), loads + 5);
	assert_int_equal(sign_by(k.r[4]), 1);
	free_keys(&k, 5);
	flush_freed();
}

/* ---- threads ---- */

struct worker {
	struct keys *keys;
	unsigned seed;
	atomic_int *bad;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	TPMT_SIGNATURE sig;

	for (unsigned i = 0; i < 40; i++) {
		struct resident *r = w->keys->r[(w->seed + i * 7) % 5];

		if (resident_do(r, 0, sign, &sig) || !is_by(r, &sig))
			atomic_fetch_add(w->bad, 1);
	}
	return NULL;
}

static void *make_and_free(void *arg)
{
	struct worker *w = arg;
	struct making m = { .template = signing_key() };
	TPMT_SIGNATURE sig;

	for (int i = 0; i < 10; i++) {
		struct resident *r = NULL;

		if (resident_turn(tpm, 1, create, &m) || resident_new(tpm, &m.blob, &r) ||
		    resident_do(r, 0, sign, &sig))
			atomic_fetch_add(w->bad, 1);
		resident_free(r);
	}
	return NULL;
}

static void test_threads(void **state)
{
	atomic_int bad = 0;
	struct worker w[4];
	pthread_t thread[4];
	struct keys k;

	(void)state;
	make_keys(&k, 5);
	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct worker) { .keys = &k, .seed = i, .bad = &bad };
		assert_int_equal(pthread_create(&thread[i], NULL, i ? work : make_and_free, &w[i]),
				 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(bad, 0);
	free_keys(&k, 5);
	flush_freed();
}

/* ---- other processes ---- */

/* Status 0 when all went well. */
static int sign_in_child(void)
{
	struct tpm_words words = { .tcti = bytes_of(swtpm_tcti(swtpm)), .home = scratch_dir() };
	struct making m = { .template = signing_key() };
	struct resident *r = NULL;
	TPMT_SIGNATURE sig;
	struct tpm *own;
	int bad = 0;

	if (tpm_get(&words, &own))
		return 2;
	if (resident_turn(own, 1, create, &m) || resident_new(own, &m.blob, &r))
		return 3;
	for (int i = 0; i < 50; i++)
		bad |= resident_do(r, 0, sign, &sig) || !is_by(r, &sig);
	resident_free(r);
	tpm_unref(own);
	return bad;
}

/* Each takes the TPM from the others again and again; a key that was lost twice has a context. */
static void test_processes(void **state)
{
	if (!SCRATCH_CHILD_THREADS)
		skip();
	struct resident *r = new_key();
	uint64_t loads = tpm_count_of(tpm, TPM2_CC_Load);
	pid_t children[2];
	int status;

	(void)state;
	for (int i = 0; i < 2; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0)
			_exit(sign_in_child());
	}
	for (int i = 0; i < 50; i++)
		sign_by(r);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	assert_true(tpm_count_of(tpm, TPM2_CC_Load) - loads <= 2);
	resident_free(r);
	flush_freed();
}

static int free_in_child(void *arg)
{
	resident_free(arg);
	return 0;
}

static void test_child_leaves_the_parents(void **state)
{
	struct resident *r = new_key();

	(void)state;
	sign_by(r);
	assert_int_equal(scratch_child(free_in_child, r), 0);
	assert_int_equal(sign_by(r), 1);
	resident_free(r);
	flush_freed();
}

static void test_damaged_blob(void **state)
{
	struct resident *r = new_key();
	struct blob b = { 0 };
	struct resident *bad = NULL;

	(void)state;
	buf_add(&b.priv, buf_bytes(&resident_blob(r)->priv));
	buf_add(&b.pub, buf_bytes(&resident_blob(r)->pub));
	buf_truncate(&b.pub, b.pub.n - 1);
	assert_int_equal(resident_new(tpm, &b, &bad), INRO_E_SYNTAX);
	assert_null(bad);
	assert_null(b.pub.p);
	resident_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_commands_then_one),
		cmocka_unit_test(test_the_last_used_stay),
		cmocka_unit_test(test_a_hundred_keys),
		cmocka_unit_test(test_freed_are_flushed),
		cmocka_unit_test(test_room_for_more),
		cmocka_unit_test(test_less_room_than_thought),
		cmocka_unit_test(test_a_step_that_finds_no_room),
		cmocka_unit_test(test_power_cut),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_processes),
		cmocka_unit_test(test_child_leaves_the_parents),
		cmocka_unit_test(test_damaged_blob),
	};

	return cmocka_run_group_tests(tests, begin, tpmplace_end);
}
