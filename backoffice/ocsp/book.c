/* book - see book.h. */
#include "backoffice/ocsp/book.h"

#include <stdlib.h>

#include "base/log.h"

static void clear_issuer(struct issuer *i)
{
	free(i->name);
	free(i->tenant);
	free(i->key_uri);
	blob_clear(&i->spki);
	buf_clear(&i->responder);
	buf_clear(&i->certs);
	*i = (struct issuer) { 0 };
}

struct book *book_hold(struct book *b)
{
	atomic_fetch_add_explicit(&b->held, 1, memory_order_relaxed);
	return b;
}

void book_release(struct book *b)
{
	if (!b || atomic_fetch_sub_explicit(&b->held, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < b->n; i++)
		clear_issuer(&b->items[i]);
	free(b->items);
	free(b);
}

void book_release_ptr(struct book **b)
{
	book_release(*b);
}

/* The key's URI comes last: without it nobody answers. */
static enum inro_err fill_signer(const struct status_issuer *in, const struct cert *ca,
				 struct issuer *i)
{
	SCOPED(cert) own = { 0 };
	const struct cert *signer = in->itself ? ca : &own;
	enum inro_err e = in->itself ? INRO_OK : cert_read(blob_bytes(&in->signer), &own);

	if (e == INRO_OK)
		e = pubkey_sig(&signer->key, PKI_HASH_NONE, &i->sig);
	if (e == INRO_OK)
		e = ocsp_add_responder(&i->responder, signer, in->by_name);
	if (e == INRO_OK)
		e = blob_set(&i->spki, signer->key.spki);
	ocsp_add_certs(&i->certs, blob_bytes(&in->signer));
	if (e == INRO_OK)
		e = buf_err(&i->certs);
	return e == INRO_OK ? text_set(&i->key_uri, in->key_uri) : e;
}

/* What one CA's record has is no reason to leave the others without an answer. */
static enum inro_err pass_over(const struct status_issuer *in, const char *what, enum inro_err e)
{
	if (e == INRO_OK || e == INRO_E_NO_MEMORY)
		return e;
	log_debug("OCSP: %s of CA '%s' is passed over: %s", what, text_or_empty(in->name), err_detail(e));
	err_reset();
	return INRO_OK;
}

static enum inro_err fill_issuer(const struct status_issuer *in, struct issuer *i)
{
	SCOPED(cert) ca = { 0 };
	enum inro_err e = cert_read(blob_bytes(&in->cert), &ca);

	i->ca = in->ca;
	i->generation = in->generation;
	i->mark = in->mark;
	i->minutes = in->minutes;
	i->itself = in->itself;
	i->signer_until = in->signer_until;
	if (e == INRO_OK)
		e = ocsp_names_of(&ca, &i->names);
	i->not_before = ca.not_before;
	i->not_after = ca.not_after;
	if (e == INRO_OK)
		e = text_set(&i->name, in->name);
	if (e == INRO_OK)
		e = text_set(&i->tenant, in->tenant);
	if (e == INRO_OK && in->key_uri)
		e = pass_over(in, "who answers", fill_signer(in, &ca, i));
	return e;
}

static void stay_paused(const struct book *before, struct issuer *i)
{
	for (size_t k = 0; before && k < before->n; k++) {
		struct issuer *was = &before->items[k];

		if (was->ca == i->ca && was->generation == i->generation && was->mark == i->mark)
			i->paused_until = was->paused_until;
	}
}

static enum inro_err fill(const struct status_issuers *l, const struct book *before, struct book *b)
{
	enum inro_err e = INRO_OK;

	b->items = calloc(l->n ? l->n : 1, sizeof *b->items);
	if (!b->items)
		return err_set(INRO_E_NO_MEMORY, "no memory for %zu keys of CAs", l->n);
	for (size_t i = 0; e == INRO_OK && i < l->n; i++) {
		struct issuer *at = &b->items[b->n];

		e = fill_issuer(&l->items[i], at);
		if (e == INRO_OK) {
			stay_paused(before, at);
			b->n++;
			continue;
		}
		clear_issuer(at);
		e = pass_over(&l->items[i], "the key", e);
	}
	return e;
}

enum inro_err book_read(struct core *c, const struct book *before, struct book **ret)
{
	AUTO(book_release_ptr) struct book *b = calloc(1, sizeof *b);
	SCOPED(status_issuers) l = { 0 };
	enum inro_err e = b ? status_issuers(c, &l) : INRO_E_NO_MEMORY;

	if (b)
		b->held = 1;
	if (e == INRO_OK)
		e = fill(&l, before, b);
	if (e != INRO_OK)
		return e;
	*ret = b;
	b = NULL;
	return INRO_OK;
}

struct issuer *book_find(const struct book *b, struct bytes tenant, struct bytes ca,
			 const struct ocsp_cert_id *id)
{
	for (size_t i = 0; i < b->n; i++) {
		struct issuer *at = &b->items[i];

		if (ocsp_is_of(id, &at->names) && bytes_is(ca, at->name) &&
		    bytes_is(tenant, at->tenant))
			return at;
	}
	return NULL;
}
