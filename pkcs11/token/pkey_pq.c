/*
 * pkey_pq - pairs of ML-DSA, SLH-DSA and ML-KEM, and what ML-KEM does; with libcrypto 3.5.
 *
 * The public half of a private key is libcrypto's, and what came with it compared.  A key that came
 * with its seed, or was made here, keeps it; seed and expanded key must say the same.
 */
#include "pkcs11/token/pkey_private.h"

#include <string.h>

#include <openssl/core_names.h>

#include "base/own.h"

#define PARAM_SEED "seed" /* no header of libcrypto 3.0 names it */

static enum inro_err take_set(struct pkey *k, CK_ULONG number)
{
	enum inro_err e = setkind_find(k->kind, number, &k->set);

	if (!e)
		k->algorithm = k->set->name;
	return e;
}

static enum inro_err take_octets(const struct pkey *k, const char *name, uint8_t *out, size_t n)
{
	size_t got = 0;

	if (EVP_PKEY_get_octet_string_param(k->evp, name, out, n, &got) <= 0 || got != n)
		return libcrypto_err("reading a key");
	return INRO_OK;
}

static enum inro_err take_public(struct pkey *k)
{
	uint8_t *p = buf_extend(&k->public, k->set->public);

	return p ? take_octets(k, OSSL_PKEY_PARAM_PUB_KEY, p, k->set->public) : INRO_E_NO_MEMORY;
}

/* ---- making ---- */

static enum inro_err pq_generate(struct pkey *k, const struct key_spec *spec)
{
	enum inro_err e = take_set(k, spec->set);

	/* SLH-DSA takes as long as RSA */
	if (!e)
		e = pkey_make(k, NULL, k->kind != KEY_SLH_DSA);
	return e ? e : take_public(k);
}

/* OSSL_PARAM has no const; the bytes are only read.  The seed makes all the rest. */
static OSSL_PARAM source(const struct pkey *k, const struct key_parts *parts)
{
	struct bytes from = !k->is_private  ? parts->point
			    : parts->seed.n ? parts->seed
					    : parts->value;

	return OSSL_PARAM_construct_octet_string(!k->is_private	 ? OSSL_PKEY_PARAM_PUB_KEY
						 : parts->seed.n ? PARAM_SEED
								 : OSSL_PKEY_PARAM_PRIV_KEY,
						 (void *)(uintptr_t)from.p, from.n);
}

static enum inro_err compare_private(const struct pkey *k, struct bytes given)
{
	SCOPED(secret) real = { 0 };
	enum inro_err e = secret_new(k->set->private, &real);

	if (!e)
		e = take_octets(k, OSSL_PKEY_PARAM_PRIV_KEY, real.p, real.n);
	if (!e && !secret_equal(secret_bytes(&real), given))
		e = err_set(INRO_E_ATTR_VALUE, "the seed does not make the private key");
	return e;
}

static enum inro_err pq_from_parts(struct pkey *k, struct key_parts *parts)
{
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end() };
	enum inro_err e = take_set(k, parts->set);

	if (e)
		return e;
	params[0] = source(k, parts);
	e = pkey_build(k, params);
	if (!e)
		e = take_public(k);
	if (!e && parts->seed.n && parts->value.n)
		e = compare_private(k, parts->value);
	if (!e && parts->point.n && !bytes_equal(parts->point, buf_bytes(&k->public)))
		e = err_set(INRO_E_ATTR_VALUE, "the public half is not that of the private one");
	parts->point = buf_bytes(&k->public);
	return e;
}

/* ---- what it is made of ---- */

/* libcrypto says nothing of a seed that it does not know. */
static struct bytes take_seed(const struct pkey *k, uint8_t *room)
{
	size_t n = k->set->seed, got = 0;

	return n && EVP_PKEY_get_octet_string_param(k->evp, PARAM_SEED, room, n, &got) > 0 &&
			       got == n
		       ? BYTES(room, n)
		       : BYTES_NONE;
}

static enum inro_err pq_to_parts(const struct pkey *k, bool private, struct secret *room,
				 struct key_parts *ret)
{
	const struct param_set *set = k->set;
	struct key_parts parts = { .kind = k->kind, .set = set->set };
	enum inro_err e = secret_new(set->public + (private ? set->private + set->seed : 0), room);

	if (!e)
		e = take_octets(k, OSSL_PKEY_PARAM_PUB_KEY, room->p, set->public);
	if (!e && private)
		e = take_octets(k, OSSL_PKEY_PARAM_PRIV_KEY, room->p + set->public, set->private);
	if (e)
		return e;
	parts.point = BYTES(room->p, set->public);
	if (private) {
		parts.value = BYTES(room->p + set->public, set->private);
		parts.seed = take_seed(k, room->p + set->public + set->private);
	}
	*ret = parts;
	return INRO_OK;
}

static void pq_measure(struct pkey *k, const struct key_parts *public)
{
	(void)public;
	k->sig_len = k->kind == KEY_ML_KEM ? 0 : k->set->out;
	buf_clear(&k->public); /* in k->spki from now on */
}

/* ---- ML-KEM ---- */

static const struct use_spec kem = { .mech = CKM_ML_KEM };

static enum inro_err prepare_kem(struct pkey *k, enum key_use use, struct prepared **ret)
{
	const struct pkey_raw *raw = NULL;
	enum inro_err e = pkey_raw_find(k, kem.mech, use, &raw);

	return e ? e : pkey_prepare(k, use, &kem, raw, ret);
}

static enum inro_err kem_encapsulate(struct pkey *k, struct buf *ret_ciphertext,
				     struct secret *ret_shared)
{
	KEEP_LIBCRYPTO_ERRORS();
	SCOPED(secret) shared = { 0 };
	struct prepared *p = NULL;
	size_t before = ret_ciphertext->n, n = k->set->out, shared_n = PARAMSET_SHARED;
	enum inro_err e = secret_new(PARAMSET_SHARED, &shared);
	uint8_t *out;

	if (!e)
		e = prepare_kem(k, USE_ENCAPSULATE, &p);
	if (e)
		return e;
	out = buf_extend(ret_ciphertext, n);
	if (!out || EVP_PKEY_encapsulate(p->ctx, out, &n, shared.p, &shared_n) <= 0 ||
	    n != k->set->out || shared_n != shared.n) {
		pkey_spoiled(p);
		buf_truncate(ret_ciphertext, before);
		return out ? libcrypto_err("encapsulating a key") : INRO_E_NO_MEMORY;
	}
	pkey_done(k, p);
	*ret_shared = shared;
	shared = (struct secret) { 0 };
	return INRO_OK;
}

/* Any ciphertext of the right length gives a secret (FIPS 203 6.3: implicit rejection). */
static enum inro_err kem_decapsulate(struct pkey *k, struct bytes ciphertext,
				     struct secret *ret_shared)
{
	KEEP_LIBCRYPTO_ERRORS();
	SCOPED(secret) shared = { 0 };
	struct prepared *p = NULL;
	size_t n = PARAMSET_SHARED;
	enum inro_err e = secret_new(n, &shared);

	if (!e && ciphertext.n != k->set->out)
		e = err_set(INRO_E_CIPHERTEXT_LENGTH, "a ciphertext of %zu bytes, not %zu",
			    ciphertext.n, k->set->out);
	if (!e)
		e = prepare_kem(k, USE_DECAPSULATE, &p);
	if (e)
		return e;
	if (EVP_PKEY_decapsulate(p->ctx, shared.p, &n, ciphertext.p, ciphertext.n) <= 0 ||
	    n != shared.n) {
		pkey_spoiled(p);
		return libcrypto_err("decapsulating a key");
	}
	pkey_done(k, p);
	*ret_shared = shared;
	shared = (struct secret) { 0 };
	return INRO_OK;
}

#define PQ(name)                                                                                   \
	.generate = pq_generate, .from_parts = pq_from_parts, .to_parts = pq_to_parts,             \
	.measure = pq_measure, .sample = (name)

const struct pkey_type pkey_type_ml_dsa = { PQ("ML-DSA-44") };
const struct pkey_type pkey_type_slh_dsa = { PQ("SLH-DSA-SHA2-128s") };
const struct pkey_type pkey_type_ml_kem = { PQ("ML-KEM-512"), .encapsulate = kem_encapsulate,
					    .decapsulate = kem_decapsulate };
