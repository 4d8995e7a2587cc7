/*
 * profile - what a kind of certificate looks like, as data: an INI file, checked when it is read.
 *
 * 1. An unknown section, key or word, or one given twice, is an error that names it; nothing is
 *    ignored.
 * 2. A profile that has been read is consistent: what is required is allowed, CA flag and usages
 *    fit each other, bounds are in order.
 * 3. Extensions of one's own are written as the profile says and never read: one that Inro writes
 *    itself can't be among them.
 * 4. The built-in profiles are the files in backoffice/pki/profiles, compiled in.
 * docs/profiles.md describes every key; a test compares it with profile_field_at().
 */
#ifndef INRO_BACKOFFICE_PKI_PROFILE_H
#define INRO_BACKOFFICE_PKI_PROFILE_H

#include "backoffice/pki/alg.h"

#define PROFILE_MAX	   ((size_t)64 << 10) /* octets of a file */
#define PROFILE_SAN_GROUPS 8
#define PROFILE_EXTS	   16

enum profile_beyond {
	PROFILE_BEYOND_CUT,    /* end with the CA */
	PROFILE_BEYOND_REFUSE, /* no certificate */
	PROFILE_BEYOND_ALLOW,  /* as 802.1AR wants it for device identities */
	PROFILE_BEYOND__MAX
};

/* Sets of name kinds (bit 1 << enum san_kind), of each of which one must be there. */
struct profile_groups {
	unsigned bits[PROFILE_SAN_GROUPS];
	size_t n;
};

/* Extensions by OID. */
struct profile_exts {
	struct profile_ext {
		char *oid, *value; /* "1.2.3.4", as in extval.h */
	} items[PROFILE_EXTS];
	size_t n;
};

/* What the challenge password of a first request is for. */
enum profile_challenge {
	PROFILE_CHALLENGE_UNUSED,
	PROFILE_CHALLENGE_CHECKED,  /* with the device's pre-shared key, where both are there */
	PROFILE_CHALLENGE_REQUIRED, /* both must be there */
};

struct profile {
	int64_t version; /* of the tenant's text it was read from; 0: built in, or a file */
	char *name, *title;
	/* [validity] */
	int64_t seconds; /* 0: no expiry */
	unsigned backdate_minutes;
	unsigned beyond_ca; /* enum profile_beyond */
	/* [key] */
	uint64_t key_types; /* PKI_KEY_BIT() */
	unsigned rsa_min, rsa_max;
	unsigned hash;	  /* enum pki_hash; PKI_HASH_NONE: by the strength of the CA's key */
	unsigned padding; /* of an RSA CA's signature; 0: PKCS#1 1.5, 1: PSS */
	char *blocklist;  /* a file's path; NULL: none */
	bool attested;	  /* only keys that a device's TPM vouches for, each time anew */
	/* [subject] */
	uint64_t subject_allowed, subject_required; /* bit: row of dn_type_at() */
	char *subject_default;			    /* text with variables; NULL: none */
	unsigned subject_source;		    /* 0: the request; 1: always the default */
	uint64_t subject_bind;			    /* bits as above: of a device, each is its id */
	/* [san] */
	unsigned san_allowed; /* bit 1 << enum san_kind */
	struct profile_groups san_required;
	char *san_default; /* blank-separated "DNS:…" texts with variables; NULL: none */
	bool san_wildcard;
	/* [usage] */
	unsigned key_usage, key_usage_rsa, key_usage_ec; /* KU_…; the latter two are added */
	unsigned extended;				 /* EKU_… */
	bool extended_critical;
	/* [constraints] */
	bool ca;
	int path_len; /* EXT_PATH_LEN_NONE: none */
	/* [extensions]; NULL: none */
	char *crl_url, *ocsp_url, *issuer_url; /* with ${ca.name} */
	bool ocsp_nocheck;
	struct profile_exts exts;
	/* [issuing] */
	bool approve; /* a request waits for a person */
	bool channel_binding; /* a request over TLS is bound to its connection (RFC 7030 3.5) */
	unsigned challenge;   /* enum profile_challenge */
	/* [renewal] */
	bool reuse_key;	 /* a key may have more than one certificate, one after the other */
	int64_t overlap; /* seconds that the old one stays beside the new one; 0: not said */
};

/* Reads and checks.  `where` names the text in errors ("my.ini"). */
MUST_CHECK enum inro_err profile_read(struct bytes text, const char *where, struct profile *ret);
/* The same for a text that was taken earlier, by the rules that there may have been then. */
MUST_CHECK enum inro_err profile_read_record(struct bytes text, const char *where, struct profile *ret);
enum profile_from { PROFILE_GIVEN, PROFILE_ON_RECORD };
/* Invariant 2, for one made in memory. */
MUST_CHECK enum inro_err profile_check(const struct profile *p, enum profile_from from);
void profile_clear(struct profile *p);
/* Into an empty one. */
MUST_CHECK enum inro_err profile_copy(const struct profile *from, struct profile *to);

/* Names of the built-in ones in their order, NULL behind the last; their text, NULL if unknown. */
const char *profile_builtin_at(size_t i);
const char *profile_builtin_text(const char *name);
/* INRO_E_NOT_FOUND names the ones there are. */
MUST_CHECK enum inro_err profile_builtin(const char *name, struct profile *ret);

/* One key of the file format, for documents and `profile show`. */
struct profile_field {
	const char *section, *key;
	const char *values;  /* "words of: dns ip uri email" */
	const char *initial; /* its value when it is not given; "" none */
	const char *help;
};

/* NULL behind the last. */
const struct profile_field *profile_field_at(size_t i);
/* The value that p has for that field, as it would be written in the file, appended. */
void profile_field_text(const struct profile *p, size_t i, struct buf *ret);

/* The i-th extension of its own as a key and a value of [extensions]; false behind the last. */
bool profile_ext_at(const struct profile *p, size_t i, const char **ret_oid,
		    const char **ret_value);

/* Does any text with variables have this one ("${device.group}") or one that begins so? */
bool profile_mentions(const struct profile *p, const char *variable);

/* The key meets [key]. INRO_E_POLICY with the reason. */
struct pubkey;
MUST_CHECK enum inro_err profile_check_key(const struct profile *p, const struct pubkey *k);

#endif
