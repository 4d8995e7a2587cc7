/*
 * log - one line to stderr when INRO_DEBUG is set in the environment, nothing otherwise.
 *
 * For a foreign error where it is first seen (an OpenSSL queue, a TSS2_RC, an errno).  The border
 * reports to people; audit is not a log.  Never given a secret.
 */
#ifndef INRO_BASE_LOG_H
#define INRO_BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"

/* Whether lines are written at all: to save the work of making one. */
bool log_on(void);
/* From any thread; at most 1023 bytes of text, one line in one write.  errno may change. */
void log_debug(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
