/*
 * wordlist - a set of words in a file of the agent's folder: DIR/NAME, one line.
 *
 * 1. What was added is in the file when wordlist_add returns.
 * 2. It never grows beyond what is read again: the oldest words make room.
 */
#ifndef INRO_TOOLS_AGENT_WORDLIST_H
#define INRO_TOOLS_AGENT_WORDLIST_H

#include "base/bytes.h"

struct wordlist {
	char *path;
	struct buf text; /* with a zero; n 0: no words */
};
void wordlist_clear(struct wordlist *w);
/* One that is not there has no words. */
MUST_CHECK enum inro_err wordlist_open(const char *dir, const char *name, struct wordlist *ret);
/* All of them, with a space between two; "": none. */
const char *wordlist_text(const struct wordlist *w);
/* Nobody has written it yet, not even empty. */
bool wordlist_is_new(const struct wordlist *w);
bool wordlist_has(const struct wordlist *w, const char *word);
/* A word has no space in it. */
MUST_CHECK enum inro_err wordlist_add(struct wordlist *w, const char *word);
MUST_CHECK enum inro_err wordlist_drop(struct wordlist *w, const char *word);
/* These, as wordlist_text has them, and no others, in one step. */
MUST_CHECK enum inro_err wordlist_put(struct wordlist *w, const char *words);
/* None are left, and no file. */
MUST_CHECK enum inro_err wordlist_drop_all(struct wordlist *w);

#endif
