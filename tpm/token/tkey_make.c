/*
 * tkey_make - how a key comes into the TPM: made there, wrapped here and imported, or adopted.
 *
 * An authValue ends with a byte that is not 0: a TPM takes trailing zeros off, and both sides would
 * have to agree on that.
 */
#include "tpm/token/tkey_private.h"

#include "base/own.h"
#include "tpm/move/wrap.h"
#include "tpm/wire/policy.h"

#define ALWAYS                                                                                     \
	(TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | TPMA_OBJECT_SENSITIVEDATAORIGIN |           \
	 TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT)

static enum inro_err new_auth(struct secret *ret)
{
	SCOPED(secret) auth = { 0 };
	enum inro_err e;

	do {
		secret_clear(&auth);
		e = secret_random(TKEY_AUTH, &auth);
	} while (!e && !auth.p[TKEY_AUTH - 1]);
	if (e)
		return e;
	*ret = auth;
	auth = (struct secret) { 0 };
	return INRO_OK;
}

/* ---- templates ---- */

static void rsa_template(const struct key_spec *spec, TPMT_PUBLIC *pub)
{
	pub->type = TPM2_ALG_RSA;
	pub->parameters.rsaDetail = (TPMS_RSA_PARMS) {
		.symmetric.algorithm = TPM2_ALG_NULL,
		.scheme.scheme = TPM2_ALG_NULL,
		.keyBits = (TPMI_RSA_KEY_BITS)spec->bits,
	};
}

/* What the attributes of a pair do not allow at its birth the TPM will not do either, also where
 * they don't count: of agreement with an EC key come keys. */
static bool signs_only(const struct key_spec *spec)
{
	return spec->kind == KEY_EC && spec->uses && !(spec->uses & (USE_DERIVE | USE_UNWRAP));
}

static void ec_template(const struct key_spec *spec, TPMT_PUBLIC *pub)
{
	const struct curve *curve = NULL;
	const struct tkey_curve *known =
		curve_find(spec->params, &curve) == INRO_OK ? tkey_curve_find(curve) : NULL;

	pub->type = TPM2_ALG_ECC;
	pub->parameters.eccDetail = (TPMS_ECC_PARMS) {
		.symmetric.algorithm = TPM2_ALG_NULL,
		.scheme.scheme = TPM2_ALG_NULL,
		.curveID = known ? known->id : TPM2_ECC_NONE,
		.kdf.scheme = TPM2_ALG_NULL,
	};
	if (signs_only(spec))
		pub->objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_DECRYPT;
}

static void aes_template(const struct key_spec *spec, TPMT_PUBLIC *pub)
{
	pub->type = TPM2_ALG_SYMCIPHER;
	pub->parameters.symDetail.sym = (TPMT_SYM_DEF_OBJECT) {
		.algorithm = TPM2_ALG_AES,
		.keyBits.aes = (TPMI_AES_KEY_BITS)(spec->n * 8),
		.mode.aes = TPM2_ALG_NULL,
	};
}

/* Sign alone would want a scheme; with decrypt too, the hash is chosen at use.  Nothing unseals
 * such an object (part 3, 12.7). */
static void hmac_template(const struct key_spec *spec, TPMT_PUBLIC *pub)
{
	pub->type = TPM2_ALG_KEYEDHASH;
	pub->nameAlg = tkey_hmac_name(~0U, spec->n);
	pub->parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL;
}

static enum inro_err make_template(const struct key_spec *spec, TPMT_PUBLIC *pub)
{
	enum inro_err e;

	*pub = (TPMT_PUBLIC) { .nameAlg = TPM2_ALG_SHA256, .objectAttributes = ALWAYS };
	if (spec->kind == KEY_SECRET)
		(tkey_is_hmac(spec->key_type) ? hmac_template : aes_template)(spec, pub);
	else
		(spec->kind == KEY_RSA ? rsa_template : ec_template)(spec, pub);
	if (!spec->duplicable) {
		pub->objectAttributes |= TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT;
		return INRO_OK;
	}
	/* as wrap.c has it */
	policy_start(&pub->authPolicy);
	e = policy_auth_value(&pub->authPolicy);
	return e ? e : policy_command(&pub->authPolicy, TPM2_CC_Duplicate);
}

/* ---- made there ---- */

struct making {
	TPMT_PUBLIC template;
	struct bytes auth;
	struct blob blob;
};

static enum inro_err step_create(struct tpm *t, void *arg)
{
	struct making *m = arg;
	const struct root *root = NULL;
	const struct new_object what = { .template = &m->template, .auth = m->auth };
	enum inro_err e = root_get(t, &root);

	blob_clear(&m->blob);
	return e ? e : cmd_create(t, &root->ref, root->auth, &what, &m->blob);
}

static enum inro_err cannot(void)
{
	return err_set(INRO_E_UNSUPPORTED, "this TPM holds no key of this type and size; without "
					   "place=tpm it is kept under a key that the TPM seals");
}

/* The size that is wrong whatever the TPM has. */
static enum inro_err check_spec(const struct key_spec *spec)
{
	return spec->kind == KEY_SECRET ? skey_check_size(spec->key_type, spec->n) : INRO_OK;
}

enum inro_err tkey_generate(struct tpm *t, uint32_t caps, const struct key_spec *spec,
			    struct tkey **ret)
{
	SCOPED(secret) auth = { 0 };
	struct making m = { 0 };
	const struct tkey_made made = { .tpm = t,
					.caps = caps,
					.type = spec->key_type,
					.n = spec->n,
					.auth = &auth,
					.blob = &m.blob };
	enum inro_err e = check_spec(spec);

	if (!e && !tkey_can_make(caps, spec))
		e = cannot();
	if (!e)
		e = make_template(spec, &m.template);
	if (!e)
		e = new_auth(&auth);
	m.auth = secret_bytes(&auth);
	if (!e)
		e = resident_turn(t, 1, step_create, &m);
	if (!e)
		e = tkey_new(&made, ret);
	blob_clear(&m.blob);
	return e;
}

/* ---- wrapped here ---- */

struct importing {
	struct wrap_what what;
	struct duplicate wrapped;
	struct buf private;
};

static enum inro_err step_import(struct tpm *t, void *arg)
{
	struct importing *i = arg;
	const struct root *root = NULL;
	enum inro_err e = root_get(t, &root);

	duplicate_clear(&i->wrapped);
	buf_clear(&i->private);
	if (!e)
		e = wrap_for(&root->pub.publicArea, &i->what, &i->wrapped.pub,
			     &i->wrapped.duplicate, &i->wrapped.seed);
	return e ? e : cmd_import(t, &root->ref, root->auth, &i->wrapped, &i->private);
}

static enum inro_err step_nothing(struct tpm *t, const struct tpm_ref *object, void *arg)
{
	(void)t;
	(void)object;
	(void)arg;
	return INRO_OK;
}

/* A TPM looks at the whole of a key when it is loaded: better now than at its first use. */
static enum inro_err finish_import(const struct tkey_made *made, struct tkey **ret)
{
	AUTO(tkey_unref_ptr) struct tkey *k = NULL;
	enum inro_err e = tkey_new(made, &k);

	if (!e)
		e = resident_do(k->object, 0, step_nothing, NULL);
	if (e)
		return e;
	*ret = k;
	k = NULL;
	return INRO_OK;
}

static enum inro_err run_import(const struct tkey_made *made, struct importing *i,
				struct tkey **ret)
{
	enum inro_err e = resident_turn(made->tpm, 1, step_import, i);

	if (e)
		return e;
	made->blob->pub = i->wrapped.pub;
	made->blob->priv = i->private;
	i->wrapped.pub = i->private = (struct buf) { 0 };
	return finish_import(made, ret);
}

/* What there is to know of a pair: kind, size, curve, exponent. */
static enum inro_err look_at_pair(const struct key_spec *spec, struct bytes plain, struct buf *spki,
				  struct key_spec *ret)
{
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	struct key_parts parts = { 0 };
	enum inro_err e = pkey_from_pkcs8(plain, &k);

	if (!e && pkey_kind(k) != spec->kind)
		e = err_set(INRO_E_ATTR_VALUE, "the key is of another kind than was said");
	if (!e)
		e = pkey_check(k);
	if (!e)
		e = pkey_spki(k, spki);
	if (!e)
		e = keyder_read_spki(buf_bytes(spki), &parts);
	ret->bits = parts.bits;
	ret->params = parts.kind == KEY_RSA ? parts.e : parts.params;
	return e;
}

static enum inro_err look_at_secret(const struct key_spec *spec, struct bytes plain,
				    struct key_spec *ret)
{
	enum inro_err e = skey_check_size(spec->key_type, plain.n);

	if (!e && spec->n && spec->n != plain.n)
		e = err_set(INRO_E_KEY_SIZE, "the key has %zu bytes, not %zu", plain.n, spec->n);
	ret->n = plain.n;
	return e;
}

static TPM2_ALG_ID alg_of(const struct key_spec *spec)
{
	if (spec->kind != KEY_SECRET)
		return spec->kind == KEY_RSA ? TPM2_ALG_RSA : TPM2_ALG_ECC;
	return tkey_is_hmac(spec->key_type) ? TPM2_ALG_KEYEDHASH : TPM2_ALG_SYMCIPHER;
}

enum inro_err tkey_import(struct tpm *t, uint32_t caps, const struct key_spec *spec,
			  struct bytes plain, struct tkey **ret)
{
	SCOPED(secret) auth = { 0 };
	SCOPED(buf) spki = { 0 };
	SCOPED(blob) blob = { 0 };
	struct key_spec real = *spec;
	struct importing i = { 0 };
	struct tkey_made made = {
		.tpm = t, .caps = caps, .type = spec->key_type, .auth = &auth, .blob = &blob
	};
	enum inro_err e = spec->kind == KEY_SECRET ? look_at_secret(spec, plain, &real)
						   : look_at_pair(spec, plain, &spki, &real);

	if (!e && !tkey_can_hold(caps, &real))
		e = cannot();
	if (!e)
		e = new_auth(&auth);
	if (e)
		return e;
	made.n = real.n;
	i.what = (struct wrap_what) { .type = alg_of(&real),
				      .plain = plain,
				      .auth = secret_bytes(&auth),
				      .duplicable = spec->duplicable,
				      .signs_only = signs_only(spec) };
	e = run_import(&made, &i, ret);
	duplicate_clear(&i.wrapped);
	buf_clear(&i.private);
	return e;
}

/* ---- somebody else's ---- */

struct adopting {
	struct bytes old, fresh;
	struct buf private;
};

static enum inro_err step_adopt(struct tpm *t, const struct tpm_ref *object, void *arg)
{
	struct adopting *a = arg;
	const struct root *root = NULL;
	enum inro_err e = root_get(t, &root);

	buf_clear(&a->private);
	return e ? e : cmd_object_change_auth(t, object, a->old, &root->ref, a->fresh, &a->private);
}

static void free_resident(struct resident **r)
{
	resident_free(*r);
}

/* The blob once more, with another authValue; *b is the old one's copy before. */
static enum inro_err change_auth(struct tpm *t, struct blob *b, struct adopting *a)
{
	AUTO(free_resident) struct resident *r = NULL;
	SCOPED(blob) old = { 0 };
	enum inro_err e = blob_fill(&old, buf_bytes(&b->pub), buf_bytes(&b->priv));

	if (!e)
		e = resident_new(t, &old, &r);
	if (!e)
		e = resident_do(r, 0, step_adopt, a);
	if (e)
		return e;
	buf_clear(&b->priv);
	b->priv = a->private;
	a->private = (struct buf) { 0 };
	return INRO_OK;
}

static enum inro_err check_adopted(const struct tkey *k, const struct key_spec *spec)
{
	if (spec->kind != KEY_NONE && spec->kind != k->kind)
		return err_set(INRO_E_ATTR_VALUE, "the key is of another kind than was said");
	if (spec->kind == KEY_SECRET && spec->key_type != k->type)
		return err_set(INRO_E_ATTR_VALUE, "the key is of another type than was said");
	if (k->kind == KEY_SECRET && !tkey_is_hmac(k->type) && k->type != CKK_AES)
		return err_set(INRO_E_ATTR_VALUE, "no HMAC key has the type 0x%lx", k->type);
	return INRO_OK;
}

enum inro_err tkey_adopt(struct tpm *t, uint32_t caps, const struct key_spec *spec,
			 const struct blob *b, struct bytes auth, struct tkey **ret)
{
	AUTO(tkey_unref_ptr) struct tkey *k = NULL;
	SCOPED(secret) fresh = { 0 };
	SCOPED(blob) blob = { 0 };
	struct adopting a = { .old = auth };
	const struct tkey_made made = { .tpm = t,
					.caps = caps,
					.type = spec->kind == KEY_SECRET ? spec->key_type
									 : CKK_GENERIC_SECRET,
					.n = spec->n,
					.auth = &fresh,
					.blob = &blob };
	enum inro_err e = blob_fill(&blob, buf_bytes(&b->pub), buf_bytes(&b->priv));

	if (!e)
		e = new_auth(&fresh);
	a.fresh = secret_bytes(&fresh);
	if (!e)
		e = change_auth(t, &blob, &a);
	buf_clear(&a.private);
	if (!e)
		e = tkey_new(&made, &k);
	if (!e)
		e = check_adopted(k, spec);
	if (e)
		return e;
	*ret = k;
	k = NULL;
	return INRO_OK;
}
