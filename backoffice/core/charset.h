/*
 * charset - text of a file that is not UTF-8, made UTF-8.
 *
 * Shift_JIS is that of Windows in Japan (code page 932, with the characters that NEC and IBM added): what
 * Excel and other programs write there as CSV.  No octet of a character is a line's end, a comma, a
 * semicolon or a quote.
 */
#ifndef INRO_BACKOFFICE_CORE_CHARSET_H
#define INRO_BACKOFFICE_CORE_CHARSET_H

#include "base/bytes.h"

enum charset { CHARSET_UTF8, CHARSET_SHIFT_JIS, CHARSET__MAX };
extern const char *const charset_names[CHARSET__MAX]; /* "utf-8", "shift_jis" */

/* By its name, in any case.  INRO_E_ARG; INRO_E_UNSUPPORTED: this machine's C library can't read it. */
MUST_CHECK enum inro_err charset_named(const char *name, enum charset *ret);
/* A line in `from` without a NUL: the same in UTF-8 in its place, which has room for `max` octets and a NUL.
 * INRO_E_SYNTAX: it is not in `from`, and what it may be instead; INRO_E_TOO_BIG. */
MUST_CHECK enum inro_err charset_line(enum charset from, char *line, size_t max);

#endif
