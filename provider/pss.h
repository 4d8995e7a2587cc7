/*
 * pss - RSA keys that their token binds to PSS.
 *
 * 1. A token says so by CKA_ALLOWED_MECHANISMS; libcrypto has a kind of key for it, RSA-PSS, with
 *    parameters of its own (RFC 8017 A.2.3, RFC 4055 3.1).
 * 2. A list that names one hash binds the key to it: for the message and for MGF1, with a salt that
 *    is at least as long as the hash.  The list says nothing of MGF1 or the salt; these are what
 *    RFC 4055 and TLS 1.3 ask for.  Other bounds can't be said by a list and are refused.
 */
#ifndef INRO_PROVIDER_PSS_H
#define INRO_PROVIDER_PSS_H

#include "provider/key.h"

/* Is the private key bound to PSS, and to which digest (NULL: to none)? */
bool pss_is_bound(struct seat *s, CK_OBJECT_HANDLE handle, const struct digest **ret_digest);

/* Makes an RSA key's public half one of RSA-PSS. */
MUST_CHECK enum inro_err pss_bind(struct key *k, const struct digest *digest);

/* More than any list has. */
#define PSS_MECHS 16

/* The mechanisms that bind a new key to PSS, and to this digest unless it is NULL; 0 when Cryptoki
 * has none for it. */
CK_ULONG pss_mechanisms(const struct digest *digest, CK_MECHANISM_TYPE out[PSS_MECHS]);

#endif
