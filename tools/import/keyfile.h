/*
 * keyfile - a private key and its certificates out of a file: PKCS#8, encrypted or not, the older
 * forms of RSA and EC keys, PKCS#12, certificates; PEM, one behind the other, or DER.
 *
 * libcrypto reads them, in a library context of this file's own that knows the old ciphers of
 * PKCS#12 too when the machine has its legacy provider.
 */
#ifndef INRO_TOOLS_IMPORT_KEYFILE_H
#define INRO_TOOLS_IMPORT_KEYFILE_H

#include "base/secret.h"

#define KEYFILE_MAX	  ((size_t)256 << 10)
#define KEYFILE_CERTS	  32
#define KEYFILE_ID_OCTETS 20

struct keyfile_cert {
	struct buf der;
	uint8_t id[KEYFILE_ID_OCTETS]; /* of its public key */
	char name[65]; /* its own name: a PKCS#12 friendly name, else the CN; or "" */
	bool of_key;   /* it is the key's */
};

struct keyfile {
	struct secret pkcs8;			  /* empty: the file has certificates only */
	uint8_t id[KEYFILE_ID_OCTETS];		  /* of the key: SHA-1 of its public key's bits */
	struct keyfile_cert certs[KEYFILE_CERTS]; /* the key's own first */
	size_t n;
	uint64_t rounds; /* that its passphrase was or would have been worth: at most ROUNDS_MAX */
};

void keyfile_clear(struct keyfile *f);

/* The passphrase of the file; asked for once at most, and only when it is needed. */
typedef enum inro_err keyfile_ask(void *arg, struct secret *ret);

/* Appends what is in `content` to *ret, which may have been read into before; each certificate
 * once. INRO_E_SYNTAX: nothing in it can be read; INRO_E_PIN_WRONG: the passphrase is another;
 * INRO_E_AMBIGUOUS: a second key; INRO_E_TOO_BIG: also, a passphrase would take too long to try
 * (rounds.h), told before it is asked for, and of what is within a PKCS#12 file before it is tried. */
MUST_CHECK enum inro_err keyfile_read(struct bytes content, keyfile_ask *ask, void *arg,
				      struct keyfile *ret);

/* The key and certificates of that nickname in an NSS database, by Debian's pk12util under a
 * password made for this once.  pin_file NULL: pk12util asks on the terminal if there is a PIN. */
MUST_CHECK enum inro_err keyfile_read_nss(const char *dir, const char *nickname,
					  const char *pin_file, struct keyfile *ret);

#endif
