/*
 * text - text from outside, made fit for a terminal and for JSON.
 *
 * 1. Labels, names and certificates never reach a terminal as they stand: control characters and
 *    those that turn the direction of writing become \u{...}, bytes that are not UTF-8 \x...
 * 2. Widths are what a terminal gives each character, in the locale set by main().
 */
#ifndef INRO_TOOLS_TEXT_H
#define INRO_TOOLS_TEXT_H

#include "backoffice/show/doc.h"
#include "base/bytes.h"

void text_add_safe(struct bytes s, struct buf *out);
/* Columns of a text that text_add_safe() wrote. */
size_t text_width(struct bytes s);


#endif
