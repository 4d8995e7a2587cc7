/* noun_csr - certificate requests signed by keys in tokens. */
#include "backoffice/core/provision.h"
#include "backoffice/pki/pem.h"
#include "tools/nouns.h"
#include "tools/office.h"

static enum inro_err csr_create_run(const struct call *c, json_t **ret)
{
	SCOPED(buf) der = { 0 };
	const char *sans[CALL_MAX_OPTS];
	struct core_options o = office_options(c);
	struct csr_request r = {
		.key_uri = call_opt(c, "key"),
		.subject = call_opt(c, "subject"),
		.sans = sans,
		.sans_n = call_opts(c, "san", sans),
	};
	enum inro_err e = csr_create(&o, &r, &der);
	if (e)
		return e;
	struct bytes whole = buf_bytes(&der);
	return json_give(json_pack("{s:s s:s s:o}", "key_uri", r.key_uri, "subject", r.subject,
				   "pem", json_of_pem(PEM_CSR, &whole, 1)),
			 ret);
}

/* ---- the rows ---- */

const struct cmd_verb csr_verbs[] = {
	{ .name = "create",
	  .summary = "Creates a certificate request, signed by a key in a token",
	  .opts = OPTS({ .name = "key",
			 .arg = "URI",
			 .kind = OPT_URI,
			 .required = true,
			 .help = "the key" },
		       { .name = "subject",
			 .arg = "DN",
			 .kind = OPT_TEXT,
			 .required = true,
			 .help = "\"/O=Example/CN=name\" or \"CN=name,O=Example\"" },
		       OPT_SAN),
	  .shared = { out_opts, pin_user_opts },
	  .run = csr_create_run,
	  .least = LEAST_NONE,
	  .shape = SHOW_PEM,
	  .said = "the request is in {file}" },
	{ 0 },
};
