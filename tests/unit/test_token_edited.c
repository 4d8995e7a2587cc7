/*
 * A token's file, edited behind the module's back, and taken away.
 *
 * What is edited may be refused; it never crashes and never gives a key another policy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/module.h"
#include "tests/lib/raw_sql.h"
#include "tests/lib/scratch.h"
#include "tests/lib/victim.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static struct module_pair pair;

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	pair = module_ec(s, true, false);
	return 0;
}

static int look_at_all(void *in)
{
	CK_TOKEN_INFO info;

	OK(p11->C_Initialize(NULL));
	victim_look(*(CK_SLOT_ID *)in, true);
	OK(p11->C_GetTokenInfo(slot, &info)); /* another token is not touched by it */
	OK(p11->C_Finalize(NULL));
	return 0;
}

static CK_SLOT_ID edited_slot = 900000;

static const char *const edits[] = {
	"UPDATE object SET sealed = (SELECT sealed FROM object o WHERE o.class = 3 AND"
	" o.row <> object.row)",
	"UPDATE object SET version = version + 1",
	"UPDATE object SET version = version - 1",
	"UPDATE object SET version = -1",
	"UPDATE object SET private = 0",
	"UPDATE object SET private = 1",
	"UPDATE object SET class = 2 WHERE class = 3",
	"UPDATE object SET class = 3 WHERE class = 2",
	"UPDATE object SET class = 1",
	"UPDATE object SET class = 77",
	"UPDATE object SET class = -1",
	"UPDATE object SET key_type = 0",
	"UPDATE object SET key_type = NULL",
	"UPDATE object SET uid = x'00' WHERE row = 2",
	"UPDATE object SET uid = randomblob(16)",
	"UPDATE object SET attrs = x''",
	"UPDATE object SET attrs = substr(attrs, 1, length(attrs) - 1)",
	"UPDATE object SET attrs = CAST(attrs || attrs AS BLOB)",
	"UPDATE object SET attrs = CAST(attrs || x'00000000000000020000000100' AS BLOB)",
	"UPDATE object SET attrs = x'ffffffffffffffffffffffff'",
	"UPDATE object SET attrs = (SELECT attrs FROM object o WHERE o.class = object.class AND"
	" o.row <> object.row) WHERE class IN (2, 3)",
	"UPDATE object SET sealed = x''",
	"UPDATE object SET sealed = substr(sealed, 2) WHERE class = 3",
	"UPDATE object SET sealed = zeroblob(1000000)",
	"UPDATE object SET id = zeroblob(3000000), label = 7",
	"UPDATE object SET public_hash = x'00'",
	"UPDATE object SET row = row + 4611686018427387904",
	"UPDATE object SET row = 0 WHERE row = 2",
	"UPDATE object SET row = -row",
	"DELETE FROM object WHERE class = 2",
	"DELETE FROM token",
	"DROP TABLE object",
	"DROP TABLE token",
	"UPDATE token SET generation = generation + 1",
	"UPDATE token SET tries_user = -5, tries_so = 9223372036854775807",
	"UPDATE token SET tries_user = 'many'",
	"UPDATE token SET auth_user = auth_so",
	"UPDATE token SET auth_user = x'00'",
	"UPDATE token SET auth_user = zeroblob(100000)",
	"UPDATE token SET auth_user = substr(auth_user, 1, length(auth_user) - 1)",
	"UPDATE token SET backend = 'hardware'",
	"UPDATE token SET serial = '0123456789abcdef'",
	"UPDATE token SET serial = ''",
	"UPDATE token SET serial = randomblob(16)",
	"UPDATE token SET label = zeroblob(33)",
	"UPDATE token SET config = zeroblob(100000)",
	"PRAGMA user_version = 99",
	"PRAGMA user_version = 0",
	"PRAGMA application_id = 1",
};

static void edited_records_are_refused(void **state)
{
	(void)state;
	victim_make();
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		raw_sql(victim_write(edited_slot, victim_file, victim_n), edits[i]);
		int status = scratch_child(look_at_all, &edited_slot);

		if (status != 0)
			fail_msg("status %d after: %s", status, edits[i]);
	}
	unlink(victim_write(edited_slot, victim_file, 0));
}

/* Every attribute that is a flag and is stored with a key, turned round. */
static size_t turn_flag(size_t from)
{
	for (size_t i = from; i + 13 < victim_n; i++) {
		if (memcmp(victim_file + i, "\0\0\0\0\0\0\1", 7) == 0 &&
		    memcmp(victim_file + i + 8, "\0\0\0\1", 4) == 0 && victim_file[i + 12] <= 1) {
			victim_file[i + 12] ^= 1;
			return i + 13;
		}
	}
	return 0;
}

static void turned_flags_are_refused(void **state)
{
	size_t at = 0, turned = 0;

	(void)state;
	victim_make();
	while ((at = turn_flag(at)) != 0) {
		turned++;
		victim_write(edited_slot, victim_file, victim_n);
		assert_int_equal(scratch_child(look_at_all, &edited_slot), 0);
		victim_file[at - 1] ^= 1;
	}
	assert_true(turned > 20);
	unlink(victim_write(edited_slot, victim_file, 0));
}

static void altered_and_cut_files_are_survived(void **state)
{
	(void)state;
	victim_make();
	for (size_t i = 0; i < 48; i++) {
		size_t at = i < 16 ? i * 6 : (i - 16) * victim_n / 32 + i % 7;

		victim_file[at] ^= 0xa5;
		victim_write(edited_slot, victim_file, victim_n);
		assert_int_equal(scratch_child(look_at_all, &edited_slot), 0);
		victim_file[at] ^= 0xa5;
	}
	for (size_t i = 0; i < 12; i++) {
		victim_write(edited_slot, victim_file, victim_n * i / 12 + i % 3);
		assert_int_equal(scratch_child(look_at_all, &edited_slot), 0);
	}
	unlink(victim_write(edited_slot, victim_file, 0));
}

static void a_damaged_token_is_alone_with_it(void **state)
{
	CK_TOKEN_INFO info;
	CK_SLOT_ID list[256];
	CK_ULONG n = ARRAY_LEN(list);
	CK_SLOT_ID damaged = 999990;
	CK_SESSION_HANDLE mine;
	uint8_t sig[64];

	(void)state;
	victim_write(damaged, (const uint8_t *)"this is no token", 16);
	OK(p11->C_GetSlotList(CK_TRUE, list, &n));
	assert_int_equal(list[n - 2], damaged);
	GIVES(CKR_TOKEN_NOT_RECOGNIZED, p11->C_GetTokenInfo(damaged, &info));
	GIVES(CKR_TOKEN_NOT_RECOGNIZED,
	      p11->C_OpenSession(damaged, CKF_SERIAL_SESSION, NULL, NULL, &mine));
	assert_non_null(strstr(p11_admin->last_error(), "999990.token"));
	OK(module_sign(s, pair.private, sig));
	module_token(NULL); /* others can still be made */
	unlink(module_token_file(damaged));
}

/* A key that is loaded, and in the middle of an operation, when its record is edited. */
static void edited_while_it_is_in_use(void **state)
{
	CK_SLOT_ID where;
	CK_SESSION_HANDLE mine = module_user(&where);
	struct module_pair p = module_ec(mine, true, false);
	CK_MECHANISM m = { .mechanism = CKM_ECDSA };
	uint8_t out[64];
	CK_ATTRIBUTE a = { CKA_VALUE, out, sizeof out };

	(void)state;
	OK(module_sign(mine, p.private, out));
	OK(p11->C_SignInit(mine, &m, p.private));
	raw_sql(module_token_file(where),
	    "UPDATE object SET version = version + 1, attrs = (SELECT CAST(substr(attrs, 1, at + "
	    "11) ||"
	    " x'01' || substr(attrs, at + 13) AS BLOB) FROM"
	    " (SELECT instr(attrs, x'000000000000016200000001') AS at)) WHERE class = 3;"
	    "UPDATE object SET attrs = (SELECT CAST(substr(attrs, 1, at + 11) ||"
	    " x'00' || substr(attrs, at + 13) AS BLOB) FROM"
	    " (SELECT instr(attrs, x'000000000000010300000001') AS at)) WHERE class = 3");
	module_wait_for_a_look();
	assert_int_equal(module_bool(mine, p.private, CKA_EXTRACTABLE), CK_TRUE); /* as edited */
	GIVES(CKR_DEVICE_ERROR, p11->C_GetAttributeValue(mine, p.private, &a, 1));
	assert_true(a.ulValueLen == CK_UNAVAILABLE_INFORMATION);
	GIVES(CKR_DEVICE_ERROR, module_set(mine, p.private, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "x")));
	GIVES(CKR_OPERATION_ACTIVE, module_sign(mine, p.private, out));
	OK(p11->C_SignInit(mine, NULL, 0));
	GIVES(CKR_DEVICE_ERROR, module_sign(mine, p.private, out));
	OK(p11->C_CloseSession(mine));
}

static CK_SESSION_HANDLE log_in_again(CK_SESSION_HANDLE before, CK_SLOT_ID where)
{
	CK_SESSION_HANDLE now;

	OK(p11->C_CloseSession(before)); /* the last one: keys that were loaded are dropped */
	now = module_open(where, true);
	OK(module_login(now, CKU_USER, USER_PIN));
	return now;
}

static void refuse_names(const char *edit)
{
	CK_ATTRIBUTE like = A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY);
	CK_SLOT_ID where;
	CK_SESSION_HANDLE mine = module_user(&where);
	CK_OBJECT_HANDLE one = module_ec(mine, true, false).private, two, key;
	uint8_t sig[64];

	two = module_ec(mine, true, false).private;
	OK(module_set(mine, one, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "one")));
	OK(module_set(mine, one, (CK_ATTRIBUTE)A_TEXT(CKA_ID, "\1")));
	OK(module_set(mine, two, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "two")));
	OK(module_set(mine, two, (CK_ATTRIBUTE)A_TEXT(CKA_ID, "\2")));
	mine = log_in_again(mine, where);
	assert_int_equal(module_find(mine, &like, 1, &key), 2);
	OK(module_sign(mine, key, sig)); /* as we named it */
	raw_sql(module_token_file(where), edit);
	mine = log_in_again(mine, where);
	assert_int_equal(module_find(mine, &like, 1, &key), 2);
	GIVES(CKR_DEVICE_ERROR, module_sign(mine, key, sig));
	OK(p11->C_CloseSession(mine));
}

/* Names lead to keys: whoever can write the file must not lead to another one. */
static void swapped_names_are_refused(void **state)
{
	(void)state;
	refuse_names("UPDATE object SET label = (SELECT o.label FROM object o WHERE o.class = 3"
		     " AND o.row <> object.row) WHERE class = 3");
	refuse_names("UPDATE object SET id = (SELECT o.id FROM object o WHERE o.class = 3"
		     " AND o.row <> object.row) WHERE class = 3");
	refuse_names("UPDATE object SET id = NULL WHERE class = 3");
	refuse_names("UPDATE object SET label = x'' WHERE class = 3");
}

/* What was read of it before it went wrong is not taken for the whole, neither shown nor kept. */
static void a_record_that_went_bad_is_never_half_there(void **state)
{
	CK_SLOT_ID bad;
	CK_SESSION_HANDLE own = module_user(&bad);
	CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE),
				A_TEXT(CKA_APPLICATION, "app"), A_TEXT(CKA_VALUE, "value"),
				A_BOOL(CKA_DESTROYABLE, CK_FALSE) };
	CK_ATTRIBUTE value = { CKA_VALUE, NULL, 0 };
	CK_OBJECT_HANDLE o = 0;

	(void)state;
	OK(p11->C_CreateObject(own, data, ARRAY_LEN(data), &o));
	raw_sql(module_token_file(bad), "UPDATE object SET version = version + 1,"
				    " attrs = CAST(substr(attrs, 1, length(attrs) - 1) AS BLOB)");
	module_wait_for_a_look();
	for (int i = 0; i < 3; i++) {
		GIVES(CKR_DEVICE_ERROR, p11->C_GetAttributeValue(own, o, &value, 1));
		GIVES(CKR_DEVICE_ERROR,
		      module_set(own, o, (CK_ATTRIBUTE)A_TEXT(CKA_LABEL, "mended")));
		GIVES(CKR_DEVICE_ERROR, p11->C_DestroyObject(own, o));
	}
	OK(p11->C_CloseSession(own));
}

/* The file taken away under an open session: errors, and what is in memory goes on. */
static void an_unlinked_store_is_an_error(void **state)
{
	CK_ATTRIBUTE data[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_BOOL(CKA_TOKEN, CK_TRUE) };
	CK_SLOT_ID lost;
	CK_SESSION_HANDLE own = module_user(&lost);
	struct module_pair p = module_ec(own, true, false);
	CK_OBJECT_HANDLE o = 0;
	CK_TOKEN_INFO info;
	uint8_t sig[64];

	(void)state;
	OK(module_sign(own, p.private, sig));
	assert_int_equal(unlink(module_token_file(lost)), 0);
	nanosleep(&(struct timespec) { .tv_nsec = 30000000 }, NULL);
	CK_RV rv = p11->C_CreateObject(own, data, 2, &o);

	if (rv == CKR_OK)
		fail_msg("an object was kept in a file that is not there");
	assert_true(strlen(p11_admin->last_error()) > 0);
	(void)module_sign(own, p.private, sig);
	(void)p11->C_GetTokenInfo(lost, &info);
	(void)p11->C_FindObjectsInit(own, NULL, 0);
	(void)p11->C_Logout(own);
	OK(p11->C_CloseSession(own));
	/* its number was the highest, so it is the empty slot again */
	OK(p11->C_GetTokenInfo(lost, &info));
	assert_int_equal(info.flags & CKF_TOKEN_INITIALIZED, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edited_records_are_refused),
		cmocka_unit_test(turned_flags_are_refused),
		cmocka_unit_test(swapped_names_are_refused),
		cmocka_unit_test(altered_and_cut_files_are_survived),
		cmocka_unit_test(edited_while_it_is_in_use),
		cmocka_unit_test(a_record_that_went_bad_is_never_half_there),
		cmocka_unit_test(a_damaged_token_is_alone_with_it),
		cmocka_unit_test(an_unlinked_store_is_an_error),
	};

	return cmocka_run_group_tests_name("token files", tests, setup, module_teardown);
}
