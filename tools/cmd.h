/*
 * cmd - what a command is: nouns, their verbs, and each verb's options and arguments, as data.
 *
 * 1. There is one table of commands (commands.c).  Parsing, help, the man page, shell completion
 *    and the tests read it; nothing about a command is written down twice.
 * 2. A handler gets a call that fits its row: known options, valid values, arguments in number.
 * 3. A handler prints nothing.  It gives back one JSON document, and show.c makes of it what the
 *    row asks for, after everything else has succeeded.
 */
#ifndef INRO_TOOLS_CMD_H
#define INRO_TOOLS_CMD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum opt_kind {
	OPT_FLAG, /* takes no argument */
	OPT_TEXT,
	OPT_FILE, /* a path, for completion */
	OPT_DIR,
	OPT_HEX,
	OPT_URI,    /* a PKCS#11 URI */
	OPT_NUMBER, /* decimal, from 1 */
	OPT_TIME,   /* 2026-11-21 or 2026-11-21T01:09:47Z, UTC */
	OPT_CHOICE, /* one of `choices` */
	OPT__KINDS
};

struct cmd_opt {
	const char *name; /* without the dashes; NULL ends a list */
	const char *also; /* another name for the same, or NULL */
	const char *arg;  /* what help calls its argument */
	enum opt_kind kind;
	bool required, repeatable;
	bool makes; /* OPT_FILE: it is written, and so can't be -; looked at before anything is done */
	const char *const *choices;	/* NULL at the end */
	const char *(*known)(size_t i); /* OPT_TEXT: values worth completing, NULL at the end */
	const char *zero; /* OPT_NUMBER: the option that says what 0 would */
	const char *help;
};

struct cmd_arg {
	const char *name; /* NULL ends a list */
	bool optional;
	const char *number; /* the number of a record, "job's"; NULL: any text */
	bool uri;	    /* a PKCS#11 URI */
	const char *help;
};

enum shape {
	SHOW_SAID,   /* one sentence, `said` with {key} filled in; {key:one|many} is the word for its number */
	/* the document is an array, a row each, or has one in "items" and the cursor "next", which is told beside it:
	 * programs get an array either way */
	SHOW_TABLE,
	SHOW_RECORD, /* the document is an object, a line each column */
	SHOW_STEPS,  /* the document's "steps", a row each, and then the sentence */
	SHOW_PEM,    /* the document's "pem" as it is; with --out, the sentence; or its "summary" */
	SHOW_TEXT,   /* the document's "text" as it is */
	SHOW__SHAPES
};

struct cmd_column {
	const char *key; /* NULL ends a list */
	const char *heading;
};

/* What a row asks of who is at work; office_open() looks at it before anything else. */
enum cmd_least {
	LEAST_UNSAID, /* treated as an administrator's; a test finds it */
	LEAST_NONE,   /* opens no back office: files and tokens have their own ways */
	LEAST_AUDITOR,
	LEAST_OPERATOR,
	LEAST_ADMIN
};

struct call;
typedef enum inro_err cmd_run(const struct call *c, json_t **ret);

struct cmd_verb {
	const char
		*name; /* may be two words, "pin change"; "" when the noun is the whole command */
	const char *summary;
	const struct cmd_arg *args;
	const struct cmd_opt *opts;
	/* Further lists that several verbs share. */
	const struct cmd_opt *shared[3];
	/* What the row asks of its options together; NULL: nothing. */
	enum inro_err (*check)(const struct call *c);
	cmd_run *run;
	enum cmd_least least;
	/* It changes nothing: a back office that is not there is not made for it, and who looks at the beginning of its
	 * answer only is told nothing. */
	bool reads;
	enum shape shape;
	const struct cmd_column *columns;
	const char *raw;  /* flag with which the answer is the document's "pem" alone */
	const char *rare; /* key of a column that a table without a value for it leaves out */
	const char *said; /* sentence, for SHOW_SAID, and in place of others when --out was given */
	const char *empty; /* sentence in place of a table without rows */
};

struct cmd_noun {
	const char *name; /* NULL ends the table */
	const char *summary;
	const struct cmd_verb *verbs; /* ended by one without a name */
};

extern const struct cmd_noun cmd_nouns[];
extern const struct cmd_opt cmd_global_opts[]; /* understood at every level */

const struct cmd_noun *cmd_find_noun(const char *name);
bool cmd_is_bare(const struct cmd_noun *n); /* the noun is the whole command */
/* The i-th option of a verb, own ones first, then shared ones; NULL behind the last. */
const struct cmd_opt *cmd_option(const struct cmd_verb *v, size_t i);
/* By either of its names. */
const struct cmd_opt *cmd_option_named(const struct cmd_verb *v, const char *name);

#define CMD_MAX_COLUMNS 16 /* of a table */

#define CALL_MAX_ARGS 8
#define CALL_MAX_OPTS 64

struct call {
	const struct cmd_noun *noun;
	const struct cmd_verb *verb;
	const char *args[CALL_MAX_ARGS];
	size_t n_args;
	struct {
		const struct cmd_opt *opt;
		const char *value; /* "" for a flag */
	} opts[CALL_MAX_OPTS];
	size_t n_opts;
	bool json, help, version;
	const char *home, *tenant, *as, *password_source;
};

/* argv without the program's name.  Strings of the call point into argv.  INRO_E_ARG for whatever
 * does not fit the table; with --help or --version what is missing is not asked for. */
MUST_CHECK enum inro_err cmd_parse(int argc, char *const *argv, struct call *ret);

const char *call_arg(const struct call *c, size_t i); /* NULL when not given */
/* The option must be one of the verb's; NULL when not given. */
const char *call_opt(const struct call *c, const char *name);
const char *call_opt_nth(const struct call *c, const char *name, size_t n);
/* The first argument, which the row says is a number. */
int64_t call_id(const struct call *c);
/* Every value of a repeatable option, in order; how many. */
size_t call_opts(const struct call *c, const char *name, const char *out[static CALL_MAX_OPTS]);
bool call_has(const struct call *c, const char *name);
/* An OPT_NUMBER, or `otherwise`. */
long call_number(const struct call *c, const char *name, long otherwise);
/* An OPT_TIME, in milliseconds; 0 when not given. */
int64_t call_time(const struct call *c, const char *name);

#endif
