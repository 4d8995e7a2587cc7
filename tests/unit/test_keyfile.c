/* test_keyfile - what a key file asks for is bounded before it is spent, and told before a passphrase is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/der.h"
#include "tools/import/keyfile.h"
#include "tools/import/rounds.h"

#define PBES2	    "1.2.840.113549.1.5.13"
#define PBMAC1	    "1.2.840.113549.1.5.14"
#define PBKDF2	    "1.2.840.113549.1.5.12"
#define SCRYPT	    "1.3.6.1.4.1.11591.4.11"
#define AES_256_CBC "2.16.840.1.101.3.4.1.42"
#define PBE_3DES    "1.2.840.113549.1.12.1.3"
#define SHA_256	    "2.16.840.1.101.3.4.2.1"
#define DATA	    "1.2.840.113549.1.7.1"
#define ENCRYPTED   "1.2.840.113549.1.7.6"

static const uint8_t sixteen[16] = { 1, 2, 3 };

static enum inro_err count_asked(void *arg, struct secret *ret)
{
	int *asked = arg;

	(*asked)++;
	return secret_copy(bytes_of("geheim"), ret);
}

/* ---- the algorithms ---- */

static void put_pbkdf2(struct buf *b, const int64_t n[3])
{
	size_t kdf = der_begin(b, DER_SEQUENCE), params;

	der_add_oid(b, PBKDF2);
	params = der_begin(b, DER_SEQUENCE);
	der_add(b, DER_OCTET_STRING, BYTES(sixteen, sizeof sixteen));
	der_add_int(b, n[0]);
	der_end(b, params);
	der_end(b, kdf);
}

static void put_scrypt(struct buf *b, const int64_t n[3])
{
	size_t kdf = der_begin(b, DER_SEQUENCE), params;

	der_add_oid(b, SCRYPT);
	params = der_begin(b, DER_SEQUENCE);
	der_add(b, DER_OCTET_STRING, BYTES(sixteen, sizeof sixteen));
	for (int i = 0; i < 3; i++)
		der_add_int(b, n[i]);
	der_end(b, params);
	der_end(b, kdf);
}

static void put_two(struct buf *b, const char *scheme, const int64_t n[3],
		    void (*kdf)(struct buf *b, const int64_t n[3]))
{
	size_t algorithm = der_begin(b, DER_SEQUENCE), params, cipher;

	der_add_oid(b, scheme);
	params = der_begin(b, DER_SEQUENCE);
	kdf(b, n);
	cipher = der_begin(b, DER_SEQUENCE);
	der_add_oid(b, AES_256_CBC);
	der_add(b, DER_OCTET_STRING, BYTES(sixteen, sizeof sixteen));
	der_end(b, cipher);
	der_end(b, params);
	der_end(b, algorithm);
}

static void put_pbes2_pbkdf2(struct buf *b, const int64_t n[3])
{
	put_two(b, PBES2, n, put_pbkdf2);
}

static void put_pbes2_scrypt(struct buf *b, const int64_t n[3])
{
	put_two(b, PBES2, n, put_scrypt);
}

static void put_pbe(struct buf *b, const int64_t n[3])
{
	size_t algorithm = der_begin(b, DER_SEQUENCE), params;

	der_add_oid(b, PBE_3DES);
	params = der_begin(b, DER_SEQUENCE);
	der_add(b, DER_OCTET_STRING, BYTES(sixteen, 8));
	der_add_int(b, n[0]);
	der_end(b, params);
	der_end(b, algorithm);
}

static void put_digest(struct buf *b, const int64_t n[3])
{
	size_t algorithm = der_begin(b, DER_SEQUENCE);

	(void)n;
	der_add_oid(b, SHA_256);
	der_end(b, algorithm);
}

static void put_pbmac1(struct buf *b, const int64_t n[3])
{
	put_two(b, PBMAC1, n, put_pbkdf2);
}

/* ---- the files ---- */

struct row {
	void (*file)(struct buf *b, const struct row *row);
	void (*algorithm)(struct buf *b, const int64_t n[3]);
	int64_t n[3], mac_rounds;
	enum inro_err want;
	const char *says;
};

static void put_encrypted_key(struct buf *b, const struct row *row)
{
	size_t key = der_begin(b, DER_SEQUENCE);

	row->algorithm(b, row->n);
	der_add(b, DER_OCTET_STRING, BYTES(sixteen, sizeof sixteen));
	der_end(b, key);
}

static void put_content(struct buf *b, struct bytes safes)
{
	size_t info = der_begin(b, DER_SEQUENCE), inner;

	der_add_oid(b, DATA);
	inner = der_begin(b, DER_EXPLICIT(0));
	der_add(b, DER_OCTET_STRING, safes);
	der_end(b, inner);
	der_end(b, info);
}

static void put_mac(struct buf *b, const struct row *row)
{
	size_t mac = der_begin(b, DER_SEQUENCE), digest = der_begin(b, DER_SEQUENCE);

	row->algorithm(b, row->n);
	der_add(b, DER_OCTET_STRING, BYTES(sixteen, sizeof sixteen));
	der_end(b, digest);
	der_add(b, DER_OCTET_STRING, BYTES(sixteen, sizeof sixteen));
	der_add_int(b, row->mac_rounds);
	der_end(b, mac);
}

static void put_p12_mac(struct buf *b, const struct row *row)
{
	SCOPED(buf) none = { 0 };
	size_t pfx = der_begin(b, DER_SEQUENCE);

	der_add(&none, DER_SEQUENCE, BYTES_NONE);
	der_add_int(b, 3);
	put_content(b, buf_bytes(&none));
	put_mac(b, row);
	der_end(b, pfx);
}

static void put_encrypted_safe(struct buf *b, const struct row *row)
{
	size_t safe = der_begin(b, DER_SEQUENCE), inner, data, content;

	der_add_oid(b, ENCRYPTED);
	inner = der_begin(b, DER_EXPLICIT(0));
	data = der_begin(b, DER_SEQUENCE);
	der_add_int(b, 0);
	content = der_begin(b, DER_SEQUENCE);
	der_add_oid(b, DATA);
	row->algorithm(b, row->n);
	der_add(b, DER_CONTEXT, BYTES(sixteen, sizeof sixteen));
	der_end(b, content);
	der_end(b, data);
	der_end(b, inner);
	der_end(b, safe);
}

/* Without a MAC; so often as mac_rounds says. */
static void put_p12_safe(struct buf *b, const struct row *row)
{
	SCOPED(buf) safes = { 0 };
	size_t list = der_begin(&safes, DER_SEQUENCE), pfx = der_begin(b, DER_SEQUENCE);

	for (int64_t i = 0; i < row->mac_rounds; i++)
		put_encrypted_safe(&safes, row);
	der_end(&safes, list);
	der_add_int(b, 3);
	put_content(b, buf_bytes(&safes));
	der_end(b, pfx);
}

static const struct row rows[] = {
	/* what is usual is tried, and is another passphrase's */
	{ put_encrypted_key, put_pbes2_pbkdf2, { 2048 }, 0, INRO_E_PIN_WRONG, "passphrase" },
	{ put_encrypted_key, put_pbes2_pbkdf2, { 600000 }, 0, INRO_E_PIN_WRONG, "passphrase" },
	{ put_encrypted_key, put_pbes2_scrypt, { 16384, 8, 1 }, 0, INRO_E_PIN_WRONG, "passphrase" },
	{ put_p12_mac, put_digest, { 0 }, 100000, INRO_E_PIN_WRONG, "passphrase" },
	{ put_p12_safe, put_pbes2_pbkdf2, { 2048 }, 3, INRO_E_PIN_WRONG, "passphrase" },
	/* what would take hours or all memory is not */
	{ put_encrypted_key, put_pbes2_pbkdf2, { 2000000000 }, 0, INRO_E_TOO_BIG, "20000000" },
	{ put_encrypted_key, put_pbes2_pbkdf2, { ROUNDS_MAX + 1 }, 0, INRO_E_TOO_BIG, "fewer" },
	{ put_encrypted_key, put_pbes2_pbkdf2, { -1 }, 0, INRO_E_TOO_BIG, "fewer" },
	{ put_encrypted_key, put_pbes2_pbkdf2, { INT64_MAX }, 0, INRO_E_TOO_BIG, "fewer" },
	{ put_encrypted_key, put_pbe, { 2000000000 }, 0, INRO_E_TOO_BIG, "fewer" },
	{ put_encrypted_key, put_pbes2_scrypt, { 16384, 8, 1000 }, 0, INRO_E_TOO_BIG, "fewer" },
	{ put_encrypted_key, put_pbes2_scrypt, { 1 << 20, 8, 1 }, 0, INRO_E_TOO_BIG, "32 MiB" },
	{ put_encrypted_key,
	  put_pbes2_scrypt,
	  { INT64_C(1) << 62, INT64_C(1) << 62, 1 },
	  0,
	  INRO_E_TOO_BIG,
	  "32 MiB" },
	{ put_p12_mac, put_digest, { 0 }, 2000000000, INRO_E_TOO_BIG, "fewer" },
	{ put_p12_mac, put_digest, { 0 }, ROUNDS_MAX / 2, INRO_E_TOO_BIG, "fewer" },
	{ put_p12_mac, put_pbmac1, { 2000000000 }, 1, INRO_E_TOO_BIG, "fewer" },
	{ put_p12_safe, put_pbes2_pbkdf2, { 2000000000 }, 1, INRO_E_TOO_BIG, "fewer" },
	{ put_p12_safe, put_pbe, { -5 }, 1, INRO_E_TOO_BIG, "fewer" },
};

static void test_rounds_are_bounded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) der = { 0 };
		SCOPED(keyfile) f = { 0 };
		int asked = 0;
		enum inro_err e;

		rows[i].file(&der, &rows[i]);
		assert_int_equal(buf_err(&der), INRO_OK);
		e = keyfile_read(buf_bytes(&der), count_asked, &asked, &f);
		if (e != rows[i].want || !strstr(err_detail(e), rows[i].says))
			fail_msg("row %zu: %d, %s", i, (int)e, err_detail(e));
		/* PKCS#12 without a MAC has to ask before it is told what is in it */
		if (e == INRO_E_TOO_BIG && rows[i].file != put_p12_safe)
			assert_int_equal(asked, 0);
	}
}

static void test_rounds_add_up(void **state)
{
	const struct row row = { put_encrypted_key, put_pbes2_pbkdf2, { 2048 }, 0, INRO_OK, "" };
	SCOPED(buf) der = { 0 };
	SCOPED(keyfile) f = { .rounds = ROUNDS_MAX - 2047 };
	int asked = 0;

	(void)state;
	row.file(&der, &row);
	assert_int_equal(keyfile_read(buf_bytes(&der), count_asked, &asked, &f), INRO_E_TOO_BIG);
	assert_int_equal(f.rounds, ROUNDS_MAX - 2047);
	f.rounds--;
	assert_int_equal(keyfile_read(buf_bytes(&der), count_asked, &asked, &f), INRO_E_PIN_WRONG);
	assert_int_equal(f.rounds, ROUNDS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds_are_bounded),
		cmocka_unit_test(test_rounds_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
