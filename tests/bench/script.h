/*
 * script - what a benchmark's rows cost by a bare SQL script, in the kind of database that ours are written to
 * (INRO_TEST_DB); and what is spent, here and by PostgreSQL's server.
 */
#ifndef INRO_TESTS_BENCH_SCRIPT_H
#define INRO_TESTS_BENCH_SCRIPT_H

#include "base/bytes.h"

/* Seconds: by the clock, of this program's CPU time and, in PostgreSQL, of its server's, to 10 ms. */
struct spent {
	double wall, cpu, server;
};
struct spent spent_now(void);
struct spent spent_since(struct spent from);
void spent_add(struct spent *to, struct spent more);

/* Where there is a PostgreSQL it is one as it is installed, with the settings that it has then.  Before the first
 * database is opened. */
void script_settle(void);

/* Statements in which what differs is said by a character: # the number, % 32 bytes that are zero, and for an id that
 * SQLite gives by itself @ its column and & its value: one more than `id` each time.  Appended to ret. */
void script_write(struct buf *ret, const char *each, long number, long *id);

/* A database that is there, by its URL; each text is one transaction. */
struct script;
struct script *script_open(const char *url);
long script_number(struct script *s, const char *sql); /* that a query gives */
void script_run(struct script *s, const char *sql);
void script_close(struct script *s);

#endif
