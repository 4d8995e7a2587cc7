/*
 * body - what EST puts around DER: base64 with or without line breaks (RFC 8951 3.1), multipart of two
 * parts (RFC 7030 4.4.2), a challenge password that is a channel binding.  No I/O, no state.
 */
#ifndef INRO_BACKOFFICE_EST_BODY_H
#define INRO_BACKOFFICE_EST_BODY_H

#include "base/bytes.h"

/* A request's body as DER: base64, or PEM as tools write it.  INRO_E_SYNTAX.  Appended. */
MUST_CHECK enum inro_err body_read(struct bytes body, struct buf *ret_der);
/* Base64 in lines, as a body or a part has it.  Appended. */
void body_add(struct buf *ret, struct bytes der);

/* One part of the answer to serverkeygen; the last one ends it. */
#define BODY_BOUNDARY "inro-est-part"
void body_add_part(struct buf *ret, const char *type, struct bytes der);
void body_add_end(struct buf *ret);

/* Is the challenge the base64 of one of these, which may be empty?  In a time that does not depend on
 * how much is right. */
bool body_binds(struct bytes challenge, const struct bytes *bindings, size_t n);

#endif
