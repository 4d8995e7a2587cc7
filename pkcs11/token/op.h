/*
 * op - one machine for every operation on a session.
 *
 * 1. Init checks mechanism, key and permission once; what is prepared is kept for the steps.
 * 2. An operation is done in one step or in parts, never both: mixing ends it.
 * 3. What is permitted was decided when it began.  A logout ends what began with a key that only
 *    the user has; each use of a key with CKA_ALWAYS_AUTHENTICATE waits for a login of its own.
 * 4. An error ends it, except that a length was asked for, the buffer was too small, or its login
 *    is still awaited.  None of these moves it on.
 * 5. The core hashes, verifies with public keys and compares MACs; the backend does what needs a
 *    secret.  What an AEAD decrypts is collected and given out when its tag has been checked.
 * Functions want the session's lock held and no other.  PKCS#11 3.2 5.8 to 5.17.
 *
 * The files: op.c (begin, end, logins), op_work.c (hashing, collecting, the backend), op_step.c
 * (signing, verifying, hashing by the rules), op_crypt.c (encrypting, decrypting, recovering),
 * op_message.c, op_dual.c, op_state.c.
 */
#ifndef INRO_PKCS11_TOKEN_OP_H
#define INRO_PKCS11_TOKEN_OP_H

#include <openssl/evp.h>

#include "pkcs11/token/mech.h"
#include "pkcs11/token/object.h"

enum op_slot {
	OP_SIGN,
	OP_VERIFY,
	OP_DIGEST,
	OP_ENCRYPT,
	OP_DECRYPT,
	OP_SIGN_RECOVER,
	OP_VERIFY_RECOVER,
	OP_VERIFY_SIGNATURE, /* the signature first: 3.2 5.15 */
	OP_MESSAGE_SIGN,
	OP_MESSAGE_VERIFY,
	OP_MESSAGE_ENCRYPT,
	OP_MESSAGE_DECRYPT,
	OP__MAX
};

/* The longest input that is collected. */
#define OP_MAX_COLLECTED BUF_MAX

struct session;
struct op; /* op_private.h */

struct op_init {
	enum op_slot slot;
	const CK_MECHANISM *mech;
	CK_OBJECT_HANDLE key;
	struct bytes sig; /* OP_VERIFY_SIGNATURE */
};

/* Where the output goes, by the rules of 5.2: *len is the room and then the size; p NULL asks for
 * the size. */
struct op_out {
	uint8_t *p;
	CK_ULONG *len;
};

/* Without a mechanism: ends what is active. */
MUST_CHECK enum inro_err op_begin(struct session *s, const struct op_init *what);
/* The whole input: what makes something of it. */
MUST_CHECK enum inro_err op_once(struct session *s, enum op_slot slot, struct bytes in,
				 struct op_out out);
/* A part of what is hashed, signed or verified; a part of what is encrypted or decrypted. */
MUST_CHECK enum inro_err op_update(struct session *s, enum op_slot slot, struct bytes part);
MUST_CHECK enum inro_err op_step(struct session *s, enum op_slot slot, struct bytes part,
				 struct op_out out);
MUST_CHECK enum inro_err op_final(struct session *s, enum op_slot slot, struct op_out out);
MUST_CHECK enum inro_err op_verify_once(struct session *s, struct bytes in, struct bytes sig);
MUST_CHECK enum inro_err op_verify_final(struct session *s, struct bytes sig);
/* OP_VERIFY_SIGNATURE. */
MUST_CHECK enum inro_err op_verify_signature_once(struct session *s, struct bytes in);
MUST_CHECK enum inro_err op_verify_signature_final(struct session *s);

/* Ends the one in this slot, whatever its state. */
void op_end(struct session *s, enum op_slot slot);
/* Those that the flags of C_SessionCancel name (CKF_SIGN ...). */
void op_cancel(struct session *s, CK_FLAGS flags);
/* All of them, and what ended ones keep. */
void op_clear_all(struct session *s);

/* Whether one waits for a login of its own: INRO_E_OP_NOT_INITIALIZED. */
MUST_CHECK enum inro_err op_may_login(const struct session *s);
/* C_Login(CKU_CONTEXT_SPECIFIC): the PIN for the operation that waits for it.
 * INRO_E_OP_NOT_INITIALIZED when none does; errors of token_prove_pin(). */
MUST_CHECK enum inro_err op_login(struct session *s, struct bytes pin);

#endif
