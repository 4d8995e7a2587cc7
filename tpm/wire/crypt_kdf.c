/* crypt_kdf - KDFa and KDFe: one loop over a counter, with a HMAC or a hash within. */
#include <string.h>

#include "base/own.h"
#include "tpm/wire/crypt_private.h"

/* One hash's size of output. */
typedef enum inro_err kdf_block(const struct crypt_kdf *k, uint32_t counter, TPM2B_DIGEST *ret);

static struct bytes label_of(const struct crypt_kdf *k)
{
	return BYTES(k->label, strlen(k->label) + 1); /* its NUL is part of it */
}

static enum inro_err block_a(const struct crypt_kdf *k, uint32_t counter, TPM2B_DIGEST *ret)
{
	struct wire_u32 i = wire_u32_of(counter), bits = wire_u32_of((uint32_t)k->bits);
	struct bytes parts[] = { BYTES(i.octets, 4), label_of(k), k->u, k->v,
				 BYTES(bits.octets, 4) };

	return crypt_hmac(k->hash, k->secret, parts, ARRAY_LEN(parts), ret);
}

static enum inro_err block_e(const struct crypt_kdf *k, uint32_t counter, TPM2B_DIGEST *ret)
{
	struct wire_u32 i = wire_u32_of(counter);
	struct bytes parts[] = { BYTES(i.octets, 4), k->secret, label_of(k), k->u, k->v };

	return crypt_hash(k->hash, parts, ARRAY_LEN(parts), ret);
}

#define MAX_BITS 65536

static enum inro_err kdf_run(const struct crypt_kdf *k, kdf_block *block, uint8_t *out)
{
	TPM2B_DIGEST d = { 0 };
	size_t left = k->bits / 8;
	enum inro_err e = INRO_OK;

	if (k->bits % 8 || k->bits > MAX_BITS)
		return err_set(INRO_E_ARG, "no TPM's KDF gives %zu bits", k->bits);
	for (uint32_t i = 1; !e && left; i++) {
		size_t n;

		e = block(k, i, &d);
		n = e ? 0 : left < d.size ? left : d.size;
		memcpy(out, d.buffer, n);
		out += n;
		left -= n;
	}
	wipe(&d, sizeof d);
	return e;
}

enum inro_err crypt_kdfa(const struct crypt_kdf *what, uint8_t *out)
{
	return kdf_run(what, block_a, out);
}

enum inro_err crypt_kdfe(const struct crypt_kdf *what, uint8_t *out)
{
	return kdf_run(what, block_e, out);
}
