/* token_tpm - what noun_token.c and noun_token_tpm.c share. */
#ifndef INRO_TOOLS_TOKEN_TPM_H
#define INRO_TOOLS_TOKEN_TPM_H

#include <jansson.h>

#include "base/cryptoki/admin.h"

/* What a token's TPM tells about itself; null when it has none. */
json_t *token_facts_json(const struct inro_admin *admin, CK_SLOT_ID slot);
/* Earlier versions saved a token as the file that it is. */
bool token_file_is_plain(const char *path);

#endif
