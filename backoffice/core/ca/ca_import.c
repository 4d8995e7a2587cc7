/*
 * ca_import - a CA from elsewhere: its certificate and key, its list, and what it issued; see ca.h.
 *
 * 1. The steps are a CA that waits for its certificate, its list, the certificate, past ones: until
 *    the count of lists and all that was revoked are on record the CA can do nothing.
 * 2. Every step can be done again: what is there already stays, and so does what was released here after the list had
 *    it on hold.
 * 3. Nothing is believed that the CA's key did not sign.
 */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca/ca_follow.h"
#include "backoffice/core/ca/ca_making.h"
#include "backoffice/core/issue.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/keyring.h"
#include "backoffice/core/move.h"
#include "base/clock.h"

#define BATCH	   500
#define NUMBER_MAX ((INT64_C(1) << 56) - 1)

struct importing {
	const struct ca_import *in;
	struct ca_imported done, before; /* before: as it was before the transaction */
	struct cert cert;
	struct crl_facts list;
	struct ca ca;
	struct blob batch[BATCH];
	size_t n;
	bool over; /* no more past certificates */
};

static void importing_clear(struct importing *i)
{
	cert_clear(&i->cert);
	crl_facts_clear(&i->list);
	ca_clear(&i->ca);
	for (size_t k = 0; k < i->n; k++)
		blob_clear(&i->batch[k]);
}

static enum inro_err find_serial(struct core *c, const struct importing *i, struct bytes serial,
				 struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "ca", .number = i->ca.id },
		{ .field = "serial", .bytes = serial },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	return store_find(c->store, &q, ret);
}

/* ---- its list ---- */

/* Of a certificate that may come later, or never: what it is on the lists for stays till the CA
 * ends. */
static enum inro_err insert_entry(struct core *c, const struct importing *i,
				  const struct crl_entry *entry)
{
	SCOPED(credential) rec = {
		.tenant = c->tenant,
		.kind = CRED_CERTIFICATE,
		.state = entry->reason == CRL_HOLD ? CRED_SUSPENDED : CRED_REVOKED,
		.ca = i->ca.id,
		.ca_generation = 1,
		.not_after = i->cert.not_after,
		.revoked_at = entry->revoked_at,
		.reason = entry->reason,
		.invalid_at = entry->invalid_since,
	};
	enum inro_err e = issue_time_changed(c, &rec.listed_at); /* our own lists have not had it */

	if (e == INRO_OK)
		e = blob_set(&rec.serial, entry->serial);
	rec.created_ms = rec.updated_ms = clock_now_ms();
	if (e == INRO_OK)
		e = cred_insert(c, &rec);
	return e == INRO_OK ? ca_key_needed(c, &rec) : e;
}

static enum inro_err take_entry(struct core *c, struct importing *i, const struct crl_entry *entry)
{
	SCOPED(credential) there = { 0 };
	enum ca_followed followed = FOLLOWED_NOT;
	enum inro_err e = find_serial(c, i, entry->serial, &there);

	if (e == INRO_E_NOT_FOUND)
		return insert_entry(c, i, entry);
	if (e == INRO_OK)
		e = ca_follow(c, &there, entry, &followed);
	i->done.released += followed == FOLLOWED_RELEASED;
	return e;
}

static enum inro_err count_on(struct core *c, struct importing *i)
{
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.import", "ca", i->in->name, EVENT_DONE, &detail };
	enum inro_err e;

	if (i->ca.crl_number < i->list.number)
		i->ca.crl_number = i->list.number;
	i->ca.updated_ms = clock_now_ms();
	detail_int(&detail, "entries", i->done.listed);
	detail_int(&detail, "released", i->done.released);
	detail_int(&detail, "number", i->list.number);
	detail_int(&detail, "this_update", i->list.this_update);
	e = store_update(c->store, &i->ca);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

static enum inro_err list_work(struct core *c, void *arg)
{
	struct importing *i = arg;
	struct bytes entries = i->list.entries;
	enum inro_err e;

	ca_clear(&i->ca);
	e = ca_load(c, i->in->name, &i->ca);
	i->done.released = 0;
	for (i->done.listed = 0; e == INRO_OK && entries.n; i->done.listed++) {
		struct crl_entry entry;

		e = crl_next(&entries, &entry);
		if (e == INRO_OK)
			e = take_entry(c, i, &entry);
	}
	return e == INRO_OK ? count_on(c, i) : e;
}

/* ---- what it issued ---- */

static enum inro_err record_past(struct core *c, struct importing *i, struct bytes der)
{
	SCOPED(credential) rec = { 0 };
	SCOPED(cert) cert = { 0 };
	bool there;
	enum inro_err e = cert_read(der, &cert);

	if (e == INRO_OK)
		e = find_serial(c, i, cert.serial, &rec);
	there = e == INRO_OK;
	if (e == INRO_E_NOT_FOUND)
		rec = (struct credential) { .state = CRED_ACTIVE, .created_ms = clock_now_ms() };
	else if (e != INRO_OK)
		return e;
	if (there && rec.cert.n) {
		i->done.known++;
		return INRO_OK;
	}
	i->done.past++;
	rec.ca = i->ca.id;
	rec.ca_generation = 1;
	e = ca_fill_cert(c, &cert, &rec);
	if (e != INRO_OK)
		return e;
	e = there ? store_update(c->store, &rec) : cred_insert(c, &rec);
	return e == INRO_OK ? ca_key_needed(c, &rec) : e;
}

static enum inro_err past_work(struct core *c, void *arg)
{
	struct importing *i = arg;
	const struct ca_imported before = i->before;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "ca.import", "ca", i->in->name, EVENT_DONE, &detail };
	enum inro_err e = INRO_OK;

	i->done = before; /* it may be run again */
	for (size_t k = 0; e == INRO_OK && k < i->n; k++)
		e = record_past(c, i, blob_bytes(&i->batch[k]));
	detail_int(&detail, "certificates", i->done.past - before.past);
	detail_int(&detail, "known", i->done.known - before.known);
	return e == INRO_OK ? audit_append(c, &entry) : e;
}

/* Signed by the CA, or passed over. */
static enum inro_err take_past(struct importing *i, struct bytes input)
{
	SCOPED(cert) cert = { 0 };
	enum inro_err e = cert_read(input, &cert);

	if (e == INRO_OK && (!bytes_equal(cert.issuer, i->cert.subject) ||
			     bytes_equal(buf_bytes(&cert.der), buf_bytes(&i->cert.der))))
		e = INRO_E_POLICY;
	if (e == INRO_OK)
		e = cert_verify(&cert, &i->cert.key);
	if (e == INRO_E_NO_MEMORY)
		return e;
	if (e != INRO_OK) {
		i->done.foreign++;
		return INRO_OK;
	}
	e = blob_set(&i->batch[i->n], buf_bytes(&cert.der));
	i->n += e == INRO_OK;
	return e;
}

static enum inro_err read_batch(struct importing *i)
{
	struct bytes input;
	enum inro_err e = INRO_OK;

	while (e == INRO_OK && i->n < BATCH) {
		e = i->in->past(i->in->past_arg, &input);
		i->over = e == INRO_OK && !input.n;
		if (e != INRO_OK || i->over)
			break;
		e = take_past(i, input);
	}
	return e;
}

static enum inro_err take_all_past(struct core *c, struct importing *i)
{
	enum inro_err e = ca_load(c, i->in->name, &i->ca);

	while (e == INRO_OK && !i->over) {
		e = read_batch(i);
		i->before = i->done;
		if (e == INRO_OK && i->n)
			e = core_write_alone(c, past_work, i);
		for (size_t k = 0; k < i->n; k++)
			blob_clear(&i->batch[k]);
		i->n = 0;
	}
	return e;
}

/* ---- the whole ---- */

/* Our lists are numbered from there. */
static enum inro_err check_number(const struct crl_facts *list)
{
	if (list->long_number || list->number > NUMBER_MAX)
		return err_set(INRO_E_UNSUPPORTED, "a list with a number of more than 56 bits: the count could not go on "
						   "above it");
	return INRO_OK;
}

static enum inro_err check(struct core *c, struct importing *i)
{
	enum inro_err e = core_require(c, ROLE_ADMIN, "import a CA");

	if (e == INRO_OK)
		e = ca_check_name(i->in->name);
	if (e == INRO_OK)
		e = cert_read(i->in->in.cert, &i->cert);
	if (e == INRO_OK)
		e = cert_check_ca(&i->cert);
	if (e == INRO_OK && i->in->crl.n)
		e = crl_read(i->in->crl, &i->list);
	if (e == INRO_OK)
		e = check_number(&i->list);
	if (e == INRO_OK && i->in->crl.n)
		e = crl_verify(&i->list, &i->cert);
	return e;
}

/* *ret_there: it is a CA already, by an import that was cut short or for further certificates. */
static enum inro_err look(struct core *c, struct importing *i, bool *ret_there)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e = ca_load(c, i->in->name, &ca);

	*ret_there = e == INRO_OK && ca.cert.n;
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	if (*ret_there && !bytes_equal(blob_bytes(&ca.cert), buf_bytes(&i->cert.der)))
		e = err_set(INRO_E_EXISTS, "there is a CA '%s' already, with another certificate",
			    ca.name);
	return e;
}

static enum inro_err check_key(struct core *c, const struct importing *i)
{
	struct token_key *key;
	enum inro_err e;

	if (!i->in->key_uri)
		return err_set(INRO_E_ARG, "the CA's key is named by its URI");
	e = core_key(c, i->in->key_uri, &key);
	if (e == INRO_OK && !token_key_has(key, i->cert.key.spki))
		e = err_set(INRO_E_POLICY, "the key at %s is not the one in the certificate",
			    i->in->key_uri);
	return e;
}

static enum inro_err import(struct core *c, struct importing *i)
{
	bool there = false;
	enum inro_err e = check(c, i);

	if (e == INRO_OK)
		e = look(c, i, &there);
	if (e == INRO_OK && !there)
		e = check_key(c, i);
	if (e == INRO_OK && !there)
		e = ca_await(c, i->in->name, i->in->key_uri, i->cert.subject);
	if (e == INRO_OK && i->in->crl.n)
		e = core_write_alone(c, list_work, i);
	if (e == INRO_OK && !there)
		e = ca_activate_as(c, "ca.import", i->in->name, &i->in->in);
	ca_clear(&i->ca);
	return e == INRO_OK && i->in->past ? take_all_past(c, i) : e;
}

enum inro_err ca_import(struct core *c, const struct ca_import *in, struct ca_imported *ret_done,
			struct ca_view *ret)
{
	SCOPED(importing) i = { .in = in };
	enum inro_err e = import(c, &i);

	if (e != INRO_OK)
		return audit_refused(c, "ca.import", "ca", in->name, e);
	*ret_done = i.done;
	return ca_get(c, in->name, ret);
}
