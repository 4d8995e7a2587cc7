/*
 * key - what libcrypto holds when it holds one of our keys.
 *
 * 1. The public half is an EVP_PKEY of the context below, made once: sizes, names, parameters,
 *    comparison, export and verification are libcrypto's own answers about it.
 * 2. A key of a token has an object beside it and no secret part.  Its public half is shared with its duplicates until
 *    something is set (key_set()), and is there until the key's end.
 * 3. A key without an object is a software key, whole in the context below.  Such keys exist
 *    because a program's own "RSA" and "EC" may be fetched from us when we are named first: they
 *    then behave as they would without us.
 */
#ifndef INRO_PROVIDER_KEY_H
#define INRO_PROVIDER_KEY_H

#include "provider/object.h"

/* What sets one kind of key apart from another: a row of key_types. */
struct key_type {
	const char *name; /* what libcrypto calls it */
	CK_KEY_TYPE type;
	bool has_group;				/* parameters of its own that a key may lack */
	const char *public_part, *private_part; /* parameters that tell what a key has */
	/* Names of the operations, private ones where they are ours; NULL: the kind has none. */
	const char *signature, *exchange, *cipher, *kem;
	unsigned long kem_since; /* the version of libcrypto that has this KEM first; 0: any has */
	const OSSL_PARAM *public_params; /* what a token key exports */
	const OSSL_PARAM *all_params;	 /* what a software key imports and exports */
};

/* Every kind: what its functions are called here, its name, and the other names and the OID that
 * libcrypto's own provider has for it.  Those of any libcrypto 3, and those that come with 3.5. */
/* clang-format off */
#define KEY_TYPES_30(X) \
	X(rsa, "RSA", "rsaEncryption:1.2.840.113549.1.1.1") \
	X(rsa_pss, "RSA-PSS", "RSASSA-PSS:1.2.840.113549.1.1.10") \
	X(ec, "EC", "id-ecPublicKey:1.2.840.10045.2.1") \
	X(ed25519, "ED25519", "1.3.101.112") \
	X(ed448, "ED448", "1.3.101.113") \
	X(x25519, "X25519", "1.3.101.110") \
	X(x448, "X448", "1.3.101.111")
#define KEY_TYPES_35(X) \
	X(ml_dsa_44, "ML-DSA-44", "MLDSA44:2.16.840.1.101.3.4.3.17:id-ml-dsa-44") \
	X(ml_dsa_65, "ML-DSA-65", "MLDSA65:2.16.840.1.101.3.4.3.18:id-ml-dsa-65") \
	X(ml_dsa_87, "ML-DSA-87", "MLDSA87:2.16.840.1.101.3.4.3.19:id-ml-dsa-87") \
	X(ml_kem_512, "ML-KEM-512", "MLKEM512:id-alg-ml-kem-512:2.16.840.1.101.3.4.4.1") \
	X(ml_kem_768, "ML-KEM-768", "MLKEM768:id-alg-ml-kem-768:2.16.840.1.101.3.4.4.2") \
	X(ml_kem_1024, "ML-KEM-1024", "MLKEM1024:id-alg-ml-kem-1024:2.16.840.1.101.3.4.4.3") \
	X(slh_dsa_sha2_128s, "SLH-DSA-SHA2-128s", "id-slh-dsa-sha2-128s:2.16.840.1.101.3.4.3.20") \
	X(slh_dsa_sha2_128f, "SLH-DSA-SHA2-128f", "id-slh-dsa-sha2-128f:2.16.840.1.101.3.4.3.21") \
	X(slh_dsa_sha2_192s, "SLH-DSA-SHA2-192s", "id-slh-dsa-sha2-192s:2.16.840.1.101.3.4.3.22") \
	X(slh_dsa_sha2_192f, "SLH-DSA-SHA2-192f", "id-slh-dsa-sha2-192f:2.16.840.1.101.3.4.3.23") \
	X(slh_dsa_sha2_256s, "SLH-DSA-SHA2-256s", "id-slh-dsa-sha2-256s:2.16.840.1.101.3.4.3.24") \
	X(slh_dsa_sha2_256f, "SLH-DSA-SHA2-256f", "id-slh-dsa-sha2-256f:2.16.840.1.101.3.4.3.25") \
	X(slh_dsa_shake_128s, "SLH-DSA-SHAKE-128s", "id-slh-dsa-shake-128s:2.16.840.1.101.3.4.3.26") \
	X(slh_dsa_shake_128f, "SLH-DSA-SHAKE-128f", "id-slh-dsa-shake-128f:2.16.840.1.101.3.4.3.27") \
	X(slh_dsa_shake_192s, "SLH-DSA-SHAKE-192s", "id-slh-dsa-shake-192s:2.16.840.1.101.3.4.3.28") \
	X(slh_dsa_shake_192f, "SLH-DSA-SHAKE-192f", "id-slh-dsa-shake-192f:2.16.840.1.101.3.4.3.29") \
	X(slh_dsa_shake_256s, "SLH-DSA-SHAKE-256s", "id-slh-dsa-shake-256s:2.16.840.1.101.3.4.3.30") \
	X(slh_dsa_shake_256f, "SLH-DSA-SHAKE-256f", "id-slh-dsa-shake-256f:2.16.840.1.101.3.4.3.31")
/* clang-format on */

#define KEY_TYPE_ID(kind, name, aliases) KEY_TYPE_##kind,
enum key_type_id { KEY_TYPES_30(KEY_TYPE_ID) KEY_TYPES_35(KEY_TYPE_ID) KEY_TYPE__MAX };
#undef KEY_TYPE_ID

extern const struct key_type key_types[KEY_TYPE__MAX];

/* What the parameter is called from 3.5 on. */
#define KEY_SEED "seed"

struct key_model; /* signature_model.c */
#define KEY_MODELS 12 /* one digest may go by two names in one handshake */

struct key {
	struct prov *prov;
	const struct key_type *type;
	_Atomic(EVP_PKEY *) pkey; /* NULL: nothing in it yet */
	/* Of a token key of which something was set: the public half that it had until then, which other threads may be
	 * using.  It stays until the key's end. */
	_Atomic(EVP_PKEY *) before;
	int has;	       /* OSSL_KEYMGMT_SELECT_... */
	struct object *object; /* NULL: a software key */
	/* Signatures of a token key that are set up and copied for each use. */
	_Atomic(struct key_model *) models[KEY_MODELS];
};

/* How a key travels from our store or decoder to our keymgmt: its address in an octet string. */
struct key_carrier {
	char mark[8];
	struct key *key;
};
#define KEY_CARRIER_MARK "inro-key"

struct key *key_new(struct prov *p, const struct key_type *type);
void key_free(struct key *k);

/* Sets something of a token key's public half, which then is its own: a copy takes the place of the one that is shared,
 * once; after that the copy is changed, as libcrypto changes its own keys.  What libcrypto says to the change.  Any
 * thread, while others use and copy the key. */
int key_set(struct key *k, const OSSL_PARAM params[]);
/* The public half of a token key for a duplicate of it, with a reference; NULL when there is no memory. */
EVP_PKEY *key_share(const struct key *k);

/* A private or public key object of a token. */
MUST_CHECK enum inro_err key_open(struct token *t, struct seat *s, CK_OBJECT_HANDLE handle,
				  bool private, const struct p11_uri *uri, struct key **ret);

/* A key of an object that is there; it is taken over when all is well.  `o` NULL: a public key. */
MUST_CHECK enum inro_err key_of_object(struct prov *p, struct seat *s, CK_OBJECT_HANDLE handle,
				       struct object *o, struct key **ret);

/* Hands a key to the core by reference; it is freed when the core does not take it. */
int key_deliver(struct key *k, OSSL_CALLBACK *callback, void *arg);

#endif
