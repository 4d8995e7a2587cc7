/*
 * pkey_pool - operation contexts that are set up once and used again.
 *
 * A prepared context belongs to one thread from pkey_prepare() to pkey_done(); the pool's slots
 * change hands by one atomic exchange.
 */
#include "pkcs11/token/pkey_private.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "base/own.h"

/* Since libcrypto 3.2; an older one has plain EdDSA alone. */
#define PARAM_INSTANCE "instance"
#define PARAM_CONTEXT  "context-string"
/* Since 3.5. */
#define PARAM_ENCODING	    "message-encoding"
#define PARAM_DETERMINISTIC "deterministic"
/* Later versions of libcrypto let a one-step signature be the last of its context and mark it so,
 * with a flag that is in no public header. */
#define FLAG_FINALISED 0x0800

void pkey_spoiled(struct prepared *p)
{
	if (!p)
		return;
	if (p->md)
		EVP_MD_CTX_free(p->md); /* with its ctx */
	else
		EVP_PKEY_CTX_free(p->ctx);
	secret_clear(&p->secret);
	OPENSSL_free(p);
}

static bool lasting(const struct use_spec *spec)
{
	return spec->label.n == 0 && spec->ad.n == 0 && !spec->prehash && !spec->has_context;
}

static bool fits(const struct prepared *p, enum key_use use, const struct use_spec *spec)
{
	return p->use == use && p->spec.mech == spec->mech && p->spec.digest == spec->digest &&
	       p->spec.mgf_digest == spec->mgf_digest && p->spec.salt_len == spec->salt_len &&
	       p->spec.deterministic == spec->deterministic;
}

/* Back into an empty slot; when all are full, something else makes room, so that a key used in a
 * new way does not stay slow. */
static void give(struct pkey *k, struct prepared *p)
{
	static atomic_uint turn;
	unsigned victim;

	for (size_t i = 0; i < PKEY_POOL; i++) {
		struct prepared *empty = NULL;

		if (atomic_compare_exchange_strong_explicit(
			    &k->pool[i], &empty, p, memory_order_release, memory_order_relaxed))
			return;
	}
	victim = atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed) % PKEY_POOL;
	pkey_spoiled(atomic_exchange_explicit(&k->pool[victim], p, memory_order_acq_rel));
}

static struct prepared *take(struct pkey *k, enum key_use use, const struct use_spec *spec)
{
	for (size_t i = 0; i < PKEY_POOL; i++) {
		struct prepared *p;

		if (!atomic_load_explicit(&k->pool[i], memory_order_relaxed))
			continue;
		p = atomic_exchange_explicit(&k->pool[i], NULL, memory_order_acquire);
		if (p && fits(p, use, spec))
			return p;
		if (p)
			give(k, p);
	}
	return NULL;
}

void pkey_pool_clear(struct pkey *k)
{
	for (size_t i = 0; i < PKEY_POOL; i++)
		pkey_spoiled(atomic_exchange(&k->pool[i], NULL));
}

static bool used_up(const struct prepared *p)
{
	return p->md && EVP_MD_CTX_test_flags(p->md, FLAG_FINALISED);
}

void pkey_done(struct pkey *k, struct prepared *p)
{
	if (p->keep && !used_up(p))
		give(k, p);
	else
		pkey_spoiled(p);
}

/* ---- setting up ---- */

static const struct {
	enum key_use use;
	int (*init)(EVP_PKEY_CTX *ctx, const OSSL_PARAM params[]);
} inits[] = {
	{ USE_SIGN, EVP_PKEY_sign_init_ex },
	{ USE_VERIFY, EVP_PKEY_verify_init_ex },
	{ USE_ENCRYPT, EVP_PKEY_encrypt_init_ex },
	{ USE_DECRYPT, EVP_PKEY_decrypt_init_ex },
	{ USE_DERIVE, EVP_PKEY_derive_init_ex },
	{ USE_VERIFY_RECOVER, EVP_PKEY_verify_recover_init_ex },
	{ USE_ENCAPSULATE, EVP_PKEY_encapsulate_init },
	{ USE_DECAPSULATE, EVP_PKEY_decapsulate_init },
};

/* OSSL_PARAM has no const; what goes in is only read. */
static OSSL_PARAM text(const char *name, const char *value)
{
	return OSSL_PARAM_construct_utf8_string(name, (char *)(uintptr_t)value, 0);
}

static OSSL_PARAM octets(const char *name, struct bytes value)
{
	/* an empty one is refused without an address */
	const void *p = value.n ? (const void *)value.p : "";

	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)p, value.n);
}

static enum inro_err init(struct prepared *p, const OSSL_PARAM *params)
{
	for (size_t i = 0; i < ARRAY_LEN(inits); i++)
		if (inits[i].use == p->use && inits[i].init(p->ctx, params) > 0)
			return INRO_OK;
	return libcrypto_err("preparing an operation");
}

/* PSS and OAEP: the parameters of a signature and of a cipher have the same names but one. */
static enum inro_err set_up_rsa(struct prepared *p, const struct pkey_raw *raw)
{
	int padding = raw->padding, salt = (int)p->spec.salt_len;
	OSSL_PARAM params[5] = { OSSL_PARAM_construct_end() }, *next = params;
	bool oaep = padding == RSA_PKCS1_OAEP_PADDING, pss = padding == RSA_PKCS1_PSS_PADDING;

	/* the padding comes off here and not in libcrypto: pkey_pkcs1.c */
	if (padding == RSA_PKCS1_PADDING && p->use == USE_DECRYPT)
		padding = RSA_NO_PADDING;
	*next++ = OSSL_PARAM_construct_int(OSSL_PKEY_PARAM_PAD_MODE, &padding);
	if (oaep || pss) {
		*next++ = text(OSSL_PKEY_PARAM_DIGEST, libctx_md_name(p->spec.digest));
		*next++ = text(OSSL_PKEY_PARAM_MGF1_DIGEST, libctx_md_name(p->spec.mgf_digest));
	}
	if (pss)
		*next++ = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, &salt);
	if (oaep && p->spec.label.n)
		*next++ = octets(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, p->spec.label);
	*next = OSSL_PARAM_construct_end();
	return init(p, params);
}

/* RFC 8032 5: which of the variants; plain ones are the default everywhere.  Ed448 with an empty
 * context is the plain one, which a libcrypto has that knows no instances. */
static const char *instance(const struct pkey *k, const struct use_spec *spec)
{
	bool is_448 = k->curve->field > 32;

	if (spec->prehash)
		return is_448 ? "Ed448ph" : "Ed25519ph";
	if (is_448)
		return spec->ad.n ? "Ed448" : NULL;
	return spec->ad.n || spec->has_context ? "Ed25519ctx" : NULL;
}

static enum inro_err set_instance(struct prepared *p, const char *name)
{
	OSSL_PARAM params[] = { text(PARAM_INSTANCE, name), octets(PARAM_CONTEXT, p->spec.ad),
				OSSL_PARAM_construct_end() };
	const OSSL_PARAM *known = EVP_PKEY_CTX_settable_params(p->ctx);

	if (known && OSSL_PARAM_locate_const(known, PARAM_INSTANCE) &&
	    OSSL_PARAM_locate_const(known, PARAM_CONTEXT) &&
	    EVP_PKEY_CTX_set_params(p->ctx, params) > 0)
		return INRO_OK;
	return err_set(INRO_E_MECHANISM_PARAM, "this libcrypto does not do %s", name);
}

/* For what signs messages as they are. */
static enum inro_err set_up_md(struct prepared *p, const struct pkey *k)
{
	int done;

	p->md = EVP_MD_CTX_new();
	if (!p->md)
		return libcrypto_err("preparing an operation");
	done = p->use == USE_SIGN
		       ? EVP_DigestSignInit_ex(p->md, &p->ctx, NULL, k->libctx, NULL, k->evp, NULL)
		       : EVP_DigestVerifyInit_ex(p->md, &p->ctx, NULL, k->libctx, NULL, k->evp,
						 NULL);
	return done > 0 ? INRO_OK : libcrypto_err("preparing an operation");
}

static enum inro_err set_up_eddsa(struct prepared *p, const struct pkey *k,
				  const struct pkey_raw *raw)
{
	const char *name = instance(k, &p->spec);
	enum inro_err e = set_up_md(p, k);

	(void)raw;
	return !e && name ? set_instance(p, name) : e;
}

/* ML-DSA, SLH-DSA.  A prehashed message has its context in it. */
static enum inro_err set_up_pq(struct prepared *p, const struct pkey *k, const struct pkey_raw *raw)
{
	int encoding = !raw->encoded, deterministic = p->spec.deterministic;
	OSSL_PARAM params[4] = { OSSL_PARAM_construct_end() }, *next = params;
	enum inro_err e = set_up_md(p, k);

	if (e)
		return e;
	*next++ = OSSL_PARAM_construct_int(PARAM_ENCODING, &encoding);
	if (!raw->encoded && p->spec.ad.n)
		*next++ = octets(PARAM_CONTEXT, p->spec.ad);
	if (p->use == USE_SIGN)
		*next++ = OSSL_PARAM_construct_int(PARAM_DETERMINISTIC, &deterministic);
	*next = OSSL_PARAM_construct_end();
	return EVP_PKEY_CTX_set_params(p->ctx, params) > 0 ? INRO_OK
							   : libcrypto_err("preparing an operation");
}

static enum inro_err (*const message_set_ups[KEY_KIND__MAX])(struct prepared *, const struct pkey *,
							     const struct pkey_raw *) = {
	[KEY_EDWARDS] = set_up_eddsa,
	[KEY_ML_DSA] = set_up_pq,
	[KEY_SLH_DSA] = set_up_pq,
};

static enum inro_err set_up(struct prepared *p, const struct pkey *k, const struct pkey_raw *raw)
{
	if (message_set_ups[k->kind])
		return message_set_ups[k->kind](p, k, raw);
	p->ctx = EVP_PKEY_CTX_new_from_pkey(k->libctx, k->evp, NULL);
	if (!p->ctx)
		return libcrypto_err("preparing an operation");
	if (k->kind != KEY_RSA)
		return init(p, NULL);
	if (raw->padding == RSA_PKCS1_PADDING && p->use == USE_DECRYPT) {
		enum inro_err e = pkey_pkcs1_secret(k, &p->secret);

		if (e)
			return e;
	}
	return set_up_rsa(p, raw);
}

enum inro_err pkey_prepare(struct pkey *k, enum key_use use, const struct use_spec *spec,
			   const struct pkey_raw *raw, struct prepared **ret)
{
	struct prepared *p = lasting(spec) ? take(k, use, spec) : NULL;
	enum inro_err e;

	if (p) {
		*ret = p;
		return INRO_OK;
	}
	p = OPENSSL_zalloc(sizeof *p);
	if (!p)
		return INRO_E_NO_MEMORY;
	p->use = use;
	p->spec = *spec;
	p->keep = lasting(spec);
	e = set_up(p, k, raw);
	/* borrowed, and not looked at again */
	p->spec.label = p->spec.ad = p->spec.iv = p->spec.peer = BYTES_NONE;
	if (e) {
		pkey_spoiled(p);
		return e;
	}
	*ret = p;
	return INRO_OK;
}
