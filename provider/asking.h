/*
 * asking - one thread at a time asks for a PIN where the answer comes once: a line of a pipe, what
 * somebody types.  The others wait, and look for the login that came of it before they ask.
 *
 * 1. Who is logged in asks for nothing: no turn is in a sign's way.
 * 2. No thread waits for itself (a program that is asked may load another key), for what its process was
 *    before a fork, or for a thread that ended in its turn, as far as the thread's number tells: the first
 *    thread's stays with the process, and another's may be a new one's.  Nobody waits longer than he says.
 * 3. A turn is known to the whole process, whatever library context it was taken in.
 */
#ifndef INRO_PROVIDER_ASKING_H
#define INRO_PROVIDER_ASKING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct token;

/* What is asked. */
struct asked {
	uint64_t of, which;
};
struct asked asked_file(const struct stat *st);
/* The program, for the PIN of a token. */
struct asked asked_program(const struct token *t);

/* A turn; all zeros: none. */
struct asking {
	unsigned at;
};

/* Whoever has a pipe's turn may wait for somebody who writes. */
#define ASKING_PIPE_SECONDS 300

/* Waits for the turn, for so many seconds at most.  *ret is none where it did not come, where this
 * thread has it already, and where too many others are under way: it goes on without. */
void asking_begin(const struct asked *what, unsigned seconds, struct asking *ret);
void asking_clear(struct asking *a);

#endif
