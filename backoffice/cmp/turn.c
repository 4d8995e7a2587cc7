/* turn - see turn.h. */
#include "backoffice/cmp/turn.h"

#include "backoffice/core/audit.h"

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

static const struct {
	enum cmp_body type;
	const char *action;
} actions[] = {
	{ CMP_IR, "certificate.issue" },    { CMP_CR, "certificate.issue" },
	{ CMP_P10CR, "certificate.issue" }, { CMP_KUR, "certificate.renew" },
	{ CMP_RR, "certificate.revoke" },   { CMP_CERTCONF, "certificate.confirm" },
};

enum inro_err turn_by_core(struct turn *t, enum inro_err e)
{
	t->told = e != INRO_OK;
	return e;
}

enum inro_err turn_told(struct turn *t, enum inro_err e)
{
	for (size_t i = 0; t->known && !t->mute && !t->told && i < ARRAY_LEN(actions); i++) {
		if (actions[i].type != t->in.type)
			continue;
		t->told = true;
		return audit_refused(t->core, actions[i].action, "device", t->device.device_id, e);
	}
	return e;
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
	{ INRO_E_KEY_SIZE, CMP_FAIL_BAD_ALG },
	{ INRO_E_CURVE, CMP_FAIL_BAD_ALG },
	{ INRO_E_PUBLIC_KEY, CMP_FAIL_BAD_DATA_FORMAT },
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

/* A step that said the bit itself said whose fault it is. */
static bool is_ours(const struct turn *t, enum inro_err e)
{
	return t->mute || (t->fail == CMP_FAIL_NONE && http_status_of(e) >= 500);
}

/* That there is nobody to sign is said as it is: an administrator may be asked for somebody. */
const char *turn_text_of(const struct turn *t, enum inro_err e)
{
	if (!is_ours(t, e)) {
		http_refused(t->call->answer, err_detail(e));
		return err_detail(e);
	}
	http_fault(t->call->answer, e);
	if (t->mute)
		return e == INRO_E_CONFIG ? err_detail(e) :
					    "the key that signs messages in the CA's name can't be used by the "
					    "server now: its administrator finds the reason in the server's log, "
					    "under this request";
	return http_status_of(e) == 503 ? "the server is busy or has no room; try again" : "the server failed";
}
