/*
 * kinds - the kinds of links that there are, and what all of them use.
 */
#ifndef INRO_TPM_LINK_KINDS_H
#define INRO_TPM_LINK_KINDS_H

#include "tpm/link/link.h"

extern const struct link_kind link_device;
extern const struct link_kind link_swtpm;
extern const struct link_kind link_tabrmd;
extern const struct link_kind link_embedded;

/* Of a link that kind->make is making: its own memory begins with it. */
void link_init(struct link *l, const struct link_kind *kind);
/* Whether it was made by this process, not by one that this one was forked from. */
bool link_is_ours(const struct link *l);

/* A response is at least a header, and as long as that says.  INRO_E_IO. */
MUST_CHECK enum inro_err link_check_response(struct bytes response);

/* "name=value" off the front of words that a comma separates.  INRO_E_CONFIG. */
MUST_CHECK enum inro_err link_take_word(struct bytes *words, struct bytes *ret_name,
					struct bytes *ret_value);

/* A name for a file about the endpoint that these words name, the same for the same words, in the
 * folder `home`/tpm, which is made when it is missing (0700).  The caller frees it. */
MUST_CHECK enum inro_err link_file(const char *home, struct bytes tcti, const char *ending,
				   char **ret);

#endif
