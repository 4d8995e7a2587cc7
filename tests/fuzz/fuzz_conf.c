/*
 * fuzz_conf - settings in a file: what is read of it is what it says, line by line, and an agent that takes its
 * settings has every one within its bounds.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/conf.h"
#include "tools/agent/settings.h"

static int lines_of(struct bytes in)
{
	int n = 1;

	for (size_t i = 0; i < in.n; i++)
		n += in.p[i] == '\n';
	return n;
}

/* Each setting is found by its name, the last one of a name first. */
static void check_item(const struct conf *c, size_t i, int lines)
{
	const char *section, *key, *value, *last;
	bool same = false;

	conf_item(c, i, &section, &key, &value);
	last = conf_get(c, section, key);
	FUZZ_REQUIRE(section && key && value && last);
	FUZZ_REQUIRE(conf_line(c, i) >= 1 && conf_line(c, i) <= lines);
	FUZZ_REQUIRE(!strpbrk(value, "\n") && !strpbrk(key, "\n"));
	for (size_t n = 0; !same && conf_get_nth(c, section, key, n); n++)
		same = conf_get_nth(c, section, key, n) == value;
	FUZZ_REQUIRE(same);
}

static void check_rule(const struct agent_settings *s, const struct agent_rule *r)
{
	const void *at = (const char *)s + r->at;
	const char *text;
	int64_t number;
	size_t words = 0;

	memcpy(&text, at, sizeof text);
	memcpy(&number, at, sizeof number);
	if (r->required)
		FUZZ_REQUIRE(text && *text);
	if (r->kind == AGENT_PATH && text)
		FUZZ_REQUIRE(*text == '/');
	if (r->kind == AGENT_SECONDS)
		FUZZ_REQUIRE(number >= r->min && number <= r->max);
	while (r->words && r->words[words])
		words++;
	if (r->kind == AGENT_WORD)
		FUZZ_REQUIRE(number >= 0 && (size_t)number < words);
	if (r->kind == AGENT_MANY)
		FUZZ_REQUIRE(((const struct agent_many *)at)->n <= AGENT_LIST_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(conf_free_ptr) struct conf *c = NULL;
	struct agent_settings s = { 0 };
	struct bytes in = BYTES(data, size);

	if (conf_parse(in, "inro.conf", &c) == INRO_OK)
		for (size_t i = 0; i < conf_count(c); i++)
			check_item(c, i, lines_of(in));
	if (agent_settings_parse(in, "agent.conf", &s) == INRO_OK) {
		FUZZ_REQUIRE(c && s.file && s.key_label);
		for (const struct agent_rule *r = agent_rules; r->name; r++)
			check_rule(&s, r);
	}
	agent_settings_clear(&s);
	return 0;
}
