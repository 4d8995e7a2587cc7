#include "tests/lib/fake_load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fake module: %s\n", what);
	exit(99);
}

const char *fake_path(const char *file)
{
	static char path[4096];
	const char *build = getenv("INRO_TEST_BUILD");

	snprintf(path, sizeof path, "%s/tests/%s", build ? build : ".", file);
	return path;
}

struct fake *fake_reset(const char *file)
{
	void *handle = dlopen(fake_path(file), RTLD_NOW);
	struct fake *f;

	require(handle != NULL, "can't be loaded; is INRO_TEST_BUILD set?");
	f = dlsym(handle, "fake");
	require(f != NULL, "has no knobs");
	*f = (struct fake) {
		.slots = 1,
		.labels = { "line1" },
		.serials = { "0001" },
		.token_flags = { CKF_TOKEN_INITIALIZED },
		.tries_left = 9,
	};
	return f;
}

struct fake *fake_open(const char *file, struct ck_module **ret)
{
	struct fake *f = fake_reset(file);

	require(ck_module_open(fake_path(file), ret) == INRO_OK, "can't be opened");
	return f;
}
