/*
 * pin - the TPM's own guard of a token's master key: docs/adr/0010-tpm-pin.md.
 *
 * 1. For each who may log in there is an NV index of type PIN fail (part 1, 37.2.8) whose authValue
 *    is made of the PIN, and a sealed object with the master key whose policy is PolicySecret(that
 *    index), and PolicyPCR when the token has PCRs.  Ten wrong PINs lock that index and nothing
 *    else; a right one sets its count back.
 * 2. The index can be written, and its authValue changed, only by PolicySecret of a third object,
 *    the guard, whose random authValue is sealed with the master key and known to the security
 *    officer.  So who owns the hierarchy can delete the index, but can't put another in its place
 *    under the same Name: an index that was never written has another Name and no auth.
 * 3. The auth record holds index, salt and objects; it is not secret.  It does not change when the
 *    PIN does: the change is one TPM2_NV_ChangeAuth.
 */
#ifndef INRO_TPM_TOKEN_PIN_H
#define INRO_TPM_TOKEN_PIN_H

#include "base/cryptoki/cryptoki.h"
#include "tpm/talk/resident.h"
#include "tpm/token/pin_note.h"
#include "tpm/token/words.h"

#define PIN_TRIES 10

/* What a PIN opens. */
struct pin_opened {
	struct secret master; /* 32 bytes: the token's master key */
	struct secret guard;  /* authValue of this user's guard */
	struct secret
		officer; /* 32 bytes, of the security officer only: opens other users' guards */
};
void pin_opened_clear(struct pin_opened *o);

struct pin_at {
	struct tpm *tpm;
	const struct words *words;
	struct bytes serial; /* the token's, bound into the auth */
	/* Where pin_open() leaves the sealed object for the next login; NULL: nowhere. */
	struct resident **kept;
};

/* A new index, guard and sealed master for `user`; by: what is known now, the officer's secret with
 * it (INRO_E_LOGIN). */
MUST_CHECK enum inro_err pin_make(const struct pin_at *at, CK_USER_TYPE user, struct bytes pin,
				  const struct pin_opened *by, struct buf *ret_record);
/* INRO_E_PIN_WRONG; INRO_E_PIN_LOCKED; INRO_E_DAMAGED for a record that can't be one; INRO_E_TOKEN
 * when the index or the storage root is gone or another, PCRs are not as they were: told, nothing
 * destroyed. */
MUST_CHECK enum inro_err pin_open(const struct pin_at *at, CK_USER_TYPE user, struct bytes record,
				  struct bytes pin, struct pin_opened *ret);
/* The PIN behind a record that is there, all tries again.  `by` is the user himself (guard) or the
 * security officer (officer). */
MUST_CHECK enum inro_err pin_change(const struct pin_at *at, CK_USER_TYPE user, struct bytes record,
				    struct bytes pin, const struct pin_opened *by);
/* Whether the index of a record is there and ours. */
MUST_CHECK enum inro_err pin_is_there(const struct pin_at *at, struct bytes record, bool *ret);
/* Whether the right PIN would open it now; no try is spent.  INRO_E_TOKEN as of pin_open(), when
 * that is sure: what a TPM says that has failed is INRO_E_IO. */
MUST_CHECK enum inro_err pin_opens(const struct pin_at *at, struct bytes record);
/* What pin_make() has made is in its token's store: until then a note says that it may belong to
 * nobody.  `settled` false: it could not be kept and is still there. */
void pin_settled(struct bytes record, bool settled);
/* Such a note of one that is about to go: pin_settled() and pin_forget() end it. */
MUST_CHECK enum inro_err pin_leaving(const struct pin_at *at, struct bytes record);
/* Removes what the notes tell of and no record names: fields, of all tokens of this home, read
 * after pin_note_strays(). */
MUST_CHECK enum inro_err pin_drop_strays(const struct pin_at *at, struct stray *list,
					 struct bytes records);
/* The index goes; needs the owner's auth.  One that is gone already is fine. */
MUST_CHECK enum inro_err pin_forget(const struct pin_at *at, struct bytes record);

#endif
