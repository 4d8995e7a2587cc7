/* self - see self.h. */
#include "tools/agent/self.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tools/agent/settings.h"

#define SELF_PATH  "/v1/device/self"
#define DAYS_MAX   36500
#define ANSWER_MAX 4000 /* octets that the service takes, and some room */

static const char *text_of(const json_t *doc, const char *key)
{
	const char *s = json_string_value(json_object_get(doc, key));

	return s ? s : "";
}

static enum self_verb verb_of(const char *word)
{
	static const char *const words[] = { [SELF_RENEW] = "renew",
					     [SELF_RUN] = "run",
					     [SELF_STATUS] = "status",
					     [SELF_CLEAR] = "clear" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i], word) == 0)
			return (enum self_verb)i;
	return SELF_UNKNOWN;
}

static void read_errands(const json_t *list, struct self *ret)
{
	size_t i;
	json_t *one;

	json_array_foreach(list, i, one)
	{
		struct self_errand *e = &ret->errands[ret->n];
		json_int_t id = json_integer_value(json_object_get(one, "id"));
		const char *name = text_of(one, "name");

		if (id <= 0 || strlen(name) > SELF_NAME_MAX || ret->n == SELF_ERRANDS_MAX)
			continue;
		e->id = id;
		e->verb = verb_of(text_of(one, "verb"));
		snprintf(e->name, sizeof e->name, "%s", name);
		ret->n++;
	}
}

/* The list's entry of the certificate that is live here. */
static bool is_wanted(const json_t *list, struct bytes serial)
{
	SCOPED(buf) hex = { 0 };
	size_t i;
	json_t *one;

	buf_add_hex(&hex, serial);
	buf_add_u8(&hex, 0);
	if (buf_err(&hex) != INRO_OK)
		return false;
	json_array_foreach(list, i, one)
		if (strcmp(text_of(one, "serial"), (const char *)hex.p) == 0)
			return json_is_string(json_object_get(one, "wanted"));
	return false;
}

enum inro_err self_read(struct bytes text, struct bytes serial, struct self *ret)
{
	json_t *doc = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	json_int_t days;

	*ret = (struct self) { 0 };
	if (!json_is_object(doc)) {
		json_decref(doc);
		return err_set(INRO_E_SYNTAX, "what the service knows of this device is no JSON");
	}
	days = json_integer_value(json_object_get(json_object_get(doc, "policy"), "renew_days"));
	ret->renew_days = days > 0 && days <= DAYS_MAX ? days : 0;
	ret->wanted = is_wanted(json_object_get(doc, "certificates"), serial);
	read_errands(json_object_get(doc, "errands"), ret);
	json_decref(doc);
	return INRO_OK;
}

enum inro_err self_ask(const struct fetch_way *way, const struct fetch_who *who,
		       struct bytes serial, struct self *ret)
{
	SCOPED(fetch) f = { .path = SELF_PATH };
	enum inro_err e = fetch_run(way, who, &f);

	*ret = (struct self) { 0 };
	if (e != INRO_OK)
		return e;
	if (f.status >= 500)
		return err_set(INRO_E_BUSY, "the service answers %ld to %s", f.status, f.path);
	if (f.status != 200 || strncmp(f.answer_type, "application/json", 16) != 0)
		return INRO_OK;
	return self_read(buf_bytes(&f.answer), serial, ret);
}

static char *answer_body(bool done, const char *answer)
{
	/* cut where it is too long: it is for people */
	json_t *doc = json_pack("{s:b s:s%}", "done", done, "answer", answer,
				strnlen(answer, ANSWER_MAX));
	char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;

	json_decref(doc);
	return text;
}

enum inro_err self_answer(const struct fetch_way *way, const struct fetch_who *who, int64_t id,
			  bool done, const char *answer)
{
	AUTO(free_chars) char *body = answer_body(done, answer);
	char path[96];
	SCOPED(fetch) f = { .path = path, .type = "application/json", .body = bytes_of(body) };
	enum inro_err e;

	if (!body)
		return agent_no_memory();
	snprintf(path, sizeof path, SELF_PATH "/errands/%lld", (long long)id);
	e = fetch_run(way, who, &f);
	if (e != INRO_OK)
		return e;
	if (f.status >= 500)
		return err_set(INRO_E_BUSY, "the service answers %ld to %s", f.status, f.path);
	return f.status < 300 ? INRO_OK :
				err_set(INRO_E_STATE, "the service answers %ld to %s", f.status,
					f.path);
}
