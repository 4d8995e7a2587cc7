/*
 * reference - a key's URI in a file, for programs that only open files.
 *
 *   -----BEGIN PKCS#11 PROVIDER URI-----
 *   SEQUENCE { VisibleString "PKCS#11 Provider URI v1.0", UTF8String uri }
 *   -----END PKCS#11 PROVIDER URI-----
 *
 * This is the format of latchset's pkcs11-provider; the same DER also stands alone.
 */
#ifndef INRO_BASE_CRYPTOKI_REFERENCE_H
#define INRO_BASE_CRYPTOKI_REFERENCE_H

#include "base/bytes.h"

#define REFERENCE_PEM "PKCS#11 PROVIDER URI"
/* So many bytes tell whether DER is a reference; no reference is longer than the other. */
#define REFERENCE_HEAD 40
#define REFERENCE_MAX  8192

void reference_write(const char *uri, struct buf *out);

/* Quick: looks at the head only. */
bool reference_is(struct bytes head);

/* The URI as a string of the caller's (free()). */
MUST_CHECK enum inro_err reference_read(struct bytes der, char **ret_uri);

#endif
