/* alike_key - steps with a key itself (alike.h): what it says of itself, comparison, copies, export, written forms. */
#define OPENSSL_SUPPRESS_DEPRECATED /* programs call it */
#include "tests/lib/alike.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static EVP_PKEY *pick(struct alike_side *s, struct alike_rng *r, size_t *ret_key)
{
	size_t key = alike_pick_key(s, r);

	alike_say(s, "%s ", alike_keys[key].name);
	if (ret_key)
		*ret_key = key;
	return s->keys[key];
}

static void describe(struct alike_side *s, struct alike_rng *r)
{
	size_t i;
	EVP_PKEY *k = pick(s, r, &i);
	char text[80] = "";
	size_t n = 0;
	int nid = 0, ret;

	alike_say(s, "id %d base %d bits %d security %d size %d sign %d name %s\n", EVP_PKEY_get_id(k),
		  EVP_PKEY_get_base_id(k), EVP_PKEY_get_bits(k), EVP_PKEY_get_security_bits(k), EVP_PKEY_get_size(k),
		  EVP_PKEY_can_sign(k), EVP_PKEY_get0_type_name(k));
	alike_say(s, "  is %d%d%d missing %d point %d field %d", EVP_PKEY_is_a(k, alike_keys[i].type),
		  EVP_PKEY_is_a(k, "RSA"), EVP_PKEY_is_a(k, "id-ecPublicKey"), EVP_PKEY_missing_parameters(k),
		  EVP_PKEY_get_ec_point_conv_form(k), EVP_PKEY_get_field_type(k));
	alike_gives(s, EVP_PKEY_get0_description(k) != NULL);
	ret = EVP_PKEY_get_group_name(k, text, sizeof text, &n);
	alike_say(s, "  group '%s' %zu", text, ret == 1 ? n : 0);
	alike_gives(s, ret);
	*text = '\0';
	ret = EVP_PKEY_get_default_digest_name(k, text, sizeof text);
	alike_say(s, "  digest '%s'", text);
	alike_gives(s, ret);
	ret = EVP_PKEY_get_default_digest_nid(k, &nid);
	alike_say(s, "  digest %d", nid);
	alike_gives(s, ret);
}

static void supports(struct alike_side *s, struct alike_rng *r)
{
	EVP_PKEY *k = pick(s, r, NULL);
	const char *md = alike_digest(r);

	alike_say(s, "supports %s", md);
	alike_gives(s, EVP_PKEY_digestsign_supports_digest(k, NULL, md, NULL));
}

static void say_param(struct alike_side *s, EVP_PKEY *k, const OSSL_PARAM *what)
{
	uint8_t value[1100];
	BIGNUM *number = NULL;
	size_t n = 0;
	int i = 0, ret;

	alike_say(s, "  %s/%u", what->key, what->data_type);
	if (what->data_type == OSSL_PARAM_UTF8_STRING)
		ret = EVP_PKEY_get_utf8_string_param(k, what->key, (char *)value, sizeof value, &n);
	else if (what->data_type == OSSL_PARAM_OCTET_STRING)
		ret = EVP_PKEY_get_octet_string_param(k, what->key, value, sizeof value, &n);
	else if (what->data_type == OSSL_PARAM_INTEGER)
		ret = EVP_PKEY_get_int_param(k, what->key, &i);
	else
		ret = EVP_PKEY_get_bn_param(k, what->key, &number);
	alike_gives(s, ret);
	if (number)
		n = (size_t)BN_bn2bin(number, value);
	BN_free(number);
	if (ret == 1 && what->data_type == OSSL_PARAM_INTEGER)
		alike_say(s, "  %d\n", i);
	else if (ret == 1)
		alike_bytes(s, what->key, value, n);
}

static bool is_private(const char *name)
{
	static const char *const names[] = { "priv", "d", "seed" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return strncmp(name, "rsa-factor", 10) == 0 || strncmp(name, "rsa-exponent", 12) == 0 ||
	       strncmp(name, "rsa-coefficient", 15) == 0;
}

/* All that the file's key has and is public. */
static void params(struct alike_side *s, struct alike_rng *r)
{
	size_t i;
	EVP_PKEY *k = pick(s, r, &i);
	const OSSL_PARAM *list = EVP_PKEY_gettable_params(s->all->file.keys[i]);

	alike_say(s, "gettable\n");
	for (; list && list->key; list++)
		if (!is_private(list->key))
			say_param(s, k, list);
}

static void names(struct alike_side *s, struct alike_rng *r)
{
	EVP_PKEY *k = pick(s, r, NULL);
	const OSSL_PARAM *list = EVP_PKEY_gettable_params(k);

	alike_say(s, "gettable:");
	for (; list && list->key; list++)
		alike_say(s, " %s/%u", list->key, list->data_type);
	alike_say(s, "\n  settable:");
	for (list = EVP_PKEY_settable_params(k); list && list->key; list++)
		alike_say(s, " %s/%u", list->key, list->data_type);
	alike_say(s, "\n");
}

static void mandatory(struct alike_side *s, struct alike_rng *r)
{
	EVP_PKEY *k = pick(s, r, NULL);
	char text[80] = "";
	size_t n = 0;
	int ret = EVP_PKEY_get_utf8_string_param(k, OSSL_PKEY_PARAM_MANDATORY_DIGEST, text, sizeof text, &n);

	alike_say(s, "mandatory '%s'", text);
	alike_gives(s, ret);
}

static void point(struct alike_side *s, struct alike_rng *r)
{
	EVP_PKEY *k = pick(s, r, NULL);
	unsigned char *encoded = NULL, raw[200];
	size_t n = EVP_PKEY_get1_encoded_public_key(k, &encoded);

	alike_say(s, "encoded");
	alike_gives(s, n > 0);
	if (n)
		alike_bytes(s, "point", encoded, n);
	OPENSSL_free(encoded);
	n = alike_chance(r, 70) ? sizeof raw : 5;
	alike_say(s, "  raw %zu", n);
	alike_gives(s, EVP_PKEY_get_raw_public_key(k, raw, &n));
	n = sizeof raw;
	alike_say(s, "  raw size");
	alike_gives(s, EVP_PKEY_get_raw_public_key(k, NULL, &n));
	alike_say(s, "  %zu\n", n);
}

/* ---- comparison ---- */

static void compare(struct alike_side *s, struct alike_rng *r)
{
	const struct alike *a = s->all;
	size_t i, j = alike_chance(r, 60) ? a->key : alike_below(r, ALIKE_KEYS);
	EVP_PKEY *k = pick(s, r, &i);
	EVP_PKEY *const others[] = { a->publics[j], a->peers[j], a->file.keys[j], a->token.keys[j], s->keys[j] };
	size_t o = alike_below(r, ARRAY_LEN(others));

	alike_say(s, "with %s %zu: eq", alike_keys[j].name, o);
	alike_gives(s, EVP_PKEY_eq(k, others[o]));
	alike_say(s, "  eq the other way");
	alike_gives(s, EVP_PKEY_eq(others[o], k));
	alike_say(s, "  parameters_eq");
	alike_gives(s, EVP_PKEY_parameters_eq(k, others[o]));
	alike_say(s, "  parameters_eq the other way");
	alike_gives(s, EVP_PKEY_parameters_eq(others[o], k));
}

static void copy_parameters(struct alike_side *s, struct alike_rng *r)
{
	const struct alike *a = s->all;
	EVP_PKEY *k = pick(s, r, NULL), *to = NULL;
	size_t j = alike_chance(r, 60) ? a->key : alike_below(r, ALIKE_KEYS);

	if (alike_chance(r, 50))
		to = EVP_PKEY_new();
	else if (EVP_PKEY_up_ref(a->publics[j]))
		to = a->publics[j];
	alike_say(s, "to %s", to == a->publics[j] ? alike_keys[j].name : "a new one");
	alike_gives(s, EVP_PKEY_copy_parameters(to, k));
	alike_say(s, "  id %d bits %d eq %d missing %d", EVP_PKEY_get_base_id(to), EVP_PKEY_get_bits(to),
		  EVP_PKEY_parameters_eq(to, k), EVP_PKEY_missing_parameters(to));
	alike_gives(s, 0);
	EVP_PKEY_free(to);
}

/* A peer's key is made as TLS makes it: the group is copied, the point is set. */
static void peer_of_group(struct alike_side *s, struct alike_rng *r)
{
	size_t i;
	EVP_PKEY *k = pick(s, r, &i), *to = EVP_PKEY_new();
	unsigned char *p = NULL, secret[200];
	size_t n = EVP_PKEY_get1_encoded_public_key(s->all->peers[i], &p), secret_n = sizeof secret;
	EVP_PKEY_CTX *ctx;
	int ret = EVP_PKEY_copy_parameters(to, k);

	alike_say(s, "copy");
	alike_gives(s, ret);
	if (ret == 1) {
		ret = EVP_PKEY_set1_encoded_public_key(to, p, alike_chance(r, 80) ? n : n / 2);
		alike_say(s, "  set point");
		alike_gives(s, ret);
	}
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL);
	if (ret == 1 && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, to) == 1 &&
	    EVP_PKEY_derive(ctx, secret, &secret_n) == 1)
		alike_bytes(s, "secret", secret, secret_n);
	alike_say(s, "  derived %d", ERR_peek_error() == 0);
	alike_gives(s, EVP_PKEY_eq(to, s->all->peers[i]));
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(to);
	OPENSSL_free(p);
}

/* ---- copies ---- */

static int signs(EVP_PKEY *k)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char sig[600];
	size_t n = sizeof sig;
	int ret = EVP_DigestSignInit_ex(c, NULL, NULL, NULL, NULL, k, NULL);

	if (ret == 1)
		ret = EVP_DigestSign(c, sig, &n, (const unsigned char *)"data", 4);
	EVP_MD_CTX_free(c);
	return ret;
}

static void duplicate(struct alike_side *s, struct alike_rng *r)
{
	size_t i;
	EVP_PKEY *k = pick(s, r, &i), *copy = EVP_PKEY_dup(k);

	alike_gives(s, copy != NULL);
	if (!copy)
		return;
	alike_say(s, "  eq %d bits %d", EVP_PKEY_eq(copy, k), EVP_PKEY_get_bits(copy));
	alike_gives(s, EVP_PKEY_eq(s->all->publics[i], copy));
	alike_say(s, "  signs");
	alike_gives(s, signs(copy));
	EVP_PKEY_free(copy);
	alike_say(s, "  the other signs");
	alike_gives(s, signs(k));
}

static void set_params(struct alike_side *s, struct alike_rng *r)
{
	static const char *const rows[][2] = {
		{ "point-format", "compressed" }, { "point-format", "uncompressed" }, { "encoding", "explicit" },
		{ "encoding", "named_curve" },	  { "point-format", "bogus" },	      { "properties", "" },
		{ "bogus", "1" },
	};
	size_t i;
	EVP_PKEY *k = pick(s, r, &i), *copy = EVP_PKEY_dup(k);
	size_t row = alike_below(r, ARRAY_LEN(rows));
	int mode = (int)alike_below(r, 3), ret;
	unsigned char *der = NULL;

	if (alike_chance(r, 30)) {
		ret = EVP_PKEY_set_int_param(copy, OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, mode);
		alike_say(s, "cofactor %d", mode);
	} else {
		ret = EVP_PKEY_set_utf8_string_param(copy, rows[row][0], rows[row][1]);
		alike_say(s, "%s:%s", rows[row][0], rows[row][1]);
	}
	alike_gives(s, ret);
	ret = i2d_PUBKEY(copy, &der);
	if (ret > 0)
		alike_bytes(s, "public key", der, (size_t)ret);
	OPENSSL_free(der);
	EVP_PKEY_free(copy);
	ERR_clear_error();
}

/* ---- export ---- */

static int count(const OSSL_PARAM list[], void *arg)
{
	(void)list;
	++*(int *)arg;
	return 1;
}

static void export_it(struct alike_side *s, struct alike_rng *r)
{
	static const int selections[] = { EVP_PKEY_PUBLIC_KEY, EVP_PKEY_PUBLIC_KEY, EVP_PKEY_KEY_PARAMETERS,
					  EVP_PKEY_KEYPAIR };
	size_t i;
	EVP_PKEY *k = pick(s, r, &i), *again = NULL;
	int selection = ALIKE_PICK(r, selections), calls = 0, ret;
	OSSL_PARAM *list = NULL;
	EVP_PKEY_CTX *ctx;

	alike_say(s, "%s",
		  selection == EVP_PKEY_KEYPAIR	     ? "whole"
		  : selection == EVP_PKEY_PUBLIC_KEY ? "public"
						     : "parameters");
	ret = EVP_PKEY_todata(k, selection, &list);
	alike_gives(s, ret);
	alike_say(s, "  export");
	alike_gives(s, EVP_PKEY_export(k, selection, count, &calls));
	if (ret != 1 || selection == EVP_PKEY_KEYPAIR) {
		OSSL_PARAM_free(list);
		return;
	}
	ctx = EVP_PKEY_CTX_new_from_name(NULL, alike_keys[i].type, NULL);
	if (EVP_PKEY_fromdata_init(ctx) == 1)
		alike_say(s, "  from data");
	alike_gives(s, EVP_PKEY_fromdata(ctx, &again, selection, list));
	if (again && selection == EVP_PKEY_PUBLIC_KEY)
		alike_say(s, "  eq %d %d\n", EVP_PKEY_eq(again, k), EVP_PKEY_eq(k, again));
	EVP_PKEY_free(again);
	EVP_PKEY_CTX_free(ctx);
	OSSL_PARAM_free(list);
}

static void say_bio(struct alike_side *s, const char *what, int ret, BIO *b)
{
	char *text = NULL;
	long n = BIO_get_mem_data(b, &text);

	alike_say(s, "%s", what);
	alike_gives(s, ret);
	if (ret == 1 && n > 0)
		alike_bytes(s, what, text, (size_t)n);
	BIO_free(b);
}

static int write_params(BIO *b, EVP_PKEY *k)
{
	return PEM_write_bio_Parameters(b, k);
}

static int print_public(BIO *b, EVP_PKEY *k)
{
	return EVP_PKEY_print_public(b, k, 2, NULL);
}

static int print_params(BIO *b, EVP_PKEY *k)
{
	return EVP_PKEY_print_params(b, k, 0, NULL);
}

static int write_pubkey(BIO *b, EVP_PKEY *k)
{
	return PEM_write_bio_PUBKEY(b, k);
}

static int write_der(BIO *b, EVP_PKEY *k)
{
	return i2d_PUBKEY_bio(b, k);
}

static int write_type(BIO *b, EVP_PKEY *k)
{
	unsigned char *der = NULL;
	int n = i2d_PublicKey(k, &der);

	if (n > 0)
		BIO_write(b, der, n);
	OPENSSL_free(der);
	return n > 0 ? 1 : n;
}

static int write_key_params(BIO *b, EVP_PKEY *k)
{
	return i2d_KeyParams_bio(b, k);
}

static int write_x509(BIO *b, EVP_PKEY *k)
{
	X509_PUBKEY *x = NULL;
	unsigned char *der = NULL;
	int ret = X509_PUBKEY_set(&x, k), n = ret == 1 ? i2d_X509_PUBKEY(x, &der) : 0;

	if (n > 0)
		BIO_write(b, der, n);
	OPENSSL_free(der);
	if (ret == 1 && EVP_PKEY_eq(X509_PUBKEY_get0(x), k) != 1)
		ret = -5;
	X509_PUBKEY_free(x);
	return ret;
}

static int encode_public(BIO *b, EVP_PKEY *k, const char *form, const char *structure)
{
	OSSL_ENCODER_CTX *c = OSSL_ENCODER_CTX_new_for_pkey(k, EVP_PKEY_PUBLIC_KEY, form, structure, NULL);
	int ret = OSSL_ENCODER_CTX_get_num_encoders(c) > 0 ? OSSL_ENCODER_to_bio(c, b) : -3;

	OSSL_ENCODER_CTX_free(c);
	return ret;
}

static int encode_spki(BIO *b, EVP_PKEY *k)
{
	return encode_public(b, k, "DER", "SubjectPublicKeyInfo");
}

static int encode_own(BIO *b, EVP_PKEY *k)
{
	return encode_public(b, k, "PEM", "type-specific");
}

static int encode_any(BIO *b, EVP_PKEY *k)
{
	return encode_public(b, k, "DER", NULL);
}

static void written(struct alike_side *s, struct alike_rng *r)
{
	static const struct {
		const char *name;
		int (*write)(BIO *b, EVP_PKEY *k);
	} rows[] = {
		{ "EVP_PKEY_print_public", print_public }, { "EVP_PKEY_print_params", print_params },
		{ "PEM_write_bio_PUBKEY", write_pubkey },  { "i2d_PUBKEY_bio", write_der },
		{ "i2d_PublicKey", write_type },	   { "PEM_write_bio_Parameters", write_params },
		{ "i2d_KeyParams_bio", write_key_params }, { "X509_PUBKEY_set", write_x509 },
		{ "encoder SubjectPublicKeyInfo", encode_spki }, { "encoder type-specific", encode_own },
		{ "encoder", encode_any },
	};
	EVP_PKEY *k = pick(s, r, NULL);
	size_t i = alike_below(r, ARRAY_LEN(rows));
	BIO *b = BIO_new(BIO_s_mem());

	say_bio(s, rows[i].name, rows[i].write(b, k), b);
}

/* Keys of before 3.0, which programs ask for to look into. */
static void old_key(struct alike_side *s, struct alike_rng *r)
{
	size_t i;
	EVP_PKEY *k = pick(s, r, &i);
	BIGNUM *n = NULL;

	alike_say(s, "legacy\n");
	if (alike_is(i, "EC")) {
		EC_KEY *ec = EVP_PKEY_get1_EC_KEY(k);

		alike_gives(s, ec != NULL);
		if (ec)
			alike_say(s, "  curve %d point %d check %d\n", EC_GROUP_get_curve_name(EC_KEY_get0_group(ec)),
				  EC_KEY_get0_public_key(ec) != NULL, EC_KEY_check_key(ec));
		EC_KEY_free(ec);
	} else if (strncmp(alike_keys[i].type, "RSA", 3) == 0) {
		RSA *rsa = EVP_PKEY_get1_RSA(k);

		alike_gives(s, rsa != NULL);
		if (rsa)
			alike_say(s, "  bits %d e %lu\n", RSA_bits(rsa), BN_get_word(RSA_get0_e(rsa)));
		RSA_free(rsa);
	}
	BN_free(n);
	ERR_clear_error();
}

/* A new key with this one's parameters, as `ecparam` and TLS make them. */
static void generate(struct alike_side *s, struct alike_rng *r)
{
	size_t i;
	EVP_PKEY *k = pick(s, r, &i), *made = NULL;
	EVP_PKEY_CTX *ctx;
	int ret;

	if (alike_keys[i].bits)
		return;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, k, NULL);
	ret = EVP_PKEY_keygen_init(ctx);
	alike_gives(s, ret);
	if (ret == 1) {
		ret = EVP_PKEY_keygen(ctx, &made);
		alike_say(s, "  keygen");
		alike_gives(s, ret);
	}
	if (made) {
		alike_say(s, "  bits %d parameters %d eq %d is %d", EVP_PKEY_get_bits(made),
			  EVP_PKEY_parameters_eq(made, k), EVP_PKEY_eq(made, k), EVP_PKEY_is_a(made, alike_keys[i].type));
		alike_gives(s, signs(made));
	}
	EVP_PKEY_free(made);
	EVP_PKEY_CTX_free(ctx);
}

const struct alike_step alike_key_steps[] = {
	{ "key-describe", 6, describe },
	{ "key-supports", 4, supports },
	{ "key-params", 5, params },
	{ "key-names", 3, names },
	{ "key-mandatory", 3, mandatory },
	{ "key-point", 5, point },
	{ "key-compare", 8, compare },
	{ "key-copy-parameters", 4, copy_parameters },
	{ "key-peer", 4, peer_of_group },
	{ "key-dup", 5, duplicate },
	{ "key-set", 4, set_params },
	{ "key-export", 6, export_it },
	{ "key-written", 8, written },
	{ "key-legacy", 3, old_key },
	{ "key-keygen", 3, generate },
	{ NULL, 0, NULL },
};
