/* cmp_write - messages written; see cmp.h. */
#include <string.h>

#include "backoffice/pki/cmp.h"
#include "base/der.h"

#define GENERAL_NAME DER_EXPLICIT(4) /* directoryName */

/* ---- the header ---- */

static void add_optional(struct buf *b, unsigned number, uint8_t tag, struct bytes value)
{
	size_t outer;

	if (!value.n)
		return;
	outer = der_begin(b, DER_EXPLICIT(number));
	der_add(b, tag, value);
	der_end(b, outer);
}

static void add_time(struct buf *b, int64_t time)
{
	uint8_t text[DER_TIME_MAX];
	size_t n = der_put_time(text, time, false);

	add_optional(b, 0, DER_GENERALIZED_TIME, BYTES(text, n));
}

static void add_algorithm(struct buf *b, struct bytes algorithm)
{
	size_t outer;

	if (!algorithm.n)
		return;
	outer = der_begin(b, DER_EXPLICIT(1));
	buf_add(b, algorithm);
	der_end(b, outer);
}

static void add_implicit(struct buf *b)
{
	size_t outer = der_begin(b, DER_EXPLICIT(8)), list = der_begin(b, DER_SEQUENCE),
	       info = der_begin(b, DER_SEQUENCE);

	der_add(b, DER_OID, cmp_oid_implicit);
	der_add(b, DER_NULL, BYTES_NONE);
	der_end(b, info);
	der_end(b, list);
	der_end(b, outer);
}

void cmp_add_head(struct buf *b, const struct cmp_head *h)
{
	size_t seq = der_begin(b, DER_SEQUENCE);

	der_add_int(b, h->version);
	buf_add(b, h->sender);
	buf_add(b, h->recipient);
	add_time(b, h->time);
	add_algorithm(b, h->algorithm);
	add_optional(b, 2, DER_OCTET_STRING, h->sender_kid);
	add_optional(b, 4, DER_OCTET_STRING, h->id);
	add_optional(b, 5, DER_OCTET_STRING, h->sender_nonce);
	add_optional(b, 6, DER_OCTET_STRING, h->recip_nonce);
	if (h->implicit_confirm)
		add_implicit(b);
	der_end(b, seq);
}

void cmp_add_directory(struct buf *b, struct bytes name)
{
	size_t outer = der_begin(b, GENERAL_NAME);

	buf_add(b, name);
	der_end(b, outer);
}

void cmp_add_message(struct buf *b, struct bytes head, struct bytes body, struct bytes protection,
		     const struct bytes *certs, size_t n)
{
	size_t seq = der_begin(b, DER_SEQUENCE), outer, list;

	buf_add(b, head);
	buf_add(b, body);
	if (protection.n) {
		outer = der_begin(b, DER_EXPLICIT(0));
		der_add_bits(b, protection);
		der_end(b, outer);
	}
	if (n) {
		outer = der_begin(b, DER_EXPLICIT(1));
		list = der_begin(b, DER_SEQUENCE);
		for (size_t i = 0; i < n; i++)
			buf_add(b, certs[i]);
		der_end(b, list);
		der_end(b, outer);
	}
	der_end(b, seq);
}

/* ---- bodies ---- */

/* A named bit list with one bit (X.690 11.2.2). */
static void add_fail(struct buf *b, enum cmp_fail fail)
{
	uint8_t bits[1 + (CMP_FAIL__MAX + 7) / 8] = { 0 };
	unsigned bit = (unsigned)fail;

	bits[0] = (uint8_t)(7 - bit % 8);
	bits[1 + bit / 8] = (uint8_t)(0x80 >> bit % 8);
	der_add(b, DER_BIT_STRING, BYTES(bits, 2 + bit / 8));
}

void cmp_add_status(struct buf *b, enum cmp_status status, enum cmp_fail fail, const char *text)
{
	size_t seq = der_begin(b, DER_SEQUENCE), list;

	der_add_int(b, status);
	if (text && *text) {
		list = der_begin(b, DER_SEQUENCE);
		der_add(b, DER_UTF8_STRING, bytes_of(text));
		der_end(b, list);
	}
	if (fail != CMP_FAIL_NONE)
		add_fail(b, fail);
	der_end(b, seq);
}

static void add_explicit_cert(struct buf *b, unsigned number, struct bytes cert)
{
	size_t outer = der_begin(b, DER_EXPLICIT(number));

	buf_add(b, cert);
	der_end(b, outer);
}

static void add_ca_pubs(struct buf *b, struct bytes ca)
{
	size_t outer, list;

	if (!ca.n)
		return;
	outer = der_begin(b, DER_EXPLICIT(1));
	list = der_begin(b, DER_SEQUENCE);
	buf_add(b, ca);
	der_end(b, list);
	der_end(b, outer);
}

void cmp_add_answer(struct buf *b, const struct cmp_answer *a)
{
	size_t body = der_begin(b, DER_EXPLICIT(a->type)), rep = der_begin(b, DER_SEQUENCE), list, one,
	       pair;

	add_ca_pubs(b, a->ca);
	list = der_begin(b, DER_SEQUENCE);
	one = der_begin(b, DER_SEQUENCE);
	der_add_int(b, a->request);
	cmp_add_status(b, a->status, a->fail, a->text);
	if (a->cert.n) {
		pair = der_begin(b, DER_SEQUENCE);
		add_explicit_cert(b, 0, a->cert);
		der_end(b, pair);
	}
	der_end(b, one);
	der_end(b, list);
	der_end(b, rep);
	der_end(b, body);
}

void cmp_add_revoked(struct buf *b, enum cmp_status status, enum cmp_fail fail, const char *text)
{
	size_t body = der_begin(b, DER_EXPLICIT(CMP_RP)), rep = der_begin(b, DER_SEQUENCE),
	       list = der_begin(b, DER_SEQUENCE);

	cmp_add_status(b, status, fail, text);
	der_end(b, list);
	der_end(b, rep);
	der_end(b, body);
}

void cmp_add_confirmed(struct buf *b)
{
	size_t body = der_begin(b, DER_EXPLICIT(CMP_PKICONF));

	der_add(b, DER_NULL, BYTES_NONE);
	der_end(b, body);
}

void cmp_add_poll(struct buf *b, int64_t request, int64_t check_after)
{
	size_t body = der_begin(b, DER_EXPLICIT(CMP_POLLREP)), list = der_begin(b, DER_SEQUENCE),
	       one = der_begin(b, DER_SEQUENCE);

	der_add_int(b, request);
	der_add_int(b, check_after);
	der_end(b, one);
	der_end(b, list);
	der_end(b, body);
}

void cmp_add_error(struct buf *b, enum cmp_fail fail, const char *text)
{
	size_t body = der_begin(b, DER_EXPLICIT(CMP_ERROR)), seq = der_begin(b, DER_SEQUENCE);

	cmp_add_status(b, CMP_REJECTION, fail, text);
	der_end(b, seq);
	der_end(b, body);
}
