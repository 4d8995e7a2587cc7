/*
 * ca - certification authorities: made, shown, chained, and their revocation lists.
 *
 * 1. A CA's key is in a token, named by URI; the back office never sees it.
 * 2. Every CA's certificate is a credential too: a root's under itself, a subordinate's under its
 *    parent, so that it is found, revoked and retired like any other.
 * 3. A CA issues only while it and all above it are active, not on hold and not expired.
 * 4. CRL numbers only grow: the number is committed before the list leaves.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_H
#define INRO_BACKOFFICE_CORE_CA_H

#include "backoffice/core/cred.h"

/* How its lists are to be made (ca_policy.h).  CA_AS_IT_IS and NULL leave what is there; a URL "" takes
 * it away. */
#define CA_AS_IT_IS (-1)
struct ca_settings {
	int64_t crl_days, overlap_hours, delta_hours, shards;
	const char *crl_url, *delta_url;
};

struct ca_request {
	const char *name;    /* 1 to 64 of [A-Za-z0-9._-] */
	const char *subject; /* "/O=Example/CN=Root" or "CN=Root,O=Example" */
	const char *parent;  /* NULL: a root */
	const char *profile; /* NULL: root-ca or sub-ca */
	/* one of: an existing key, or a new one */
	const char *key_uri;
	const char *token, *key_type, *label; /* label NULL: the name; key_type NULL: ec-p256 */
	unsigned days;			      /* 0: the profile's */
	const unsigned *path_len; /* how many CAs may be below, one under the other; NULL: the profile's */
	struct bytes constraints; /* name constraints, DER (ca_read_constraints()); empty: none */
	/* Others certify it: the CA is pending, with a request, until ca_activate().  No parent,
	 * profile or days then. */
	bool external;
	const struct ca_settings *lists; /* NULL: as usual */
	int64_t proposal; /* by which others approved it; 0: none */
};

/* How its revocation lists are made. */
struct ca_policy {
	unsigned crl_days;	/* until a complete list's next one is due: 7 */
	unsigned overlap_hours; /* that it is valid beyond that: 0 */
	unsigned delta_hours;	/* the same of a delta: 24 */
	unsigned shards;	/* 0: one list of everything */
	char *crl_url;		/* in certificates; ${shard} and ${ca.name}; NULL: as the profile has */
	char *delta_url;	/* in complete lists; NULL: none */
	/* How it is answered on line (status.h). */
	unsigned ocsp_minutes;	/* that an answer is good: 60 */
	char *ocsp_signs;	/* who does: "delegated", "ca", "off"; NULL: the first */
	char *ocsp_id;		/* how he names himself: "key", "name"; NULL: the first */
	char *ocsp_token, *ocsp_key_type; /* of his key; NULL: as the CA's */
	/* Who signs messages (signer.h): the same words. */
	char *cmp_signs, *cmp_token, *cmp_key_type;
};
void ca_policy_clear(struct ca_policy *p);

struct ca_view {
	struct ca rec;
	char *parent_name;  /* NULL: a root */
	char *why_not;	    /* why it can't issue now; NULL: it can */
	int64_t credential; /* id of its certificate's record */
	struct ca_policy policy;
};
void ca_view_clear(struct ca_view *v);

struct ca_list {
	struct ca_view *items;
	size_t n;
	int64_t next;
};
void ca_list_clear(struct ca_list *l);

/* A key that was made for it is deleted again when anything fails.  With `token`, a key of that
 * label that nothing was ever certified for is taken over: a run that was cut short left it. */
MUST_CHECK enum inro_err ca_create(struct core *c, const struct ca_request *r, struct ca_view *ret);
MUST_CHECK enum inro_err ca_get(struct core *c, const char *name, struct ca_view *ret);
MUST_CHECK enum inro_err ca_find(struct core *c, const struct page *page, struct ca_list *ret);
/* Certificates from this CA up to its root, DER, one behind the other's end in the list; of its
 * key of that generation, 0: the present one. */
struct chain {
	struct blob *certs;
	size_t n;
};
void chain_clear(struct chain *l);
MUST_CHECK enum inro_err ca_chain(struct core *c, const char *name, unsigned generation,
				 struct chain *ret);
/* The certificate that others made for a pending CA's request.  INRO_E_POLICY when it is for another
 * key, no CA's, not valid now, or leaves no room below; INRO_E_SIGNATURE when the chain does not
 * hold together.  Without a chain it is self-signed or one that a CA of ours signed. */
struct ca_activation {
	struct bytes cert;  /* PEM or DER */
	struct bytes chain; /* PEM, from its issuer up to a root, in that order; empty: none */
	int64_t proposal;
};
MUST_CHECK enum inro_err ca_activate(struct core *c, const char *name,
				     const struct ca_activation *a, struct ca_view *ret);
/* A CA from elsewhere, with its certificate, its key and what it did before.  What was cut short goes
 * on by the same call; an active CA of this name with this certificate gets what is missing. */
struct ca_import {
	const char *name, *key_uri;
	struct ca_activation in;
	struct bytes crl; /* its last complete list, PEM or DER; empty: none.  The count goes on above. */
	/* Certificates that it issued, PEM or DER, one after the other, an empty one behind the last;
	 * NULL: none. */
	bytes_pull *past;
	void *past_arg;
};
struct ca_imported {
	int64_t listed;	 /* entries of the list */
	int64_t released; /* of those: on hold there, and released here since; they stay */
	int64_t past;	 /* certificates put on record */
	int64_t known;	 /* that were there */
	int64_t foreign; /* of other issuers, or unreadable */
};
MUST_CHECK enum inro_err ca_import(struct core *c, const struct ca_import *in,
				   struct ca_imported *ret_done, struct ca_view *ret);
/* A certificate for the CA of somebody else, or of another back office, by its request: as
 * cred_issue(), with a profile for CAs. */
/* The DER of name constraints, of texts as limits_add() has them; nothing when there are none. */
MUST_CHECK enum inro_err ca_read_constraints(const char *const *permit, size_t permit_n,
					     const char *const *exclude, size_t exclude_n,
					     struct buf *ret);
MUST_CHECK enum inro_err ca_certify(struct core *c, const struct cred_request *r, struct cred *ret);
/* A CA of others behind the same interface (connector.h): its key is elsewhere.  A request for a
 * certificate of it stays pending until the certificate comes. */
struct ca_way_wish;
struct ca_connection {
	const char *name;
	const char *by; /* a connector's name; NULL: "file", by hand */
	/* Its certificate; the chain up to a root, as there.  Over the network both may be left out: its
	 * server says which they are. */
	struct ca_activation in;
	const struct ca_way_wish *way; /* over the network (reach.h); NULL: by hand */
};
MUST_CHECK enum inro_err ca_connect(struct core *c, const struct ca_connection *in,
				    struct ca_view *ret);
/* The requests that a CA elsewhere has not answered, and the revocations that it was not told (csr
 * empty). */
struct ca_orders {
	struct ca_order_view {
		struct ca_order rec;
		char *device_id, *subject; /* NULL: none */
	} *items;
	size_t n;
	int64_t next; /* as in core.h */
};
void ca_orders_clear(struct ca_orders *l);
/* In the order in which they were made. */
MUST_CHECK enum inro_err ca_orders(struct core *c, const char *name, const struct page *page,
				   struct ca_orders *ret);
/* The request for which this credential waits.  INRO_E_NOT_FOUND: it waits for no CA elsewhere. */
MUST_CHECK enum inro_err ca_order_of(struct core *c, int64_t credential, struct ca_order *ret);

/* Where certificates come from; what is NULL the connector does without. */
struct ca_incoming {
	bytes_pull *files; /* one certificate after the other, PEM or DER, an empty one behind the last */
	void *arg;
	bool unrequested; /* what nobody here asked for is taken, too */
};
struct ca_collected {
	enum inro_err error; /* why is of it; else cred is set */
	const char *why;
	bool known, unrequested; /* it was on record; nobody had asked for it */
	struct cred cred;
	const char *warnings; /* rules that it breaks, and what is other than was asked; "": none */
};
typedef void ca_collected_fn(void *arg, const struct ca_collected *one);
/* Certificates that came from a CA elsewhere become those of their requests (the same key), each in its
 * own transaction.  It has signed them, they are no CA's, have not expired, and their names keep the
 * name constraints above.  An error of its own is about the CA or the database. */
MUST_CHECK enum inro_err ca_collect(struct core *c, const char *name, const struct ca_incoming *in,
				    ca_collected_fn *fn, void *arg);
/* Its last complete list, PEM or DER: what is on it is revoked or on hold here as well. */
struct ca_list_taken {
	int64_t number, entries;
	bool long_number; /* of more than 63 bits, which is not told */
	int64_t changed;  /* records that were moved by it */
	int64_t foreign;  /* entries of certificates that are not on record */
	int64_t unlisted; /* revoked or held here, and not on the list: the CA is to be told */
	int64_t released; /* on hold there, and released here since: they stay, and the CA is to be told */
};
MUST_CHECK enum inro_err ca_take_list(struct core *c, const char *name, struct bytes list,
				      struct ca_list_taken *ret);
/* Another key for the CA, under the same name (RFC 4210 4.4, RFC 9810 4.4).  A root certifies itself
 * anew, and the two keys certify each other; a CA under one of ours is certified by that one; any
 * other has a request, and goes on with its old key until ca_activate().  What the old key signed
 * stays valid, and the old key goes on to sign lists of it. */
struct ca_rollover {
	const char *name;
	const char *key_uri, *token, *key_type, *label; /* as in a request; label NULL: NAME.2 */
	unsigned days;
	bool external; /* others certify the new key of a CA that one of ours certified */
	const char *crl_url, *delta_url; /* of the new key's lists; NULL: as they are */
	int64_t proposal;
};
MUST_CHECK enum inro_err ca_rollover(struct core *c, const struct ca_rollover *r,
				     struct ca_view *ret);
/* Keys before the present one, and one that waits for its certificate (rec.cert is empty). */
struct ca_key_view {
	struct ca_generation rec;
	struct crl_scope lists; /* the last ones; full_number 0: none; full_at 0: its time was taken back, it is due */
};
struct ca_keys {
	struct ca_key_view *items;
	size_t n;
};
void ca_keys_clear(struct ca_keys *l);
MUST_CHECK enum inro_err ca_keys(struct core *c, const char *name, struct ca_keys *ret);

/* The same key in several tokens, in the order in which they are tried (ca_signer.h). */
struct ca_places {
	struct ca_place_view {
		char *uri;
		char *why; /* of ca_places() with a test: what is wrong with it; NULL: it works */
	} *items;
	size_t n;
};
void ca_places_clear(struct ca_places *l);
/* generation 0: the present key.  `test`: each is opened and has to sign. */
MUST_CHECK enum inro_err ca_places(struct core *c, const char *name, unsigned generation, bool test,
				   struct ca_places *ret);
struct ca_place_wish {
	const char *name;
	unsigned generation; /* 0: the present key */
	const char *key_uri; /* or */
	const char *token;   /* the key of the same id in that token */
	bool first;	     /* it is tried first from now on */
	int64_t proposal;
};
/* INRO_E_POLICY: another key is there.  INRO_E_NOT_FOUND says why none can be brought there, where
 * that is so. */
MUST_CHECK enum inro_err ca_place_add(struct core *c, const struct ca_place_wish *w,
				      struct ca_places *ret);
/* The token is not looked at; the URI may leave out what the others don't share.  INRO_E_STATE: it is
 * the last one. */
MUST_CHECK enum inro_err ca_place_remove(struct core *c, const char *name, unsigned generation,
					 const char *uri, struct ca_places *ret);

/* VERB_RETIRE: issues no more.  Its certificate is revoked by cred_revoke().  VERB_CANCEL: its
 * certificate, or that of its next key, is waited for no longer; the key stays in its token. */
MUST_CHECK enum inro_err ca_move(struct core *c, const char *name, enum verb verb, const char *why,
				 struct ca_view *ret);

/* INRO_E_STATE: other shards than those that certificates name already. */
MUST_CHECK enum inro_err ca_set(struct core *c, const char *name, const struct ca_settings *in,
				struct ca_view *ret);

struct crl_wish {
	const char *ca;
	unsigned days;	/* until the next one is due; 0: as the CA's settings say */
	unsigned shard; /* from 1; 0: the lists are not divided */
	bool delta;	/* what has changed since the last complete list */
	unsigned generation; /* of the key that signs, whose certificates it lists; 0: the present one */
	const char *file; /* it is for crl_save() to that file, or one beside it; NULL: it is pulled */
	/* The complete list that it continues, and that one's time; 0: the last one that was made. */
	int64_t base, base_at;
};
struct crl_info {
	int64_t number, this_update, next_update;
	int64_t base; /* the complete list that a delta continues; 0: complete */
	size_t entries;
};
/* A new list of everything this CA revoked or holds; it ends with the CA at the latest.  A
 * certificate leaves the list after the first complete one issued past its end (RFC 5280 3.3).
 * *list, which the caller clears, gives the DER by crl_pull(). */
struct crl;
MUST_CHECK enum inro_err ca_crl_list(struct core *c, const struct crl_wish *w, struct crl *list,
				     struct crl_info *ret_info);
/* How many lists there are of what the wish's key has signed; 0: one, which is not divided. */
MUST_CHECK enum inro_err ca_crl_shards(struct core *c, const struct crl_wish *w, unsigned *ret);
/* The lists of n shards from w->shard on, by one look at the certificates: lists[n] and ret[n]. */
#define CRL_AT_ONCE 64
MUST_CHECK enum inro_err ca_crl_lists(struct core *c, const struct crl_wish *w, size_t n,
				      struct crl *lists, struct crl_info *ret);
/* The same, complete and undivided, in one piece. */
MUST_CHECK enum inro_err ca_crl(struct core *c, const char *name, unsigned days,
				struct buf *ret_der, struct crl_info *ret_info);

#endif
