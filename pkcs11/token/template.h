/*
 * template - what a caller gives: checked against the rules before anything is made or changed.
 *
 * 1. A template's memory is the caller's and is read here only; bounds first (template_check).
 * 2. Nothing is stored from a template that has one wrong attribute in it.
 */
#ifndef INRO_PKCS11_TOKEN_TEMPLATE_H
#define INRO_PKCS11_TOKEN_TEMPLATE_H

#include "pkcs11/token/rule.h"

#define TEMPLATE_MAX	   128
#define TEMPLATE_MAX_VALUE ((CK_ULONG)1 << 20)

struct template
{
	const CK_ATTRIBUTE *a;
	CK_ULONG n;
};

/* Pointers and sizes: INRO_E_ARG, INRO_E_ATTR_VALUE. */
MUST_CHECK enum inro_err template_check(struct template t);
/* The value of a type; false when it is not there. */
bool template_get(struct template t, CK_ATTRIBUTE_TYPE type, struct bytes *ret);
/* INRO_E_TEMPLATE_INCOMPLETE or INRO_E_ATTR_VALUE. */
MUST_CHECK enum inro_err template_ulong(struct template t, CK_ATTRIBUTE_TYPE type, CK_ULONG *ret);

/* Whether each attribute may be given so, as template_apply() says it. */
MUST_CHECK enum inro_err template_admits(struct template t, const struct object_kind *kind,
					 unsigned allowed);
/* A new object's attributes: those given (allowed: RULE_CREATE, RULE_GEN, RULE_UNWRAP or
 * RULE_DERIVE, with RULE_OFFICER when the security officer asks), then the defaults.  Parts of keys
 * are checked and left out. */
MUST_CHECK enum inro_err template_apply(struct template t, const struct object_kind *kind,
					unsigned allowed, struct attrs *ret);
/* Changes to attributes that are there (allowed: RULE_SET, or RULE_SET | RULE_COPY; with
 * RULE_OFFICER as above). */
MUST_CHECK enum inro_err template_change(struct template t, const struct object_kind *kind,
					 unsigned allowed, struct attrs *attrs);
/* The defaults of what is not there, marked as implied: for objects that were kept before an
 * attribute was known. */
MUST_CHECK enum inro_err template_imply(const struct object_kind *kind, struct attrs *attrs);

/* A caller's template and what another object's CKA_UNWRAP_TEMPLATE (or its like) adds: the array
 * is the caller's room, its values are borrowed from both.  INRO_E_TEMPLATE_INCONSISTENT when they
 * say different things, INRO_E_ARG when there is no room. */
#define TEMPLATE_MERGED_MAX 192
MUST_CHECK enum inro_err template_merge(struct template t, const struct attrs *more,
					CK_ATTRIBUTE room[TEMPLATE_MERGED_MAX],
					struct template *ret);

#endif
