/* What a TPM token keeps about its TPM: every word there and back, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/own.h"
#include "tpm/token/words.h"

#define NAME "000b0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"

static const char whole[] = "tcti=swtpm:host=127.0.0.1,port=2321\n"
			    "pcr=sha256:0,2,7\n"
			    "root=0x81000005\n"
			    "owner-auth=file:/etc/inro/owner\n"
			    "root-auth=file:/etc/inro/root\n"
			    "endorsement-auth=file:/etc/inro/endorsement\n"
			    "session=password\n"
			    "sealed=no\n"
			    "root-name=" NAME "\n"
			    "caps=0x0000ffff\n"
			    "slots=0x00000003\n"
			    "max-nv=0x00000800\n"
			    "maker=IBM\n"
			    "model=SW TPM\n"
			    "firmware=0x20240125\n"
			    "firmware-low=0x00120000\n";

static void test_there_and_back(void **state)
{
	struct words w = { 0 };
	SCOPED(buf) text = { 0 };

	(void)state;
	assert_int_equal(words_read(bytes_of(whole), &w), INRO_OK);
	assert_string_equal(w.tcti, "swtpm:host=127.0.0.1,port=2321");
	assert_string_equal(w.pcr, "sha256:0,2,7");
	assert_int_equal(w.root, 0x81000005);
	assert_int_equal(w.how, TPM_BY_PASSWORD);
	assert_true(w.no_sealed);
	assert_int_equal(w.root_name.size, 34);
	assert_int_equal(w.root_name.name[33], 0x20);
	assert_int_equal(w.caps.can, 0xffff);
	assert_int_equal(w.caps.transient_slots, 3);
	assert_string_equal(w.caps.model, "SW TPM");
	assert_int_equal(w.caps.firmware[1], 0x00120000);
	assert_int_equal(words_write(&w, &text), INRO_OK);
	assert_int_equal(text.n, sizeof whole - 1);
	assert_memory_equal(text.p, whole, text.n);
}

static void storage_root(struct words *w)
{
	TPMT_PUBLIC *pub = &w->root_pub.publicArea;

	*pub = (TPMT_PUBLIC) { .type = TPM2_ALG_ECC,
			       .nameAlg = TPM2_ALG_SHA256,
			       .objectAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
			       .parameters.eccDetail = { .symmetric = { .algorithm = TPM2_ALG_AES,
									.keyBits.aes = 128,
									.mode.aes = TPM2_ALG_CFB },
							 .scheme.scheme = TPM2_ALG_NULL,
							 .curveID = TPM2_ECC_NIST_P256,
							 .kdf.scheme = TPM2_ALG_NULL },
			       .unique.ecc = { .x.size = 32, .y.size = 32 } };
	memset(pub->unique.ecc.x.buffer, 7, 32);
	memset(pub->unique.ecc.y.buffer, 8, 32);
	assert_int_equal(crypt_name(pub, &w->root_name), INRO_OK);
}

static void test_root_public(void **state)
{
	struct words w = { .tcti = "libtpms:" }, got = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(buf) again = { 0 };

	(void)state;
	storage_root(&w);
	assert_int_equal(words_write(&w, &text), INRO_OK);
	assert_int_equal(words_read(buf_bytes(&text), &got), INRO_OK);
	assert_int_equal(got.root_pub.publicArea.unique.ecc.y.buffer[31], 8);
	assert_int_equal(words_write(&got, &again), INRO_OK);
	assert_true(bytes_equal(buf_bytes(&text), buf_bytes(&again)));
}

/* Nothing is encrypted to a key that the Name does not name. */
static void test_root_public_of_another(void **state)
{
	struct words w = { .tcti = "libtpms:" }, got = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(buf) nameless = { 0 };

	(void)state;
	storage_root(&w);
	w.root_pub.publicArea.unique.ecc.x.buffer[0] ^= 1;
	assert_int_equal(words_write(&w, &text), INRO_OK);
	assert_int_equal(words_read(buf_bytes(&text), &got), INRO_E_CONFIG);
	w.root_name.size = 0;
	assert_int_equal(words_write(&w, &nameless), INRO_OK);
	assert_int_equal(words_read(buf_bytes(&nameless), &got), INRO_E_CONFIG);
}

static void test_defaults(void **state)
{
	struct words w = { 0 };
	SCOPED(buf) text = { 0 };

	(void)state;
	assert_int_equal(words_read(bytes_of("\ntcti=libtpms:\nsession=hmac\nsealed=yes"), &w),
			 INRO_OK);
	assert_string_equal(w.tcti, "libtpms:");
	assert_int_equal(w.how, TPM_BY_HMAC);
	assert_false(w.no_sealed);
	assert_int_equal(w.root_name.size, 0);
	assert_int_equal(words_write(&w, &text), INRO_OK);
	assert_true(bytes_is(buf_bytes(&text), "tcti=libtpms:\n"));
}

static void test_what_is_none(void **state)
{
	static const char *const wrong[] = {
		"colour=green",
		"tcti",
		"=x",
		"tcti=libtpms:\ntcti=libtpms:",
		"tcti=a\tb",
		"pcr=sha256:0,99",
		"pcr=nothing",
		"root=81000001",
		"root=0x",
		"root=0x810000011",
		"root=0x0180494e",
		"root=0x8100000g",	 "root=0x8100000\x11",
		"owner-auth=secret",
		"owner-auth=file:relative",
		"owner-auth=file:/",
		"session=none",
		"sealed=perhaps",
		"root-name=00",
		"root-name=zz",
		"root-public=zz",
		"root-public=0000",
		"root-public=000a",
		"maker=LONGER",
		"caps=12",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct words w = { .root = 7 };

		assert_int_equal(words_read(bytes_of(wrong[i]), &w), INRO_E_CONFIG);
		assert_int_equal(w.root, 7);
	}
}

/* An auth that was given as a word shows in no message. */
static void test_an_auth_is_not_told(void **state)
{
	struct words w;

	(void)state;
	assert_int_equal(words_read(bytes_of("owner-auth=hunter2"), &w), INRO_E_CONFIG);
	assert_null(strstr(err_detail(INRO_E_CONFIG), "hunter2"));
	assert_non_null(strstr(err_detail(INRO_E_CONFIG), "owner-auth"));
}

static void test_too_much(void **state)
{
	static char text[8192];
	struct words w;

	(void)state;
	memset(text, '\n', sizeof text);
	assert_int_equal(words_read(BYTES(text, sizeof text), &w), INRO_E_CONFIG);
	memset(text, 'x', sizeof text);
	memcpy(text, "tcti=", 5);
	assert_int_equal(words_read(BYTES(text, 5 + 256), &w), INRO_E_CONFIG);
	assert_int_equal(words_read(BYTES(text, 5 + 255), &w), INRO_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_root_public),
		cmocka_unit_test(test_root_public_of_another),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_an_auth_is_not_told),
		cmocka_unit_test(test_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
