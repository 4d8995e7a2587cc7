/*
 * pack - a text that a program writes again and again in the same words, in fewer octets.
 *
 * 1. What was packed comes back octet by octet, whatever text it was.
 * 2. The packed one is a text too: UTF-8 if the other is, no NUL.  One without control characters is
 *    its own packed one, so that what was written before there was this is read as it is.
 * 3. A code never gets another meaning, or what is stored would say something else: words are only added.
 *
 * Codes are control characters, which JSON does not have: PACK_WORD and a character of 0x30 on is a word
 * of the table, the first ones have a code of their own; PACK_HEX, a character for the number of octets
 * (from 0x30 on), then seven bits a character, 0 as U+0080; PACK_PLAIN and a character of 0x40 on is a
 * control character.
 */
#ifndef INRO_BACKOFFICE_STORE_PACK_H
#define INRO_BACKOFFICE_STORE_PACK_H

#include "base/bytes.h"

/* Appends it with its NUL. */
MUST_CHECK enum inro_err pack_text(const char *text, struct buf *ret);
/* Appends it with its NUL.  INRO_E_DAMAGED: it is no packed text. */
MUST_CHECK enum inro_err unpack_text(const char *packed, struct buf *ret);

#endif
