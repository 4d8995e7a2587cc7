/* pin_make - a new PIN: guard, index, sealed master, record. */
#include "tpm/token/pin_private.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pkcs11/soft/seal.h"

#define MOST_TAKEN 64
/* What TPM2_Create wants of a small TPM for a moment: its parent and the new object. */
#define CREATE_ROOM 2

struct making {
	const struct pin_at *at;
	const struct pin_opened *by;
	CK_USER_TYPE user;
	uint8_t salt[PIN_SALT];
	struct secret auth, guard_auth, owner;
	struct buf content; /* of the sealed object */
	struct resident *guard;
	TPMS_NV_PUBLIC index; /* attributes without WRITTEN */
	TPM2B_NAME name;      /* written */
	bool defined;
	bool asked; /* it may be there, whatever was answered */
	struct blob fresh; /* what a step has made */
};

static void making_clear(struct making *m)
{
	secret_clear(&m->auth);
	secret_clear(&m->guard_auth);
	secret_clear(&m->owner);
	buf_clear(&m->content);
	resident_free(m->guard);
	blob_clear(&m->fresh);
}

/* ---- guard and sealed object ---- */

static TPMT_PUBLIC data_object(TPMA_OBJECT more, const TPM2B_DIGEST *policy)
{
	TPMT_PUBLIC pub = { .type = TPM2_ALG_KEYEDHASH,
			    .nameAlg = TPM2_ALG_SHA256,
			    .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
						TPMA_OBJECT_NODA | more };

	pub.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
	if (policy)
		pub.authPolicy = *policy;
	return pub;
}

static enum inro_err create(struct tpm *t, struct making *m, const struct new_object *what)
{
	const struct root *root = NULL;
	enum inro_err e = root_get(t, &root);

	blob_clear(&m->fresh);
	return e ? e : cmd_create(t, &root->ref, root->auth, what, &m->fresh);
}

/* Its data is nothing that anybody reads. */
static enum inro_err guard_step(struct tpm *t, void *arg)
{
	struct making *m = arg;
	const TPMT_PUBLIC pub = data_object(TPMA_OBJECT_USERWITHAUTH, NULL);
	const struct new_object what = { .template = &pub,
					 .auth = secret_bytes(&m->guard_auth),
					 .data = BYTES(m->salt, sizeof m->salt) };

	return create(t, m, &what);
}

static enum inro_err make_guard(struct making *m)
{
	enum inro_err e = resident_turn(m->at->tpm, CREATE_ROOM, guard_step, m);
	struct blob made = m->fresh;

	if (e)
		return e;
	m->fresh = (struct blob) { 0 };
	return resident_new(m->at->tpm, &made, &m->guard);
}

static enum inro_err name_from(struct bytes in, TPM2B_NAME *ret)
{
	*ret = (TPM2B_NAME) { .size = (uint16_t)in.n };
	if (in.n > sizeof ret->name)
		return err_set(INRO_E_DAMAGED, "a Name of %zu bytes", in.n);
	if (in.n)
		memcpy(ret->name, in.p, in.n);
	return INRO_OK;
}

enum inro_err pin_sealed_policy(struct tpm *t, const struct words *w, struct bytes index,
				TPM2B_DIGEST *ret)
{
	struct bytes words = bytes_of(w->pcr);
	TPML_PCR_SELECTION which;
	TPM2B_DIGEST values;
	TPM2B_NAME name;
	enum inro_err e = name_from(index, &name);

	policy_start(ret);
	if (!e)
		e = policy_secret(ret, &name);
	if (e || words.n == 0)
		return e;
	e = policy_read_pcrs(words, &which);
	if (!e)
		e = cmd_pcr_read(t, &which, &values);
	return e ? e : policy_pcr(ret, &which, &values);
}

static enum inro_err seal_step(struct tpm *t, void *arg)
{
	struct making *m = arg;
	TPM2B_DIGEST policy;
	TPMT_PUBLIC pub;
	struct new_object what = { .template = &pub, .data = buf_bytes(&m->content) };
	enum inro_err e = pin_sealed_policy(t, m->at->words,
					    BYTES(m->name.name, m->name.size), &policy);

	if (e)
		return e;
	pub = data_object(0, &policy);
	return create(t, m, &what);
}

/* ---- the index ---- */

enum inro_err pin_branches(struct bytes guard_name, TPML_DIGEST *ret)
{
	static const TPM2_CC commands[] = { TPM2_CC_NV_Write, TPM2_CC_NV_ChangeAuth };
	TPM2B_NAME name;
	enum inro_err e = name_from(guard_name, &name);

	*ret = (TPML_DIGEST) { .count = ARRAY_LEN(commands) };
	for (size_t i = 0; !e && i < ARRAY_LEN(commands); i++) {
		policy_start(&ret->digests[i]);
		e = policy_secret(&ret->digests[i], &name);
		if (!e)
			e = policy_command(&ret->digests[i], commands[i]);
	}
	return e;
}

static enum inro_err describe(struct making *m)
{
	m->index = (TPMS_NV_PUBLIC) { .nameAlg = TPM2_ALG_SHA256,
				      .attributes = PIN_INDEX_ATTRS,
				      .dataSize = PIN_INDEX_SIZE };
	return pin_policy(resident_name(m->guard), &m->index.authPolicy);
}

static enum inro_err not_defined(enum inro_err e)
{
	if (rc_plain(tpm_last_rc()) != TPM2_RC_ATTRIBUTES)
		return tpm_auth_err(e, "owner-auth");
	return err_set(INRO_E_UNSUPPORTED, "this TPM has no NV indices that count wrong PINs: it "
					   "is older than revision 1.38 of TPM 2.0");
}

/* The next number when one is taken. */
static enum inro_err define_step(struct tpm *t, void *arg)
{
	struct making *m = arg;
	enum inro_err e = INRO_OK;
	uint32_t at = 0;

	if (m->defined) /* before the connection was lost */
		return INRO_OK;
	e = random_fill(&at, sizeof at);
	if (e)
		return e;
	for (int i = 0; i < MOST_TAKEN; i++, at++) {
		m->index.nvIndex = PIN_FIRST_INDEX + at % PIN_INDICES;
		e = cmd_nv_define(t, secret_bytes(&m->owner), secret_bytes(&m->auth), &m->index);
		m->defined = !e;
		m->asked = !tpm_last_rc(); /* refused, or nobody knows */
		if (!e || rc_plain(tpm_last_rc()) != TPM2_RC_NV_DEFINED)
			return e ? not_defined(e) : INRO_OK;
	}
	return e;
}

static enum inro_err define(struct making *m)
{
	TPMS_NV_PUBLIC written;
	enum inro_err e = describe(m);

	if (!e)
		e = pin_note_begin(bytes_of(m->at->words->tcti), &m->index.authPolicy);
	if (!e)
		e = resident_turn(m->at->tpm, 0, define_step, m);
	if (e)
		return e;
	written = m->index;
	written.attributes |= TPMA_NV_WRITTEN;
	return crypt_nv_name(&written, &m->name);
}

/* When it was written already and the answer was lost, the Name is the later one.  `ret` points
 * into `name`. */
static enum inro_err index_now(struct tpm *t, const struct making *m, TPMS_NV_PUBLIC *pub,
			       TPM2B_NAME *name, struct tpm_ref *ret)
{
	enum inro_err e = cmd_nv_read_public(t, m->index.nvIndex, pub, name);

	if (!e)
		*ret = (struct tpm_ref) { .handle = m->index.nvIndex,
					  .name = BYTES(name->name, name->size) };
	return e;
}

static enum inro_err write_step(struct tpm *t, const struct tpm_ref *guard, void *arg)
{
	const struct making *m = arg;
	TPMS_NV_PUBLIC pub;
	TPM2B_NAME name;
	struct tpm_ref index;
	enum inro_err e = index_now(t, m, &pub, &name, &index);

	return e ? e : pin_write_tries(t, guard, secret_bytes(&m->guard_auth), &index);
}

/* Its policy names a guard that is of this making alone. */
static bool is_of(const struct making *m, const TPMS_NV_PUBLIC *pub)
{
	const TPM2B_DIGEST *a = &pub->authPolicy, *b = &m->index.authPolicy;

	return bytes_equal(BYTES(a->buffer, a->size), BYTES(b->buffer, b->size));
}

static enum inro_err undo_step(struct tpm *t, void *arg)
{
	const struct making *m = arg;
	TPMS_NV_PUBLIC pub;
	TPM2B_NAME name;
	struct tpm_ref index;
	enum inro_err e = index_now(t, m, &pub, &name, &index);

	if (e || !is_of(m, &pub))
		return e;
	return cmd_nv_undefine(t, secret_bytes(&m->owner), &index);
}

/* What was wrong first is told. */
static enum inro_err undo(struct making *m, enum inro_err e)
{
	SCOPED(err_kept) kept = err_keep();
	enum inro_err left = m->asked ? resident_turn(m->at->tpm, 0, undo_step, m) : INRO_OK;

	if (left)
		log_debug("index 0x%08x stays in the TPM for now", m->index.nvIndex);
	pin_note_end(&m->index.authPolicy, !left);
	return e;
}

/* ---- the whole ---- */

static enum inro_err prepare(struct making *m, struct bytes pin)
{
	const struct pin_opened *by = m->by;
	enum inro_err e = random_fill(m->salt, sizeof m->salt);

	if (!e && (by->officer.n != PIN_SECRET || by->master.n != PIN_SECRET))
		e = err_set(INRO_E_LOGIN, "the security officer sets first PINs: log in as that");
	if (!e)
		e = secret_random(PIN_SECRET, &m->guard_auth);
	if (!e)
		e = pin_auth(m->at, m->user, BYTES(m->salt, sizeof m->salt), pin, &m->auth);
	if (!e)
		e = words_owner(m->at->words, &m->owner);
	if (e)
		return e;
	buf_add(&m->content, secret_bytes(&by->master));
	buf_add(&m->content, secret_bytes(&m->guard_auth));
	if (m->user == CKU_SO)
		buf_add(&m->content, secret_bytes(&by->officer));
	return buf_err(&m->content);
}

static enum inro_err write_record(const struct making *m, struct buf *ret)
{
	const struct blob *guard = resident_blob(m->guard);
	SCOPED(buf) box = { 0 };
	struct pin_record r = {
		.user = (uint8_t)m->user,
		.index = m->index.nvIndex,
		.salt = BYTES(m->salt, sizeof m->salt),
		.name = BYTES(m->name.name, m->name.size),
		.guard_pub = buf_bytes(&guard->pub),
		.guard_priv = buf_bytes(&guard->priv),
		.sealed_pub = buf_bytes(&m->fresh.pub),
		.sealed_priv = buf_bytes(&m->fresh.priv),
	};
	enum inro_err e = seal_close(secret_bytes(&m->by->officer), SEAL_PIN_GUARD,
				     secret_bytes(&m->guard_auth), m->at->serial, &box);

	r.box = buf_bytes(&box);
	return e ? e : pin_record_write(&r, m->at->serial, ret);
}

static enum inro_err make(struct making *m, struct bytes pin, struct buf *ret_record)
{
	enum inro_err e = prepare(m, pin);

	if (!e)
		e = words_check_root(m->at->words, m->at->tpm);
	if (!e)
		e = make_guard(m);
	if (!e)
		e = define(m);
	if (!e)
		e = resident_do(m->guard, 0, write_step, m);
	if (!e)
		e = resident_turn(m->at->tpm, CREATE_ROOM, seal_step, m);
	return e ? e : write_record(m, ret_record);
}

enum inro_err pin_make(const struct pin_at *at, CK_USER_TYPE user, struct bytes pin,
		       const struct pin_opened *by, struct buf *ret_record)
{
	SCOPED(making) m = { .at = at, .by = by, .user = user, .content = { .secret = true } };
	enum inro_err e = pin_check(user, pin);

	if (!e)
		e = make(&m, pin, ret_record);
	return e ? undo(&m, e) : INRO_OK;
}
