/*
 * pem - base64 with a label (RFC 7468), strict in what it takes: one alphabet, its own end line.
 */
#ifndef INRO_BACKOFFICE_PKI_PEM_H
#define INRO_BACKOFFICE_PKI_PEM_H

#include "base/bytes.h"

#define PEM_CERT	"CERTIFICATE"
#define PEM_CSR		"CERTIFICATE REQUEST"
#define PEM_CRL		"X509 CRL"
#define PEM_PUBLIC_KEY	"PUBLIC KEY"

/* Appends the block. */
void pem_add(struct buf *out, const char *label, struct bytes der);
/* The same in parts: lines of so many octets of DER; only the last call's may be no multiple. */
#define PEM_LINE 48
void pem_add_begin(struct buf *out, const char *label);
void pem_add_lines(struct buf *out, struct bytes der);
void pem_add_end(struct buf *out, const char *label);

/* Base64 without a label, with or without line breaks and blanks between its characters; strict as
 * above.  INRO_E_SYNTAX.  Appends. */
MUST_CHECK enum inro_err pem_base64(struct bytes text, struct buf *ret);

/* The next block with this label, taken off the front of *text; other text and other blocks
 * before it are passed over.  INRO_E_NOT_FOUND when there is none, INRO_E_SYNTAX for a broken
 * one.  Appends. */
MUST_CHECK enum inro_err pem_next(struct bytes *text, const char *label, struct buf *ret_der);

/* Looks like PEM: has "-----BEGIN " in it, and is not DER from its first octet to its last. */
bool pem_is(struct bytes input);

/* Octets that so much DER may have as PEM or Base64, with some words around it. */
#define PEM_MAX(der) ((der) + (der) * 5 / 12)
/* One object given as PEM or DER: the DER, up to `max` octets, with nothing behind it.  `what` is for error texts
 * ("certificate request").  "NEW CERTIFICATE REQUEST" counts as a request, of which there
 * must be one only.  Appends. */
MUST_CHECK enum inro_err pem_or_der(struct bytes input, const char *label, size_t max,
				    const char *what, struct buf *ret_der);

#endif
