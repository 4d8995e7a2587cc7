/*
 * fuzz_backup - a saved token from anybody: nothing of it is believed that was not written under its passphrase,
 * and a file that is not to be read leaves none behind.
 *
 * The passphrase's derivation is left out: every backup here has the same key.
 */
#include "tests/fuzz/fuzz.h"

#include <openssl/kdf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pkcs11/token/bundle.h"
#include "tests/fuzz/file.h"
#include "tests/lib/scratch.h"

#define PASSPHRASE "passphrase"
#define HEAD	   27
#define SEGMENT	   20 /* the least that one has: its head, its tag */

int __wrap_EVP_KDF_derive(EVP_KDF_CTX *ctx, unsigned char *key, size_t n, const OSSL_PARAM params[]);
int __wrap_fsync(int fd);

int __wrap_EVP_KDF_derive(EVP_KDF_CTX *ctx, unsigned char *key, size_t n, const OSSL_PARAM params[])
{
	(void)ctx, (void)params;
	memset(key, 7, n);
	return 1;
}

int __wrap_fsync(int fd)
{
	(void)fd;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[600];
	struct stat st;
	enum inro_err e;

	snprintf(out, sizeof out, "%s", scratch_path("token"));
	e = bundle_read(fuzz_file(BYTES(data, size)), out, bytes_of(PASSPHRASE));
	FUZZ_REQUIRE(e == INRO_OK || e == INRO_E_DAMAGED || e == INRO_E_PIN_WRONG);
	if (e == INRO_OK) {
		FUZZ_REQUIRE(stat(out, &st) == 0 && (size_t)st.st_size <= size - HEAD - SEGMENT);
		FUZZ_REQUIRE((st.st_mode & 0777) == 0600);
	}
	FUZZ_REQUIRE(unlink(out) == (e == INRO_OK ? 0 : -1));
	return 0;
}
