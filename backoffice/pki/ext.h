/*
 * ext - X.509 extensions and the names of their bits: one reader and one writer for requests and
 * certificates (RFC 5280 4.2).
 *
 * 1. An extension that is there twice is refused.
 * 2. The reader keeps what it knows and counts unknown ones that are critical.
 */
#ifndef INRO_BACKOFFICE_PKI_EXT_H
#define INRO_BACKOFFICE_PKI_EXT_H

#include "base/bytes.h"

/* Key usage as bits, digitalSignature first (RFC 5280 4.2.1.3). */
enum {
	USAGE_DIGITAL_SIGNATURE = 1 << 0,
	USAGE_NON_REPUDIATION = 1 << 1,
	USAGE_KEY_ENCIPHERMENT = 1 << 2,
	USAGE_DATA_ENCIPHERMENT = 1 << 3,
	USAGE_KEY_AGREEMENT = 1 << 4,
	USAGE_KEY_CERT_SIGN = 1 << 5,
	USAGE_CRL_SIGN = 1 << 6,
	USAGE_ENCIPHER_ONLY = 1 << 7,
	USAGE_DECIPHER_ONLY = 1 << 8,
};

/* Extended key usage as bits, in the order of the table. */
enum {
	EKU_SERVER_AUTH = 1 << 0,
	EKU_CLIENT_AUTH = 1 << 1,
	EKU_CODE_SIGNING = 1 << 2,
	EKU_EMAIL_PROTECTION = 1 << 3,
	EKU_TIME_STAMPING = 1 << 4,
	EKU_OCSP_SIGNING = 1 << 5,
	EKU_CMC_CA = 1 << 6, /* RFC 6402 2.10, and the next */
	EKU_CMC_RA = 1 << 7,
	EKU_CM_KGA = 1 << 8, /* makes keys for others, RFC 9810 4.5 */
	EKU_ANY = 1 << 29,   /* anyExtendedKeyUsage, RFC 5280 4.2.1.12: read, not written */
	EKU_OTHER = 1 << 30, /* one that has no name here */
};

/* "digitalSignature" …; 0 when unknown. */
unsigned ku_find(struct bytes name);
unsigned eku_find(struct bytes name);
/* Blank-separated names, appended. */
void ku_text(unsigned bits, struct buf *ret);
void eku_text(unsigned bits, struct buf *ret);

#define EXT_PATH_LEN_NONE (-1)

/* What is known of an extension list.  Borrows. */
struct ext_facts {
	bool has_key_usage, has_eku, has_constraints, ca;
	bool key_usage_critical, constraints_critical, sans_critical, key_id_critical;
	unsigned key_usage, eku;
	unsigned unknown_critical; /* how many */
	int path_len;	       /* EXT_PATH_LEN_NONE */
	struct bytes sans;     /* GeneralNames content; empty: none */
	struct bytes ski, aki; /* key identifiers; empty: none */
	struct bytes limits;   /* name constraints, the value whole; empty: none (limits.h) */
	struct bytes all;      /* the list as it was read */
};

/* The content of Extensions ::= SEQUENCE OF Extension. */
MUST_CHECK enum inro_err ext_read(struct bytes extensions, struct ext_facts *ret);

/* The next Extension off the front of a list. */
struct ext_one {
	struct bytes oid, value; /* the value: what is in the OCTET STRING */
	bool critical;
};
MUST_CHECK enum inro_err ext_next(struct bytes *in, struct ext_one *ret);
/* All of a list that was read, but the authority key identifier, appended. */
MUST_CHECK enum inro_err ext_copy(struct buf *b, struct bytes extensions);
/* One that is written here and by no profile, by the content octets of its OID. */
bool ext_is_known(struct bytes oid);

/* Writers, each one Extension appended. */
/* Of any kind: what is in its OCTET STRING. */
void ext_add_other(struct buf *b, struct bytes oid, bool critical, struct bytes value);
void ext_add_key_usage(struct buf *b, unsigned bits);
void ext_add_eku(struct buf *b, unsigned bits, bool critical);
void ext_add_constraints(struct buf *b, bool ca, int path_len);
void ext_add_limits(struct buf *b, struct bytes value); /* name constraints */
void ext_add_sans(struct buf *b, struct bytes names, bool critical);
void ext_add_ski(struct buf *b, struct bytes id);
void ext_add_aki(struct buf *b, struct bytes id);
void ext_add_crl_url(struct buf *b, const char *url);
void ext_add_access(struct buf *b, const char *ocsp_url, const char *issuer_url); /* NULL: none */
void ext_add_ocsp_nocheck(struct buf *b);
void ext_add_crl_number(struct buf *b, struct bytes number);
/* Of lists: which complete one a delta continues (critical), where deltas are, which part of the
 * certificates this is a list of (critical). */
void ext_add_delta_base(struct buf *b, struct bytes number);
void ext_add_freshest(struct buf *b, const char *url);
void ext_add_crl_part(struct buf *b, const char *url);

#endif
