/* file - a fuzzer's bytes for what reads a file by its name. */
#ifndef INRO_TESTS_FUZZ_FILE_H
#define INRO_TESTS_FUZZ_FILE_H

#include <sys/mman.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tests/fuzz/fuzz.h"

/* In memory; always the same name, good until the next call. */
static inline const char *fuzz_file(struct bytes content)
{
	static char path[64];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("input", MFD_CLOEXEC);
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	FUZZ_REQUIRE(fd >= 0 && !ftruncate(fd, 0));
	FUZZ_REQUIRE(pwrite(fd, content.n ? content.p : (const uint8_t *)"", content.n, 0) == (ssize_t)content.n);
	return path;
}

#endif
