/* The contract of a backend: locked and unlocked, PINs, sealed records. */
#include "tests/backend/fixture.h"

/* ---- locked and unlocked ---- */

static void assert_locked(struct backend *b)
{
	SCOPED(buf) out = { 0 };
	SCOPED(secret) plain = { 0 };
	backend_key key = 0;

	assert_int_equal(ops->set_pin(b, CKU_USER, USER_PIN, &out), INRO_E_LOGIN);
	assert_int_equal(ops->seal(b, MESSAGE, AD, &out), INRO_E_LOGIN);
	assert_int_equal(ops->unseal(b, buf_bytes(&sealed[0]), AD, &plain), INRO_E_LOGIN);
	assert_int_equal(ops->generate(b, &specs[EC256], &key, &out), INRO_E_LOGIN);
	assert_int_equal(ops->import(b, &(struct key_spec) { .kind = KEY_EC }, MESSAGE, &key, &out),
			 INRO_E_LOGIN);
	assert_int_equal(ops->load(b, buf_bytes(&sealed[0]), AD, &key), INRO_E_LOGIN);
	assert_int_equal(out.n, 0);
	assert_int_equal(key, 0);
	assert_null(plain.p);
}

static void test_nothing_before_unlock(void **state)
{
	struct backend *b = open_token(SERIAL);

	(void)state;
	assert_locked(b);
	unlock(b);
	ops->unload(b, load(b, EC256));
	ops->close(b);
	ops->close(NULL);
}

static void test_unknown_settings(void **state)
{
	struct backend *b = NULL;

	(void)state;
	assert_int_equal(ops->open(bytes_of("no such setting"), SERIAL, &b), INRO_E_CONFIG);
	assert_null(b);
}

static void test_lock_leaves_nothing(void **state)
{
	struct backend *b = open_token(SERIAL);
	backend_key before, after;
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(buf) out = { 0 };
	size_t n;

	(void)state;
	unlock(b);
	before = load(b, EC256);
	ops->lock(b);
	assert_locked(b);
	assert_int_equal(sign(b, before, CKM_ECDSA_SHA256, 64, &n), INRO_E_KEY_HANDLE);
	assert_int_equal(ops->reveal(b, before, &pkcs8), INRO_E_KEY_HANDLE);
	assert_int_equal(ops->seal_key(b, before, AD, &out), INRO_E_KEY_HANDLE);
	unlock(b);
	assert_int_equal(sign(b, before, CKM_ECDSA_SHA256, 64, &n), INRO_E_KEY_HANDLE);
	after = load(b, EC256);
	assert_true(after != before);
	assert_int_equal(sign(b, after, CKM_ECDSA_SHA256, 64, &n), INRO_OK);
	ops->lock(b);
	ops->lock(b);
	ops->close(b);
}

/* ---- PINs ---- */

static void test_wrong_pin(void **state)
{
	struct backend *b = open_token(SERIAL);

	(void)state;
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&user_auth), bytes_of("123457")),
			 INRO_E_PIN_WRONG);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&user_auth), SO_PIN), INRO_E_PIN_WRONG);
	assert_int_equal(ops->unlock(b, CKU_SO, buf_bytes(&so_auth), USER_PIN), INRO_E_PIN_WRONG);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&user_auth), BYTES_NONE),
			 INRO_E_PIN_WRONG);
	assert_locked(b);
	ops->close(b);
}

static enum inro_err unlock_in_steps(struct backend *b, struct bytes from, struct bytes auth, struct bytes pin)
{
	SCOPED(secret) key = { 0 };
	enum inro_err e = ops->stretch(CKU_USER, from, pin, &key);

	return e ? e : ops->unlock_by(b, CKU_USER, auth, secret_bytes(&key));
}

/* The time and the proof apart: no more and no less is opened. */
static void test_unlocking_in_steps(void **state)
{
	struct bytes auth = buf_bytes(&user_auth);
	SCOPED(buf) other = { 0 };
	struct backend *b = open_token(SERIAL);

	(void)state;
	assert_true(!ops->stretch == !ops->unlock_by);
	if (!ops->stretch) {
		ops->close(b);
		skip();
	}
	assert_int_equal(unlock_in_steps(b, auth, auth, bytes_of("123457")), INRO_E_PIN_WRONG);
	assert_int_equal(unlock_in_steps(b, auth, BYTES(auth.p, auth.n - 1), USER_PIN), INRO_E_DAMAGED);
	assert_int_equal(unlock_in_steps(b, BYTES(auth.p, auth.n - 1), auth, USER_PIN), INRO_E_DAMAGED);
	assert_int_equal(ops->unlock_by(b, CKU_USER, auth, BYTES_NONE), INRO_E_PIN_WRONG);
	assert_locked(b);
	assert_int_equal(unlock_in_steps(b, auth, auth, USER_PIN), INRO_OK);
	/* the key is of one record: the same PIN's next one has another salt */
	assert_int_equal(ops->set_pin(b, CKU_USER, USER_PIN, &other), INRO_OK);
	ops->lock(b);
	assert_int_equal(unlock_in_steps(b, auth, buf_bytes(&other), USER_PIN), INRO_E_PIN_WRONG);
	assert_locked(b);
	assert_int_equal(unlock_in_steps(b, buf_bytes(&other), buf_bytes(&other), USER_PIN), INRO_OK);
	ops->close(b);
}

/* A record in two steps is the one that set_pin() makes. */
static void test_setting_a_pin_in_steps(void **state)
{
	struct backend *b = open_token(SERIAL);
	SCOPED(secret) key = { 0 };
	SCOPED(buf) begun = { 0 };
	SCOPED(buf) auth = { 0 };

	(void)state;
	assert_true(!ops->begin_pin == !ops->stretch && !ops->set_pin_by == !ops->stretch);
	if (!ops->begin_pin) {
		ops->close(b);
		skip();
	}
	assert_int_equal(ops->begin_pin(CKU_USER, BYTES_NONE, &begun, &key), INRO_E_PIN_FORMAT);
	assert_int_equal(ops->begin_pin(CKU_USER, bytes_of("stepped"), &begun, &key), INRO_OK);
	assert_int_equal(ops->set_pin_by(b, CKU_USER, buf_bytes(&begun), secret_bytes(&key), &auth), INRO_E_LOGIN);
	unlock(b);
	assert_int_equal(ops->set_pin_by(b, CKU_SO, buf_bytes(&begun), secret_bytes(&key), &auth), INRO_E_DAMAGED);
	assert_int_equal(ops->set_pin_by(b, CKU_USER, buf_bytes(&begun), BYTES_NONE, &auth), INRO_E_ARG);
	assert_int_equal(ops->set_pin_by(b, CKU_USER, buf_bytes(&begun), secret_bytes(&key), &auth), INRO_OK);
	ops->lock(b);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&auth), USER_PIN), INRO_E_PIN_WRONG);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&auth), bytes_of("stepped")), INRO_OK);
	ops->close(b);
}

static void test_both_roles_open_the_same(void **state)
{
	struct backend *b = open_token(SERIAL);

	(void)state;
	assert_int_equal(ops->unlock(b, CKU_SO, buf_bytes(&so_auth), SO_PIN), INRO_OK);
	ops->unload(b, load(b, EC256));
	ops->close(b);
}

/* C_SetPIN proves the old PIN on a token that is in use. */
static void test_proving_a_pin_while_unlocked(void **state)
{
	backend_key key = load(token, EC256);
	size_t n;

	(void)state;
	assert_int_equal(ops->unlock(token, CKU_USER, buf_bytes(&user_auth), bytes_of("1")),
			 INRO_E_PIN_WRONG);
	assert_int_equal(sign(token, key, CKM_ECDSA_SHA256, 64, &n), INRO_OK);
	unlock(token);
	assert_int_equal(sign(token, key, CKM_ECDSA_SHA256, 64, &n), INRO_OK);
	ops->unload(token, key);
}

static void test_changed_pin(void **state)
{
	SCOPED(buf) changed = { 0 };
	struct backend *b = open_token(SERIAL);
	uint8_t raw[255];

	(void)state;
	for (size_t i = 0; i < sizeof raw; i++)
		raw[i] = (uint8_t)(i + 1);
	assert_int_equal(ops->set_pin(token, CKU_USER, BYTES(raw, sizeof raw), &changed), INRO_OK);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&changed), USER_PIN), INRO_E_PIN_WRONG);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&changed), BYTES(raw, sizeof raw)),
			 INRO_OK);
	ops->unload(b, load(b, EC256));
	ops->close(b);
}

static void test_impossible_pins(void **state)
{
	static const uint8_t raw[256] = { 1 };
	SCOPED(buf) out = { 0 };

	(void)state;
	assert_int_equal(ops->set_pin(token, CKU_USER, BYTES_NONE, &out), INRO_E_PIN_FORMAT);
	assert_int_equal(ops->set_pin(token, CKU_USER, BYTES(raw, 256), &out), INRO_E_PIN_FORMAT);
	assert_int_equal(ops->set_pin(token, CKU_CONTEXT_SPECIFIC, USER_PIN, &out),
			 INRO_E_USER_TYPE);
	assert_int_equal(out.n, 0);
}

static bool refused(enum inro_err e)
{
	return e == INRO_E_PIN_WRONG || e == INRO_E_DAMAGED;
}

static void test_record_of_another(void **state)
{
	struct backend *b = open_token(OTHER_SERIAL);

	(void)state;
	assert_true(refused(ops->unlock(b, CKU_USER, buf_bytes(&user_auth), USER_PIN)));
	assert_locked(b);
	ops->close(b);
	b = open_token(SERIAL);
	assert_true(refused(ops->unlock(b, CKU_SO, buf_bytes(&user_auth), USER_PIN)));
	assert_true(refused(ops->unlock(b, CKU_USER, buf_bytes(&so_auth), SO_PIN)));
	assert_locked(b);
	ops->close(b);
}

static void test_changed_record(void **state)
{
	struct backend *b = open_token(SERIAL);
	SCOPED(buf) record = { 0 };

	(void)state;
	for (size_t i = 0; i < user_auth.n; i++) {
		buf_reset(&record);
		buf_add(&record, buf_bytes(&user_auth));
		record.p[i] ^= (uint8_t)(1 << i % 8);
		assert_true(refused(ops->unlock(b, CKU_USER, buf_bytes(&record), USER_PIN)));
	}
	for (size_t n = 0; n < user_auth.n; n++)
		assert_int_equal(ops->unlock(b, CKU_USER, BYTES(user_auth.p, n), USER_PIN),
				 INRO_E_DAMAGED);
	buf_reset(&record);
	buf_add(&record, buf_bytes(&user_auth));
	buf_add_u8(&record, 0);
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&record), USER_PIN), INRO_E_DAMAGED);
	assert_locked(b);
	ops->close(b);
}

/* ---- sealed records ---- */

static void test_seal(void **state)
{
	static uint8_t large[100000];
	const struct bytes plains[] = { BYTES_NONE, BYTES("x", 1), BYTES(large, sizeof large) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plains); i++) {
		SCOPED(buf) one = { 0 };
		SCOPED(buf) two = { 0 };
		SCOPED(secret) back = { 0 };

		assert_int_equal(ops->seal(token, plains[i], AD, &one), INRO_OK);
		assert_int_equal(ops->seal(token, plains[i], AD, &two), INRO_OK);
		assert_false(bytes_equal(buf_bytes(&one), buf_bytes(&two)));
		assert_int_equal(ops->unseal(token, buf_bytes(&one), AD, &back), INRO_OK);
		assert_true(bytes_equal(secret_bytes(&back), plains[i]));
	}
}

static void test_seal_appends(void **state)
{
	SCOPED(buf) out = { 0 };
	SCOPED(secret) back = { 0 };

	(void)state;
	buf_add_str(&out, "before");
	assert_int_equal(ops->seal(token, MESSAGE, BYTES_NONE, &out), INRO_OK);
	assert_memory_equal(out.p, "before", 6);
	assert_int_equal(ops->unseal(token, BYTES(out.p + 6, out.n - 6), BYTES_NONE, &back),
			 INRO_OK);
	assert_true(bytes_equal(secret_bytes(&back), MESSAGE));
}

static void assert_damaged(struct bytes blob, struct bytes ad, bool is_key)
{
	SCOPED(secret) plain = { 0 };
	backend_key key = 0;

	assert_int_equal(is_key ? ops->load(token, blob, ad, &key)
				: ops->unseal(token, blob, ad, &plain),
			 INRO_E_DAMAGED);
	assert_int_equal(key, 0);
	assert_null(plain.p);
}

static void assert_tamper_proof(struct bytes blob, bool is_key)
{
	SCOPED(buf) copy = { 0 };

	assert_damaged(blob, OTHER_AD, is_key);
	assert_damaged(blob, BYTES_NONE, is_key);
	assert_damaged(blob, AD, !is_key);
	for (size_t i = 0; i < blob.n; i++) {
		buf_reset(&copy);
		buf_add(&copy, blob);
		copy.p[i] ^= (uint8_t)(1 << i % 8);
		assert_damaged(buf_bytes(&copy), AD, is_key);
		assert_damaged(BYTES(blob.p, i), AD, is_key);
	}
	buf_reset(&copy);
	buf_add(&copy, blob);
	buf_add_u8(&copy, 0);
	assert_damaged(buf_bytes(&copy), AD, is_key);
}

static void test_changed_blobs(void **state)
{
	SCOPED(buf) data = { 0 };

	(void)state;
	assert_int_equal(ops->seal(token, MESSAGE, AD, &data), INRO_OK);
	assert_tamper_proof(buf_bytes(&data), false);
	assert_tamper_proof(buf_bytes(&sealed[EC256]), true);
}

static void test_blob_of_another_token(void **state)
{
	struct backend *b = open_token(SERIAL); /* even with the same serial */
	backend_key key = 0;

	(void)state;
	assert_int_equal(ops->init(b), INRO_OK);
	assert_int_equal(ops->load(b, buf_bytes(&sealed[EC256]), AD, &key), INRO_E_DAMAGED);
	ops->close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_before_unlock),
		cmocka_unit_test(test_unknown_settings),
		cmocka_unit_test(test_lock_leaves_nothing),
		cmocka_unit_test(test_wrong_pin),
		cmocka_unit_test(test_unlocking_in_steps),
		cmocka_unit_test(test_setting_a_pin_in_steps),
		cmocka_unit_test(test_both_roles_open_the_same),
		cmocka_unit_test(test_proving_a_pin_while_unlocked),
		cmocka_unit_test(test_changed_pin),
		cmocka_unit_test(test_impossible_pins),
		cmocka_unit_test(test_record_of_another),
		cmocka_unit_test(test_changed_record),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_seal_appends),
		cmocka_unit_test(test_changed_blobs),
		cmocka_unit_test(test_blob_of_another_token),
	};

	return run_for_every_backend(tests, ARRAY_LEN(tests), 1);
}
