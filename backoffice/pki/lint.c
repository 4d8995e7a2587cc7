#include "backoffice/pki/lint.h"

#include "backoffice/pki/dn.h"
#include "backoffice/pki/san.h"
#include "backoffice/pki/weak.h"

#define USAGE_ENCIPHERING (USAGE_KEY_ENCIPHERMENT | USAGE_DATA_ENCIPHERMENT)
#define USAGE_SIGNING                                                                              \
	(USAGE_DIGITAL_SIGNATURE | USAGE_NON_REPUDIATION | USAGE_KEY_CERT_SIGN | USAGE_CRL_SIGN)
#define USAGE_AGREEING (USAGE_KEY_AGREEMENT | USAGE_ENCIPHER_ONLY | USAGE_DECIPHER_ONLY)

static bool serial_holds(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return c->serial.n >= 8 && c->serial.n <= CERT_SERIAL_MAX;
}

static bool order_holds(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return c->not_before < c->not_after;
}

static bool begin_holds(const struct cert *c, const struct cert *issuer)
{
	return !issuer || c->not_before >= issuer->not_before;
}

static bool issuer_name_holds(const struct cert *c, const struct cert *issuer)
{
	return !dn_is_empty(c->issuer) &&
	       bytes_equal(c->issuer, issuer ? issuer->subject : c->subject);
}

static bool issuer_is_ca(const struct cert *c, const struct cert *issuer)
{
	(void)c;
	return !issuer || cert_check_ca(issuer) == INRO_OK;
}

static bool subject_holds(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return !dn_is_empty(c->subject) || (c->ext.sans.n && c->ext.sans_critical);
}

/* Or it would look self-issued, and its key identifier could be looked for in a CA's place. */
static bool leaf_name_holds(const struct cert *c, const struct cert *issuer)
{
	return !issuer || c->ext.ca || !dn_same(c->subject, issuer->subject);
}

static bool ca_subject_holds(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return !c->ext.ca || !dn_is_empty(c->subject);
}

static bool ca_usage_holds(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return c->ext.ca == !!(c->ext.key_usage & USAGE_KEY_CERT_SIGN);
}

static bool ca_critical_holds(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return !c->ext.ca || (c->ext.constraints_critical && c->ext.key_usage_critical);
}

static bool path_len_holds(const struct cert *c, const struct cert *issuer)
{
	int above = issuer ? issuer->ext.path_len : EXT_PATH_LEN_NONE;

	if (!c->ext.ca || above == EXT_PATH_LEN_NONE)
		return true;
	return above > 0 && c->ext.path_len < above;
}

/* What a key of the family can't do (RFC 3279, 4055 1.2, 5480, 8410 5, 9881 5, 9909 6,
 * 9935 5). */
static const unsigned usage_wrong[PKI_FAMILY__MAX] = {
	[PKI_EC] = USAGE_ENCIPHERING,
	[PKI_RSA_KEYS] = USAGE_AGREEING,
	[PKI_RSA_PSS_KEYS] = USAGE_ENCIPHERING | USAGE_AGREEING,
	[PKI_EDWARDS] = USAGE_ENCIPHERING | USAGE_AGREEING,
	[PKI_MONTGOMERY] = USAGE_ENCIPHERING | USAGE_SIGNING,
	[PKI_ML_DSA] = USAGE_ENCIPHERING | USAGE_AGREEING,
	[PKI_SLH_DSA] = USAGE_ENCIPHERING | USAGE_AGREEING,
	[PKI_ML_KEM] = USAGE_AGREEING | USAGE_SIGNING,
};

static bool usage_fits_key(const struct cert *c, const struct cert *issuer)
{
	const struct pki_key_type *t = pki_key_type(c->key.type);

	(void)issuer;
	return !t || !(c->ext.key_usage & usage_wrong[t->family]);
}

static bool algorithm_fits_issuer(const struct cert *c, const struct cert *issuer)
{
	const struct pubkey *by = &(issuer ? issuer : c)->key;

	return pki_sig_fits(c->sig, by->type) && (!by->only || by->only == c->sig->hash);
}

static bool names_hold(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return c->ext.sans.n == 0 || san_check(c->ext.sans) == INRO_OK;
}

static bool subject_key_id_holds(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return c->ext.ski.n > 0;
}

static bool issuer_key_id_holds(const struct cert *c, const struct cert *issuer)
{
	if (!issuer)
		return c->ext.aki.n == 0 || bytes_equal(c->ext.aki, c->ext.ski);
	return issuer->ext.ski.n == 0 || bytes_equal(c->ext.aki, issuer->ext.ski);
}

static bool extensions_known(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return !c->ext.unknown_critical;
}

static bool subject_form_holds(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return dn_is_empty(c->subject) || dn_check(c->subject) == INRO_OK;
}

static bool key_id_not_critical(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return !c->ext.key_id_critical;
}

/* RFC 5280 4.2.1.12: the bits that go with each purpose, one of which must be there. */
static const struct {
	unsigned purpose, usage;
} purposes[] = {
	{ EKU_SERVER_AUTH, USAGE_DIGITAL_SIGNATURE | USAGE_KEY_ENCIPHERMENT | USAGE_KEY_AGREEMENT },
	{ EKU_CLIENT_AUTH, USAGE_DIGITAL_SIGNATURE | USAGE_KEY_AGREEMENT },
	{ EKU_CODE_SIGNING, USAGE_DIGITAL_SIGNATURE },
	{ EKU_EMAIL_PROTECTION, USAGE_DIGITAL_SIGNATURE | USAGE_NON_REPUDIATION |
					USAGE_KEY_ENCIPHERMENT | USAGE_KEY_AGREEMENT },
	{ EKU_TIME_STAMPING, USAGE_DIGITAL_SIGNATURE | USAGE_NON_REPUDIATION },
	{ EKU_OCSP_SIGNING, USAGE_DIGITAL_SIGNATURE | USAGE_NON_REPUDIATION },
};

static bool purposes_hold(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	for (size_t i = 0; c->ext.has_key_usage && i < ARRAY_LEN(purposes); i++)
		if (c->ext.eku & purposes[i].purpose && !(c->ext.key_usage & purposes[i].usage))
			return false;
	return true;
}

static bool time_stamping_holds(const struct cert *c, const struct cert *issuer)
{
	(void)issuer;
	return !(c->ext.eku & EKU_TIME_STAMPING) || c->ext.eku == EKU_TIME_STAMPING;
}

/* Rules that look at the key alone. */
#define OF_KEY(name, check)                                                                        \
	static bool name(const struct cert *c, const struct cert *issuer)                          \
	{                                                                                          \
		(void)issuer;                                                                      \
		return check(&c->key);                                                             \
	}
OF_KEY(size_holds, weak_size_holds)
OF_KEY(exponent_holds, weak_exponent_holds)
OF_KEY(factors_hold, weak_factors_hold)
OF_KEY(roca_holds, weak_roca_holds)
OF_KEY(close_holds, weak_close_holds)
OF_KEY(order_of_point_holds, weak_order_holds)
#undef OF_KEY

/* Version 3, no extension twice and a positive serial are the reader's own conditions. */
static const struct lint_rule rules[] = {
	{ "serial", "RFC 5280 4.1.2.2", "the serial number is not 8 to 20 octets", serial_holds },
	{ "validity-order", "RFC 5280 4.1.2.5", "it would end before it begins", order_holds },
	{ "validity-begin", "RFC 5280 4.1.2.5", "it would begin before the CA's certificate does",
	  begin_holds },
	{ "issuer-name", "RFC 5280 4.1.2.4", "the issuer's name is not the CA's",
	  issuer_name_holds },
	{ "issuer-ca", "RFC 5280 4.2.1.9", "the issuer is not a CA that may sign certificates",
	  issuer_is_ca },
	{ "subject", "RFC 5280 4.2.1.6",
	  "the subject is empty and there is no critical alternative name", subject_holds },
	{ "leaf-name", "RFC 5280 4.1.2.4", "the subject is the CA's own name", leaf_name_holds },
	{ "ca-subject", "RFC 5280 4.1.2.6", "a CA needs a subject", ca_subject_holds },
	{ "ca-key-usage", "RFC 5280 4.2.1.9", "the CA flag and keyCertSign do not go together",
	  ca_usage_holds },
	{ "ca-critical", "RFC 5280 4.2.1.9",
	  "a CA's basic constraints and key usage must be critical", ca_critical_holds },
	{ "path-length", "RFC 5280 4.2.1.9",
	  "the CA's path length leaves no room for this CA below it", path_len_holds },
	{ "key-usage-key", "RFC 8813 3, RFC 3279 2.3",
	  "the key usage does not fit the type of the key", usage_fits_key },
	{ "algorithm", "RFC 5280 4.1.1.2", "the signature algorithm does not fit the CA's key",
	  algorithm_fits_issuer },
	{ "names", "RFC 5280 4.2.1.6", "an alternative name is not right", names_hold },
	{ "subject-key-id", "RFC 5280 4.2.1.2", "there is no subject key identifier",
	  subject_key_id_holds },
	{ "issuer-key-id", "RFC 5280 4.2.1.1", "the authority key identifier is not the CA's",
	  issuer_key_id_holds },
	{ "critical", "RFC 5280 4.2", "it has a critical extension that is not known here",
	  extensions_known },
	{ "subject-form", "RFC 5280 A.1",
	  "a part of the subject is of another kind or longer than it may be", subject_form_holds },
	{ "key-id-critical", "RFC 5280 4.2.1.1, 4.2.1.2", "a key identifier is critical",
	  key_id_not_critical },
	{ "purposes", "RFC 5280 4.2.1.12", "the key usage does not go with the extended key usage",
	  purposes_hold },
	{ "time-stamping", "RFC 3161 2.3", "a key for time stamps is for nothing else",
	  time_stamping_holds },
	{ "rsa-exponent", "FIPS 186-5 5.1", "the RSA key's exponent is below 65537",
	  exponent_holds },
	{ "rsa-factors", "NIST SP 800-89 5.3.3", "the RSA key's modulus has a small factor",
	  factors_hold },
	{ "rsa-roca", "CVE-2017-15361",
	  "the RSA key has the form of those that Infineon's library made", roca_holds },
	{ "rsa-close-primes", "CVE-2022-26320", "the RSA key's primes are too close to each other",
	  close_holds },
	{ "ed25519-order", "RFC 8032 5.1.7", "the Ed25519 key is a point of small order",
	  order_of_point_holds },
	{ "rsa-size", "NIST SP 800-131A 3", "the RSA key has fewer than 2048 bits", size_holds },
};

const struct lint_rule *lint_rule_at(size_t i)
{
	return i < ARRAY_LEN(rules) ? &rules[i] : NULL;
}

void lint_all(const struct cert *c, const struct cert *issuer, lint_broken_fn *broken, void *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (!rules[i].holds(c, issuer))
			broken(arg, &rules[i]);
}

enum inro_err lint(const struct cert *c, const struct cert *issuer)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (!rules[i].holds(c, issuer))
			return err_set(INRO_E_POLICY, "no certificate: %s (%s, %s)", rules[i].wrong,
				       rules[i].name, rules[i].section);
	return INRO_OK;
}
