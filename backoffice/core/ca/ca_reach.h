/*
 * ca_reach - the open way to a CA elsewhere, for its connector; and the CA's certificate among those that
 * its server names.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_REACH_H
#define INRO_BACKOFFICE_CORE_CA_REACH_H

#include "backoffice/core/connector.h"
#include "backoffice/core/reach.h"
#include "backoffice/fetch/est_ask.h"

struct ca_reach { /* borrows the way */
	struct core *c;
	const struct ca_way *way;
	struct bytes ca; /* its certificate, as on record; empty: not known yet */
	struct secret secret;
	struct keyroom *room;
	struct fetch_way fetch;
	struct fetch_who who;
};
void ca_reach_clear(struct ca_reach *r);
/* Nothing is read and nothing connected yet. */
void ca_reach_open(struct core *c, const struct ca_connector *by, const struct ca_way *way, struct ca_reach *ret);
/* Reads the password, when there is one and it was not read: before who asks is shown. */
MUST_CHECK enum inro_err ca_reach_who(struct ca_reach *r);

/* What was wished, checked, as a record without ids; a password is sealed. */
MUST_CHECK enum inro_err ca_way_fill(struct core *c, const struct ca_connector *by,
				     const struct ca_way_wish *w, struct ca_way *ret);

/* Is the request for the key and for what the way's own certificate says?  Never of one by account and password. */
MUST_CHECK enum inro_err ca_reach_renews(const struct ca_way *way, struct bytes request, bool *ret);

/* Of what a server named: the one that certifies none of the others, DER, and those above it, from its
 * issuer up, PEM.  INRO_E_POLICY: there are several. */
MUST_CHECK enum inro_err ca_reach_pick(const struct est_certs *named, struct buf *ret_cert,
				       struct buf *ret_chain);
/* INRO_E_SIGNATURE: this CA's certificate is none of them. */
MUST_CHECK enum inro_err ca_reach_has(const struct est_certs *named, struct bytes cert);

#endif
