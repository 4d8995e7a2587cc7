/* backends - the only file that names every backend. */
#include "pkcs11/soft/soft.h"
#include "tpm/token/tpm_backend.h"

static const struct backend_ops *const backends[] = { &backend_soft, &backend_tpm };

const char *const backend_default = "soft";

const struct backend_ops *backend_find(struct bytes name)
{
	for (size_t i = 0; i < ARRAY_LEN(backends); i++)
		if (bytes_is(name, backends[i]->name))
			return backends[i];
	return NULL;
}
