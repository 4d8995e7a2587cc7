/* What begins and is told that it failed, or that it is over: a token that is made, the library itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/homedir.h"
#include "pkcs11/soft/soft.h"
#include "pkcs11/token/lib.h"
#include "tests/lib/scratch.h"

#define OK(x) assert_int_equal(x, INRO_OK)

enum inro_err __real_home_make(const char *home, home_fill *fill, const void *arg, CK_SLOT_ID *slot);
enum inro_err __wrap_home_make(const char *home, home_fill *fill, const void *arg, CK_SLOT_ID *slot);
enum inro_err __real_store_open(const char *path, bool may_write, struct store **ret);
enum inro_err __wrap_store_open(const char *path, bool may_write, struct store **ret);
void __real_homedir_hold(const char *name);
void __wrap_homedir_hold(const char *name);

/* ---- a backend that has something outside for each PIN ---- */

static unsigned n_kept, n_forgotten;

static enum inro_err forget(struct backend *b, struct bytes auth)
{
	(void)b;
	n_forgotten += auth.n > 0;
	return INRO_OK;
}

static void keep(struct bytes auth)
{
	n_kept += auth.n > 0;
}

static struct backend_ops outside;

const char *const backend_default = "soft";

const struct backend_ops *backend_find(struct bytes name)
{
	outside = backend_soft;
	outside.forget_pin = forget;
	outside.kept = keep;
	return bytes_is(name, "soft") ? &outside : NULL;
}

/* ---- making a token ---- */

enum made { ALL_GOES_WELL, NOT_SYNCED, NOT_READ_BACK, ANOTHERS, NOT_WRITTEN };
static enum made how;
static bool unreadable;

enum inro_err __wrap_store_open(const char *path, bool may_write, struct store **ret)
{
	if (unreadable)
		return err_set(INRO_E_IO, "the disk fails");
	return __real_store_open(path, may_write, ret);
}

static enum inro_err no_fill(const char *path, const void *arg)
{
	(void)path;
	(void)arg;
	return err_set(INRO_E_FULL, "the disk is full");
}

static enum inro_err another(const char *path, const void *arg)
{
	struct token_row row = *(const struct token_row *)arg;

	strcpy(row.serial, "0123456789abcdef");
	return store_create(path, &row);
}

enum inro_err __wrap_home_make(const char *home, home_fill *fill, const void *arg, CK_SLOT_ID *slot)
{
	enum inro_err e;

	if (how == NOT_WRITTEN)
		return __real_home_make(home, no_fill, arg, slot);
	e = __real_home_make(home, how == ANOTHERS ? another : fill, arg, slot);
	unreadable = how == NOT_READ_BACK;
	if (e || how == ALL_GOES_WELL)
		return e;
	return err_set(INRO_E_IO, "the folder is not synced");
}

/* What its PINs have outside goes when it is sure that the token is not there. */
static void what_a_token_has_outside_stays_with_it(void **state)
{
	static const struct {
		enum inro_err e;
		unsigned kept, forgotten;
	} wants[] = {
		[ALL_GOES_WELL] = { INRO_OK, 2, 0 }, [NOT_SYNCED] = { INRO_E_IO, 0, 0 },
		[NOT_READ_BACK] = { INRO_E_IO, 0, 0 }, [ANOTHERS] = { INRO_E_IO, 0, 2 },
		[NOT_WRITTEN] = { INRO_E_FULL, 0, 2 },
	};
	const struct token_spec spec = { .label = BYTES_LIT("made"),
					 .so_pin = BYTES_LIT("12345678"),
					 .user_pin = BYTES_LIT("123456") };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
		CK_SLOT_ID slot = 0;

		n_kept = n_forgotten = 0;
		how = (enum made)i;
		assert_int_equal(token_make(scratch_dir(), &spec, &slot), wants[i].e);
		unreadable = false;
		assert_int_equal(n_kept, wants[i].kept);
		assert_int_equal(n_forgotten, wants[i].forgotten);
	}
	how = ALL_GOES_WELL;
}

/* ---- C_Finalize by another thread as C_Initialize comes to its end ---- */

static pthread_t other;
static atomic_bool ended, stops_now, too_early;

static void *end_it(void *unused)
{
	enum inro_err e = lib_stop();

	atomic_store(&ended, true);
	return e ? &other : unused;
}

static bool is_there(void)
{
	AUTO(lib_leave) struct lib *l = NULL;

	return lib_get(&l) == INRO_OK;
}

/* The library is published, and its home not yet held: who ends it now waits for that. */
void __wrap_homedir_hold(const char *name)
{
	if (atomic_exchange(&stops_now, false)) {
		assert_int_equal(pthread_create(&other, NULL, end_it, NULL), 0);
		while (is_there())
			continue;
		for (int i = 0; i < 100 && !atomic_load(&ended); i++)
			nanosleep(&(struct timespec) { .tv_nsec = 2000000 }, NULL);
		atomic_store(&too_early, atomic_load(&ended));
	}
	if (!atomic_load(&too_early))
		__real_homedir_hold(name);
}

static void a_home_is_held_until_it_is_released(void **state)
{
	AUTO(free_chars) char *now = NULL;
	void *failed = NULL;

	(void)state;
	setenv("INRO_HOME", scratch_dir(), 1);
	atomic_store(&stops_now, true);
	OK(lib_start());
	assert_int_equal(pthread_join(other, &failed), 0);
	assert_null(failed);
	assert_false(atomic_load(&too_early));
	setenv("INRO_HOME", "/another", 1);
	OK(homedir(false, &now));
	assert_string_equal(now, "/another");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_token_has_outside_stays_with_it),
		cmocka_unit_test(a_home_is_held_until_it_is_released),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
