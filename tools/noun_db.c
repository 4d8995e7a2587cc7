/* noun_db - the database of the back office as a whole. */
#include <stdio.h>

#include "backoffice/core/issue_time.h"
#include "backoffice/core/upkeep.h"
#include "backoffice/store/store.h"

#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/progress.h"

static void close_store(struct store **s)
{
	store_close(*s);
}

static enum inro_err db_upgrade_run(const struct call *c, json_t **ret)
{
	AUTO(close_store) struct store *s = NULL;
	enum inro_err e = store_open(NULL, &s);
	(void)c;
	return e ? e
		 : json_give(json_pack("{s:o s:I}", "database", json_of_text(store_name(s)),
				       "version", (json_int_t)store_version()),
			     ret);
}

static void show_rows(void *arg, const char *table, int64_t rows)
{
	(void)table;
	progress_at(arg, (size_t)rows);
}

static json_t *report_json(const struct upkeep_report *r)
{
	json_t *doc = json_pack("{s:I s:o s:o}", "rows", (json_int_t)r->rows, "events",
				r->events == UPKEEP_UNKNOWN ? json_null() : json_integer(r->events), "digest",
				json_of_hex(BYTES(r->digest, sizeof r->digest)));
	if (r->later)
		json_object_set_new(doc, "later",
				    r->later == UPKEEP_UNKNOWN ? json_null() : json_integer(r->later));
	return doc;
}

typedef enum inro_err upkeep_work(struct core *core, const struct call *c, const struct upkeep *how,
				  struct upkeep_report *ret);

/* Whoever goes on with the copy would lose what others were told is done. */
static void tell_later(const struct upkeep_report *r)
{
	if (r->later == UPKEEP_UNKNOWN)
		fputs("inro: note: the copy is whole, but whether something was written while it was made can't be told: "
		      "compare the audits, or stop what writes and copy again to a new database\n",
		      stderr);
	else if (r->later)
		fprintf(stderr,
			"inro: note: %lld events were written while it was copied, and are not in the copy: stop what writes, "
			"and copy again to a new database\n",
			(long long)r->later);
}

/* One way for all that goes through every row. */
static enum inro_err with_progress(const struct call *c, upkeep_work *work, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct upkeep_report r = { 0 };
	struct progress p;
	const struct upkeep how = { show_rows, &p };
	enum inro_err e = office_open(c, &core);
	progress_start(&p, "rows", 0);
	if (!e)
		e = work(core, c, &how, &r);
	progress_end(&p);
	if (!e)
		tell_later(&r);
	return e ? e : json_give(report_json(&r), ret);
}

static enum inro_err check_work(struct core *core, const struct call *c, const struct upkeep *how,
				struct upkeep_report *ret)
{
	(void)c;
	return upkeep_check(core, how, ret);
}

static enum inro_err db_check_run(const struct call *c, json_t **ret)
{
	return with_progress(c, check_work, ret);
}

static enum inro_err copy_work(struct core *core, const struct call *c, const struct upkeep *how,
			       struct upkeep_report *ret)
{
	return upkeep_copy(core, call_opt(c, "to"), how, ret);
}

static enum inro_err db_copy_run(const struct call *c, json_t **ret)
{
	return with_progress(c, copy_work, ret);
}

static enum inro_err backup_work(struct core *core, const struct call *c, const struct upkeep *how,
				 struct upkeep_report *ret)
{
	return upkeep_backup(core, out_file(c), how, ret);
}

static enum inro_err db_backup_run(const struct call *c, json_t **ret)
{
	enum inro_err e = with_progress(c, backup_work, ret);
	if (e)
		return e;
	/* A file's copy is not counted. */
	json_object_clear(*ret);
	json_object_set_new(*ret, "file", json_of_text(out_file(c)));
	return INRO_OK;
}

/* What was issued after the clock's time, or 0. */
static json_t *times_json(const struct issue_times *t)
{
	int64_t behind = t->last > t->clock ? t->last - t->clock : 0;
	return json_pack("{s:o s:o s:I}", "clock", json_of_time(t->clock), "last",
			 json_of_time(t->last), "behind", (json_int_t)behind);
}

static enum inro_err db_clock_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct issue_times t = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = call_has(c, "accept") ? issue_time_accept(core, call_opt(c, "why"), &t)
					  : issue_times(core, &t);
	return e ? e : json_give(times_json(&t), ret);
}

/* ---- the rows ---- */

const struct cmd_verb db_verbs[] = {
	{ .name = "upgrade",
	  .summary = "Creates the tables, or upgrades those of an earlier version",
	  .run = db_upgrade_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_SAID,
	  .said = "{database} has version {version}" },
	{ .name = "check",
	  .summary = "Checks the database, every row, the counts and the audit",
	  .run = db_check_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_SAID,
	  .said = "all {rows} rows are well, and all {events} events as they were written" },
	{ .name = "copy",
	  .summary = "Copies everything to an empty database of either kind, and compares",
	  .opts = OPTS({ .name = "to",
			 .arg = "URL",
			 .kind = OPT_TEXT,
			 .required = true,
			 .help = "sqlite:PATH or postgresql://USER@HOST/DATABASE" }),
	  .run = db_copy_run,
	  .least = LEAST_ADMIN,
	  .reads = true,
	  .shape = SHOW_SAID,
	  .said = "{rows} rows were copied and compared, digest {digest}" },
	{ .name = "backup",
	  .summary = "Backs the database up to a new file, also while it is in use",
	  .args = ARGS({ .name = "FILE", .optional = true, .help = "a database of its own, named sqlite:FILE" }),
	  .opts = OPTS(OPT_OUT_SAME),
	  .check = out_file_check,
	  .run = db_backup_run,
	  .least = LEAST_ADMIN,
	  .reads = true,
	  .shape = SHOW_SAID,
	  .said = "everything is in {file}; INRO_DB=sqlite:{file} uses it" },
	{ .name = "clock",
	  .summary = "Shows the clock, and the time of the last certificate, before which nothing "
		     "is issued",
	  .opts = OPTS({ .name = "accept",
			 .kind = OPT_FLAG,
			 .help = "as an administrator, continue from the clock's time: the "
				 "recorded one was wrong" },
		       OPT_WHY),
	  .run = db_clock_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS({ "clock", "Clock" }, { "last", "Issued last" },
			     { "behind", "Seconds behind" }) },
	{ 0 },
};
