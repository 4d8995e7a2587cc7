/*
 * progress - how far long work has come, on one line of a terminal: counts, rate, remaining time.
 *
 * Nothing is written unless standard error is a terminal, and no more than five times a second.
 */
#ifndef INRO_TOOLS_PROGRESS_H
#define INRO_TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	const char *what; /* "certificates" */
	size_t total;	  /* 0: not known */
	size_t from; /* what was done before it started */
	int64_t since_ms, shown_ms;
	bool on;
};

void progress_start(struct progress *p, const char *what, size_t total);
/* So much was done by an earlier run. */
void progress_from(struct progress *p, size_t done);
void progress_at(struct progress *p, size_t done);
/* Takes the line off the terminal again. */
void progress_end(struct progress *p);

#endif
