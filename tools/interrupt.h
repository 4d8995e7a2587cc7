/*
 * interrupt - work that stops where it can be resumed when it is interrupted: ^C, SIGTERM, a terminal that goes.
 *
 * 1. The first signal is noted, and asked for between two steps of the work.  The second ends the process at once,
 *    after its last words.
 * 2. A signal that was ignored before (nohup) stays ignored.
 * 3. Who started the process sees that a signal ended it.
 */
#ifndef INRO_TOOLS_INTERRUPT_H
#define INRO_TOOLS_INTERRUPT_H

#include <stdbool.h>

/* From now on signals are noted.  The last words are a line for stderr. */
void interrupt_begin(const char *last_words);
bool interrupt_came(void);
/* Signals end the process again as they did before. */
void interrupt_end(void);
/* Ends the process by the signal that came; returns when none did. */
void interrupt_obey(void);

#endif
