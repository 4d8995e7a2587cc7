/*
 * hook - commands of the device's owner, run by the shell.
 *
 * They get INRO_AGENT_ID, INRO_AGENT_CERT, INRO_AGENT_KEY, INRO_AGENT_CA (what programs open),
 * INRO_AGENT_GENERATION and INRO_AGENT_SECRETS (symmetric keys that are others now), and no descriptor
 * but the first three; standard input is empty.  One that takes longer than HOOK_SECONDS is ended, and
 * so is one whose round is: with its group of processes, and not what has left that.
 */
#ifndef INRO_TOOLS_AGENT_HOOK_H
#define INRO_TOOLS_AGENT_HOOK_H

#include "tools/agent/settings.h"

#define HOOK_SECONDS 120

/* secrets: names with spaces between, "" for a new pair.  INRO_E_CONFIG names the first that failed; the
 * others have run all the same. */
MUST_CHECK enum inro_err hook_run_all(const struct agent_settings *s, unsigned generation,
				      const char *secrets);
/* The command of that name ("command = NAME=…").  INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err hook_run_named(const struct agent_settings *s, unsigned generation,
					const char *name);

#endif
