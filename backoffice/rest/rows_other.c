/* rows_other - CAs that are elsewhere or come from there, and the tokens that a CA's key is in. */
#include <string.h>

#include "backoffice/core/reach.h"
#include "backoffice/pki/pem.h"
#include "backoffice/rest/creds.h"
#include "backoffice/rest/lists.h"
#include "backoffice/show/doc.h"

/* ---- certificates, one after the other ---- */

struct pem_source {
	struct bytes rest;
	struct buf der;
};

static void pem_source_clear(struct pem_source *p)
{
	buf_clear(&p->der);
}

static enum inro_err pem_source_pull(void *arg, struct bytes *ret)
{
	struct pem_source *p = arg;
	enum inro_err e;

	buf_reset(&p->der);
	e = pem_next(&p->rest, PEM_CERT, &p->der);
	*ret = buf_bytes(&p->der);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static struct bytes bytes_given(const struct rest *r, const char *name)
{
	return bytes_of(text_or_empty(rest_text(r, name)));
}

static struct ca_activation certificate_given(const struct rest *r)
{
	return (struct ca_activation) { .cert = bytes_given(r, "cert"),
					.chain = bytes_given(r, "chain"),
					.proposal = rest_number(r, "proposal", 0) };
}

/* ---- CAs ---- */

static enum inro_err import_ca(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	SCOPED(pem_source) past = { .rest = bytes_given(r, "past") };
	struct ca_imported done = { 0 };
	const struct ca_import in = { .name = rest_text(r, "name"),
				      .key_uri = rest_text(r, "key"),
				      .in = certificate_given(r),
				      .crl = bytes_given(r, "crl"),
				      .past = past.rest.n ? pem_source_pull : NULL,
				      .past_arg = &past };
	enum inro_err e = ca_import(r->core, &in, &done, &v);

	return e == INRO_OK ? json_give(json_of_ca_imported(&v, &done), ret) : e;
}

/* "est" and "cmp" are connectors, and the members that name their servers. */
static const char *const servers[] = { "est", "cmp", NULL };

static enum inro_err choose_server(const struct rest *r, const char **ret_by)
{
	size_t given = 0;

	*ret_by = rest_text(r, "by");
	for (size_t i = 0; servers[i]; i++)
		if (rest_given(r, servers[i])) {
			*ret_by = servers[i];
			given++;
		}
	if (given + rest_given(r, "by") > 1)
		return err_set(INRO_E_ARG, "the members 'by', 'est' and 'cmp' exclude each other");
	return INRO_OK;
}

static bool way_is_given(const struct rest *r)
{
	static const char *const of_server[] = { "est",  "cmp",      "label",	     "trust", "user",
						 "password", "client_cert", "key", "proxy", "timeout" };

	for (size_t i = 0; i < ARRAY_LEN(of_server); i++)
		if (rest_given(r, of_server[i]))
			return true;
	return false;
}

static struct ca_way_wish way_given(const struct rest *r)
{
	return (struct ca_way_wish) { .url = rest_text(r, rest_given(r, "cmp") ? "cmp" : "est"),
				      .label = rest_text(r, "label"),
				      .trust = bytes_given(r, "trust"),
				      .account = rest_text(r, "user"),
				      .password = bytes_given(r, "password"),
				      .cert = bytes_given(r, "client_cert"),
				      .key_uri = rest_text(r, "key"),
				      .proxy = rest_text(r, "proxy"),
				      .seconds = rest_number(r, "timeout", 0),
				      .from_afar = true };
}

static enum inro_err connect_ca(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	const struct ca_way_wish way = way_given(r);
	struct ca_connection in = { .name = rest_text(r, "name"), .in = certificate_given(r) };
	enum inro_err e = choose_server(r, &in.by);

	in.way = way_is_given(r) ? &way : NULL;
	if (e == INRO_OK && !in.way && !in.in.cert.n)
		e = err_set(INRO_E_ARG, "the CA's certificate as 'cert', or its server as 'est' or 'cmp'");
	if (e == INRO_OK)
		e = ca_connect(r->core, &in, &v);
	return e == INRO_OK ? json_give(json_of_ca(&v), ret) : e;
}

static enum inro_err requests_of_ca(struct rest *r, json_t **ret)
{
	SCOPED(ca_orders) l = { 0 };
	struct page page;
	json_t *items = json_array();
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = ca_orders(r->core, r->args[0], &page, &l);
	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, json_of_ca_order(&l.items[i]));
	return rest_give_numbered(e, items, l.next, ret);
}

static enum inro_err take_list(struct rest *r, json_t **ret)
{
	struct ca_list_taken t = { 0 };
	enum inro_err e = ca_take_list(r->core, r->args[0], bytes_given(r, "crl"), &t);

	return e == INRO_OK ? json_give(json_of_ca_list_taken(r->args[0], &t), ret) : e;
}

static void arrived(void *arg, const struct ca_collected *one)
{
	arrivals_add(arg, one, NULL);
}

static enum inro_err take_certs(struct rest *r, json_t **ret)
{
	SCOPED(pem_source) given = { .rest = bytes_given(r, "certificates") };
	struct arrivals a = { .list = json_array() };
	const struct ca_incoming in = { .files = pem_source_pull,
					.arg = &given,
					.unrequested = rest_true(r, "unrequested") };
	enum inro_err e = ca_collect(r->core, r->args[0], &in, arrived, &a);

	return json_give_or_drop(e, json_of_arrivals(&a), ret);
}

/* ---- the tokens that a key is in ---- */

static unsigned generation_of(const struct rest *r)
{
	return (unsigned)rest_number(r, "generation", 0);
}

static enum inro_err list_places(struct rest *r, json_t **ret)
{
	SCOPED(ca_places) l = { 0 };
	bool test = rest_true(r, "test");
	enum inro_err e = ca_places(r->core, r->args[0], generation_of(r), test, &l);

	return rest_give_page(e, json_of_ca_places(&l, test), NULL, ret);
}

static enum inro_err add_place(struct rest *r, json_t **ret)
{
	SCOPED(ca_places) l = { 0 };
	const struct ca_place_wish wish = { .name = r->args[0],
					    .generation = generation_of(r),
					    .key_uri = rest_text(r, "key"),
					    .token = rest_text(r, "token"),
					    .first = rest_true(r, "first"),
					    .proposal = rest_number(r, "proposal", 0) };
	enum inro_err e;

	if (!wish.key_uri == !wish.token)
		return err_set(INRO_E_ARG, "the copy of the key: the member 'key' or 'token'");
	e = ca_place_add(r->core, &wish, &l);
	return e == INRO_OK ? json_give(json_of_ca_changed_places(r->args[0], &l), ret) : e;
}

static enum inro_err remove_place(struct rest *r, json_t **ret)
{
	SCOPED(ca_places) l = { 0 };
	enum inro_err e =
		ca_place_remove(r->core, r->args[0], generation_of(r), rest_text(r, "key"), &l);

	return e == INRO_OK ? json_give(json_of_ca_changed_places(r->args[0], &l), ret) : e;
}

/* ---- the rows ---- */

static const struct rest_shape request = { "CARequestWaiting",
					   FIELDS(OUT_COUNT("id"), OUT_TEXT("device"), OUT_TEXT("subject"),
						  OUT_HAS("what"), OUT_TIME("asked"), OUT_TEXT("pem"), OUT_COUNT("tries"),
						  OUT_TIME("again"), OUT_TEXT("why")) };
static const struct rest_shape taken = { "ListTaken",
					 FIELDS(OUT_HAS("name"), OUT_NUMBER("number"), OUT_COUNT("entries"),
						OUT_COUNT("changed"), OUT_COUNT("foreign"),
						OUT_COUNT("unlisted"), OUT_COUNT("released")) };
static const struct rest_shape arrival = {
	"Arrival", FIELDS(OUT_NUMBER("id"), REST_CERT_OUT, OUT_TEXT("error"), OUT_TEXT("why"), OUT_TEXT("file"),
			  OUT_BOOL("known"), OUT_BOOL("unrequested"), OUT_TEXT("warnings"))
};
static const struct rest_shape arrivals = {
	"Arrivals", FIELDS(OUT_COUNT("taken"), OUT_COUNT("known"), OUT_COUNT("refused"),
			   OUT_COUNT("unrequested"), OUT_COUNT("warned"), OUT_LIST("certificates", arrival))
};
static const struct rest_shape place = { "KeyPlace", FIELDS(OUT_COUNT("place"), OUT_HAS("key_uri"),
							    OUT_TEXT("works"), OUT_TEXT("why")) };
static const struct rest_shape places = { "KeyPlaces", FIELDS(OUT_HAS("name"), OUT_COUNT("copies"),
							      OUT_LIST("keys", place)) };

#define IN_BIG(n, must, h)                                                                         \
	{ .name = n, .kind = REST_TEXT, .required = must, .max = (long)REST_BATCH_MAX, .help = h }
#define IN_CERT                                                                                    \
	IN_MUST("name", "how it will be called"), IN_PEM("cert", true, "its certificate, PEM"),    \
		IN_PEM("chain", false, "those above it, PEM, from its issuer up to a root")
#define IN_GENERATION IN_NUMBER("generation", 1, 100000, "of an earlier key")
#define PLACES "/v1/cas/{ca}/places"

const struct rest_row rest_other_rows[] = {
	{ "POST", "/v1/imported-cas", "ca import",
	  "Imports a CA from elsewhere, with the certificates it issued",
	  ROLE_ADMIN, REST_BIG, 201,
	  FIELDS(IN_CERT, IN_KEY("key", true, "the URI of its key in a token"),
		 IN_BIG("crl", false, "its last complete revocation list, PEM"),
		 IN_BIG("past", false, "certificates that it issued, PEM, one behind the other"), IN_PROPOSAL),
	  &rest_ca, import_ca },
	{ "POST", "/v1/connected-cas", "ca connect",
	  "Records an external CA, which certifies requests from here", ROLE_ADMIN, 0,
	  201,
	  FIELDS(IN_MUST("name", "how it will be called"),
		 IN_PEM("cert", false, "its certificate, PEM; a server may say it itself"),
		 IN_PEM("chain", false, "those above it, PEM, from its issuer up to a root"),
		 IN_WORD("by", "file, when not said: people carry requests and certificates", "file"),
		 IN_TEXT("est", "it is asked by EST: https://HOST[:PORT]"),
		 IN_TEXT("cmp", "it is asked by CMP: http://HOST[:PORT]/PATH, or https"),
		 IN_TEXT("label", "which CA of that server"),
		 IN_PEM("trust", false,
			"the CAs by which the server's TLS is believed, PEM; by CMP also who may sign answers"),
		 IN_TEXT("user", "who asks there; by CMP the reference"),
		 IN_TEXT("password", "of that user; it is kept sealed"),
		 IN_PEM("client_cert", false, "who asks there, PEM with its chain"),
		 IN_KEY("key", false, "the URI of that certificate's key"),
		 IN_TEXT("proxy", "of HTTP; none when not said"),
		 IN_NUMBER("timeout", 1, 600, "seconds of one request, 30 when not said"), IN_PROPOSAL),
	  &rest_ca, connect_ca },
	{ "GET", "/v1/cas/{ca}/requests", "ca requests",
	  "Lists the requests that an external CA has not answered, and the revocations not sent to it",
	  ROLE_AUDITOR, REST_LIST, 0, FIELDS(IN_PAGE), &request, requests_of_ca },
	{ "POST", "/v1/cas/{ca}/lists", "ca crl-import",
	  "Imports the revocation list of an external CA", ROLE_OPERATOR,
	  REST_BIG, 0, FIELDS(IN_BIG("crl", true, "its last complete list, PEM")), &taken, take_list },
	{ "POST", "/v1/cas/{ca}/certificates", "cert import",
	  "Imports certificates that an external CA issued for requests from here", ROLE_OPERATOR, REST_BIG, 0,
	  FIELDS(IN_BIG("certificates", true, "PEM, one behind the other"),
		 IN_BOOL("unrequested", "also what nobody here has asked for")),
	  &arrivals, take_certs },
	{ "GET", PLACES, "ca key list", "Lists the tokens that a CA's key is in", ROLE_AUDITOR, REST_LIST, 0,
	  FIELDS(IN_GENERATION, IN_BOOL("test", "have each sign something")), &place, list_places },
	{ "POST", PLACES, "ca key add", "Records a copy of a CA's key in another token", ROLE_ADMIN, 0, 0,
	  FIELDS(IN_GENERATION, IN_KEY("key", false, "its URI"),
		 IN_TEXT("token", "the token, when the key has the same id in it"),
		 IN_BOOL("first", "it is used in the first place from now on"), IN_PROPOSAL),
	  &places, add_place },
	{ "DELETE", PLACES, "ca key remove",
	  "Removes the record of a copy of a CA's key, which stays in its token", ROLE_ADMIN,
	  0, 0, FIELDS(IN_GENERATION, IN_MUST("key", "its URI, or what is its alone of that")), &places,
	  remove_place },
	{ 0 },
};
