/*
 * cmp_talk - messages with a CA elsewhere that speaks CMP (RFC 9810, 9483): sent, protected, and their answers
 * checked.
 *
 * 1. Each message is protected as the way says: a MAC under a shared secret (PBM), or a signature by our
 *    certificate's key, in its token.
 * 2. An answer counts when it is protected in the same manner, by the same secret, or by the CA, by one
 *    that it certified for that (cmcCA, cmcRA), or by one that was named when the CA was connected; and has
 *    our transactionID and nonce.  Only an error may come without, to our transactionID; it is told and
 *    not believed.
 * 3. Any message may be put off: by its answer, or by an error that says so (RFC 9810 5.3.22, RFC 9483 4.4).
 *    What is polled for then may name the nonce of the message that was put off.
 */
#ifndef INRO_BACKOFFICE_CORE_CA_CMP_TALK_H
#define INRO_BACKOFFICE_CORE_CA_CMP_TALK_H

#include "backoffice/core/ca/ca_reach.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/cmp_ask.h"

#define CMP_TALK_ID    16
#define CMP_TALK_NONCE 16
#define CMP_TALK_POLLS 4 /* for what can't be asked for later */

struct token_key;
struct cmp_talk {
	struct ca_reach *r;
	struct cert ca; /* whom it goes to; empty: not known yet */
	bool by_mac;
	struct cert own; /* by a signature */
	const struct pki_sig *sig;
	struct token_key *key;
	uint8_t id[CMP_TALK_ID], nonce[CMP_TALK_NONCE];
	struct buf asked; /* the nonce of the last message that was no poll; empty: none */
	struct buf heard; /* the nonce of the last answer; empty: none */
	struct buf raw;	  /* the last answer, from which `in` borrows */
	struct cmp_message in;
	bool believed; /* the last answer is protected as it has to be */
};
void cmp_talk_clear(struct cmp_talk *t);
/* The key is opened; nothing is sent. */
MUST_CHECK enum inro_err cmp_talk_open(struct ca_reach *r, struct cmp_talk *ret);
/* One message and its answer, checked.  An error of the other side is INRO_E_POLICY with its words, but for
 * one that puts off. */
MUST_CHECK enum inro_err cmp_talk_say(struct cmp_talk *t, const struct buf *body, bool implicit);
/* The last answer puts off, whatever was asked: *ret_request to poll for, in so many seconds. */
MUST_CHECK enum inro_err cmp_talk_is_put_off(const struct cmp_talk *t, bool *ret, int64_t *ret_request,
					     int64_t *ret_after);
/* The same, for what can't be asked for later: polled for, for some seconds. */
MUST_CHECK enum inro_err cmp_talk_say_now(struct cmp_talk *t, const struct buf *body, bool *ret_put_off);
/* INRO_E_POLICY and what it says. */
MUST_CHECK enum inro_err cmp_talk_no(const struct cmp_said *said);

#endif
