/*
 * op_message - many messages under one key and mechanism: PKCS#11 3.2 5.9, 5.11, 5.14, 5.17.
 *
 * 1. What is wrong with one message ends that message; the next can follow.  A logout, and the
 *    function ..Final, end it all.
 * 2. The parameter of a message is the caller's memory for the length of a call: the nonce is
 *    written there when it is made here, and the tag when it is done.
 * 3. A nonce that is made here never repeats within C_MessageEncryptInit ... Final, and is as good
 *    as new across them: at least 64 bits of it are random, or counted up from a random start.
 * 4. A message is decrypted as a whole: in parts, all of it comes with the last.
 * Functions want the session's lock held and no other.
 */
#ifndef INRO_PKCS11_TOKEN_OP_MESSAGE_H
#define INRO_PKCS11_TOKEN_OP_MESSAGE_H

#include "pkcs11/token/op.h"

/* Encrypting and decrypting (OP_MESSAGE_ENCRYPT, OP_MESSAGE_DECRYPT). */
struct message_in {
	struct bytes param, ad, data;
};
MUST_CHECK enum inro_err op_message_crypt(struct session *s, enum op_slot slot,
					  const struct message_in *in, struct op_out out);
/* One in parts: data is empty in the first, ad in the others. */
MUST_CHECK enum inro_err op_message_crypt_begin(struct session *s, enum op_slot slot,
						const struct message_in *in);
MUST_CHECK enum inro_err op_message_crypt_next(struct session *s, enum op_slot slot,
					       const struct message_in *in, struct op_out out,
					       bool last);

/* Signing and verifying: no mechanism has a parameter for each message. */
/* Begins a message in parts, and takes one that is not the last. */
MUST_CHECK enum inro_err op_message_begin(struct session *s, enum op_slot slot);
MUST_CHECK enum inro_err op_message_update(struct session *s, enum op_slot slot, struct bytes part);
/* A whole message, or the last part (`parts`) of one that has begun: INRO_E_OP_NOT_INITIALIZED and
 * INRO_E_OP_ACTIVE when it is the other. */
MUST_CHECK enum inro_err op_message_sign(struct session *s, bool parts, struct bytes data,
					 struct op_out out);
MUST_CHECK enum inro_err op_message_verify(struct session *s, bool parts, struct bytes data,
					   struct bytes sig);

/* What is wrong with the arguments of a part ends its message, if one has begun; its value is the
 * error. */
MUST_CHECK enum inro_err op_message_spoilt(struct session *s, enum op_slot slot, enum inro_err e);
/* Ends it all: INRO_E_OP_NOT_INITIALIZED when there is nothing to end. */
MUST_CHECK enum inro_err op_message_final(struct session *s, enum op_slot slot);

#endif
