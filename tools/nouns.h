/*
 * nouns - the rows of the command table, one file a noun, and the words that several rows share.
 */
#ifndef INRO_TOOLS_NOUNS_H
#define INRO_TOOLS_NOUNS_H

#include "tools/cmd.h"
#include "tools/out.h"
#include "tools/pin.h"

extern const struct cmd_verb token_verbs[], key_verbs[], csr_verbs[], ca_verbs[], profile_verbs[],
	cert_verbs[], device_verbs[], audit_verbs[], attest_verbs[], help_verbs[];

/* In files of their own. */
cmd_run token_import_run, token_root_run, token_rebuild_run;
cmd_run key_import_run, key_export_run, key_attest_run, key_wrap_run;
MUST_CHECK enum inro_err key_import_check(const struct call *c);
MUST_CHECK enum inro_err token_root_check(const struct call *c);
MUST_CHECK enum inro_err key_attest_check(const struct call *c);
MUST_CHECK enum inro_err key_export_check(const struct call *c);
MUST_CHECK enum inro_err key_wrap_check(const struct call *c);

#define COLUMNS(...) ((const struct cmd_column[]) { __VA_ARGS__, { 0 } })
#define ARGS(...)    ((const struct cmd_arg[]) { __VA_ARGS__, { 0 } })
#define OPTS(...)    ((const struct cmd_opt[]) { __VA_ARGS__, { 0 } })
#define WORDS(...)   ((const char *const[]) { __VA_ARGS__, NULL })

#define KEY_TYPES WORDS("ec-p256", "ec-p384", "ec-p521", "rsa-2048", "rsa-3072", "rsa-4096")

#define OPT_TOKEN(must)                                                                            \
	{                                                                                          \
		.name = "token", .arg = "LABEL", .kind = OPT_TEXT, .required = must,               \
		.help = "the token that holds the key; or slot:N, or serial:HEX"                   \
	}
#define OPT_KEY_TYPE                                                                               \
	{                                                                                          \
		.name = "type", .arg = "TYPE", .kind = OPT_CHOICE, .choices = KEY_TYPES,           \
		.help = "kind of key, ec-p256 when not said"                                       \
	}
#define OPT_NONCE(what)                                                                            \
	{                                                                                          \
		.name = "nonce", .arg = "HEX", .kind = OPT_HEX, .required = true, .help = what     \
	}
#define OPT_OUT                                                                                    \
	{                                                                                          \
		.name = "out", .arg = "FILE", .kind = OPT_FILE,                                    \
		.help = "write it to this file; - is standard output"                              \
	}
#define OPT_AUTH                                                                                   \
	{                                                                                          \
		.name = "auth-source", .arg = "FILE", .kind = OPT_FILE,                            \
		.help = "file with the key's authorisation value for the TPM; none when not said"  \
	}
#define OPT_DAYS(what)                                                                             \
	{                                                                                          \
		.name = "days", .arg = "N", .kind = OPT_NUMBER, .help = what                       \
	}
#define OPT_VALID OPT_DAYS("how long it is valid; as the profile says when not given")
#define OPT_CA                                                                                     \
	{                                                                                          \
		.name = "ca", .arg = "CA", .kind = OPT_TEXT, .required = true,                     \
		.help = "who issues the certificate"                                               \
	}
#define OPT_PROFILE                                                                                \
	{                                                                                          \
		.name = "profile", .arg = "PROFILE", .kind = OPT_TEXT,                             \
		.known = profile_builtin_at, .required = true,                                     \
		.help = "what kind; see 'inro profile list'"                                       \
	}
#define OPT_WHY                                                                                    \
	{                                                                                          \
		.name = "why", .arg = "TEXT", .kind = OPT_TEXT, .help = "reason, for the audit"    \
	}
#define OPT_SAN                                                                                    \
	{                                                                                          \
		.name = "san", .arg = "NAME", .kind = OPT_TEXT, .repeatable = true,                \
		.help = "further name: DNS:host, IP:address, URI:uri or email:a@b"                 \
	}
#define OPT_LOGIN                                                                                  \
	{                                                                                          \
		.name = "login", .kind = OPT_FLAG,                                                 \
		.help = "log in, and show what needs the PIN too"                                  \
	}
#define ARG_CERT                                                                                   \
	{                                                                                          \
		.name = "CERT",                                                                    \
		.help = "its serial, its id, or 8 or more digits of its SHA-256 fingerprint"       \
	}

#endif
