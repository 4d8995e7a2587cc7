/* rows_cred - certificates and the requests that wait to become some. */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/newcomer.h"
#include "backoffice/pki/bundle.h"
#include "backoffice/pki/pem.h"
#include "backoffice/rest/creds.h"
#include "backoffice/rest/lists.h"
#include "backoffice/show/doc.h"

static enum inro_err list_certs(struct rest *r, json_t **ret)
{
	int at = rest_word(r, "state", cred_state_names, CRED_STATE__MAX);
	enum cred_state state = (enum cred_state)at;
	const struct cred_search s = {
		.where = rest_text(r, "where"),
		.filter = { rest_text(r, "device"), rest_text(r, "ca"), at < 0 ? NULL : &state,
			    (unsigned)rest_number(r, "due_days", 0) },
		.sort = rest_text(r, "sort"),
		.after = rest_text(r, "after"),
		.limit = (size_t)rest_number(r, "limit", 0),
	};
	SCOPED(cred_found) l = { 0 };
	json_t *items = json_array();
	enum inro_err e = cred_search(r->core, &s, &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, json_of_listed_cred(&l.items[i]));
	return rest_give_page(e, items, l.next, ret);
}

/* One that waits is an answer, too. */
enum inro_err rest_give_issued(struct rest *r, const struct cred *cert, json_t **ret)
{
	if (cert->state == CRED_REQUESTED || cert->state == CRED_PENDING)
		r->status = 202;
	return json_give(json_of_cred(cert), ret);
}

struct cred_request rest_wish(const struct rest *r, const char *device,
			      const char *sans[static REST_TEXTS_MAX])
{
	return (struct cred_request) {
		.csr = bytes_of(rest_text(r, "csr")),
		.ca = rest_text(r, "ca"),
		.profile = rest_text(r, "profile"),
		.device = device,
		.sans = sans,
		.sans_n = rest_texts(r, "sans", sans),
		.key_uri = rest_text(r, "key_uri"),
		.days = (unsigned)rest_number(r, "days", 0),
		.request_id = rest_text(r, "request_id"),
	};
}

enum inro_err rest_issue_newcomer(struct rest *r, struct newcomer *n, struct cred *ret)
{
	const char *sans[REST_TEXTS_MAX];
	const struct cred_request in = rest_wish(r, rest_text(r, "id"), sans);

	return cred_issue_newcomer(r->core, &in, n, ret);
}

enum inro_err rest_issue_for(struct rest *r, const char *device, json_t **ret)
{
	const char *sans[REST_TEXTS_MAX];
	SCOPED(cred) cert = { 0 };
	const struct cred_request in = rest_wish(r, device, sans);
	enum inro_err e = cred_issue(r->core, &in, &cert);

	return e == INRO_OK ? rest_give_issued(r, &cert, ret) : e;
}

static enum inro_err issue_cert(struct rest *r, json_t **ret)
{
	return rest_issue_for(r, rest_text(r, "device"), ret);
}

static enum inro_err give_key(const struct secret *key, const struct cred *cert, json_t **ret)
{
	SCOPED(buf) pem = { .secret = true };
	json_t *doc = json_of_cred(cert);

	pem_add(&pem, "PRIVATE KEY", secret_bytes(key));
	if (doc && buf_err(&pem) == INRO_OK)
		json_object_set_new(doc, "key", text_json(buf_bytes(&pem)));
	return json_give_or_drop(buf_err(&pem), doc, ret);
}

static enum inro_err make_key(struct rest *r, json_t **ret)
{
	const char *sans[REST_TEXTS_MAX];
	SCOPED(cred) cert = { 0 };
	SCOPED(secret) key = { 0 };
	const struct cred_request in = { .ca = rest_text(r, "ca"),
					 .profile = rest_text(r, "profile"),
					 .device = rest_text(r, "device"),
					 .sans = sans,
					 .sans_n = rest_texts(r, "sans", sans),
					 .days = (unsigned)rest_number(r, "days", 0) };
	const struct cred_central how = { .subject = rest_text(r, "subject"),
					 .key_type = rest_text(r, "type"),
					 .keep = rest_true(r, "keep") };
	enum inro_err e = cred_issue_central(r->core, &in, &how, &key, &cert);

	return e == INRO_OK ? give_key(&key, &cert, ret) : e;
}

static enum inro_err kept_key(struct rest *r, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	SCOPED(secret) key = { 0 };
	enum inro_err e =
		cred_kept_key(r->core, r->args[0], rest_number(r, "proposal", 0), &key, &cert);

	return e == INRO_OK ? give_key(&key, &cert, ret) : e;
}

/* Of one that waits or waited: what it was asked for by. */
static enum inro_err add_asked(struct rest *r, const struct cred *cert, json_t *doc)
{
	AUTO(free_chars) char *text = NULL;
	enum inro_err e =
		cert->rec.cert.n ? INRO_E_NOT_FOUND : cred_asked(r->core, cert, &text);

	json_object_set_new(doc, "request", json_of_object(text));
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err show_cert(struct rest *r, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	json_t *doc = NULL;
	enum inro_err e = cred_get(r->core, r->args[0], &cert);

	if (e == INRO_OK)
		e = json_give(json_of_cred(&cert), &doc);
	if (e == INRO_OK)
		e = add_asked(r, &cert, doc);
	return json_give_or_drop(e, doc, ret);
}

static enum inro_err show_chain(struct rest *r, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	SCOPED(chain) chain = { 0 };
	enum inro_err e = cred_get(r->core, r->args[0], &cert);

	if (e == INRO_OK)
		e = cred_chain(r->core, &cert, &chain);
	return e == INRO_OK ? rest_give_chain(r, &chain, &cert.rec.cert, ret) : e;
}

enum inro_err rest_give_chain(const struct rest *r, const struct chain *chain,
			      const struct blob *first, json_t **ret)
{
	const char *format = rest_text(r, "format");
	struct bytes ders[BUNDLE_CERTS_MAX];
	json_t *pem = NULL;
	size_t n = 0;
	enum inro_err e;

	if (first && first->n)
		ders[n++] = blob_bytes(first);
	for (size_t i = 0; i < chain->n && n < BUNDLE_CERTS_MAX; i++)
		ders[n++] = blob_bytes(&chain->certs[i]);
	if (format && strcmp(format, "pkcs7") == 0)
		e = json_of_pkcs7(ders, n, &pem);
	else
		e = json_give(json_of_pem(PEM_CERT, ders, n), &pem);
	return e == INRO_OK ? json_give(json_pack("{s:o}", "pem", pem), ret) : e;
}

enum inro_err rest_renew(struct rest *r, const char *ref, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	const struct cred_renewal in = { .csr = bytes_of(rest_text(r, "csr")),
					 .new_key = rest_true(r, "new_key"),
					 .key_type = rest_text(r, "type"),
					 .days = (unsigned)rest_number(r, "days", 0) };
	enum inro_err e = cred_renew(r->core, ref, &in, &cert);

	return e == INRO_OK ? rest_give_issued(r, &cert, ret) : e;
}

static enum inro_err renew_cert(struct rest *r, json_t **ret)
{
	return rest_renew(r, r->args[0], ret);
}

static enum inro_err revoke_cert(struct rest *r, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	const struct cred_revocation in = { .reason = rest_text(r, "reason"),
					    .invalid_at = rest_time(r, "invalid_at") / 1000,
					    .why = rest_text(r, "why") };
	enum inro_err e = cred_revoke(r->core, r->args[0], &in, &cert);

	return e == INRO_OK ? json_give(json_of_revoked(&cert), ret) : e;
}

static enum inro_err retire_cert(struct rest *r, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	enum inro_err e =
		cred_retire(r->core, r->args[0], rest_text(r, "cause"), rest_text(r, "why"), &cert);

	return e == INRO_OK ? json_give(json_of_cred(&cert), ret) : e;
}

static enum inro_err destroy_cert(struct rest *r, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	SCOPED(buf) evidence = { 0 };
	enum inro_err e = cred_destroy(r->core, r->args[0], rest_text(r, "why"), &evidence, &cert);

	if (e == INRO_OK)
		e = json_give(json_of_cred(&cert), ret);
	if (e == INRO_OK)
		json_object_set_new(*ret, "evidence",
				    json_loadb((const char *)evidence.p, evidence.n, 0, NULL));
	return e;
}

typedef enum inro_err decide_fn(struct core *c, const char *ref, const char *why, struct cred *ret);

static enum inro_err decide(struct rest *r, decide_fn *how, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	enum inro_err e = how(r->core, r->args[0], rest_text(r, "why"), &cert);

	return e == INRO_OK ? json_give(json_of_cred(&cert), ret) : e;
}

static enum inro_err move_cert(struct rest *r, enum verb verb, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	enum inro_err e = cred_move(r->core, r->args[0], verb, rest_text(r, "why"), &cert);

	return e == INRO_OK ? json_give(json_of_cred(&cert), ret) : e;
}

#define STEP(name, call)                                                                           \
	static enum inro_err name##_cert(struct rest *r, json_t **ret)                             \
	{                                                                                          \
		return call;                                                                       \
	}
STEP(approve, decide(r, cred_approve, ret))
STEP(reject, decide(r, cred_reject, ret))
STEP(hold, move_cert(r, VERB_HOLD, ret))
STEP(release, move_cert(r, VERB_RELEASE, ret))
STEP(archive, move_cert(r, VERB_ARCHIVE, ret))
#undef STEP

static enum inro_err count_certs(struct rest *r, json_t **ret)
{
	json_t *items = json_array();
	enum inro_err e = INRO_OK;

	for (int s = 0; e == INRO_OK && s < CRED_STATE__MAX; s++) {
		int64_t n = 0;

		e = cred_count(r->core, CRED_CERTIFICATE, (enum cred_state)s, &n);
		json_array_append_new(items, json_pack("{s:s s:I}", "what", cred_state_names[s], "n",
						       (json_int_t)n));
	}
	return rest_give_page(e, items, NULL, ret);
}

/* ---- the rows ---- */

#define CERT_OUT OUT_COUNT("id"), REST_CERT_OUT

const struct rest_shape rest_certificate = {
	"Certificate", FIELDS(CERT_OUT, OUT_OBJECT("request"), OUT_TEXT("due"), OUT_OBJECT("evidence"),
			      OUT_TIME("wanted"))
};
static const struct rest_shape with_key = { "CertificateWithKey", FIELDS(CERT_OUT, OUT_HAS("key")) };
static const struct rest_shape revoked = {
	"RevokedCertificate",
	FIELDS(CERT_OUT, OUT_NUMBERS("also_revoked"), OUT_NUMBERS("same_key_ca"), OUT_TEXT("same_key"))
};
const struct rest_shape rest_pem = { "Pem", FIELDS(OUT_HAS("pem")) };
static const struct rest_shape counted = { "Count", FIELDS(OUT_HAS("what"), OUT_COUNT("n")) };

#define CERTS "/v1/certificates"
#define MOVE(word, text)                                                                           \
	{                                                                                          \
		"POST", CERTS "/{cert}/" #word, "cert " #word, text, ROLE_OPERATOR, 0, 0,          \
			FIELDS(IN_WHY), &rest_certificate, word##_cert                             \
	}

const struct rest_row rest_cred_rows[] = {
	{ "GET", CERTS, "cert list", "Lists certificates and requests that wait", ROLE_AUDITOR, REST_LIST, 0,
	  FIELDS(IN_TEXT("where", "only those, as 'profile=tls-client not_after<30d'"),
		 IN_TEXT("device", "of this device"), IN_TEXT("ca", "of this CA"),
		 IN_WORD("state", "only those in this state", "requested", "pending", "active", "suspended",
			 "superseded", "revoked", "expired", "retired", "archived", "destroyed"),
		 IN_NUMBER("due_days", 1, 36500, "what is due for something within so many days"),
		 IN_WORD("sort", "in this order", "id", "expires"), IN_PAGE),
	  &rest_certificate, list_certs },
	{ "POST", CERTS, "cert issue", "Issues a certificate for a request (PKCS#10)", ROLE_OPERATOR,
	  REST_WAITS, 201,
	  FIELDS(IN_PEM("csr", true, "PEM"), IN_MUST("ca", "who issues it"), IN_MUST("profile", "what kind"),
		 IN_TEXT("device", "whose it is"),
		 { .name = "sans", .kind = REST_TEXTS, .help = "further names that it may ask for: DNS:host" },
		 IN_KEY("key_uri", false, "where the key is, if known"),
		 IN_NUMBER("days", 1, 36500, "how long it is valid; the profile's period is the longest"),
		 IN_TEXT("request_id", "who asks again by it gets this one again")),
	  &rest_certificate, issue_cert },
	{ "POST", "/v1/made-keys", "cert make-key",
	  "Generates a key here and certifies it, for a device that can't generate its own", ROLE_OPERATOR,
	  REST_SECRET, 201,
	  FIELDS(IN_MUST("ca", "who issues it"), IN_MUST("profile", "what kind"),
		 IN_TEXT("device", "whose it is"), IN_TEXT("subject", "CN=DEVICE when not said"),
		 IN_TEXT("type", "ec-p256 when not said"), { .name = "sans", .kind = REST_TEXTS },
		 IN_NUMBER("days", 1, 36500, "how long it is valid"),
		 IN_BOOL("keep", "a copy stays here, sealed")),
	  &with_key, make_key },
	{ "GET", CERTS "/{cert}", "cert show", "Shows a certificate: by id, serial or fingerprint",
	  ROLE_AUDITOR, 0, 0, NULL, &rest_certificate, show_cert },
	{ "GET", CERTS "/{cert}/chain", "cert chain", "Gives a certificate and its chain",
	  ROLE_AUDITOR, 0, 0, FIELDS(REST_CHAIN_FORMAT), &rest_pem, show_chain },
	{ "POST", CERTS "/{cert}/key", "cert key", "Exports the stored key of a certificate",
	  ROLE_OPERATOR, REST_SECRET, 0, FIELDS(IN_PROPOSAL), &with_key, kept_key },
	{ "POST", CERTS "/{cert}/renew", "cert renew", "Issues the successor of a certificate",
	  ROLE_OPERATOR, REST_WAITS, 201,
	  FIELDS(IN_PEM("csr", false, "PEM, for a key that the back office can't reach"),
		 IN_BOOL("new_key", "another key in the same token"), IN_TEXT("type", "of that key"),
		 IN_NUMBER("days", 1, 36500, "how long it is valid")),
	  &rest_certificate, renew_cert },
	{ "POST", CERTS "/{cert}/revoke", "cert revoke", "Revokes a certificate for good", ROLE_OPERATOR, 0,
	  0,
	  FIELDS(IN_WORD("reason", "RFC 5280 5.3.1", "unspecified", "keyCompromise", "cACompromise",
			 "affiliationChanged", "superseded", "cessationOfOperation",
			 "privilegeWithdrawn", "aACompromise"),
		 IN_TIME("invalid_at", "since when the key must be distrusted"), IN_WHY),
	  &revoked, revoke_cert },
	MOVE(hold, "Puts a certificate on hold, and so on the CRL"),
	MOVE(release, "Releases it from hold"),
	{ "POST", CERTS "/{cert}/retire", "cert retire", "Retires a certificate", ROLE_OPERATOR, 0,
	  0, FIELDS(IN_TEXT("cause", "what it was for"), IN_WHY), &rest_certificate, retire_cert },
	MOVE(archive, "Archives a retired certificate"),
	{ "POST", CERTS "/{cert}/destroy", "cert destroy",
	  "Destroys the key of a certificate that is out of use",
	  ROLE_ADMIN, 0, 0, FIELDS(IN_WHY), &rest_certificate, destroy_cert },
	MOVE(approve, "Approves a waiting request"),
	MOVE(reject, "Rejects or withdraws a waiting request"),
	{ "GET", "/v1/counts/certificates", "cert count", "Counts certificates by their state",
	  ROLE_AUDITOR, REST_LIST, 0, NULL, &counted, count_certs },
	{ 0 },
};
