/* creds - what rows about certificates share. */
#ifndef INRO_BACKOFFICE_REST_CREDS_H
#define INRO_BACKOFFICE_REST_CREDS_H

#include "backoffice/core/ca.h"
#include "backoffice/core/cred.h"
#include "backoffice/rest/rows.h"

extern const struct rest_shape rest_pem;

/* What a certificate's record says, but for its number. */
#define REST_CERT_OUT                                                                              \
	OUT_HAS("state"), OUT_TEXT("serial"), OUT_TEXT("subject"), OUT_TEXT("ca"), OUT_TEXT("profile"), \
		OUT_TEXT("device"), OUT_TIME("not_before"), OUT_TIME("not_after"),                 \
		OUT_TEXT("key_uri"), OUT_TEXT("fingerprint"), OUT_TIME("revoked_at"),              \
		OUT_TEXT("reason"), OUT_TEXT("is_ca"), OUT_NUMBER("profile_version"),              \
		OUT_NUMBER("replaces"), OUT_TEXT("request_id"), OUT_TIME("good_until"),            \
		OUT_TEXT("cause"), OUT_TIME("invalid_at"), OUT_TIME("created"), OUT_TEXT("issuer"), \
		OUT_TEXT("key_type"), OUT_TEXT("signature"), OUT_TEXTS("names"), OUT_TEXT("pem")

struct newcomer;
/* What the members csr, ca, profile, sans, days, key_uri and request_id ask for; borrows from r and sans. */
struct cred_request rest_wish(const struct rest *r, const char *device,
			      const char *sans[static REST_TEXTS_MAX]);
/* By the members id, csr, ca, profile, sans, days and key_uri. */
MUST_CHECK enum inro_err rest_issue_newcomer(struct rest *r, struct newcomer *n, struct cred *ret);
/* By the members csr, ca, profile, sans, days, key_uri and request_id. */
MUST_CHECK enum inro_err rest_issue_for(struct rest *r, const char *device, json_t **ret);
MUST_CHECK enum inro_err rest_renew(struct rest *r, const char *ref, json_t **ret);
MUST_CHECK enum inro_err rest_give_issued(struct rest *r, const struct cred *cert, json_t **ret);
/* {"pem"}, as REST_CHAIN_FORMAT has it; first may be NULL. */
MUST_CHECK enum inro_err rest_give_chain(const struct rest *r, const struct chain *chain,
					 const struct blob *first, json_t **ret);
#define REST_CHAIN_FORMAT IN_WORD("format", "PEM of each when not said", "pem", "pkcs7")

#endif
