/*
 * shim - system calls and allocations that fail when a test says so.
 *
 * A library of its own, put before the C library by LD_PRELOAD; a program that wants it starts
 * itself again with it (fault_start()).  Only the thread that armed it is hit.
 */
#ifndef INRO_TESTS_FAULT_SHIM_H
#define INRO_TESTS_FAULT_SHIM_H

#include <stdbool.h>

enum fault_kind {
	FAULT_NONE,
	FAULT_MALLOC, /* malloc, calloc, realloc give NULL */
	FAULT_WRITE,  /* write, pwrite, ftruncate, fallocate: EIO */
	FAULT_FULL,   /* the same: ENOSPC, a write having written half before */
	FAULT_SYNC,   /* fsync, fdatasync: EIO */
	FAULT_OPEN,   /* open, openat: EMFILE */
	FAULT_RENAME, /* rename, renameat, link, unlink: EIO */
	FAULT__MAX
};

/* From now on the n-th such call (from 1) and, if `on`, every one after it fails. */
void fault_arm(enum fault_kind kind, unsigned n, bool on);
/* Whether one has failed since. */
bool fault_disarm(void);

#endif
