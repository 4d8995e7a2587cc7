/* evidence_doc - evidence of a TPM's key as a JSON document: fields in base64, as they come. */
#ifndef INRO_TOOLS_EVIDENCE_DOC_H
#define INRO_TOOLS_EVIDENCE_DOC_H

#include <jansson.h>

#include "tpm/move/evidence.h"

#define EVIDENCE_DOC_MAX ((size_t)256 << 10)

/* INRO_E_SYNTAX for what is no evidence. */
MUST_CHECK enum inro_err evidence_doc_make(struct bytes evidence, json_t **ret);
/* From a file, "-" is standard input; ret: as evidence_read() takes it. */
MUST_CHECK enum inro_err evidence_doc_read(const char *path, struct buf *ret);

#endif
