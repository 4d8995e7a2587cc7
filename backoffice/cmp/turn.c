/* turn - see turn.h. */
#include "backoffice/cmp/turn.h"

void turn_clear(struct turn *t)
{
	secret_clear(&t->psk);
	device_clear(&t->device);
	signer_clear(&t->signer);
	buf_clear(&t->body);
	if (t->core)
		core_nobody(t->core);
	*t = (struct turn) { .fail = CMP_FAIL_NONE };
}

/* What is not here is ours, not the sender's. */
static const struct {
	enum inro_err e;
	enum cmp_fail fail;
} fails[] = {
	{ INRO_E_ARG, CMP_FAIL_BAD_REQUEST },
	{ INRO_E_SYNTAX, CMP_FAIL_BAD_DATA_FORMAT },
	{ INRO_E_TOO_BIG, CMP_FAIL_BAD_DATA_FORMAT },
	{ INRO_E_NOT_FOUND, CMP_FAIL_BAD_CERT_ID },
	{ INRO_E_AMBIGUOUS, CMP_FAIL_BAD_CERT_ID },
	{ INRO_E_EXISTS, CMP_FAIL_ID_IN_USE },
	{ INRO_E_UNSUPPORTED, CMP_FAIL_BAD_REQUEST },
	{ INRO_E_STATE, CMP_FAIL_BAD_REQUEST },
	{ INRO_E_POLICY, CMP_FAIL_BAD_CERT_TEMPLATE },
	{ INRO_E_KEY_TYPE, CMP_FAIL_BAD_ALG },
	{ INRO_E_SIGNATURE, CMP_FAIL_BAD_POP },
	{ INRO_E_LOGIN, CMP_FAIL_BAD_MESSAGE_CHECK },
	{ INRO_E_ACCESS, CMP_FAIL_NOT_AUTHORIZED },
	{ INRO_E_BUSY, CMP_FAIL_SYSTEM_UNAVAIL },
	{ INRO_E_FULL, CMP_FAIL_SYSTEM_UNAVAIL },
};

enum cmp_fail turn_fail_of(const struct turn *t, enum inro_err e)
{
	if (t->fail != CMP_FAIL_NONE)
		return t->fail;
	for (size_t i = 0; i < ARRAY_LEN(fails); i++)
		if (fails[i].e == e)
			return fails[i].fail;
	return CMP_FAIL_SYSTEM_FAILURE;
}
