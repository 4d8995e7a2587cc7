#include "base/own.h"

#include <stdlib.h>
#include <unistd.h>

void free_chars(char **p)
{
	free(*p);
	*p = NULL;
}

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
