/* secret_key - see secret_key.h. */
#include "provider/secret_key.h"

#include <openssl/params.h>

#include "provider/found.h"
#include "provider/make.h"

/* *ret stays as it is when there is none. */
static enum inro_err read_uri(const OSSL_PARAM params[], const char **ret)
{
	const OSSL_PARAM *uri = params ? OSSL_PARAM_locate_const(params, SECRET_KEY_URI) : NULL;
	const char *text = NULL;

	if (!uri)
		return INRO_OK;
	if (!OSSL_PARAM_get_utf8_string_ptr(uri, &text) || !text)
		return err_set(INRO_E_ARG, "the parameter " SECRET_KEY_URI " is a text");
	*ret = text;
	return INRO_OK;
}

enum inro_err secret_key_set(struct prov *p, const OSSL_PARAM params[], struct object **key)
{
	const char *text = NULL;
	struct object *found = NULL;
	enum inro_err e = read_uri(params, &text);

	if (e || !text)
		return e;
	e = found_secret_key(p, text, &found);
	if (e)
		return e;
	object_free(*key);
	*key = found;
	return INRO_OK;
}

enum inro_err secret_key_fits(const struct object *key, CK_KEY_TYPE type, size_t size,
			      const char *what)
{
	size_t n = object_key_size(key);

	if (object_key_type(key) != type)
		return err_set(INRO_E_KEY_TYPE, "%s needs a key of another kind than %s", what,
			       object_reference(key));
	if (size && n && n != size)
		return err_set(INRO_E_KEY_SIZE, "%s needs a key of %zu bytes, and %s has %zu", what,
			       size, object_reference(key), n);
	return INRO_OK;
}

/* A kind of key that a program may ask for. */
struct kind {
	const char *name;
	CK_KEY_TYPE type;
	CK_MECHANISM_TYPE maker;
	bool encrypts;
};

static const struct kind aes = { "INRO-AES", CKK_AES, CKM_AES_KEY_GEN, true };
static const struct kind generic = { "INRO-GENERIC-SECRET", CKK_GENERIC_SECRET,
				     CKM_GENERIC_SECRET_KEY_GEN, false };

/* What the parameter is called from 3.5 on, and what is made without it. */
#define PARAM_LENGTH   "key-length"
#define LENGTH_DEFAULT 32

static enum inro_err no_uri(const struct kind *kind)
{
	return err_set(INRO_E_ARG,
		       "%s is a key of a token: give its URI in the parameter " SECRET_KEY_URI,
		       kind->name);
}

static void *import(struct prov *p, const struct kind *kind, const OSSL_PARAM params[])
{
	struct object *key = NULL;
	enum inro_err e = secret_key_set(p, params, &key);

	if (!e && !key)
		e = no_uri(kind);
	if (!e)
		e = secret_key_fits(key, kind->type, 0, kind->name);
	if (!e)
		return key;
	object_free(key);
	prov_raise(p, e);
	return NULL;
}

static void *aes_import(void *vprov, int selection, const OSSL_PARAM params[])
{
	(void)selection;
	return import(vprov, &aes, params);
}

static void *generic_import(void *vprov, int selection, const OSSL_PARAM params[])
{
	(void)selection;
	return import(vprov, &generic, params);
}

static enum inro_err read_length(const OSSL_PARAM params[], size_t *ret)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, PARAM_LENGTH);
	size_t n = LENGTH_DEFAULT;

	if (p && (!OSSL_PARAM_get_size_t(p, &n) || n == 0))
		return err_set(INRO_E_ARG, PARAM_LENGTH " is the number of bytes of the new key");
	*ret = n;
	return INRO_OK;
}

static enum inro_err make(struct prov *p, const struct kind *kind, const OSSL_PARAM params[],
			  struct object **ret)
{
	SCOPED(p11_uri) uri = { 0 };
	struct make_secret what = {
		.name = kind->name, .mech = kind->maker, .encrypts = kind->encrypts, .uri = &uri
	};
	const char *text = NULL;
	enum inro_err e = read_uri(params, &text);

	if (!e && !text)
		e = no_uri(kind);
	if (!e)
		e = p11_uri_parse(text, &uri);
	if (!e)
		e = read_length(params, &what.size);
	return e ? e : make_secret_key(p, &what, ret);
}

static void *generate(struct prov *p, const struct kind *kind, const OSSL_PARAM params[])
{
	struct object *key = NULL;
	enum inro_err e = make(p, kind, params, &key);

	if (e)
		prov_raise(p, e);
	return key;
}

static void *aes_generate(void *vprov, const OSSL_PARAM params[])
{
	return generate(vprov, &aes, params);
}

static void *generic_generate(void *vprov, const OSSL_PARAM params[])
{
	return generate(vprov, &generic, params);
}

static int export(void *vkey, int selection, OSSL_CALLBACK *callback, void *arg)
{
	const struct object *key = vkey;

	(void)selection;
	(void)callback;
	(void)arg;
	return prov_raise(
		object_prov(key),
		err_set(INRO_E_KEY_UNEXTRACTABLE, "%s stays in its token", object_reference(key)));
}

static void free_skey(void *vkey)
{
	object_free(vkey);
}

static const char *get_key_id(void *vkey)
{
	return object_reference(vkey);
}

static const OSSL_PARAM *import_settable(void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(SECRET_KEY_URI, NULL, 0),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return table;
}

static const OSSL_PARAM *generate_settable(void *vprov)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_string(SECRET_KEY_URI, NULL, 0),
		OSSL_PARAM_size_t(PARAM_LENGTH, NULL),
		OSSL_PARAM_END,
	};

	(void)vprov;
	return table;
}

#define SKEYMGMT(kind)                                                                             \
	{                                                                                          \
		ENTRY(OSSL_FUNC_SKEYMGMT_FREE, free_skey),                                         \
			ENTRY(OSSL_FUNC_SKEYMGMT_IMPORT, kind##_import),                           \
			ENTRY(OSSL_FUNC_SKEYMGMT_EXPORT, export),                                  \
			ENTRY(OSSL_FUNC_SKEYMGMT_GET_KEY_ID, get_key_id),                          \
			ENTRY(OSSL_FUNC_SKEYMGMT_GENERATE, kind##_generate),                       \
			ENTRY(OSSL_FUNC_SKEYMGMT_GEN_SETTABLE_PARAMS, generate_settable),          \
			ENTRY(OSSL_FUNC_SKEYMGMT_IMP_SETTABLE_PARAMS, import_settable), ENTRY_END  \
	}

static const OSSL_DISPATCH aes_functions[] = SKEYMGMT(aes);
static const OSSL_DISPATCH generic_functions[] = SKEYMGMT(generic);

const OSSL_ALGORITHM skeymgmt_algorithms_35[] = {
	{ "INRO-AES", PROV_PROPERTIES, aes_functions, "AES keys of a token" },
	{ "INRO-GENERIC-SECRET", PROV_PROPERTIES, generic_functions, "secret keys of a token" },
	{ NULL, NULL, NULL, NULL },
};
