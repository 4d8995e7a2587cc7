/*
 * What the TPM's owner, who may load every object and define every index, and somebody on the line
 * to the TPM get of a PIN and of what it opens: nothing, by tpm2-tools and by another TPM in this
 * one's place.
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

#include "base/file.h"
#include "base/own.h"
#include "base/err.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tpmproxy.h"
#include "tpm/token/pin_record.h"
#include "tpm/token/tpm_backend.h"

#define OK(x)  assert_int_equal(x, INRO_OK)
#define PIN    bytes_of("123456")
#define WRONG  bytes_of("654321")
#define SO_PIN bytes_of("so: eight and more")
#define SERIAL "0000000000000001"

static const struct backend_ops *const ops = &backend_tpm;
static struct swtpm *swtpm;
static char link_tcti[300], link_path[280];
static struct buf config, user, so;

static void point_at(const char *tcti)
{
	(void)unlink(link_path);
	assert_int_equal(symlink(strchr(tcti, '/'), link_path), 0);
}

static struct backend *open_it(void)
{
	struct backend *b = NULL;

	OK(ops->open(buf_bytes(&config), bytes_of(SERIAL), &b));
	return b;
}

/* A token that finds its TPM by a name that can lead elsewhere. */
static int start(void **state)
{
	struct backend *b;

	(void)state;
	swtpm = swtpm_start(SWTPM_UNIX);
	snprintf(link_path, sizeof link_path, "%s", scratch_path("the.sock"));
	snprintf(link_tcti, sizeof link_tcti, "swtpm:path=%s", link_path);
	point_at(swtpm_tcti(swtpm));
	buf_addf(&config, "tcti=%s\n", link_tcti);
	b = open_it();
	OK(ops->init(b));
	buf_reset(&config);
	OK(ops->words(b, &config));
	OK(ops->set_pin(b, CKU_SO, SO_PIN, &so));
	OK(ops->set_pin(b, CKU_USER, PIN, &user));
	ops->close(b);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	buf_clear(&config);
	buf_clear(&user);
	buf_clear(&so);
	swtpm_free(swtpm);
	swtpm = NULL;
	return 0;
}

static enum inro_err try(struct bytes record, struct bytes pin)
{
	struct backend *b = open_it();
	enum inro_err e = ops->unlock(b, CKU_USER, record, pin);

	ops->close(b);
	return e;
}

static int PRINTF_LIKE(1, 2) run(const char *format, ...)
{
	char command[1200], line[1600];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof command, format, ap);
	va_end(ap);
	snprintf(line, sizeof line, "cd '%s' && { %s; } >>log 2>&1", scratch_dir(), command);
	return swtpm_shell(swtpm, line);
}

#define DONE(...) assert_int_equal(run(__VA_ARGS__), 0)
/* Nothing of a sequence is left in the TPM's few places. */
#define REFUSED(...)                                                                               \
	do {                                                                                       \
		assert_int_not_equal(run(__VA_ARGS__), 0);                                         \
		DONE("tpm2_flushcontext -t; tpm2_flushcontext -l; tpm2_flushcontext -s");          \
	} while (0)

static struct pin_record parts(const struct buf *record)
{
	struct pin_record r;

	OK(pin_record_index(buf_bytes(record), &r));
	scratch_file("guard.pub", r.guard_pub.p, r.guard_pub.n);
	scratch_file("guard.priv", r.guard_priv.p, r.guard_priv.n);
	scratch_file("sealed.pub", r.sealed_pub.p, r.sealed_pub.n);
	scratch_file("sealed.priv", r.sealed_priv.p, r.sealed_priv.n);
	return r;
}

#define LOAD(name)                                                                                 \
	"tpm2_load -Q -C 0x81000001 -u " name ".pub -r " name ".priv -c " name ".ctx && "          \
	"tpm2_flushcontext -t"
#define POLICY "tpm2_startauthsession --policy-session -S s.ctx && "

/* ---- a TPM that has failed ---- */

struct failing {
	uint32_t cc, rc;
};

static bool fail_it(struct tpmproxy_talk *t)
{
	const struct failing *f = t->arg;
	const uint8_t says[] = {
		0x80, 0x01, 0, 0, 0, 10, 0, 0, (uint8_t)(f->rc >> 8), (uint8_t)f->rc
	};

	if (t->cc == f->cc) {
		memcpy(t->response, says, sizeof says);
		t->n = sizeof says;
	}
	return true;
}

/* An answer that says that all is well, and nothing else. */
static bool shorten_it(struct tpmproxy_talk *t)
{
	const struct failing *f = t->arg;
	const uint8_t says[] = { 0x80, 0x01, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0 };

	if (t->cc == f->cc) {
		memcpy(t->response, says, sizeof says);
		t->n = sizeof says;
	}
	return true;
}

static enum inro_err opens(struct bytes record)
{
	struct backend *b = open_it();
	enum inro_err e = ops->guard_opens(b, record);

	ops->close(b);
	return e;
}

/* INRO_E_TOKEN would let the token be removed without a PIN. */
static void what_a_failed_tpm_says_is_not_sure(void **state)
{
	static struct failing failing;
	const uint32_t ccs[] = { 0x169, 0x173 }; /* TPM2_NV_ReadPublic, TPM2_ReadPublic */
	const uint32_t rcs[] = { 0x101, 0x130, 0x153, 0x17e };
	struct tpmproxy *proxy = tpmproxy_start(swtpm);

	(void)state;
	point_at(tpmproxy_tcti(proxy));
	OK(opens(buf_bytes(&user)));
	for (size_t i = 0; i < ARRAY_LEN(ccs) * ARRAY_LEN(rcs); i++) {
		failing.cc = ccs[i / ARRAY_LEN(rcs)];
		failing.rc = rcs[i % ARRAY_LEN(rcs)];
		tpmproxy_hooks(proxy, NULL, fail_it, &failing);
		assert_int_equal(opens(buf_bytes(&user)), INRO_E_IO);
		tpmproxy_reset(proxy);
	}
	for (size_t i = 0; i < ARRAY_LEN(ccs); i++) {
		failing.cc = ccs[i];
		enum inro_err e;

		tpmproxy_hooks(proxy, NULL, shorten_it, &failing);
		e = opens(buf_bytes(&user));
		assert_true(e == INRO_E_IO || e == INRO_E_SYNTAX);
		tpmproxy_reset(proxy);
	}
	OK(opens(buf_bytes(&user)));
	assert_int_equal(opens(BYTES(user.p, user.n - 1)), INRO_E_DAMAGED);
	point_at(swtpm_tcti(swtpm));
	tpmproxy_free(proxy);
}

/* ---- the owner ---- */

static void the_sealed_object_opens_to_nobody(void **state)
{
	struct pin_record r = parts(&user);

	(void)state;
	DONE(LOAD("sealed"));
	REFUSED("tpm2_unseal -c sealed.ctx");
	REFUSED("tpm2_unseal -c sealed.ctx -p 123456");
	/* an empty policy, and the owner's in place of the index's */
	REFUSED(POLICY "tpm2_unseal -c sealed.ctx -p session:s.ctx");
	REFUSED(POLICY "tpm2_policysecret -Q -S s.ctx -c o && tpm2_unseal -c sealed.ctx -p "
		       "session:s.ctx");
	/* the PIN itself is not the index's authValue; nor is nothing */
	REFUSED(POLICY "tpm2_policysecret -Q -S s.ctx -c 0x%x 123456", r.index);
	REFUSED(POLICY "tpm2_policysecret -Q -S s.ctx -c 0x%x", r.index);
	/* its authValue is empty: with another it is still a policy that opens it */
	DONE("tpm2_changeauth -Q -C 0x81000001 -c sealed.ctx -r new.priv mine");
	DONE("tpm2_load -Q -C 0x81000001 -u sealed.pub -r new.priv -c new.ctx && "
	     "tpm2_flushcontext -t");
	REFUSED("tpm2_unseal -c new.ctx -p mine");
	/* it goes nowhere */
	DONE("tpm2_createprimary -Q -C n -c other.ctx && tpm2_flushcontext -t");
	REFUSED("tpm2_duplicate -C other.ctx -c sealed.ctx -G null -r d -s e");
	OK(try(buf_bytes(&user), PIN));
}

static void the_guard_lets_nobody_pass(void **state)
{
	struct pin_record r = parts(&user);

	(void)state;
	DONE(LOAD("guard"));
	REFUSED(POLICY "tpm2_policysecret -Q -S s.ctx -c guard.ctx");
	/* its public half alone has the same Name, and no authValue */
	DONE("tpm2_loadexternal -Q -C o -u guard.pub -c public.ctx && tpm2_flushcontext -t");
	REFUSED(POLICY "tpm2_policysecret -Q -S s.ctx -c public.ctx");
	DONE("tpm2_loadexternal -Q -C n -u guard.pub -c public.ctx && tpm2_flushcontext -t");
	REFUSED(POLICY "tpm2_policysecret -Q -S s.ctx -c public.ctx");
	REFUSED("tpm2_changeauth -Q -C 0x81000001 -c guard.ctx -r new.priv mine");
	REFUSED("tpm2_unseal -c guard.ctx");
	/* the index by the owner, by its own authValue, by a policy that is another's */
	REFUSED("printf '\\0\\0\\0\\0\\0\\0\\1\\0' >n; tpm2_nvwrite -Q -C o -i n 0x%x", r.index);
	REFUSED("tpm2_nvwrite -Q -C 0x%x -P 123456 -i n 0x%x", r.index, r.index);
	REFUSED(POLICY "tpm2_policysecret -Q -S s.ctx -c o && tpm2_policycommandcode -Q -S s.ctx "
		       "TPM2_CC_NV_ChangeAuth && tpm2_changeauth -Q -c 0x%x -p session:s.ctx mine",
		r.index);
	REFUSED("tpm2_changeauth -Q -c 0x%x -p 123456 mine", r.index);
	REFUSED("tpm2_nvread -C o 0x%x", r.index);
	OK(try(buf_bytes(&user), PIN));
}

/* A session that is bound to the index would prove guesses with commands that count nothing. */
static void no_session_is_bound_to_the_index(void **state)
{
	static const uint8_t head[] = { 0x80, 0x01, 0,	  0,	0, 0x3b, 0,
					0,    0x01, 0x76, 0x40, 0, 0,	 0x07 };
	static const uint8_t tail[] = { 0, 0, 0, 0, 0x10, 0, 0x0b };
	struct pin_record r = parts(&user);
	uint8_t command[59] = { 0 }, response[4096];
	size_t n;

	(void)state;
	memcpy(command, head, sizeof head);
	for (int i = 0; i < 4; i++)
		command[14 + i] = (uint8_t)(r.index >> (24 - 8 * i));
	command[19] = 32; /* a nonce of zeros; no salt, HMAC, no cipher, SHA-256 */
	memcpy(command + 52, tail, sizeof tail);
	n = swtpm_command(swtpm, command, sizeof command, response);
	assert_int_equal(n, 10);
	assert_memory_equal(response + 6, "\0\0\2\x8b", 4); /* the second handle may not be it */
}

/* Halves of two people's records: the index of one, what the other's opens. */
static void records_do_not_mix(void **state)
{
	struct pin_record mine = parts(&user), theirs = parts(&so);
	struct pin_record mixed[] = { mine, mine, mine, theirs };

	(void)state;
	mixed[0].sealed_pub = theirs.sealed_pub;
	mixed[0].sealed_priv = theirs.sealed_priv;
	mixed[1].sealed_priv = theirs.sealed_priv;
	mixed[2].index = theirs.index;
	mixed[3].user = CKU_USER;
	for (size_t i = 0; i < ARRAY_LEN(mixed); i++) {
		SCOPED(buf) record = { 0 };
		enum inro_err e;

		OK(pin_record_write(&mixed[i], bytes_of(SERIAL), &record));
		e = try(buf_bytes(&record), i == 3 ? SO_PIN : PIN);
		assert_true(e == INRO_E_DAMAGED || e == INRO_E_TOKEN || e == INRO_E_PIN_WRONG ||
			    e == INRO_E_WRAPPED);
	}
	OK(try(buf_bytes(&user), PIN));
}

/* A storage key that the owner could have brought from outside, and so may know. */
static void a_root_that_can_leave_is_none(void **state)
{
	struct swtpm *mine = swtpm, *theirs = swtpm_start(SWTPM_UNIX);
	SCOPED(buf) words = { 0 };
	struct backend *b = NULL;

	(void)state;
	swtpm = theirs;
	DONE("tpm2_createprimary -Q -C o -G ecc -c p.ctx && tpm2_flushcontext -t && "
	     "tpm2_create -Q -C p.ctx -G ecc:aes128cfb -a 'restricted|decrypt|userwithauth|noda|"
	     "sensitivedataorigin' -u r.pub -r r.priv && tpm2_flushcontext -t && "
	     "tpm2_load -Q -C p.ctx -u r.pub -r r.priv -c r.ctx && tpm2_flushcontext -t && "
	     "tpm2_evictcontrol -Q -C o -c r.ctx 0x81000001 && tpm2_flushcontext -t");
	buf_addf(&words, "tcti=%s\n", swtpm_tcti(theirs));
	OK(ops->open(buf_bytes(&words), bytes_of("0000000000000002"), &b));
	assert_int_equal(ops->init(b), INRO_E_CONFIG);
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "no storage root"));
	ops->close(b);
	assert_int_equal(swtpm_count(theirs, SWTPM_NV), 0);
	swtpm_free(theirs);
	swtpm = mine;
}

/* A record that names another program's index: it is not tried, so that its failures don't count
 * against the whole TPM, and it is not removed with the token. */
static void an_index_of_others_stays(void **state)
{
	struct pin_record r = parts(&user);
	SCOPED(buf) name = { 0 };
	SCOPED(buf) record = { 0 };
	struct backend *b;
	static const uint32_t theirs[] = { 0x01500001, 0x01804950 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(theirs); i++) {
		buf_reset(&name);
		buf_reset(&record);
		DONE("tpm2_nvdefine -Q -C o 0x%x -s 8 -a 'authread|authwrite' -p theirs",
		     theirs[i]);
		DONE("echo 1234567 | tpm2_nvwrite -Q 0x%x -P theirs -i -", theirs[i]);
		DONE("tpm2_nvreadpublic 0x%x | sed -n 's/.*name: *//p' | xxd -r -p >name",
		     theirs[i]);
		OK(file_read(scratch_path("name"), 100, &name));
		r.index = theirs[i];
		r.name = buf_bytes(&name);
		OK(pin_record_write(&r, bytes_of(SERIAL), &record));
		b = open_it();
		(void)ops->forget_pin(b, buf_bytes(&record));
		ops->close(b);
		DONE("tpm2_nvread -s 8 -P theirs 0x%x", theirs[i]);
		if (i == 0)
			assert_int_equal(try(buf_bytes(&record), PIN), INRO_E_DAMAGED);
	}
	DONE("tpm2_getcap properties-variable | grep -q 'LOCKOUT_COUNTER: 0x0$'");
}

/* ---- on the line ---- */

struct seen {
	bool secret; /* a command that proves or carries what comes of a PIN */
	uint8_t root[TPMPROXY_ROOM];
	size_t root_n;
};

static bool look(struct tpmproxy_talk *t)
{
	static const uint32_t secrets[] = { 0x151, 0x13b, 0x12a, 0x157, 0x15e, 0x122 };
	struct seen *seen = t->arg;

	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		seen->secret = seen->secret || t->cc == secrets[i];
	return true;
}

static bool keep_root(struct tpmproxy_talk *t)
{
	struct seen *seen = t->arg;

	if (t->cc == 0x173 && !seen->root_n) {
		memcpy(seen->root, t->response, t->n);
		seen->root_n = t->n;
	}
	return true;
}

static bool show_root(struct tpmproxy_talk *t)
{
	const struct seen *seen = t->arg;

	if (t->cc == 0x173) {
		memcpy(t->response, seen->root, seen->root_n);
		t->n = seen->root_n;
	}
	return true;
}

/* Also where somebody has written so into the token's file. */
static void passwords_do_not_pass_in_the_clear(void **state)
{
	SCOPED(buf) words = { 0 };
	struct backend *b = NULL;

	(void)state;
	buf_add(&words, buf_bytes(&config));
	buf_add_str(&words, "session=password\n");
	assert_int_equal(ops->open(buf_bytes(&words), bytes_of(SERIAL), &b), INRO_E_CONFIG);
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "anybody could read them"));
	assert_null(b);
}

/* Somebody's own TPM behind the same name, first as it is, then with the right root's description:
 * he can't read the salt, and is told nothing that comes of the PIN before that is known. */
static void another_tpm_learns_nothing(void **state)
{
	struct swtpm *theirs = swtpm_start(SWTPM_UNIX);
	struct tpmproxy *real = tpmproxy_start(swtpm), *proxy;
	struct seen seen = { 0 };
	struct backend *b;
	SCOPED(buf) out = { 0 };

	(void)state;
	point_at(tpmproxy_tcti(real));
	tpmproxy_hooks(real, NULL, keep_root, &seen);
	b = open_it();
	OK(ops->tell(b, FACT_ROOT, &out));
	ops->close(b);
	assert_true(seen.root_n > 0);
	tpmproxy_free(real);
	proxy = tpmproxy_start(theirs);
	point_at(tpmproxy_tcti(proxy));
	for (int i = 0; i < 3; i++) {
		tpmproxy_hooks(proxy, look, i == 1 ? show_root : NULL, &seen);
		if (i == 2) /* nothing there: one is made, and is another */
			assert_int_equal(swtpm_shell(theirs, "tpm2_createprimary -Q -C o -G ecc -c "
							     "/dev/null; tpm2_flushcontext -t"),
					 0);
		assert_int_not_equal(try(buf_bytes(&user), PIN), INRO_OK);
		b = open_it();
		assert_int_not_equal(ops->unlock(b, CKU_SO, buf_bytes(&so), SO_PIN), INRO_OK);
		(void)ops->forget_pin(b, buf_bytes(&user));
		(void)ops->tell(b, FACT_EK, &out);
		ops->close(b);
		assert_false(seen.secret);
	}
	tpmproxy_free(proxy);
	swtpm_free(theirs);
	point_at(swtpm_tcti(swtpm));
	OK(try(buf_bytes(&user), PIN));
}

static bool look_for_pin(struct tpmproxy_talk *t)
{
	struct seen *seen = t->arg;

	seen->secret = seen->secret || t->cc == TPM2_CC_PolicySecret;
	return true;
}

/* In the root's place stands a key that counts wrong tries against the TPM's dictionary: the PIN is
 * not tried, the salt is another's, and nothing is counted. */
static void another_root_is_not_tried(void **state)
{
	struct tpmproxy *proxy;
	struct seen seen = { 0 };

	(void)state;
	DONE("tpm2_evictcontrol -Q -C o -c 0x81000001 && "
	     "tpm2_createprimary -Q -C o -g sha256 -G ecc -c other.ctx && "
	     "tpm2_evictcontrol -Q -C o -c other.ctx 0x81000001 && tpm2_flushcontext -t");
	proxy = tpmproxy_start(swtpm);
	point_at(tpmproxy_tcti(proxy));
	tpmproxy_hooks(proxy, look_for_pin, NULL, &seen);
	for (int i = 0; i < 3; i++)
		assert_int_equal(try(buf_bytes(&user), PIN), INRO_E_TOKEN);
	assert_false(seen.secret);
	tpmproxy_free(proxy);
	DONE("tpm2_getcap properties-variable | grep -q 'LOCKOUT_COUNTER: 0x0$'");
}

static bool lose_the_index(struct tpmproxy_talk *t)
{
	if (t->cc != TPM2_CC_NV_DefineSpace)
		return true;
	t->n = 0;
	return false;
}

/* The index is there, and nobody has heard of it. */
static void an_index_whose_answer_was_lost(void **state)
{
	struct tpmproxy *proxy = tpmproxy_start(swtpm);
	unsigned before = swtpm_count(swtpm, SWTPM_NV);
	struct backend *b;
	SCOPED(buf) record = { 0 };

	(void)state;
	point_at(tpmproxy_tcti(proxy));
	b = open_it();
	OK(ops->unlock(b, CKU_SO, buf_bytes(&so), SO_PIN));
	tpmproxy_hooks(proxy, NULL, lose_the_index, NULL);
	assert_int_equal(ops->set_pin(b, CKU_USER, PIN, &record), INRO_E_IO);
	assert_int_equal(record.n, 0);
	ops->close(b);
	tpmproxy_free(proxy);
	assert_int_equal(swtpm_count(swtpm, SWTPM_NV), before);
}

static void answer(struct tpmproxy_talk *t, uint32_t rc)
{
	const uint8_t refusal[] = { 0x80, 1, 0, 0, 0, 10, 0, 0, (uint8_t)(rc >> 8), (uint8_t)rc };

	memcpy(t->response, refusal, sizeof refusal);
	t->n = sizeof refusal;
}

static bool lose_the_session_then_fail(struct tpmproxy_talk *t)
{
	bool *lost = t->arg;

	if (t->cc == TPM2_CC_PolicySecret) {
		*lost = true;
		answer(t, TPM2_RC_HANDLE + TPM2_RC_2);
	} else if (*lost && t->cc == TPM2_CC_Load) {
		answer(t, TPM2_RC_MEMORY);
	}
	return true;
}

/* The first attempt's answer says nothing about the index when the second one failed before. */
static void what_failed_last_is_told(void **state)
{
	struct tpmproxy *proxy = tpmproxy_start(swtpm);
	bool lost = false;

	(void)state;
	point_at(tpmproxy_tcti(proxy));
	tpmproxy_hooks(proxy, NULL, lose_the_session_then_fail, &lost);
	assert_int_equal(try(buf_bytes(&user), PIN), INRO_E_NO_MEMORY);
	assert_true(lost);
	tpmproxy_free(proxy);
	point_at(swtpm_tcti(swtpm));
	OK(try(buf_bytes(&user), PIN));
}

#define ON_A_TPM(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_TPM(what_a_failed_tpm_says_is_not_sure),
		ON_A_TPM(the_sealed_object_opens_to_nobody),
		ON_A_TPM(the_guard_lets_nobody_pass),
		ON_A_TPM(no_session_is_bound_to_the_index),
		ON_A_TPM(records_do_not_mix),
		ON_A_TPM(an_index_of_others_stays),
		ON_A_TPM(another_tpm_learns_nothing),
		ON_A_TPM(a_root_that_can_leave_is_none),
		ON_A_TPM(passwords_do_not_pass_in_the_clear),
		ON_A_TPM(another_root_is_not_tried),
		ON_A_TPM(an_index_whose_answer_was_lost),
		ON_A_TPM(what_failed_last_is_told),
	};

	setenv("INRO_HOME", scratch_dir(), 1);
	return cmocka_run_group_tests_name("the owner of the TPM", tests, NULL, NULL);
}
