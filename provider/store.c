/*
 * store - OSSL_OP_STORE for the scheme pkcs11: (RFC 7512): private keys, public keys, certificates.
 *
 * 1. Opening reads the URI and nothing else; the token is opened at the first load, for only then
 *    can the program be asked for a PIN.
 *    A URI that can't be read is told of then, too: of a failure to open libcrypto says first that
 *    there is no such file.
 * 2. After a failure to search the end is reached: a program that loads until then does not ask for ever.
 * 3. The end is not told of before the next load where the last one failed: libcrypto takes a failure at the end for the
 *    end, and OSSL_STORE_error() would know of none.
 */
#include "provider/found.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/store.h>

struct loader {
	struct prov *prov;
	struct p11_uri uri;
	struct err_kept unreadable; /* what is wrong with the URI or what is looked for; code INRO_OK: nothing */
	int expected;
	CK_ATTRIBUTE more[FOUND_MORE]; /* what is looked for; the values are ours */
	CK_ULONG more_n;
	bool certs_only;
	char digest[64];
	struct buf fingerprint;
	bool searched, failed;
	bool refused; /* the last load failed */
	struct found found;
	size_t next;
};

static void *open_uri(void *vprov, const char *uri)
{
	struct loader *l = calloc(1, sizeof *l);

	if (!l) {
		prov_raise(vprov, INRO_E_NO_MEMORY);
		return NULL;
	}
	l->prov = vprov;
	if (p11_uri_parse(uri, &l->uri))
		l->unreadable = err_keep();
	return l;
}

static const OSSL_PARAM *settable_ctx_params(void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
		OSSL_PARAM_octet_string(OSSL_STORE_PARAM_SUBJECT, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_STORE_PARAM_ISSUER, NULL, 0),
		OSSL_PARAM_BN(OSSL_STORE_PARAM_SERIAL, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_ALIAS, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_DIGEST, NULL, 0),
		OSSL_PARAM_octet_string(OSSL_STORE_PARAM_FINGERPRINT, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return table;
}

/* A number as a certificate has it: DER. */
static enum inro_err serial_value(const OSSL_PARAM *p, struct buf *ret)
{
	BIGNUM *n = NULL;
	ASN1_INTEGER *number = p->data && OSSL_PARAM_get_BN(p, &n) ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
	unsigned char *der = NULL;
	int len = number ? i2d_ASN1_INTEGER(number, &der) : 0;

	if (len > 0)
		buf_add(ret, BYTES(der, (size_t)len));
	OPENSSL_free(der);
	ASN1_INTEGER_free(number);
	BN_free(n);
	if (len <= 0)
		return err_set(INRO_E_ARG, "the serial number is no number");
	return buf_err(ret);
}

static enum inro_err octets_value(const OSSL_PARAM *p, struct buf *ret)
{
	const void *octets = NULL;
	size_t n = 0;

	if (!OSSL_PARAM_get_octet_string_ptr(p, &octets, &n) || (n > 0 && !octets))
		return err_set(INRO_E_ARG, "what is looked for by '%s' is no string of bytes", p->key);
	buf_add(ret, BYTES(octets, n));
	return buf_err(ret);
}

static enum inro_err text_value(const OSSL_PARAM *p, struct buf *ret)
{
	const char *text = NULL;

	if (!OSSL_PARAM_get_utf8_string_ptr(p, &text) || !text)
		return err_set(INRO_E_ARG, "what is looked for by '%s' is no text", p->key);
	buf_add(ret, p->data_type == OSSL_PARAM_UTF8_PTR ? bytes_of(text) : BYTES(text, p->data_size));
	return buf_err(ret);
}

/* What a program may look for, and the attribute that has it. */
static const struct criterion {
	const char *param;
	CK_ATTRIBUTE_TYPE attr;
	bool of_cert;
	enum inro_err (*value)(const OSSL_PARAM *p, struct buf *ret);
} criteria[FOUND_MORE] = {
	{ OSSL_STORE_PARAM_SUBJECT, CKA_SUBJECT, true, octets_value },
	{ OSSL_STORE_PARAM_ISSUER, CKA_ISSUER, true, octets_value },
	{ OSSL_STORE_PARAM_SERIAL, CKA_SERIAL_NUMBER, true, serial_value },
	{ OSSL_STORE_PARAM_ALIAS, CKA_LABEL, false, text_value },
};

/* A value of another type comes of OSSL_STORE_open_ex() alone, and where that is told of a failure libcrypto 3.0 goes
 * on without a loader, and crashes: so it is told at the load. */
static enum inro_err tell_later(struct loader *l, enum inro_err e)
{
	if (e == INRO_E_ARG && !l->unreadable.code)
		l->unreadable = err_keep();
	return e == INRO_E_ARG ? INRO_OK : e;
}

static enum inro_err look_for(struct loader *l, const struct criterion *c, const OSSL_PARAM *p)
{
	SCOPED(buf) value = { 0 };
	enum inro_err e = c->value(p, &value);
	void *copy;

	if (e)
		return tell_later(l, e);
	if (l->more_n == FOUND_MORE)
		return err_set(INRO_E_STATE, "the store looks for something already");
	copy = malloc(value.n + 1);
	if (!copy)
		return INRO_E_NO_MEMORY;
	memcpy(copy, value.p ? value.p : (const uint8_t *)"", value.n);
	l->more[l->more_n++] = (CK_ATTRIBUTE) { c->attr, copy, value.n };
	l->certs_only |= c->of_cert;
	return INRO_OK;
}

static enum inro_err take_fingerprint(struct loader *l, const OSSL_PARAM params[])
{
	const OSSL_PARAM *digest = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_DIGEST);
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_FINGERPRINT);
	char *name = l->digest;

	if (digest && digest->data && !OSSL_PARAM_get_utf8_string(digest, &name, sizeof l->digest))
		return tell_later(l, err_set(INRO_E_ARG, "the digest of the fingerprint is no name"));
	if (!p)
		return INRO_OK;
	if (p->data_size == 0)
		return tell_later(l, err_set(INRO_E_ARG, "the fingerprint is empty"));
	buf_reset(&l->fingerprint);
	return tell_later(l, octets_value(p, &l->fingerprint));
}

static int set_ctx_params(void *vloader, const OSSL_PARAM params[])
{
	struct loader *l = vloader;
	const OSSL_PARAM *p;
	enum inro_err e = INRO_OK;

	if (!params)
		return 1;
	for (size_t i = 0; !e && i < ARRAY_LEN(criteria); i++) {
		p = OSSL_PARAM_locate_const(params, criteria[i].param);
		if (p)
			e = look_for(l, &criteria[i], p);
	}
	if (!e)
		e = take_fingerprint(l, params);
	if (e)
		return prov_raise(l->prov, e);
	p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);
	if (p && (!p->data || !OSSL_PARAM_get_int(p, &l->expected)))
		e = tell_later(l, err_set(INRO_E_ARG, "what is expected of the store is no number"));
	return e ? prov_raise(l->prov, e) : 1;
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

static enum inro_err search(struct loader *l, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	struct found_query q = {
		.uri = &l->uri,
		.expected = l->expected,
		.ask = ask,
		.arg = ask_arg,
		.more = l->more,
		.more_n = l->more_n,
		.certs_only = l->certs_only,
		.print = { l->digest, buf_bytes(&l->fingerprint) },
	};
	enum inro_err e = l->unreadable.code;

	if (e)
		err_kept_clear(&l->unreadable);
	else if (!l->searched)
		e = found_open(l->prov, &q, &l->found);
	l->searched = true;
	l->failed = e != INRO_OK;
	return e;
}

static bool is_over(const struct loader *l)
{
	return l->failed || (l->searched && l->next >= l->found.n);
}

static int load_next(struct loader *l, OSSL_CALLBACK *callback, void *arg)
{
	const struct found_item *item = &l->found.items[l->next++];

	if (item->kind == FOUND_CERT)
		return load_cert(item, l->prov, callback, arg);
	return load_key(l, item, callback, arg);
}

static int load(void *vloader, OSSL_CALLBACK *callback, void *arg, OSSL_PASSPHRASE_CALLBACK *ask,
		void *ask_arg)
{
	struct loader *l = vloader;
	enum inro_err e;

	l->refused = false;
	if (is_over(l))
		return 0;
	e = search(l, ask, ask_arg);
	if (!e && is_over(l)) /* an empty token */
		return 0;
	l->refused = e ? !prov_raise(l->prov, e) : !load_next(l, callback, arg);
	return !l->refused;
}

static int eof(void *vloader)
{
	const struct loader *l = vloader;

	return is_over(l) && !l->refused;
}

static int close_loader(void *vloader)
{
	struct loader *l = vloader;

	p11_uri_clear(&l->uri);
	found_clear(&l->found);
	buf_clear(&l->fingerprint);
	for (CK_ULONG i = 0; i < l->more_n; i++)
		free(l->more[i].pValue);
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
