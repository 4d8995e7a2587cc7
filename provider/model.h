/*
 * model - libcrypto's own operation on the public half of a key.
 *
 * 1. It parses the settings of an operation (names or numbers, in any order), answers what is set
 *    and knows what may be set: the part of a token is only what needs the private half.
 * 2. For a software key it does the whole operation.
 */
#ifndef INRO_PROVIDER_MODEL_H
#define INRO_PROVIDER_MODEL_H

#include "provider/key.h"

struct model {
	struct prov *prov;
	struct key *key; /* borrowed: it outlives the operation in the caller's EVP_PKEY_CTX */
	EVP_PKEY_CTX *ctx;
};

typedef int model_init(EVP_PKEY_CTX *ctx, const OSSL_PARAM params[]);

/* Starts anew with this key, or with the one of before when it is NULL; raises what is wrong.
 * `private`: the operation is one of the private half.  1, or what libcrypto's own operation says then: 0, or -2 where a
 * key of this kind has no such operation. */
int model_start(struct model *m, struct key *key, bool private, model_init *init,
		const OSSL_PARAM params[]);
void model_clear(struct model *m);
/* All or nothing. */
bool model_copy(const struct model *from, struct model *to);

/* What libcrypto calls of an operation that is a struct model and nothing more. */
void *model_new(void *vprov);
void model_free(void *vmodel);
void *model_dup(void *vmodel);
int model_set(void *vmodel, const OSSL_PARAM params[]);
int model_get(void *vmodel, OSSL_PARAM params[]);

/* What may be set, or asked, as libcrypto's own operation has it in this version; this list, where none is set up. */
const OSSL_PARAM *model_settable(const struct model *m, const OSSL_PARAM otherwise[]);
const OSSL_PARAM *model_gettable(const struct model *m, const OSSL_PARAM otherwise[]);

/* The private half is in a token. */
bool model_is_token(const struct model *m);

#endif
