/* cert_ref - see cert_ref.h. */
#include "tools/cert_ref.h"

#include <stdio.h>
#include <string.h>

#include "backoffice/pki/cert.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tools/office.h"

enum inro_err cert_ref_read(const char *path, struct cert *ret)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = file_read(path, PEM_MAX(CERT_MAX), &text);
	if (e) /* which names the file */
		return e;
	e = cert_read(buf_bytes(&text), ret);
	return e ? err_context(e, "%s", path) : INRO_OK;
}

static enum inro_err of_file(const char *path, struct cert_ref *ref)
{
	SCOPED(buf) hex = { 0 };
	SCOPED(cert) cert = { 0 };
	enum inro_err e = cert_ref_read(path, &cert);
	if (e)
		return e;
	buf_add_hex(&hex, BYTES(cert.fingerprint, sizeof cert.fingerprint));
	snprintf(ref->text, sizeof ref->text, "sha256:%.*s", (int)hex.n, (const char *)hex.p);
	return buf_err(&hex);
}

static enum inro_err read_ref(const char *arg, struct cert_ref *ref)
{
	if (strpbrk(arg, "./"))
		return of_file(arg, ref);
	if (strlen(arg) >= sizeof ref->text)
		return err_set(INRO_E_ARG, "'%.40s...' is too long for a certificate's id, serial or fingerprint",
			       arg);
	snprintf(ref->text, sizeof ref->text, "%s", arg);
	return INRO_OK;
}

enum inro_err cert_ref_open(const struct call *c, struct core **ret, struct cert_ref *ref)
{
	enum inro_err e = read_ref(call_arg(c, 0), ref);
	return e ? e : office_open(c, ret);
}
