/* use - PKCS#11 3.0 5.10 to 5.15: digest, sign, verify, all through one machine; 5.19: random. */
#include "pkcs11/api/api.h"

static CK_RV begin(CK_SESSION_HANDLE session, enum op_slot slot, CK_MECHANISM *mechanism,
		   CK_OBJECT_HANDLE key)
{
	SCOPED(entered) at = { 0 };
	struct op_init what = { .slot = slot, .mech = mechanism, .key = key };
	enum inro_err e = lib_enter(session, &at);

	return rv_of(e ? e : op_begin(at.session, &what));
}

/* Bad arguments end an operation that is active (5.2). */
static enum inro_err enter_op(CK_SESSION_HANDLE session, struct entered *at, enum op_slot slot,
			      enum inro_err arguments)
{
	enum inro_err e = lib_enter(session, at);

	if (!e && arguments) {
		op_end(&at->session->ops[slot]);
		e = arguments;
	}
	return e;
}

static enum inro_err need_in(const void *in, CK_ULONG n)
{
	return api_need_bytes(in, n, "the input");
}

static CK_RV once(CK_SESSION_HANDLE session, enum op_slot slot, struct bytes in, uint8_t *out,
		  CK_ULONG *len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err bad = need_in(in.p, in.n);
	enum inro_err e = enter_op(session, &at, slot, bad ? bad : api_need(len, "the length"));

	return rv_of(e ? e : op_once(at.session, slot, in, out, len));
}

static CK_RV update(CK_SESSION_HANDLE session, enum op_slot slot, struct bytes part)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = enter_op(session, &at, slot, need_in(part.p, part.n));

	return rv_of(e ? e : op_update(at.session, slot, part));
}

static CK_RV final(CK_SESSION_HANDLE session, enum op_slot slot, uint8_t *out, CK_ULONG *len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = enter_op(session, &at, slot, api_need(len, "the length"));

	return rv_of(e ? e : op_final(at.session, slot, out, len));
}

CK_RV api_C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism)
{
	return begin(session, OP_DIGEST, mechanism, 0);
}

CK_RV api_C_Digest(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG n,
		   unsigned char *digest, CK_ULONG *len)
{
	return once(session, OP_DIGEST, BYTES(data, n), digest, len);
}

CK_RV api_C_DigestUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG n)
{
	return update(session, OP_DIGEST, BYTES(part, n));
}

CK_RV api_C_DigestFinal(CK_SESSION_HANDLE session, unsigned char *digest, CK_ULONG *len)
{
	return final(session, OP_DIGEST, digest, len);
}

CK_RV api_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return begin(session, OP_SIGN, mechanism, key);
}

CK_RV api_C_Sign(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG n,
		 unsigned char *signature, CK_ULONG *len)
{
	return once(session, OP_SIGN, BYTES(data, n), signature, len);
}

CK_RV api_C_SignUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG n)
{
	return update(session, OP_SIGN, BYTES(part, n));
}

CK_RV api_C_SignFinal(CK_SESSION_HANDLE session, unsigned char *signature, CK_ULONG *len)
{
	return final(session, OP_SIGN, signature, len);
}

CK_RV api_C_VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return begin(session, OP_VERIFY, mechanism, key);
}

CK_RV api_C_Verify(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG n,
		   unsigned char *signature, CK_ULONG len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err bad = need_in(data, n);
	enum inro_err e =
		enter_op(session, &at, OP_VERIFY, bad ? bad : api_need(signature, "pSignature"));

	return rv_of(e ? e : op_verify_once(at.session, BYTES(data, n), BYTES(signature, len)));
}

CK_RV api_C_VerifyUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG n)
{
	return update(session, OP_VERIFY, BYTES(part, n));
}

CK_RV api_C_VerifyFinal(CK_SESSION_HANDLE session, unsigned char *signature, CK_ULONG len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = enter_op(session, &at, OP_VERIFY, api_need(signature, "pSignature"));

	return rv_of(e ? e : op_verify_final(at.session, BYTES(signature, len)));
}

/* The kernel's generator takes seeds from nobody it can't trust; there is nothing to do. */
CK_RV api_C_SeedRandom(CK_SESSION_HANDLE session, unsigned char *seed, CK_ULONG n)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(seed, n, "pSeed");
	if (!e)
		e = err_set(INRO_E_RANDOM_SEED, "the kernel's generator takes no seed");
	return rv_of(e);
}

CK_RV api_C_GenerateRandom(CK_SESSION_HANDLE session, unsigned char *out, CK_ULONG n)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(out, n, "pRandomData");
	return rv_of(e ? e : at.session->token->ops->random(at.session->token->backend, out, n));
}
