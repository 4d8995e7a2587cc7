/* dual - PKCS#11 3.2 5.18: two operations over the same data; 5.12.4: the key in a digest; 5.6.5,
 * 5.6.6: a digest put aside. */
#include "pkcs11/api/use.h"

typedef enum inro_err dual_fn(struct session *s, enum op_slot first, struct bytes part,
			      struct op_out out);

struct dual {
	dual_fn *fn;
	enum op_slot first, second;
};

/* What is wrong with the arguments ends both, like any error. */
static CK_RV dual(CK_SESSION_HANDLE session, const struct dual *d, struct bytes part,
		  struct op_out out)
{
	SCOPED(entered) at = { 0 };
	enum inro_err bad = use_need(part, out.len);
	enum inro_err e = use_enter(session, &at, d->first, bad);

	if (bad && at.session)
		op_end(at.session, d->second);
	return rv_of(e ? e : d->fn(at.session, d->first, part, out));
}

#define WITH_ENCRYPT(first) (&(struct dual) { op_dual_encrypt, first, OP_ENCRYPT })
#define WITH_DECRYPT(first) (&(struct dual) { op_dual_decrypt, first, OP_DECRYPT })

CK_RV api_C_DigestEncryptUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG n,
				unsigned char *encrypted, CK_ULONG *len)
{
	return dual(session, WITH_ENCRYPT(OP_DIGEST), BYTES(part, n), OUT(encrypted, len));
}

CK_RV api_C_SignEncryptUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG n,
			      unsigned char *encrypted, CK_ULONG *len)
{
	return dual(session, WITH_ENCRYPT(OP_SIGN), BYTES(part, n), OUT(encrypted, len));
}

CK_RV api_C_DecryptDigestUpdate(CK_SESSION_HANDLE session, unsigned char *encrypted, CK_ULONG n,
				unsigned char *part, CK_ULONG *len)
{
	return dual(session, WITH_DECRYPT(OP_DIGEST), BYTES(encrypted, n), OUT(part, len));
}

CK_RV api_C_DecryptVerifyUpdate(CK_SESSION_HANDLE session, unsigned char *encrypted, CK_ULONG n,
				unsigned char *part, CK_ULONG *len)
{
	return dual(session, WITH_DECRYPT(OP_VERIFY), BYTES(encrypted, n), OUT(part, len));
}

CK_RV api_C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	return rv_of(e ? e : op_digest_key(at.session, key));
}

CK_RV api_C_GetOperationState(CK_SESSION_HANDLE session, unsigned char *state, CK_ULONG *len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(len, "pulOperationStateLen");
	return rv_of(e ? e : op_state_get(&at.lib->states, at.session, OUT(state, len)));
}

CK_RV api_C_SetOperationState(CK_SESSION_HANDLE session, unsigned char *state, CK_ULONG n,
			      CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE signing_key)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(state, "pOperationState");
	if (!e && (encryption_key || signing_key))
		e = err_set(INRO_E_KEY_NOT_NEEDED, "a digest has no key");
	return rv_of(e ? e : op_state_set(&at.lib->states, at.session, BYTES(state, n)));
}
