/* pgplans - see pgplans.h. */
#include "backoffice/store/pgplans.h"

#include "backoffice/store/record.h"

#define REPLAN_FIRST 500
#define SURVEY_CHARS 4096 /* the names of all tables and more */

/* Those of ours that are to be counted, as the statement that does it; any plan is good for one of up to 16 pages.
 * reltuples does not tell: making an index sets it, too.  Others may have tables beside ours. */
static const char survey_sql[] =
	"SELECT 'ANALYZE (SKIP_LOCKED) ' || string_agg(quote_ident(c.relname), ', ') FROM pg_catalog.pg_class c, "
	"LATERAL (SELECT pg_relation_size(c.oid) / current_setting('block_size')::bigint AS pages) s "
	"WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND s.pages > 16 "
	"AND (s.pages > 2 * c.relpages::bigint OR NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stats k "
	"WHERE k.schemaname = current_schema() AND k.tablename = c.relname)) "
	"AND c.relname IN (";

static enum inro_err survey_question(struct buf *ret)
{
	buf_add_str(ret, survey_sql);
	for (size_t i = 0; record_types[i]; i++)
		buf_addf(ret, "%s'%s'", i ? ", " : "", record_types[i]->table);
	buf_add_str(ret, ")");
	buf_add_u8(ret, 0);
	return buf_err(ret);
}

enum inro_err pg_plans_survey(struct pg *g)
{
	SCOPED(buf) question = { 0 };
	char sql[SURVEY_CHARS];
	enum inro_err e = survey_question(&question);

	if (e == INRO_OK)
		e = pg_alive(g);
	if (e == INRO_OK)
		e = pg_ask(g, (const char *)question.p, sql, sizeof sql);
	return e == INRO_OK && *sql ? pg_script(g, sql) : e;
}

enum inro_err pg_plans_renew(struct pg_plans *p, struct pg *g)
{
	enum inro_err e;

	if (!p->doubled)
		p->doubled = REPLAN_FIRST;
	if (p->written < p->doubled)
		return INRO_OK;
	p->doubled = p->written * 2;
	e = pg_plans_survey(g);
	if (e != INRO_OK && pg_is_lost(g))
		return e;
	return pg_script(g, "DISCARD PLANS");
}
