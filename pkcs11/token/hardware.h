/*
 * hardware - what only keys in hardware can do: prove that they are in it, move by its own means.
 *
 * 1. A key that goes out so stays bound to hardware: what comes out is of use to no program, only
 *    to that hardware.  It needs a login all the same, and a key that may be copied.
 * 2. INRO_E_UNSUPPORTED where the backend has nothing of the kind.
 * base/cryptoki/admin.h has the face; tpm/move/evidence.h and tpmfile.h the bytes.
 */
#ifndef INRO_PKCS11_TOKEN_HARDWARE_H
#define INRO_PKCS11_TOKEN_HARDWARE_H

#include "pkcs11/token/objects.h"

#define HARDWARE_NONCE 64 /* bytes at most */

/* By a user's session: its lock held and no other. */
MUST_CHECK enum inro_err hardware_attest(struct session *s, CK_OBJECT_HANDLE key,
					 struct bytes nonce, struct buf *ret);

struct take_request {
	struct bytes file, auth; /* TSS2 PRIVATE KEY (DER), its authValue */
	struct template t;
};
MUST_CHECK enum inro_err hardware_take(struct session *s, const struct take_request *what,
				       CK_OBJECT_HANDLE *ret);

struct give_request {
	CK_OBJECT_HANDLE key;
	struct bytes new_parent; /* TPM2B_PUBLIC; empty: this hardware */
	struct bytes auth;
};
MUST_CHECK enum inro_err hardware_give(struct session *s, const struct give_request *what,
				       struct buf *ret_file);

/* Of the token, its lock held; no login. */
MUST_CHECK enum inro_err hardware_tell(struct token *t, enum backend_fact what, struct buf *ret);
MUST_CHECK enum inro_err hardware_answer(struct token *t, struct bytes challenge,
					 struct secret *ret);

/* CKA_INRO_EVIDENCE, the token's lock held: INRO_E_ATTR_TYPE where the key is in no hardware. */
MUST_CHECK enum inro_err hardware_evidence(struct object *o, struct buf *ret);

#endif
