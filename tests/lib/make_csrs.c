/*
 * make_csrs - certificate requests for many devices, quicker than a process each: each line of
 * standard input is an id; it becomes FOLDER/ID.csr, for a new key of that TYPE (ec-p256, ec-p384
 * or ed25519) with the subject CN=ID, and with KEYS given KEYS/ID.key, the key in PEM.
 *
 *   make_csrs TYPE FOLDER [KEYS] <ids
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

static void need(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "make_csrs: %s\n", what);
	exit(1);
}

static EVP_PKEY *new_key(const char *type)
{
	if (strcmp(type, "ec-p256") == 0)
		return EVP_EC_gen("P-256");
	if (strcmp(type, "ec-p384") == 0)
		return EVP_EC_gen("P-384");
	need(strcmp(type, "ed25519") == 0, "an unknown type");
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static FILE *create(const char *folder, const char *id, const char *ending)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s.%s", folder, id, ending);
	f = fopen(path, "we");
	need(f != NULL, path);
	return f;
}

static void write_csr(const char *folder, const char *id, EVP_PKEY *key)
{
	const unsigned char *cn = (const unsigned char *)id;
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name = X509_NAME_new();
	const EVP_MD *md = EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	FILE *f = create(folder, id, "csr");

	need(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, cn, -1, -1, 0) &&
		     X509_REQ_set_subject_name(req, name) && X509_REQ_set_pubkey(req, key) &&
		     X509_REQ_sign(req, key, md) > 0 && i2d_X509_REQ_fp(f, req),
	     "a request");
	need(fclose(f) == 0, "writing");
	X509_NAME_free(name);
	X509_REQ_free(req);
}

static void write_key(const char *folder, const char *id, EVP_PKEY *key)
{
	FILE *f = create(folder, id, "key");

	need(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), "a key");
	need(fclose(f) == 0, "writing");
}

int main(int argc, char **argv)
{
	char id[256];

	need(argc >= 3, "TYPE FOLDER [KEYS]");
	while (fgets(id, sizeof id, stdin)) {
		EVP_PKEY *key = new_key(argv[1]);

		id[strcspn(id, "\n")] = 0;
		need(key != NULL, "a key pair");
		write_csr(argv[2], id, key);
		if (argc > 3)
			write_key(argv[3], id, key);
		EVP_PKEY_free(key);
	}
	return 0;
}
