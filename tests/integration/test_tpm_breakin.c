/*
 * What somebody with the PIN, with the token's file or with the TPM's owner's rights calls to bring
 * out what a TPM token keeps: each sequence ends in the refusal that docs/threat-model.md says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/lib/moving.h"
#include "tests/lib/raw_sql.h"
#include "tests/lib/scratch.h"
#include "tests/lib/tpmtoken.h"
#include "tpm/move/tpmfile.h"

#define ROOM 8192

static struct swtpm *swtpm;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s; /* of the user, read-write */

static int setup(void **state)
{
	swtpm = swtpm_start(SWTPM_UNIX);
	if (module_setup(state))
		return 1;
	s = tpmtoken_start(swtpm_tcti(swtpm), &slot);
	return 0;
}

static int teardown(void **state)
{
	int failed = module_teardown(state);

	swtpm_free(swtpm);
	return failed;
}

static void shell(const char *command)
{
	char line[1024];

	snprintf(line, sizeof line, "cd '%s' && { %s; } >log 2>&1", scratch_dir(), command);
	assert_int_equal(swtpm_shell(swtpm, line), 0);
}

/* A pair that is in the TPM; `more`: in the private template. */
static struct module_pair in_tpm(CK_MECHANISM_TYPE type, CK_ATTRIBUTE *more, CK_ULONG n)
{
	CK_MECHANISM m = { type, NULL, 0 };
	bool rsa = type == CKM_RSA_PKCS_KEY_PAIR_GEN;
	CK_ULONG bits = 3072; /* it may guard AES-128 */
	CK_ATTRIBUTE public[] = {
		A_BOOL(CKA_WRAP, rsa),
		A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
	};
	CK_ATTRIBUTE private[8] = { A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM) };
	struct module_pair p;

	if (rsa)
	public[1] = (CK_ATTRIBUTE) { CKA_MODULUS_BITS, &bits, sizeof bits };
	memcpy(private + 1, more, n * sizeof *more);
	OK(p11->C_GenerateKeyPair(s, &m, public, 2, private, 1 + n, &p.public, &p.private));
	assert_int_equal(module_ulong(s, p.private, CKA_INRO_PLACE), CK_INRO_PLACE_TPM);
	return p;
}

static CK_RV give(CK_OBJECT_HANDLE key, struct inro_text parent, CK_BYTE *out, CK_ULONG *n)
{
	*n = ROOM;
	return p11_admin->give(s, key, parent, module_text("a word of mine"), out, n);
}

static CK_RV try_give(CK_OBJECT_HANDLE key)
{
	CK_BYTE out[ROOM];
	CK_ULONG n;

	return give(key, (struct inro_text) { 0 }, out, &n);
}

/* ---- keys that make keys ---- */

/* Given as a file with an authValue of one's own, TPM2_RSA_Decrypt outside of the token would show
 * what it has wrapped. */
static void a_mover_is_not_given(void **state)
{
	CK_ATTRIBUTE unwraps[] = { A_BOOL(CKA_UNWRAP, CK_TRUE) };
	CK_ATTRIBUTE nothing[] = { A_BOOL(CKA_UNWRAP, CK_FALSE), A_BOOL(CKA_SIGN, CK_FALSE),
				   A_BOOL(CKA_DECRYPT, CK_FALSE),
				   A_BOOL(CKA_SIGN_RECOVER, CK_FALSE) };
	struct module_pair p = in_tpm(CKM_RSA_PKCS_KEY_PAIR_GEN, unwraps, 1);
	CK_OBJECT_HANDLE copy;

	(void)state;
	assert_int_equal(module_bool(s, p.private, CKA_INRO_MOVER), CK_TRUE);
	GIVES(CKR_KEY_UNEXTRACTABLE, try_give(p.private));
	OK(moving_copy(s, p.private, (CK_ATTRIBUTE)A_BOOL(CKA_UNWRAP, CK_FALSE), &copy));
	GIVES(CKR_KEY_UNEXTRACTABLE, try_give(copy));
	p = in_tpm(CKM_RSA_PKCS_KEY_PAIR_GEN, nothing, 4);
	GIVES(CKR_KEY_UNEXTRACTABLE, try_give(p.private));
}

/* TPM2_ECDH_ZGen would show what is agreed on, which is a sensitive key in the token; a copy that
 * has given the use up has the same key. */
static void a_key_that_derives_is_not_given(void **state)
{
	CK_ATTRIBUTE derives[] = { A_BOOL(CKA_DERIVE, CK_TRUE), A_BOOL(CKA_SIGN, CK_TRUE) };
	struct module_pair p = in_tpm(CKM_EC_KEY_PAIR_GEN, derives, 2);
	CK_OBJECT_HANDLE copy;

	(void)state;
	GIVES(CKR_KEY_UNEXTRACTABLE, try_give(p.private));
	OK(moving_copy(s, p.private, (CK_ATTRIBUTE)A_BOOL(CKA_DERIVE, CK_FALSE), &copy));
	GIVES(CKR_KEY_UNEXTRACTABLE, try_give(copy));
}

/* One that signs is given, and the TPM does no more with it than that. */
static void a_key_that_signs_does_nothing_else_outside(void **state)
{
	CK_ATTRIBUTE signs[] = { A_BOOL(CKA_SIGN, CK_TRUE) };
	struct module_pair p = in_tpm(CKM_EC_KEY_PAIR_GEN, signs, 1);
	CK_BYTE out[ROOM];
	CK_ULONG n;
	struct tpmfile file;

	(void)state;
	OK(give(p.private, (struct inro_text) { 0 }, out, &n));
	assert_int_equal(tpmfile_read(BYTES(out, n), &file), INRO_OK);
	scratch_file("g.pub", file.pub.p, file.pub.n);
	scratch_file("g.priv", file.priv.p, file.priv.n);
	shell("tpm2_load -C 0x81000001 -u g.pub -r g.priv -c g.ctx && tpm2_flushcontext -t && "
	      "echo m >m && tpm2_sign -c g.ctx -p 'a word of mine' -g sha256 -o sig m && "
	      "tpm2_flushcontext -t && ! tpm2_sign -c g.ctx -p another -g sha256 -o sig m && "
	      "tpm2_flushcontext -t && tpm2_ecdhkeygen -u peer.pub -o z -c g.ctx && "
	      "tpm2_flushcontext -t && "
	      "! tpm2_ecdhzgen -c g.ctx -p 'a word of mine' -u peer.pub -o z && "
	      "tpm2_flushcontext -t");
}

/* ---- keys that may go to another TPM ---- */

/* The other TPM may be a program that shows everything: such a key was never one that stays. */
static void a_duplicable_key_guards_nothing(void **state)
{
	CK_ATTRIBUTE moves[] = { A_BOOL(CKA_UNWRAP, CK_TRUE),
				 A_BOOL(CKA_INRO_DUPLICABLE, CK_TRUE) };
	struct module_pair p = in_tpm(CKM_RSA_PKCS_KEY_PAIR_GEN, moves, 2);
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 16);
	CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
	CK_MECHANISM m = { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep };
	struct blob b;

	(void)state;
	assert_int_equal(module_bool(s, p.private, CKA_NEVER_EXTRACTABLE), CK_FALSE);
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &m, p.public, key, &b));
	p = in_tpm(CKM_RSA_PKCS_KEY_PAIR_GEN, moves, 1);
	assert_int_equal(module_bool(s, p.private, CKA_NEVER_EXTRACTABLE), CK_TRUE);
	OK(moving_wrap(s, &m, p.public, key, &b));
}

static void a_key_is_not_made_duplicable(void **state)
{
	CK_ATTRIBUTE signs[] = { A_BOOL(CKA_SIGN, CK_TRUE) };
	struct module_pair p = in_tpm(CKM_EC_KEY_PAIR_GEN, signs, 1);
	CK_ATTRIBUTE on = A_BOOL(CKA_INRO_DUPLICABLE, CK_TRUE);
	CK_OBJECT_HANDLE copy;
	CK_BYTE root[ROOM], out[ROOM];
	CK_ULONG n = sizeof root, out_n;

	(void)state;
	GIVES(CKR_ATTRIBUTE_READ_ONLY, module_set(s, p.private, on));
	GIVES(CKR_ATTRIBUTE_READ_ONLY, moving_copy(s, p.private, on, &copy));
	OK(p11_admin->tell(slot, INRO_FACT_ROOT, root, &n));
	GIVES(CKR_KEY_UNEXTRACTABLE,
	      give(p.private, (struct inro_text) { (char *)root, n }, out, &out_n));
}

/* One that was made before the token refused them can be renamed, and there is no second one. */
static void a_strict_token_keeps_a_duplicable_key(void **state)
{
	CK_ATTRIBUTE leaves[] = { A_BOOL(CKA_SIGN, CK_TRUE),
				  A_BOOL(CKA_TOKEN, CK_TRUE),
				  A_BYTES(CKA_ID, "from before", 11),
				  A_BOOL(CKA_INRO_DUPLICABLE, CK_TRUE) };
	CK_ATTRIBUTE find[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), leaves[2] };
	CK_ATTRIBUTE label = A_BYTES(CKA_LABEL, "another", 7);
	CK_OBJECT_HANDLE key, copy;

	(void)state;
	in_tpm(CKM_EC_KEY_PAIR_GEN, leaves, 4);
	OK(p11->C_Finalize(NULL));
	raw_sql(module_token_file(slot), "UPDATE token SET policy = 1");
	OK(p11->C_Initialize(NULL));
	s = tpmtoken_user(slot);
	MUST(module_find(s, find, 2, &key) == 1);
	OK(module_set(s, key, label));
	GIVES(CKR_TEMPLATE_INCONSISTENT, moving_copy(s, key, label, &copy));
	OK(p11->C_Finalize(NULL));
	raw_sql(module_token_file(slot), "UPDATE token SET policy = 0");
	OK(p11->C_Initialize(NULL));
	s = tpmtoken_user(slot);
}

/* What a sensitive key was wrapped as, or what comes of it, as a key that would be sent away. */
static void no_sensitive_key_becomes_a_duplicable_one(void **state)
{
	CK_ATTRIBUTE leaves[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
				  A_ULONG(CKA_KEY_TYPE, CKK_SHA256_HMAC),
				  A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM),
				  A_BOOL(CKA_SIGN, CK_TRUE),
				  A_ULONG(CKA_VALUE_LEN, 32),
				  A_BOOL(CKA_INRO_DUPLICABLE, CK_TRUE) };
	CK_HKDF_PARAMS p = { .bExpand = CK_TRUE,
			     .prfHashMechanism = CKM_SHA256,
			     .ulSaltType = CKF_HKDF_SALT_NULL };
	CK_MECHANISM expand = { CKM_HKDF_DERIVE, &p, sizeof p };
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_generic(s, M_TARGET, 32);
	CK_OBJECT_HANDLE open = moving_generic(s, M_OPEN, 32);
	CK_OBJECT_HANDLE other = moving_aes(s, M_MOVER, 32), ret;
	struct blob b;

	(void)state;
	OK(moving_wrap(s, &moving_kwp, by, key, &b));
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      p11->C_UnwrapKey(s, &moving_kwp, by, b.p, b.n, leaves, 6, &ret));
	OK(p11->C_UnwrapKey(s, &moving_kwp, by, b.p, b.n, leaves, 5, &ret));
	/* the other way round: what has unwrapped such a key wraps no sensitive one */
	OK(moving_wrap(s, &moving_kwp, other, open, &b));
	OK(p11->C_UnwrapKey(s, &moving_kwp, other, b.p, b.n, leaves, 6, &ret));
	assert_int_equal(module_bool(s, ret, CKA_INRO_DUPLICABLE), CK_TRUE);
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &moving_kwp, other, key, &b));
	key = moving_generic(s, M_SENSITIVE | M_DERIVE, 32);
	GIVES(CKR_TEMPLATE_INCONSISTENT, p11->C_DeriveKey(s, &expand, key, leaves, 6, &ret));
	OK(p11->C_DeriveKey(s, &expand, key, leaves, 5, &ret));
}

/* ---- values ---- */

static void no_call_shows_a_value(void **state)
{
	CK_ATTRIBUTE signs[] = { A_BOOL(CKA_SIGN, CK_TRUE) };
	struct module_pair p = in_tpm(CKM_EC_KEY_PAIR_GEN, signs, 1);
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), copy;
	CK_ATTRIBUTE elsewhere[] = { A_ULONG(CKA_INRO_PLACE, CK_INRO_PLACE_TPM_SEALED),
				     A_BOOL(CKA_SENSITIVE, CK_FALSE),
				     A_BOOL(CKA_EXTRACTABLE, CK_TRUE) };
	CK_BYTE value[64];
	struct blob b;
	CK_RV rv;

	(void)state;
	assert_int_equal(moving_value(s, p.private, value, sizeof value, &rv), 0);
	GIVES(CKR_ATTRIBUTE_SENSITIVE, rv);
	GIVES(CKR_KEY_UNEXTRACTABLE, moving_wrap(s, &moving_kwp, by, p.private, &b));
	for (size_t i = 0; i < 3; i++) {
		assert_int_not_equal(moving_copy(s, p.private, elsewhere[i], &copy), CKR_OK);
		assert_int_not_equal(module_set(s, p.private, elsewhere[i]), CKR_OK);
	}
}

/* ---- tries ---- */

/* The file as it was before each of them; by C_Login, C_SetPIN, from other processes' view. */
static void ten_guesses_though_the_file_is_put_back(void **state)
{
	CK_SLOT_ID mine = tpmtoken_new(swtpm_tcti(swtpm));
	CK_SESSION_HANDLE t;
	char line[1200];

	(void)state;
	snprintf(line, sizeof line, "cp '%s' kept", module_token_file(mine));
	tpmtoken_again();
	shell(line);
	for (int i = 0; i < 10; i++) {
		t = module_open(mine, true);
		GIVES(CKR_PIN_INCORRECT, i % 2 ? module_login(t, CKU_USER, "wrong-pin")
					       : p11->C_SetPIN(t, module_pin("wrong-pin"), 9,
							       module_pin("mine-now"), 8));
		tpmtoken_again();
		snprintf(line, sizeof line, "rm -f '%s'* && cp kept '%s'", module_token_file(mine),
			 module_token_file(mine));
		shell(line);
	}
	t = module_open(mine, true);
	GIVES(CKR_PIN_LOCKED, module_login(t, CKU_USER, USER_PIN));
	assert_int_equal(tpmtoken_lockout(swtpm), 0);
	OK(p11->C_CloseSession(t));
	s = tpmtoken_user(slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mover_is_not_given),
		cmocka_unit_test(a_key_that_derives_is_not_given),
		cmocka_unit_test(a_key_that_signs_does_nothing_else_outside),
		cmocka_unit_test(a_duplicable_key_guards_nothing),
		cmocka_unit_test(a_key_is_not_made_duplicable),
		cmocka_unit_test(a_strict_token_keeps_a_duplicable_key),
		cmocka_unit_test(no_sensitive_key_becomes_a_duplicable_one),
		cmocka_unit_test(no_call_shows_a_value),
		cmocka_unit_test(ten_guesses_though_the_file_is_put_back),
	};

	return cmocka_run_group_tests_name("tpm break-ins", tests, setup, teardown);
}
