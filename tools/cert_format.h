/*
 * cert_format - a certificate as others take it: alone, with its chain, as PKCS#7, or with a key
 * that was made here as PKCS#12.
 */
#ifndef INRO_TOOLS_CERT_FORMAT_H
#define INRO_TOOLS_CERT_FORMAT_H

#include "base/secret.h"
#include "tools/office.h"

/* --out and --format pem, der, pkcs7 or chain; the second has p12 too. */
extern const struct cmd_opt cert_out_opts[], cert_key_out_opts[];

/* The certificate's document, its "pem" as --format says. */
MUST_CHECK enum inro_err cert_give(const struct call *c, struct core *core, const struct cred *cert,
				   json_t **ret);
/* For rows with --make-key: what goes with what. */
MUST_CHECK enum inro_err cert_make_key_check(const struct call *c);
cmd_run cert_make_key_run, cert_export_run;

#endif
