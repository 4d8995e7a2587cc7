/* noun_ca - certification authorities and their revocation lists. */
#include "backoffice/core/ca.h"

#include <stdlib.h>

#include "backoffice/pki/pem.h"
#include "backoffice/pki/profile.h"
#include "tools/nouns.h"
#include "tools/office.h"

static enum inro_err ca_page(struct core *core, const struct call *c, const struct page *page,
			     json_t *list, int64_t *ret_next)
{
	(void)c;
	SCOPED(ca_list) l = { 0 };
	enum inro_err e = ca_find(core, page, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		json_array_append_new(list, json_of_ca(&l.items[i]));
	*ret_next = l.next;
	return e;
}

static enum inro_err ca_list_run(const struct call *c, json_t **ret)
{
	return office_list(c, ca_page, ret);
}

static json_t *chain_pem(const struct chain *chain, size_t n)
{
	struct bytes *ders = calloc(n + 1, sizeof *ders);
	if (!ders)
		return NULL;
	for (size_t i = 0; i < n; i++)
		ders[i] = blob_bytes(&chain->certs[i]);
	json_t *pem = json_of_pem(PEM_CERT, ders, n);
	free(ders);
	return pem;
}

/* Of the key that is asked for: its certificate, or that and those above it. */
static enum inro_err put_chain(struct core *core, const struct call *c, json_t *doc)
{
	SCOPED(chain) chain = { 0 };
	enum inro_err e = ca_chain(core, call_arg(c, 0), (unsigned)call_number(c, "generation", 0),
				   &chain);
	size_t n = call_has(c, "chain") ? chain.n : 1;
	if (!e && (json_object_set_new(doc, "pem", chain_pem(&chain, n)) != 0 ||
		   json_object_set_new(doc, "certificates", json_integer((json_int_t)n)) != 0))
		e = err_set(INRO_E_NO_MEMORY, "memory is short");
	return e;
}

static enum inro_err ca_show_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	const char *name = call_arg(c, 0);
	json_t *doc = NULL;
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_get(core, name, &v);
	if (!e)
		e = json_give(json_of_ca(&v), &doc);
	if (!e && (call_has(c, "chain") || call_has(c, "generation")))
		e = put_chain(core, c, doc);
	else if (!e && call_has(c, "out"))
		json_object_set_new(doc, "certificates", json_integer(1));
	return json_give_or_drop(e, doc, ret);
}

static enum inro_err move(const struct call *c, enum verb verb, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = ca_move(core, call_arg(c, 0), verb, call_opt(c, "why"), &v);
	return e ? e : json_give(json_of_ca(&v), ret);
}

static enum inro_err ca_retire_run(const struct call *c, json_t **ret)
{
	return move(c, VERB_RETIRE, ret);
}

static enum inro_err ca_cancel_run(const struct call *c, json_t **ret)
{
	return move(c, VERB_CANCEL, ret);
}

/* ---- the rows ---- */

#define ARG_CA                                                                                     \
	{                                                                                          \
		.name = "NAME", .help = "the CA's name"                                            \
	}
#define OPT_PATH_LEN                                                                               \
	{                                                                                          \
		.name = "path-len", .arg = "N", .kind = OPT_NUMBER, .zero = "no-sub-ca",           \
		.help = "levels of CAs that may be below it, 1 or more; default: the profile's"    \
	}
#define OPT_NO_SUB_CA                                                                              \
	{                                                                                          \
		.name = "no-sub-ca", .kind = OPT_FLAG, .help = "no CA may be below it"             \
	}
#define OPTS_NAMES                                                                                 \
	{ .name = "permit",                                                                        \
	  .arg = "NAMES",                                                                          \
	  .kind = OPT_TEXT,                                                                        \
	  .repeatable = true,                                                                      \
	  .help = "names of a kind that alone may be certified below it: DNS:example.com, "        \
		  "IP:10.0.0.0/8, email:, URI: or dirName:" },                                     \
		{ .name = "exclude",                                                               \
		  .arg = "NAMES",                                                                  \
		  .kind = OPT_TEXT,                                                                \
		  .repeatable = true,                                                              \
		  .help = "names that may not be certified below it" }
#define OPT_GENERATION                                                                             \
	{                                                                                          \
		.name = "generation", .arg = "N", .kind = OPT_NUMBER,                              \
		.help = "of an earlier key; see 'inro ca keys'"                                    \
	}
#define CA_COLUMNS                                                                                 \
	COLUMNS({ "name", "Name" }, { "state", "State" }, { "issues", "Can issue" },               \
		{ "why_not", "Why not" }, { "parent", "Parent" }, { "subject", "Subject" },        \
		{ "profile", "Profile" }, { "not_before", "Valid from" },                          \
		{ "not_after", "Valid until" }, { "serial", "Serial" },                            \
		{ "fingerprint", "SHA-256" }, { "key_uri", "Key" },                                \
		{ "crl_number", "Last CRL" }, { "crl_at", "Last full CRL of" },                         \
		{ "crl_due", "Next CRL due" }, { "crl_url", "CRL at" },                            \
		{ "delta_url", "Deltas at" }, { "crl_shards", "CRL shards" },              \
		{ "generation", "Key number" }, { "name_constraints", "Names below" })

/* none: the option that says that there is one list; NULL: that is said by saying nothing. */
#define OPTS_LISTS(none) \
	{ .name = "crl-shards", \
	   .arg = "N", \
	   .kind = OPT_NUMBER, \
	   .zero = (none), \
	   .help = "the number of lists that the certificates are divided into" }, \
	{ .name = "crl-url", \
	   .arg = "URL", \
	   .kind = OPT_TEXT, \
	   .help = "where the list is, for new certificates; with ${shard}, " \
		   "${ca.name}; \"\": as the profile says" }, \
	{ .name = "delta-url", \
	   .arg = "URL", \
	   .kind = OPT_TEXT, \
	   .help = "where the deltas are, for complete lists; \"\": none" }
/* Who signs in a CA's place: for OCSP answers and for CMP messages. */
#define OPTS_DELEGATE \
	{ .name = "signer", \
	   .arg = "WHO", \
	   .kind = OPT_CHOICE, \
	   .choices = WORDS("delegated", "ca", "off"), \
	   .help = "a key that the CA certifies for it (default), the CA's own " \
	  	 "key, or nobody" }, \
	{ .name = "token", \
	   .arg = "LABEL", \
	   .kind = OPT_TEXT, \
	   .help = "the token of that key; default: the one that the CA's key is " \
	  	 "in" }, \
	{ .name = "ca-token", \
	   .kind = OPT_FLAG, \
	   .help = "the one that the CA's key is in" }, \
	{ .name = "type", \
	   .arg = "TYPE", \
	   .kind = OPT_CHOICE, \
	   .choices = WORDS(SIGNING_KEY_TYPES), \
	   .help = "its type; default: that of the CA's key" }

const struct cmd_verb ca_verbs[] = {
	{ .name = "create",
	  .summary = "Creates a CA whose key is in a token",
	  .args = ARGS({ .name = "NAME", .help = "its name" }),
	  .opts = OPTS({ .name = "subject",
			 .arg = "DN",
			 .kind = OPT_TEXT,
			 .required = true,
			 .help = "\"/O=Example/CN=Root\" or \"CN=Root,O=Example\"" },
		       { .name = "key",
			 .arg = "URI",
			 .kind = OPT_URI,
			 .help = "its key, if there is one already" },
		       { .name = "token",
			 .arg = "LABEL",
			 .kind = OPT_TEXT,
			 .help = "the token in which its key is made" },
		       OPT_KEY_TYPE,
		       { .name = "label",
			 .arg = "LABEL",
			 .kind = OPT_TEXT,
			 .help = "the new key's label; default: the CA's name" },
		       { .name = "parent",
			 .arg = "CA",
			 .kind = OPT_TEXT,
			 .help = "the CA above it; without it: a root" },
		       { .name = "profile",
			 .arg = "PROFILE",
			 .kind = OPT_TEXT,
			 .known = profile_builtin_at,
			 .help = "the profile; default: root-ca or sub-ca" },
		       { .name = "external",
			 .kind = OPT_FLAG,
			 .help = "others certify it: see 'inro ca csr', 'inro ca activate'" },
		       OPTS_LISTS(NULL), OPT_PATH_LEN, OPT_NO_SUB_CA, OPTS_NAMES, OPT_PROPOSAL,
		       OPT_VALID),
	  .shared = { pin_user_opts },
	  .check = ca_create_check,
	  .run = ca_create_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "CA '{name}' is made, {state}: {subject}" },
	{ .name = "list",
	  .summary = "Lists the CAs",
	  .run = ca_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "name", "NAME" }, { "state", "STATE" }, { "parent", "PARENT" },
			     { "issues", "ISSUES" }, { "not_after", "UNTIL" },
			     { "subject", "SUBJECT" }),
	  .empty = "there is no CA yet; 'inro ca create' makes one" },
	{ .name = "show",
	  .summary = "Shows a CA, or writes its certificate to a file",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "chain",
			 .kind = OPT_FLAG,
			 .help = "its certificate and those above it, up to the root" },
		       OPT_GENERATION),
	  .shared = { out_opts },
	  .run = ca_show_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_RECORD,
	  .raw = "chain",
	  .columns = CA_COLUMNS,
	  .said = "the {certificates:certificate|certificates up to the root} of CA '{name}' "
		  "{certificates:is|are} in {file}" },
	{ .name = "crl",
	  .summary = "Issues a new revocation list",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS(OPT_DAYS("days until the next one is due; default: as 'inro ca set' says"),
		       { .name = "delta",
			 .kind = OPT_FLAG,
			 .help = "a delta: only what has changed since the last complete list" },
		       { .name = "shard",
			 .arg = "N",
			 .kind = OPT_NUMBER,
			 .help = "which list, of a CA whose lists are divided" },
		       OPT_GENERATION,
		       { .name = "all-shards",
			 .kind = OPT_FLAG,
			 .help = "all of them, each in the file that --out names with ${shard}" }),
	  .shared = { out_opts, pin_user_opts },
	  .check = ca_crl_check,
	  .run = ca_crl_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_PEM,
	  .said = "CRL {number} of CA '{ca}' with {entries} {entries:entry|entries} is in {file}" },
	{ .name = "rollover",
	  .summary = "Gives a CA a new key under the same name (rollover)",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "key",
			 .arg = "URI",
			 .kind = OPT_URI,
			 .help = "the next key, if there is one already" },
		       { .name = "token",
			 .arg = "LABEL",
			 .kind = OPT_TEXT,
			 .help = "the token in which it is made" },
		       OPT_KEY_TYPE,
		       { .name = "label",
			 .arg = "LABEL",
			 .kind = OPT_TEXT,
			 .help = "the new key's label; default: NAME.2 and so on" },
		       { .name = "external",
			 .kind = OPT_FLAG,
			 .help = "others certify it: see 'inro ca csr', 'inro ca activate'" },
		       { .name = "crl-url",
			 .arg = "URL",
			 .kind = OPT_TEXT,
			 .help = "where the new key's lists are" },
		       { .name = "delta-url",
			 .arg = "URL",
			 .kind = OPT_TEXT,
			 .help = "where the new key's deltas are" },
		       OPT_PROPOSAL,
		       OPT_VALID),
	  .shared = { pin_user_opts },
	  .check = ca_rollover_check,
	  .run = ca_rollover_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "CA '{name}' is {state} with key {generation}, until {not_after}" },
	{ .name = "import",
	  .summary = "Imports a CA from elsewhere, with the certificates it issued and revoked",
	  .args = ARGS({ .name = "NAME", .help = "its name" }),
	  .opts = OPTS({ .name = "cert",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "its certificate, PEM or DER" },
		       { .name = "key",
			 .arg = "URI",
			 .kind = OPT_URI,
			 .required = true,
			 .help = "its key in a token" },
		       { .name = "chain",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "the CAs above it, PEM, from its issuer up to a root; not "
				 "needed when a CA here signed it" },
		       { .name = "crl",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "its last complete revocation list, PEM or DER" },
		       { .name = "past",
			 .arg = "PATH",
			 .kind = OPT_FILE,
			 .help = "certificates that it issued: a folder, or one file" },
		       OPT_PROPOSAL),
	  .shared = { pin_user_opts },
	  .run = ca_import_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "CA '{name}' is {state}: {past} {past:certificate|certificates} and {entries} "
		  "{entries:entry|entries} of its list are on record, {known} were; {passed_over} are not its; "
		  "{released} {released:was|were} on hold on it and {released:is|are} released here since" },
	{ .name = "connect",
	  .summary = "Records an external CA, which certifies requests from here",
	  .args = ARGS({ .name = "NAME", .help = "its name" }),
	  .opts = ca_connect_opts,
	  .shared = { pin_user_opts },
	  .check = ca_connect_check,
	  .run = ca_connect_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "CA '{name}' is {state}: {subject}; 'inro cert issue --ca {name}' makes requests to it" },
	{ .name = "requests",
	  .summary = "Lists the requests and revocations that an external CA has not answered yet; "
		     "can write the requests to files",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "out-dir",
			 .arg = "FOLDER",
			 .kind = OPT_DIR,
			 .help = "write each as ID.csr in it" }),
	  .run = ca_requests_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "id", "ID" }, { "what", "WHAT" }, { "asked", "ASKED" }, { "device", "DEVICE" },
			     { "subject", "SUBJECT" }, { "tries", "TRIES" }, { "again", "AGAIN" },
			     { "why", "WHY" }, { "file", "FILE" }),
	  .rare = "file",
	  .empty = "no request waits" },
	{ .name = "send",
	  .summary = "Sends the waiting requests and revocations to an external CA's server, and "
		     "imports its answers",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "due", .kind = OPT_FLAG, .help = "only those whose time has come after a failure" }),
	  .shared = { pin_user_opts },
	  .run = ca_send_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "CA '{name}': {came} {came:certificate|certificates} came, {told} "
		  "{told:revocation was|revocations were} taken, {waits} {waits:waits|wait} there, "
		  "{failed} failed, {later} {later:is|are} not due" },
	{ .name = "crl-import",
	  .summary = "Imports the revocation list of an external CA",
	  .args = ARGS(ARG_CA, { .name = "FILE", .help = "its last complete list, PEM or DER" }),
	  .run = ca_crl_import_run,
	  .least = LEAST_OPERATOR,
	  .shape = SHOW_SAID,
	  .said = "list {number} of CA '{name}': {changed} {changed:record|records} changed, {foreign} "
		  "{foreign:entry is|entries are} of certificates not on record; {unlisted} {unlisted:is|are} "
		  "revoked or held here and not on it, {released} {released:is|are} on hold on it and released here "
		  "since" },
	{ .name = "keys",
	  .summary = "Lists a CA's present and former keys, and until when revocation lists are "
		     "made for each",
	  .args = ARGS(ARG_CA),
	  .run = ca_keys_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "generation", "KEY" }, { "state", "STATE" },
			     { "not_after", "UNTIL" }, { "lists_until", "LISTS UNTIL" },
			     { "crl_number", "LAST CRL" }, { "key_uri", "URI" }),
	  .empty = "the CA has no key" },
	{ .name = "key add",
	  .summary = "Records another token that has the CA's key, for when the first is not there",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "key",
			 .arg = "URI",
			 .kind = OPT_URI,
			 .help = "the key in that token" },
		       { .name = "token",
			 .arg = "LABEL",
			 .kind = OPT_TEXT,
			 .help = "the token, when the key has the same id in it" },
		       { .name = "first",
			 .kind = OPT_FLAG,
			 .help = "use this one first from now on" },
		       OPT_GENERATION, OPT_PROPOSAL),
	  .shared = { pin_user_opts },
	  .check = ca_place_add_check,
	  .run = ca_place_add_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "places of the key of CA '{name}' on record: {copies}" },
	{ .name = "key remove",
	  .summary = "Removes a token from the CA's list of tokens; the key stays in it",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "key",
			 .arg = "URI",
			 .kind = OPT_URI,
			 .required = true,
			 .help = "the key, as 'inro ca key list' shows it, or what is its alone of that: "
				 "pkcs11:token=LABEL" },
		       OPT_GENERATION),
	  .run = ca_place_remove_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "places of the key of CA '{name}' on record: {copies}" },
	{ .name = "key list",
	  .summary = "Lists the tokens that have the CA's key, in the order in which they are "
		     "tried",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "test",
			 .kind = OPT_FLAG,
			 .help = "have each key sign something, and report which can't" },
		       OPT_GENERATION),
	  .shared = { pin_user_opts },
	  .run = ca_place_list_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_TABLE,
	  .columns = COLUMNS({ "place", "PLACE" }, { "works", "WORKS" }, { "key_uri", "URI" },
			     { "why", "WHY NOT" }),
	  .rare = "works",
	  .empty = "the CA has no key" },
	{ .name = "links",
	  .summary = "Shows the link certificates between a root's old and new key",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "generation",
			 .arg = "N",
			 .kind = OPT_NUMBER,
			 .help = "between key N and the one after it; default: between the latest two" }),
	  .shared = { out_opts },
	  .run = ca_links_run,
	  .least = LEAST_AUDITOR,
	  .reads = true,
	  .shape = SHOW_PEM,
	  .said = "new with old and old with new of CA '{name}' are in {file}" },
	{ .name = "csr",
	  .summary = "Shows the certificate request of a CA that others certify",
	  .args = ARGS(ARG_CA),
	  .shared = { out_opts },
	  .run = ca_csr_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_PEM,
	  .said = "the request of CA '{name}' is in {file}" },
	{ .name = "activate",
	  .summary = "Imports the certificate that others issued for a CA",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "cert",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "the certificate, PEM or DER" },
		       { .name = "chain",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .help = "the CAs above it, PEM, from its issuer up to a root; not "
				 "needed when a CA here signed it" },
		       OPT_PROPOSAL),
	  .run = ca_activate_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "CA '{name}' is {state}: {subject}, until {not_after}" },
	{ .name = "certify",
	  .summary = "Certifies somebody else's CA, or one of another back office",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "csr",
			 .arg = "FILE",
			 .kind = OPT_FILE,
			 .required = true,
			 .help = "its request, PEM or DER; - is standard input" },
		       { .name = "profile",
			 .arg = "PROFILE",
			 .kind = OPT_TEXT,
			 .known = profile_builtin_at,
			 .help = "the profile; default: sub-ca" },
		       OPT_PATH_LEN, OPT_NO_SUB_CA, OPTS_NAMES, OPT_PROPOSAL, OPT_VALID),
	  .shared = { out_opts, pin_user_opts },
	  .check = ca_certify_check,
	  .run = ca_certify_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_PEM,
	  .said = "certificate {serial} ({subject}) is in {file}" },
	{ .name = "cancel",
	  .summary = "Stops waiting for a CA's certificate; its key stays",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS(OPT_WHY),
	  .run = ca_cancel_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "CA '{name}' is {state}" },
	{ .name = "set",
	  .summary = "Changes how a CA's revocation lists are made",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "crl-days",
			 .arg = "N",
			 .kind = OPT_NUMBER,
			 .help = "days until the next list is due; default: 7" },
		       { .name = "crl-overlap-hours",
			 .arg = "N",
			 .kind = OPT_NUMBER,
			 .zero = "no-crl-overlap",
			 .help = "hours that a list is valid beyond that" },
		       { .name = "no-crl-overlap",
			 .kind = OPT_FLAG,
			 .help = "a list ends when the next one is due" },
		       { .name = "delta-hours",
			 .arg = "N",
			 .kind = OPT_NUMBER,
			 .help = "hours until the next delta is due; default: 24" },
		       { .name = "no-crl-shards",
			 .kind = OPT_FLAG,
			 .help = "one list of everything" },
		       OPTS_LISTS("no-crl-shards")),
	  .check = ca_set_check,
	  .run = ca_set_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "CA '{name}' has new settings" },
	{ .name = "ocsp",
	  .summary = "Shows or changes how OCSP answers about a CA's certificates are signed",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS({ .name = "minutes",
			 .arg = "N",
			 .kind = OPT_NUMBER,
			 .help = "minutes that an answer is valid; default: 60" },
		       OPTS_DELEGATE,
		       { .name = "id",
			 .arg = "HOW",
			 .kind = OPT_CHOICE,
			 .choices = WORDS("key", "name"),
			 .help = "how an answer names its signer: by the hash of its key "
				 "(default) or by its name" }),
	  .check = ca_ocsp_check,
	  .run = ca_ocsp_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS({ "name", "Name" }, { "signer", "Who answers" },
			     { "minutes", "Minutes" }, { "id", "Named by" }, { "token", "Token" },
			     { "type", "Type" }, { "keys", "Keys" }) },
	{ .name = "cmp",
	  .summary = "Shows or changes who signs CMP messages, and keys made for devices, in a CA's "
		     "name",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS(OPTS_DELEGATE),
	  .check = ca_cmp_check,
	  .run = ca_cmp_run,
	  .least = LEAST_AUDITOR,
	  .shape = SHOW_RECORD,
	  .columns = COLUMNS({ "name", "Name" }, { "signer", "Who signs" }, { "token", "Token" },
			     { "type", "Type" }, { "key_uri", "Key" }, { "serial", "Serial" },
			     { "not_after", "Valid until" }, { "by_ca", "The CA's own" }) },
	{ .name = "retire",
	  .summary = "Retires a CA: it issues no more, its certificates stay valid",
	  .args = ARGS(ARG_CA),
	  .opts = OPTS(OPT_WHY),
	  .run = ca_retire_run,
	  .least = LEAST_ADMIN,
	  .shape = SHOW_SAID,
	  .said = "CA '{name}' is {state}" },
	{ 0 },
};
