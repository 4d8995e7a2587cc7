/* anchor_told - devices that came with the trust anchor of a deleted one, as an import and a job tell them. */
#ifndef INRO_TOOLS_ANCHOR_TOLD_H
#define INRO_TOOLS_ANCHOR_TOLD_H

#include <stdint.h>

#include <jansson.h>

/* Takes the item, which has members "id" and "before"; only the first hundred are kept. */
void anchor_told_add(json_t *list, json_t *item);
/* The end of a sentence for people: how many, with the first of the list; "" for none. */
json_t *anchor_told_words(int64_t n, const json_t *list);

#endif
