/*
 * ca_above - what is above a CA's certificate: a CA of ours that signed it, or those of others up to
 * a root.
 *
 * 1. Nothing of it is believed: dates, usage, path lengths, each signature up to a root, and the
 *    names that the CAs above may certify are checked.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_ABOVE_H
#define INRO_BACKOFFICE_CORE_CA_ABOVE_H

#include "backoffice/core/internal.h"
#include "backoffice/pki/cert.h"

struct ca_above {
	bool root; /* it signed itself, and nothing is above it */
	int64_t parent, parent_generation; /* a CA of ours, and its key; 0: none */
	struct buf others; /* DER, from its issuer up to a root, when no CA here signed it */
};
void ca_above_clear(struct ca_above *a);

/* That it is a CA's, and valid now. */
MUST_CHECK enum inro_err ca_above_check(const struct cert *cert, const char *what);
/* chain: as in struct ca_activation; self: the CA whose certificate it is, 0: none yet.
 * INRO_E_SIGNATURE, INRO_E_POLICY; INRO_E_STATE when the CA above can't issue. */
MUST_CHECK enum inro_err ca_above_find(struct core *c, const struct cert *cert, struct bytes chain,
				       int64_t self, struct ca_above *ret);
/* Of a certificate that the CA's key of that generation signed: the name constraints of that CA and of
 * all above it.  INRO_E_POLICY. */
MUST_CHECK enum inro_err ca_above_names(struct core *c, const struct cert *cert, int64_t ca,
					int64_t generation);

#endif
