/*
 * core - one open back office: its database, the person at work, and the way to tokens.
 *
 * 1. Everything the back office does goes through a struct core: it runs as someone (actor, role)
 * for one tenant, and each change and each refusal becomes an audit event.
 * 2. A change and its event are one transaction, durable before the function returns.
 * 3. Nothing is signed or written to a token while a database transaction is open.
 * 4. A struct core belongs to one thread at a time; a child of fork() opens its own.
 *
 * Words that come back are in structs that own them; each has a _clear() for SCOPED().
 */
#ifndef INRO_BACKOFFICE_CORE_CORE_H
#define INRO_BACKOFFICE_CORE_CORE_H

#include "backoffice/core/lifecycle.h"
#include "backoffice/store/record.h"
#include "base/secret.h"

struct core;
struct writers;
struct readers;

/* Asked once for each token that a key is used in.  `token` is its label. */
typedef enum inro_err core_pin_fn(void *arg, const char *token, struct secret *ret);

/* Told of each use of a CA's key: INRO_OK, or why it worked in none of its tokens, with its detail.  The error's detail
 * stays as it is. */
struct ca;
typedef void core_ca_used_fn(void *arg, const struct ca *ca, enum inro_err e);

struct core_options {
	const char *db;	      /* as store_open() */
	bool existing;	      /* INRO_E_NOT_FOUND when there is none yet, and nothing is made */
	const char *module;   /* Cryptoki module of the tokens; NULL as ck_module_open() */
	struct writers *writers; /* of all cores of one database in a process; NULL: none (writers.h) */
	struct readers *readers; /* the same (readers.h) */
	bool accounts;	      /* accounts say who is at work and what he may do (account.h) */
	const char *as;	      /* his account; NULL: not said */
	core_pin_fn *ask_password; /* with the account's name in place of a token's */
	/* The other two are not looked at then. */
	const char *actor;    /* who is at work; NULL: the operating system's user name */
	const char *tenant;   /* NULL: "default" */
	enum role role;	      /* what this person may do; 0 is the auditor: read only */
	core_pin_fn *ask_pin; /* NULL: every use of a private key fails with INRO_E_PIN_MISSING */
	bool pin_known;	      /* it answers without asking a person */
	void *ask_arg;
	core_ca_used_fn *ca_used; /* with ask_arg; NULL: nobody looks */
};

/* Opens (and makes or upgrades) the database.  The module is loaded when a key is needed.  A copy
 * is made of what the options point to, except ask_arg. */
MUST_CHECK enum inro_err core_open(const struct core_options *o, struct core **ret);
void core_close(struct core *c); /* NULL is fine */
void core_close_ptr(struct core **c);

/* A command that takes this role begins; with the setting audit.reads one that only reads is an
 * event.  INRO_E_ACCESS, which is recorded. */
MUST_CHECK enum inro_err core_admit(struct core *c, enum role least, const char *command);

/* Looked at first in the next write transaction, and in it: what is not INRO_OK undoes it.  NULL: nothing.
 * For "only if nobody changed it since I looked". */
typedef enum inro_err core_expect_fn(struct core *c, void *arg);
void core_expect(struct core *c, core_expect_fn *expect, void *arg);

/* Which part of a list: the entries after this cursor, at most `limit` (0: PAGE_MAX); fewer where they are that long. */
#define PAGE_MAX    1000
#define PAGE_OCTETS ((size_t)4 << 20) /* with which a page ends */
struct page {
	int64_t after; /* 0: from the start */
	size_t limit;
};
/* Each list has `next`: the cursor of the following page, 0 when that was all. */

/* What is about one row of many, not about the database, a token or this machine. */
bool core_is_rows_fault(enum inro_err e);

#endif
