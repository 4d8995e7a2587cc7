/*
 * soft_envelope - wrapping to the public half of a pair.
 *
 * RSA: CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP straight, CKM_RSA_AES_KEY_WRAP with an AES key between
 * (PKCS#11 3.2 6.1.21).  Curves: CKM_ECDH_AES_KEY_WRAP, an ephemeral pair, X9.63 and an AES key
 * between (6.3.26); in front of what is wrapped stands the bare public point.
 */
#ifndef INRO_PKCS11_SOFT_SOFT_ENVELOPE_H
#define INRO_PKCS11_SOFT_SOFT_ENVELOPE_H

#include "pkcs11/soft/anykey.h"

/* A pair whose private half may be elsewhere: what is asked of it. */
struct outside {
	struct pkey *public; /* at least the public half */
	void *arg;
	/* As pkey_decrypt() and pkey_agree(). */
	enum inro_err (*decrypt)(void *arg, const struct use_spec *spec, struct bytes in,
				 struct room out, size_t *ret_n);
	enum inro_err (*agree)(void *arg, struct bytes peer, struct secret *ret);
};

/* A whole pair that is here; borrowed. */
struct outside outside_of(struct pkey *pair);

/* Of `to` only the public half is used. */
MUST_CHECK enum inro_err envelope_close(struct pkey *to, const struct use_spec *spec,
					struct bytes plain, struct buf *ret_blob);
/* INRO_E_WRAPPED for everything that is wrong with the blob, in one time for RSA. */
MUST_CHECK enum inro_err envelope_open(const struct outside *by, const struct use_spec *spec,
				       struct bytes blob, struct secret *ret_plain);

/* The secret that two pairs agree on, as spec->kdf makes it: ret made by secret_new(). */
MUST_CHECK enum inro_err envelope_agree(const struct outside *k, const struct use_spec *spec,
					struct bytes peer, struct secret *ret);

#endif
