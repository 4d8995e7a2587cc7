/* est_ask - see est_ask.h. */
#include "backoffice/fetch/est_ask.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backoffice/pki/pem.h"

#define PKCS7_LABEL "PKCS7"
#define CSR_TYPE    "application/pkcs10"
#define WAIT_USUAL  60

void est_certs_clear(struct est_certs *c)
{
	for (size_t i = 0; i < c->n; i++)
		buf_clear(&c->ders[i]);
	*c = (struct est_certs) { 0 };
}

static enum inro_err add_cert(struct est_certs *c, const X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	struct buf *b;

	if (n <= 0)
		return err_set(INRO_E_SYNTAX, "a certificate in the answer can't be read");
	b = &c->ders[c->n++];
	buf_add(b, BYTES(der, (size_t)n));
	OPENSSL_free(der);
	return buf_err(b);
}

static enum inro_err take_certs(const PKCS7 *p, struct est_certs *ret)
{
	const STACK_OF(X509) *list = PKCS7_type_is_signed(p) && p->d.sign ? p->d.sign->cert : NULL;
	int n = list ? sk_X509_num(list) : 0;
	enum inro_err e = INRO_OK;

	if (n < 1 || n > EST_CERTS_MAX)
		return err_set(INRO_E_SYNTAX, "the answer has %d certificates, not 1 to %d", n,
			       EST_CERTS_MAX);
	for (int i = 0; e == INRO_OK && i < n; i++)
		e = add_cert(ret, sk_X509_value(list, i));
	return e;
}

/* The octets of base64 with whatever line ends, as PEM has them (RFC 8951). */
static void as_pem(struct bytes body, struct buf *out)
{
	size_t column = 0;

	buf_add_str(out, "-----BEGIN " PKCS7_LABEL "-----\n");
	for (size_t i = 0; i < body.n; i++) {
		if (strchr(" \t\r\n", body.p[i]))
			continue;
		buf_add_u8(out, body.p[i]);
		if (++column % 64 == 0)
			buf_add_u8(out, '\n');
	}
	buf_add_str(out, "\n-----END " PKCS7_LABEL "-----\n");
}

enum inro_err est_read(struct bytes body, struct est_certs *ret)
{
	SCOPED(buf) text = { 0 };
	SCOPED(buf) der = { 0 };
	SCOPED(est_certs) c = { 0 };
	const unsigned char *p;
	struct bytes rest;
	PKCS7 *cms;
	enum inro_err e;

	as_pem(body, &text);
	rest = buf_bytes(&text);
	e = buf_err(&text);
	if (e == INRO_OK)
		e = pem_next(&rest, PKCS7_LABEL, &der);
	if (e != INRO_OK)
		return err_set(e, "the answer is no base64 of certificates");
	p = der.p;
	cms = d2i_PKCS7(NULL, &p, (long)der.n);
	if (cms)
		e = take_certs(cms, &c);
	else
		e = err_set(INRO_E_SYNTAX, "the answer is no certs-only CMS message");
	PKCS7_free(cms);
	ERR_clear_error();
	if (e != INRO_OK)
		return e;
	*ret = c;
	c = (struct est_certs) { 0 };
	return INRO_OK;
}

/* Of application/problem+json (RFC 9457) the detail, as far as it has no escapes; of all else, all. */
static struct bytes told_words(struct bytes answer)
{
	static const char mark[] = "\"detail\":\"";
	const uint8_t *at = NULL, *end = NULL;

	if (answer.n && answer.p[0] == '{')
		at = memmem(answer.p, answer.n, mark, sizeof mark - 1);
	if (at) {
		at += sizeof mark - 1;
		end = memchr(at, '"', answer.n - (size_t)(at - answer.p));
	}
	return end && end > at && end[-1] != '\\' ? BYTES(at, (size_t)(end - at)) : answer;
}

/* What a person may read of an answer that is none. */
static enum inro_err no_answer(enum inro_err e, const struct fetch *f)
{
	struct bytes told = told_words(buf_bytes(&f->answer));
	char words[320];
	size_t n = 0;

	for (; n < told.n && n < sizeof words - 1; n++) {
		uint8_t x = told.p[n];

		words[n] = x >= 0x20 && x < 0x7f ? (char)x : ' ';
	}
	words[n] = 0;
	return err_set(e, "the service answers %ld to %s: %s", f->status, f->path,
		       n ? words : "(nothing)");
}

static char *est_path(const char *label, const char *what)
{
	char *path;

	return asprintf(&path, "/.well-known/est/%s%s%s", label, *label ? "/" : "", what) < 0 ? NULL :
												 path;
}

static bool is_certs(const struct fetch *f)
{
	static const char type[] = "application/pkcs7-mime";

	return strncasecmp(f->answer_type, type, sizeof type - 1) == 0;
}

static enum inro_err ask_cacerts(const struct fetch_way *way, char *path, struct fetch *f)
{
	if (!path)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	f->path = path;
	return fetch_run(way, NULL, f);
}

enum inro_err est_date(const struct fetch_way *way, const char *label, int64_t *ret)
{
	AUTO(free_chars) char *path = est_path(label, "cacerts");
	SCOPED(fetch) f = { 0 };
	enum inro_err e = ask_cacerts(way, path, &f);

	*ret = e == INRO_OK ? f.date : 0;
	return e;
}

enum inro_err est_cacerts(const struct fetch_way *way, const char *label, struct est_certs *ret)
{
	AUTO(free_chars) char *path = est_path(label, "cacerts");
	SCOPED(fetch) f = { 0 };
	enum inro_err e = ask_cacerts(way, path, &f);

	if (e != INRO_OK)
		return e;
	if (f.status != 200 || !is_certs(&f))
		return no_answer(fetch_is_later(f.status) ? INRO_E_BUSY : INRO_E_CONFIG, &f);
	return est_read(buf_bytes(&f.answer), ret);
}

/* In the way of a person, a proxy or the service's moment: the same request may do later. */
static bool may_do_later(long status)
{
	return fetch_is_later(status) || status == 401 || status == 403 || status == 404 || status == 408;
}

bool est_is_refusal(long status)
{
	return status >= 400 && !may_do_later(status);
}

static enum inro_err judge(struct est_asked *a, const struct fetch *f)
{
	a->retry_after = f->retry_after;
	a->date = f->date;
	if (f->status == 202) {
		a->waits = true;
		a->retry_after = f->retry_after > 0 ? f->retry_after : WAIT_USUAL;
		return INRO_OK;
	}
	if (f->status == 200 && is_certs(f))
		return est_read(buf_bytes(&f->answer), &a->certs);
	a->refused = est_is_refusal(f->status);
	return no_answer(f->status == 401 || f->status == 403 ? INRO_E_ACCESS :
			 fetch_is_later(f->status) ? INRO_E_BUSY :
								INRO_E_POLICY,
			 f);
}

static void add_base64(struct bytes der, struct buf *out)
{
	SCOPED(buf) pem = { 0 };
	char *begin, *end;

	pem_add(&pem, PEM_CSR, der);
	buf_add_u8(&pem, 0);
	begin = buf_err(&pem) == INRO_OK ? strchr((char *)pem.p, '\n') : NULL;
	end = begin ? strstr(begin, "-----END") : NULL;
	if (end)
		buf_add(out, BYTES(begin + 1, (size_t)(end - begin - 1)));
	else
		out->err = INRO_E_NO_MEMORY;
}

enum inro_err est_enroll(const struct fetch_way *way, const struct fetch_who *who,
			 struct est_asked *a)
{
	AUTO(free_chars) char *path = est_path(a->label, a->again ? "simplereenroll" :
								    "simpleenroll");
	SCOPED(buf) body = { 0 };
	SCOPED(fetch) f = { .path = path, .type = CSR_TYPE, .encoding = "base64" };
	enum inro_err e;

	if (!path)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	add_base64(a->csr, &body);
	e = buf_err(&body);
	f.body = buf_bytes(&body);
	if (e == INRO_OK)
		e = fetch_run(way, who, &f);
	return e == INRO_OK ? judge(a, &f) : e;
}
