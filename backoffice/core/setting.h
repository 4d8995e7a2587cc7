/*
 * setting - named words that a tenant keeps in the database: who signs, how long a password is.
 *
 * 1. Nothing secret is ever one.
 * 2. People set what setting_rules lists, within its bounds; what the program keeps itself is
 *    listed there too, and set by the command that knows what hangs on it.
 * 3. What concerns the whole database is a setting of the tenant "default", whoever asks.
 * 4. A setting that guards against one person alone takes others' word to change (eyes.h).
 */
#ifndef INRO_BACKOFFICE_CORE_SETTING_H
#define INRO_BACKOFFICE_CORE_SETTING_H

#include "backoffice/core/core.h"

#define SETTING_NAME_MAX  64
#define SETTING_VALUE_MAX 8192

enum setting_kind {
	SETTING_NUMBER,
	SETTING_WORD,	/* one of `words` */
	SETTING_POLICY, /* as a group's (policy.h) */
	SETTING_HASHES, /* SHA-256 in hex, blanks between */
	SETTING_KEPT,	/* by the program: `by` says how it is set */
	SETTING_KIND__MAX
};

struct setting_rule {
	const char *name; /* NULL ends the table */
	enum setting_kind kind;
	bool whole;   /* of the database, not of one tenant */
	bool guarded; /* changed with others' approval where the tenant asks for that anywhere */
	int64_t min, max;
	const char *const *words; /* NULL at the end */
	const char *otherwise;	  /* what holds when it is not set; "": nothing */
	const char *by;
	/* What else it takes to set it; may be NULL. */
	enum inro_err (*check)(struct core *c, const struct setting_rule *r, const char *value);
	const char *help;
};

extern const struct setting_rule setting_rules[];

/* INRO_E_NOT_FOUND names the ones there are. */
MUST_CHECK enum inro_err setting_rule_find(const char *name, const struct setting_rule **ret);
/* "password or os", "0 to 16". */
void setting_values(const struct setting_rule *r, struct buf *ret);
/* The table as the Markdown rows that docs/backoffice-settings.md shows. */
void setting_print(struct buf *out);

/* What is set, in memory of the caller's; NULL when nothing is. */
MUST_CHECK enum inro_err setting_get(struct core *c, const char *name, char **ret);
/* What holds: what is set, else what the rule says. */
MUST_CHECK enum inro_err setting_in_force(struct core *c, const char *name, char **ret);
MUST_CHECK enum inro_err setting_number(struct core *c, const char *name, int64_t *ret);
MUST_CHECK enum inro_err setting_is(struct core *c, const char *name, const char *word, bool *ret);

/* In a write transaction (core_write); the caller audits.  NULL or "" is kept as the empty text. */
MUST_CHECK enum inro_err setting_set(struct core *c, const char *name, const char *value);

/* By an administrator, as the rule allows; NULL: as when it was never set.  proposal: what others
 * approved (eyes.h), 0: none.  INRO_E_APPROVAL. */
MUST_CHECK enum inro_err setting_change(struct core *c, const char *name, const char *value,
					int64_t proposal);

#endif
