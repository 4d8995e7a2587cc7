/*
 * nouns - the rows of the command table, one file a noun, and the words that several rows share.
 */
#ifndef INRO_TOOLS_NOUNS_H
#define INRO_TOOLS_NOUNS_H

#include "tools/cmd.h"
#include "tools/out.h"
#include "tools/pin.h"

extern const struct cmd_verb agent_verbs[], errand_verbs[], token_verbs[], key_verbs[], csr_verbs[], ca_verbs[], profile_verbs[],
	cert_verbs[], db_verbs[], device_verbs[], audit_verbs[], attest_verbs[], help_verbs[], proposal_verbs[],
	group_verbs[], psk_verbs[], secret_verbs[], tenant_verbs[],
	job_verbs[], setting_verbs[], user_verbs[], serve_verbs[];

/* In files of their own. */
cmd_run cert_lint_run;
cmd_run user_token_add_run, user_token_list_run, user_token_revoke_run;
MUST_CHECK enum inro_err user_token_check(const struct call *c);
cmd_run device_import_run, device_export_run;
MUST_CHECK enum inro_err device_import_check(const struct call *c);
cmd_run token_pin_change_run, token_pin_unblock_run;
enum inro_err token_pin_unblock_check(const struct call *c);
cmd_run token_user_add_run, token_user_delete_run, token_user_list_run;
cmd_run token_import_run, token_root_run, token_rebuild_run;
cmd_run key_import_run, key_export_run, key_attest_run, key_wrap_run;
MUST_CHECK enum inro_err key_import_check(const struct call *c);
MUST_CHECK enum inro_err key_attest_check(const struct call *c);
MUST_CHECK enum inro_err key_export_check(const struct call *c);
MUST_CHECK enum inro_err key_wrap_check(const struct call *c);
cmd_run ca_create_run, ca_certify_run, ca_activate_run;
MUST_CHECK enum inro_err ca_create_check(const struct call *c);
MUST_CHECK enum inro_err ca_certify_check(const struct call *c);
MUST_CHECK enum inro_err ca_crl_run(const struct call *c, json_t **ret);
cmd_run ca_rollover_run, ca_import_run, ca_keys_run, ca_links_run, ca_csr_run;
extern const struct cmd_opt ca_connect_opts[];
MUST_CHECK enum inro_err ca_connect_check(const struct call *c);
cmd_run ca_connect_run, ca_requests_run, ca_send_run, ca_crl_import_run, cert_import_run;
struct core;
struct cred;
/* Its request as "pem", with a "summary".  INRO_E_NOT_FOUND: it waits for no CA elsewhere. */
MUST_CHECK enum inro_err cert_give_order(struct core *core, const struct cred *cert, json_t *doc);
cmd_run ca_place_add_run, ca_place_remove_run, ca_place_list_run;
MUST_CHECK enum inro_err ca_place_add_check(const struct call *c);
MUST_CHECK enum inro_err ca_rollover_check(const struct call *c);
cmd_run ca_ocsp_run, ca_cmp_run;
MUST_CHECK enum inro_err ca_ocsp_check(const struct call *c);
MUST_CHECK enum inro_err ca_cmp_check(const struct call *c);
MUST_CHECK enum inro_err ca_crl_check(const struct call *c);
MUST_CHECK enum inro_err ca_set_check(const struct call *c);
MUST_CHECK enum inro_err ca_set_run(const struct call *c, json_t **ret);

#define COLUMNS(...) ((const struct cmd_column[]) { __VA_ARGS__, { 0 } })
#define ARGS(...)    ((const struct cmd_arg[]) { __VA_ARGS__, { 0 } })
#define OPTS(...)    ((const struct cmd_opt[]) { __VA_ARGS__, { 0 } })
#define WORDS(...)   ((const char *const[]) { __VA_ARGS__, NULL })

/* clang-format off */
#define SIGNING_KEY_TYPES                                                                          \
	"ec-p256", "ec-p384", "ec-p521", "ec-p224", "ec-secp256k1",                                \
		"ec-brainpoolp224r1", "ec-brainpoolp256r1", "ec-brainpoolp320r1",                  \
		"ec-brainpoolp384r1", "ec-brainpoolp512r1", "rsa-2048", "rsa-3072",                \
		"rsa-4096", "rsa-pss-2048", "rsa-pss-3072", "rsa-pss-4096", "ed25519",             \
		"ed448", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87", "slh-dsa-sha2-128s",               \
		"slh-dsa-sha2-128f", "slh-dsa-sha2-192s", "slh-dsa-sha2-192f",                     \
		"slh-dsa-sha2-256s", "slh-dsa-sha2-256f", "slh-dsa-shake-128s",                    \
		"slh-dsa-shake-128f", "slh-dsa-shake-192s", "slh-dsa-shake-192f",                  \
		"slh-dsa-shake-256s", "slh-dsa-shake-256f"
/* clang-format on */
#define KEY_TYPES WORDS(SIGNING_KEY_TYPES)
#define ALL_KEY_TYPES                                                                              \
	WORDS(SIGNING_KEY_TYPES, "x25519", "x448", "ml-kem-512", "ml-kem-768", "ml-kem-1024",      \
	      "aes-128", "aes-192", "aes-256", "twine-80", "twine-128", "chacha20", "hmac-256",    \
	      "hmac-384", "hmac-512", "generic-128", "generic-256", "generic-512")

#define OPT_TOKEN(must)                                                                            \
	{                                                                                          \
		.name = "token", .arg = "LABEL", .kind = OPT_TEXT, .required = must,               \
		.help = "the token that holds the key; or slot:N, or serial:HEX"                   \
	}
/* One that takes a value and has nothing special. */
#define OPT_OF(of_kind, called, value, words)                                                      \
	{                                                                                          \
		.name = called, .arg = value, .kind = of_kind, .help = words                       \
	}
#define OPT_REASON(words)                                                                          \
	{                                                                                          \
		.name = "reason", .arg = "REASON", .kind = OPT_CHOICE,                             \
		.choices = WORDS("unspecified", "keyCompromise", "cACompromise",                   \
				 "affiliationChanged", "superseded", "cessationOfOperation",       \
				 "privilegeWithdrawn", "aACompromise"),                            \
		.help = words                                                                      \
	}
#define OPT_EVIDENCE                                                                               \
	{                                                                                          \
		.name = "evidence", .arg = "FILE", .kind = OPT_FILE, .makes = true,                \
		.help = "the statement of what was destroyed, signed by the audit's key when "     \
			"there is one"                                                             \
	}
#define OPT_KEY_TYPE_OF(types)                                                                     \
	{                                                                                          \
		.name = "type", .arg = "TYPE", .kind = OPT_CHOICE, .choices = types,               \
		.help = "kind of key; default: ec-p256"                                            \
	}
#define OPT_KEY_TYPE OPT_KEY_TYPE_OF(KEY_TYPES)
#define OPT_NONCE(what)                                                                            \
	{                                                                                          \
		.name = "nonce", .arg = "HEX", .kind = OPT_HEX, .required = true, .help = what     \
	}
#define OPT_OUT                                                                                    \
	{                                                                                          \
		.name = "out", .arg = "FILE", .kind = OPT_FILE,                                    \
		.help = "write it to this file; - is standard output"                              \
	}
/* Of rows that take FILE as an argument: the same as elsewhere (out_file()). */
#define OPT_OUT_SAME                                                                               \
	{                                                                                          \
		.name = "out", .arg = "FILE", .kind = OPT_FILE, .help = "the same as FILE"         \
	}
#define OPT_AUTH                                                                                   \
	{                                                                                          \
		.name = "auth-source", .arg = "FILE", .kind = OPT_FILE,                            \
		.help = "file with the key's authorisation value for the TPM; default: none"       \
	}
#define OPT_DAYS(what)                                                                             \
	{                                                                                          \
		.name = "days", .arg = "N", .kind = OPT_NUMBER, .help = what                       \
	}
#define OPT_VALID OPT_DAYS("days that it is valid; default, and at most: the profile's")
#define OPT_CA                                                                                     \
	{                                                                                          \
		.name = "ca", .arg = "CA", .kind = OPT_TEXT, .required = true,                     \
		.help = "who issues the certificate"                                               \
	}
#define OPT_PROFILE                                                                                \
	{                                                                                          \
		.name = "profile", .arg = "PROFILE", .kind = OPT_TEXT,                             \
		.known = profile_builtin_at, .required = true,                                     \
		.help = "the profile; see 'inro profile list'"                                     \
	}
#define OPT_ENCODING(whose)                                                                        \
	{                                                                                          \
		.name = "encoding", .arg = "ENCODING", .kind = OPT_CHOICE,                         \
		.choices = WORDS("utf-8", "shift_jis"),                                            \
		.help = whose "the file's encoding; default: utf-8"                                \
	}
#define OPT_WHY                                                                                    \
	{                                                                                          \
		.name = "why", .arg = "TEXT", .kind = OPT_TEXT, .help = "reason, for the audit"    \
	}
#define OPT_PROPOSAL                                                                               \
	{                                                                                          \
		.name = "proposal", .arg = "ID", .kind = OPT_NUMBER,                               \
		.help = "the proposal by which others approved this"                               \
	}
#define OPT_SAN                                                                                    \
	{                                                                                          \
		.name = "san", .arg = "NAME", .kind = OPT_TEXT, .repeatable = true,                \
		.help = "additional name: DNS:host, IP:address, URI:uri or email:a@b"              \
	}
/* Of a list that goes through office_search(): an example, and what it can be in the order of. */
#define OPT_SEARCH(example, ...)                                                                   \
	{ .name = "where",                                                                         \
	  .arg = "CONDITIONS",                                                                     \
	  .kind = OPT_TEXT,                                                                        \
	  .help = "only those, as in '" example "'" },                                             \
		{ .name = "sort",                                                                  \
		  .arg = "FIELD",                                                                  \
		  .kind = OPT_CHOICE,                                                              \
		  .choices = WORDS(__VA_ARGS__),                                                   \
		  .help = "sort by this field" },                                                  \
		{ .name = "limit",                                                                 \
		  .arg = "N",                                                                      \
		  .kind = OPT_NUMBER,                                                              \
		  .help = "at most so many, and the cursor to continue at" },                      \
	{                                                                                          \
		.name = "after", .arg = "CURSOR", .kind = OPT_TEXT,                                \
		.help = "continue at this cursor"                                                  \
	}
#define OPT_LOGIN                                                                                  \
	{                                                                                          \
		.name = "login", .kind = OPT_FLAG,                                                 \
		.help = "log in, and show what needs the PIN too, such as secret keys"             \
	}
#define ARG_CERT                                                                                   \
	{                                                                                          \
		.name = "CERT",                                                                    \
		.help = "its serial, its id, 8 or more digits of its SHA-256 fingerprint, or a file with it (./NAME)" \
	}

#endif
