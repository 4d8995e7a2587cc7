/*
 * op_dual - two operations over the same data (PKCS#11 3.2 5.18), the key in a digest (5.12.4), and
 * digests that are put aside (5.6.5, 5.6.6).
 *
 * A digest's state lies in libcrypto, which gives it to nobody.  So what C_GetOperationState hands
 * out is a name for a copy that the library keeps: the last OP_STATES_MAX of the process, each for
 * as long as there are not so many newer ones.  It can be set in any session of the process, as
 * often as wanted; other processes can't use it.  Operations with keys have no state to save
 * (INRO_E_STATE_UNSAVEABLE).
 * Functions want the session's lock held and no other.
 */
#ifndef INRO_PKCS11_TOKEN_OP_DUAL_H
#define INRO_PKCS11_TOKEN_OP_DUAL_H

#include "pkcs11/token/op.h"

/* `first` is the digest, the signature or the verification. */
MUST_CHECK enum inro_err op_dual_encrypt(struct session *s, enum op_slot first, struct bytes part,
					 struct op_out out);
MUST_CHECK enum inro_err op_dual_decrypt(struct session *s, enum op_slot first, struct bytes part,
					 struct op_out out);

/* Only of secret keys whose value may be seen: INRO_E_KEY_INDIGESTIBLE. */
MUST_CHECK enum inro_err op_digest_key(struct session *s, CK_OBJECT_HANDLE key);

#define OP_STATES_MAX 256

struct op_states {
	pthread_mutex_t lock;
	struct op_state *list; /* OP_STATES_MAX of them, made at first use */
	uint64_t given;
};

void op_states_init(struct op_states *all);
void op_states_clear(struct op_states *all);
/* INRO_E_OP_NOT_INITIALIZED, INRO_E_STATE_UNSAVEABLE. */
MUST_CHECK enum inro_err op_state_get(struct op_states *all, struct session *s, struct op_out out);
/* INRO_E_SAVED_STATE. */
MUST_CHECK enum inro_err op_state_set(struct op_states *all, struct session *s, struct bytes state);

#endif
