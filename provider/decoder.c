/*
 * decoder - OSSL_OP_DECODER: references to token keys (reference.h) and keys in files that only a
 * TPM can use (tss2.h), in PEM and in DER.
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
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/store.h>

#include "base/cryptoki/reference.h"
#include "provider/tss2.h"

#define STRUCTURE "pkcs11-uri"

/* libcrypto looks for decoders by the names of the kinds of keys there are, and what a decoder
 * gives may be of any kind: so this one stands for references to keys of every kind.  The kind is
 * one that no certificate of today has, because the decoders of a certificate's kind are made ready
 * each time its key is read; and one of the first that libcrypto knows, for it compares each
 * decoder's name with all names up to it. */
#define DER_NAME "DH"
#define PEM_LINE 256

/* What is known in a PEM decoder of ours that waits for the DER one, and what became of that. */
static _Thread_local struct {
	bool waiting, reached;
	enum inro_err failure;
} inner;

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
	if (!inner.waiting)
		return prov_raise(p, e);
	inner.failure = e;
	return 0;
}

static enum inro_err open_reference(struct prov *p, struct bytes der,
				    const struct pin_source *program, struct key **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	SCOPED(found) f = { 0 };
	AUTO(free_chars) char *text = NULL;
	struct found_query q = {
		.uri = &uri,
		.expected = OSSL_STORE_INFO_PKEY,
		.ask = program->ask,
		.arg = program->arg,
	};
	enum inro_err e = reference_read(der, &text);

	if (!e) {
		e = p11_uri_parse(text, &uri);
		wipe(text, strlen(text)); /* others write a PIN into their references */
	}
	if (e)
		return e;
	if (uri.type == P11_PUBLIC)
		q.expected = OSSL_STORE_INFO_PUBKEY;
	e = found_open(p, &q, &f);
	return e ? e : found_key(&f.items[0], &uri, ret);
}

/* What is ours, by its PEM name and by the head of its DER. */
static const struct content {
	const char *pem;
	bool (*is)(struct bytes head);
	bool (*is_left)(const struct prov *p); /* to another provider; NULL: never */
	size_t max;
	enum inro_err (*open)(struct prov *p, struct bytes der, const struct pin_source *program,
			      struct key **ret);
} contents[] = {
	{ REFERENCE_PEM, reference_is, NULL, REFERENCE_MAX, open_reference },
	{ TSS2_PEM, tss2_is, tss2_is_left, TSS2_MAX, tss2_open },
};

static bool is_for_us(const struct prov *p, const struct content *c)
{
	return c && !(c->is_left && c->is_left(p));
}

static const struct content *content_of(struct bytes head)
{
	for (size_t i = 0; i < ARRAY_LEN(contents); i++)
		if (contents[i].is(head))
			return &contents[i];
	return NULL;
}

static enum inro_err read_and_open(struct prov *p, OSSL_CORE_BIO *in, const struct content *c,
				   const struct pin_source *program, struct buf *der,
				   struct key **ret)
{
	enum inro_err e = core_read(&p->core, in, c->max + 1 - der->n, der);

	if (!e && der->n > c->max)
		e = err_set(INRO_E_TOO_BIG, "a %s has at most %zu bytes", c->pem, c->max);
	return e ? e : c->open(p, buf_bytes(der), program, ret);
}

static int decode_der(void *vprov, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback,
		      void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	struct prov *p = vprov;
	SCOPED(buf) der = { 0 };
	const struct pin_source program = { .ask = ask, .arg = ask_arg };
	const struct content *c = NULL;
	struct key *k;
	enum inro_err e = core_read(&p->core, in, REFERENCE_HEAD, &der);

	(void)selection;
	inner.reached = true;
	if (!e)
		c = content_of(buf_bytes(&der));
	if (!e && !is_for_us(p, c))
		return 1;
	if (!e)
		e = read_and_open(p, in, c, &program, &der, &k);
	return e ? failed(p, e) : key_deliver(k, callback, arg);
}

static bool starts_with(const char *line, const char *head)
{
	return strncmp(line, head, strlen(head)) == 0;
}

static const struct content *content_named(const char *line)
{
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		size_t n = strlen(contents[i].pem);

		if (strncmp(line, contents[i].pem, n) == 0 && starts_with(line + n, "-----"))
			return &contents[i];
	}
	return NULL;
}

/* Up to the first block's begin; NULL when it is none of ours. */
static const struct content *at_content(const struct prov *p, OSSL_CORE_BIO *in)
{
	static const char begin[] = "-----BEGIN ";
	char line[PEM_LINE];

	while (core_line(&p->core, in, line, sizeof line))
		if (starts_with(line, begin))
			return content_named(line + sizeof begin - 1);
	return NULL;
}

/* To the block's end, also when it is of no use: libcrypto reads on behind it, and drops what was
 * said about it when it finds nothing else. */
static bool read_base64(const struct prov *p, OSSL_CORE_BIO *in, size_t max, EVP_ENCODE_CTX *base64,
			struct buf *ret_der)
{
	char line[PEM_LINE];
	int n = 0, ok = 1;

	EVP_DecodeInit(base64);
	while (core_line(&p->core, in, line, sizeof line) && !starts_with(line, "-----")) {
		unsigned char out[PEM_LINE];

		if (ok < 0 || ret_der->n > max)
			continue;
		ok = EVP_DecodeUpdate(base64, out, &n, (unsigned char *)line, (int)strlen(line));
		if (ok >= 0)
			buf_add(ret_der, BYTES(out, (size_t)n));
	}
	return ok >= 0 && ret_der->n > 0;
}

static enum inro_err read_block(const struct prov *p, OSSL_CORE_BIO *in, const struct content *c,
				struct buf *ret_der)
{
	EVP_ENCODE_CTX *base64 = EVP_ENCODE_CTX_new();
	bool ok;

	if (!base64)
		return INRO_E_NO_MEMORY;
	ok = read_base64(p, in, c->max, base64, ret_der);
	EVP_ENCODE_CTX_free(base64);
	if (ret_der->n > c->max)
		return err_set(INRO_E_TOO_BIG, "a %s has at most %zu bytes", c->pem, c->max);
	if (!ok || !c->is(buf_bytes(ret_der)))
		return err_set(INRO_E_SYNTAX, "the %s is damaged (%s): write it anew", c->pem,
			       ok ? "its beginning is lost" : "it is not base64");
	return buf_err(ret_der);
}

/* To the DER decoder.  False when libcrypto has none ready for it. */
static bool hand_on(const struct prov *p, struct buf *der, OSSL_CALLBACK *callback, void *arg,
		    int *ret_ok)
{
	static char structure[] = STRUCTURE;
	int kind = OSSL_OBJECT_PKEY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &kind),
		OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, 0),
		OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der->p, der->n),
		OSSL_PARAM_construct_end(),
	};

	inner.waiting = true;
	inner.reached = false;
	inner.failure = INRO_OK;
	ERR_set_mark();
	*ret_ok = callback(params, arg);
	inner.waiting = false;
	if (inner.reached && (*ret_ok || !inner.failure)) {
		ERR_clear_last_mark();
		return true;
	}
	/* Other decoders have said that it is not theirs: ours is what the program is to see. */
	ERR_pop_to_mark();
	if (inner.reached)
		prov_raise(p, inner.failure);
	return inner.reached;
}

static int decode_pem(void *vprov, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *callback,
		      void *arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	struct prov *p = vprov;
	SCOPED(buf) der = { 0 };
	const struct pin_source program = { .ask = ask, .arg = ask_arg };
	const struct content *c = at_content(p, in);
	struct key *k;
	enum inro_err e;
	int ok;

	(void)selection;
	if (!is_for_us(p, c))
		return 1;
	e = read_block(p, in, c, &der);
	if (!e && hand_on(p, &der, callback, arg, &ok))
		return ok;
	if (!e)
		e = c->open(p, buf_bytes(&der), &program, &k);
	return e ? prov_raise(p, e) : key_deliver(k, callback, arg);
}

/* Another provider's kind of key can't be made of ours: libcrypto, which asks without looking
 * whether we can, goes on to the next offer (shown.h). */
static int export_object(void *vctx, const void *reference, size_t n, OSSL_CALLBACK *callback,
			 void *arg)
{
	(void)vctx;
	(void)reference;
	(void)n;
	(void)callback;
	(void)arg;
	return 0;
}

/* A reference stands for a key, not for bare parameters. */
static int does_selection(void *vprov, int selection)
{
	(void)vprov;
	return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0;
}

/* Libcrypto finds it by what it is called to give, whatever is selected.  The question is asked
 * only before the decoder's name is compared with the name of every kind of key, in vain. */
static int pem_does_selection(void *vprov, int selection)
{
	(void)vprov;
	(void)selection;
	return 0;
}

static const OSSL_DISPATCH der_functions[] = {
	ENTRY(OSSL_FUNC_DECODER_NEWCTX, newctx),
	ENTRY(OSSL_FUNC_DECODER_FREECTX, freectx),
	ENTRY(OSSL_FUNC_DECODER_DOES_SELECTION, does_selection),
	ENTRY(OSSL_FUNC_DECODER_DECODE, decode_der),
	ENTRY(OSSL_FUNC_DECODER_EXPORT_OBJECT, export_object),
	ENTRY_END,
};

static const OSSL_DISPATCH pem_functions[] = {
	ENTRY(OSSL_FUNC_DECODER_NEWCTX, newctx),
	ENTRY(OSSL_FUNC_DECODER_FREECTX, freectx),
	ENTRY(OSSL_FUNC_DECODER_DOES_SELECTION, pem_does_selection),
	ENTRY(OSSL_FUNC_DECODER_DECODE, decode_pem),
	ENTRY(OSSL_FUNC_DECODER_EXPORT_OBJECT, export_object),
	ENTRY_END,
};

#define ROW_DER                                                                                    \
	{                                                                                          \
		DER_NAME, PROV_PROPERTIES ",input=der,structure=" STRUCTURE, der_functions,        \
			"references to token keys"                                                 \
	}
#define ROW_PEM(gives)                                                                             \
	{                                                                                          \
		gives, PROV_PROPERTIES ",input=pem", pem_functions, "references to token keys"     \
	}
#define ROW_END                                                                                    \
	{                                                                                          \
		NULL, NULL, NULL, NULL                                                             \
	}

const OSSL_ALGORITHM decoder_algorithms[] = { ROW_DER, ROW_PEM("DER"), ROW_END };

/* Libcrypto 3.0 makes ready all that may lead to DER each time it reads the key of a certificate,
 * which is several times in each handshake of TLS.  PVK files it looks for where it reads a private
 * key, and where it reads files; what we give is none, but tells what it is. */
const OSSL_ALGORITHM decoder_algorithms_30[] = { ROW_DER, ROW_PEM("PVK"), ROW_END };
