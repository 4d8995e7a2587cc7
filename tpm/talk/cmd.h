/*
 * cmd - the commands that are used, each as one function: parameters in, results out.
 *
 * Names and parameters are those of TCG TPM 2.0 Library part 3.  The turn is held (tpm.h, 2).  Auth
 * values are borrowed.  Errors are those of rc.h's table.
 */
#ifndef INRO_TPM_TALK_CMD_H
#define INRO_TPM_TALK_CMD_H

#include "tpm/talk/tpm.h"
#include "tpm/wire/crypt.h"

/* An object's two halves as TPM2_Create gives and TPM2_Load takes them, kept as they came. */
struct blob {
	struct buf pub;	 /* TPM2B_PUBLIC, with its size */
	struct buf priv; /* TPM2B_PRIVATE, with its size */
};
void blob_clear(struct blob *b);
/* Of an empty one: copies of the halves.  What was copied is there after an error, too. */
MUST_CHECK enum inro_err blob_fill(struct blob *b, struct bytes pub, struct bytes priv);

/* --- the TPM itself --- */
MUST_CHECK enum inro_err cmd_startup(struct tpm *t);
MUST_CHECK enum inro_err cmd_capability(struct tpm *t, TPM2_CAP cap, uint32_t property,
					uint32_t count, TPMS_CAPABILITY_DATA *ret);
MUST_CHECK enum inro_err cmd_random(struct tpm *t, uint8_t *out, size_t n);
MUST_CHECK enum inro_err cmd_pcr_read(struct tpm *t, const TPML_PCR_SELECTION *which,
				      TPM2B_DIGEST *ret_values_hash);

/* --- objects --- */
struct new_object {
	const TPMT_PUBLIC *template;
	struct bytes auth; /* of the new object */
	struct bytes data; /* sealed data or a value; empty when the TPM makes it */
};
/* `hierarchy`: TPM2_RH_OWNER or TPM2_RH_ENDORSEMENT, with its auth. */
MUST_CHECK enum inro_err cmd_create_primary(struct tpm *t, uint32_t hierarchy, struct bytes auth,
					    const struct new_object *what, uint32_t *ret_handle,
					    TPM2B_PUBLIC *ret_pub);
/* *ret is written over: it is empty. */
MUST_CHECK enum inro_err cmd_create(struct tpm *t, const struct tpm_ref *parent,
				    struct bytes parent_auth, const struct new_object *what,
				    struct blob *ret);
/* The same under a parent that wants a policy. */
MUST_CHECK enum inro_err cmd_create_by(struct tpm *t, const struct tpm_ref *parent,
				       const struct tpm_auth *by, const struct new_object *what,
				       struct blob *ret);
MUST_CHECK enum inro_err cmd_load(struct tpm *t, const struct tpm_ref *parent,
				  const struct tpm_auth *parent_auth, const struct blob *b,
				  uint32_t *ret_handle);
/* A public area alone, or one with its sensitive area (null hierarchy). */
MUST_CHECK enum inro_err cmd_load_external(struct tpm *t, const TPMT_PUBLIC *pub,
					   uint32_t *ret_handle);
/* The Name is checked against the public area: INRO_E_DAMAGED.  So it is of an NV index. */
MUST_CHECK enum inro_err cmd_read_public(struct tpm *t, uint32_t handle, TPM2B_PUBLIC *ret,
					 TPM2B_NAME *ret_name);
MUST_CHECK enum inro_err cmd_evict(struct tpm *t, struct bytes owner_auth,
				   const struct tpm_ref *object, uint32_t persistent);
MUST_CHECK enum inro_err cmd_flush(struct tpm *t, uint32_t handle);
/* The same while clearing up: what can't be flushed is not there, or the connection isn't. The
 * detail of the error before it and tpm_last_rc() stay. */
void cmd_let_go(struct tpm *t, uint32_t handle);
/* TPMS_CONTEXT as bytes, opaque. */
MUST_CHECK enum inro_err cmd_context_save(struct tpm *t, uint32_t handle, struct buf *ret);
MUST_CHECK enum inro_err cmd_context_load(struct tpm *t, struct bytes context,
					  uint32_t *ret_handle);
MUST_CHECK enum inro_err cmd_object_change_auth(struct tpm *t, const struct tpm_ref *object,
						struct bytes auth, const struct tpm_ref *parent,
						struct bytes new_auth, struct buf *ret_private);
/* ret_private: TPM2B_PRIVATE.  `duplicate` and `seed` as wrap.h makes them; no inner wrapper. */
struct duplicate {
	struct buf pub;	      /* TPM2B_PUBLIC, with its size */
	struct buf duplicate; /* TPM2B_PRIVATE, with its size */
	struct buf seed;      /* TPM2B_ENCRYPTED_SECRET, with its size */
};
void duplicate_clear(struct duplicate *d);
MUST_CHECK enum inro_err cmd_import(struct tpm *t, const struct tpm_ref *parent,
				    struct bytes parent_auth, const struct duplicate *d,
				    struct buf *ret_private);
/* By a policy session that has TPM2_CC_Duplicate; fills duplicate and seed. */
MUST_CHECK enum inro_err cmd_duplicate(struct tpm *t, const struct tpm_ref *object,
				       const struct tpm_auth *policy,
				       const struct tpm_ref *new_parent, struct duplicate *ret);

/* --- use --- */
MUST_CHECK enum inro_err cmd_unseal(struct tpm *t, const struct tpm_ref *object,
				    const struct tpm_auth *by, struct secret *ret);
MUST_CHECK enum inro_err cmd_sign(struct tpm *t, const struct tpm_ref *key, struct bytes auth,
				  struct bytes digest, const TPMT_SIG_SCHEME *scheme,
				  TPMT_SIGNATURE *ret);
struct rsa_ciphertext {
	struct bytes octets;
	const TPMT_RSA_DECRYPT *scheme;
	struct bytes label; /* OAEP's, with its NUL; may be empty */
};
/* INRO_E_CIPHERTEXT: it is not for this key. */
MUST_CHECK enum inro_err cmd_rsa_decrypt(struct tpm *t, const struct tpm_ref *key,
					 struct bytes auth, const struct rsa_ciphertext *what,
					 struct secret *ret);
MUST_CHECK enum inro_err cmd_ecdh_zgen(struct tpm *t, const struct tpm_ref *key, struct bytes auth,
				       const TPMS_ECC_POINT *peer, TPMS_ECC_POINT *ret);
/* Up to 1024 bytes at once. */
MUST_CHECK enum inro_err cmd_hmac(struct tpm *t, const struct tpm_ref *key, struct bytes auth,
				  TPM2_ALG_ID hash, struct bytes in, TPM2B_DIGEST *ret);
/* A MAC in parts: the sequence is a transient object with its own auth. */
MUST_CHECK enum inro_err cmd_hmac_start(struct tpm *t, const struct tpm_ref *key, struct bytes auth,
					struct bytes sequence_auth, TPM2_ALG_ID hash,
					uint32_t *ret_sequence);
MUST_CHECK enum inro_err cmd_sequence_update(struct tpm *t, uint32_t sequence, struct bytes auth,
					     struct bytes in);
MUST_CHECK enum inro_err cmd_sequence_complete(struct tpm *t, uint32_t sequence, struct bytes auth,
					       struct bytes in, TPM2B_DIGEST *ret);
struct cipher_step {
	bool decrypt;
	TPM2_ALG_ID mode; /* TPM2_ALG_CBC, CFB, CTR, ECB */
	struct bytes in;  /* up to 1024 bytes */
	uint8_t iv[16];	  /* in and out; not for ECB */
	uint8_t *out;	  /* room for as many bytes as `in` has */
	size_t cap;
};
/* INRO_E_TOO_SMALL. */
MUST_CHECK enum inro_err cmd_encrypt_decrypt(struct tpm *t, const struct tpm_ref *key,
					     struct bytes auth, struct cipher_step *step,
					     size_t *ret_n);

/* --- policies: each extends the session's digest --- */
MUST_CHECK enum inro_err cmd_policy_secret(struct tpm *t, const struct tpm_ref *entity,
					   struct bytes auth, const struct tpm_session *s);
MUST_CHECK enum inro_err cmd_policy_command(struct tpm *t, const struct tpm_session *s, TPM2_CC cc);
MUST_CHECK enum inro_err cmd_policy_or(struct tpm *t, const struct tpm_session *s,
				       const TPML_DIGEST *branches);
MUST_CHECK enum inro_err cmd_policy_pcr(struct tpm *t, const struct tpm_session *s,
					const TPML_PCR_SELECTION *which);
MUST_CHECK enum inro_err cmd_policy_auth_value(struct tpm *t, struct tpm_session *s);

/* --- NV --- */
MUST_CHECK enum inro_err cmd_nv_define(struct tpm *t, struct bytes owner_auth, struct bytes auth,
				       const TPMS_NV_PUBLIC *pub);
MUST_CHECK enum inro_err cmd_nv_undefine(struct tpm *t, struct bytes owner_auth,
					 const struct tpm_ref *index);
MUST_CHECK enum inro_err cmd_nv_read_public(struct tpm *t, uint32_t index, TPMS_NV_PUBLIC *ret,
					    TPM2B_NAME *ret_name);
/* `who`: the index itself or TPM2_RH_OWNER. */
MUST_CHECK enum inro_err cmd_nv_read(struct tpm *t, const struct tpm_ref *who,
				     const struct tpm_auth *by, const struct tpm_ref *index,
				     size_t n, struct buf *ret);
MUST_CHECK enum inro_err cmd_nv_write(struct tpm *t, const struct tpm_ref *who,
				      const struct tpm_auth *by, const struct tpm_ref *index,
				      struct bytes data);
MUST_CHECK enum inro_err cmd_nv_change_auth(struct tpm *t, const struct tpm_ref *index,
					    const struct tpm_auth *by, struct bytes new_auth);

/* --- attestation --- */
struct certify {
	const struct tpm_ref *object, *by; /* the key, and the attestation key that signs */
	struct bytes object_auth, by_auth;
	struct bytes nonce; /* qualifyingData */
};
/* Appends the TPMS_ATTEST to *ret_attest. */
MUST_CHECK enum inro_err cmd_certify(struct tpm *t, const struct certify *what,
				     struct buf *ret_attest, TPMT_SIGNATURE *ret_sig);
struct credential_blob {
	const struct tpm_ref *object, *ek; /* the key it was made about, and for */
	struct bytes object_auth;
	const struct tpm_auth *ek_policy;
	struct bytes id_object, secret; /* what TPM2_MakeCredential gives, without their sizes */
};
MUST_CHECK enum inro_err cmd_activate_credential(struct tpm *t, const struct credential_blob *what,
						 struct secret *ret);

#endif
