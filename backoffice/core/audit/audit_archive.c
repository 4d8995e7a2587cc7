/*
 * audit_archive - events that leave the database: into files, and checked there.
 *
 * 1. An archive is a line {"inro_audit_archive": 1, "first", "before"} and a line each event, with
 *    all its fields and its hash; `detail` is a text, so that it is hashed as it was written.
 * 2. A file is read back, and its chain followed to a signed head, before anything is deleted.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/audit/audit_chain.h"
#include "backoffice/core/audit/outfile.h"
#include "backoffice/pki/crypt.h"
#include "base/clock.h"
#include "base/file.h"

#define ARCHIVE_FORMAT 1
#define LINE_BYTES_MAX ((size_t)8 << 20) /* no event is that long */

void segment_detail(const struct audit_segment *s, struct buf *ret)
{
	detail_int(ret, "first", s->first);
	detail_int(ret, "last", s->last);
	detail_hex(ret, "hash", blob_bytes(&s->hash));
	detail_text(ret, "file", s->file);
	detail_hex(ret, "digest", blob_bytes(&s->digest));
	detail_int(ret, "at_ms", s->at_ms);
}

/* ---- reading ---- */

struct archive {
	FILE *f;
	const char *path;
	EVP_MD_CTX *md;
	char *line;
	size_t room;
	int64_t first;
	struct chain_place at;
	struct buf work;
	uint8_t digest[EVP_MAX_MD_SIZE];
};

static void archive_clear(struct archive *a)
{
	if (a->f)
		fclose(a->f);
	EVP_MD_CTX_free(a->md);
	free(a->line);
	buf_clear(&a->work);
}

static enum inro_err make_room(struct archive *a)
{
	size_t room = a->room ? a->room * 2 : 4096;
	char *line = room <= LINE_BYTES_MAX ? realloc(a->line, room) : NULL;

	if (room > LINE_BYTES_MAX)
		return err_set(INRO_E_TOO_BIG, "%s: a line has more than %zu MiB: that is no archive of an audit",
			       a->path, LINE_BYTES_MAX >> 20);
	if (!line)
		return err_set(INRO_E_NO_MEMORY, "no memory for a line of an archive");
	a->line = line;
	a->room = room;
	return INRO_OK;
}

/* With its end; 0 octets: the file ended.  getline() takes as much memory as there is file. */
static enum inro_err read_line(struct archive *a, size_t *ret)
{
	enum inro_err e = INRO_OK;
	size_t n = 0;
	int octet = 0;

	errno = 0;
	while (e == INRO_OK && octet != '\n' && (octet = getc_unlocked(a->f)) != EOF) {
		if (n == a->room)
			e = make_room(a);
		if (e == INRO_OK)
			a->line[n++] = (char)octet;
	}
	if (e == INRO_OK && ferror(a->f))
		e = file_err(errno, a->path);
	*ret = n;
	return e;
}

/* *ret NULL: the file ended. */
static enum inro_err next_line(struct archive *a, json_t **ret)
{
	size_t n = 0;
	enum inro_err e = read_line(a, &n);

	*ret = NULL;
	if (e != INRO_OK || n == 0)
		return e;
	if (EVP_DigestUpdate(a->md, a->line, n) != 1)
		return crypt_err("SHA-256");
	*ret = json_loadb(a->line, n, JSON_REJECT_DUPLICATES, NULL);
	return *ret ? INRO_OK
		    : err_set(INRO_E_DAMAGED, "%s: a line is no event of an archive", a->path);
}

static enum inro_err read_hash(const struct archive *a, const json_t *doc, const char *name, struct blob *ret)
{
	const char *text = json_string_value(json_object_get(doc, name));
	uint8_t hash[AUDIT_HASH];
	size_t n = 0;
	enum inro_err e = hex_decode(bytes_of(text_or_empty(text)), hash, sizeof hash, &n);

	if (e != INRO_OK)
		return err_set(INRO_E_DAMAGED, "%s: its \"%s\" is no hash: that is no archive of an audit, or it was changed",
			       a->path, name);
	return blob_set(ret, BYTES(hash, n));
}

static enum inro_err archive_open(const char *path, struct archive *a)
{
	struct blob before = { 0 };
	json_t *head = NULL;
	enum inro_err e = INRO_OK;

	a->path = path;
	a->f = fopen(path, "re");
	a->md = EVP_MD_CTX_new();
	if (!a->f)
		return file_err(errno, path);
	if (!a->md || EVP_DigestInit_ex(a->md, crypt_md(PKI_SHA256), NULL) != 1)
		return crypt_err("SHA-256");
	e = next_line(a, &head);
	if (e == INRO_OK)
		e = read_hash(a, head, "before", &before);
	a->first = json_integer_value(json_object_get(head, "first"));
	if (e == INRO_OK &&
	    (json_integer_value(json_object_get(head, "inro_audit_archive")) != ARCHIVE_FORMAT || a->first < 1 ||
	     !chain_place_set(&a->at, a->first - 1, &before)))
		e = err_set(INRO_E_DAMAGED, "%s is no archive of an audit", path);
	json_decref(head);
	blob_clear(&before);
	return e;
}

static enum inro_err read_texts(const struct archive *a, const json_t *doc, struct event *ev)
{
	const struct {
		const char *name;
		char **to;
	} texts[] = {
		{ "actor", &ev->actor },
		{ "action", &ev->action },
		{ "subject", &ev->subject },
		{ "detail", &ev->detail },
	};
	enum inro_err e = read_hash(a, doc, "hash", &ev->hash);

	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(texts); i++)
		e = text_set(texts[i].to, json_string_value(json_object_get(doc, texts[i].name)));
	return e;
}

static enum inro_err read_event(const struct archive *a, const json_t *doc, struct event *ev)
{
	const char *outcome = json_string_value(json_object_get(doc, "outcome"));
	int index = name_index(event_outcome_names, EVENT_OUTCOME__MAX, text_or_empty(outcome));

	if (index < 0)
		return err_set(INRO_E_DAMAGED, "%s: an event has no outcome", a->path);
	ev->outcome = (enum event_outcome)index;
	ev->id = json_integer_value(json_object_get(doc, "id"));
	ev->tenant = json_integer_value(json_object_get(doc, "tenant"));
	ev->at_ms = json_integer_value(json_object_get(doc, "at_ms"));
	return read_texts(a, doc, ev);
}

static enum inro_err archive_step(struct archive *a, const json_t *doc, struct audit_report *r)
{
	SCOPED(event) ev = { 0 };

	if (read_event(a, doc, &ev) != INRO_OK)
		return chain_found(r, a->at.count + 1, "can't be read in its archive");
	return chain_step(&a->at, &ev, &a->work, r);
}

typedef enum inro_err archive_place_fn(void *arg, const struct chain_place *at);

/* To the end of the file; `each` may be NULL. */
static enum inro_err archive_walk(struct archive *a, struct audit_report *r, archive_place_fn *each,
				  void *arg)
{
	enum inro_err e = INRO_OK;
	json_t *doc = NULL;

	do {
		e = next_line(a, &doc);
		if (e == INRO_E_DAMAGED)
			e = chain_found(r, a->at.count + 1, "can't be read in its archive");
		if (e == INRO_OK && doc)
			e = archive_step(a, doc, r);
		if (e == INRO_OK && doc && each)
			e = each(arg, &a->at);
		json_decref(doc);
	} while (e == INRO_OK && doc);
	if (e == INRO_OK && EVP_DigestFinal_ex(a->md, a->digest, NULL) != 1)
		e = crypt_err("SHA-256");
	return e;
}

/* ---- checking ---- */

struct archives {
	const struct audit_check *k;
	const struct mark_list *marks;
	struct audit_report *report;
	size_t file, mark;
	struct chain_place at; /* the end of the segment before */
};

static enum inro_err meet_mark(void *arg, const struct chain_place *at)
{
	struct archives *l = arg;

	for (; l->mark < l->marks->n && l->marks->items[l->mark].event <= at->count; l->mark++) {
		const struct mark_at *m = &l->marks->items[l->mark];

		if (m->event == at->count && memcmp(m->hash, at->hash, AUDIT_HASH) != 0)
			return chain_found(
				l->report, at->count,
				"is not the one that was signed: its archive was rebuilt");
	}
	return INRO_OK;
}

static enum inro_err check_file(struct archives *l, const struct audit_segment *s)
{
	SCOPED(archive) a = { 0 };
	enum inro_err e = archive_open(l->k->archives[l->file], &a);

	if (e == INRO_E_DAMAGED)
		return chain_found(l->report, s->first, "begins an archive that can't be read");
	if (e != INRO_OK)
		return e;
	if (a.first != s->first || a.at.count != l->at.count ||
	    !bytes_equal(chain_hash(&a.at), chain_hash(&l->at)))
		return chain_found(l->report, s->first,
				   "is not where the archive that was given for it begins");
	e = archive_walk(&a, l->report, meet_mark, l);
	if (e == INRO_OK &&
	    (a.at.count != s->last || !bytes_equal(chain_hash(&a.at), blob_bytes(&s->hash))))
		e = chain_found(l->report, a.at.count + 1, "is missing in its archive");
	if (e == INRO_OK && !bytes_equal(BYTES(a.digest, AUDIT_HASH), blob_bytes(&s->digest)))
		e = chain_found(l->report, s->first, "is in an archive file that was changed");
	l->at = a.at;
	return e;
}

static enum inro_err check_segment(void *arg, void *record)
{
	struct archives *l = arg;
	const struct audit_segment *s = record;
	enum inro_err e;

	if (s->first != l->at.count + 1)
		return chain_found(l->report, l->at.count + 1, "is in no archive");
	if (l->file == l->k->archives_n)
		return err_set(INRO_E_ARG,
			       "the archive of events %lld to %lld is not given; it "
			       "was %s",
			       (long long)s->first, (long long)s->last, s->file);
	e = check_file(l, s);
	if (e == INRO_E_DAMAGED)
		e = err_context(e, "%s", l->k->archives[l->file]);
	l->file++;
	return e;
}

enum inro_err archive_check(struct core *c, const struct audit_check *k,
			    const struct mark_list *marks, struct audit_report *r)
{
	struct archives l = { .k = k, .marks = marks, .report = r };
	enum inro_err e = store_each(c->store, &audit_segment_type, &(struct store_query) { 0 },
				     check_segment, &l);

	if (e == INRO_OK && l.file < k->archives_n)
		e = err_set(INRO_E_ARG, "%s is one archive too many: %zu segment(s) were archived",
			    k->archives[l.file], l.file);
	return e;
}

/* ---- purging ---- */

struct purging {
	int64_t before_ms;
	const char *path;
	struct chain_place start;
	struct audit_mark mark; /* the last one whose events all go */
	struct outfile out;
	struct buf line;
	struct audit_segment made;
};

static void purging_clear(struct purging *p)
{
	audit_mark_clear(&p->mark);
	audit_segment_clear(&p->made);
	outfile_clear(&p->out);
	buf_clear(&p->line);
}

/* The first event that stays because of its age; all that there are when none does. */
static enum inro_err first_young(struct core *c, int64_t before_ms, int64_t *ret)
{
	const struct store_cond young = { .field = "at_ms", .op = STORE_GE, .number = before_ms };
	SCOPED(event) ev = { 0 };
	enum inro_err e = store_find(
		c->store, &((struct store_query) { .conds = &young, .n = 1, .limit = 1 }), &ev);

	*ret = e == INRO_OK ? ev.id : INT64_MAX;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err choose(struct core *c, struct purging *p)
{
	struct store_cond older = { .field = "event", .op = STORE_LT };
	const struct store_query q = { .conds = &older, .n = 1, .limit = 1, .backward = true };
	SCOPED(audit_segment) newest = { 0 };
	enum inro_err e = chain_start(c, &p->start, &newest);

	if (e == INRO_OK)
		e = first_young(c, p->before_ms, &older.number);
	if (e == INRO_OK)
		e = store_find(c->store, &q, &p->mark);
	if (e == INRO_E_NOT_FOUND || (e == INRO_OK && p->mark.event <= p->start.count))
		return err_set(INRO_E_NOT_FOUND, "no signed head closes events from before then; "
						 "'inro audit sign' makes one");
	p->made.id = newest.id + 1;
	return e;
}

static void archive_line(const struct event *ev, struct buf *out)
{
	detail_int(out, "id", ev->id);
	detail_int(out, "tenant", ev->tenant);
	detail_int(out, "at_ms", ev->at_ms);
	detail_text(out, "actor", ev->actor);
	detail_text(out, "action", ev->action);
	detail_text(out, "subject", ev->subject);
	detail_text(out, "outcome", event_outcome_names[ev->outcome]);
	detail_text(out, "detail", ev->detail);
	detail_hex(out, "hash", blob_bytes(&ev->hash));
	buf_add_str(out, "}\n");
}

static enum inro_err put_line(struct purging *p)
{
	enum inro_err e = buf_err(&p->line);

	if (e == INRO_OK)
		e = outfile_add(&p->out, buf_bytes(&p->line));
	buf_reset(&p->line);
	return e;
}

static enum inro_err archive_row(void *arg, void *record)
{
	struct purging *p = arg;

	archive_line(record, &p->line);
	return put_line(p);
}

static enum inro_err write_archive(struct core *c, struct purging *p)
{
	const struct store_cond upto = { .field = "id", .op = STORE_LE, .number = p->mark.event };
	const struct store_query q = { .conds = &upto, .n = 1, .after = p->start.count };
	enum inro_err e = outfile_open(p->path, &p->out);

	detail_int(&p->line, "inro_audit_archive", ARCHIVE_FORMAT);
	detail_int(&p->line, "first", p->start.count + 1);
	detail_hex(&p->line, "before", chain_hash(&p->start));
	buf_add_str(&p->line, "}\n");
	if (e == INRO_OK)
		e = put_line(p);
	if (e == INRO_OK)
		e = store_each(c->store, &event_type, &q, archive_row, p);
	return e == INRO_OK ? outfile_keep(&p->out) : e;
}

/* What is in the file now, as the segment's record. */
static enum inro_err read_back(struct purging *p)
{
	struct audit_report report = { 0 };
	SCOPED(archive) a = { 0 };
	struct audit_segment *s = &p->made;
	enum inro_err e = archive_open(p->path, &a);

	if (e == INRO_OK)
		e = archive_walk(&a, &report, NULL, NULL);
	if (e == INRO_OK && (a.at.count != p->mark.event ||
			     !bytes_equal(chain_hash(&a.at), blob_bytes(&p->mark.hash))))
		e = err_set(INRO_E_DAMAGED, "%s does not read as it was written", p->path);
	if (e != INRO_OK)
		return e;
	s->first = p->start.count + 1;
	s->last = a.at.count;
	s->at_ms = clock_now_ms();
	e = blob_set(&s->hash, chain_hash(&a.at));
	if (e == INRO_OK)
		e = blob_set(&s->digest, BYTES(a.digest, AUDIT_HASH));
	return e == INRO_OK ? text_set(&s->file, p->path) : e;
}

static enum inro_err record_purge(struct core *c, struct purging *p)
{
	SCOPED(buf) detail = { 0 };
	char name[32];
	const struct audit_entry entry = { "audit.purge", "segment", name, EVENT_DONE, &detail };
	enum inro_err e;

	p->made.id = 0;
	e = store_insert(c->store, &p->made);
	if (e == INRO_E_EXISTS)
		return err_set(INRO_E_BUSY, "somebody else archived events at the same time");
	snprintf(name, sizeof name, "%lld", (long long)p->made.id);
	segment_detail(&p->made, &detail);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err purge_work(struct core *c, void *arg)
{
	struct purging *p = arg;
	const struct store_cond upto = { .field = "id", .op = STORE_LE, .number = p->made.last };
	const struct store_query q = { .conds = &upto, .n = 1 };
	int64_t rows = 0;
	enum inro_err e = record_purge(c, p);

	if (e == INRO_OK)
		e = store_delete(c->store, &event_type, &q, &rows);
	if (e == INRO_OK && rows != p->made.last - p->made.first + 1)
		e = err_set(INRO_E_DAMAGED,
			    "the events in the database are not those in the archive");
	return e;
}

static enum inro_err may_purge(const struct core *c)
{
	if (c->tenant != TENANT_DEFAULT)
		return err_set(INRO_E_ACCESS,
			       "the audit is of all tenants; it is archived from the "
			       "tenant 'default'");
	return core_require(c, ROLE_ADMIN, "archive the audit");
}

static enum inro_err purge(struct core *c, struct purging *p)
{
	struct audit_report report = { 0 };
	enum inro_err e = may_purge(c);

	if (e == INRO_OK)
		e = core_check_text("the archive's path", p->path, 255);
	if (e == INRO_OK)
		e = audit_verify(c, &report);
	if (e == INRO_OK)
		e = choose(c, p);
	if (e == INRO_OK)
		e = write_archive(c, p);
	if (e == INRO_OK)
		e = read_back(p);
	return e == INRO_OK ? core_write_alone(c, purge_work, p) : e;
}

enum inro_err audit_purge(struct core *c, int64_t before_ms, const char *path,
			  struct audit_segment *ret)
{
	SCOPED(purging) p = { .before_ms = before_ms, .path = path };
	enum inro_err e = purge(c, &p);

	if (e != INRO_OK)
		return audit_refused(c, "audit.purge", "audit", "events", e);
	*ret = p.made;
	p.made = (struct audit_segment) { 0 };
	return INRO_OK;
}
