/* self - see self.h. */
#include "tools/agent/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tools/agent/settings.h"

#define SELF_PATH  "/v1/device/self"
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

void self_clear(struct self *s)
{
	json_decref(s->keys);
	*s = (struct self) { 0 };
}

static int64_t days_of(const json_t *policy, const char *key)
{
	json_int_t days = json_integer_value(json_object_get(policy, key));

	return days > 0 && days <= SELF_DAYS_MAX ? days : 0;
}

enum inro_err self_read(struct bytes text, struct bytes serial, struct self *ret)
{
	json_t *doc = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	json_t *policy, *keys;

	self_clear(ret);
	if (!json_is_object(doc)) {
		json_decref(doc);
		return err_set(INRO_E_SYNTAX, "what the service knows of this device is no JSON");
	}
	policy = json_object_get(doc, "policy");
	ret->renew_days = days_of(policy, "renew_days");
	ret->overlap_days = days_of(policy, "overlap_days");
	keys = json_object_get(doc, "secrets");
	ret->keys = json_is_array(keys) ? json_incref(keys) : NULL;
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

	self_clear(ret);
	if (e != INRO_OK)
		return e;
	if (fetch_is_later(f.status))
		return err_set(INRO_E_BUSY, "the service answers %ld to %s", f.status, f.path);
	if (f.status == 200 && strncmp(f.answer_type, "application/json", 16) == 0)
		e = self_read(buf_bytes(&f.answer), serial, ret);
	ret->date = f.date;
	return e;
}

/* ---- what the device says ---- */

static enum inro_err refused(const struct fetch *f)
{
	json_t *doc = json_loadb((const char *)f->answer.p, f->answer.n, 0, NULL);
	const char *why = text_of(doc, "detail");
	enum inro_err e = err_set(INRO_E_STATE, "the service answers %ld to %s%s%s", f->status,
				  f->path, *why ? ": " : "", why);

	json_decref(doc);
	return e;
}

enum inro_err self_answer_of(const struct fetch *f, json_t **ret)
{
	if (fetch_is_later(f->status))
		return err_set(INRO_E_BUSY, "the service answers %ld to %s", f->status, f->path);
	if (f->status >= 300)
		return refused(f);
	*ret = json_loadb((const char *)f->answer.p, f->answer.n, JSON_REJECT_DUPLICATES, NULL);
	return json_is_object(*ret) ? INRO_OK :
				      err_set(INRO_E_SYNTAX, "the answer to %s is no JSON", f->path);
}

enum inro_err self_post(const struct fetch_way *way, const struct fetch_who *who, const char *below,
			json_t *body, json_t **ret)
{
	AUTO(free_chars) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	char path[128];
	SCOPED(fetch) f = { .path = path, .type = "application/json", .body = bytes_of(text) };
	enum inro_err e;

	json_decref(body);
	*ret = NULL;
	if (!text)
		return agent_no_memory();
	snprintf(path, sizeof path, SELF_PATH "%s", below);
	e = fetch_run(way, who, &f);
	return e == INRO_OK ? self_answer_of(&f, ret) : e;
}

/* Cut where it is too long, between characters: it is for people. */
static json_t *body_of(bool done, const char *answer)
{
	size_t n = strnlen(answer, ANSWER_MAX);
	json_t *body;

	while (n && ((unsigned char)answer[n] & 0xc0) == 0x80)
		n--;
	body = json_pack("{s:b s:s%}", "done", done, "answer", answer, n);
	return body ? body : json_pack("{s:b s:s}", "done", done, "answer", "no UTF-8");
}

enum inro_err self_answer(const struct fetch_way *way, const struct fetch_who *who, int64_t id,
			  bool done, const char *answer)
{
	json_t *doc = NULL;
	char below[48];
	enum inro_err e;

	snprintf(below, sizeof below, "/errands/%lld", (long long)id);
	e = self_post(way, who, below, body_of(done, answer), &doc);
	json_decref(doc);
	return e;
}
