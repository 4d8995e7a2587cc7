/*
 * mechname - the numbers of PKCS#11 3.2 as people write them: "CKM_AES_GCM", "CKA_LABEL".
 *
 * For output, documents and error texts.  Names are static strings, the standard's own; where it
 * has had two for a number, the one it prefers today.  All functions may be called from any
 * thread.
 */
#ifndef INRO_BASE_CRYPTOKI_MECHNAME_H
#define INRO_BASE_CRYPTOKI_MECHNAME_H

#include "base/cryptoki/cryptoki.h"
#include "base/err.h"

/* NULL: not in the standard (a vendor's), print the number. */
const char *cryptoki_mech_name(CK_MECHANISM_TYPE mech);
const char *cryptoki_attr_name(CK_ATTRIBUTE_TYPE attr);
const char *cryptoki_class_name(CK_OBJECT_CLASS class);
const char *cryptoki_key_type_name(CK_KEY_TYPE type);
const char *cryptoki_rv_name(CK_RV rv);

enum cryptoki_kind {
	CRYPTOKI_CLASS,
	CRYPTOKI_KEY_TYPE,
	CRYPTOKI_ATTR,
	CRYPTOKI_MECH,
	CRYPTOKI_KIND__MAX
};

struct cryptoki_name {
	CK_ULONG value;
	const char *name;
};

/* A whole table, ascending by value, each value and name once. */
const struct cryptoki_name *cryptoki_names(enum cryptoki_kind kind, size_t *ret_n);

#endif
