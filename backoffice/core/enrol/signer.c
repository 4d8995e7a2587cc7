/* signer - see signer.h. */
#include "backoffice/core/signer.h"

#include "backoffice/core/authority.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/core/keyring.h"
#include "backoffice/pki/ext.h"
#include "backoffice/token/token.h"
#include "base/clock.h"

void signer_clear(struct signer *s)
{
	cert_clear(&s->cert);
	ca_clear(&s->ca);
	*s = (struct signer) { 0 };
}

enum inro_err signer_sign(void *signer, const struct pki_sig *sig, struct bytes message,
			  struct buf *ret)
{
	struct signer *s = signer;
	struct ca_signer own = { s->ca.id ? &s->ca : NULL, s->key };
	enum inro_err e = ca_sign(s->core, &own, sig, message, ret);

	s->key = own.key;
	return e;
}

static enum inro_err find_delegate(struct core *c, const struct ca *ca, struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "kind", .number = CRED_CERTIFICATE },
		{ .field = "state", .number = CRED_ACTIVE },
		{ .field = "ca", .number = ca->id },
		{ .field = "ca_generation", .number = ca->generation },
		{ .field = "profile", .text = SIGNER_PROFILE },
		{ .field = "not_after", .op = STORE_GT, .number = clock_now() },
		{ .field = "key_uri", .op = STORE_NE, .text = "" },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1, .backward = true };

	return store_find(c->store, &q, ret);
}

static enum inro_err use_delegate(struct core *c, const struct credential *rec, struct signer *s)
{
	enum inro_err e = cert_read(blob_bytes(&rec->cert), &s->cert);

	if (e == INRO_OK)
		e = core_key_recorded(c, rec->key_uri);
	return e == INRO_OK ? ca_key_at(c, rec->key_uri, s->cert.key.spki, false, &s->key) : e;
}

/* The signer takes the CA over. */
static enum inro_err use_ca(struct core *c, struct ca *ca, struct signer *s)
{
	struct ca_signer own;
	enum inro_err e = cert_read(blob_bytes(&ca->cert), &s->cert);

	if (e == INRO_OK && !(s->cert.ext.key_usage & USAGE_DIGITAL_SIGNATURE))
		e = err_set(INRO_E_CONFIG,
			    "CA '%s' has nobody who signs messages in its name: 'inro cert issue --ca "
			    "%s --profile " SIGNER_PROFILE " --csr FILE --key URI' with the request of "
			    "a key in a token",
			    ca->name, ca->name);
	if (e == INRO_OK)
		e = ca_signer_open(c, ca, &s->cert, &own);
	if (e != INRO_OK)
		return e;
	s->key = own.key;
	s->ca = *ca;
	*ca = (struct ca) { 0 };
	return INRO_OK;
}

enum inro_err signer_of(struct core *c, const char *name, struct signer *ret)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(credential) rec = { 0 };
	SCOPED(signer) s = { .core = c };
	enum inro_err e = ca_load(c, name, &ca);

	if (e != INRO_OK)
		return e;
	e = find_delegate(c, &ca, &rec);
	if (e == INRO_OK)
		e = use_delegate(c, &rec, &s);
	else if (e == INRO_E_NOT_FOUND)
		e = use_ca(c, &ca, &s);
	if (e == INRO_OK)
		e = pki_sig_for(s.cert.key.type, PKI_HASH_NONE, &s.sig);
	if (e != INRO_OK)
		return err_context(e, "a signature in the name of CA '%s'", name);
	*ret = s;
	s = (struct signer) { 0 };
	return INRO_OK;
}
