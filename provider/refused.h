/*
 * refused - what tokens have refused, PINs and key files, so that nothing is tried a second time.
 *
 * 1. A process and all that it forks remember together: the workers of a daemon whose PIN is wrong
 *    cost the token one try, not one each, also when all of them try at the same moment: who is to
 *    try takes a turn before it asks whether that was refused, and gives it back once it knows.
 * 2. What was refused is remembered, however many others were refused since; only after REFUSED_MAX
 *    of them the oldest is forgotten, which is more than a token takes.
 * 3. Kept are digests under a salt, in memory that no core dump has.
 */
#ifndef INRO_PROVIDER_REFUSED_H
#define INRO_PROVIDER_REFUSED_H

#include <stdbool.h>

#include "base/bytes.h"

struct prov;
struct refused;

#define REFUSED_MAX 120

enum refused_kind { REFUSED_PIN, REFUSED_FILE };

/* What was refused, and which token has done so. */
struct refusal {
	enum refused_kind kind;
	const char *serial, *label;
	struct bytes what;
};

/* To be called before a process that is to share what it knows forks; without memory for it nothing
 * is remembered, and nothing else fails. */
void refused_begin(struct prov *p);
void refused_free(struct refused *r); /* NULL is fine */

/* Any thread.  A PIN of no octets is one that is typed at the token itself: it is not remembered, as
 * the next one that is typed may be another. */
bool refused_has(struct prov *p, const struct refusal *of);
void refused_add(struct prov *p, const struct refusal *of);

/* One at a time, of all threads and processes; to be given back by the thread that took it, with what
 * came back.  false: there are none, or somebody has it for a minute by now; it goes on without. */
bool refused_turn(struct prov *p, const struct refusal *of);
void refused_turn_over(struct prov *p, bool turn);

#endif
