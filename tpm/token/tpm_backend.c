/*
 * tpm_backend - the backend's face: what is in the TPM goes to tkey, everything else to the soft
 * instance.
 *
 * 1. One master key, kept by the TPM, is the soft instance's: it seals the records, also those of
 *    the TPM's keys, so that a row that was swapped or edited does not open.
 * 2. Whose a key or an operation is, its number tells.
 */
#include "tpm/token/tpm_backend.h"

#include <stdlib.h>

#include "base/own.h"
#include "pkcs11/token/libctx.h"
#include "pkcs11/token/ownalg.h"
#include "tpm/token/tpm_private.h"

static void ref_key(void *item)
{
	(void)tkey_ref(item);
}

static void unref_key(void *item)
{
	tkey_unref(item);
}

static const struct table_kind key_table = { .ref = ref_key, .unref = unref_key };

/* ---- an instance ---- */

static void tpm_close(struct backend *b)
{
	if (!b)
		return;
	table_free(&b->ops);
	table_free(&b->keys);
	backend_soft.close(b->soft);
	pin_opened_clear(&b->opened);
	resident_free(b->sealed);
	stray_free(b->strays);
	tpm_unref(b->tpm);
	buf_clear(&b->serial);
	free(b->mechanisms);
	(void)pthread_rwlock_destroy(&b->gate);
	free(b);
}

enum inro_err tpm_list_mechanisms(struct backend *b)
{
	free(b->mechanisms);
	b->mechanisms = NULL;
	if (!b->words.no_sealed)
		return INRO_OK;
	return place_mechanisms(b->words.caps.can, backend_soft.mechanisms(NULL), &b->mechanisms);
}

static enum inro_err fill(struct backend *b, struct bytes config, struct bytes serial)
{
	enum inro_err e = words_read(config, &b->words);

	buf_add(&b->serial, serial);
	if (!e)
		e = buf_err(&b->serial);
	if (!e)
		e = words_tpm(&b->words, &b->tpm);
	if (!e)
		e = backend_soft.open(BYTES_NONE, serial, &b->soft);
	return e ? e : tpm_list_mechanisms(b);
}

static enum inro_err tpm_open(struct bytes config, struct bytes serial, struct backend **ret)
{
	struct backend *b = calloc(1, sizeof *b);
	enum inro_err e;

	if (!b)
		return INRO_E_NO_MEMORY;
	if (!parts_instance(&b->gate, &b->keys, &key_table, &b->ops)) {
		free(b);
		return INRO_E_NO_MEMORY;
	}
	crypt_use(libctx_get);
	crypt_use_keys(ownalg_key_ctx);
	e = fill(b, config, serial);
	if (e) {
		tpm_close(b);
		return e;
	}
	*ret = b;
	return INRO_OK;
}

/* ---- sealed records ---- */

static enum inro_err tpm_seal(struct backend *b, struct bytes plain, struct bytes ad,
			      struct buf *ret_sealed)
{
	return backend_soft.seal(b->soft, plain, ad, ret_sealed);
}

static enum inro_err tpm_unseal(struct backend *b, struct bytes sealed, struct bytes ad,
				struct secret *ret)
{
	return backend_soft.unseal(b->soft, sealed, ad, ret);
}

/* ---- keys ---- */

enum inro_err tpm_check_unlocked(struct backend *b)
{
	return soft_check_unlocked(b->soft);
}

enum inro_err tpm_key(struct backend *b, backend_key id, struct tkey **ret)
{
	struct tkey *k = tpm_is_ours(id) ? table_get(&b->keys, id & ~TPM_ID) : NULL;

	if (!k)
		return err_set(INRO_E_KEY_HANDLE, "the key is not loaded");
	*ret = k;
	return INRO_OK;
}

/* Takes the key in any case. */
static enum inro_err hold(struct backend *b, struct tkey *key, backend_key *ret)
{
	uint64_t id;
	enum inro_err e;

	pthread_rwlock_rdlock(&b->gate);
	e = tpm_check_unlocked(b);
	if (!e)
		e = table_add(&b->keys, key, &id);
	pthread_rwlock_unlock(&b->gate);
	if (e)
		tkey_unref(key);
	else
		*ret = id | TPM_ID;
	return e;
}

enum inro_err tpm_present(struct backend *b, struct tkey *key, backend_key *ret_key,
			  struct buf *ret_spki)
{
	size_t before = ret_spki->n;
	enum inro_err e = tkey_spki(key, ret_spki);

	if (e)
		tkey_unref(key);
	else
		e = hold(b, key, ret_key);
	if (e)
		buf_truncate(ret_spki, before);
	return e;
}

/* Where nobody asked for the TPM, what it turns out not to take is sealed. */
static bool falls_back(const struct backend *b, const struct key_spec *spec, enum inro_err e)
{
	return e == INRO_E_UNSUPPORTED && spec->place == PLACE_ANY && !b->words.no_sealed;
}

static enum inro_err tpm_generate(struct backend *b, const struct key_spec *spec,
				  backend_key *ret_key, struct buf *ret_spki)
{
	enum key_place place = PLACE_ANY;
	struct tkey *key;
	enum inro_err e = tpm_check_unlocked(b);

	if (!e)
		e = place_choose(&b->words, spec, PLACE_GENERATED, &place);
	if (e)
		return e;
	if (place == PLACE_TPM) {
		e = tkey_generate(b->tpm, b->words.caps.can, spec, &key);
		if (!falls_back(b, spec, e))
			return e ? e : tpm_present(b, key, ret_key, ret_spki);
	}
	return backend_soft.generate(b->soft, spec, ret_key, ret_spki);
}

static enum inro_err tpm_import(struct backend *b, const struct key_spec *spec, struct bytes plain,
				backend_key *ret_key, struct buf *ret_spki)
{
	struct key_spec known = *spec;
	enum key_place place = PLACE_ANY;
	struct tkey *key;
	enum inro_err e = tpm_check_unlocked(b);

	if (known.kind == KEY_SECRET && known.n == 0)
		known.n = plain.n;
	if (!e)
		e = place_choose(&b->words, &known, PLACE_IMPORTED, &place);
	if (e)
		return e;
	if (place == PLACE_TPM) {
		e = tkey_import(b->tpm, b->words.caps.can, &known, plain, &key);
		if (!falls_back(b, spec, e))
			return e ? e : tpm_present(b, key, ret_key, ret_spki);
	}
	return backend_soft.import(b->soft, spec, plain, ret_key, ret_spki);
}

static enum inro_err tpm_seal_key(struct backend *b, backend_key id, struct bytes ad,
				  struct buf *ret_sealed)
{
	AUTO(tkey_unref_ptr) struct tkey *key = NULL;
	SCOPED(buf) content = { .secret = true };
	enum inro_err e;

	if (!tpm_is_ours(id))
		return backend_soft.seal_key(b->soft, id, ad, ret_sealed);
	e = tpm_key(b, id, &key);
	if (!e)
		e = tkey_write(key, &content);
	return e ? e : soft_seal_as(b->soft, SEAL_TPM_KEY, buf_bytes(&content), ad, ret_sealed);
}

/* The blob does not say what it is: only the right purpose opens it. */
static enum inro_err tpm_load(struct backend *b, struct bytes sealed, struct bytes ad,
			      backend_key *ret_key)
{
	SCOPED(secret) content = { 0 };
	struct tkey *key;
	enum inro_err e = soft_unseal_as(b->soft, SEAL_TPM_KEY, sealed, ad, &content);

	if (e == INRO_E_DAMAGED)
		return backend_soft.load(b->soft, sealed, ad, ret_key);
	if (!e)
		e = tkey_read(b->tpm, b->words.caps.can, secret_bytes(&content), &key);
	return e ? e : hold(b, key, ret_key);
}

static void tpm_unload(struct backend *b, backend_key id)
{
	if (tpm_is_ours(id))
		table_drop(&b->keys, id & ~TPM_ID);
	else
		backend_soft.unload(b->soft, id);
}

static enum inro_err tpm_reveal(struct backend *b, backend_key id, struct secret *ret_plain)
{
	AUTO(tkey_unref_ptr) struct tkey *key = NULL;
	enum inro_err e;

	if (!tpm_is_ours(id))
		return backend_soft.reveal(b->soft, id, ret_plain);
	e = tpm_key(b, id, &key);
	if (e)
		return e;
	return err_set(INRO_E_KEY_UNEXTRACTABLE, "the key is in the TPM and stays there");
}

static enum inro_err tpm_size(struct backend *b, backend_key id, size_t *ret_n)
{
	AUTO(tkey_unref_ptr) struct tkey *key = NULL;
	enum inro_err e;

	if (!tpm_is_ours(id))
		return backend_soft.size(b->soft, id, ret_n);
	e = tpm_key(b, id, &key);
	if (!e && tkey_kind(key) != KEY_SECRET)
		e = err_set(INRO_E_KEY_TYPE, "a key of a pair has no value");
	if (!e)
		*ret_n = tkey_size(key);
	return e;
}

static enum inro_err tpm_family(struct backend *b, backend_key id, uint8_t ret[BACKEND_FAMILY])
{
	AUTO(tkey_unref_ptr) struct tkey *key = NULL;
	SCOPED(buf) spki = { 0 };
	enum inro_err e;

	if (!tpm_is_ours(id))
		return backend_soft.family(b->soft, id, ret);
	e = tpm_key(b, id, &key);
	if (!e)
		e = tkey_spki(key, &spki);
	if (e)
		return e;
	return spki.n > 0 ? soft_family_of_pair(buf_bytes(&spki), ret)
			  : soft_family_of_secret(b->soft, tkey_name(key), ret);
}

static enum key_place tpm_place(struct backend *b, backend_key id)
{
	(void)b;
	return tpm_is_ours(id) ? PLACE_TPM : PLACE_TPM_SEALED;
}

/* ---- use ---- */

static enum inro_err tpm_use(struct backend *b, const struct use *what, struct bytes in,
			     struct room out, size_t *ret_n)
{
	AUTO(tkey_unref_ptr) struct tkey *key = NULL;
	enum inro_err e;

	if (!tpm_is_ours(what->key))
		return backend_soft.use(b->soft, what, in, out, ret_n);
	e = tpm_key(b, what->key, &key);
	return e ? e : tkey_use(key, what, in, out, ret_n);
}

static enum inro_err tpm_op_begin(struct backend *b, const struct use *what, backend_op *ret)
{
	AUTO(tkey_unref_ptr) struct tkey *key = NULL;
	struct parts *op;
	uint64_t id;
	enum inro_err e;

	if (!tpm_is_ours(what->key))
		return backend_soft.op_begin(b->soft, what, ret);
	e = tpm_key(b, what->key, &key);
	if (!e)
		e = tparts_begin(key, what, &op);
	if (e)
		return e;
	e = table_add(&b->ops, op, &id);
	if (e)
		parts_unref(op);
	else
		*ret = id | TPM_ID;
	return e;
}

static enum inro_err find_op(struct backend *b, backend_op id, struct parts **ret)
{
	struct parts *op = table_get(&b->ops, id & ~TPM_ID);

	if (!op)
		return err_set(INRO_E_OP_NOT_INITIALIZED, "the operation has ended");
	*ret = op;
	return INRO_OK;
}

static enum inro_err tpm_op_step(struct backend *b, backend_op id, struct bytes in, struct room out,
				 size_t *ret_n)
{
	AUTO(parts_unref_ptr) struct parts *op = NULL;
	enum inro_err e;

	if (!tpm_is_ours(id))
		return backend_soft.op_step(b->soft, id, in, out, ret_n);
	e = find_op(b, id, &op);
	return e ? e : parts_step(op, in, out, ret_n);
}

static enum inro_err tpm_op_last(struct backend *b, backend_op id, struct room out, size_t *ret_n)
{
	AUTO(parts_unref_ptr) struct parts *op = NULL;
	enum inro_err e;

	if (!tpm_is_ours(id))
		return backend_soft.op_last(b->soft, id, out, ret_n);
	e = find_op(b, id, &op);
	return e ? e : parts_last(op, out, ret_n);
}

static void tpm_op_end(struct backend *b, backend_op id)
{
	if (tpm_is_ours(id))
		table_drop(&b->ops, id & ~TPM_ID);
	else
		backend_soft.op_end(b->soft, id);
}

static enum inro_err tpm_random(struct backend *b, uint8_t *out, size_t n)
{
	return backend_soft.random(b->soft, out, n);
}

static const CK_MECHANISM_TYPE *tpm_mechanisms(struct backend *b)
{
	return b && b->mechanisms ? b->mechanisms : backend_soft.mechanisms(NULL);
}

static void tpm_sizes(struct backend *b, CK_MECHANISM_TYPE mech, CK_ULONG *min, CK_ULONG *max)
{
	if (b->mechanisms)
		place_sizes(b->words.caps.can, mech, min, max);
}

const struct backend_ops backend_tpm = {
	.name = "tpm",
	.open = tpm_open,
	.close = tpm_close,
	.init = tpm_init,
	.set_pin = tpm_set_pin,
	.unlock = tpm_unlock,
	.lock = tpm_lock,
	.seal = tpm_seal,
	.unseal = tpm_unseal,
	.generate = tpm_generate,
	.import = tpm_import,
	.seal_key = tpm_seal_key,
	.load = tpm_load,
	.unload = tpm_unload,
	.reveal = tpm_reveal,
	.size = tpm_size,
	.family = tpm_family,
	.use = tpm_use,
	.op_begin = tpm_op_begin,
	.op_step = tpm_op_step,
	.op_last = tpm_op_last,
	.op_end = tpm_op_end,
	.wrap = tpm_wrap,
	.unwrap = tpm_unwrap,
	.derive = tpm_derive,
	.encapsulate = tpm_encapsulate,
	.decapsulate = tpm_decapsulate,
	.random = tpm_random,
	.mechanisms = tpm_mechanisms,
	.sizes = tpm_sizes,
	.words = tpm_words_now,
	.ready = tpm_ready,
	.change_pin = tpm_change_pin,
	.forget_pin = tpm_forget_pin,
	.kept = tpm_kept,
	.leaving = tpm_leaving,
	.has_strays = tpm_has_strays,
	.drop_strays = tpm_drop_strays,
	.guard_opens = tpm_guard_opens,
	.place = tpm_place,
	.tell = tpm_tell,
	.attest = tpm_attest,
	.answer = tpm_answer,
	.take = tpm_take,
	.give = tpm_give,
};
