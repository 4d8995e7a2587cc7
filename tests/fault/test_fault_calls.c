/*
 * Calls of the module while memory, disk and files fail: at the first such moment, at the second,
 * and so on until a call gets through untouched.
 *
 * 1. A call says that it failed, or it has done everything.  What failed has changed nothing.
 * 2. Afterwards everything works, without a new start.
 * 3. No file stays open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/fault/shim.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

#define MOST	 20000
#define NEW_PIN	 "an other PIN"
#define LABELLED "made with faults"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static struct module_pair pair;
static CK_OBJECT_HANDLE data, secret;
static CK_ULONG before_n;
static unsigned round_n;
static char label[32];

struct deed {
	const char *name;
	void (*before)(void);
	CK_RV (*act)(void);
	void (*after)(CK_RV rv);
	unsigned kinds; /* which faults: 1 << enum fault_kind */
	bool slow;	/* derives a key from a PIN */
};

#define ON_DISK                                                                                    \
	(1u << FAULT_WRITE | 1u << FAULT_FULL | 1u << FAULT_SYNC | 1u << FAULT_OPEN |              \
	 1u << FAULT_RENAME)
#define IN_MEMORY (1u << FAULT_MALLOC)

static void nothing(void)
{
}

static void works(CK_RV rv)
{
	uint8_t sig[64];

	(void)rv;
	OK(module_sign(s, pair.private, sig));
	OK(module_verify(s, pair.public, sig));
}

/* ---- pairs ---- */

static CK_ULONG count(CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, class), A_TEXT(CKA_LABEL, LABELLED) };

	return module_find(s, like, 2, NULL);
}

static void count_pairs(void)
{
	before_n = count(CKO_PRIVATE_KEY);
	MUST(before_n == count(CKO_PUBLIC_KEY));
}

static CK_RV generate(void)
{
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
				  A_BOOL(CKA_TOKEN, CK_TRUE), A_TEXT(CKA_LABEL, LABELLED) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, CK_TRUE), A_TEXT(CKA_LABEL, LABELLED) };
	CK_OBJECT_HANDLE a, b;

	return p11->C_GenerateKeyPair(s, &m, public, 3, private, 2, &a, &b);
}

static void one_pair_or_none(CK_RV rv)
{
	MUST(count(CKO_PRIVATE_KEY) == before_n + (rv == CKR_OK));
	MUST(count(CKO_PUBLIC_KEY) == before_n + (rv == CKR_OK));
}

/* ---- data objects ---- */

static CK_RV create(void)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE),
			     A_BOOL(CKA_PRIVATE, CK_TRUE), A_TEXT(CKA_VALUE, "content"),
			     A_TEXT(CKA_LABEL, LABELLED) };
	CK_OBJECT_HANDLE o;

	return p11->C_CreateObject(s, t, ARRAY_LEN(t), &o);
}

static void count_data(void)
{
	before_n = count(CKO_DATA);
}

static void one_more_or_none(CK_RV rv)
{
	MUST(count(CKO_DATA) == before_n + (rv == CKR_OK));
}

static void next_label(void)
{
	module_bytes(s, data, CKA_APPLICATION, label, sizeof label);
	round_n++;
}

static CK_RV change(void)
{
	char next[sizeof label] = { 0 };

	snprintf(next, sizeof next, "round %06u", round_n);
	return module_set(s, data, (CK_ATTRIBUTE)A_BYTES(CKA_APPLICATION, next, 12));
}

static void old_or_new(CK_RV rv)
{
	char now[sizeof label] = { 0 }, next[sizeof label] = { 0 };

	snprintf(next, sizeof next, "round %06u", round_n);
	module_bytes(s, data, CKA_APPLICATION, now, sizeof now);
	MUST(memcmp(now, rv == CKR_OK ? next : label, 12) == 0);
}

static CK_RV destroy_one(void)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_TEXT(CKA_LABEL, LABELLED) };
	CK_OBJECT_HANDLE o;
	CK_ULONG n = 0;
	CK_RV rv = p11->C_FindObjectsInit(s, like, 2);

	if (rv != CKR_OK)
		return rv;
	rv = p11->C_FindObjects(s, &o, 1, &n);
	p11->C_FindObjectsFinal(s);
	return rv != CKR_OK ? rv : n == 0 ? CKR_OBJECT_HANDLE_INVALID : p11->C_DestroyObject(s, o);
}

static void one_to_destroy(void)
{
	OK(create());
	count_data();
}

static void one_less_or_none(CK_RV rv)
{
	MUST(count(CKO_DATA) == before_n - (rv == CKR_OK));
}

/* ---- uses ---- */

static CK_RV sign(void)
{
	uint8_t sig[64];

	return module_sign(s, pair.private, sig);
}

static CK_RV digest(void)
{
	CK_MECHANISM m = { .mechanism = CKM_SHA256 };
	uint8_t in[4] = { 0 }, out[32];
	CK_ULONG n = sizeof out;
	CK_RV rv = p11->C_DigestInit(s, &m);

	return rv != CKR_OK ? rv : p11->C_Digest(s, in, sizeof in, out, &n);
}

static CK_RV open_and_close(void)
{
	CK_SESSION_HANDLE more;
	CK_RV rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &more);

	return rv != CKR_OK ? rv : p11->C_CloseSession(more);
}

static CK_RV read_attributes(void)
{
	uint8_t some[64];
	CK_ATTRIBUTE a[] = { { CKA_LABEL, some, 16 }, { CKA_EC_PARAMS, some, 32 } };

	return p11->C_GetAttributeValue(s, pair.private, a, 2);
}

static CK_RV seal_message(void)
{
	uint8_t iv[12] = { 1 }, in[64] = { 0 }, out[80];
	CK_GCM_PARAMS p = { .pIv = iv, .ulIvLen = 12, .ulTagBits = 128 };
	CK_MECHANISM m = { CKM_AES_GCM, &p, sizeof p };
	CK_ULONG n = sizeof out;
	CK_RV rv = p11->C_EncryptInit(s, &m, secret);

	return rv != CKR_OK ? rv : p11->C_Encrypt(s, in, sizeof in, out, &n);
}

/* What was begun and failed leaves no operation behind. */
static void nothing_begun(CK_RV rv)
{
	works(rv);
	OK(digest());
	OK(seal_message());
}

/* ---- people ---- */

static CK_RV log_in_again(void)
{
	CK_RV rv = p11->C_Logout(s);

	return rv != CKR_OK ? rv : module_login(s, CKU_USER, USER_PIN);
}

/* Another login may have been what failed. */
static void logged_in(CK_RV rv)
{
	CK_SESSION_INFO info;
	CK_ATTRIBUTE private[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_TEXT(CKA_ID, "mine") };
	CK_ATTRIBUTE secrets[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_TEXT(CKA_ID, "mine") };

	(void)rv;
	OK(p11->C_GetSessionInfo(s, &info));
	if (info.state != CKS_RW_USER_FUNCTIONS)
		OK(module_login(s, CKU_USER, USER_PIN));
	MUST(module_find(s, private, 2, &pair.private) == 1);
	MUST(module_find(s, secrets, 2, &secret) == 1);
	works(rv);
}

static CK_RV set_pin(void)
{
	return p11->C_SetPIN(s, module_pin(USER_PIN), strlen(USER_PIN), module_pin(NEW_PIN),
			     strlen(NEW_PIN));
}

static void old_or_new_pin(CK_RV rv)
{
	CK_TOKEN_INFO info = module_info(slot);

	if (rv == CKR_OK)
		OK(p11->C_SetPIN(s, module_pin(NEW_PIN), strlen(NEW_PIN), module_pin(USER_PIN),
				 strlen(USER_PIN)));
	info = module_info(slot);
	MUST(!(info.flags & CKF_USER_PIN_LOCKED));
	OK(p11->C_Logout(s));
	logged_in(rv);
}

static CK_SLOT_ID made;

static CK_RV make_token(void)
{
	struct inro_new_token t = { .label = module_text("with faults"),
				    .so_pin = module_text(SO_PIN),
				    .user_pin = module_text(USER_PIN) };

	return p11_admin->create(&t, &made);
}

static void count_tokens(void)
{
	OK(p11->C_GetSlotList(CK_TRUE, NULL, &before_n));
}

/* One whose folder could not be synced: its maker fails, others may use it already. */
static bool is_there_all_the_same(void)
{
	CK_SLOT_ID all[64];
	CK_ULONG n = ARRAY_LEN(all);

	if (!strstr(p11_admin->last_error(), "the token is there, in slot"))
		return false;
	OK(p11->C_GetSlotList(CK_TRUE, all, &n));
	made = all[n - 2]; /* the last one is empty */
	return true;
}

static void one_token_or_none(CK_RV rv)
{
	CK_ULONG n;
	bool there = rv == CKR_OK || is_there_all_the_same();

	OK(p11->C_GetSlotList(CK_TRUE, NULL, &n));
	if (there) {
		OK(p11_admin->destroy(made, module_text(SO_PIN)));
		OK(p11->C_GetSlotList(CK_TRUE, NULL, &n));
	}
	MUST(n == before_n);
	works(rv);
}

static const struct deed deeds[] = {
	{ "generating a pair", count_pairs, generate, one_pair_or_none, ON_DISK | IN_MEMORY,
	  false },
	{ "creating an object", count_data, create, one_more_or_none, ON_DISK | IN_MEMORY, false },
	{ "changing an object", next_label, change, old_or_new, ON_DISK | IN_MEMORY, false },
	{ "destroying an object", one_to_destroy, destroy_one, one_less_or_none,
	  ON_DISK | IN_MEMORY, false },
	{ "signing", nothing, sign, works, ON_DISK | IN_MEMORY, false },
	{ "hashing", nothing, digest, nothing_begun, IN_MEMORY, false },
	{ "sealing a message", nothing, seal_message, nothing_begun, IN_MEMORY, false },
	{ "opening a session", nothing, open_and_close, works, ON_DISK | IN_MEMORY, false },
	{ "reading attributes", nothing, read_attributes, works, IN_MEMORY, false },
	{ "logging in", nothing, log_in_again, logged_in, ON_DISK | IN_MEMORY, true },
	{ "changing the PIN", nothing, set_pin, old_or_new_pin, ON_DISK | IN_MEMORY, true },
	{ "making a token", count_tokens, make_token, one_token_or_none, ON_DISK | IN_MEMORY,
	  true },
};

/* ---- the run ---- */

static bool one_round(const struct deed *d, enum fault_kind kind, unsigned n, bool on)
{
	d->before();
	fault_arm(kind, n, on);
	CK_RV rv = d->act();
	bool hit = fault_disarm();

	if (!hit && rv != CKR_OK)
		print_error("%s, untouched at %u: 0x%lx %s\n", d->name, n, rv,
			    p11_admin->last_error());
	MUST(hit || rv == CKR_OK);
	d->after(rv);
	return hit;
}

/* Deeds that derive keys skip some allocations, or the test takes ten minutes. */
static unsigned stride(const struct deed *d, enum fault_kind kind)
{
	return d->slow && kind == FAULT_MALLOC && !getenv("INRO_TEST_THOROUGH") ? 23 : 1;
}

static void run(const struct deed *d, enum fault_kind kind, bool on)
{
	unsigned n = 1;

	for (; one_round(d, kind, n, on); n += stride(d, kind))
		MUST(n < MOST);
	if (getenv("INRO_TEST_VERBOSE"))
		print_message("%s: %u faults of kind %d\n", d->name, n - 1, kind);
}

static void every_call(enum fault_kind kind)
{
	size_t files = scratch_entries("/proc/self/fd");

	for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
		if (!(deeds[i].kinds & 1u << kind))
			continue;
		if (!deeds[i].slow || getenv("INRO_TEST_THOROUGH"))
			run(&deeds[i], kind, false);
		run(&deeds[i], kind, true);
	}
	/* SQLite keeps the one or other descriptor until its locks are gone. */
	MUST(scratch_entries("/proc/self/fd") <= files + 2);
}

static void memory_ends(void **state)
{
	(void)state;
	every_call(FAULT_MALLOC);
}

static void writing_fails(void **state)
{
	(void)state;
	every_call(FAULT_WRITE);
}

static void the_disk_is_full(void **state)
{
	(void)state;
	every_call(FAULT_FULL);
}

static void syncing_fails(void **state)
{
	(void)state;
	every_call(FAULT_SYNC);
}

static void files_do_not_open(void **state)
{
	(void)state;
	every_call(FAULT_OPEN);
}

static void names_do_not_change(void **state)
{
	(void)state;
	every_call(FAULT_RENAME);
}

static int setup(void **state)
{
	CK_MECHANISM m = { .mechanism = CKM_AES_KEY_GEN };
	CK_ATTRIBUTE object[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE),
				  A_TEXT(CKA_APPLICATION, "round 000000") };
	CK_ATTRIBUTE aes[] = { A_ULONG(CKA_VALUE_LEN, 32), A_BOOL(CKA_TOKEN, CK_TRUE),
			       A_BOOL(CKA_ENCRYPT, CK_TRUE), A_TEXT(CKA_ID, "mine") };

	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	pair = module_ec(s, true, false);
	OK(module_set(s, pair.private, (CK_ATTRIBUTE)A_TEXT(CKA_ID, "mine")));
	OK(p11->C_CreateObject(s, object, ARRAY_LEN(object), &data));
	OK(p11->C_GenerateKey(s, &m, aes, ARRAY_LEN(aes), &secret));
	return 0;
}

/* With the shim before the C library; it is there already the second time. */
static void with_the_shim(char **argv)
{
	const char *build = getenv("INRO_TEST_BUILD");
	char path[512];

	if (getenv("INRO_TEST_SHIM"))
		return;
	snprintf(path, sizeof path, "%s/tests/libinrofault.so", build ? build : ".");
	setenv("LD_PRELOAD", path, 1);
	setenv("INRO_TEST_SHIM", "1", 1);
	execv("/proc/self/exe", argv);
	perror("exec");
	exit(99);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_ends),	     cmocka_unit_test(writing_fails),
		cmocka_unit_test(the_disk_is_full),  cmocka_unit_test(syncing_fails),
		cmocka_unit_test(files_do_not_open), cmocka_unit_test(names_do_not_change),
	};

	(void)argc;
	with_the_shim(argv);
	unsetenv("LD_PRELOAD");
	return cmocka_run_group_tests_name("calls with faults", tests, setup, module_teardown);
}
