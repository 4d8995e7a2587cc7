/*
 * lines - lists as lines of JSON, and requests in lines of JSON (application/x-ndjson).
 *
 * 1. A list is read page by page as the client takes it; a batch is done LOT lines at a time.  Who asked
 *    is looked at again for each piece: what he lost meanwhile he has lost.
 * 2. An export is such a list whose items are lines already.
 * 3. A line that can't be done stands alone: it is answered with its error, and the next one follows.  An
 *    empty one is none: it is counted, and makes no round.
 * 4. Lines that follow each other and join (struct rest_together) wait until one comes that does not, and
 *    share a commit.  They are answered behind it, in order.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/json.h"
#include "backoffice/rest/engine.h"
#include "backoffice/show/doc.h"

#define LOT	 50
#define LINE_MAX_BYTES ((size_t)160 << 10)
#define JOINED_MAX_BYTES ((size_t)512 << 10) /* of lines that wait for each other */

/* What is left of a long answer; each piece may be made by another worker. */
struct lines {
	const struct rest_row *row;
	struct core_who who;
	json_t *in;	 /* of a list */
	struct buf body; /* of a batch */
	struct http_answer *answer; /* to it; outlives this */
	size_t at;
	int64_t line;
	char *args[HTTP_ARGS_MAX];
	char address[48];
};

static void lines_free(void *arg)
{
	struct lines *l = arg;

	if (!l)
		return;
	json_decref(l->in);
	buf_clear(&l->body);
	for (size_t i = 0; i < HTTP_ARGS_MAX; i++)
		free(l->args[i]);
	free(l);
}

static enum inro_err lines_new(struct rest *r, const struct http_call *call, struct lines **ret)
{
	struct lines *l = calloc(1, sizeof *l);
	enum inro_err e = l ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a stream");

	for (size_t i = 0; e == INRO_OK && i < call->n_args; i++)
		e = text_set(&l->args[i], call->args[i]);
	if (e != INRO_OK) {
		lines_free(l);
		return e;
	}
	l->row = r->row;
	l->who = r->who;
	memcpy(l->address, call->peer->address, sizeof l->address);
	*ret = l;
	return INRO_OK;
}

static void add_line(const json_t *doc, struct buf *out)
{
	buf_add_json(out, doc);
	buf_add_u8(out, '\n');
}

static void add_made_line(const json_t *text, struct buf *out)
{
	buf_add(out, BYTES(json_string_value(text), json_string_length(text)));
	buf_add_u8(out, '\n');
}

static void add_item(const json_t *item, struct buf *out)
{
	(json_is_string(item) ? add_made_line : add_line)(item, out);
}

static enum inro_err become_again(struct core *c, const struct lines *l)
{
	enum inro_err e = core_peer(c, l->address);

	if (e == INRO_OK)
		e = core_become(c, &l->who);
	return e == INRO_OK ? core_holds(c) : e;
}

/* ---- a list ---- */

static enum inro_err next_page(struct lines *l, struct rest *r, struct buf *out, bool *ret_end)
{
	json_t *doc = NULL;
	enum inro_err e = l->row->run(r, &doc);
	const json_t *items = json_object_get(doc, "items");
	const char *next = json_string_value(json_object_get(doc, "next"));

	for (size_t i = 0; e == INRO_OK && i < json_array_size(items); i++)
		add_item(json_array_get(items, i), out);
	*ret_end = !next;
	if (e == INRO_OK && next && json_object_set_new(l->in, "after", json_string(next)) != 0)
		e = err_set(INRO_E_NO_MEMORY, "no memory for a stream");
	json_decref(doc);
	return e == INRO_OK ? buf_err(out) : e;
}

static enum inro_err more_items(void *arg, void *worker, struct buf *ret, bool *ret_end)
{
	struct lines *l = arg;
	__attribute__((cleanup(rest_clear))) struct rest r = { .core = worker,
								.row = l->row,
								.args = (const char *const *)l->args,
								.in = json_incref(l->in),
								.who = l->who };
	enum inro_err e = become_again(worker, l);

	/* A page may be empty and yet have a next one. */
	while (e == INRO_OK && !ret->n && !*ret_end)
		e = next_page(l, &r, ret, ret_end);
	return e;
}

static const char *type_of_lines(const struct rest *r)
{
	const char *format = rest_text(r, "format");
	bool json = !(r->row->flags & REST_EXPORT) || !format || strcmp(format, "jsonl") == 0;

	return json ? LINES_TYPE : TEXT_TYPE;
}

enum inro_err rest_lines_out(struct rest *r, struct http_call *call)
{
	struct lines *l = NULL;
	enum inro_err e = lines_new(r, call, &l);

	if (e != INRO_OK)
		return e;
	l->in = json_incref(r->in);
	json_object_del(l->in, "limit");
	call->answer->type = type_of_lines(r);
	call->answer->stream.more = more_items;
	call->answer->stream.end = lines_free;
	call->answer->stream.arg = l;
	return INRO_OK;
}

/* ---- a batch ---- */

static size_t count_args(const char *pattern)
{
	size_t n = 0;

	for (; *pattern; pattern++)
		n += *pattern == '{';
	return n;
}

static enum inro_err line_args(const struct rest_row *row, const json_t *args,
			       const char *out[static HTTP_ARGS_MAX])
{
	size_t n = count_args(row->pattern);

	if (json_array_size(args) != n)
		return err_set(INRO_E_ARG, "the member 'args' is an array of %zu texts, for %s", n,
			       row->pattern);
	for (size_t i = 0; i < n; i++) {
		out[i] = json_string_value(json_array_get(args, i));
		if (!out[i] || !*out[i])
			return err_set(INRO_E_ARG, "the member 'args' is of texts");
	}
	return INRO_OK;
}

static const struct rest_field line_fields[] = {
	{ .name = "command", .kind = REST_TEXT, .required = true },
	{ .name = "args", .kind = REST_TEXTS },
	{ .name = "in", .kind = REST_OBJECT },
	{ 0 },
};

/* A line at work. */
struct doing {
	struct rest r;
	const char *args[HTTP_ARGS_MAX];
	const struct rest_together *together; /* NULL: it is done alone */
	int64_t number;
	json_t *line;
	struct http_answer *answer; /* whose log tells what the client is not told */
};

static void doing_clear(struct doing *d)
{
	json_decref(d->r.in);
	json_decref(d->line);
	*d = (struct doing) { 0 };
}

/* Lines that are done together. */
struct joined {
	struct doing lines[LOT + 1]; /* behind them the one that comes next */
	size_t n, bytes;
};

static void joined_clear(struct joined *j)
{
	for (size_t i = 0; i < ARRAY_LEN(j->lines); i++)
		doing_clear(&j->lines[i]);
	j->n = j->bytes = 0;
}

static const struct rest_together *together_of(const struct rest_row *row)
{
	static const struct rest_together *const all[] = { &rest_devices_together };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (strcmp(all[i]->command, row->command) == 0)
			return all[i];
	return NULL;
}

static enum inro_err read_line(struct doing *d)
{
	struct rest *r = &d->r;
	enum inro_err e = rest_check(line_fields, d->line, REST_MEMBER);

	if (e != INRO_OK)
		return e;
	r->row = rest_row_of(json_string_value(json_object_get(d->line, "command")));
	if (!r->row || r->row->flags & (REST_OPEN | REST_STREAM | REST_SELF | REST_EXPORT))
		return err_set(INRO_E_ARG, "the member 'command' is one of the API's, as 'device add'");
	d->together = together_of(r->row);
	e = line_args(r->row, json_object_get(d->line, "args"), d->args);
	r->in = json_object_get(d->line, "in") ? json_incref(json_object_get(d->line, "in")) : json_object();
	if (e == INRO_OK)
		e = core_admit(r->core, r->row->least, r->row->command);
	return e == INRO_OK ? rest_check_row(r->row, r->in, REST_MEMBER) : e;
}

static enum inro_err open_line(const struct lines *l, struct core *core, struct bytes text,
			       struct doing *ret)
{
	enum inro_err e;

	*ret = (struct doing) { .r = { .core = core, .who = l->who }, .number = l->line, .answer = l->answer };
	if (text.n > LINE_MAX_BYTES)
		return err_set(INRO_E_TOO_BIG, "a line has up to %zu bytes", LINE_MAX_BYTES);
	e = rest_read(text, &ret->line);
	return e == INRO_OK ? read_line(ret) : e;
}

static void answer_line(const struct doing *d, enum inro_err done, json_t *doc, struct buf *out)
{
	enum inro_err e = rest_told(d->r.row, done);
	json_int_t number = d->number;
	int status = http_status_of(e);
	json_t *line;

	if (e == INRO_OK)
		line = json_pack("{s:I s:i s:O?}", "line", number, "status", 200, "answer", doc);
	else
		line = json_pack("{s:I s:i s:s}", "line", number, "status", status, "detail",
				 http_words_of(e));
	if (e != INRO_OK && status >= 500)
		http_fault(d->answer, err_context(e, "line %" PRId64, d->number));
	add_line(line, out);
	json_decref(line);
}

static void do_alone(struct doing *d, struct buf *out)
{
	json_t *doc = NULL;
	enum inro_err e;

	d->r.args = d->args;
	e = d->r.row->run(&d->r, &doc);
	answer_line(d, e, doc, out);
	json_decref(doc);
}

static void answer_joint(struct doing *d, struct rest_joint *joint, struct buf *out)
{
	if (!joint->done) {
		do_alone(d, out);
		return;
	}
	if (joint->error != INRO_OK)
		err_kept_clear(&joint->why);
	answer_line(d, joint->error, joint->doc, out);
}

static void do_joined(struct joined *j, struct core *core, struct buf *out)
{
	struct rest_joint joints[LOT] = { 0 };

	for (size_t i = 0; i < j->n; i++)
		joints[i].r = &j->lines[i].r;
	if (j->n > 1)
		j->lines[0].together->run(core, joints, j->n);
	for (size_t i = 0; i < j->n; i++) {
		answer_joint(&j->lines[i], &joints[i], out);
		json_decref(joints[i].doc);
		doing_clear(&j->lines[i]);
	}
	j->n = j->bytes = 0;
}

static bool joins(const struct joined *j, const struct doing *d)
{
	const struct doing *before = j->n ? &j->lines[j->n - 1] : NULL;

	return before && before->together == d->together && d->together->joins(&before->r, &d->r);
}

/* Behind those that wait, or when they are done. */
static void do_line(const struct lines *l, struct joined *j, struct bytes text, struct core *core,
		    struct buf *out)
{
	struct doing *d = &j->lines[j->n];
	enum inro_err e = open_line(l, core, text, d);
	bool waits = e == INRO_OK && d->together;
	struct doing next = *d;

	if (!waits || !joins(j, d) || j->bytes + text.n > JOINED_MAX_BYTES) {
		SCOPED(err_kept) kept = err_keep();

		*d = (struct doing) { 0 };
		do_joined(j, core, out);
		j->lines[0] = next;
	}
	d = &j->lines[j->n];
	if (waits) {
		j->n++;
		j->bytes += text.n;
		return;
	}
	if (e == INRO_OK)
		do_alone(d, out);
	else
		answer_line(d, e, NULL, out);
	doing_clear(d);
}

/* false: there is none any more. */
static bool take_line(struct lines *l, struct bytes *ret)
{
	const uint8_t *from, *end;

	if (l->at >= l->body.n)
		return false;
	from = l->body.p + l->at;
	end = memchr(from, '\n', l->body.n - l->at);
	*ret = BYTES(from, end ? (size_t)(end - from) : l->body.n - l->at);
	l->at += ret->n + 1;
	l->line++;
	return true;
}

static enum inro_err more_answers(void *arg, void *worker, struct buf *ret, bool *ret_end)
{
	struct lines *l = arg;
	SCOPED(joined) j = { 0 };
	struct bytes text;
	bool left = true;
	enum inro_err e = become_again(worker, l);

	ret->secret = true; /* keys of devices are among them */
	for (int i = 0; e == INRO_OK && i < LOT && (left = take_line(l, &text)); i += text.n != 0)
		if (text.n)
			do_line(l, &j, text, worker, ret);
	do_joined(&j, worker, ret);
	*ret_end = !left;
	core_nobody(worker);
	return e == INRO_OK ? buf_err(ret) : e;
}

enum inro_err rest_lines_in(struct rest *r, struct http_call *call)
{
	struct lines *l = NULL;
	enum inro_err e = lines_new(r, call, &l);

	if (e != INRO_OK)
		return e;
	l->body.secret = true;
	buf_add(&l->body, call->body);
	e = buf_err(&l->body);
	if (e != INRO_OK) {
		lines_free(l);
		return e;
	}
	call->answer->type = LINES_TYPE;
	l->answer = call->answer;
	call->answer->stream.more = more_answers;
	call->answer->stream.end = lines_free;
	call->answer->stream.arg = l;
	return INRO_OK;
}
