/* kem - what the tables of OSSL_OP_KEM share (kem.c, dhkem.c). */
#ifndef INRO_PROVIDER_KEM_H
#define INRO_PROVIDER_KEM_H

#include "provider/model.h"

/* What the parameter is called from 3.2 on. */
#define KEM_IKME "ikme"

/* Starts the model: libcrypto's encapsulation to the public half, which some of its algorithms have alone, for
 * decapsulation by a token too.  As model_start(). */
int kem_start(struct model *m, struct key *key, bool decapsulates, const OSSL_PARAM params[]);

/* A decapsulation: what goes in, and the room for the secret, whose length is known. */
struct kem_job {
	struct model *model;
	struct bytes in;
	uint8_t *out;
	size_t n;
};
typedef enum inro_err kem_open(const struct kem_job *j);

/* Decapsulates by this function when the lengths are right; out NULL: only the secret's length is told.  What it returns
 * is for libcrypto: 1, or else with an error raised. */
int kem_run(const struct kem_job *j, size_t *n, kem_open *open);

extern const OSSL_DISPATCH dhkem_functions[];

#endif
