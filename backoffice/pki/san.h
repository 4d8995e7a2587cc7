/*
 * san - subject alternative names (RFC 5280 4.2.1.6): DNS, IP, URI, email.
 *
 * 1. A list of names is the content octets of GeneralNames: names are appended to a struct buf
 *    and read off a struct bytes.
 * 2. What is made or accepted here is checked: host name labels (RFC 1123; `*.` only in front and
 *    only where the caller allows it), 4 or 16 octets of address, an absolute ASCII URI (RFC 3986),
 *    an ASCII mailbox.
 */
#ifndef INRO_BACKOFFICE_PKI_SAN_H
#define INRO_BACKOFFICE_PKI_SAN_H

#include "base/bytes.h"

#define SAN_MAX	   256	 /* names in one certificate */
#define SAN_OCTETS 16384 /* content octets of the list */

enum san_kind { SAN_DNS, SAN_IP, SAN_URI, SAN_EMAIL, SAN_OTHER, SAN__MAX };

/* "DNS", "IP", "URI", "email", "other". */
const char *san_kind_name(enum san_kind k);
/* Any case; SAN__MAX when unknown. */
enum san_kind san_kind_find(struct bytes name);

struct san {
	enum san_kind kind;
	struct bytes value; /* text, or the address's octets */
	struct bytes whole; /* the GeneralName */
};

/* "DNS:host", "IP:192.0.2.1", "IP:2001:db8::1", "URI:urn:x", "email:a@b": checked, appended;
 * a name that is in the list already is not added again. */
MUST_CHECK enum inro_err san_add(struct buf *names, const char *text);
MUST_CHECK enum inro_err san_add_value(struct buf *names, enum san_kind kind, struct bytes text);

/* Labels by RFC 1123, no star, no address. */
bool san_is_host(struct bytes s);
/* The next name off the front; *in not empty.  Well-formedness only. */
MUST_CHECK enum inro_err san_next(struct bytes *in, struct san *ret);
/* A list of foreign making: every name of a known kind and right in itself, at most SAN_MAX. */
MUST_CHECK enum inro_err san_check(struct bytes names);
/* Bit 1 << kind for each kind that is there; 0 for a broken list. */
unsigned san_kinds(struct bytes names);
/* The name is in the list; DNS names in any case. */
bool san_has(struct bytes names, const struct san *name);
/* A DNS name with a star in front is in the list. */
bool san_has_wildcard(struct bytes names);
/* "DNS:a, IP:192.0.2.1", appended. */
MUST_CHECK enum inro_err san_text(struct bytes names, struct buf *ret);
/* One name as "DNS:a", appended. */
void san_one_text(const struct san *s, struct buf *ret);

#endif
