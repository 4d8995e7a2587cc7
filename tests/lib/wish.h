/*
 * wish - a certificate by a profile of ours, as a test wants it: what an issue takes, with everything that it borrows.
 */
#ifndef INRO_TESTS_LIB_WISH_H
#define INRO_TESTS_LIB_WISH_H

#include "backoffice/pki/profile.h"
#include "tests/lib/judge.h"

#define WISH_NOW INT64_C(1790000000) /* 2026-09-21 */

struct wish {
	struct profile profile;
	struct buf spki, subject, sans;
	struct pubkey pub;
	uint8_t serial[CERT_SERIAL_OCTETS];
	struct issue in;
	EVP_PKEY *signer;
};

void wish_clear(struct wish *w);

/* By this built-in profile, at WISH_NOW; issuer NULL: self-signed. */
void wish_for(struct wish *w, const char *profile, EVP_PKEY *key, const struct judge_ca *issuer, const char *subject);
void wish_san(struct wish *w, const char *san);
enum inro_err wish_issue(struct wish *w, struct buf *ret);

#endif
