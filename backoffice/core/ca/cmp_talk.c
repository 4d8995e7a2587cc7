/* cmp_talk - see cmp_talk.h. */
#include "backoffice/core/ca/cmp_talk.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "backoffice/core/keyring.h"
#include "backoffice/pki/pem.h"
#include "base/clock.h"
#include "base/der.h"

#define CMP_TYPE  "application/pkixcmp"
#define SALT	  16
#define ROUNDS	  2048
#define TEXT_MAX  160
#define TRUST_MAX 32
#define POLL_MAX  2 /* seconds before each */

static const struct bytes no_name = BYTES_LIT("\xa4\x02\x30\x00"); /* directoryName: {} */
/* hmacWithSHA256 */
static const struct bytes hmac = BYTES_LIT("\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x09\x05\x00");

void cmp_talk_clear(struct cmp_talk *t)
{
	cert_clear(&t->ca);
	cert_clear(&t->own);
	buf_clear(&t->asked);
	buf_clear(&t->heard);
	buf_clear(&t->raw);
	*t = (struct cmp_talk) { 0 };
}

static enum inro_err open_key(struct cmp_talk *t)
{
	const struct ca_way *way = t->r->way;
	enum inro_err e = cert_read(blob_bytes(&way->cert), &t->own);

	if (e == INRO_OK)
		e = core_key(t->r->c, way->key_uri, &t->key);
	if (e == INRO_OK && !token_key_has(t->key, t->own.key.spki))
		e = err_set(INRO_E_CONFIG, "the key that signs is not that of its certificate");
	return e == INRO_OK ? pubkey_sig(&t->own.key, PKI_HASH_NONE, &t->sig) : e;
}

enum inro_err cmp_talk_open(struct ca_reach *r, struct cmp_talk *t)
{
	enum inro_err e = ca_reach_who(r);

	t->r = r;
	t->by_mac = r->who.id != NULL;
	if (e == INRO_OK && r->ca.n)
		e = cert_read(r->ca, &t->ca);
	if (e == INRO_OK && !t->by_mac)
		e = open_key(t);
	return e == INRO_OK ? random_fill(t->id, sizeof t->id) : e;
}

/* ---- said ---- */

struct saying {
	struct cmp_talk *t;
	uint8_t salt[SALT];
	struct cmp_pbm pbm;
	struct buf algorithm, sender, recipient, head, part, bits, message;
};

static void saying_clear(struct saying *s)
{
	struct buf *all[] = { &s->algorithm, &s->sender, &s->recipient, &s->head,
			      &s->part,	     &s->bits,	 &s->message };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_clear(all[i]);
}

static enum inro_err choose(struct saying *s)
{
	enum inro_err e = random_fill(s->salt, sizeof s->salt);

	if (!s->t->by_mac) {
		buf_add(&s->algorithm, s->t->sig->identifier);
		return buf_err(&s->algorithm);
	}
	s->pbm = (struct cmp_pbm) {
		.salt = BYTES(s->salt, sizeof s->salt), .owf = PKI_SHA256, .rounds = ROUNDS, .mac = hmac
	};
	cmp_pbm_add(&s->algorithm, &s->pbm);
	return e == INRO_OK ? buf_err(&s->algorithm) : e;
}

static void add_name(struct buf *to, struct bytes name)
{
	if (name.n)
		cmp_add_directory(to, name);
	else
		buf_add(to, no_name);
}

static void add_head(struct saying *s, bool implicit)
{
	struct cmp_talk *t = s->t;
	struct cmp_head h = {
		.version = 2,
		.time = clock_now(),
		.sender_kid = t->by_mac ? bytes_of(t->r->who.id) : t->own.ext.ski,
		.id = BYTES(t->id, sizeof t->id),
		.sender_nonce = BYTES(t->nonce, sizeof t->nonce),
		.recip_nonce = buf_bytes(&t->heard),
		.implicit_confirm = implicit,
	};

	add_name(&s->sender, t->by_mac ? BYTES_NONE : t->own.subject);
	add_name(&s->recipient, t->ca.subject);
	h.algorithm = buf_bytes(&s->algorithm);
	h.sender = buf_bytes(&s->sender);
	h.recipient = buf_bytes(&s->recipient);
	cmp_add_head(&s->head, &h);
}

static enum inro_err protect(struct saying *s)
{
	uint8_t mac[CMP_MAC_MAX];
	size_t n = 0;
	enum inro_err e = buf_err(&s->part);

	if (e == INRO_OK && !s->t->by_mac)
		return token_key_sign(s->t->key, s->t->sig, buf_bytes(&s->part), &s->bits);
	if (e == INRO_OK)
		e = cmp_pbm_mac(&s->pbm, s->t->r->who.psk, buf_bytes(&s->part), mac, &n);
	buf_add(&s->bits, BYTES(mac, n));
	return e == INRO_OK ? buf_err(&s->bits) : e;
}

/* Our certificate and those above it, as they were given. */
static enum inro_err gather(const struct cmp_talk *t, struct buf *ders, struct bytes *certs, size_t *ret_n)
{
	struct bytes text = blob_bytes(&t->r->way->cert);
	enum inro_err e = INRO_OK;

	while (!t->by_mac && e == INRO_OK && *ret_n < CMP_CERTS_MAX) {
		e = pem_next(&text, PEM_CERT, &ders[*ret_n]);
		if (e == INRO_OK) {
			certs[*ret_n] = buf_bytes(&ders[*ret_n]);
			++*ret_n;
		}
	}
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err add_message(struct saying *s, const struct buf *body)
{
	struct buf ders[CMP_CERTS_MAX] = { 0 };
	struct bytes certs[CMP_CERTS_MAX];
	size_t n = 0;
	enum inro_err e = gather(s->t, ders, certs, &n);

	if (e == INRO_OK)
		cmp_add_message(&s->message, buf_bytes(&s->head), buf_bytes(body), buf_bytes(&s->bits), certs,
				n);
	for (size_t i = 0; i < ARRAY_LEN(ders); i++)
		buf_clear(&ders[i]);
	return e == INRO_OK ? buf_err(&s->message) : e;
}

static enum inro_err compose(struct saying *s, const struct buf *body, bool implicit)
{
	enum inro_err e = buf_err(body);

	if (e == INRO_OK)
		e = random_fill(s->t->nonce, sizeof s->t->nonce);
	if (e == INRO_OK)
		e = choose(s);
	add_head(s, implicit);
	cmp_protected_part(buf_bytes(&s->head), buf_bytes(body), &s->part);
	if (e == INRO_OK)
		e = protect(s);
	return e == INRO_OK ? add_message(s, body) : e;
}

/* ---- heard ---- */

static enum inro_err not_protected(const char *why)
{
	return err_set(INRO_E_SIGNATURE, "the answer is not one of the CA: %s", why);
}

static enum inro_err check_mac(const struct cmp_talk *t, struct bytes part)
{
	struct cmp_pbm pbm;
	uint8_t mac[CMP_MAC_MAX];
	size_t n = 0;
	enum inro_err e;

	if (!cmp_is_pbm(t->in.algorithm))
		return not_protected("it is not protected by the shared secret");
	e = cmp_pbm_read(t->in.algorithm, &pbm);
	if (e == INRO_OK)
		e = cmp_pbm_mac(&pbm, t->r->who.psk, part, mac, &n);
	if (e == INRO_OK && !secret_equal(BYTES(mac, n), t->in.protection))
		e = not_protected("its protection is by another secret");
	return e;
}

static bool may_speak_for(const struct cert *signer, const struct cert *ca)
{
	if (bytes_equal(buf_bytes(&signer->der), buf_bytes(&ca->der)))
		return true;
	return signer->ext.has_eku && signer->ext.eku & (EKU_CMC_CA | EKU_CMC_RA) &&
	       bytes_equal(signer->issuer, ca->subject) && cert_verify(signer, &ca->key) == INRO_OK;
}

/* One of those that were named when it was connected, or certified by one. */
static bool is_named(const struct cmp_talk *t, const struct cert *signer)
{
	struct bytes text = blob_bytes(&t->r->way->trust);

	for (int i = 0; i < TRUST_MAX; i++) {
		SCOPED(buf) der = { 0 };
		SCOPED(cert) named = { 0 };

		if (pem_next(&text, PEM_CERT, &der) != INRO_OK ||
		    cert_read(buf_bytes(&der), &named) != INRO_OK)
			return false;
		if (may_speak_for(signer, &named))
			return true;
	}
	return false;
}

static enum inro_err check_signer(const struct cmp_talk *t, const struct cert *signer)
{
	int64_t now = clock_now();

	if (now < signer->not_before || now > signer->not_after)
		return not_protected("who signed it has a certificate that is not valid now");
	if (!cert_may_sign(signer))
		return not_protected("who signed it has a certificate without digitalSignature in its key usage");
	if ((t->ca.der.n && may_speak_for(signer, &t->ca)) || is_named(t, signer))
		return INRO_OK;
	return not_protected("who signed it is neither the CA, nor one that it certified to sign messages, "
			     "nor one of --trust");
}

static enum inro_err check_signature(const struct cmp_talk *t, struct bytes part)
{
	SCOPED(cert) signer = { 0 };
	const struct pki_sig *sig = NULL;
	enum inro_err e;

	if (!t->in.n_certs)
		return not_protected("the certificate of who signed it is missing");
	e = pki_sig_find(t->in.algorithm, &sig);
	if (e == INRO_OK)
		e = cert_read(t->in.certs[0], &signer);
	if (e == INRO_OK)
		e = check_signer(t, &signer);
	if (e == INRO_OK && pubkey_verify(&signer.key, sig, part, t->in.protection) != INRO_OK)
		e = not_protected("its signature is wrong");
	return e;
}

enum inro_err cmp_talk_no(const struct cmp_said *said)
{
	char words[TEXT_MAX];
	size_t n = 0;

	for (; n < said->text.n && n < sizeof words - 1; n++) {
		uint8_t x = said->text.p[n];

		words[n] = x >= 0x20 && x != 0x7f ? (char)x : ' ';
	}
	words[n] = 0;
	return err_set(INRO_E_POLICY, "the CA refuses it (status %lld, failInfo %#x)%s%s",
		       (long long)said->status, said->fails, n ? ": " : "", words);
}

static enum inro_err is_error(const struct cmp_talk *t)
{
	struct cmp_said said;
	enum inro_err e = cmp_read_error(t->in.body, &said);

	if (e == INRO_OK && said.status == CMP_WAITING && t->believed)
		return e;
	return e == INRO_OK ? cmp_talk_no(&said) : e;
}

static bool is_poll(struct bytes body)
{
	return der_peek(body) == (int)DER_EXPLICIT(CMP_POLLREQ);
}

static bool is_to_us(const struct cmp_talk *t)
{
	if (bytes_equal(t->in.recip_nonce, BYTES(t->nonce, sizeof t->nonce)))
		return true;
	return t->asked.n && t->in.type != CMP_POLLREP && bytes_equal(t->in.recip_nonce, buf_bytes(&t->asked));
}

static enum inro_err check(struct cmp_talk *t)
{
	SCOPED(buf) part = { 0 };
	enum inro_err e = cmp_read(buf_bytes(&t->raw), &t->in);

	if (e != INRO_OK)
		return e;
	if (!bytes_equal(t->in.id, BYTES(t->id, sizeof t->id)))
		return not_protected("it is to another message");
	if (t->in.type == CMP_ERROR && !t->in.protection.n)
		return is_error(t);
	if (!is_to_us(t))
		return not_protected("it is to another message");
	cmp_protected_part(t->in.header, t->in.body_whole, &part);
	e = buf_err(&part);
	if (e == INRO_OK)
		e = t->by_mac ? check_mac(t, buf_bytes(&part)) : check_signature(t, buf_bytes(&part));
	t->believed = e == INRO_OK;
	if (e == INRO_OK && t->in.type == CMP_ERROR)
		e = is_error(t);
	buf_reset(&t->heard);
	buf_add(&t->heard, t->in.sender_nonce);
	return e == INRO_OK ? buf_err(&t->heard) : e;
}

static enum inro_err keep_nonce(struct cmp_talk *t, const struct buf *body)
{
	if (is_poll(buf_bytes(body)))
		return INRO_OK;
	buf_reset(&t->asked);
	buf_add(&t->asked, BYTES(t->nonce, sizeof t->nonce));
	return buf_err(&t->asked);
}

static enum inro_err no_message(const struct fetch *f)
{
	return err_set(fetch_is_later(f->status) ? INRO_E_BUSY : INRO_E_CONFIG,
		       "the server answers %ld, and no CMP message", f->status);
}

enum inro_err cmp_talk_say(struct cmp_talk *t, const struct buf *body, bool implicit)
{
	SCOPED(saying) s = { .t = t };
	SCOPED(fetch) f = { .path = "", .type = CMP_TYPE };
	enum inro_err e = compose(&s, body, implicit);

	t->believed = false;
	f.body = buf_bytes(&s.message);
	if (e == INRO_OK)
		e = keep_nonce(t, body);
	if (e == INRO_OK)
		e = fetch_run(&t->r->fetch, NULL, &f);
	if (e != INRO_OK)
		return e;
	if (strncasecmp(f.answer_type, CMP_TYPE, sizeof CMP_TYPE - 1) != 0)
		return no_message(&f);
	buf_clear(&t->raw);
	t->raw = f.answer;
	f.answer = (struct buf) { 0 };
	t->in = (struct cmp_message) { 0 };
	return check(t);
}

enum inro_err cmp_talk_is_put_off(const struct cmp_talk *t, bool *ret, int64_t *ret_request, int64_t *ret_after)
{
	*ret = t->in.type == CMP_ERROR || t->in.type == CMP_POLLREP;
	*ret_request = CMP_WHOLE;
	*ret_after = 1;
	return t->in.type == CMP_POLLREP ? cmp_read_poll(t->in.body, ret_request, ret_after) : INRO_OK;
}

static void wait_for(int64_t s)
{
	struct timespec t = { .tv_sec = s < 1 ? 1 : s > POLL_MAX ? POLL_MAX : (time_t)s };

	(void)nanosleep(&t, NULL);
}

static enum inro_err poll_again(struct cmp_talk *t, int64_t request, int64_t after)
{
	SCOPED(buf) body = { 0 };

	wait_for(after);
	cmp_add_poll_again(&body, request);
	return cmp_talk_say(t, &body, false);
}

enum inro_err cmp_talk_say_now(struct cmp_talk *t, const struct buf *body, bool *ret_put_off)
{
	int64_t request, after;
	enum inro_err e = cmp_talk_say(t, body, false);

	*ret_put_off = false;
	for (int polls = 0; e == INRO_OK; polls++) {
		e = cmp_talk_is_put_off(t, ret_put_off, &request, &after);
		if (e != INRO_OK || !*ret_put_off || polls == CMP_TALK_POLLS)
			break;
		e = poll_again(t, request, after);
	}
	return e;
}
