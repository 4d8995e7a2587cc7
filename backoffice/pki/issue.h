/*
 * issue - a profile, a request and a CA become the bytes that the CA's key signs.
 *
 * 1. The certificate is spliced DER; nothing of libcrypto is involved (docs/adr/0007).
 * 2. Every rule is checked before there are bytes to sign: a refused certificate never costs a
 *    use of the CA's key.  A refusal is INRO_E_POLICY and says which rule of what.
 * 3. The order is issue_tbs(), a signature over issued.tbs by issued.sig, pki_signed(), and
 *    cert_complete() of issued.read.
 */
#ifndef INRO_BACKOFFICE_PKI_ISSUE_H
#define INRO_BACKOFFICE_PKI_ISSUE_H

#include "backoffice/pki/bounds.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/dn.h"
#include "backoffice/pki/limits.h"
#include "backoffice/pki/profile.h"

#define ISSUE_SANS_MAX 100 /* alternative names that are asked for */

struct issue {
	const struct profile *profile;
	const struct cert *issuer; /* NULL: self-signed by the key below */
	const struct pubkey *key;  /* the subject's; possession proved by the caller */
	struct bytes subject;	   /* Name asked for, whole; empty: the profile's default */
	struct bytes sans;    /* names asked for; the profile's defaults fill what is missing */
	struct dn_vars vars;  /* device_id NULL: not for a device */
	struct bytes granted; /* names that a device may ask for beside the profile's defaults */
	struct bytes serial;  /* cert_serial() */
	int64_t now;
	int64_t not_after; /* 0: as the profile says; else that, which is no later */
	const char *crl_url, *ocsp_url, *issuer_url; /* the CA's; NULL: the profile's, if any */
	int path_len; /* of a CA: EXT_PATH_LEN_NONE: the profile's; else the smaller */
	struct bytes constraints;    /* of a CA: its name constraints, DER; empty: the profile's, if any */
	const struct limits *limits; /* name constraints of the CAs above; NULL: none */
	const struct bounds *bounds; /* of the issuer and those above it; NULL: of the issuer alone */
};

/* Owned by the caller: issued_clear(). */
struct issued {
	struct buf tbs;
	struct cert read; /* what tbs says, read back from it; borrows from it */
	const struct pki_sig *sig;
	struct buf subject; /* Name, whole, as decided */
	struct buf sans;    /* as decided */
	int64_t not_before, not_after;
};

/* Everything that can be refused before there is a key: of in->key only type and bits are looked
 * at, in->serial not at all. */
MUST_CHECK enum inro_err issue_check(const struct issue *in);
MUST_CHECK enum inro_err issue_tbs(const struct issue *in, struct issued *ret);
void issued_clear(struct issued *i);
/* The alternative names that the profile gives to who has none, as far as its variables have values;
 * of *in only profile and vars are looked at.  Appended. */
MUST_CHECK enum inro_err issue_default_names(const struct issue *in, struct buf *names);

#endif
