/* ocsp - answers spliced; see ocsp.h. */
#include "backoffice/pki/ocsp.h"

#include <string.h>

#include "backoffice/pki/crypt.h"
#include "base/der.h"

#define SHA1_OCTETS 20

/* AlgorithmIdentifier, with parameters NULL and without. */
static const struct {
	size_t octets;
	struct bytes with_null, without;
} hashes[OCSP_HASH__MAX] = {
	[OCSP_SHA1] = { SHA1_OCTETS, BYTES_LIT("\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00"),
			BYTES_LIT("\x30\x07\x06\x05\x2b\x0e\x03\x02\x1a") },
	[OCSP_SHA256] = { 32,
			  BYTES_LIT("\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00"),
			  BYTES_LIT("\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01") },
};

static const struct bytes oid_basic = BYTES_LIT("\x06\x09\x2b\x06\x01\x05\x05\x07\x30\x01\x01"),
			  oid_nonce = BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x30\x01\x02"),
			  oid_cutoff = BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x30\x01\x06"),
			  oid_invalidity = BYTES_LIT("\x55\x1d\x18");

size_t ocsp_hash_octets(enum ocsp_hash h)
{
	return h < OCSP_HASH__MAX ? hashes[h].octets : 0;
}

/* ---- who is asked about, and who answers ---- */

static enum inro_err digest(enum ocsp_hash h, struct bytes data, uint8_t *ret)
{
	const EVP_MD *md = h == OCSP_SHA1 ? crypt_sha1() : crypt_md(PKI_SHA256);

	if (!md || !EVP_Digest(data.p, data.n, ret, NULL, md, NULL))
		return crypt_err("computing a digest");
	return INRO_OK;
}

enum inro_err ocsp_names_of(const struct cert *ca, struct ocsp_names *ret)
{
	enum inro_err e = INRO_OK;

	for (int h = 0; !e && h < OCSP_HASH__MAX; h++) {
		e = digest((enum ocsp_hash)h, ca->subject, ret->name[h]);
		if (!e)
			e = digest((enum ocsp_hash)h, ca->key.key_bits, ret->key[h]);
	}
	return e;
}

bool ocsp_is_of(const struct ocsp_cert_id *id, const struct ocsp_names *ca)
{
	size_t n = ocsp_hash_octets(id->hash);

	return n && memcmp(id->key.p, ca->key[id->hash], n) == 0 &&
	       memcmp(id->name.p, ca->name[id->hash], n) == 0;
}

void ocsp_add_cert_id(struct buf *b, const struct ocsp_names *ca, const struct ocsp_cert_id *like)
{
	size_t mark = der_begin(b, DER_SEQUENCE), n = hashes[like->hash].octets;

	buf_add(b, like->with_null ? hashes[like->hash].with_null : hashes[like->hash].without);
	der_add(b, DER_OCTET_STRING, BYTES(ca->name[like->hash], n));
	der_add(b, DER_OCTET_STRING, BYTES(ca->key[like->hash], n));
	der_add_unsigned(b, like->serial);
	der_end(b, mark);
}

enum inro_err ocsp_add_responder(struct buf *b, const struct cert *signer, bool by_name)
{
	uint8_t key[SHA1_OCTETS];
	size_t mark;
	enum inro_err e;

	if (by_name) {
		der_add(b, DER_CONTEXT_CONSTRUCTED | 1, signer->subject);
		return buf_err(b);
	}
	e = digest(OCSP_SHA1, signer->key.key_bits, key);
	if (e)
		return e;
	mark = der_begin(b, DER_CONTEXT_CONSTRUCTED | 2);
	der_add(b, DER_OCTET_STRING, BYTES(key, sizeof key));
	der_end(b, mark);
	return buf_err(b);
}

void ocsp_add_certs(struct buf *b, struct bytes der)
{
	size_t mark, list;

	if (!der.n)
		return;
	mark = der_begin(b, DER_CONTEXT_CONSTRUCTED);
	list = der_begin(b, DER_SEQUENCE);
	buf_add(b, der);
	der_end(b, list);
	der_end(b, mark);
}

/* ---- what is signed ---- */

static void add_time(struct buf *b, int64_t at)
{
	uint8_t text[DER_TIME_MAX];

	der_add(b, DER_GENERALIZED_TIME, BYTES(text, der_put_time(text, at, false)));
}

static void add_revoked(struct buf *b, const struct ocsp_single *s)
{
	uint8_t reason = (uint8_t)s->reason;
	size_t mark = der_begin(b, DER_CONTEXT_CONSTRUCTED | OCSP_REVOKED), inner;

	add_time(b, s->revoked_at);
	if (s->reason != CRL_UNSPECIFIED) {
		inner = der_begin(b, DER_CONTEXT_CONSTRUCTED);
		der_add(b, DER_ENUMERATED, BYTES(&reason, 1));
		der_end(b, inner);
	}
	der_end(b, mark);
}

static void add_time_extension(struct buf *b, struct bytes oid, int64_t at)
{
	SCOPED(buf) value = { 0 };

	add_time(&value, at);
	ext_add_other(b, oid, false, buf_bytes(&value));
}

/* RFC 6960 4.4.4, 4.4.5. */
static void add_single_extensions(struct buf *b, const struct ocsp_single *s)
{
	bool since = s->status == OCSP_REVOKED && s->invalid_since;
	size_t mark, list;

	if (!since && !s->cutoff)
		return;
	mark = der_begin(b, DER_CONTEXT_CONSTRUCTED | 1);
	list = der_begin(b, DER_SEQUENCE);
	if (s->cutoff)
		add_time_extension(b, oid_cutoff, s->cutoff);
	if (since)
		add_time_extension(b, oid_invalidity, s->invalid_since);
	der_end(b, list);
	der_end(b, mark);
}

static void add_single(struct buf *b, const struct ocsp_answer *a, const struct ocsp_single *s)
{
	size_t mark = der_begin(b, DER_SEQUENCE), next;

	buf_add(b, s->cert_id);
	if (s->status == OCSP_REVOKED)
		add_revoked(b, s);
	else
		der_add(b, (uint8_t)(DER_CONTEXT | s->status), BYTES_NONE);
	add_time(b, a->this_update);
	next = der_begin(b, DER_CONTEXT_CONSTRUCTED);
	add_time(b, a->next_update);
	der_end(b, next);
	add_single_extensions(b, s);
	der_end(b, mark);
}

static void add_nonce(struct buf *b, struct bytes nonce)
{
	SCOPED(buf) value = { 0 };
	size_t mark = der_begin(b, DER_CONTEXT_CONSTRUCTED | 1), list = der_begin(b, DER_SEQUENCE);

	der_add(&value, DER_OCTET_STRING, nonce);
	ext_add_other(b, oid_nonce, false, buf_bytes(&value));
	der_end(b, list);
	der_end(b, mark);
}

enum inro_err ocsp_tbs(const struct ocsp_answer *in, struct buf *ret)
{
	size_t mark = der_begin(ret, DER_SEQUENCE), list;

	buf_add(ret, in->responder);
	add_time(ret, in->this_update);
	list = der_begin(ret, DER_SEQUENCE);
	for (size_t i = 0; i < in->n; i++)
		add_single(ret, in, &in->singles[i]);
	der_end(ret, list);
	if (in->nonce.n)
		add_nonce(ret, in->nonce);
	der_end(ret, mark);
	return buf_err(ret);
}

/* ---- what goes out ---- */

enum inro_err ocsp_signed(struct bytes tbs, const struct pki_sig *sig, struct bytes signature,
			  struct buf *ret)
{
	buf_add(ret, tbs);
	buf_add(ret, sig->identifier);
	der_add_bits(ret, signature);
	return buf_err(ret);
}

enum inro_err ocsp_whole(struct bytes is_signed, struct bytes certs, struct buf *ret)
{
	static const uint8_t successful = 0;
	size_t mark = der_begin(ret, DER_SEQUENCE), bytes, response, octets, basic;

	der_add(ret, DER_ENUMERATED, BYTES(&successful, 1));
	bytes = der_begin(ret, DER_CONTEXT_CONSTRUCTED);
	response = der_begin(ret, DER_SEQUENCE);
	buf_add(ret, oid_basic);
	octets = der_begin(ret, DER_OCTET_STRING);
	basic = der_begin(ret, DER_SEQUENCE);
	buf_add(ret, is_signed);
	buf_add(ret, certs);
	der_end(ret, basic);
	der_end(ret, octets);
	der_end(ret, response);
	der_end(ret, bytes);
	der_end(ret, mark);
	return buf_err(ret);
}

void ocsp_add_refusal(struct buf *b, enum ocsp_refusal why)
{
	uint8_t code = (uint8_t)why;
	size_t mark = der_begin(b, DER_SEQUENCE);

	der_add(b, DER_ENUMERATED, BYTES(&code, 1));
	der_end(b, mark);
}
