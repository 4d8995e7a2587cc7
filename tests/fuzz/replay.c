/*
 * replay - runs a fuzz target over a folder of inputs, for builds without libFuzzer.
 *
 * Each file is given as it is, cut short at every length, and with each byte changed in a few
 * ways: what a parser trips over is mostly next to what it accepts.  A target that takes its time
 * is given every n-th of these neighbours only.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX     ((size_t)1 << 20)
#define NEIGHBOUR_MAX 2048

/* A copy of its own, so that a sanitizer sees a read past the end. */
static void run(struct bytes input)
{
	uint8_t *copy = malloc(input.n ? input.n : 1);

	if (!copy)
		abort();
	if (input.n)
		memcpy(copy, input.p, input.n);
	LLVMFuzzerTestOneInput(copy, input.n);
	free(copy);
}

static void run_neighbours(struct buf *b, size_t every)
{
	static const uint8_t flips[] = { 0x01, 0x20, 0x80, 0xff };

	for (size_t n = 0; n < b->n; n += every)
		run(BYTES(b->p, n));
	for (size_t i = 0; i < b->n * ARRAY_LEN(flips); i += every) {
		uint8_t *at = &b->p[i / ARRAY_LEN(flips)];
		uint8_t flip = flips[i % ARRAY_LEN(flips)];

		*at ^= flip;
		run(buf_bytes(b));
		*at ^= flip;
	}
}

static int replay_file(const char *path, size_t every)
{
	SCOPED(buf) b = { 0 };
	enum inro_err e = file_read(path, INPUT_MAX, &b);

	if (e) {
		fprintf(stderr, "replay: %s\n", err_detail(e));
		return 1;
	}
	run(buf_bytes(&b));
	if (b.n <= NEIGHBOUR_MAX)
		run_neighbours(&b, every);
	return 0;
}

static int is_input(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **names;
	int bad = 0;
	size_t every = argc == 3 ? strtoul(argv[2], NULL, 10) : 1;
	int n = argc >= 2 && every ? scandir(argv[1], &names, is_input, alphasort) : -1;

	if (n <= 0) {
		fprintf(stderr, "usage: %s FOLDER-WITH-INPUTS [EVERY]\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		char *path = file_join(argv[1], names[i]->d_name);

		bad |= path ? replay_file(path, every) : 1;
		free(path);
		free(names[i]);
	}
	free(names);
	printf("%d inputs\n", n);
	return bad;
}
