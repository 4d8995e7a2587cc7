/* crypt_name - Names: what a TPM calls its objects and NV indices (part 1, 16). */
#include <string.h>

#include "base/own.h"
#include "tpm/wire/crypt_private.h"

static enum inro_err name_of(TPM2_ALG_ID hash, const struct buf *area, TPM2B_NAME *ret)
{
	struct bytes content = buf_bytes(area);
	TPM2B_NAME name = { .name = { (uint8_t)(hash >> 8), (uint8_t)hash } };
	TPM2B_DIGEST d;
	enum inro_err e = buf_err(area);

	if (!e)
		e = crypt_hash(hash, &content, 1, &d);
	if (e)
		return e;
	name.size = (UINT16)(2 + d.size);
	memcpy(name.name + 2, d.buffer, d.size);
	*ret = name;
	return INRO_OK;
}

enum inro_err crypt_name(const TPMT_PUBLIC *pub, TPM2B_NAME *ret)
{
	SCOPED(buf) area = { 0 };

	wire_add_public_area(&area, pub);
	return name_of(pub->nameAlg, &area, ret);
}

enum inro_err crypt_nv_name(const TPMS_NV_PUBLIC *pub, TPM2B_NAME *ret)
{
	SCOPED(buf) area = { 0 };

	wire_add_nv_public_area(&area, pub);
	return name_of(pub->nameAlg, &area, ret);
}
