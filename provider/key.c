/* key - see key.h. */
#include "provider/key.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/x509.h>

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
	EVP_PKEY_free(k->pkey);
	object_free(k->object);
	free(k);
}

static const struct key_type *type_of(CK_KEY_TYPE type)
{
	static const struct key_type *const types[] = { &key_rsa, &key_ec };

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i]->type == type)
			return types[i];
	return NULL;
}

static enum inro_err read_public(struct key *k, struct seat *s, CK_OBJECT_HANDLE handle)
{
	SCOPED(buf) spki = { 0 };
	OSSL_LIB_CTX *libctx;
	const unsigned char *der;
	enum inro_err e = ck_public_key(s->m, s->session, handle, &spki);

	if (!e)
		e = below_libctx(&k->prov->below, &libctx);
	if (e)
		return e;
	der = spki.p;
	ERR_set_mark();
	k->pkey = d2i_PUBKEY_ex(NULL, &der, (long)spki.n, libctx, NULL);
	if (!k->pkey || !EVP_PKEY_is_a(k->pkey, k->type->name))
		e = below_failed("reading the public half of the key");
	ERR_pop_to_mark();
	k->has = OSSL_KEYMGMT_SELECT_PUBLIC_KEY | OSSL_KEYMGMT_SELECT_ALL_PARAMETERS;
	return e;
}

enum inro_err key_open(struct token *t, struct seat *s, CK_OBJECT_HANDLE handle, bool private,
		       const struct p11_uri *uri, struct key **ret)
{
	CK_ULONG type = 0;
	struct key *k;
	enum inro_err e = ck_attr_ulong(s->m, s->session, handle, CKA_KEY_TYPE, &type);

	if (e)
		return e;
	if (!type_of(type))
		return err_set(INRO_E_UNSUPPORTED,
			       "keys of Cryptoki type 0x%lx are not offered to OpenSSL", type);
	k = key_new(token_prov(t), type_of(type));
	if (!k)
		return INRO_E_NO_MEMORY;
	e = read_public(k, s, handle);
	if (!e && private) {
		k->has |= OSSL_KEYMGMT_SELECT_PRIVATE_KEY;
		e = object_new(t, s, handle, uri, &k->object);
	}
	if (e) {
		key_free(k);
		return e;
	}
	*ret = k;
	return INRO_OK;
}

int key_deliver(struct key *k, OSSL_CALLBACK *callback, void *arg)
{
	struct key_carrier carrier = { .key = k };
	int kind = OSSL_OBJECT_PKEY, ok;
	char name[16] = "";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &kind),
		OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name, 0),
		OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &carrier,
						  sizeof carrier),
		OSSL_PARAM_construct_end(),
	};

	memcpy(carrier.mark, KEY_CARRIER_MARK, sizeof carrier.mark);
	OPENSSL_strlcpy(name, k->type->name, sizeof name);
	params[1].data_size = strlen(name);
	ok = callback(params, arg);
	key_free(carrier.key); /* NULL when our keymgmt took it */
	return ok;
}
