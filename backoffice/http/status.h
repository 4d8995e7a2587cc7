/* status - the statuses of HTTP that are used here, their words, and which error is which. */
#ifndef INRO_BACKOFFICE_HTTP_STATUS_H
#define INRO_BACKOFFICE_HTTP_STATUS_H

#include <stddef.h>

#define STATUS_KNOWN_MAX 40

struct status {
	int code;
	const char *phrase;
};

/* Sorted; the last one has code 0 and stands for all others. */
extern const struct status statuses[];
size_t status_count(void); /* with the last one */
size_t status_index(int code);
const char *status_phrase(int code);

#endif
