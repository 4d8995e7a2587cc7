/*
 * encoder - OSSL_OP_ENCODER: what is written in a private key's place.
 *
 * 1. For a token key that is its reference (reference.h), in PEM, in DER, or as text; never a part
 *    of the key.  A key that came of a file (tss2.h) is written as that file again.
 * 2. As PKCS#8 DER, plain or encrypted, of which PKCS#12 is made, there is none: refused with the
 *    reason.  In PEM a cipher that is asked for changes nothing: there is nothing to encrypt.
 * 3. A software key (key.h) is written by the context below, as it would be without us.
 * 4. Public keys are not written here but as text: every other provider's encoder takes them by export.
 */
#include "provider/key.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/params.h>
#include <openssl/pem.h>

#include "base/cryptoki/reference.h"
#include "provider/tss2.h"

struct form;

struct writer {
	struct prov *prov;
	const struct form *form;
	char cipher[64]; /* for a software key */
	bool has_cipher;
};

struct form {
	const char *output, *structure;
	enum inro_err (*write)(const struct key *k, int selection, BIO *out);
};

static enum inro_err written(int ok)
{
	return ok == 1 ? INRO_OK : below_failed("writing the key reference");
}

/* What stands for the key, and its PEM name. */
static enum inro_err take_content(const struct key *k, struct buf *ret_der, const char **ret_pem)
{
	struct bytes file = object_file(k->object);

	*ret_pem = file.n ? TSS2_PEM : REFERENCE_PEM;
	if (file.n)
		buf_add(ret_der, file);
	else
		reference_write(object_reference(k->object), ret_der);
	return buf_err(ret_der);
}

static enum inro_err write_der(const struct key *k, int selection, BIO *out)
{
	SCOPED(buf) der = { 0 };
	const char *pem;
	enum inro_err e = take_content(k, &der, &pem);

	(void)selection;
	return e ? e : written(BIO_write(out, der.p, (int)der.n) == (int)der.n);
}

static enum inro_err write_pem(const struct key *k, int selection, BIO *out)
{
	SCOPED(buf) der = { 0 };
	const char *pem;
	enum inro_err e = take_content(k, &der, &pem);

	(void)selection;
	return e ? e : written(PEM_write_bio(out, pem, "", der.p, (long)der.n) > 0);
}

/* As libcrypto's own: the most that is asked for. */
static enum inro_err write_text(const struct key *k, int selection, BIO *out)
{
	if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR))
		return written(EVP_PKEY_print_params(out, k->pkey, 0, NULL));
	if (!(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY))
		return written(EVP_PKEY_print_public(out, k->pkey, 0, NULL));
	if (BIO_printf(out, "Private-Key in a token: %s\n", object_reference(k->object)) <= 0)
		return written(0);
	return written(EVP_PKEY_print_public(out, k->pkey, 0, NULL));
}

static enum inro_err write_nothing(const struct key *k, int selection, BIO *out)
{
	(void)selection;
	(void)out;
	return err_set(
		INRO_E_KEY_UNEXTRACTABLE,
		"the private part of %s stays in its token: no PKCS#8 or PKCS#12 is made of it",
		object_reference(k->object));
}

static const struct form form_pem = { "PEM", "PrivateKeyInfo", write_pem };
static const struct form form_pem_own = { "PEM", "type-specific", write_pem };
static const struct form form_der = { "DER", "type-specific", write_der };
static const struct form form_pkcs8 = { "DER", "PrivateKeyInfo", write_nothing };
static const struct form form_pem_locked = { "PEM", "EncryptedPrivateKeyInfo", write_pem };
static const struct form form_pkcs8_locked = { "DER", "EncryptedPrivateKeyInfo", write_nothing };
static const struct form form_text = { "TEXT", NULL, write_text };

static void *writer_new(struct prov *p, const struct form *form)
{
	struct writer *w = calloc(1, sizeof *w);

	if (w) {
		w->prov = p;
		w->form = form;
	}
	return w;
}

#define NEW(name)                                                                                  \
	static void *new_##name(void *vprov)                                                       \
	{                                                                                          \
		return writer_new(vprov, &form_##name);                                            \
	}

NEW(pem)
NEW(pem_own)
NEW(pem_locked)
NEW(der)
NEW(pkcs8)
NEW(pkcs8_locked)
NEW(text)

static void writer_free(void *vwriter)
{
	free(vwriter);
}

static int private_alone(void *vprov, int selection)
{
	(void)vprov;
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

static int every_selection(void *vprov, int selection)
{
	(void)vprov;
	(void)selection;
	return 1;
}

static const OSSL_PARAM *settable_ctx_params(void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(OSSL_ENCODER_PARAM_CIPHER, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return table;
}

/* A cipher protects a software key; a reference holds nothing to protect. */
static int set_ctx_params(void *vwriter, const OSSL_PARAM params[])
{
	struct writer *w = vwriter;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_ENCODER_PARAM_CIPHER);
	char *text = w->cipher;

	if (!p)
		return 1;
	w->has_cipher = p->data != NULL;
	return !w->has_cipher || OSSL_PARAM_get_utf8_string(p, &text, sizeof w->cipher);
}

/* By libcrypto's own encoder in the context below. */
static int encode_software(const struct writer *w, const struct key *k, int selection, BIO *out,
			   OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(k->pkey, selection, w->form->output,
							      w->form->structure, NULL);
	int ok = ctx && OSSL_ENCODER_CTX_get_num_encoders(ctx) > 0;

	if (ok && w->has_cipher)
		ok = OSSL_ENCODER_CTX_set_cipher(ctx, w->cipher, NULL);
	if (ok && ask)
		ok = OSSL_ENCODER_CTX_set_passphrase_cb(ctx, ask, ask_arg);
	if (ok)
		ok = OSSL_ENCODER_to_bio(ctx, out);
	OSSL_ENCODER_CTX_free(ctx);
	return ok;
}

/* A key that was just made is in its token, whatever becomes of the file. */
static int pass_on(const struct prov *p, OSSL_CORE_BIO *to, BIO *from, const struct key *k)
{
	char *text = NULL;
	long n = BIO_get_mem_data(from, &text);
	enum inro_err e = core_write(&p->core, to, BYTES(text, (size_t)n));

	if (!e)
		e = core_flush(&p->core, to);
	if (e && k->object)
		e = err_context(e, "the reference to %s", object_reference(k->object));
	return e ? prov_raise(p, e) : 1;
}

static int encode(void *vwriter, OSSL_CORE_BIO *to, const void *vkey, const OSSL_PARAM abstract[],
		  int selection, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
	const struct writer *w = vwriter;
	const struct key *k = vkey;
	BIO *out;
	enum inro_err e = INRO_OK;
	int ok = 1;

	if (abstract || !k || !k->pkey)
		return 0;
	out = BIO_new(BIO_s_secmem());
	if (!out)
		return prov_raise(w->prov, INRO_E_NO_MEMORY);
	if (k->object)
		e = w->form->write(k, selection, out);
	else
		ok = encode_software(w, k, selection, out, ask, ask_arg);
	if (e)
		ok = prov_raise(w->prov, e);
	if (ok)
		ok = pass_on(w->prov, to, out, k);
	BIO_free(out);
	return ok;
}

#define ENCODER(newctx, does)                                                                           \
	{                                                                                          \
		ENTRY(OSSL_FUNC_ENCODER_NEWCTX, newctx),                                           \
			ENTRY(OSSL_FUNC_ENCODER_FREECTX, writer_free),                             \
			ENTRY(OSSL_FUNC_ENCODER_DOES_SELECTION, does),                   \
			ENTRY(OSSL_FUNC_ENCODER_SETTABLE_CTX_PARAMS, settable_ctx_params),         \
			ENTRY(OSSL_FUNC_ENCODER_SET_CTX_PARAMS, set_ctx_params),                   \
			ENTRY(OSSL_FUNC_ENCODER_ENCODE, encode), ENTRY_END                         \
	}

static const OSSL_DISPATCH pem_functions[] = ENCODER(new_pem, private_alone);
static const OSSL_DISPATCH pem_own_functions[] = ENCODER(new_pem_own, private_alone);
static const OSSL_DISPATCH pem_locked_functions[] = ENCODER(new_pem_locked, private_alone);
static const OSSL_DISPATCH der_functions[] = ENCODER(new_der, private_alone);
static const OSSL_DISPATCH pkcs8_functions[] = ENCODER(new_pkcs8, private_alone);
static const OSSL_DISPATCH pkcs8_locked_functions[] = ENCODER(new_pkcs8_locked, private_alone);
static const OSSL_DISPATCH text_functions[] = ENCODER(new_text, every_selection);

#define AS(form) PROV_PROPERTIES ",output=" form
#define ROWS(kind, name, aliases)                                                                  \
	{ name, AS("text"), text_functions, NULL },                                                \
		{ name, AS("der,structure=EncryptedPrivateKeyInfo"), pkcs8_locked_functions,       \
		  NULL },                                                                          \
		{ name, AS("pem,structure=EncryptedPrivateKeyInfo"), pem_locked_functions, NULL }, \
		{ name, AS("pem,structure=type-specific"), pem_own_functions, NULL },              \
		{ name, AS("der,structure=PrivateKeyInfo"), pkcs8_functions, NULL },               \
		{ name, AS("der,structure=type-specific"), der_functions, NULL },                  \
		{ name, AS("pem,structure=PrivateKeyInfo"), pem_functions, NULL },
#define ROW_END                                                                                    \
	{                                                                                          \
		NULL, NULL, NULL, NULL                                                             \
	}

/* libcrypto takes the last that fits, so the usual form stands last. */
const OSSL_ALGORITHM encoder_algorithms[] = { KEY_TYPES_30(ROWS) ROW_END };
const OSSL_ALGORITHM encoder_algorithms_35[] = { KEY_TYPES_30(ROWS) KEY_TYPES_35(ROWS) ROW_END };
