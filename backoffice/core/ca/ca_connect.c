/* ca_connect - a CA of others is put on record; see ca.h. */
#include "backoffice/core/authority.h"
#include "backoffice/core/ca/ca_above.h"
#include "backoffice/core/ca/ca_making.h"
#include "backoffice/core/ca/ca_reach.h"
#include "backoffice/core/connector.h"
#include "backoffice/core/seal.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

struct connecting {
	const struct ca_connection *in;
	struct cert cert;
	struct ca_above above;
	struct ca ca;
	struct credential rec;
	struct ca_eyes eyes;
	/* Over the network. */
	struct ca_way way;
	bool again;	/* the CA is on record: another way to it, in place of the one that there is */
	char *seal_uri; /* by which key its password is sealed */
	struct buf named, named_chain; /* what its server said it is */
};

static void connecting_clear(struct connecting *k)
{
	cert_clear(&k->cert);
	ca_above_clear(&k->above);
	ca_clear(&k->ca);
	credential_clear(&k->rec);
	ca_eyes_clear(&k->eyes);
	ca_way_clear(&k->way);
	free(k->seal_uri);
	buf_clear(&k->named);
	buf_clear(&k->named_chain);
}

/* It stays the same CA, asked by the same protocol. */
static enum inro_err check_again(const struct connecting *k, enum ca_kind kind)
{
	SCOPED(cert) cert = { 0 };
	struct bytes given = k->in->in.cert;
	bool is = k->in->way && k->ca.kind == kind;
	enum inro_err e = is && given.n ? cert_read(given, &cert) : INRO_OK;

	if (e == INRO_OK && given.n)
		is = is && bytes_equal(buf_bytes(&cert.der), blob_bytes(&k->ca.cert));
	if (e == INRO_OK && !is)
		e = err_set(INRO_E_EXISTS, "there is a CA '%s' already", k->in->name);
	return e;
}

static enum inro_err check_connection(struct core *c, struct connecting *k)
{
	enum ca_kind kind = CA_FILE;
	enum inro_err e = core_require(c, ROLE_ADMIN, "connect a CA of others");

	if (e == INRO_OK)
		e = ca_connector_find(k->in->by ? k->in->by : "file", &kind);
	if (e == INRO_OK)
		e = ca_load(c, k->in->name, &k->ca);
	k->again = e == INRO_OK;
	if (k->again)
		return check_again(k, kind);
	k->ca.kind = kind;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static struct bytes known_cert(const struct connecting *k)
{
	return k->again ? blob_bytes(&k->ca.cert) : k->in->in.cert;
}

/* The CA that its server names; one that was given has to be among those. */
static enum inro_err hear(struct ca_reach *r, struct connecting *k)
{
	const struct ca_connector *by = ca_connector_of(&k->ca);
	SCOPED(cert) cert = { 0 };
	struct est_certs named = { 0 };
	enum inro_err e;

	if (by->plain && k->in->in.cert.n)
		return INRO_OK; /* each answer is held to it */
	e = by->cas(r, &named);
	if (e == INRO_OK && !known_cert(k).n)
		e = ca_reach_pick(&named, &k->named, &k->named_chain);
	if (e == INRO_OK && known_cert(k).n)
		e = cert_read(known_cert(k), &cert);
	if (e == INRO_OK && known_cert(k).n)
		e = ca_reach_has(&named, buf_bytes(&cert.der));
	est_certs_clear(&named);
	return e;
}

/* Where the office's machines connect to is said by who runs them; an administrator of another tenant may
 * be anybody, and what is refused at an address tells what is there. */
static enum inro_err check_may_reach(struct core *c, const struct ca_way_wish *w)
{
	SCOPED(account) who = { 0 };
	enum inro_err e = INRO_OK;

	if (!w->from_afar || c->tenant == TENANT_DEFAULT)
		return e;
	if (c->account)
		e = store_get(c->store, c->account, &who);
	if (e == INRO_OK && who.tenant != TENANT_DEFAULT)
		e = err_set(INRO_E_ACCESS, "a CA's server is named over the network by administrators of the "
					   "tenant 'default' only");
	return e;
}

static enum inro_err go_there(struct core *c, struct connecting *k)
{
	const struct ca_connector *by = ca_connector_of(&k->ca);
	SCOPED(ca_reach) r = { 0 };
	enum inro_err e;

	if (!by->ask != !k->in->way)
		return err_set(INRO_E_ARG, by->ask ? "a CA by '%s' has a server: give its URL" :
						     "a CA by '%s' has no server",
			       by->name);
	if (!k->in->way)
		return INRO_OK;
	e = check_may_reach(c, k->in->way);
	if (e == INRO_OK && k->in->way->password.n)
		e = seal_key_uri(c, &k->seal_uri);
	if (e == INRO_OK)
		e = ca_way_fill(c, by, k->in->way, &k->way);
	k->way.tenant = c->tenant;
	ca_reach_open(c, by, &k->way, &r);
	return e == INRO_OK ? hear(&r, k) : e;
}

static struct bytes said_or(struct bytes given, const struct buf *named)
{
	return given.n ? given : buf_bytes(named);
}

static enum inro_err read_connection(struct core *c, struct connecting *k)
{
	enum inro_err e = go_there(c, k);

	if (e == INRO_OK)
		e = cert_read(said_or(known_cert(k), &k->named), &k->cert);
	if (e == INRO_OK && !k->again)
		e = ca_above_check(&k->cert, "the certificate");
	if (e == INRO_OK && !k->again)
		e = ca_above_find(c, &k->cert, said_or(k->in->in.chain, &k->named_chain), 0, &k->above);
	return e == INRO_OK ? ca_own_fill(c, &k->cert, &k->rec) : e;
}

static enum inro_err fill_connected(struct core *c, struct connecting *k)
{
	struct ca *ca = &k->ca;
	enum inro_err e = text_set(&ca->name, k->in->name);

	ca->tenant = c->tenant;
	ca->state = CA_ACTIVE;
	ca->parent = k->above.parent;
	ca->generation = 1;
	ca->not_before = k->cert.not_before;
	ca->not_after = k->cert.not_after;
	ca->created_ms = ca->updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = text_set(&ca->subject, k->rec.subject);
	if (e == INRO_OK)
		e = blob_set(&ca->cert, buf_bytes(&k->cert.der));
	return e == INRO_OK ? blob_set(&ca->chain, buf_bytes(&k->above.others)) : e;
}

static enum inro_err ask_for(struct core *c, struct connecting *k)
{
	detail_hex(&k->eyes.body, "sha256", blob_bytes(&k->rec.fingerprint));
	detail_text(&k->eyes.body, "subject", k->rec.subject);
	detail_text(&k->eyes.body, "url", k->way.url);
	k->eyes.proposal = k->in->in.proposal;
	return ca_eyes_check(c, &k->eyes, k->in->name);
}

static enum inro_err tell(struct core *c, const struct connecting *k)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { k->again ? "ca.way" : "ca.connect", "ca", k->in->name, EVENT_DONE,
					   &detail };

	detail_text(&detail, "by", ca_connector_of(&k->ca)->name);
	detail_text(&detail, "url", k->way.url);
	detail_text(&detail, "label", k->way.label);
	detail_text(&detail, "subject", k->rec.subject);
	detail_hex(&detail, "sha256", blob_bytes(&k->rec.fingerprint));
	return audit_append(c, &entry);
}

static enum inro_err put_ca(struct core *c, struct connecting *k)
{
	enum inro_err e = ca_check_own_key(c, &k->cert.key);

	k->ca.id = 0;
	if (e == INRO_OK) {
		e = store_insert(c->store, &k->ca);
		if (e == INRO_E_EXISTS)
			e = err_set(e, "there is a CA '%s' already", k->in->name);
	}
	k->rec.own_ca = k->ca.id;
	k->rec.ca = k->above.root ? k->ca.id : k->above.parent;
	k->rec.ca_generation = k->above.parent ? k->above.parent_generation : 1;
	return e == INRO_OK ? ca_own_record(c, &k->rec) : e;
}

/* Who sealed everything anew while the server was waited for did not see this one. */
static enum inro_err check_seal(struct core *c, const struct connecting *k)
{
	AUTO(free_chars) char *now = NULL;
	enum inro_err e = k->seal_uri ? seal_key_uri(c, &now) : INRO_OK;

	if (e == INRO_OK && k->seal_uri && strcmp(text_or_empty(now), k->seal_uri) != 0)
		e = err_set(INRO_E_BUSY, "another key seals since the password was sealed: once more");
	return e;
}

static enum inro_err put_way(struct core *c, struct connecting *k)
{
	SCOPED(ca_way) old = { 0 };
	enum inro_err e = check_seal(c, k);

	if (e == INRO_OK && k->again)
		e = ca_way_of(c, k->ca.id, &old);
	k->way.id = old.id;
	k->way.ca = k->ca.id;
	if (e != INRO_OK)
		return e;
	return k->again ? store_update(c->store, &k->way) : store_insert(c->store, &k->way);
}

static enum inro_err connect_work(struct core *c, void *arg)
{
	struct connecting *k = arg;
	enum inro_err e = k->again ? INRO_OK : put_ca(c, k);

	if (e == INRO_OK && k->in->way)
		e = put_way(c, k);
	if (e == INRO_OK)
		e = ca_eyes_done(c, &k->eyes, k->ca.id);
	return e == INRO_OK ? tell(c, k) : e;
}

enum inro_err ca_connect(struct core *c, const struct ca_connection *in, struct ca_view *ret)
{
	SCOPED(connecting) k = { .in = in, .eyes = { .action = "ca.connect" } };
	enum inro_err e = check_connection(c, &k);

	if (e == INRO_OK)
		e = read_connection(c, &k);
	if (e == INRO_OK && !k.again)
		e = fill_connected(c, &k);
	if (e == INRO_OK)
		e = ask_for(c, &k);
	if (e == INRO_OK)
		e = core_write(c, connect_work, &k);
	return e == INRO_OK ? ca_get(c, in->name, ret)
			    : audit_refused(c, "ca.connect", "ca", in->name, e);
}
