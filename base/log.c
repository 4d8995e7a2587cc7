#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool log_on(void)
{
	const char *v = secure_getenv("INRO_DEBUG");

	return v && *v && *v != '0';
}

void log_debug(const char *format, ...)
{
	char line[1024];
	va_list ap;

	if (!log_on())
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	dprintf(STDERR_FILENO, "inro[%ld]: %s\n", (long)getpid(), line);
}
