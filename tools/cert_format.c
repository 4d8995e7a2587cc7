/* cert_format - see cert_format.h. */
#include "tools/cert_format.h"

#include <stdio.h>
#include <string.h>

#include "backoffice/core/ca.h"
#include "backoffice/pki/bundle.h"
#include "backoffice/pki/pem.h"
#include "tools/cert_ref.h"
#include "tools/nouns.h"
#include "tools/pin.h"
#include "tools/text.h"

#define OUT_OPTS(...)                                                                              \
	{ .name = "out",                                                                           \
	  .arg = "FILE",                                                                           \
	  .kind = OPT_FILE,                                                                        \
	  .help = "write it to this file; - is standard output" },                                 \
	{                                                                                          \
		.name = "format", .kind = OPT_CHOICE, .choices = WORDS("pem", "der", __VA_ARGS__), \
		.help = "the data itself, on standard output without --out; chain: with the CAs "  \
			"above it, as PEM"                                                         \
	}

const struct cmd_opt cert_out_opts[] = { OUT_OPTS("pkcs7", "chain"), { 0 } };
const struct cmd_opt cert_key_out_opts[] = { OUT_OPTS("pkcs7", "chain", "p12"), { 0 } };

static bool format_is(const struct call *c, const char *word)
{
	const char *format = call_opt(c, "format");
	return format && !strcmp(format, word);
}

/* The certificate and those above it; they stay the chain's and the record's. */
static enum inro_err chain_of(struct core *core, const struct cred *cert, struct chain *chain,
			      struct bytes ders[static BUNDLE_CERTS_MAX], size_t *ret_n)
{
	enum inro_err e = cred_chain(core, cert, chain);
	ders[0] = blob_bytes(&cert->rec.cert);
	*ret_n = 1;
	for (size_t i = 0; !e && i < chain->n && *ret_n < BUNDLE_CERTS_MAX; i++)
		ders[(*ret_n)++] = blob_bytes(&chain->certs[i]);
	return e;
}

static enum inro_err chain_pem(const struct bytes *ders, size_t n, json_t **ret)
{
	*ret = json_of_pem(PEM_CERT, ders, n);
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "memory is short");
}

enum inro_err cert_give(const struct call *c, struct core *core, const struct cred *cert,
			json_t **ret)
{
	SCOPED(chain) chain = { 0 };
	struct bytes ders[BUNDLE_CERTS_MAX];
	size_t n = 0;
	json_t *pem = NULL;
	bool bundle;
	enum inro_err e = json_give(json_of_cred(cert), ret);
	if (e || !cert->rec.cert.n) /* a request that is refused has no format */
		return e;
	bundle = format_is(c, "pkcs7");
	if (!bundle && !format_is(c, "chain"))
		return e;
	e = chain_of(core, cert, &chain, ders, &n);
	if (!e)
		e = (bundle ? json_of_pkcs7 : chain_pem)(ders, n, &pem);
	if (!e)
		json_object_set_new(*ret, "pem", pem);
	return e;
}

/* Asked for before anything is made. */
static enum inro_err take_password(const struct call *c, struct secret *ret)
{
	enum inro_err e = pin_take(c, PIN_FILE, "the PKCS#12", true, ret);
	if (!e && ret->n < BUNDLE_PASSWORD_MIN)
		e = err_set(INRO_E_PIN_FORMAT, "a PKCS#12's password has %d characters at least",
			    BUNDLE_PASSWORD_MIN);
	return e;
}

static void warn(void)
{
	fputs("inro: this file has a private key that was not made by its device. Carry it only in a "
	      "safe environment, delete it where it is not needed, and look after copies in backups, "
	      "trash and caches.\n",
	      stderr);
}

static enum inro_err p12_pem(const struct bundle_p12 *in, json_t **ret)
{
	SCOPED(buf) der = { 0 };
	enum inro_err e = bundle_p12(in, &der);
	struct bytes one = buf_bytes(&der);
	if (!e && !(*ret = json_of_pem("PKCS12", &one, 1)))
		e = err_set(INRO_E_NO_MEMORY, "memory is short");
	return e;
}

static enum inro_err give_p12(struct core *core, const struct cred *cert,
			      const struct secret *pkcs8, const struct secret *password, json_t *doc)
{
	SCOPED(chain) chain = { 0 };
	struct bytes ders[BUNDLE_CERTS_MAX];
	struct bundle_p12 in = { .pkcs8 = secret_bytes(pkcs8),
				 .password = secret_bytes(password),
				 .name = cert->device_id ? cert->device_id : cert->rec.subject,
				 .certs = ders };
	json_t *pem = NULL;
	enum inro_err e = chain_of(core, cert, &chain, ders, &in.n);
	if (!e)
		e = p12_pem(&in, &pem);
	if (e)
		return e;
	json_object_set_new(doc, "pem", pem);
	json_object_set_new(doc, "private", json_true());
	warn();
	return INRO_OK;
}

/* ---- a key made here ---- */

enum inro_err cert_make_key_check(const struct call *c)
{
	bool made = call_has(c, "make-key");
	if (made && (call_has(c, "csr") || call_has(c, "csr-dir")))
		return err_set(INRO_E_ARG, "--make-key makes the request too: no --csr");
	if (made && (!format_is(c, "p12") || !call_has(c, "out")))
		return err_set(INRO_E_ARG, "a key that is made here leaves as --format p12 --out "
					   "FILE");
	if (made && call_has(c, "key"))
		return err_set(INRO_E_ARG, "--key says where a device's own key is");
	if (!made && format_is(c, "p12"))
		return err_set(INRO_E_ARG, "only a key that is made here (--make-key) leaves as p12");
	if (!made && (call_has(c, "keep-key") || call_has(c, "type") || call_has(c, "subject")))
		return err_set(INRO_E_ARG, "--keep-key, --type and --subject go with --make-key");
	return INRO_OK;
}

enum inro_err cert_make_key_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(secret) password = { 0 };
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(cred) cert = { 0 };
	const char *sans[CALL_MAX_OPTS];
	const struct cred_request r = {
		.ca = call_opt(c, "ca"),
		.profile = call_opt(c, "profile"),
		.device = call_opt(c, "device"),
		.sans = sans,
		.sans_n = call_opts(c, "san", sans),
		.days = (unsigned)call_number(c, "days", 0),
		.request_id = call_opt(c, "request-id"),
	};
	const struct cred_central how = { .subject = call_opt(c, "subject"),
					  .key_type = call_opt(c, "type"),
					  .keep = call_has(c, "keep-key") };
	enum inro_err e = office_open(c, &core);

	if (!e) /* by one who may have it */
		e = take_password(c, &password);
	if (!e)
		e = cred_issue_central(core, &r, &how, &pkcs8, &cert);
	if (!e)
		e = json_give(json_of_cred(&cert), ret);
	return e ? e : give_p12(core, &cert, &pkcs8, &password, *ret);
}

/* ---- a kept one ---- */

enum inro_err cert_export_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(secret) password = { 0 };
	SCOPED(secret) pkcs8 = { 0 };
	SCOPED(cred) cert = { 0 };
	struct cert_ref ref = { 0 };
	enum inro_err e = cert_ref_open(c, &core, &ref);

	if (!e) /* by one who may have it */
		e = take_password(c, &password);
	if (!e)
		e = cred_kept_key(core, ref.text, call_number(c, "proposal", 0), &pkcs8,
				  &cert);
	if (!e)
		e = json_give(json_of_cred(&cert), ret);
	return e ? e : give_p12(core, &cert, &pkcs8, &password, *ret);
}
