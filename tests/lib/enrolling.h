/*
 * enrolling - an office with two devices that ask for certificates themselves.
 */
#ifndef INRO_TESTS_LIB_ENROLLING_H
#define INRO_TESTS_LIB_ENROLLING_H

#include "backoffice/core/enrol.h"
#include "tests/lib/office.h"

#define ENROLLING_NOW INT64_C(1790000000)

/* "dev"; "other", in a group with another profile.  tls: the label that is for "dev". */
struct enrolling {
	struct core *c;
	char name[40]; /* of the database, and of the CAs' keys */
	struct device dev, other;
	struct label tls;
};

/* A database of its own each time, at ENROLLING_NOW. */
void enrolling_open(const char *name, struct enrolling *ret);
void enrolling_close(struct enrolling *e);

void enrolling_device(struct core *c, const char *id, const char *group, struct device *ret);
/* type, value: of the subject; oid, id: an attribute (NULL: none). */
void enrolling_request(EVP_PKEY *key, const char *type, const char *value, const char *oid, struct bytes id,
		       struct buf *ret);
struct enrol enrolling_of(const struct enrolling *e, const struct device *d, const struct buf *csr);

#endif
