/* The agent's file: defaults, every kind of value, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/agent/settings.h"

#define LEAST                                                                                      \
	"[agent]\nserver = https://office:8443\ntrust = /t.pem\nlabel = issuing\nid = dev-1\n"     \
	"psk-file = /psk\ntoken = dev\npin-source = /pin\n"

static enum inro_err parse(const char *more, struct agent_settings *s)
{
	char text[2048];

	snprintf(text, sizeof text, LEAST "%s\n", more);
	return agent_settings_parse(bytes_of(text), "agent.conf", s);
}

static void defaults(void **state)
{
	SCOPED(agent_settings) s = { 0 };

	(void)state;
	assert_int_equal(parse("", &s), INRO_OK);
	assert_string_equal(s.key_label, "dev-1");
	assert_string_equal(s.key_type, "ec-p256");
	assert_string_equal(s.cert_file, "clcert.pem");
	assert_string_equal(s.key_file, "ckey.pem");
	assert_string_equal(s.ca_file, "cacert.pem");
	assert_int_equal(s.jitter, 3600);
	assert_int_equal(s.poll, 900);
	assert_int_equal(s.rekey, AGENT_REKEY_NEW);
	assert_int_equal(s.after_expiry, AGENT_AFTER_STOP);
	assert_null(s.proxy);
}

static void values(void **state)
{
	SCOPED(agent_settings) s = { 0 };

	(void)state;
	assert_int_equal(parse("renew-before = 30d\nretry = 90\nretry-max = 8h\npoll = 2m\n"
			       "key = same\nform = der\nsan = DNS:a\nsan = IP:10.0.0.1\n"
			       "after-renewal = true\nafter-expiry = psk\nkey-label = k\n"
			       "secret = storage=aes-256\nsecret = storage.2=hmac-256",
			       &s),
			 INRO_OK);
	assert_int_equal(s.renew_before, 30 * 86400);
	assert_int_equal(s.retry, 90);
	assert_int_equal(s.retry_max, 8 * 3600);
	assert_int_equal(s.poll, 120);
	assert_int_equal(s.rekey, AGENT_REKEY_SAME);
	assert_int_equal(s.form, AGENT_FORM_DER);
	assert_int_equal(s.after_expiry, AGENT_AFTER_PSK);
	assert_int_equal(s.sans.n, 2);
	assert_string_equal(s.sans.items[1], "IP:10.0.0.1");
	assert_int_equal(s.secrets.n, 2);
	assert_string_equal(s.secrets.items[1], "storage.2=hmac-256");
	assert_int_equal(s.hooks.n, 1);
	assert_string_equal(s.key_label, "k");
}

static void refusals(void **state)
{
	static const struct {
		const char *more, *words;
	} rows[] = {
		{ "colour = red", "agent.conf:9: there is no setting 'colour'" },
		{ "poll = 0", "poll is out of bounds" },
		{ "secret = a.old=aes-256", "without .old or .new" },
		{ "secret = a.new=aes-256", "without .old or .new" },
		{ "command = restart", "command is NAME=command" },
		{ "command = =reboot", "command is NAME=command" },
		{ "command = restart=", "command is NAME=command" },
		{ "command = restart = reboot", "command is NAME=command" },
		{ "command = a=b\ncommand = a=c", "command 'a' is given twice" },
		{ "poll = 99999999999999999999d", "poll is a time" },
		{ "poll = 5w", "poll is a time" },
		{ "poll = -5", "poll is a time" },
		{ "poll = 8d", "poll is out of bounds" },
		{ "key = other", "key is not one of the words" },
		{ "dir = here", "dir is a path from the root" },
		{ "cert-file = a/b", "names without a folder" },
		{ "cert-file = uri", "a file 'uri' of its own" },
		{ "ca-file = done", "a file 'done' of its own" },
		{ "cert-file = ckey.pem", "not 'ckey.pem' twice" },
		{ "ca-file = clcert.pem", "not 'clcert.pem' twice" },
		{ "key-file = ..", "names without a folder" },
		{ "server = http://office", "server begins with https://" },
		{ "factory-cert = /c.pem", "go together" },
		{ "after-expiry = factory", "names what is not given" },
		{ "after-expiry = attestation", "names what is not given" },
		{ "attestation = maybe", "not one of the words" },
		{ "[other]\nx = y", "there is no section [other]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct agent_settings s = { 0 };
		enum inro_err e = parse(rows[i].more, &s);

		assert_int_equal(e, INRO_E_CONFIG);
		if (!strstr(err_detail(e), rows[i].words))
			fail_msg("'%s' says: %s", rows[i].more, err_detail(e));
	}
}

/* Without any of the required ones it says which. */
static void missing(void **state)
{
	(void)state;
	for (const struct agent_rule *r = agent_rules; r->name; r++) {
		char text[2048] = "", line[64];
		struct agent_settings s = { 0 };
		char *at, *end;
		enum inro_err e;

		if (!r->required)
			continue;
		strcpy(text, LEAST);
		snprintf(line, sizeof line, "\n%s = ", r->name);
		at = strstr(text, line);
		assert_non_null(at);
		end = strchr(at + 1, '\n');
		memmove(at, end, strlen(end) + 1);
		e = agent_settings_parse(bytes_of(text), "agent.conf", &s);
		assert_int_equal(e, INRO_E_CONFIG);
		snprintf(line, sizeof line, "needs '%s'", r->name);
		assert_non_null(strstr(err_detail(e), line));
	}
}

static void too_many(void **state)
{
	SCOPED(buf) text = { 0 };
	struct agent_settings s = { 0 };
	enum inro_err e;

	(void)state;
	buf_add_str(&text, LEAST);
	for (int i = 0; i <= AGENT_LIST_MAX; i++)
		buf_addf(&text, "san = DNS:a%d\n", i);
	e = agent_settings_parse(buf_bytes(&text), "agent.conf", &s);
	assert_int_equal(e, INRO_E_CONFIG);
	assert_non_null(strstr(err_detail(e), "given too often"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults), cmocka_unit_test(values),	cmocka_unit_test(refusals),
		cmocka_unit_test(missing),  cmocka_unit_test(too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
