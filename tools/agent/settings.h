/*
 * settings - what a device's agent was told: [agent] of its file, agent.conf.
 *
 * 1. Every setting is a row of agent_rows: reading, bounds, defaults, `inro agent settings` and the
 *    page docs/howto/agent.md come from it.
 * 2. A section, setting or value that is not known is refused with its line: a slip of the pen must
 *    not go unnoticed on a device that nobody watches.
 * 3. No secret stands in the file, only the names of files that hold them.
 */
#ifndef INRO_TOOLS_AGENT_SETTINGS_H
#define INRO_TOOLS_AGENT_SETTINGS_H

#include "base/bytes.h"

#define AGENT_CONF     "/etc/inro/agent.conf"
#define AGENT_LIST_MAX 16
#define AGENT_SECRET_MAX 48 /* bytes of a symmetric key's name */

enum agent_kind {
	AGENT_TEXT,
	AGENT_PATH,    /* absolute */
	AGENT_SECONDS, /* "90", "90s", "15m", "8h", "30d" */
	AGENT_WORD,    /* one of `words` */
	AGENT_MANY,    /* texts; the setting may be given more than once */
	AGENT_KINDS
};

struct agent_rule {
	const char *name; /* NULL ends the table */
	enum agent_kind kind;
	size_t at; /* where in struct agent_settings */
	bool required;
	const char *otherwise; /* what holds when it is not given; NULL: nothing */
	int64_t min, max;      /* of AGENT_SECONDS */
	const char *const *words;
	const char *help;
};
extern const struct agent_rule agent_rules[];

struct agent_many {
	char *items[AGENT_LIST_MAX];
	size_t n;
};

/* What a word means is its place in the rule's list. */
enum agent_after { AGENT_AFTER_STOP, AGENT_AFTER_PSK, AGENT_AFTER_FACTORY, AGENT_AFTER_ATTEST };
enum agent_attest { AGENT_ATTEST_NO, AGENT_ATTEST_YES, AGENT_ATTEST_ALWAYS };
enum agent_rekey { AGENT_REKEY_NEW, AGENT_REKEY_SAME };
enum agent_form { AGENT_FORM_PEM, AGENT_FORM_DER };

struct agent_settings {
	char *file; /* that was read */
	char *server, *label, *trust, *proxy;
	char *id, *psk_file, *factory_cert, *factory_key;
	char *token, *pin_source, *key_label, *key_type;
	char *subject, *dir, *socket;
	char *cert_file, *key_file, *ca_file;
	struct agent_many sans, hooks, commands, secrets;
	int64_t renew_before, renew_every, jitter, retry, retry_max, poll, timeout, round_max;
	int64_t after_expiry, rekey, form, attest; /* places of words */
};

/* NULL: AGENT_CONF.  INRO_E_CONFIG with file and line. */
MUST_CHECK enum inro_err agent_settings_read(const char *path, struct agent_settings *ret);
/* The same of a text; `name` is for errors. */
MUST_CHECK enum inro_err agent_settings_parse(struct bytes text, const char *name,
					      struct agent_settings *ret);
void agent_settings_clear(struct agent_settings *s);

/* INRO_E_NO_MEMORY with words. */
enum inro_err agent_no_memory(void);

/* What the setting takes: "text", "path", "time", or its words. */
void agent_setting_takes(const struct agent_rule *r, struct buf *out);

#endif
