/* alike_ctx - steps with an EVP_PKEY_CTX (alike.h): settings, questions, operations. */
#define OPENSSL_SUPPRESS_DEPRECATED /* programs call it */
#include "tests/lib/alike.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

/* ---- contexts ---- */

static struct alike_ctx *pick_slot(struct alike_side *s, struct alike_rng *r)
{
	size_t i = alike_below(r, ALIKE_CTXS);

	alike_say(s, "ctx%zu ", i);
	return &s->ctxs[i];
}

/* One that is there. */
static struct alike_ctx *pick(struct alike_side *s, struct alike_rng *r)
{
	struct alike_ctx *c = pick_slot(s, r);

	if (!c->ctx) {
		c->key = alike_pick_key(s, r);
		c->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, s->keys[c->key], NULL);
		alike_say(s, "(new, %s) ", alike_keys[c->key].name);
	}
	return c;
}

static void make(struct alike_side *s, struct alike_rng *r)
{
	static const char *const properties[] = { NULL, NULL, NULL, "", "?provider=default", "?fips=no" };
	struct alike_ctx *c = pick_slot(s, r);
	const char *prop = ALIKE_PICK(r, properties);
	bool old = alike_chance(r, 30);

	c->key = alike_pick_key(s, r);
	c->copied = false;
	EVP_PKEY_CTX_free(c->ctx);
	c->ctx = old ? EVP_PKEY_CTX_new(s->keys[c->key], NULL)
		     : EVP_PKEY_CTX_new_from_pkey(NULL, s->keys[c->key], prop);
	alike_say(s, "%s, %s", alike_keys[c->key].name, old ? "EVP_PKEY_CTX_new" : prop ? prop : "-");
	alike_gives(s, c->ctx != NULL);
}

static void copy(struct alike_side *s, struct alike_rng *r)
{
	struct alike_ctx *from = pick(s, r), *to = pick_slot(s, r);
	EVP_PKEY_CTX *made = EVP_PKEY_CTX_dup(from->ctx);

	alike_gives(s, made != NULL);
	if (!made)
		return;
	if (to->ctx != from->ctx || alike_chance(r, 50))
		EVP_PKEY_CTX_free(to->ctx);
	else
		EVP_PKEY_CTX_free(from->ctx);
	to->key = from->key;
	to->ctx = made;
	to->copied = true;
}

/* ---- what is set up ---- */

static int recover_init(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_verify_recover_init(ctx);
}

/* What it is set up for is chosen mostly: libcrypto 3.0 has nothing to choose for keys that are not RSA's. */
static int choose_kem(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_kem_op(ctx, EVP_PKEY_CTX_is_a(ctx, "RSA") ? "RSASVE" : "DHKEM");
}

static int kem_init(EVP_PKEY_CTX *ctx)
{
	int ok = EVP_PKEY_encapsulate_init(ctx, NULL);

	return ok == 1 ? choose_kem(ctx) : ok;
}

static int unkem_init(EVP_PKEY_CTX *ctx)
{
	int ok = EVP_PKEY_decapsulate_init(ctx, NULL);

	return ok == 1 ? choose_kem(ctx) : ok;
}

static int unchosen_init(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_decapsulate_init(ctx, NULL);
}

static const struct setup {
	const char *name;
	int (*init)(EVP_PKEY_CTX *ctx);
	const char *for_types; /* those that have it */
} setups[] = {
	{ "sign_init", EVP_PKEY_sign_init, "RSA RSA-PSS EC" },
	{ "verify_init", EVP_PKEY_verify_init, "RSA RSA-PSS EC" },
	{ "verify_recover_init", recover_init, "RSA" },
	{ "encrypt_init", EVP_PKEY_encrypt_init, "RSA" },
	{ "decrypt_init", EVP_PKEY_decrypt_init, "RSA" },
	{ "derive_init", EVP_PKEY_derive_init, "EC X25519 X448" },
	{ "encapsulate_init", kem_init, "RSA EC X25519 X448" },
	{ "decapsulate_init", unkem_init, "RSA EC X25519 X448" },
	{ "decapsulate_init, of no kind", unchosen_init, "RSA EC X25519 X448" },
};

static const struct setup *pick_setup(size_t key, struct alike_rng *r)
{
	const struct setup *u = &ALIKE_PICK(r, setups);

	for (int i = 0; i < 12 && !strstr(u->for_types, alike_keys[key].type); i++)
		u = &ALIKE_PICK(r, setups);
	return u;
}

static void set_up(struct alike_side *s, struct alike_rng *r)
{
	struct alike_ctx *c = pick(s, r);
	const struct setup *u = pick_setup(c->key, r);

	alike_say(s, "%s: %s", alike_keys[c->key].name, u->name);
	alike_gives(s, u->init(c->ctx));
}

static void set_up_with(struct alike_side *s, struct alike_rng *r)
{
	static int (*const inits[])(EVP_PKEY_CTX *, const OSSL_PARAM[]) = {
		EVP_PKEY_sign_init_ex,	  EVP_PKEY_verify_init_ex,  EVP_PKEY_verify_recover_init_ex,
		EVP_PKEY_encrypt_init_ex, EVP_PKEY_decrypt_init_ex, EVP_PKEY_derive_init_ex,
	};
	static const char *const pads[] = { "pkcs1", "pss", "oaep", "none", "x931", "bogus" };
	struct alike_ctx *c = pick(s, r);
	size_t i = alike_below(r, ARRAY_LEN(inits));
	const char *md = alike_digest(r), *pad = ALIKE_PICK(r, pads);
	OSSL_PARAM params[3];
	size_t n = 0;

	alike_say(s, "%s: %s", alike_keys[c->key].name, setups[i].name);
	if (alike_chance(r, 60)) {
		params[n++] = OSSL_PARAM_construct_utf8_string("digest", (char *)(uintptr_t)md, 0);
		alike_say(s, " digest=%s", md);
	}
	if (alike_chance(r, 60)) {
		params[n++] = OSSL_PARAM_construct_utf8_string("pad-mode", (char *)(uintptr_t)pad, 0);
		alike_say(s, " pad-mode=%s", pad);
	}
	params[n] = OSSL_PARAM_construct_end();
	alike_gives(s, inits[i](c->ctx, params));
}

/* The authenticated modes, which libcrypto has from 3.2 on: the sender's key is another one, or the recipient's. */
static void set_up_authenticated(struct alike_side *s, struct alike_rng *r)
{
	struct alike_ctx *c = pick(s, r);
	EVP_PKEY *const senders[] = { s->all->peers[c->key], s->all->publics[c->key], s->keys[c->key],
				      s->all->peers[alike_below(r, ALIKE_KEYS)] };
	size_t which = alike_below(r, ARRAY_LEN(senders));
	bool opens = alike_chance(r, 50);

	alike_say(s, "auth_%s_init, %zu", opens ? "decapsulate" : "encapsulate", which);
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
	alike_gives(s, (opens ? EVP_PKEY_auth_decapsulate_init : EVP_PKEY_auth_encapsulate_init)(c->ctx, senders[which],
												   NULL));
#else
	alike_say(s, " is not there %d\n", senders[which] != NULL);
#endif
}

/* ---- settings by name ---- */

static const char *const digests[] = { "sha256", "SHA384", "sha512", "SHA1", "md5", "sha3-256", "bogus", "", NULL };
static const char *const pads[] = { "pkcs1", "pss", "oaep", "none", "x931", "tls", "1", "6", "bogus", "", NULL };
static const char *const salts[] = { "digest", "max", "auto", "0",   "10",  "20",    "32",   "64",
				     "222",    "1000", "-1",  "-2",  "-3",  "-4",    "-5",   "bogus", "", NULL };
static const char *const labels[] = { "00", "abcd", "", "zz", "616263", NULL };
static const char *const modes[] = { "0", "1", "-1", "2", "bogus", NULL };
static const char *const sizes[] = { "1", "16", "32", "100", "0", "bogus", NULL };
static const char *const kdfs[] = { "X963KDF", "", "HKDF", "bogus", NULL };

static const char *const nonces[] = { "0", "1", "bogus", NULL };
static const char *const kems[] = { "DHKEM", "RSASVE", "dhkem", "bogus", "", NULL };
static const char *const seeds[] = {
	"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
	"38393a3b3c3d3e3f4041",
	"0001", "", "zz", NULL
};

static const struct by_name {
	const char *name;
	const char *const *values;
} settings[] = {
	{ "rsa_padding_mode", pads },
	{ "rsa_padding_mode", pads },
	{ "rsa_pss_saltlen", salts },
	{ "rsa_pss_saltlen", salts },
	{ "rsa_mgf1_md", digests },
	{ "rsa_oaep_md", digests },
	{ "rsa_oaep_label", labels },
	{ "digest", digests },
	{ "operation", kems },
	{ "hexikme", seeds },
	{ "nonce-type", nonces },
	{ "ecdh_cofactor_mode", modes },
	{ "ecdh_kdf_md", digests },
	{ "kdf-type", kdfs },
	{ "kdf-digest", digests },
	{ "kdf-outlen", sizes },
	{ "kdf-ukm", labels },
	{ "hexkdf-ukm", labels },
	{ "pad-mode", pads },
	{ "saltlen", salts },
	{ "mgf1-digest", digests },
	{ "ecdh-cofactor-mode", modes },
	{ "rsa_keygen_bits", sizes },
	{ "ec_paramgen_curve", digests },
	{ "bogus", sizes },
};

static const char *pick_value(const struct by_name *b, struct alike_rng *r)
{
	uint32_t n = 0;

	while (b->values[n])
		n++;
	return b->values[alike_below(r, n)];
}

static bool is_for(const struct by_name *b, size_t key)
{
	bool kdf = strstr(b->name, "kdf") || strstr(b->name, "ecdh");

	if (strcmp(b->name, "operation") == 0 || strcmp(b->name, "hexikme") == 0)
		return true;
	if (strncmp(alike_keys[key].type, "RSA", 3) == 0)
		return !kdf;
	return kdf || strcmp(b->name, "digest") == 0 || strcmp(b->name, "nonce-type") == 0;
}

static const struct by_name *pick_name(size_t key, struct alike_rng *r)
{
	const struct by_name *b = &ALIKE_PICK(r, settings);

	for (int i = 0; i < 6 && !is_for(b, key); i++)
		b = &ALIKE_PICK(r, settings);
	return b;
}

static void set_by_name(struct alike_side *s, struct alike_rng *r)
{
	struct alike_ctx *c = pick(s, r);
	const struct by_name *b = pick_name(c->key, r);
	const char *value = pick_value(b, r);

	alike_say(s, "%s:%s", b->name, value);
	alike_gives(s, EVP_PKEY_CTX_ctrl_str(c->ctx, b->name, value));
}

/* ---- settings by function ---- */

static const EVP_MD *md_of(const char *name)
{
	return EVP_get_digestbyname(name);
}

static int set_padding(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	static const int all[] = { 1, 3, 4, 5, 6, 7, 0, 99, 6, 4 };
	int pad = ALIKE_PICK(r, all);

	alike_say(s, "rsa_padding %d", pad);
	return EVP_PKEY_CTX_set_rsa_padding(ctx, pad);
}

static int set_salt(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	static const int all[] = { -1, -2, -3, -4, 0, 20, 32, 48, 64, 190, 222, 223, 1000, -9 };
	int salt = ALIKE_PICK(r, all);

	alike_say(s, "rsa_pss_saltlen %d", salt);
	return EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt);
}

static int set_mgf1(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	const char *md = alike_digest(r);
	bool by_name = alike_chance(r, 50);

	alike_say(s, "rsa_mgf1_md%s %s", by_name ? "_name" : "", md);
	return by_name ? EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, md, NULL)
		       : EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md_of(md));
}

static int set_md(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	const char *md = alike_digest(r);

	alike_say(s, "signature_md %s", md);
	return EVP_PKEY_CTX_set_signature_md(ctx, md_of(md));
}

static int set_oaep(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	const char *md = alike_digest(r);
	bool by_name = alike_chance(r, 50);

	alike_say(s, "rsa_oaep_md%s %s", by_name ? "_name" : "", md);
	return by_name ? EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, md, NULL)
		       : EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md_of(md));
}

/* Octets that the context takes over, if it takes them. */
static int set0(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r, const char *what,
		int (*take)(EVP_PKEY_CTX *ctx, unsigned char *p, int n))
{
	int n = (int)alike_below(r, 20), ret;
	unsigned char *p = n ? OPENSSL_zalloc((size_t)n) : NULL;

	alike_say(s, "%s of %d", what, n);
	if (p)
		alike_fill(r, p, (size_t)n);
	ret = take(ctx, p, n);
	if (ret <= 0)
		OPENSSL_free(p);
	return ret;
}

static int take_label(EVP_PKEY_CTX *ctx, unsigned char *p, int n)
{
	return EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, p, n);
}

static int set_label(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	return set0(s, ctx, r, "rsa_oaep_label", take_label);
}

static int set_kdf(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	static const int all[] = { EVP_PKEY_ECDH_KDF_NONE, EVP_PKEY_ECDH_KDF_X9_63, EVP_PKEY_ECDH_KDF_X9_63, -2, 7 };
	int kdf = ALIKE_PICK(r, all);

	alike_say(s, "ecdh_kdf_type %d", kdf);
	return EVP_PKEY_CTX_set_ecdh_kdf_type(ctx, kdf);
}

static int set_kdf_md(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	const char *md = alike_digest(r);

	alike_say(s, "ecdh_kdf_md %s", md);
	return EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, md_of(md));
}

static int set_kdf_size(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	static const int all[] = { 1, 16, 32, 100, 500, 0, -1 };
	int n = ALIKE_PICK(r, all);

	alike_say(s, "ecdh_kdf_outlen %d", n);
	return EVP_PKEY_CTX_set_ecdh_kdf_outlen(ctx, n);
}

static int set_ukm(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	return set0(s, ctx, r, "ecdh_kdf_ukm", EVP_PKEY_CTX_set0_ecdh_kdf_ukm);
}

static int set_cofactor(struct alike_side *s, EVP_PKEY_CTX *ctx, struct alike_rng *r)
{
	int mode = (int)alike_below(r, 5) - 2;

	alike_say(s, "ecdh_cofactor_mode %d", mode);
	return EVP_PKEY_CTX_set_ecdh_cofactor_mode(ctx, mode);
}

static void set_by_function(struct alike_side *s, struct alike_rng *r)
{
	static int (*const rsa[])(struct alike_side *, EVP_PKEY_CTX *, struct alike_rng *) = {
		set_padding, set_padding, set_salt, set_mgf1, set_md, set_oaep, set_label,
	};
	static int (*const ec[])(struct alike_side *, EVP_PKEY_CTX *, struct alike_rng *) = {
		set_kdf, set_kdf, set_kdf_md, set_kdf_size, set_ukm, set_cofactor, set_md,
	};
	struct alike_ctx *c = pick(s, r);
	bool is_rsa = (strncmp(alike_keys[c->key].type, "RSA", 3) == 0) != alike_chance(r, 5);

	alike_gives(s, (is_rsa ? ALIKE_PICK(r, rsa) : ALIKE_PICK(r, ec))(s, c->ctx, r));
}

/* Numbers where names may be, and the other way round. */
static void set_by_params(struct alike_side *s, struct alike_rng *r)
{
	static const char *const numbers[] = { "pad-mode", "saltlen", "ecdh-cofactor-mode", "kdf-outlen", "digest",
					       "tls-client-version", "mgf1-digest", "bogus" };
	static const int values[] = { 0, 1, 3, 4, 5, 6, 7, -1, -2, 20, 32, 0x303 };
	struct alike_ctx *c = pick(s, r);
	const char *name = ALIKE_PICK(r, numbers);
	int value = ALIKE_PICK(r, values);
	size_t size = (size_t)value;
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_int(name, &value), OSSL_PARAM_construct_end() };

	if (alike_chance(r, 30) && value >= 0)
		params[0] = OSSL_PARAM_construct_size_t(name, &size);
	alike_say(s, "%s as a number %d", name, value);
	alike_gives(s, EVP_PKEY_CTX_set_params(c->ctx, params));
}

/* ---- questions ---- */

static void say_text(struct alike_side *s, EVP_PKEY_CTX *ctx, const char *name)
{
	char value[80] = "";
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_utf8_string(name, value, sizeof value),
				 OSSL_PARAM_construct_end() };

	alike_say(s, "%s", name);
	alike_gives(s, EVP_PKEY_CTX_get_params(ctx, params));
	alike_say(s, "  '%s' %zd\n", value, (ssize_t)params[0].return_size);
}

static void say_number(struct alike_side *s, EVP_PKEY_CTX *ctx, const char *name)
{
	int value = 12345;
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_int(name, &value), OSSL_PARAM_construct_end() };

	alike_say(s, "%s as a number", name);
	alike_gives(s, EVP_PKEY_CTX_get_params(ctx, params));
	alike_say(s, "  %d\n", value);
}

static void say_octets(struct alike_side *s, EVP_PKEY_CTX *ctx, const char *name)
{
	uint8_t value[200];
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_octet_string(name, value, sizeof value),
				 OSSL_PARAM_construct_end() };
	int ret = EVP_PKEY_CTX_get_params(ctx, params);

	alike_say(s, "%s", name);
	alike_gives(s, ret);
	if (ret == 1 && OSSL_PARAM_modified(params))
		alike_bytes(s, name, value, params[0].return_size);
}

static void ask(struct alike_side *s, struct alike_rng *r)
{
	static const struct {
		const char *name;
		void (*say)(struct alike_side *s, EVP_PKEY_CTX *ctx, const char *name);
	} rows[] = {
		{ "digest", say_text },	       { "pad-mode", say_text },      { "pad-mode", say_number },
		{ "saltlen", say_text },       { "saltlen", say_number },     { "mgf1-digest", say_text },
		{ "digest-size", say_number }, { "algorithm-id", say_octets }, { "kdf-type", say_text },
		{ "kdf-digest", say_text },    { "kdf-outlen", say_number },  { "ecdh-cofactor-mode", say_number },
		{ "oaep-label", say_octets },  { "tls-client-version", say_number },
	};
	struct alike_ctx *c = pick(s, r);
	size_t i = alike_below(r, ARRAY_LEN(rows));

	if (!(c->copied && rows[i].say == say_octets))
		rows[i].say(s, c->ctx, rows[i].name);
}

static void say_md(struct alike_side *s, int ret, const EVP_MD **md)
{
	alike_gives(s, ret);
	alike_say(s, "  %s\n", ret == 1 && *md ? EVP_MD_get0_name(*md) : "-");
	*md = NULL;
}

/* libcrypto 3.0 crashes where it looks for a padding's name and there is none. */
static bool has_padding(EVP_PKEY_CTX *ctx)
{
	char value[80] = "";
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_utf8_string("pad-mode", value, sizeof value),
				 OSSL_PARAM_construct_end() };

	return EVP_PKEY_CTX_get_params(ctx, params) == 1 && *value;
}

static void ask_by_function(struct alike_side *s, struct alike_rng *r)
{
	struct alike_ctx *c = pick(s, r);
	const EVP_MD *md = NULL;
	char name[80] = "";
	unsigned char *p = NULL;
	int n = -77;

	alike_say(s, "operation %d\n  padding", EVP_PKEY_CTX_get_operation(c->ctx));
	if (has_padding(c->ctx))
		alike_gives(s, EVP_PKEY_CTX_get_rsa_padding(c->ctx, &n));
	alike_say(s, "  %d\n  saltlen", n);
	alike_gives(s, EVP_PKEY_CTX_get_rsa_pss_saltlen(c->ctx, &n));
	alike_say(s, "  %d\n  mgf1", n);
	alike_gives(s, EVP_PKEY_CTX_get_rsa_mgf1_md_name(c->ctx, name, sizeof name));
	alike_say(s, "  %s\n  signature", name);
	*name = '\0';
	say_md(s, EVP_PKEY_CTX_get_signature_md(c->ctx, &md), &md);
	alike_say(s, "  oaep");
	alike_gives(s, EVP_PKEY_CTX_get_rsa_oaep_md_name(c->ctx, name, sizeof name));
	alike_say(s, "  %s\n  label", name);
	n = EVP_PKEY_CTX_get0_rsa_oaep_label(c->ctx, &p);
	alike_gives(s, n);
	alike_say(s, "  cofactor");
	alike_gives(s, EVP_PKEY_CTX_get_ecdh_cofactor_mode(c->ctx));
	alike_say(s, "  kdf");
	alike_gives(s, EVP_PKEY_CTX_get_ecdh_kdf_type(c->ctx));
	alike_say(s, "  outlen");
	n = -77;
	alike_gives(s, EVP_PKEY_CTX_get_ecdh_kdf_outlen(c->ctx, &n));
	alike_say(s, "  %d\n  ukm", n);
	p = NULL;
	n = EVP_PKEY_CTX_get0_ecdh_kdf_ukm(c->ctx, &p);
	alike_gives(s, n);
	if (n > 0 && p)
		alike_bytes(s, "ukm", p, (size_t)n);
}

static void say_list(struct alike_side *s, const char *what, const OSSL_PARAM *list)
{
	alike_say(s, "%s:", what);
	for (; list && list->key; list++)
		alike_say(s, " %s/%u", list->key, list->data_type);
	alike_say(s, "%s\n", list ? "" : " none");
}

static void ask_lists(struct alike_side *s, struct alike_rng *r)
{
	struct alike_ctx *c = pick(s, r);

	alike_say(s, "%s operation %d ", alike_keys[c->key].name, EVP_PKEY_CTX_get_operation(c->ctx));
	say_list(s, "settable", EVP_PKEY_CTX_settable_params(c->ctx));
	say_list(s, "gettable", EVP_PKEY_CTX_gettable_params(c->ctx));
	alike_say(s, "is %d", EVP_PKEY_CTX_is_a(c->ctx, alike_keys[c->key].type));
	alike_gives(s, EVP_PKEY_CTX_get0_pkey(c->ctx) == s->keys[c->key]);
}

static void check(struct alike_side *s, struct alike_rng *r)
{
	static const struct {
		const char *name;
		int (*check)(EVP_PKEY_CTX *ctx);
	} rows[] = {
		{ "check", EVP_PKEY_check },
		{ "public_check", EVP_PKEY_public_check },
		{ "public_check_quick", EVP_PKEY_public_check_quick },
		{ "param_check", EVP_PKEY_param_check },
		{ "param_check_quick", EVP_PKEY_param_check_quick },
		{ "private_check", EVP_PKEY_private_check },
		{ "pairwise_check", EVP_PKEY_pairwise_check },
	};
	struct alike_ctx *c = pick(s, r);
	size_t i = alike_below(r, ARRAY_LEN(rows));

	alike_say(s, "%s %s", rows[i].name, alike_keys[c->key].name);
	alike_gives(s, rows[i].check(c->ctx));
}

static void operate(struct alike_side *s, struct alike_rng *r)
{
	alike_operate(s, r, pick(s, r));
}

const struct alike_step alike_ctx_steps[] = {
	{ "ctx-new", 6, make },
	{ "ctx-dup", 10, copy },
	{ "ctx-init", 30, set_up },
	{ "ctx-init-ex", 12, set_up_with },
	{ "ctx-init-auth", 6, set_up_authenticated },
	{ "ctx-ctrl", 30, set_by_name },
	{ "ctx-set", 25, set_by_function },
	{ "ctx-params", 8, set_by_params },
	{ "ctx-get", 20, ask },
	{ "ctx-getters", 6, ask_by_function },
	{ "ctx-lists", 4, ask_lists },
	{ "ctx-check", 5, check },
	{ "ctx-use", 45, operate },
	{ NULL, 0, NULL },
};
