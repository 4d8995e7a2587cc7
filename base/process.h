/* process - which process this is, asked often. */
#ifndef INRO_BASE_PROCESS_H
#define INRO_BASE_PROCESS_H

#include <sys/types.h>

/* getpid(2) for a nanosecond: a system call only once a process.  Any thread; after a fork the
 * child gets its own. */
pid_t process_id(void);

#endif
