/*
 * limits - name constraints of CAs (RFC 5280 4.2.1.10): made of text, read, and held against the
 * names of a certificate.
 *
 * 1. What limits_check() lets pass, OpenSSL lets pass too: where RFC 5280 leaves a rule open, the
 *    stricter reading counts.  A name that can't be compared is refused.
 * 2. Each certificate's constraints count by themselves: below two CAs a name keeps both.
 * 3. Names of a kind that isn't constrained are free.  The common name of a certificate without a DNS
 *    name is one, when it looks like one.
 */
#ifndef INRO_BACKOFFICE_PKI_LIMITS_H
#define INRO_BACKOFFICE_PKI_LIMITS_H

#include "base/der.h"

#define LIMITS_MAX    256 /* subtrees in one certificate */
#define LIMITS_CHAIN  16  /* certificates */
#define LIMITS_OCTETS ((size_t)32 << 10)
#define LIMIT_IP_MAX  16 /* octets of an address */

/* GeneralName (RFC 5280 4.2.1.6), and the two lists of subtrees. */
enum {
	LIMIT_EMAIL = DER_CONTEXT | 1,
	LIMIT_DNS = DER_CONTEXT | 2,
	LIMIT_DIR = DER_CONTEXT_CONSTRUCTED | 4,
	LIMIT_URI = DER_CONTEXT | 6,
	LIMIT_IP = DER_CONTEXT | 7,
	LIMITS_PERMITTED = DER_CONTEXT_CONSTRUCTED,
	LIMITS_EXCLUDED = DER_CONTEXT_CONSTRUCTED | 1,
};

/* "DNS:example.com" (and all below), "DNS:.example.com" (only below), "DNS:" (all), "IP:10.0.0.0/8",
 * "IP:2001:db8::/32", "email:a@b", "email:example.com" (its mailboxes), "email:.example.com",
 * "URI:host", "URI:.example.com", "dirName:O=Example": the subtree, appended. */
MUST_CHECK enum inro_err limits_add(struct buf *subtrees, const char *text);
/* The value of the extension of subtrees that limits_add() made; nothing when there are none. */
MUST_CHECK enum inro_err limits_join(struct bytes permit, struct bytes exclude, struct buf *ret);
/* "permit DNS:a, DNS:b; exclude IP:10.0.0.0/8", appended. */
MUST_CHECK enum inro_err limits_text(struct bytes value, struct buf *ret);

/* One subtree, owned. */
struct limit {
	bool excluded, unclear; /* unclear: with a minimum or maximum, or in letters not known here */
	uint8_t tag;		/* of the GeneralName */
	struct buf value;	/* its content */
	struct buf canon;	/* a directory name's, for comparing */
};
struct limits_of {
	struct limit *items;
	size_t n;
	struct buf who; /* the CA's name, as text */
};
/* Those of a chain, in any order. */
struct limits {
	struct limits_of of[LIMITS_CHAIN];
	size_t n;
};
void limits_clear(struct limits *l);
/* The constraints of one more certificate, whose subject is given. */
MUST_CHECK enum inro_err limits_read(struct limits *l, struct bytes value, struct bytes subject);
/* INRO_E_POLICY names the name and the constraint. */
MUST_CHECK enum inro_err limits_check(const struct limits *l, struct bytes subject,
				      struct bytes sans);

#endif
