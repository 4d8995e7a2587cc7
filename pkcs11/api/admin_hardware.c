/* admin_hardware - the vendor interface: keys in a TPM. */
#include "pkcs11/api/admin_parts.h"

#include <string.h>

#include "pkcs11/token/hardware.h"

static struct bytes of_text(struct inro_text t)
{
	return BYTES(t.p, t.n);
}

/* A signature may be some bytes longer the next time. */
#define SLACK 16

/* 5.2: the length, or the bytes. */
static enum inro_err hand_out(struct bytes what, uint8_t *out, CK_ULONG *n)
{
	CK_ULONG room = *n;

	*n = out && room >= what.n ? what.n : what.n + SLACK;
	if (out && room < what.n)
		return err_set(INRO_E_TOO_SMALL, "%zu bytes are needed, %lu are there", what.n,
			       room);
	if (out)
		memcpy(out, what.p, what.n);
	return INRO_OK;
}

static enum inro_err need_texts(const struct inro_text *const *all, size_t n)
{
	enum inro_err e = INRO_OK;

	for (size_t i = 0; i < n && !e; i++)
		e = api_need_bytes(all[i]->p, all[i]->n, "bytes with a length");
	return e;
}

CK_RV admin_attest(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, struct inro_text nonce,
		   CK_BYTE *out, CK_ULONG *n)
{
	SCOPED(entered) at = { 0 };
	SCOPED(buf) evidence = { 0 };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need_bytes(nonce.p, nonce.n, "the nonce");
	if (!e)
		e = api_need(n, "the length");
	if (!e)
		e = hardware_attest(at.session, key, of_text(nonce), &evidence);
	return rv_of(e ? e : hand_out(buf_bytes(&evidence), out, n));
}

static const enum backend_fact facts[] = {
	[INRO_FACT_ROOT] = FACT_ROOT,
	[INRO_FACT_EK] = FACT_EK,
	[INRO_FACT_ABOUT] = FACT_ABOUT,
};

CK_RV admin_tell(CK_SLOT_ID slot, CK_ULONG fact, CK_BYTE *out, CK_ULONG *n)
{
	SCOPED(opened) at = { 0 };
	SCOPED(buf) told = { 0 };
	enum inro_err e = api_open_token(slot, &at);

	if (!e)
		e = api_need(n, "the length");
	if (!e && fact >= ARRAY_LEN(facts))
		e = err_set(INRO_E_ARG, "there is no fact %lu", fact);
	if (!e)
		e = hardware_tell(at.token, facts[fact], &told);
	return rv_of(e ? e : hand_out(buf_bytes(&told), out, n));
}

CK_RV admin_answer(CK_SLOT_ID slot, struct inro_text challenge, CK_BYTE *out, CK_ULONG *n)
{
	SCOPED(opened) at = { 0 };
	SCOPED(secret) answer = { 0 };
	enum inro_err e = api_open_token(slot, &at);

	if (!e)
		e = api_need_bytes(challenge.p, challenge.n, "the challenge");
	if (!e)
		e = api_need(n, "the length");
	if (!e)
		e = hardware_answer(at.token, of_text(challenge), &answer);
	return rv_of(e ? e : hand_out(secret_bytes(&answer), out, n));
}

CK_RV admin_take(CK_SESSION_HANDLE session, const struct inro_wrapped *wrapped,
		 CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *ret_key)
{
	SCOPED(entered) at = { 0 };
	struct take_request what = { .t = { template, n } };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = api_need(wrapped, "the wrapped key");
	if (!e)
		e = need_texts((const struct inro_text *const[]) { &wrapped->file, &wrapped->auth },
			       2);
	if (!e)
		e = api_need_bytes(template, n, "the template");
	if (!e)
		e = api_need(ret_key, "the key's handle");
	if (e)
		return rv_of(e);
	what.file = of_text(wrapped->file);
	what.auth = of_text(wrapped->auth);
	return rv_of(hardware_take(at.session, &what, ret_key));
}

CK_RV admin_give(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, struct inro_text new_parent,
		 struct inro_text auth, CK_BYTE *out, CK_ULONG *n)
{
	SCOPED(entered) at = { 0 };
	SCOPED(buf) file = { 0 };
	struct give_request what = { key, of_text(new_parent), of_text(auth) };
	enum inro_err e = lib_enter(session, &at);

	if (!e)
		e = need_texts((const struct inro_text *const[]) { &new_parent, &auth }, 2);
	if (!e)
		e = api_need(n, "the length");
	if (!e)
		e = hardware_give(at.session, &what, &file);
	return rv_of(e ? e : hand_out(buf_bytes(&file), out, n));
}
