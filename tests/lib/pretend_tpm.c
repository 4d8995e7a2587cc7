/*
 * pretend_tpm - a TPM for scripts, made of keys in files: what a device sends to /v1/device/attest.
 *
 *   pretend_tpm DIR evidence NONCE        what it says of DIR/key.pem, hex
 *   pretend_tpm DIR activate CHALLENGE    what it finds in a challenge, hex; status 1: nothing
 *
 * DIR has ek.pem (RSA-2048), ak.pem and key.pem (P-256), private keys.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>

#include "tests/lib/evidence_maker.h"

static EVP_PKEY *read_key(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;
	EVP_PKEY *key;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "r");
	key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
	if (f)
		fclose(f);
	return key;
}

static int say(struct bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		printf("%02x", b.p[i]);
	return printf("\n") < 0;
}

static int evidence(struct maker *m, struct bytes nonce)
{
	SCOPED(buf) made = { 0 };

	if (nonce.n > sizeof m->nonce)
		return 2;
	memcpy(m->nonce, nonce.p, nonce.n);
	m->nonce_n = nonce.n;
	maker_make(m, &made);
	return say(buf_bytes(&made));
}

static int activate(const struct maker *m, struct bytes challenge)
{
	SCOPED(secret) found = { 0 };

	return maker_activate(m, challenge, &found) ? say(secret_bytes(&found)) : 1;
}

int main(int argc, char **argv)
{
	uint8_t in[4096];
	size_t n = 0;
	struct maker m;
	int status;

	if (argc != 4 || hex_decode(bytes_of(argv[3]), in, sizeof in, &n) != INRO_OK)
		return 2;
	maker_of(&m, read_key(argv[1], "ek.pem"), read_key(argv[1], "ak.pem"),
		 read_key(argv[1], "key.pem"));
	status = strcmp(argv[2], "evidence") == 0 ? evidence(&m, BYTES(in, n))
						  : activate(&m, BYTES(in, n));
	maker_free(&m);
	return status;
}
