/*
 * main - the program inro: one command line, one answer, one exit status.
 *
 * 1. The answer is written only after everything else has succeeded.
 * 2. A refusal is one line on stderr: status 2 when the command line alone makes no sense (parse.c, a row's
 *    `check`), 3 when others must approve it first, else 1: also INRO_E_ARG of who has looked into a
 *    file, the database or a token, or of a module that found its environment wrong.  With --json the line is a JSON object with the member "error".
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/json.h"
#include "base/file.h"
#include "tools/cmd.h"
#include "tools/interrupt.h"
#include "tools/out.h"
#include "tools/settings.h"
#include "tools/text.h"

enum { STATUS_DONE, STATUS_NOT_DONE, STATUS_USAGE, STATUS_WAITS };

/* Also of a command line that makes no sense. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

static int refuse(enum inro_err e, int status, bool json)
{
	const char *words = err_detail(e);
	json_t *doc = json ? json_pack("{s:{s:s s:o s:i}}", "error", "code", err_name(e), "message",
				       text_json(bytes_of(words)), "status", status)
			   : NULL;
	if (doc && json_dumpf(doc, stderr, JSON_COMPACT) == 0)
		fputc('\n', stderr);
	else
		fprintf(stderr, "inro: %s\n", words);
	json_decref(doc);
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
	bool json = wants_json(argc, argv);
	/* Widths of characters are those of UTF-8, whatever the terminal's locale says. */
	setlocale(LC_CTYPE, "C.UTF-8");
	signal(SIGPIPE, SIG_IGN);
	file_keep_stdin();
	json_wipes();
	enum inro_err e = cmd_parse(argc - 1, argv + 1, &call);
	if (e)
		return refuse(e, STATUS_USAGE, json);
	if (call.home && setenv("INRO_HOME", call.home, 1) != 0)
		return refuse(err_set(INRO_E_NO_MEMORY, "memory is short"), STATUS_NOT_DONE, json);
	if (needs_settings(&call))
		e = settings_apply();
	if (!e)
		e = out_run(&call);
	if (!e)
		return STATUS_DONE;
	int status = refuse(e, e == INRO_E_APPROVAL ? STATUS_WAITS : STATUS_NOT_DONE, json);
	interrupt_obey();
	return status;
}
