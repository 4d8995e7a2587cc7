/*
 * fuzz_sealed - PIN records and sealed blobs from a hostile file.
 *
 * Without a PIN, so that a record's form is judged without the price of a guess.
 */
#include "tests/fuzz/fuzz.h"

#include "pkcs11/soft/auth.h"
#include "pkcs11/soft/seal.h"

static void read_record(CK_USER_TYPE user, struct bytes in)
{
	SCOPED(secret) key = { 0 };
	SCOPED(secret) master = { 0 };
	enum inro_err e = auth_stretch(user, in, BYTES_NONE, &key);

	if (e == INRO_OK)
		e = auth_open_by(user, bytes_of("serial"), in, secret_bytes(&key), &master);

	FUZZ_REQUIRE(e == INRO_E_DAMAGED || e == INRO_E_PIN_WRONG);
	FUZZ_REQUIRE(!master.p);
}

/* Opens at all only if it is what this master key sealed: what opens is no longer than it was. */
static void read_blob(enum seal_kind kind, struct bytes in)
{
	static const uint8_t master[AUTH_MASTER] = { 0,	 1,  2,	 3,  4,	 5,  6,	 7,  8,	 9,  10,
						     11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
						     22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };
	SCOPED(secret) plain = { 0 };
	enum inro_err e =
		seal_open(BYTES(master, sizeof master), kind, in, bytes_of("associated"), &plain);

	FUZZ_REQUIRE(e == INRO_E_DAMAGED || (e == INRO_OK && plain.n + SEAL_OVERHEAD == in.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);

	read_record(CKU_USER, in);
	read_record(CKU_SO, in);
	for (unsigned kind = 0; kind < SEAL_KIND__MAX; kind++)
		read_blob((enum seal_kind)kind, in);
	return 0;
}
