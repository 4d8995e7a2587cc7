/* Keys in a TPM through the module: their place, their evidence, and what moves them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/lib/module.h"
#include "tests/lib/scratch.h"
#include "tpm/move/evidence.h"
#include "tpm/move/tpmfile.h"
#include "tpm/move/wrap.h"

#define ROOM 8192

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s; /* of the user, read-write */

static int setup(void **state)
{
	struct inro_new_token t = { .label = module_text("in a TPM"),
				    .backend = module_text("tpm"),
				    .config = module_text("tcti=libtpms:\n"),
				    .so_pin = module_text(SO_PIN),
				    .user_pin = module_text(USER_PIN) };

	if (module_setup(state))
		return 1;
	OK(p11_admin->create(&t, &slot));
	s = module_open(slot, true);
	OK(module_login(s, CKU_USER, USER_PIN));
	return 0;
}

struct answer {
	uint8_t p[ROOM];
	CK_ULONG n;
};

static struct bytes of(const struct answer *a)
{
	return BYTES(a->p, a->n);
}

static void attest(CK_OBJECT_HANDLE key, struct answer *ret)
{
	ret->n = ROOM;
	OK(p11_admin->attest(s, key, module_text("a nonce of 17 byt"), ret->p, &ret->n));
}

/* A pair; `more` is in the private template. */
static CK_RV pair_with(CK_ATTRIBUTE more, struct module_pair *ret)
{
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_SIGN, CK_TRUE), more };

	return p11->C_GenerateKeyPair(s, &m, public, 1, private, 2, &ret->public, &ret->private);
}

static void a_key_says_where_it_is(void **state)
{
	struct module_pair p;
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM) };

	(void)state;
	OK(pair_with((CK_ATTRIBUTE)A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM), &p));
	assert_int_equal(module_ulong(s, p.private, CKA_INRO_PLACE), CK_INRO_PLACE_TPM);
	assert_int_equal(module_bool(s, p.private, CKA_INRO_DUPLICABLE), CK_FALSE);
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      module_set(s, p.private, (CK_ATTRIBUTE)A_ULONG(CKA_INRO_PLACE, 1)));
	assert_true(module_find(s, like, 1, NULL) >= 1);
	OK(pair_with((CK_ATTRIBUTE)A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM_SEALED), &p));
	assert_int_equal(module_ulong(s, p.private, CKA_INRO_PLACE), CK_INRO_PLACE_TPM_SEALED);
	GIVES(CKR_FUNCTION_NOT_SUPPORTED,
	      pair_with((CK_ATTRIBUTE)A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_SOFT), &p));
}

static void evidence_is_an_attribute(void **state)
{
	static const uint8_t zeros[32];
	struct module_pair p;
	uint8_t room[ROOM];
	CK_ATTRIBUTE a = { CKA_INRO_EVIDENCE, NULL, 0 };
	struct evidence e;
	struct bytes attest_in;
	TPMS_ATTEST said;

	(void)state;
	OK(pair_with((CK_ATTRIBUTE)A_BOOL(CKA_DERIVE, CK_FALSE), &p));
	OK(p11->C_GetAttributeValue(s, p.private, &a, 1));
	assert_in_range(a.ulValueLen, 100, ROOM);
	a.pValue = room;
	OK(p11->C_GetAttributeValue(s, p.private, &a, 1));
	assert_int_equal(evidence_read(BYTES(room, a.ulValueLen), &e), INRO_OK);
	attest_in = e.attest;
	assert_int_equal(wire_read_attest(&attest_in, &said), INRO_OK);
	assert_true(bytes_equal(BYTES(said.extraData.buffer, said.extraData.size),
				BYTES(zeros, sizeof zeros)));
	a.ulValueLen = 10;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_GetAttributeValue(s, p.private, &a, 1));
	a = (CK_ATTRIBUTE) { CKA_INRO_EVIDENCE, NULL, 0 };
	GIVES(CKR_ATTRIBUTE_TYPE_INVALID, p11->C_GetAttributeValue(s, p.public, &a, 1));
	OK(pair_with((CK_ATTRIBUTE)A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM_SEALED), &p));
	GIVES(CKR_ATTRIBUTE_TYPE_INVALID, p11->C_GetAttributeValue(s, p.private, &a, 1));
}

static void lengths_and_arguments(void **state)
{
	struct module_pair p;
	struct answer a;
	CK_ULONG n = 0;
	CK_SESSION_HANDLE closed = module_open(slot, false);
	static const char nonce[65];

	(void)state;
	OK(p11->C_CloseSession(closed));
	OK(pair_with((CK_ATTRIBUTE)A_BOOL(CKA_DERIVE, CK_FALSE), &p));
	OK(p11_admin->attest(s, p.private, module_text("12345678"), NULL, &n));
	assert_in_range(n, 100, ROOM);
	a.n = 10;
	GIVES(CKR_BUFFER_TOO_SMALL,
	      p11_admin->attest(s, p.private, module_text("12345678"), a.p, &a.n));
	assert_true(a.n > 10);
	GIVES(CKR_ARGUMENTS_BAD, p11_admin->attest(s, p.private, module_text(""), a.p, &a.n));
	GIVES(CKR_ARGUMENTS_BAD,
	      p11_admin->attest(s, p.private, (struct inro_text) { nonce, 65 }, a.p, &a.n));
	GIVES(CKR_ARGUMENTS_BAD,
	      p11_admin->attest(s, p.private, module_text("12345678"), a.p, NULL));
	GIVES(CKR_SESSION_HANDLE_INVALID,
	      p11_admin->attest(closed, p.private, module_text("12345678"), a.p, &a.n));
	GIVES(CKR_KEY_HANDLE_INVALID,
	      p11_admin->attest(s, 99999, module_text("12345678"), a.p, &a.n));
	for (CK_ULONG fact = INRO_FACT_ROOT; fact <= INRO_FACT_ABOUT; fact++) {
		a.n = ROOM;
		OK(p11_admin->tell(slot, fact, a.p, &a.n));
		assert_true(a.n > 0);
	}
	a.n = ROOM;
	assert_true(p11_admin->answer(slot, module_text("no challenge"), a.p, &a.n) != CKR_OK);
}

static void evidence_wants_a_login(void **state)
{
	struct module_pair p;
	struct answer a = { .n = ROOM };

	(void)state;
	OK(pair_with((CK_ATTRIBUTE)A_BOOL(CKA_TOKEN, CK_TRUE), &p));
	OK(p11->C_Logout(s));
	assert_true(p11_admin->attest(s, p.private, module_text("12345678"), a.p, &a.n) != CKR_OK);
	OK(module_login(s, CKU_USER, USER_PIN));
}

/* ---- the attestation key ---- */

static void ak_of(CK_OBJECT_HANDLE key, TPM2B_NAME *ret)
{
	struct answer a;
	struct evidence e;
	TPM2B_NAME ek;

	attest(key, &a);
	assert_int_equal(evidence_read(of(&a), &e), INRO_OK);
	assert_int_equal(evidence_names(&e, ret, &ek), INRO_OK);
}

static bool same(const TPM2B_NAME *a, const TPM2B_NAME *b)
{
	return bytes_equal(BYTES(a->name, a->size), BYTES(b->name, b->size));
}

/* Its file, in one of a few static rooms. */
static const char *ak_file(void)
{
	const char *home = getenv("INRO_HOME");
	static char path[1024];
	char dir[600];
	DIR *d;

	snprintf(dir, sizeof dir, "%s/tpm", home);
	d = opendir(dir);
	assert_non_null(d);
	path[0] = '\0';
	for (struct dirent *at; (at = readdir(d));)
		if (strncmp(at->d_name, "ak-", 3) == 0)
			snprintf(path, sizeof path, "%s/%s", dir, at->d_name);
	closedir(d);
	assert_true(path[0]);
	return path;
}

static void an_attestation_key_is_kept(void **state)
{
	struct module_pair p;
	TPM2B_NAME first, again, anew;

	(void)state;
	OK(pair_with((CK_ATTRIBUTE)A_BOOL(CKA_DERIVE, CK_FALSE), &p));
	ak_of(p.private, &first);
	ak_of(p.private, &again);
	assert_true(same(&first, &again));
	/* lost, or not whole: another one */
	assert_int_equal(unlink(ak_file()), 0);
	ak_of(p.private, &anew);
	assert_false(same(&first, &anew));
	assert_int_equal(truncate(ak_file(), 100), 0);
	ak_of(p.private, &first);
	assert_false(same(&first, &anew));
	assert_int_equal(file_write(ak_file(), 0600, bytes_of("nonsense")), INRO_OK);
	ak_of(p.private, &anew);
	assert_false(same(&first, &anew));
	ak_of(p.private, &again);
	assert_true(same(&anew, &again));
}

/* ---- in and out ---- */

static void some_keys_stay(void **state)
{
	struct module_pair p;
	struct answer a = { .n = ROOM };

	(void)state;
	OK(pair_with((CK_ATTRIBUTE)A_BOOL(CKA_COPYABLE, CK_FALSE), &p));
	GIVES(CKR_ACTION_PROHIBITED,
	      p11_admin->give(s, p.private, module_text(""), module_text("auth"), a.p, &a.n));
	OK(pair_with((CK_ATTRIBUTE)A_BOOL(CKA_ALWAYS_AUTHENTICATE, CK_TRUE), &p));
	GIVES(CKR_ACTION_PROHIBITED,
	      p11_admin->give(s, p.private, module_text(""), module_text("auth"), a.p, &a.n));
	OK(pair_with((CK_ATTRIBUTE)A_BOOL(CKA_DERIVE, CK_FALSE), &p));
	GIVES(CKR_KEY_UNEXTRACTABLE,
	      p11_admin->give(s, p.private, module_text("parent"), module_text(""), a.p, &a.n));
	OK(pair_with((CK_ATTRIBUTE)A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM_SEALED), &p));
	GIVES(CKR_FUNCTION_NOT_SUPPORTED,
	      p11_admin->give(s, p.private, module_text(""), module_text(""), a.p, &a.n));
}

static CK_RV take(struct bytes file, const char *auth, CK_ATTRIBUTE more, CK_OBJECT_HANDLE *ret)
{
	struct inro_wrapped w = { { (const char *)file.p, file.n }, module_text(auth) };
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_EC),
			     A_BOOL(CKA_SIGN, CK_TRUE), more };

	return p11_admin->take(s, &w, t, 4, ret);
}

static const CK_ATTRIBUTE plain = { CKA_TOKEN, &(CK_BBOOL) { CK_FALSE }, 1 };

static void out_and_in_again(void **state)
{
	struct module_pair p;
	struct answer a = { .n = ROOM };
	CK_OBJECT_HANDLE back;
	uint8_t sig[64];

	(void)state;
	OK(pair_with((CK_ATTRIBUTE)A_BOOL(CKA_DERIVE, CK_FALSE), &p));
	OK(p11_admin->give(s, p.private, module_text(""), module_text("auth"), a.p, &a.n));
	GIVES(CKR_WRAPPED_KEY_INVALID, take(of(&a), "other", plain, &back));
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      take(of(&a), "auth", (CK_ATTRIBUTE)A_BOOL(CKA_EXTRACTABLE, CK_TRUE), &back));
	OK(take(of(&a), "auth", plain, &back));
	assert_int_equal(module_ulong(s, back, CKA_INRO_PLACE), CK_INRO_PLACE_TPM);
	assert_int_equal(module_bool(s, back, CKA_LOCAL), CK_FALSE);
	assert_int_equal(module_bool(s, back, CKA_NEVER_EXTRACTABLE), CK_FALSE);
	assert_int_equal(module_bool(s, back, CKA_ALWAYS_SENSITIVE), CK_FALSE);
	OK(module_sign(s, back, sig));
	OK(module_verify(s, p.public, sig));
	OK(module_sign(s, p.private, sig));
	OK(module_verify(s, p.public, sig));
	/* one bit of the private half */
	a.p[a.n - 1] ^= 1;
	GIVES(CKR_WRAPPED_KEY_INVALID, take(of(&a), "auth", plain, &back));
	GIVES(CKR_WRAPPED_KEY_LEN_RANGE, take(BYTES_NONE, "auth", plain, &back));
	assert_true(take(bytes_of("no file"), "auth", plain, &back) != CKR_OK);
}

/* Too many keys for the TPM at once, and evidence in between. */
static void more_keys_than_places(void **state)
{
	struct module_pair p[8];
	uint8_t sig[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(p); i++)
		OK(pair_with((CK_ATTRIBUTE)A_BOOL(CKA_DERIVE, CK_FALSE), &p[i]));
	for (size_t i = 0; i < 2 * ARRAY_LEN(p); i++) {
		struct answer a;
		const struct module_pair *one = &p[i % ARRAY_LEN(p)];

		attest(one->private, &a);
		OK(module_sign(s, one->private, sig));
		OK(module_verify(s, one->public, sig));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_says_where_it_is),
		cmocka_unit_test(evidence_is_an_attribute),
		cmocka_unit_test(lengths_and_arguments),
		cmocka_unit_test(evidence_wants_a_login),
		cmocka_unit_test(an_attestation_key_is_kept),
		cmocka_unit_test(some_keys_stay),
		cmocka_unit_test(out_and_in_again),
		cmocka_unit_test(more_keys_than_places),
	};

	return cmocka_run_group_tests(tests, setup, module_teardown);
}
