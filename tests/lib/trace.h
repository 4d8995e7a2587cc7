/*
 * trace - what is left of a secret in this process's memory: everything writable in /proc/self/mem
 * is searched.
 *
 * What is searched for is kept under a mask, so that the search does not find itself.
 */
#ifndef INRO_TESTS_LIB_TRACE_H
#define INRO_TESTS_LIB_TRACE_H

#include <stddef.h>
#include <stdint.h>

#define TRACE_PART 24 /* bytes of a secret that are looked for */

struct trace {
	const char *name;
	uint8_t there[TRACE_PART], back[TRACE_PART]; /* masked */
};

void trace_keep(struct trace *t, const char *name, const uint8_t *secret);
/* How often it is there, also the other way round. */
size_t trace_count(const struct trace *t);

#endif
