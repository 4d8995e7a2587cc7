#include "tests/backend/fixture.h"

#include <stdlib.h>

#include "pkcs11/soft/soft.h"
#include "tests/lib/scratch.h"
#include "tests/lib/swtpm.h"
#include "tpm/token/tpm_backend.h"

enum where { NO_TPM, EMBEDDED, SWTPM };

static const struct row {
	const char *name;
	const struct backend_ops *ops;
	enum where where;
	bool keys_stay;
} rows[] = {
	{ "soft", &backend_soft, NO_TPM, false },
	{ "tpm, sealed keys", &backend_tpm, EMBEDDED, false },
	{ "tpm, keys in libtpms", &backend_tpm, EMBEDDED, true },
	{ "tpm, keys in swtpm", &backend_tpm, SWTPM, true },
};

struct key_spec specs[KEYS] = {
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
bool keys_stay;
static size_t keys_wanted;
static struct buf config; /* as the core keeps it */

struct backend *open_token(struct bytes serial)
{
	struct backend *b = NULL;

	assert_int_equal(ops->open(buf_bytes(&config), serial, &b), INRO_OK);
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

void make_pair(size_t i, struct secret *ret_pkcs8, struct buf *ret_spki)
{
	AUTO(pkey_unref_ptr) struct pkey *pair = NULL;

	assert_int_equal(pkey_generate(&specs[i], &pair), INRO_OK);
	assert_int_equal(pkey_pkcs8(pair, ret_pkcs8), INRO_OK);
	assert_int_equal(pkey_spki(pair, ret_spki), INRO_OK);
}

static void keep_words(void)
{
	if (!ops->words)
		return;
	buf_clear(&config);
	assert_int_equal(ops->words(token, &config), INRO_OK);
}

static int make_token(void **state)
{
	backend_key key;

	(void)state;
	token = open_token(SERIAL);
	assert_int_equal(ops->init(token), INRO_OK);
	keep_words();
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
	if (ops->forget_pin) {
		assert_int_equal(ops->forget_pin(token, buf_bytes(&user_auth)), INRO_OK);
		assert_int_equal(ops->forget_pin(token, buf_bytes(&so_auth)), INRO_OK);
	}
	ops->close(token);
	buf_clear(&user_auth);
	buf_clear(&so_auth);
	for (size_t i = 0; i < KEYS; i++) {
		buf_clear(&sealed[i]);
		buf_clear(&spki[i]);
	}
	return 0;
}

struct key_spec secret_spec(CK_KEY_TYPE type, size_t n)
{
	return (struct key_spec) { .kind = KEY_SECRET, .key_type = type, .n = n };
}

backend_key import_secret(struct key_spec spec, struct bytes value)
{
	SCOPED(buf) none = { 0 };
	backend_key key = 0;

	assert_int_equal(ops->import(token, &spec, value, &key, &none), INRO_OK);
	assert_int_equal(none.n, 0);
	return key;
}

void assert_value(backend_key key, struct bytes value)
{
	SCOPED(secret) plain = { 0 };

	assert_int_equal(ops->reveal(token, key, &plain), INRO_OK);
	assert_int_equal(plain.n, value.n);
	assert_memory_equal(plain.p, value.p, value.n);
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

/* What the token is made with; a TPM of its own where there is one to be had. */
static struct swtpm *choose_tpm(enum where where)
{
	struct swtpm *s = where == SWTPM ? swtpm_start(SWTPM_UNIX) : NULL;

	buf_clear(&config);
	if (where == EMBEDDED)
		buf_add_str(&config, "tcti=libtpms:\n");
	if (s)
		buf_addf(&config, "tcti=%s\n", swtpm_tcti(s));
	return s;
}

static int run_row(const struct row *row, const struct CMUnitTest *tests, size_t n)
{
	struct swtpm *s = choose_tpm(row->where);
	int failed;

	ops = row->ops;
	keys_stay = row->keys_stay;
	for (size_t i = 0; i < KEYS; i++)
		specs[i].extractable = !row->keys_stay;
	failed = _cmocka_run_group_tests(row->name, tests, n, make_token, drop_token);
	swtpm_free(s);
	buf_clear(&config);
	return failed;
}

int run_for_every_backend(const struct CMUnitTest *tests, size_t n_tests, size_t n_keys)
{
	int failed = 0;

	keys_wanted = n_keys;
	setenv("INRO_HOME", scratch_dir(), 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		failed += run_row(&rows[i], tests, n_tests);
	return failed;
}
