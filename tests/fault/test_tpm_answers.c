/*
 * A TPM that answers anything: cut, grown, made up, of before, late.
 *
 * Whatever comes, the module does not crash or hang, no wrong PIN is taken for right, no signature
 * is given out that is not one; and when the TPM answers well again, everything works.
 * The seed is fixed; another one: INRO_TEST_SEED.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/own.h"
#include "tests/lib/tpmproxy.h"
#include "tests/lib/tpmtoken.h"

#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 60
#else
#define ROUNDS 300
#endif
#define LATE_MS 30

static struct swtpm *tpm;
static struct tpmproxy *proxy;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static CK_OBJECT_HANDLE public;

static uint64_t state = 20240229;

static uint32_t draw(uint32_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % below;
}

static int setup(void **unused)
{
	(void)unused;
	if (getenv("INRO_TEST_SEED"))
		state = strtoull(getenv("INRO_TEST_SEED"), NULL, 10);
	tpm = swtpm_start(SWTPM_UNIX);
	proxy = tpmproxy_start(tpm);
	module_load();
	OK(p11->C_Initialize(NULL));
	s = tpmtoken_start(tpmproxy_tcti(proxy), &slot);
	public = tpmtoken_pair(s).public;
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	OK(p11->C_Finalize(NULL));
	assert_int_equal(swtpm_left_behind(tpm), 0);
	tpmproxy_free(proxy);
	swtpm_free(tpm);
	return 0;
}

/* ---- what becomes of a response; false: the connection is cut afterwards ---- */

static void set_size(struct tpmproxy_talk *t)
{
	t->response[2] = t->response[3] = 0;
	t->response[4] = (uint8_t)(t->n >> 8);
	t->response[5] = (uint8_t)t->n;
}

/* The header says what there was. */
static bool cut_off(struct tpmproxy_talk *t)
{
	t->n = draw((uint32_t)t->n);
	return false;
}

/* The header says what there is. */
static bool shorten(struct tpmproxy_talk *t)
{
	if (t->n > 10)
		t->n = 10 + draw((uint32_t)t->n - 10);
	set_size(t);
	return true;
}

static bool lengthen(struct tpmproxy_talk *t)
{
	size_t more = 1 + draw(draw(2) ? 8 : 3900);

	for (size_t i = 0; i < more; i++)
		t->response[t->n++] = (uint8_t)draw(256);
	set_size(t);
	return true;
}

static bool say_too_much(struct tpmproxy_talk *t)
{
	t->response[2] = (uint8_t)draw(256);
	t->response[3] = (uint8_t)draw(256);
	return false;
}

static bool flip(struct tpmproxy_talk *t)
{
	t->response[draw((uint32_t)t->n)] ^= (uint8_t)(1 + draw(255));
	return draw(2) != 0;
}

/* Sizes, handles and counts live right behind the header. */
static bool flip_early(struct tpmproxy_talk *t)
{
	size_t n = t->n < 24 ? t->n : 24;

	if (n > 10)
		t->response[10 + draw((uint32_t)n - 10)] = draw(2) ? 0xff : 0;
	return true;
}

static bool make_up(struct tpmproxy_talk *t)
{
	for (size_t i = 10; i < t->n; i++)
		t->response[i] = (uint8_t)draw(256);
	return true;
}

static bool noise(struct tpmproxy_talk *t)
{
	t->n = draw(200);
	for (size_t i = 0; i < t->n; i++)
		t->response[i] = (uint8_t)draw(256);
	return false;
}

/* The latest response that was kept, whatever it was to. */
static bool replay(struct tpmproxy_talk *t)
{
	static uint8_t kept[TPMPROXY_ROOM];
	static size_t n;
	uint8_t now[TPMPROXY_ROOM];
	size_t now_n = t->n;

	memcpy(now, t->response, now_n);
	if (n) {
		memcpy(t->response, kept, n);
		t->n = n;
	}
	memcpy(kept, now, now_n);
	n = now_n;
	return true;
}

static bool late(struct tpmproxy_talk *t)
{
	(void)t;
	nanosleep(&(struct timespec) { .tv_nsec = LATE_MS * 1000000L }, NULL);
	return true;
}

/* Any response code there is, and some that there aren't. */
static bool refuse(struct tpmproxy_talk *t)
{
	static const uint32_t codes[] = { 0x100, 0x101, 0x12f, 0x143, 0x144,   0x184,	  0x18b,
					  0x98e, 0x99d, 0x9a2, 0x1c4, 0x2d2,   0x902,	  0x903,
					  0x910, 0x918, 0x921, 0x923, 0xb0001, 0xffffffff };
	uint32_t rc = draw(4) ? codes[draw(ARRAY_LEN(codes))] : draw(0x1000);

	memcpy(t->response, (uint8_t[]) { 0x80, 1, 0, 0, 0, 10 }, 6);
	for (int i = 0; i < 4; i++)
		t->response[6 + i] = (uint8_t)(rc >> (24 - 8 * i));
	t->n = 10;
	return true;
}

static const tpmproxy_hook ills[] = {
	cut_off, shorten, lengthen, say_too_much, flip,	  flip_early,
	make_up, noise,	  replay,   late,	  refuse,
};

/* One response of those of a call. */
static struct {
	unsigned at;
	tpmproxy_hook ill;
} plan;

static bool make_ill(struct tpmproxy_talk *t)
{
	return t->number != plan.at || plan.ill(t);
}

/* What the link asks to keep a TPM clean that has no resource manager: ReadClock and GetCapability.
 */
static bool is_housekeeping(const struct tpmproxy_talk *t)
{
	return t->cc == 0x181 || t->cc == 0x17a;
}

static bool make_ill_honestly(struct tpmproxy_talk *t)
{
	return is_housekeeping(t) || make_ill(t);
}

/* ---- what a program asks meanwhile ---- */

static bool is_in(void)
{
	CK_SESSION_INFO info;

	OK(p11->C_GetSessionInfo(s, &info));
	return info.state == CKS_RW_USER_FUNCTIONS;
}

static void sign(void)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_BOOL(CKA_TOKEN, CK_TRUE) };
	CK_OBJECT_HANDLE key = 0;
	uint8_t sig[64];

	if (is_in())
		MUST(module_find(s, like, 2, &key) == 1);
	if (key && module_sign(s, key, sig) == CKR_OK)
		OK(module_verify(s, public, sig));
}

static void log_in(void)
{
	if (is_in())
		OK(p11->C_Logout(s));
	if (draw(2))
		MUST(module_login(s, CKU_USER, "wrong PIN") != CKR_OK);
	else
		(void)module_login(s, CKU_USER, USER_PIN);
}

/* A pair that was made is a pair. */
static void generate(void)
{
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_ATTRIBUTE t[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_OBJECT_HANDLE pub, priv;
	uint8_t sig[64];

	if (!is_in() || p11->C_GenerateKeyPair(s, &m, t, 1, NULL, 0, &pub, &priv))
		return;
	if (module_sign(s, priv, sig) == CKR_OK)
		OK(module_verify(s, pub, sig));
	OK(p11->C_DestroyObject(s, priv));
}

static void start(void)
{
	tpmtoken_again();
	s = module_open(slot, true);
	log_in();
	MUST(module_find(s, &(CK_ATTRIBUTE)A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), 1, &public) == 1);
}

static void (*const asked[])(void) = { sign, sign, log_in, log_in, generate, start };

/* Neither the SO's PIN nor the user's is lost, in the TPM and in the token. */
static void is_well(void)
{
	CK_RV rv;

	if (is_in())
		return;
	rv = module_login(s, CKU_USER, USER_PIN);
	if (rv == CKR_DEVICE_ERROR) {
		/* full of what it denied to have made: the idle connection sweeps out what it can
		 */
		(void)swtpm_left_behind(tpm);
		swtpm_reset(tpm);
		rv = module_login(s, CKU_USER, USER_PIN);
	}
	if (rv)
		print_error("0x%lx: %s\n", rv, p11_admin->last_error());
	assert_int_equal(rv, CKR_OK);
}

static void anything(void **unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		plan.at = draw(10);
		plan.ill = ills[draw(ARRAY_LEN(ills))];
		tpmproxy_hooks(proxy, NULL, make_ill_honestly, NULL);
		asked[draw(ARRAY_LEN(asked))]();
		tpmproxy_reset(proxy);
		is_well();
	}
	swtpm_reset(tpm);
	sign();
	assert_int_equal(tpmtoken_lockout(tpm), 0);
}

/* Every fourth response, also of what the link asks to know what is in the TPM. */
static bool make_some_ill(struct tpmproxy_talk *t)
{
	return draw(4) || ills[draw(ARRAY_LEN(ills))](t);
}

static void all_the_time(void **unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS / 20; i++) {
		tpmproxy_hooks(proxy, NULL, make_some_ill, NULL);
		for (int j = 0; j < 3; j++)
			asked[draw(ARRAY_LEN(asked))]();
		tpmproxy_reset(proxy);
		swtpm_reset(tpm); /* what it denied to hold is not told from others' things */
		is_well();
	}
	sign();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(anything),
		cmocka_unit_test(all_the_time),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
