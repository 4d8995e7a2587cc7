/*
 * op - one machine for every operation on a session: sign, verify, digest.
 *
 * 1. init checks mechanism, key and permission once; what is prepared is kept for the steps.
 * 2. An operation is either done in one step or in parts, never both.
 * 3. What is permitted was decided when it began; a logout ends what needs the private key.
 * 4. An error ends it, except that a length was asked for or the buffer was too small.
 * 5. The core hashes; the backend gets the raw form (pkey_raw_form), so that one step and parts are
 *    the same.
 * Functions want the session's lock held and no other.  PKCS#11 3.0 5.10 to 5.15.
 */
#ifndef INRO_PKCS11_TOKEN_OP_H
#define INRO_PKCS11_TOKEN_OP_H

#include <openssl/evp.h>

#include "pkcs11/token/mech.h"
#include "pkcs11/token/object.h"

enum op_slot { OP_SIGN, OP_VERIFY, OP_DIGEST, OP__MAX };

struct session;

struct op {
	struct mech_use use;	/* .mech NULL: none is active */
	bool parts;		/* begun in parts */
	struct loaded_key *key; /* sign: a reference */
	struct pkey *pub;	/* verify: a reference */
	size_t out_n;		/* the size of what comes out */
	EVP_MD_CTX *md;		/* kept for the session's life */
};

struct op_init {
	enum op_slot slot;
	const CK_MECHANISM *mech;
	CK_OBJECT_HANDLE key;
};

/* Without a mechanism: ends what is active. */
MUST_CHECK enum inro_err op_begin(struct session *s, const struct op_init *what);
/* The whole input.  *len: room and then size; out NULL asks for the size. */
MUST_CHECK enum inro_err op_once(struct session *s, enum op_slot slot, struct bytes in,
				 uint8_t *out, CK_ULONG *len);
MUST_CHECK enum inro_err op_update(struct session *s, enum op_slot slot, struct bytes part);
MUST_CHECK enum inro_err op_final(struct session *s, enum op_slot slot, uint8_t *out,
				  CK_ULONG *len);
MUST_CHECK enum inro_err op_verify_once(struct session *s, struct bytes in, struct bytes sig);
MUST_CHECK enum inro_err op_verify_final(struct session *s, struct bytes sig);
/* Ends it, whatever its state. */
void op_end(struct op *op);
/* Gives up what an ended one keeps. */
void op_clear(struct op *op);

#endif
