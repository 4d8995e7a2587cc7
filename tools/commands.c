/*
 * commands - the one table of everything that `inro` can do; each noun's rows are in its own file.
 *
 * Only what works is listed.  Order: as help shows it.
 */
#include "tools/nouns.h"

const struct cmd_opt cmd_global_opts[] = {
	{ .name = "home",
	  .arg = "DIR",
	  .kind = OPT_DIR,
	  .help = "tokens and database are here, in place of INRO_HOME" },
	{ .name = "tenant",
	  .arg = "NAME",
	  .kind = OPT_TEXT,
	  .help = "whose records they are, in place of INRO_TENANT" },
	{ .name = "as",
	  .arg = "NAME",
	  .kind = OPT_TEXT,
	  .help = "the account of who is at work, in place of INRO_AS" },
	{ .name = "password-source",
	  .arg = "FILE",
	  .kind = OPT_FILE,
	  .help = "file with the account's password (else INRO_PASSWORD, else a prompt)" },
	{ .name = "json", .kind = OPT_FLAG, .help = "answer with one JSON document" },
	{ .name = "help", .kind = OPT_FLAG, .help = "say what there is to know" },
	{ .name = "version", .kind = OPT_FLAG, .help = "say which version this is" },
	{ 0 },
};

const struct cmd_noun cmd_nouns[] = {
	{ "token", "tokens, which hold keys", token_verbs },
	{ "key", "keys in tokens", key_verbs },
	{ "attest", "evidence that keys are in a TPM", attest_verbs },
	{ "csr", "certificate requests", csr_verbs },
	{ "ca", "certification authorities and their revocation lists", ca_verbs },
	{ "profile", "kinds of certificates", profile_verbs },
	{ "cert", "certificates and their lifecycle", cert_verbs },
	{ "device", "devices, and keys and certificates for them", device_verbs },
	{ "errand", "errands: what devices are asked to do", errand_verbs },
	{ "group", "groups of devices and their policies", group_verbs },
	{ "tenant", "organisations that share one database", tenant_verbs },
	{ "psk", "pre-shared keys of devices", psk_verbs },
	{ "secret", "symmetric keys, and the key that seals secrets", secret_verbs },
	{ "job", "changes to many at once", job_verbs },
	{ "proposal", "proposals, which wait for others' approval", proposal_verbs },
	{ "user", "accounts of the people and programs that work here", user_verbs },
	{ "setting", "settings of a tenant, or of all", setting_verbs },
	{ "audit", "the audit log", audit_verbs },
	{ "db", "the database of the back office", db_verbs },
	{ "serve", "the back office on the network", serve_verbs },
	{ "agent", "the agent that keeps this device's certificate", agent_verbs },
	{ "help", "the commands", help_verbs },
	{ 0 },
};
