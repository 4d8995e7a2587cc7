/*
 * refused - PINs that a token did not take: not tried again at once.
 *
 * 1. A server asks for the same PIN again and again, from many threads; a wrong one would lock the
 *    token. The same PIN is refused here, without asking the token, for ten minutes.
 * 2. Another PIN is tried.  It is remembered for this process only.
 * Any thread.
 */
#ifndef INRO_BACKOFFICE_CORE_REFUSED_H
#define INRO_BACKOFFICE_CORE_REFUSED_H

#include "backoffice/core/core.h"

/* INRO_E_PIN_WRONG: this token (its label, or what the URI has of it) refused this PIN. */
MUST_CHECK enum inro_err refused_check(const char *token, struct bytes pin);
void refused_note(const char *token, struct bytes pin);

#endif
