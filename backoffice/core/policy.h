/*
 * policy - what a group says about the credentials of its devices, as one JSON object.
 *
 * {"ca": NAME, "profile": NAME, "profiles": [NAME ...], "key_types": [TYPE ...], "renew_days": N,
 * "key_days": N, "overlap_days": N, "approve": BOOL, "plain_keys": BOOL, "attestation": BOOL,
 * "anchor_again": BOOL, "who": [ACCOUNT ...], "psk": {"length": N, "classes": N,
 * "alphabet": TEXT, "store": "sealed" | "hash", "tries": N, "lock_seconds": N}}
 *
 * 1. Every member is optional.  What a group does not say its parent says, then the setting
 * "policy" of the tenant, then what is built in.
 * 2. A policy is checked when it is given: a member that is none is refused by its name.
 */
#ifndef INRO_BACKOFFICE_CORE_POLICY_H
#define INRO_BACKOFFICE_CORE_POLICY_H

#include "base/bytes.h"

#define POLICY_MAX 8192

struct policy_words {
	char **items;
	size_t n;
};

struct policy {
	char *ca, *profile;	       /* NULL: not said */
	struct policy_words profiles;  /* by which there are certificates, beside `profile`; none: any */
	struct policy_words key_types; /* none: any that the profile takes */
	struct policy_words who;       /* none: any account that may */
	int64_t renew_days;	       /* before its end a certificate is due */
	int64_t key_days;	       /* how long a symmetric key is valid */
	int64_t overlap_days;	       /* how long the old one stays beside the new one */
	bool approve;		       /* a request waits for a person */
	bool attestation; /* certificates are had by what a device's TPM proves (attest.h) */
	bool anchor_again; /* a deleted device's trust anchor may come again under another id */
	bool plain_keys; /* a key that is made here for a device may go to it under TLS alone */
	struct {
		int64_t length, classes; /* characters; of how many kinds at least */
		char *alphabet;
		bool hashed; /* kept as scrypt only: can be verified, not told again */
		int64_t tries, lock_seconds;
	} psk;
};
void policy_clear(struct policy *p);
/* Into an empty one. */
MUST_CHECK enum inro_err policy_copy(const struct policy *from, struct policy *to);

/* What key_types can name: pairs, RSA ones of any size that is read; and symmetric keys. */
bool policy_type_is_pair(const char *type);
bool policy_type_is_symmetric(const char *type);
/* Whether pre-shared keys can be made of these characters: printable ASCII without blanks, none twice (so that each is
 * equally likely). */
bool policy_alphabet_is_good(const char *text);
/* Whether this type of key is in key_types, or they say nothing of its kind: a list of symmetric
 * types only leaves pairs open, and the other way round. */
bool policy_takes_type(const struct policy *p, const char *type,
		       bool (*of_kind)(const char *type));
/* Whether it names this profile, as `profile` or in `profiles`. */
bool policy_names_profile(const struct policy *p, const char *profile);
/* Whether `profiles` says nothing, or it names this one. */
bool policy_takes_profile(const struct policy *p, const char *profile);
/* Whether `who` says nothing or names this account. */
bool policy_takes_account(const struct policy *p, const char *account);

/* Checks a policy and gives it in the form in which it is kept, the caller's (free()).
 * INRO_E_SYNTAX, INRO_E_ARG, INRO_E_TOO_BIG. */
MUST_CHECK enum inro_err policy_normal(const char *text, char **ret);
/* Refuses one that names a CA, a profile or an account that there is none of: INRO_E_ARG with its name. */
struct core;
MUST_CHECK enum inro_err policy_check_names(struct core *c, const char *text);
/* INRO_E_STATE where the policy of a group, or of the tenant, names this profile or can't be read: the error tells whose. */
MUST_CHECK enum inro_err policy_check_unnamed(struct core *c, const char *profile);
/* What they say together; each text outweighs those before it, and what is built in.  "" and NULL
 * say nothing. */
MUST_CHECK enum inro_err policy_merge(const char *const *texts, size_t n, struct policy *ret);
/* The same as one JSON text of the caller's. */
MUST_CHECK enum inro_err policy_merge_text(const char *const *texts, size_t n, char **ret);

#endif
