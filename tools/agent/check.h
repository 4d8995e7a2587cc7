/* check - tries what the agent was told, changes nothing. */
#ifndef INRO_TOOLS_AGENT_CHECK_H
#define INRO_TOOLS_AGENT_CHECK_H

#include "tools/agent/settings.h"

/* *ret: what the service said, for people; appended with its NUL left out. */
MUST_CHECK enum inro_err agent_check(const struct agent_settings *s, struct buf *ret);

#endif
