/* rows_check - certificates and profiles that are looked at and not kept. */
#include "backoffice/pki/cert.h"
#include "backoffice/pki/profile.h"
#include "backoffice/rest/lists.h"
#include "backoffice/show/doc.h"

static enum inro_err read_cert(const struct rest *r, const char *name, struct cert *ret)
{
	enum inro_err e = cert_read(bytes_of(rest_text(r, name)), ret);

	return e == INRO_OK ? e : err_context(e, "the member '%s'", name);
}

static enum inro_err check_cert(struct rest *r, json_t **ret)
{
	SCOPED(cert) cert = { 0 };
	SCOPED(cert) issuer = { 0 };
	bool by_other = rest_given(r, "issuer");
	json_t *broken;
	enum inro_err e = read_cert(r, "cert", &cert);

	if (e == INRO_OK && by_other)
		e = read_cert(r, "issuer", &issuer);
	if (e == INRO_OK && !by_other && !cert.self_issued)
		e = err_set(INRO_E_ARG, "it is not self-signed: its issuer's certificate is the member "
					"'issuer'");
	if (e != INRO_OK)
		return e;
	broken = json_of_broken_rules(&cert, by_other ? &issuer : NULL);
	return json_give(json_pack("{s:b s:o}", "valid", json_array_size(broken) == 0, "broken", broken),
			 ret);
}

static enum inro_err check_profile(struct rest *r, json_t **ret)
{
	SCOPED(profile) p = { 0 };
	enum inro_err e = profile_read(bytes_of(rest_text(r, "text")), "the profile", &p);

	if (e == INRO_E_NO_MEMORY)
		return e;
	return json_give(json_pack("{s:b s:o s:o}", "valid", e == INRO_OK, "name",
				   json_of_text(e == INRO_OK ? p.name : NULL), "wrong",
				   json_of_text(e == INRO_OK ? NULL : err_detail(e))),
			 ret);
}

static const struct rest_shape broken_rule = { "BrokenRule",
					       FIELDS(OUT_HAS("rule"), OUT_HAS("from"), OUT_HAS("wrong")) };
static const struct rest_shape checked_cert = { "CheckedCertificate",
						FIELDS(OUT_BOOL("valid"), OUT_LIST("broken", broken_rule)) };
static const struct rest_shape checked_profile = {
	"CheckedProfile", FIELDS(OUT_BOOL("valid"), OUT_TEXT("name"), OUT_TEXT("wrong"))
};

const struct rest_row rest_check_rows[] = {
	{ "POST", "/v1/checks/certificate", "cert lint",
	  "Lists the rules of RFC 5280 that a certificate breaks, whoever issued it", ROLE_AUDITOR, 0, 0,
	  FIELDS(IN_PEM("cert", true, "PEM"), IN_PEM("issuer", false, "PEM; of a self-signed one none")),
	  &checked_cert, check_cert },
	{ "POST", "/v1/checks/profile", "profile check", "Checks a profile without adding it",
	  ROLE_AUDITOR, 0, 0, FIELDS(IN_PEM("text", true, "the profile, INI")), &checked_profile,
	  check_profile },
	{ 0 },
};
