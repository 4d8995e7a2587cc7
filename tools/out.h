/*
 * out - runs a call and hands its answer out: to stdout, and to the file of --out.
 */
#ifndef INRO_TOOLS_OUT_H
#define INRO_TOOLS_OUT_H

#include "base/bytes.h"
#include "tools/cmd.h"

/* For rows whose answer has a "pem": --out FILE, --format pem|der. */
extern const struct cmd_opt out_opts[];

MUST_CHECK enum inro_err out_run(const struct call *c);

#endif
