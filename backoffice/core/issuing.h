/*
 * issuing - the steps of an issue, for one request (issue.c) and for many (bulk.c).
 *
 * 1. The order is desk_open(), desk_unlock(), making_read(), making_prove(), making_plan(),
 *    making_sign(), and in a write transaction making_record().
 *    making_parse() and making_verify() look at nothing but the request and the desk's profile: any
 *    thread may do them.
 * 2. A refusal by making_read(), _prove() and _plan() is about the request; a failure of
 *    making_sign() is about the token, and no request after it fares better.
 */
#ifndef INRO_BACKOFFICE_CORE_ISSUING_H
#define INRO_BACKOFFICE_CORE_ISSUING_H

#include "backoffice/core/issue.h"
#include "backoffice/core/ca_signer.h"
#include "backoffice/core/policy.h"
#include "backoffice/core/vars.h"
#include "backoffice/pki/blocklist.h"
#include "backoffice/pki/csr.h"

#define DESK_POLICIES 64

/* What requests to one CA by one profile share. */
struct issue_desk {
	const struct ca *ca; /* who issues; NULL: a root signs itself */
	bool answers;	     /* as struct issuing has it */
	struct profile profile;
	char generation[24];   /* of the CA's key, as text */
	struct vars_wanted wanted; /* variables of it */
	struct blocklist *blocklist; /* its; NULL: none */
	struct cert issuer;	   /* empty for a root */
	struct limits limits;	   /* name constraints of the issuer and of those above it */
	struct bounds bounds;	   /* the same of other kinds */
	struct ca_signer signer;   /* its key */
	struct ca_policy lists;	   /* how its revocation lists are made: desk_lists() */
	bool has_lists;
	struct ca *cas; /* all of the tenant, when looked up before; NULL: asked for each */
	size_t cas_n;
	int64_t now;	  /* when it is issued: issue_now() */
	int64_t moment;	  /* when `cas` was read: key_use_moment() */
	bool keys_stand;  /* in the transaction: it is that still */
	unsigned verify_each; /* every so many new signatures one is verified; 0: as its key is trusted */
	unsigned signatures;  /* so far */
	struct desk_policy {
		struct policy policy;
		int64_t group;
		bool known;
	} policies[DESK_POLICIES]; /* of groups that were asked for; see desk_policy() */
};

/* Everything that the steps of one issue share. */
struct making {
	struct issuing *in;
	struct issue_desk *desk;
	struct csr csr;
	struct device device;
	struct vars_room vars;
	struct issued issued;
	bool challenged; /* its challenge password was found to be right */
	uint8_t serial[CERT_SERIAL_OCTETS];
	uint8_t key_hash[PKI_DIGEST_MAX]; /* pubkey_print() */
	struct buf subject;		  /* as text, C string */
	struct buf der, key_ref, crl_url; /* the latter two: C strings, empty: none */
};

/* The profile; of the request only its name and the days are looked at. */
MUST_CHECK enum inro_err desk_open(struct core *c, const struct issuing *in,
				   struct issue_desk *ret);
/* The CA, which can issue, without its key. */
MUST_CHECK enum inro_err desk_issuer(struct core *c, struct issue_desk *d);
/* The same with its key. */
MUST_CHECK enum inro_err desk_unlock(struct core *c, const struct issuing *in,
				     struct issue_desk *d);
/* The names that no leaf may have, and how far the record goes, read once for all requests that
 * follow. */
MUST_CHECK enum inro_err desk_read_cas(struct core *c, struct issue_desk *d);
/* The policy of the group (0: none), read once for all requests until it is forgotten; borrowed
 * until the next call. */
MUST_CHECK enum inro_err desk_policy(struct core *c, struct issue_desk *d, int64_t group,
				     const struct policy **ret);
void desk_forget_policies(struct issue_desk *d);
/* How the CA's revocation lists are made, read once; borrowed from *d.  There is a CA. */
MUST_CHECK enum inro_err desk_lists(struct issue_desk *d, const struct ca_policy **ret);
void issue_desk_clear(struct issue_desk *d);

/* Reads the request. */
MUST_CHECK enum inro_err making_parse(struct making *j);
/* Loads its device. */
MUST_CHECK enum inro_err making_device(struct core *c, struct making *j);
/* Both. */
MUST_CHECK enum inro_err making_read(struct core *c, struct making *j);
/* In a transaction: making_device() and making_plan() of these, which were parsed, come next (store_foresee()); or, with
 * `keys` alone, making_record(). */
MUST_CHECK enum inro_err making_foresee(struct core *c, const struct making *const *js, size_t n, bool keys);
/* The request is signed by its key, which is of a kind that the profile takes. */
MUST_CHECK enum inro_err making_verify(const struct making *j);
/* Its device may have a certificate. */
MUST_CHECK enum inro_err making_admit(const struct making *j);
/* Both. */
MUST_CHECK enum inro_err making_prove(const struct making *j);
/* Draws a serial and decides what the certificate will be. */
MUST_CHECK enum inro_err making_plan(struct core *c, struct making *j);
/* Subject, profile, key and request id of in->rec, as planned. */
MUST_CHECK enum inro_err making_fill_texts(struct making *j);
/* Signs it and fills in->rec. */
MUST_CHECK enum inro_err making_sign(struct core *c, struct making *j);
/* In a write transaction, once for all that are recorded in it. */
MUST_CHECK enum inro_err desk_recheck(struct core *c, struct issue_desk *d);
MUST_CHECK enum inro_err making_record(struct core *c, struct making *j);
/* The hash of its key, once it was read; borrowed. */
struct bytes making_key(const struct making *j);
/* Whether a request of the same run, `first`, is in the way of `next`, which has its key, as it will be once it is on
 * record (key_use.h): of another device, or the profile of `next` wants a new key. */
bool making_in_the_way(const struct making *first, const struct making *next);
void making_clear(struct making *j);

/* What was issued under the request's id is put into in->rec: for the same key, CA, profile and
 * device, or it is INRO_E_EXISTS.  INRO_E_NOT_FOUND when nothing was, or it has no id. */
MUST_CHECK enum inro_err making_again(struct core *c, struct making *j);

#endif
