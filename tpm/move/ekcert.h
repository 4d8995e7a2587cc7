/* ekcert - the certificate of an endorsement key: does a maker that we trust vouch for this TPM? */
#ifndef INRO_TPM_MOVE_EKCERT_H
#define INRO_TPM_MOVE_EKCERT_H

#include "tpm/move/evidence.h"

/* The chain's first certificate leads to one in the folder, at that time, and is for this key.
 * Every certificate in the folder is trusted as if it were a root: also those of CAs below it. */
MUST_CHECK enum inro_err ekcert_check(struct bytes chain, const TPMT_PUBLIC *ek,
				      const struct evidence_check *by, struct evidence_maker *ret);

#endif
