/*
 * connector_cmp - a CA elsewhere that is asked by CMP (RFC 9810, 9483): see connector.h.
 *
 * 1. A request's transactionID is on record before it is sent (order->reference), and it is sent by p10cr
 *    under the same one until there is an answer: a CA knows what it has answered.
 * 2. What waits there is asked for by pollReq; the nonces are kept with the transactionID: the last that was heard, and
 *    that of the message that waits.
 * 3. A refusal ends the transaction: the next try is another one.  One that is not protected may be anybody's
 *    and ends it only when it has come again and again.
 * 4. A certificate is confirmed when it is for the request's key, by the CA, no CA's and not expired, else rejected; not at all
 *    where the CA grants implicit confirmation, which is asked for.  A CA that has the confirmation and puts off
 *    acknowledging it is polled for some seconds; the certificate is taken all the same.
 */
#include <stdio.h>
#include <string.h>

#include "backoffice/core/ca/ca_end.h"
#include "backoffice/core/ca/cmp_talk.h"
#include "backoffice/pki/csr.h"
#include "base/clock.h"
#include "base/der.h"

#define HEX_ID	  (2 * CMP_TALK_ID)
#define WAIT_LONG 86400
/* Refusals that are not protected, in one transaction. */
#define DOUBTS_MAX 8

static const char *const schemes[] = { "http://", "https://", NULL };

/* ---- what is on record: ID, or ID.REQUEST.HEARD.ASKED of one that waits there ---- */

static enum inro_err new_reference(struct ca_order *order)
{
	uint8_t id[CMP_TALK_ID];
	SCOPED(buf) text = { 0 };
	enum inro_err e = random_fill(id, sizeof id);

	buf_add_hex(&text, BYTES(id, sizeof id));
	buf_add_u8(&text, 0);
	if (e == INRO_OK)
		e = buf_err(&text);
	return e == INRO_OK ? text_set(&order->reference, (const char *)text.p) : e;
}

static enum inro_err cmp_request(struct core *c, const struct ca *ca, struct ca_order *order)
{
	(void)c;
	(void)ca;
	return new_reference(order);
}

static enum inro_err damaged(void)
{
	return err_set(INRO_E_DAMAGED, "the request's transaction on record is none");
}

static enum inro_err read_hex(const char *hex, size_t chars, struct buf *ret)
{
	for (size_t i = 0; i + 1 < chars; i += 2) {
		unsigned x;

		if (sscanf(hex + i, "%2x", &x) != 1)
			return damaged();
		buf_add_u8(ret, (uint8_t)x);
	}
	return buf_err(ret);
}

/* HEARD.ASKED, or HEARD alone, as it was written once. */
static enum inro_err recall_nonces(const char *text, struct cmp_talk *t)
{
	size_t heard = strcspn(text, ".");
	enum inro_err e = read_hex(text, heard, &t->heard);

	if (e == INRO_OK && text[heard])
		e = read_hex(text + heard + 1, strlen(text + heard + 1), &t->asked);
	return e;
}

/* *ret_waits: its number there is *ret_request, and the talk has the nonces. */
static enum inro_err recall(const struct ca_order *order, struct cmp_talk *t, bool *ret_waits,
			    int64_t *ret_request)
{
	SCOPED(buf) id = { 0 };
	const char *text = text_or_empty(order->reference), *nonce;
	long long request = 0;
	enum inro_err e = strlen(text) >= HEX_ID ? read_hex(text, HEX_ID, &id) : damaged();

	if (e != INRO_OK)
		return e;
	memcpy(t->id, id.p, sizeof t->id);
	*ret_waits = text[HEX_ID] == '.';
	if (!*ret_waits)
		return INRO_OK;
	nonce = strchr(text + HEX_ID + 1, '.');
	if (!nonce || sscanf(text + HEX_ID + 1, "%lld", &request) != 1)
		return damaged();
	*ret_request = request;
	return recall_nonces(nonce + 1, t);
}

static enum inro_err keep_waiting(const struct cmp_talk *t, int64_t request, struct ca_order *order)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e;

	buf_add_hex(&text, BYTES(t->id, sizeof t->id));
	buf_addf(&text, ".%lld.", (long long)request);
	buf_add_hex(&text, buf_bytes(&t->heard));
	buf_add_u8(&text, '.');
	buf_add_hex(&text, buf_bytes(&t->asked));
	buf_add_u8(&text, 0);
	e = buf_err(&text);
	return e == INRO_OK ? text_set(&order->reference, (const char *)text.p) : e;
}

/* ---- the certificate that came ---- */

static enum inro_err check_kind(const struct cmp_talk *t, const struct cert *cert)
{
	if (!bytes_equal(cert->issuer, t->ca.subject))
		return err_set(INRO_E_POLICY, "the certificate that came names another issuer");
	if (cert->ext.ca)
		return err_set(INRO_E_POLICY, "the certificate that came is a CA's");
	if (cert->not_after < clock_now())
		return err_set(INRO_E_POLICY, "the certificate that came has expired");
	return INRO_OK;
}

static enum inro_err check_cert(const struct cmp_talk *t, struct bytes der, struct bytes request,
				struct cert *ret)
{
	SCOPED(csr) csr = { 0 };
	enum inro_err e = csr_read(request, &csr);

	if (e == INRO_OK)
		e = cert_read(der, ret);
	if (e == INRO_OK && !pubkey_same(&ret->key, &csr.key))
		e = err_set(INRO_E_POLICY, "the certificate that came is for another key than that of the "
					   "request");
	if (e == INRO_OK)
		e = check_kind(t, ret);
	if (e == INRO_OK)
		e = cert_verify(ret, &t->ca.key);
	return e == INRO_OK ? e : err_context(e, "CA '%s'", "elsewhere");
}

static enum inro_err confirm(struct cmp_talk *t, int64_t request, const struct cert *cert, bool rejected)
{
	SCOPED(buf) body = { 0 };
	uint8_t digest[PKI_DIGEST_MAX];
	enum pki_hash hash = cert->sig->hash == PKI_HASH_NONE ? PKI_SHA512 : cert->sig->hash;
	enum inro_err e = pki_digest(hash, buf_bytes(&cert->der), digest);
	const struct cmp_confirmation c = { .hash = BYTES(digest, pki_hash_octets(hash)),
					    .request = request,
					    .rejected = rejected };
	bool put_off = false;

	if (e != INRO_OK)
		return e;
	cmp_add_confirm(&body, &c);
	e = cmp_talk_say_now(t, &body, &put_off);
	if (e != INRO_OK && put_off && !t->believed) {
		err_reset(); /* the CA has it; a poll was lost */
		return INRO_OK;
	}
	if (e == INRO_OK && t->in.type != CMP_PKICONF && !put_off)
		e = err_set(INRO_E_POLICY, "the CA does not acknowledge what was confirmed (body %d)",
			    (int)t->in.type);
	return e;
}

/* What is wrong is the certificate, and neither the way nor the answer that brought it. */
static enum inro_err reject(struct cmp_talk *t, int64_t request, const struct cert *cert, bool implicit,
			    enum inro_err e)
{
	SCOPED(buf) why = { 0 };
	enum inro_err told;

	buf_add_str(&why, err_detail(e));
	buf_add_u8(&why, 0);
	if (!implicit) {
		told = confirm(t, request, cert, true);
		(void)told; /* that it was refused here is what counts */
	}
	t->believed = true;
	return err_set(INRO_E_POLICY, "%s", buf_err(&why) == INRO_OK ? (const char *)why.p : "refused");
}

/* Kept before the answer is gone: confirming brings the next one. */
static enum inro_err accept(struct cmp_talk *t, const struct cmp_came *came, struct bytes request,
			    struct ca_answer *ret)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e = check_cert(t, came->cert, request, &cert);
	bool implicit = t->in.implicit_confirm;
	int64_t id = came->request;

	if (e != INRO_OK && cert.der.n)
		return reject(t, id, &cert, implicit, e);
	if (e == INRO_OK && !implicit)
		e = confirm(t, id, &cert, false);
	if (e == INRO_OK)
		buf_add(&ret->cert, buf_bytes(&cert.der));
	return e == INRO_OK ? buf_err(&ret->cert) : e;
}

/* ---- the answer ---- */

static enum inro_err wait_there(const struct cmp_talk *t, int64_t request, int64_t after,
				struct ca_order *order, struct ca_answer *ret)
{
	ret->waits = true;
	ret->wait = after > 0 && after < WAIT_LONG ? after : WAIT_LONG;
	return keep_waiting(t, request, order);
}

static enum inro_err judge_wait(const struct cmp_talk *t, struct ca_order *order, struct ca_answer *ret,
				bool *ret_waits)
{
	int64_t request = 0, after = 0;
	enum inro_err e = cmp_talk_is_put_off(t, ret_waits, &request, &after);

	return e == INRO_OK && *ret_waits ? wait_there(t, request, after, order, ret) : e;
}

static enum inro_err judge(struct cmp_talk *t, struct ca_order *order, struct ca_answer *ret)
{
	struct cmp_came came;
	bool waits = false;
	enum inro_err e = judge_wait(t, order, ret, &waits);

	if (e != INRO_OK || waits)
		return e;
	if (t->in.type != CMP_CP && t->in.type != CMP_IP)
		return err_set(INRO_E_POLICY, "the CA answers a request by another message (body %d)",
			       (int)t->in.type);
	e = cmp_read_answer(t->in.body, &came);
	if (e != INRO_OK)
		return e;
	if (came.said.status == CMP_WAITING)
		return wait_there(t, came.request, 1, order, ret);
	if (came.cert.n)
		return accept(t, &came, blob_bytes(&order->csr), ret);
	return cmp_talk_no(&came.said);
}

/* `what` is said in its first message. */
static enum inro_err say_or_poll(struct cmp_talk *t, const struct ca_order *order, const struct buf *what,
				 bool implicit)
{
	SCOPED(buf) poll = { 0 };
	bool waits = false;
	int64_t request = 0;
	enum inro_err e = recall(order, t, &waits, &request);

	if (e != INRO_OK || !waits)
		return e == INRO_OK ? cmp_talk_say(t, what, implicit) : e;
	cmp_add_poll_again(&poll, request);
	return cmp_talk_say(t, &poll, false);
}

/* What was refused is over; what did not get through goes on. */
static enum inro_err end_transaction(const struct cmp_talk *t, struct ca_order *order, enum inro_err e)
{
	enum inro_err again;

	if (e != INRO_E_POLICY && e != INRO_E_SYNTAX)
		return e;
	if (!t->believed && order->tries < DOUBTS_MAX)
		return e;
	again = new_reference(order);
	return again == INRO_OK ? e : again;
}

static enum inro_err cmp_one(struct ca_reach *r, struct ca_order *order, struct ca_answer *ret)
{
	SCOPED(cmp_talk) t = { 0 };
	SCOPED(buf) body = { 0 };
	enum inro_err e = cmp_talk_open(r, &t);

	cmp_add_p10(&body, blob_bytes(&order->csr));
	if (e == INRO_OK)
		e = say_or_poll(&t, order, &body, true);
	if (e == INRO_OK)
		e = judge(&t, order, ret);
	return end_transaction(&t, order, e);
}

/* ---- a revocation (RFC 9483 4.2) ---- */

static enum inro_err judge_end(const struct cmp_talk *t, struct ca_order *order, struct ca_answer *ret)
{
	static const int64_t done[] = { CMP_ACCEPTED, CMP_ACCEPTED_OTHERWISE, CMP_REVOKED };
	struct cmp_said said;
	bool waits = false;
	enum inro_err e = judge_wait(t, order, ret, &waits);

	if (e != INRO_OK || waits)
		return e;
	if (t->in.type != CMP_RP)
		return err_set(INRO_E_POLICY, "the CA answers a revocation by another message (body %d)",
			       (int)t->in.type);
	e = cmp_read_revoked(t->in.body, &said);
	for (size_t i = 0; e == INRO_OK && i < ARRAY_LEN(done); i++)
		if (said.status == done[i])
			return e;
	if (e != INRO_OK)
		return e;
	/* An answer that was lost, or somebody there was first. */
	return said.fails & UINT32_C(1) << CMP_FAIL_CERT_REVOKED ? INRO_OK : cmp_talk_no(&said);
}

static enum inro_err cmp_end(struct ca_reach *r, struct ca_order *order, const struct ca_end *what,
			     struct ca_answer *ret)
{
	SCOPED(cmp_talk) t = { 0 };
	SCOPED(buf) body = { 0 };
	enum inro_err e = cmp_talk_open(r, &t);

	cmp_add_revocation(&body, what->issuer, what->serial, what->reason);
	if (e == INRO_OK)
		e = say_or_poll(&t, order, &body, false);
	if (e == INRO_OK)
		e = judge_end(&t, order, ret);
	return end_transaction(&t, order, e);
}

/* The others are told by themselves. */
static enum inro_err cmp_revoke(struct core *c, const struct ca *ca, const struct credential *rec,
				bool *ret_by_hand)
{
	(void)c;
	(void)ca;
	*ret_by_hand = !ca_end_is_wanted(rec);
	return INRO_OK;
}

/* ---- its certificates (RFC 9810 5.3.19.14) ---- */

static enum inro_err take_certs(struct bytes value, struct est_certs *ret)
{
	struct bytes list;
	enum inro_err e = der_only(value, DER_SEQUENCE, &list);

	while (e == INRO_OK && list.n && ret->n < EST_CERTS_MAX) {
		struct bytes one;

		e = cmp_next_cert(&list, &one);
		if (e == INRO_OK) {
			buf_add(&ret->ders[ret->n], one);
			e = buf_err(&ret->ders[ret->n++]);
		}
	}
	return e;
}

static enum inro_err read_certs(const struct cmp_talk *t, struct est_certs *ret)
{
	struct bytes one, in, oid, value = BYTES_NONE;
	enum inro_err e;

	if (t->in.type != CMP_GENP)
		return err_set(INRO_E_POLICY, "the CA does not answer what its certificates are");
	e = cmp_only_one(t->in.body, &one);
	in = one;
	if (e == INRO_OK)
		e = cmp_next_info(&in, &oid, &value);
	if (e == INRO_OK && (!bytes_equal(oid, cmp_oid_ca_certs) || !value.n))
		e = err_set(INRO_E_POLICY, "the CA does not say what its certificates are: give its own by "
					   "--cert");
	return e == INRO_OK ? take_certs(value, ret) : e;
}

static enum inro_err cmp_cas(struct ca_reach *r, struct est_certs *ret)
{
	SCOPED(cmp_talk) t = { 0 };
	SCOPED(buf) body = { 0 };
	bool put_off = false;
	enum inro_err e = cmp_talk_open(r, &t);

	cmp_add_question(&body, cmp_oid_ca_certs);
	if (e == INRO_OK)
		e = cmp_talk_say_now(&t, &body, &put_off);
	if (e == INRO_OK && put_off)
		e = err_set(INRO_E_BUSY, "the CA puts off saying what its certificates are: try again later");
	return e == INRO_OK ? read_certs(&t, ret) : e;
}

const struct ca_connector ca_by_cmp = {
	.name = "cmp",
	.request = cmp_request,
	.collect = ca_file_collect,
	.revoke = cmp_revoke,
	.schemes = schemes,
	.has_path = true,
	.plain = true,
	.cas = cmp_cas,
	.ask = cmp_one,
	.end = cmp_end,
};
