/*
 * blocklist - a file of keys that are known to others, by fingerprint.
 *
 * A line is 20 hexadecimal digits, the last ones of the SHA-1 of "Modulus=HEX\n" as
 * 'openssl rsa -modulus' prints it (the files of Debian's openssl-blacklist are made of these), or
 * 64, the SHA-256 of a SubjectPublicKeyInfo of any kind: of an RSA key as rsaEncryption, whatever it signs by, or as it
 * came.  Empty lines and those that begin with #
 * say nothing.  Anything else is an error: a list that is only half read protects nobody.
 */
#ifndef INRO_BACKOFFICE_PKI_BLOCKLIST_H
#define INRO_BACKOFFICE_PKI_BLOCKLIST_H

#include "backoffice/pki/pubkey.h"

#define BLOCKLIST_MAX ((size_t)256 << 20) /* octets of a file */

struct blocklist;

/* INRO_E_SYNTAX names the line, INRO_E_TOO_BIG; the file's own errors. */
MUST_CHECK enum inro_err blocklist_read(const char *path, struct blocklist **ret);
void blocklist_free(struct blocklist *b); /* NULL is fine */
/* INRO_E_POLICY when the key is in it.  NULL: nothing is. */
MUST_CHECK enum inro_err blocklist_check(const struct blocklist *b, const struct pubkey *k);

#endif
