/* cert_lint - 'inro cert lint': which rules a certificate breaks, whoever has issued it. */
#include "backoffice/pki/cert.h"

#include "tools/cert_ref.h"
#include "tools/nouns.h"
#include "tools/office.h"

/* Without the issuer's certificate only a self-signed one has rules between the two. */
static const struct cert *cert_lint_issuer(const struct call *c, const struct cert *issuer)
{
	return call_has(c, "issuer") ? issuer : NULL;
}

enum inro_err cert_lint_run(const struct call *c, json_t **ret)
{
	SCOPED(cert) cert = { 0 };
	SCOPED(cert) issuer = { 0 };
	enum inro_err e = cert_ref_read(call_arg(c, 0), &cert);
	if (!e && call_has(c, "issuer"))
		e = cert_ref_read(call_opt(c, "issuer"), &issuer);
	if (!e && !call_has(c, "issuer") && !cert.self_issued)
		e = err_set(INRO_E_ARG,
			    "%s is not self-signed: give its issuer's certificate by --issuer",
			    call_arg(c, 0));
	return e ? e
		 : json_give(json_of_broken_rules(&cert, cert_lint_issuer(c, &issuer)), ret);
}
