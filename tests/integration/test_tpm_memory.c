/*
 * What is left in this process's memory of what a TPM token's PIN opens, of keys' authValues and of
 * what comes out of the TPM: nothing after the logout and when the key is given up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tests/lib/scratch.h"
#include "tests/lib/swtpm.h"
#include "tests/lib/trace.h"
#include "tpm/token/pin_private.h"
#include "tpm/token/tpm_backend.h"
#include "tpm/token/tpm_private.h"

#define OK(x)  assert_int_equal(x, INRO_OK)
#define SERIAL "0000000000000001"
#define PARAMS BYTES_LIT("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")

static const struct backend_ops *const ops = &backend_tpm;
static struct swtpm *swtpm;
static struct backend *b;
static struct buf user, so;

/* Nobody else in this program has it as a text. */
static struct bytes pin_of(uint8_t room[TRACE_PART], uint8_t first)
{
	for (size_t i = 0; i < TRACE_PART; i++)
		room[i] = (uint8_t)(first + i);
	return BYTES(room, TRACE_PART);
}

static int start(void **state)
{
	uint8_t room[TRACE_PART];
	SCOPED(buf) config = { 0 };

	(void)state;
	swtpm = swtpm_start(SWTPM_UNIX);
	buf_addf(&config, "tcti=%s\n", swtpm_tcti(swtpm));
	OK(ops->open(buf_bytes(&config), bytes_of(SERIAL), &b));
	OK(ops->init(b));
	OK(ops->set_pin(b, CKU_SO, bytes_of("so: eight and more"), &so));
	OK(ops->set_pin(b, CKU_USER, pin_of(room, 'A'), &user));
	ops->lock(b);
	wipe(room, sizeof room);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	ops->close(b);
	buf_clear(&user);
	buf_clear(&so);
	swtpm_free(swtpm);
	return 0;
}

static void nothing_is_left(const struct trace *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t found = trace_count(&t[i]);

		if (found)
			print_error("%s: %zu times\n", t[i].name, found);
		assert_int_equal(found, 0);
	}
}

static void log_in(void)
{
	uint8_t room[TRACE_PART];

	OK(ops->unlock(b, CKU_USER, buf_bytes(&user), pin_of(room, 'A')));
	wipe(room, sizeof room);
}

static void keep_auth_of_pin(struct trace *t)
{
	uint8_t room[TRACE_PART];
	SCOPED(secret) auth = { 0 };
	const struct pin_at at = { .serial = bytes_of(SERIAL) };
	struct pin_record r;

	OK(pin_record_index(buf_bytes(&user), &r));
	OK(pin_auth(&at, CKU_USER, r.salt, pin_of(room, 'A'), &auth));
	trace_keep(t, "the PIN's authValue", auth.p);
	trace_keep(t + 1, "the PIN", room);
	wipe(room, sizeof room);
}

static void a_login_leaves_nothing(void **state)
{
	struct trace t[4];

	(void)state;
	keep_auth_of_pin(t);
	nothing_is_left(t, 2);
	log_in();
	trace_keep(&t[2], "the master key", b->opened.master.p);
	trace_keep(&t[3], "the guard's authValue", b->opened.guard.p);
	nothing_is_left(t, 2);
	assert_true(trace_count(&t[2]) > 0); /* the search finds what is there */
	ops->lock(b);
	nothing_is_left(t, 4);
}

static void a_wrong_pin_leaves_nothing(void **state)
{
	uint8_t room[TRACE_PART];
	struct trace t;

	(void)state;
	assert_int_equal(ops->unlock(b, CKU_USER, buf_bytes(&user), pin_of(room, 'a')),
			 INRO_E_PIN_WRONG);
	trace_keep(&t, "a wrong PIN", room);
	wipe(room, sizeof room);
	nothing_is_left(&t, 1);
}

static void a_change_leaves_nothing(void **state)
{
	uint8_t room[TRACE_PART];
	SCOPED(buf) now = { 0 };
	struct trace t;

	(void)state;
	log_in();
	OK(ops->change_pin(b, CKU_USER, buf_bytes(&user), pin_of(room, 'a'), &now));
	trace_keep(&t, "the new PIN", room);
	wipe(room, sizeof room);
	OK(ops->change_pin(b, CKU_USER, buf_bytes(&user), pin_of(room, 'A'), &now));
	wipe(room, sizeof room);
	ops->lock(b);
	nothing_is_left(&t, 1);
}

static void sign(backend_key key)
{
	const struct use_spec spec = { .mech = CKM_ECDSA };
	uint8_t out[64];
	size_t n;

	OK(ops->use(b, &(struct use) { key, USE_SIGN, &spec },
		    bytes_of("thirty-two bytes of a digest...."), (struct room) { out, sizeof out },
		    &n));
}

static void a_key_leaves_nothing(void **state)
{
	const struct key_spec spec = { .kind = KEY_EC,
				       .bits = 256,
				       .params = PARAMS,
				       .place = PLACE_TPM,
				       .uses = USE_SIGN | USE_DERIVE };
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) sealed = { 0 };
	SCOPED(secret) z = { 0 };
	struct trace t[2];
	struct tkey *k = NULL;
	backend_key key = 0;

	(void)state;
	log_in();
	OK(ops->generate(b, &spec, &key, &spki));
	sign(key);
	OK(tpm_key(b, key, &k));
	trace_keep(&t[0], "a key's authValue", tkey_auth(k).p);
	OK(tkey_agree(k, BYTES(spki.p + spki.n - 65, 65), &z));
	tkey_unref(k);
	trace_keep(&t[1], "what was agreed on", z.p);
	secret_clear(&z);
	nothing_is_left(&t[1], 1);
	OK(ops->seal_key(b, key, BYTES_NONE, &sealed));
	ops->unload(b, key);
	nothing_is_left(t, 2);
	OK(ops->load(b, buf_bytes(&sealed), BYTES_NONE, &key));
	sign(key);
	ops->lock(b);
	nothing_is_left(t, 2);
}

/* It goes in wrapped, and is nowhere else afterwards. */
static void a_key_that_is_brought_leaves_nothing(void **state)
{
	const struct key_spec spec = { .kind = KEY_SECRET,
				       .key_type = CKK_AES,
				       .n = 32,
				       .place = PLACE_TPM,
				       .uses = USE_ENCRYPT | USE_DECRYPT };
	SCOPED(buf) spki = { 0 };
	SCOPED(secret) value = { 0 };
	struct trace t;
	backend_key key = 0;

	(void)state;
	log_in();
	OK(secret_random(32, &value));
	trace_keep(&t, "a key that was brought", value.p);
	OK(ops->import(b, &spec, secret_bytes(&value), &key, &spki));
	secret_clear(&value);
	nothing_is_left(&t, 1);
	ops->lock(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_leaves_nothing),
		cmocka_unit_test(a_wrong_pin_leaves_nothing),
		cmocka_unit_test(a_change_leaves_nothing),
		cmocka_unit_test(a_key_leaves_nothing),
		cmocka_unit_test(a_key_that_is_brought_leaves_nothing),
	};
	const char *sanitizer = getenv("INRO_TEST_SANITIZE");

	if (sanitizer && *sanitizer) /* its own memory has no end and keeps what was freed */
		return 77;
	setenv("INRO_HOME", scratch_dir(), 1);
	return cmocka_run_group_tests_name("memory of TPM tokens", tests, start, stop);
}
