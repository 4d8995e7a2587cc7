/*
 * soft - the backend that keeps keys in software, sealed under a master key that the PINs open.
 *
 * docs/key-hierarchy.md has the formats.  An instance belongs to the process that opened it: in a
 * forked child only close() may be called on it (the master key is wiped there).
 */
#ifndef INRO_PKCS11_SOFT_SOFT_H
#define INRO_PKCS11_SOFT_SOFT_H

#include "pkcs11/token/backend.h"

extern const struct backend_ops backend_soft;

#endif
