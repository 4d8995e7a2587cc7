/* policy - digests of policies, each step one hash over what was before. */
#include "tpm/wire/policy.h"

#include <string.h>

#include "base/own.h"

static struct bytes digest_bytes(const TPM2B_DIGEST *d)
{
	return BYTES(d->buffer, d->size);
}

/* d = H(d || cc || x || y) */
static enum inro_err extend(TPM2B_DIGEST *d, TPM2_CC cc, struct bytes x, struct bytes y)
{
	struct wire_u32 code = wire_u32_of(cc);
	struct bytes parts[] = { digest_bytes(d), BYTES(code.octets, 4), x, y };

	return crypt_hash(TPM2_ALG_SHA256, parts, ARRAY_LEN(parts), d);
}

void policy_start(TPM2B_DIGEST *d)
{
	*d = (TPM2B_DIGEST) { .size = POLICY_SIZE };
}

enum inro_err policy_secret(TPM2B_DIGEST *d, const TPM2B_NAME *entity)
{
	TPM2B_DIGEST next = *d;
	struct bytes before;
	enum inro_err e =
		extend(&next, TPM2_CC_PolicySecret, BYTES(entity->name, entity->size), BYTES_NONE);

	/* a second time, with a policyRef: none */
	before = digest_bytes(&next);
	return e ? e : crypt_hash(TPM2_ALG_SHA256, &before, 1, d);
}

enum inro_err policy_command(TPM2B_DIGEST *d, TPM2_CC cc)
{
	struct wire_u32 code = wire_u32_of(cc);

	return extend(d, TPM2_CC_PolicyCommandCode, BYTES(code.octets, 4), BYTES_NONE);
}

enum inro_err policy_auth_value(TPM2B_DIGEST *d)
{
	return extend(d, TPM2_CC_PolicyAuthValue, BYTES_NONE, BYTES_NONE);
}

#define MIN_BRANCHES 2
#define MAX_BRANCHES ARRAY_LEN(((TPML_DIGEST *)NULL)->digests)

enum inro_err policy_or(TPM2B_DIGEST *d, const TPML_DIGEST *branches)
{
	static const uint8_t zeros[POLICY_SIZE];
	struct wire_u32 code = wire_u32_of(TPM2_CC_PolicyOR);
	struct bytes parts[2 + MAX_BRANCHES] = { BYTES(zeros, sizeof zeros),
						 BYTES(code.octets, 4) };

	if (branches->count < MIN_BRANCHES || branches->count > MAX_BRANCHES)
		return err_set(INRO_E_ARG, "a policy has 2 to 8 branches, not %u", branches->count);
	for (size_t i = 0; i < branches->count; i++) {
		if (branches->digests[i].size != POLICY_SIZE)
			return err_set(INRO_E_ARG, "a branch of a policy is no SHA-256 digest");
		parts[2 + i] = digest_bytes(&branches->digests[i]);
	}
	return crypt_hash(TPM2_ALG_SHA256, parts, 2 + branches->count, d);
}

enum inro_err policy_pcr(TPM2B_DIGEST *d, const TPML_PCR_SELECTION *which,
			 const TPM2B_DIGEST *values)
{
	SCOPED(buf) selection = { 0 };
	enum inro_err e;

	wire_add_pcr_selection(&selection, which);
	e = buf_err(&selection);
	return e ? e : extend(d, TPM2_CC_PolicyPCR, buf_bytes(&selection), digest_bytes(values));
}
