/* confirm - see confirm.h. */
#include "tools/confirm.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tools/text.h"

static void close_stream(FILE **f)
{
	if (*f)
		fclose(*f);
}

enum inro_err confirm(const struct call *c, const char *what)
{
	AUTO(close_stream) FILE *tty = NULL;
	SCOPED(buf) safe = { 0 };
	char answer[16] = "";
	if (call_has(c, "yes"))
		return INRO_OK;
	tty = fopen("/dev/tty", "r+e");
	if (!tty)
		return err_set(INRO_E_CANCELLED, "%s; say --yes if that is meant", what);
	text_add_safe(bytes_of(what), &safe);
	fprintf(tty, "%.*s; go on? Type yes: ", (int)safe.n, (const char *)safe.p);
	fflush(tty);
	if (fgets(answer, sizeof answer, tty) && !strcmp(answer, "yes\n"))
		return INRO_OK;
	return err_set(INRO_E_CANCELLED, "that was not 'yes'; nothing was done");
}

enum inro_err confirm_person(const struct call *c, const char *what)
{
	return isatty(STDIN_FILENO) ? confirm(c, what) : INRO_OK;
}
