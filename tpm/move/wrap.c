/* wrap - the outer wrapper around a key or a secret for a TPM, made without one. */
#include "tpm/move/wrap.h"

#include <string.h>

#include "tpm/move/plain.h"
#include "tpm/wire/policy.h"

#define SEED_BYTES 32 /* of the objects made here: their name algorithm is SHA-256 */

struct uses {
	TPM2_ALG_ID type;
	TPMA_OBJECT may;
};

static const struct uses uses[] = {
	{ TPM2_ALG_RSA, TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT },
	{ TPM2_ALG_ECC, TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT },
	{ TPM2_ALG_SYMCIPHER, TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT },
	/* both, or no TPM takes one without a fixed hash */
	{ TPM2_ALG_KEYEDHASH, TPMA_OBJECT_SIGN_ENCRYPT | TPMA_OBJECT_DECRYPT },
};

static TPMA_OBJECT uses_of(TPM2_ALG_ID type)
{
	for (size_t i = 0; i < ARRAY_LEN(uses); i++)
		if (uses[i].type == type)
			return uses[i].may;
	return 0;
}

/* PolicyAuthValue, so that who moves the key on must know its authValue. */
static enum inro_err duplicable(TPM2B_DIGEST *ret)
{
	enum inro_err e;

	policy_start(ret);
	e = policy_auth_value(ret);
	return e ? e : policy_command(ret, TPM2_CC_Duplicate);
}

enum inro_err wrap_template(const struct wrap_what *what, TPMT_PUBLIC *ret)
{
	TPMT_PUBLIC pub;
	enum inro_err e = plain_public(what->type, what->plain, &pub);

	if (e)
		return e;
	pub.nameAlg = TPM2_ALG_SHA256;
	pub.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA | uses_of(what->type);
	if (what->signs_only)
		pub.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_DECRYPT;
	if (what->duplicable)
		e = duplicable(&pub.authPolicy);
	if (!e)
		*ret = pub;
	return e;
}

/* Part 1, 27.5.3: a symmetric object's unique field is H(seed || value). */
static enum inro_err finish_unique(struct bytes seed, struct bytes value, TPMT_PUBLIC *pub)
{
	const struct bytes parts[] = { seed, value };

	if (pub->type == TPM2_ALG_RSA || pub->type == TPM2_ALG_ECC)
		return INRO_OK;
	return crypt_hash(pub->nameAlg, parts, ARRAY_LEN(parts), &pub->unique.keyedHash);
}

/* What the holder of a decryption key opens: under a seed that only he gets. */
struct envelope {
	const TPMT_PUBLIC *to;
	const TPM2B_NAME *name; /* of the object that it is about */
	const struct secret *seed;
};

static struct bytes of_name(const TPM2B_NAME *n)
{
	return BYTES(n->name, n->size);
}

/* encrypted is what b holds from `at` on: its HMAC goes in front of it (part 1, 23.3.2.3, 24.4). */
static enum inro_err add_integrity(const struct envelope *v, struct buf *b, size_t at)
{
	uint8_t key[64];
	TPM2B_DIGEST mac;
	TPM2_ALG_ID hash = v->to->nameAlg;
	const struct bytes over[] = { BYTES(b->p + at, b->n - at), of_name(v->name) };
	SCOPED(buf) front = { 0 };
	size_t n = crypt_hash_size(hash);
	uint8_t *room;
	enum inro_err e = crypt_kdfa(&(struct crypt_kdf) { .hash = hash,
							   .secret = secret_bytes(v->seed),
							   .label = "INTEGRITY",
							   .bits = n * 8 },
				     key);

	if (!e)
		e = crypt_hmac(hash, BYTES(key, n), over, ARRAY_LEN(over), &mac);
	wipe(key, sizeof(key));
	if (e)
		return e;
	wire_add_2b(&front, BYTES(mac.buffer, mac.size));
	e = buf_err(&front);
	room = e ? NULL : buf_insert(b, at, front.n);
	if (room)
		memcpy(room, front.p, front.n);
	return e ? e : buf_err(b);
}

static enum inro_err encrypt(const struct envelope *v, uint8_t *p, size_t n)
{
	static const uint8_t iv[16];
	uint8_t key[32];
	const TPMT_SYM_DEF_OBJECT *sym = &v->to->parameters.asymDetail.symmetric;
	size_t bits = sym->keyBits.aes;
	enum inro_err e;

	if (sym->algorithm != TPM2_ALG_AES || sym->mode.aes != TPM2_ALG_CFB ||
	    (bits != 128 && bits != 256))
		return err_set(INRO_E_UNSUPPORTED, "the parent is no storage key with AES-CFB: "
						   "nothing can be wrapped for it");
	e = crypt_kdfa(&(struct crypt_kdf) { .hash = v->to->nameAlg,
					     .secret = secret_bytes(v->seed),
					     .label = "STORAGE",
					     .u = of_name(v->name),
					     .bits = bits },
		       key);
	if (!e)
		e = crypt_cfb(BYTES(key, bits / 8), BYTES(iv, sizeof(iv)), true, p, n);
	wipe(key, sizeof(key));
	return e;
}

/* plain: a TPM2B with its size; *ret grows by a TPM2B of HMAC and ciphertext. */
static enum inro_err seal(const struct envelope *v, struct bytes plain, struct buf *ret)
{
	size_t whole = wire_begin_2b(ret), at = ret->n;
	enum inro_err e;

	buf_add(ret, plain);
	e = buf_err(ret);
	if (!e)
		e = encrypt(v, ret->p + at, plain.n);
	if (!e)
		e = add_integrity(v, ret, at);
	if (e)
		return e;
	wire_end_2b(ret, whole);
	return buf_err(ret);
}

/* A fresh seed; `ret` grows by a TPM2B_ENCRYPTED_SECRET. */
static enum inro_err new_seed(const TPMT_PUBLIC *to, const char *label, struct secret *ret_seed,
			      struct buf *ret)
{
	SCOPED(buf) encrypted = { 0 };
	enum inro_err e = crypt_seed(to, label, ret_seed, &encrypted);

	if (e)
		return e;
	wire_add_2b(ret, buf_bytes(&encrypted));
	return buf_err(ret);
}

static const TPMA_OBJECT storage = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;

static enum inro_err check_parent(const TPMT_PUBLIC *root)
{
	if ((root->type != TPM2_ALG_RSA && root->type != TPM2_ALG_ECC) ||
	    (root->objectAttributes & storage) != storage)
		return err_set(INRO_E_KEY_TYPE,
			       "the public key given is not that of a TPM's storage root: "
			       "a restricted decryption key, RSA or EC");
	return INRO_OK;
}

/* TPM2B_SENSITIVE, and the public area with its unique field. */
static enum inro_err write_sensitive(const struct wrap_what *what, TPMT_PUBLIC *pub, struct buf *b)
{
	static const uint8_t zeros[128];
	SCOPED(secret) seed = { 0 };
	SCOPED(buf) value = { .secret = true };
	struct bytes raw = BYTES_NONE;
	bool pair = pub->type == TPM2_ALG_RSA || pub->type == TPM2_ALG_ECC;
	size_t begun;
	enum inro_err e = plain_sensitive(what->type, what->plain, &raw);

	if (!e && !pair)
		e = secret_random(SEED_BYTES, &seed);
	if (e)
		return e;
	buf_add(&value, BYTES(zeros, plain_padding(pub, raw)));
	buf_add(&value, raw);
	e = buf_err(&value);
	if (!e)
		e = finish_unique(secret_bytes(&seed), buf_bytes(&value), pub);
	if (e)
		return e;
	begun = wire_begin_2b(b);
	wire_add_sensitive_area(b, &(struct wire_sensitive) { .type = pub->type,
							      .auth = what->auth,
							      .seed = secret_bytes(&seed),
							      .value = buf_bytes(&value) });
	wire_end_2b(b, begun);
	return buf_err(b);
}

/* What comes out of a wrapping, all of it or nothing. */
struct wrapped {
	struct buf pub, dup, seed;
};

static void wrapped_clear(struct wrapped *w)
{
	buf_clear(&w->pub);
	buf_clear(&w->dup);
	buf_clear(&w->seed);
}

static enum inro_err wrap_all(const TPMT_PUBLIC *root, const struct wrap_what *what,
			      struct wrapped *w)
{
	SCOPED(buf) plain = { .secret = true };
	SCOPED(secret) seed = { 0 };
	TPM2B_PUBLIC pub = { 0 };
	TPM2B_NAME name;
	enum inro_err e = wrap_template(what, &pub.publicArea);

	if (!e)
		e = write_sensitive(what, &pub.publicArea, &plain);
	if (!e)
		e = crypt_name(&pub.publicArea, &name);
	if (!e)
		e = new_seed(root, "DUPLICATE", &seed, &w->seed);
	if (!e)
		e = seal(&(struct envelope) { root, &name, &seed }, buf_bytes(&plain), &w->dup);
	if (e)
		return e;
	wire_add_public(&w->pub, &pub);
	return buf_err(&w->pub);
}

static void move_buf(struct buf *from, struct buf *to)
{
	buf_clear(to);
	*to = *from;
	*from = (struct buf) { 0 };
}

enum inro_err wrap_for(const TPMT_PUBLIC *root, const struct wrap_what *what, struct buf *ret_pub,
		       struct buf *ret_dup, struct buf *ret_seed)
{
	SCOPED(wrapped) w = { 0 };
	enum inro_err e = check_parent(root);

	if (!e && what->auth.n > SEED_BYTES)
		e = err_set(INRO_E_TOO_BIG, "an authValue has at most %d bytes", SEED_BYTES);
	if (!e)
		e = wrap_all(root, what, &w);
	if (e)
		return e;
	move_buf(&w.pub, ret_pub);
	move_buf(&w.dup, ret_dup);
	move_buf(&w.seed, ret_seed);
	return INRO_OK;
}

enum inro_err wrap_credential(const TPMT_PUBLIC *ek, const TPM2B_NAME *object, struct bytes secret,
			      struct buf *ret_id_object, struct buf *ret_encrypted)
{
	SCOPED(wrapped) w = { 0 };
	SCOPED(buf) plain = { .secret = true };
	SCOPED(secret) seed = { 0 };
	enum inro_err e = check_parent(ek);

	if (!e && secret.n > crypt_hash_size(ek->nameAlg))
		e = err_set(INRO_E_TOO_BIG, "a credential is at most as long as the key's hash");
	if (e)
		return e;
	wire_add_2b(&plain, secret);
	e = buf_err(&plain);
	if (!e)
		e = new_seed(ek, "IDENTITY", &seed, &w.seed);
	if (!e)
		e = seal(&(struct envelope) { ek, object, &seed }, buf_bytes(&plain), &w.dup);
	if (e)
		return e;
	move_buf(&w.dup, ret_id_object);
	move_buf(&w.seed, ret_encrypted);
	return INRO_OK;
}
