/*
 * csrattrs - what a profile wants in a request, told to who is to make one (RFC 7030 4.5.2, RFC 8951
 * 3.5): the template of RFC 9908 3.4, and beside it what older clients look for.
 *
 * 1. It is advice: what a request may have is decided when it comes.
 */
#ifndef INRO_BACKOFFICE_PKI_CSRATTRS_H
#define INRO_BACKOFFICE_PKI_CSRATTRS_H

#include "backoffice/pki/dn.h"
#include "backoffice/pki/profile.h"

struct csrattrs {
	const struct profile *profile;
	const struct dn_vars *vars; /* device_id NULL: who asks is not known, values are left open */
	uint64_t key_types;	    /* as profile.key_types, or fewer */
};

/* CsrAttrs, DER; appended. */
MUST_CHECK enum inro_err csrattrs_make(const struct csrattrs *in, struct buf *ret);

/* Parts of it as CMP's template of a request has them (RFC 9810 5.3.19.16), appended: a Name whose open
 * values are empty; the AlgorithmIdentifier of the one type of key that is taken; the extensions in this
 * tag.  Nothing where the profile says nothing of it. */
MUST_CHECK enum inro_err csrattrs_name(const struct csrattrs *in, struct buf *ret);
MUST_CHECK enum inro_err csrattrs_algorithm(const struct csrattrs *in, struct buf *ret);
MUST_CHECK enum inro_err csrattrs_extensions(const struct csrattrs *in, uint8_t tag, struct buf *ret);

#endif
