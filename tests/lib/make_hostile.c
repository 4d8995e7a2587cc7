/* make_hostile - each request of hostile.c as a file: make_hostile FOLDER */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/lib/hostile.h"

int main(int argc, char **argv)
{
	const struct hostile *h;

	if (argc != 2)
		return 2;
	(void)mkdir(argv[1], 0777); /* it may be there */
	for (size_t i = 0; (h = hostile_at(i)); i++) {
		SCOPED(buf) csr = { 0 };
		char path[4096];

		h->make(h, &csr);
		snprintf(path, sizeof path, "%s/%s", argv[1], h->name);
		if (file_write(path, 0666, buf_bytes(&csr)) != INRO_OK) {
			fprintf(stderr, "make_hostile: %s: can't be written\n", path);
			return 1;
		}
	}
	return 0;
}
