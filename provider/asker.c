/* asker - see asker.h. */
#include "provider/asker.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>

#define FRAMES 32
#define NEAR   12 /* as many as libcrypto has between us and the list, and some */

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

/* Where libcrypto's function that lists kinds is; size 0: that can't be told. */
static struct {
	uintptr_t from;
	size_t size;
} list;

static void find_list(void)
{
	void *symbol = NULL;
	Dl_info where;

	if (!dladdr1((const void *)(uintptr_t)EVP_KEYMGMT_do_all_provided, &where, &symbol,
		     RTLD_DL_SYMENT) ||
	    !symbol)
		return;
	list.from = (uintptr_t)where.dli_saddr;
	list.size = ((const ElfW(Sym) *)symbol)->st_size;
}

bool asker_lists_kinds(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	void *frames[NEAR];
	int n = backtrace(frames, NEAR);

	pthread_once(&once, find_list);
	for (int i = 0; i < n; i++)
		if ((uintptr_t)frames[i] - list.from - 1 < list.size)
			return true;
	return false;
}
