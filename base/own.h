/*
 * own - who frees what, said in the type system's margins.
 *
 * SCOPED(secret) pin = {0};       a struct whose secret_clear() runs on every way out
 * AUTO(free_chars) char *s = NULL; a pointer with a cleaner that takes its address
 */
#ifndef INRO_BASE_OWN_H
#define INRO_BASE_OWN_H

#include <stddef.h>

#define SCOPED(type)  __attribute__((cleanup(type##_clear))) struct type
#define AUTO(cleaner) __attribute__((cleanup(cleaner)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))

void free_chars(char **p); /* for AUTO(): free() */
void close_fd(int *fd);	   /* for AUTO(): close() unless negative */

#endif
