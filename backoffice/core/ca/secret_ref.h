/*
 * secret_ref - where a password is: "file:PATH" (its first line), "env:NAME", "credential:NAME" (a file of
 * that name in what systemd's LoadCredential= gives the service).
 *
 * The reference is recorded; what it leads to is read anew for each use and goes nowhere else.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_SECRET_REF_H
#define INRO_BACKOFFICE_CORE_CA_SECRET_REF_H

#include "base/secret.h"

/* INRO_E_ARG: none of these kinds; of a file also as file_uri_path(). */
MUST_CHECK enum inro_err secret_ref_check(const char *ref);
/* INRO_E_CONFIG says what is not there. */
MUST_CHECK enum inro_err secret_ref_read(const char *ref, struct secret *ret);

#endif
