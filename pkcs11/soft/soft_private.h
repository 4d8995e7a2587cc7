/* soft_private - what is inside an instance; for soft*.c alone. */
#ifndef INRO_PKCS11_SOFT_SOFT_PRIVATE_H
#define INRO_PKCS11_SOFT_SOFT_PRIVATE_H

#include "pkcs11/soft/soft.h"
#include "pkcs11/soft/table.h"

struct backend {
	struct buf serial;
	pthread_rwlock_t gate;
	struct secret master; /* see soft.c */
	struct table keys;    /* struct anykey */
	struct table ops;     /* struct parts */
};

/* INRO_E_KEY_HANDLE if there is none of that number.  The caller gives it up. */
MUST_CHECK enum inro_err soft_key(struct backend *b, backend_key id, struct anykey **ret);
/* Holds n new keys, all or none, if the instance is unlocked still; takes them in any case. */
MUST_CHECK enum inro_err soft_hold(struct backend *b, struct anykey **made, size_t n,
				   backend_key *ret);
/* One new key and what the core needs of it; takes it. */
MUST_CHECK enum inro_err soft_present(struct backend *b, struct anykey *key, backend_key *ret_key,
				      struct buf *ret_spki);

/* soft_move.c */
MUST_CHECK enum inro_err soft_wrap(struct backend *b, const struct wrap_key *by,
				   const struct use_spec *spec, backend_key key,
				   struct buf *ret_blob);
MUST_CHECK enum inro_err soft_unwrap(struct backend *b, backend_key by, const struct use_spec *spec,
				     struct bytes blob, const struct key_spec *made,
				     backend_key *ret_key, struct buf *ret_spki);

/* soft_derive.c */
MUST_CHECK enum inro_err soft_derive(struct backend *b, backend_key base,
				     const struct use_spec *spec, const struct key_spec *made,
				     size_t n, backend_key *ret_keys);
MUST_CHECK enum inro_err soft_encapsulate(struct backend *b, struct bytes spki,
					  const struct use_spec *spec, const struct key_spec *made,
					  struct buf *ret_ciphertext, backend_key *ret_key);
MUST_CHECK enum inro_err soft_decapsulate(struct backend *b, backend_key key,
					  const struct use_spec *spec, struct bytes ciphertext,
					  const struct key_spec *made, backend_key *ret_key);

/* soft_mech.c */
const CK_MECHANISM_TYPE *soft_mechanisms(struct backend *b);

#endif
