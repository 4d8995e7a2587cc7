/* rule_kinds - the table of kinds, for rule.c alone. */
#ifndef INRO_PKCS11_TOKEN_RULE_KINDS_H
#define INRO_PKCS11_TOKEN_RULE_KINDS_H

#include "pkcs11/token/rule.h"

extern const struct object_kind rule_kinds[];
extern const size_t rule_kinds_n;

#endif
