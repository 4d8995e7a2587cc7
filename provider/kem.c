/*
 * kem - OSSL_OP_KEM: the opening by a token; encapsulation is libcrypto's, from the public half
 * (model.h).
 *
 * 1. RSASVE (NIST SP 800-56B 7.2.1): the secret is the RSA decryption itself, without padding.
 * 2. ML-KEM (FIPS 203), from OpenSSL 3.5 on: C_DecapsulateKey of PKCS#11 3.2.  A ciphertext that is
 *    not the key's opens as another secret, and nothing tells the two apart.
 * 3. DHKEM (RFC 9180), from OpenSSL 3.2 on, is in dhkem.c.
 */
#include "provider/kem.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

int kem_start(struct model *m, struct key *key, bool decapsulates, const OSSL_PARAM params[])
{
	const struct key *used = key ? key : m->key;
	bool whole = decapsulates && used && !used->object;

	return model_start(m, key, decapsulates, whole ? EVP_PKEY_decapsulate_init : EVP_PKEY_encapsulate_init,
			   params);
}

static int encapsulate_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	return kem_start(vctx, vkey, false, params);
}

static int decapsulate_init(void *vctx, void *vkey, const OSSL_PARAM params[])
{
	return kem_start(vctx, vkey, true, params);
}

static int encapsulate(void *vctx, unsigned char *out, size_t *n, unsigned char *secret,
		       size_t *secret_n)
{
	struct model *m = vctx;

	return m->ctx ? EVP_PKEY_encapsulate(m->ctx, out, n, secret, secret_n) : 0;
}

static enum inro_err open_rsasve(const struct kem_job *j)
{
	return object_decrypt_raw(j->model->key->object, j->in, j->out, j->n);
}

static enum inro_err open_ml_kem(const struct kem_job *j)
{
	CK_MECHANISM mech = { .mechanism = CKM_ML_KEM };
	SCOPED(secret) value = { 0 };
	enum inro_err e = object_decapsulate(j->model->key->object, &mech, j->in, &value);

	if (!e && value.n != j->n)
		e = err_set(INRO_E_TOKEN, "the token took %zu bytes out of an ML-KEM ciphertext",
			    value.n);
	if (!e)
		memcpy(j->out, value.p, value.n);
	return e;
}

static enum inro_err check_lengths(const struct kem_job *j, size_t in_n, size_t room)
{
	if (room < j->n)
		return err_set(INRO_E_TOO_SMALL, "the secret needs room for %zu bytes", j->n);
	if (j->in.n != in_n)
		return err_set(INRO_E_CIPHERTEXT_LENGTH,
			       "%zu bytes are no ciphertext for this key: it takes %zu", j->in.n,
			       in_n);
	return INRO_OK;
}

int kem_run(const struct kem_job *j, size_t *n, kem_open *open)
{
	struct kem_job sized = *j;
	size_t in_n = 0;
	int ok = EVP_PKEY_encapsulate(j->model->ctx, NULL, &in_n, NULL, &sized.n);
	enum inro_err e;

	if (ok != 1)
		return ok; /* no operation was chosen, and libcrypto has said so */
	e = sized.out ? check_lengths(&sized, in_n, *n) : INRO_OK;
	if (!e && sized.out)
		e = open(&sized);
	if (e)
		return prov_raise(j->model->prov, e);
	*n = sized.n;
	return 1;
}

static int decapsulate(struct model *m, struct bytes in, uint8_t *out, size_t *n, kem_open *open)
{
	const struct kem_job j = { .model = m, .in = in, .out = out };

	if (!m->ctx)
		return 0;
	return model_is_token(m) ? kem_run(&j, n, open) : EVP_PKEY_decapsulate(m->ctx, out, n, in.p, in.n);
}

static int rsa_decapsulate(void *vctx, unsigned char *out, size_t *n, const unsigned char *in, size_t in_n)
{
	return decapsulate(vctx, BYTES(in, in_n), out, n, open_rsasve);
}

static int ml_kem_decapsulate(void *vctx, unsigned char *out, size_t *n, const unsigned char *in, size_t in_n)
{
	return decapsulate(vctx, BYTES(in, in_n), out, n, open_ml_kem);
}

static const OSSL_PARAM *rsa_settable(void *vctx, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(OSSL_KEM_PARAM_OPERATION, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return model_settable(vctx, table);
}

static const OSSL_PARAM *gettable(void *vctx, void *vprov)
{
	static const OSSL_PARAM table[] = { OSSL_PARAM_END };

	(void)vprov;
	return model_gettable(vctx, table);
}

static const OSSL_PARAM *ml_kem_settable(void *vctx, void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_octet_string(KEM_IKME, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return model_settable(vctx, table);
}

#define KEM(decapsulate, settable)                                                                 \
	ENTRY(OSSL_FUNC_KEM_NEWCTX, model_new), ENTRY(OSSL_FUNC_KEM_FREECTX, model_free),          \
		ENTRY(OSSL_FUNC_KEM_DUPCTX, model_dup),                                            \
		ENTRY(OSSL_FUNC_KEM_ENCAPSULATE_INIT, encapsulate_init),                           \
		ENTRY(OSSL_FUNC_KEM_ENCAPSULATE, encapsulate),                                     \
		ENTRY(OSSL_FUNC_KEM_DECAPSULATE_INIT, decapsulate_init),                           \
		ENTRY(OSSL_FUNC_KEM_DECAPSULATE, (decapsulate)),                                   \
		ENTRY(OSSL_FUNC_KEM_SET_CTX_PARAMS, model_set),                                    \
		ENTRY(OSSL_FUNC_KEM_SETTABLE_CTX_PARAMS, (settable)),                              \
		ENTRY(OSSL_FUNC_KEM_GET_CTX_PARAMS, model_get),                                    \
		ENTRY(OSSL_FUNC_KEM_GETTABLE_CTX_PARAMS, gettable), ENTRY_END

static const OSSL_DISPATCH rsa_functions[] = { KEM(rsa_decapsulate, rsa_settable) };
static const OSSL_DISPATCH ml_kem_functions[] = { KEM(ml_kem_decapsulate, ml_kem_settable) };

/* clang-format off */
#define ROW_RSA	   { "INRO-RSA", PROV_PROPERTIES, rsa_functions, "RSASVE by a token" }
#define ROW_DHKEM  { "INRO-DHKEM", PROV_PROPERTIES, dhkem_functions, "DHKEM by a token" }
#define ROW_ML_KEM { "INRO-ML-KEM", PROV_PROPERTIES, ml_kem_functions, "ML-KEM by a token" }
#define ROW_END	   { NULL, NULL, NULL, NULL }
/* clang-format on */

const OSSL_ALGORITHM kem_algorithms[] = { ROW_RSA, ROW_END };
const OSSL_ALGORITHM kem_algorithms_32[] = { ROW_RSA, ROW_DHKEM, ROW_END };
const OSSL_ALGORITHM kem_algorithms_35[] = { ROW_RSA, ROW_DHKEM, ROW_ML_KEM, ROW_END };
