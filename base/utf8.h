/* utf8 - characters of text from outside (RFC 3629), and which of them a terminal may be given. */
#ifndef INRO_BASE_UTF8_H
#define INRO_BASE_UTF8_H

#include "base/bytes.h"

/* The length of the character at the front of s, which is not empty; 0 when the bytes are not
 * UTF-8: overlong, a surrogate, cut, above U+10FFFF. */
size_t utf8_take(struct bytes s, uint32_t *ret);
/* Whether a character may be in a text. */
typedef bool utf8_may(uint32_t c);
/* UTF-8 from end to end, without NUL, and with no character that may not be in it; NULL: all others may. */
bool utf8_is_text(struct bytes s, utf8_may *may);
/* What is no UTF-8 and what may not be in it becomes question marks, as many as there were octets. */
void utf8_defuse(char *s, utf8_may *may);
/* Writes a character of up to U+10FFFF, at most 4 octets; how many. */
size_t utf8_put(uint32_t c, char *out);
bool utf8_is_plain(uint32_t c); /* no control character: C0, DEL, C1 */
/* Nor a line separator, nor one that turns the direction of writing. */
bool utf8_is_safe(uint32_t c);

#endif
