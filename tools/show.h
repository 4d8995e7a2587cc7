/*
 * show - what a handler gave back, as JSON for programs or as text for people.
 */
#ifndef INRO_TOOLS_SHOW_H
#define INRO_TOOLS_SHOW_H

#include "base/bytes.h"
#include "tools/cmd.h"

/* Everything the row of the command asks for, appended to *out. */
MUST_CHECK enum inro_err show_result(const struct call *c, json_t *doc, struct buf *out);

#endif
