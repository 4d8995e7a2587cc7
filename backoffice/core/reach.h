/*
 * reach - CAs elsewhere that are asked over the network (connector.h): how one is reached, and the
 * requests that wait for it sent.
 *
 * 1. A request is on record before it is sent, and pending until its certificate is; what is killed in
 *    between sends the same octets again.
 * 2. What comes back is held to the request and to the CA as what people bring, and is on record in
 *    one transaction.  Anything else changes nothing but the request's word of what was wrong.
 * 3. A password is never in the database in the clear: only where it is, or sealed (seal.h) and bound to the
 *    server and the account that it is for.
 * 4. One process at a time sends to one CA, by a lease.
 */
#ifndef INRO_BACKOFFICE_CORE_REACH_H
#define INRO_BACKOFFICE_CORE_REACH_H

#include "backoffice/core/ca.h"

#define WAY_SECONDS	30  /* that one request may take, when nobody says */
#define WAY_SECONDS_MAX 600
#define WAY_TRUST_MAX	((size_t)256 << 10)

struct ca_way_wish {
	const char *url;    /* "https://HOST[:PORT]" */
	const char *label;  /* which CA of that server; NULL: its only one */
	struct bytes trust; /* PEM: whom the server is believed by */
	const char *account, *secret; /* who asks, and where his password is (secret_ref.h), */
	struct bytes password;	      /* or itself, which is sealed; or */
	struct bytes cert;  /* PEM with its chain */
	const char *key_uri;
	const char *proxy;  /* NULL: none */
	int64_t seconds;    /* 0: WAY_SECONDS */
	bool from_afar;	    /* said over the network: by whom, counts */
};

enum ca_sent_what { SENT_CAME, SENT_TOLD, SENT_WAITS, SENT_FAILED };
struct ca_sent_one {
	int64_t credential;
	enum ca_sent_what what;
	int64_t due_ms;	  /* when it is asked again; 0: no more */
	const char *words; /* what was wrong, or is other than asked; "": nothing */
};
typedef void ca_sent_fn(void *arg, const struct ca_sent_one *one);
struct ca_sent {
	size_t came, told, waits, failed, later; /* told: revocations; later: it is not their time yet */
};
/* The requests that wait for this CA and the revocations that it is to be told, those whose time has come, or all (`now`).  fn may be NULL.  An
 * error of its own is about the way there, which is kept and puts the next try off.  INRO_E_BUSY: somebody
 * else is at it.  Takes an operator. */
MUST_CHECK enum inro_err ca_send(struct core *c, const char *name, bool now, ca_sent_fn *fn, void *arg,
				 struct ca_sent *ret);
/* A duty: what is due, of all CAs of the tenant. */
MUST_CHECK enum inro_err ca_send_due(struct core *c);
struct reseal_report;
/* Passwords on record, under the key that seals now; what was done is added. */
MUST_CHECK enum inro_err ca_ways_reseal(struct core *c, struct reseal_report *report);
/* How it is reached.  INRO_E_NOT_FOUND: people carry. */
MUST_CHECK enum inro_err ca_way_of(struct core *c, int64_t ca, struct ca_way *ret);

#endif
