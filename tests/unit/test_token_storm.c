/* A thousand sessions on 64 threads, each doing everything, while the user logs out and in again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/own.h"
#include "tests/lib/module.h"

#define THREADS	 64
#define SESSIONS 1000
#define OWN	 (SESSIONS / THREADS)
#define ROUNDS	 12

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static atomic_int wrong; /* asserts belong to the main thread */
static atomic_bool out;	 /* the user may be logged out at any moment */
static atomic_int running;

/* ---- what may be answered ---- */

static const CK_RV when_out[] = { CKR_USER_NOT_LOGGED_IN, CKR_KEY_HANDLE_INVALID,
				  CKR_OBJECT_HANDLE_INVALID, CKR_OPERATION_NOT_INITIALIZED };

/* Whether it is done. */
static bool fine(CK_RV rv, const char *what)
{
	bool may = rv == CKR_OK;

	for (size_t i = 0; i < ARRAY_LEN(when_out); i++)
		may = may || (atomic_load(&out) && rv == when_out[i]);
	if (!may && atomic_fetch_add(&wrong, 1) < 5)
		fprintf(stderr, "%s: 0x%lx %s\n", what, rv, p11_admin->last_error());
	return rv == CKR_OK;
}

#define FINE(call) fine((call), #call)

/* ---- what a thread does with a session ---- */

static CK_OBJECT_HANDLE first(CK_SESSION_HANDLE mine, CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, class), A_TEXT(CKA_LABEL, "storm") };
	CK_OBJECT_HANDLE o = 0;
	CK_ULONG n = 0;

	if (!FINE(p11->C_FindObjectsInit(mine, like, 2)))
		return 0;
	FINE(p11->C_FindObjects(mine, &o, 1, &n));
	FINE(p11->C_FindObjectsFinal(mine));
	return n ? o : 0;
}

static void sign(CK_SESSION_HANDLE mine)
{
	CK_MECHANISM m = { .mechanism = CKM_ECDSA_SHA256 };
	CK_OBJECT_HANDLE key = first(mine, CKO_PRIVATE_KEY), pub = first(mine, CKO_PUBLIC_KEY);
	uint8_t in[] = "storm", sig[64];
	CK_ULONG n = sizeof sig;

	if (key && FINE(p11->C_SignInit(mine, &m, key)) &&
	    FINE(p11->C_Sign(mine, in, sizeof in, sig, &n)) &&
	    FINE(p11->C_VerifyInit(mine, &m, pub)))
		FINE(p11->C_Verify(mine, in, sizeof in, sig, n));
}

static void encrypt(CK_SESSION_HANDLE mine)
{
	uint8_t iv[16] = { 1 }, in[40] = "storm", sealed[64], back[64];
	CK_MECHANISM m = { CKM_AES_CBC_PAD, iv, sizeof iv };
	CK_OBJECT_HANDLE key = first(mine, CKO_SECRET_KEY);
	CK_ULONG n = sizeof sealed, back_n = sizeof back;

	if (key && FINE(p11->C_EncryptInit(mine, &m, key)) &&
	    FINE(p11->C_Encrypt(mine, in, sizeof in, sealed, &n)) &&
	    FINE(p11->C_DecryptInit(mine, &m, key)) &&
	    FINE(p11->C_Decrypt(mine, sealed, n, back, &back_n)) &&
	    (back_n != sizeof in || memcmp(back, in, sizeof in) != 0))
		atomic_fetch_add(&wrong, 1);
}

static void hash(CK_SESSION_HANDLE mine)
{
	CK_MECHANISM m = { .mechanism = CKM_SHA256 };
	uint8_t in[] = "storm", hashed[32];
	CK_ULONG n = sizeof hashed;

	if (FINE(p11->C_DigestInit(mine, &m)) && FINE(p11->C_DigestUpdate(mine, in, sizeof in)))
		FINE(p11->C_DigestFinal(mine, hashed, &n));
}

static void objects(CK_SESSION_HANDLE mine, bool in_token)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, in_token),
			     A_TEXT(CKA_LABEL, "drop"), A_TEXT(CKA_VALUE, "of water") };
	CK_ATTRIBUTE value = { .type = CKA_VALUE };
	CK_ATTRIBUTE label = A_TEXT(CKA_LABEL, "flake");
	CK_OBJECT_HANDLE o;

	if (!FINE(p11->C_CreateObject(mine, t, ARRAY_LEN(t), &o)))
		return;
	FINE(p11->C_GetAttributeValue(mine, o, &value, 1));
	FINE(p11->C_SetAttributeValue(mine, o, &label, 1));
	FINE(p11->C_DestroyObject(mine, o));
}

static void generate(CK_SESSION_HANDLE mine)
{
	CK_MECHANISM m = { .mechanism = CKM_AES_KEY_GEN };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_VALUE_LEN, 16) };
	CK_OBJECT_HANDLE o;

	if (FINE(p11->C_GenerateKey(mine, &m, t, 1, &o)))
		FINE(p11->C_DestroyObject(mine, o));
}

static void everything(CK_SESSION_HANDLE mine, unsigned n)
{
	sign(mine);
	encrypt(mine);
	hash(mine);
	objects(mine, n % 16 == 0);
	generate(mine);
}

static CK_SESSION_HANDLE open_one(void)
{
	CK_SESSION_HANDLE mine = 0;

	FINE(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &mine));
	return mine;
}

static void *thread(void *number)
{
	unsigned n = (unsigned)(uintptr_t)number;
	CK_SESSION_HANDLE mine[OWN];

	for (size_t i = 0; i < OWN; i++)
		mine[i] = open_one();
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t at = (round * 7 + n) % OWN;

		everything(mine[at], n + round);
		FINE(p11->C_CloseSession(mine[at]));
		mine[at] = open_one();
	}
	for (size_t i = 0; i < OWN; i++)
		FINE(p11->C_CloseSession(mine[i]));
	atomic_fetch_sub(&running, 1);
	return NULL;
}

static void log_out_and_in(void)
{
	while (atomic_load(&running) > 0) {
		OK(p11->C_Logout(s));
		OK(module_login(s, CKU_USER, USER_PIN));
		nanosleep(&(struct timespec) { .tv_nsec = 50000000 }, NULL);
	}
}

static void storm(bool with_logouts)
{
	pthread_t threads[THREADS];

	atomic_store(&out, with_logouts);
	atomic_store(&running, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread, (void *)i), 0);
	if (with_logouts)
		log_out_and_in();
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&wrong), 0);
	assert_int_equal(module_info(slot).ulSessionCount, 1);
	assert_int_equal(module_find(s, (CK_ATTRIBUTE[]) { A_TEXT(CKA_LABEL, "storm") }, 1, NULL),
			 3);
}

static void everything_at_once(void **state)
{
	(void)state;
	storm(false);
}

static void with_logouts(void **state)
{
	(void)state;
	storm(true);
}

static int setup(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_AES_KEY_GEN };
	CK_ATTRIBUTE aes[] = { A_ULONG(CKA_VALUE_LEN, 32), A_BOOL(CKA_TOKEN, CK_TRUE),
			       A_BOOL(CKA_ENCRYPT, CK_TRUE), A_BOOL(CKA_DECRYPT, CK_TRUE),
			       A_TEXT(CKA_LABEL, "storm") };
	struct module_pair pair;
	CK_OBJECT_HANDLE o;

	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	pair = module_ec(s, true, false);
	OK(module_set(s, pair.private, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "storm")));
	OK(module_set(s, pair.public, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "storm")));
	OK(p11->C_GenerateKey(s, &m, aes, ARRAY_LEN(aes), &o));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_at_once),
		cmocka_unit_test(with_logouts),
	};

	return cmocka_run_group_tests_name("storm", tests, setup, module_teardown);
}
