/*
 * outfile - a long new file written bit by bit: complete under its name, or not there.
 *
 * It grows beside its place as PATH.part, for the owner only, locked against others who write the same file, and gets
 * its name when it is kept; what was not kept is removed by outfile_clear().
 */
#ifndef INRO_BACKOFFICE_CORE_OUTFILE_H
#define INRO_BACKOFFICE_CORE_OUTFILE_H

#include <stdio.h>

#include "base/bytes.h"

struct outfile {
	FILE *f;
	char *path, *part;
};

/* What is wrong with the folder is told of PATH, as the caller knows it.  INRO_E_BUSY: another one writes it. */
MUST_CHECK enum inro_err outfile_open(const char *path, struct outfile *ret);
MUST_CHECK enum inro_err outfile_add(struct outfile *o, struct bytes x);
/* On disk, with its name; INRO_E_EXISTS when there is a file of that name. */
MUST_CHECK enum inro_err outfile_keep(struct outfile *o);
void outfile_clear(struct outfile *o);

#endif
