/* alike_use - what an EVP_PKEY_CTX is for: sign, verify, recover, encrypt, decrypt, derive, encapsulate (alike.h). */
#include "tests/lib/alike.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

/* How much room is given of `size`, SIZE_MAX: none, only the size is asked for. */
static size_t pick_room(struct alike_rng *r, size_t size)
{
	switch (alike_below(r, 10)) {
	case 0:
		return SIZE_MAX;
	case 1:
		return size - 1;
	case 2:
		return alike_below(r, 100);
	case 3:
	case 4:
		return size + 100;
	default:
		return size;
	}
}

static size_t size_of(const struct alike_side *s, size_t key)
{
	return (size_t)EVP_PKEY_get_size(s->all->publics[key]);
}

/* What came of a call that was given `room` bytes: whether it was done. */
static bool done(struct alike_side *s, int ret, size_t room)
{
	alike_gives(s, ret);
	alike_room_end(s, room == SIZE_MAX ? 0 : room);
	return ret == 1;
}

/* ---- what a signature is worth ---- */

struct made_by {
	char digest[64], pad[32], mgf1[64], salt[32];
};

static void ask(EVP_PKEY_CTX *ctx, const char *name, char *value, size_t room)
{
	OSSL_PARAM params[2] = { OSSL_PARAM_construct_utf8_string(name, value, room),
				 OSSL_PARAM_construct_end() };

	*value = '\0';
	if (EVP_PKEY_CTX_get_params(ctx, params) != 1)
		*value = '\0';
}

static void read_made_by(EVP_PKEY_CTX *ctx, struct made_by *m)
{
	ask(ctx, OSSL_SIGNATURE_PARAM_DIGEST, m->digest, sizeof m->digest);
	ask(ctx, OSSL_SIGNATURE_PARAM_PAD_MODE, m->pad, sizeof m->pad);
	*m->mgf1 = *m->salt = '\0';
	if (strcmp(m->pad, "pss") == 0) {
		ask(ctx, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, m->mgf1, sizeof m->mgf1);
		ask(ctx, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, m->salt, sizeof m->salt);
	}
	ERR_clear_error();
}

/* The longest salt, where none is named by its length. */
static int salt_of(const struct made_by *m, int bits, const EVP_MD *md)
{
	int value = 0;

	if (strcmp(m->salt, "digest") == 0)
		return RSA_PSS_SALTLEN_DIGEST;
	if (sscanf(m->salt, "%d", &value) == 1)
		return value;
	return (bits + 6) / 8 - (md ? EVP_MD_get_size(md) : 0) - 2;
}

static int verify(EVP_PKEY *key, const struct made_by *m, const struct alike_bytes *sig, const uint8_t *input, size_t n)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	const EVP_MD *md = *m->digest ? EVP_get_digestbyname(m->digest) : NULL;
	int ok = EVP_PKEY_verify_init(ctx);

	if (ok == 1 && *m->pad)
		ok = EVP_PKEY_CTX_ctrl_str(ctx, "rsa_padding_mode", m->pad);
	if (ok == 1 && md)
		ok = EVP_PKEY_CTX_set_signature_md(ctx, md);
	if (ok == 1 && *m->mgf1)
		ok = EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, m->mgf1, NULL);
	if (ok == 1 && *m->salt)
		ok = EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt_of(m, EVP_PKEY_get_bits(key), md));
	if (ok == 1)
		ok = EVP_PKEY_verify(ctx, sig->p, sig->n, input, n);
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

static int verify_whole(EVP_PKEY *key, const struct alike_bytes *sig, const uint8_t *input, size_t n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int ok = EVP_DigestVerifyInit_ex(c, NULL, NULL, NULL, NULL, key, NULL) == 1
			 ? EVP_DigestVerify(c, sig->p, sig->n, input, n)
			 : -9;

	EVP_MD_CTX_free(c);
	ERR_clear_error();
	return ok;
}

void alike_signature(struct alike_side *s, EVP_PKEY_CTX *ctx, size_t key, const struct alike_bytes *sig,
		     const uint8_t *input, size_t n, bool digest_it)
{
	EVP_PKEY *public = s->all->publics[key];
	struct made_by m;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned digest_n = 0;

	if (alike_is(key, "ED25519") || alike_is(key, "ED448")) {
		alike_say(s, "  verifies %d\n", verify_whole(public, sig, input, n));
		alike_bytes(s, "signature", sig->p, sig->n);
		return;
	}
	read_made_by(ctx, &m);
	if (digest_it && EVP_get_digestbyname(m.digest)) {
		EVP_Digest(input, n, digest, &digest_n, EVP_get_digestbyname(m.digest), NULL);
		input = digest;
		n = digest_n;
	}
	alike_say(s, "  by '%s' '%s' '%s' '%s': verifies %d\n", m.digest, m.pad, m.mgf1, m.salt,
		  verify(public, &m, sig, input, n));
	if (*m.pad && strcmp(m.pad, "pss") != 0)
		alike_bytes(s, "signature", sig->p, sig->n);
}

/* ---- signatures ---- */

static void draw_input(struct alike_rng *r, const struct alike_side *s, size_t key, struct alike_bytes *in)
{
	static const size_t sizes[] = { 32, 32, 32, 20, 48, 64, 0, 28, 36, 16, 33, 100 };

	in->n = alike_chance(r, 92) ? ALIKE_PICK(r, sizes) : size_of(s, key);
	alike_fill(r, in->p, in->n);
	if (in->n > 100)
		in->p[0] = 0;
}

static void keep(struct alike_bytes *to, const uint8_t *p, size_t n)
{
	memmove(to->p, p, n);
	to->n = n;
}

/* What is signed fits the digest mostly. */
static void fit(struct alike_rng *r, EVP_PKEY_CTX *ctx, struct alike_bytes *in)
{
	struct made_by m;
	const EVP_MD *md;

	read_made_by(ctx, &m);
	md = *m.digest ? EVP_get_digestbyname(m.digest) : NULL;
	if (alike_chance(r, 85) && md && EVP_MD_get_size(md) > 0) {
		in->n = (size_t)EVP_MD_get_size(md);
		memset(in->p, 0x37, in->n);
	}
}

static void sign(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c)
{
	struct alike_bytes in;
	size_t room = pick_room(r, size_of(s, c->key)), n = room == SIZE_MAX ? 7 : room;
	uint8_t *out = alike_room();
	int ret;

	draw_input(r, s, c->key, &in);
	fit(r, c->ctx, &in);
	alike_say(s, "sign %zu bytes, room %zd", in.n, (ssize_t)room);
	ret = EVP_PKEY_sign(c->ctx, room == SIZE_MAX ? NULL : out, &n, in.p, in.n);
	if (!done(s, ret, room))
		return;
	if (room == SIZE_MAX) {
		alike_say(s, "  needs %zu\n", n);
		return;
	}
	keep(&s->sig, out, n);
	alike_signature(s, c->ctx, c->key, &s->sig, in.p, in.n, false);
}

static void verify_it(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c)
{
	struct alike_bytes in, sig = s->all->sig;

	draw_input(r, s, c->key, &in);
	fit(r, c->ctx, &in);
	if (sig.n == 0 || alike_chance(r, 30)) {
		sig.n = size_of(s, c->key);
		alike_fill(r, sig.p, sig.n);
		sig.p[0] = 0;
	}
	alike_say(s, "verify %zu bytes, signature %zu", in.n, sig.n);
	alike_gives(s, EVP_PKEY_verify(c->ctx, sig.p, sig.n, in.p, in.n));
}

static void recover(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c)
{
	size_t room = pick_room(r, size_of(s, c->key)), n = room == SIZE_MAX ? 7 : room;
	uint8_t *out = alike_room();
	const struct alike_bytes *sig = &s->all->sig;
	int ret;

	alike_say(s, "recover, signature %zu, room %zd", sig->n, (ssize_t)room);
	ret = EVP_PKEY_verify_recover(c->ctx, room == SIZE_MAX ? NULL : out, &n, sig->p, sig->n);
	if (done(s, ret, room))
		alike_bytes(s, "recovered", out, room == SIZE_MAX ? 0 : n);
}

/* ---- encryption ---- */

static void encrypt(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c)
{
	static const size_t sizes[] = { 16, 32, 48, 0, 100, 190, 245, 256, 300 };
	struct alike_bytes in = { .n = ALIKE_PICK(r, sizes) };
	size_t room = pick_room(r, size_of(s, c->key)), n = room == SIZE_MAX ? 7 : room;
	uint8_t *out = alike_room();
	int ret;

	alike_fill(r, in.p, in.n);
	in.p[0] = 0;
	alike_say(s, "encrypt %zu bytes, room %zd", in.n, (ssize_t)room);
	ret = EVP_PKEY_encrypt(c->ctx, room == SIZE_MAX ? NULL : out, &n, in.p, in.n);
	if (!done(s, ret, room))
		return;
	alike_say(s, "  %zu bytes\n", n);
	if (room != SIZE_MAX)
		keep(&s->cipher, out, n);
}

/* The last that was made, sometimes spoilt; a random one where there is none. */
static void draw_cipher(struct alike_rng *r, const struct alike_side *s, size_t key, struct alike_bytes *in)
{
	*in = s->all->cipher;
	if (in->n == 0) {
		in->n = alike_chance(r, 70) ? size_of(s, key) : alike_below(r, 400);
		alike_fill(r, in->p, in->n);
		in->p[0] = 0;
	} else if (alike_chance(r, 15)) {
		in->p[in->n - 1] ^= 1;
	}
}

static void decrypt(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c)
{
	struct alike_bytes in;
	size_t room = pick_room(r, size_of(s, c->key)), n = room == SIZE_MAX ? 7 : room, cut;
	uint8_t *out = alike_room();
	char pad[32];
	int ret;

	draw_cipher(r, s, c->key, &in);
	if (alike_chance(r, 10) && in.n > 0) { /* as from a sender who cuts zeros off */
		cut = 1 + alike_below(r, (uint32_t)in.n);
		in.n -= cut;
		memmove(in.p, in.p + cut, in.n);
	}
	ask(c->ctx, OSSL_ASYM_CIPHER_PARAM_PAD_MODE, pad, sizeof pad);
	ERR_clear_error();
	alike_say(s, "decrypt %zu bytes by %s, room %zd", in.n, pad, (ssize_t)room);
	ret = EVP_PKEY_decrypt(c->ctx, room == SIZE_MAX ? NULL : out, &n, in.p, in.n);
	alike_gives(s, ret);
	if (ret == 1 && room != SIZE_MAX)
		alike_bytes(s, "plain", out, n);
	if (ret == 1 && room == SIZE_MAX)
		alike_say(s, "  needs %zu\n", n);
	alike_room_end(s, room == SIZE_MAX ? 0 : room);
}

/* ---- key agreement ---- */

/* The other side's key: of the same kind mostly. */
static EVP_PKEY *draw_peer(struct alike_side *s, struct alike_rng *r, size_t key, const char **ret_what)
{
	switch (alike_below(r, 8)) {
	case 0:
		*ret_what = "own";
		return s->keys[key];
	case 1:
		*ret_what = "the file's public half";
		return s->all->publics[key];
	case 2:
		*ret_what = "the token's";
		return s->all->token.keys[key];
	case 3:
		*ret_what = "the file's";
		return s->all->file.keys[key];
	case 4:
		*ret_what = "one of another kind";
		return s->all->peers[alike_below(r, ALIKE_KEYS)];
	default:
		*ret_what = "a peer";
		return s->all->peers[key];
	}
}

static void set_peer(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c)
{
	const char *what;
	EVP_PKEY *peer = draw_peer(s, r, c->key, &what);
	int validate = alike_chance(r, 50);

	alike_say(s, "set_peer_ex %s, %d", what, validate);
	alike_gives(s, EVP_PKEY_derive_set_peer_ex(c->ctx, peer, validate));
}

static void derive(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c)
{
	size_t room, n = 7, size = 0;
	uint8_t *out;
	int ret;

	if (alike_chance(r, 60))
		set_peer(s, r, c);
	if (EVP_PKEY_derive(c->ctx, NULL, &size) != 1 || size > 1000)
		size = 66;
	ERR_clear_error();
	room = pick_room(r, size);
	n = room == SIZE_MAX ? 7 : room;
	out = alike_room();
	alike_say(s, "derive, room %zd", (ssize_t)room);
	ret = EVP_PKEY_derive(c->ctx, room == SIZE_MAX ? NULL : out, &n);
	if (!done(s, ret, room))
		return;
	alike_say(s, "  %zu\n", n);
	if (room != SIZE_MAX)
		alike_bytes(s, "secret", out, n);
}

static void encapsulate(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c)
{
	uint8_t *out = alike_room();
	bool sizes = alike_chance(r, 30);
	size_t n = alike_chance(r, 85) ? 512 : alike_below(r, 300), secret_n = alike_chance(r, 85) ? 512 : alike_below(r, 300);
	int ret;

	alike_say(s, "encapsulate%s, room %zu %zu", sizes ? ", sizes" : "", n, secret_n);
	ret = EVP_PKEY_encapsulate(c->ctx, sizes ? NULL : out, &n, sizes ? NULL : out + 512, &secret_n);
	alike_gives(s, ret);
	if (ret == 1)
		alike_say(s, "  %zu %zu\n", n, secret_n);
	if (ret == 1 && !sizes)
		keep(&s->cipher, out, n);
}

static void decapsulate(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c)
{
	struct alike_bytes in;
	size_t room = pick_room(r, size_of(s, c->key)), n = room == SIZE_MAX ? 7 : room;
	uint8_t *out = alike_room();
	int ret;

	draw_cipher(r, s, c->key, &in);
	alike_say(s, "decapsulate %zu bytes, room %zd", in.n, (ssize_t)room);
	ret = EVP_PKEY_decapsulate(c->ctx, room == SIZE_MAX ? NULL : out, &n, in.p, in.n);
	if (!done(s, ret, room))
		return;
	alike_say(s, "  %zu\n", n);
	if (room != SIZE_MAX)
		alike_bytes(s, "secret", out, n);
}

static const struct use {
	int operation;
	void (*run)(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c);
} uses[] = {
	{ EVP_PKEY_OP_SIGN, sign },
	{ EVP_PKEY_OP_VERIFY, verify_it },
	{ EVP_PKEY_OP_VERIFYRECOVER, recover },
	{ EVP_PKEY_OP_ENCRYPT, encrypt },
	{ EVP_PKEY_OP_DECRYPT, decrypt },
	{ EVP_PKEY_OP_DERIVE, derive },
	{ EVP_PKEY_OP_ENCAPSULATE, encapsulate },
	{ EVP_PKEY_OP_DECAPSULATE, decapsulate },
};

void alike_operate(struct alike_side *s, struct alike_rng *r, struct alike_ctx *c)
{
	int operation = EVP_PKEY_CTX_get_operation(c->ctx);
	const struct use *other = &ALIKE_PICK(r, uses);
	bool odd = alike_chance(r, 6);

	for (size_t i = 0; !odd && i < ARRAY_LEN(uses); i++)
		if (uses[i].operation == operation) {
			uses[i].run(s, r, c);
			return;
		}
	if (EVP_PKEY_CTX_get0_pkey(c->ctx))
		other->run(s, r, c);
}
