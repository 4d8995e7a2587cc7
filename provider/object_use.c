/* object_use - what a key in a token does: sign, encrypt, decrypt, derive, decapsulate (object.h).
 */
#include "provider/object.h"

#include <string.h>

/* Two functions of Cryptoki that are called alike: a beginning, and all the input at once. */
struct verb {
	CK_C_SignInit init;
	CK_C_Sign run;
	const char *init_name, *run_name;
};

enum verb_name { VERB_SIGN, VERB_ENCRYPT, VERB_DECRYPT };

struct one_part {
	enum verb_name verb;
	bool begun;
	CK_MECHANISM *mech;
	struct bytes input;
	uint8_t *out;
	CK_ULONG room, n;
};

static struct verb verb_of(const struct one_part *c, const CK_FUNCTION_LIST *f)
{
	const struct verb verbs[] = {
		[VERB_SIGN] = { f->C_SignInit, f->C_Sign, "C_SignInit", "C_Sign" },
		[VERB_ENCRYPT] = { f->C_EncryptInit, f->C_Encrypt, "C_EncryptInit", "C_Encrypt" },
		[VERB_DECRYPT] = { f->C_DecryptInit, f->C_Decrypt, "C_DecryptInit", "C_Decrypt" },
	};

	return verbs[c->verb];
}

static enum inro_err run_one_part(struct object_use *u, void *arg)
{
	struct one_part *c = arg;
	struct verb v = verb_of(c, u->seat->f);
	/* Some modules take no input for an argument that is missing. */
	const uint8_t *input = c->input.n ? c->input.p : (const uint8_t *)"";
	enum inro_err e;

	u->rv = v.init(u->seat->session, c->mech, u->key);
	e = ck_err(u->seat->m, u->rv, v.init_name);
	if (!e)
		e = object_confirm(u);
	if (e)
		return e;
	c->begun = true;
	c->n = c->room;
	u->rv = v.run(u->seat->session, (CK_BYTE *)(uintptr_t)input, c->input.n, c->out, &c->n);
	e = ck_err(u->seat->m, u->rv, v.run_name);
	return e ? e : ck_fits(u->seat->m, c->n, c->room, v.run_name);
}

static enum inro_err run(struct object *o, object_step *step, struct one_part *c, size_t *n)
{
	enum inro_err e;

	c->room = *n;
	e = object_run(o, step, c);
	if (!e)
		*n = c->n;
	return e;
}

enum inro_err object_sign(struct object *o, CK_MECHANISM *mech, struct bytes input, uint8_t *out,
			  size_t *n)
{
	struct one_part c = { .verb = VERB_SIGN, .mech = mech, .input = input, .out = out };

	return run(o, run_one_part, &c, n);
}

enum inro_err object_encrypt(struct object *o, CK_MECHANISM *mech, struct bytes input, uint8_t *out,
			     size_t *n)
{
	struct one_part c = { .verb = VERB_ENCRYPT, .mech = mech, .input = input, .out = out };

	return run(o, run_one_part, &c, n);
}

/* What modules say of a ciphertext that is none of the key's; some have a general error for it. */
static bool is_about_input(CK_RV rv)
{
	static const CK_RV values[] = { CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE,
					CKR_DATA_INVALID,	    CKR_DATA_LEN_RANGE,
					CKR_GENERAL_ERROR,	    CKR_FUNCTION_FAILED,
					CKR_AEAD_DECRYPT_FAILED };

	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (values[i] == rv)
			return true;
	return false;
}

static enum inro_err run_decrypt(struct object_use *u, void *arg)
{
	struct one_part *c = arg;
	enum inro_err e;

	c->begun = false;
	e = run_one_part(u, arg);
	if (e && c->begun && is_about_input(u->rv))
		return err_set(INRO_E_CIPHERTEXT, "the input can't be decrypted by this key");
	return e;
}

enum inro_err object_decrypt(struct object *o, CK_MECHANISM *mech, struct bytes input, uint8_t *out,
			     size_t *n)
{
	struct one_part c = { .verb = VERB_DECRYPT, .mech = mech, .input = input, .out = out };

	return run(o, run_decrypt, &c, n);
}

enum inro_err object_decrypt_raw(struct object *o, struct bytes input, uint8_t *out, size_t n)
{
	CK_MECHANISM mech = { .mechanism = CKM_RSA_X_509 };
	size_t got = n;
	enum inro_err e = object_decrypt(o, &mech, input, out, &got);

	if (e)
		return e;
	memmove(out + (n - got), out, got);
	memset(out, 0, n - got);
	return INRO_OK;
}

/* A secret key that comes of the key, for as long as its value is read. */
struct derivation {
	CK_MECHANISM *mech;
	struct bytes ciphertext;
	struct secret *ret;
};

/* Room for the shared secret of any curve. */
#define DERIVED_MAX 128

/* The secret is kept out of core dumps: it never lies elsewhere. */
static enum inro_err take_value(struct object_use *u, CK_OBJECT_HANDLE derived, struct secret *ret)
{
	SCOPED(secret) value = { 0 };
	CK_ATTRIBUTE wanted = { CKA_VALUE, NULL, DERIVED_MAX };
	enum inro_err e = secret_new(DERIVED_MAX, &value);

	if (e)
		return e;
	wanted.pValue = value.p;
	u->rv = u->seat->f->C_GetAttributeValue(u->seat->session, derived, &wanted, 1);
	if (u->rv == CKR_ATTRIBUTE_SENSITIVE)
		return err_set(INRO_E_KEY_USE,
			       "the token does not let out what the key derives, so "
			       "OpenSSL can't use it");
	e = ck_err(u->seat->m, u->rv, "C_GetAttributeValue");
	if (!e && (wanted.ulValueLen == 0 || wanted.ulValueLen > DERIVED_MAX))
		e = err_set(INRO_E_TOKEN, "the token derived %lu bytes", wanted.ulValueLen);
	if (e)
		return e;
	secret_shrink(&value, wanted.ulValueLen);
	*ret = value;
	value = (struct secret) { 0 };
	return INRO_OK;
}

typedef enum inro_err maker(struct object_use *u, struct derivation *d, CK_ATTRIBUTE *template,
			    CK_ULONG n, CK_OBJECT_HANDLE *ret);

static enum inro_err derive(struct object_use *u, struct derivation *d, CK_ATTRIBUTE *template,
			    CK_ULONG n, CK_OBJECT_HANDLE *ret)
{
	u->rv = u->seat->f->C_DeriveKey(u->seat->session, d->mech, u->key, template, n, ret);
	return ck_err(u->seat->m, u->rv, "C_DeriveKey");
}

static enum inro_err decapsulate(struct object_use *u, struct derivation *d, CK_ATTRIBUTE *template,
				 CK_ULONG n, CK_OBJECT_HANDLE *ret)
{
	const struct ck_functions_3_2 *f = ck_module_functions_3_2(u->seat->m);

	if (!f)
		return err_set(INRO_E_UNSUPPORTED,
			       "%s can't decapsulate: it is a module of before PKCS#11 3.2",
			       ck_module_path(u->seat->m));
	u->rv = f->C_DecapsulateKey(u->seat->session, d->mech, u->key, template, n,
				    (CK_BYTE *)(uintptr_t)d->ciphertext.p, d->ciphertext.n, ret);
	return ck_err(u->seat->m, u->rv, "C_DecapsulateKey");
}

static enum inro_err run_maker(struct object_use *u, struct derivation *d, maker *make)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof class },   { CKA_KEY_TYPE, &type, sizeof type },
		{ CKA_TOKEN, &no, sizeof no },	       { CKA_SENSITIVE, &no, sizeof no },
		{ CKA_EXTRACTABLE, &yes, sizeof yes },
	};
	CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
	enum inro_err e = make(u, d, template, ARRAY_LEN(template), &made);

	if (e)
		return e;
	e = take_value(u, made, d->ret);
	if (u->seat->f->C_DestroyObject(u->seat->session, made) != CKR_OK && !e) {
		secret_clear(d->ret);
		e = err_set(INRO_E_TOKEN, "the token does not destroy what the key derived");
	}
	return e;
}

static enum inro_err run_derive(struct object_use *u, void *arg)
{
	return run_maker(u, arg, derive);
}

static enum inro_err run_decapsulate(struct object_use *u, void *arg)
{
	return run_maker(u, arg, decapsulate);
}

enum inro_err object_derive(struct object *o, CK_MECHANISM *mech, struct secret *ret)
{
	struct derivation d = { .mech = mech, .ret = ret };

	return object_run(o, run_derive, &d);
}

enum inro_err object_decapsulate(struct object *o, CK_MECHANISM *mech, struct bytes ciphertext,
				 struct secret *ret)
{
	struct derivation d = { .mech = mech, .ciphertext = ciphertext, .ret = ret };

	return object_run(o, run_decapsulate, &d);
}
