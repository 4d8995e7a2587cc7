/*
 * tpm_evidence - the TPM's word that it holds a key, and its answer to who wants to know which TPM
 * it is.
 *
 * A TPM has room for three objects: the endorsement key, the attestation key and the key to be
 * certified (and a storage root that is not persistent) are never in it all at once.  So the
 * attestation key is brought in first, and waits outside as a saved context.
 */
#include "tpm/token/tpm_private.h"

#include "base/own.h"
#include "tpm/move/evidence.h"
#include "tpm/token/tpm_ak.h"

/* ---- evidence ---- */

struct attesting {
	struct bytes nonce, auth;
	struct ak ak; /* not in the TPM between the two steps */
	struct buf context, ek, chain, statement, signature;
};

static void attesting_clear(struct attesting *a)
{
	blob_clear(&a->ak.blob);
	buf_clear(&a->context);
	buf_clear(&a->ek);
	buf_clear(&a->chain);
	buf_clear(&a->statement);
	buf_clear(&a->signature);
}

static enum inro_err save_ak(struct tpm *t, const struct ek *ek, struct attesting *a)
{
	struct ak ak;
	uint32_t handle;
	enum inro_err e = ak_load(t, ek, &ak);

	if (e)
		return e;
	handle = ak.ref.handle;
	e = cmd_context_save(t, handle, &a->context);
	cmd_let_go(t, handle);
	a->ak = ak;
	a->ak.ref.name = BYTES(a->ak.name.name, a->ak.name.size);
	return e;
}

static enum inro_err ak_step(struct tpm *t, void *arg)
{
	struct attesting *a = arg;
	struct ek ek;
	enum inro_err e = root_ek(t, &ek);

	buf_reset(&a->ek);
	buf_reset(&a->chain);
	buf_reset(&a->context);
	blob_clear(&a->ak.blob);
	if (e)
		return e;
	wire_add_public(&a->ek, &ek.pub);
	e = buf_err(&a->ek);
	if (!e)
		e = root_ek_certificates(t, &ek, &a->chain);
	if (!e)
		e = save_ak(t, &ek, a);
	root_ek_end(t, &ek);
	return e;
}

static enum inro_err certify_step(struct tpm *t, const struct tpm_ref *key, void *arg)
{
	struct attesting *a = arg;
	TPMT_SIGNATURE signature;
	struct tpm_ref ak = a->ak.ref;
	enum inro_err e = cmd_context_load(t, buf_bytes(&a->context), &ak.handle);

	buf_reset(&a->statement);
	buf_reset(&a->signature);
	if (e)
		return e;
	e = cmd_certify(t,
			&(struct certify) { .object = key,
					    .object_auth = a->auth,
					    .by = &ak,
					    .nonce = a->nonce },
			&a->statement, &signature);
	cmd_let_go(t, ak.handle);
	if (e)
		return e;
	wire_add_signature(&a->signature, &signature);
	return buf_err(&a->signature);
}

static enum inro_err write_evidence(const struct tkey *key, const struct attesting *a,
				    struct buf *ret)
{
	const struct evidence e = { .attest = buf_bytes(&a->statement),
				    .signature = buf_bytes(&a->signature),
				    .key = buf_bytes(&resident_blob(tkey_resident(key))->pub),
				    .ak = buf_bytes(&a->ak.blob.pub),
				    .ek = buf_bytes(&a->ek),
				    .chain = buf_bytes(&a->chain) };

	return evidence_write(&e, ret);
}

static enum inro_err find_key(struct backend *b, backend_key id, struct tkey **ret)
{
	if (!tpm_is_ours(id))
		return err_set(INRO_E_UNSUPPORTED, "this key is not in the TPM");
	return tpm_key(b, id, ret);
}

enum inro_err tpm_attest(struct backend *b, backend_key id, struct bytes nonce, struct buf *ret)
{
	AUTO(tkey_unref_ptr) struct tkey *key = NULL;
	SCOPED(attesting) a = { .nonce = nonce };
	enum inro_err e = find_key(b, id, &key);

	if (e)
		return e;
	a.auth = tkey_auth(key);
	/* a TPM that is reset between the two steps does not take the saved context: once more */
	for (int tries = 0; tries < 2; tries++) {
		e = resident_turn(b->tpm, 2, ak_step, &a);
		if (e)
			return e;
		e = resident_do(tkey_resident(key), 1, certify_step, &a);
		if (!e)
			return write_evidence(key, &a, ret);
	}
	return e;
}

/* ---- the answer to a challenge ---- */

struct answering {
	struct bytes id_object, encrypted;
	struct secret answer;
};

static void answering_clear(struct answering *a)
{
	secret_clear(&a->answer);
}

static enum inro_err activate(struct tpm *t, const struct ek *ek, struct answering *a)
{
	struct tpm_auth auth;
	struct ak ak;
	enum inro_err e = ak_load(t, ek, &ak);

	if (e)
		return e;
	e = root_ek_auth(t, ek, &auth);
	if (!e) {
		e = cmd_activate_credential(t,
					    &(struct credential_blob) { .object = &ak.ref,
									.ek = &ek->ref,
									.ek_policy = &auth,
									.id_object = a->id_object,
									.secret = a->encrypted },
					    &a->answer);
		ek_auth_end(t, &auth);
	}
	ak_end(t, &ak);
	return e;
}

static enum inro_err answer_step(struct tpm *t, void *arg)
{
	struct answering *a = arg;
	struct ek ek;
	enum inro_err e;

	secret_clear(&a->answer);
	e = root_ek(t, &ek);
	if (e)
		return e;
	e = activate(t, &ek, a);
	root_ek_end(t, &ek);
	return e;
}

enum inro_err tpm_answer(struct backend *b, struct bytes challenge, struct secret *ret)
{
	SCOPED(answering) a = { 0 };
	enum inro_err e = wire_read_2b(&challenge, sizeof(TPMS_ID_OBJECT), &a.id_object);

	if (!e)
		e = wire_read_2b(&challenge, sizeof(TPMU_ENCRYPTED_SECRET), &a.encrypted);
	if (!e)
		e = wire_end(challenge);
	if (e)
		return err_set(INRO_E_SYNTAX, "this is no challenge for a TPM");
	e = words_check_root(&b->words, b->tpm);
	if (e)
		return e;
	e = resident_turn(b->tpm, 2, answer_step, &a);
	if (e)
		return err_context(e, "the challenge is for another TPM, or for another "
				      "attestation key");
	*ret = a.answer;
	a.answer = (struct secret) { 0 };
	return INRO_OK;
}
