/* rows_attest - a device's certificates by what its TPM proves (core/attest.h): anybody may
 * ask. */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/attest.h"
#include "backoffice/core/device.h"
#include "backoffice/core/enrol.h"
#include "backoffice/pki/pem.h"
#include "backoffice/rest/creds.h"
#include "backoffice/rest/lists.h"
#include "backoffice/show/doc.h"

#define EVIDENCE_MAX ((long)64 << 10) /* digits of hex */
#define ANSWER_MAX   128

static enum inro_err challenge_tpm(struct rest *r, json_t **ret)
{
	SCOPED(buf) evidence = { 0 };
	SCOPED(attest_challenge) made = { 0 };
	enum inro_err e = rest_hex(r, "evidence", &evidence);

	if (e == INRO_OK)
		e = attest_begin(r->core, rest_text(r, "device"), buf_bytes(&evidence), &made);
	if (e != INRO_OK)
		return e;
	return json_give(json_pack("{s:o s:o s:i}", "challenge", json_of_hex(buf_bytes(&made.blob)),
				   "nonce", json_of_hex(BYTES(made.nonce, ATTEST_NONCE)), "seconds",
				   ATTEST_SECONDS),
			 ret);
}

struct shown {
	struct buf nonce, secret, evidence, old;
	struct attest_found found;
};

static void shown_clear(struct shown *s)
{
	buf_clear(&s->nonce);
	buf_clear(&s->secret);
	buf_clear(&s->evidence);
	buf_clear(&s->old);
	attest_found_clear(&s->found);
}

static enum inro_err enter_by_tpm(struct rest *r, struct shown *s)
{
	struct attest_answer in = { .device = rest_text(r, "device"),
				    .csr = bytes_of(rest_text(r, "csr")) };
	enum inro_err e = rest_hex(r, "nonce", &s->nonce);

	if (e == INRO_OK)
		e = rest_hex(r, "answer", &s->secret);
	if (e == INRO_OK)
		e = rest_hex(r, "evidence", &s->evidence);
	in.nonce = buf_bytes(&s->nonce);
	in.secret = buf_bytes(&s->secret);
	in.evidence = buf_bytes(&s->evidence);
	if (e == INRO_OK)
		e = who_by_attestation(r->core, &in, &s->found);
	return e == INRO_OK ? core_become(r->core, &s->found.who) : e;
}

/* The certificate that the new one takes the place of, as DER; empty: none is named. */
static enum inro_err read_old(const struct rest *r, struct buf *ret)
{
	const char *text = rest_text(r, "renews");
	struct bytes pem = bytes_of(text);

	if (!text)
		return INRO_OK;
	if (pem_next(&pem, PEM_CERT, ret) == INRO_OK)
		return INRO_OK;
	return err_set(INRO_E_ARG, "renews: a certificate as PEM");
}

static enum inro_err issue_by_tpm(struct rest *r, json_t **ret)
{
	SCOPED(shown) s = { .secret.secret = true };
	SCOPED(cred) cert = { 0 };
	struct label label;
	const struct enrol in = { .label = &label,
				  .device = &s.found.device,
				  .csr = bytes_of(rest_text(r, "csr")),
				  .attested = BYTES(s.found.key, sizeof s.found.key) };
	enum inro_err e = read_old(r, &s.old);

	if (e == INRO_OK)
		e = enter_by_tpm(r, &s);
	if (e == INRO_OK)
		e = label_for(r->core, rest_text(r, "label"), &s.found.device, &label);
	if (e == INRO_OK)
		e = s.old.n ? enrol_renew(r->core, &in, buf_bytes(&s.old), &cert) :
			      enrol_issue(r->core, &in, &cert);
	return e == INRO_OK ? rest_give_issued(r, &cert, ret) : e;
}

/* ---- the rows ---- */

static const struct rest_shape tpm_challenge_shape = {
	"TpmChallenge", FIELDS(OUT_HAS("challenge"), OUT_HAS("nonce"), OUT_COUNT("seconds"))
};

#define ATTEST	  "/v1/device/attest"
#define IN_DEVICE IN_MUST("device", "its id, TENANT/ID of another tenant than the server's own")
#define IN_HEX(n, most, h)                                                                         \
	{                                                                                          \
		.name = n, .kind = REST_TEXT, .required = true, .min = 1, .max = most, .help = h   \
	}

const struct rest_row rest_attest_rows[] = {
	{ "POST", ATTEST "/challenge", "self challenge",
	  "Gives a challenge that only a device's TPM can answer", ROLE_OPERATOR,
	  REST_OPEN | REST_PROVES, 0,
	  FIELDS(IN_DEVICE, IN_HEX("evidence", EVIDENCE_MAX,
				   "of any key of that TPM, as `CKA_INRO_EVIDENCE`; hex")),
	  &tpm_challenge_shape, challenge_tpm },
	{ "POST", ATTEST "/certificate", "self attest",
	  "Issues a device's certificate for a key that its TPM made, its first one or a successor", ROLE_OPERATOR,
	  REST_OPEN | REST_PROVES | REST_WAITS, 201,
	  FIELDS(IN_DEVICE, IN_HEX("nonce", ANSWER_MAX, "of the challenge; hex"),
		 IN_HEX("answer", ANSWER_MAX, "what the TPM found in the challenge; hex"),
		 IN_HEX("evidence", EVIDENCE_MAX, "of the request's key, for that nonce; hex"),
		 IN_PEM("csr", true, "PEM"),
		 IN_TEXT("label", "CA or CA.PROFILE, as the policy of the device's group says when "
				  "not given"),
		 IN_PEM("renews", false, "the device's certificate that this one takes the place of, PEM; none: a "
					 "first one")),
	  &rest_certificate, issue_by_tpm },
	{ 0 },
};
