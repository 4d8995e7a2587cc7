/* secrets - see secrets.h. */
#include "backoffice/core/secret/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/cred.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/move.h"
#include "backoffice/pki/cert.h"
#include "base/clock.h"

#define REF_ID_DIGITS 15

enum inro_err secret_begin(struct core *c, enum cred_kind kind, const char *algorithm,
			   struct credential *ret)
{
	SCOPED(credential) rec = { .tenant = c->tenant, .kind = kind, .state = CRED_ACTIVE };
	uint8_t serial[SECRET_SERIAL];
	enum inro_err e = random_fill(serial, sizeof serial);

	rec.created_ms = rec.updated_ms = clock_now_ms();
	rec.not_before = clock_now();
	rec.not_after = CERT_FOREVER;
	serial[0] |= 0x80; /* never taken for an id of digits, never with leading zeros */
	if (e == INRO_OK)
		e = blob_set(&rec.serial, BYTES(serial, sizeof serial));
	if (e == INRO_OK)
		e = text_set(&rec.algorithm, algorithm);
	if (e != INRO_OK)
		return e;
	*ret = rec;
	rec = (struct credential) { 0 };
	return INRO_OK;
}

static struct seal_of seal_of(const struct credential *rec, const char *device)
{
	return (struct seal_of) { rec->kind, device, rec->algorithm, blob_bytes(&rec->serial) };
}

enum inro_err secret_close(struct core *c, struct credential *rec, const char *device,
			   struct bytes value)
{
	const struct seal_of of = seal_of(rec, device);

	return seal_close(c, &of, value, &rec->secret);
}

enum inro_err secret_value(struct core *c, const struct credential *rec, struct secret *ret)
{
	SCOPED(device) d = { 0 };
	struct seal_of of;
	enum inro_err e = INRO_OK;

	if (!rec->secret.n)
		return err_set(INRO_E_STATE, "its value is destroyed");
	if (!seal_is(blob_bytes(&rec->secret)))
		return err_set(INRO_E_UNSUPPORTED,
			       "only a hash of it is kept: it can be verified, not told again");
	if (rec->device)
		e = store_get(c->store, rec->device, &d);
	if (e == INRO_OK && rec->device)
		e = device_touch(c, &d);
	of = seal_of(rec, d.device_id);
	return e == INRO_OK ? seal_open(c, &of, blob_bytes(&rec->secret), ret) : e;
}

static enum inro_err record_issue(struct core *c, const struct device *d,
				  const struct credential *rec)
{
	SCOPED(buf) detail = { 0 };
	char action[32], name[24];
	const char *kind = cred_kind_names[rec->kind];
	const struct audit_entry entry = { action, kind, name, EVENT_DONE, &detail };

	snprintf(action, sizeof action, "%s.issue", kind);
	snprintf(name, sizeof name, "%lld", (long long)rec->id);
	detail_text(&detail, "device", d ? d->device_id : NULL);
	detail_text(&detail, "algorithm", rec->algorithm);
	detail_text(&detail, "subject", rec->subject);
	detail_hex(&detail, "serial", blob_bytes(&rec->serial));
	if (rec->not_after != CERT_FOREVER)
		detail_int(&detail, "not_after", rec->not_after);
	if (rec->replaces)
		detail_int(&detail, "replaces", rec->replaces);
	return audit_append(c, &entry);
}

enum inro_err secret_record(struct core *c, const struct device *d, struct credential *rec)
{
	enum inro_err e = INRO_OK;

	if (d && d->state == DEVICE_DISABLED)
		e = err_set(INRO_E_STATE, "device '%s' is disabled and gets no keys", d->device_id);
	if (e == INRO_OK && d)
		e = device_touch(c, d);
	rec->id = 0; /* a transaction may run again */
	rec->device = d ? d->id : 0;
	if (e == INRO_OK)
		e = cred_insert(c, rec);
	if (e == INRO_OK && d && rec->kind == CRED_KEY)
		e = device_activate(c, d->id);
	return e == INRO_OK ? record_issue(c, d, rec) : e;
}

enum inro_err secret_supersede(struct core *c, struct credential *old, int64_t grace_until)
{
	const struct cred_change change = { .verb = VERB_SUPERSEDE };

	old->grace_until = grace_until;
	return cred_apply(c, old, &change);
}

static enum inro_err find(struct core *c, enum cred_kind kind, const char *ref,
			  struct credential *ret)
{
	uint8_t serial[SECRET_SERIAL];
	size_t n = 0;
	bool id = strspn(ref, "0123456789") == strlen(ref) && strlen(ref) <= REF_ID_DIGITS;
	struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "kind", .number = kind },
		{ .field = "id", .number = strtoll(ref, NULL, 10) },
	};
	const struct store_query q = { STORE_WHERE(conds) };

	if (!id && hex_decode(bytes_of(ref), serial, sizeof serial, &n) != INRO_OK)
		return INRO_E_NOT_FOUND;
	if (!id)
		conds[2] = (struct store_cond) { .field = "serial", .bytes = BYTES(serial, n) };
	return store_find(c->store, &q, ret);
}

enum inro_err secret_load(struct core *c, enum cred_kind kind, const char *ref,
			  struct credential *ret)
{
	enum inro_err e = ref && *ref ? find(c, kind, ref, ret) : INRO_E_NOT_FOUND;

	if (e == INRO_E_NOT_FOUND)
		return err_set(e,
			       "no key '%s'; one is named by its id or serial, 'inro secret "
			       "list' shows them",
			       text_or_empty(ref));
	return e;
}

enum inro_err secret_of_device(struct core *c, enum cred_kind kind, int64_t device,
			       enum cred_state state, struct credential *ret)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "device", .number = device },
		{ .field = "kind", .number = kind },
		{ .field = "state", .number = state },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1, .backward = true };

	return store_find(c->store, &q, ret);
}

bool secret_is_good(const struct credential *rec, int64_t now)
{
	enum cred_state state = cred_shown_state(rec, now);

	return state == CRED_ACTIVE || (state == CRED_SUPERSEDED && rec->grace_until > now);
}
