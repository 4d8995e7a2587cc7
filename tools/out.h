/*
 * out - runs a call and hands its answer out: to stdout, and to the file of --out.
 */
#ifndef INRO_TOOLS_OUT_H
#define INRO_TOOLS_OUT_H

#include "base/bytes.h"
#include "tools/cmd.h"

/* For rows whose answer has a "pem": --out FILE, --format pem|der. */
extern const struct cmd_opt out_opts[];

/* The file of rows that write one and nothing to standard output: --out FILE, or the argument FILE of those that have
 * it.  out_file_check() is such a row's check: the one or the other, and a file. */
const char *out_file(const struct call *c);
MUST_CHECK enum inro_err out_file_check(const struct call *c);
/* INRO_E_EXISTS when that file is there. */
MUST_CHECK enum inro_err out_file_is_new(const struct call *c);

MUST_CHECK enum inro_err out_run(const struct call *c);

#endif
