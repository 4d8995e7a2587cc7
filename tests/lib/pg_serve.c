/* pg_serve - a PostgreSQL server for a shell test (lib/postgres.sh): prints the URLs of the
 * databases that it is given, runs until its standard input ends; "crash" on a line there kills the
 * server and starts it again.  Status 77 when PostgreSQL is not installed. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/postgres.h"

int main(int argc, char **argv)
{
	char line[64];

	if (!postgres_installed())
		return 77;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++)
		printf("%s\n", postgres_url(argv[i]));
	fflush(stdout);
	while (fgets(line, sizeof line, stdin)) {
		if (strcmp(line, "crash\n") == 0)
			postgres_crash();
		printf("ready\n");
		fflush(stdout);
	}
	return 0;
}
