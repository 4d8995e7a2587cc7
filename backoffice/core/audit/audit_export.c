/*
 * audit_export - events as lines of a file, for people's other programs: JSON lines, and CEF.
 *
 * 1. CEF (ArcSight Common Event Format, version 0): in the header '\' and '|' are escaped, in the
 *    extension '\' and '='; line ends become \n and \r in the extension and blanks in the header.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "backoffice/core/audit/audit_chain.h"
#include "backoffice/core/audit/outfile.h"
#include "base/clock.h"
#include "base/file.h"

const char *const audit_format_names[AUDIT_FORMAT__MAX] = {
	[AUDIT_JSONL] = "jsonl",
	[AUDIT_CEF] = "cef",
};

static void json_line(const struct event *ev, struct buf *out)
{
	char at[32];

	clock_format(ev->at_ms / 1000, at, sizeof at);
	detail_int(out, "id", ev->id);
	detail_text(out, "at", at);
	detail_int(out, "at_ms", ev->at_ms);
	detail_text(out, "actor", ev->actor);
	detail_text(out, "action", ev->action);
	detail_text(out, "subject", ev->subject);
	detail_text(out, "outcome", event_outcome_names[ev->outcome]);
	buf_addf(out, ",\"detail\":%s", ev->detail && *ev->detail ? ev->detail : "{}");
	detail_hex(out, "hash", blob_bytes(&ev->hash));
	buf_add_str(out, "}\n");
}

static void cef_text(struct buf *out, const char *text, bool header)
{
	const char *marks = header ? "\\|" : "\\=";

	for (const char *s = text_or_empty(text); *s; s++) {
		bool end = *s == '\n' || *s == '\r';

		if (end && header)
			buf_add_u8(out, ' ');
		else if (end)
			buf_add_str(out, *s == '\n' ? "\\n" : "\\r");
		else if (strchr(marks, *s))
			buf_addf(out, "\\%c", *s);
		else
			buf_add_u8(out, (uint8_t)*s);
	}
}

static void cef_field(struct buf *out, const char *key, const char *text)
{
	buf_addf(out, " %s=", key);
	cef_text(out, text, false);
}

static void cef_line(const struct event *ev, struct buf *out)
{
	bool refused = ev->outcome == EVENT_REFUSED;

	buf_add_str(out, "CEF:0|Inro|Inro|" INRO_VERSION "|");
	cef_text(out, ev->action, true);
	buf_add_u8(out, '|');
	cef_text(out, ev->action, true);
	buf_addf(out, " %s|%d|", event_outcome_names[ev->outcome], refused ? 6 : 3);
	buf_addf(out, "rt=%" PRId64 " externalId=%" PRId64, ev->at_ms, ev->id);
	cef_field(out, "suser", ev->actor);
	cef_field(out, "act", ev->action);
	cef_field(out, "outcome", event_outcome_names[ev->outcome]);
	buf_add_str(out, " cs1Label=subject");
	cef_field(out, "cs1", ev->subject);
	buf_add_str(out, " cs2Label=detail");
	cef_field(out, "cs2", ev->detail);
	buf_add_str(out, " cs3Label=hash cs3=");
	buf_add_hex(out, blob_bytes(&ev->hash));
	buf_add_u8(out, '\n');
}

static void (*const lines[AUDIT_FORMAT__MAX])(const struct event *, struct buf *) = {
	[AUDIT_JSONL] = json_line,
	[AUDIT_CEF] = cef_line,
};

void audit_line(enum audit_format format, const struct event *ev, struct buf *out)
{
	lines[format](ev, out);
}

struct exporting {
	struct outfile out;
	FILE *spool; /* in place of `out` for what may replace a file */
	struct buf line;
	enum audit_format format;
	const char *path;
	int64_t n;
};

static void exporting_clear(struct exporting *x)
{
	outfile_clear(&x->out);
	if (x->spool)
		fclose(x->spool);
	buf_clear(&x->line);
}

static enum inro_err begin_file(struct exporting *x, bool fresh)
{
	enum inro_err e = fresh ? outfile_open(x->path, &x->out) : file_check_target(x->path);

	if (e == INRO_OK && !fresh && !(x->spool = file_spool(x->path)))
		e = file_err(errno, x->path);
	return e;
}

static enum inro_err add_line(struct exporting *x)
{
	struct bytes line = buf_bytes(&x->line);

	if (!x->spool)
		return outfile_add(&x->out, line);
	return fwrite(line.p, 1, line.n, x->spool) == line.n ? INRO_OK : file_err(errno, x->path);
}

static enum inro_err keep_file(struct exporting *x)
{
	return x->spool ? file_save_spool(x->spool, x->path, 0600) : outfile_keep(&x->out);
}

static enum inro_err export_row(void *arg, void *record)
{
	struct exporting *x = arg;
	enum inro_err e;

	buf_reset(&x->line);
	audit_line(x->format, record, &x->line);
	e = buf_err(&x->line);
	x->n++;
	return e == INRO_OK ? add_line(x) : e;
}

enum inro_err audit_export(struct core *c, const struct audit_filter *f, struct audit_target to, int64_t *ret_n)
{
	struct store_cond conds[EVENT_CONDS];
	const struct store_query q = { .n = event_conds(c, f, conds), .conds = conds };
	SCOPED(exporting) x = { .format = to.format, .path = to.path };
	enum inro_err e = begin_file(&x, to.fresh);

	if (e == INRO_OK)
		e = store_each(c->store, &event_type, &q, export_row, &x);
	if (e == INRO_OK)
		e = keep_file(&x);
	if (e == INRO_OK)
		*ret_n = x.n;
	return e;
}
