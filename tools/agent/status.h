/*
 * status - what is known between rounds and what people are told: DIR/status.json.
 *
 * 1. Nothing hangs on it but waits and words: losing it costs nothing.  Where the agent has no list of the
 *    symmetric keys that it brought, what is told of them is where it begins (seed.h).
 */
#ifndef INRO_TOOLS_AGENT_STATUS_H
#define INRO_TOOLS_AGENT_STATUS_H

#include <jansson.h>

#include "tools/agent/pair.h"

struct status {
	unsigned failures;    /* in a row */
	int64_t heard;	      /* the time of day that the service said last; 0: none */
	int64_t heard_at;     /* and this device's clock then */
	int64_t policy_days;  /* the group's renewal interval; 0: not said */
	int64_t refused_pin;  /* when the file with a PIN that the token refused was written; 0: none */
	json_t *secrets;      /* what a round told of symmetric keys; NULL: nothing */
	char *error;	      /* of the last round; NULL: none */
	int64_t error_at;
	/* told only */
	const char *state; /* "none", "waiting", "valid", "expired" */
	unsigned generation;
	const struct pair *live; /* NULL: none */
	int64_t renew_at, wait;
};
void status_clear(struct status *s);

/* An unreadable one is as none. */
void status_read(const struct agent_settings *s, struct status *ret);
MUST_CHECK enum inro_err status_write(const struct agent_settings *s, const struct status *st);
/* Adds to what the last round left that one was ended, and why. */
MUST_CHECK enum inro_err status_note_end(const struct agent_settings *s, const char *why);
/* As text; 0: null. */
json_t *status_time(int64_t t);
/* What the last round left: a new reference.  INRO_E_NOT_FOUND before the first one. */
MUST_CHECK enum inro_err status_json(const struct agent_settings *s, json_t **ret);
char *status_path(const struct agent_settings *s);

#endif
