/*
 * session - authorisation sessions of a TPM: the one HMAC session of a struct tpm, and policy
 * sessions that live for one use.
 *
 * 1. The HMAC session is salted to the storage root, unbound, SHA-256, AES-128-CFB; it is made when
 *    the first command needs it and again when it is gone (epoch), and after SESSION_LIFE uses.
 * 2. A policy session is salted and encrypts too; it ends with the command that uses it (`last`) or
 *    with session_end().
 * 3. Nonces are from getrandom(2).  Session keys are secrets.
 *
 * TCG TPM 2.0 Library part 1, 19 (sessions), 21 (parameter encryption).  The turn is held.
 */
#ifndef INRO_TPM_TALK_SESSION_H
#define INRO_TPM_TALK_SESSION_H

#include "tpm/talk/tpm.h"

#define SESSION_LIFE 30000

/* The salted session, started when it isn't there: what can be done before anything is asked of a
 * key. */
MUST_CHECK enum inro_err session_ready(struct tpm *t);
/* A policy session; salted to the root unless the TPM is spoken to by passwords. */
MUST_CHECK enum inro_err session_policy(struct tpm *t, struct tpm_session **ret);
void session_end(struct tpm *t, struct tpm_session *s); /* flushes it if it is there still */
uint32_t session_handle(const struct tpm_session *s);

#endif
