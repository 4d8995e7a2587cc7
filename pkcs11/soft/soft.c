/*
 * soft - the backend's face: each function of backend.h in terms of auth, seal, keys and pkey.
 *
 * 1. The master key is there while the instance is unlocked.  Its memory is empty in a forked
 * child, so a byte that is never zero stands in front of it: a child never works with a zero key.
 * 2. The gate is held for reading while the master key is in use and for writing while it comes or
 *    goes.  Using a loaded key takes no gate.
 */
#include "pkcs11/soft/soft.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "pkcs11/soft/auth.h"
#include "pkcs11/soft/keys.h"
#include "pkcs11/soft/seal.h"

#define PRESENT 0xa5

struct backend {
	struct buf serial;
	pthread_rwlock_t gate;
	struct secret master; /* PRESENT, then the key */
	struct keys keys;
};

static void soft_close(struct backend *b)
{
	if (!b)
		return;
	keys_free(&b->keys);
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
	e = keys_init(&b->keys);
	if (e || pthread_rwlock_init(&b->gate, NULL)) {
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
	keys_drop_all(&b->keys);
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

static enum inro_err soft_set_pin(struct backend *b, CK_USER_TYPE user, struct bytes pin,
				  struct buf *ret_auth)
{
	enum inro_err e = enter(b);

	if (e)
		return e;
	e = auth_make(user, buf_bytes(&b->serial), pin, master_key(b), ret_auth);
	leave(b);
	return e;
}

static enum inro_err soft_unlock(struct backend *b, CK_USER_TYPE user, struct bytes auth,
				 struct bytes pin)
{
	SCOPED(secret) key = { 0 };
	enum inro_err e = auth_open(user, buf_bytes(&b->serial), auth, pin, &key);

	if (e)
		return e;
	if (!unlocked(b))
		return place_master(b, secret_bytes(&key));
	/* proving a PIN again; loaded keys stay */
	return secret_equal(secret_bytes(&key), master_key(b))
		       ? INRO_OK
		       : err_set(INRO_E_DAMAGED,
				 "the PIN record belongs to an earlier life of this "
				 "token");
}

/* ---- sealed records ---- */

static enum inro_err soft_seal(struct backend *b, struct bytes plain, struct bytes ad,
			       struct buf *ret_sealed)
{
	enum inro_err e = enter(b);

	if (e)
		return e;
	e = seal_close(master_key(b), SEAL_DATA, plain, ad, ret_sealed);
	leave(b);
	return e;
}

static enum inro_err soft_unseal(struct backend *b, struct bytes sealed, struct bytes ad,
				 struct secret *ret)
{
	enum inro_err e = enter(b);

	if (e)
		return e;
	e = seal_open(master_key(b), SEAL_DATA, sealed, ad, ret);
	leave(b);
	return e;
}

/* ---- keys ---- */

/* Takes the key: into the table, or freed. */
static enum inro_err hold(struct backend *b, struct pkey *key, backend_key *ret)
{
	enum inro_err e = enter(b);

	if (!e) {
		e = keys_add(&b->keys, key, ret);
		leave(b);
	}
	if (e)
		pkey_unref(key);
	return e;
}

static enum inro_err soft_check_unlocked(struct backend *b)
{
	enum inro_err e = enter(b);

	if (!e)
		leave(b);
	return e;
}

/* A new key and what the core needs of it. */
static enum inro_err present(struct backend *b, struct pkey *key, backend_key *ret_key,
			     struct buf *ret_spki)
{
	enum inro_err e = pkey_spki(key, ret_spki);

	if (!e)
		return hold(b, key, ret_key);
	pkey_unref(key);
	return e;
}

static enum inro_err soft_generate(struct backend *b, const struct key_spec *spec,
				   backend_key *ret_key, struct buf *ret_spki)
{
	struct pkey *key;
	enum inro_err e = soft_check_unlocked(b);

	if (!e)
		e = pkey_generate(spec, &key);
	return e ? e : present(b, key, ret_key, ret_spki);
}

static enum inro_err soft_import(struct backend *b, const struct key_spec *spec, struct bytes plain,
				 backend_key *ret_key, struct buf *ret_spki)
{
	AUTO(pkey_unref_ptr) struct pkey *key = NULL;
	enum inro_err e = soft_check_unlocked(b);

	if (!e)
		e = pkey_from_pkcs8(plain, &key);
	if (!e && pkey_kind(key) != spec->kind)
		e = err_set(INRO_E_ATTR_VALUE, "the key is of another kind than was said");
	if (!e)
		e = pkey_check(key);
	return e ? e : present(b, pkey_ref(key), ret_key, ret_spki);
}

static enum inro_err soft_reveal(struct backend *b, backend_key id, struct secret *ret_pkcs8)
{
	AUTO(pkey_unref_ptr) struct pkey *key = NULL;
	enum inro_err e = keys_get(&b->keys, id, &key);

	return e ? e : pkey_pkcs8(key, ret_pkcs8);
}

static enum inro_err soft_seal_key(struct backend *b, backend_key id, struct bytes ad,
				   struct buf *ret_sealed)
{
	SCOPED(secret) pkcs8 = { 0 };
	enum inro_err e = soft_reveal(b, id, &pkcs8);

	if (!e)
		e = enter(b);
	if (e)
		return e;
	e = seal_close(master_key(b), SEAL_PRIVATE_KEY, secret_bytes(&pkcs8), ad, ret_sealed);
	leave(b);
	return e;
}

static enum inro_err soft_load(struct backend *b, struct bytes sealed, struct bytes ad,
			       backend_key *ret_key)
{
	SCOPED(secret) pkcs8 = { 0 };
	struct pkey *key;
	enum inro_err e = enter(b);

	if (e)
		return e;
	e = seal_open(master_key(b), SEAL_PRIVATE_KEY, sealed, ad, &pkcs8);
	leave(b);
	if (!e)
		e = pkey_from_pkcs8(secret_bytes(&pkcs8), &key);
	return e ? e : hold(b, key, ret_key);
}

static void soft_unload(struct backend *b, backend_key key)
{
	keys_drop(&b->keys, key);
}

static enum inro_err soft_use(struct backend *b, const struct use *what, struct bytes in,
			      struct room out, size_t *ret_n)
{
	AUTO(pkey_unref_ptr) struct pkey *key = NULL;
	enum inro_err e;

	if (what->use != USE_SIGN)
		return err_set(INRO_E_UNSUPPORTED, "private keys sign here, and do nothing else");
	e = keys_get(&b->keys, what->key, &key);
	return e ? e : pkey_sign(key, what->spec, in, out.p, out.cap, ret_n);
}

static enum inro_err soft_random(struct backend *b, uint8_t *out, size_t n)
{
	(void)b;
	return random_fill(out, n);
}

static const CK_MECHANISM_TYPE *soft_mechanisms(struct backend *b)
{
	(void)b;
	return pkey_mechanisms();
}

const struct backend_ops backend_soft = {
	.name = "soft",
	.open = soft_open,
	.close = soft_close,
	.init = soft_init,
	.set_pin = soft_set_pin,
	.unlock = soft_unlock,
	.lock = soft_lock,
	.seal = soft_seal,
	.unseal = soft_unseal,
	.generate = soft_generate,
	.import = soft_import,
	.seal_key = soft_seal_key,
	.load = soft_load,
	.unload = soft_unload,
	.reveal = soft_reveal,
	.use = soft_use,
	.random = soft_random,
	.mechanisms = soft_mechanisms,
};
