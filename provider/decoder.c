/*
 * decoder - OSSL_OP_DECODER: references to token keys, in PEM and in DER (reference.h).
 *
 * 1. Decoders run for every PEM and DER that any part of the process reads.  There is one for each,
 *    they keep no state, and a few bytes suffice them to say "not mine", which is no error.
 * 2. When a reference is ours and its key can't be had, the reason goes on the error queue last, by
 *    the outermost of our two decoders: libcrypto's file store drops what was raised further in.
 */
#include "provider/found.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/store.h>

#include "provider/reference.h"

#define STRUCTURE "pkcs11-uri"
#define PEM_LINE  256

/* Set while our PEM decoder waits for the DER one, and what became of it. */
static _Thread_local bool within_pem;
static _Thread_local enum inro_err inner_failure;

static void *newctx(void *vprov)
{
	return vprov;
}

static void freectx(void *vprov)
{
	(void)vprov;
}

static int failed(const struct prov *p, enum inro_err e)
{
	if (!within_pem)
		return prov_raise(p, e);
	inner_failure = e;
	return 0;
}

static enum inro_err open_reference(struct prov *p, struct bytes der, OSSL_PASSPHRASE_CALLBACK *ask,
				    void *ask_arg, struct key **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	SCOPED(found) f = { 0 };
	AUTO(free_chars) char *text = NULL;
	struct found_query q = {
		.uri = &uri, .expected = OSSL_STORE_INFO_PKEY, .ask = ask, .arg = ask_arg
	};
	enum inro_err e = reference_read(der, &text);

	if (!e)
		e = p11_uri_parse(text, &uri);
	if (e)
		return e;
	if (uri.type == P11_PUBLIC)
		q.expected = OSSL_STORE_INFO_PUBKEY;
	e = found_open(p, &q, &f);
	return e ? e : found_key(&f.items[0], &uri, ret);
}

static int decode_der(void *vprov, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback,
		      void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	struct prov *p = vprov;
	SCOPED(buf) der = { 0 };
	struct key *k;
	enum inro_err e = core_read(&p->core, in, REFERENCE_HEAD, &der);

	(void)selection;
	if (!e && !reference_is(buf_bytes(&der)))
		return 1;
	if (!e)
		e = core_read(&p->core, in, REFERENCE_MAX - REFERENCE_HEAD, &der);
	if (!e)
		e = open_reference(p, buf_bytes(&der), ask, ask_arg, &k);
	return e ? failed(p, e) : key_deliver(k, callback, arg);
}

static bool starts_with(const char *line, const char *head)
{
	return strncmp(line, head, strlen(head)) == 0;
}

/* Up to the first block's begin; true when it is a reference. */
static bool at_reference(const struct prov *p, OSSL_CORE_BIO *in)
{
	char line[PEM_LINE];

	while (core_line(&p->core, in, line, sizeof line))
		if (starts_with(line, "-----BEGIN "))
			return starts_with(line, "-----BEGIN " REFERENCE_PEM "-----");
	return false;
}

static enum inro_err read_block(const struct prov *p, OSSL_CORE_BIO *in, struct buf *ret_der)
{
	EVP_ENCODE_CTX *base64 = EVP_ENCODE_CTX_new();
	char line[PEM_LINE];
	int n = 0, ok = 1;

	if (!base64)
		return INRO_E_NO_MEMORY;
	EVP_DecodeInit(base64);
	while (ok >= 0 && core_line(&p->core, in, line, sizeof line) &&
	       !starts_with(line, "-----")) {
		unsigned char out[PEM_LINE];

		ok = EVP_DecodeUpdate(base64, out, &n, (unsigned char *)line, (int)strlen(line));
		if (ok >= 0)
			buf_add(ret_der, BYTES(out, (size_t)n));
	}
	EVP_ENCODE_CTX_free(base64);
	if (ok < 0 || ret_der->n == 0 || ret_der->n > REFERENCE_MAX)
		return err_set(INRO_E_SYNTAX, "the key reference is damaged: not base64");
	return buf_err(ret_der);
}

static int hand_on(const struct prov *p, struct buf *der, OSSL_CALLBACK *callback, void *arg)
{
	static char structure[] = STRUCTURE;
	int kind = OSSL_OBJECT_PKEY, ok;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &kind),
		OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, 0),
		OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der->p, der->n),
		OSSL_PARAM_construct_end(),
	};

	within_pem = true;
	inner_failure = INRO_OK;
	ok = callback(params, arg);
	within_pem = false;
	return !ok && inner_failure ? prov_raise(p, inner_failure) : ok;
}

static int decode_pem(void *vprov, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback,
		      void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	const struct prov *p = vprov;
	SCOPED(buf) der = { 0 };
	enum inro_err e;

	(void)selection;
	(void)ask;
	(void)ask_arg;
	if (!at_reference(p, in))
		return 1;
	e = read_block(p, in, &der);
	return e ? prov_raise(p, e) : hand_on(p, &der, callback, arg);
}

/* A reference stands for a key, not for bare parameters. */
static int does_selection(void *vprov, int selection)
{
	(void)vprov;
	return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;
}

static const OSSL_DISPATCH der_functions[] = {
	ENTRY(OSSL_FUNC_DECODER_NEWCTX, newctx),
	ENTRY(OSSL_FUNC_DECODER_FREECTX, freectx),
	ENTRY(OSSL_FUNC_DECODER_DOES_SELECTION, does_selection),
	ENTRY(OSSL_FUNC_DECODER_DECODE, decode_der),
	ENTRY_END,
};

static const OSSL_DISPATCH pem_functions[] = {
	ENTRY(OSSL_FUNC_DECODER_NEWCTX, newctx),
	ENTRY(OSSL_FUNC_DECODER_FREECTX, freectx),
	ENTRY(OSSL_FUNC_DECODER_DECODE, decode_pem),
	ENTRY_END,
};

const OSSL_ALGORITHM decoder_algorithms[] = {
	{ KEY_REFERENCE_NAME, PROV_PROPERTIES ",input=der,structure=" STRUCTURE, der_functions,
	  "references to token keys" },
	{ "DER", PROV_PROPERTIES ",input=pem", pem_functions, "references to token keys" },
	{ NULL, NULL, NULL, NULL },
};
