/*
 * out - from a call to its answer.
 *
 * 1. Where --out, or another file that an option names, can't be written is found out before anything is done.
 * 2. The file of --out is complete or absent.  What goes there is public, unless the document says
 *    that it is "private".
 */
#include "tools/out.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/pki/pem.h"
#include "backoffice/show/doc.h"
#include "base/file.h"
#include "tools/help.h"
#include "tools/show.h"

static const char *const formats[] = { "pem", "der", NULL };

const struct cmd_opt out_opts[] = {
	{ .name = "out",
	  .arg = "FILE",
	  .kind = OPT_FILE,
	  .help = "write it to this file; - is standard output" },
	{ .name = "format",
	  .kind = OPT_CHOICE,
	  .choices = formats,
	  .help = "the data itself as PEM or DER, on standard output without --out" },
	{ 0 },
};

static const char *out_path(const struct call *c)
{
	return cmd_option_named(c->verb, "out") ? call_opt(c, "out") : NULL;
}

static bool is_stdout(const char *path)
{
	return !strcmp(path, "-") || !strcmp(path, "/dev/stdout");
}

static const char *file_arg(const struct call *c)
{
	const struct cmd_arg *a = c->verb->args;
	for (size_t i = 0; a && a[i].name; i++)
		if (!strcmp(a[i].name, "FILE"))
			return call_arg(c, i);
	return NULL;
}

const char *out_file(const struct call *c)
{
	return out_path(c) ? out_path(c) : file_arg(c);
}

enum inro_err out_file_check(const struct call *c)
{
	const char *path = out_file(c);
	if (out_path(c) && file_arg(c))
		return err_set(INRO_E_ARG, "FILE and --out FILE are the same: give one of them");
	if (!path)
		return err_set(INRO_E_ARG, "the file is missing: give --out FILE");
	if (!strcmp(path, "-"))
		return err_set(INRO_E_ARG, "that is written to a file, not to standard output");
	return INRO_OK;
}

enum inro_err out_file_is_new(const struct call *c)
{
	const char *path = out_file(c);
	if (access(path, F_OK) != 0)
		return INRO_OK;
	return err_set(INRO_E_EXISTS, "'%s' is there already; --force replaces it", path);
}

static enum inro_err check_out(const struct call *c)
{
	const struct cmd_opt *o;
	const char *path;
	for (size_t i = 0; (o = cmd_option(c->verb, i)); i++) {
		path = o->makes || !strcmp(o->name, "out") ? call_opt(c, o->name) : NULL;
		if (!path || is_stdout(path))
			continue;
		enum inro_err e = file_check_target(path);
		if (e)
			return err_context(e, "--%s can't be written, nothing was done", o->name);
	}
	return INRO_OK;
}

/* The DER inside the one PEM block. */
static enum inro_err pem_to_der(struct bytes pem, struct buf *ret)
{
	char label[64] = "";
	struct bytes rest = pem;
	const char *const begin = "-----BEGIN ";
	if (pem.n > strlen(begin))
		sscanf((const char *)pem.p + strlen(begin), "%63[^-]", label);
	enum inro_err e = pem_next(&rest, label, ret);
	if (!e && pem_is(rest))
		e = err_set(INRO_E_ARG, "--format der holds one certificate; use pem for a chain");
	return e;
}

/* What only shows something ends as other programs do when their reader, `head` for one, has seen enough. */
static bool only_shows(const struct call *c)
{
	return c->help || c->version || !c->verb || c->verb->reads || c->verb->shape == SHOW_TABLE;
}

static enum inro_err write_stdout(const struct call *c, struct bytes text)
{
	if (fwrite(text.p, 1, text.n, stdout) == text.n && fflush(stdout) == 0)
		return INRO_OK;
	if (errno == EPIPE && only_shows(c)) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return err_set(INRO_E_IO, "it is done, but standard output can't be written: %s",
		       strerror(errno));
}

/* Where the rest of a list begins; tables say it themselves. */
static enum inro_err tell_next(const struct call *c, json_t *doc)
{
	json_t *next = json_object_get(doc, "next");
	if (!c->json || c->verb->shape != SHOW_TABLE || !json_is_string(next))
		return INRO_OK;
	json_t *line = json_pack("{s:O}", "next", next);
	bool said = line && json_dumpf(line, stderr, JSON_COMPACT) == 0 && fputc('\n', stderr) != EOF;
	json_decref(line);
	return said ? INRO_OK : err_set(INRO_E_IO, "standard error can't be written");
}

static const char *format_of(const struct call *c)
{
	return cmd_option_named(c->verb, "format") ? call_opt(c, "format") : NULL;
}

/* The document's PEM in the format asked for, appended. */
static enum inro_err add_object(const struct call *c, json_t *pem, struct buf *out)
{
	struct bytes text = BYTES(json_string_value(pem), json_string_length(pem));
	const char *format = format_of(c);
	if (format && (!strcmp(format, "der") || !strcmp(format, "p12")))
		return pem_to_der(text, out);
	buf_add(out, text);
	return buf_err(out);
}

/* To the file of --out, which the document then names. */
static enum inro_err write_file(const struct call *c, const char *path, json_t *doc)
{
	SCOPED(buf) content = { .secret = true };
	enum inro_err e = add_object(c, json_object_get(doc, "pem"), &content);
	if (!e)
		e = file_write(path, json_is_true(json_object_get(doc, "private")) ? 0600 : 0644,
			       buf_bytes(&content));
	if (e)
		return err_context(e, "it is done, but --out is not written");
	json_object_set_new(doc, "file", json_of_text(path));
	return INRO_OK;
}

static enum inro_err answer(const struct call *c, json_t *doc)
{
	SCOPED(buf) text = { .secret = true };
	json_t *pem = json_object_get(doc, "pem");
	const char *path = out_path(c);
	bool raw = format_of(c) || (path && is_stdout(path)) ||
		   (c->verb->raw && call_has(c, c->verb->raw));
	enum inro_err e = INRO_OK;
	if (path && is_stdout(path))
		path = NULL;
	if (pem && path)
		e = write_file(c, path, doc);
	if (!e && pem && !path && raw && !c->json)
		e = add_object(c, pem, &text);
	else if (!e)
		e = show_result(c, doc, &text);
	if (!e)
		e = write_stdout(c, buf_bytes(&text));
	return e ? e : tell_next(c, doc);
}

static enum inro_err say_help(const struct call *c)
{
	SCOPED(buf) text = { 0 };
	if (c->version)
		buf_add_str(&text, "inro " INRO_VERSION "\n");
	else
		help_add(c->noun, c->verb, &text);
	enum inro_err e = buf_err(&text);
	return e ? e : write_stdout(c, buf_bytes(&text));
}

enum inro_err out_run(const struct call *c)
{
	if (c->help || c->version || !c->verb)
		return say_help(c);
	json_t *doc = NULL;
	enum inro_err e = check_out(c);
	if (!e)
		e = c->verb->run(c, &doc);
	/* Work that was done in part answers, too. */
	enum inro_err told = doc ? answer(c, doc) : INRO_OK;
	if (!e)
		e = told;
	json_decref(doc);
	return e;
}
