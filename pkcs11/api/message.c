/* message - PKCS#11 3.2 5.9, 5.11, 5.14, 5.17: many messages under one key. */
#include "pkcs11/api/use.h"
#include "pkcs11/token/op_message.h"

static CK_RV begin(CK_SESSION_HANDLE session, enum op_slot slot, CK_MECHANISM *mechanism,
		   CK_OBJECT_HANDLE key)
{
	return use_begin(session,
			 &(struct op_init) { .slot = slot, .mech = mechanism, .key = key });
}

static CK_RV final(CK_SESSION_HANDLE session, enum op_slot slot)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	return rv_of(e ? e : op_message_final(at.session, slot));
}

/* For a part of a message. */
static enum inro_err next_enter(CK_SESSION_HANDLE session, struct entered *at, enum op_slot slot,
				enum inro_err arguments)
{
	enum inro_err e = lib_enter(session, at);

	return e || !arguments ? e : op_message_spoilt(at->session, slot, arguments);
}

/* ---- encrypt and decrypt ---- */

static enum inro_err need_message(const struct message_in *in)
{
	enum inro_err e = api_need(in->param.p, "pParameter");

	if (!e)
		e = api_need_bytes(in->ad.p, in->ad.n, "pAssociatedData");
	return e ? e : api_need_bytes(in->data.p, in->data.n, "the input");
}

static CK_RV crypt_whole(CK_SESSION_HANDLE session, enum op_slot slot, const struct message_in *in,
			 struct op_out out)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = need_message(in);
	if (!e)
		e = api_need(out.len, "the length");
	return rv_of(e ? e : op_message_crypt(at.session, slot, in, out));
}

static CK_RV crypt_begin(CK_SESSION_HANDLE session, enum op_slot slot, const struct message_in *in)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = need_message(in);
	return rv_of(e ? e : op_message_crypt_begin(at.session, slot, in));
}

static CK_RV crypt_next(CK_SESSION_HANDLE session, enum op_slot slot, const struct message_in *in,
			struct op_out out, CK_FLAGS flags)
{
	SCOPED(entered) at = { 0 };
	bool last = (flags & CKF_END_OF_MESSAGE) != 0;
	enum inro_err bad = need_message(in);
	enum inro_err e =
		next_enter(session, &at, slot, bad ? bad : api_need(out.len, "the length"));

	return rv_of(e ? e : op_message_crypt_next(at.session, slot, in, out, last));
}

#define MESSAGE(...) (&(struct message_in) { __VA_ARGS__ })

CK_RV api_C_MessageEncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
			       CK_OBJECT_HANDLE key)
{
	return begin(session, OP_MESSAGE_ENCRYPT, mechanism, key);
}

CK_RV api_C_EncryptMessage(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n, CK_BYTE *ad,
			   CK_ULONG ad_n, CK_BYTE *in, CK_ULONG n, CK_BYTE *out, CK_ULONG *len)
{
	return crypt_whole(session, OP_MESSAGE_ENCRYPT,
			   MESSAGE(BYTES(param, param_n), BYTES(ad, ad_n), BYTES(in, n)),
			   OUT(out, len));
}

CK_RV api_C_EncryptMessageBegin(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n,
				CK_BYTE *ad, CK_ULONG ad_n)
{
	return crypt_begin(session, OP_MESSAGE_ENCRYPT,
			   MESSAGE(BYTES(param, param_n), BYTES(ad, ad_n), BYTES_NONE));
}

CK_RV api_C_EncryptMessageNext(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n,
			       CK_BYTE *in, CK_ULONG n, CK_BYTE *out, CK_ULONG *len, CK_FLAGS flags)
{
	return crypt_next(session, OP_MESSAGE_ENCRYPT,
			  MESSAGE(.param = BYTES(param, param_n), .data = BYTES(in, n)),
			  OUT(out, len), flags);
}

CK_RV api_C_MessageEncryptFinal(CK_SESSION_HANDLE session)
{
	return final(session, OP_MESSAGE_ENCRYPT);
}

CK_RV api_C_MessageDecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
			       CK_OBJECT_HANDLE key)
{
	return begin(session, OP_MESSAGE_DECRYPT, mechanism, key);
}

CK_RV api_C_DecryptMessage(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n, CK_BYTE *ad,
			   CK_ULONG ad_n, CK_BYTE *in, CK_ULONG n, CK_BYTE *out, CK_ULONG *len)
{
	return crypt_whole(session, OP_MESSAGE_DECRYPT,
			   MESSAGE(BYTES(param, param_n), BYTES(ad, ad_n), BYTES(in, n)),
			   OUT(out, len));
}

CK_RV api_C_DecryptMessageBegin(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n,
				CK_BYTE *ad, CK_ULONG ad_n)
{
	return crypt_begin(session, OP_MESSAGE_DECRYPT,
			   MESSAGE(BYTES(param, param_n), BYTES(ad, ad_n), BYTES_NONE));
}

CK_RV api_C_DecryptMessageNext(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n,
			       CK_BYTE *in, CK_ULONG n, CK_BYTE *out, CK_ULONG *len, CK_FLAGS flags)
{
	return crypt_next(session, OP_MESSAGE_DECRYPT,
			  MESSAGE(.param = BYTES(param, param_n), .data = BYTES(in, n)),
			  OUT(out, len), flags);
}

CK_RV api_C_MessageDecryptFinal(CK_SESSION_HANDLE session)
{
	return final(session, OP_MESSAGE_DECRYPT);
}

/* ---- sign and verify ---- */

/* Which signs or verifies with a parameter of its own for each message: none of those offered. */
static enum inro_err no_param(const void *param, CK_ULONG n)
{
	return param || n ? err_set(INRO_E_MECHANISM_PARAM,
				    "no mechanism has a parameter for each message signed")
			  : INRO_OK;
}

static enum inro_err check_signed(struct bytes param, struct bytes data)
{
	enum inro_err e = no_param(param.p, param.n);

	return e ? e : api_need_bytes(data.p, data.n, "the input");
}

static enum inro_err enter(CK_SESSION_HANDLE session, struct entered *at, struct bytes param,
			   struct bytes data)
{
	enum inro_err e = lib_enter(session, at);

	return e ? e : check_signed(param, data);
}

static CK_RV message_begin(CK_SESSION_HANDLE session, enum op_slot slot, struct bytes param)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = enter(session, &at, param, BYTES_NONE);

	return rv_of(e ? e : op_message_begin(at.session, slot));
}

CK_RV api_C_MessageSignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
			    CK_OBJECT_HANDLE key)
{
	return begin(session, OP_MESSAGE_SIGN, mechanism, key);
}

CK_RV api_C_SignMessage(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n, CK_BYTE *data,
			CK_ULONG n, CK_BYTE *sig, CK_ULONG *len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = enter(session, &at, BYTES(param, param_n), BYTES(data, n));

	if (!e)
		e = api_need(len, "pulSignatureLen");
	return rv_of(e ? e : op_message_sign(at.session, false, BYTES(data, n), OUT(sig, len)));
}

CK_RV api_C_SignMessageBegin(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n)
{
	return message_begin(session, OP_MESSAGE_SIGN, BYTES(param, param_n));
}

/* The last part is the one that asks for the signature. */
CK_RV api_C_SignMessageNext(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n, CK_BYTE *data,
			    CK_ULONG n, CK_BYTE *sig, CK_ULONG *len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = next_enter(session, &at, OP_MESSAGE_SIGN,
				     check_signed(BYTES(param, param_n), BYTES(data, n)));

	if (e)
		return rv_of(e);
	if (!len)
		return rv_of(op_message_update(at.session, OP_MESSAGE_SIGN, BYTES(data, n)));
	return rv_of(op_message_sign(at.session, true, BYTES(data, n), OUT(sig, len)));
}

CK_RV api_C_MessageSignFinal(CK_SESSION_HANDLE session)
{
	return final(session, OP_MESSAGE_SIGN);
}

CK_RV api_C_MessageVerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
			      CK_OBJECT_HANDLE key)
{
	return begin(session, OP_MESSAGE_VERIFY, mechanism, key);
}

CK_RV api_C_VerifyMessage(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n, CK_BYTE *data,
			  CK_ULONG n, CK_BYTE *sig, CK_ULONG sig_n)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = enter(session, &at, BYTES(param, param_n), BYTES(data, n));

	if (!e)
		e = api_need(sig, "pSignature");
	return rv_of(e ? e
		       : op_message_verify(at.session, false, BYTES(data, n), BYTES(sig, sig_n)));
}

CK_RV api_C_VerifyMessageBegin(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n)
{
	return message_begin(session, OP_MESSAGE_VERIFY, BYTES(param, param_n));
}

/* The last part is the one that comes with the signature. */
CK_RV api_C_VerifyMessageNext(CK_SESSION_HANDLE session, void *param, CK_ULONG param_n,
			      CK_BYTE *data, CK_ULONG n, CK_BYTE *sig, CK_ULONG sig_n)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = next_enter(session, &at, OP_MESSAGE_VERIFY,
				     check_signed(BYTES(param, param_n), BYTES(data, n)));

	if (e)
		return rv_of(e);
	if (!sig)
		return rv_of(op_message_update(at.session, OP_MESSAGE_VERIFY, BYTES(data, n)));
	return rv_of(op_message_verify(at.session, true, BYTES(data, n), BYTES(sig, sig_n)));
}

CK_RV api_C_MessageVerifyFinal(CK_SESSION_HANDLE session)
{
	return final(session, OP_MESSAGE_VERIFY);
}
