/*
 * basic - credentials of HTTP Basic (RFC 7617), as each protocol of the network takes them.
 */
#ifndef INRO_BACKOFFICE_CORE_BASIC_H
#define INRO_BACKOFFICE_CORE_BASIC_H

#include "base/bytes.h"

#define BASIC_MAX 1024 /* octets of the decoded text */

struct basic {
	struct buf text; /* owned, wiped when it goes; the others point into it */
	char *name;	 /* UTF-8 or not: whoever looks it up says */
	struct bytes password;
};
void basic_clear(struct basic *b);

/* What stands behind "Basic " in the header.  INRO_E_SYNTAX. */
MUST_CHECK enum inro_err basic_read(const char *base64, struct basic *ret);
/* A device's id may have a ':', which no user name has: it stands there as %3A, and is decoded in
 * place. */
void basic_decode_id(struct basic *b);

#endif
