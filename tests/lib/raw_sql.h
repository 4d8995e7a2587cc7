/* raw_sql - SQL on a file behind the back of whoever uses it; fails the test if it is not done. */
#ifndef INRO_TESTS_LIB_RAW_SQL_H
#define INRO_TESTS_LIB_RAW_SQL_H

void raw_sql(const char *path, const char *sql);

#endif
