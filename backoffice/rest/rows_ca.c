/* rows_ca - CAs, their keys and lists, and the profiles by which they issue. */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/profile_store.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/status.h"
#include "backoffice/pki/crl.h"
#include "backoffice/pki/pem.h"
#include "backoffice/pki/profile.h"
#include "backoffice/rest/creds.h"
#include "backoffice/rest/lists.h"
#include "backoffice/show/doc.h"

/* ---- CAs ---- */

static enum inro_err list_cas(struct rest *r, json_t **ret)
{
	SCOPED(ca_list) l = { 0 };
	struct page page;
	json_t *items = json_array();
	enum inro_err e = rest_page(r, &page);

	if (e == INRO_OK)
		e = ca_find(r->core, &page, &l);
	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, json_of_ca(&l.items[i]));
	return rest_give_numbered(e, items, l.next, ret);
}

/* NULL: as the profile says. */
static const unsigned *path_len_of(const struct rest *r, unsigned *room)
{
	*room = (unsigned)rest_number(r, "path_len", 0);
	return rest_given(r, "path_len") ? room : NULL;
}

static enum inro_err read_constraints(const struct rest *r, struct buf *ret)
{
	const char *permit[REST_TEXTS_MAX], *exclude[REST_TEXTS_MAX];
	size_t permit_n = rest_texts(r, "permit", permit);
	size_t exclude_n = rest_texts(r, "exclude", exclude);

	return ca_read_constraints(permit, permit_n, exclude, exclude_n, ret);
}

static struct ca_settings lists_wanted(const struct rest *r)
{
	return (struct ca_settings) {
		.crl_days = rest_number(r, "crl_days", CA_AS_IT_IS),
		.overlap_hours = rest_number(r, "crl_overlap_hours", CA_AS_IT_IS),
		.delta_hours = rest_number(r, "delta_hours", CA_AS_IT_IS),
		.shards = rest_number(r, "crl_shards", CA_AS_IT_IS),
		.crl_url = rest_text(r, "crl_url"),
		.delta_url = rest_text(r, "delta_url"),
	};
}

static enum inro_err create_ca(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	SCOPED(buf) constraints = { 0 };
	unsigned path_len;
	const struct ca_settings lists = lists_wanted(r);
	struct ca_request in = {
		.name = rest_text(r, "name"),
		.subject = rest_text(r, "subject"),
		.parent = rest_text(r, "parent"),
		.profile = rest_text(r, "profile"),
		.key_uri = rest_text(r, "key"),
		.token = rest_text(r, "token"),
		.key_type = rest_text(r, "type"),
		.label = rest_text(r, "label"),
		.path_len = path_len_of(r, &path_len),
		.days = (unsigned)rest_number(r, "days", 0),
		.external = rest_true(r, "external"),
		.lists = &lists,
		.proposal = rest_number(r, "proposal", 0),
	};
	enum inro_err e = read_constraints(r, &constraints);

	in.constraints = buf_bytes(&constraints);
	if (e == INRO_OK && !in.key_uri == !in.token)
		e = err_set(INRO_E_ARG, "the CA's key: the member 'key' or 'token'");
	if (e == INRO_OK)
		e = ca_create(r->core, &in, &v);
	return e == INRO_OK ? json_give(json_of_ca(&v), ret) : e;
}

static enum inro_err show_ca(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	enum inro_err e = ca_get(r->core, r->args[0], &v);

	return e == INRO_OK ? json_give(json_of_ca(&v), ret) : e;
}

static enum inro_err ca_chain_pem(struct rest *r, json_t **ret)
{
	SCOPED(chain) chain = { 0 };
	enum inro_err e =
		ca_chain(r->core, r->args[0], (unsigned)rest_number(r, "generation", 0), &chain);

	return e == INRO_OK ? rest_give_chain(r, &chain, NULL, ret) : e;
}

static enum inro_err set_ca(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	const struct ca_settings in = lists_wanted(r);
	enum inro_err e = ca_set(r->core, r->args[0], &in, &v);

	return e == INRO_OK ? json_give(json_of_ca(&v), ret) : e;
}

static enum inro_err move_ca(struct rest *r, enum verb verb, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	enum inro_err e = ca_move(r->core, r->args[0], verb, rest_text(r, "why"), &v);

	return e == INRO_OK ? json_give(json_of_ca(&v), ret) : e;
}

static enum inro_err retire_ca(struct rest *r, json_t **ret)
{
	return move_ca(r, VERB_RETIRE, ret);
}

static enum inro_err cancel_ca(struct rest *r, json_t **ret)
{
	return move_ca(r, VERB_CANCEL, ret);
}

static enum inro_err activate_ca(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	const struct ca_activation in = { .cert = bytes_of(rest_text(r, "cert")),
					  .chain = bytes_of(rest_text(r, "chain")),
					  .proposal = rest_number(r, "proposal", 0) };
	enum inro_err e = ca_activate(r->core, r->args[0], &in, &v);

	return e == INRO_OK ? json_give(json_of_ca(&v), ret) : e;
}

static enum inro_err certify_ca(struct rest *r, json_t **ret)
{
	SCOPED(cred) cert = { 0 };
	SCOPED(buf) constraints = { 0 };
	unsigned path_len;
	const char *profile = rest_text(r, "profile");
	struct cred_request in = { .csr = bytes_of(rest_text(r, "csr")),
				   .ca = r->args[0],
				   .profile = profile ? profile : "sub-ca",
				   .path_len = path_len_of(r, &path_len),
				   .days = (unsigned)rest_number(r, "days", 0),
				   .proposal = rest_number(r, "proposal", 0) };
	enum inro_err e = read_constraints(r, &constraints);

	in.constraints = buf_bytes(&constraints);
	if (e == INRO_OK)
		e = ca_certify(r->core, &in, &cert);
	return e == INRO_OK ? json_give(json_of_cred(&cert), ret) : e;
}

static enum inro_err roll_ca(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	const struct ca_rollover in = { .name = r->args[0],
					.key_uri = rest_text(r, "key"),
					.token = rest_text(r, "token"),
					.key_type = rest_text(r, "type"),
					.label = rest_text(r, "label"),
					.days = (unsigned)rest_number(r, "days", 0),
					.external = rest_true(r, "external"),
					.crl_url = rest_text(r, "crl_url"),
					.delta_url = rest_text(r, "delta_url"),
					.proposal = rest_number(r, "proposal", 0) };
	enum inro_err e;

	if (!in.key_uri == !in.token)
		return err_set(INRO_E_ARG, "the CA's next key: the member 'key' or 'token'");
	e = ca_rollover(r->core, &in, &v);
	return e == INRO_OK ? json_give(json_of_ca(&v), ret) : e;
}

static enum inro_err list_ca_keys(struct rest *r, json_t **ret)
{
	SCOPED(ca_keys) keys = { 0 };
	json_t *items = json_array();
	enum inro_err e = ca_keys(r->core, r->args[0], &keys);

	for (size_t i = 0; e == INRO_OK && i < keys.n; i++)
		json_array_append_new(items, json_of_ca_key(&keys.items[i]));
	return rest_give_page(e, items, NULL, ret);
}

static json_t *number_or_null(int64_t n)
{
	return n ? json_integer((json_int_t)n) : json_null();
}

static enum inro_err give_list(const struct crl_wish *w, const struct crl_info *info, struct crl *list,
			       json_t **ret)
{
	SCOPED(buf) der = { 0 };
	SCOPED(buf) pem = { 0 };
	enum inro_err e = crl_whole(list, &der);

	pem_add(&pem, PEM_CRL, buf_bytes(&der));
	if (e == INRO_OK)
		e = buf_err(&pem);
	if (e != INRO_OK)
		return e;
	return json_give(json_pack("{s:s s:I s:o s:o s:o s:o s:I s:o}", "ca", w->ca, "number",
				   (json_int_t)info->number, "base", number_or_null(info->base), "shard",
				   number_or_null(w->shard), "this_update", json_of_time(info->this_update),
				   "next_update", json_of_time(info->next_update), "entries",
				   (json_int_t)info->entries, "pem", text_json(buf_bytes(&pem))),
			 ret);
}

static enum inro_err make_crl(struct rest *r, json_t **ret)
{
	const struct crl_wish w = { .ca = r->args[0],
				    .days = (unsigned)rest_number(r, "days", 0),
				    .shard = (unsigned)rest_number(r, "shard", 0),
				    .delta = rest_true(r, "delta"),
				    .generation = (unsigned)rest_number(r, "generation", 0) };
	SCOPED(crl) list = { 0 };
	struct crl_info info = { 0 };
	enum inro_err e = ca_crl_list(r->core, &w, &list, &info);

	return e == INRO_OK ? give_list(&w, &info, &list, ret) : e;
}

static enum inro_err ca_links(struct rest *r, json_t **ret)
{
	return json_of_ca_links(r->core, r->args[0], (unsigned)rest_number(r, "generation", 0), ret);
}

static enum inro_err ca_request(struct rest *r, json_t **ret)
{
	return json_of_ca_csr(r->core, r->args[0], ret);
}

static enum inro_err give_ca_ocsp(struct rest *r, const struct ca_view *v, json_t **ret)
{
	SCOPED(status_issuers) l = { 0 };
	enum inro_err e = status_issuers(r->core, &l);

	return e == INRO_OK ? json_give(json_of_ca_ocsp(v, &l), ret) : e;
}

static enum inro_err show_ca_ocsp(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	enum inro_err e = ca_get(r->core, r->args[0], &v);

	return e == INRO_OK ? give_ca_ocsp(r, &v, ret) : e;
}

static enum inro_err set_ca_ocsp(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	const struct ca_ocsp in = { .minutes = (unsigned)rest_number(r, "minutes", 0),
				    .signs = rest_text(r, "signer"),
				    .id = rest_text(r, "id"),
				    .token = rest_text(r, "token"),
				    .key_type = rest_text(r, "type") };
	enum inro_err e = ca_set_ocsp(r->core, r->args[0], &in, &v);

	return e == INRO_OK ? give_ca_ocsp(r, &v, ret) : e;
}

static enum inro_err give_ca_cmp(struct rest *r, const struct ca_view *v, json_t **ret)
{
	SCOPED(ca_messages) m = { 0 };
	enum inro_err e = ca_messages(r->core, &v->rec, &m);

	return e == INRO_OK ? json_give(json_of_ca_cmp(v, &m), ret) : e;
}

static enum inro_err show_ca_cmp(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	enum inro_err e = ca_get(r->core, r->args[0], &v);

	return e == INRO_OK ? give_ca_cmp(r, &v, ret) : e;
}

static enum inro_err set_ca_cmp(struct rest *r, json_t **ret)
{
	SCOPED(ca_view) v = { 0 };
	const struct ca_cmp in = { .signs = rest_text(r, "signer"),
				   .token = rest_text(r, "token"),
				   .key_type = rest_text(r, "type") };
	enum inro_err e = ca_set_cmp(r->core, r->args[0], &in, &v);

	return e == INRO_OK ? give_ca_cmp(r, &v, ret) : e;
}

/* ---- profiles ---- */

static json_t *profile_doc(const struct profile_version *v)
{
	return json_pack("{s:o s:o s:o s:o s:o s:o}", "name", json_of_text(v->name), "version",
			 json_integer(v->version), "actor", json_of_text(v->actor), "created",
			 json_of_time(v->created_ms / 1000), "ended",
			 json_of_time(v->ended_ms / 1000), "text", text_json(blob_bytes(&v->body)));
}

static bool has_own(const struct profile_list *own, const char *name)
{
	for (size_t i = 0; i < own->n; i++)
		if (strcmp(own->items[i].name, name) == 0)
			return true;
	return false;
}

static enum inro_err add_builtins(struct rest *r, const struct profile_list *own, json_t *items)
{
	const char *name;
	enum inro_err e = INRO_OK;

	for (size_t i = 0; e == INRO_OK && (name = profile_builtin_at(i)); i++) {
		SCOPED(profile_version) v = { 0 };

		if (has_own(own, name))
			continue;
		e = profile_text(r->core, name, 0, &v);
		if (e == INRO_OK)
			json_array_append_new(items, profile_doc(&v));
	}
	return e;
}

static enum inro_err list_profiles(struct rest *r, json_t **ret)
{
	SCOPED(profile_list) own = { 0 };
	json_t *items = json_array();
	enum inro_err e = profile_find(r->core, &own);

	if (e == INRO_OK)
		e = add_builtins(r, &own, items);
	for (size_t i = 0; e == INRO_OK && i < own.n; i++)
		json_array_append_new(items, profile_doc(&own.items[i]));
	return rest_give_page(e, items, NULL, ret);
}

static enum inro_err show_profile(struct rest *r, json_t **ret)
{
	SCOPED(profile_version) v = { 0 };
	enum inro_err e = profile_text(r->core, r->args[0], rest_number(r, "version", -1), &v);

	return e == INRO_OK ? json_give(profile_doc(&v), ret) : e;
}

static enum inro_err past_profiles(struct rest *r, json_t **ret)
{
	SCOPED(profile_list) l = { 0 };
	json_t *items = json_array();
	enum inro_err e = profile_history(r->core, r->args[0], &l);

	for (size_t i = 0; e == INRO_OK && i < l.n; i++)
		json_array_append_new(items, profile_doc(&l.items[i]));
	return rest_give_page(e, items, NULL, ret);
}

static enum inro_err give_profile(struct rest *r, enum profile_giving how, json_t **ret)
{
	SCOPED(profile_version) v = { 0 };
	enum inro_err e =
		profile_give(r->core, bytes_of(rest_text(r, "text")), "the profile", how, &v);

	return e == INRO_OK ? json_give(profile_doc(&v), ret) : e;
}

static enum inro_err add_profile(struct rest *r, json_t **ret)
{
	return give_profile(r, PROFILE_NEW, ret);
}

static enum inro_err set_profile(struct rest *r, json_t **ret)
{
	return give_profile(r, PROFILE_ANOTHER, ret);
}

static enum inro_err remove_profile(struct rest *r, json_t **ret)
{
	SCOPED(profile_version) v = { 0 };

	(void)ret;
	return profile_remove(r->core, r->args[0], rest_text(r, "why"), &v);
}

/* ---- the rows ---- */

const struct rest_shape rest_ca = {
	"CA", FIELDS(OUT_HAS("name"), OUT_HAS("state"), OUT_TEXT("parent"), OUT_TEXT("subject"),
		     OUT_TEXT("profile"), OUT_TIME("not_before"), OUT_TIME("not_after"),
		     OUT_TEXT("key_uri"), OUT_BOOL("issues"), OUT_TEXT("why_not"),
		     OUT_NUMBER("crl_number"), OUT_TIME("crl_at"), OUT_NUMBER("certificate"),
		     OUT_TEXT("pem"), OUT_TEXT("serial"), OUT_TEXT("fingerprint"), OUT_TEXT("name_constraints"), OUT_TIME("crl_due"),
		     OUT_NUMBER("crl_days"), OUT_NUMBER("crl_overlap_hours"), OUT_NUMBER("delta_hours"),
		     OUT_NUMBER("crl_shards"), OUT_TEXT("crl_url"), OUT_TEXT("delta_url"),
		     OUT_NUMBER("generation"), OUT_NUMBER("entries"), OUT_NUMBER("past"), OUT_NUMBER("known"),
		     OUT_NUMBER("passed_over"), OUT_NUMBER("released"))
};
static const struct rest_shape ca_key = {
	"CAKey", FIELDS(OUT_COUNT("generation"), OUT_HAS("state"), OUT_TEXT("key_uri"),
			OUT_TIME("not_before"), OUT_TIME("not_after"), OUT_NUMBER("crl_number"),
			OUT_TIME("crl_at"), OUT_TIME("crl_next"), OUT_TIME("lists_until"), OUT_TEXT("pem"))
};
static const struct rest_shape crl = { "CRL", FIELDS(OUT_HAS("ca"), OUT_COUNT("number"), OUT_NUMBER("base"), OUT_NUMBER("shard"),
						     OUT_TIME("this_update"), OUT_TIME("next_update"), OUT_COUNT("entries"),
						     OUT_HAS("pem")) };
static const struct rest_shape ca_links_out = {
	"CALinks", FIELDS(OUT_HAS("name"), OUT_COUNT("generation"), OUT_HAS("new_with_old"),
			  OUT_HAS("old_with_new"), OUT_HAS("pem"))
};
static const struct rest_shape ca_request_out = { "CARequest", FIELDS(OUT_HAS("name"), OUT_HAS("state"),
								      OUT_HAS("pem")) };
static const struct rest_shape answering = {
	"OCSPKey", FIELDS(OUT_COUNT("generation"), OUT_TEXT("key_uri"), OUT_TEXT("serial"), OUT_TIME("not_after"))
};
static const struct rest_shape ca_ocsp_out = {
	"CAOCSP", FIELDS(OUT_HAS("name"), OUT_HAS("signer"), OUT_COUNT("minutes"), OUT_HAS("id"),
			 OUT_TEXT("token"), OUT_TEXT("type"), OUT_LIST("keys", answering))
};
static const struct rest_shape ca_cmp_out = {
	"CACMP", FIELDS(OUT_HAS("name"), OUT_HAS("signer"), OUT_TEXT("token"), OUT_TEXT("type"),
			OUT_TEXT("key_uri"), OUT_TEXT("serial"), OUT_TIME("not_after"), OUT_BOOL("by_ca"))
};
static const struct rest_shape profile = { "Profile",
					   FIELDS(OUT_HAS("name"), OUT_COUNT("version"), OUT_TEXT("actor"),
						  OUT_TIME("created"), OUT_TIME("ended"), OUT_TEXT("text")) };

#define NEW_KEY                                                                                    \
	IN_KEY("key", false, "the URI of one that is there"),                                      \
		IN_TEXT("token", "the token in which one is made"),                                \
		IN_TEXT("type", "of that key, ec-p256 when not said"), IN_TEXT("label", "of that key"), \
		IN_NUMBER("days", 1, 36500, "how long the certificate is valid"),                  \
		IN_BOOL("external", "others certify it")
#define NAMES                                                                                      \
	{ .name = "permit", .kind = REST_TEXTS,                                                    \
	  .help = "only these names may be certified below, as DNS:example.com" },                 \
		{ .name = "exclude", .kind = REST_TEXTS, .help = "these may not" },                \
		IN_NUMBER("path_len", 0, 255, "CAs that may be below, one under the other")
#define IN_SHARDS IN_NUMBER("crl_shards", 0, 4096, "parts of a list; 0: one list of everything")
#define URLS                                                                                       \
	IN_TEXT("crl_url", "of its lists, in certificates"), IN_TEXT("delta_url", "of deltas, in lists")

const struct rest_row rest_ca_rows[] = {
	{ "GET", "/v1/cas", "ca list", "Lists CAs", ROLE_AUDITOR, REST_LIST, 0, FIELDS(IN_PAGE), &rest_ca,
	  list_cas },
	{ "POST", "/v1/cas", "ca create", "Creates a CA whose key is in a token", ROLE_ADMIN, 0, 201,
	  FIELDS(IN_MUST("name", "how it will be called"), IN_MUST("subject", "as CN=Root,O=Example"),
		 IN_TEXT("parent", "the CA above it; none: a root"),
		 IN_TEXT("profile", "root-ca or sub-ca when not said"), NEW_KEY, NAMES, IN_SHARDS, URLS,
		 IN_PROPOSAL),
	  &rest_ca, create_ca },
	{ "GET", "/v1/cas/{ca}", "ca show", "Shows a CA, with its certificate", ROLE_AUDITOR, 0, 0, NULL,
	  &rest_ca, show_ca },
	{ "GET", "/v1/cas/{ca}/chain", "ca chain", "Gives a CA's certificate and its chain",
	  ROLE_AUDITOR, 0, 0, FIELDS(IN_NUMBER("generation", 1, 100000, "of an earlier key"), REST_CHAIN_FORMAT), &rest_pem,
	  ca_chain_pem },
	{ "PATCH", "/v1/cas/{ca}", "ca set", "Sets how a CA's lists are made", ROLE_ADMIN, 0, 0,
	  FIELDS(IN_NUMBER("crl_days", 1, 3650, "until the next list is due"),
		 IN_NUMBER("crl_overlap_hours", 0, 8760, "that a list is valid beyond that"),
		 IN_NUMBER("delta_hours", 1, 8760, "the same of a delta"),
		 IN_SHARDS, URLS),
	  &rest_ca, set_ca },
	{ "POST", "/v1/cas/{ca}/retire", "ca retire", "Retires a CA: it issues no more", ROLE_ADMIN, 0, 0,
	  FIELDS(IN_WHY), &rest_ca, retire_ca },
	{ "POST", "/v1/cas/{ca}/cancel", "ca cancel", "Stops waiting for a CA's certificate",
	  ROLE_ADMIN, 0, 0, FIELDS(IN_WHY), &rest_ca, cancel_ca },
	{ "POST", "/v1/cas/{ca}/activate", "ca activate",
	  "Imports the certificate that others issued for a CA",
	  ROLE_ADMIN, 0, 0,
	  FIELDS(IN_PEM("cert", true, "PEM"), IN_PEM("chain", false, "PEM, from its issuer up"), IN_PROPOSAL),
	  &rest_ca, activate_ca },
	{ "POST", "/v1/cas/{ca}/certify", "ca certify", "Certifies somebody else's CA for its request",
	  ROLE_ADMIN, 0, 201,
	  FIELDS(IN_PEM("csr", true, "PEM"), IN_TEXT("profile", "sub-ca when not said"),
		 IN_NUMBER("days", 1, 36500, "how long it is valid"), NAMES, IN_PROPOSAL),
	  &rest_certificate, certify_ca },
	{ "POST", "/v1/cas/{ca}/rollover", "ca rollover", "Gives a CA a new key (rollover)", ROLE_ADMIN, 0, 0,
	  FIELDS(NEW_KEY, URLS, IN_PROPOSAL), &rest_ca, roll_ca },
	{ "GET", "/v1/cas/{ca}/keys", "ca keys", "Lists a CA's former, present and next keys",
	  ROLE_AUDITOR, REST_LIST, 0, NULL, &ca_key, list_ca_keys },
	{ "POST", "/v1/cas/{ca}/crl", "ca crl", "Issues a new revocation list", ROLE_OPERATOR, 0, 0,
	  FIELDS(IN_NUMBER("days", 1, 3650, "until the next one is due"),
		 IN_BOOL("delta", "only what has changed since the last complete list"),
		 IN_NUMBER("shard", 1, 4096, "this part, where a CA's list is divided"),
		 IN_NUMBER("generation", 1, 100000, "of an earlier key, and what that one signed")),
	  &crl, make_crl },
	{ "GET", "/v1/cas/{ca}/links", "ca links",
	  "Gives the link certificates between a root's old and new key", ROLE_AUDITOR, 0, 0,
	  FIELDS(IN_NUMBER("generation", 1, 100000, "between this key and the one after it; the latest two when not said")),
	  &ca_links_out, ca_links },
	{ "GET", "/v1/cas/{ca}/csr", "ca csr", "Gives the certificate request of a CA that others certify",
	  ROLE_AUDITOR, 0, 0, NULL, &ca_request_out, ca_request },
	{ "GET", "/v1/cas/{ca}/ocsp", "ca ocsp",
	  "Shows how OCSP answers about a CA's certificates are signed",
	  ROLE_AUDITOR, 0, 0, NULL, &ca_ocsp_out, show_ca_ocsp },
	{ "PATCH", "/v1/cas/{ca}/ocsp", "ca ocsp set",
	  "Changes how OCSP answers are signed", ROLE_ADMIN, 0, 0,
	  FIELDS(IN_NUMBER("minutes", 1, 366 * 24 * 60, "that an answer is good"),
		 IN_WORD("signer", "a key of its own, the CA's, or nobody", "delegated", "ca", "off"),
		 IN_WORD("id", "how he is named in answers", "key", "name"),
		 IN_TEXT("token", "where his key is made; null: in the CA's"),
		 IN_TEXT("type", "of that key; null: as the CA's")),
	  &ca_ocsp_out, set_ca_ocsp },
	{ "GET", "/v1/cas/{ca}/cmp", "ca cmp",
	  "Shows who signs CMP messages, and keys made for devices, in a CA's name",
	  ROLE_AUDITOR, 0, 0, NULL, &ca_cmp_out, show_ca_cmp },
	{ "PATCH", "/v1/cas/{ca}/cmp", "ca cmp set",
	  "Changes who signs CMP messages in a CA's name", ROLE_ADMIN, 0, 0,
	  FIELDS(IN_WORD("signer", "a key of its own, the CA's, or nobody", "delegated", "ca", "off"),
		 IN_TEXT("token", "where that key is made; null: in the CA's"),
		 IN_TEXT("type", "of that key; null: as the CA's")),
	  &ca_cmp_out, set_ca_cmp },
	{ "GET", "/v1/profiles", "profile list", "Lists the kinds of certificates", ROLE_AUDITOR, REST_LIST,
	  0, NULL, &profile, list_profiles },
	{ "POST", "/v1/profiles", "profile add", "Adds a profile to the database", ROLE_ADMIN, 0, 201,
	  FIELDS(IN_PEM("text", true, "the profile, INI")), &profile, add_profile },
	{ "PUT", "/v1/profiles", "profile set", "Replaces the profile of that name",
	  ROLE_ADMIN, 0, 0, FIELDS(IN_PEM("text", true, "the profile, INI")), &profile, set_profile },
	{ "GET", "/v1/profiles/{profile}", "profile show", "Shows a profile", ROLE_AUDITOR, 0, 0,
	  FIELDS(IN_NUMBER("version", 0, 1000000, "an earlier text; 0: the built-in one")), &profile,
	  show_profile },
	{ "DELETE", "/v1/profiles/{profile}", "profile remove", "Removes a profile from the database",
	  ROLE_ADMIN, 0, 0, FIELDS(IN_WHY), NULL, remove_profile },
	{ "GET", "/v1/profiles/{profile}/history", "profile history", "Lists the versions of a profile",
	  ROLE_AUDITOR, REST_LIST, 0, NULL, &profile, past_profiles },
	{ 0 },
};
