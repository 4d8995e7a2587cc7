/* move - PKCS#11 3.2 5.18.3 to 5.18.9: keys wrapped, unwrapped, derived, encapsulated. */
#include "pkcs11/api/api.h"
#include "pkcs11/token/derive.h"
#include "pkcs11/token/encapsulate.h"
#include "pkcs11/token/wrap.h"

static struct template template_of(const CK_ATTRIBUTE *a, CK_ULONG n)
{
	return (struct template) { .a = a, .n = n };
}

static CK_RV wrap(CK_SESSION_HANDLE session, const struct wrap_request *what, uint8_t *out,
		  CK_ULONG *len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(what->mech, "pMechanism");
	if (!e)
		e = api_need_bytes(what->ad.p, what->ad.n, "pAssociatedData");
	if (!e)
		e = api_need(len, "pulWrappedKeyLen");
	return rv_of(e ? e : wrap_key(at.session, what, out, len));
}

static CK_RV unwrap(CK_SESSION_HANDLE session, const struct unwrap_request *what,
		    CK_OBJECT_HANDLE *key)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(what->mech, "pMechanism");
	if (!e)
		e = api_need(what->blob.p, "pWrappedKey");
	if (!e)
		e = api_need_bytes(what->t.a, what->t.n, "pTemplate");
	if (!e)
		e = api_need_bytes(what->ad.p, what->ad.n, "pAssociatedData");
	if (!e)
		e = api_need(key, "phKey");
	return rv_of(e ? e : unwrap_key(at.session, what, key));
}

CK_RV api_C_WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE by,
		    CK_OBJECT_HANDLE key, unsigned char *wrapped, CK_ULONG *len)
{
	struct wrap_request what = { .mech = mechanism, .by = by, .key = key };

	return wrap(session, &what, wrapped, len);
}

CK_RV api_C_WrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
				 CK_OBJECT_HANDLE by, CK_OBJECT_HANDLE key, CK_BYTE *ad,
				 CK_ULONG ad_n, CK_BYTE *wrapped, CK_ULONG *len)
{
	struct wrap_request what = { .mech = mechanism,
				     .by = by,
				     .key = key,
				     .authenticated = true,
				     .ad = BYTES(ad, ad_n) };

	return wrap(session, &what, wrapped, len);
}

CK_RV api_C_UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE by,
		      unsigned char *wrapped, CK_ULONG len, CK_ATTRIBUTE *template, CK_ULONG n,
		      CK_OBJECT_HANDLE *key)
{
	struct unwrap_request what = { .mech = mechanism,
				       .by = by,
				       .blob = BYTES(wrapped, len),
				       .t = template_of(template, n) };

	return unwrap(session, &what, key);
}

CK_RV api_C_UnwrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
				   CK_OBJECT_HANDLE by, CK_BYTE *wrapped, CK_ULONG len,
				   CK_ATTRIBUTE *template, CK_ULONG n, CK_BYTE *ad, CK_ULONG ad_n,
				   CK_OBJECT_HANDLE *key)
{
	struct unwrap_request what = { .mech = mechanism,
				       .by = by,
				       .blob = BYTES(wrapped, len),
				       .t = template_of(template, n),
				       .authenticated = true,
				       .ad = BYTES(ad, ad_n) };

	return unwrap(session, &what, key);
}

/* phKey may be NULL where SP 800-108 or TLS say so; no mechanism here does. */
CK_RV api_C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base,
		      CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *key)
{
	SCOPED(entered) at = { 0 };
	struct derive_request what = { .mech = mechanism,
				       .base = base,
				       .t = template_of(template, n) };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(mechanism, "pMechanism");
	if (!e)
		e = api_need_bytes(template, n, "pTemplate");
	if (!e)
		e = api_need(key, "phKey");
	return rv_of(e ? e : derive_key(at.session, &what, key));
}

CK_RV api_C_EncapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
			   CK_OBJECT_HANDLE public, CK_ATTRIBUTE *template, CK_ULONG n,
			   CK_BYTE *ciphertext, CK_ULONG *len, CK_OBJECT_HANDLE *key)
{
	SCOPED(entered) at = { 0 };
	struct encapsulate_request what = { .mech = mechanism,
					    .key = public,
					    .t = template_of(template, n) };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(mechanism, "pMechanism");
	if (!e)
		e = api_need_bytes(template, n, "pTemplate");
	if (!e)
		e = api_need(len, "pulCiphertextLen");
	if (!e && ciphertext)
		e = api_need(key, "phKey");
	return rv_of(e ? e : encapsulate_key(at.session, &what, ciphertext, len, key));
}

CK_RV api_C_DecapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
			   CK_OBJECT_HANDLE private, CK_ATTRIBUTE *template, CK_ULONG n,
			   CK_BYTE *ciphertext, CK_ULONG len, CK_OBJECT_HANDLE *key)
{
	SCOPED(entered) at = { 0 };
	struct encapsulate_request what = { .mech = mechanism,
					    .key = private,
					    .t = template_of(template, n) };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(mechanism, "pMechanism");
	if (!e)
		e = api_need_bytes(template, n, "pTemplate");
	if (!e)
		e = api_need(ciphertext, "pCiphertext");
	if (!e)
		e = api_need(key, "phKey");
	return rv_of(e ? e : decapsulate_key(at.session, &what, BYTES(ciphertext, len), key));
}
