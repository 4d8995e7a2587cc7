/*
 * token_words - the options of `inro token create` about a TPM, and the backend's words that they
 * become (tpm/token/words.h).
 */
#ifndef INRO_TOOLS_TOKEN_WORDS_H
#define INRO_TOOLS_TOKEN_WORDS_H

#include "base/bytes.h"
#include "tools/cmd.h"

extern const struct cmd_opt token_word_opts[];

/* INRO_E_ARG for one that goes with another backend than the one that is asked for. */
MUST_CHECK enum inro_err token_words_check(const struct call *c);
MUST_CHECK enum inro_err token_words(const struct call *c, struct buf *ret);

#endif
