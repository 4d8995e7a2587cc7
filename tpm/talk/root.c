/*
 * root - the storage root of a TPM: found, or made.
 *
 * 1. tpm->roots.root is good in the epoch roots.epoch.  In another a persistent root is looked at
 *    again, a primary loaded from its context or made again; it must be the same key as before.
 * 2. While it is being made roots.finding is set: no session can be salted to it yet.
 * 3. One that is expected is taken unseen.  Nobody on the line gains by that: the salt is encrypted
 *    to the expected key and no other, so only the TPM that has it can go on.
 */
#include "tpm/talk/root.h"

#include "tpm/talk/talk_private.h"

#define SRK_HANDLE 0x81000001

static const TPMT_PUBLIC srk = {
	.type = TPM2_ALG_ECC,
	.nameAlg = TPM2_ALG_SHA256,
	.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
			    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
			    TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
	.parameters.eccDetail = { .symmetric = { .algorithm = TPM2_ALG_AES,
						 .keyBits.aes = 128,
						 .mode.aes = TPM2_ALG_CFB },
				  .scheme.scheme = TPM2_ALG_NULL,
				  .curveID = TPM2_ECC_NIST_P256,
				  .kdf.scheme = TPM2_ALG_NULL },
};

static uint32_t where(const struct tpm *t)
{
	return t->root ? t->root : SRK_HANDLE;
}

enum inro_err root_is_another(void)
{
	return err_set(INRO_E_TOKEN, "the storage root of this TPM is not the one this token was "
				     "made under: the TPM was cleared or is another one; nothing "
				     "was changed");
}

static void take(struct tpm *t, uint32_t handle, bool persistent, const TPM2B_PUBLIC *pub,
		 const TPM2B_NAME *name)
{
	struct roots *r = &t->roots;

	r->root = (struct root) { .pub = *pub,
				  .pub_name = *name,
				  .auth = secret_bytes(&t->root_auth),
				  .persistent = persistent };
	r->root.ref =
		(struct tpm_ref) { .handle = handle,
				   .name = BYTES(r->root.pub_name.name, r->root.pub_name.size) };
	r->known = true;
	r->epoch = tpm_epoch(t);
}

static bool same_name(const TPM2B_NAME *a, const TPM2B_NAME *b)
{
	return bytes_equal(BYTES(a->name, a->size), BYTES(b->name, b->size));
}

static bool is_expected(const struct tpm *t)
{
	return t->root_name.size > 0 && !atomic_load(&t->root_disputed);
}

/* The key that is there now, the same as before if there was one before. */
static enum inro_err accept(struct tpm *t, uint32_t handle, bool persistent,
			    const TPM2B_PUBLIC *pub, const TPM2B_NAME *name)
{
	struct roots *r = &t->roots;

	r->another = true;
	if (r->seen && !same_name(name, &r->root.pub_name))
		return err_set(INRO_E_TOKEN, "the storage root of this TPM is not the one that it "
					     "was: the TPM was cleared or exchanged");
	if (is_expected(t) && !same_name(name, &t->root_name))
		return root_is_another();
	take(t, handle, persistent, pub, name);
	r->seen = r->proved = true;
	r->another = false;
	return INRO_OK;
}

/* Not one with dictionary attack protection: a session that is wrong would count as a try. */
static bool may_assume(const struct tpm *t)
{
	const struct roots *r = &t->roots;

	return is_expected(t) && !r->doubted && t->how == TPM_BY_HMAC &&
	       t->root_pub.publicArea.objectAttributes & TPMA_OBJECT_NODA &&
	       (!r->known || r->root.persistent);
}

static void assume(struct tpm *t)
{
	take(t, where(t), true, &t->root_pub, &t->root_name);
	t->roots.proved = false;
}

/* Of this TPM's own making: the private half of one that was brought in, or may be moved, can be
 * known to whoever owns the TPM, and with it all that is under it. */
static bool is_storage_key(const TPMT_PUBLIC *pub)
{
	const TPMA_OBJECT want = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT |
				 TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
				 TPMA_OBJECT_SENSITIVEDATAORIGIN;
	const TPMA_OBJECT mask = want | TPMA_OBJECT_SIGN_ENCRYPT;

	return (pub->objectAttributes & mask) == want &&
	       (pub->type == TPM2_ALG_ECC || pub->type == TPM2_ALG_RSA);
}

/* INRO_E_NOT_FOUND when there is nothing. */
static enum inro_err look(struct tpm *t)
{
	TPM2B_PUBLIC pub;
	TPM2B_NAME name;
	enum inro_err e = cmd_read_public(t, where(t), &pub, &name);

	if (e && rc_plain(tpm_last_rc()) == TPM2_RC_HANDLE)
		return INRO_E_NOT_FOUND;
	if (e)
		return err_context(e, "reading the storage root at 0x%x", where(t));
	if (!is_storage_key(&pub.publicArea))
		return err_set(INRO_E_CONFIG,
			       "the key at 0x%x is no storage root: name another place (root)",
			       where(t));
	return accept(t, where(t), true, &pub, &name);
}

/* The next epoch loads it from its context, which is faster than making it again. */
static void keep_context(struct tpm *t)
{
	struct roots *r = &t->roots;

	if (r->context.n == 0 && cmd_context_save(t, r->root.ref.handle, &r->context))
		buf_clear(&r->context);
}

static enum inro_err create(struct tpm *t, uint32_t *ret_handle, TPM2B_PUBLIC *ret_pub)
{
	struct bytes owner = secret_bytes(&t->owner_auth);
	const struct new_object what = { .template = &srk, .auth = secret_bytes(&t->root_auth) };
	enum inro_err e;

	residents_room(t, 1, NULL);
	do
		e = cmd_create_primary(t, TPM2_RH_OWNER, owner, &what, ret_handle, ret_pub);
	while (e && residents_shrink(t, NULL));
	e = tpm_auth_err(e, "owner-auth");
	return e ? err_context(e, "making the storage root") : INRO_OK;
}

static enum inro_err make(struct tpm *t)
{
	TPM2B_PUBLIC pub;
	TPM2B_NAME name;
	uint32_t handle;
	enum inro_err e = create(t, &handle, &pub);

	if (e)
		return e;
	e = crypt_name(&pub.publicArea, &name);
	if (!e)
		e = accept(t, handle, false, &pub, &name);
	if (e)
		cmd_let_go(t, handle);
	else
		keep_context(t);
	return e;
}

static bool load_context(struct tpm *t)
{
	struct roots *r = &t->roots;
	uint32_t handle;

	if (r->context.n == 0)
		return false;
	if (cmd_context_load(t, buf_bytes(&r->context), &handle)) {
		buf_clear(&r->context);
		return false;
	}
	r->root.ref.handle = handle;
	r->epoch = tpm_epoch(t);
	return true;
}

static enum inro_err find(struct tpm *t)
{
	const struct roots *r = &t->roots;
	enum inro_err e = INRO_E_NOT_FOUND;

	if (!r->known || r->root.persistent)
		e = look(t);
	else if (load_context(t))
		return INRO_OK;
	if (e != INRO_E_NOT_FOUND)
		return e;
	return make(t);
}

static bool is_there(const struct tpm *t)
{
	const struct roots *r = &t->roots;

	return r->known && r->epoch == tpm_epoch(t) && r->root.ref.handle;
}

static enum inro_err find_now(struct tpm *t, const struct root **ret)
{
	enum inro_err e;

	t->roots.finding = true;
	e = find(t);
	t->roots.finding = false;
	if (!e)
		*ret = &t->roots.root;
	return e;
}

enum inro_err root_get(struct tpm *t, const struct root **ret)
{
	if (!is_there(t) && !may_assume(t))
		return find_now(t, ret);
	if (!is_there(t))
		assume(t);
	*ret = &t->roots.root;
	return INRO_OK;
}

bool root_was_another(const struct tpm *t)
{
	return t->roots.another;
}

enum inro_err root_check(struct tpm *t, const struct root **ret)
{
	t->roots.another = false;
	enum inro_err e = root_get(t, ret);

	return e || !root_is_assumed(t) ? e : find_now(t, ret);
}

bool root_is_assumed(const struct tpm *t)
{
	return is_there(t) && !t->roots.proved;
}

void root_proved(struct tpm *t)
{
	t->roots.seen = t->roots.proved = true;
}

void root_doubt(struct tpm *t)
{
	t->roots.doubted = true;
	t->roots.epoch = 0;
}

void root_refuse(struct tpm *t)
{
	t->roots.refused = true;
}

bool root_is_at(const struct tpm *t, uint32_t handle)
{
	const struct roots *r = &t->roots;

	return r->known && r->root.persistent && r->root.ref.handle == handle;
}

/* It stays a primary when the owner does not let it be persistent. */
static enum inro_err persist(struct tpm *t)
{
	struct roots *r = &t->roots;
	enum inro_err e = cmd_evict(t, secret_bytes(&t->owner_auth), &r->root.ref, where(t));

	if (e)
		return tpm_last_rc() ? INRO_OK : e;
	root_let_go(t);
	r->root.ref.handle = where(t);
	r->root.persistent = true;
	r->epoch = tpm_epoch(t);
	buf_clear(&r->context);
	return INRO_OK;
}

enum inro_err root_settle(struct tpm *t, const struct root **ret)
{
	enum inro_err e = root_check(t, ret);

	return e || (*ret)->persistent ? e : persist(t);
}

void root_let_go(struct tpm *t)
{
	struct roots *r = &t->roots;

	if (!is_there(t) || r->root.persistent)
		return;
	cmd_let_go(t, r->root.ref.handle);
	r->root.ref.handle = 0;
}

bool root_takes_slot(const struct tpm *t)
{
	return t->roots.known && !t->roots.root.persistent;
}

void roots_clear(struct roots *r)
{
	buf_clear(&r->context);
}
