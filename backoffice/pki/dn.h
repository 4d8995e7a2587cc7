/*
 * dn - distinguished names: "/O=Example/CN=Root" and "CN=Root,O=Example" (RFC 4514) to DER and
 * back (RFC 5280 4.1.2.4, Appendix A: upper bounds).
 *
 * 1. A name is kept as the DER of its Name, whole; there is no other form of it in memory.
 * 2. The slash form is in certificate order, the RFC 4514 form in the reverse: the text's last
 *    part is the certificate's first.
 * 3. What is made or accepted here has one attribute in each RDN, known types, UTF-8 without
 *    control characters, each value within its bound.
 */
#ifndef INRO_BACKOFFICE_PKI_DN_H
#define INRO_BACKOFFICE_PKI_DN_H

#include "base/bytes.h"

#define DN_MAX	 4096 /* octets of a name's DER */
#define DN_PARTS 32   /* RDNs */

struct dn_type {
	const char *name;      /* "CN" */
	const char *long_name; /* "commonName", also understood */
	const char *oid;       /* dotted */
	struct bytes oid_der;  /* content octets */
	size_t min, max;       /* characters */
	uint8_t tag;	       /* how it is written: DER_UTF8_STRING … */
};

/* The types in their order; NULL behind the last. */
const struct dn_type *dn_type_at(size_t i);
/* Any case, either name, dotted OID; NULL when unknown. */
const struct dn_type *dn_type_find(struct bytes name);

/* Values of ${…} in the text: NULL where there is none. */
struct dn_var {
	const char *name, *value;
};
struct dn_vars {
	const char *device_id, *device_name, *ca_name, *ca_generation;
	const char *device_serial, *device_ip, *device_mac, *device_hostname, *device_os;
	const char *device_group;   /* its path */
	const struct dn_var *attrs; /* ${device.attr.NAME} */
	size_t attrs_n;
	const char *any_attr; /* of attributes that are not listed; NULL: they have none */
};

/* Text with its ${device.id} and other variables filled in, appended.  An unknown or unset one is
 * INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err dn_expand(struct bytes text, const struct dn_vars *vars, struct buf *ret);

/* Text to DER, appended.  Variables (vars not NULL) are filled in after the text has been taken
 * apart, so that a value can't add parts.  An empty text gives the empty name. */
MUST_CHECK enum inro_err dn_parse(const char *text, const struct dn_vars *vars,
				  struct buf *ret_der);

/* A name of foreign making that is to go into a certificate of ours: invariant 3. */
MUST_CHECK enum inro_err dn_check(struct bytes der);

/* RFC 4514 text, appended; any well-formed name, unknown types as dotted OIDs with #hex. */
MUST_CHECK enum inro_err dn_text(struct bytes der, struct buf *ret);

struct dn_part {
	const struct dn_type *type; /* NULL: one that is not in the table */
	struct bytes oid;
	uint8_t tag;
	struct bytes value;
	bool joined; /* in the same RDN as the part before it */
};

/* Goes through the parts in certificate order. */
struct dn_walk {
	struct bytes names, set;
};

MUST_CHECK enum inro_err dn_walk(struct bytes der, struct dn_walk *ret);
/* *ret_more false: there was none, *ret is unchanged. */
MUST_CHECK enum inro_err dn_next(struct dn_walk *w, struct dn_part *ret, bool *ret_more);

bool dn_is_empty(struct bytes der);
/* One name, as RFC 5280 7.1 compares them: text_folded() values of the same types in the same order. */
bool dn_same(struct bytes a, struct bytes b);
/* Its value is one of the kinds of text that are folded to be compared. */
bool dn_is_folded(const struct dn_part *p);

#endif
