/* utf8 - characters of text from outside (RFC 3629), and which of them a terminal may be given. */
#ifndef INRO_BASE_UTF8_H
#define INRO_BASE_UTF8_H

#include "base/bytes.h"

/* The length of the character at the front of s, which is not empty; 0 when the bytes are not
 * UTF-8: overlong, a surrogate, cut, above U+10FFFF. */
size_t utf8_take(struct bytes s, uint32_t *ret);
/* Writes a character of up to U+10FFFF, at most 4 octets; how many. */
size_t utf8_put(uint32_t c, char *out);
/* No control character (C0, DEL, C1), no line separator, none that turns the direction of writing.
 */
bool utf8_is_safe(uint32_t c);

#endif
