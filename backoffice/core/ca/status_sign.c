/* status_sign - answers signed, by who answers in the place of a CA's key or by that key; see status.h. */
#include "backoffice/core/authority.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/status.h"

static enum inro_err sign_as_delegate(struct core *c, const struct status_signer *who,
				      const struct pki_sig *sig, struct bytes tbs, struct buf *ret)
{
	struct token_key *key;
	enum inro_err e = core_key(c, who->key_uri, &key);

	if (e != INRO_OK)
		return e;
	if (!token_key_has(key, who->spki))
		return err_set(INRO_E_CONFIG, "the key at %s is not the one that was certified",
			       who->key_uri);
	return token_key_sign(key, sig, tbs, ret);
}

static enum inro_err sign_by_ca(struct core *c, const struct ca *ca, const struct pki_sig *sig,
				struct bytes tbs, struct buf *ret)
{
	SCOPED(cert) cert = { 0 };
	struct ca_signer s;
	int64_t own = c->tenant;
	enum inro_err e = cert_read(blob_bytes(&ca->cert), &cert);

	/* That a token is away is an event of the CA's tenant. */
	c->tenant = ca->tenant;
	if (e == INRO_OK)
		e = ca_signer_open(c, ca, &cert, &s);
	if (e == INRO_OK)
		e = ca_sign(c, &s, sig, tbs, ret);
	c->tenant = own;
	return e;
}

enum inro_err status_sign(struct core *c, const struct status_signer *who,
			  const struct pki_sig *sig, struct bytes tbs, struct buf *ret)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e;

	if (!who->itself)
		return sign_as_delegate(c, who, sig, tbs, ret);
	e = store_get(c->store, who->ca, &ca);
	if (e == INRO_OK)
		e = ca_as_of(c, who->generation, &ca);
	return e == INRO_OK ? sign_by_ca(c, &ca, sig, tbs, ret) : e;
}
