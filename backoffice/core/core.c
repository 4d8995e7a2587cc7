/* core - opening, the person at work, and lists. */
#include "backoffice/core/core.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/core/internal.h"
#include "backoffice/core/login.h"
#include "backoffice/core/memo.h"
#include "backoffice/core/pass.h"
#include "backoffice/core/setting.h"
#include "backoffice/core/view.h"

#define ACTOR_MAX 128

static enum inro_err os_user(char *out, size_t cap)
{
	char room[4096];
	struct passwd pw, *found = NULL;
	int n;

	if (getpwuid_r(geteuid(), &pw, room, sizeof room, &found) == 0 && found)
		n = snprintf(out, cap, "%s", pw.pw_name);
	else
		n = snprintf(out, cap, "uid %u", (unsigned)geteuid());
	return n > 0 ? INRO_OK : INRO_E_ARG;
}

static enum inro_err set_actor(struct core *c, const char *actor)
{
	char user[ACTOR_MAX + 1];
	enum inro_err e;

	if (actor && *actor) {
		e = core_check_text("the operator's name", actor, ACTOR_MAX);
		return e == INRO_OK ? text_set(&c->actor, actor) : e;
	}
	e = os_user(user, sizeof user);
	return e == INRO_OK ? text_set(&c->actor, user) : e;
}

/* By accounts, or as the caller says. */
static enum inro_err enter(struct core *c, const struct core_options *o)
{
	enum inro_err e = set_actor(c, o->accounts ? NULL : o->actor);

	if (e == INRO_OK && o->accounts)
		return login_enter(c, o);
	c->role = o->role;
	return e == INRO_OK ? tenant_id(c, o->tenant ? o->tenant : "default", &c->tenant) : e;
}

enum inro_err core_open(const struct core_options *o, struct core **ret)
{
	AUTO(core_close_ptr) struct core *c = calloc(1, sizeof *c);
	enum inro_err e;

	if (!c)
		return err_set(INRO_E_NO_MEMORY, "no memory to open the back office");
	c->writers = o->writers;
	c->readers = o->readers;
	c->ask_pin = o->ask_pin;
	c->pin_known = o->ask_pin && o->pin_known;
	c->ca_used = o->ca_used;
	c->ask_arg = o->ask_arg;
	e = text_set(&c->module, o->module);
	if (e == INRO_OK)
		e = store_open_as(o->db, o->existing ? STORE_EXISTING : STORE_MAKE, &c->store);
	if (e == INRO_OK)
		e = enter(c, o);
	c->home = c->tenant;
	if (e != INRO_OK)
		return e;
	*ret = c;
	c = NULL;
	return INRO_OK;
}

void core_close(struct core *c)
{
	if (!c)
		return;
	core_view_end(c);
	if (c->store)
		mark_if_due(c, true);
	ring_free(c->ring);
	ca_away_free(c->away);
	memo_free(c->memo);
	store_close(c->store);
	free(c->actor);
	free(c->module);
	free(c->verbs);
	free(c);
}

void core_close_ptr(struct core **c)
{
	core_close(*c);
}

enum inro_err core_require(const struct core *c, enum role least, const char *what)
{
	if (c->role >= least)
		return INRO_OK;
	return err_set(INRO_E_ACCESS, "to %s takes the role %s; %s is %s", what, role_names[least],
		       c->actor, role_word(c->role));
}

static enum inro_err admit_work(struct core *c, void *arg)
{
	const char *command = arg;
	const struct audit_entry entry = { "command", "command", command, EVENT_DONE, NULL };

	return audit_append(c, &entry);
}

enum inro_err core_admit(struct core *c, enum role least, const char *command)
{
	bool reads = false;
	char use[128];
	enum inro_err e;

	snprintf(use, sizeof use, "use 'inro %s'", command);
	e = core_require(c, least, use);
	if (e == INRO_OK && !pass_verbs_allow(c->verbs, command))
		e = err_set(INRO_E_ACCESS, "%s came by a pass that is not for '%s'", c->actor,
			    command);
	if (e != INRO_OK)
		return audit_refused(c, "command", "command", command, e);
	if (least == ROLE_AUDITOR)
		e = setting_is(c, "audit.reads", "yes", &reads);
	return e == INRO_OK && reads ? core_write(c, admit_work, (void *)(uintptr_t)command) : e;
}

bool core_is_rows_fault(enum inro_err e)
{
	static const enum inro_err others[] = { INRO_E_NO_MEMORY, INRO_E_IO,	     INRO_E_FULL,
						INRO_E_BUSY,	  INRO_E_DAMAGED,    INRO_E_VERSION,
						INRO_E_NO_TOKEN,  INRO_E_PIN_MISSING, INRO_E_TOKEN,
						INRO_E_CANCELLED };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (e == others[i])
			return false;
	return e != INRO_OK;
}

#define CHANGE_LOT 1000 /* rows in memory at one time */

struct gather {
	size_t size, n, cap;
	char *items;
};

static enum inro_err gather_row(void *arg, void *record)
{
	struct gather *g = arg;

	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 16;
		char *more = realloc(g->items, cap * g->size);

		if (!more)
			return err_set(INRO_E_NO_MEMORY, "no memory for a list of %zu", cap);
		g->items = more;
		g->cap = cap;
	}
	memcpy(g->items + g->n++ * g->size, record, g->size);
	memset(record, 0, g->size);
	return INRO_OK;
}

enum inro_err core_all(struct core *c, const struct record_type *t, const struct store_query *q,
		       void **ret, size_t *ret_n)
{
	struct gather g = { .size = t->size };
	enum inro_err e = store_each(c->store, t, q, gather_row, &g);

	if (e != INRO_OK) {
		list_free(t, g.items, g.n);
		return e;
	}
	*ret = g.items;
	*ret_n = g.n;
	return INRO_OK;
}

static enum inro_err change_lot(struct core *c, const struct record_type *t, const struct store_query *q,
				core_change *change, const void *arg, size_t *ret_n)
{
	void *rows = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, t, q, &rows, &n);

	for (size_t i = 0; e == INRO_OK && i < n; i++) {
		void *row = (char *)rows + i * t->size;

		change(row, arg);
		e = store_update_row(c->store, t, row);
	}
	list_free(t, rows, n);
	*ret_n = n;
	return e;
}

enum inro_err core_change_all(struct core *c, const struct record_type *t, const struct store_query *q,
			      core_change *change, const void *arg)
{
	struct store_query lot = *q;
	size_t n = CHANGE_LOT;
	enum inro_err e = INRO_OK;

	lot.limit = CHANGE_LOT;
	while (e == INRO_OK && n == CHANGE_LOT)
		e = change_lot(c, t, &lot, change, arg, &n);
	return e;
}

void list_free(const struct record_type *t, void *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		record_clear(t, (char *)items + i * t->size);
	free(items);
}

enum inro_err core_by_id(struct core *c, const struct record_type *t, int64_t id, void *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "id", .number = id },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find_row(c->store, t, &q, ret);
}

enum inro_err core_numbered(struct core *c, const struct record_type *t, const char *noun,
			    int64_t id, void *ret)
{
	enum inro_err e = core_by_id(c, t, id, ret);

	if (e == INRO_E_NOT_FOUND)
		return err_set(e, "no %s %lld; 'inro %s list' shows the ones there are", noun,
			       (long long)id, noun);
	return e;
}

/* What the row takes in memory, nearly. */
static size_t octets_of(const struct record_type *t, const void *record)
{
	size_t n = t->size;

	for (size_t i = 0; i < t->n; i++) {
		const void *at = (const char *)record + t->fields[i].offset;
		enum field_kind kind = t->fields[i].kind;

		if (field_is_blob(&t->fields[i]))
			n += ((const struct blob *)at)->n;
		else if (kind == FIELD_TEXT || kind == FIELD_SPARSE || kind == FIELD_PACKED)
			n += strlen(text_or_empty(*(char *const *)at));
	}
	return n;
}

#define PAGE_LOT 16

struct paging {
	struct gather rows;
	const struct record_type *type;
	size_t limit, octets;
	size_t seen; /* rows of one lot */
	bool more;
};

static enum inro_err page_row(void *arg, void *record)
{
	struct paging *p = arg;

	p->seen++;
	p->more = p->rows.n == p->limit || p->octets >= PAGE_OCTETS;
	if (p->more)
		return INRO_E_FULL;
	p->octets += octets_of(p->type, record);
	return gather_row(&p->rows, record);
}

static int64_t last_id(const struct paging *p)
{
	int64_t id;

	memcpy(&id, p->rows.items + (p->rows.n - 1) * p->type->size + p->type->fields[0].offset, sizeof id);
	return id;
}

/* A database may send all that it is asked for, however little is taken: what may be long is asked for in lots.  The
 * one row too many says that there are more. */
static enum inro_err page_rows(struct core *c, struct store_query *q, struct paging *p)
{
	enum inro_err e = INRO_OK;
	size_t lot = PAGE_LOT;

	do {
		size_t left = p->octets < PAGE_OCTETS ? p->limit + 1 - p->rows.n : 1;

		p->seen = 0;
		q->limit = lot < left ? lot : left;
		q->after = p->rows.n ? last_id(p) : q->after;
		e = store_each(c->store, p->type, q, page_row, p);
		lot *= p->octets < PAGE_OCTETS / 4 ? 4 : 1;
	} while (e == INRO_OK && p->seen == q->limit);
	return e;
}

enum inro_err core_page(struct core *c, const struct record_type *t, struct store_query *q,
			const struct page *page, struct core_rows *ret)
{
	struct paging p = { .rows.size = t->size,
			    .type = t,
			    .limit = page && page->limit ? page->limit : PAGE_MAX };
	enum inro_err e;

	if (p.limit > PAGE_MAX)
		return err_set(INRO_E_ARG, "a page has up to %d entries, not %zu", PAGE_MAX, p.limit);
	q->after = page ? page->after : 0;
	e = page_rows(c, q, &p);
	if (e != INRO_OK && !p.more) {
		list_free(t, p.rows.items, p.rows.n);
		return e;
	}
	*ret = (struct core_rows) {
		.items = p.rows.items,
		.n = p.rows.n,
		.next = p.more ? last_id(&p) : 0,
	};
	return INRO_OK;
}
