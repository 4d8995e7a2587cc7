/* signer - see signer.h. */
#include "backoffice/core/signer.h"

#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/core/keyring.h"
#include "backoffice/token/token.h"

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

static enum inro_err use_delegate(struct core *c, const char *key_uri, struct signer *s)
{
	enum inro_err e = core_key_recorded(c, key_uri);

	return e == INRO_OK ? ca_key_at(c, key_uri, s->cert.key.spki, false, &s->key) : e;
}

/* The signer takes the CA over. */
static enum inro_err use_ca(struct core *c, struct ca *ca, struct signer *s)
{
	struct ca_signer own;
	enum inro_err e = ca_signer_open(c, ca, &s->cert, &own);

	if (e != INRO_OK)
		return e;
	s->key = own.key;
	s->ca = *ca;
	*ca = (struct ca) { 0 };
	return INRO_OK;
}

/* What its administrator has to do: a server makes one for each CA that is here, if it can. */
static enum inro_err nobody(const struct ca *ca)
{
	SCOPED(ca_policy) p = { 0 };
	enum inro_err e = ca_policy_read(ca, &p);

	if (e != INRO_OK)
		return e;
	if (p.cmp_signs && strcmp(p.cmp_signs, "delegated") != 0)
		return err_set(INRO_E_CONFIG,
			       "nobody signs messages for CA '%s' (%s): its administrator has to say 'inro "
			       "ca cmp %s --signer delegated'",
			       ca->name, p.cmp_signs, ca->name);
	if (ca->kind != CA_LOCAL)
		return err_set(INRO_E_CONFIG,
			       "nobody signs messages for CA '%s', which is elsewhere: its administrator has "
			       "to get a certificate of the profile " SIGNER_PROFILE " from there for a key in a "
			       "token (inro cert issue)",
			       ca->name);
	return err_set(INRO_E_CONFIG,
		       "nobody signs messages for CA '%s' yet: a server makes the key within seconds where it "
		       "has the PIN of the token that the CA's key is in; else its administrator has to give the "
		       "server that PIN, or name another token ('inro ca cmp %s --token')",
		       ca->name, ca->name);
}

static enum inro_err use(struct core *c, struct ca *ca, const struct ca_messages *who, struct signer *s)
{
	enum inro_err e;

	if (!who->cert.n)
		return nobody(ca);
	e = cert_read(blob_bytes(&who->cert), &s->cert);
	if (e == INRO_OK)
		e = who->itself ? use_ca(c, ca, s) : use_delegate(c, who->key_uri, s);
	/* INRO_E_CONFIG is nobody()'s alone, whose words go out to devices: these name keys and files. */
	if (e == INRO_E_CONFIG)
		return err_set(INRO_E_TOKEN, "%s", err_detail(e));
	return e;
}

enum inro_err signer_of(struct core *c, const char *name, struct signer *ret)
{
	SCOPED(ca) ca = { 0 };
	SCOPED(ca_messages) who = { 0 };
	SCOPED(signer) s = { .core = c };
	enum inro_err e = ca_load(c, name, &ca);

	if (e != INRO_OK)
		return e;
	e = ca_messages(c, &ca, &who);
	if (e == INRO_OK)
		e = use(c, &ca, &who, &s);
	if (e == INRO_OK)
		e = pubkey_sig(&s.cert.key, PKI_HASH_NONE, &s.sig);
	if (e != INRO_OK)
		return err_context(e, "a signature in the name of CA '%s'", name);
	*ret = s;
	s = (struct signer) { 0 };
	return INRO_OK;
}
