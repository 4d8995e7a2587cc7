/*
 * evidence - the statement that something is destroyed.
 *
 * 1. It is a JSON document with the statement as a text, which the audit's key signs where there is
 * one.
 * 2. An event (certificate.evidence, key.evidence) has the SHA-256 of that text, so that the audit's
 * chain vouches for it, also where no key signs.
 */
#ifndef INRO_BACKOFFICE_CORE_EVIDENCE_H
#define INRO_BACKOFFICE_CORE_EVIDENCE_H

#include <jansson.h>

#include "backoffice/core/internal.h"

/* The URI of the key that signs, which is at hand now: before anything is gone.  NULL: none does. */
MUST_CHECK enum inro_err evidence_signer(struct core *c, char **ret);

struct destruction {
	const char *kind; /* "certificate", "key" */
	int64_t id;
	const char *signer; /* NULL: none */
};
/* The document of a statement, appended, and its event. */
MUST_CHECK enum inro_err evidence_give(struct core *c, const struct destruction *ev, const char *text,
				       struct buf *ret);

/* Parts of a statement; new references. */
json_t *evidence_hex(struct bytes b);
/* What became of the sealed octets in a record, which was read again after they were wiped. */
json_t *evidence_copy(const struct credential *before, const struct credential *after);

#endif
