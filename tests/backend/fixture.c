#include "tests/backend/fixture.h"

#include "pkcs11/soft/soft.h"

static const struct backend_ops *const backends[] = { &backend_soft };

const struct key_spec specs[KEYS] = {
	[EC256] = { .kind = KEY_EC,
		    .bits = 256,
		    .params = OCTETS("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") },
	{ .kind = KEY_EC, .bits = 384, .params = OCTETS("\x06\x05\x2b\x81\x04\x00\x22") },
	{ .kind = KEY_EC, .bits = 521, .params = OCTETS("\x06\x05\x2b\x81\x04\x00\x23") },
	{ .kind = KEY_RSA, .bits = 2048 },
	{ .kind = KEY_RSA, .bits = 3072 },
	{ .kind = KEY_RSA, .bits = 4096 },
};

const struct backend_ops *ops;
struct backend *token;
struct buf user_auth, so_auth;
struct buf sealed[KEYS], spki[KEYS];
static size_t keys_wanted;

struct backend *open_token(struct bytes serial)
{
	struct backend *b = NULL;

	assert_int_equal(ops->open(BYTES_NONE, serial, &b), INRO_OK);
	assert_non_null(b);
	return b;
}

void unlock(struct backend *b)
{
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&user_auth), USER_PIN), INRO_OK);
}

backend_key load(struct backend *b, size_t i)
{
	backend_key key = 0;

	assert_int_equal(ops->load(b, buf_bytes(&sealed[i]), AD, &key), INRO_OK);
	assert_int_not_equal(key, 0);
	return key;
}

static int make_token(void **state)
{
	backend_key key;

	(void)state;
	token = open_token(SERIAL);
	assert_int_equal(ops->init(token), INRO_OK);
	assert_int_equal(ops->set_pin(token, CKU_SO, SO_PIN, &so_auth), INRO_OK);
	assert_int_equal(ops->set_pin(token, CKU_USER, USER_PIN, &user_auth), INRO_OK);
	for (size_t i = 0; i < keys_wanted; i++) {
		assert_int_equal(ops->generate(token, &specs[i], &key, &spki[i]), INRO_OK);
		assert_int_equal(ops->seal_key(token, key, AD, &sealed[i]), INRO_OK);
		ops->unload(token, key);
	}
	return 0;
}

static int drop_token(void **state)
{
	(void)state;
	ops->close(token);
	buf_clear(&user_auth);
	buf_clear(&so_auth);
	for (size_t i = 0; i < KEYS; i++) {
		buf_clear(&sealed[i]);
		buf_clear(&spki[i]);
	}
	return 0;
}

enum inro_err sign(struct backend *b, backend_key key, CK_MECHANISM_TYPE mech, size_t cap,
		   size_t *ret_n)
{
	const struct use_spec spec = { .mech = mech };
	uint8_t out[PKEY_MAX_SIG];

	assert_true(cap <= sizeof out);
	return ops->use(b, &(struct use) { key, USE_SIGN, &spec }, MESSAGE,
			(struct room) { out, cap }, ret_n);
}

int run_for_every_backend(const struct CMUnitTest *tests, size_t n_tests, size_t n_keys)
{
	int failed = 0;

	keys_wanted = n_keys;
	for (size_t i = 0; i < ARRAY_LEN(backends); i++) {
		ops = backends[i];
		failed +=
			_cmocka_run_group_tests(ops->name, tests, n_tests, make_token, drop_token);
	}
	return failed;
}
