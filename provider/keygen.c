/* keygen - see keygen.h. */
#include "provider/keygen.h"

#include "provider/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "base/cryptoki/hashes.h"
#include "provider/asker.h"
#include "provider/make.h"

#define GROUP_MAX  64
#define DIGEST_MAX 64

struct keygen {
	struct prov *prov;
	const struct key_type *type;
	int selection;
	OSSL_LIB_CTX *libctx;
	EVP_PKEY_CTX *ctx;
	OSSL_PARAM *settable; /* of ctx, and the URI */
	OSSL_CALLBACK *progress;
	void *arg;
	/* What a key in a token needs to know of the settings. */
	struct p11_uri uri;
	bool has_uri;
	bool ephemeral; /* of a TLS handshake, or made after another key */
	/* RSA-PSS: what the key is to be bound to. */
	char digest[DIGEST_MAX], mgf1[DIGEST_MAX];
	size_t salt;
	bool has_salt;
	char group[GROUP_MAX];
	size_t bits, primes;
	struct buf exponent;
};

static int start(const struct keygen *g)
{
	return g->ctx &&
	       (g->selection & OSSL_KEYMGMT_SELECT_KEYPAIR ? EVP_PKEY_keygen_init(g->ctx)
							   : EVP_PKEY_paramgen_init(g->ctx)) == 1;
}

void *keygen_init(struct prov *p, const struct key_type *type, int selection,
		  const OSSL_PARAM params[])
{
	struct keygen *g = calloc(1, sizeof *g);
	enum inro_err e = g ? below_libctx(&p->below, &g->libctx) : INRO_E_NO_MEMORY;

	if (e) {
		free(g);
		prov_raise(p, e);
		return NULL;
	}
	g->prov = p;
	g->type = type;
	g->selection = selection;
	g->bits = 2048;
	g->ctx = EVP_PKEY_CTX_new_from_name(g->libctx, type->name, NULL);
	if (!start(g) || !keygen_set_params(g, params)) {
		keygen_cleanup(g);
		return NULL;
	}
	return g;
}

int keygen_set_template(void *vgen, void *vkey)
{
	struct keygen *g = vgen;
	const struct key *k = vkey;

	if (!k || !k->pkey)
		return 0;
	EVP_PKEY_CTX_free(g->ctx);
	g->ctx = EVP_PKEY_CTX_new_from_pkey(g->libctx, k->pkey, NULL);
	g->ephemeral = true;
	EVP_PKEY_get_group_name(k->pkey, g->group, sizeof g->group, NULL);
	return start(g);
}

static enum inro_err take_uri(struct keygen *g, const OSSL_PARAM *p)
{
	char text[P11_URI_MAX], *at = text;
	enum inro_err e;

	if (!OSSL_PARAM_get_utf8_string(p, &at, sizeof text))
		return err_set(INRO_E_ARG, KEYGEN_URI " is no text, or too long");
	p11_uri_clear(&g->uri);
	g->has_uri = false;
	e = p11_uri_parse(text, &g->uri);
	wipe(text, sizeof text);
	if (!e)
		e = make_check_uri(&g->uri, false);
	g->has_uri = e == INRO_OK;
	return e;
}

/* The curve; its name is freed of the mark for the context below. */
static enum inro_err take_group(struct keygen *g, OSSL_PARAM *p)
{
	const size_t mark = strlen(KEYGEN_EPHEMERAL);
	char *at = g->group;

	if (!OSSL_PARAM_get_utf8_string(p, &at, sizeof g->group))
		return err_set(INRO_E_ARG, "the name of the curve is no text, or too long");
	if (strncmp(g->group, KEYGEN_EPHEMERAL, mark) == 0) {
		g->ephemeral = true;
		memmove(g->group, g->group + mark, strlen(g->group + mark) + 1);
		*p = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, g->group, 0);
	}
	return INRO_OK;
}

static enum inro_err take_exponent(struct keygen *g, const OSSL_PARAM *p)
{
	BIGNUM *e = NULL;
	uint8_t *room;

	if (!OSSL_PARAM_get_BN(p, &e))
		return err_set(INRO_E_ARG, "the public exponent is no number");
	buf_reset(&g->exponent);
	room = buf_extend(&g->exponent, (size_t)BN_num_bytes(e));
	if (room)
		BN_bn2bin(e, room);
	BN_free(e);
	return buf_err(&g->exponent);
}

static enum inro_err take_digest(const OSSL_PARAM *p, char name[DIGEST_MAX])
{
	if (!OSSL_PARAM_get_utf8_string(p, &name, DIGEST_MAX))
		return err_set(INRO_E_ARG, "the name of the digest is no text, or too long");
	return INRO_OK;
}

static enum inro_err take_pss(struct keygen *g, const OSSL_PARAM *p)
{
	int salt;

	if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_DIGEST) == 0)
		return take_digest(p, g->digest);
	if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_MGF1_DIGEST) == 0)
		return take_digest(p, g->mgf1);
	if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_PSS_SALTLEN) != 0)
		return INRO_OK;
	if (!OSSL_PARAM_get_int(p, &salt) || salt < 0)
		return err_set(INRO_E_ARG, "the least length of the salt is no number");
	g->salt = (size_t)salt;
	g->has_salt = true;
	return INRO_OK;
}

/* Remembers what a key in a token needs; *ret_ours: nobody else is told. */
static enum inro_err take(struct keygen *g, OSSL_PARAM *p, bool *ret_ours)
{
	*ret_ours = strcmp(p->key, KEYGEN_URI) == 0;
	if (*ret_ours)
		return take_uri(g, p);
	if (strcmp(p->key, OSSL_PKEY_PARAM_GROUP_NAME) == 0)
		return take_group(g, p);
	if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_E) == 0)
		return take_exponent(g, p);
	if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_BITS) == 0 && !OSSL_PARAM_get_size_t(p, &g->bits))
		return err_set(INRO_E_ARG, "the size of the key is no number");
	if (strcmp(p->key, OSSL_PKEY_PARAM_RSA_PRIMES) == 0 && !OSSL_PARAM_get_size_t(p, &g->primes))
		return err_set(INRO_E_ARG, "how many primes the key has is no number");
	return g->type == &key_types[KEY_TYPE_rsa_pss] ? take_pss(g, p) : INRO_OK;
}

int keygen_set_params(void *vgen, const OSSL_PARAM params[])
{
	struct keygen *g = vgen;
	OSSL_PARAM *below;
	size_t n = 0;
	enum inro_err e = INRO_OK;
	int ok;

	while (params && params[n].key)
		n++;
	if (n == 0)
		return 1;
	below = calloc(n + 1, sizeof *below);
	if (!below)
		return prov_raise(g->prov, INRO_E_NO_MEMORY);
	for (size_t kept = 0; !e && params->key; params++) {
		bool ours;

		below[kept] = *params;
		e = take(g, &below[kept], &ours);
		kept += !ours;
		below[kept] = OSSL_PARAM_construct_end();
	}
	ok = e ? prov_raise(g->prov, e)
	       : !below->key || EVP_PKEY_CTX_set_params(g->ctx, below) == 1;
	free(below);
	return ok;
}

static const OSSL_PARAM uri_param[] = { OSSL_PARAM_utf8_string(KEYGEN_URI, NULL, 0),
					OSSL_PARAM_END };

const OSSL_PARAM *keygen_settable_params(void *vgen, void *vprov)
{
	struct keygen *g = vgen;
	const OSSL_PARAM *below = g ? EVP_PKEY_CTX_settable_params(g->ctx) : NULL;
	size_t n = 0;

	(void)vprov;
	while (below && below[n].key)
		n++;
	if (n == 0)
		return uri_param;
	free(g->settable);
	g->settable = calloc(n + 2, sizeof *g->settable);
	if (!g->settable)
		return below;
	memcpy(g->settable, below, n * sizeof *below);
	g->settable[n] = uri_param[0];
	return g->settable;
}

/* Marks the curves, so that keygen_set_params() knows them again. */
struct group_mark {
	OSSL_CALLBACK *callback;
	void *arg;
};

static int mark_group(const OSSL_PARAM params[], void *vmark)
{
	static const char *const name_param = OSSL_CAPABILITY_TLS_GROUP_NAME_INTERNAL;
	const struct group_mark *mark = vmark;
	const OSSL_PARAM *alg = OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_ALG);
	OSSL_PARAM marked[16];
	char name[GROUP_MAX];
	size_t n = 0;

	if (!alg || strcmp(alg->data, "EC") != 0)
		return 1;
	for (; params->key && n < ARRAY_LEN(marked) - 1; params++, n++) {
		marked[n] = *params;
		if (strcmp(params->key, name_param) != 0)
			continue;
		snprintf(name, sizeof name, "%s%s", KEYGEN_EPHEMERAL, (char *)params->data);
		marked[n] = OSSL_PARAM_construct_utf8_string(name_param, name, 0);
	}
	marked[n] = OSSL_PARAM_construct_end();
	return mark->callback(marked, mark->arg);
}

enum inro_err keygen_tls_groups(struct prov *p, OSSL_CALLBACK *callback, void *arg, int *ret_ok)
{
	struct group_mark mark = { callback, arg };

	if (!core_setting(&p->core, SETTING_KEYGEN))
		return INRO_OK;
	return below_capabilities(&p->below, "TLS-GROUP", mark_group, &mark, ret_ok);
}

static int tell_progress(EVP_PKEY_CTX *ctx)
{
	struct keygen *g = EVP_PKEY_CTX_get_app_data(ctx);
	int potential = EVP_PKEY_CTX_get_keygen_info(ctx, 0);
	int iteration = EVP_PKEY_CTX_get_keygen_info(ctx, 1);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_GEN_PARAM_POTENTIAL, &potential),
		OSSL_PARAM_construct_int(OSSL_GEN_PARAM_ITERATION, &iteration),
		OSSL_PARAM_construct_end(),
	};

	return g->progress(params, g->arg);
}

/* What a token can bind a key to is less than what the settings can say (pss.h). */
static enum inro_err find_bound(const struct keygen *g, const struct digest **ret)
{
	const struct digest *digest = digest_named(g->digest);
	const struct ck_hash *hash = digest ? ck_hash_find(digest->mech) : NULL;

	if (!*g->digest && !*g->mgf1 && !g->has_salt)
		return INRO_OK;
	if (!hash)
		return err_set(INRO_E_UNSUPPORTED,
			       "a token binds a key to a digest that it knows: give that with "
			       "rsa_pss_keygen_md");
	if (*g->mgf1 && digest_named(g->mgf1) != digest)
		return err_set(INRO_E_UNSUPPORTED, "a token binds a key to one digest, for MGF1 as "
						   "well: make it without rsa_pss_keygen_mgf1_md");
	if (g->has_salt && g->salt != hash->size)
		return err_set(INRO_E_UNSUPPORTED,
			       "the salt of a key that is bound to %s in a token has at least %zu "
			       "bytes: make it without rsa_pss_keygen_saltlen",
			       digest->names[0], hash->size);
	*ret = digest;
	return INRO_OK;
}

static enum inro_err in_token(struct keygen *g, struct key **ret)
{
	const char *setting = core_setting(&g->prov->core, SETTING_KEYGEN);
	struct make_spec spec = {
		.type = g->type,
		.uri = &g->uri,
		.from_setting = !g->has_uri,
		.group = *g->group ? g->group : NULL,
		.bits = g->bits,
		.exponent = buf_bytes(&g->exponent),
	};
	enum inro_err e = find_bound(g, &spec.bound);

	if (!e && g->primes > 2)
		e = err_set(INRO_E_UNSUPPORTED, "an RSA key in a token has two primes: make it without "
						"rsa_keygen_primes");
	if (!e && !g->has_uri)
		e = p11_uri_parse(setting, &g->uri);
	if (!e && !g->has_uri)
		e = make_check_uri(&g->uri, true);
	if (e)
		return g->has_uri ? e : err_context(e, "the setting " SETTING_KEYGEN);
	return make_pair(g->prov, &spec, ret);
}

/* Since OpenSSL 3.2 libssl takes the names of curves from whichever provider comes first: ours,
 * which then makes the keys, has given them no mark. */
static bool is_of_handshake(const struct keygen *g)
{
	return g->ephemeral || (OpenSSL_version_num() >= 0x30200000UL &&
				g->type == &key_types[KEY_TYPE_ec] && asker_is_libssl());
}

/* A URI, or the setting for keys that stand for somebody; not for those that a module makes for
 * itself, as tpm2-pkcs11 does at each session with a TPM. */
static bool is_for_token(const struct keygen *g)
{
	if (!(g->selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
		return false;
	return g->has_uri || (make_is_identity(g->type) && gate_is_open() &&
			      core_setting(&g->prov->core, SETTING_KEYGEN) && !is_of_handshake(g));
}

static struct key *in_software(struct keygen *g, OSSL_CALLBACK *progress, void *arg)
{
	struct key *k = key_new(g->prov, g->type);
	EVP_PKEY *pkey = NULL;

	if (!k)
		return NULL;
	g->progress = progress;
	g->arg = arg;
	EVP_PKEY_CTX_set_app_data(g->ctx, g);
	if (progress)
		EVP_PKEY_CTX_set_cb(g->ctx, tell_progress);
	if (EVP_PKEY_generate(g->ctx, &pkey) != 1) {
		key_free(k);
		return NULL;
	}
	k->pkey = pkey;
	k->has = g->selection | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS;
	return k;
}

void *keygen_run(void *vgen, OSSL_CALLBACK *progress, void *arg)
{
	struct keygen *g = vgen;
	struct key *k = NULL;
	enum inro_err e;

	if (!is_for_token(g))
		return in_software(g, progress, arg);
	e = in_token(g, &k);
	if (e)
		prov_raise(g->prov, e);
	return k;
}

void keygen_cleanup(void *vgen)
{
	struct keygen *g = vgen;

	EVP_PKEY_CTX_free(g->ctx);
	p11_uri_clear(&g->uri);
	buf_clear(&g->exponent);
	free(g->settable);
	free(g);
}
