/*
 * own_cert - the server's certificate: from a file that somebody renews, or from a CA of ours.
 *
 * 1. One that does not read, or is another key's, never takes the place of one that works.
 * 2. What our CA has made is kept in a file, so that a server that starts again needs no other one - unless it is
 *    told of other names or another profile than that one has, or that one is no longer good.
 * 3. After a rollover of that CA there is another one, by its new key, with what leads to it from the old root: clients
 *    that have either root believe it.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backoffice/core/ca.h"
#include "backoffice/core/enrol.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/pem.h"
#include "backoffice/serve/parts.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/homedir.h"

#define CHAIN_MAX ((size_t)256 << 10)
#define LOOK_MS	  2000
#define RETRY_SECONDS 60
#define ASKED_MAX 64 /* in place of one certificate */
#define ID_ROOM	  80

int64_t own_cert_due(int64_t not_before, int64_t not_after)
{
	return not_before + (not_after - not_before) / 3 * 2;
}

void own_cert_clear(struct own_cert *c)
{
	free(c->file);
	c->file = NULL;
}

static int64_t mark_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return 0;
	return st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec + (int64_t)st.st_ino;
}

static enum inro_err find_file(struct own_cert *c)
{
	AUTO(free_chars) char *home = NULL;
	AUTO(free_chars) char *dir = NULL;
	char name[128];
	enum inro_err e;

	if (c->o->tls_cert) {
		c->file = strdup(c->o->tls_cert);
		return c->file ? INRO_OK : err_set(INRO_E_NO_MEMORY, "memory is short");
	}
	e = homedir(true, &home);
	if (e == INRO_OK && !(dir = file_join(home, "serve")))
		e = err_set(INRO_E_NO_MEMORY, "memory is short");
	if (e == INRO_OK)
		e = file_make_dir(dir);
	snprintf(name, sizeof name, "%s.pem", c->o->tls_ca);
	if (e == INRO_OK && !(c->file = file_join(dir, name)))
		e = err_set(INRO_E_NO_MEMORY, "memory is short");
	return e;
}

/* ---- from a CA of ours ---- */

/* A root is the client's own affair. */
static bool is_root(struct bytes der)
{
	SCOPED(err_kept) kept = err_keep();
	SCOPED(cert) c = { 0 };

	return cert_read(der, &c) == INRO_OK && c.self_issued && cert_verify(&c, &c.key) == INRO_OK;
}

/* With what leads from one key of the root to the other: some clients have only the old root yet, others only the new. */
static enum inro_err chain_text(const struct own_cert *c, struct core *core, struct bytes leaf, struct buf *ret)
{
	SCOPED(chain) above = { 0 };
	enum inro_err e = enrol_chain(core, c->o->tls_ca, &above);

	if (e != INRO_OK)
		return e;
	pem_add(ret, PEM_CERT, leaf);
	for (size_t i = 0; i < above.n; i++)
		if (!is_root(blob_bytes(&above.certs[i])))
			pem_add(ret, PEM_CERT, blob_bytes(&above.certs[i]));
	return buf_err(ret);
}

static enum inro_err write_chain(struct own_cert *c, struct core *core, struct bytes leaf)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = chain_text(c, core, leaf, &text);

	return e == INRO_OK ? file_write(c->file, 0644, buf_bytes(&text)) : e;
}

struct wish { /* what our CA is asked for */
	const char *host; /* where no name is given */
	const char *const *names;
	size_t n;
	const char *profile;
};

static void wish_of(const struct own_cert *c, struct wish *w)
{
	w->host = c->host;
	w->names = c->o->n_names ? c->o->names : &w->host;
	w->n = c->o->n_names ? c->o->n_names : 1;
	w->profile = c->o->tls_profile ? c->o->tls_profile : "tls-server";
}

/* By what it is asked for: for this key and these names in place of that certificate.  So one that waits for approval
 * is asked for again and not anew, also by a server that starts again. */
static enum inro_err request_id(const struct own_cert *c, const struct wish *w, struct bytes request,
				char ret[static ID_ROOM])
{
	SCOPED(csr) csr = { 0 };
	SCOPED(buf) all = { 0 };
	SCOPED(buf) hex = { 0 };
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e = csr_read(request, &csr);

	if (e != INRO_OK)
		return e;
	buf_add_field(&all, bytes_of(c->o->tls_ca));
	buf_add_field(&all, bytes_of(w->profile));
	buf_add_field(&all, csr.key.spki);
	for (size_t i = 0; i < w->n; i++)
		buf_add_field(&all, bytes_of(w->names[i]));
	buf_add(&all, BYTES(c->fingerprint, sizeof c->fingerprint));
	e = buf_err(&all);
	if (e == INRO_OK)
		e = pki_digest(PKI_SHA256, buf_bytes(&all), digest);
	buf_add_hex(&hex, BYTES(digest, pki_hash_octets(PKI_SHA256)));
	snprintf(ret, ID_ROOM, "serve-%.*s", (int)hex.n, (const char *)hex.p);
	return e == INRO_OK ? buf_err(&hex) : e;
}

static bool waits(const struct cred *cred)
{
	return cred->rec.state == CRED_REQUESTED || cred->rec.state == CRED_PENDING;
}

/* *ret_over: what came of it is of no use by now, and it is asked for anew. */
static enum inro_err look_at(const struct cred *cred, bool *ret_over)
{
	long long id = (long long)cred->rec.id;

	*ret_over = false;
	if (waits(cred))
		return err_set(INRO_E_STATE, "the request waits for approval ('inro cert approve %lld')", id);
	*ret_over = cred->state != CRED_ACTIVE;
	if (cred->rec.cert.n || clock_is_over(cred->rec.updated_ms, ENROL_REFUSED_MS))
		return INRO_OK;
	*ret_over = false;
	return err_set(INRO_E_STATE,
		       "request %lld was rejected; another one is made after a day, or for another key, name or "
		       "profile",
		       id);
}

static enum inro_err ask_ca(struct own_cert *c, struct core *core, struct cred *ret)
{
	struct wish w;
	SCOPED(buf) csr = { 0 };
	char base[ID_ROOM], id[ID_ROOM + 8];
	int64_t at;
	enum inro_err e;

	wish_of(c, &w);
	/* A clock that is behind is no refusal to record each time. */
	e = issue_now(core, &at);
	if (e == INRO_OK)
		e = tls_key_request(c->key, w.names, w.n, &csr);
	if (e == INRO_OK)
		e = request_id(c, &w, buf_bytes(&csr), base);
	const struct cred_request r = {
		.csr = buf_bytes(&csr),
		.ca = c->o->tls_ca,
		.profile = w.profile,
		.request_id = id,
	};

	for (int n = 0; e == INRO_OK && n < ASKED_MAX; n++) {
		bool over = false;

		snprintf(id, sizeof id, n ? "%s.%d" : "%s", base, n);
		cred_clear(ret);
		e = cred_issue(core, &r, ret);
		if (e == INRO_OK)
			e = look_at(ret, &over);
		if (e == INRO_OK && !over)
			return e;
	}
	if (e == INRO_OK)
		e = err_set(INRO_E_STATE, "%d certificates in place of one are enough", ASKED_MAX);
	return e;
}

static enum inro_err issue(struct own_cert *c, struct core *core)
{
	SCOPED(cred) made = { 0 };
	enum inro_err e = ask_ca(c, core, &made);

	if (e == INRO_OK)
		e = write_chain(c, core, blob_bytes(&made.rec.cert));
	if (e == INRO_OK)
		service_say("certificate issued", "ca", c->o->tls_ca);
	return e == INRO_OK ? e : err_context(e, "a certificate for the server");
}

/* By a key that its CA had before? */
static enum inro_err is_by_old_key(const struct own_cert *c, struct core *core, const struct cert *leaf, bool *ret)
{
	struct ca_keys keys = { 0 };
	enum inro_err e = ca_keys(core, c->o->tls_ca, &keys);

	*ret = false;
	for (size_t i = 0; e == INRO_OK && !*ret && i < keys.n; i++) {
		SCOPED(cert) old = { 0 };

		*ret = keys.items[i].rec.cert.n && cert_read(blob_bytes(&keys.items[i].rec.cert), &old) == INRO_OK &&
		       cert_verify(leaf, &old.key) == INRO_OK;
	}
	ca_keys_clear(&keys);
	return e;
}

/* The CA, or the root above it, may have got another key meanwhile. */
static enum inro_err follow_ca(struct own_cert *c, struct core *core)
{
	SCOPED(buf) chain = { 0 };
	SCOPED(buf) text = { 0 };
	SCOPED(cert) leaf = { 0 };
	bool old = false;
	enum inro_err e = file_read(c->file, CHAIN_MAX, &chain);

	if (e == INRO_OK)
		e = cert_read(buf_bytes(&chain), &leaf);
	if (e == INRO_OK)
		e = is_by_old_key(c, core, &leaf, &old);
	if (e == INRO_OK && old)
		return issue(c, core);
	if (e == INRO_OK)
		e = chain_text(c, core, buf_bytes(&leaf.der), &text);
	if (e != INRO_OK || bytes_equal(buf_bytes(&text), buf_bytes(&chain)))
		return e;
	return file_write(c->file, 0644, buf_bytes(&text));
}

/* ---- from the file ---- */

static enum inro_err read_life(struct own_cert *c, struct bytes chain)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e = cert_read(chain, &cert);

	if (e != INRO_OK)
		return e;
	c->due = own_cert_due(cert.not_before, cert.not_after);
	c->begins = cert.not_before;
	c->ends = cert.not_after;
	memcpy(c->fingerprint, cert.fingerprint, sizeof c->fingerprint);
	return INRO_OK;
}

static enum inro_err use_file(struct own_cert *c, SSL_CTX **ret)
{
	SCOPED(buf) chain = { 0 };
	int64_t mark = mark_of(c->file);
	enum inro_err e = file_read(c->file, CHAIN_MAX, &chain);

	c->file_mark = mark;
	if (e != INRO_OK) /* which names the file */
		return e;
	e = tls_key_context(c->key, buf_bytes(&chain), c->o->client_certs, ret);
	if (e == INRO_OK && !c->o->tls_cert)
		e = read_life(c, buf_bytes(&chain));
	return e == INRO_OK ? e : err_context(e, "%s", c->file);
}

/* Why the certificate in the file is not what is asked for; NULL: it is.  *ret_serves: clients take it all the same. */
static const char *record_misfit(struct own_cert *c, struct core *core, const struct wish *w, bool *ret_serves)
{
	SCOPED(buf) ref = { 0 };
	SCOPED(cred) known = { 0 };
	enum inro_err e;

	buf_add_str(&ref, "sha256:");
	buf_add_hex(&ref, BYTES(c->fingerprint, sizeof c->fingerprint));
	buf_add_u8(&ref, 0);
	e = buf_err(&ref);
	if (e == INRO_OK)
		e = cred_get(core, (const char *)ref.p, &known);
	*ret_serves = e != INRO_E_NOT_FOUND && (e != INRO_OK || known.state == CRED_ACTIVE);
	if (e == INRO_E_NOT_FOUND)
		return "it is not in this database";
	if (e != INRO_OK)
		return NULL;
	if (known.state != CRED_ACTIVE)
		return "it is no longer active";
	return known.rec.profile && strcmp(known.rec.profile, w->profile) != 0 ? "it is by another profile" : NULL;
}

/* One that has not begun was made when the clock was ahead. */
static bool is_due(const struct own_cert *c)
{
	return c->due <= clock_now() || issue_time_is_ahead(c->begins);
}

/* The same of all of it; it is in `ctx`. */
static const char *misfit(struct own_cert *c, struct core *core, const SSL_CTX *ctx, bool *ret_serves)
{
	struct wish w;
	const char *why;

	wish_of(c, &w);
	why = record_misfit(c, core, &w, ret_serves);
	*ret_serves = *ret_serves && clock_now() < c->ends;
	if (is_due(c))
		return "it is due for renewal";
	return tls_names_are(ctx, w.names, w.n) ? why : "it is for other names";
}

/* What our CA made before: in *ret where it still is what is asked for; in *ret_spare where it serves as long as
 * there is no other. */
static void use_kept(struct own_cert *c, struct core *core, SSL_CTX **ret, SSL_CTX **ret_spare)
{
	SSL_CTX *kept = NULL;
	const char *why;
	bool serves;

	if (use_file(c, &kept) != INRO_OK) {
		err_reset();
		return;
	}
	why = misfit(c, core, kept, &serves);
	err_reset();
	if (why)
		service_say("the kept certificate is not what is asked for", "why", why);
	*(why ? ret_spare : ret) = kept;
	if (!why || serves)
		return;
	SSL_CTX_free(kept);
	*ret_spare = NULL;
}

/* What was asked for can't be had, now or later: who starts the server is told. */
static bool is_mistake(enum inro_err e)
{
	return e == INRO_E_ARG || e == INRO_E_SYNTAX || e == INRO_E_NOT_FOUND || e == INRO_E_POLICY;
}

static enum inro_err start_own(struct own_cert *c, struct core *core, SSL_CTX **ret)
{
	SSL_CTX *spare = NULL;
	enum inro_err e = INRO_OK;

	use_kept(c, core, ret, &spare);
	if (!*ret)
		e = issue(c, core);
	if (e != INRO_OK && !is_mistake(e) && spare) {
		service_say("the certificate in use stays", "why", err_detail(e));
		c->due = 0; /* own_cert_look() tries again */
		*ret = spare;
		return INRO_OK;
	}
	SSL_CTX_free(spare);
	return e;
}

enum inro_err own_cert_start(struct own_cert *c, struct core *core, SSL_CTX **ret)
{
	enum inro_err e = find_file(c);

	if (gethostname(c->host, sizeof c->host - 1) != 0)
		strcpy(c->host, "localhost");
	if (e != INRO_OK)
		return e;
	if (!c->o->tls_cert)
		e = start_own(c, core, ret);
	return e == INRO_OK && !*ret ? use_file(c, ret) : e;
}

enum inro_err own_cert_look(struct own_cert *c, struct core *core, bool now, SSL_CTX **ret)
{
	int64_t at = clock_monotonic_ms(), mark;
	enum inro_err e = INRO_OK;

	*ret = NULL;
	if (!now && at < c->next_look)
		return INRO_OK;
	c->next_look = at + LOOK_MS;
	mark = mark_of(c->file);
	if (!c->o->tls_cert && (!mark || is_due(c))) {
		c->next_look = at + RETRY_SECONDS * 1000;
		e = issue(c, core);
		mark = mark_of(c->file);
	} else if (!c->o->tls_cert && (now || at >= c->next_follow)) {
		c->next_follow = at + RETRY_SECONDS * 1000;
		e = follow_ca(c, core);
		mark = mark_of(c->file);
	}
	if (e == INRO_OK && mark && mark != c->file_mark)
		e = use_file(c, ret);
	return e;
}
