/*
 * pass - what lets somebody in beside a password: sessions, API tokens, client certificates, and the
 * keys of the first of two stages.
 *
 * 1. What is given out is 256 random bits behind a word that tells what it is, "inro_token_...";
 *    only its SHA-256 is kept.  Of a certificate it is that of its DER.
 * 2. A pass is for one account in one tenant, at most with the role and for the commands that it
 *    names, and until it ends.  It never gives more than the account has.
 * 3. Revoked, or over with its account, it lets nobody in, and what runs by it ends with the next
 *    transaction.
 * 4. Everybody makes passes for himself; administrators for others too, unless making accounts takes
 *    more than one (eyes.h): who has another's pass is another.  A key is an administrator's to make.
 * 5. Who came by a token or a certificate makes no passes: what was lost could go on for ever.
 */
#ifndef INRO_BACKOFFICE_CORE_PASS_H
#define INRO_BACKOFFICE_CORE_PASS_H

#include "backoffice/core/network.h"
#include "base/secret.h"

#define PASS_NAME_MAX	 64
#define PASS_TEXT_MAX	 96 /* of what is given out, with its NUL */
#define PASS_SESSIONS_MAX 32 /* of one account at once: the oldest ends */
#define PASS_DAYS_MAX	 3650

struct pass_new {
	enum pass_kind kind;  /* not PASS_SESSION */
	const char *name;     /* what people call it: 1 to PASS_NAME_MAX of [A-Za-z0-9._@-] */
	const char *account;  /* NULL: one's own; of a PASS_KEY nobody's */
	enum role role;	      /* at most */
	const char *verbs;    /* NULL: any; as in pass_verbs_allow() */
	unsigned days;	      /* 0: no end */
	struct bytes cert;    /* of a PASS_CERTIFICATE: DER */
	bool unproved;	      /* who asks has not shown that he has its key */
};
/* *ret_value: what is given out, this once; empty of a certificate.  INRO_E_EXISTS: the certificate
 * has one.  INRO_E_ACCESS: a certificate is public, and whoever bound another's to his account would
 * have what its holder sends; unproved only an administrator of tenant 'default' binds one. */
MUST_CHECK enum inro_err pass_add(struct core *c, const struct pass_new *in,
				  struct secret *ret_value, struct pass *ret);

struct pass_list {
	struct pass *items;
	size_t n;
	int64_t next;
};
void pass_list_clear(struct pass_list *l);
/* Those of the tenant: an administrator's view is of all, others' of their own. */
MUST_CHECK enum inro_err pass_find(struct core *c, bool with_ended, const struct page *page,
				   struct pass_list *ret);
/* The name of its account; "" of a key.  The caller's (free()). */
MUST_CHECK enum inro_err pass_account(struct core *c, const struct pass *p, char **ret);
/* Ends it; an ended one stays ended. */
MUST_CHECK enum inro_err pass_revoke(struct core *c, int64_t id, struct pass *ret);
/* Ends every session of the account (NULL: one's own); how many. */
MUST_CHECK enum inro_err pass_logout(struct core *c, const char *account, size_t *ret_n);

/* A session of who just came by his password: for the setting session.minutes. */
MUST_CHECK enum inro_err pass_session(struct core *c, const struct core_who *who,
				      struct secret *ret_value, struct pass *ret);

/* "device *, cert list": commands with a blank between their words, * for any verb of the noun; ""
 * and NULL are all. */
bool pass_verbs_allow(const char *verbs, const char *command);
/* INRO_E_ARG. */
MUST_CHECK enum inro_err pass_verbs_check(const char *verbs);

/* The pass with this SHA-256 that has not ended and is not over.  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err pass_by_hash(struct core *c, enum pass_kind kind, struct bytes hash,
				      struct pass *ret);
/* The same for what was given out. */
MUST_CHECK enum inro_err pass_by_text(struct core *c, enum pass_kind kind, const char *text,
				      struct pass *ret);
/* It was used; written at most once a minute. */
MUST_CHECK enum inro_err pass_seen(struct core *c, const struct pass *p);

#define PASS_KEPT_DAYS	  30 /* after its end */
#define SESSION_KEPT_DAYS 1
/* A duty (duty.h): what ended or was over longer ago is forgotten, of all tenants; the audit tells of
 * it as ever. */
MUST_CHECK enum inro_err pass_purge(struct core *c);

#endif
