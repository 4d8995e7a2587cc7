/* transfer - every row of a database: read, digested, and written to another. */
#ifndef INRO_BACKOFFICE_CORE_TRANSFER_H
#define INRO_BACKOFFICE_CORE_TRANSFER_H

#include "backoffice/core/upkeep.h"
#include "backoffice/store/store.h"

/* Reads every row in one view, or in the transaction that is open. */
MUST_CHECK enum inro_err transfer_read(struct store *s, const struct upkeep *how,
				       struct upkeep_report *ret);
/* The same, and each certificate's record is compared with its certificate. */
MUST_CHECK enum inro_err transfer_check(struct store *s, const struct upkeep *how,
					struct upkeep_report *ret);
/* INRO_E_EXISTS unless there is in it what a new one has, and no more. */
MUST_CHECK enum inro_err transfer_is_empty(struct store *to);
/* How many events the audit counts. */
MUST_CHECK enum inro_err transfer_events(struct store *s, int64_t *ret);
/* Copies and compares, as upkeep_copy(); *ret is what both have, and says nothing of what came later. */
MUST_CHECK enum inro_err transfer_copy(struct store *from, struct store *to,
				       const struct upkeep *how, struct upkeep_report *ret);

#endif
