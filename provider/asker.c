/* asker - see asker.h. */
#include "provider/asker.h"

#include <dlfcn.h>
#include <errno.h> /* program_invocation_short_name */
#include <execinfo.h>
#include <stddef.h>
#include <string.h>

#define FRAMES 32

static bool is_libssl(const Dl_info *where)
{
	const char *slash = strrchr(where->dli_fname, '/');

	return strncmp(slash ? slash + 1 : where->dli_fname, "libssl", strlen("libssl")) == 0;
}

bool asker_is_libssl(void)
{
	void *frames[FRAMES];
	int n = backtrace(frames, FRAMES);
	const void *known[2] = { NULL, NULL }; /* ourselves, and the libcrypto that called us */
	size_t met = 0;
	Dl_info where;

	for (int i = 0; i < n; i++) {
		if (!dladdr(frames[i], &where))
			return false;
		if ((met > 0 && where.dli_fbase == known[0]) ||
		    (met > 1 && where.dli_fbase == known[1]))
			continue;
		if (met == 2)
			return is_libssl(&where);
		known[met++] = where.dli_fbase;
	}
	return false;
}

bool asker_is_openssl(void)
{
	return strcmp(program_invocation_short_name, "openssl") == 0;
}
