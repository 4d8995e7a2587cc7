/* builtin - the profile files, compiled in; builtin.c is made from profiles/ by the build. */
#ifndef INRO_BACKOFFICE_PKI_BUILTIN_H
#define INRO_BACKOFFICE_PKI_BUILTIN_H

#include <stddef.h>

struct profile_builtin {
	const char *name, *text;
};

extern const struct profile_builtin profile_builtins[];
extern const size_t profile_builtins_n;

#endif
