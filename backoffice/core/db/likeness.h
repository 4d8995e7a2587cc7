/* likeness - whether a certificate's record says what the certificate in it says. */
#ifndef INRO_BACKOFFICE_CORE_LIKENESS_H
#define INRO_BACKOFFICE_CORE_LIKENESS_H

#include "backoffice/store/record.h"

/* Serial, subject, times, hashes of the certificate and of its key, algorithms.  INRO_E_DAMAGED
 * names the record and what of it differs.  A record without a certificate is fine. */
MUST_CHECK enum inro_err likeness_check(const struct credential *rec);

#endif
