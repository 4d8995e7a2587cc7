/*
 * ask - a row of a protocol's table called as the engine calls it, without a connection.
 *
 * 1. The row is found by method and path; path arguments are decoded by nobody: tests use plain ones.
 * 2. An error of the handler becomes its problem document, as in the engine.
 */
#ifndef INRO_TESTS_LIB_ASK_H
#define INRO_TESTS_LIB_ASK_H

#include "backoffice/core/core.h"
#include "backoffice/http/http.h"

struct ask {
	const struct http_table *table;
	const char *method, *path;
	const char *authorization; /* NULL: none */
	struct bytes body;
	struct http_peer peer; /* address "": 192.0.2.7 */
	struct core *core;
};

/* The status; *ret is the caller's: ask_clear().  A path that no row has fails the test. */
int ask_run(const struct ask *in, struct http_answer *ret);
void ask_clear(struct http_answer *a);
/* "Name: value" is among the answer's headers. */
bool ask_has_header(const struct http_answer *a, const char *line);

#endif
