/*
 * file - whole files in, whole files out, folders of our own, and locks between processes.
 *
 * 1. A written file is complete or absent: temporary beside it, fsync, rename, fsync of the folder.
 * 2. What we create is for the owner only (0700, 0600) unless the caller says otherwise.
 */
#ifndef INRO_BASE_FILE_H
#define INRO_BASE_FILE_H

#include <stdio.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/secret.h"

/* A descriptor of its own for standard input, which is INRO_E_ARG where it is closed: what was opened since may have
 * its number, so a program that reads it calls file_keep_stdin() first. */
MUST_CHECK enum inro_err file_stdin(int *ret_fd);
/* Where standard input is closed its number stays taken.  At the start of a program. */
void file_keep_stdin(void);

/* The whole file, refused (INRO_E_TOO_BIG) when longer than max.  "-" is standard input.  Straight
 * into *ret: a key file goes into one of secret memory. */
MUST_CHECK enum inro_err file_read(const char *path, size_t max, struct buf *ret);
/* The same of a regular file, or a link to one; anything else is INRO_E_ARG at once, and never
 * waited for. */
MUST_CHECK enum inro_err file_read_regular(const char *path, size_t max, struct buf *ret);
/* One line of a file as a secret, without its line end; the file may be a pipe. */
MUST_CHECK enum inro_err file_read_secret(const char *path, struct secret *ret);
/* Links are followed; a file that is there keeps mode, owner and group (if we may); a device or a pipe is written into. */
MUST_CHECK enum inro_err file_write(const char *path, mode_t mode, struct bytes content);
/* The same of content that comes in pieces. */
MUST_CHECK enum inro_err file_write_pulled(const char *path, mode_t mode, bytes_pull *pull,
					   void *arg);
/* A file without a name for what is to become that file: in its folder, so that file_name_it() has
 * only to name it, and what is large or nobody else's business is not in /tmp.  It is there where the
 * folder can't have one, or `path` is NULL, a pipe or a device.  NULL, with errno. */
FILE *file_spool(const char *path);
/* What file_write() does, with a file that has no name yet (O_TMPFILE, in that folder) as content.
 * INRO_E_UNSUPPORTED: it can't have that one, and is as it was. */
MUST_CHECK enum inro_err file_name_it(int fd, const char *path, mode_t mode);
/* What was written to the spool of this path is there: as file_name_it() does it, or, where that can't be (a pipe, a
 * device, a file system without it), as file_write() does. */
MUST_CHECK enum inro_err file_save_spool(FILE *spool, const char *path, mode_t mode);
/* Gives a finished file its name in the same folder, for good; INRO_E_EXISTS when there is one of that name.  After a
 * failure nothing has got that name, and `made` may still be there. */
MUST_CHECK enum inro_err file_take_name(const char *made, const char *path);
/* The same of what others use as soon as it has the name: it keeps that when only the folder could not be synced. */
MUST_CHECK enum inro_err file_take_shared_name(const char *made, const char *path);
/* Could file_write() write there, as things are now? */
MUST_CHECK enum inro_err file_check_target(const char *path);
/* As file_write, but INRO_E_EXISTS when there is a file of that name. */
MUST_CHECK enum inro_err file_write_new(const char *path, mode_t mode, struct bytes content);
/* Makes the folder and its parents (0700). */
MUST_CHECK enum inro_err file_make_dir(const char *path);
MUST_CHECK enum inro_err file_sync_dir(const char *path);

/* What root has made in a folder of somebody else's becomes that one's: a daemon could not use its
 * tokens otherwise.  Nothing happens to what is not root's, or has a second name.  file_make_dir()
 * and file_lock() do it by themselves. */
void file_give(const char *path);
void file_give_fd(int fd, int dir);

/* An exclusive lock on a lock file, kept until the descriptor is closed.  Waits timeout_ms at
 * most, then INRO_E_BUSY. */
MUST_CHECK enum inro_err file_lock(const char *path, int timeout_ms, int *ret_fd);

/* errno of a failed call as our code, with "path: strerror" as detail. */
enum inro_err file_err(int err, const char *path);
/* The code alone; INRO_E_IO for what has none of its own. */
enum inro_err file_err_code(int err);

/* The path that a text of a person's names, within that text: itself, or what follows file:, also as file:///PATH and
 * file://localhost/PATH (RFC 8089, section 2; scheme and host in any case).  No %XX is decoded in it, as libcrypto's
 * loader of files decodes none.  INRO_E_UNSUPPORTED for another host; INRO_E_ARG where no path is left. */
MUST_CHECK enum inro_err file_uri_path(const char *said, const char **ret);

/* dir + "/" + name in memory of the caller's; NULL when there is none. */
char *file_join(const char *dir, const char *name);

#endif
