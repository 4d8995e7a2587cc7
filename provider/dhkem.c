/*
 * dhkem - OSSL_OP_KEM: DHKEM (RFC 9180, 4.1) by EC, X25519 and X448 keys, from OpenSSL 3.2 on.
 *
 * 1. The token agrees on the secrets, with its key as the recipient's or, in the authenticated mode, as the sender's;
 *    what is hashed out of them is computed here (dhkem_kdf.h).
 * 2. The settings are libcrypto's own, on the recipient's public half (model.h), and so is an encapsulation that needs
 *    no sender's key.  The authenticated mode is all ours, for keys in software as well: a program that was built with
 *    libcrypto 3.0 can't call it.
 * 3. As libcrypto's own, a context cannot be copied.
 */
#include "provider/kem.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider/agree.h"
#include "provider/dhkem_kdf.h"

/* What they are called from 3.2 on. */
#define KEYGEN_IKM	      "dhkem-ikm"
#define AUTH_ENCAPSULATE_INIT 12
#define AUTH_DECAPSULATE_INIT 13

/* A key that takes part: its public half, or the whole of it in software; `object`: its private half is in a token. */
struct party {
	EVP_PKEY *key;
	struct object *object;
};

struct dhkem_op {
	struct model model;   /* first: the model's functions take it as well */
	struct party sender;  /* its own reference; of the authenticated mode, else empty */
	struct secret seed;   /* of the ephemeral key, where the program gives it */
};

static void party_clear(struct party *p)
{
	EVP_PKEY_free(p->key);
	object_free(p->object);
	*p = (struct party) { 0 };
}

static void *newctx(void *vprov)
{
	struct dhkem_op *op = calloc(1, sizeof *op);

	shown_end();
	if (op)
		op->model.prov = vprov;
	return op;
}

static void freectx(void *vctx)
{
	struct dhkem_op *op = vctx;

	if (!op)
		return;
	model_clear(&op->model);
	party_clear(&op->sender);
	secret_clear(&op->seed);
	free(op);
}

/* ---- settings ---- */

/* The model keeps the seed for an encapsulation of its own and gives it to nobody. */
static int take_seed(struct dhkem_op *op, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = params ? OSSL_PARAM_locate_const(params, KEM_IKME) : NULL;
	SCOPED(secret) seed = { 0 };
	enum inro_err e;

	if (!p)
		return 1;
	e = secret_copy(BYTES(p->data, p->data ? p->data_size : 0), &seed);
	if (e)
		return prov_raise(op->model.prov, e);
	secret_clear(&op->seed);
	op->seed = seed;
	seed = (struct secret) { 0 };
	return 1;
}

static int set_params(void *vctx, const OSSL_PARAM params[])
{
	int ok = model_set(vctx, params);

	return ok == 1 ? take_seed(vctx, params) : ok;
}

static const OSSL_PARAM *gettable(void *vctx, void *vprov)
{
	(void)vprov;
	return model_gettable(vctx, NULL);
}

static const OSSL_PARAM *settable(void *vctx, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(OSSL_KEM_PARAM_OPERATION, NULL, 0),
		OSSL_PARAM_octet_string(KEM_IKME, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return model_settable(vctx, table);
}

static int start(struct dhkem_op *op, struct key *key, bool decapsulates, const OSSL_PARAM params[])
{
	int ok = kem_start(&op->model, key, decapsulates, params);

	party_clear(&op->sender);
	secret_clear(&op->seed);
	return ok == 1 ? take_seed(op, params) : ok;
}

static int encapsulate_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	return start(vctx, vkey, false, params);
}

static int decapsulate_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	return start(vctx, vkey, true, params);
}

static enum inro_err check_sender(const struct key *key, const struct key *sender, bool private)
{
	if (!sender || !sender->pkey || !(sender->has & OSSL_KEYMGMT_SELECT_PUBLIC_KEY))
		return err_set(INRO_E_ARG, "the sender's key is empty");
	if (private && !(sender->has & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
		return err_set(INRO_E_KEY_USE, "this needs the sender's private key: name it with type=private");
	if (key->type != sender->type || (key->type->has_group && EVP_PKEY_parameters_eq(key->pkey, sender->pkey) != 1))
		return err_set(INRO_E_PUBLIC_KEY, "the sender's key is of another kind or curve");
	return INRO_OK;
}

/* The recipient's private half, if any, is used by us: the model is an encapsulation. */
static int auth_start(struct dhkem_op *op, struct key *key, struct key *sender, bool decapsulates,
		      const OSSL_PARAM params[])
{
	int ok = model_start(&op->model, key, decapsulates, EVP_PKEY_encapsulate_init, params);
	EVP_PKEY *pkey = sender ? sender->pkey : NULL; /* once: another thread may put another one there (key.h) */
	enum inro_err e;

	party_clear(&op->sender);
	secret_clear(&op->seed);
	if (ok != 1)
		return ok;
	e = check_sender(op->model.key, sender, !decapsulates);
	if (!e && !EVP_PKEY_up_ref(pkey))
		e = INRO_E_CRYPTO;
	if (e) {
		model_clear(&op->model);
		return prov_raise(op->model.prov, e);
	}
	op->sender.key = pkey;
	op->sender.object = object_share(sender->object);
	return take_seed(op, params);
}

static int auth_encapsulate_init(void *vctx, void *vkey, void *vsender, const OSSL_PARAM params[])
{
	return auth_start(vctx, vkey, vsender, false, params);
}

static int auth_decapsulate_init(void *vctx, void *vkey, void *vsender, const OSSL_PARAM params[])
{
	return auth_start(vctx, vkey, vsender, true, params);
}

/* ---- the secret ---- */

static enum inro_err agree_in_software(OSSL_LIB_CTX *libctx, EVP_PKEY *key, EVP_PKEY *peer, struct secret *ret)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, key, NULL);
	size_t n = ret->n;
	bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
		  EVP_PKEY_derive(ctx, ret->p, &n) == 1 && n == ret->n;

	EVP_PKEY_CTX_free(ctx);
	return ok ? INRO_OK : below_failed("the key agreement");
}

static enum inro_err agree_in_token(const struct party *own, const EVP_PKEY *peer, struct secret *ret)
{
	const struct agree a = { .object = own->object, .key = own->key };
	SCOPED(secret) shared = { 0 };
	enum inro_err e = agree_by_token(&a, peer, &shared);

	if (!e && shared.n != ret->n)
		e = err_set(INRO_E_TOKEN, "the token's secret has %zu bytes, not %zu", shared.n, ret->n);
	if (!e)
		memcpy(ret->p, shared.p, shared.n);
	return e;
}

/* Two keys of which the first is whole, and what they agree on is added. */
struct pair {
	struct party own;
	EVP_PKEY *peer;
};

static enum inro_err add_shared(OSSL_LIB_CTX *libctx, const struct dhkem *k, const struct pair *pair, struct buf *shared)
{
	SCOPED(secret) one = { 0 };
	enum inro_err e = secret_new(k->shared, &one);

	if (!e)
		e = pair->own.object ? agree_in_token(&pair->own, pair->peer, &one)
				     : agree_in_software(libctx, pair->own.key, pair->peer, &one);
	if (!e)
		buf_add(shared, secret_bytes(&one));
	return e;
}

/* One side's work, whichever it is (Encap, Decap, AuthEncap, AuthDecap): the pairs that agree, and what was sent. */
static enum inro_err derive(const struct dhkem_op *op, const struct pair pairs[2], struct bytes sent, uint8_t *out)
{
	const struct dhkem *k = dhkem_of(op->model.key->pkey);
	const size_t n = op->sender.key ? 2 : 1;
	SCOPED(buf) shared = { .secret = true };
	SCOPED(buf) context = { 0 };
	OSSL_LIB_CTX *libctx;
	enum inro_err e = below_libctx(&op->model.prov->below, &libctx);

	if (!k)
		return err_set(INRO_E_UNSUPPORTED, "there is no DHKEM for keys of this kind or curve");
	for (size_t i = 0; !e && i < n; i++)
		e = add_shared(libctx, k, &pairs[i], &shared);
	buf_add(&context, sent);
	if (!e)
		e = agree_public(op->model.key->pkey, &context);
	if (!e && op->sender.key)
		e = agree_public(op->sender.key, &context);
	if (!e)
		e = buf_err(&shared);
	return e ? e : dhkem_derive(libctx, k, buf_bytes(&shared), buf_bytes(&context), out);
}

/* ---- decapsulation ---- */

/* The sender's ephemeral public key; libcrypto refuses what is no point of the curve. */
static EVP_PKEY *read_ephemeral(OSSL_LIB_CTX *libctx, const EVP_PKEY *like, struct bytes in)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, EVP_PKEY_get0_type_name(like), NULL);
	EVP_PKEY *key = NULL;
	char group[64] = "";
	OSSL_PARAM params[3] = {
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)in.p, in.n),
		OSSL_PARAM_construct_end(),
		OSSL_PARAM_construct_end(),
	};

	if (EVP_PKEY_get_group_name(like, group, sizeof group, NULL) == 1)
		params[1] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static enum inro_err open_dhkem(const struct kem_job *j)
{
	const struct dhkem_op *op = (const struct dhkem_op *)j->model;
	const struct key *key = j->model->key;
	const struct party own = { key->pkey, key->object };
	OSSL_LIB_CTX *libctx;
	enum inro_err e = below_libctx(&j->model->prov->below, &libctx);
	EVP_PKEY *ephemeral = e ? NULL : read_ephemeral(libctx, key->pkey, j->in);
	const struct pair pairs[2] = { { own, ephemeral }, { own, op->sender.key } };

	if (!e && !ephemeral)
		e = err_set(INRO_E_CIPHERTEXT, "what was encapsulated is no point of this key's curve");
	if (!e)
		e = derive(op, pairs, j->in, j->out);
	EVP_PKEY_free(ephemeral);
	return e;
}

static int decapsulate(void *vctx, unsigned char *out, size_t *n, const unsigned char *in, size_t in_n)
{
	struct dhkem_op *op = vctx;
	struct model *m = &op->model;
	const struct kem_job j = { .model = m, .in = BYTES(in, in_n), .out = out };

	if (!m->ctx)
		return 0;
	return model_is_token(m) || op->sender.key ? kem_run(&j, n, open_dhkem)
						   : EVP_PKEY_decapsulate(m->ctx, out, n, in, in_n);
}

/* ---- encapsulation ---- */

/* Derived from the program's seed if there is one (7.1.3), which libcrypto then checks. */
static EVP_PKEY *make_ephemeral(OSSL_LIB_CTX *libctx, const struct dhkem_op *op)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, op->model.key->pkey, NULL);
	EVP_PKEY *key = NULL;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(KEYGEN_IKM, op->seed.p, op->seed.n),
		OSSL_PARAM_construct_end(),
	};

	if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 ||
	    (op->seed.n > 0 && EVP_PKEY_CTX_set_params(ctx, params) != 1) || EVP_PKEY_generate(ctx, &key) != 1)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* `sent` has room for the public key. */
static enum inro_err seal(const struct dhkem_op *op, EVP_PKEY *ephemeral, uint8_t *sent, uint8_t *secret)
{
	EVP_PKEY *recipient = op->model.key->pkey;
	const struct pair pairs[2] = { { { ephemeral, NULL }, recipient }, { op->sender, recipient } };
	SCOPED(buf) public = { 0 };
	enum inro_err e = agree_public(ephemeral, &public);

	if (!e)
		e = derive(op, pairs, buf_bytes(&public), secret);
	if (!e)
		memcpy(sent, public.p, public.n);
	return e;
}

static enum inro_err encapsulate_authenticated(struct dhkem_op *op, uint8_t *sent, uint8_t *secret)
{
	OSSL_LIB_CTX *libctx;
	enum inro_err e = below_libctx(&op->model.prov->below, &libctx);
	EVP_PKEY *ephemeral = e ? NULL : make_ephemeral(libctx, op);

	if (!e && !ephemeral)
		e = below_failed("making the ephemeral key");
	if (!e)
		e = seal(op, ephemeral, sent, secret);
	EVP_PKEY_free(ephemeral);
	return e;
}

static int encapsulate(void *vctx, unsigned char *out, size_t *n, unsigned char *secret, size_t *secret_n)
{
	struct dhkem_op *op = vctx;
	EVP_PKEY_CTX *ctx = op->model.ctx;
	size_t need = 0, secret_need = 0;
	enum inro_err e = INRO_OK;
	int ok;

	if (!ctx)
		return 0;
	if (!op->sender.key || !out)
		return EVP_PKEY_encapsulate(ctx, out, n, secret, secret_n);
	ok = EVP_PKEY_encapsulate(ctx, NULL, &need, NULL, &secret_need);
	if (ok != 1)
		return ok;
	if (*n < need || *secret_n < secret_need)
		e = err_set(INRO_E_TOO_SMALL, "an encapsulation needs room for %zu bytes, and %zu for its secret", need,
			    secret_need);
	if (!e)
		e = encapsulate_authenticated(op, out, secret);
	if (e)
		return prov_raise(op->model.prov, e);
	*n = need;
	*secret_n = secret_need;
	return 1;
}

const OSSL_DISPATCH dhkem_functions[] = {
	ENTRY(OSSL_FUNC_KEM_NEWCTX, newctx),
	ENTRY(OSSL_FUNC_KEM_FREECTX, freectx),
	ENTRY(OSSL_FUNC_KEM_ENCAPSULATE_INIT, encapsulate_init),
	ENTRY(OSSL_FUNC_KEM_ENCAPSULATE, encapsulate),
	ENTRY(OSSL_FUNC_KEM_DECAPSULATE_INIT, decapsulate_init),
	ENTRY(OSSL_FUNC_KEM_DECAPSULATE, decapsulate),
	ENTRY(OSSL_FUNC_KEM_SET_CTX_PARAMS, set_params),
	ENTRY(OSSL_FUNC_KEM_SETTABLE_CTX_PARAMS, settable),
	ENTRY(OSSL_FUNC_KEM_GET_CTX_PARAMS, model_get),
	ENTRY(OSSL_FUNC_KEM_GETTABLE_CTX_PARAMS, gettable),
	ENTRY(AUTH_ENCAPSULATE_INIT, auth_encapsulate_init),
	ENTRY(AUTH_DECAPSULATE_INIT, auth_decapsulate_init),
	ENTRY_END,
};
