/*
 * cert_source - certificates one after the other, of a file with any number of them, or of a folder.
 *
 * 1. Of a folder one file at a time is in memory.
 */
#ifndef INRO_TOOLS_CERT_SOURCE_H
#define INRO_TOOLS_CERT_SOURCE_H

#include <dirent.h>

#include "base/bytes.h"

#define CERT_SOURCE_MAX ((size_t)64 << 20)

struct cert_source {
	const char *path;
	DIR *folder;	   /* NULL: path is a file */
	bool begun;	   /* the file was read */
	char *name;	   /* of the file that is being read */
	struct buf file;   /* what is being read */
	struct bytes rest; /* of it */
	bool pem;	   /* it is; what follows its last certificate is nothing */
	struct buf der;
};
void cert_source_clear(struct cert_source *p);
/* With path set, and nothing else. */
MUST_CHECK enum inro_err cert_source_open(struct cert_source *p);
/* PEM or DER, borrowed until the next call; empty: that was all.  As a bytes_pull. */
MUST_CHECK enum inro_err cert_source_pull(void *arg, struct bytes *ret);
/* The certificate of a file that has one, PEM or DER, as DER; an error names the file. */
MUST_CHECK enum inro_err cert_source_one(const char *path, struct buf *ret);
/* The error of what was done with a request of this file; where that is no good request it names the file. */
enum inro_err cert_source_request(enum inro_err e, const char *path, struct bytes text);

#endif
