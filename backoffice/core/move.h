/*
 * move - what other rooms need of credentials and their moves; cred.h is for callers.
 */
#ifndef INRO_BACKOFFICE_CORE_MOVE_H
#define INRO_BACKOFFICE_CORE_MOVE_H

#include "backoffice/core/cred.h"
#include "backoffice/core/internal.h"

/* cred.c */
MUST_CHECK enum inro_err cred_view(struct core *c, struct credential *rec, struct cred *ret);
/* The same where it is known whose it is and who issued it (NULL: looked up). */
struct cred_names {
	const char *device, *ca;
};
MUST_CHECK enum inro_err cred_view_named(struct core *c, struct credential *rec,
					 struct cred_names known, struct cred *ret);
MUST_CHECK enum inro_err cred_load(struct core *c, const char *ref, struct credential *ret);

/* cred_search.c: conditions for this kind, and for the filter's device and CA. */
struct where;
struct cred_filter;
MUST_CHECK enum inro_err cred_where(struct core *c, enum cred_kind kind,
				    const struct cred_filter *f, struct where *w);

/* move.c; in a write transaction. */
struct cred_change {
	enum verb verb;
	int64_t reason, invalid_at;
	const char *why;
	const char *cause; /* stays in the record; NULL: not said */
	int64_t with;	   /* the certificate of the same key by which this one goes; 0: none */
	int64_t at;	   /* revoked or held since then; 0, or a time that is to come: now */
};
/* In a write transaction, for a certificate that is to be written: of which form its DER is stored.  Those
 * below do it. */
MUST_CHECK enum inro_err cred_take_form(struct core *c, struct credential *rec);
/* A new record, and its count: the only way in for a credential. */
MUST_CHECK enum inro_err cred_insert(struct core *c, struct credential *rec);
/* A pending record becomes this one, which gets its id. */
MUST_CHECK enum inro_err cred_replace(struct core *c, int64_t pending, struct credential *rec);
/* The record as it was read in this transaction; grace_until may have been set. */
MUST_CHECK enum inro_err cred_apply(struct core *c, struct credential *rec,
				    const struct cred_change *change);
/* The same, and where it is a revocation for a compromised key, of all that have the key.  The
 * caller frees *ret. */
struct cred_kin;
MUST_CHECK enum inro_err cred_apply_key(struct core *c, struct credential *rec,
					const struct cred_change *change, struct cred_kin **ret,
					size_t *ret_n);

#endif
