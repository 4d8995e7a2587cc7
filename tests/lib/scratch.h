/*
 * scratch - a folder of a test program's own, removed when the program that made it ends.
 *
 * Children made by fork() may use it; they do not remove it.
 */
#ifndef INRO_TESTS_LIB_SCRATCH_H
#define INRO_TESTS_LIB_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

/* The folder; made at the first call.  Ends the program when it can't be made. */
const char *scratch_dir(void);

/* A path in it, in one of a few static rooms: good until the eighth call after this one. */
const char *scratch_path(const char *name);

/* Writes a file into it and returns its path. */
const char *scratch_file(const char *name, const void *content, size_t n);

/* How many names a folder has, any folder; of /proc/self/fd with the descriptor that reads it. */
size_t scratch_entries(const char *path);

/* Runs f(arg) in a child made by fork(); its result is the exit status that is returned,
 * 256 + the signal when one ended it. */
int scratch_child(int (*f)(void *), void *arg);

/* Whether a process may fork while its threads allocate memory.  The address sanitizer of gcc 12
 * does not release its allocator's locks in the child: such a child hangs now and then, whatever
 * the code. */
#ifdef __SANITIZE_ADDRESS__
#define SCRATCH_BUSY_FORKS false
#else
#define SCRATCH_BUSY_FORKS true
#endif

/* Whether a child of a process with threads may make threads: the thread sanitizer ends it. */
#ifdef __SANITIZE_THREAD__
#define SCRATCH_CHILD_THREADS false
#else
#define SCRATCH_CHILD_THREADS true
#endif

#endif
