/* settings - see settings.h. */
#include "tools/agent/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"

#define SECTION "agent"
#define HOUR	3600
#define DAY	86400
#define FILE_NAME_MAX 248 /* what is written beside it first has seven more */
#define AT(m)	offsetof(struct agent_settings, m)

static const char *const after_words[] = { "stop", "psk", "factory", "attestation", NULL };
static const char *const attest_words[] = { "no", "yes", "always", NULL };
static const char *const rekey_words[] = { "new", "same", NULL };
static const char *const form_words[] = { "pem", "der", NULL };

const struct agent_rule agent_rules[] = {
	{ "server", AGENT_TEXT, AT(server), .required = true,
	  .help = "the service, as in https://office.example:8443" },
	{ "trust", AGENT_PATH, AT(trust), .required = true,
	  .help = "PEM file with the CAs that the service's certificate may come from; no other is "
		  "believed" },
	{ "label", AGENT_TEXT, AT(label), .required = true,
	  .help = "which CA and profile: CA or CA.PROFILE" },
	{ "id", AGENT_TEXT, AT(id), .required = true, .help = "the device's id in the registry" },
	{ "psk-file", AGENT_PATH, AT(psk_file),
	  .help = "file with the pre-shared key of that id, for the first certificate" },
	{ "factory-cert", AGENT_PATH, AT(factory_cert),
	  .help = "PEM file with a certificate that the service accepts for the first one; its key "
		  "is factory-key" },
	{ "factory-key", AGENT_TEXT, AT(factory_key), .help = "URI of that certificate's key" },
	{ "attestation", AGENT_WORD, AT(attest), .otherwise = "no", .words = attest_words,
	  .help = "whether the first certificate is had by what the token's TPM proves: the registry has its "
		  "endorsement key, see `inro agent anchor`; always: renewals, too, as a profile with "
		  "attested = yes wants it" },
	{ "token", AGENT_TEXT, AT(token), .required = true,
	  .help = "label of the token in which keys are made" },
	{ "pin-source", AGENT_PATH, AT(pin_source), .required = true,
	  .help = "file with the token's PIN; named in the key references that are written" },
	{ "key-label", AGENT_TEXT, AT(key_label),
	  .help = "label of the keys, behind which the generation stands; the id when not given" },
	{ "key-type", AGENT_TEXT, AT(key_type), .otherwise = "ec-p256",
	  .help = "kind of key, as `inro key generate --type`" },
	{ "key", AGENT_WORD, AT(rekey), .otherwise = "new", .words = rekey_words,
	  .help = "whether a renewal makes a new key or goes on with the same" },
	{ "subject", AGENT_TEXT, AT(subject),
	  .help = "subject of the first request; /CN=ID when not given. Later ones ask for what the "
		  "certificate has" },
	{ "san", AGENT_MANY, AT(sans),
	  .help = "further name of the first request: DNS:host, IP:address, URI:uri; may be given "
		  "more than once" },
	{ "dir", AGENT_PATH, AT(dir), .otherwise = "/var/lib/inro/agent",
	  .help = "folder of the generations; programs open DIR/live/…" },
	{ "form", AGENT_WORD, AT(form), .otherwise = "pem", .words = form_words,
	  .help = "how certificates and the key's reference are written" },
	{ "cert-file", AGENT_TEXT, AT(cert_file), .otherwise = "clcert.pem",
	  .help = "name of the certificate's file; as PEM its chain follows it" },
	{ "key-file", AGENT_TEXT, AT(key_file), .otherwise = "ckey.pem",
	  .help = "name of the file with the reference to the key" },
	{ "ca-file", AGENT_TEXT, AT(ca_file), .otherwise = "cacert.pem",
	  .help = "name of the file with the CA's certificates" },
	{ "after-renewal", AGENT_MANY, AT(hooks),
	  .help = "command for the shell after a new pair is in place; may be given more than once" },
	{ "command", AGENT_MANY, AT(commands),
	  .help = "NAME=command: what an operator may have the device run by that name; may be given "
		  "more than once" },
	{ "secret", AGENT_MANY, AT(secrets),
	  .help = "NAME=TYPE: a symmetric key that the device has from the service, as "
		  "storage=aes-256; NAME is its label in the token; NAME=TYPE under NAME: it comes under "
		  "that AES key; may be given more than once" },
	{ "renew-before", AGENT_SECONDS, AT(renew_before), .otherwise = "0", .min = 0,
	  .max = 3650LL * DAY,
	  .help = "so long before its end a certificate or symmetric key is renewed; 0: as the group's "
		  "policy says; when a third of its time is left, where that is nothing or more "
		  "than all of it" },
	{ "renew-every", AGENT_SECONDS, AT(renew_every), .otherwise = "0", .min = 0,
	  .max = 3650LL * DAY, .help = "renew at this age, whatever is left; 0: not so" },
	{ "jitter", AGENT_SECONDS, AT(jitter), .otherwise = "1h", .min = 0, .max = 30LL * DAY,
	  .help = "up to so much earlier, another moment for each device; never more than a tenth of "
		  "the certificate's time" },
	{ "after-expiry", AGENT_WORD, AT(after_expiry), .otherwise = "stop", .words = after_words,
	  .help = "what to do once the certificate has expired: stop, or ask for a first one again, "
		  "by the pre-shared key, the factory certificate or attestation" },
	{ "poll", AGENT_SECONDS, AT(poll), .otherwise = "15m", .min = 1, .max = 7LL * DAY,
	  .help = "how often the service is asked for an operator's requests" },
	{ "retry", AGENT_SECONDS, AT(retry), .otherwise = "30s", .min = 1, .max = 1LL * DAY,
	  .help = "wait after a failure; doubled each time" },
	{ "retry-max", AGENT_SECONDS, AT(retry_max), .otherwise = "1h", .min = 1, .max = 7LL * DAY,
	  .help = "the longest wait after failures" },
	{ "timeout", AGENT_SECONDS, AT(timeout), .otherwise = "30s", .min = 1, .max = HOUR,
	  .help = "how long one request may take" },
	{ "round-max", AGENT_SECONDS, AT(round_max), .otherwise = "2h", .min = 1, .max = 7LL * DAY,
	  .help = "a round that takes longer is ended, and the next one begins after `retry`: a TPM, a "
		  "disk or a PIN's pipe that never answers is tried anew" },
	{ "proxy", AGENT_TEXT, AT(proxy),
	  .help = "proxy on the way to the service, as in http://proxy:3128; none when not given" },
	{ "socket", AGENT_PATH, AT(socket), .otherwise = "/run/inro/agent.sock",
	  .help = "where local programs ask the agent" },
	{ 0 },
};

enum inro_err agent_no_memory(void)
{
	return err_set(INRO_E_NO_MEMORY, "no memory for the agent's work");
}

static const struct agent_rule *find(const char *name)
{
	const struct agent_rule *r = agent_rules;

	while (r->name && strcmp(r->name, name) != 0)
		r++;
	return r->name ? r : NULL;
}

/* What is wrong with a value; NULL: nothing.  `out` is the member. */
typedef const char *take_fn(const struct agent_rule *r, const char *value, void *out);

static const char *take_text(const struct agent_rule *r, const char *value, void *out)
{
	char **text = out;

	(void)r;
	if (!*value)
		return "is empty";
	free(*text);
	*text = strdup(value);
	return *text ? NULL : "no memory";
}

static const char *take_path(const struct agent_rule *r, const char *value, void *out)
{
	return *value == '/' ? take_text(r, value, out) : "is a path from the root, /…";
}

static const char *take_seconds(const struct agent_rule *r, const char *value, void *out)
{
	static const struct {
		const char *unit;
		int64_t seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", HOUR }, { "d", DAY } };
	int64_t *seconds = out;
	char *end;
	long n;

	errno = 0;
	n = strtol(value, &end, 10);
	if (errno || end == value || n < 0 || n > r->max || *value < '0' || *value > '9')
		return "is a time such as 90s, 15m, 8h or 30d";
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(units[i].unit, end) != 0)
			continue;
		*seconds = n * units[i].seconds;
		return *seconds >= r->min && *seconds <= r->max ? NULL : "is out of bounds";
	}
	return "is a time such as 90s, 15m, 8h or 30d";
}

static const char *take_word(const struct agent_rule *r, const char *value, void *out)
{
	int64_t *place = out;

	for (*place = 0; r->words[*place]; ++*place)
		if (strcmp(r->words[*place], value) == 0)
			return NULL;
	return "is not one of the words that it takes";
}

static const char *take_many(const struct agent_rule *r, const char *value, void *out)
{
	struct agent_many *many = out;

	if (many->n == AGENT_LIST_MAX)
		return "is given too often";
	return take_text(r, value, &many->items[many->n++]);
}

static take_fn *const takers[AGENT_KINDS] = {
	[AGENT_TEXT] = take_text,	[AGENT_PATH] = take_path, [AGENT_SECONDS] = take_seconds,
	[AGENT_WORD] = take_word, [AGENT_MANY] = take_many,
};

static const char *take(struct agent_settings *s, const struct agent_rule *r, const char *value)
{
	return takers[r->kind](r, value, (char *)s + r->at);
}

static enum inro_err read_item(const struct conf *c, size_t i, struct agent_settings *s)
{
	const char *section, *key, *value, *wrong;
	const struct agent_rule *r;

	conf_item(c, i, &section, &key, &value);
	if (strcmp(section, SECTION) != 0)
		return err_set(INRO_E_CONFIG, "%s:%d: there is no section [%s], only [" SECTION "]",
			       conf_name(c), conf_line(c, i), section);
	r = find(key);
	if (!r)
		return err_set(INRO_E_CONFIG,
			       "%s:%d: there is no setting '%s'; 'inro agent settings' shows them",
			       conf_name(c), conf_line(c, i), key);
	wrong = take(s, r, value);
	return wrong ? err_set(INRO_E_CONFIG, "%s:%d: %s %s", conf_name(c), conf_line(c, i), key,
			       wrong) :
		       INRO_OK;
}

static enum inro_err set_defaults(struct agent_settings *s)
{
	for (const struct agent_rule *r = agent_rules; r->name; r++)
		if (r->otherwise && take(s, r, r->otherwise))
			return err_set(INRO_E_NO_MEMORY, "no memory for the settings");
	return INRO_OK;
}

static bool is_text(const struct agent_rule *r)
{
	return r->kind == AGENT_TEXT || r->kind == AGENT_PATH;
}

static enum inro_err check_required(const struct agent_settings *s, const char *name)
{
	for (const struct agent_rule *r = agent_rules; r->name; r++)
		if (r->required && !*(char *const *)((const char *)s + r->at))
			return err_set(INRO_E_CONFIG, "%s: [" SECTION "] needs '%s': %s", name,
				       r->name, r->help);
	return INRO_OK;
}

static bool is_file_name(const char *name)
{
	return !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strlen(name) <= FILE_NAME_MAX;
}

/* NAME.old and NAME.new are the agent's own labels. */
static bool has_own_tail(const char *name, size_t n)
{
	return n > 4 && (strncmp(name + n - 4, ".old", 4) == 0 || strncmp(name + n - 4, ".new", 4) == 0);
}

/* "NAME=TYPE"; a name that a label, a file and a shell take as it is. */
static bool is_secret(const char *text)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t n = strspn(text, good);

	return n && n <= AGENT_SECRET_MAX && *text != '.' && *text != '-' && text[n] == '=' &&
	       text[n + 1] && !has_own_tail(text, n);
}

static bool is_same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n + 1) == 0;
}

/* What a generation has beside what programs open; see pair.c. */
static bool is_ours(const char *name)
{
	static const char *const ours[] = { "cert.der", "chain.pem", "csr.der", "done", "uri" };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (strcmp(name, ours[i]) == 0)
			return true;
	return false;
}

static enum inro_err check_files(const struct agent_settings *s, const char *name)
{
	const char *const files[] = { s->cert_file, s->key_file, s->ca_file };

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		if (!is_file_name(files[i]))
			return err_set(INRO_E_CONFIG, "%s: cert-file, key-file and ca-file are names without a folder, of %d bytes at most",
				       name, FILE_NAME_MAX);
		if (is_ours(files[i]))
			return err_set(INRO_E_CONFIG, "%s: the agent has a file '%s' of its own: name another one", name, files[i]);
		for (size_t j = 0; j < i; j++)
			if (strcmp(files[i], files[j]) == 0)
				return err_set(INRO_E_CONFIG, "%s: cert-file, key-file and ca-file are three files, not '%s' twice",
					       name, files[i]);
	}
	return INRO_OK;
}

static enum inro_err check_secrets(const struct agent_settings *s, const char *name)
{
	for (size_t i = 0; i < s->secrets.n; i++) {
		if (!is_secret(s->secrets.items[i]))
			return err_set(INRO_E_CONFIG,
				       "%s: secret is NAME=TYPE, as storage=aes-256, NAME "
				       "without .old or .new at its end, not '%s'",
				       name, s->secrets.items[i]);
		for (size_t j = 0; j < i; j++)
			if (is_same_name(s->secrets.items[i], s->secrets.items[j]))
				return err_set(INRO_E_CONFIG, "%s: secret '%s' is given twice", name,
					       s->secrets.items[i]);
	}
	return INRO_OK;
}

/* "NAME=command"; a name that ends in a blank nobody would ask for. */
static bool is_command(const char *text)
{
	size_t n = strcspn(text, "=");

	return n && text[n] && text[n + 1] && text[n - 1] != ' ' && text[n - 1] != '\t';
}

static enum inro_err check_commands(const struct agent_settings *s, const char *name)
{
	for (size_t i = 0; i < s->commands.n; i++) {
		const char *c = s->commands.items[i];

		if (!is_command(c))
			return err_set(INRO_E_CONFIG, "%s: command is NAME=command, as restart=systemctl restart mosquitto, not '%s'",
				       name, c);
		for (size_t j = 0; j < i; j++)
			if (is_same_name(c, s->commands.items[j]))
				return err_set(INRO_E_CONFIG, "%s: command '%.*s' is given twice", name,
					       (int)strcspn(c, "="), c);
	}
	return INRO_OK;
}

/* What rows can't say alone. */
static enum inro_err check_together(const struct agent_settings *s, const char *name)
{
	bool factory = s->factory_cert && s->factory_key;

	if (strncmp(s->server, "https://", 8) != 0)
		return err_set(INRO_E_CONFIG, "%s: server begins with https://", name);
	if (!s->factory_cert != !s->factory_key)
		return err_set(INRO_E_CONFIG, "%s: factory-cert and factory-key go together", name);
	if (!s->psk_file && !factory && !s->attest)
		return err_set(INRO_E_CONFIG,
			       "%s: for the first certificate it takes psk-file, or factory-cert and "
			       "factory-key, or attestation = yes",
			       name);
	if ((s->after_expiry == AGENT_AFTER_PSK && !s->psk_file) ||
	    (s->after_expiry == AGENT_AFTER_FACTORY && !factory) ||
	    (s->after_expiry == AGENT_AFTER_ATTEST && !s->attest))
		return err_set(INRO_E_CONFIG, "%s: after-expiry names what is not given", name);
	return INRO_OK;
}

static enum inro_err read_all(const struct conf *c, struct agent_settings *s)
{
	enum inro_err e = set_defaults(s);

	for (size_t i = 0; e == INRO_OK && i < conf_count(c); i++)
		e = read_item(c, i, s);
	if (e == INRO_OK)
		e = check_required(s, conf_name(c));
	if (e == INRO_OK)
		e = check_together(s, conf_name(c));
	if (e == INRO_OK)
		e = check_files(s, conf_name(c));
	if (e == INRO_OK)
		e = check_secrets(s, conf_name(c));
	if (e == INRO_OK)
		e = check_commands(s, conf_name(c));
	if (e != INRO_OK)
		return e;
	if (!s->key_label)
		s->key_label = strdup(s->id);
	s->file = strdup(conf_name(c));
	return s->key_label && s->file ? INRO_OK : agent_no_memory();
}

static enum inro_err hand_over(const struct conf *c, struct agent_settings *ret)
{
	struct agent_settings s = { 0 };
	enum inro_err e = read_all(c, &s);

	if (e == INRO_OK)
		*ret = s;
	else
		agent_settings_clear(&s);
	return e;
}

enum inro_err agent_settings_parse(struct bytes text, const char *name, struct agent_settings *ret)
{
	AUTO(conf_free_ptr) struct conf *c = NULL;
	enum inro_err e = conf_parse(text, name, &c);

	return e == INRO_OK ? hand_over(c, ret) : e;
}

enum inro_err agent_settings_read(const char *path, struct agent_settings *ret)
{
	AUTO(conf_free_ptr) struct conf *c = NULL;
	enum inro_err e = conf_open(path ? path : AGENT_CONF, &c);

	return e == INRO_OK ? hand_over(c, ret) : e;
}

void agent_settings_clear(struct agent_settings *s)
{
	for (const struct agent_rule *r = agent_rules; r->name; r++) {
		void *at = (char *)s + r->at;
		struct agent_many *many = at;

		if (is_text(r))
			free(*(char **)at);
		for (size_t i = 0; r->kind == AGENT_MANY && i < many->n; i++)
			free(many->items[i]);
	}
	free(s->file);
	*s = (struct agent_settings) { 0 };
}

void agent_setting_takes(const struct agent_rule *r, struct buf *out)
{
	static const char *const kinds[AGENT_KINDS] = { [AGENT_TEXT] = "text",
							[AGENT_PATH] = "path",
							[AGENT_SECONDS] = "time",
							[AGENT_MANY] = "text" };

	if (kinds[r->kind])
		buf_add_str(out, kinds[r->kind]);
	for (size_t i = 0; r->words && r->words[i]; i++)
		buf_addf(out, "%s%s", i ? ", " : "", r->words[i]);
}
