/* attr - attributes of an object, one at a time. */
#include "base/cryptoki/internal.h"

#define ATTR_MAX ((CK_ULONG)16 << 20)

static enum inro_err get(struct ck_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			 CK_ATTRIBUTE *a)
{
	CK_RV rv = ck_module_functions(m)->C_GetAttributeValue(session, object, a, 1);

	if (rv == CKR_ATTRIBUTE_TYPE_INVALID)
		return err_set(INRO_E_NOT_FOUND, "the object has no attribute 0x%lx", a->type);
	if (rv == CKR_OK && a->ulValueLen == CK_UNAVAILABLE_INFORMATION)
		return err_set(INRO_E_NOT_FOUND, "attribute 0x%lx can't be read", a->type);
	return ck_err(m, rv, "C_GetAttributeValue");
}

enum inro_err ck_attr(struct ck_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
		      CK_ATTRIBUTE_TYPE type, struct buf *ret)
{
	CK_ATTRIBUTE a = { .type = type };
	size_t before = ret->n;
	CK_ULONG room;
	enum inro_err e = get(m, session, object, &a);

	if (e != INRO_OK || a.ulValueLen == 0)
		return e;
	room = a.ulValueLen;
	if (room > ATTR_MAX)
		return err_set(INRO_E_TOO_BIG, "attribute 0x%lx has %lu bytes", type, room);
	a.pValue = buf_extend(ret, room);
	if (!a.pValue)
		return buf_err(ret);
	e = get(m, session, object, &a);
	if (e == INRO_OK && a.ulValueLen > room)
		e = err_set(INRO_E_TOKEN, "attribute 0x%lx grew while it was read", type);
	buf_truncate(ret, e == INRO_OK ? before + a.ulValueLen : before);
	return e;
}

static enum inro_err fixed(struct ck_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			   CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG size)
{
	CK_ATTRIBUTE a = { type, value, size };
	enum inro_err e = get(m, session, object, &a);

	if (e == INRO_E_TOO_SMALL || (e == INRO_OK && a.ulValueLen != size))
		return err_set(INRO_E_TOKEN, "attribute 0x%lx has not %lu bytes", type, size);
	return e;
}

enum inro_err ck_attr_ulong(struct ck_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			    CK_ATTRIBUTE_TYPE type, CK_ULONG *ret)
{
	CK_ULONG value = 0;
	enum inro_err e = fixed(m, session, object, type, &value, sizeof value);

	if (e == INRO_OK)
		*ret = value;
	return e;
}

enum inro_err ck_attr_bool(struct ck_module *m, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			   CK_ATTRIBUTE_TYPE type, bool *ret)
{
	CK_BBOOL value = CK_FALSE;
	enum inro_err e = fixed(m, session, object, type, &value, sizeof value);

	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	*ret = e == INRO_OK && value != CK_FALSE;
	return INRO_OK;
}
