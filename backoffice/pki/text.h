/* text - characters: UTF-8 as RFC 3629 has it, and the small alphabets of ASN.1. */
#ifndef INRO_BACKOFFICE_PKI_TEXT_H
#define INRO_BACKOFFICE_PKI_TEXT_H

#include "base/bytes.h"

/* Valid UTF-8 without control characters (C0, DEL, C1); *ret_n: how many characters. */
bool text_is_utf8(struct bytes s, size_t *ret_n);
bool text_is_printable_string(struct bytes s); /* X.680 41.4 */
bool text_is_ascii(struct bytes s);	       /* 0x20 to 0x7e */

bool text_is_alpha(uint8_t c);
bool text_is_digit(uint8_t c);
/* ASCII letters of either case are the same. */
bool text_same(struct bytes a, const char *b);

/* The next octet of a text as names are compared (RFC 5280 7.1, as OpenSSL does it): ASCII letters small, one
 * blank for many, none at the ends; taken off the front.  -1 at the end.  `first`: of the text. */
int text_folded(struct bytes *rest, bool first);

/* The next blank-separated word, taken off the front; false at the end. */
bool text_word(struct bytes *rest, struct bytes *ret);

#endif
