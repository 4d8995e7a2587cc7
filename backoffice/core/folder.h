/*
 * folder - requests in one folder, and certificates into another.
 *
 * 1. NAME.csr (.pem, .der, .req, .p10, or no ending) is the request called NAME; files that begin
 * with a dot are passed over, and folders.  A pipe, a device or a socket is refused when it is
 * read, without waiting for it.
 * 2. A certificate's file is complete or absent, also when several runs write into one folder.  It
 * is on disk when folder_sync() was called.
 */
#ifndef INRO_BACKOFFICE_CORE_FOLDER_H
#define INRO_BACKOFFICE_CORE_FOLDER_H

#include "base/bytes.h"

struct folder_request {
	char *file, *stem;
	bool twice; /* another one is called so, too */
};
struct folder_list {
	struct folder_request *items; /* in the order of stems */
	size_t n, cap;
};
void folder_list_clear(struct folder_list *l);

/* INRO_E_NOT_FOUND: there is none. */
MUST_CHECK enum inro_err folder_list(const char *path, struct folder_list *ret);
/* One of them.  INRO_E_EXISTS when it is there twice. */
MUST_CHECK enum inro_err folder_read(const char *path, const struct folder_request *r,
				     struct buf *ret);
/* The request called so, by any ending; INRO_E_NOT_FOUND. */
MUST_CHECK enum inro_err folder_find(const char *path, const char *stem, struct buf *ret);

/* The folder to write into, made when it is not there; a descriptor of the caller's. */
MUST_CHECK enum inro_err folder_open(const char *path, int *ret_fd);
/* STEM.pem of a certificate's DER. */
MUST_CHECK enum inro_err folder_write(int fd, const char *stem, struct bytes der);
MUST_CHECK enum inro_err folder_sync(int fd, const char *path);

#endif
