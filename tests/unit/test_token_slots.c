/* test_token_slots - what happens to slots while tokens are made: at the very moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "pkcs11/token/lib.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

enum inro_err __real_watch_list(struct watch *w, struct home_slots *ret);
enum inro_err __wrap_watch_list(struct watch *w, struct home_slots *ret);
enum inro_err __real_token_make(const char *home, const struct token_spec *spec, CK_SLOT_ID *slot);
enum inro_err __wrap_token_make(const char *home, const struct token_spec *spec, CK_SLOT_ID *slot);

static struct lib *lib;
static void (*when_listed)(void);
static void (*when_made)(CK_SLOT_ID slot);

enum inro_err __wrap_watch_list(struct watch *w, struct home_slots *ret)
{
	enum inro_err e = __real_watch_list(w, ret);
	void (*then)(void) = when_listed;

	when_listed = NULL;
	if (then)
		then();
	return e;
}

enum inro_err __wrap_token_make(const char *home, const struct token_spec *spec, CK_SLOT_ID *slot)
{
	enum inro_err e = __real_token_make(home, spec, slot);
	void (*then)(CK_SLOT_ID) = when_made;

	if (!e && then) {
		when_made = NULL;
		then(*slot);
	}
	return e;
}

static const struct token_spec spec = { .label = BYTES_LIT("one"), .so_pin = BYTES_LIT("12345678") };

static CK_SLOT_ID empty_one(size_t *ret_n)
{
	SCOPED(home_slots) s = { 0 };

	OK(lib_slots(lib, &s));
	*ret_n = s.n;
	return s.empty;
}

static CK_SLOT_ID making;

static void make_there(void)
{
	OK(lib_init_token(lib, making, &spec));
}

/* Made after the folder was read and before the list is shown: it is no longer the empty one, and
 * initialising it is doing that again. */
static void a_list_that_is_late(void **state)
{
	size_t n, before;

	(void)state;
	making = empty_one(&before);
	when_listed = make_there;
	assert_int_not_equal(empty_one(&n), making);
	assert_int_equal(n, before + 1);
	OK(lib_init_token(lib, making, &spec));
	(void)empty_one(&n);
	assert_int_equal(n, before + 1);
}

static CK_SESSION_HANDLE early;

static void open_it(CK_SLOT_ID slot)
{
	struct token *t;

	OK(lib_token(lib, slot, &t));
	OK(session_open(&lib->sessions, t, CKF_SERIAL_SESSION, &early));
}

static CK_SLOT_ID file_of(CK_SLOT_ID slot)
{
	struct token *t;

	OK(lib_token(lib, slot, &t));
	token_lock(t);
	OK(token_open(t));
	token_unlock(t);
	return t->slot;
}

/* Another program's token is in the slot that was shown as empty; before ours has its number a
 * session is opened by that of its file.  When it is closed each number is one token's. */
static void a_session_that_is_early(void **state)
{
	size_t n;
	CK_SLOT_ID mine = empty_one(&n), theirs = mine;
	struct token *t;

	(void)state;
	OK(__real_token_make(lib->home, &spec, &theirs));
	when_made = open_it;
	OK(lib_init_token(lib, mine, &spec));
	assert_int_equal(file_of(mine), mine + 1);
	OK(lib_token(lib, mine + 1, &t));
	assert_int_equal(t->slot, mine + 1); /* under the session it stays */
	OK(session_close(&lib->sessions, early));
	assert_int_equal(file_of(mine + 1), mine);
	assert_int_equal(file_of(mine), mine + 1);
}

static int start(void **state)
{
	(void)state;
	setenv("INRO_HOME", scratch_dir(), 1);
	OK(lib_start());
	OK(lib_get(&lib));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	lib_leave(&lib);
	OK(lib_stop());
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_that_is_late),
		cmocka_unit_test(a_session_that_is_early),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
