/*
 * cred - certificates as credentials: issue, find, renew, revoke, and the rest of their life.
 *
 * 1. A certificate leaves only after the transaction that recorded it.
 * 2. A serial is 128 random bits, unique within its CA by a constraint of the store.
 * 3. Expiry shows on reading (cred.state); it is recorded with the next move.
 */
#ifndef INRO_BACKOFFICE_CORE_CRED_H
#define INRO_BACKOFFICE_CORE_CRED_H

#include "backoffice/core/core.h"

/* What a certificate is due for. */
enum cred_due {
	CRED_DUE_NOT,
	CRED_DUE_EXPIRES, /* ends within the time asked for */
	CRED_DUE_OVERDUE, /* the policy of its device's group wants it renewed by now */
	CRED_DUE_BOTH,
	CRED_DUE_WANTED,  /* a job wants a successor, and only its device can make the key */
	CRED_DUE_EXPIRED, /* ended without a successor, as long ago as that time or less */
	CRED_DUE__MAX
};
extern const char *const cred_due_names[CRED_DUE__MAX]; /* CRED_DUE_NOT: "" */

/* A certificate that could be used and has the key of one that is revoked. */
struct cred_kin {
	int64_t id;
	bool revoked; /* with it; a CA's is not */
};

/* A certificate as people see it. */
struct cred {
	struct credential rec; /* rec.state is the recorded state */
	enum cred_state state; /* what it is now */
	char *device_id;       /* NULL: not bound to a device */
	char *ca_name;	       /* who issued it */
	const char *reason;    /* RFC 5280 name of why it is on the CRL; NULL: it is not */
	char *own_ca_name;     /* the CA whose certificate it is; NULL: an end entity's */
	enum cred_due due;     /* where that was asked for */
	struct cred_kin *kin;  /* of cred_revoke(): the other certificates of a compromised key */
	size_t kin_n;
	bool tell_ca; /* of a move: its CA is elsewhere and has to be told by somebody */
};
void cred_clear(struct cred *c);

#define CRED_REQUEST_SANS 64
struct cred_request {
	struct bytes csr; /* PKCS#10, DER or PEM */
	bool crmf; /* it is a CertReqMsg (crmf.h) */
	/* Its holder says that he has it, until then (confirm.h); 0: nobody waits for that. */
	int64_t confirm_by;
	const char *ca;
	const char *profile;
	const char *device;	 /* NULL: none */
	const char *const *sans; /* "DNS:…" that the device may ask for beside its record's */
	size_t sans_n;		 /* up to CRED_REQUEST_SANS */
	const char *key_uri; /* where the key is, if known */
	unsigned days;	     /* 0: the profile's */
	/* Who asks again by the same gets the same certificate again; NULL: none.  "job:NUMBER:…" are those of jobs. */
	const char *request_id;
	int64_t proposal; /* of ca_certify() */
	const unsigned *path_len; /* of a CA; NULL: the profile's, else the smaller one */
	/* SHA-256 of the SubjectPublicKeyInfo that the device's TPM vouched for (attest.h); empty: none. */
	struct bytes attested;
	/* Of a CA: its name constraints, DER (limits_join()); empty: the request's, or the profile's. */
	struct bytes constraints;
};

/* Where the profile or the policy of the device's group says that requests wait for approval, what
 * comes is the request, in state requested; who asks again by its request_id gets what it became.
 * INRO_E_SIGNATURE: no proof of possession.  INRO_E_POLICY: the profile forbids it.  INRO_E_ACCESS: the
 * profile wants an attested key.  INRO_E_STATE: the CA can't issue, or the device may not have one. */
MUST_CHECK enum inro_err cred_issue(struct core *c, const struct cred_request *r, struct cred *ret);

/* By another than who asked: the certificate, exactly as it was asked for.  One that is approved
 * and could not be issued stays pending and goes on by the same call. */
MUST_CHECK enum inro_err cred_approve(struct core *c, const char *ref, const char *why,
				      struct cred *ret);
/* By another, or by who asked: it becomes nothing. */
MUST_CHECK enum inro_err cred_reject(struct core *c, const char *ref, const char *why,
				     struct cred *ret);
/* What was asked for, as JSON of the caller's.  INRO_E_NOT_FOUND: it never waited. */
MUST_CHECK enum inro_err cred_asked(struct core *c, const struct cred *cred, char **ret_json);

/* A certificate for a key that is made here, in memory, and comes back: where the device can't make
 * its own.  in->csr and request_id are not given; sans are asked for and granted. */
struct cred_central {
	const char *subject;  /* NULL: CN=DEVICE */
	const char *key_type; /* NULL: ec-p256 */
	bool keep;	      /* a copy stays here, sealed */
	bool only_asked;      /* the names are asked for, and not granted */
};
MUST_CHECK enum inro_err cred_issue_central(struct core *c, const struct cred_request *r,
					    const struct cred_central *how,
					    struct secret *ret_pkcs8, struct cred *ret);
/* The kept copy, also after the certificate's end; of an archived one by an administrator.  Others
 * approve where the setting four-eyes.archive says so (eyes.h; proposal 0: none).  INRO_E_STATE:
 * there is none. */
MUST_CHECK enum inro_err cred_kept_key(struct core *c, const char *ref, int64_t proposal,
				       struct secret *ret_pkcs8, struct cred *ret);
/* What is above it, from its issuer up to the root. */
struct chain;
MUST_CHECK enum inro_err cred_chain(struct core *c, const struct cred *cred, struct chain *ret);

/* Wipes the key of a certificate that is over, in its token and in its record, looks that it is
 * gone, and tells it: the statement, JSON, signed by the audit's key when there is one.  A key that
 * another certificate has too stays, and the statement says so. */
MUST_CHECK enum inro_err cred_destroy(struct core *c, const char *ref, const char *why,
				      struct buf *ret_evidence, struct cred *ret);
/* VERB_RETIRE with what it was for: "replaced", "no longer needed" … (NULL: not said). */
MUST_CHECK enum inro_err cred_retire(struct core *c, const char *ref, const char *cause,
				     const char *why, struct cred *ret);

struct cred_filter {
	const char *device, *ca;      /* NULL: any */
	const enum cred_state *state; /* as shown; NULL: any */
	unsigned due_days; /* 0: any; else what is due for something, with this many days ahead */
};
/* A search among certificates: what where.h says (where_creds), and the words of cred_filter beside
 * it. */
struct cred_search {
	const char *where; /* NULL: nothing */
	struct cred_filter filter;
	const char *sort;  /* id; expires, with a state; NULL: any order */
	const char *after; /* the cursor of the page before; NULL: from the start */
	size_t limit;	   /* 0: PAGE_MAX */
};
struct cred_found {
	struct cred *items;
	size_t n;
	char *next; /* NULL: that was all.  A page may be short and yet have a next one. */
};
void cred_found_clear(struct cred_found *f);
MUST_CHECK enum inro_err cred_search(struct core *c, const struct cred_search *s,
				     struct cred_found *ret);
/* How many of this kind are recorded in this state; one row. */
MUST_CHECK enum inro_err cred_count(struct core *c, enum cred_kind kind, enum cred_state state,
				    int64_t *ret);

/* A certificate is named by its id (decimal, up to 9 digits), its serial (hex), or the first 8 or
 * more hex digits of its SHA-256 fingerprint; "id:", "serial:" and "sha256:" in front say which.
 * Colons between hex digits are skipped.  INRO_E_NOT_FOUND, INRO_E_AMBIGUOUS. */
MUST_CHECK enum inro_err cred_get(struct core *c, const char *ref, struct cred *ret);

struct cred_renewal {
	struct bytes csr; /* for a key that the back office can't reach; none: in the token */
	bool crmf; /* as in a request, and the next two */
	int64_t confirm_by;
	struct bytes attested;
	/* Who asks again by the same for the successor of the same certificate gets it again; NULL: none. */
	const char *request_id;
	bool new_key;	  /* makes another key in the same token */
	const char *key_type; /* of that; NULL: as before */
	bool again; /* a key that was made for this renewal before, and has no certificate, is taken */
	unsigned days;	  /* 0: the profile's */
};
/* Issues a successor under the same CA, profile, subject and device; the old one is superseded in
 * the same transaction.  A request of the caller's has the same subject and no other names, or it
 * is INRO_E_POLICY.  With the key in a token the new certificate is put beside it. */
MUST_CHECK enum inro_err cred_renew(struct core *c, const char *ref, const struct cred_renewal *r,
				    struct cred *ret);

/* Reasons by the names of RFC 5280 5.3.1: unspecified keyCompromise cACompromise affiliationChanged
 * superseded cessationOfOperation privilegeWithdrawn aACompromise.  certificateHold is cred_move()
 * with VERB_HOLD, removeFromCRL with VERB_RELEASE.  A CA's certificate takes the CA with it.
 * By keyCompromise and cACompromise every other certificate of the key that could be used goes in
 * the same transaction, whoever's it is; a CA's is only told (cred.kin).  A device ends its own alone: for
 * others that have the key the audit has a refusal each. */
struct cred_revocation {
	const char *reason; /* NULL: unspecified */
	int64_t invalid_at; /* since when the key must be distrusted; 0: not said */
	const char *why;    /* for the audit; NULL: not said */
};
MUST_CHECK enum inro_err cred_revoke(struct core *c, const char *ref,
				     const struct cred_revocation *r, struct cred *ret);
/* VERB_HOLD, VERB_RELEASE, VERB_RETIRE or VERB_ARCHIVE.  Retiring one that is still valid puts it
 * on the CRL (superseded). */
MUST_CHECK enum inro_err cred_move(struct core *c, const char *ref, enum verb verb, const char *why,
				   struct cred *ret);

/* The state that a record has at this time. */
enum cred_state cred_shown_state(const struct credential *rec, int64_t now);

#endif
