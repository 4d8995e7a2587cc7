/* token_place - the module, and the token that a command is about. */
#ifndef INRO_TOOLS_TOKEN_PLACE_H
#define INRO_TOOLS_TOKEN_PLACE_H

#include "base/bytes.h"
#include "base/cryptoki/admin.h"
#include "base/cryptoki/client.h"

struct token_place {
	struct ck_module *module;
	const struct inro_admin *admin; /* NULL: another maker's module */
	struct ck_token token;
};
void token_place_clear(struct token_place *p);

/* The module alone. */
MUST_CHECK enum inro_err token_place_any(struct token_place *p);
/* The module and the one token of this name. */
MUST_CHECK enum inro_err token_place_open(const char *name, struct token_place *p);
/* INRO_E_EXISTS when a token has this label; `instead` ends what is said then.  No PIN is asked for in vain. */
MUST_CHECK enum inro_err token_place_free_label(const struct token_place *p, const char *label, const char *instead);
/* INRO_E_UNSUPPORTED unless the module has all of admin.h. */
MUST_CHECK enum inro_err token_place_admin(const struct token_place *p);
/* Borrowed. */
struct inro_text inro_text_of(struct bytes b);

#endif
