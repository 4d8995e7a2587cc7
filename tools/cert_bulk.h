/* cert_bulk - a folder of requests becomes a folder of certificates ('inro cert issue --csr-dir'). */
#ifndef INRO_TOOLS_CERT_BULK_H
#define INRO_TOOLS_CERT_BULK_H

#include "tools/cmd.h"

MUST_CHECK enum inro_err cert_bulk_check(const struct call *c);
/* *ret is written also when some requests were refused: then it is INRO_E_POLICY. */
MUST_CHECK enum inro_err cert_bulk_run(const struct call *c, json_t **ret);

#endif
