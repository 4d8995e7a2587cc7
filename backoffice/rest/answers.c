/*
 * answers - what an operation of the OpenAPI document answers: statuses, bodies, headers.
 *
 * 1. A status that a well-formed request can get is named; `default` is what HTTP itself refuses, and the server's own
 *    failures.
 */
#include <stdio.h>
#include <string.h>

#include "backoffice/rest/openapi.h"

#define PROBLEM_TYPE "application/problem+json"

static bool is_list(const struct rest_row *row)
{
	return row->flags & (REST_LIST | REST_EXPORT);
}

static bool is_get(const struct rest_row *row)
{
	return strcmp(row->method, "GET") == 0;
}

static bool has_etag(const struct rest_row *row)
{
	return is_get(row) && !is_list(row) && !(row->flags & REST_SECRET);
}

/* A POST that is done once by an Idempotency-Key. */
static bool is_once(const struct rest_row *row)
{
	return strcmp(row->method, "POST") == 0 && !(row->flags & (REST_OPEN | REST_STREAM));
}

/* ---- statuses that refuse ---- */

static bool any(const struct rest_row *row)
{
	(void)row;
	return true;
}

static bool looks_at_role(const struct rest_row *row)
{
	return !(row->flags & REST_OPEN) || !is_get(row);
}

static bool names_things(const struct rest_row *row)
{
	return !(row->flags & REST_KEPT) && (row->in || strchr(row->pattern, '{'));
}

static bool has_state(const struct rest_row *row)
{
	return !is_get(row) || strchr(row->pattern, '{');
}

static bool is_matched(const struct rest_row *row)
{
	return !is_get(row) && rest_reading_row(row);
}

/* By status; "Problem" is that of `default`. */
static const struct {
	int status;
	const char *name, *description, *header;
	bool (*may)(const struct rest_row *row);
} refusals[] = {
	{ 400, "BadRequest", "What was sent is wrong.", NULL, any },
	{ 401, "Unauthorized", "It is not said, or not believed, who it is from.", "WWW-Authenticate", any },
	{ 403, "Forbidden", "He may not, or a page of another site sent it.", NULL, looks_at_role },
	{ 404, "NotFound", "There is no such thing.", NULL, names_things },
	{ 409, "Conflict", "A state forbids it.", NULL, has_state },
	{ 412, "PreconditionFailed", "If-Match does not match.", NULL, is_matched },
	{ 413, "ContentTooLarge", "It is too big, or has a body where none belongs.", NULL, any },
	{ 415, "UnsupportedMediaType", "The body is of another type.", NULL, openapi_has_body },
	{ 422, "UnprocessableContent", "A rule of policy, profile or CA forbids it.", NULL, has_state },
	{ 429, "TooManyRequests", "This address or account sends too many requests.", "Retry-After", any },
	{ 503, "ServiceUnavailable", "The server or the database is busy.", "Retry-After", any },
	{ 0, "Problem", "It was not done (RFC 9457).", NULL, any },
};

/* ---- what is done ---- */

static json_t *page_schema(const struct rest_row *row)
{
	return json_pack("{s:s s:{s:{s:s s:o} s:{s:[s,s]}} s:[s,s]}", "type", "object", "properties",
			 "items", "type", "array", "items", openapi_ref("schemas", row->out->name), "next",
			 "type", "string", "null", "required", "items", "next");
}

static json_t *exported_answer(const struct rest_row *row)
{
	json_t *content = openapi_content(LINES_TYPE, openapi_ref("schemas", row->out->name));

	json_object_update_new(content, openapi_content(TEXT_TYPE, json_pack("{s:s}", "type", "string")));
	return json_pack("{s:s s:o}", "description", "Lines, as the format is.", "content", content);
}

static json_t *what_is_given(const struct rest_row *row)
{
	json_t *content;

	if (!row->out)
		return json_pack("{s:s}", "description", "It is done.");
	if (row->flags & REST_STREAM)
		return json_pack("{s:s s:o}", "description", "A line for each line.", "content",
				 openapi_content(LINES_TYPE, openapi_ref("schemas", row->out->name)));
	if (row->flags & REST_EXPORT)
		return exported_answer(row);
	content = openapi_content("application/json", row->flags & REST_LIST
							      ? page_schema(row)
							      : openapi_ref("schemas", row->out->name));
	if (row->flags & REST_LIST)
		json_object_update_new(content,
				       openapi_content(LINES_TYPE, openapi_ref("schemas", row->out->name)));
	return json_pack("{s:s s:o}", "description", "It is done.", "content", content);
}

static void add_header(json_t *answer, const char *name)
{
	if (!json_object_get(answer, "headers"))
		json_object_set_new(answer, "headers", json_object());
	json_object_set_new(json_object_get(answer, "headers"), name, openapi_ref("headers", name));
}

static json_t *good_answer(const struct rest_row *row)
{
	json_t *answer = what_is_given(row);

	if (rest_place(row))
		add_header(answer, "Location");
	if (has_etag(row))
		add_header(answer, "ETag");
	if (is_once(row))
		add_header(answer, "Idempotent-Replayed");
	return answer;
}

static bool takes_eyes(const struct rest_row *row)
{
	for (const struct rest_field *f = row->in; f && f->name; f++)
		if (strcmp(f->name, "proposal") == 0)
			return true;
	return false;
}

static json_t *unchanged(void)
{
	json_t *answer = json_pack("{s:s}", "description", "If-None-Match names what there is.");

	add_header(answer, "ETag");
	return answer;
}

static void add_good(const struct rest_row *row, json_t *answers)
{
	char status[8];

	snprintf(status, sizeof status, "%d", row->status ? row->status : row->out ? 200 : 204);
	json_object_set_new(answers, status, good_answer(row));
	if (row->flags & REST_WAITS)
		json_object_set_new(answers, "202", good_answer(row));
	else if (takes_eyes(row))
		json_object_set_new(answers, "202", openapi_ref("responses", "Waits"));
	if (has_etag(row))
		json_object_set_new(answers, "304", unchanged());
}

json_t *openapi_answers(const struct rest_row *row)
{
	json_t *answers = json_object();

	add_good(row, answers);
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		char status[8] = "default";

		if (refusals[i].status)
			snprintf(status, sizeof status, "%d", refusals[i].status);
		if (refusals[i].may(row))
			json_object_set_new(answers, status, openapi_ref("responses", refusals[i].name));
	}
	return answers;
}

json_t *openapi_responses(void)
{
	json_t *all = json_object(), *waits;

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		json_t *one = json_pack("{s:s s:o}", "description", refusals[i].description, "content",
					openapi_content(PROBLEM_TYPE, openapi_ref("schemas", "Problem")));

		if (refusals[i].header)
			add_header(one, refusals[i].header);
		if (refusals[i].status == 409)
			add_header(one, "Idempotent-Replayed");
		json_object_set_new(all, refusals[i].name, one);
	}
	waits = json_pack("{s:s s:o}", "description", "It waits for others' approval.", "content",
			  openapi_content("application/json", openapi_ref("schemas", "Waiting")));
	add_header(waits, "Idempotent-Replayed");
	json_object_set_new(all, "Waits", waits);
	return all;
}

/* ---- headers ---- */

json_t *openapi_headers(void)
{
	static const struct {
		const char *name, *description, *type;
		bool required;
	} headers[] = {
		{ "Location", "Where what was made, or waits, is (RFC 9110 15.3.2).", "string", false },
		{ "ETag", "Of this state of it, for If-Match and If-None-Match.", "string", true },
		{ "Idempotent-Replayed", "true: it was done before, by the same Idempotency-Key.", "string", false },
		{ "WWW-Authenticate", "How to say who one is.", "string", true },
		{ "Retry-After", "Seconds to wait.", "integer", true },
	};
	json_t *all = json_object();

	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		json_object_set_new(all, headers[i].name,
				    json_pack("{s:s s:b s:{s:s}}", "description", headers[i].description,
					      "required", headers[i].required, "schema", "type",
					      headers[i].type));
	return all;
}

static json_t *header_parameter(const char *name, const char *description, const char *pattern)
{
	json_t *schema = json_pack("{s:s}", "type", "string");

	if (pattern)
		json_object_set_new(schema, "pattern", json_string(pattern));
	return json_pack("{s:s s:s s:b s:s s:o}", "name", name, "in", "header", "required", 0,
			 "description", description, "schema", schema);
}

void openapi_add_headers(const struct rest_row *row, json_t *parameters)
{
	if (is_once(row))
		json_array_append_new(parameters,
				      header_parameter("Idempotency-Key",
						       "who sends it again by it has it done once",
						       "^[!-~]{1,128}$"));
	if (is_matched(row))
		json_array_append_new(parameters,
				      header_parameter("If-Match", "only if it is as this ETag was of", NULL));
	if (has_etag(row))
		json_array_append_new(parameters,
				      header_parameter("If-None-Match", "only if it is not as this ETag was of",
						       NULL));
}
