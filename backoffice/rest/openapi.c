/* openapi - the table as an OpenAPI 3.1 document, as a page, and as routes of the engine. */
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/rest/openapi.h"
#include "backoffice/rest/rest.h"
#include "backoffice/show/doc.h"

#define ROUTES_MAX   256
#define TIME_PATTERN "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"

/* ---- the engine's routes ---- */

static struct http_route routes[ROUTES_MAX];
static size_t n_routes;
static pthread_once_t once = PTHREAD_ONCE_INIT;

bool openapi_has_body(const struct rest_row *row)
{
	return strcmp(row->method, "GET") != 0 && strcmp(row->method, "DELETE") != 0;
}

static struct http_route route_of(const struct rest_row *row)
{
	bool lines = row->flags & REST_STREAM;
	bool big = row->flags & (REST_STREAM | REST_ROWS | REST_ROWS_ONLY | REST_BIG);
	struct http_route route = { .method = row->method,
				    .pattern = row->pattern,
				    .run = rest_handle,
				    .arg = (void *)(uintptr_t)row };

	if (openapi_has_body(row)) {
		route.body_max = big ? REST_BATCH_MAX : REST_BODY_MAX;
		route.type = lines ? LINES_TYPE : NULL; /* run.c: it may have none */
	}
	return route;
}

static void fill_routes(void)
{
	for (size_t l = 0; rest_lists[l]; l++)
		for (const struct rest_row *row = rest_lists[l]; row->method; row++)
			if (n_routes < ROUTES_MAX)
				routes[n_routes++] = route_of(row);
}

struct http_table rest_table(void)
{
	pthread_once(&once, fill_routes);
	return (struct http_table) { .routes = routes, .n = n_routes };
}

/* ---- schemas ---- */

static const char *const types[REST_KIND__MAX] = {
	[REST_TEXT] = "string",	   [REST_WORD] = "string",   [REST_NUMBER] = "integer",
	[REST_BOOL] = "boolean",   [REST_TIME] = "string",   [REST_TEXTS] = "array",
	[REST_OBJECT] = "object",  [REST_ARRAY] = "array",
};

static json_t *words_json(const char *const *words)
{
	json_t *list = json_array();

	for (size_t i = 0; words[i]; i++)
		json_array_append_new(list, json_string(words[i]));
	return list;
}

json_t *openapi_ref(const char *kind, const char *name)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/components/%s/%s", kind, name));
}

static void add_bounds(const struct rest_field *f, json_t *schema)
{
	if (f->kind == REST_NUMBER) {
		json_object_set_new(schema, "minimum", json_integer(f->min));
		json_object_set_new(schema, "maximum", json_integer(f->max));
	}
	if (f->kind == REST_TEXT) {
		json_object_set_new(schema, "minLength", json_integer(f->min));
		json_object_set_new(schema, "maxLength", json_integer(f->max ? f->max : REST_TEXT_MAX));
	}
	if (f->kind == REST_TEXTS) {
		json_object_set_new(schema, "items", json_pack("{s:s s:i}", "type", "string", "maxLength",
							       (int)(f->max ? f->max : REST_TEXT_MAX)));
		json_object_set_new(schema, "maxItems", json_integer(REST_TEXTS_MAX));
	}
	if (f->kind == REST_TIME)
		json_object_set_new(schema, "pattern", json_string(TIME_PATTERN));
}

static void add_items(const struct rest_field *f, json_t *schema)
{
	if (f->kind == REST_ARRAY && f->of)
		json_object_set_new(schema, "items", openapi_ref("schemas", f->of->name));
	else if (f->items)
		json_object_set_new(schema, "items", json_pack("{s:s}", "type", f->items));
}

/* An answer's object of a shape of its own. */
static json_t *shaped(const struct rest_field *f)
{
	json_t *ref = openapi_ref("schemas", f->of->name);

	return f->required ? ref : json_pack("{s:[o,{s:s}]}", "anyOf", ref, "type", "null");
}

/* Of a member that need not be there; of a body null is the same as to leave it out. */
static void allow_null(json_t *schema, const char *type)
{
	json_t *words = json_object_get(schema, "enum");

	json_object_set_new(schema, "type", json_pack("[s,s]", type, "null"));
	if (words)
		json_array_append_new(words, json_null());
}

enum place { IN_BODY, IN_QUERY, IN_ANSWER };

static json_t *field_schema(const struct rest_field *f, enum place where)
{
	json_t *schema = json_object();

	if (f->kind == REST_OBJECT && f->of) {
		json_decref(schema);
		return shaped(f);
	}
	if (types[f->kind])
		json_object_set_new(schema, "type", json_string(types[f->kind]));
	if (f->words)
		json_object_set_new(schema, "enum", words_json(f->words));
	if (where != IN_QUERY && !f->required && types[f->kind])
		allow_null(schema, types[f->kind]);
	if (f->kind == REST_TIME)
		json_object_set_new(schema, "format", json_string("date-time"));
	if (where == IN_ANSWER)
		add_items(f, schema);
	else
		add_bounds(f, schema);
	if (f->help)
		json_object_set_new(schema, "description", json_string(f->help));
	return schema;
}

static json_t *object_schema(const struct rest_field *fields, enum place where)
{
	json_t *properties = json_object(), *required = json_array();

	for (const struct rest_field *f = fields; f && f->name; f++) {
		json_object_set_new(properties, f->name, field_schema(f, where));
		if (f->required)
			json_array_append_new(required, json_string(f->name));
	}
	return json_pack("{s:s s:o s:o s:b}", "type", "object", "properties", properties, "required",
			 required, "additionalProperties", 0);
}

json_t *openapi_content(const char *type, json_t *schema)
{
	return json_pack("{s:{s:o}}", type, "schema", schema);
}

/* ---- an operation ---- */

/* "device add" as "device-add". */
static json_t *operation_id(const char *command)
{
	char id[96];

	snprintf(id, sizeof id, "%s", command);
	for (char *s = id; *s; s++)
		if (*s == ' ')
			*s = '-';
	return json_string(id);
}

static void add_path_args(const char *pattern, json_t *list)
{
	for (const char *open; (open = strchr(pattern, '{')); pattern = open + 1)
		json_array_append_new(
			list, json_pack("{s:o s:s s:b s:{s:s}}", "name",
					json_stringn(open + 1, strcspn(open + 1, "}")), "in", "path",
					"required", 1, "schema", "type", "string"));
}

static void add_query_args(const struct rest_row *row, json_t *list)
{
	bool query = !openapi_has_body(row) || row->flags & (REST_ROWS | REST_ROWS_ONLY);

	for (const struct rest_field *f = row->in; f && f->name && query; f++)
		json_array_append_new(list, json_pack("{s:s s:s s:b s:o}", "name", f->name, "in",
						      "query", "required", f->required && !openapi_has_body(row), "schema",
						      field_schema(f, IN_QUERY)));
}

static void add_rows_content(const struct rest_row *row, json_t *content)
{
	if (!(row->flags & (REST_ROWS | REST_ROWS_ONLY)))
		return;
	json_object_update_new(content, openapi_content(CSV_TYPE, json_pack("{s:s}", "type", "string")));
	json_object_update_new(content, openapi_content(LINES_TYPE, json_pack("{s:s}", "type", "object")));
}

static bool needs_some(const struct rest_field *in)
{
	for (; in && in->name; in++)
		if (in->required)
			return true;
	return false;
}

static json_t *body_of(const struct rest_row *row)
{
	bool lines = row->flags & REST_STREAM, only = row->flags & REST_ROWS_ONLY;
	json_t *content = only ? json_object()
			       : openapi_content(lines ? LINES_TYPE : "application/json",
					    object_schema(row->in, IN_BODY));

	add_rows_content(row, content);
	return json_pack("{s:o s:b}", "content", content, "required", only || needs_some(row->in));
}

static const char *role_of_row(const struct rest_row *row)
{
	if (row->flags & REST_OPEN)
		return "anybody";
	return row->flags & REST_SELF ? "device" : role_names[row->least];
}

static json_t *operation(const struct rest_row *row)
{
	json_t *args = json_array(), *op;

	add_path_args(row->pattern, args);
	add_query_args(row, args);
	openapi_add_headers(row, args);
	op = json_pack("{s:o s:s s:s s:s s:o s:o}", "operationId", operation_id(row->command), "summary",
		       row->summary, "x-command", row->command, "x-least-role", role_of_row(row), "parameters",
		       args, "responses", openapi_answers(row));
	if (openapi_has_body(row) && (row->in || row->flags & REST_ROWS_ONLY))
		json_object_set_new(op, "requestBody", body_of(row));
	if (row->flags & REST_OPEN)
		json_object_set_new(op, "security", json_array());
	return op;
}

/* With those that its members are made of. */
static void add_shape(const struct rest_shape *shape, json_t *schemas)
{
	if (json_object_get(schemas, shape->name))
		return;
	json_object_set_new(schemas, shape->name, object_schema(shape->fields, IN_ANSWER));
	for (const struct rest_field *f = shape->fields; f->name; f++)
		if (f->of)
			add_shape(f->of, schemas);
}

static void add_row(const struct rest_row *row, json_t *paths, json_t *schemas)
{
	char method[8];
	json_t *path = json_object_get(paths, row->pattern);

	snprintf(method, sizeof method, "%s", row->method);
	for (char *s = method; *s; s++)
		*s = (char)(*s | 0x20);
	if (!path) {
		json_object_set_new(paths, row->pattern, json_object());
		path = json_object_get(paths, row->pattern);
	}
	json_object_set_new(path, method, operation(row));
	if (row->out)
		add_shape(row->out, schemas);
}

static json_t *components(json_t *schemas)
{
	return json_pack("{s:o s:o s:o s:{s:{s:s s:s} s:{s:s s:s} s:{s:s} s:{s:s s:s s:s}}}", "schemas",
			 schemas, "headers", openapi_headers(), "responses", openapi_responses(),
			 "securitySchemes", "password", "type", "http", "scheme", "basic", "token",
			 "type", "http", "scheme", "bearer", "certificate", "type", "mutualTLS", "key",
			 "type", "apiKey", "in", "header", "name", "Api-Key");
}

static const struct rest_shape waiting = { "Waiting", FIELDS(OUT_BOOL("waits"), OUT_HAS("detail")) };
static const struct rest_shape problem = {
	"Problem", FIELDS(OUT_HAS("type"), OUT_HAS("title"), OUT_COUNT("status"), OUT_HAS("detail"),
			  OUT_HAS("instance"))
};

static json_t *document(void)
{
	json_t *paths = json_object(), *schemas = json_object();

	add_shape(&waiting, schemas);
	add_shape(&problem, schemas);
	json_object_set_new(json_object_get(schemas, "Problem"), "additionalProperties", json_true());
	for (size_t l = 0; rest_lists[l]; l++)
		for (const struct rest_row *row = rest_lists[l]; row->method; row++)
			add_row(row, paths, schemas);
	return json_pack("{s:s s:{s:s s:s s:s s:s} s:[{s:s}] s:o s:o s:[{s:[]},{s:[]},{s:[]}]}", "openapi",
			 "3.1.0", "info", "title", "Inro", "version", INRO_VERSION, "summary",
			 "Keys, certificates and devices", "description",
			 "A text's length counts in bytes of UTF-8. No text has the character U+0000.", "servers",
			 "url", "/", "paths", paths, "components", components(schemas), "security",
			 "password", "token", "certificate");
}

void rest_openapi(struct buf *out)
{
	json_t *doc = document();
	char *text = doc ? json_dumps(doc, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;

	if (text)
		buf_add_str(out, text);
	else
		out->err = INRO_E_NO_MEMORY;
	free(text);
	json_decref(doc);
}

/* ---- kept ---- */

static struct {
	struct http_shared *text; /* NULL: memory was short */
	char etag[ETAG_ROOM];
} kept;
static pthread_once_t kept_once = PTHREAD_ONCE_INIT;

static void keep_document(void)
{
	SCOPED(buf) text = { 0 };

	rest_openapi(&text);
	if (buf_err(&text) == INRO_OK && rest_etag(buf_bytes(&text), kept.etag) == INRO_OK)
		kept.text = http_shared_new(&text);
}

enum inro_err rest_give_openapi(struct http_call *call)
{
	struct http_answer *a = call->answer;

	pthread_once(&kept_once, keep_document);
	if (!kept.text)
		return err_set(INRO_E_NO_MEMORY, "no memory for the document");
	http_answer_header(a, "Cache-Control", "no-cache");
	http_answer_header(a, "ETag", kept.etag);
	if (http_unchanged(call, kept.etag)) {
		a->status = 304;
		return INRO_OK;
	}
	a->type = "application/json";
	a->shared = http_shared_hold(kept.text);
	return INRO_OK;
}

void rest_print(struct buf *out)
{
	for (size_t l = 0; rest_lists[l]; l++)
		for (const struct rest_row *row = rest_lists[l]; row->method; row++)
			buf_addf(out, "| %s | `%s` | %s | %s |\n", row->method, row->pattern,
				 role_of_row(row), row->summary);
}
