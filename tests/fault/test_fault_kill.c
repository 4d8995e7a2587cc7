/*
 * kill -9 in the middle of every call that writes.
 *
 * A child does one thing again and again and tells each time that it is done; it is killed at a
 * moment of its own in every round.  What it told is there; what it did not tell is there whole or
 * not at all; the token opens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"

/* Under a sanitizer a round takes long, and what a kill leaves is the same. */
#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 10
#else
#define ROUNDS 100
#endif

#define LABEL "in turn"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s; /* the parent's, logged in: an observer */

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	return 0;
}

/* ---- the child ---- */

typedef void deed(CK_SESSION_HANDLE mine, unsigned n);

static void tell(int fd)
{
	MUST(write(fd, "k", 1) == 1);
}

static void again_and_again(int fd, deed *what)
{
	CK_SESSION_HANDLE mine;

	OK(p11->C_Initialize(NULL));
	mine = module_open(slot, true);
	OK(module_login(mine, CKU_USER, USER_PIN));
	tell(fd);
	for (unsigned n = 0;; n++) {
		what(mine, n);
		tell(fd);
	}
}

struct killed {
	pid_t pid;
	int fd;
};

static struct killed start(deed *what)
{
	struct killed k;
	int ends[2];
	char c;

	MUST(pipe2(ends, O_CLOEXEC) == 0);
	k.pid = fork();
	if (k.pid == 0) {
		close(ends[0]);
		again_and_again(ends[1], what);
	}
	close(ends[1]);
	k.fd = ends[0];
	MUST(read(k.fd, &c, 1) == 1);
	return k;
}

/* How often it told that it was done. */
static unsigned end(struct killed k, long microseconds)
{
	struct timespec wait = { .tv_sec = microseconds / 1000000,
				 .tv_nsec = microseconds % 1000000 * 1000 };
	unsigned told = 0;
	int status;
	char c;

	nanosleep(&wait, NULL);
	kill(k.pid, SIGKILL);
	while (read(k.fd, &c, 1) == 1)
		told++;
	close(k.fd);
	MUST(waitpid(k.pid, &status, 0) == k.pid && WIFSIGNALED(status));
	return told;
}

/* Another moment in every round, over about twice what one deed takes. */
static long moment(int round, long deed_us)
{
	return 1 + (long)round * 7919 * 37 % (2 * deed_us);
}

/* ---- what is made ---- */

static void make_pair(CK_SESSION_HANDLE mine, unsigned n)
{
	(void)n;
	module_ec(mine, true, false);
}

static CK_ULONG count(CK_OBJECT_CLASS class)
{
	return module_find(s, (CK_ATTRIBUTE[]) { A_ULONG(CKA_CLASS, class) }, 1, NULL);
}

static void pairs(void **state)
{
	CK_ULONG before, there;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		before = count(CKO_PRIVATE_KEY);
		unsigned told = end(start(make_pair), moment(i, 3000));

		there = count(CKO_PRIVATE_KEY);
		assert_true(there == before + told || there == before + told + 1);
		assert_int_equal(there, count(CKO_PUBLIC_KEY));
	}
}

/* ---- what is changed ---- */

static CK_OBJECT_HANDLE object_of(CK_SESSION_HANDLE mine, CK_OBJECT_CLASS class, const char *label)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, class),
				A_BYTES(CKA_LABEL, label, strlen(label)) };
	CK_OBJECT_HANDLE o = 0;

	MUST(module_find(mine, like, 2, &o) == 1);
	return o;
}

static void next_id(CK_SESSION_HANDLE mine, unsigned n)
{
	char id[16];

	snprintf(id, sizeof id, "%08u", n);
	OK(module_set(mine, object_of(mine, CKO_PRIVATE_KEY, LABEL),
		      (CK_ATTRIBUTE)A_BYTES(CKA_ID, id, 8)));
}

static unsigned number(CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	char text[16] = { 0 };

	MUST(module_bytes(s, o, type, text, 8) == 8);
	return (unsigned)strtoul(text, NULL, 10);
}

static void changes(void **state)
{
	struct module_pair p = module_ec(s, true, false);
	uint8_t sig[64];

	(void)state;
	OK(module_set(s, p.private, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, LABEL)));
	for (int i = 0; i < ROUNDS; i++) {
		OK(module_set(s, p.private, (CK_ATTRIBUTE)A_TEXT(CKA_ID, "00000000")));
		unsigned told = end(start(next_id), moment(i, 2000));
		/* the object in the store is looked at, not what was seen of it before */
		CK_OBJECT_HANDLE o = object_of(s, CKO_PRIVATE_KEY, LABEL);
		unsigned now = number(o, CKA_ID);

		assert_true(now + 1 == told || now == told || (told == 0 && now == 0));
		OK(module_sign(s, o, sig));
		OK(module_verify(s, p.public, sig));
	}
	OK(p11->C_DestroyObject(s, p.private));
}

/* ---- what is destroyed ---- */

#define VICTIMS 30

static void destroy_next(CK_SESSION_HANDLE mine, unsigned n)
{
	char label[16];

	if (n == VICTIMS)
		pause(); /* until it is killed */
	snprintf(label, sizeof label, "v%07u", n);
	OK(p11->C_DestroyObject(mine, object_of(mine, CKO_DATA, label)));
}

static void make_victim(unsigned n)
{
	char label[16];
	CK_OBJECT_HANDLE o;

	snprintf(label, sizeof label, "v%07u", n);
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE),
			     A_BYTES(CKA_LABEL, label, 8), A_TEXT(CKA_VALUE, "x") };

	if (module_find(s, (CK_ATTRIBUTE[]) { A_BYTES(CKA_LABEL, label, 8) }, 1, NULL) == 0)
		OK(p11->C_CreateObject(s, t, ARRAY_LEN(t), &o));
}

static void destructions(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		for (unsigned n = 0; n < VICTIMS; n++)
			make_victim(n);
		CK_ULONG before = count(CKO_DATA);
		struct killed k = start(destroy_next);
		unsigned told = end(k, moment(i, 2000));
		CK_ULONG left = count(CKO_DATA);

		assert_true(left + told == before || left + told + 1 == before);
	}
}

/* ---- PINs ---- */

#define PIN_A USER_PIN
#define PIN_B "second PIN"

static void other_pin(CK_SESSION_HANDLE mine, unsigned n)
{
	const char *from = n % 2 ? PIN_B : PIN_A, *to = n % 2 ? PIN_A : PIN_B;

	OK(p11->C_SetPIN(mine, module_pin(from), strlen(from), module_pin(to), strlen(to)));
}

/* One of the two is the PIN: the one that was told, or the next. */
static void pins(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		unsigned told = end(start(other_pin), moment(i, 250000));
		const char *now = told % 2 ? PIN_B : PIN_A, *next = told % 2 ? PIN_A : PIN_B;
		CK_RV rv;

		OK(p11->C_Logout(s));
		rv = module_login(s, CKU_USER, now);
		if (rv == CKR_PIN_INCORRECT) {
			OK(module_login(s, CKU_USER, next));
			now = next;
		} else {
			OK(rv);
		}
		assert_false(module_info(slot).flags &
			     (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED));
		if (strcmp(now, PIN_A) != 0)
			OK(p11->C_SetPIN(s, module_pin(now), strlen(now), module_pin(PIN_A),
					 strlen(PIN_A)));
	}
}

/* ---- tokens ---- */

static void make_token(CK_SESSION_HANDLE mine, unsigned n)
{
	CK_UTF8CHAR label[33];
	char text[40];
	CK_ULONG slots_n = 0;
	CK_SLOT_ID *slots;

	(void)mine;
	snprintf(text, sizeof text, "%-32u", n);
	memcpy(label, text, 32);
	OK(p11->C_GetSlotList(CK_FALSE, NULL, &slots_n));
	slots = calloc(slots_n, sizeof *slots);
	MUST(slots);
	OK(p11->C_GetSlotList(CK_FALSE, slots, &slots_n));
	OK(p11->C_InitToken(slots[slots_n - 1], module_pin(SO_PIN), strlen(SO_PIN), label));
	free(slots);
}

static CK_ULONG tokens(void)
{
	CK_SLOT_ID list[1024];
	CK_ULONG n = ARRAY_LEN(list), whole = 0;

	OK(p11->C_GetSlotList(CK_TRUE, list, &n));
	for (CK_ULONG i = 0; i < n; i++)
		whole += (module_info(list[i]).flags & CKF_TOKEN_INITIALIZED) != 0;
	return whole;
}

static void inits(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		CK_ULONG before = tokens();
		unsigned told = end(start(make_token), moment(i, 130000));
		CK_ULONG there = tokens();

		assert_true(there == before + told || there == before + told + 1);
	}
}

/* ---- backups ---- */

static void back_up(CK_SESSION_HANDLE mine, unsigned n)
{
	char path[600];

	(void)mine;
	snprintf(path, sizeof path, "%s/backup-%u", scratch_dir(), n);
	OK(p11_admin->backup(slot, module_text(path)));
}

/* A file of that name is a whole backup, and one that was told is there. */
static void backups(void **state)
{
	char path[600];

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		unsigned told = end(start(back_up), moment(i, 15000));

		for (unsigned n = 0; n <= told; n++) {
			CK_SLOT_ID made;

			snprintf(path, sizeof path, "%s/backup-%u", scratch_dir(), n);
			if (n == told && access(path, F_OK) != 0)
				continue;
			/* the token itself is there, so a whole file is refused for that */
			GIVES(CKR_ACTION_PROHIBITED, p11_admin->restore(module_text(path), &made));
			MUST(unlink(path) == 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pairs), cmocka_unit_test(changes), cmocka_unit_test(destructions),
		cmocka_unit_test(pins),	 cmocka_unit_test(inits),   cmocka_unit_test(backups),
	};

	return cmocka_run_group_tests_name("kill -9", tests, setup, module_teardown);
}
