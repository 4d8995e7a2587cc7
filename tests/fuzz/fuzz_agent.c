/*
 * fuzz_agent - what an agent reads: its own files (status.json, secrets.own), and what the service answers about
 * the device and its symmetric keys.
 *
 * 1. The first byte says what the rest is.  Answers are lines, "STATUS JSON", one a request.
 * 2. The token has three keys with ids of 16 octets: 11.. labelled "session", that the service lists, if it does;
 *    22.. "session.old"; 33.. "other", which is nobody's business here.
 * 3. A key goes only if the agent brought it or the service lists it, and every key that was asked for is told of,
 *    whatever the service says.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/clock.h"
#include "tests/lib/scratch.h"
#include "tools/agent/due.h"
#include "tools/agent/secrets.h"
#include "tools/agent/self.h"
#include "tools/agent/status.h"
#include "tools/agent/wordlist.h"

#define NOW    INT64_C(1800000000)
#define SERIAL 16

static struct agent_settings settings;

static const char conf[] = "[agent]\nserver = https://ca.example\nlabel = ca\ntrust = /ca.pem\nid = dev-1\n"
			   "token = t\npin-source = /pin\npsk-file = /psk\nkey-type = ec-p256\n"
			   "secret = session=aes-256\nsecret = mac=hmac-256\nsecret = under=aes-128 under session\n";

static void prepare(void)
{
	enum inro_err e;

	if (settings.file)
		return;
	clock_set_test(NOW);
	e = agent_settings_parse(bytes_of(conf), "agent.conf", &settings);
	fuzz_require(e == INRO_OK, err_detail(e));
	free(settings.dir);
	settings.dir = strdup(scratch_dir());
	FUZZ_REQUIRE(settings.dir);
}

/* ---- the service ---- */

static struct bytes answers; /* that it still has */

static struct bytes take_line(struct bytes *in)
{
	const uint8_t *end = in->n ? memchr(in->p, '\n', in->n) : NULL;
	struct bytes line = BYTES(in->p, end ? (size_t)(end - in->p) : in->n);

	*in = BYTES(in->p + line.n + (end != NULL), in->n - line.n - (end != NULL));
	return line;
}

enum inro_err __wrap_fetch_run(const struct fetch_way *way, const struct fetch_who *who, struct fetch *f);

enum inro_err __wrap_fetch_run(const struct fetch_way *way, const struct fetch_who *who, struct fetch *f)
{
	struct bytes line = take_line(&answers);

	(void)way, (void)who;
	f->status = 0;
	while (line.n && *line.p >= '0' && *line.p <= '9' && f->status < 1000) {
		f->status = f->status * 10 + (*line.p - '0');
		line = BYTES(line.p + 1, line.n - 1);
	}
	if (f->status < 200)
		return err_set(INRO_E_BUSY, "nobody is there");
	snprintf(f->answer_type, sizeof f->answer_type, "application/json");
	buf_add(&f->answer, line);
	return buf_err(&f->answer);
}

/* What is written here needs to survive nothing. */
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
	(void)fd;
	return 0;
}

/* ---- the token ---- */

static struct token_entry keys[3];

static void fill_token(void)
{
	static const char *const labels[] = { "session", "session.old", "other" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		keys[i] = (struct token_entry) { .id_n = SERIAL, .type = P11_SECRET_KEY };
		memset(keys[i].id, (int)(0x11 * (i + 1)), SERIAL);
		snprintf(keys[i].label, sizeof keys[i].label, "%s", labels[i]);
	}
}

static bool matches(const struct token_entry *k, const struct p11_uri *uri)
{
	if (uri->object && strcmp(uri->object, k->label) != 0)
		return false;
	return k->id_n && (!uri->has_id || bytes_equal(BYTES(uri->id, uri->id_n), BYTES(k->id, k->id_n)));
}

enum inro_err __wrap_token_list(struct token *t, const struct p11_uri *uri, struct token_entry **ret, size_t *ret_n);
enum inro_err __wrap_token_delete(struct token *t, struct bytes id, enum token_what what, size_t *ret_n);
enum inro_err __wrap_token_secret_relabel(struct token *t, struct bytes id, const char *label);
enum inro_err __wrap_token_secret_unwrap(struct token_key *by, const struct token_secret_plan *plan,
					 struct bytes wrapped, struct buf *ret_id);
enum inro_err __wrap_token_secret_unwrap_under(struct token *t, const struct token_secret_under *under,
					       const struct token_secret_plan *plan, struct buf *ret_id);
enum inro_err __wrap_keys_find(struct token *t, const char *uri, struct token_key **ret);
const char *__wrap_token_label(const struct token *t);

enum inro_err __wrap_token_list(struct token *t, const struct p11_uri *uri, struct token_entry **ret, size_t *ret_n)
{
	(void)t;
	*ret = calloc(ARRAY_LEN(keys), sizeof **ret);
	*ret_n = 0;
	FUZZ_REQUIRE(*ret);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (matches(&keys[i], uri))
			(*ret)[(*ret_n)++] = keys[i];
	return INRO_OK;
}

static struct token_entry *with_id(struct bytes id)
{
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (keys[i].id_n && bytes_equal(BYTES(keys[i].id, keys[i].id_n), id))
			return &keys[i];
	return NULL;
}

enum inro_err __wrap_token_delete(struct token *t, struct bytes id, enum token_what what, size_t *ret_n)
{
	struct token_entry *k = with_id(id);

	(void)t;
	FUZZ_REQUIRE(what == TOKEN_SECRETS && id.n == SERIAL);
	FUZZ_REQUIRE(k && k != &keys[2]);
	k->id_n = 0;
	*ret_n = 1;
	return INRO_OK;
}

enum inro_err __wrap_token_secret_relabel(struct token *t, struct bytes id, const char *label)
{
	struct token_entry *k = with_id(id);

	(void)t;
	if (!k)
		return err_set(INRO_E_NOT_FOUND, "there is no such key");
	FUZZ_REQUIRE(k != &keys[2]);
	snprintf(k->label, sizeof k->label, "%s", label);
	return INRO_OK;
}

/* It takes the place of one that was deleted, if there is one. */
static enum inro_err make(const struct token_secret_plan *plan)
{
	FUZZ_REQUIRE(plan->id.n == SERIAL && !plan->extractable);
	for (size_t i = 0; i < 2; i++) {
		if (keys[i].id_n)
			continue;
		memcpy(keys[i].id, plan->id.p, SERIAL);
		keys[i].id_n = SERIAL;
		snprintf(keys[i].label, sizeof keys[i].label, "%s", plan->label);
		return INRO_OK;
	}
	return INRO_OK;
}

enum inro_err __wrap_token_secret_unwrap(struct token_key *by, const struct token_secret_plan *plan,
					 struct bytes wrapped, struct buf *ret_id)
{
	(void)by, (void)ret_id;
	if (wrapped.n > 32)
		return make(plan);
	return err_set(INRO_E_POLICY, "that is not wrapped to this key");
}

enum inro_err __wrap_token_secret_unwrap_under(struct token *t, const struct token_secret_under *under,
					       const struct token_secret_plan *plan, struct buf *ret_id)
{
	(void)t, (void)ret_id;
	FUZZ_REQUIRE(under->id.n == SERIAL && under->octets == 16);
	if (under->wrapped.n > 8)
		return make(plan);
	return err_set(INRO_E_SIGNATURE, "that is not wrapped by this key");
}

enum inro_err __wrap_keys_find(struct token *t, const char *uri, struct token_key **ret)
{
	(void)t, (void)uri;
	*ret = NULL;
	return INRO_OK;
}

const char *__wrap_token_label(const struct token *t)
{
	(void)t;
	return "t";
}

/* ---- the kinds ---- */

static void check_told(const json_t *told, size_t least)
{
	FUZZ_REQUIRE(json_array_size(told) >= least);
	for (size_t i = 0; i < json_array_size(told); i++)
		FUZZ_REQUIRE(least == 0 || json_is_object(json_array_get(told, i)));
}

/* The first line is the last round's words, the second what is listed, the others are answers. */
static void fuzz_secrets(struct bytes in)
{
	static const struct fetch_way way = { .server = "https://ca.example" };
	static const struct fetch_who who = { .id = "dev-1" };
	struct bytes before = take_line(&in), self = take_line(&in);
	SCOPED(self) known = { 0 };
	json_t *told = json_loadb((const char *)before.p, before.n, 0, NULL);
	struct secrets_work w = { .s = &settings, .way = &way, .who = &who, .key_uri = "pkcs11:token=t",
				  .serial = bytes_of("serial"), .rules = { .before = 86400, .jitter = 3600 },
				  .believed = NOW, .now = NOW, .overlap = 3600, .before = told };

	if (self_read(self, w.serial, &known) == INRO_OK)
		w.listed = known.keys;
	answers = in;
	fill_token();
	(void)!secrets_run(&w);
	if (w.listed)
		check_told(w.told, settings.secrets.n);
	FUZZ_REQUIRE(keys[2].id_n == SERIAL && !strcmp(keys[2].label, "other"));
	FUZZ_REQUIRE(w.wake >= 0);
	json_decref(w.told);
	json_decref(told);
}

static void fuzz_self(struct bytes in)
{
	static const struct bytes serial = BYTES_LIT("\x01\x02");
	struct fetch f = { .path = "/v1/device/self", .status = 400 };
	SCOPED(self) s = { 0 };
	json_t *doc = NULL;

	if (self_read(in, serial, &s) == INRO_OK)
		FUZZ_REQUIRE(s.n <= SELF_ERRANDS_MAX && s.renew_days >= 0 && s.overlap_days >= 0);
	for (size_t i = 0; i < s.n; i++)
		FUZZ_REQUIRE(s.errands[i].id > 0 && strlen(s.errands[i].name) <= SELF_NAME_MAX);
	buf_add(&f.answer, in);
	FUZZ_REQUIRE(self_answer_of(&f, &doc) == INRO_E_STATE && !doc);
	f.status = 200;
	if (self_answer_of(&f, &doc) == INRO_OK)
		FUZZ_REQUIRE(json_is_object(doc));
	json_decref(doc);
	buf_clear(&f.answer);
}

/* What a round does with what it reads there; what it writes is read again. */
static void fuzz_status(struct bytes in)
{
	struct status s = { 0 }, again = { 0 };
	struct due_rules rules = { 0 };
	struct due_known known;
	int64_t times[DUE_TIMES];

	(void)scratch_file("status.json", in.p, in.n);
	status_read(&settings, &s);
	s.state = "none";
	FUZZ_REQUIRE(s.policy_days >= 0 && s.policy_days <= SELF_DAYS_MAX && s.heard >= 0 && s.heard_at >= 0);
	rules.before = s.policy_days * 86400;
	(void)due_at(&rules, NOW - 86400, NOW + 86400, 1);
	known = (struct due_known) { .least = NOW - 1000, .heard = s.heard, .heard_at = s.heard_at };
	FUZZ_REQUIRE(due_believe(NOW, &known) >= known.least && due_times(NOW, &known, times) >= 1);
	FUZZ_REQUIRE(status_write(&settings, &s) == INRO_OK);
	status_read(&settings, &again);
	FUZZ_REQUIRE(again.heard == s.heard && again.failures == s.failures && again.policy_days == s.policy_days);
	FUZZ_REQUIRE(json_equal(again.secrets, s.secrets) || (!s.secrets && !again.secrets));
	status_clear(&s);
	status_clear(&again);
}

static void fuzz_status_end(struct bytes in)
{
	json_t *doc = NULL;

	(void)scratch_file("status.json", in.p, in.n);
	FUZZ_REQUIRE(status_note_end(&settings, "it was ended") == INRO_OK);
	FUZZ_REQUIRE(status_json(&settings, &doc) == INRO_OK);
	FUZZ_REQUIRE(!strcmp(json_string_value(json_object_get(doc, "error")), "it was ended"));
	json_decref(doc);
}

static void fuzz_words(struct bytes in)
{
	static const char *const words[] = { "11111111111111111111111111111111", "a" };
	SCOPED(wordlist) w = { 0 };

	(void)scratch_file("words", in.p, in.n);
	if (wordlist_open(settings.dir, "words", &w) != INRO_OK)
		return;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		FUZZ_REQUIRE(wordlist_add(&w, words[i]) == INRO_OK && wordlist_has(&w, words[i]));
		for (int n = 0; n < 64 && wordlist_has(&w, words[i]); n++)
			FUZZ_REQUIRE(wordlist_drop(&w, words[i]) == INRO_OK);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(struct bytes) = { fuzz_self, fuzz_secrets, fuzz_status, fuzz_status_end,
						       fuzz_words };

	prepare();
	(void)scratch_file("secrets.own", "22222222222222222222222222222222", 32);
	if (size)
		kinds[data[0] % ARRAY_LEN(kinds)](BYTES(data + 1, size - 1));
	return 0;
}
