/*
 * turn - whose turn it is among the threads of this process: in the order in which they came.
 *
 * A mutex would let the thread that has just given it back take it again, time after time, while
 * others wait: a turn of a TPM is long.
 */
#ifndef INRO_TPM_TALK_TURN_H
#define INRO_TPM_TALK_TURN_H

#include <pthread.h>
#include <stdbool.h>

struct turn_waiter;

struct turn {
	pthread_mutex_t lock; /* never held for long */
	bool taken;
	struct turn_waiter *first, *last;
};

void turn_init(struct turn *t);
void turn_clear(struct turn *t); /* nobody has it or waits for it */
void turn_take(struct turn *t);
bool turn_try(struct turn *t); /* false: somebody has it */
void turn_give(struct turn *t);

#endif
