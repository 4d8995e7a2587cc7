/* trust - see trust.h. */
#include "tools/agent/trust.h"

#include "backoffice/pki/cert.h"
#include "backoffice/pki/pem.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/own.h"

#define FOLLOWED_MAX 64
#define TRUST_MAX    ((size_t)2 << 20) /* of the setting's file: a system's bundle has a tenth of it */
#define SLACK	     300	       /* seconds that two clocks may differ */

/* What leads from the CAs in `trust` to the roots that took their place. */
struct ways {
	struct cert all[FOLLOWED_MAX];
	bool root[FOLLOWED_MAX];     /* it signed itself */
	bool named[FOLLOWED_MAX];    /* it is in `trust` */
	bool believed[FOLLOWED_MAX]; /* a root that is followed, or a certificate that led there */
	size_t n, kept;		     /* so many are from the file */
	int64_t at;
	bool more; /* something was followed that was not before */
};

static void ways_clear(struct ways *w)
{
	for (size_t i = 0; i < w->n; i++)
		cert_clear(&w->all[i]);
	*w = (struct ways) { 0 };
}

static bool has(const struct ways *w, struct bytes der)
{
	for (size_t i = 0; i < w->n; i++)
		if (bytes_equal(buf_bytes(&w->all[i].der), der))
			return true;
	return false;
}

/* A CA that is named as its issuer: a root, or a key of one for another.  Others lead nowhere. */
static void add(struct ways *w, struct bytes der)
{
	SCOPED(err_kept) kept = err_keep();
	SCOPED(cert) c = { 0 };

	if (w->n == FOLLOWED_MAX || has(w, der) || cert_read(der, &c) != INRO_OK || !c.self_issued ||
	    cert_check_ca(&c) != INRO_OK)
		return;
	w->root[w->n] = cert_verify(&c, &c.key) == INRO_OK;
	w->all[w->n++] = c;
	c = (struct cert) { 0 };
}

static bool is_in_time(const struct ways *w, const struct cert *c)
{
	return c->not_before <= w->at + SLACK && c->not_after > w->at;
}

/* From `a` to the root `x`, which is newer, by the certificate `by`: the next key of one CA, by its own word, with no
 * more than it had. */
static bool leads(const struct cert *a, const struct cert *by, const struct cert *x)
{
	return bytes_equal(by->subject, a->subject) && bytes_equal(x->subject, a->subject) &&
	       a->not_before <= x->not_before && bytes_equal(by->key.spki, x->key.spki) && bytes_equal(by->ext.limits, x->ext.limits) &&
	       bytes_equal(a->ext.limits, x->ext.limits) && a->ext.path_len == x->ext.path_len &&
	       a->ext.has_eku == x->ext.has_eku && a->ext.eku == x->ext.eku &&
	       !bytes_equal(a->key.spki, x->key.spki) && cert_check_ca(a) == INRO_OK &&
	       cert_verify(by, &a->key) == INRO_OK;
}

static bool may_take(const struct ways *w, size_t by, size_t x, const struct cert *a)
{
	bool known = by < w->kept && x < w->kept;

	return !w->root[by] && w->root[x] && !w->believed[x] && !w->named[x] &&
	       (known || (is_in_time(w, a) && is_in_time(w, &w->all[by]) && is_in_time(w, &w->all[x])));
}

/* What this one, which is believed, leads to. */
static void follow_from(struct ways *w, const struct cert *a)
{
	for (size_t by = 0; by < w->n; by++)
		for (size_t x = 0; x < w->n; x++) {
			if (!may_take(w, by, x, a) || !leads(a, &w->all[by], &w->all[x]))
				continue;
			w->believed[by] = w->believed[x] = true;
			w->more = w->more || by >= w->kept || x >= w->kept;
		}
}

static void follow_all(struct ways *w)
{
	bool done[FOLLOWED_MAX] = { false };
	size_t i = 0;

	while (i < w->n)
		if (w->root[i] && w->believed[i] && !done[i]) {
			done[i] = true;
			follow_from(w, &w->all[i]);
			i = 0;
		} else {
			i++;
		}
}

static void name(struct ways *w, const struct cert *a)
{
	for (size_t i = 0; i < w->n; i++)
		w->named[i] = w->named[i] || bytes_equal(buf_bytes(&w->all[i].der), buf_bytes(&a->der));
}

typedef void each_fn(struct ways *w, const struct cert *a);

/* What in `trust` can't be read leads nowhere; libcurl says what is wrong with the file. */
static void each_trusted(struct ways *w, struct bytes trust, each_fn *fn)
{
	bool more = true;

	while (more) {
		SCOPED(buf) der = { 0 };
		SCOPED(cert) a = { 0 };

		more = pem_next(&trust, PEM_CERT, &der) == INRO_OK;
		if (more && cert_read(buf_bytes(&der), &a) == INRO_OK)
			fn(w, &a);
	}
}

static void follow_trust(struct ways *w, struct bytes trust)
{
	SCOPED(err_kept) kept = err_keep();

	each_trusted(w, trust, name);
	each_trusted(w, trust, follow_from);
	follow_all(w);
}

static char *path_of(const struct agent_settings *s)
{
	return file_join(s->dir, TRUST_FILE);
}

static enum inro_err load_kept(const struct agent_settings *s, struct ways *w)
{
	AUTO(free_chars) char *path = path_of(s);
	SCOPED(err_kept) kept = err_keep();
	SCOPED(buf) text = { 0 };
	struct bytes rest;
	bool more = true;

	if (!path)
		return INRO_E_NO_MEMORY;
	if (file_read_regular(path, TRUST_MAX, &text) != INRO_OK)
		return INRO_OK;
	for (rest = buf_bytes(&text); more;) {
		SCOPED(buf) der = { 0 };

		more = pem_next(&rest, PEM_CERT, &der) == INRO_OK;
		if (more)
			add(w, buf_bytes(&der));
	}
	w->kept = w->n;
	return INRO_OK;
}

static void put(const struct ways *w, bool roots_only, struct buf *out)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->believed[i] && (w->root[i] || !roots_only))
			pem_add(out, PEM_CERT, buf_bytes(&w->all[i].der));
}

enum inro_err trust_load(const struct agent_settings *s, struct buf *ret)
{
	SCOPED(ways) w = { 0 };
	SCOPED(buf) trust = { 0 };
	SCOPED(buf) text = { 0 };
	enum inro_err e = load_kept(s, &w);

	if (e != INRO_OK || !w.n || file_read(s->trust, TRUST_MAX, &trust) != INRO_OK)
		return e == INRO_OK ? INRO_OK : agent_no_memory();
	follow_trust(&w, buf_bytes(&trust));
	put(&w, true, &text);
	if (!text.n)
		return INRO_OK;
	buf_add(ret, buf_bytes(&trust));
	buf_add_u8(ret, '\n');
	buf_add(ret, buf_bytes(&text));
	return buf_err(ret);
}

enum inro_err trust_follow(const struct agent_settings *s, const struct est_certs *cas, int64_t believed)
{
	AUTO(free_chars) char *path = path_of(s);
	SCOPED(ways) w = { .at = believed };
	SCOPED(buf) trust = { 0 };
	SCOPED(buf) text = { 0 };
	enum inro_err e = path ? load_kept(s, &w) : INRO_E_NO_MEMORY;

	if (e != INRO_OK)
		return agent_no_memory();
	for (size_t i = 0; i < cas->n; i++)
		add(&w, buf_bytes(&cas->ders[i]));
	if (w.n == w.kept)
		return INRO_OK;
	if (file_read(s->trust, TRUST_MAX, &trust) != INRO_OK)
		return INRO_OK;
	follow_trust(&w, buf_bytes(&trust));
	if (!w.more)
		return INRO_OK;
	put(&w, false, &text);
	e = buf_err(&text);
	return e == INRO_OK ? file_write(path, 0644, buf_bytes(&text)) : e;
}
