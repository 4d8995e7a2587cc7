/* process - which process this is, asked often, and which program. */
#ifndef INRO_BASE_PROCESS_H
#define INRO_BASE_PROCESS_H

#include <sys/types.h>

/* getpid(2) for a nanosecond: a system call only once a process.  Any thread; after a fork the
 * child gets its own. */
pid_t process_id(void);

/* The path of the program that this process is, without links; the caller's.  Where another file took its place since
 * it began, as when a package is updated, or none is there any more, that path all the same: what stands beside it is
 * found by it.  NULL: it is not known. */
char *process_program(void);

#endif
