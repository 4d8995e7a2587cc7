/* pgschema - see pgschema.h. */
#include "backoffice/store/pgschema.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"


extern const char *const store_sqlite_migrations[];
extern const size_t store_sqlite_migrations_n;

/* COLLATE "C": what is before what, and what begins with what, is the same as in SQLite.
 * Deferrable: a copy brings rows before those that they refer to.  What an index of SQLite's ends in
 * by itself is told. */
static const char *const words[][2] = {
	{ "INTEGER", "BIGINT" },
	{ "BLOB", "BYTEA" },
	{ "TEXT", "TEXT COLLATE \"C\"" },
	{ "(id)", "(id) DEFERRABLE INITIALLY IMMEDIATE" },
	{ " /*, id*/", ", id" },
};

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Octets of a comment or a string at s, 0 when there is none. */
static size_t quoted(const char *s)
{
	if (s[0] == '-' && s[1] == '-')
		return strcspn(s, "\n");
	if (s[0] == '\'')
		return strcspn(s + 1, "'") + 2;
	return 0;
}

static size_t replaced(const char *s, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i][0]);

		if (strncmp(s, words[i][0], n) == 0 && !(in_word(s[n - 1]) && in_word(s[n]))) {
			buf_add_str(out, words[i][1]);
			return n;
		}
	}
	return 0;
}

static size_t plain(const char *s)
{
	size_t n = quoted(s);

	while (n == 0 && in_word(s[n]))
		while (in_word(s[n]))
			n++;
	return n ? n : 1;
}

enum inro_err pg_words(const char *sql, char **ret)
{
	SCOPED(buf) out = { 0 };

	while (*sql) {
		size_t n = quoted(sql) ? 0 : replaced(sql, &out);

		if (n == 0) {
			n = plain(sql);
			buf_add(&out, BYTES(sql, n));
		}
		sql += n;
	}
	*ret = buf_take_str(&out);
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a migration");
}

/* "" when there is none of ours; "other" when there are tables of others. */
static const char identify_sql[] =
	"SELECT CASE WHEN current_schema() IS NULL THEN 'none' "
	"WHEN to_regclass(quote_ident(current_schema()) || '.inro_schema') IS NOT NULL THEN 'ours' "
	"WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
	"ON n.oid = c.relnamespace WHERE n.nspname = current_schema() "
	"AND c.relkind IN ('r', 'p', 'v', 'm', 'f')) THEN 'other' ELSE 'empty' END";

static enum inro_err read_version(struct pg *g, size_t *ret)
{
	char text[64], *end;
	unsigned long v;
	enum inro_err e = pg_ask(g,
				 PG_ASK_VERSION,
				 text, sizeof text);

	if (e != INRO_OK)
		return err_context(e, "is it a database of the back office?");
	v = strtoul(text, &end, 10);
	if (end == text || *end || v == 0)
		return err_set(INRO_E_DAMAGED, "%s: its inro_schema is not a back office's",
			       g->name);
	if (v > store_sqlite_migrations_n)
		return err_set(INRO_E_VERSION,
			       "%s has version %lu, this program knows up to %zu; use a later one",
			       g->name, v, store_sqlite_migrations_n);
	*ret = v;
	return INRO_OK;
}

/* 0: an empty schema. */
static enum inro_err identify(struct pg *g, size_t *ret_version)
{
	char is[16];
	enum inro_err e = pg_ask(g, identify_sql, is, sizeof is);

	if (e != INRO_OK)
		return e;
	if (strcmp(is, "ours") == 0)
		return read_version(g, ret_version);
	if (strcmp(is, "none") == 0)
		return err_set(INRO_E_CONFIG, "%s: no schema of the search_path is there", g->name);
	if (strcmp(is, "other") == 0)
		return err_set(INRO_E_DAMAGED,
			       "%s has tables of another program; make a database of its own with "
			       "createdb",
			       g->name);
	*ret_version = 0;
	return INRO_OK;
}

static enum inro_err note_version(struct pg *g, size_t version)
{
	char sql[320];

	if (version == 1)
		snprintf(sql, sizeof sql,
			 "CREATE TABLE inro_schema (application TEXT NOT NULL, version BIGINT NOT "
			 "NULL); " PG_COMMIT_TABLE "; INSERT INTO inro_schema VALUES ('" PG_APPLICATION
			 "', 1)");
	else
		snprintf(sql, sizeof sql, "UPDATE inro_schema SET version = %zu", version);
	return pg_script(g, sql);
}

static enum inro_err migrate_one(struct pg *g, size_t from)
{
	AUTO(free_chars) char *sql = NULL;
	enum inro_err e = pg_words(store_sqlite_migrations[from], &sql);

	if (e == INRO_OK)
		e = pg_script(g, sql);
	return e == INRO_OK ? note_version(g, from + 1) : e;
}

/* Looked at again in one's turn: another program may have done it. */
static enum inro_err migrate(struct pg *g)
{
	size_t version = 0;
	enum inro_err e = pg_script(g, "BEGIN ISOLATION LEVEL READ COMMITTED; " PG_TAKE_TURN);

	if (e == INRO_OK)
		e = identify(g, &version);
	while (e == INRO_OK && version < store_sqlite_migrations_n)
		e = migrate_one(g, version++);
	if (e == INRO_OK)
		return pg_script(g, "COMMIT");
	{
		SCOPED(err_kept) kept = err_keep();

		(void)!pg_script(g, "ROLLBACK");
	}
	return err_context(e, "bringing it to a later version");
}

enum inro_err pg_schema(struct pg *g, enum store_opening how)
{
	size_t version = 0;
	enum inro_err e = identify(g, &version);

	if (e == INRO_OK && version == 0 && how == STORE_EXISTING)
		return err_set(INRO_E_NOT_FOUND, "%s has no back office in it yet; is INRO_DB right? The first "
			       "change makes one",
			       g->name);
	if (how == STORE_TARGET && ((e == INRO_OK && version && version < store_sqlite_migrations_n) || e == INRO_E_VERSION))
		return store_not_new(g->name);
	if (e == INRO_OK && version < store_sqlite_migrations_n)
		e = migrate(g);
	return e;
}
