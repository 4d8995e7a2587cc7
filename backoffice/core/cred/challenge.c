/* challenge - a request's challenge password against the device's pre-shared key. */
#include "backoffice/core/challenge.h"

#include "backoffice/core/psk.h"

static enum inro_err has_psk(struct core *c, const char *device, bool *ret)
{
	SCOPED(credential) rec = { 0 };
	enum inro_err e = psk_show(c, device, &rec);

	*ret = e == INRO_OK;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* What is not there can't be compared. */
static enum inro_err absent(const struct profile *p, const char *what)
{
	if (p->challenge != PROFILE_CHALLENGE_REQUIRED)
		return INRO_OK;
	return err_set(INRO_E_POLICY,
		       "profile %s wants the device's pre-shared key as the request's challenge "
		       "password: there is no %s",
		       p->name, what);
}

static enum inro_err compare(struct core *c, struct making *j)
{
	bool there = false;
	enum inro_err e = has_psk(c, j->device.device_id, &there);

	if (e == INRO_OK && !there)
		return absent(&j->desk->profile, "pre-shared key");
	if (e == INRO_OK)
		e = psk_verify(c, j->device.device_id, j->csr.challenge);
	j->challenged = e == INRO_OK;
	/* The device's, and not a token's. */
	if (e == INRO_E_PIN_WRONG)
		e = err_set(INRO_E_POLICY, "%.400s", err_detail(e));
	if (e == INRO_E_PIN_LOCKED)
		e = err_set(INRO_E_ACCESS, "%.400s", err_detail(e));
	return e == INRO_OK ? e : err_context(e, "the request's challenge password");
}

enum inro_err challenge_check(struct core *c, struct making *j)
{
	const struct profile *p = &j->desk->profile;

	if (p->challenge == PROFILE_CHALLENGE_UNUSED || j->challenged || j->in->renews ||
	    j->in->agreed || j->in->makes_ca)
		return INRO_OK;
	if (!j->device.id)
		return absent(p, "device");
	if (!j->csr.challenge.n)
		return absent(p, "challenge password");
	return compare(c, j);
}
