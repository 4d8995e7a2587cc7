/*
 * library - a shared library that is loaded when it is first needed, and its functions by a table.
 *
 *   #define X_FUNCTIONS(X) X(x_open) X(x_close)
 *   struct x { LIBRARY_MEMBERS(X_FUNCTIONS) };
 *   #define X_ROW(name) LIBRARY_ROW(struct x, name)
 *   static const struct library_row rows[] = { X_FUNCTIONS(X_ROW) };
 *
 * All of the functions or none.  What is loaded stays.
 */
#ifndef INRO_BASE_LIBRARY_H
#define INRO_BASE_LIBRARY_H

#include <stddef.h>

#include "base/err.h"

struct library_row {
	const char *name;
	size_t at; /* of the pointer, in the caller's struct */
};

#define LIBRARY_MEMBER(name)	__typeof__(&(name)) name;
#define LIBRARY_MEMBERS(list)	list(LIBRARY_MEMBER)
#define LIBRARY_ROW(type, name) { #name, offsetof(type, name) },

/* INRO_E_CONFIG: `what` ("libcurl") can't be used, why, and `remedy`. */
struct library {
	const char *file, *what, *remedy;
	const struct library_row *rows;
	size_t n;
};
MUST_CHECK enum inro_err library_load(const struct library *l, void *functions);

#endif
