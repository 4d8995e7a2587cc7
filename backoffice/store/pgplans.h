/*
 * pgplans - what a PostgreSQL server plans its statements by.
 *
 * 1. It plans a prepared statement a few times and then no more.  A plan that was made for tables with few rows is a bad
 * one when they have many, so all are made anew as the rows that were written double.
 * 2. It chooses by what was counted of a table (ANALYZE).  Its own autovacuum counts once a minute at best, and not at all
 * where it is off; until then the server takes a tenant for a few rows of a table, and walks all of them for each page of
 * a search and each key that is looked for.
 */
#ifndef INRO_BACKOFFICE_STORE_PGPLANS_H
#define INRO_BACKOFFICE_STORE_PGPLANS_H

#include "backoffice/store/pg.h"

struct pg_plans {
	int64_t written, doubled; /* rows, by this store; how many they are when all is planned anew */
};

/* Before a write transaction: plans anew when it is time. */
MUST_CHECK enum inro_err pg_plans_renew(struct pg_plans *p, struct pg *g);
/* Outside a transaction: counts those of our tables that were never counted, or are more than twice as large as then.  One that is
 * being counted by another is left to that one, and so is a small one: any plan is good for that. */
MUST_CHECK enum inro_err pg_plans_survey(struct pg *g);

#endif
