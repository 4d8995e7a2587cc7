/*
 * soft - the backend's face: each function of backend.h in terms of auth, seal, anykey and parts.
 *
 * 1. The master key is there while the instance is unlocked.  Its memory is empty in a forked
 *    child, so a byte that is never zero stands in front of it: a child never works with a zero
 *    key.
 * 2. The gate is held for reading while the master key is in use and for writing while it comes or
 *    goes.  Using a loaded key takes no gate.
 */
#include "pkcs11/soft/soft.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "pkcs11/soft/auth.h"
#include "pkcs11/soft/parts.h"
#include "pkcs11/soft/seal.h"
#include "pkcs11/soft/soft_private.h"
#include "pkcs11/token/libctx.h"

/* What `master` begins with; then the key. */
#define PRESENT 0xa5

static void ref_key(void *item)
{
	(void)anykey_ref(item);
}

static void unref_key(void *item)
{
	anykey_unref(item);
}

static const struct table_kind key_table = { .ref = ref_key, .unref = unref_key };

static void soft_close(struct backend *b)
{
	if (!b)
		return;
	table_free(&b->ops);
	table_free(&b->keys);
	secret_clear(&b->master);
	buf_clear(&b->serial);
	(void)pthread_rwlock_destroy(&b->gate);
	free(b);
}

static enum inro_err soft_open(struct bytes config, struct bytes serial, struct backend **ret)
{
	struct backend *b;
	enum inro_err e;

	if (config.n)
		return err_set(INRO_E_CONFIG, "a software token takes no settings, not '%.*s'",
			       config.n < 64 ? (int)config.n : 64, (const char *)config.p);
	b = calloc(1, sizeof *b);
	if (!b)
		return INRO_E_NO_MEMORY;
	if (!parts_instance(&b->gate, &b->keys, &key_table, &b->ops)) {
		free(b);
		return INRO_E_NO_MEMORY;
	}
	buf_add(&b->serial, serial);
	e = buf_err(&b->serial);
	if (e) {
		soft_close(b);
		return e;
	}
	*ret = b;
	return INRO_OK;
}

/* ---- the master key ---- */

static bool unlocked(const struct backend *b)
{
	return b->master.p && b->master.p[0] == PRESENT;
}

static struct bytes master_key(const struct backend *b)
{
	return BYTES(b->master.p + 1, AUTH_MASTER);
}

/* Holds the gate for reading when it succeeds. */
static enum inro_err enter(struct backend *b)
{
	pthread_rwlock_rdlock(&b->gate);
	if (unlocked(b))
		return INRO_OK;
	pthread_rwlock_unlock(&b->gate);
	return err_set(INRO_E_LOGIN, "the token is locked: log in first");
}

static void leave(struct backend *b)
{
	pthread_rwlock_unlock(&b->gate);
}

static enum inro_err place_master(struct backend *b, struct bytes key)
{
	SCOPED(secret) master = { 0 };
	enum inro_err e = secret_new(1 + AUTH_MASTER, &master);

	if (e)
		return e;
	master.p[0] = PRESENT;
	memcpy(master.p + 1, key.p, AUTH_MASTER);
	pthread_rwlock_wrlock(&b->gate);
	secret_clear(&b->master);
	b->master = master;
	pthread_rwlock_unlock(&b->gate);
	master = (struct secret) { 0 };
	return INRO_OK;
}

static void soft_lock(struct backend *b)
{
	pthread_rwlock_wrlock(&b->gate);
	secret_clear(&b->master);
	pthread_rwlock_unlock(&b->gate);
	table_drop_all(&b->ops);
	table_drop_all(&b->keys);
}

static enum inro_err soft_init(struct backend *b)
{
	SCOPED(secret) key = { 0 };
	enum inro_err e = secret_random(AUTH_MASTER, &key);

	if (e)
		return e;
	soft_lock(b);
	return place_master(b, secret_bytes(&key));
}

static enum inro_err soft_set_pin_by(struct backend *b, CK_USER_TYPE user, struct bytes begun,
				     struct bytes key, struct buf *ret_auth)
{
	enum inro_err e = enter(b);

	if (e)
		return e;
	e = auth_make_by(user, buf_bytes(&b->serial), begun, key, master_key(b), ret_auth);
	leave(b);
	return e;
}

static enum inro_err soft_set_pin(struct backend *b, CK_USER_TYPE user, struct bytes pin,
				  struct buf *ret_auth)
{
	SCOPED(secret) key = { 0 };
	SCOPED(buf) begun = { 0 };
	enum inro_err e = soft_check_unlocked(b);

	if (!e)
		e = auth_begin(user, pin, &begun, &key);
	return e ? e : soft_set_pin_by(b, user, buf_bytes(&begun), secret_bytes(&key), ret_auth);
}

enum inro_err soft_unlock_with(struct backend *b, struct bytes master)
{
	if (master.n != AUTH_MASTER)
		return err_set(INRO_E_DAMAGED, "a master key of %zu bytes", master.n);
	if (!unlocked(b))
		return place_master(b, master);
	/* proving a PIN again; loaded keys stay */
	return secret_equal(master, master_key(b))
		       ? INRO_OK
		       : err_set(INRO_E_DAMAGED, "the PIN record belongs to an earlier life of "
						 "this token");
}

static enum inro_err soft_unlock_by(struct backend *b, CK_USER_TYPE user, struct bytes auth,
				    struct bytes key)
{
	SCOPED(secret) master = { 0 };
	enum inro_err e = auth_open_by(user, buf_bytes(&b->serial), auth, key, &master);

	return e ? e : soft_unlock_with(b, secret_bytes(&master));
}

static enum inro_err soft_unlock(struct backend *b, CK_USER_TYPE user, struct bytes auth,
				 struct bytes pin)
{
	SCOPED(secret) key = { 0 };
	enum inro_err e = auth_stretch(user, auth, pin, &key);

	return e ? e : soft_unlock_by(b, user, auth, secret_bytes(&key));
}

/* ---- sealed records ---- */

enum inro_err soft_seal_as(struct backend *b, enum seal_kind kind, struct bytes plain,
			   struct bytes ad, struct buf *ret_sealed)
{
	enum inro_err e = enter(b);

	if (e)
		return e;
	e = seal_close(master_key(b), kind, plain, ad, ret_sealed);
	leave(b);
	return e;
}

enum inro_err soft_unseal_as(struct backend *b, enum seal_kind kind, struct bytes sealed,
			     struct bytes ad, struct secret *ret)
{
	enum inro_err e = enter(b);

	if (e)
		return e;
	e = seal_open(master_key(b), kind, sealed, ad, ret);
	leave(b);
	return e;
}

static enum inro_err soft_seal(struct backend *b, struct bytes plain, struct bytes ad,
			       struct buf *ret_sealed)
{
	return soft_seal_as(b, SEAL_DATA, plain, ad, ret_sealed);
}

static enum inro_err soft_unseal(struct backend *b, struct bytes sealed, struct bytes ad,
				 struct secret *ret)
{
	return soft_unseal_as(b, SEAL_DATA, sealed, ad, ret);
}

/* ---- keys ---- */

enum inro_err soft_hold(struct backend *b, struct anykey **made, size_t n, backend_key *ret)
{
	enum inro_err e = enter(b);
	size_t held = 0;

	for (; !e && held < n; held += !e)
		e = table_add(&b->keys, made[held], &ret[held]);
	for (size_t i = held; e && i < n; i++)
		anykey_unref(made[i]);
	for (size_t i = 0; e && i < held; i++) {
		table_drop(&b->keys, ret[i]);
		ret[i] = 0;
	}
	if (e != INRO_E_LOGIN)
		leave(b);
	return e;
}

enum inro_err soft_check_unlocked(struct backend *b)
{
	enum inro_err e = enter(b);

	if (!e)
		leave(b);
	return e;
}

enum inro_err soft_key(struct backend *b, backend_key id, struct anykey **ret)
{
	struct anykey *k = table_get(&b->keys, id);

	if (!k)
		return err_set(INRO_E_KEY_HANDLE, "the key is not loaded");
	*ret = k;
	return INRO_OK;
}

enum inro_err soft_present(struct backend *b, struct anykey *key, backend_key *ret_key,
			   struct buf *ret_spki)
{
	size_t before = ret_spki->n;
	enum inro_err e = anykey_spki(key, ret_spki);

	if (e)
		anykey_unref(key);
	else
		e = soft_hold(b, &key, 1, ret_key);
	if (e)
		buf_truncate(ret_spki, before);
	return e;
}

/* The key is made outside the gate: lock() waits for no RSA key. */
static enum inro_err soft_generate(struct backend *b, const struct key_spec *spec,
				   backend_key *ret_key, struct buf *ret_spki)
{
	struct anykey *key;
	enum inro_err e = soft_check_unlocked(b);

	if (!e)
		e = anykey_generate(spec, &key);
	return e ? e : soft_present(b, key, ret_key, ret_spki);
}

static enum inro_err soft_import(struct backend *b, const struct key_spec *spec, struct bytes plain,
				 backend_key *ret_key, struct buf *ret_spki)
{
	struct anykey *key;
	enum inro_err e = soft_check_unlocked(b);

	if (!e)
		e = anykey_import(spec, plain, &key);
	return e ? e : soft_present(b, key, ret_key, ret_spki);
}

static enum inro_err soft_reveal(struct backend *b, backend_key id, struct secret *ret_plain)
{
	AUTO(anykey_unref_ptr) struct anykey *key = NULL;
	enum inro_err e = soft_key(b, id, &key);

	return e ? e : anykey_plain(key, ret_plain);
}

/* PKCS#8 as it is; a secret key says its type and length too. */
static enum inro_err content_of(const struct anykey *key, struct buf *ret)
{
	SCOPED(secret) plain = { 0 };
	enum inro_err e = anykey_plain(key, &plain);

	if (e)
		return e;
	if (key->secret) {
		buf_add_u64(ret, skey_type(key->secret));
		buf_add_field(ret, secret_bytes(&plain));
	} else {
		buf_add(ret, secret_bytes(&plain));
	}
	return buf_err(ret);
}

static enum inro_err soft_seal_key(struct backend *b, backend_key id, struct bytes ad,
				   struct buf *ret_sealed)
{
	AUTO(anykey_unref_ptr) struct anykey *key = NULL;
	SCOPED(buf) content = { .secret = true };
	enum inro_err e = soft_key(b, id, &key);

	if (!e)
		e = content_of(key, &content);
	if (!e)
		e = enter(b);
	if (e)
		return e;
	e = seal_close(master_key(b), key->secret ? SEAL_SECRET_KEY : SEAL_PRIVATE_KEY,
		       buf_bytes(&content), ad, ret_sealed);
	leave(b);
	return e;
}

static enum inro_err secret_from(struct bytes content, struct anykey **ret)
{
	struct key_spec spec = { .kind = KEY_SECRET };
	struct bytes value;
	uint64_t type;
	enum inro_err e = read_u64(&content, &type);

	if (!e)
		e = read_field(&content, &value);
	if (e || content.n || (CK_KEY_TYPE)type != type)
		return err_set(INRO_E_DAMAGED, "a sealed secret key can't be read");
	spec.key_type = (CK_KEY_TYPE)type;
	spec.n = value.n;
	return anykey_import(&spec, value, ret);
}

static enum inro_err soft_load(struct backend *b, struct bytes sealed, struct bytes ad,
			       backend_key *ret_key)
{
	SCOPED(secret) content = { 0 };
	struct anykey *key;
	bool pair;
	enum inro_err e = enter(b);

	if (e)
		return e;
	/* the blob does not say what it is: only the right purpose opens it */
	e = seal_open(master_key(b), SEAL_PRIVATE_KEY, sealed, ad, &content);
	pair = e != INRO_E_DAMAGED;
	if (!pair)
		e = seal_open(master_key(b), SEAL_SECRET_KEY, sealed, ad, &content);
	leave(b);
	if (!e)
		e = pair ? anykey_pair(secret_bytes(&content), &key)
			 : secret_from(secret_bytes(&content), &key);
	return e ? e : soft_hold(b, &key, 1, ret_key);
}

static void soft_unload(struct backend *b, backend_key key)
{
	table_drop(&b->keys, key);
}

enum inro_err soft_family_of_pair(struct bytes spki, uint8_t ret[BACKEND_FAMILY])
{
	KEEP_LIBCRYPTO_ERRORS();
	const EVP_MD *md;
	enum inro_err e = libctx_md(CKM_SHA256, &md);

	if (!e && EVP_Digest(spki.p, spki.n, ret, NULL, md, NULL) != 1)
		e = libcrypto_err("hashing a public key");
	return e;
}

static enum inro_err pair_family(const struct anykey *key, uint8_t ret[BACKEND_FAMILY])
{
	SCOPED(buf) spki = { 0 };
	enum inro_err e = anykey_spki(key, &spki);

	return e ? e : soft_family_of_pair(buf_bytes(&spki), ret);
}

enum inro_err soft_family_of_secret(struct backend *b, struct bytes value,
				    uint8_t ret[BACKEND_FAMILY])
{
	enum inro_err e = enter(b);

	if (e)
		return e;
	e = seal_family(master_key(b), value, ret);
	leave(b);
	return e;
}

static enum inro_err soft_size(struct backend *b, backend_key id, size_t *ret_n)
{
	AUTO(anykey_unref_ptr) struct anykey *key = NULL;
	enum inro_err e = soft_key(b, id, &key);

	if (!e && !key->secret)
		e = err_set(INRO_E_KEY_TYPE, "a key of a pair has no value");
	if (!e)
		*ret_n = skey_value(key->secret).n;
	return e;
}

static enum inro_err soft_family(struct backend *b, backend_key id, uint8_t ret[BACKEND_FAMILY])
{
	AUTO(anykey_unref_ptr) struct anykey *key = NULL;
	enum inro_err e = soft_key(b, id, &key);

	if (e)
		return e;
	return key->pair ? pair_family(key, ret)
			 : soft_family_of_secret(b, skey_value(key->secret), ret);
}

/* ---- use ---- */

static enum inro_err soft_use(struct backend *b, const struct use *what, struct bytes in,
			      struct room out, size_t *ret_n)
{
	AUTO(anykey_unref_ptr) struct anykey *key = NULL;
	enum inro_err e = soft_key(b, what->key, &key);

	return e ? e : anykey_use(key, what, in, out, ret_n);
}

static enum inro_err soft_op_begin(struct backend *b, const struct use *what, backend_op *ret)
{
	AUTO(anykey_unref_ptr) struct anykey *key = NULL;
	struct parts *op;
	enum inro_err e = soft_key(b, what->key, &key);

	if (!e)
		e = parts_begin(key, what, &op);
	if (e)
		return e;
	e = table_add(&b->ops, op, ret);
	if (e)
		parts_unref(op);
	return e;
}

static enum inro_err find_op(struct backend *b, backend_op id, struct parts **ret)
{
	struct parts *op = table_get(&b->ops, id);

	if (!op)
		return err_set(INRO_E_OP_NOT_INITIALIZED, "the operation has ended");
	*ret = op;
	return INRO_OK;
}

static enum inro_err soft_op_step(struct backend *b, backend_op id, struct bytes in,
				  struct room out, size_t *ret_n)
{
	AUTO(parts_unref_ptr) struct parts *op = NULL;
	enum inro_err e = find_op(b, id, &op);

	return e ? e : parts_step(op, in, out, ret_n);
}

static enum inro_err soft_op_last(struct backend *b, backend_op id, struct room out, size_t *ret_n)
{
	AUTO(parts_unref_ptr) struct parts *op = NULL;
	enum inro_err e = find_op(b, id, &op);

	return e ? e : parts_last(op, out, ret_n);
}

static void soft_op_end(struct backend *b, backend_op id)
{
	table_drop(&b->ops, id);
}

static enum inro_err soft_random(struct backend *b, uint8_t *out, size_t n)
{
	(void)b;
	return random_fill(out, n);
}

const struct backend_ops backend_soft = {
	.name = "soft",
	.open = soft_open,
	.close = soft_close,
	.init = soft_init,
	.set_pin = soft_set_pin,
	.unlock = soft_unlock,
	.stretch = auth_stretch,
	.unlock_by = soft_unlock_by,
	.begin_pin = auth_begin,
	.set_pin_by = soft_set_pin_by,
	.lock = soft_lock,
	.seal = soft_seal,
	.unseal = soft_unseal,
	.generate = soft_generate,
	.import = soft_import,
	.seal_key = soft_seal_key,
	.load = soft_load,
	.unload = soft_unload,
	.reveal = soft_reveal,
	.size = soft_size,
	.family = soft_family,
	.use = soft_use,
	.op_begin = soft_op_begin,
	.op_step = soft_op_step,
	.op_last = soft_op_last,
	.op_end = soft_op_end,
	.wrap = soft_wrap,
	.unwrap = soft_unwrap,
	.derive = soft_derive,
	.encapsulate = soft_encapsulate,
	.decapsulate = soft_decapsulate,
	.random = soft_random,
	.mechanisms = soft_mechanisms,
};
