/* cmd_private - what the functions of cmd.h are made of. */
#ifndef INRO_TPM_TALK_CMD_PRIVATE_H
#define INRO_TPM_TALK_CMD_PRIVATE_H

#include "tpm/talk/cmd.h"

static inline struct tpm_auth by_auth(struct bytes value)
{
	return (struct tpm_auth) { .by = BY_AUTH, .value = value };
}

static inline struct tpm_ref ref_of(uint32_t handle)
{
	return (struct tpm_ref) { .handle = handle };
}

/* Sends the command with these parameters.  `ret` (may be NULL) becomes secret memory when the
 * answer is a secret. */
MUST_CHECK enum inro_err cmd_send(struct tpm *t, struct tpm_command *c, const struct buf *params,
				  uint32_t *ret_handle, struct buf *ret);
/* One whose answer has no parameters. */
MUST_CHECK enum inro_err cmd_tell(struct tpm *t, struct tpm_command *c, const struct buf *params);
/* One whose answer begins with a TPM2B of at most max bytes: *ret borrows its content from
 * `answer`, *rest is what follows; NULL when nothing may follow. */
MUST_CHECK enum inro_err cmd_ask(struct tpm *t, struct tpm_command *c, const struct buf *params,
				 size_t max, struct buf *answer, struct bytes *ret,
				 struct bytes *rest);
/* One whose whole answer is a secret. */
MUST_CHECK enum inro_err cmd_ask_secret(struct tpm *t, struct tpm_command *c,
					const struct buf *params, size_t max, struct secret *ret);
MUST_CHECK enum inro_err cmd_read_digest(struct bytes *in, TPM2B_DIGEST *ret);
/* A Name, which must be that of what it stands behind: who alters the one on the way alters
 * nothing. */
MUST_CHECK enum inro_err cmd_read_name_of(struct bytes *in, const TPM2B_NAME *own, TPM2B_NAME *ret);
/* A ticket (tag, hierarchy, digest) is of no use to us. */
MUST_CHECK enum inro_err cmd_skip_ticket(struct bytes *in);
/* The next TPM2B, with its size, as it stands. */
MUST_CHECK enum inro_err cmd_take_whole(struct bytes *in, size_t max, struct buf *ret);
/* creationData, creationHash, creationTicket. */
MUST_CHECK enum inro_err cmd_skip_creation(struct bytes *in);

void cmd_add_area(struct buf *b, const TPMT_PUBLIC *area); /* as a TPM2B_PUBLIC */

#endif
