/* key - see key.h. */
#include "provider/key.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/x509.h>

#include "provider/pss.h"
#include "provider/signature.h"

struct key *key_new(struct prov *p, const struct key_type *type)
{
	struct key *k = calloc(1, sizeof *k);

	if (k) {
		k->prov = p;
		k->type = type;
	}
	return k;
}

void key_free(struct key *k)
{
	if (!k)
		return;
	signature_models_free(k);
	if (k->before != k->pkey)
		EVP_PKEY_free(k->before);
	EVP_PKEY_free(k->pkey);
	object_free(k->object);
	free(k);
}

/* Whoever comes first remembers the shared one; each then tries to put a copy in its place, and changes whatever copy is
 * there if another thread was faster. */
int key_set(struct key *k, const OSSL_PARAM params[])
{
	EVP_PKEY *shared = k->pkey, *none = NULL, *copy;
	bool in_place;

	atomic_compare_exchange_strong(&k->before, &none, shared);
	shared = k->before;
	if (k->pkey != shared)
		return EVP_PKEY_set_params(k->pkey, (OSSL_PARAM *)(uintptr_t)params);
	copy = EVP_PKEY_dup(shared);
	if (!copy || EVP_PKEY_set_params(copy, (OSSL_PARAM *)(uintptr_t)params) != 1) {
		EVP_PKEY_free(copy);
		return 0;
	}
	in_place = !atomic_compare_exchange_strong(&k->pkey, &shared, copy);
	if (!in_place)
		return 1;
	EVP_PKEY_free(copy);
	return EVP_PKEY_set_params(k->pkey, (OSSL_PARAM *)(uintptr_t)params);
}

/* Read in this order: what nothing was set of yet is the shared one. */
EVP_PKEY *key_share(const struct key *k)
{
	EVP_PKEY *pkey = k->pkey, *before = k->before;

	if (before && pkey != before)
		return EVP_PKEY_dup(pkey);
	return EVP_PKEY_up_ref(pkey) ? pkey : NULL;
}

/* The row that the public half belongs to, among those of this Cryptoki type. */
static const struct key_type *type_of(CK_KEY_TYPE type, const EVP_PKEY *pkey)
{
	for (size_t i = 0; i < ARRAY_LEN(key_types); i++)
		if (key_types[i].type == type && EVP_PKEY_is_a(pkey, key_types[i].name))
			return &key_types[i];
	return NULL;
}

static enum inro_err decode_public(struct prov *p, struct bytes spki, EVP_PKEY **ret)
{
	OSSL_LIB_CTX *libctx;
	const unsigned char *der = spki.p;
	enum inro_err e = below_libctx(&p->below, &libctx);

	if (e)
		return e;
	ERR_set_mark();
	*ret = d2i_PUBKEY_ex(NULL, &der, (long)spki.n, libctx, NULL);
	if (!*ret)
		e = below_failed("reading the public half of the key");
	ERR_pop_to_mark();
	return e;
}

/* The public half, and what kind it makes the key. */
static enum inro_err read_public(struct key *k, struct seat *s, CK_OBJECT_HANDLE handle)
{
	SCOPED(buf) spki = { 0 };
	CK_ULONG type = 0;
	EVP_PKEY *pkey = NULL;
	enum inro_err e = ck_attr_ulong(s->m, s->session, handle, CKA_KEY_TYPE, &type);

	if (!e)
		e = ck_public_key(s->m, s->session, handle, &spki);
	if (!e)
		e = decode_public(k->prov, buf_bytes(&spki), &pkey);
	if (e)
		return e;
	k->pkey = pkey;
	k->type = type_of(type, pkey);
	k->has = OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS;
	if (!k->type)
		return err_set(INRO_E_UNSUPPORTED,
			       "keys of Cryptoki type 0x%lx are not offered to OpenSSL", type);
	return INRO_OK;
}

/* Either half may say so: of a public object it is all there is to know it by. */
static enum inro_err bind_as_told(struct key *k, struct seat *s, CK_OBJECT_HANDLE handle)
{
	const struct digest *digest = NULL;

	if (k->type == &key_types[KEY_TYPE_rsa] && pss_is_bound(s, handle, &digest))
		return pss_bind(k, digest);
	return INRO_OK;
}

enum inro_err key_of_object(struct prov *p, struct seat *s, CK_OBJECT_HANDLE handle,
			    struct object *o, struct key **ret)
{
	struct key *k = key_new(p, NULL);
	enum inro_err e;

	if (!k)
		return INRO_E_NO_MEMORY;
	e = read_public(k, s, handle);
	if (!e)
		e = bind_as_told(k, s, handle);
	if (!e && o)
		k->has |= OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
	if (e) {
		key_free(k);
		return e;
	}
	k->object = o;
	*ret = k;
	return INRO_OK;
}

enum inro_err key_open(struct token *t, struct seat *s, CK_OBJECT_HANDLE handle, bool private,
		       const struct p11_uri *uri, struct key **ret)
{
	struct object *o = NULL;
	enum inro_err e = private ? object_new(t, s, handle, uri, &o) : INRO_OK;

	if (!e)
		e = key_of_object(token_prov(t), s, handle, o, ret);
	if (e)
		object_free(o);
	return e;
}

/* The carrier is empty when our keymgmt has taken the key. */
static int offer(struct key_carrier *carrier, const char *name, OSSL_CALLBACK *callback, void *arg)
{
	int kind = OSSL_OBJECT_PKEY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &kind),
		OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE,
						 (char *)(uintptr_t)name, 0),
		OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, carrier,
						  sizeof *carrier),
		OSSL_PARAM_construct_end(),
	};

	return callback(params, arg);
}

int key_deliver(struct key *k, OSSL_CALLBACK *callback, void *arg)
{
	struct key_carrier carrier = { KEY_CARRIER_MARK, k };
	struct prov *p = k->prov;
	const struct key_type *type = k->type;
	char name[SHOWN_NAME];
	int ok = 0;

	ERR_set_mark();
	for (unsigned n = 0; !ok && carrier.key && shown_try(p, type, n, name); n++) {
		ERR_pop_to_mark();
		ERR_set_mark();
		ok = offer(&carrier, name, callback, arg);
	}
	ERR_clear_last_mark();
	shown_end();
	key_free(carrier.key); /* NULL when our keymgmt took it */
	return ok;
}
