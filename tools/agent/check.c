/* check - see check.h. */
#include "tools/agent/check.h"

#include "backoffice/fetch/keyroom.h"
#include "backoffice/pki/dn.h"
#include "base/clock.h"
#include "tools/agent/est.h"
#include "tools/agent/keys.h"
#include "tools/agent/secrets.h"
#include "tools/agent/trust.h"

static enum inro_err try_token(const struct agent_settings *s)
{
	AUTO(token_close_ptr) struct token *t = NULL;
	enum inro_err e = keys_open(s, &t);

	return e;
}

/* By which the certificate's key will renew, and ask for errands: with the first certificate it would be too late. */
static enum inro_err try_provider(void)
{
	AUTO(keyroom_close_ptr) struct keyroom *room = NULL;

	return keyroom_open(&room);
}

static enum inro_err tell(const struct est_certs *cas, struct buf *ret)
{
	SCOPED(cert) c = { 0 };
	enum inro_err e = cert_read(buf_bytes(&cas->ders[0]), &c);

	buf_addf(ret, "%zu CA certificate%s, the first of ", cas->n, cas->n == 1 ? "" : "s");
	if (e == INRO_OK)
		e = dn_text(c.subject, ret);
	return e == INRO_OK ? buf_err(ret) : e;
}

enum inro_err agent_check(const struct agent_settings *s, struct buf *ret)
{
	SCOPED(est_certs) cas = { 0 };
	SCOPED(buf) trust = { 0 };
	struct fetch_way way = { .server = s->server,
				 .trust = s->trust,
				 .proxy = s->proxy,
				 .timeout = s->timeout,
				 .believed = clock_now() };
	enum inro_err e = secrets_check(s);

	if (e == INRO_OK)
		e = trust_load(s, &trust);
	way.trust_pem = buf_bytes(&trust);
	if (e == INRO_OK)
		e = try_token(s);
	if (e == INRO_OK)
		e = try_provider();
	if (e == INRO_OK)
		e = est_cacerts(&way, s->label, &cas);
	return e == INRO_OK ? tell(&cas, ret) : e;
}
