/* What happens to a token while it is let go of for a PIN, or as it is looked at anew: at the very moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "pkcs11/soft/auth.h"
#include "pkcs11/token/check.h"
#include "pkcs11/token/lib.h"
#include "pkcs11/token/object.h"
#include "pkcs11/token/objects.h"
#include "pkcs11/token/people.h"
#include "pkcs11/token/party.h"
#include "pkcs11/token/trial.h"
#include "pkcs11/token/wrap.h"
#include "tests/lib/scratch.h"

#define OK(x)	    assert_int_equal(x, INRO_OK)
#define GIVES(e, x) assert_int_equal(x, e)

#define SO    bytes_of("12345678")
#define USER  bytes_of("11111111")
#define OTHER bytes_of("22222222")

enum inro_err __real_auth_begin(CK_USER_TYPE user, struct bytes pin, struct buf *ret_begun, struct secret *ret_key);
enum inro_err __wrap_auth_begin(CK_USER_TYPE user, struct bytes pin, struct buf *ret_begun, struct secret *ret_key);
enum inro_err __real_auth_stretch(CK_USER_TYPE user, struct bytes record, struct bytes pin, struct secret *ret_key);
enum inro_err __wrap_auth_stretch(CK_USER_TYPE user, struct bytes record, struct bytes pin, struct secret *ret_key);
enum inro_err __real_trial_enter(struct trial *x);
enum inro_err __wrap_trial_enter(struct trial *x);
enum inro_err __real_objects_of_hit(struct token *t, const struct store_hit *hit, struct object **ret);
enum inro_err __wrap_objects_of_hit(struct token *t, const struct store_hit *hit, struct object **ret);

enum inro_err __real_party_target(struct token *t, CK_OBJECT_HANDLE handle, struct object **ret);
enum inro_err __wrap_party_target(struct token *t, CK_OBJECT_HANDLE handle, struct object **ret);

static const struct who so = { .type = CKU_SO }, user = { .type = CKU_USER },
			ann = { .type = CKU_USER, .name = BYTES_LIT("ann") };

static struct lib *lib;
static struct token *t;
static void (*at_scrypt)(void), (*at_try)(void), (*at_turn)(void), (*at_object)(void), (*at_target)(void);
static unsigned n_free, n_tried_free; /* scrypts that others did not wait for: of new PINs, of those that are tried */

/* Once. */
static void run(void (**hook)(void))
{
	void (*then)(void) = *hook;

	*hook = NULL;
	if (then)
		then();
}

static bool is_free(void)
{
	bool is = t && pthread_mutex_trylock(&t->lock) == 0;

	if (is)
		pthread_mutex_unlock(&t->lock);
	return is;
}

enum inro_err __wrap_auth_begin(CK_USER_TYPE type, struct bytes pin, struct buf *ret_begun, struct secret *ret_key)
{
	n_free += is_free();
	run(&at_scrypt);
	return __real_auth_begin(type, pin, ret_begun, ret_key);
}

enum inro_err __wrap_auth_stretch(CK_USER_TYPE type, struct bytes record, struct bytes pin, struct secret *ret_key)
{
	n_tried_free += is_free();
	run(&at_try);
	return __real_auth_stretch(type, record, pin, ret_key);
}

enum inro_err __wrap_trial_enter(struct trial *x)
{
	run(&at_turn);
	return __real_trial_enter(x);
}

enum inro_err __wrap_objects_of_hit(struct token *of, const struct store_hit *hit, struct object **ret)
{
	run(&at_object);
	return __real_objects_of_hit(of, hit, ret);
}

enum inro_err __wrap_party_target(struct token *of, CK_OBJECT_HANDLE handle, struct object **ret)
{
	run(&at_target);
	return __real_party_target(of, handle, ret);
}

/* ---- a token with a user and a session, its lock held ---- */

static CK_SESSION_HANDLE session;

static void begin(void)
{
	const struct token_spec spec = { .label = BYTES_LIT("turn"), .so_pin = SO, .user_pin = USER };
	CK_SLOT_ID slot = 0;

	OK(token_make(lib->home, &spec, &slot));
	OK(lib_token(lib, slot, &t));
	OK(session_open(&lib->sessions, t, CKF_SERIAL_SESSION | CKF_RW_SESSION, &session));
	token_lock(t);
	n_free = 0;
}

static void end(void)
{
	token_unlock(t);
	OK(session_close(&lib->sessions, session));
	t = NULL;
}

static void log_out(void)
{
	token_lock(t);
	OK(token_logout(t));
	token_unlock(t);
}

/* Before the token is let go of. */
static void so_logs_in(void)
{
	OK(token_login(t, &so, SO));
}

static void user_logs_in(void)
{
	OK(token_login(t, &user, USER));
}

static int64_t tries_of(const struct who *who)
{
	SCOPED(auth_row) row = { 0 };

	OK(store_auth(t->store, who, &row));
	return row.tries;
}

static void expect_pin(const struct who *who, struct bytes pin)
{
	OK(token_prove_pin(t, who, pin));
	assert_int_equal(tries_of(who), STORE_TRIES_MAX);
}

/* ---- PINs that are set ---- */

static void setting_a_pin_lets_others_have_the_token(void **state)
{
	(void)state;
	begin();
	so_logs_in();
	OK(token_init_pin(t, &user, OTHER, false));
	assert_int_equal(n_free, 1);
	OK(token_user_add(t, &ann, USER, false));
	assert_int_equal(n_free, 2);
	OK(token_logout(t));
	expect_pin(&user, OTHER);
	expect_pin(&ann, USER);
	OK(token_set_pin(t, &user, OTHER, USER));
	assert_int_equal(n_free, 3);
	expect_pin(&user, USER);
	end();
}

/* What the security officer may do he may when it is done. */
static void the_officer_is_still_there(void **state)
{
	SCOPED(auth_row) row = { 0 };

	(void)state;
	begin();
	so_logs_in();
	at_scrypt = log_out;
	GIVES(INRO_E_LOGIN, token_init_pin(t, &user, OTHER, false));
	assert_null(at_scrypt);
	expect_pin(&user, USER);
	so_logs_in();
	at_scrypt = log_out;
	GIVES(INRO_E_LOGIN, token_user_add(t, &ann, OTHER, false));
	GIVES(INRO_E_NOT_FOUND, store_auth(t->store, &ann, &row));
	end();
}

static void remove_ann(void)
{
	token_lock(t);
	OK(token_user_delete(t, ann.name));
	token_unlock(t);
}

/* Nor is anything made for one who was removed. */
static void who_gets_a_pin_is_still_there(void **state)
{
	SCOPED(auth_row) row = { 0 };

	(void)state;
	begin();
	so_logs_in();
	OK(token_user_add(t, &ann, USER, false));
	at_scrypt = remove_ann;
	GIVES(INRO_E_NOT_FOUND, token_init_pin(t, &ann, OTHER, false));
	assert_null(at_scrypt);
	GIVES(INRO_E_NOT_FOUND, store_auth(t->store, &ann, &row));
	end();
}

static void whoever_it_is_logs_out(void)
{
	OK(token_logout(t));
}

/* Whose PIN it is was said when it was asked for: another's is neither tried nor changed. */
static void a_pin_is_not_anothers(void **state)
{
	(void)state;
	begin();
	at_turn = so_logs_in;
	GIVES(INRO_E_ANOTHER_USER_LOGGED_IN, token_set_pin(t, &user, USER, OTHER));
	assert_int_equal(tries_of(&user), STORE_TRIES_MAX);
	assert_int_equal(tries_of(&so), STORE_TRIES_MAX);
	GIVES(INRO_E_ANOTHER_USER_LOGGED_IN, token_set_pin(t, &user, USER, OTHER));
	at_turn = whoever_it_is_logs_out;
	GIVES(INRO_E_LOGIN, token_set_pin(t, &so, SO, OTHER));
	expect_pin(&so, SO);
	expect_pin(&user, USER);
	at_turn = user_logs_in; /* the same PIN */
	OK(token_set_pin(t, &user, USER, OTHER));
	end();
}

/* ---- a token without sessions that is initialised or removed ---- */

static const struct token_spec anew = { .label = BYTES_LIT("anew"), .so_pin = BYTES_LIT("12345678") };

static void begin_idle(void)
{
	begin();
	token_unlock(t);
	OK(session_close(&lib->sessions, session));
	token_lock(t);
	OK(token_open(t));
	n_tried_free = 0;
}

static void somebody_opens_it(void)
{
	OK(session_open(&lib->sessions, t, CKF_SERIAL_SESSION, &session));
}

static enum inro_err while_another_is_at_it;

static void another_is_at_it(void)
{
	token_lock(t);
	while_another_is_at_it = token_may_reset(t);
	token_unlock(t);
}

static void the_officers_pin_is_tried_beside_others(void **state)
{
	SCOPED(token_row) row = { 0 };

	(void)state;
	begin_idle();
	at_try = another_is_at_it;
	OK(token_reset_begin(t, &anew, &row));
	assert_int_equal(n_tried_free, 1);
	assert_int_equal(while_another_is_at_it, INRO_E_BUSY);
	OK(token_destroy(t, SO));
	assert_int_equal(n_tried_free, 2);
	token_unlock(t);
	t = NULL;
}

/* Who had none when it began may have a session when the PIN is proved. */
static void nothing_goes_that_was_opened_meanwhile(void **state)
{
	SCOPED(token_row) row = { 0 };

	(void)state;
	begin_idle();
	at_try = somebody_opens_it;
	GIVES(INRO_E_SESSION_EXISTS, token_reset_begin(t, &anew, &row));
	assert_int_equal(tries_of(&so), STORE_TRIES_MAX);
	token_unlock(t);
	OK(session_close(&lib->sessions, session));
	token_lock(t);
	at_try = somebody_opens_it;
	GIVES(INRO_E_SESSION_EXISTS, token_destroy(t, SO));
	assert_true(token_is_there(t));
	expect_pin(&user, USER);
	end();
}

/* ---- where no record tells of a change ---- */

static unsigned n_changed;

/* Stands for a TPM's, which has the PIN where another program can change it, too. */
static enum inro_err change_pin(struct backend *b, CK_USER_TYPE type, struct bytes old, struct bytes pin,
				struct buf *ret_auth)
{
	AUTO(free_chars) char *token = NULL;
	AUTO(close_fd) int lock = -1;
	char path[4096];

	(void)b;
	(void)type;
	(void)pin;
	n_changed++;
	OK(home_path(lib->home, t->slot, &token));
	snprintf(path, sizeof path, "%s" HOME_TRIES, token);
	lock = open(path, O_RDWR | O_CLOEXEC);
	assert_true(lock >= 0);
	assert_int_equal(flock(lock, LOCK_SH | LOCK_NB), -1); /* nobody is at a PIN */
	assert_int_equal(errno, EWOULDBLOCK);
	buf_add(ret_auth, old);
	return buf_err(ret_auth);
}

static void nobody_proves_a_pin_that_is_changed_in_place(void **state)
{
	const struct backend_ops *own;
	struct backend_ops in_place;

	(void)state;
	begin();
	own = t->ops;
	in_place = *own;
	in_place.begin_pin = NULL;
	in_place.change_pin = change_pin;
	t->ops = &in_place;
	n_changed = 0;
	OK(token_set_pin(t, &user, USER, OTHER));
	so_logs_in();
	OK(token_init_pin(t, &user, OTHER, true));
	assert_int_equal(n_changed, 2);
	assert_true(t->row.change_user);
	t->ops = own;
	end();
}

/* ---- a token that is read as a whole ---- */

/* One object that opens without the PIN and, of the user, one that does not. */
static void add_objects(bool private)
{
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_BBOOL yes = CK_TRUE, hidden = private;
	CK_ATTRIBUTE a[] = { { CKA_CLASS, &class, sizeof class },
			     { CKA_TOKEN, &yes, sizeof yes },
			     { CKA_PRIVATE, &hidden, sizeof hidden },
			     { CKA_VALUE, &class, sizeof class } };
	CK_OBJECT_HANDLE made;
	struct session *s;

	token_unlock(t);
	OK(session_enter(&lib->sessions, session, &s));
	OK(objects_create(s, (struct template) { a, ARRAY_LEN(a) }, &made));
	session_leave(s);
	token_lock(t);
}

static void fill(void)
{
	begin();
	user_logs_in();
	add_objects(true);
	add_objects(false);
	OK(token_logout(t));
	objects_drop_all(t);
}

/* It goes on with the login of another thread, which stays. */
static void reading_all_beside_a_login(void **state)
{
	static void (*const logins[])(void) = { NULL, user_logs_in, so_logs_in };
	static const size_t objects[] = { 2, 2, 1 }, sealed[] = { 1, 1, 0 };
	static const CK_USER_TYPE after[] = { TOKEN_NOBODY, CKU_USER, CKU_SO };
	struct check_report r;

	(void)state;
	fill();
	for (size_t i = 0; i < ARRAY_LEN(logins); i++) {
		at_turn = logins[i];
		OK(token_check(t, USER, &r));
		assert_int_equal(r.objects, objects[i]);
		assert_int_equal(r.sealed, sealed[i]);
		assert_int_equal(r.damaged, 0);
		assert_int_equal(t->login, after[i]);
		if (after[i] != TOKEN_NOBODY)
			OK(token_logout(t));
	}
	end();
}

static void another_removes_all(void)
{
	AUTO(free_chars) char *path = NULL;
	struct store_query all = { .with_private = true };
	struct store_hit *hits = NULL;
	SCOPED(token_row) row = { 0 };
	struct store *s;
	size_t n = 0;

	OK(home_path(lib->home, t->slot, &path));
	OK(store_open(path, true, &s));
	OK(store_token(s, &row));
	OK(store_find(s, &all, &hits, &n));
	for (size_t i = 0; i < n; i++)
		OK(store_delete(s, hits[i].row));
	free(hits);
	store_close(s);
}

/* What another program removes while all is read is not damaged. */
static void reading_all_while_another_removes(void **state)
{
	struct check_report r;

	(void)state;
	fill();
	at_object = another_removes_all;
	OK(token_check(t, USER, &r));
	assert_null(at_object);
	assert_int_equal(r.damaged, 0);
	assert_int_equal(r.objects, 0);
	end();
}

/* ---- a login that is over as a key is wrapped ---- */

static CK_OBJECT_HANDLE aes_key(struct session *s, CK_ATTRIBUTE_TYPE use)
{
	CK_BBOOL yes = CK_TRUE, wraps = use == CKA_WRAP, wrapped = !wraps;
	CK_ULONG n = 32;
	CK_ATTRIBUTE a[] = { { CKA_VALUE_LEN, &n, sizeof n },
			     { CKA_TOKEN, &yes, sizeof yes },
			     { CKA_PRIVATE, &wraps, sizeof wraps },
			     { CKA_EXTRACTABLE, &wrapped, sizeof wrapped },
			     { use, &yes, sizeof yes } };
	CK_OBJECT_HANDLE made = 0;

	OK(objects_generate(s, &(CK_MECHANISM) { .mechanism = CKM_AES_KEY_GEN }, (struct template) { a, ARRAY_LEN(a) },
			    &made));
	return made;
}

static void another_removes_ann(void)
{
	AUTO(free_chars) char *path = NULL;
	SCOPED(token_row) row = { 0 };
	struct store *s;

	OK(home_path(lib->home, t->slot, &path));
	OK(store_open(path, true, &s));
	OK(store_token(s, &row));
	OK(store_user_delete(s, ann.name));
	store_close(s);
	t->looked_at = 0; /* it is time to look again */
}

/* The wrapping key goes with the login; the other one is anybody's to see. */
static void who_wraps_is_removed(void **state)
{
	const CK_MECHANISM kwp = { .mechanism = CKM_AES_KEY_WRAP_KWP };
	struct wrap_request what = { .mech = &kwp };
	struct session *s;
	uint8_t room[64];
	CK_ULONG n = sizeof room;

	(void)state;
	begin();
	so_logs_in();
	OK(token_user_add(t, &ann, USER, false));
	OK(token_logout(t));
	OK(token_login(t, &ann, USER));
	token_unlock(t);
	OK(session_enter(&lib->sessions, session, &s));
	what.by = aes_key(s, CKA_WRAP);
	what.key = aes_key(s, CKA_ENCRYPT);
	OK(wrap_key(s, &what, room, &n));
	at_target = another_removes_ann;
	n = sizeof room;
	GIVES(INRO_E_LOGIN, wrap_key(s, &what, room, &n));
	assert_null(at_target);
	session_leave(s);
	token_lock(t);
	end();
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
		cmocka_unit_test(setting_a_pin_lets_others_have_the_token),
		cmocka_unit_test(the_officer_is_still_there),
		cmocka_unit_test(who_gets_a_pin_is_still_there),
		cmocka_unit_test(a_pin_is_not_anothers),
		cmocka_unit_test(the_officers_pin_is_tried_beside_others),
		cmocka_unit_test(nothing_goes_that_was_opened_meanwhile),
		cmocka_unit_test(nobody_proves_a_pin_that_is_changed_in_place),
		cmocka_unit_test(reading_all_beside_a_login),
		cmocka_unit_test(reading_all_while_another_removes),
		cmocka_unit_test(who_wraps_is_removed),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
