/*
 * skey_use - a whole message at once, and wrapping.
 *
 * 1. What can turn out to be wrong (a tag, padding) is decrypted into scratch memory and copied out
 *    when it is good.
 * 2. The room is looked at before any work, except where only the work tells the size.
 */
#include "pkcs11/token/skey_private.h"

#include <string.h>

struct job {
	struct prepared_secret *p;
	const struct use_spec *spec;
	struct bytes in;
	uint8_t *out; /* room for all that can come */
	size_t n;     /* what came */
};

static enum inro_err run_mac(struct job *j)
{
	uint8_t whole[MAX_MAC];
	size_t n = 0, tag = smech_tag(j->p->m, j->spec);

	if (!prepared_feed(j->p, j->in, NULL, NULL) ||
	    EVP_MAC_final(j->p->mac, whole, &n, sizeof whole) != 1 || n < tag)
		return libcrypto_err("making a MAC");
	memcpy(j->out, whole, tag);
	j->n = tag;
	return INRO_OK;
}

static bool final(struct job *j)
{
	int n = 0;
	uint8_t none[2 * MAX_BLOCK];
	/* most have nothing left, and no room behind */
	bool padded = j->p->m->form == FORM_PADDED;

	if (EVP_CipherFinal_ex(j->p->cipher, padded ? j->out + j->n : none, &n) != 1)
		return false;
	j->n += padded ? (size_t)n : 0;
	return true;
}

static bool get_tag(struct job *j)
{
	size_t tag = smech_tag(j->p->m, j->spec);
	bool done = EVP_CIPHER_CTX_ctrl(j->p->cipher, EVP_CTRL_AEAD_GET_TAG, (int)tag,
					j->out + j->n) == 1;

	j->n += tag;
	return done;
}

static enum inro_err run_gmac(struct job *j)
{
	return prepared_feed(j->p, j->in, NULL, NULL) && final(j) && get_tag(j)
		       ? INRO_OK
		       : libcrypto_err("making a MAC");
}

/* As much out as in, or padded when it is encrypted. */
static enum inro_err run_plain(struct job *j)
{
	return prepared_feed(j->p, j->in, j->out, &j->n) && final(j)
		       ? INRO_OK
		       : libcrypto_err(j->p->encrypt ? "encrypting" : "decrypting");
}

static enum inro_err run_unpad(struct job *j)
{
	size_t block = j->p->m->block, left = 0;
	enum inro_err e;

	if (EVP_CIPHER_CTX_set_padding(j->p->cipher, 0) != 1 ||
	    !prepared_feed(j->p, j->in, j->out, &j->n) || j->n != j->in.n)
		return libcrypto_err("decrypting");
	e = skey_unpad(j->out + j->n - block, block, &left);
	if (!e)
		j->n = j->n - block + left;
	return e;
}

/* CCM is told the length of the text first. */
static bool start_aead(struct job *j, size_t text)
{
	int n;

	return (j->p->m->form != FORM_CCM ||
		EVP_CipherUpdate(j->p->cipher, NULL, &n, NULL, (int)text) == 1) &&
	       prepared_feed(j->p, j->spec->ad, NULL, NULL);
}

/* CCM works on an empty text too, when it is said to be there. */
static bool feed_text(struct job *j, struct bytes text)
{
	static const uint8_t nothing[1];
	int n = 0;

	if (text.n || j->p->m->form != FORM_CCM)
		return prepared_feed(j->p, text, j->out, &j->n);
	j->n = 0;
	return EVP_CipherUpdate(j->p->cipher, j->out, &n, nothing, 0) == 1;
}

static enum inro_err run_seal(struct job *j)
{
	return start_aead(j, j->in.n) && feed_text(j, j->in) && final(j) && get_tag(j)
		       ? INRO_OK
		       : libcrypto_err("encrypting");
}

static enum inro_err run_open(struct job *j)
{
	size_t tag = smech_tag(j->p->m, j->spec);
	struct bytes text = BYTES(j->in.p, j->in.n - tag);
	uint8_t given[MAX_BLOCK];

	memcpy(given, j->in.p + text.n, tag);
	if (EVP_CIPHER_CTX_ctrl(j->p->cipher, EVP_CTRL_AEAD_SET_TAG, (int)tag, given) != 1 ||
	    !start_aead(j, text.n))
		return libcrypto_err("decrypting");
	/* CCM says it while it decrypts, the others at the end */
	if (!feed_text(j, text) || (j->p->m->form != FORM_CCM && !final(j)))
		return err_set(INRO_E_AEAD, "the ciphertext, its tag or what belongs to it was "
					    "changed");
	return INRO_OK;
}

static enum inro_err run_wrap(struct job *j)
{
	return prepared_feed(j->p, j->in, j->out, &j->n) ? INRO_OK : libcrypto_err("wrapping");
}

static enum inro_err run_unwrap(struct job *j)
{
	return prepared_feed(j->p, j->in, j->out, &j->n)
		       ? INRO_OK
		       : err_set(INRO_E_CIPHERTEXT, "the ciphertext does not decrypt");
}

struct run {
	enum inro_err (*encrypt)(struct job *j); /* or sign */
	enum inro_err (*decrypt)(struct job *j);
	bool doubtful; /* decrypted into scratch */
};

static const struct run runs[FORM__MAX] = {
	[FORM_HMAC] = { .encrypt = run_mac },
	[FORM_CMAC] = { .encrypt = run_mac },
	[FORM_GMAC] = { .encrypt = run_gmac },
	[FORM_BLOCKS] = { .encrypt = run_plain, .decrypt = run_plain },
	[FORM_PADDED] = { .encrypt = run_plain, .decrypt = run_unpad, .doubtful = true },
	[FORM_STREAM] = { .encrypt = run_plain, .decrypt = run_plain },
	[FORM_WHOLE] = { .encrypt = run_plain, .decrypt = run_plain },
	[FORM_AEAD] = { .encrypt = run_seal, .decrypt = run_open, .doubtful = true },
	[FORM_CCM] = { .encrypt = run_seal, .decrypt = run_open, .doubtful = true },
	[FORM_KW] = { .encrypt = run_wrap, .decrypt = run_unwrap, .doubtful = true },
	[FORM_KWP] = { .encrypt = run_wrap, .decrypt = run_unwrap, .doubtful = true },
};

/* Decrypts into scratch; out is touched when everything is good and fits. */
static enum inro_err run_doubtful(struct job *j, struct room out, size_t *ret_n)
{
	enum inro_err e = prepared_scratch(j->p, j->in.n + MAX_BLOCK, &j->out);

	if (!e)
		e = runs[j->p->m->form].decrypt(j);
	if (!e && j->n > out.cap) {
		*ret_n = j->n;
		e = INRO_E_TOO_SMALL;
	}
	if (!e) {
		if (j->n)
			memcpy(out.p, j->out, j->n);
		*ret_n = j->n;
	}
	prepared_done(j->p, j->in.n + MAX_BLOCK);
	return e;
}

static enum inro_err run_direct(struct job *j, struct room out, size_t *ret_n)
{
	uint8_t none[2 * MAX_BLOCK]; /* room for an empty result without a buffer */
	enum inro_err e;

	j->out = out.p ? out.p : none;
	e = j->p->encrypt ? runs[j->p->m->form].encrypt(j) : runs[j->p->m->form].decrypt(j);
	if (!e)
		*ret_n = j->n;
	return e;
}

/* Only the work tells how much comes out of these. */
static bool size_is_vague(const struct smech *m, enum key_use use)
{
	return use == USE_DECRYPT && (m->form == FORM_PADDED || m->form == FORM_KWP);
}

static enum inro_err check_room(const struct smech *m, const struct use_spec *spec,
				enum key_use use, struct job *j, struct room out, size_t *ret_n)
{
	size_t need = 0;
	enum inro_err e = skey_size(spec, use, j->in.n, &need);

	if (e || out.cap >= need || size_is_vague(m, use))
		return e;
	*ret_n = need;
	return INRO_E_TOO_SMALL;
}

enum inro_err skey_use(struct skey *k, enum key_use use, const struct use_spec *spec,
		       struct bytes in, struct room out, size_t *ret_n)
{
	KEEP_LIBCRYPTO_ERRORS();
	struct job j = { .spec = spec, .in = in };
	const struct smech *m = NULL;
	enum inro_err e = smech_check(k->type, spec, use, &m);

	if (!e)
		e = check_room(m, spec, use, &j, out, ret_n);
	if (!e)
		e = prepared_take(k, m, use != USE_DECRYPT, &j.p);
	if (e)
		return e;
	e = prepared_start(j.p, k, spec);
	if (!e)
		e = runs[m->form].doubtful && use == USE_DECRYPT ? run_doubtful(&j, out, ret_n)
								 : run_direct(&j, out, ret_n);
	if (e && e != INRO_E_TOO_SMALL)
		prepared_free(j.p); /* whatever state it is in */
	else
		prepared_give(k, j.p);
	return e;
}

/* ---- wrapping ---- */

/* Whole blocks and no padding of its own: zeros behind (PKCS#11 3.2 6.10.5, CKM_AES_CBC). */
static enum inro_err fill_up(const struct smech *m, struct bytes plain, struct secret *ret)
{
	size_t n = (plain.n + m->block - 1) / m->block * m->block;
	enum inro_err e = secret_new(n, ret);

	if (!e && plain.n)
		memcpy(ret->p, plain.p, plain.n);
	return e;
}

/* Lengths are the key's here. */
static enum inro_err as_wrapping(enum inro_err e)
{
	if (e != INRO_E_DATA_LENGTH)
		return e;
	return err_set(INRO_E_KEY_SIZE, "this mechanism wraps no key of this length");
}

enum inro_err skey_wrap(struct skey *k, const struct use_spec *spec, struct bytes plain,
			struct buf *ret_blob)
{
	SCOPED(secret) filled = { 0 };
	const struct smech *m = smech_find(spec->mech);
	struct use_spec s = *spec;
	size_t n = 0, before = ret_blob->n;
	uint8_t *out;
	enum inro_err e = INRO_OK;

	if (m && m->form == FORM_BLOCKS) {
		e = fill_up(m, plain, &filled);
		plain = secret_bytes(&filled);
	}
	s.data_n = plain.n;
	if (!e)
		e = as_wrapping(skey_size(&s, USE_ENCRYPT, plain.n, &n));
	if (e)
		return e;
	out = buf_extend(ret_blob, n);
	if (!out)
		return buf_err(ret_blob);
	e = as_wrapping(skey_use(k, USE_ENCRYPT, &s, plain, (struct room) { out, n }, &n));
	buf_truncate(ret_blob, e ? before : before + n);
	return e;
}

enum inro_err skey_unwrap(struct skey *k, const struct use_spec *spec, struct bytes blob,
			  struct secret *ret_plain)
{
	SCOPED(secret) plain = { 0 };
	const struct smech *m = smech_find(spec->mech);
	struct use_spec s = *spec;
	size_t n = 0;
	enum inro_err e;

	if (m && smech_is_aead(m) && blob.n >= smech_tag(m, spec))
		s.data_n = blob.n - smech_tag(m, spec);
	e = secret_new(blob.n ? blob.n : 1, &plain);
	if (!e)
		e = skey_use(k, USE_DECRYPT, &s, blob, (struct room) { plain.p, plain.n }, &n);
	if (e == INRO_E_CIPHERTEXT || e == INRO_E_CIPHERTEXT_LENGTH || (!e && !n))
		e = err_set(INRO_E_WRAPPED, "the wrapped key can't be unwrapped with this key");
	if (e)
		return e;
	secret_shrink(&plain, n);
	*ret_plain = plain;
	plain = (struct secret) { 0 };
	return INRO_OK;
}
