/*
 * process - the number of this process is kept on a page that the kernel wipes in a forked child.
 *
 * Where it can't do that there is no such page, and every call asks the kernel.
 */
#include "base/process.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static _Atomic(atomic_int *) kept;
static atomic_bool cant;

static atomic_int *make_page(void)
{
	size_t n = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	atomic_int *none = NULL;

	if (page == MAP_FAILED || madvise(page, n, MADV_WIPEONFORK) != 0) {
		atomic_store(&cant, true);
		if (page != MAP_FAILED)
			munmap(page, n);
		return NULL;
	}
	if (!atomic_compare_exchange_strong(&kept, &none, (atomic_int *)page))
		munmap(page, n); /* another thread was faster */
	return atomic_load(&kept);
}

static pid_t look(atomic_int *page)
{
	pid_t id = getpid();

	if (!page && !atomic_load(&cant))
		page = make_page();
	if (page)
		atomic_store(page, id);
	return id;
}

pid_t process_id(void)
{
	atomic_int *page = atomic_load_explicit(&kept, memory_order_acquire);
	pid_t id = page ? atomic_load_explicit(page, memory_order_relaxed) : 0;

	return id ? id : look(page);
}

char *process_program(void)
{
	static const char gone[] = " (deleted)"; /* what the kernel says behind the path */
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	char *end;

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	end = path + n - (sizeof gone - 1);
	if (end > path && strcmp(end, gone) == 0 && access(path, F_OK) != 0)
		*end = '\0';
	return strdup(path);
}
