/* refusal - what an error that a TPM answers says about what was in the command. */
#include "tpm/talk/run_private.h"

#define FORMAT_ONE 0x80u

static bool is_transient(uint32_t handle)
{
	return handle >> TPM2_HR_SHIFT == TPM2_HT_TRANSIENT;
}

bool run_is_volatile(uint32_t handle)
{
	uint32_t type = handle >> TPM2_HR_SHIFT;

	return is_transient(handle) || type == TPM2_HT_HMAC_SESSION ||
	       type == TPM2_HT_POLICY_SESSION;
}

/* Whether the command names something that does not outlive an epoch. */
bool run_names_volatile(const struct run *r)
{
	for (size_t i = 0; i < r->row->handles; i++)
		if (run_is_volatile(r->c->handles[i].handle))
			return true;
	for (size_t i = 0; i < r->row->auths; i++)
		if (r->c->auths[i].by == BY_POLICY)
			return true;
	return false;
}

/* Part 2, 6.6.2: format one tells in bits 8 to 11 which handle, session or parameter is meant; 0
 * for a parameter and for a number beyond `n`. */
static size_t number_in(uint32_t rc, uint32_t what, size_t n)
{
	size_t i = (rc & TPM2_RC_N_MASK & ~(uint32_t)TPM2_RC_S) >> 8;

	if (!(rc & FORMAT_ONE) || rc & TPM2_RC_P || (rc & TPM2_RC_S) != what || i > n)
		return 0;
	return i;
}

static bool names_wrong_handle(const struct run *r, uint32_t plain)
{
	size_t i = number_in(r->rc, TPM2_RC_H, r->row->handles);

	return rc_plain(r->rc) == plain && i && run_is_volatile(r->c->handles[i - 1].handle);
}

/* A handle that is not there: of a persistent object that is an answer like others. */
static bool handle_is_gone(const struct run *r)
{
	return names_wrong_handle(r, TPM2_RC_HANDLE);
}

/* One that can't be: the answer that gave it was changed on its way. */
bool run_handle_is_odd(const struct run *r)
{
	return names_wrong_handle(r, TPM2_RC_VALUE) && !r->t->link->kind->managed;
}

bool run_is_gone(const struct run *r)
{
	uint32_t plain = rc_plain(r->rc);

	return plain == TPM2_RC_REFERENCE_S0 || plain == TPM2_RC_REFERENCE_H0 || handle_is_gone(r);
}

/* The i-th handle is authorised by the authValue of what should be an object of ours, and could
 * have become another's. */
bool run_could_be_another(const struct run *r, size_t i)
{
	return r->c->auths[i].by == BY_AUTH && is_transient(r->c->handles[i].handle) &&
	       !r->t->link->kind->managed;
}

/* Its authValue was refused: perhaps the TPM was reset unseen.  What counts its failures is not
 * transient, and is never tried twice. */
bool run_is_doubtful(const struct run *r)
{
	size_t i = number_in(r->rc, TPM2_RC_S, r->row->auths);

	return rc_plain(r->rc) == TPM2_RC_BAD_AUTH && i && run_could_be_another(r, i - 1);
}

bool run_is_pin_try(const struct run *r)
{
	for (size_t i = 0; i < r->row->auths; i++)
		if (r->c->auths[i].by == BY_AUTH &&
		    r->c->handles[i].handle >> TPM2_HR_SHIFT == TPM2_HT_NV_INDEX)
			return true;
	return false;
}

/* It may be the value, or the session: one that something on the way here has changed when it was
 * started, or whose nonces are no longer the TPM's. */
bool run_is_unauthorised(const struct run *r)
{
	uint32_t plain = rc_plain(r->rc);

	return plain == TPM2_RC_BAD_AUTH || plain == TPM2_RC_AUTH_FAIL;
}

bool run_root_is_refused(const struct run *r)
{
	size_t i = number_in(r->rc, TPM2_RC_S, r->row->auths);

	return run_is_unauthorised(r) && i && r->c->auths[i - 1].by == BY_AUTH &&
	       root_is_at(r->t, r->c->handles[i - 1].handle);
}

/* A storage root that was taken unseen is another, or not there: it can't take the salt, or what
 * the salted session authorises fails. */
bool run_root_is_doubtful(const struct run *r)
{
	if (!root_is_assumed(r->t) || run_is_pin_try(r))
		return false;
	if (r->c->cc == TPM2_CC_StartAuthSession)
		return r->rc & FORMAT_ONE && r->c->handles[0].handle != TPM2_RH_NULL;
	return run_is_unauthorised(r);
}

/* What was refused, and not counted, is the salted session, or what was said by it: it has not
 * worked yet, or an error came since, which anybody on the way could have made. */
bool run_is_stale(const struct run *r)
{
	static const uint32_t codes[] = { TPM2_RC_BAD_AUTH, TPM2_RC_VALUE, TPM2_RC_HANDLE };
	size_t number = number_in(r->rc, TPM2_RC_S, r->plan.n);
	uint32_t plain = rc_plain(r->rc);

	if (!number || r->plan.entries[number - 1].session != &r->t->main || r->t->main.proven)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (plain == codes[i])
			return !run_is_pin_try(r);
	return false;
}
