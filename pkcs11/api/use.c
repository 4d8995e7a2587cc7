/* use - PKCS#11 3.2 5.10 to 5.15: digest, sign, verify; 5.21: random. */
#include "pkcs11/api/use.h"

#include <fcntl.h>
#include <unistd.h>

CK_RV use_begin(CK_SESSION_HANDLE session, const struct op_init *what)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	return rv_of(e ? e : op_begin(at.session, what));
}

enum inro_err use_enter(CK_SESSION_HANDLE session, struct entered *at, enum op_slot slot,
			enum inro_err arguments)
{
	enum inro_err e = lib_enter(session, at);

	if (!e && arguments) {
		op_end(at->session, slot);
		e = arguments;
	}
	return e;
}

enum inro_err use_need(struct bytes in, const CK_ULONG *len)
{
	enum inro_err e = api_need_bytes(in.p, in.n, "the input");

	return e ? e : api_need(len, "the length");
}

CK_RV use_once(CK_SESSION_HANDLE session, enum op_slot slot, struct bytes in, struct op_out out)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = use_enter(session, &at, slot, use_need(in, out.len));

	return rv_of(e ? e : op_once(at.session, slot, in, out));
}

CK_RV use_update(CK_SESSION_HANDLE session, enum op_slot slot, struct bytes part)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e =
		use_enter(session, &at, slot, api_need_bytes(part.p, part.n, "the input"));

	return rv_of(e ? e : op_update(at.session, slot, part));
}

CK_RV use_step(CK_SESSION_HANDLE session, enum op_slot slot, struct bytes part, struct op_out out)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = use_enter(session, &at, slot, use_need(part, out.len));

	return rv_of(e ? e : op_step(at.session, slot, part, out));
}

CK_RV use_final(CK_SESSION_HANDLE session, enum op_slot slot, struct op_out out)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = use_enter(session, &at, slot, api_need(out.len, "the length"));

	return rv_of(e ? e : op_final(at.session, slot, out));
}

static CK_RV begin(CK_SESSION_HANDLE session, enum op_slot slot, CK_MECHANISM *mechanism,
		   CK_OBJECT_HANDLE key)
{
	return use_begin(session,
			 &(struct op_init) { .slot = slot, .mech = mechanism, .key = key });
}

/* ---- digest ---- */

CK_RV api_C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism)
{
	return begin(session, OP_DIGEST, mechanism, 0);
}

CK_RV api_C_Digest(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG n,
		   unsigned char *digest, CK_ULONG *len)
{
	return use_once(session, OP_DIGEST, BYTES(data, n), OUT(digest, len));
}

CK_RV api_C_DigestUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG n)
{
	return use_update(session, OP_DIGEST, BYTES(part, n));
}

CK_RV api_C_DigestFinal(CK_SESSION_HANDLE session, unsigned char *digest, CK_ULONG *len)
{
	return use_final(session, OP_DIGEST, OUT(digest, len));
}

/* ---- sign ---- */

CK_RV api_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return begin(session, OP_SIGN, mechanism, key);
}

CK_RV api_C_Sign(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG n,
		 unsigned char *signature, CK_ULONG *len)
{
	return use_once(session, OP_SIGN, BYTES(data, n), OUT(signature, len));
}

CK_RV api_C_SignUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG n)
{
	return use_update(session, OP_SIGN, BYTES(part, n));
}

CK_RV api_C_SignFinal(CK_SESSION_HANDLE session, unsigned char *signature, CK_ULONG *len)
{
	return use_final(session, OP_SIGN, OUT(signature, len));
}

CK_RV api_C_SignRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
			    CK_OBJECT_HANDLE key)
{
	return begin(session, OP_SIGN_RECOVER, mechanism, key);
}

CK_RV api_C_SignRecover(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG n,
			unsigned char *signature, CK_ULONG *len)
{
	return use_once(session, OP_SIGN_RECOVER, BYTES(data, n), OUT(signature, len));
}

/* ---- verify ---- */

CK_RV api_C_VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return begin(session, OP_VERIFY, mechanism, key);
}

CK_RV api_C_Verify(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG n,
		   unsigned char *signature, CK_ULONG len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err bad = api_need_bytes(data, n, "the input");
	enum inro_err e =
		use_enter(session, &at, OP_VERIFY, bad ? bad : api_need(signature, "pSignature"));

	return rv_of(e ? e : op_verify_once(at.session, BYTES(data, n), BYTES(signature, len)));
}

CK_RV api_C_VerifyUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG n)
{
	return use_update(session, OP_VERIFY, BYTES(part, n));
}

CK_RV api_C_VerifyFinal(CK_SESSION_HANDLE session, unsigned char *signature, CK_ULONG len)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = use_enter(session, &at, OP_VERIFY, api_need(signature, "pSignature"));

	return rv_of(e ? e : op_verify_final(at.session, BYTES(signature, len)));
}

CK_RV api_C_VerifyRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
			      CK_OBJECT_HANDLE key)
{
	return begin(session, OP_VERIFY_RECOVER, mechanism, key);
}

CK_RV api_C_VerifyRecover(CK_SESSION_HANDLE session, unsigned char *signature, CK_ULONG n,
			  unsigned char *data, CK_ULONG *len)
{
	return use_once(session, OP_VERIFY_RECOVER, BYTES(signature, n), OUT(data, len));
}

/* ---- the signature first (3.2 5.15) ---- */

CK_RV api_C_VerifySignatureInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
				CK_OBJECT_HANDLE key, CK_BYTE *sig, CK_ULONG n)
{
	SCOPED(entered) at = { 0 };
	struct op_init what = {
		.slot = OP_VERIFY_SIGNATURE, .mech = mechanism, .key = key, .sig = BYTES(sig, n)
	};
	enum inro_err e = lib_enter(session, &at);

	if (!e && mechanism)
		e = api_need(sig, "pSignature");
	return rv_of(e ? e : op_begin(at.session, &what));
}

CK_RV api_C_VerifySignature(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG n)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e =
		use_enter(session, &at, OP_VERIFY_SIGNATURE, api_need_bytes(data, n, "the input"));

	return rv_of(e ? e : op_verify_signature_once(at.session, BYTES(data, n)));
}

CK_RV api_C_VerifySignatureUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG n)
{
	return use_update(session, OP_VERIFY_SIGNATURE, BYTES(part, n));
}

CK_RV api_C_VerifySignatureFinal(CK_SESSION_HANDLE session)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	return rv_of(e ? e : op_verify_signature_final(at.session));
}

/* ---- random ---- */

#define SEED_MAX 4096

/* The kernel mixes in what anyone writes to its generator, and counts it for nothing: that is the
 * most that a seed from an application is worth. */
static enum inro_err stir(struct bytes seed)
{
	AUTO(close_fd) int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	size_t n = seed.n < SEED_MAX ? seed.n : SEED_MAX;

	if (fd < 0 || (n > 0 && write(fd, seed.p, n) < 0))
		return err_set(INRO_E_RANDOM_SEED, "the kernel's generator takes no seed here");
	return INRO_OK;
}

CK_RV api_C_SeedRandom(CK_SESSION_HANDLE session, unsigned char *seed, CK_ULONG n)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(seed, n, "pSeed");
	return rv_of(e ? e : stir(BYTES(seed, n)));
}

CK_RV api_C_GenerateRandom(CK_SESSION_HANDLE session, unsigned char *out, CK_ULONG n)
{
	SCOPED(entered) at = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(out, n, "pRandomData");
	return rv_of(e ? e : at.session->token->ops->random(at.session->token->backend, out, n));
}
