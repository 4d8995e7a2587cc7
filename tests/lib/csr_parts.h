/*
 * csr_parts - a certificate request by its parts, each of them as somebody wants it.
 *
 * What can't be done ends the program.
 */
#ifndef INRO_TESTS_LIB_CSR_PARTS_H
#define INRO_TESTS_LIB_CSR_PARTS_H

#include <openssl/evp.h>

#include "base/bytes.h"

struct csr_parts {
	struct buf version, subject, spki, attributes; /* whole elements */
	struct buf identifier, signature;	       /* empty: made */
	EVP_PKEY *signer;
};

/* A good one: CN=hostile and a P-256 key of the program, which signs. */
void csr_parts_open(struct csr_parts *p);
/* Put together, signed where it has no signature yet and p->signer can, and cleared. */
void csr_parts_close(struct csr_parts *p, struct buf *ret);

#define CSR_OID_CN "550403"
void csr_add_hex(struct buf *to, const char *hex);
void csr_add_spki(struct buf *to, EVP_PKEY *key);
/* One RDN of one attribute, with a value of any kind. */
void csr_add_rdn(struct buf *to, const char *oid_hex, uint8_t tag, struct bytes value);

void csr_must(bool good, const char *what);

#endif
