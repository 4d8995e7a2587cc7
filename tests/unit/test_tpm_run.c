/* test_tpm_run - what goes to a TPM and what is made of its answers, by a link that plays the TPM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"
#include "tests/lib/tpmsays.h"
#include "tpm/talk/cmd.h"
#include "tpm/talk/commands.h"
#include "tpm/talk/talk_private.h"

#define OK(x) assert_int_equal(x, INRO_OK)

/* ---- one TPM, in a turn, that is spoken to by passwords ---- */

static struct tpm *tpm;
static uint64_t epoch;

static int begin(void **state)
{
	(void)state;
	tpm = tpmsays_begin();
	epoch = tpm_epoch(tpm);
	return 0;
}

static int end(void **state)
{
	(void)state;
	tpmsays_end(tpm);
	return 0;
}

/* ---- commands for it ---- */

#define TRANSIENT 0x80000001u
#define INDEX	  0x01800001u

static const uint8_t six_words[] = { 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 0, 1 };
static const uint8_t name[] = { 0, 11, 1, 2, 3 };

static struct tpm_command ask(void)
{
	return (struct tpm_command) { .cc = TPM2_CC_GetCapability,
				      .params = BYTES(six_words, sizeof six_words) };
}

static struct tpm_command on(TPM2_CC cc, uint32_t handle, const char *auth)
{
	return (struct tpm_command) { .cc = cc,
				      .handles = { { handle, BYTES(name, sizeof name) } },
				      .auths = { { .by = BY_AUTH, .value = bytes_of(auth) } } };
}

static enum inro_err run(const struct tpm_command *c)
{
	return tpm_run(tpm, c, NULL, NULL);
}

#define ASK    "8001000000160000017a000000060000010000000001"
#define ANSWER "80010000000e00000000deadbeef"
/* Of a command with a password: no parameters. */
#define DONE                                                                                       \
	"8002000000130000000000000000"                                                             \
	"0000010000"

/* ---- tests ---- */

static void test_table(void **state)
{
	size_t n = 0;

	(void)state;
	for (TPM2_CC cc = 0; cc < 0x300; cc++) {
		const struct command_row *row = command_row(cc);

		if (!row)
			continue;
		n++;
		assert_memory_equal(row->name, "TPM2_", 5);
		assert_true(row->handles <= 3 && row->auths <= row->handles && row->auths <= 2);
		assert_true(!(row->flags & CMD_MAKES) || row->flags & CMD_HANDLE_OUT);
		assert_true(!(row->flags & CMD_ENDS_FIRST) || row->handles);
	}
	assert_true(n > 40);
	assert_null(command_row(0));
	assert_null(command_row(TPM2_CC_Clear));
	assert_null(command_row(UINT32_MAX));
}

static void test_plain(void **state)
{
	const struct tpm_command c = ask();
	SCOPED(buf) got = { 0 };

	(void)state;
	tpmsays_hex(ANSWER);
	OK(tpm_run(tpm, &c, NULL, &got));
	tpmsays_assert_sent(0, ASK);
	assert_true(bytes_equal(buf_bytes(&got), BYTES("\xde\xad\xbe\xef", 4)));
	assert_false(tpmsays_link.durable[0]);
	assert_int_equal(tpm_last_rc(), 0);
	assert_int_equal(tpm_count(tpm), 1);
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_GetCapability), 1);
	assert_int_equal(tpm_count_of(tpm, TPM2_CC_Sign), 0);
	assert_int_equal(tpm_count_of(tpm, 7), 0);
}

static void test_unknown_command(void **state)
{
	const struct tpm_command c = { .cc = TPM2_CC_Clear };

	(void)state;
	assert_int_equal(run(&c), INRO_E_ARG);
	assert_int_equal(tpmsays_link.at, 0);
}

static void test_too_long(void **state)
{
	static const uint8_t much[LINK_BYTES];
	const struct tpm_command c = { .cc = TPM2_CC_ContextLoad,
				       .params = BYTES(much, sizeof much) };

	(void)state;
	assert_int_equal(run(&c), INRO_E_TOO_BIG);
	assert_int_equal(tpmsays_link.at, 0);
}

static void test_again(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	tpmsays_rc(TPM2_RC_RETRY);
	tpmsays_rc(TPM2_RC_YIELDED);
	tpmsays_rc(TPM2_RC_TESTING);
	tpmsays_rc(TPM2_RC_NV_RATE);
	tpmsays_hex(ANSWER);
	OK(run(&c));
	tpmsays_assert_all();
	for (size_t i = 0; i < 5; i++)
		tpmsays_assert_sent(i, ASK);
	assert_int_equal(tpm_count(tpm), 5);
	assert_int_equal(tpm_epoch(tpm), epoch);
}

/* Who can't wait is not kept waiting by a TPM that puts things off either. */
static void test_again_in_haste(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	tpm->link->haste_ms = 5;
	for (int i = 0; i < TPMSAYS_STEPS; i++)
		tpmsays_rc(TPM2_RC_RETRY);
	assert_int_equal(run(&c), INRO_E_BUSY);
	assert_true(tpmsays_link.at < 6);
}

/* What a busy TPM or one that has failed does not answer is not what it lacks. */
static void test_caps_of_a_busy_tpm(void **state)
{
	static const uint32_t codes[] = {
		TPM2_RC_RETRY,
		TPM2_RC_MEMORY,
		TPM2_RC_FAILURE,
		TPM2_RC_UPGRADE,
		TPM2_RC_REBOOT,
		TPM2_RC_NEEDS_TEST,
		TPM2_RC_VER1 + 0x7e, /* no TPM's that is known */
		TSS2_RESMGR_RC_LAYER + TSS2_BASE_RC_GENERAL_FAILURE,
	};
	struct caps caps;

	(void)state;
	tpm->link->haste_ms = 1;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		memset(&tpmsays_link, 0, sizeof tpmsays_link);
		tpmsays_link.begun = 1;
		tpmsays_hex("80010000001300000000000000000600000000"); /* no properties */
		for (int j = 1; j < TPMSAYS_STEPS; j++)
			tpmsays_rc(codes[i]);
		assert_int_equal(caps_read(tpm, &caps), rc_err(codes[i]));
		assert_true(tpmsays_link.at < 6);
	}
}

static void test_not_started(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	tpmsays_rc(TPM2_RC_INITIALIZE);
	tpmsays_rc(TPM2_RC_SUCCESS);
	tpmsays_hex(ANSWER);
	OK(run(&c));
	tpmsays_assert_all();
	tpmsays_assert_sent(1, "80010000000c000001440000");
	tpmsays_assert_sent(2, ASK);
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
}

static void test_not_startable(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	tpmsays_rc(TPM2_RC_INITIALIZE);
	tpmsays_rc(TPM2_RC_FAILURE);
	assert_int_equal(run(&c), rc_err(TPM2_RC_FAILURE));
	tpmsays_assert_all();
	assert_non_null(strstr(err_detail(rc_err(TPM2_RC_FAILURE)), "was not started"));
}

static void test_refused(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	tpmsays_rc(TPM2_RC_VALUE + TPM2_RC_P + TPM2_RC_1);
	assert_int_equal(run(&c), rc_err(TPM2_RC_VALUE));
	assert_int_equal(tpm_last_rc(), TPM2_RC_VALUE + TPM2_RC_P + TPM2_RC_1);
	assert_non_null(strstr(err_detail(rc_err(TPM2_RC_VALUE)), "TPM2_GetCapability: "));
	tpmsays_hex(ANSWER);
	OK(run(&c));
	assert_int_equal(tpm_last_rc(), 0);
}

static void test_bad_header(void **state)
{
	static const char *const bad[] = {
		"80020000000e00000000deadbeef", /* sessions that were not asked for */
		"00000000000e00000000deadbeef", /* no tag */
		"80010000000e000001c4deadbeef", /* an error with something behind it */
		"00c40000000b0000001e00",
	};
	const struct tpm_command c = ask();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		tpmsays_hex(bad[i]);
		assert_int_equal(run(&c), INRO_E_TOKEN);
	}
	tpmsays_assert_all();
	/* A TPM 1.2 has a tag of its own for errors: what it says is told. */
	tpmsays_hex("00c40000000a0000001e");
	assert_int_equal(run(&c), rc_err(TPM2_RC_BAD_TAG));
	assert_int_equal(tpm_last_rc(), TPM2_RC_BAD_TAG);
}

/* Less than a header, or a size that is not the response's: the stream is of no use any more. */
static void test_bad_size(void **state)
{
	static const char *const bad[] = { "", "8001", "80010000000a000000",
					   "80010000000f00000000deadbeef",
					   "80010000000d00000000deadbeef" };
	const struct tpm_command c = ask();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memset(&tpmsays_link, 0, sizeof tpmsays_link);
		tpmsays_link.begun = 1;
		tpmsays_hex(bad[i]);
		tpmsays_hex(ANSWER);
		OK(run(&c));
		tpmsays_assert_all();
	}
}

static void test_password(void **state)
{
	const struct tpm_command c = on(TPM2_CC_Unseal, TRANSIENT, "pass");
	SCOPED(buf) got = { 0 };

	(void)state;
	tpmsays_hex("80020000001700000000000000040002abcd0000010000");
	OK(tpm_run(tpm, &c, NULL, &got));
	tpmsays_assert_sent(0, "80020000001f0000015e80000001"
		       "0000000d40000009000001000470617373");
	assert_true(bytes_equal(buf_bytes(&got), BYTES("\0\2\xab\xcd", 4)));
}

/* The zeros at the end of an authValue are none of it. */
static void test_password_trimmed(void **state)
{
	struct tpm_command c = on(TPM2_CC_NV_ChangeAuth, INDEX, "");

	(void)state;
	c.auths[0].value = BYTES("a\0b\0\0", 5);
	tpmsays_hex(DONE);
	OK(run(&c));
	tpmsays_assert_sent(0, "80020000001e0000013b018000010000000c400000090000010003610062");
	assert_true(tpmsays_link.durable[0]);
}

static void test_bad_area(void **state)
{
	static const char *const bad[] = {
		"80010000000e0000000000000000",		/* none */
		"80020000000c000000000000",		/* no size of the parameters */
		"80020000000e0000000000000000",		/* no answer of the session */
		"80020000000e00000000ffffffff",		/* more parameters than there are */
		"800200000013000000000000000100000100", /* one too short, see the size below */
		"8002000000150000000000000000000001000000aa", /* something behind it */
		"800200000014000000000000000000010100010000", /* a nonce: not a password's */
		"8002000000140000000000000000000001000155",   /* a HMAC */
	};
	const struct tpm_command c = on(TPM2_CC_NV_ChangeAuth, INDEX, "x");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t p[64];
		size_t n;

		OK(hex_decode(bytes_of(bad[i]), p, sizeof p, &n));
		p[5] = (uint8_t)n;
		tpmsays(p, n);
		assert_int_equal(run(&c), INRO_E_TOKEN);
	}
	tpmsays_assert_all();
}

static void test_no_auth(void **state)
{
	struct tpm_command c = on(TPM2_CC_Unseal, TRANSIENT, "");
	static const uint8_t zeros[AUTH_MAX + 1];

	(void)state;
	c.auths[0] = (struct tpm_auth) { .by = BY_NOTHING };
	assert_int_equal(run(&c), INRO_E_ARG);
	c.auths[0] = (struct tpm_auth) { .by = BY_POLICY };
	assert_int_equal(run(&c), INRO_E_ARG);
	c.auths[0] = (struct tpm_auth) { .by = BY_AUTH, .value = BYTES(zeros, sizeof zeros) };
	assert_int_equal(run(&c), INRO_E_ARG);
	assert_int_equal(tpmsays_link.at, 0);
}

/* ---- what was lost ---- */

static void test_lost_object(void **state)
{
	static const uint32_t rcs[] = { TPM2_RC_REFERENCE_H0, TPM2_RC_REFERENCE_S0,
					TPM2_RC_HANDLE + TPM2_RC_1 };
	const struct tpm_command c = on(TPM2_CC_Unseal, TRANSIENT, "x");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rcs); i++) {
		tpmsays_rc(rcs[i]);
		assert_int_equal(run(&c), INRO_E_IO);
		assert_int_equal(tpm_epoch(tpm), epoch + 1 + i);
		assert_int_equal(tpm_last_rc(), rcs[i]);
	}
	tpmsays_assert_all();
}

/* What is not there and never was in the TPM's memory. */
static void test_missing(void **state)
{
	const struct tpm_command persistent = on(TPM2_CC_ReadPublic, 0x81000001, "");
	const struct tpm_command index = on(TPM2_CC_NV_ReadPublic, INDEX, "");
	const struct tpm_command object = on(TPM2_CC_Sign, TRANSIENT, "x");

	(void)state;
	tpmsays_rc(TPM2_RC_HANDLE + TPM2_RC_1);
	assert_int_equal(run(&persistent), rc_err(TPM2_RC_HANDLE));
	tpmsays_rc(TPM2_RC_HANDLE + TPM2_RC_1);
	assert_int_equal(run(&index), rc_err(TPM2_RC_HANDLE));
	tpmsays_rc(TPM2_RC_HANDLE + TPM2_RC_P + TPM2_RC_1); /* a parameter */
	assert_int_equal(run(&object), rc_err(TPM2_RC_HANDLE));
	tpmsays_rc(TPM2_RC_HANDLE + TPM2_RC_2); /* it has one */
	assert_int_equal(run(&object), rc_err(TPM2_RC_HANDLE));
	assert_int_equal(tpm_epoch(tpm), epoch);
	tpmsays_assert_all();
}

static void test_wrong_auth(void **state)
{
	const struct tpm_command c = on(TPM2_CC_Sign, TRANSIENT, "x");
	const enum inro_err wrong = rc_err(TPM2_RC_BAD_AUTH);

	(void)state;
	tpmsays_rc(TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1);
	assert_int_equal(run(&c), INRO_E_IO); /* perhaps the handle is another's */
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
	tpmsays_rc(TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1);
	assert_int_equal(run(&c), wrong); /* no */
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
	assert_int_equal(tpm_last_rc(), TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1);
	tpmsays_assert_all();
}

static void test_wrong_pin(void **state)
{
	struct tpm_command c = on(TPM2_CC_PolicySecret, INDEX, "1234");

	(void)state;
	c.handles[1].handle = 0x03000000;
	tpmsays_rc(TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1);
	assert_int_equal(run(&c), rc_err(TPM2_RC_BAD_AUTH));
	assert_int_equal(tpm_epoch(tpm), epoch);
	assert_true(tpmsays_link.durable[0]); /* it counts */
	tpmsays_assert_all();
}

/* ---- the connection ---- */

static void test_connection(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	tpmsays_nothing();
	tpmsays_hex(ANSWER);
	OK(run(&c));
	tpmsays_assert_all();
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
}

static void test_connection_lost_for_good(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	for (int i = 0; i < 3; i++)
		tpmsays_nothing();
	assert_int_equal(run(&c), INRO_E_IO);
	tpmsays_assert_all();
}

/* The key is gone with the connection: who brought it there does it again. */
static void test_connection_and_key(void **state)
{
	const struct tpm_command c = on(TPM2_CC_Sign, TRANSIENT, "x");

	(void)state;
	tpmsays_nothing();
	assert_int_equal(run(&c), INRO_E_IO);
	tpmsays_assert_all();
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
}

static void once_only(struct tpm_command c)
{
	const struct tpm_command other = ask();

	memset(&tpmsays_link, 0, sizeof tpmsays_link);
	tpmsays_link.begun = 1;
	epoch = tpm_epoch(tpm);
	tpmsays_nothing();
	assert_int_equal(run(&c), INRO_E_IO);
	assert_int_equal(run(&other), INRO_E_IO);
	tpmsays_assert_all();
	assert_int_equal(tpm_epoch(tpm), epoch);
	tpm_leave(tpm);
	OK(tpm_enter(tpm));
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
	tpmsays_hex(ANSWER);
	OK(run(&other));
}

/* Nobody may try a PIN twice, or define twice, because it is not known what became of the first. */
static void test_not_twice(void **state)
{
	struct tpm_command pin = on(TPM2_CC_PolicySecret, INDEX, "1234");

	(void)state;
	pin.handles[1].handle = 0x03000000;
	once_only(pin);
	once_only(on(TPM2_CC_NV_Read, INDEX, "1234"));
	once_only(on(TPM2_CC_NV_DefineSpace, TPM2_RH_OWNER, ""));
	once_only(on(TPM2_CC_EvictControl, TPM2_RH_OWNER, ""));
}

/* ---- the ledger ---- */

#define LOADED "80020000001900000000800000020000000200000000010000"

static void assert_ledger(const char *expected)
{
	assert_string_equal(tpmsays_link.ledger, expected);
	tpmsays_link.ledger[0] = 0;
}

static void test_ledger(void **state)
{
	const struct tpm_command load = on(TPM2_CC_Load, 0x81000001, "");
	const struct tpm_command complete = on(TPM2_CC_SequenceComplete, 0x80000002, "");
	uint32_t handle = 0;

	(void)state;
	tpmsays_hex(LOADED);
	OK(tpm_run(tpm, &load, &handle, NULL));
	assert_int_equal(handle, 0x80000002);
	assert_ledger("will 0;hold 80000002;");
	tpmsays_rc(TPM2_RC_OBJECT_MEMORY);
	assert_int_not_equal(run(&load), INRO_OK);
	assert_ledger("will 0;hold 0;");
	tpmsays_hex("80020000001300000000000000000000010000");
	OK(run(&complete));
	assert_ledger("drop 80000002;");
	tpmsays_rc(TPM2_RC_SUCCESS);
	OK(cmd_flush(tpm, 0x80000003));
	assert_ledger("drop 80000003;");
	tpmsays_rc(TPM2_RC_HANDLE + TPM2_RC_P + TPM2_RC_1);
	assert_int_not_equal(cmd_flush(tpm, 0x80000004), INRO_OK);
	assert_ledger("drop 80000004;");
	tpmsays_assert_all();
}

/* The object is there, though what came with its handle is not to be believed. */
static void test_ledger_of_bad_answer(void **state)
{
	const struct tpm_command load = on(TPM2_CC_Load, 0x81000001, "");

	(void)state;
	tpmsays_hex("80020000001a0000000080000002000000020000000001000155");
	tpmsays_rc(TPM2_RC_SUCCESS);
	assert_int_equal(run(&load), INRO_E_TOKEN);
	tpmsays_assert_sent(1, "80010000000e0000016580000002");
	assert_ledger("will 0;hold 80000002;drop 80000002;hold 0;");
	/* Not a handle of anything that can be flushed: it stays pending. */
	tpmsays_hex("80020000001900000000810000020000000200000000010000");
	assert_int_equal(run(&load), INRO_E_TOKEN);
	tpmsays_assert_all();
}

/* What can't be flushed because the TPM forgot everything needs no flushing. */
static void test_flush_when_lost(void **state)
{
	(void)state;
	tpmsays_nothing();
	OK(cmd_flush(tpm, 0x80000002));
	tpmsays_rc(TPM2_RC_INITIALIZE);
	tpmsays_rc(TPM2_RC_SUCCESS);
	OK(cmd_flush(tpm, 0x80000002));
	tpmsays_assert_all();
	assert_int_equal(tpmsays_cc(0), TPM2_CC_FlushContext);
}

/* ---- who has it ---- */

static void test_shared(void **state)
{
	struct tpm_words w = tpmsays_words();
	struct tpm *other = NULL;

	(void)state;
	OK(tpm_get(&w, &other));
	assert_ptr_equal(other, tpm);
	tpm_unref(other);
	w.home = "/elsewhere";
	OK(tpm_get(&w, &other));
	assert_ptr_not_equal(other, tpm);
	tpm_unref_ptr(&other);
	assert_null(other);
}

static void test_other_words(void **state)
{
	struct tpm_words w = tpmsays_words();
	struct tpm *other = NULL;

	(void)state;
	w.root = 0x81000002;
	assert_int_equal(tpm_get(&w, &other), INRO_E_CONFIG);
	w = tpmsays_words();
	w.how = TPM_BY_HMAC;
	assert_int_equal(tpm_get(&w, &other), INRO_E_CONFIG);
	w.tcti = bytes_of("nothing:");
	assert_int_equal(tpm_get(&w, &other), INRO_E_CONFIG);
	assert_null(other);
}

/* Somebody brings what was not known; nobody brings another. */
static void test_auths_are_brought(void **state)
{
	struct tpm_words w = tpmsays_words();
	struct tpm *other = NULL;

	(void)state;
	w.owner_auth = bytes_of("owner");
	OK(tpm_get(&w, &other));
	assert_ptr_equal(other, tpm);
	tpm_unref(other);
	w.owner_auth = bytes_of("another");
	assert_int_equal(tpm_get(&w, &other), INRO_E_CONFIG);
	assert_int_equal(tpm->owner_auth.n, 0); /* this turn is as it began */
	tpm_leave(tpm);
	OK(tpm_enter(tpm));
	assert_true(bytes_is(secret_bytes(&tpm->owner_auth), "owner"));
	assert_int_equal(tpm_get(&w, &other), INRO_E_CONFIG);
	w.owner_auth = BYTES_NONE;
	w.root_auth = bytes_of("root");
	OK(tpm_get(&w, &other));
	tpm_unref(other);
	assert_true(bytes_is(secret_bytes(&tpm->owner_auth), "owner"));
	tpm_leave(tpm);
	OK(tpm_enter(tpm));
	assert_true(bytes_is(secret_bytes(&tpm->root_auth), "root"));
}

static void test_passwords_travel(void **state)
{
	struct tpm_words w = tpmsays_words();
	struct tpm *other = NULL;

	(void)state;
	static struct link_kind outside; /* the same, not embedded */

	outside = tpmsays_kind;
	outside.embedded = false;
	link_extra = &outside;
	w.home = "/outside";
	assert_int_equal(tpm_get(&w, &other), INRO_E_CONFIG);
	w.how = TPM_BY_HMAC;
	OK(tpm_get(&w, &other));
	assert_false(tpm_is_embedded(other));
	assert_true(tpm_is_embedded(tpm));
	tpm_unref(other);
}

/* A program that ends does not wait for another one that has the TPM. */
static void test_the_end_waits_for_nobody(void **state)
{
	struct tpm_words w = tpmsays_words();
	struct tpm *other = NULL;

	(void)state;
	tpm_leave(tpm);
	w.home = "/elsewhere";
	OK(tpm_get(&w, &other));
	OK(tpm_enter(other));
	tpm_leave(other);
	tpmsays_link.taken = true;
	tpm_unref(other);
	tpmsays_link.taken = false;
	assert_int_equal(tpmsays_link.at, 0);
	OK(tpm_enter(tpm));
}

/* In a child: the parent's is of no use, another one can be had, and letting go harms nobody. */
static int in_child(void *arg)
{
	struct tpm_words w = tpmsays_words();
	struct tpm *own = NULL;

	(void)arg;
	if (tpm_enter(tpm) != INRO_E_STATE)
		return 1;
	if (tpm_get(&w, &own) || own == tpm)
		return 2;
	tpmsays_link.begun = 0;
	if (tpm_enter(own))
		return 3;
	tpm_leave(own);
	tpm_unref(tpm);
	tpm_unref(own);
	return 0;
}

static void test_fork(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	assert_int_equal(scratch_child(in_child, NULL), 0);
	tpmsays_hex(ANSWER);
	OK(run(&c));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_table),
		T(test_plain),
		T(test_unknown_command),
		T(test_too_long),
		T(test_again),
		T(test_again_in_haste),
		T(test_caps_of_a_busy_tpm),
		T(test_not_started),
		T(test_not_startable),
		T(test_refused),
		T(test_bad_header),
		T(test_bad_size),
		T(test_password),
		T(test_password_trimmed),
		T(test_bad_area),
		T(test_no_auth),
		T(test_lost_object),
		T(test_missing),
		T(test_wrong_auth),
		T(test_wrong_pin),
		T(test_connection),
		T(test_connection_lost_for_good),
		T(test_connection_and_key),
		T(test_not_twice),
		T(test_ledger),
		T(test_ledger_of_bad_answer),
		T(test_flush_when_lost),
		T(test_shared),
		T(test_other_words),
		T(test_auths_are_brought),
		T(test_passwords_travel),
		T(test_the_end_waits_for_nobody),
		T(test_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
