/* test_tpm_run - what goes to a TPM and what is made of its answers, by a link that plays the TPM.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/scratch.h"
#include "tpm/link/kinds.h"
#include "tpm/talk/cmd.h"
#include "tpm/talk/commands.h"
#include "tpm/talk/talk_private.h"

#define OK(x) assert_int_equal(x, INRO_OK)

/* ---- the link ---- */

#define STEPS 16

static struct {
	struct {
		enum inro_err e;
		uint8_t p[256];
		size_t n;
	} says[STEPS];
	size_t says_n, at; /* what is said next */
	uint8_t sent[STEPS][256];
	size_t sent_n[STEPS], sent_all;
	bool durable[STEPS];
	bool down; /* the next turn connects anew */
	unsigned begun;
	char ledger[256]; /* what was told to it */
} fake;

static enum inro_err fake_make(struct bytes rest, const char *home, struct link **ret);

static void fake_free(struct link *l)
{
	free(l);
}

static enum inro_err fake_begin(struct link *l)
{
	if (fake.down)
		atomic_fetch_add(&l->epoch, 1);
	fake.down = false;
	fake.begun++;
	return INRO_OK;
}

static void fake_end(struct link *l)
{
	(void)l;
	fake.begun--;
}

static enum inro_err fake_talk(struct link *l, struct bytes command, bool durable, struct buf *ret)
{
	size_t i = fake.at;

	(void)l;
	assert_true(fake.begun == 1 && !fake.down);
	assert_true(i < fake.says_n && command.n <= sizeof fake.sent[0]);
	fake.at++;
	memcpy(fake.sent[i], command.p, command.n);
	fake.sent_n[i] = command.n;
	fake.durable[i] = durable;
	buf_add(ret, BYTES(fake.says[i].p, fake.says[i].n));
	fake.down = fake.says[i].e == INRO_E_IO || link_check_response(buf_bytes(ret));
	return fake.says[i].e;
}

static void note(const char *what, uint32_t handle)
{
	size_t n = strlen(fake.ledger);

	snprintf(fake.ledger + n, sizeof fake.ledger - n, "%s %x;", what, handle);
}

static enum inro_err fake_will_hold(struct link *l)
{
	(void)l;
	note("will", 0);
	return INRO_OK;
}

static void fake_hold(struct link *l, uint32_t handle)
{
	(void)l;
	note("hold", handle);
}

static void fake_drop(struct link *l, uint32_t handle)
{
	(void)l;
	note("drop", handle);
}

static const struct link_kind inside = {
	.scheme = "fake",
	.embedded = true,
	.make = fake_make,
	.free = fake_free,
	.begin = fake_begin,
	.end = fake_end,
	.talk = fake_talk,
	.will_hold = fake_will_hold,
	.hold = fake_hold,
	.drop = fake_drop,
};
static struct link_kind outside; /* the same, not embedded */

static enum inro_err fake_make(struct bytes rest, const char *home, struct link **ret)
{
	struct link *l = calloc(1, sizeof *l);

	(void)rest, (void)home;
	assert_non_null(l);
	link_init(l, link_extra);
	*ret = l;
	return INRO_OK;
}

/* ---- what it says ---- */

static void say(const void *p, size_t n)
{
	assert_true(fake.says_n < STEPS && n <= sizeof fake.says[0].p);
	memcpy(fake.says[fake.says_n].p, p, n);
	fake.says[fake.says_n++].n = n;
}

static void say_hex(const char *hex)
{
	uint8_t p[256];
	size_t n;

	OK(hex_decode(bytes_of(hex), p, sizeof p, &n));
	say(p, n);
}

static void say_rc(uint32_t rc)
{
	uint8_t p[10] = { 0x80, 0x01, 0, 0, 0, 10 };

	for (int i = 0; i < 4; i++)
		p[6 + i] = (uint8_t)(rc >> (24 - 8 * i));

	say(p, sizeof p);
}

static void say_nothing(void)
{
	fake.says[fake.says_n++].e = INRO_E_IO;
}

static uint32_t sent_cc(size_t i)
{
	struct bytes in = BYTES(fake.sent[i] + 6, 4);
	uint32_t cc = 0;

	assert_true(i < fake.at);
	OK(read_u32(&in, &cc));
	return cc;
}

static void assert_sent(size_t i, const char *hex)
{
	uint8_t p[256];
	size_t n;

	OK(hex_decode(bytes_of(hex), p, sizeof p, &n));
	assert_true(i < fake.at);
	assert_int_equal(fake.sent_n[i], n);
	assert_memory_equal(fake.sent[i], p, n);
}

static void assert_all_said(void)
{
	assert_int_equal(fake.at, fake.says_n);
}

/* ---- one TPM, in a turn, that is spoken to by passwords ---- */

static struct tpm *tpm;
static uint64_t epoch;

static struct tpm_words words(void)
{
	return (struct tpm_words) { .tcti = bytes_of("fake:"),
				    .home = "/nowhere",
				    .how = TPM_BY_PASSWORD };
}

static int begin(void **state)
{
	struct tpm_words w = words();

	(void)state;
	memset(&fake, 0, sizeof fake);
	link_extra = &inside;
	OK(tpm_get(&w, &tpm));
	OK(tpm_enter(tpm));
	epoch = tpm_epoch(tpm);
	return 0;
}

static int end(void **state)
{
	(void)state;
	tpm_leave(tpm);
	tpm_unref(tpm);
	assert_int_equal(fake.begun, 0);
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
	say_hex(ANSWER);
	OK(tpm_run(tpm, &c, NULL, &got));
	assert_sent(0, ASK);
	assert_true(bytes_equal(buf_bytes(&got), BYTES("\xde\xad\xbe\xef", 4)));
	assert_false(fake.durable[0]);
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
	assert_int_equal(fake.at, 0);
}

static void test_too_long(void **state)
{
	static const uint8_t much[LINK_BYTES];
	const struct tpm_command c = { .cc = TPM2_CC_ContextLoad,
				       .params = BYTES(much, sizeof much) };

	(void)state;
	assert_int_equal(run(&c), INRO_E_TOO_BIG);
	assert_int_equal(fake.at, 0);
}

static void test_again(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	say_rc(TPM2_RC_RETRY);
	say_rc(TPM2_RC_YIELDED);
	say_rc(TPM2_RC_TESTING);
	say_hex(ANSWER);
	OK(run(&c));
	assert_all_said();
	for (size_t i = 0; i < 4; i++)
		assert_sent(i, ASK);
	assert_int_equal(tpm_count(tpm), 4);
	assert_int_equal(tpm_epoch(tpm), epoch);
}

/* Who can't wait is not kept waiting by a TPM that puts things off either. */
static void test_again_in_haste(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	tpm->link->haste_ms = 5;
	for (int i = 0; i < STEPS; i++)
		say_rc(TPM2_RC_RETRY);
	assert_int_equal(run(&c), INRO_E_BUSY);
	assert_true(fake.at < 6);
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
		memset(&fake, 0, sizeof fake);
		fake.begun = 1;
		say_hex("80010000001300000000000000000600000000"); /* no properties */
		for (int j = 1; j < STEPS; j++)
			say_rc(codes[i]);
		assert_int_equal(caps_read(tpm, &caps), rc_err(codes[i]));
		assert_true(fake.at < 6);
	}
}

static void test_not_started(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	say_rc(TPM2_RC_INITIALIZE);
	say_rc(TPM2_RC_SUCCESS);
	say_hex(ANSWER);
	OK(run(&c));
	assert_all_said();
	assert_sent(1, "80010000000c000001440000");
	assert_sent(2, ASK);
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
}

static void test_not_startable(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	say_rc(TPM2_RC_INITIALIZE);
	say_rc(TPM2_RC_FAILURE);
	assert_int_equal(run(&c), rc_err(TPM2_RC_FAILURE));
	assert_all_said();
	assert_non_null(strstr(err_detail(rc_err(TPM2_RC_FAILURE)), "was not started"));
}

static void test_refused(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	say_rc(TPM2_RC_VALUE + TPM2_RC_P + TPM2_RC_1);
	assert_int_equal(run(&c), rc_err(TPM2_RC_VALUE));
	assert_int_equal(tpm_last_rc(), TPM2_RC_VALUE + TPM2_RC_P + TPM2_RC_1);
	assert_non_null(strstr(err_detail(rc_err(TPM2_RC_VALUE)), "TPM2_GetCapability: "));
	say_hex(ANSWER);
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
		say_hex(bad[i]);
		assert_int_equal(run(&c), INRO_E_TOKEN);
	}
	assert_all_said();
	/* A TPM 1.2 has a tag of its own for errors: what it says is told. */
	say_hex("00c40000000a0000001e");
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
		memset(&fake, 0, sizeof fake);
		fake.begun = 1;
		say_hex(bad[i]);
		say_hex(ANSWER);
		OK(run(&c));
		assert_all_said();
	}
}

static void test_password(void **state)
{
	const struct tpm_command c = on(TPM2_CC_Unseal, TRANSIENT, "pass");
	SCOPED(buf) got = { 0 };

	(void)state;
	say_hex("80020000001700000000000000040002abcd0000010000");
	OK(tpm_run(tpm, &c, NULL, &got));
	assert_sent(0, "80020000001f0000015e80000001"
		       "0000000d40000009000001000470617373");
	assert_true(bytes_equal(buf_bytes(&got), BYTES("\0\2\xab\xcd", 4)));
}

/* The zeros at the end of an authValue are none of it. */
static void test_password_trimmed(void **state)
{
	struct tpm_command c = on(TPM2_CC_NV_ChangeAuth, INDEX, "");

	(void)state;
	c.auths[0].value = BYTES("a\0b\0\0", 5);
	say_hex(DONE);
	OK(run(&c));
	assert_sent(0, "80020000001e0000013b018000010000000c400000090000010003610062");
	assert_true(fake.durable[0]);
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
		say(p, n);
		assert_int_equal(run(&c), INRO_E_TOKEN);
	}
	assert_all_said();
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
	assert_int_equal(fake.at, 0);
}

/* ---- what was lost ---- */

static void test_lost_object(void **state)
{
	static const uint32_t rcs[] = { TPM2_RC_REFERENCE_H0, TPM2_RC_REFERENCE_S0,
					TPM2_RC_HANDLE + TPM2_RC_1 };
	const struct tpm_command c = on(TPM2_CC_Unseal, TRANSIENT, "x");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rcs); i++) {
		say_rc(rcs[i]);
		assert_int_equal(run(&c), INRO_E_IO);
		assert_int_equal(tpm_epoch(tpm), epoch + 1 + i);
		assert_int_equal(tpm_last_rc(), rcs[i]);
	}
	assert_all_said();
}

/* What is not there and never was in the TPM's memory. */
static void test_missing(void **state)
{
	const struct tpm_command persistent = on(TPM2_CC_ReadPublic, 0x81000001, "");
	const struct tpm_command index = on(TPM2_CC_NV_ReadPublic, INDEX, "");
	const struct tpm_command object = on(TPM2_CC_Sign, TRANSIENT, "x");

	(void)state;
	say_rc(TPM2_RC_HANDLE + TPM2_RC_1);
	assert_int_equal(run(&persistent), rc_err(TPM2_RC_HANDLE));
	say_rc(TPM2_RC_HANDLE + TPM2_RC_1);
	assert_int_equal(run(&index), rc_err(TPM2_RC_HANDLE));
	say_rc(TPM2_RC_HANDLE + TPM2_RC_P + TPM2_RC_1); /* a parameter */
	assert_int_equal(run(&object), rc_err(TPM2_RC_HANDLE));
	say_rc(TPM2_RC_HANDLE + TPM2_RC_2); /* it has one */
	assert_int_equal(run(&object), rc_err(TPM2_RC_HANDLE));
	assert_int_equal(tpm_epoch(tpm), epoch);
	assert_all_said();
}

static void test_wrong_auth(void **state)
{
	const struct tpm_command c = on(TPM2_CC_Sign, TRANSIENT, "x");
	const enum inro_err wrong = rc_err(TPM2_RC_BAD_AUTH);

	(void)state;
	say_rc(TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1);
	assert_int_equal(run(&c), INRO_E_IO); /* perhaps the handle is another's */
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
	say_rc(TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1);
	assert_int_equal(run(&c), wrong); /* no */
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
	assert_int_equal(tpm_last_rc(), TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1);
	assert_all_said();
}

static void test_wrong_pin(void **state)
{
	struct tpm_command c = on(TPM2_CC_PolicySecret, INDEX, "1234");

	(void)state;
	c.handles[1].handle = 0x03000000;
	say_rc(TPM2_RC_BAD_AUTH + TPM2_RC_S + TPM2_RC_1);
	assert_int_equal(run(&c), rc_err(TPM2_RC_BAD_AUTH));
	assert_int_equal(tpm_epoch(tpm), epoch);
	assert_true(fake.durable[0]); /* it counts */
	assert_all_said();
}

/* ---- the connection ---- */

static void test_connection(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	say_nothing();
	say_hex(ANSWER);
	OK(run(&c));
	assert_all_said();
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
}

static void test_connection_lost_for_good(void **state)
{
	const struct tpm_command c = ask();

	(void)state;
	for (int i = 0; i < 3; i++)
		say_nothing();
	assert_int_equal(run(&c), INRO_E_IO);
	assert_all_said();
}

/* The key is gone with the connection: who brought it there does it again. */
static void test_connection_and_key(void **state)
{
	const struct tpm_command c = on(TPM2_CC_Sign, TRANSIENT, "x");

	(void)state;
	say_nothing();
	assert_int_equal(run(&c), INRO_E_IO);
	assert_all_said();
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
}

static void once_only(struct tpm_command c)
{
	const struct tpm_command other = ask();

	memset(&fake, 0, sizeof fake);
	fake.begun = 1;
	epoch = tpm_epoch(tpm);
	say_nothing();
	assert_int_equal(run(&c), INRO_E_IO);
	assert_int_equal(run(&other), INRO_E_IO);
	assert_all_said();
	assert_int_equal(tpm_epoch(tpm), epoch);
	tpm_leave(tpm);
	OK(tpm_enter(tpm));
	assert_int_equal(tpm_epoch(tpm), epoch + 1);
	say_hex(ANSWER);
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
	assert_string_equal(fake.ledger, expected);
	fake.ledger[0] = 0;
}

static void test_ledger(void **state)
{
	const struct tpm_command load = on(TPM2_CC_Load, 0x81000001, "");
	const struct tpm_command complete = on(TPM2_CC_SequenceComplete, 0x80000002, "");
	uint32_t handle = 0;

	(void)state;
	say_hex(LOADED);
	OK(tpm_run(tpm, &load, &handle, NULL));
	assert_int_equal(handle, 0x80000002);
	assert_ledger("will 0;hold 80000002;");
	say_rc(TPM2_RC_OBJECT_MEMORY);
	assert_int_not_equal(run(&load), INRO_OK);
	assert_ledger("will 0;hold 0;");
	say_hex("80020000001300000000000000000000010000");
	OK(run(&complete));
	assert_ledger("drop 80000002;");
	say_rc(TPM2_RC_SUCCESS);
	OK(cmd_flush(tpm, 0x80000003));
	assert_ledger("drop 80000003;");
	say_rc(TPM2_RC_HANDLE + TPM2_RC_P + TPM2_RC_1);
	assert_int_not_equal(cmd_flush(tpm, 0x80000004), INRO_OK);
	assert_ledger("drop 80000004;");
	assert_all_said();
}

/* The object is there, though what came with its handle is not to be believed. */
static void test_ledger_of_bad_answer(void **state)
{
	const struct tpm_command load = on(TPM2_CC_Load, 0x81000001, "");

	(void)state;
	say_hex("80020000001a0000000080000002000000020000000001000155");
	say_rc(TPM2_RC_SUCCESS);
	assert_int_equal(run(&load), INRO_E_TOKEN);
	assert_sent(1, "80010000000e0000016580000002");
	assert_ledger("will 0;hold 80000002;drop 80000002;hold 0;");
	/* Not a handle of anything that can be flushed: it stays pending. */
	say_hex("80020000001900000000810000020000000200000000010000");
	assert_int_equal(run(&load), INRO_E_TOKEN);
	assert_all_said();
}

/* What can't be flushed because the TPM forgot everything needs no flushing. */
static void test_flush_when_lost(void **state)
{
	(void)state;
	say_nothing();
	OK(cmd_flush(tpm, 0x80000002));
	say_rc(TPM2_RC_INITIALIZE);
	say_rc(TPM2_RC_SUCCESS);
	OK(cmd_flush(tpm, 0x80000002));
	assert_all_said();
	assert_int_equal(sent_cc(0), TPM2_CC_FlushContext);
}

/* ---- who has it ---- */

static void test_shared(void **state)
{
	struct tpm_words w = words();
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
	struct tpm_words w = words();
	struct tpm *other = NULL;

	(void)state;
	w.root = 0x81000002;
	assert_int_equal(tpm_get(&w, &other), INRO_E_CONFIG);
	w = words();
	w.how = TPM_BY_HMAC;
	assert_int_equal(tpm_get(&w, &other), INRO_E_CONFIG);
	w.tcti = bytes_of("nothing:");
	assert_int_equal(tpm_get(&w, &other), INRO_E_CONFIG);
	assert_null(other);
}

/* Somebody brings what was not known; nobody brings another. */
static void test_auths_are_brought(void **state)
{
	struct tpm_words w = words();
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
	struct tpm_words w = words();
	struct tpm *other = NULL;

	(void)state;
	outside = inside;
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

/* In a child: the parent's is of no use, another one can be had, and letting go harms nobody. */
static int in_child(void *arg)
{
	struct tpm_words w = words();
	struct tpm *own = NULL;

	(void)arg;
	if (tpm_enter(tpm) != INRO_E_STATE)
		return 1;
	if (tpm_get(&w, &own) || own == tpm)
		return 2;
	fake.begun = 0;
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
	say_hex(ANSWER);
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
		T(test_fork),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
