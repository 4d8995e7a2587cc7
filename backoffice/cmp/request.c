/*
 * request - certificates asked for, confirmed, waited for: ir, cr, kur, p10cr, certConf, pollReq (RFC 9483 4.1,
 * 4.4).
 */
#include <stdio.h>
#include <string.h>

#include "backoffice/cmp/turn.h"
#include "backoffice/core/ca.h"
#include "backoffice/core/confirm.h"
#include "backoffice/core/enrol.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/crmf.h"
#include "base/clock.h"
#include "base/der.h"
#include "base/secret.h"

#define CHECK_AFTER  60
#define CONFIRM	     600
#define TRANSACTION  (8 + 2 * CMP_ID_MAX)
#define P10CR_ID     (-1) /* RFC 9810 5.3.4: such a request has none */

/* ---- transactions ---- */

static const struct kind {
	enum cmp_body asks, answers;
	char letter; /* in the transaction's name */
} kinds[] = {
	{ CMP_IR, CMP_IP, 'i' },
	{ CMP_CR, CMP_CP, 'c' },
	{ CMP_KUR, CMP_KUP, 'k' },
	{ CMP_P10CR, CMP_CP, 'p' },
};

static void name_transaction(const struct turn *t, char letter, char out[static TRANSACTION])
{
	SCOPED(buf) hex = { 0 };

	buf_add_hex(&hex, t->in.id);
	snprintf(out, TRANSACTION, "cmp-%c-%.*s", letter, (int)hex.n, (const char *)hex.p);
}

/* What an earlier message of the transaction asked for. */
static enum inro_err find(struct turn *t, struct cred *ret, const struct kind **ret_kind)
{
	char name[TRANSACTION];
	enum inro_err e = INRO_E_NOT_FOUND;

	for (size_t i = 0; e == INRO_E_NOT_FOUND && i < ARRAY_LEN(kinds); i++) {
		name_transaction(t, kinds[i].letter, name);
		e = confirm_find(t->core, name, t->device.id, ret);
		*ret_kind = &kinds[i];
	}
	if (e == INRO_E_NOT_FOUND)
		t->fail = CMP_FAIL_BAD_REQUEST;
	return e;
}

/* The message goes on from the last answer about this. */
static enum inro_err check_nonce(struct turn *t, const struct cred *cred, bool waited)
{
	uint8_t nonce[TURN_NONCE];
	enum inro_err e = turn_nonce(t, cred, waited, nonce);

	if (e == INRO_OK && !secret_equal(BYTES(nonce, sizeof nonce), t->in.recip_nonce))
		e = turn_refuse(t, CMP_FAIL_BAD_RECIPIENT_NONCE, INRO_E_ARG,
				"the message does not go on from the last one");
	return e;
}

/* ---- answers ---- */

/* The root, for who knows us by a secret alone (RFC 9483 4.1.1). */
static struct bytes root_of(const struct turn *t, const struct chain *chain)
{
	return t->by_mac && chain->n ? blob_bytes(&chain->certs[chain->n - 1]) : BYTES_NONE;
}

static enum inro_err refused(struct turn *t, const struct kind *k, int64_t id, enum inro_err why)
{
	enum inro_err e = turn_told(t, why);
	const struct cmp_answer a = { .type = k->answers,
				      .request = id,
				      .status = CMP_REJECTION,
				      .fail = turn_fail_of(t, e),
				      .text = turn_text_of(t, e) };

	buf_reset(&t->body);
	cmp_add_answer(&t->body, &a);
	return buf_err(&t->body);
}

static enum inro_err is_over(struct turn *t, const struct cred *cred)
{
	return turn_refuse(t, CMP_FAIL_CERT_REVOKED, INRO_E_STATE, "request %lld: %s",
			   (long long)cred->rec.id,
			   cred->rec.fingerprint.n ? cred_state_names[cred->state] : "refused");
}

static bool is_good(const struct cred *cred)
{
	return cred->rec.fingerprint.n &&
	       (cred->state == CRED_ACTIVE || cred->state == CRED_SUSPENDED);
}

static enum inro_err answer(struct turn *t, const struct kind *k, int64_t id, const struct cred *cred)
{
	struct cmp_answer a = { .type = k->answers, .request = id, .fail = CMP_FAIL_NONE };
	SCOPED(chain) chain = { 0 };
	enum inro_err e = turn_nonce(t, cred, enrol_waits(cred), t->nonce);

	if (e == INRO_OK && enrol_waits(cred)) {
		a.status = CMP_WAITING;
		a.text = "waits for approval";
	} else if (e == INRO_OK && is_good(cred)) {
		e = ca_chain(t->core, t->label.ca, 0, &chain);
		a.cert = blob_bytes(&cred->rec.cert);
		a.ca = root_of(t, &chain);
		t->implicit = t->in.implicit_confirm;
	} else if (e == INRO_OK) {
		e = is_over(t, cred);
	}
	if (e != INRO_OK)
		return e;
	cmp_add_answer(&t->body, &a);
	return buf_err(&t->body);
}

/* ---- ir, cr, kur, p10cr ---- */

static enum inro_err read_request(struct turn *t, struct enrol *in, struct crmf_facts *ret)
{
	enum inro_err e;

	in->crmf = t->in.type != CMP_P10CR;
	ret->id = P10CR_ID;
	in->csr = t->in.body;
	if (!in->crmf)
		return INRO_OK;
	e = cmp_only_one(t->in.body, &in->csr);
	return e == INRO_OK ? crmf_read_facts(in->csr, ret) : e;
}

/* Another transaction of this number is not this one. */
static enum inro_err is_free(struct turn *t, const struct kind *mine)
{
	SCOPED(cred) cred = { 0 };
	const struct kind *k = NULL;
	enum inro_err e = find(t, &cred, &k);

	t->fail = CMP_FAIL_NONE;
	if (e == INRO_OK && k != mine)
		return turn_refuse(t, CMP_FAIL_ID_IN_USE, INRO_E_EXISTS,
				   "a transaction of this number is there already");
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* A key is updated by who has the certificate, which is the one that the request names, if any. */
static enum inro_err check_update(struct turn *t, const struct crmf_facts *f)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e;

	if (t->by_mac)
		return turn_refuse(t, CMP_FAIL_NOT_AUTHORIZED, INRO_E_ACCESS,
				   "a key update is signed by the certificate that it updates");
	e = cert_read(t->in.certs[0], &cert);
	if (e == INRO_OK && f->old_serial.n &&
	    (!bytes_equal(f->old_serial, cert.serial) || !bytes_equal(f->old_issuer, cert.issuer)))
		e = turn_refuse(t, CMP_FAIL_BAD_CERT_ID, INRO_E_ARG,
				"the request updates another certificate than the one that signs it");
	return e;
}

static enum inro_err run(struct turn *t, const struct kind *k, struct enrol *in, int64_t *ret_id,
			 struct cred *ret)
{
	struct crmf_facts facts = { 0 };
	enum inro_err e = read_request(t, in, &facts);

	*ret_id = facts.id;
	if (e == INRO_OK)
		e = is_free(t, k);
	if (e == INRO_OK && k->asks != CMP_KUR)
		return turn_by_core(t, enrol_issue(t->core, in, ret));
	if (e == INRO_OK)
		e = check_update(t, &facts);
	return e == INRO_OK ? turn_by_core(t, enrol_renew(t->core, in, t->in.certs[0], ret)) : e;
}

static const struct kind *kind_of(enum cmp_body type)
{
	const struct kind *k = kinds;

	while (k->asks != type)
		k++;
	return k;
}

static int64_t confirm_until(const struct turn *t)
{
	return clock_now() + (t->options->confirm ? t->options->confirm : CONFIRM);
}

enum inro_err turn_request(struct turn *t)
{
	const struct kind *k = kind_of(t->in.type);
	char name[TRANSACTION];
	SCOPED(cred) cred = { 0 };
	struct enrol in = { .label = &t->label,
			    .device = &t->device,
			    .transaction = name,
			    .confirm_by = t->in.implicit_confirm ? 0 : confirm_until(t) };
	int64_t id = 0;
	enum inro_err e;

	name_transaction(t, k->letter, name);
	e = run(t, k, &in, &id, &cred);
	if (e == INRO_OK)
		e = answer(t, k, id, &cred);
	return e == INRO_OK ? e : refused(t, k, id, e);
}

/* ---- certConf ---- */

static const struct bytes oid_shake256 = BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x0c");

/* What is said, else that of the certificate's signature; of Ed25519, and where there is none, SHA-512 (RFC 9481
 * 3.3). */
static enum inro_err hash_of(struct turn *t, const struct cert *cert, struct bytes said,
			     enum pki_hash *ret)
{
	*ret = cert->sig->hash == PKI_HASH_NONE ? PKI_SHA512 : cert->sig->hash;
	if (!said.n)
		return INRO_OK;
	*ret = pki_hash_of_oid(said);
	if (*ret != PKI_HASH_NONE)
		return INRO_OK;
	return turn_refuse(t, CMP_FAIL_BAD_ALG, INRO_E_UNSUPPORTED, "a certificate is hashed by SHA-2 or SHA-3");
}

/* What goes with Ed448: 64 octets of SHAKE256 (RFC 9481 3.3); libcrypto 3.0 and 3.1 send the first 32 of them. */
static bool is_shaken(const struct cert *cert, const struct cmp_confirmation *c)
{
	return cert->sig->key == PKI_ED448 && (!c->hash_alg.n || bytes_equal(c->hash_alg, oid_shake256)) &&
	       (c->hash.n == 64 || c->hash.n == 32);
}

static enum inro_err digest_of(struct turn *t, struct bytes der, const struct cert *cert,
			       const struct cmp_confirmation *c, uint8_t digest[static PKI_DIGEST_MAX], size_t *ret_n)
{
	enum pki_hash hash = PKI_HASH_NONE;
	enum inro_err e;

	if (is_shaken(cert, c)) {
		*ret_n = c->hash.n;
		return pki_shake256(der, digest, PKI_DIGEST_MAX);
	}
	e = hash_of(t, cert, c->hash_alg, &hash);
	*ret_n = pki_hash_octets(hash);
	return e == INRO_OK ? pki_digest(hash, der, digest) : e;
}

static enum inro_err check_hash(struct turn *t, const struct cred *cred,
				const struct cmp_confirmation *c)
{
	SCOPED(cert) cert = { 0 };
	uint8_t digest[PKI_DIGEST_MAX];
	size_t n = 0;
	enum inro_err e = cert_read(blob_bytes(&cred->rec.cert), &cert);

	if (e == INRO_OK)
		e = digest_of(t, blob_bytes(&cred->rec.cert), &cert, c, digest, &n);
	if (e == INRO_OK && !secret_equal(BYTES(digest, n), c->hash))
		e = turn_refuse(t, CMP_FAIL_BAD_CERT_ID, INRO_E_ARG,
				"the hash is not that of the transaction's certificate");
	return e;
}

static enum inro_err reject(struct turn *t, const struct cred *cred)
{
	const struct cred_revocation r = { .reason = "cessationOfOperation",
					   .why = "its holder rejected it" };
	SCOPED(cred) gone = { 0 };
	char ref[32];

	if (!is_good(cred))
		return INRO_OK;
	snprintf(ref, sizeof ref, "id:%lld", (long long)cred->rec.id);
	return turn_by_core(t, cred_revoke(t->core, ref, &r, &gone));
}

/* An empty list rejects all (RFC 9810 5.3.18). */
static enum inro_err read_confirmation(struct turn *t, struct cmp_confirmation *ret)
{
	struct bytes one;
	enum inro_err e;

	if (bytes_equal(t->in.body, (struct bytes)BYTES_LIT("\x30\x00"))) {
		*ret = (struct cmp_confirmation) { .rejected = true };
		return INRO_OK;
	}
	e = cmp_only_one(t->in.body, &one);
	return e == INRO_OK ? cmp_read_confirmation(one, ret) : e;
}

enum inro_err turn_confirm(struct turn *t)
{
	struct cmp_confirmation c;
	SCOPED(cred) cred = { 0 };
	const struct kind *k;
	enum inro_err e = read_confirmation(t, &c);

	if (e == INRO_OK)
		e = find(t, &cred, &k);
	if (e == INRO_OK && !cred.rec.fingerprint.n)
		e = turn_refuse(t, CMP_FAIL_BAD_REQUEST, INRO_E_STATE, "there is no certificate yet");
	if (e == INRO_OK)
		e = check_nonce(t, &cred, false);
	if (e == INRO_OK && !c.rejected)
		e = check_hash(t, &cred, &c);
	if (e == INRO_OK)
		e = c.rejected ? reject(t, &cred) : confirm_done(t->core, &cred);
	if (e == INRO_OK && !c.rejected && !is_good(&cred))
		e = is_over(t, &cred);
	if (e != INRO_OK)
		return e;
	cmp_add_confirmed(&t->body);
	return buf_err(&t->body);
}

/* ---- pollReq ---- */

static enum inro_err read_poll(struct turn *t, int64_t *ret_id)
{
	struct bytes one, in;
	enum inro_err e = cmp_only_one(t->in.body, &one);

	if (e == INRO_OK)
		e = der_only(one, DER_SEQUENCE, &in);
	return e == INRO_OK ? der_take_int(&in, ret_id) : e;
}

static enum inro_err still_waits(struct turn *t, int64_t id, const struct cred *cred)
{
	enum inro_err e = turn_nonce(t, cred, true, t->nonce);

	cmp_add_poll(&t->body, id, t->options->check_after ? t->options->check_after : CHECK_AFTER);
	return e == INRO_OK ? buf_err(&t->body) : e;
}

enum inro_err turn_poll(struct turn *t)
{
	SCOPED(cred) cred = { 0 };
	const struct kind *k;
	int64_t id = 0;
	enum inro_err e = read_poll(t, &id);

	if (e == INRO_OK)
		e = find(t, &cred, &k);
	if (e == INRO_OK)
		e = check_nonce(t, &cred, true);
	if (e == INRO_OK && enrol_waits(&cred))
		return still_waits(t, id, &cred);
	if (e == INRO_OK)
		e = answer(t, k, id, &cred);
	return e;
}
