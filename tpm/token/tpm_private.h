/* tpm_private - what is inside an instance; for tpm_*.c alone. */
#ifndef INRO_TPM_TOKEN_TPM_PRIVATE_H
#define INRO_TPM_TOKEN_TPM_PRIVATE_H

#include "pkcs11/soft/soft.h"
#include "pkcs11/soft/table.h"
#include "tpm/token/pin.h"
#include "tpm/token/place.h"
#include "tpm/token/tkey.h"

struct backend {
	struct words words;
	struct tpm *tpm;
	struct buf serial;
	struct backend *soft;	       /* an instance of that backend, under the master key */
	struct pin_opened opened;      /* by who is logged in */
	struct resident *sealed;       /* the object with the master key, as it was left */
	struct stray *strays;	       /* what tpm_has_strays() has found, until they are dropped */
	CK_MECHANISM_TYPE *mechanisms; /* of a token that has nothing but its TPM; else NULL */
	pthread_rwlock_t gate; /* for writing while it is locked: nothing is held meanwhile */
	struct table keys;     /* struct tkey */
	struct table ops;      /* struct parts */
};

/* Numbers of what is in the TPM have the top bit; all others are the soft instance's. */
#define TPM_ID (UINT64_C(1) << 63)

static inline bool tpm_is_ours(uint64_t id)
{
	return (id & TPM_ID) != 0;
}

/* INRO_E_LOGIN while it is locked. */
MUST_CHECK enum inro_err tpm_check_unlocked(struct backend *b);
/* INRO_E_KEY_HANDLE if there is none of that number, or it is not in the TPM.  The caller gives it
 * up. */
MUST_CHECK enum inro_err tpm_key(struct backend *b, backend_key id, struct tkey **ret);
/* Holds a new key and gives what the core needs of it, if the instance is unlocked still; takes it
 * in any case. */
MUST_CHECK enum inro_err tpm_present(struct backend *b, struct tkey *key, backend_key *ret_key,
				     struct buf *ret_spki);

/* tpm_move.c */
MUST_CHECK enum inro_err tpm_wrap(struct backend *b, const struct wrap_key *by,
				  const struct use_spec *spec, backend_key key,
				  struct buf *ret_blob);
MUST_CHECK enum inro_err tpm_unwrap(struct backend *b, backend_key by, const struct use_spec *spec,
				    struct bytes blob, const struct key_spec *made,
				    backend_key *ret_key, struct buf *ret_spki);
MUST_CHECK enum inro_err tpm_derive(struct backend *b, backend_key base,
				    const struct use_spec *spec, const struct key_spec *made,
				    size_t n, backend_key *ret_keys);
MUST_CHECK enum inro_err tpm_encapsulate(struct backend *b, struct bytes spki,
					 const struct use_spec *spec, const struct key_spec *made,
					 struct buf *ret_ciphertext, backend_key *ret_key);
MUST_CHECK enum inro_err tpm_decapsulate(struct backend *b, backend_key key,
					 const struct use_spec *spec, struct bytes ciphertext,
					 const struct key_spec *made, backend_key *ret_key);

/* tpm_login.c */
MUST_CHECK enum inro_err tpm_init(struct backend *b);
MUST_CHECK enum inro_err tpm_set_pin(struct backend *b, CK_USER_TYPE user, struct bytes pin,
				     struct buf *ret_auth);
MUST_CHECK enum inro_err tpm_change_pin(struct backend *b, CK_USER_TYPE user, struct bytes old,
					struct bytes pin, struct buf *ret_auth);
MUST_CHECK enum inro_err tpm_forget_pin(struct backend *b, struct bytes auth);
void tpm_kept(struct bytes auth);
MUST_CHECK enum inro_err tpm_leaving(struct backend *b, struct bytes auth);
bool tpm_has_strays(struct backend *b);
MUST_CHECK enum inro_err tpm_drop_strays(struct backend *b, struct bytes records);
MUST_CHECK enum inro_err tpm_guard_opens(struct backend *b, struct bytes auth);
MUST_CHECK enum inro_err tpm_unlock(struct backend *b, CK_USER_TYPE user, struct bytes auth,
				    struct bytes pin);
void tpm_lock(struct backend *b);
MUST_CHECK enum inro_err tpm_ready(struct backend *b);
MUST_CHECK enum inro_err tpm_words_now(struct backend *b, struct buf *ret_config);

/* tpm_backend.c */
MUST_CHECK enum inro_err tpm_list_mechanisms(struct backend *b);

/* tpm_tell.c */
MUST_CHECK enum inro_err tpm_tell(struct backend *b, enum backend_fact what, struct buf *ret);

/* tpm_evidence.c */
MUST_CHECK enum inro_err tpm_attest(struct backend *b, backend_key id, struct bytes nonce,
				    struct buf *ret);
MUST_CHECK enum inro_err tpm_answer(struct backend *b, struct bytes challenge, struct secret *ret);

/* tpm_files.c */
MUST_CHECK enum inro_err tpm_take(struct backend *b, const struct key_spec *spec, struct bytes file,
				  struct bytes auth, backend_key *ret_key, struct buf *ret_spki);
MUST_CHECK enum inro_err tpm_give(struct backend *b, backend_key id, struct bytes new_parent,
				  struct bytes auth, struct buf *ret_file);

#endif
