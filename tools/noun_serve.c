/*
 * noun_serve - the back office on the network.
 *
 * 1. Every option may also stand in [serve] of inro.conf, under the same name; the option wins.  Names
 *    that may be given more than once stand there once each, on lines of their own.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/serve/serve.h"
#include "base/conf.h"
#include "base/cryptoki/uri.h"
#include "base/file.h"
#include "tools/nouns.h"
#include "tools/office.h"

#define SECTION "serve"
#define NUMBER_MAX  1000000
/* A thread takes three descriptors and more, a worker a connection to the database. */
#define THREADS_MAX 1000

/* Where an option's value comes from. */
struct given {
	const struct call *call;
	const struct conf *conf;
};

static const char *nth(const struct given *g, const char *name, size_t n)
{
	return call_has(g->call, name) ? call_opt_nth(g->call, name, n)
				       : conf_get_nth(g->conf, SECTION, name, n);
}

/* Of what is given once a later line wins. */
static const char *one(const struct given *g, const char *name)
{
	return call_has(g->call, name) ? call_opt(g->call, name) : conf_get(g->conf, SECTION, name);
}

static enum inro_err many(const struct given *g, const char *name, const char **out, size_t max,
			  size_t *ret_n)
{
	const char *value;

	for (*ret_n = 0; (value = nth(g, name, *ret_n)); out[(*ret_n)++] = value)
		if (*ret_n == max)
			return err_set(INRO_E_TOO_BIG, "'%s' can be given %zu times", name, max);
	return INRO_OK;
}

static enum inro_err number(const struct given *g, const char *name, unsigned max, unsigned *ret)
{
	const char *text = one(g, name);
	char *end = NULL;
	unsigned long n = text ? strtoul(text, &end, 10) : 0;

	if (text && (*end || n < 1 || n > max || *text < '0' || *text > '9'))
		return err_set(INRO_E_CONFIG, "%s%s is a number from 1 to %u, not '%s'",
			       call_has(g->call, name) ? "--" : "[" SECTION "] ", name, max, text);
	*ret = (unsigned)n;
	return INRO_OK;
}

static enum inro_err numbers(const struct given *g, struct serve_options *o)
{
	const struct {
		const char *name;
		unsigned *to;
		unsigned max;
	} all[] = {
		{ "threads", &o->threads, THREADS_MAX },
		{ "workers", &o->workers, THREADS_MAX },
		{ "drain-seconds", &o->drain_seconds, NUMBER_MAX },
		{ "retry-after", &o->retry_after, NUMBER_MAX },
		{ "connections", &o->limits.connections, NUMBER_MAX },
		{ "connections-per-peer", &o->limits.per_peer, NUMBER_MAX },
		{ "request-seconds", &o->limits.request_seconds, NUMBER_MAX },
		{ "idle-seconds", &o->limits.idle_seconds, NUMBER_MAX },
		{ "queue", &o->limits.queue, NUMBER_MAX },
		{ "requests-per-peer", &o->limits.peer_rate, NUMBER_MAX },
		{ "requests-per-account", &o->limits.account_rate, NUMBER_MAX },
	};
	enum inro_err e = INRO_OK;

	for (size_t i = 0; !e && i < ARRAY_LEN(all); i++)
		e = number(g, all[i].name, all[i].max, all[i].to);
	return e;
}

static enum inro_err certs_wanted(const struct given *g, bool *ret)
{
	const char *word = one(g, "client-certs");

	*ret = !word || !strcmp(word, "ask");
	if (*ret || !strcmp(word, "no"))
		return INRO_OK;
	return err_set(INRO_E_CONFIG, "[" SECTION "] client-certs is ask or no, not '%s'", word);
}

static enum inro_err check_names(const struct given *g)
{
	for (size_t i = 0; i < conf_count(g->conf); i++) {
		const char *section, *key, *value;

		conf_item(g->conf, i, &section, &key, &value);
		if (!strcmp(section, SECTION) && !cmd_option_named(g->call->verb, key))
			return err_set(INRO_E_CONFIG,
				       "%s, line %d: [" SECTION "] has no setting '%s'; see 'inro "
				       "serve --help'",
				       conf_name(g->conf), conf_line(g->conf, i), key);
	}
	return INRO_OK;
}

static enum inro_err fill(const struct given *g, struct serve_options *o)
{
	enum inro_err e = check_names(g);

	if (!e)
		e = many(g, "listen", o->tls, SERVE_LISTEN_MAX, &o->n_tls);
	if (!e)
		e = many(g, "http", o->plain, SERVE_LISTEN_MAX, &o->n_plain);
	if (!e)
		e = many(g, "tls-name", o->names, SERVE_NAMES_MAX, &o->n_names);
	if (!e)
		e = numbers(g, o);
	if (!e)
		e = certs_wanted(g, &o->client_certs);
	o->tls_key = one(g, "tls-key");
	o->tls_cert = one(g, "tls-cert");
	o->tls_ca = one(g, "tls-ca");
	o->tls_profile = one(g, "tls-profile");
	o->label = one(g, "label");
	o->user = one(g, "user");
	return e;
}

/* What systemd gave the service for this token, or for any. */
static enum inro_err ask_service(const char *token, struct secret *ret)
{
	const char *dir = secure_getenv("CREDENTIALS_DIRECTORY");
	char names[2][128] = { "", "inro-pin" };
	enum inro_err e = INRO_E_NOT_FOUND;

	snprintf(names[0], sizeof names[0], "%s.pin", token);
	for (size_t i = 0; dir && *dir && e && i < ARRAY_LEN(names); i++) {
		AUTO(free_chars) char *path = strchr(names[i], '/') ? NULL : file_join(dir, names[i]);

		if (path && access(path, R_OK) == 0)
			e = file_read_secret(path, ret);
	}
	return e;
}

/* The file is not an option of pin.h when it stands in the configuration. */
struct asking {
	struct core_options office;
	const char *file;
};

static enum inro_err ask(void *arg, const char *token, struct secret *ret)
{
	const struct asking *a = arg;

	if (a->file)
		return file_read_secret(a->file, ret);
	if (ask_service(token, ret) == INRO_OK)
		return INRO_OK;
	return a->office.ask_pin(a->office.ask_arg, token, ret);
}

/* The URI of the server's key with that file as its pin-source, which comes before INRO_PIN there, too; NULL: it has one,
 * or needs none. */
static enum inro_err key_with_pin(const char *file, const char *key, char **ret)
{
	SCOPED(p11_uri) u = { 0 };
	SCOPED(buf) source = { 0 };
	SCOPED(buf) text = { 0 };
	char folder[PATH_MAX] = "";
	enum inro_err e = INRO_OK;

	if (!file || !key || !p11_uri_is(key))
		return INRO_OK;
	if (access(file, F_OK) != 0 || (file[0] != '/' && !getcwd(folder, sizeof folder)))
		return file_err(errno, file);
	e = p11_uri_parse(key, &u);
	if (e || u.pin_source || u.has_pin_value)
		return e;
	buf_addf(&source, "file:%s%s%s", folder, *folder ? "/" : "", file);
	u.pin_source = buf_take_str(&source);
	p11_uri_print(&u, &text);
	*ret = u.pin_source ? buf_take_str(&text) : NULL;
	return *ret ? INRO_OK : err_set(INRO_E_NO_MEMORY, "memory is short");
}

static enum inro_err serve_command(const struct call *c, json_t **ret)
{
	AUTO(conf_free_ptr) struct conf *conf = NULL;
	AUTO(free_chars) char *key = NULL;
	struct given g = { .call = c };
	struct asking asking = { .office = office_options(c) };
	struct serve_options o = { .ask_pin = ask, .ask_arg = &asking };
	struct serve_report done = { 0 };
	enum inro_err e = conf_open(NULL, &conf);

	g.conf = conf;
	o.tenant = asking.office.tenant;
	if (!e)
		e = fill(&g, &o);
	if (!e)
		asking.file = one(&g, "pin-source");
	if (!e)
		e = key_with_pin(asking.file, o.tls_key, &key);
	o.tls_key = key ? key : o.tls_key;
	o.pin_known = asking.office.pin_known || asking.file || secure_getenv("CREDENTIALS_DIRECTORY");
	if (!e)
		e = serve_run(&o, &done);
	return e ? e
		 : json_give(json_pack("{s:I s:I}", "requests", (json_int_t)done.requests, "cut",
				       (json_int_t)done.cut),
			     ret);
}

/* ---- the row ---- */

#define NUMBER(what, says)                                                                         \
	{                                                                                          \
		.name = what, .arg = "N", .kind = OPT_NUMBER, .help = says                         \
	}

const struct cmd_verb serve_verbs[] = {
	{ .name = "",
	  .summary = "Serves the back office over HTTP until SIGTERM",
	  .opts = OPTS({ .name = "listen",
			 .arg = "ADDRESS:PORT",
			 .kind = OPT_TEXT,
			 .repeatable = true,
			 .help = "listen there with TLS; [::]:PORT and :PORT are all addresses" },
		       { .name = "http",
			 .arg = "ADDRESS:PORT",
			 .kind = OPT_TEXT,
			 .repeatable = true,
			 .help = "listen there without TLS, for what is allowed without it" },
		       { .name = "tls-key",
			 .arg = "URI",
			 .kind = OPT_TEXT,
			 .help = "the server's key: in a token, or a PEM file" },
		       { .name = "tls-cert",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "its certificate and chain, PEM; read again when it changes" },
		       { .name = "tls-ca",
			 .arg = "CA",
			 .kind = OPT_TEXT,
			 .help = "without --tls-cert: this CA issues and renews the certificate" },
		       { .name = "tls-profile",
			 .arg = "PROFILE",
			 .kind = OPT_TEXT,
			 .help = "by this profile; default: tls-server" },
		       { .name = "tls-name",
			 .arg = "NAME",
			 .kind = OPT_TEXT,
			 .repeatable = true,
			 .help = "for this name or address; default: the machine's name" },
		       { .name = "label",
			 .arg = "LABEL",
			 .kind = OPT_TEXT,
			 .help = "CA or CA.PROFILE where EST and CMP have none in the path" },
		       { .name = "client-certs",
			 .arg = "WORD",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("ask", "no"),
			 .help = "whether TLS clients are asked for a certificate; default: ask" },
		       { .name = "user",
			 .arg = "NAME",
			 .kind = OPT_TEXT,
			 .help = "when started by root, become this user once it listens" },
		       NUMBER("threads", "threads for connections; default: one for each core"),
		       NUMBER("workers", "threads that sign and use the database; default: two for each "
					 "core, at least 16"),
		       NUMBER("connections", "connections open at once; default: 10000"),
		       NUMBER("connections-per-peer",
			      "connections from one address; default: 1000"),
		       NUMBER("request-seconds", "seconds for a request to arrive; default: 20"),
		       NUMBER("idle-seconds", "seconds between two requests; default: 60"),
		       NUMBER("queue", "requests that may wait for a worker; default: 1024"),
		       NUMBER("requests-per-peer",
			      "requests a second from one address, on average of ten seconds, that need a "
			      "worker; default: 2000"),
		       NUMBER("requests-per-account",
			      "the same of one account or device; default: 2000"),
		       NUMBER("drain-seconds",
			      "seconds for what has begun, when the server stops; default: 30"),
		       NUMBER("retry-after",
			      "seconds after which EST and CMP clients ask again for what waits for "
			      "approval; default: 60")),
	  .shared = { pin_user_opts },
	  .run = serve_command,
	  .least = LEAST_NONE,
	  .reads = true,
	  .shape = SHOW_SAID,
	  .said = "the server has ended after {requests} {requests:request|requests}" },
	{ 0 },
};
