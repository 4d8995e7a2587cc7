/*
 * postgres - a PostgreSQL server of a test program's own: in a folder of its own, on a Unix socket
 * there, by "nobody" when the test is root, ended with the program.
 */
#ifndef INRO_TESTS_LIB_POSTGRES_H
#define INRO_TESTS_LIB_POSTGRES_H

#include <stdbool.h>

/* Whether there is a PostgreSQL on this machine; without one a test has nothing to do. */
bool postgres_installed(void);
/* The URL of a database of that name, made empty when it is asked for the first time; the server
 * starts with the first.  Good until the eighth call after this one. */
const char *postgres_url(const char *name);
/* The first number that a statement gives in that database, by psql; fails the program when it
 * doesn't work.  0 when it gives none. */
long long postgres_sql(const char *name, const char *sql);
/* From now on what was committed is on disk before the server says so.  Before the first URL. */
void postgres_durable(void);
/* From now on it has the settings that it is installed with, as what is measured has.  Before the first URL. */
void postgres_usual(void);
/* Seconds of CPU time that the server has spent so far, all its processes. */
double postgres_cpu(void);
/* kill -9 of the server and all that it started; a new one in its place, on the same data. */
void postgres_crash(void);
void postgres_kill(void);
void postgres_start(void);

#endif
