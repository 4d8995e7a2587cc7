/* object - PKCS#11 3.2 5.7: objects; 5.18.1, 5.18.2: making keys and pairs. */
#include "pkcs11/api/api.h"

static struct template template_of(const CK_ATTRIBUTE *a, CK_ULONG n)
{
	return (struct template) { .a = a, .n = n };
}

CK_RV api_C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n,
			 CK_OBJECT_HANDLE *object)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(template, n, "pTemplate");
	if (!e)
		e = api_need(object, "phObject");
	return rv_of(e ? e : objects_create(at.session, template_of(template, n), object));
}

CK_RV api_C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE from, CK_ATTRIBUTE *template,
		       CK_ULONG n, CK_OBJECT_HANDLE *object)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(template, n, "pTemplate");
	if (!e)
		e = api_need(object, "phNewObject");
	return rv_of(e ? e : objects_copy(at.session, from, template_of(template, n), object));
}

CK_RV api_C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	return rv_of(e ? e : objects_destroy(at.session, object));
}

CK_RV api_C_GetObjectSize(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG *size)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(size, "pulSize");
	return rv_of(e ? e : objects_size(at.session, object, size));
}

CK_RV api_C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			      CK_ATTRIBUTE *template, CK_ULONG n)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(template, n, "pTemplate");
	return rv_of(e ? e : objects_read(at.session, object, template, n));
}

CK_RV api_C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			      CK_ATTRIBUTE *template, CK_ULONG n)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(template, n, "pTemplate");
	return rv_of(e ? e : objects_change(at.session, object, template_of(template, n)));
}

CK_RV api_C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(template, n, "pTemplate");
	return rv_of(e ? e : objects_find_begin(at.session, template_of(template, n)));
}

CK_RV api_C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, CK_ULONG max,
			CK_ULONG *count)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(out, max, "phObject");
	if (!e)
		e = api_need(count, "pulObjectCount");
	return rv_of(e ? e : objects_find_next(at.session, out, max, count));
}

CK_RV api_C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	return rv_of(e ? e : objects_find_end(at.session));
}

CK_RV api_C_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *template,
			CK_ULONG n, CK_OBJECT_HANDLE *key)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(mechanism, "pMechanism");
	if (!e)
		e = api_need_bytes(template, n, "pTemplate");
	if (!e)
		e = api_need(key, "phKey");
	return rv_of(e ? e
		       : objects_generate(at.session, mechanism, template_of(template, n), key));
}

CK_RV api_C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
			    CK_ATTRIBUTE *public, CK_ULONG public_n, CK_ATTRIBUTE *private,
			    CK_ULONG private_n, CK_OBJECT_HANDLE *ret_public,
			    CK_OBJECT_HANDLE *ret_private)
{
	SCOPED(entered) at = { 0 };
	struct pair_request what = { .mech = mechanism,
				     .public = template_of(public, public_n),
				     .private = template_of(private, private_n) };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(mechanism, "pMechanism");
	if (!e)
		e = api_need_bytes(public, public_n, "pPublicKeyTemplate");
	if (!e)
		e = api_need_bytes(private, private_n, "pPrivateKeyTemplate");
	if (!e)
		e = api_need(ret_public, "phPublicKey");
	if (!e)
		e = api_need(ret_private, "phPrivateKey");
	return rv_of(e ? e : objects_generate_pair(at.session, &what, ret_public, ret_private));
}
