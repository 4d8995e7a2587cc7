/*
 * seal_parts - what seal.c (sealing and opening), seal_key.c (which key) and reseal.c (another key) have of each other.
 */
#ifndef INRO_BACKOFFICE_CORE_SECRET_SEAL_PARTS_H
#define INRO_BACKOFFICE_CORE_SECRET_SEAL_PARTS_H

#include "backoffice/core/seal.h"

/* seal_key.c: The number of this key; when it has none yet, the next one and *ret_new. */
MUST_CHECK enum inro_err seal_number_of(struct core *c, const char *uri, uint32_t *ret, bool *ret_new);
/* The key with this number, in memory of the caller's; NULL: there is none. */
MUST_CHECK enum inro_err seal_uri_of(struct core *c, uint32_t number, char **ret);
/* The key that seals now; where there is none it is made by itself, or INRO_E_CONFIG says why not. */
MUST_CHECK enum inro_err seal_current(struct core *c, char **ret);
/* Was it made by itself? */
MUST_CHECK enum inro_err seal_is_unnamed(struct core *c, bool *ret);
/* The token of the key that seals was opened for somebody who asked: its PIN is not a wrong one any more. */
void seal_opened(struct core *c);
/* Another key seals from now on; `first`: INRO_E_EXISTS when there is one already. */
MUST_CHECK enum inro_err seal_key_choose(struct core *c, const struct seal_key_request *r, bool first,
					 char **ret);

/* seal.c: As seal_close(), by this key. */
MUST_CHECK enum inro_err seal_close_by(struct core *c, const char *uri, const struct seal_of *of,
				       struct bytes plain, struct blob *ret);
/* Which key it is sealed by; *sealed goes on behind that. */
MUST_CHECK enum inro_err seal_read_head(struct bytes *sealed, uint32_t *ret_number);

#endif
