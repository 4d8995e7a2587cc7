/* cipher_mode - what the modes do with pieces of a message, and with the token (cipher.h). */
#include "provider/cipher.h"

#include <string.h>

/* A long piece goes to the token in slices of this many bytes, whole blocks. */
#define SLICE ((size_t)256 << 10)

union cipher_params {
	CK_AES_CTR_PARAMS ctr;
	CK_GCM_PARAMS gcm;
	CK_CCM_PARAMS ccm;
};

static void params_ctr(struct cipher *c, size_t n, union cipher_params *room, CK_MECHANISM *mech)
{
	(void)n;
	room->ctr.ulCounterBits = 8 * CIPHER_BLOCK;
	memcpy(room->ctr.cb, c->iv, sizeof room->ctr.cb);
	mech->pParameter = &room->ctr;
	mech->ulParameterLen = sizeof room->ctr;
}

static void params_gcm(struct cipher *c, size_t n, union cipher_params *room, CK_MECHANISM *mech)
{
	(void)n;
	room->gcm = (CK_GCM_PARAMS) { .pIv = c->iv,
				      .ulIvLen = c->iv_n,
				      .ulIvBits = 8 * c->iv_n,
				      .pAAD = c->aad.p,
				      .ulAADLen = c->aad.n,
				      .ulTagBits = 8 * c->tag_n };
	mech->pParameter = &room->gcm;
	mech->ulParameterLen = sizeof room->gcm;
}

static void params_ccm(struct cipher *c, size_t n, union cipher_params *room, CK_MECHANISM *mech)
{
	room->ccm = (CK_CCM_PARAMS) { .ulDataLen = n,
				      .pNonce = c->iv,
				      .ulNonceLen = c->iv_n,
				      .pAAD = c->aad.p,
				      .ulAADLen = c->aad.n,
				      .ulMACLen = c->tag_n };
	mech->pParameter = &room->ccm;
	mech->ulParameterLen = sizeof room->ccm;
}

static void advance_none(struct cipher *c, struct bytes in, const uint8_t *out)
{
	(void)c;
	(void)in;
	(void)out;
}

/* The last block of ciphertext. */
static void advance_chain(struct cipher *c, struct bytes in, const uint8_t *out)
{
	memcpy(c->iv, (c->encrypting ? out : in.p) + in.n - CIPHER_BLOCK, CIPHER_BLOCK);
}

static void advance_ofb(struct cipher *c, struct bytes in, const uint8_t *out)
{
	for (size_t i = 0; i < CIPHER_BLOCK; i++)
		c->iv[i] = in.p[in.n - CIPHER_BLOCK + i] ^ out[in.n - CIPHER_BLOCK + i];
}

static void count(uint8_t counter[CIPHER_BLOCK], uint64_t blocks)
{
	for (size_t i = CIPHER_BLOCK; i-- > 0;) {
		blocks += counter[i];
		counter[i] = (uint8_t)blocks;
		blocks >>= 8;
	}
}

static void advance_ctr(struct cipher *c, struct bytes in, const uint8_t *out)
{
	(void)out;
	count(c->iv, in.n / CIPHER_BLOCK);
}

/* How much may go to the token at once: a counter that begins anew within one operation is refused
 * by tokens, for it may be meant to have fewer bits; libcrypto's goes on with zero. */
static size_t slice_limit(const struct cipher *c)
{
	uint64_t high = 0, low = 0, left;

	if (c->kind->mode->number != EVP_CIPH_CTR_MODE)
		return SLICE;
	for (size_t i = 0; i < CIPHER_BLOCK / 2; i++) {
		high = high << 8 | c->iv[i];
		low = low << 8 | c->iv[CIPHER_BLOCK / 2 + i];
	}
	left = 0 - low; /* blocks until low is zero; 0: 2^64 of them */
	return high == UINT64_MAX && left && left < SLICE / CIPHER_BLOCK ?
		       (size_t)left * CIPHER_BLOCK :
		       SLICE;
}

#define IV(n) .iv = (n), .iv_told = (n), .iv_min = (n), .iv_max = (n)

const struct cipher_mode cipher_modes[CIPHER__MAX] = {
	[CIPHER_ecb] = { .form = CIPHER_BLOCKS,
			 .mech = CKM_AES_ECB,
			 .number = EVP_CIPH_ECB_MODE,
			 .advance = advance_none },
	[CIPHER_cbc] = { .form = CIPHER_BLOCKS,
			 .mech = CKM_AES_CBC,
			 .number = EVP_CIPH_CBC_MODE,
			 IV(CIPHER_BLOCK),
			 .advance = advance_chain },
	[CIPHER_ctr] = { .form = CIPHER_STREAM,
			 .mech = CKM_AES_CTR,
			 .number = EVP_CIPH_CTR_MODE,
			 IV(CIPHER_BLOCK),
			 .params = params_ctr,
			 .advance = advance_ctr },
	[CIPHER_ofb] = { .form = CIPHER_STREAM,
			 .mech = CKM_AES_OFB,
			 .number = EVP_CIPH_OFB_MODE,
			 IV(CIPHER_BLOCK),
			 .advance = advance_ofb },
	[CIPHER_cfb] = { .form = CIPHER_STREAM,
			 .mech = CKM_AES_CFB128,
			 .number = EVP_CIPH_CFB_MODE,
			 IV(CIPHER_BLOCK),
			 .advance = advance_chain },
	[CIPHER_gcm] = { .form = CIPHER_AEAD,
			 .mech = CKM_AES_GCM,
			 .number = EVP_CIPH_GCM_MODE,
			 .iv = 12,
			 .iv_told = 12,
			 .iv_min = 1,
			 .iv_max = CIPHER_IV_MAX,
			 .tag = CIPHER_TAG,
			 .tag_min = 1,
			 .tag_step = 1,
			 .params = params_gcm },
	[CIPHER_ccm] = { .form = CIPHER_AEAD,
			 .mech = CKM_AES_CCM,
			 .number = EVP_CIPH_CCM_MODE,
			 .iv = 7,
			 .iv_told = 12,
			 .iv_min = 7,
			 .iv_max = 13,
			 .tag = 12,
			 .tag_min = 4,
			 .tag_step = 2,
			 .params = params_ccm },
};

static const struct cipher_mode *mode_of(const struct cipher *c)
{
	return c->kind->mode;
}

/* One operation of the token. */
static enum inro_err run(struct cipher *c, struct bytes in, size_t data_n, struct buf *out,
			 size_t want)
{
	const struct cipher_mode *mode = mode_of(c);
	union cipher_params room;
	CK_MECHANISM mech = { mode->mech, mode->iv ? c->iv : NULL, mode->iv };
	size_t n = in.n + CIPHER_TAG;
	uint8_t *p = buf_extend(out, n);
	enum inro_err e = buf_err(out);

	if (e)
		return err_set(e, "a message for %s of %zu bytes is too long for one piece",
			       c->kind->name, data_n);
	if (mode->params)
		mode->params(c, data_n, &room, &mech);
	e = (c->encrypting ? object_encrypt : object_decrypt)(c->key, &mech, in, p, &n);
	if (!e && n != want)
		e = err_set(INRO_E_TOKEN, "the token made %zu bytes of %zu", n, in.n);
	return e;
}

static enum inro_err check_key(const struct cipher *c)
{
	if (!c->key)
		return err_set(
			INRO_E_ARG,
			"%s has no key: give the URI of one in the parameter " SECRET_KEY_URI,
			c->kind->name);
	return secret_key_fits(c->key, CKK_AES, c->kind->key, c->kind->name);
}

/* libcrypto makes a nonce for who encrypts by GCM and sets none; it can be asked for. */
static enum inro_err make_nonce(struct cipher *c)
{
	enum inro_err e;

	if (mode_of(c)->number != EVP_CIPH_GCM_MODE || !c->encrypting || c->iv_n < mode_of(c)->iv)
		return err_set(INRO_E_STATE, "%s has no IV", c->kind->name);
	e = random_fill(c->iv, c->iv_n);
	if (e)
		return e;
	memcpy(c->first_iv, c->iv, c->iv_n);
	c->iv_state = CIPHER_IV_SET;
	return INRO_OK;
}

static enum inro_err check_ready(struct cipher *c)
{
	enum inro_err e = check_key(c);

	if (!e)
		e = buf_err(&c->aad); /* what did not fit is not left out */
	if (!e && c->iv_state == CIPHER_IV_USED)
		e = err_set(INRO_E_STATE, "the nonce was used for a message: set another");
	if (!e && c->iv_state == CIPHER_IV_NONE && mode_of(c)->iv)
		e = make_nonce(c);
	return e;
}

/* Bytes [from, from + n) of the pending ones and the new ones as one string. */
static void gather(const struct cipher *c, struct bytes in, size_t from, size_t n, uint8_t *out)
{
	size_t old = 0;

	if (from < c->pending_n) {
		old = c->pending_n - from < n ? c->pending_n - from : n;
		memcpy(out, c->pending + from, old);
	}
	if (old < n)
		memcpy(out + old, in.p + (from + old - c->pending_n), n - old);
}

/* Of so many bytes, those that go to the token now.  Who decrypts a filled up message can't give
 * the last block away before he knows that it isn't the last. */
static size_t runs(const struct cipher *c, size_t total)
{
	size_t whole = total - total % CIPHER_BLOCK;

	if (mode_of(c)->form == CIPHER_STREAM)
		return total;
	return !c->encrypting && c->padding && whole && whole == total ? whole - CIPHER_BLOCK
								       : whole;
}

size_t cipher_gives(const struct cipher *c, size_t n)
{
	if (mode_of(c)->form == CIPHER_AEAD)
		return n;
	return runs(c, c->pending_n + n) - (mode_of(c)->form == CIPHER_STREAM ? c->pending_n : 0);
}

/* Bytes [from, from + n) of the message; the first `skip` of their output are known already. */
static enum inro_err run_slice(struct cipher *c, struct bytes in, size_t from, size_t n,
			       size_t skip, uint8_t *out)
{
	SCOPED(buf) work = { 0 };
	SCOPED(buf) result = { 0 };
	uint8_t *p = buf_extend(&work, n);
	size_t whole = n - n % CIPHER_BLOCK;
	enum inro_err e = buf_err(&work);

	if (e)
		return e;
	gather(c, in, from, n, p);
	e = run(c, BYTES(p, n), n, &result, n);
	if (e)
		return e;
	if (whole)
		mode_of(c)->advance(c, BYTES(p, whole), result.p);
	memcpy(out, result.p + skip, n - skip);
	return INRO_OK;
}

static enum inro_err update_blocks(struct cipher *c, struct bytes in, uint8_t *out)
{
	bool stream = mode_of(c)->form == CIPHER_STREAM;
	size_t total = c->pending_n + in.n, n = runs(c, total), skip = stream ? c->pending_n : 0;
	size_t keep_from = stream ? total - total % CIPHER_BLOCK : n, keep = total - keep_from;
	uint8_t kept[CIPHER_BLOCK];
	enum inro_err e = check_ready(c);

	/* Before the output is written: it may lie where the input does. */
	gather(c, in, keep_from, keep, kept);
	for (size_t at = 0, m; !e && at < n; at += m) {
		m = slice_limit(c);
		m = n - at < m ? n - at : m;
		e = run_slice(c, in, at, m, skip, out);
		out += m - skip;
		skip = 0;
	}
	if (!e) {
		memcpy(c->pending, kept, keep);
		c->pending_n = keep;
	}
	wipe(kept, sizeof kept);
	return e;
}

static enum inro_err one_piece_only(const struct cipher *c)
{
	return err_set(INRO_E_STATE,
		       "a message for %s comes in one piece, its associated data before it",
		       c->kind->name);
}

/* The whole message; to the token its tag is the end of the ciphertext. */
static enum inro_err run_aead(struct cipher *c, struct bytes in, uint8_t *out)
{
	SCOPED(buf) work = { 0 };
	SCOPED(buf) result = { 0 };
	struct bytes input = in;
	enum inro_err e;

	if (!c->encrypting) {
		buf_add(&work, in);
		buf_add(&work, BYTES(c->tag, c->tag_n));
		input = buf_bytes(&work);
		if (buf_err(&work))
			return err_set(buf_err(&work), "a message of %zu bytes is too long", in.n);
	}
	e = run(c, input, in.n, &result, in.n + (c->encrypting ? c->tag_n : 0));
	if (e == INRO_E_CIPHERTEXT)
		return err_set(INRO_E_AEAD,
			       "the tag does not fit: message, associated data, nonce, "
			       "tag or key are not those of the encryption");
	if (e)
		return e;
	if (in.n)
		memcpy(out, result.p, in.n);
	if (c->encrypting)
		memcpy(c->tag, result.p + in.n, c->tag_n);
	return INRO_OK;
}

static enum inro_err update_aead(struct cipher *c, struct bytes in, uint8_t *out)
{
	enum inro_err e;

	if (c->done)
		return one_piece_only(c);
	e = check_ready(c);
	if (!e && !c->encrypting && !c->has_tag)
		e = err_set(INRO_E_STATE,
			    "set the tag before the message: a token decrypts nothing "
			    "that it can't prove");
	if (!e)
		e = run_aead(c, in, out);
	if (e)
		return e;
	c->iv_state = CIPHER_IV_USED;
	c->done = true;
	c->has_tag = c->encrypting;
	return INRO_OK;
}

enum inro_err cipher_update(struct cipher *c, struct bytes in, uint8_t *out)
{
	if (in.n == 0)
		return INRO_OK;
	return (mode_of(c)->form == CIPHER_AEAD ? update_aead : update_blocks)(c, in, out);
}

enum inro_err cipher_aad(struct cipher *c, struct bytes aad)
{
	if (c->done)
		return one_piece_only(c);
	buf_add(&c->aad, aad);
	return buf_err(&c->aad);
}

static enum inro_err unfinished(const struct cipher *c)
{
	return err_set(c->encrypting ? INRO_E_DATA_LENGTH : INRO_E_CIPHERTEXT_LENGTH,
		       "the message for %s is not of whole blocks", c->kind->name);
}

static enum inro_err final_encrypt(struct cipher *c, uint8_t *out, size_t *ret_n)
{
	size_t fill = CIPHER_BLOCK - c->pending_n;
	uint8_t filling[CIPHER_BLOCK];
	enum inro_err e;

	if (!c->padding)
		return c->pending_n ? unfinished(c) : INRO_OK;
	memset(filling, (int)fill, fill);
	e = update_blocks(c, BYTES(filling, fill), out);
	if (!e)
		*ret_n = CIPHER_BLOCK;
	return e;
}

/* How many bytes of the last block are the message's; CIPHER_BLOCK when it was filled wrongly. */
static size_t unfilled(const uint8_t block[CIPHER_BLOCK])
{
	size_t fill = block[CIPHER_BLOCK - 1], wrong = fill == 0 || fill > CIPHER_BLOCK;

	for (size_t i = 0; i < CIPHER_BLOCK; i++)
		wrong |= i < fill && block[CIPHER_BLOCK - 1 - i] != fill;
	return wrong ? CIPHER_BLOCK : CIPHER_BLOCK - fill;
}

static enum inro_err final_decrypt(struct cipher *c, uint8_t *out, size_t *ret_n)
{
	uint8_t block[CIPHER_BLOCK];
	size_t n;
	enum inro_err e;

	if (c->pending_n != (c->padding ? CIPHER_BLOCK : 0))
		return unfinished(c);
	if (!c->padding)
		return INRO_OK;
	e = check_ready(c);
	if (!e)
		e = run_slice(c, BYTES_NONE, 0, CIPHER_BLOCK, 0, block);
	if (e)
		return e;
	n = unfilled(block);
	if (n == CIPHER_BLOCK)
		e = err_set(INRO_E_CIPHERTEXT, "the end of the message is not filled up as it was "
					       "encrypted: another key, IV or message");
	else
		memcpy(out, block, n);
	if (!e)
		*ret_n = n;
	wipe(block, sizeof block);
	c->pending_n = 0;
	return e;
}

enum inro_err cipher_final(struct cipher *c, uint8_t *out, size_t *ret_n)
{
	*ret_n = 0;
	if (mode_of(c)->form == CIPHER_AEAD)
		return c->done ? INRO_OK : update_aead(c, BYTES_NONE, out);
	if (mode_of(c)->form == CIPHER_STREAM)
		return INRO_OK;
	return (c->encrypting ? final_encrypt : final_decrypt)(c, out, ret_n);
}

/* What libcrypto does when no IV is given: chained modes start anew, a counter goes on with the
 * next block, a nonce stays as it is. */
static void keep_iv(struct cipher *c)
{
	if (mode_of(c)->form == CIPHER_AEAD)
		return;
	if (mode_of(c)->number != EVP_CIPH_CTR_MODE)
		memcpy(c->iv, c->first_iv, sizeof c->iv);
	else if (c->pending_n)
		count(c->iv, 1);
}

enum inro_err cipher_start(struct cipher *c, bool encrypting, struct bytes iv)
{
	c->has_tag = c->has_tag && !c->encrypting && !encrypting;
	c->encrypting = encrypting;
	if (encrypting && mode_of(c)->number == EVP_CIPH_GCM_MODE)
		c->tag_n = mode_of(c)->tag;
	c->done = false;
	buf_reset(&c->aad);
	if (iv.p && mode_of(c)->iv) {
		if (iv.n != c->iv_n)
			return err_set(INRO_E_ARG, "an IV of %s has %zu bytes, not %zu",
				       c->kind->name, c->iv_n, iv.n);
		memcpy(c->first_iv, iv.p, iv.n);
		memcpy(c->iv, iv.p, iv.n);
		c->iv_state = CIPHER_IV_SET;
	} else {
		keep_iv(c);
	}
	wipe(c->pending, sizeof c->pending);
	c->pending_n = 0;
	return INRO_OK;
}
