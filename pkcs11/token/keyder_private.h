/* keyder_private - what a kind of key adds to the two DER forms; for keyder*.c alone. */
#ifndef INRO_PKCS11_TOKEN_KEYDER_PRIVATE_H
#define INRO_PKCS11_TOKEN_KEYDER_PRIVATE_H

#include "base/der.h"
#include "pkcs11/token/keyder.h"

/* Reading fills *parts and checks form and sizes; writing checks what it is given. */
struct keyder_form {
	/* whether this AlgorithmIdentifier is of this kind; oid: the whole element */
	bool (*owns)(struct bytes oid);
	/* kind and params; rest: what follows the OID */
	enum inro_err (*read_algorithm)(struct bytes oid, struct bytes rest,
					struct key_parts *parts);
	enum inro_err (*read_public)(struct bytes bits, struct key_parts *parts);
	enum inro_err (*read_private)(struct bytes octets, struct key_parts *parts);
	/* NULL or: the public key behind a PKCS#8 of version 1 (RFC 5958) */
	enum inro_err (*read_behind)(struct bytes bits, struct key_parts *parts);
	void (*write_algorithm)(const struct key_parts *parts, struct buf *b);
	enum inro_err (*write_public)(const struct key_parts *parts, struct buf *b);
	enum inro_err (*write_private)(const struct key_parts *parts, struct buf *b);
};

extern const struct keyder_form keyder_rsa;
extern const struct keyder_form keyder_ec;
extern const struct keyder_form keyder_raw_curve; /* Edwards and Montgomery */
extern const struct keyder_form keyder_set;	  /* ML-DSA, SLH-DSA, ML-KEM */

/* A magnitude without leading zeros; callers give attributes as they come. */
struct bytes keyder_trimmed(struct bytes x);
/* INRO_E_SYNTAX unless everything was read. */
MUST_CHECK enum inro_err keyder_nothing_left(struct bytes in);

#endif
