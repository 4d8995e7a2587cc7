/*
 * template - what C_CreateObject is told about an object of SoftHSM's.
 *
 * What an object says of itself is carried by a table: attributes with which C_CreateObject makes
 * an object like it.  Not carried is what a token says of its own (CKA_LOCAL, CKA_ALWAYS_SENSITIVE,
 * CKA_NEVER_EXTRACTABLE, CKA_KEY_GEN_MECHANISM, CKA_CHECK_VALUE, sizes) and CKA_TRUSTED, which only
 * the SO may give.
 */
#ifndef INRO_TOOLS_IMPORT_TEMPLATE_H
#define INRO_TOOLS_IMPORT_TEMPLATE_H

#include "tools/import/softhsm.h"

#define TEMPLATE_ATTRS	48
#define TEMPLATE_NESTED 32

struct softhsm_template {
	CK_ATTRIBUTE a[TEMPLATE_ATTRS];
	CK_ULONG n;
	CK_ATTRIBUTE nested[3 * TEMPLATE_NESTED]; /* of CKA_WRAP_TEMPLATE and its like */
	size_t n_nested;
	struct secret room; /* where the values are */
	size_t used;
};

void softhsm_template_clear(struct softhsm_template *t);
/* INRO_E_UNSUPPORTED: a class that can't be carried; INRO_E_DAMAGED: a value that doesn't decrypt,
 * or a kind that its type can't have. */
MUST_CHECK enum inro_err softhsm_template(const struct softhsm_object *o, const struct secret *key,
					  struct softhsm_template *ret);

/* How a person would know the object: "private key 'web' (CKK_RSA, id 01)"; appended.  The label
 * and id only as far as they can be read. */
void softhsm_describe(const struct softhsm_object *o, const struct secret *key, struct buf *ret);

#endif
