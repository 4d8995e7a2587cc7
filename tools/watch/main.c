/* main - the program inro-agent, which `inro agent run` becomes: inro-agent [FILE]. */
#include <stdio.h>

#include "tools/watch/watch.h"

int main(int argc, char **argv)
{
	enum inro_err e;

	if (argc > 2 || (argc == 2 && *argv[1] == '-')) {
		fprintf(stderr, "usage: inro-agent [FILE]; 'inro agent run' starts it\n");
		return 2;
	}
	e = watch_run(argc == 2 ? argv[1] : NULL);
	if (e != INRO_OK)
		fprintf(stderr, "inro-agent: %s\n", err_detail(e));
	return e == INRO_OK ? 0 : 1;
}
