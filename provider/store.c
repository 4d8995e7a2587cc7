/*
 * store - OSSL_OP_STORE for the scheme pkcs11: (RFC 7512): private keys, public keys, certificates.
 *
 * 1. Opening reads the URI and nothing else; the token is opened at the first load, for only then
 *    can the program be asked for a PIN.
 * 2. After a failure the end is reached: a program that loads until then does not ask for ever.
 */
#include "provider/found.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/store.h>

struct loader {
	struct prov *prov;
	struct p11_uri uri;
	int expected;
	bool searched, failed;
	struct found found;
	size_t next;
};

static void *open_uri(void *vprov, const char *uri)
{
	struct loader *l = calloc(1, sizeof *l);
	enum inro_err e = l ? p11_uri_parse(uri, &l->uri) : INRO_E_NO_MEMORY;

	if (e) {
		prov_raise(vprov, e);
		free(l);
		return NULL;
	}
	l->prov = vprov;
	return l;
}

static const OSSL_PARAM *settable_ctx_params(void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
		OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return table;
}

static int set_ctx_params(void *vloader, const OSSL_PARAM params[])
{
	struct loader *l = vloader;
	const OSSL_PARAM *p =
		params ? OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT) : NULL;

	return !p || OSSL_PARAM_get_int(p, &l->expected);
}

static int load_cert(const struct found_item *item, struct prov *prov, OSSL_CALLBACK *callback,
		     void *arg)
{
	SCOPED(buf) der = { 0 };
	int kind = OSSL_OBJECT_CERT;
	enum inro_err e = found_cert(item, &der);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &kind),
		OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der.p, der.n),
		OSSL_PARAM_construct_end(),
	};

	return e ? prov_raise(prov, e) : callback(params, arg);
}

static int load_key(const struct loader *l, const struct found_item *item, OSSL_CALLBACK *callback,
		    void *arg)
{
	struct key *k;
	enum inro_err e = found_key(item, &l->uri, &k);

	if (e)
		return prov_raise(l->prov, e);
	return key_deliver(k, callback, arg);
}

static int load(void *vloader, OSSL_CALLBACK *callback, void *arg, OSSL_PASSPHRASE_CALLBACK *ask,
		void *ask_arg)
{
	struct loader *l = vloader;
	struct found_query q = {
		.uri = &l->uri, .expected = l->expected, .ask = ask, .arg = ask_arg
	};
	const struct found_item *item;
	enum inro_err e = INRO_OK;

	if (!l->searched)
		e = found_open(l->prov, &q, &l->found);
	l->searched = true;
	l->failed = e != INRO_OK;
	if (e)
		return prov_raise(l->prov, e);
	if (l->next >= l->found.n)
		return 0;
	item = &l->found.items[l->next++];
	if (item->kind == FOUND_CERT)
		return load_cert(item, l->prov, callback, arg);
	return load_key(l, item, callback, arg);
}

static int eof(void *vloader)
{
	const struct loader *l = vloader;

	return l->failed || (l->searched && l->next >= l->found.n);
}

static int close_loader(void *vloader)
{
	struct loader *l = vloader;

	p11_uri_clear(&l->uri);
	found_clear(&l->found);
	free(l);
	return 1;
}

static const OSSL_DISPATCH functions[] = {
	ENTRY(OSSL_FUNC_STORE_OPEN, open_uri),
	ENTRY(OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, settable_ctx_params),
	ENTRY(OSSL_FUNC_STORE_SET_CTX_PARAMS, set_ctx_params),
	ENTRY(OSSL_FUNC_STORE_LOAD, load),
	ENTRY(OSSL_FUNC_STORE_EOF, eof),
	ENTRY(OSSL_FUNC_STORE_CLOSE, close_loader),
	ENTRY_END,
};

const OSSL_ALGORITHM store_algorithms[] = {
	{ "pkcs11", PROV_PROPERTIES, functions, "objects of a token" },
	{ NULL, NULL, NULL, NULL },
};
