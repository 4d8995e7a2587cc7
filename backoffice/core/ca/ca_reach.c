/* ca_reach - see ca_reach.h. */
#include "backoffice/core/ca/ca_reach.h"

#include <string.h>

#include "backoffice/core/ca/secret_ref.h"
#include "backoffice/core/ca/way_secret.h"
#include "backoffice/core/internal.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/pem.h"
#include "base/clock.h"
#include "base/cryptoki/uri.h"

#define URL_MAX	  512
#define LABEL_MAX 128
#define PASSWORD_MAX 255

/* ---- what is wished ---- */

/* Printable, without a user, a question or a fragment; these go elsewhere or nowhere. */
static enum inro_err check_url(const char *what, const char *url, const char *const *schemes)
{
	const char *rest = NULL, *const *s;

	for (s = schemes; !rest && *s; s++)
		if (strncmp(url, *s, strlen(*s)) == 0)
			rest = url + strlen(*s);
	if (!rest || !*rest || *rest == '/' || strlen(url) > URL_MAX)
		return err_set(INRO_E_ARG, "%s begins with %s%s%s and a host, and has up to %d characters", what,
			       schemes[0], schemes[1] ? " or " : "", schemes[1] ? schemes[1] : "", URL_MAX);
	for (; *rest; rest++)
		if (*rest <= ' ' || *rest >= 0x7f || strchr("@?#\\\"<>", *rest))
			return err_set(INRO_E_ARG, "%s has characters that do not belong there; who asks "
						   "is said apart",
				       what);
	return INRO_OK;
}

static enum inro_err check_urls(const struct ca_connector *by, const struct ca_way_wish *w)
{
	static const char *const proxies[] = { "http://", "socks5h://", NULL };
	enum inro_err e = check_url("the server's URL", w->url, by->schemes);
	const char *path = e == INRO_OK ? strchr(strstr(w->url, "://") + 3, '/') : NULL;

	if (path && !by->has_path)
		return err_set(INRO_E_ARG, "the server's URL ends behind its host and port; which CA it "
					   "is, the label says");
	return e == INRO_OK && w->proxy ? check_url("the proxy", w->proxy, proxies) : e;
}

static enum inro_err check_label(const char *label)
{
	for (const char *p = label; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("/?#%\\", *p))
			return err_set(INRO_E_ARG, "a label has letters, digits and signs, and no / ? # %%");
	return strlen(label) > LABEL_MAX ? err_set(INRO_E_ARG, "a label of more than %d characters", LABEL_MAX)
					 : INRO_OK;
}

static enum inro_err check_key(const struct ca_way_wish *w)
{
	SCOPED(p11_uri) uri = { 0 };
	enum inro_err e = p11_uri_is(w->key_uri) ? p11_uri_parse(w->key_uri, &uri) : INRO_OK;

	if (e == INRO_OK && uri.has_pin_value)
		e = err_set(INRO_E_ARG, "a PIN is not recorded: give the key's URI with pin-source");
	return e;
}

static enum inro_err check_who(const struct ca_way_wish *w)
{
	bool has_secret = w->secret || w->password.n;
	bool by_key = w->key_uri && w->cert.n, by_name = w->account && has_secret;

	if (by_key == by_name || !w->key_uri != !w->cert.n || !w->account != !has_secret ||
	    (w->secret && w->password.n))
		return err_set(INRO_E_ARG, "who asks is an account and where its password is, or a "
					   "certificate and the URI of its key");
	if (by_name && strchr(w->account, ':'))
		return err_set(INRO_E_ARG, "an account has no ':'");
	if (w->password.n > PASSWORD_MAX)
		return err_set(INRO_E_ARG, "a password of more than %d octets", PASSWORD_MAX);
	if (w->secret)
		return secret_ref_check(w->secret);
	return by_key ? check_key(w) : INRO_OK;
}

/* What CMP's messages are signed by: who gets them refuses a key that may not sign messages. */
static enum inro_err check_signs(const struct ca_connector *by, const struct ca_way_wish *w)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e = by->plain && w->cert.n ? cert_read(w->cert, &cert) : INRO_OK;

	if (e == INRO_OK && cert.der.n && !cert_may_sign(&cert))
		e = err_set(INRO_E_POLICY, "the certificate that signs the messages has no digitalSignature in its key "
					   "usage, and no CA takes messages signed by its key: give another one, or an "
					   "account and its password");
	return e;
}

static enum inro_err check_wish(const struct ca_connector *by, const struct ca_way_wish *w)
{
	enum inro_err e = check_urls(by, w);

	if (e == INRO_OK && w->label)
		e = check_label(w->label);
	if (e == INRO_OK)
		e = core_check_text("the account", w->account, 255);
	if (e == INRO_OK)
		e = check_who(w);
	if (e == INRO_OK)
		e = check_signs(by, w);
	if (e == INRO_OK && (w->trust.n || !by->plain) &&
	    (w->trust.n > WAY_TRUST_MAX || !pem_is(w->trust)))
		e = err_set(INRO_E_ARG, "the CAs that the server's certificate is checked against (trust) are given as PEM, up to %zu bytes",
			    WAY_TRUST_MAX);
	if (e == INRO_OK && (w->seconds < 0 || w->seconds > WAY_SECONDS_MAX))
		e = err_set(INRO_E_ARG, "one request takes 1 to %d seconds", WAY_SECONDS_MAX);
	return e;
}

enum inro_err ca_way_fill(struct core *c, const struct ca_connector *by, const struct ca_way_wish *w,
			  struct ca_way *ret)
{
	const struct {
		char **to;
		const char *from;
	} texts[] = {
		{ &ret->url, w->url },	   { &ret->label, w->label },	  { &ret->account, w->account },
		{ &ret->secret, w->secret }, { &ret->key_uri, w->key_uri }, { &ret->proxy, w->proxy },
	};
	enum inro_err e = check_wish(by, w);

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(texts); i++)
		e = text_set(texts[i].to, texts[i].from);
	if (e == INRO_OK)
		e = blob_set(&ret->trust, w->trust);
	if (e == INRO_OK)
		e = blob_set(&ret->cert, w->cert);
	if (e == INRO_OK && w->password.n)
		e = way_secret_seal(c, w->password, ret);
	ret->seconds = w->seconds ? w->seconds : WAY_SECONDS;
	ret->created_ms = clock_now_ms();
	return e;
}

/* ---- open ---- */

void ca_reach_clear(struct ca_reach *r)
{
	secret_clear(&r->secret);
	keyroom_close(r->room);
	*r = (struct ca_reach) { 0 };
}

static const char *text_or_null(const char *text)
{
	return text && *text ? text : NULL;
}

void ca_reach_open(struct core *c, const struct ca_connector *by, const struct ca_way *way,
		   struct ca_reach *ret)
{
	ret->c = c;
	ret->way = way;
	ret->fetch = (struct fetch_way) { .server = way->url,
					  .trust_pem = blob_bytes(&way->trust),
					  .plain = by->plain,
					  .proxy = text_or_null(way->proxy),
					  .timeout = way->seconds,
					  .believed = clock_now(),
					  .room = &ret->room,
					  .pins = { c->ask_pin, c->ask_arg } };
	ret->who = (struct fetch_who) { .id = text_or_null(way->account),
					.key_uri = text_or_null(way->key_uri),
					.cert_pem = blob_bytes(&way->cert) };
}

enum inro_err ca_reach_who(struct ca_reach *r)
{
	enum inro_err e = r->secret.p ? INRO_OK : way_secret_read(r->c, r->way, &r->secret);

	/* Without one a MAC is anybody's. */
	if (e == INRO_OK && text_or_null(r->way->secret) && !r->secret.n)
		e = err_set(INRO_E_CONFIG, "the password at %s is empty", way_secret_name(r->way));
	r->who.psk = secret_bytes(&r->secret);
	return e;
}

enum inro_err ca_reach_renews(const struct ca_way *way, struct bytes request, bool *ret)
{
	SCOPED(cert) own = { 0 };
	SCOPED(csr) csr = { 0 };
	enum inro_err e;

	*ret = false;
	if (!way->cert.n)
		return INRO_OK;
	e = cert_read(blob_bytes(&way->cert), &own);
	if (e == INRO_OK)
		e = csr_read(request, &csr);
	*ret = e == INRO_OK && bytes_equal(own.key.spki, csr.key.spki) &&
	       bytes_equal(own.subject, csr.subject) && bytes_equal(own.ext.sans, csr.ext.sans);
	return e;
}

/* ---- what a server says of itself ---- */

struct named {
	struct cert all[EST_CERTS_MAX];
	size_t n;
};

static void named_clear(struct named *n)
{
	for (size_t i = 0; i < n->n; i++)
		cert_clear(&n->all[i]);
	*n = (struct named) { 0 };
}

static enum inro_err read_named(const struct est_certs *from, struct named *n)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && i < from->n; i++) {
		e = cert_read(buf_bytes(&from->ders[i]), &n->all[n->n]);
		n->n += e == INRO_OK;
	}
	return e;
}

static bool is_above_another(const struct named *n, const struct cert *above)
{
	for (size_t i = 0; i < n->n; i++)
		if (!n->all[i].self_issued && bytes_equal(n->all[i].issuer, above->subject))
			return true;
	return false;
}

static const struct cert *issuer_in(const struct named *n, const struct cert *c)
{
	for (size_t i = 0; i < n->n; i++)
		if (bytes_equal(n->all[i].subject, c->issuer) && cert_verify(c, &n->all[i].key) == INRO_OK)
			return &n->all[i];
	return NULL;
}

static void add_above(const struct named *n, const struct cert *c, struct buf *chain)
{
	for (size_t i = 0; i < n->n && c && !c->self_issued; i++) {
		c = issuer_in(n, c);
		if (c)
			pem_add(chain, PEM_CERT, buf_bytes(&c->der));
	}
}

enum inro_err ca_reach_pick(const struct est_certs *from, struct buf *ret_cert, struct buf *ret_chain)
{
	SCOPED(named) n = { 0 };
	const struct cert *found = NULL;
	size_t many = 0;
	enum inro_err e = read_named(from, &n);

	for (size_t i = 0; e == INRO_OK && i < n.n; i++)
		if (!is_above_another(&n, &n.all[i])) {
			found = &n.all[i];
			many++;
		}
	if (e == INRO_OK && many != 1)
		e = err_set(INRO_E_POLICY,
			    "the server names %zu CAs, none of which is above another: say which it is, by "
			    "its certificate",
			    many);
	if (e != INRO_OK)
		return e;
	buf_add(ret_cert, buf_bytes(&found->der));
	add_above(&n, found, ret_chain);
	return buf_err(ret_cert) == INRO_OK ? buf_err(ret_chain) : buf_err(ret_cert);
}

enum inro_err ca_reach_has(const struct est_certs *named, struct bytes cert)
{
	for (size_t i = 0; i < named->n; i++)
		if (bytes_equal(buf_bytes(&named->ders[i]), cert))
			return INRO_OK;
	return err_set(INRO_E_SIGNATURE,
		       "the server names %zu CAs, and the certificate that is on record for this one is "
		       "none of them: it has another key by now, or this is another server",
		       named->n);
}
