/*
 * skey_parts - one operation in parts.
 *
 * 1. What libcrypto wants in one piece (CTS, XTS, CCM, key wrap) is collected and done at the end;
 *    everything else goes through as it comes.
 * 2. `held` is how much of the input libcrypto still has: what comes out is told before it is done.
 */
#include "pkcs11/token/skey_private.h"

#include <stdlib.h>
#include <string.h>

struct skey_op {
	struct skey *k;
	const struct smech *m;
	enum key_use use;
	struct use_spec spec;	   /* iv and ad are in `params` */
	struct buf params;	   /* collected: both, copied */
	struct prepared_secret *p; /* not collected */
	struct buf all;		   /* collected */
	uint64_t total, reach;	   /* bytes taken, bytes that may be */
	size_t held;
	bool failed, unpadded;
	uint8_t last[MAX_BLOCK]; /* padded decryption: the last block */
	size_t last_n;
};

static bool collected(const struct smech *m)
{
	return m->form == FORM_WHOLE || m->form == FORM_CCM || m->form == FORM_KW ||
	       m->form == FORM_KWP;
}

void skey_op_free(struct skey_op *op)
{
	if (!op)
		return;
	if (!libcrypto_gone())
		prepared_free(op->p);
	buf_clear(&op->params);
	buf_clear(&op->all);
	skey_unref(op->k);
	wipe(op, sizeof *op);
	free(op);
}

static void free_op(struct skey_op **op)
{
	skey_op_free(*op);
}

static enum inro_err keep_params(struct skey_op *op, const struct use_spec *spec)
{
	enum inro_err e;

	buf_add(&op->params, spec->iv);
	buf_add(&op->params, spec->ad);
	e = buf_err(&op->params);
	if (e)
		return e;
	op->spec.iv = BYTES(op->params.p, spec->iv.n);
	op->spec.ad = BYTES(op->params.p ? op->params.p + spec->iv.n : NULL, spec->ad.n);
	op->all.secret = true;
	return INRO_OK;
}

static enum inro_err start(struct skey_op *op, const struct use_spec *spec)
{
	enum inro_err e = prepared_take(op->k, op->m, op->use != USE_DECRYPT, &op->p);

	if (!e)
		e = prepared_start(op->p, op->k, spec);
	if (!e && smech_is_aead(op->m) && !prepared_feed(op->p, spec->ad, NULL, NULL))
		e = libcrypto_err("additional data");
	op->spec.iv = op->spec.ad = BYTES_NONE; /* borrowed */
	return e;
}

enum inro_err skey_begin(struct skey *k, enum key_use use, const struct use_spec *spec,
			 struct skey_op **ret)
{
	KEEP_LIBCRYPTO_ERRORS();
	AUTO(free_op) struct skey_op *op = NULL;
	const struct smech *m = NULL;
	enum inro_err e = smech_check(k->type, spec, use, &m);

	if (!e && use == USE_DECRYPT && smech_is_aead(m))
		e = err_set(INRO_E_UNSUPPORTED, "an AEAD is decrypted in one step: nothing of it "
						"may be seen before its tag is checked");
	if (e)
		return e;
	op = calloc(1, sizeof *op);
	if (!op)
		return INRO_E_NO_MEMORY;
	op->k = skey_ref(k);
	op->m = m;
	op->use = use;
	op->spec = *spec;
	op->spec.label = op->spec.peer = BYTES_NONE;
	op->reach = smech_reach(m, spec);
	e = collected(m) ? keep_params(op, spec) : start(op, spec);
	if (e)
		return e;
	*ret = op;
	op = NULL;
	return INRO_OK;
}

/* ---- a step ---- */

/* How much of `there` bytes libcrypto holds back. */
static size_t held_of(const struct skey_op *op, size_t there)
{
	size_t block = op->m->block;

	if (op->m->form == FORM_PADDED && op->use == USE_DECRYPT)
		return there ? (there - 1) % block + 1 : 0;
	return op->m->form == FORM_BLOCKS || op->m->form == FORM_PADDED ? there % block : 0;
}

size_t skey_step_max(const struct skey_op *op, size_t n)
{
	if (collected(op->m) || smech_is_mac(op->m))
		return 0;
	return op->held + n - held_of(op, op->held + n);
}

static enum inro_err feed_part(struct skey_op *op, struct bytes in, uint8_t *out, size_t *ret_n)
{
	uint8_t none[2 * MAX_BLOCK]; /* for a step that gives nothing and has no buffer */
	bool mac = smech_is_mac(op->m);

	if (!prepared_feed(op->p, in, mac ? NULL : out ? out : none, ret_n))
		return libcrypto_err("a part of an operation");
	if (mac)
		*ret_n = 0;
	op->held = held_of(op, op->held + in.n);
	return INRO_OK;
}

/* Output may be in the input's place (PKCS#11 3.2 5.9.3); with something held back it would run
 * ahead of what is read. */
static bool runs_ahead(const struct skey_op *op, struct bytes in, const uint8_t *out)
{
	uintptr_t from = (uintptr_t)in.p, to = (uintptr_t)out;

	return out && op->held && to < from + in.n && from < to + op->held + in.n;
}

static enum inro_err take_part(struct skey_op *op, struct bytes in, uint8_t *out, size_t *ret_n)
{
	SCOPED(buf) copy = { 0 }; /* wiped like every buf */
	enum inro_err e;

	if (!runs_ahead(op, in, out))
		return feed_part(op, in, out, ret_n);
	buf_add(&copy, in);
	e = buf_err(&copy);
	return e ? e : feed_part(op, buf_bytes(&copy), out, ret_n);
}

static enum inro_err collect(struct skey_op *op, struct bytes in)
{
	buf_add(&op->all, in);
	return buf_err(&op->all);
}

static enum inro_err check_alive(const struct skey_op *op)
{
	if (op->failed)
		return err_set(INRO_E_STATE, "the operation is over");
	return libcrypto_alive();
}

enum inro_err skey_step(struct skey_op *op, struct bytes in, struct room out, size_t *ret_n)
{
	KEEP_LIBCRYPTO_ERRORS();
	size_t need = skey_step_max(op, in.n), n = 0;
	enum inro_err e = check_alive(op);

	if (e)
		return e;
	if (out.cap < need) {
		*ret_n = need;
		return INRO_E_TOO_SMALL;
	}
	if (in.n > op->reach - op->total)
		e = err_set(INRO_E_DATA_LENGTH, "the counter would come round");
	else
		e = collected(op->m) ? collect(op, in) : take_part(op, in, out.p, &n);
	op->failed = e != INRO_OK;
	op->total += in.n;
	if (!e)
		*ret_n = n;
	return e;
}

/* ---- the end ---- */

static size_t last_size(const struct skey_op *op)
{
	if (smech_is_mac(op->m) || op->m->form == FORM_AEAD)
		return smech_tag(op->m, &op->spec);
	return op->m->form == FORM_PADDED ? op->m->block : 0;
}

static enum inro_err last_mac(struct skey_op *op, uint8_t *out, size_t *ret_n)
{
	uint8_t whole[MAX_MAC];
	size_t n = 0, tag = smech_tag(op->m, &op->spec);

	if (EVP_MAC_final(op->p->mac, whole, &n, sizeof whole) != 1 || n < tag)
		return libcrypto_err("making a MAC");
	memcpy(out, whole, tag);
	*ret_n = tag;
	return INRO_OK;
}

static enum inro_err last_cipher(struct skey_op *op, uint8_t *out, size_t *ret_n)
{
	uint8_t end[2 * MAX_BLOCK];
	size_t tag = smech_tag(op->m, &op->spec);
	bool tagged = op->m->form == FORM_AEAD || op->m->form == FORM_GMAC;
	int n = 0;

	if (op->m->form == FORM_BLOCKS && op->held)
		return err_set(op->use == USE_DECRYPT ? INRO_E_CIPHERTEXT_LENGTH
						      : INRO_E_DATA_LENGTH,
			       "the input does not end with a whole block");
	if (EVP_CipherFinal_ex(op->p->cipher, end, &n) != 1 ||
	    (tagged &&
	     EVP_CIPHER_CTX_ctrl(op->p->cipher, EVP_CTRL_AEAD_GET_TAG, (int)tag, end) != 1))
		return libcrypto_err("ending an operation");
	*ret_n = tagged ? tag : (size_t)n;
	if (*ret_n)
		memcpy(out, end, *ret_n);
	return INRO_OK;
}

/* Once; then it waits for room. */
static enum inro_err unpad(struct skey_op *op)
{
	size_t block = op->m->block;
	int n = 0;
	enum inro_err e;

	if (op->held != block)
		return err_set(INRO_E_CIPHERTEXT_LENGTH,
			       "the ciphertext does not end with a whole block");
	if (EVP_CIPHER_CTX_set_padding(op->p->cipher, 0) != 1 ||
	    EVP_CipherFinal_ex(op->p->cipher, op->last, &n) != 1 || (size_t)n != block)
		return libcrypto_err("ending a decryption");
	e = skey_unpad(op->last, block, &op->last_n);
	op->unpadded = !e;
	return e;
}

static enum inro_err last_padded(struct skey_op *op, struct room out, size_t *ret_n)
{
	enum inro_err e = op->unpadded ? INRO_OK : unpad(op);

	if (e)
		return e;
	*ret_n = op->last_n;
	if (out.cap < op->last_n)
		return INRO_E_TOO_SMALL;
	if (op->last_n)
		memcpy(out.p, op->last, op->last_n);
	return INRO_OK;
}

static enum inro_err last_of(struct skey_op *op, struct room out, size_t *ret_n)
{
	if (collected(op->m))
		return skey_use(op->k, op->use, &op->spec, buf_bytes(&op->all), out, ret_n);
	if (op->m->form == FORM_PADDED && op->use == USE_DECRYPT)
		return last_padded(op, out, ret_n);
	if (out.cap < last_size(op)) {
		*ret_n = last_size(op);
		return INRO_E_TOO_SMALL;
	}
	return op->p->mac ? last_mac(op, out.p, ret_n) : last_cipher(op, out.p, ret_n);
}

enum inro_err skey_last(struct skey_op *op, struct room out, size_t *ret_n)
{
	KEEP_LIBCRYPTO_ERRORS();
	enum inro_err e = check_alive(op);

	if (!e)
		e = last_of(op, out, ret_n);
	if (e == INRO_E_TOO_SMALL)
		return e;
	op->failed = true; /* or done */
	if (!e && op->p) {
		prepared_give(op->k, op->p);
		op->p = NULL;
	}
	return e;
}
