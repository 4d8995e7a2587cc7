/*
 * lint - the rules that a certificate of ours must keep, those of RFC 5280 and those for its key,
 * checked on its own bytes before they are signed.
 */
#ifndef INRO_BACKOFFICE_PKI_LINT_H
#define INRO_BACKOFFICE_PKI_LINT_H

#include "backoffice/pki/cert.h"

struct lint_rule {
	const char *name;    /* "ca-key-usage" */
	const char *section; /* "RFC 5280 4.2.1.3" */
	const char *wrong;   /* what is said when it is broken */
	bool (*holds)(const struct cert *c, const struct cert *issuer);
};

/* NULL behind the last. */
const struct lint_rule *lint_rule_at(size_t i);

/* Any certificate, ours or not: calls with each rule that it breaks. */
typedef void lint_broken_fn(void *arg, const struct lint_rule *rule);
void lint_all(const struct cert *c, const struct cert *issuer, lint_broken_fn *broken, void *arg);

/* A certificate, or a TBSCertificate read by cert_read_tbs(); issuer NULL: self-signed.
 * INRO_E_POLICY with the first rule that is broken. */
MUST_CHECK enum inro_err lint(const struct cert *c, const struct cert *issuer);

#endif
