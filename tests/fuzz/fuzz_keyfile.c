/*
 * fuzz_keyfile - key files and PKCS#12 of anybody: what is read of one is a key or certificates, a
 * key that is read again is the same, and nothing takes more rounds than it may.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "tools/import/keyfile.h"
#include "tools/import/rounds.h"

/* So that an input takes no longer than a fuzzer has patience. */
#define ROUNDS_LEFT 4096

static enum inro_err passphrase(void *arg, struct secret *ret)
{
	(void)arg;
	return secret_copy(bytes_of("geheim"), ret);
}

static enum inro_err no_passphrase(void *arg, struct secret *ret)
{
	(void)arg;
	(void)ret;
	fuzz_require(0, "a key in the clear needs no passphrase");
	return INRO_E_PIN_WRONG;
}

static void same_again(const struct keyfile *f)
{
	SCOPED(keyfile) again = { 0 };

	if (!f->pkcs8.n || f->pkcs8.n > KEYFILE_MAX)
		return;
	FUZZ_REQUIRE(keyfile_read(secret_bytes(&f->pkcs8), no_passphrase, NULL, &again) == INRO_OK);
	FUZZ_REQUIRE(secret_equal(secret_bytes(&f->pkcs8), secret_bytes(&again.pkcs8)));
	FUZZ_REQUIRE(!memcmp(f->id, again.id, sizeof f->id) && again.n == 0);
}

static void check_certs(const struct keyfile *f)
{
	FUZZ_REQUIRE(f->n <= KEYFILE_CERTS);
	for (size_t i = 0; i < f->n; i++) {
		const struct keyfile_cert *c = &f->certs[i];

		FUZZ_REQUIRE(c->der.n && memchr(c->name, 0, sizeof c->name));
		FUZZ_REQUIRE(c->of_key == (f->pkcs8.n && !memcmp(c->id, f->id, sizeof c->id)));
		FUZZ_REQUIRE(!c->of_key || f->certs[0].of_key);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SCOPED(keyfile) f = { .rounds = ROUNDS_MAX - ROUNDS_LEFT };
	enum inro_err e = keyfile_read(BYTES(data, size), passphrase, NULL, &f);

	FUZZ_REQUIRE(f.rounds <= ROUNDS_MAX);
	check_certs(&f);
	if (e == INRO_OK) {
		FUZZ_REQUIRE(f.pkcs8.n || f.n);
		same_again(&f);
	}
	return 0;
}
