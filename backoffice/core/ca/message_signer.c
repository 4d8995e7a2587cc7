/* message_signer - who signs messages in the place of a CA's key; see signer.h. */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca/delegate.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/signer.h"
#include "backoffice/pki/ext.h"
#include "base/clock.h"

void ca_messages_clear(struct ca_messages *m)
{
	free(m->key_uri);
	blob_clear(&m->cert);
	*m = (struct ca_messages) { 0 };
}

static bool says(const struct ca_policy *p, const char *word)
{
	return strcmp(text_or_empty(p->cmp_signs), word) == 0;
}

static enum inro_err fill(struct ca_messages *m, const char *key_uri, const struct blob *cert)
{
	enum inro_err e = text_set(&m->key_uri, key_uri);

	return e == INRO_OK ? blob_set(&m->cert, blob_bytes(cert)) : e;
}

static enum inro_err by_itself(const struct ca *ca, struct ca_messages *m)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e;

	if (ca->kind != CA_LOCAL || !ca->cert.n)
		return INRO_OK; /* it has no key here */
	e = cert_read(blob_bytes(&ca->cert), &cert);
	if (e != INRO_OK || !(cert.ext.key_usage & USAGE_DIGITAL_SIGNATURE))
		return e;
	m->itself = true;
	return fill(m, ca->key_uri, &ca->cert);
}

enum inro_err ca_messages(struct core *c, const struct ca *ca, struct ca_messages *ret)
{
	SCOPED(ca_policy) p = { 0 };
	SCOPED(credential) rec = { 0 };
	int64_t id;
	enum inro_err e = ca_policy_read(ca, &p);

	if (e != INRO_OK || says(&p, "off"))
		return e;
	if (!says(&p, "ca"))
		e = delegate_find(c, SIGNER_MESSAGES, ca->id, ca->generation, &id, &rec);
	if (e != INRO_OK)
		return e;
	return rec.id ? fill(ret, rec.key_uri, &rec.cert) : by_itself(ca, ret);
}

/* ---- the duty ---- */

/* As of a CA that is answered for on line: also one that issues no more. */
static bool may_have_one(const struct ca *ca, const struct ca_policy *p)
{
	int64_t now = clock_now();

	return ca->cert.n && ca->state != CA_REVOKED && ca->not_before <= now && ca->not_after > now &&
	       !says(p, "off") && !says(p, "ca");
}

static enum inro_err renew_one(struct core *c, const struct ca *ca, bool *ret_made)
{
	SCOPED(ca_policy) p = { 0 };
	SCOPED(credential) rec = { 0 };
	int64_t id;
	bool due = false;
	enum inro_err e = ca_policy_read(ca, &p);

	if (e != INRO_OK || !may_have_one(ca, &p))
		return e;
	e = delegate_find(c, SIGNER_MESSAGES, ca->id, ca->generation, &id, &rec);
	if (e == INRO_OK)
		e = delegate_is_due(blob_bytes(&ca->cert), blob_bytes(&rec.cert), &due);
	if (e == INRO_OK && due)
		e = delegate_make(c, SIGNER_MESSAGES, ca->id, ca->generation);
	*ret_made = e == INRO_OK && due;
	return e;
}

enum inro_err message_signers_renew(struct core *c)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "kind", .number = CA_LOCAL },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	void *cas = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &ca_type, &q, &cas, &n), first = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		const struct ca *ca = &((const struct ca *)cas)[i];
		bool made = false;
		enum inro_err one = renew_one(c, ca, &made);

		if (one != INRO_OK && first == INRO_OK)
			first = err_context(one, "who signs messages for CA '%s'", ca->name);
		if (made)
			e = duty_goes_on(c); /* or it is another server's by now */
	}
	list_free(&ca_type, cas, n);
	return e == INRO_OK ? first : e;
}
