/*
 * connector - how certificates come from CAs that are not ours: a row for each way, by enum ca_kind.
 *
 * 1. A request is on record before anything of it leaves, and stays pending until its certificate
 *    is on record, or it is cancelled.
 * 2. Operations run outside transactions; what they tell is recorded by the caller.
 */
#ifndef INRO_BACKOFFICE_CORE_CONNECTOR_H
#define INRO_BACKOFFICE_CORE_CONNECTOR_H

#include "backoffice/core/ca.h"

struct ca_reach;
struct est_certs;

/* What a CA elsewhere says to a request. */
struct ca_answer {
	bool waits; /* for somebody there; else cert is set */
	int64_t wait; /* seconds until it is asked again */
	struct buf cert;
};
void ca_answer_clear(struct ca_answer *a);

/* A certificate of it that was revoked here. */
struct ca_end {
	struct bytes issuer, serial; /* Name; magnitude */
	unsigned reason;	     /* enum crl_reason */
};

struct ca_connector {
	const char *name;
	/* Before the request is recorded: what that CA knows it by goes into order->reference.  It may
	 * be asked again for the same one after a crash. */
	enum inro_err (*request)(struct core *c, const struct ca *ca, struct ca_order *order);
	/* The next certificate that has come, borrowed until the next call; empty: no more for now. */
	enum inro_err (*collect)(struct core *c, const struct ca *ca, const struct ca_incoming *in,
				 struct bytes *ret);
	/* After the record was revoked, held or released: has that CA do the same.  *ret_by_hand: it is
	 * for somebody to tell it. */
	enum inro_err (*revoke)(struct core *c, const struct ca *ca, const struct credential *rec,
				bool *ret_by_hand);

	/* Over the network; NULL: people carry. */
	const char *const *schemes; /* of its URLs, NULL behind the last */
	bool has_path;		    /* and they have one */
	bool plain;		    /* messages protect themselves, and not TLS */
	/* What that server says over an authenticated way: its CA, and those above. */
	enum inro_err (*cas)(struct ca_reach *r, struct est_certs *ret);
	/* One request.  What the order's reference becomes is recorded with what came of it. */
	enum inro_err (*ask)(struct ca_reach *r, struct ca_order *order, struct ca_answer *ret);
	/* That CA revokes it, or had; NULL: people tell.  The order's reference as above; of *ret only
	 * whether and how long it waits. */
	enum inro_err (*end)(struct ca_reach *r, struct ca_order *order, const struct ca_end *what,
			     struct ca_answer *ret);
};
extern const struct ca_connector ca_by_est, ca_by_cmp;
/* For those that have no better: nothing is noted, files are read, and people tell. */
MUST_CHECK enum inro_err ca_file_request(struct core *c, const struct ca *ca, struct ca_order *order);
MUST_CHECK enum inro_err ca_file_collect(struct core *c, const struct ca *ca,
					 const struct ca_incoming *in, struct bytes *ret);
MUST_CHECK enum inro_err ca_file_revoke(struct core *c, const struct ca *ca, const struct credential *rec,
					bool *ret_by_hand);
/* NULL: its key is here. */
const struct ca_connector *ca_connector_of(const struct ca *ca);
MUST_CHECK enum inro_err ca_connector_find(const char *name, enum ca_kind *ret);
/* INRO_E_STATE: what is asked of it takes its key. */
MUST_CHECK enum inro_err ca_is_elsewhere(const struct ca *ca);

/* ca_order.c: the request, read and proved, goes out in place of an issue; in->rec is what waits. */
struct making;
MUST_CHECK enum inro_err order_keep(struct core *c, struct making *j);

/* ca_collect.c: one certificate that came for this request, and for no other. */
MUST_CHECK enum inro_err ca_take(struct core *c, const struct ca *ca, int64_t request, struct bytes der,
				 ca_collected_fn *fn, void *arg);

/* In a write transaction: nothing waits for a CA elsewhere any more for this credential. */
MUST_CHECK enum inro_err ca_order_drop(struct core *c, int64_t credential);

#endif
