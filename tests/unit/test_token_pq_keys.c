/*
 * Keys of ML-DSA, SLH-DSA and ML-KEM come in and go out, are wrapped, make secrets, and outlive the
 * module.
 *
 * With INRO_PQ_DIR, the folder of interop/test_interop_debian13.sh, keys, signatures and secrets
 * are exchanged with the openssl program: what is missing there is a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tests/lib/pq.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;

static int setup(void **state)
{
	return pq_setup(state, &slot, &s);
}

/* ---- in and out ---- */

struct parts {
	CK_BYTE public[2592], value[PQ_MAX_PART], seed[64];
	CK_ULONG seed_n;
};

static CK_RV bring(const struct pq_set *of, struct parts *x, bool seed, bool value,
		   CK_OBJECT_HANDLE *ret)
{
	CK_ATTRIBUTE t[8] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, of->type),
			      A_ULONG(CKA_PARAMETER_SET, of->set), A_BOOL(CKA_SENSITIVE, false),
			      A_BOOL(CKA_EXTRACTABLE, true) };
	CK_ULONG n = 5;

	if (seed)
		t[n++] = (CK_ATTRIBUTE)A_BYTES(CKA_SEED, x->seed, x->seed_n);
	if (value)
		t[n++] = (CK_ATTRIBUTE)A_BYTES(CKA_VALUE, x->value, of->private);
	return p11->C_CreateObject(s, t, n, ret);
}

static CK_RV bring_public(const struct pq_set *of, struct parts *x, CK_ULONG n,
			  CK_OBJECT_HANDLE *ret)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_ULONG(CKA_KEY_TYPE, of->type),
			     A_ULONG(CKA_PARAMETER_SET, of->set),
			     A_BYTES(CKA_VALUE, x->public, n) };

	return p11->C_CreateObject(s, t, ARRAY_LEN(t), ret);
}

static void read_parts(const struct pq_set *of, struct module_pair p, struct parts *x)
{
	x->seed_n = of->seed;
	assert_int_equal(module_bytes(s, p.public, CKA_VALUE, x->public, sizeof x->public),
			 of->public);
	assert_int_equal(module_bytes(s, p.private, CKA_VALUE, x->value, sizeof x->value),
			 of->private);
	if (of->seed)
		assert_int_equal(module_bytes(s, p.private, CKA_SEED, x->seed, sizeof x->seed),
				 of->seed);
}

static void readable_keys_go_out_and_in(void **state)
{
	static struct parts x;

	(void)state;
	pq_only();
	for (size_t i = 0; i < PQ_USUAL; i++) {
		const struct pq_set *of = pq_usual[i];
		struct module_pair p = pq_make(s, of, false, true), back;

		read_parts(of, p, &x);
		OK(bring_public(of, &x, of->public, &back.public));
		for (int form = of->seed ? 1 : 2; form <= (of->seed ? 3 : 2); form++) {
			OK(bring(of, &x, form & 1, form & 2, &back.private));
			pq_assert_works(s, of, back);
			assert_false(module_bool(s, back.private, CKA_LOCAL));
		}
	}
}

static void keys_that_do_not_fit_are_refused(void **state)
{
	static struct parts x;
	CK_OBJECT_HANDLE o = 0;

	(void)state;
	pq_only();
	for (size_t i = 0; i < PQ_USUAL; i++) {
		const struct pq_set *of = pq_usual[i];
		struct pq_set shorter = *of, other = *of;

		read_parts(of, pq_make(s, of, false, true), &x);
		GIVES(CKR_TEMPLATE_INCOMPLETE, bring(of, &x, false, false, &o));
		GIVES(CKR_ATTRIBUTE_VALUE_INVALID, bring_public(of, &x, of->public - 1, &o));
		shorter.private --;
		GIVES(CKR_ATTRIBUTE_VALUE_INVALID, bring(&shorter, &x, false, true, &o));
		other.set = 0x77;
		GIVES(CKR_PARAMETER_SET_NOT_SUPPORTED, bring(&other, &x, false, true, &o));
		x.seed[0] ^= 1;
		if (of->seed)
			GIVES(CKR_ATTRIBUTE_VALUE_INVALID, bring(of, &x, true, true, &o));
		x.seed_n--;
		if (of->seed)
			GIVES(CKR_ATTRIBUTE_VALUE_INVALID, bring(of, &x, true, false, &o));
		x.value[of->private - 1] ^= 1; /* SLH-DSA: the root; ML-KEM: only a wrong answer */
		if (of->type == CKK_SLH_DSA)
			GIVES(CKR_ATTRIBUTE_VALUE_INVALID, bring(of, &x, false, true, &o));
		assert_int_equal(o, 0);
	}
}

static void wrapped_keys_come_back(void **state)
{
	static CK_BYTE blob[2 * PQ_MAX_PART];
	CK_MECHANISM kwp = pq_with(CKM_AES_KEY_WRAP_KWP, NULL, 0),
		     aes = pq_with(CKM_AES_KEY_GEN, NULL, 0);
	CK_ATTRIBUTE wrapping[] = { A_ULONG(CKA_VALUE_LEN, 32), A_BOOL(CKA_WRAP, true),
				    A_BOOL(CKA_UNWRAP, true) };
	CK_OBJECT_HANDLE by;

	(void)state;
	pq_only();
	OK(p11->C_GenerateKey(s, &aes, wrapping, ARRAY_LEN(wrapping), &by));
	for (size_t i = 0; i < PQ_USUAL; i++) {
		const struct pq_set *of = pq_usual[i];
		struct module_pair p = pq_make(s, of, false, true);
		CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
				     A_ULONG(CKA_KEY_TYPE, of->type), A_BOOL(CKA_SENSITIVE, false),
				     A_BOOL(CKA_EXTRACTABLE, true) };
		CK_ULONG n = sizeof blob;

		OK(p11->C_WrapKey(s, &kwp, by, p.private, blob, &n));
		OK(p11->C_UnwrapKey(s, &kwp, by, blob, n, t, ARRAY_LEN(t), &p.private));
		assert_int_equal(module_ulong(s, p.private, CKA_PARAMETER_SET), of->set);
		pq_assert_works(s, of, p);
		t[1] = (CK_ATTRIBUTE)A_ULONG(CKA_KEY_TYPE, CKK_RSA);
		GIVES(CKR_WRAPPED_KEY_INVALID,
		      p11->C_UnwrapKey(s, &kwp, by, blob, n, t, ARRAY_LEN(t), &p.private));
	}
}

/* ---- ML-KEM ---- */

static void encapsulation_has_its_answers(void **state)
{
	CK_BYTE ciphertext[1088 + 1];
	CK_ULONG n = 0;
	CK_OBJECT_HANDLE one, two, o = 0;

	(void)state;
	pq_only();
	struct module_pair p = pq_make(s, pq_kem768, false, false);

	OK(p11_32->C_EncapsulateKey(s, &pq_kem, p.public, NULL, 0, NULL, &n, &o));
	assert_int_equal(n, 1088);
	n--;
	GIVES(CKR_BUFFER_TOO_SMALL,
	      p11_32->C_EncapsulateKey(s, &pq_kem, p.public, NULL, 0, ciphertext, &n, &o));
	n = sizeof ciphertext;
	one = pq_encapsulated(s, p, ciphertext, &n);
	assert_int_equal(n, 1088);
	assert_false(module_bool(s, one, CKA_LOCAL));
	assert_int_equal(module_ulong(s, one, CKA_VALUE_LEN), PQ_SHARED);
	ciphertext[9] ^= 1;
	two = pq_decapsulated(s, p, ciphertext, n);
	pq_assert_same(s, one, two, false);
	GIVES(CKR_WRAPPED_KEY_LEN_RANGE,
	      p11_32->C_DecapsulateKey(s, &pq_kem, p.private, pq_secret, PQ_SECRET, ciphertext,
				       n - 1, &o));
	GIVES(CKR_WRAPPED_KEY_LEN_RANGE,
	      p11_32->C_DecapsulateKey(s, &pq_kem, p.private, pq_secret, PQ_SECRET, ciphertext,
				       n + 1, &o));
	OK(module_set(s, p.public, (CK_ATTRIBUTE)A_BOOL(CKA_ENCAPSULATE, false)));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED,
	      p11_32->C_EncapsulateKey(s, &pq_kem, p.public, NULL, 0, ciphertext, &n, &o));
	OK(module_set(s, p.private, (CK_ATTRIBUTE)A_BOOL(CKA_DECAPSULATE, false)));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED,
	      p11_32->C_DecapsulateKey(s, &pq_kem, p.private, NULL, 0, ciphertext, n, &o));
}

/* Both ends make a key that is not seen, and use it. */
static void encapsulated_keys_work(void **state)
{
	CK_ATTRIBUTE aes[] = { A_ULONG(CKA_KEY_TYPE, CKK_AES), A_ULONG(CKA_VALUE_LEN, 16),
			       A_BOOL(CKA_ENCRYPT, true), A_BOOL(CKA_DECRYPT, true) };
	CK_MECHANISM ecb = pq_with(CKM_AES_ECB, NULL, 0);
	CK_BYTE ciphertext[1088], in[16] = "sixteen bytes..", out[16], back[16];
	CK_ULONG n = sizeof ciphertext, out_n = sizeof out, back_n = sizeof back;
	CK_OBJECT_HANDLE one, two;

	(void)state;
	pq_only();
	struct module_pair p = pq_make(s, pq_kem768, false, false);

	OK(p11_32->C_EncapsulateKey(s, &pq_kem, p.public, aes, ARRAY_LEN(aes), ciphertext, &n,
				    &one));
	OK(p11_32->C_DecapsulateKey(s, &pq_kem, p.private, aes, ARRAY_LEN(aes), ciphertext, n,
				    &two));
	assert_true(module_bool(s, one, CKA_SENSITIVE));
	assert_int_equal(module_ulong(s, two, CKA_VALUE_LEN), 16);
	OK(p11->C_EncryptInit(s, &ecb, one));
	OK(p11->C_Encrypt(s, in, sizeof in, out, &out_n));
	OK(p11->C_DecryptInit(s, &ecb, two));
	OK(p11->C_Decrypt(s, out, out_n, back, &back_n));
	assert_memory_equal(in, back, sizeof in);
}

/* ---- on disk ---- */

static void write_file(const char *name, const char *what, const CK_BYTE *p, CK_ULONG n);

/* For a look at it with another libcrypto. */
static void leave_token(void)
{
	static CK_BYTE whole[1 << 20];
	FILE *f = fopen(module_token_file(slot), "rb");
	size_t n;

	assert_non_null(f);
	n = fread(whole, 1, sizeof whole, f);
	fclose(f);
	assert_true(n > 0 && n < sizeof whole);
	write_file("old", "token", whole, n);
}

static void keys_outlive_the_module(void **state)
{
	(void)state;
	pq_only();
	for (size_t i = 0; i < PQ_USUAL; i++)
		pq_make(s, pq_usual[i], true, false);
	module_ec(s, true, false);
	OK(p11->C_Finalize(NULL));
	if (getenv("INRO_PQ_DIR"))
		leave_token();
	OK(p11->C_Initialize(NULL));
	s = module_open(slot, true);
	OK(module_login(s, CKU_USER, USER_PIN));
	for (size_t i = 0; i < PQ_USUAL; i++) {
		const struct pq_set *of = pq_usual[i];
		CK_BYTE value[2592];
		CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY),
					A_BYTES(CKA_LABEL, of->name, strlen(of->name)) };
		struct module_pair p;

		assert_int_equal(module_find(s, like, 2, &p.private), 1);
		like[0] = (CK_ATTRIBUTE)A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY);
		assert_int_equal(module_find(s, like, 2, &p.public), 1);
		pq_assert_made(s, of, p);
		pq_assert_works(s, of, p);
		like[1] = (CK_ATTRIBUTE)A_BYTES(
			CKA_VALUE, value,
			module_bytes(s, p.public, CKA_VALUE, value, sizeof value));
		assert_int_equal(module_find(s, like, 2, &p.public), 1);
	}
}

/* ---- with the openssl program ---- */

static CK_ULONG read_file(const char *name, const char *what, CK_BYTE *out, size_t cap)
{
	char path[512];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "%s/%s.%s", getenv("INRO_PQ_DIR"), name, what);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(out, 1, cap, f);
	fclose(f);
	return n;
}

static void write_file(const char *name, const char *what, const CK_BYTE *p, CK_ULONG n)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s.%s", getenv("INRO_PQ_DIR"), name, what);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* RFC 9881, 9909, 9935: the expanded key is at the end, the seed before its four bytes of header;
 * a public key is the end of its SubjectPublicKeyInfo. */
static struct module_pair take_theirs(const struct pq_set *of)
{
	static struct parts x;
	static CK_BYTE der[2 * PQ_MAX_PART];
	CK_ULONG n = read_file(of->name, "theirs.p8", der, sizeof der);
	struct module_pair p;

	assert_true(n > of->private + of->seed);
	memcpy(x.value, der + n - of->private, of->private);
	memcpy(x.seed, der + n - of->private - 4 - of->seed, of->seed);
	x.seed_n = of->seed;
	OK(bring(of, &x, of->seed != 0, true, &p.private));
	n = read_file(of->name, "theirs.spki", der, sizeof der);
	memcpy(x.public, der + n - of->public, of->public);
	OK(bring_public(of, &x, of->public, &p.public));
	assert_int_equal(module_bytes(s, p.private, CKA_PUBLIC_KEY_INFO, x.value, sizeof x.value),
			 n);
	assert_memory_equal(x.value, der, n);
	return p;
}

static void give_ours(const struct pq_set *of, struct module_pair p)
{
	static CK_BYTE out[PQ_MAX_SIG], context[] = "ctx";
	CK_SIGN_ADDITIONAL_CONTEXT c = { CKH_HEDGE_PREFERRED, context, 3 };
	CK_HASH_SIGN_ADDITIONAL_CONTEXT h = { CKH_HEDGE_PREFERRED, context, 3, CKM_SHA3_256 };
	CK_ULONG n = module_bytes(s, p.public, CKA_PUBLIC_KEY_INFO, out, sizeof out);

	write_file(of->name, "ours.spki", out, n);
	if (!of->hashed)
		return;
	pq_sign(s, pq_with(of->mech, &c, sizeof c), p.private, out, of->out);
	write_file(of->name, "ours.sig", out, of->out);
	pq_sign(s, pq_with(of->hashed, &h, sizeof h), p.private, out,
	     of->out); /* of the message as a hash */
	write_file(of->name, "ours.hashsig", out, of->out);
}

/* What they signed or encapsulated for their key. */
static void check_theirs(const struct pq_set *of, struct module_pair p)
{
	static CK_BYTE in[PQ_MAX_SIG];
	CK_BYTE want[PQ_SHARED], got[PQ_SHARED], context[] = "ctx";
	CK_SIGN_ADDITIONAL_CONTEXT c = { CKH_HEDGE_PREFERRED, context, 3 };
	CK_HASH_SIGN_ADDITIONAL_CONTEXT h = { CKH_HEDGE_PREFERRED, context, 3, CKM_SHA3_256 };
	CK_ULONG n;

	if (of->hashed) {
		n = read_file(of->name, "theirs.sig", in, sizeof in);
		OK(pq_verify(s, pq_with(of->mech, &c, sizeof c), p.public, in, n));
		n = read_file(of->name, "theirs.hashsig", in, sizeof in);
		OK(pq_verify(s, pq_with(of->hashed, &h, sizeof h), p.public, in, n));
		return;
	}
	n = read_file(of->name, "theirs.ciphertext", in, sizeof in);
	module_bytes(s, pq_decapsulated(s, p, in, n), CKA_VALUE, got, sizeof got);
	assert_int_equal(read_file(of->name, "theirs.secret", want, sizeof want), PQ_SHARED);
	assert_memory_equal(got, want, PQ_SHARED);
	n = sizeof in; /* and for them to open */
	module_bytes(s, pq_encapsulated(s, p, in, &n), CKA_VALUE, got, sizeof got);
	write_file(of->name, "ours.ciphertext", in, n);
	write_file(of->name, "ours.secret", got, PQ_SHARED);
}

static void openssl_agrees(void **state)
{
	(void)state;
	if (!getenv("INRO_PQ_DIR"))
		skip();
	for (size_t i = 0; i < PQ_USUAL; i++) {
		give_ours(pq_usual[i], pq_make(s, pq_usual[i], false, false));
		check_theirs(pq_usual[i], take_theirs(pq_usual[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readable_keys_go_out_and_in),
		cmocka_unit_test(keys_that_do_not_fit_are_refused),
		cmocka_unit_test(wrapped_keys_come_back),
		cmocka_unit_test(encapsulation_has_its_answers),
		cmocka_unit_test(encapsulated_keys_work),
		cmocka_unit_test(keys_outlive_the_module),
		cmocka_unit_test(openssl_agrees),
	};

	return cmocka_run_group_tests_name("token: post-quantum keys", tests, setup,
					   module_teardown);
}
