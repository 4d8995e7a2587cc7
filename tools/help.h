/*
 * help - the command table as text, as the man page inro.1, as completion and as JSON.
 */
#ifndef INRO_TOOLS_HELP_H
#define INRO_TOOLS_HELP_H

#include "base/bytes.h"
#include "tools/cmd.h"

/* What is known of the command so far: all nouns, one noun's verbs, or one verb. */
void help_add(const struct cmd_noun *n, const struct cmd_verb *v, struct buf *out);
/* "inro token create LABEL [--backend KIND]", the way it is called. */
void help_add_usage(const struct cmd_noun *n, const struct cmd_verb *v, struct buf *out);
/* "--backend soft", "--out FILE", "--json" */
void help_add_option(const struct cmd_opt *o, struct buf *out);
/* What it is for, and its other name. */
void help_add_what(const struct cmd_opt *o, struct buf *out);
/* "soft|tpm" for a choice, else what the row says. */
void help_add_value(const struct cmd_opt *o, struct buf *out);

void help_add_man(struct buf *out);  /* roff, section 1 */
void help_add_bash(struct buf *out); /* a completion script for bash */
json_t *help_tables(void);	     /* NULL when memory is short */

#endif
