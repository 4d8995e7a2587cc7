/*
 * main - the program inro: one command line, one answer, one exit status.
 *
 * 1. The answer is written only after everything else has succeeded.
 * 2. A refusal is one line on stderr: status 2 when the command line makes no sense, 3 when others
 * must approve it first, else 1.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cmd.h"
#include "tools/out.h"
#include "tools/settings.h"

enum { STATUS_DONE, STATUS_NOT_DONE, STATUS_USAGE, STATUS_WAITS };

static int refuse(enum inro_err e, int status)
{
	fprintf(stderr, "inro: %s\n", err_detail(e));
	return status;
}

/* Help is there whatever the settings say. */
static bool needs_settings(const struct call *c)
{
	return c->verb && !c->help && !c->version && strcmp(c->noun->name, "help") != 0;
}

int main(int argc, char **argv)
{
	struct call call = { 0 };
	/* Widths of characters are those of UTF-8, whatever the terminal's locale says. */
	setlocale(LC_CTYPE, "C.UTF-8");
	signal(SIGPIPE, SIG_IGN);
	enum inro_err e = cmd_parse(argc - 1, argv + 1, &call);
	if (e)
		return refuse(e, STATUS_USAGE);
	if (call.home && setenv("INRO_HOME", call.home, 1) != 0)
		return refuse(err_set(INRO_E_NO_MEMORY, "memory is short"), STATUS_NOT_DONE);
	if (needs_settings(&call))
		e = settings_apply();
	if (!e)
		e = out_run(&call);
	return e ? refuse(e, e == INRO_E_APPROVAL ? STATUS_WAITS : STATUS_NOT_DONE) : STATUS_DONE;
}
