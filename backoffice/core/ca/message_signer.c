/* message_signer - who signs messages in the place of a CA's key; see signer.h. */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca/delegate.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/signer.h"
#include "backoffice/pki/ext.h"

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
