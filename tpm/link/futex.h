/* futex - sleeping on a word in memory, which may be shared with other processes (futex(2)). */
#ifndef INRO_TPM_LINK_FUTEX_H
#define INRO_TPM_LINK_FUTEX_H

#include <stdatomic.h>

/* Sleeps unless the word is another than `seen`; ends with a wake, a signal or after ms. */
void futex_sleep(atomic_uint *word, unsigned seen, long ms);
/* Changes the word and wakes all who sleep on it. */
void futex_wake(atomic_uint *word);

#endif
