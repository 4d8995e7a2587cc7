/* op_private - what is inside an operation; for op*.c alone. */
#ifndef INRO_PKCS11_TOKEN_OP_PRIVATE_H
#define INRO_PKCS11_TOKEN_OP_PRIVATE_H

#include "pkcs11/token/op.h"
#include "pkcs11/token/session.h"

enum op_way {
	WAY_HASHED,    /* the core hashes; what is left is one step */
	WAY_WHOLE,     /* one step only */
	WAY_COLLECTED, /* one step at the end */
	WAY_STREAMED   /* the backend takes parts */
};

/* Made when a session first uses the slot, kept until it closes. */
struct op {
	struct mech_use use; /* .mech NULL: none is active */
	enum op_slot slot;
	enum op_way way;
	bool parts;  /* begun in parts */
	bool always; /* CKA_ALWAYS_AUTHENTICATE: every use takes a login */
	bool waits;  /* for that login */
	bool users;  /* nobody's but the user's: ends with the login */
	uint64_t epoch;
	struct token *token;
	struct loaded_key *key;	 /* private and secret keys: a reference */
	struct pkey *pub;	 /* public keys: a reference */
	size_t out_n;		 /* of a hash, a signature, a MAC; RSA: of the modulus */
	backend_op stream;	 /* 0: not begun */
	uint64_t fed;		 /* bytes that the stream has taken */
	EVP_MD_CTX *md;		 /* kept for the session's life */
	struct buf held;	 /* collected */
	struct buf sig;		 /* to be verified: OP_VERIFY_SIGNATURE */
	struct message *message; /* OP_MESSAGE_...: op_message.c */
};

/* What makes the slots differ. */
struct op_kind {
	enum key_use use;
	enum key_use does; /* what the backend does with a key that it holds */
	CK_ATTRIBUTE_TYPE permits;
	CK_OBJECT_CLASS pair; /* the half of a pair that does it */
	const char *name;
	CK_FLAGS cancel; /* C_SessionCancel's */
};
extern const struct op_kind op_kinds[OP__MAX];

/* The active one: INRO_E_OP_NOT_INITIALIZED. */
MUST_CHECK enum inro_err op_get(struct session *s, enum op_slot slot, struct op **ret);
/* The same, not begun in parts: INRO_E_OP_ACTIVE, which ends it. */
MUST_CHECK enum inro_err op_get_whole(struct session *s, enum op_slot slot, struct op **ret);
/* Ends it, whatever its state. */
void op_stop(struct op *op);
/* A logout has ended it. */
bool op_is_dead(const struct op *op);
/* Mechanism, key and what is prepared; op is empty after a failure. */
MUST_CHECK enum inro_err op_prepare(struct session *s, struct op *op, const struct op_init *what);
/* Ready for another message under the same key. */
MUST_CHECK enum inro_err op_again(struct op *op);
/* INRO_E_LOGIN while it waits for a login. */
MUST_CHECK enum inro_err op_check_login(const struct op *op);
/* Ends it for every error but those of invariant 4; its value is the error. */
MUST_CHECK enum inro_err op_after(struct op *op, enum inro_err e);

/* ---- op_message.c ---- */

void op_message_free(struct message *m);
/* The active one, with a message in parts begun or not: INRO_E_OP_ACTIVE,
 * INRO_E_OP_NOT_INITIALIZED. */
MUST_CHECK enum inro_err op_message_get(struct session *s, enum op_slot slot, bool parts,
					struct op **ret);
/* A message is at its end, well or not: ready for the next.  Its value is the error. */
MUST_CHECK enum inro_err op_message_over(struct op *op, enum inro_err e);

/* ---- op_step.c: signing and hashing ---- */

MUST_CHECK enum inro_err op_make_once(struct op *op, struct bytes in, struct op_out out);
MUST_CHECK enum inro_err op_make_final(struct session *s, enum op_slot slot, struct op_out out);

/* ---- op_crypt.c ---- */

/* What a part of n bytes brings out. */
size_t op_step_size(const struct op *op, size_t n);

/* ---- op_work.c: without the rules of slots ---- */

/* A part of what is hashed, signed or verified. */
MUST_CHECK enum inro_err op_feed(struct op *op, struct bytes in);
/* Hash, signature or MAC of what was fed (op->parts) or of `in`: out_n bytes at most. */
MUST_CHECK enum inro_err op_make(struct op *op, struct bytes in, struct room out, size_t *ret_n);
/* INRO_E_SIGNATURE, INRO_E_SIGNATURE_LENGTH. */
MUST_CHECK enum inro_err op_check(struct op *op, struct bytes in, struct bytes sig);
MUST_CHECK enum inro_err op_sig_fits(const struct op *op, size_t n);
/* Encrypts, decrypts or recovers a whole input. */
MUST_CHECK enum inro_err op_whole(struct op *op, const struct use_spec *spec, struct bytes in,
				  struct room out, size_t *ret_n);
MUST_CHECK enum inro_err op_collect(struct op *op, struct bytes in);
/* A part through the backend, which is begun if it was not. */
MUST_CHECK enum inro_err op_stream_step(struct op *op, struct bytes in, struct room out,
					size_t *ret_n);
MUST_CHECK enum inro_err op_stream_last(struct op *op, struct room out, size_t *ret_n);

/* Answers a question for the length, or says that there is not room enough: true, with *ret. */
bool op_answered(size_t need, struct op_out out, enum inro_err *ret);

#endif
