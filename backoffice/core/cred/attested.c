/* attested - see attested.h. */
#include "backoffice/core/attested.h"

enum inro_err attested_refuse(const struct profile *p)
{
	if (!p->attested)
		return INRO_OK;
	return err_set(INRO_E_ACCESS,
		       "by attestation only ('inro agent' with attestation = always, or POST "
		       "/v1/device/attest/certificate): profile '%s' is for keys that the device's TPM vouches "
		       "for, each time anew",
		       p->name);
}

enum inro_err attested_check(const struct making *j)
{
	if (j->in->agreed || bytes_equal(j->in->request->attested, making_key(j)))
		return INRO_OK;
	return attested_refuse(&j->desk->profile);
}
