#include "tests/lib/moving.h"

#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tests/lib/scratch.h"

static CK_RSA_PKCS_OAEP_PARAMS oaep_params = { .hashAlg = CKM_SHA256,
					       .mgf = CKG_MGF1_SHA256,
					       .source = CKZ_DATA_SPECIFIED };
CK_MECHANISM moving_oaep = { CKM_RSA_PKCS_OAEP, &oaep_params, sizeof oaep_params };
CK_MECHANISM moving_kw = { CKM_AES_KEY_WRAP, NULL, 0 };
CK_MECHANISM moving_kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

static const struct {
	unsigned flag;
	CK_ATTRIBUTE_TYPE type;
} letters[] = {
	{ M_TOKEN, CKA_TOKEN },
	{ M_SENSITIVE, CKA_SENSITIVE },
	{ M_EXTRACTABLE, CKA_EXTRACTABLE },
	{ M_WRAP, CKA_WRAP },
	{ M_UNWRAP, CKA_UNWRAP },
	{ M_ENCRYPT, CKA_ENCRYPT },
	{ M_DECRYPT, CKA_DECRYPT },
	{ M_SIGN, CKA_SIGN },
	{ M_VERIFY, CKA_VERIFY },
	{ M_DERIVE, CKA_DERIVE },
	{ M_BOUND, CKA_WRAP_WITH_TRUSTED },
};

CK_ULONG moving_template(unsigned flags, CK_ATTRIBUTE *ret)
{
	CK_ULONG n = 0;

	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		/* Not every class has this one. */
		if (letters[i].flag == M_BOUND && !(flags & M_BOUND))
			continue;
		ret[n++] = (CK_ATTRIBUTE) { letters[i].type, flags & letters[i].flag ? &yes : &no,
					    sizeof yes };
	}
	ret[n++] = (CK_ATTRIBUTE) { CKA_PRIVATE, flags & M_PUBLIC ? &no : &yes, sizeof yes };
	return n;
}

static CK_OBJECT_HANDLE generate(CK_SESSION_HANDLE s, CK_MECHANISM_TYPE mech, unsigned flags,
				 CK_ULONG value_n)
{
	CK_MECHANISM m = { mech, NULL, 0 };
	CK_ATTRIBUTE t[MOVING_MAX] = { A_ULONG(CKA_VALUE_LEN, value_n) };
	CK_ULONG n = 1 + moving_template(flags, t + 1);
	CK_OBJECT_HANDLE key = 0;

	OK(p11->C_GenerateKey(s, &m, t, n, &key));
	return key;
}

CK_OBJECT_HANDLE moving_aes(CK_SESSION_HANDLE s, unsigned flags, CK_ULONG n)
{
	return generate(s, CKM_AES_KEY_GEN, flags, n);
}

CK_OBJECT_HANDLE moving_generic(CK_SESSION_HANDLE s, unsigned flags, CK_ULONG n)
{
	return generate(s, CKM_GENERIC_SECRET_KEY_GEN, flags, n);
}

CK_RV moving_import(CK_SESSION_HANDLE s, unsigned flags, CK_KEY_TYPE type, const void *value,
		    CK_ULONG n, CK_OBJECT_HANDLE *ret)
{
	CK_ATTRIBUTE t[MOVING_MAX + 3] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
					   A_ULONG(CKA_KEY_TYPE, type),
					   A_BYTES(CKA_VALUE, value, n) };

	return p11->C_CreateObject(s, t, 3 + moving_template(flags, t + 3), ret);
}

CK_RV moving_wrap(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key,
		  struct blob *ret)
{
	ret->n = sizeof ret->p;
	return p11->C_WrapKey(s, m, by, key, ret->p, &ret->n);
}

CK_RV moving_unwrap(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE by,
		    const struct blob *blob, unsigned flags, CK_KEY_TYPE type,
		    CK_OBJECT_HANDLE *ret)
{
	struct blob copy = *blob;
	CK_ATTRIBUTE t[MOVING_MAX + 2] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
					   A_ULONG(CKA_KEY_TYPE, type) };

	return p11->C_UnwrapKey(s, m, by, copy.p, copy.n, t, 2 + moving_template(flags, t + 2),
				ret);
}

CK_RV moving_derive(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE base, unsigned flags,
		    CK_KEY_TYPE type, CK_ULONG value_n, CK_OBJECT_HANDLE *ret)
{
	CK_ATTRIBUTE t[MOVING_MAX + 3] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
					   A_ULONG(CKA_KEY_TYPE, type) };
	CK_ULONG n = 2 + moving_template(flags, t + 2);

	if (value_n)
		t[n++] = (CK_ATTRIBUTE) { CKA_VALUE_LEN, &value_n, sizeof value_n };
	return p11->C_DeriveKey(s, m, base, t, n, ret);
}

CK_ULONG moving_value(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, void *out, CK_ULONG cap,
		      CK_RV *ret_rv)
{
	CK_ATTRIBUTE a = { CKA_VALUE, out, cap };

	*ret_rv = p11->C_GetAttributeValue(s, o, &a, 1);
	return *ret_rv == CKR_OK ? a.ulValueLen : 0;
}

CK_RV moving_copy(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE a, CK_OBJECT_HANDLE *ret)
{
	return p11->C_CopyObject(s, o, &a, 1, ret);
}

struct module_pair moving_rsa(CK_SESSION_HANDLE s, unsigned also)
{
	CK_MECHANISM m = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
	CK_BBOOL signs = also & M_SIGN ? CK_TRUE : CK_FALSE;
	CK_BBOOL decrypts = also & M_DECRYPT ? CK_TRUE : CK_FALSE;
	CK_BBOOL leaves = also & M_EXTRACTABLE ? CK_TRUE : CK_FALSE;
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, 3072), A_BOOL(CKA_WRAP, CK_TRUE),
				  A_BOOL(CKA_ENCRYPT, CK_TRUE), A_BOOL(CKA_VERIFY, CK_FALSE) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_UNWRAP, CK_TRUE),
				   { CKA_SIGN, &signs, sizeof signs },
				   { CKA_DECRYPT, &decrypts, sizeof decrypts },
				   { CKA_EXTRACTABLE, &leaves, sizeof leaves } };
	struct module_pair pair = { 0 };

	OK(p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), private, ARRAY_LEN(private),
				  &pair.public, &pair.private));
	return pair;
}

CK_OBJECT_HANDLE moving_mover(CK_SESSION_HANDLE s)
{
	CK_OBJECT_HANDLE by = 0;
	CK_ATTRIBUTE like[] = { A_BOOL(CKA_TOKEN, CK_TRUE), A_BOOL(CKA_UNWRAP, CK_TRUE) };

	MUST(module_find(s, like, ARRAY_LEN(like), &by) == 1);
	return by;
}

CK_RV moving_bring_public(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE like, CK_OBJECT_HANDLE *ret)
{
	CK_BYTE modulus[512], exponent[8];
	CK_ULONG n = module_bytes(s, like, CKA_MODULUS, modulus, sizeof modulus);
	CK_ULONG e = module_bytes(s, like, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PUBLIC_KEY), A_ULONG(CKA_KEY_TYPE, CKK_RSA),
			     A_BYTES(CKA_MODULUS, modulus, n),
			     A_BYTES(CKA_PUBLIC_EXPONENT, exponent, e), A_BOOL(CKA_WRAP, CK_TRUE) };

	return p11->C_CreateObject(s, t, ARRAY_LEN(t), ret);
}

void moving_start_again(const char *config)
{
	OK(p11->C_Finalize(NULL));
	setenv("INRO_CONFIG", scratch_file("inro.conf", config, strlen(config)), 1);
	OK(p11->C_Initialize(NULL));
}

struct ck_functions_3_2 *moving_3_2(void)
{
	MUST(p11->version.major == 3 && p11->version.minor == 2);
	return (struct ck_functions_3_2 *)p11_3;
}
