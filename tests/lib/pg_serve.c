/* pg_serve - a PostgreSQL server for a shell test (lib/postgres.sh): prints the URLs of the
 * databases that it is given, runs until its standard input ends; "crash" on a line there kills the
 * server and starts it again, "stop" and "start" do the one and the other.  Status 77 when PostgreSQL is not installed. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "tests/lib/postgres.h"

static const struct {
	const char *word;
	void (*run)(void);
} orders[] = {
	{ "crash\n", postgres_crash },
	{ "stop\n", postgres_kill },
	{ "start\n", postgres_start },
};

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
		for (size_t i = 0; i < ARRAY_LEN(orders); i++)
			if (strcmp(line, orders[i].word) == 0)
				orders[i].run();
		printf("ready\n");
		fflush(stdout);
	}
	return 0;
}
