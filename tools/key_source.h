/* key_source - what the verbs that bring a key from a file have in common. */
#ifndef INRO_TOOLS_KEY_SOURCE_H
#define INRO_TOOLS_KEY_SOURCE_H

#include "base/cryptoki/cryptoki.h"
#include "base/secret.h"
#include "tools/cmd.h"

extern const char *const key_import_secrets[]; /* words of --secret */

/* The key type of such a word. */
CK_KEY_TYPE key_source_type(const char *word);
/* A secret key's octets, as they are or as hex digits. */
MUST_CHECK enum inro_err key_source_secret(const char *path, bool hex, struct secret *ret);
/* Whether --usage names it; `usual` is what a key may do when nothing is said. */
bool key_source_may(const struct call *c, const char *use, const char *usual);

/* `inro key import --wrapped`, `inro key export --tss2` and `--to`. */
MUST_CHECK enum inro_err key_import_wrapped(const struct call *c, json_t **ret);
MUST_CHECK enum inro_err key_export_wrapped(const struct call *c, json_t **ret);

#endif
