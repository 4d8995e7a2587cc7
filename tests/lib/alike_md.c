/* alike_md - steps with an EVP_MD_CTX that signs or verifies (alike.h). */
#include "tests/lib/alike.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

static struct alike_md *pick(struct alike_side *s, struct alike_rng *r)
{
	size_t i = alike_below(r, ALIKE_CTXS);

	alike_say(s, "md%zu ", i);
	if (!s->mds[i].ctx) {
		s->mds[i].ctx = EVP_MD_CTX_new();
		s->mds[i].key = s->all->key;
	}
	return &s->mds[i];
}

static bool is_set_up(const struct alike_md *m)
{
	return m->operation && EVP_MD_CTX_get_pkey_ctx(m->ctx);
}

/* libcrypto 3.0 does not look before it calls. */
static bool is_for(const struct alike_md *m, int operation)
{
	return is_set_up(m) && m->operation == operation;
}

static bool takes_pieces(const struct alike_md *m)
{
	return !alike_is(m->key, "ED25519") && !alike_is(m->key, "ED448");
}

static const char *digest_for(size_t key, struct alike_rng *r)
{
	bool takes_none = alike_is(key, "ED25519") || alike_is(key, "ED448");

	return takes_none != alike_chance(r, 10) ? NULL : alike_digest(r);
}

/* A context that has a key already keeps it, whatever key it is given. */
static void settle(struct alike_side *s, struct alike_md *m, int ret, bool signs)
{
	EVP_PKEY_CTX *inner = EVP_MD_CTX_get_pkey_ctx(m->ctx);
	EVP_PKEY *key = inner ? EVP_PKEY_CTX_get0_pkey(inner) : NULL;

	m->operation = ret != 1 ? 0 : signs ? EVP_PKEY_OP_SIGNCTX : EVP_PKEY_OP_VERIFYCTX;
	for (size_t i = 0; i < ALIKE_KEYS; i++)
		if (s->keys[i] == key)
			m->key = i;
}

typedef int starter(EVP_MD_CTX *, EVP_PKEY_CTX **, const char *, OSSL_LIB_CTX *, const char *, EVP_PKEY *,
		    const OSSL_PARAM *);

static void start(struct alike_side *s, struct alike_rng *r)
{
	struct alike_md *m = pick(s, r);
	bool signs = alike_chance(r, 70), again = alike_chance(r, 12) && is_set_up(m), old = alike_chance(r, 30);
	starter *init = signs ? EVP_DigestSignInit_ex : EVP_DigestVerifyInit_ex;
	size_t key = again ? m->key : alike_pick_key(s, r);
	const char *md = digest_for(key, r);
	bool anew = !again && alike_chance(r, 80);
	EVP_PKEY *pkey = again ? NULL : s->keys[key];
	EVP_PKEY_CTX *inner = NULL;
	int ret;

	alike_say(s, "%s%s %s, digest %s%s", signs ? "sign-init" : "verify-init", old ? "" : "_ex",
		  alike_keys[key].name, md ? md : "-", again ? ", again" : "");
	if (anew)
		EVP_MD_CTX_reset(m->ctx);
	m->copied = m->copied && !anew;
	m->key = key;
	m->fed.n = 0;
	if (old)
		ret = (signs ? EVP_DigestSignInit : EVP_DigestVerifyInit)(
			m->ctx, &inner, md ? EVP_get_digestbyname(md) : NULL, NULL, pkey);
	else
		ret = init(m->ctx, &inner, md, NULL, NULL, pkey, NULL);
	alike_gives(s, ret);
	settle(s, m, ret, signs);
	alike_say(s, "  inner %d\n", inner && inner == EVP_MD_CTX_get_pkey_ctx(m->ctx));
}

static void start_with(struct alike_side *s, struct alike_rng *r)
{
	static const char *const pads[] = { "pss", "pss", "pkcs1", "x931", "none", "oaep", "bogus" };
	static const char *const salts[] = { "digest", "max", "auto", "0", "32", "bogus" };
	struct alike_md *m = pick(s, r);
	const char *pad = ALIKE_PICK(r, pads), *salt = ALIKE_PICK(r, salts);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string("pad-mode", (char *)(uintptr_t)pad, 0),
		OSSL_PARAM_construct_utf8_string("saltlen", (char *)(uintptr_t)salt, 0),
		OSSL_PARAM_construct_end(),
	};
	size_t skip = alike_below(r, 3) == 0 ? 1 : 0;
	bool signs = alike_chance(r, 70);
	const char *md;
	int ret;

	m->key = alike_pick_key(s, r);
	m->fed.n = 0;
	md = digest_for(m->key, r);
	alike_say(s, "%s %s, digest %s, %s%s", signs ? "sign-init" : "verify-init", alike_keys[m->key].name,
		  md ? md : "-", skip ? "" : pad, salt);
	ret = (signs ? EVP_DigestSignInit_ex : EVP_DigestVerifyInit_ex)(m->ctx, NULL, md, NULL, NULL, s->keys[m->key],
									params + skip);
	alike_gives(s, ret);
	settle(s, m, ret, signs);
}

static void update(struct alike_side *s, struct alike_rng *r)
{
	struct alike_md *m = pick(s, r);
	uint8_t data[300];
	size_t n = alike_below(r, sizeof data);
	bool signs = alike_chance(r, 80);
	int ret;

	alike_fill(r, data, n);
	alike_say(s, "%s-update %zu", signs ? "sign" : "verify", n);
	if (!is_for(m, signs ? EVP_PKEY_OP_SIGNCTX : EVP_PKEY_OP_VERIFYCTX))
		return;
	ret = (signs ? EVP_DigestSignUpdate : EVP_DigestVerifyUpdate)(m->ctx, data, n);
	alike_gives(s, ret);
	if (ret == 1 && m->fed.n + n <= sizeof m->fed.p) {
		memcpy(m->fed.p + m->fed.n, data, n);
		m->fed.n += n;
	}
}

/* Of what size the room is; SIZE_MAX: the size is asked for. */
static size_t draw_room(const struct alike_side *s, const struct alike_md *m, struct alike_rng *r)
{
	size_t size = (size_t)EVP_PKEY_get_size(s->all->publics[m->key]);

	switch (alike_below(r, 8)) {
	case 0:
		return SIZE_MAX;
	case 1:
		return size - 1;
	case 2:
		return alike_below(r, 60);
	default:
		return size + (alike_chance(r, 20) ? 40 : 0);
	}
}

static void say_signed(struct alike_side *s, struct alike_md *m, const uint8_t *out, size_t n, size_t room)
{
	if (room == SIZE_MAX) {
		alike_say(s, "  needs %zu\n", n);
		return;
	}
	memmove(s->sig.p, out, n);
	s->sig.n = n;
	alike_signature(s, EVP_MD_CTX_get_pkey_ctx(m->ctx), m->key, &s->sig, m->fed.p, m->fed.n, true);
}

static void finish(struct alike_side *s, struct alike_rng *r)
{
	struct alike_md *m = pick(s, r);
	size_t room = draw_room(s, m, r), n = room == SIZE_MAX ? 7 : room;
	uint8_t *out = alike_room();
	int ret;

	alike_say(s, "sign-final, room %zd", (ssize_t)room);
	if (!is_for(m, EVP_PKEY_OP_SIGNCTX) || !takes_pieces(m))
		return;
	ret = EVP_DigestSignFinal(m->ctx, room == SIZE_MAX ? NULL : out, &n);
	alike_gives(s, ret);
	alike_room_end(s, room == SIZE_MAX ? 0 : room);
	if (ret == 1)
		say_signed(s, m, out, n, room);
}

static void at_once(struct alike_side *s, struct alike_rng *r)
{
	struct alike_md *m = pick(s, r);
	size_t room = draw_room(s, m, r), n = room == SIZE_MAX ? 7 : room, data_n = alike_below(r, 200);
	uint8_t *out = alike_room(), data[200];
	int ret;

	alike_fill(r, data, data_n);
	alike_say(s, "sign %zu at once, room %zd", data_n, (ssize_t)room);
	if (!is_for(m, EVP_PKEY_OP_SIGNCTX) || m->fed.n + data_n > sizeof m->fed.p)
		return;
	ret = EVP_DigestSign(m->ctx, room == SIZE_MAX ? NULL : out, &n, data, data_n);
	alike_gives(s, ret);
	alike_room_end(s, room == SIZE_MAX ? 0 : room);
	if (ret != 1)
		return;
	if (room != SIZE_MAX) {
		memcpy(m->fed.p + m->fed.n, data, data_n);
		m->fed.n += data_n;
	}
	say_signed(s, m, out, n, room);
}

static void verify(struct alike_side *s, struct alike_rng *r)
{
	struct alike_md *m = pick(s, r);
	const struct alike_bytes *sig = &s->all->sig;
	bool once = alike_chance(r, 50);

	alike_say(s, "verify%s, signature %zu", once ? " at once" : "-final", sig->n);
	if (!is_for(m, EVP_PKEY_OP_VERIFYCTX) || !(once || takes_pieces(m)))
		return;
	if (once)
		alike_gives(s, EVP_DigestVerify(m->ctx, sig->p, sig->n, m->fed.p, m->fed.n));
	else
		alike_gives(s, EVP_DigestVerifyFinal(m->ctx, sig->p, sig->n));
}

/* libcrypto 3.5 crashes where one or the other was used already. */
static bool may_be_copied(const struct alike_md *m)
{
	return OpenSSL_version_num() < 0x30100000UL || !EVP_MD_CTX_get_pkey_ctx(m->ctx);
}

static void copy(struct alike_side *s, struct alike_rng *r)
{
	struct alike_md *from = pick(s, r), *to = pick(s, r);
	int ret;

	if (from == to || !may_be_copied(from) || !may_be_copied(to))
		return;
	ret = EVP_MD_CTX_copy_ex(to->ctx, from->ctx);
	alike_gives(s, ret);
	if (ret == 1) {
		to->key = from->key;
		to->operation = from->operation;
		to->copied = true;
		to->fed = from->fed;
	}
}

static void reset(struct alike_side *s, struct alike_rng *r)
{
	struct alike_md *m = pick(s, r);

	m->fed.n = 0;
	m->operation = 0;
	m->copied = false;
	if (alike_chance(r, 50)) {
		alike_gives(s, EVP_MD_CTX_reset(m->ctx));
	} else {
		EVP_MD_CTX_free(m->ctx);
		m->ctx = NULL;
	}
}

/* Settings of the context inside, as s_server and cms do it. */
static void set_inside(struct alike_side *s, struct alike_rng *r)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{ "rsa_padding_mode", "pss" }, { "rsa_padding_mode", "pkcs1" }, { "rsa_padding_mode", "x931" },
		{ "rsa_padding_mode", "oaep" }, { "rsa_pss_saltlen", "digest" }, { "rsa_pss_saltlen", "max" },
		{ "rsa_pss_saltlen", "auto" }, { "rsa_pss_saltlen", "20" },	{ "rsa_mgf1_md", "sha1" },
		{ "rsa_mgf1_md", "sha512" },   { "rsa_mgf1_md", "bogus" },	{ "digest", "sha512" },
		{ "digest", "sha256" },	       { "bogus", "1" },
	};
	struct alike_md *m = pick(s, r);
	size_t i = alike_below(r, ARRAY_LEN(rows));

	alike_say(s, "%s:%s", rows[i].name, rows[i].value);
	if (is_set_up(m))
		alike_gives(s, EVP_PKEY_CTX_ctrl_str(EVP_MD_CTX_get_pkey_ctx(m->ctx), rows[i].name, rows[i].value));
}

static void ask_inside(struct alike_side *s, struct alike_rng *r)
{
	static const char *const names[] = { "algorithm-id", "algorithm-id", "digest", "pad-mode", "saltlen" };
	struct alike_md *m = pick(s, r);
	const char *name = ALIKE_PICK(r, names);
	uint8_t value[200] = { 0 };
	bool octets = strcmp(name, "algorithm-id") == 0;
	OSSL_PARAM params[2] = { octets ? OSSL_PARAM_construct_octet_string(name, value, sizeof value)
					: OSSL_PARAM_construct_utf8_string(name, (char *)value, sizeof value),
				 OSSL_PARAM_construct_end() };
	int ret;

	alike_say(s, "%s", name);
	if (!is_set_up(m) || (octets && m->copied))
		return;
	ret = EVP_PKEY_CTX_get_params(EVP_MD_CTX_get_pkey_ctx(m->ctx), params);
	alike_gives(s, ret);
	if (ret == 1 && OSSL_PARAM_modified(params))
		alike_bytes(s, name, value, params[0].return_size);
	alike_say(s, "  md %s\n", EVP_MD_CTX_get0_md(m->ctx) ? EVP_MD_get0_name(EVP_MD_CTX_get0_md(m->ctx)) : "-");
}

/* The functions of before 1.0. */
static void sign_old(struct alike_side *s, struct alike_rng *r)
{
	size_t key = alike_pick_key(s, r);
	const char *name = alike_digest(r);
	const EVP_MD *md = EVP_get_digestbyname(name);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	struct alike_bytes sig, data = { .n = alike_below(r, 100) };
	unsigned n = 0;
	int ret = 0;

	alike_fill(r, data.p, data.n);
	alike_say(s, "EVP_SignFinal %s %s", alike_keys[key].name, name);
	if (md && EVP_SignInit(c, md) && EVP_SignUpdate(c, data.p, data.n))
		ret = EVP_SignFinal(c, sig.p, &n, s->keys[key]);
	alike_gives(s, ret);
	if (ret == 1 && EVP_VerifyInit(c, md) && EVP_VerifyUpdate(c, data.p, data.n))
		alike_say(s, "  verifies %d\n", EVP_VerifyFinal(c, sig.p, n, s->all->publics[key]));
	if (ret == 1 && EVP_VerifyInit(c, md) && EVP_VerifyUpdate(c, data.p, data.n))
		alike_say(s, "  verifies by itself %d\n", EVP_VerifyFinal(c, sig.p, n, s->keys[key]));
	ERR_clear_error();
	EVP_MD_CTX_free(c);
}

const struct alike_step alike_md_steps[] = {
	{ "md-init", 30, start },
	{ "md-init-params", 10, start_with },
	{ "md-update", 30, update },
	{ "md-final", 30, finish },
	{ "md-sign", 20, at_once },
	{ "md-verify", 20, verify },
	{ "md-copy", 15, copy },
	{ "md-reset", 4, reset },
	{ "md-set", 15, set_inside },
	{ "md-get", 12, ask_inside },
	{ "md-old", 6, sign_old },
	{ NULL, 0, NULL },
};
