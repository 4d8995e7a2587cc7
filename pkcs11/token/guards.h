/*
 * guards - what a backend keeps outside of a token's records for each PIN: given up with the
 * record.
 *
 * Best effort, after the records are as they shall be; what can't be given up is logged, stays
 * behind, and is the first error that guards_drop() returns.  Nothing at all with backends that
 * keep nothing.
 */
#ifndef INRO_PKCS11_TOKEN_GUARDS_H
#define INRO_PKCS11_TOKEN_GUARDS_H

#include "pkcs11/token/token.h"

/* The records of everybody with a PIN, each a field; for guards_drop() later. */
MUST_CHECK enum inro_err guards_list(struct token *t, struct buf *ret);
enum inro_err guards_drop(const struct backend_ops *ops, struct backend *b, struct bytes list);
/* One record; none is fine.  The detail of an earlier error stays. */
void guards_drop_one(const struct backend_ops *ops, struct backend *b, struct bytes auth);
/* Records that are in the store now, or that stay there after all: a row's, a list, one. */
void guards_keep_row(const struct backend_ops *ops, const struct token_row *row);
void guards_keep_list(const struct backend_ops *ops, struct bytes list);
void guards_keep_one(const struct backend_ops *ops, struct bytes auth);
/* Before the records of a list go: so that guards_drop() is made up for when nobody comes to it. */
MUST_CHECK enum inro_err guards_leave(const struct backend_ops *ops, struct backend *b,
				      struct bytes list);
/* Makes up for what processes that were killed have left behind; only in the home that is in force
 * now. */
void guards_sweep(const char *home, const struct backend_ops *ops, struct backend *b);
/* INRO_E_TOKEN, with the reason, when it is sure that no PIN opens a person's record (backend.h,
 * guard_opens); INRO_E_DAMAGED for a record that can't be one; what can't be known now is no error.
 */
MUST_CHECK enum inro_err guards_open(struct token *t, const struct who *who);
/* Those of a row that came to nothing. */
void guards_drop_row(const struct token_row *row);

/* Whether a PIN is set by changing what guards it (backend.h, change_pin), and the record for it.
 */
MUST_CHECK enum inro_err guards_set(const struct backend_ops *ops, struct backend *b,
				    CK_USER_TYPE type, struct bytes old, struct bytes pin,
				    struct buf *ret_auth);

#endif
