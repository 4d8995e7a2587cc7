/* entry - the one symbol that inro.so exports (OpenSSL's provider(7)). */
#include "provider/prov.h"

__attribute__((visibility("default"))) OSSL_provider_init_fn OSSL_provider_init;

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
		       const OSSL_DISPATCH **out, void **provctx)
{
	return prov_open(handle, in, out, provctx);
}
