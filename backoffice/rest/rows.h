/*
 * rows - what a route is, as data, and what its handler has at hand.
 *
 * 1. A handler gets an input that fits its row: no unknown members, types, bounds and words as they
 *    are said, what is required is there.
 * 2. It gives back one JSON document, the core's error otherwise, and does not look at HTTP.
 * 3. Rows of one file are in a list of their own; rest_lists has them all.
 */
#ifndef INRO_BACKOFFICE_REST_ROWS_H
#define INRO_BACKOFFICE_REST_ROWS_H

#include <jansson.h>

#include "backoffice/core/network.h"
#include "base/err.h"
#include "backoffice/http/http.h"

enum rest_kind {
	REST_TEXT,   /* up to `max` bytes, REST_TEXT_MAX when that is 0 */
	REST_WORD,   /* one of `words` */
	REST_NUMBER, /* whole, `min` to `max` */
	REST_BOOL,
	REST_TIME,   /* "2026-11-21T01:09:47Z" */
	REST_TEXTS,  /* an array of texts, up to REST_TEXTS_MAX */
	REST_OBJECT, /* any object: the core looks into it */
	REST_ARRAY,  /* of anything; of answers only */
	REST_ANY,    /* of answers only */
	REST_KIND__MAX
};

#define REST_TEXT_MAX  4096
#define REST_PEM_MAX   ((long)136 << 10) /* PEM_MAX(CSR_MAX) */
#define REST_TEXTS_MAX 64
#define REST_BODY_MAX  ((size_t)256 << 10)
#define REST_BATCH_MAX ((size_t)16 << 20)

struct rest_shape;

struct rest_field {
	const char *name; /* NULL ends a list */
	enum rest_kind kind;
	bool required; /* of an answer: never null */
	int64_t min, max;
	const char *const *words; /* NULL at the end */
	const char *help;
	bool key_uri; /* a key's URI that will be opened: names no module, file or PIN */
	const struct rest_shape *of; /* of an answer's object, or of each in its array; NULL: any */
	const char *items; /* of an answer's array: the JSON type of each; NULL: any, or `of` */
};

/* What an answer is made of. */
struct rest_shape {
	const char *name; /* "Device" */
	const struct rest_field *fields;
};

enum rest_flag {
	REST_LIST = 1,	 /* a page: {"items": [...], "next": CURSOR} */
	REST_SECRET = 2, /* the answer has a secret in it: it is not kept anywhere */
	REST_OPEN = 4,	 /* anybody */
	REST_SELF = 8,	 /* a device, for itself */
	REST_STREAM = 16, /* takes lines of JSON and gives lines of JSON */
	REST_EXPORT = 32, /* a page's items are texts, each a line of the answer; `format` says of what */
	REST_ROWS = 64, /* takes rows too, CSV or JSON lines, and the rest of its input by the query then */
	REST_ROWS_ONLY = 128, /* nothing but rows */
	REST_KEPT = 512, /* the document of all this, which is always the same */
	REST_BIG = 256, /* its body may be as long as a batch */
	REST_PROVES = 2048, /* proves who one is by its input: INRO_E_LOGIN is about the caller, not about a token of ours */
	REST_WAITS = 1024, /* what it makes may wait for approval or a CA elsewhere: 202 */
};

struct rest;
typedef enum inro_err rest_run(struct rest *r, json_t **ret);

struct rest_row {
	const char *method, *pattern; /* NULL ends a list */
	const char *command; /* what passes and the audit call it, as in `inro COMMAND` */
	const char *summary;
	enum role least;
	unsigned flags;
	int status;		     /* when it is done; 0: 200 */
	const struct rest_field *in; /* of the body, of GET and DELETE the query; NULL: nothing */
	const struct rest_shape *out; /* NULL: nothing, 204 */
	rest_run *run;
};

extern const struct rest_row *const rest_lists[]; /* NULL at the end */

struct rest {
	struct core *core;
	const struct rest_row *row;
	const char *const *args; /* what {...} of the pattern matched */
	json_t *in;		 /* an object */
	const struct http_peer *peer;
	struct bytes rows; /* of a row that takes some */
	const char *rows_format; /* "csv" or "jsonl"; NULL: none were sent */
	struct core_who who;
	int status; /* 0: the row's */
	bool bare;  /* there is no secret in this answer of a row with REST_SECRET */
	bool stale; /* it was changed since the caller looked */
};

/* One of several lines of a batch that are done together. */
struct rest_joint {
	struct rest *r; /* its input was checked, its command admitted */
	/* out */
	bool done; /* it is done or refused for good; else nothing has come of it, and it is done alone */
	enum inro_err error;
	struct err_kept why; /* of the error */
	json_t *doc;
};
/* How lines of one command that follow each other are done with one commit. */
struct rest_together {
	const char *command;
	bool (*joins)(const struct rest *a, const struct rest *b); /* b, which comes after a */
	void (*run)(struct core *c, struct rest_joint *joints, size_t n);
};
extern const struct rest_together rest_devices_together; /* rows_device.c */

/* NULL when it is not given. */
const char *rest_text(const struct rest *r, const char *name);
/* Appends the octets that a member has in hex; INRO_E_ARG names one that is none. */
MUST_CHECK enum inro_err rest_hex(const struct rest *r, const char *name, struct buf *ret);
bool rest_given(const struct rest *r, const char *name);
bool rest_true(const struct rest *r, const char *name);
int64_t rest_number(const struct rest *r, const char *name, int64_t otherwise);
/* In milliseconds since 1970; 0: not given. */
int64_t rest_time(const struct rest *r, const char *name);
/* The index of a REST_WORD among names, -1 when it is not given. */
int rest_word(const struct rest *r, const char *name, const char *const *names, size_t n);
size_t rest_texts(const struct rest *r, const char *name, const char *out[static REST_TEXTS_MAX]);
/* A number in the path.  INRO_E_NOT_FOUND when it is none. */
MUST_CHECK enum inro_err rest_id(const struct rest *r, size_t arg, int64_t *ret);
/* Of lists: limit and after. */
struct page;
MUST_CHECK enum inro_err rest_page(const struct rest *r, struct page *ret);
/* {"items": items, "next": next or null}; `next` is not taken over.  items may be NULL. */
MUST_CHECK enum inro_err rest_give_page(enum inro_err e, json_t *items, const char *next, json_t **ret);
MUST_CHECK enum inro_err rest_give_numbered(enum inro_err e, json_t *items, int64_t next,
					    json_t **ret);

/* input.c: checks the input against these fields.  INRO_E_ARG with the name of what does not fit, which is `called` a
 * member or a parameter. */
#define REST_MEMBER    "member"
#define REST_PARAMETER "parameter"
MUST_CHECK enum inro_err rest_check(const struct rest_field *fields, json_t *in, const char *called);
/* The same of a row, by what its method makes of a null. */
MUST_CHECK enum inro_err rest_check_row(const struct rest_row *row, json_t *in, const char *called);
/* One JSON object of these bytes, not deep.  INRO_E_SYNTAX. */
MUST_CHECK enum inro_err rest_read(struct bytes text, json_t **ret);
/* The query as such an object. */
MUST_CHECK enum inro_err rest_query(const struct http_call *call, const struct rest_field *fields,
				    json_t **ret);

/* who.c: who asks; role ROLE_NOBODY when nothing says so. */
MUST_CHECK enum inro_err rest_who(struct core *c, const struct http_call *call,
				  struct core_who *ret);
/* The core works as r->who, and the row lets him. */
MUST_CHECK enum inro_err rest_admit(struct rest *r);
/* Records what is refused before the core is asked for it; returns e as it is. */
MUST_CHECK enum inro_err rest_refused(struct rest *r, enum inro_err e);

/* What If-Match and ETag are about: the GET of one thing at the same path.  NULL: there is none. */
const struct rest_row *rest_reading_row(const struct rest_row *of);

/* made.c: where what a request made is, {member} as its answer has it; NULL: it makes nothing. */
const char *rest_place(const struct rest_row *row);
/* Such a pattern with what the document has for each {member}, escaped; of {member...} '/' stays.  False: the
 * document lacks one. */
MUST_CHECK bool rest_made(const char *pattern, const json_t *doc, struct buf *ret);

/* stream.c */
http_handler rest_list_lines, rest_batch;
/* The row of this command, or of the operationId that is made from it; NULL. */
const struct rest_row *rest_row_of(const char *command);

#define FIELDS(...) ((const struct rest_field[]) { __VA_ARGS__, { 0 } })
#define CHOICE(...) ((const char *const[]) { __VA_ARGS__, NULL })
#define IN_TEXT(n, h)	    { .name = n, .kind = REST_TEXT, .help = h }
#define IN_MUST(n, h)	    { .name = n, .kind = REST_TEXT, .required = true, .min = 1, .help = h }
#define IN_KEY(n, must, h)                                                                         \
	{                                                                                          \
		.name = n, .kind = REST_TEXT, .required = must, .min = must, .key_uri = true,      \
		.help = h "; names no module, file or PIN"                                         \
	}
#define IN_PEM(n, must, h)  { .name = n, .kind = REST_TEXT, .required = must, .max = REST_PEM_MAX, .help = h }
#define IN_BOOL(n, h)	    { .name = n, .kind = REST_BOOL, .help = h }
#define IN_NUMBER(n, a, b, h) { .name = n, .kind = REST_NUMBER, .min = a, .max = b, .help = h }
#define IN_WORD(n, h, ...)  { .name = n, .kind = REST_WORD, .words = CHOICE(__VA_ARGS__), .help = h }
#define IN_TIME(n, h)	    { .name = n, .kind = REST_TIME, .help = h }
#define IN_WHY		    { .name = "why", .kind = REST_TEXT, .max = 255, .help = "reason, for the audit" }
#define IN_PROPOSAL	    IN_NUMBER("proposal", 1, 4000000000, "the proposal by which others approved this")
#define IN_PAGE                                                                                    \
	IN_NUMBER("limit", 1, 1000, "so many at most"),                                            \
		IN_TEXT("after", "what follows this cursor, `next` of the page before")
#define OUT_TEXT(n)   { .name = n, .kind = REST_TEXT }
#define OUT_HAS(n)    { .name = n, .kind = REST_TEXT, .required = true }
#define OUT_NUMBER(n) { .name = n, .kind = REST_NUMBER }
#define OUT_COUNT(n)  { .name = n, .kind = REST_NUMBER, .required = true }
#define OUT_BOOL(n)   { .name = n, .kind = REST_BOOL, .required = true }
#define OUT_TIME(n)   { .name = n, .kind = REST_TIME }
#define OUT_OBJECT(n) { .name = n, .kind = REST_OBJECT }
#define OUT_ARRAY(n)  { .name = n, .kind = REST_ARRAY }
#define OUT_A(n, s)	{ .name = n, .kind = REST_OBJECT, .of = &(s) }
#define OUT_LIST(n, s)	{ .name = n, .kind = REST_ARRAY, .of = &(s) }
#define OUT_TEXTS(n)	{ .name = n, .kind = REST_ARRAY, .items = "string" }
#define OUT_NUMBERS(n)	{ .name = n, .kind = REST_ARRAY, .items = "integer" }
#define OUT_ANY(n)    { .name = n, .kind = REST_ANY }

#endif
