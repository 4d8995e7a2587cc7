/* tkey - a key in the TPM as this process has it: how it begins, is kept, and ends. */
#include "tpm/token/tkey_private.h"

#include <stdlib.h>

#include "base/own.h"

#define VERSION	  1
#define MAX_FIELD 2048 /* more than any half of a blob has */

/* ---- what may be one of ours ---- */

struct ttype {
	TPM2_ALG_ID alg;
	enum key_kind kind;
	CK_KEY_TYPE type; /* CKK_VENDOR_DEFINED: as it is said */
	TPMA_OBJECT needs;
};

static const struct ttype types[] = {
	{ TPM2_ALG_RSA, KEY_RSA, CKK_RSA, TPMA_OBJECT_DECRYPT },
	{ TPM2_ALG_ECC, KEY_EC, CKK_EC, TPMA_OBJECT_SIGN_ENCRYPT },
	{ TPM2_ALG_SYMCIPHER, KEY_SECRET, CKK_AES, TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT },
	{ TPM2_ALG_KEYEDHASH, KEY_SECRET, CKK_VENDOR_DEFINED, TPMA_OBJECT_SIGN_ENCRYPT },
};

static const struct ttype *type_of(const TPMT_PUBLIC *pub)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].alg == pub->type)
			return &types[i];
	return NULL;
}

/* No scheme of its own: every one is chosen at use. */
static bool is_free(const TPMT_PUBLIC *pub)
{
	const TPMT_SYM_DEF_OBJECT *sym = &pub->parameters.symDetail.sym;

	if (pub->type == TPM2_ALG_KEYEDHASH)
		return pub->parameters.keyedHashDetail.scheme.scheme == TPM2_ALG_NULL;
	if (pub->type == TPM2_ALG_SYMCIPHER)
		return sym->algorithm == TPM2_ALG_AES && sym->mode.aes == TPM2_ALG_NULL;
	return pub->parameters.asymDetail.scheme.scheme == TPM2_ALG_NULL;
}

static enum inro_err check_public(const TPMT_PUBLIC *pub, const struct ttype **ret)
{
	const struct ttype *t = type_of(pub);
	TPMA_OBJECT needs = t ? t->needs | TPMA_OBJECT_USERWITHAUTH : 0;

	if (!t || (pub->objectAttributes & needs) != needs ||
	    (pub->objectAttributes & TPMA_OBJECT_RESTRICTED) || !is_free(pub))
		return err_set(INRO_E_UNSUPPORTED,
			       "this TPM object is no key for general use: it must be RSA, EC, AES "
			       "or HMAC with userWithAuth, unrestricted and without a scheme");
	*ret = t;
	return INRO_OK;
}

/* ---- the key ---- */

static enum inro_err take_public(struct tkey *k, const TPMT_PUBLIC *pub, const struct tkey_made *m)
{
	SCOPED(buf) spki = { 0 };
	const struct ttype *t = NULL;
	enum inro_err e = check_public(pub, &t);

	if (e)
		return e;
	k->kind = t->kind;
	k->type = t->type == CKK_VENDOR_DEFINED ? m->type : t->type;
	k->agrees = t->alg == TPM2_ALG_ECC && pub->objectAttributes & TPMA_OBJECT_DECRYPT;
	if (k->kind == KEY_SECRET) {
		k->n = k->type == CKK_AES ? pub->parameters.symDetail.sym.keyBits.aes / 8U : m->n;
		return INRO_OK;
	}
	e = crypt_spki(pub, &spki);
	return e ? e : pkey_from_spki(buf_bytes(&spki), &k->public);
}

static enum inro_err read_public(const struct blob *b, TPM2B_PUBLIC *ret)
{
	struct bytes in = buf_bytes(&b->pub);
	enum inro_err e = wire_read_public(&in, ret);

	return e ? e : wire_end(in);
}

enum inro_err tkey_new(const struct tkey_made *m, struct tkey **ret)
{
	AUTO(tkey_unref_ptr) struct tkey *k = calloc(1, sizeof *k);
	TPM2B_PUBLIC pub;
	enum inro_err e;

	if (!k)
		return INRO_E_NO_MEMORY;
	atomic_init(&k->refs, 1);
	k->caps = m->caps;
	k->auth = *m->auth;
	*m->auth = (struct secret) { 0 };
	e = read_public(m->blob, &pub);
	if (!e)
		e = take_public(k, &pub.publicArea, m);
	if (!e)
		e = resident_new(m->tpm, m->blob, &k->object);
	if (e)
		return e;
	*ret = k;
	k = NULL;
	return INRO_OK;
}

struct tkey *tkey_ref(struct tkey *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void tkey_unref(struct tkey *k)
{
	if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) != 1)
		return;
	resident_free(k->object);
	pkey_unref(k->public);
	secret_clear(&k->auth);
	free(k);
}

void tkey_unref_ptr(struct tkey **k)
{
	tkey_unref(*k);
}

enum key_kind tkey_kind(const struct tkey *k)
{
	return k->kind;
}

CK_KEY_TYPE tkey_type(const struct tkey *k)
{
	return k->type;
}

size_t tkey_size(const struct tkey *k)
{
	return k->n;
}

enum inro_err tkey_spki(const struct tkey *k, struct buf *ret)
{
	return k->public ? pkey_spki(k->public, ret) : INRO_OK;
}

struct resident *tkey_resident(const struct tkey *k)
{
	return k->object;
}

struct bytes tkey_auth(const struct tkey *k)
{
	return secret_bytes(&k->auth);
}

struct bytes tkey_name(const struct tkey *k)
{
	return resident_name(k->object);
}

/* ---- kept ---- */

enum inro_err tkey_write(const struct tkey *k, struct buf *ret_content)
{
	const struct blob *b = resident_blob(k->object);

	buf_add_u8(ret_content, VERSION);
	buf_add_u64(ret_content, k->type);
	buf_add_u32(ret_content, (uint32_t)k->n);
	buf_add_field(ret_content, secret_bytes(&k->auth));
	buf_add_field(ret_content, buf_bytes(&b->pub));
	buf_add_field(ret_content, buf_bytes(&b->priv));
	return buf_err(ret_content);
}

struct content {
	uint64_t type;
	uint32_t n;
	struct bytes auth, pub, priv;
};

static enum inro_err read_version(struct bytes *in)
{
	uint8_t version;
	enum inro_err e = read_u8(in, &version);

	if (!e && version > VERSION)
		e = err_set(INRO_E_VERSION, "a TPM key of version %u was kept by a later release",
			    version);
	return !e && !version ? INRO_E_DAMAGED : e;
}

static enum inro_err read_content(struct bytes in, struct content *c)
{
	enum inro_err e = read_version(&in);

	if (!e)
		e = read_u64(&in, &c->type);
	if (!e)
		e = read_u32(&in, &c->n);
	if (!e)
		e = read_field(&in, &c->auth);
	if (!e)
		e = read_field(&in, &c->pub);
	if (!e)
		e = read_field(&in, &c->priv);
	if (e)
		return e;
	return in.n || c->auth.n != TKEY_AUTH || c->pub.n > MAX_FIELD || c->priv.n > MAX_FIELD ||
			       c->n > TKEY_MAX_HMAC || (CK_KEY_TYPE)c->type != c->type
		       ? INRO_E_DAMAGED
		       : INRO_OK;
}

static enum inro_err from_content(struct tpm *t, uint32_t caps, const struct content *c,
				  struct tkey **ret)
{
	SCOPED(secret) auth = { 0 };
	SCOPED(blob) blob = { 0 };
	const struct tkey_made made = {
		.tpm = t, .caps = caps, .type = (CK_KEY_TYPE)c->type, .n = c->n, .auth = &auth, .blob = &blob
	};
	enum inro_err e = secret_copy(c->auth, &auth);

	if (!e)
		e = blob_fill(&blob, c->pub, c->priv);
	return e ? e : tkey_new(&made, ret);
}

enum inro_err tkey_read(struct tpm *t, uint32_t caps, struct bytes content, struct tkey **ret)
{
	AUTO(tkey_unref_ptr) struct tkey *k = NULL;
	struct content c = { 0 };
	enum inro_err e = read_content(content, &c);

	if (!e)
		e = from_content(t, caps, &c, &k);
	if (!e && k->type != c.type)
		e = INRO_E_DAMAGED;
	if (e && e != INRO_E_NO_MEMORY && e != INRO_E_VERSION)
		return err_set(INRO_E_DAMAGED, "what was kept of a TPM key can't be read");
	if (e)
		return e;
	*ret = k;
	k = NULL;
	return INRO_OK;
}
