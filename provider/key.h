/*
 * key - what libcrypto holds when it holds one of our keys.
 *
 * 1. The public half is an EVP_PKEY of the context below, made once: sizes, names, parameters,
 *    comparison, export and verification are libcrypto's own answers about it.
 * 2. A key of a token has an object beside it and no secret part.
 * 3. A key without an object is a software key, whole in the context below.  Such keys exist
 *    because a program's own "RSA" and "EC" may be fetched from us when we are named first: they
 *    then behave as they would without us.
 */
#ifndef INRO_PROVIDER_KEY_H
#define INRO_PROVIDER_KEY_H

#include "provider/object.h"

/* What sets one kind of key apart from another. */
struct key_type {
	const char *name; /* what libcrypto calls it */
	CK_KEY_TYPE type;
	const char *public_part, *private_part; /* parameters that tell what a key has */
	const char *signature;			/* our private name of the operation */
	const char *exchange, *cipher, *kem;	/* public names; NULL: the kind has none */
	const OSSL_PARAM *public_params;	/* what a token key exports */
	const OSSL_PARAM *all_params;		/* what a software key imports and exports */
	const OSSL_PARAM *gettable;
	const OSSL_PARAM *settable;
};

/* The name under which references to keys of any kind are decoded. */
#define KEY_REFERENCE_NAME "INRO-REFERENCE"

extern const struct key_type key_rsa, key_ec;

struct key {
	struct prov *prov;
	const struct key_type *type;
	EVP_PKEY *pkey;	       /* NULL: nothing in it yet */
	int has;	       /* OSSL_KEYMGMT_SELECT_... */
	struct object *object; /* NULL: a software key */
};

/* How a key travels from our store or decoder to our keymgmt: its address in an octet string. */
struct key_carrier {
	char mark[8];
	struct key *key;
};
#define KEY_CARRIER_MARK "inro-key"

struct key *key_new(struct prov *p, const struct key_type *type);
void key_free(struct key *k);

/* A private or public key object of a token. */
MUST_CHECK enum inro_err key_open(struct token *t, struct seat *s, CK_OBJECT_HANDLE handle,
				  bool private, const struct p11_uri *uri, struct key **ret);

/* Hands a key to the core by reference; it is freed when the core does not take it. */
int key_deliver(struct key *k, OSSL_CALLBACK *callback, void *arg);

#endif
