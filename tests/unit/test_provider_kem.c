/*
 * test_provider_kem - DHKEM (RFC 9180): its key derivation by the vectors of appendix A with any libcrypto, and from
 * OpenSSL 3.2 on token keys beside libcrypto's own, base and authenticated, as recipient and as sender.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
#include <openssl/hpke.h>
#endif

#include "provider/agree.h"
#include "provider/dhkem_kdf.h"
#include "tests/lib/chosen.h"
#include "tests/lib/dhkem_vectors.h"
#include "tests/lib/token_keys.h"

#define ROOM 256

/* ---- RFC 9180, appendix A ---- */

struct octets {
	uint8_t p[ROOM];
	size_t n;
};

static struct octets hex(const char *text)
{
	struct octets o = { .n = 0 };

	assert_int_equal(hex_decode(bytes_of(text), o.p, sizeof o.p, &o.n), INRO_OK);
	return o;
}

static struct bytes of(const struct octets *o)
{
	return BYTES(o->p, o->n);
}

/* A key of a vector in this context; private NULL: its public half. */
static EVP_PKEY *key_of(OSSL_LIB_CTX *libctx, const char *group, const char *private, const char *public)
{
	const bool raw = *group == 'X';
	struct octets pub = hex(public), priv = hex(private ? private : "");
	BIGNUM *d = BN_bin2bn(priv.p, (int)priv.n, NULL);
	uint8_t native[ROOM];
	OSSL_PARAM params[4], *p = params;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(libctx, raw ? group : "EC", NULL);
	EVP_PKEY *key = NULL;

	assert_true(BN_bn2nativepad(d, native, (int)priv.n) >= 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, pub.p, pub.n);
	if (!raw)
		*p++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group, 0);
	if (private)
		*p++ = raw ? OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, priv.p, priv.n)
			   : OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, priv.n);
	*p = OSSL_PARAM_construct_end();
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(ctx);
	BN_free(d);
	return key;
}

static void add_agreed(struct buf *b, EVP_PKEY *key, EVP_PKEY *peer)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	uint8_t shared[ROOM];
	size_t n = sizeof shared;

	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, shared, &n), 1);
	buf_add(b, BYTES(shared, n));
	EVP_PKEY_CTX_free(ctx);
}

static void vector_is_derived(const struct dhkem_vector *v)
{
	EVP_PKEY *key = key_of(NULL, v->group, v->private, v->public);
	EVP_PKEY *ephemeral = key_of(NULL, v->group, NULL, v->sent);
	EVP_PKEY *sender = v->sender_public ? key_of(NULL, v->group, NULL, v->sender_public) : NULL;
	const struct dhkem *k = dhkem_of(key);
	SCOPED(buf) shared = { 0 };
	SCOPED(buf) context = { 0 };
	struct octets want = hex(v->secret), sent = hex(v->sent);
	uint8_t got[ROOM];

	assert_non_null(k);
	assert_int_equal(k->secret, want.n);
	assert_int_equal(k->public, sent.n);
	add_agreed(&shared, key, ephemeral);
	assert_int_equal(k->shared, shared.n);
	assert_int_equal(agree_public(ephemeral, &context), INRO_OK);
	assert_true(bytes_equal(buf_bytes(&context), of(&sent)));
	assert_int_equal(agree_public(key, &context), INRO_OK);
	if (sender) {
		add_agreed(&shared, key, sender);
		assert_int_equal(agree_public(sender, &context), INRO_OK);
	}
	assert_int_equal(dhkem_derive(NULL, k, buf_bytes(&shared), buf_bytes(&context), got), INRO_OK);
	assert_memory_equal(got, want.p, want.n);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ephemeral);
	EVP_PKEY_free(sender);
}

static void vectors_are_derived(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dhkem_vectors); i++)
		vector_is_derived(&dhkem_vectors[i]);
}

static void kinds_without(void **state)
{
	EVP_PKEY *keys[] = { EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"), EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
			     EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		assert_non_null(keys[i]);
		assert_null(dhkem_of(keys[i]));
		EVP_PKEY_free(keys[i]);
	}
}

/* A point is hashed, and given to a token, uncompressed, whatever its program likes. */
static void points_are_uncompressed(void **state)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	SCOPED(buf) plain = { 0 };
	SCOPED(buf) again = { 0 };

	(void)state;
	assert_int_equal(agree_public(key, &plain), INRO_OK);
	assert_int_equal(plain.n, 97);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"),
			 1);
	assert_int_equal(agree_public(key, &again), INRO_OK);
	assert_true(bytes_equal(buf_bytes(&plain), buf_bytes(&again)));
	EVP_PKEY_free(key);
}

/* ---- token keys ---- */

static OSSL_LIB_CTX *libctx, *plain;

#define KINDS 5
static struct kind {
	const char *name, *type, *group;
	size_t sent, secret;
	EVP_PKEY *soft, *token, *public; /* public: in the default provider */
} kinds[KINDS] = {
	{ "kem-p256", "EC", "P-256", 65, 32, NULL, NULL, NULL },
	{ "kem-p384", "EC", "P-384", 97, 48, NULL, NULL, NULL },
	{ "kem-p521", "EC", "P-521", 133, 64, NULL, NULL, NULL },
	{ "kem-x25519", "X25519", NULL, 32, 32, NULL, NULL, NULL },
	{ "kem-x448", "X448", NULL, 56, 64, NULL, NULL, NULL },
};

/* The same public key, as one side of a program has it. */
static EVP_PKEY *public_of(OSSL_LIB_CTX *lc, const char *properties, EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(lc, EVP_PKEY_get0_type_name(key), properties);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *public = NULL;

	assert_int_equal(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &public, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return public;
}

static EVP_PKEY *into_token(const char *label, CK_BYTE id, EVP_PKEY *key)
{
	const struct token_import import = { label, id, key, NULL, 0 };
	char uri[128];
	EVP_PKEY *loaded;

	snprintf(uri, sizeof uri, "pkcs11:token=line1;object=%s?pin-value=" TOKEN_KEYS_PIN, label);
	if (EVP_PKEY_is_a(key, "EC"))
		token_keys_import(label, id, key);
	else
		token_keys_import_whole(&import);
	loaded = token_keys_load(libctx, uri);
	assert_non_null(loaded);
	return loaded;
}

static bool can(const struct kind *k)
{
	return k->token != NULL;
}

static int set_up(void **state)
{
	(void)state;
	libctx = token_keys_libctx("default", "inro");
	plain = token_keys_libctx("default", NULL);
	for (size_t i = 0; i < KINDS; i++) {
		struct kind *k = &kinds[i];

		k->soft = k->group ? EVP_PKEY_Q_keygen(plain, NULL, k->type, k->group)
				   : EVP_PKEY_Q_keygen(plain, NULL, k->type);
		if (!chosen_can("ecdh") || (!k->group && !chosen_can("x25519")))
			continue;
		k->token = into_token(k->name, (CK_BYTE)(0x31 + i), k->soft);
		k->public = public_of(libctx, NULL, k->token);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < KINDS; i++) {
		EVP_PKEY_free(kinds[i].soft);
		EVP_PKEY_free(kinds[i].token);
		EVP_PKEY_free(kinds[i].public);
	}
	token_keys_libctx_free(plain);
	token_keys_libctx_free(libctx);
	return 0;
}

/* What libcrypto itself does not have, a token key does not have either. */
static int start(OSSL_LIB_CTX *lc, EVP_PKEY *key, int (*init)(EVP_PKEY_CTX *, const OSSL_PARAM[]))
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(lc, key, NULL);
	int ok = init(ctx, NULL);

	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static void offered_as_by_libcrypto(void **state)
{
	EVP_PKEY *soft = EVP_PKEY_Q_keygen(plain, NULL, "EC", "secp256k1"), *token;

	(void)state;
	NEEDS("ecdh");
	for (size_t i = 0; i < KINDS; i++) {
		struct kind *k = &kinds[i];

		if (!can(k))
			continue;
		assert_int_equal(start(libctx, k->token, EVP_PKEY_encapsulate_init),
				 start(plain, k->soft, EVP_PKEY_encapsulate_init));
		assert_int_equal(start(libctx, k->token, EVP_PKEY_decapsulate_init),
				 start(plain, k->soft, EVP_PKEY_decapsulate_init));
	}
	token = into_token("kem-other", 0x41, soft);
	assert_int_equal(start(plain, soft, EVP_PKEY_decapsulate_init), -2);
	assert_int_equal(start(libctx, token, EVP_PKEY_decapsulate_init), -2);
	assert_int_equal(start(libctx, token, EVP_PKEY_encapsulate_init), -2);
	EVP_PKEY_free(token);
	EVP_PKEY_free(soft);
}

#if OPENSSL_VERSION_NUMBER >= 0x30200000L

static const uint8_t a_seed[66] = "a seed that is long enough for the ephemeral key of any of these";

/* What a program calls; sender NULL: the base mode. */
struct sealing {
	OSSL_LIB_CTX *libctx;
	EVP_PKEY *recipient, *sender;
	struct bytes seed;
};

static EVP_PKEY_CTX *sealer(const struct sealing *s)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(s->libctx, s->recipient, NULL);
	OSSL_PARAM params[3] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KEM_PARAM_OPERATION, (char *)(uintptr_t)"DHKEM", 0),
		OSSL_PARAM_construct_end(),
		OSSL_PARAM_construct_end(),
	};

	if (s->seed.n > 0)
		params[1] = OSSL_PARAM_construct_octet_string(OSSL_KEM_PARAM_IKME, (void *)(uintptr_t)s->seed.p,
							      s->seed.n);
	assert_int_equal(s->sender ? EVP_PKEY_auth_encapsulate_init(ctx, s->sender, params)
				   : EVP_PKEY_encapsulate_init(ctx, params),
			 1);
	return ctx;
}

static void seals(const struct sealing *s, struct octets *sent, struct octets *secret)
{
	EVP_PKEY_CTX *ctx = sealer(s);

	assert_int_equal(EVP_PKEY_encapsulate(ctx, NULL, &sent->n, NULL, &secret->n), 1);
	sent->n--; /* too little room for either */
	assert_int_not_equal(EVP_PKEY_encapsulate(ctx, sent->p, &sent->n, secret->p, &secret->n), 1);
	sent->n++;
	secret->n--;
	assert_int_not_equal(EVP_PKEY_encapsulate(ctx, sent->p, &sent->n, secret->p, &secret->n), 1);
	secret->n = sent->n = ROOM;
	ERR_clear_error();
	assert_int_equal(EVP_PKEY_encapsulate(ctx, sent->p, &sent->n, secret->p, &secret->n), 1);
	EVP_PKEY_CTX_free(ctx);
}

static EVP_PKEY_CTX *opener(OSSL_LIB_CTX *lc, EVP_PKEY *recipient, EVP_PKEY *sender)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(lc, recipient, NULL);

	assert_int_equal(sender ? EVP_PKEY_auth_decapsulate_init(ctx, sender, NULL)
				: EVP_PKEY_decapsulate_init(ctx, NULL),
			 1);
	assert_int_equal(EVP_PKEY_CTX_set_kem_op(ctx, "DHKEM"), 1);
	return ctx;
}

static void opens(EVP_PKEY_CTX *ctx, const struct octets *sent, const struct octets *secret)
{
	struct octets got = { .n = 0 };

	assert_int_equal(EVP_PKEY_decapsulate(ctx, NULL, &got.n, sent->p, sent->n), 1);
	assert_int_equal(got.n, secret->n);
	got.n--;
	assert_int_not_equal(EVP_PKEY_decapsulate(ctx, got.p, &got.n, sent->p, sent->n), 1);
	ERR_clear_error();
	got.n = ROOM;
	assert_int_equal(EVP_PKEY_decapsulate(ctx, got.p, &got.n, sent->p, sent->n), 1);
	assert_int_equal(got.n, secret->n);
	assert_memory_equal(got.p, secret->p, got.n);
	EVP_PKEY_CTX_free(ctx);
}

/* The one side's call and the other's; by a seed the two say the same. */
static void seals_alike(const struct sealing *ours, const struct sealing *theirs)
{
	struct octets sent[2], secret[2];

	seals(ours, &sent[0], &secret[0]);
	seals(theirs, &sent[1], &secret[1]);
	assert_true(bytes_equal(of(&sent[0]), of(&sent[1])));
	assert_true(bytes_equal(of(&secret[0]), of(&secret[1])));
}

static void base_mode(void **state)
{
	(void)state;
	NEEDS("ecdh");
	for (size_t i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		struct octets sent, secret;

		if (!can(k))
			continue;
		seals(&(struct sealing) { libctx, k->public, NULL, BYTES_NONE }, &sent, &secret);
		assert_int_equal(sent.n, k->sent);
		assert_int_equal(secret.n, k->secret);
		opens(opener(libctx, k->token, NULL), &sent, &secret);
		opens(opener(plain, k->soft, NULL), &sent, &secret);
		seals(&(struct sealing) { libctx, k->token, NULL, BYTES_NONE }, &sent, &secret);
		opens(opener(plain, k->soft, NULL), &sent, &secret);
		seals_alike(&(struct sealing) { libctx, k->token, NULL, BYTES(a_seed, sizeof a_seed) },
			    &(struct sealing) { plain, k->soft, NULL, BYTES(a_seed, sizeof a_seed) });
	}
	assert_int_equal(ERR_peek_error(), 0);
}

/* A sender's key in the token wants the recipient's public key of our provider: libcrypto does the operation where that
 * one is, and the sender's key does not leave. */
static void token_sends(const struct kind *k, EVP_PKEY *other)
{
	EVP_PKEY *ours = public_of(libctx, "provider=inro", other);
	struct octets sent, secret;

	seals(&(struct sealing) { libctx, ours, k->token, BYTES_NONE }, &sent, &secret);
	assert_int_equal(sent.n, k->sent);
	opens(opener(plain, other, k->soft), &sent, &secret);
	seals_alike(&(struct sealing) { libctx, ours, k->token, BYTES(a_seed, sizeof a_seed) },
		    &(struct sealing) { plain, other, k->soft, BYTES(a_seed, sizeof a_seed) });
	seals(&(struct sealing) { libctx, k->token, k->token, BYTES_NONE }, &sent, &secret);
	opens(opener(libctx, k->token, k->public), &sent, &secret);
	EVP_PKEY_free(ours);
}

static void authenticated(void **state)
{
	(void)state;
	NEEDS("ecdh");
	for (size_t i = 0; i < KINDS; i++) {
		const struct kind *k = &kinds[i];
		EVP_PKEY *other = k->group ? EVP_PKEY_Q_keygen(plain, NULL, k->type, k->group)
					   : EVP_PKEY_Q_keygen(plain, NULL, k->type);
		EVP_PKEY *other_public = public_of(libctx, NULL, other);
		struct octets sent, secret;

		if (can(k)) {
			seals(&(struct sealing) { plain, k->public, other, BYTES_NONE }, &sent, &secret);
			opens(opener(libctx, k->token, other_public), &sent, &secret);
			token_sends(k, other);
		}
		EVP_PKEY_free(other);
		EVP_PKEY_free(other_public);
	}
	assert_int_equal(ERR_peek_error(), 0);
}

/* Keys of a program whose "EC" is ours, in no token. */
static void software_keys(void **state)
{
	OSSL_LIB_CTX *lc = token_keys_libctx("inro", "default");
	EVP_PKEY *a = EVP_PKEY_Q_keygen(lc, "provider=inro", "EC", "P-256");
	EVP_PKEY *b = EVP_PKEY_Q_keygen(plain, NULL, "EC", "P-256"), *b_ours = public_of(lc, "provider=inro", b);
	EVP_PKEY *a_public = public_of(plain, NULL, a);
	struct octets sent, secret;

	(void)state;
	seals(&(struct sealing) { lc, a, NULL, BYTES_NONE }, &sent, &secret);
	opens(opener(lc, a, NULL), &sent, &secret);
	seals(&(struct sealing) { lc, b_ours, a, BYTES_NONE }, &sent, &secret);
	opens(opener(plain, b, a_public), &sent, &secret);
	seals(&(struct sealing) { plain, a_public, b, BYTES_NONE }, &sent, &secret);
	opens(opener(lc, a, b_ours), &sent, &secret);
	EVP_PKEY_free(a);
	EVP_PKEY_free(b);
	EVP_PKEY_free(a_public);
	EVP_PKEY_free(b_ours);
	token_keys_libctx_free(lc);
}

static void vectors_by_token(void **state)
{
	(void)state;
	NEEDS("ecdh");
	for (size_t i = 0; i < ARRAY_LEN(dhkem_vectors); i++) {
		const struct dhkem_vector *v = &dhkem_vectors[i];
		struct octets sent = hex(v->sent), secret = hex(v->secret), seed = hex(v->seed), got, got_secret;
		EVP_PKEY *soft, *token, *sender = NULL;
		char label[32];

		if (*v->group == 'X' && !chosen_can("x25519"))
			continue;
		snprintf(label, sizeof label, "rfc-%zu", i);
		soft = key_of(plain, v->group, v->private, v->public);
		token = into_token(label, (CK_BYTE)(0x51 + 2 * i), soft);
		if (v->sender_public)
			sender = key_of(libctx, v->group, NULL, v->sender_public);
		opens(opener(libctx, token, sender), &sent, &secret);
		EVP_PKEY_free(sender);
		sender = NULL;
		if (v->sender_public) {
			EVP_PKEY *whole = key_of(plain, v->group, v->sender_private, v->sender_public);

			snprintf(label, sizeof label, "rfc-sender-%zu", i);
			sender = into_token(label, (CK_BYTE)(0x52 + 2 * i), whole);
			EVP_PKEY_free(whole);
		}
		seals(&(struct sealing) { libctx, token, sender, of(&seed) }, &got, &got_secret);
		assert_true(bytes_equal(of(&got), of(&sent)));
		assert_true(bytes_equal(of(&got_secret), of(&secret)));
		EVP_PKEY_free(soft);
		EVP_PKEY_free(token);
		EVP_PKEY_free(sender);
	}
}

static int opened(OSSL_LIB_CTX *lc, EVP_PKEY *key, const struct octets *sent, struct octets *got)
{
	EVP_PKEY_CTX *ctx = opener(lc, key, NULL);
	int ok;

	got->n = ROOM;
	ok = EVP_PKEY_decapsulate(ctx, got->p, &got->n, sent->p, sent->n);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* Refused by both, and the key is well afterwards. */
static void refused(const struct kind *k, const struct octets *sent, const char *why)
{
	struct octets got;

	assert_int_not_equal(opened(plain, k->soft, sent, &got), 1);
	ERR_clear_error();
	assert_int_not_equal(opened(libctx, k->token, sent, &got), 1);
	assert_true(token_keys_error_says(why));
}

static void wrong_one(const struct kind *k)
{
	struct octets sent, secret, wrong, got[2];

	seals(&(struct sealing) { libctx, k->public, NULL, BYTES_NONE }, &sent, &secret);
	wrong = sent;
	wrong.n--;
	refused(k, &wrong, "are no ciphertext for this key");
	wrong.n += 2;
	refused(k, &wrong, "are no ciphertext for this key");
	wrong.n = 1;
	refused(k, &wrong, "are no ciphertext for this key");
	wrong = sent;
	wrong.p[wrong.n - 1] ^= 1;
	if (k->group) {
		refused(k, &wrong, "no point of this key's curve");
		memset(wrong.p + 1, 0xff, wrong.n - 1);
		refused(k, &wrong, "no point of this key's curve");
		wrong = sent;
		wrong.p[0] = 0x05;
		refused(k, &wrong, "no point of this key's curve");
	} else {
		assert_int_equal(opened(libctx, k->token, &wrong, &got[0]), 1);
		assert_int_equal(opened(plain, k->soft, &wrong, &got[1]), 1);
		assert_memory_equal(got[0].p, got[1].p, k->secret);
		assert_memory_not_equal(got[0].p, secret.p, k->secret);
		memset(wrong.p, 0, wrong.n); /* of small order */
		refused(k, &wrong, "");
	}
	opens(opener(libctx, k->token, NULL), &sent, &secret);
}

static void wrong_encapsulations(void **state)
{
	(void)state;
	NEEDS("ecdh");
	for (size_t i = 0; i < KINDS; i++)
		if (can(&kinds[i]))
			wrong_one(&kinds[i]);
}

static int auth_start(EVP_PKEY *recipient, EVP_PKEY *sender, bool seal)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(libctx, recipient, NULL);
	int ok = seal ? EVP_PKEY_auth_encapsulate_init(ctx, sender, NULL)
		      : EVP_PKEY_auth_decapsulate_init(ctx, sender, NULL);

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static void wrong_senders(void **state)
{
	const struct kind *k = &kinds[0];
	struct octets sent, secret, got = { .n = ROOM };
	EVP_PKEY *stranger = EVP_PKEY_Q_keygen(plain, NULL, "EC", "P-256");
	EVP_PKEY_CTX *ctx;

	(void)state;
	NEEDS("ecdh");
	assert_true(auth_start(k->token, kinds[1].public, false) <= 0);
	assert_true(token_keys_error_says("of another kind or curve"));
	assert_true(auth_start(k->token, k->public, true) <= 0);
	assert_true(token_keys_error_says("needs the sender's private key"));
	/* whose it was is part of the secret */
	seals(&(struct sealing) { plain, k->public, stranger, BYTES_NONE }, &sent, &secret);
	ctx = opener(libctx, k->token, k->public);
	assert_int_equal(EVP_PKEY_decapsulate(ctx, got.p, &got.n, sent.p, sent.n), 1);
	assert_memory_not_equal(got.p, secret.p, secret.n);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(stranger);
	ERR_clear_error();
}

/* HPKE as libcrypto has it on top of this; the sender by a property query, which makes the recipient's key ours. */
static void hpke_one(const struct kind *k, OSSL_HPKE_SUITE suite, int mode)
{
	OSSL_HPKE_CTX *to = OSSL_HPKE_CTX_new(mode, suite, OSSL_HPKE_ROLE_SENDER, libctx, "?provider=inro");
	OSSL_HPKE_CTX *from = OSSL_HPKE_CTX_new(mode, suite, OSSL_HPKE_ROLE_RECEIVER, libctx, NULL);
	SCOPED(buf) public = { 0 };
	uint8_t sent[ROOM], box[ROOM], text[ROOM];
	size_t sent_n = sizeof sent, box_n = sizeof box, text_n = sizeof text;

	assert_int_equal(agree_public(k->soft, &public), INRO_OK);
	if (mode == OSSL_HPKE_MODE_AUTH) {
		assert_int_equal(OSSL_HPKE_CTX_set1_authpriv(to, k->token), 1);
		assert_int_equal(OSSL_HPKE_CTX_set1_authpub(from, public.p, public.n), 1);
	}
	assert_int_equal(OSSL_HPKE_encap(to, sent, &sent_n, public.p, public.n, NULL, 0), 1);
	assert_int_equal(OSSL_HPKE_seal(to, box, &box_n, NULL, 0, (const uint8_t *)"hello", 5), 1);
	assert_int_equal(OSSL_HPKE_decap(from, sent, sent_n, k->token, NULL, 0), 1);
	assert_int_equal(OSSL_HPKE_open(from, text, &text_n, NULL, 0, box, box_n), 1);
	assert_int_equal(text_n, 5);
	assert_memory_equal(text, "hello", 5);
	OSSL_HPKE_CTX_free(to);
	OSSL_HPKE_CTX_free(from);
}

static void hpke(void **state)
{
	static const uint16_t kem_ids[KINDS] = { OSSL_HPKE_KEM_ID_P256, OSSL_HPKE_KEM_ID_P384, OSSL_HPKE_KEM_ID_P521,
						 OSSL_HPKE_KEM_ID_X25519, OSSL_HPKE_KEM_ID_X448 };
	static const int modes[] = { OSSL_HPKE_MODE_BASE, OSSL_HPKE_MODE_AUTH };

	(void)state;
	NEEDS("ecdh");
	for (size_t i = 0; i < KINDS; i++) {
		const OSSL_HPKE_SUITE suite = { kem_ids[i], OSSL_HPKE_KDF_ID_HKDF_SHA256,
						OSSL_HPKE_AEAD_ID_AES_GCM_128 };

		for (size_t m = 0; can(&kinds[i]) && m < ARRAY_LEN(modes); m++)
			hpke_one(&kinds[i], suite, modes[m]);
	}
}

static CK_BYTE p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };

/* One that no program has ever seen: of a token in a TPM it is the TPM's. */
static void key_that_the_token_made(void **state)
{
	static const struct token_pair pair = { "kem-made",
						0x42,
						CKM_EC_KEY_PAIR_GEN,
						{ CKA_EC_PARAMS, p256, sizeof p256 },
						CKA_DERIVE,
						0,
						{ 0 } };
	EVP_PKEY *key, *public;
	struct octets sent, secret;

	(void)state;
	NEEDS("ecdh");
	token_keys_add_pair(&pair);
	key = token_keys_load(libctx, "pkcs11:token=line1;object=kem-made?pin-value=" TOKEN_KEYS_PIN);
	assert_non_null(key);
	public = public_of(plain, NULL, key);
	seals(&(struct sealing) { plain, public, NULL, BYTES_NONE }, &sent, &secret);
	opens(opener(libctx, key, NULL), &sent, &secret);
	seals(&(struct sealing) { plain, public, kinds[0].soft, BYTES_NONE }, &sent, &secret);
	opens(opener(libctx, key, kinds[0].public), &sent, &secret);
	EVP_PKEY_free(key);
	EVP_PKEY_free(public);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_are_derived),
		cmocka_unit_test(kinds_without),
		cmocka_unit_test(points_are_uncompressed),
		cmocka_unit_test(offered_as_by_libcrypto),
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
		cmocka_unit_test(base_mode),
		cmocka_unit_test(authenticated),
		cmocka_unit_test(software_keys),
		cmocka_unit_test(vectors_by_token),
		cmocka_unit_test(wrong_encapsulations),
		cmocka_unit_test(wrong_senders),
		cmocka_unit_test(hpke),
		cmocka_unit_test(key_that_the_token_made),
#endif
	};

	token_keys_make();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
