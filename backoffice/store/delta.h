/*
 * delta - octets that are much like others, told by how they differ from those.
 *
 * 1. What was told comes back octet by octet, whatever it was and whatever it was told from.
 * 2. A telling begins with DELTA_MARK.  What begins otherwise stands as it is, as a certificate's DER
 *    (0x30) does that was stored before there was this.
 * 3. The form never changes, or what is stored would say something else.
 *
 * DELTA_MARK, then steps to the end: a number n, and the n / 2 octets behind it when it is even; when it
 * is odd, n / 2 octets of the model from a place on, which is the next number: half of it behind (even) or
 * before (odd) the place that comes next in the model.  That is where the last step from there ended, and
 * as many octets on as were new since.  Numbers are seven bits an octet, the least first, the
 * eighth set but in the last.
 */
#ifndef INRO_BACKOFFICE_STORE_DELTA_H
#define INRO_BACKOFFICE_STORE_DELTA_H

#include "base/bytes.h"

#define DELTA_MARK 0x01
#define DELTA_MAX  ((size_t)1 << 20) /* octets of either */

/* Appends `what`, told from the model (which may be empty); itself where that is not shorter.
 * INRO_E_TOO_BIG: one of them has more than DELTA_MAX. */
MUST_CHECK enum inro_err delta_tell(struct bytes model, struct bytes what, struct buf *ret);
/* Appends what was told from this model.  INRO_E_DAMAGED: nothing was told so. */
MUST_CHECK enum inro_err delta_read(struct bytes model, struct bytes told, struct buf *ret);

#endif
