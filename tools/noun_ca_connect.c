/* noun_ca_connect - CAs of others: put on record, asked, and heard. */
#include "backoffice/core/reach.h"

#include <stdio.h>
#include <sys/stat.h>
#include <errno.h>
#include <string.h>

#include "backoffice/pki/cert.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tools/cert_source.h"
#include "tools/nouns.h"
#include "tools/office.h"
#include "tools/text.h"

const struct cmd_opt ca_connect_opts[] = {
	{ .name = "by",
	  .kind = OPT_CHOICE,
	  .choices = WORDS("file"),
	  .help = "how requests travel; default: file (people carry requests and certificates)" },
	{ .name = "cert",
	  .arg = "FILE",
	  .kind = OPT_FILE,
	  .help = "its certificate, PEM or DER; a server may give it itself" },
	{ .name = "chain",
	  .arg = "FILE",
	  .kind = OPT_FILE,
	  .help = "the CAs above it, PEM, from its issuer up to a root; not needed when a CA "
		  "here signed it" },
	{ .name = "est",
	  .arg = "URL",
	  .kind = OPT_TEXT,
	  .help = "its EST server: https://HOST[:PORT]" },
	{ .name = "cmp",
	  .arg = "URL",
	  .kind = OPT_TEXT,
	  .help = "its CMP server: http://HOST[:PORT]/PATH, or https" },
	{ .name = "label", .arg = "LABEL", .kind = OPT_TEXT, .help = "which CA of that server" },
	{ .name = "trust",
	  .arg = "FILE",
	  .kind = OPT_FILE,
	  .help = "the CAs that the server's TLS certificate is checked against, PEM; with CMP "
		  "also who may sign answers beside the CA" },
	{ .name = "user",
	  .arg = "NAME",
	  .kind = OPT_TEXT,
	  .help = "the user name there, with --secret; with CMP the reference" },
	{ .name = "secret",
	  .arg = "WHERE",
	  .kind = OPT_TEXT,
	  .help = "where the password is: file:PATH, env:NAME, or credential:NAME of a service; "
		  "read each time, never recorded" },
	{ .name = "client-cert",
	  .arg = "FILE",
	  .kind = OPT_FILE,
	  .help = "the client certificate there, PEM with its chain, with --key" },
	{ .name = "key", .arg = "URI", .kind = OPT_TEXT, .help = "the key of --client-cert" },
	{ .name = "proxy", .arg = "URL", .kind = OPT_TEXT, .help = "HTTP proxy; default: none" },
	{ .name = "timeout",
	  .arg = "SECONDS",
	  .kind = OPT_NUMBER,
	  .help = "seconds for one request; default: 30" },
	OPT_PROPOSAL,
	{ 0 },
};

/* What is in a file that an option names; nothing when it was not given. */
static enum inro_err read_opt(const struct call *c, const char *opt, size_t max, struct buf *ret)
{
	return call_has(c, opt) ? file_read(call_opt(c, opt), max, ret) : INRO_OK;
}

static struct ca_way_wish way_of(const struct call *c)
{
	return (struct ca_way_wish) { .url = call_opt(c, call_has(c, "cmp") ? "cmp" : "est"),
				      .label = call_opt(c, "label"),
				      .account = call_opt(c, "user"),
				      .secret = call_opt(c, "secret"),
				      .key_uri = call_opt(c, "key"),
				      .proxy = call_opt(c, "proxy"),
				      .seconds = call_number(c, "timeout", 0) };
}

/* A server, or somebody who carries. */
enum inro_err ca_connect_check(const struct call *c)
{
	int ways = call_has(c, "by") + call_has(c, "est") + call_has(c, "cmp");
	static const char *const of_server[] = { "label", "trust", "user", "secret", "client-cert",
						 "key", "proxy", "timeout" };
	if (call_has(c, "est") || call_has(c, "cmp"))
		return ways > 1 ? err_set(INRO_E_ARG, "--by, --est and --cmp exclude each other") : INRO_OK;
	for (size_t i = 0; i < ARRAY_LEN(of_server); i++)
		if (call_has(c, of_server[i]))
			return err_set(INRO_E_ARG, "--%s is of a server: give --est URL or --cmp URL", of_server[i]);
	return call_has(c, "cert") ? INRO_OK
				   : err_set(INRO_E_ARG, "give the CA's certificate by --cert FILE, or its "
							 "server by --est URL or --cmp URL");
}

enum inro_err ca_connect_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	SCOPED(buf) cert = { 0 };
	SCOPED(buf) chain = { 0 };
	SCOPED(buf) trust = { 0 };
	SCOPED(buf) own = { 0 };
	struct ca_way_wish way = way_of(c);
	struct ca_connection in = { .name = call_arg(c, 0), .by = call_opt(c, "by") };
	enum inro_err e = office_open(c, &core);
	if (!e && call_has(c, "cert"))
		e = cert_source_one(call_opt(c, "cert"), &cert);
	if (!e)
		e = read_opt(c, "chain", CERT_SOURCE_MAX, &chain);
	if (!e)
		e = read_opt(c, "trust", WAY_TRUST_MAX, &trust);
	if (!e)
		e = read_opt(c, "client-cert", WAY_TRUST_MAX, &own);
	way.trust = buf_bytes(&trust);
	way.cert = buf_bytes(&own);
	if (way.url)
		in.by = call_has(c, "cmp") ? "cmp" : "est";
	in.way = way.url ? &way : NULL;
	in.in = (struct ca_activation) { .cert = buf_bytes(&cert),
					 .chain = buf_bytes(&chain),
					 .proposal = call_number(c, "proposal", 0) };
	if (!e)
		e = ca_connect(core, &in, &v);
	return e ? e : json_give(json_of_ca(&v), ret);
}

/* ---- sent ---- */

static void sent(void *arg, const struct ca_sent_one *one)
{
	static const char *const words[] = {
		[SENT_CAME] = "came", [SENT_TOLD] = "told", [SENT_WAITS] = "waits", [SENT_FAILED] = "failed"
	};
	json_array_append_new(arg, json_pack("{s:I s:s s:o s:s}", "id", (json_int_t)one->credential, "what",
					     words[one->what], "again",
					     one->due_ms ? json_of_time(one->due_ms / 1000) : json_null(),
					     "why", one->words ? one->words : ""));
}

/* What failed is said, and is the command's status. */
static enum inro_err sent_status(const struct call *c, const struct ca_sent *done, const json_t *list)
{
	json_t *one;
	size_t i;
	json_array_foreach(list, i, one)
	{
		if (strcmp(json_string_value(json_object_get(one, "what")), "failed") == 0)
			return err_set(INRO_E_POLICY, "%zu of the requests to CA '%s' failed; %lld: %s",
				       done->failed, call_arg(c, 0),
				       (long long)json_integer_value(json_object_get(one, "id")),
				       json_string_value(json_object_get(one, "why")));
	}
	return INRO_OK;
}

enum inro_err ca_send_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct ca_sent done = { 0 };
	json_t *list = json_array();
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_send(core, call_arg(c, 0), !call_has(c, "due"), sent, list, &done);
	if (e) {
		json_decref(list);
		return e;
	}
	e = sent_status(c, &done, list);
	if (json_give(json_pack("{s:s s:I s:I s:I s:I s:I s:o}", "name", call_arg(c, 0), "came",
				(json_int_t)done.came, "told", (json_int_t)done.told, "waits", (json_int_t)done.waits, "failed",
				(json_int_t)done.failed, "later", (json_int_t)done.later, "requests", list),
		      ret))
		return err_set(INRO_E_NO_MEMORY, "memory is short");
	return e;
}

/* ---- requests ---- */

/* As FOLDER/ID.csr; what is there already is written anew. */
static enum inro_err write_order(const char *folder, const struct ca_order_view *v, json_t *doc)
{
	char name[32];
	json_t *pem = json_object_get(doc, "pem");

	if (!json_is_string(pem)) /* a revocation */
		return INRO_OK;
	snprintf(name, sizeof name, "%lld.csr", (long long)v->rec.credential);
	AUTO(free_chars) char *path = file_join(folder, name);
	if (!path || !pem)
		return err_set(INRO_E_NO_MEMORY, "memory is short");
	json_object_set_new(doc, "file", json_of_text(path));
	return file_write(path, 0644, BYTES(json_string_value(pem), json_string_length(pem)));
}

static enum inro_err add_order(const char *folder, const struct ca_order_view *v, json_t *list)
{
	json_t *doc = json_of_ca_order(v);
	enum inro_err e = doc && folder ? write_order(folder, v, doc) : INRO_OK;
	json_array_append_new(list, doc);
	return e;
}

static enum inro_err orders_page(struct core *core, const struct call *c, const struct page *page, json_t *list,
				 int64_t *ret_next)
{
	const char *folder = call_opt(c, "out-dir");
	SCOPED(ca_orders) l = { 0 };
	enum inro_err e = ca_orders(core, call_arg(c, 0), page, &l);
	if (!e && folder && mkdir(folder, 0755) && errno != EEXIST)
		e = file_err(errno, folder);
	for (size_t i = 0; !e && i < l.n; i++)
		e = add_order(folder, &l.items[i], list);
	*ret_next = l.next;
	return e;
}

enum inro_err ca_requests_run(const struct call *c, json_t **ret)
{
	return office_list(c, orders_page, ret);
}

/* The request in place of the certificate that it waits for. */
enum inro_err cert_give_order(struct core *core, const struct cred *cert, json_t *doc)
{
	SCOPED(ca_order) order = { 0 };
	SCOPED(ca_way) way = { 0 };
	SCOPED(buf) text = { 0 };
	enum inro_err e = ca_order_of(core, cert->rec.id, &order);
	struct bytes csr = blob_bytes(&order.csr);
	if (e)
		return e;
	buf_addf(&text, "request %lld waits for CA '%s': ", (long long)cert->rec.id, cert->ca_name);
	if (ca_way_of(core, cert->rec.ca, &way))
		buf_addf(&text, "bring it there, and what comes back is taken in by 'inro cert import --ca %s "
				"FILE'",
			 cert->ca_name);
	else
		buf_addf(&text, "'inro ca send %s' asks now, 'inro serve' by itself", cert->ca_name);
	json_object_set_new(doc, "summary", text_json(buf_bytes(&text)));
	json_object_set_new(doc, "pem", json_of_pem(PEM_CSR, &csr, 1));
	return INRO_OK;
}

/* ---- certificates ---- */

struct coming {
	struct cert_source source;
	struct arrivals all;
};

static void arrived(void *arg, const struct ca_collected *one)
{
	struct coming *a = arg;
	arrivals_add(&a->all, one, a->source.name);
}

static enum inro_err take_path(const struct call *c, struct core *core, const char *path,
			       struct coming *a)
{
	const struct ca_incoming in = { .files = cert_source_pull,
					.arg = &a->source,
					.unrequested = call_has(c, "unrequested") };
	a->source = (struct cert_source) { .path = path };
	enum inro_err e = cert_source_open(&a->source);
	if (!e)
		e = ca_collect(core, call_opt(c, "ca"), &in, arrived, a);
	cert_source_clear(&a->source);
	return e;
}

/* What was refused is said, and is the command's status. */
static enum inro_err result_of(const struct arrivals *a)
{
	json_t *one, *why = NULL, *file = NULL;
	size_t i;
	json_array_foreach(a->list, i, one)
	{
		if (why || !json_object_get(one, "why"))
			continue;
		why = json_object_get(one, "why");
		file = json_object_get(one, "file");
	}
	if (!a->refused)
		return INRO_OK;
	return err_set(INRO_E_POLICY, "%zu of %zu %s refused; %s: %s", a->refused,
		       json_array_size(a->list), a->refused > 1 ? "are" : "is", json_string_value(file),
		       json_string_value(why));
}

enum inro_err cert_import_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	struct coming a = { .all = { .list = json_array() } };
	enum inro_err e = office_open(c, &core);
	for (size_t i = 0; !e && i < c->n_args; i++)
		e = take_path(c, core, call_arg(c, i), &a);
	if (e) {
		json_decref(a.all.list);
		return e;
	}
	e = result_of(&a.all);
	if (json_give(json_of_arrivals(&a.all), ret))
		return err_set(INRO_E_NO_MEMORY, "memory is short");
	return e;
}

/* ---- lists ---- */

enum inro_err ca_crl_import_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(buf) list = { 0 };
	struct ca_list_taken t = { 0 };
	enum inro_err e = file_read(call_arg(c, 1), CERT_SOURCE_MAX, &list);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = ca_take_list(core, call_arg(c, 0), buf_bytes(&list), &t);
	return e ? e : json_give(json_of_ca_list_taken(call_arg(c, 0), &t), ret);
}
