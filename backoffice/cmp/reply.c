/* reply - the answer's header and protection; see turn.h. */
#include <string.h>

#include "backoffice/cmp/turn.h"
#include "backoffice/core/ca.h"
#include "backoffice/core/enrol.h"
#include "backoffice/core/keyring.h"
#include "backoffice/pki/cert.h"
#include "base/clock.h"
#include "base/secret.h"

#define SALT 16

static const struct bytes no_name = BYTES_LIT("\xa4\x02\x30\x00"); /* directoryName: {} */

enum inro_err turn_nonce(const struct turn *t, const struct cred *cred, bool waits,
			 uint8_t ret[static TURN_NONCE])
{
	SCOPED(buf) all = { 0 };
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e;

	buf_add_field(&all, t->in.id);
	buf_add_u64(&all, (uint64_t)cred->rec.id);
	buf_add_field(&all, blob_bytes(&cred->rec.key_hash));
	buf_add_field(&all, waits ? BYTES_NONE : blob_bytes(&cred->rec.cert));
	e = buf_err(&all);
	if (e == INRO_OK)
		e = pki_digest(PKI_SHA256, buf_bytes(&all), digest);
	memcpy(ret, digest, TURN_NONCE);
	return e;
}

/* ---- protected ---- */

struct protection {
	struct buf algorithm, bits;
	uint8_t salt[SALT];
	struct cmp_pbm pbm;
};

static void protection_clear(struct protection *p)
{
	buf_clear(&p->algorithm);
	buf_clear(&p->bits);
}

static enum inro_err choose(const struct turn *t, struct protection *p)
{
	enum inro_err e = INRO_OK;

	if (!t->by_mac) {
		buf_add(&p->algorithm, t->signer.sig->identifier);
		return buf_err(&p->algorithm);
	}
	e = random_fill(p->salt, sizeof p->salt);
	p->pbm = t->pbm;
	p->pbm.salt = BYTES(p->salt, sizeof p->salt);
	cmp_pbm_add(&p->algorithm, &p->pbm);
	return e == INRO_OK ? buf_err(&p->algorithm) : e;
}

static enum inro_err protect(struct turn *t, struct bytes head, struct protection *p)
{
	SCOPED(buf) part = { 0 };
	uint8_t mac[CMP_MAC_MAX];
	size_t n = 0;
	enum inro_err e;

	cmp_protected_part(head, buf_bytes(&t->body), &part);
	e = buf_err(&part);
	if (e == INRO_OK && !t->by_mac)
		return core_pin_fault(signer_sign(&t->signer, t->signer.sig, buf_bytes(&part), &p->bits));
	if (e == INRO_OK)
		e = cmp_pbm_mac(&p->pbm, secret_bytes(&t->psk), buf_bytes(&part), mac, &n);
	buf_add(&p->bits, BYTES(mac, n));
	return e == INRO_OK ? buf_err(&p->bits) : e;
}

/* ---- the message ---- */

/* Who signs, or the CA; nobody where it is not known which. */
static enum inro_err sender_of(struct turn *t, struct buf *ret)
{
	SCOPED(ca_view) v = { 0 };
	SCOPED(cert) cert = { 0 };
	enum inro_err e = INRO_OK;

	if (t->signer.sig) {
		cmp_add_directory(ret, t->signer.cert.subject);
		return buf_err(ret);
	}
	if (t->known && *t->label.ca)
		e = ca_get(t->core, t->label.ca, &v);
	if (e == INRO_OK && v.rec.cert.n)
		e = cert_read(blob_bytes(&v.rec.cert), &cert);
	if (e == INRO_OK && cert.subject.n)
		cmp_add_directory(ret, cert.subject);
	else
		buf_add(ret, no_name);
	return e == INRO_OK ? buf_err(ret) : e;
}

static struct cmp_head head_of(const struct turn *t, const struct buf *sender, const struct protection *p)
{
	return (struct cmp_head) {
		.version = t->in.version == 3 ? 3 : 2,
		.sender = buf_bytes(sender),
		.recipient = t->in.sender,
		.time = clock_now(),
		.algorithm = buf_bytes(&p->algorithm),
		.sender_kid = t->signer.sig ? t->signer.cert.ext.ski : t->by_mac ? t->in.sender_kid : BYTES_NONE,
		.id = t->in.id,
		.sender_nonce = BYTES(t->nonce, sizeof t->nonce),
		.recip_nonce = t->in.sender_nonce,
		.implicit_confirm = t->implicit,
	};
}

/* The signer's certificate first, then what leads from it and from a new certificate to the root. */
static enum inro_err gather(struct turn *t, struct chain *chain, struct bytes *certs, size_t *ret_n)
{
	enum inro_err e = INRO_OK;

	*ret_n = 0;
	if (!t->known || !*t->label.ca)
		return INRO_OK;
	if (t->signer.sig)
		certs[(*ret_n)++] = buf_bytes(&t->signer.cert.der);
	e = enrol_chain(t->core, t->label.ca, chain);
	for (size_t i = 0; e == INRO_OK && i < chain->n && *ret_n < CMP_CERTS_MAX; i++)
		certs[(*ret_n)++] = blob_bytes(&chain->certs[i]);
	return e;
}

static bool may_protect(const struct turn *t)
{
	return t->known && (t->by_mac || t->signer.sig);
}

enum inro_err turn_reply(struct turn *t, struct buf *ret)
{
	SCOPED(protection) p = { 0 };
	SCOPED(chain) chain = { 0 };
	SCOPED(buf) sender = { 0 };
	SCOPED(buf) head = { 0 };
	struct bytes certs[CMP_CERTS_MAX];
	struct cmp_head h;
	size_t n = 0;
	enum inro_err e = sender_of(t, &sender);

	if (e == INRO_OK && may_protect(t))
		e = choose(t, &p);
	h = head_of(t, &sender, &p);
	cmp_add_head(&head, &h);
	if (e == INRO_OK)
		e = buf_err(&head);
	if (e == INRO_OK && may_protect(t))
		e = protect(t, buf_bytes(&head), &p);
	if (e == INRO_OK)
		e = gather(t, &chain, certs, &n);
	if (e != INRO_OK)
		return e;
	cmp_add_message(ret, buf_bytes(&head), buf_bytes(&t->body), buf_bytes(&p.bits), certs, n);
	return buf_err(ret);
}
