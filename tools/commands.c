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
	{ "token", "tokens: what holds keys", token_verbs },
	{ "key", "keys in tokens", key_verbs },
	{ "attest", "keys in a TPM: who says so, and is it true", attest_verbs },
	{ "csr", "certificate requests", csr_verbs },
	{ "ca", "certification authorities and their revocation lists", ca_verbs },
	{ "profile", "kinds of certificates", profile_verbs },
	{ "cert", "certificates and their life", cert_verbs },
	{ "device", "devices, and provisioning them", device_verbs },
	{ "errand", "what devices are asked to do", errand_verbs },
	{ "group", "groups of devices, and what holds in them", group_verbs },
	{ "tenant", "those who share one database", tenant_verbs },
	{ "psk", "pre-shared keys of devices", psk_verbs },
	{ "secret", "symmetric keys, and the key that seals what is secret", secret_verbs },
	{ "job", "bulk work", job_verbs },
	{ "proposal", "what waits for others' approval", proposal_verbs },
	{ "user", "accounts of who works here", user_verbs },
	{ "setting", "what holds for a tenant, or for all", setting_verbs },
	{ "audit", "what happened", audit_verbs },
	{ "db", "the database of the back office", db_verbs },
	{ "serve", "the back office on the network", serve_verbs },
	{ "agent", "the certificate of this device, renewed without hands", agent_verbs },
	{ "help", "says what the commands are", help_verbs },
	{ 0 },
};
