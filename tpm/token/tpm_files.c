/* tpm_files - keys of the TPM come in and go out as TSS2 key files: bound to this TPM, or to
 * another. */
#include "tpm/token/tpm_private.h"

#include "base/own.h"
#include "tpm/move/tpmfile.h"
#include "tpm/talk/session.h"

#define MAX_AUTH 32 /* of a key whose name is by SHA-256 */

/* ---- in ---- */

/* What the TPM says of a blob that was not made for it, or is not whole. */
static enum inro_err told_of_blob(enum inro_err e)
{
	static const struct {
		uint32_t rc;
		const char *why;
	} rows[] = {
		{ TPM2_RC_INTEGRITY, "it was not made for the storage root of this TPM" },
		{ TPM2_RC_SIZE, "it is not whole" },
		{ TPM2_RC_INSUFFICIENT, "it is not whole" },
		{ TPM2_RC_ECC_POINT, "it was not made for the storage root of this TPM" },
		{ TPM2_RC_VALUE, "it was not made for the storage root of this TPM" },
		{ TPM2_RC_KEY, "its two halves do not fit" },
		{ TPM2_RC_BINDING, "its two halves do not fit" },
		{ TPM2_RC_AUTH_FAIL, "its auth value is another one" },
		{ TPM2_RC_BAD_AUTH, "its auth value is another one" },
	};
	uint32_t rc = rc_plain(tpm_last_rc());

	for (size_t i = 0; e && i < ARRAY_LEN(rows); i++)
		if (rows[i].rc == rc)
			return err_set(INRO_E_WRAPPED, "the TPM does not take this key: %s",
				       rows[i].why);
	return e;
}

struct importing {
	struct duplicate dup;
	struct buf private;
};

static void importing_clear(struct importing *i)
{
	duplicate_clear(&i->dup);
	buf_clear(&i->private);
}

static enum inro_err import_step(struct tpm *t, void *arg)
{
	struct importing *i = arg;
	const struct root *root = NULL;
	enum inro_err e = root_get(t, &root);

	buf_clear(&i->private);
	return e ? e : cmd_import(t, &root->ref, root->auth, &i->dup, &i->private);
}

static enum inro_err from_loadable(struct backend *b, const struct tpmfile *k, struct blob *ret)
{
	(void)b;
	return blob_fill(ret, k->pub, k->priv);
}

static enum inro_err from_importable(struct backend *b, const struct tpmfile *k, struct blob *ret)
{
	SCOPED(importing) i = { 0 };
	enum inro_err e;

	buf_add(&i.dup.pub, k->pub);
	buf_add(&i.dup.duplicate, k->priv);
	buf_add(&i.dup.seed, k->secret);
	e = buf_err(&i.dup.pub);
	if (!e)
		e = buf_err(&i.dup.duplicate);
	if (!e)
		e = buf_err(&i.dup.seed);
	if (!e)
		e = resident_turn(b->tpm, 0, import_step, &i);
	return e ? told_of_blob(e) : blob_fill(ret, k->pub, buf_bytes(&i.private));
}

static enum inro_err from_sealed(struct backend *b, const struct tpmfile *k, struct blob *ret)
{
	(void)b;
	(void)k;
	(void)ret;
	return err_set(INRO_E_UNSUPPORTED, "the file holds sealed data, which is no key");
}

static enum inro_err (*const from[TPMFILE_TYPE__MAX])(struct backend *b, const struct tpmfile *k,
						      struct blob *ret) = {
	[TPMFILE_LOADABLE] = from_loadable,
	[TPMFILE_IMPORTABLE] = from_importable,
	[TPMFILE_SEALED] = from_sealed,
};

enum inro_err tpm_take(struct backend *b, const struct key_spec *spec, struct bytes file,
		       struct bytes auth, backend_key *ret_key, struct buf *ret_spki)
{
	SCOPED(blob) blob = { 0 };
	struct tpmfile k;
	struct tkey *key;
	enum inro_err e = tpm_check_unlocked(b);

	if (!e && spec->place != PLACE_ANY && spec->place != PLACE_TPM)
		e = err_set(INRO_E_UNSUPPORTED, "a key that is wrapped for the TPM goes there");
	if (!e)
		e = tpmfile_read(file, &k);
	if (!e)
		e = words_check_root(&b->words, b->tpm);
	if (!e)
		e = from[k.type](b, &k, &blob);
	if (e)
		return e;
	e = tkey_adopt(b->tpm, b->words.caps.can, spec, &blob, auth, &key);
	return e ? told_of_blob(e) : tpm_present(b, key, ret_key, ret_spki);
}

/* ---- out ---- */

struct giving {
	struct bytes old_auth, auth;
	uint32_t parent;
	struct buf private; /* the key's, with the auth value it is given away with */
};

static void giving_clear(struct giving *g)
{
	buf_clear(&g->private);
}

static enum inro_err change_step(struct tpm *t, const struct tpm_ref *object, void *arg)
{
	struct giving *g = arg;
	const struct root *root = NULL;
	enum inro_err e = root_get(t, &root);

	buf_clear(&g->private);
	if (e)
		return e;
	g->parent = root->persistent ? root->ref.handle : TPM2_RH_OWNER;
	return cmd_object_change_auth(t, object, g->old_auth, &root->ref, g->auth, &g->private);
}

/* One that leaves: as another object, which has the new auth value. */
struct leaving {
	struct blob blob;
	TPM2B_NAME name;
	struct bytes auth;
	TPM2B_PUBLIC parent;
	TPM2B_NAME parent_name;
	struct duplicate out;
};

static void leaving_clear(struct leaving *l)
{
	blob_clear(&l->blob);
	duplicate_clear(&l->out);
}

static enum inro_err allow(struct tpm *t, struct tpm_session *s)
{
	enum inro_err e = cmd_policy_auth_value(t, s);

	return e ? e : cmd_policy_command(t, s, TPM2_CC_Duplicate);
}

static enum inro_err duplicate(struct tpm *t, struct leaving *l, uint32_t object, uint32_t parent)
{
	const struct tpm_ref key = { object, BYTES(l->name.name, l->name.size) };
	const struct tpm_ref to = { parent, BYTES(l->parent_name.name, l->parent_name.size) };
	struct tpm_auth by = { .by = BY_POLICY, .value = l->auth, .last = true };
	enum inro_err e = session_policy(t, &by.policy);

	if (e)
		return e;
	e = allow(t, by.policy);
	duplicate_clear(&l->out);
	if (!e)
		e = cmd_duplicate(t, &key, &by, &to, &l->out);
	session_end(t, by.policy);
	return e;
}

static enum inro_err to_parent(struct tpm *t, struct leaving *l, uint32_t object)
{
	uint32_t parent;
	enum inro_err e = cmd_load_external(t, &l->parent.publicArea, &parent);

	if (e)
		return e;
	e = duplicate(t, l, object, parent);
	cmd_let_go(t, parent);
	return e;
}

static enum inro_err leave_step(struct tpm *t, void *arg)
{
	struct leaving *l = arg;
	const struct root *root = NULL;
	struct tpm_auth by = { .by = BY_AUTH };
	uint32_t object;
	enum inro_err e = root_get(t, &root);

	if (e)
		return e;
	by.value = root->auth;
	e = cmd_load(t, &root->ref, &by, &l->blob, &object);
	if (e)
		return e;
	e = to_parent(t, l, object);
	cmd_let_go(t, object);
	return e;
}

static enum inro_err read_parent(struct bytes in, struct leaving *l)
{
	enum inro_err e = wire_read_public(&in, &l->parent);

	if (!e)
		e = wire_end(in);
	if (e)
		return err_set(INRO_E_SYNTAX, "this is no public area of a TPM's storage root");
	return crypt_name(&l->parent.publicArea, &l->parent_name);
}

/* Duplication wants a policy that allows it. */
static bool is_duplicable(const TPMT_PUBLIC *own)
{
	return !(own->objectAttributes & TPMA_OBJECT_FIXEDPARENT) && own->authPolicy.size > 0;
}

/* The attributes are in the TPM's own hand: what the core knows of a copy is what is left of the
 * key's uses. */
static enum inro_err check_own(const TPMT_PUBLIC *own, bool leaves)
{
	if (is_duplicable(own))
		return INRO_OK;
	if (leaves)
		return err_set(INRO_E_KEY_UNEXTRACTABLE,
			       "the key was not made duplicable: it stays in its TPM");
	if (own->type == TPM2_ALG_ECC && own->objectAttributes & TPMA_OBJECT_DECRYPT)
		return err_set(INRO_E_KEY_UNEXTRACTABLE,
			       "the key agrees on keys, which would be readable outside: it stays "
			       "in the token");
	return INRO_OK;
}

static enum inro_err read_own(struct bytes in, bool leaves, struct leaving *l)
{
	TPM2B_PUBLIC own;
	enum inro_err e = wire_read_public(&in, &own);

	if (!e)
		e = check_own(&own.publicArea, leaves);
	return e ? e : crypt_name(&own.publicArea, &l->name);
}

static enum inro_err write_loadable(const struct giving *g, struct bytes pub, struct buf *ret)
{
	return tpmfile_write(&(struct tpmfile) { .type = TPMFILE_LOADABLE,
						 .empty_auth = g->auth.n == 0,
						 .parent = g->parent,
						 .pub = pub,
						 .priv = buf_bytes(&g->private) },
			     ret);
}

static enum inro_err write_importable(struct backend *b, const struct giving *g, struct bytes pub,
				      struct leaving *l, struct buf *ret)
{
	enum inro_err e = blob_fill(&l->blob, pub, buf_bytes(&g->private));

	if (!e)
		e = resident_turn(b->tpm, 2, leave_step, l);
	if (e)
		return e;
	/* where it will be: at the usual place */
	return tpmfile_write(&(struct tpmfile) { .type = TPMFILE_IMPORTABLE,
						 .empty_auth = g->auth.n == 0,
						 .parent = TPM2_RH_OWNER,
						 .pub = pub,
						 .priv = buf_bytes(&l->out.duplicate),
						 .secret = buf_bytes(&l->out.seed) },
			     ret);
}

static enum inro_err check_give(struct bytes pub, struct bytes new_parent, struct bytes auth,
				struct leaving *l)
{
	enum inro_err e = INRO_OK;

	if (auth.n > MAX_AUTH)
		return err_set(INRO_E_TOO_BIG, "an auth value has at most %d bytes", MAX_AUTH);
	if (new_parent.n)
		e = read_parent(new_parent, l);
	return e ? e : read_own(pub, new_parent.n > 0, l);
}

enum inro_err tpm_give(struct backend *b, backend_key id, struct bytes new_parent,
		       struct bytes auth, struct buf *ret_file)
{
	AUTO(tkey_unref_ptr) struct tkey *key = NULL;
	SCOPED(giving) g = { .auth = auth };
	SCOPED(leaving) l = { .auth = auth };
	struct bytes pub;
	enum inro_err e = INRO_OK;

	if (!tpm_is_ours(id))
		return err_set(INRO_E_UNSUPPORTED, "this key is not in the TPM");
	e = tpm_key(b, id, &key);
	if (e)
		return e;
	pub = buf_bytes(&resident_blob(tkey_resident(key))->pub);
	g.old_auth = tkey_auth(key);
	e = check_give(pub, new_parent, auth, &l);
	if (!e)
		e = resident_do(tkey_resident(key), 0, change_step, &g);
	if (e)
		return e;
	return new_parent.n ? write_importable(b, &g, pub, &l, ret_file)
			    : write_loadable(&g, pub, ret_file);
}
