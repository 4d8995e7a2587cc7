/* key_use - see key_use.h. */
#include "backoffice/core/key_use.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/internal.h"
#include "backoffice/pki/crl.h"

static enum inro_err is_ca_key(struct core *c, const struct key_use *r)
{
	SCOPED(ca) ca = { 0 };
	enum inro_err e = store_get(c->store, r->own_ca, &ca);

	if (e != INRO_OK)
		return e;
	return err_set(INRO_E_POLICY, "the key is that of CA '%s'", ca.name);
}

static enum inro_err is_anothers(struct core *c, const struct key_claim *k, const struct key_use *r)
{
	SCOPED(device) other = { 0 };
	enum inro_err e = store_get(c->store, r->device, &other);

	if (e != INRO_OK || strcmp(other.device_id, k->device->device_id) == 0)
		return e;
	return err_set(INRO_E_POLICY,
		       "the key is that of device '%s' (certificate %lld); each device has a key "
		       "of its own",
		       other.device_id, (long long)r->id);
}

bool key_use_ends(int64_t reason)
{
	return reason == CRL_KEY_COMPROMISE || reason == CRL_CA_COMPROMISE;
}

static bool is_compromised(const struct key_use *r)
{
	return r->revoked_at && key_use_ends(r->reason);
}

static enum inro_err check_row(struct core *c, const struct key_claim *k, const struct key_use *r)
{
	if (is_compromised(r))
		return err_set(INRO_E_POLICY,
			       "the key is compromised: certificate %lld for it was revoked for "
			       "that",
			       (long long)r->id);
	if (r->own_ca && !k->for_ca)
		return is_ca_key(c, r);
	if (k->only_once)
		return err_set(INRO_E_POLICY,
			       "the profile wants a new key for each certificate, and certificate "
			       "%lld has this one",
			       (long long)r->id);
	if (r->device && k->device->id && r->device != k->device->id)
		return is_anothers(c, k, r);
	return INRO_OK;
}

/* Has a certificate of this tenant, or one of others, a URI of the key? */
static enum inro_err find_place(struct core *c, struct bytes hash, bool ours, bool *ret)
{
	const struct store_cond conds[] = {
		{ .field = "key_hash", .bytes = hash },
		{ .field = "tenant", .op = ours ? STORE_EQ : STORE_NE, .number = c->tenant },
		{ .field = "key_uri", .op = STORE_NE, .text = "" },
		{ .field = "fingerprint", .op = STORE_SOME },
		{ .field = "state", .op = STORE_NE, .number = CRED_DESTROYED },
	};
	const struct store_query q = { STORE_WHERE(conds), .limit = 1 };
	SCOPED(credential) rec = { 0 };
	enum inro_err e = store_find(c->store, &q, &rec);

	*ret = e == INRO_OK;
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

/* What both have from before stays. */
static enum inro_err check_place(struct core *c, const struct key_claim *k)
{
	bool theirs = false, ours = false;
	enum inro_err e = k->placed ? find_place(c, k->hash, false, &theirs) : INRO_OK;

	if (e == INRO_OK && theirs)
		e = find_place(c, k->hash, true, &ours);
	if (e == INRO_OK && theirs && !ours)
		e = err_set(INRO_E_POLICY, "the key is one in a token by another tenant's record: leave its URI out");
	return e;
}

enum inro_err key_use_foresee(struct core *c, const struct bytes *hashes, size_t n)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "key_hash" },
		{ .field = "fingerprint", .op = STORE_SOME },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	struct store_place *places = calloc(n ? n : 1, sizeof *places);
	const struct store_alike alike = { &q, 1, places, n };
	enum inro_err e = places ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for %zu keys", n);

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		places[i].bytes = hashes[i];
	if (e == INRO_OK)
		e = store_foresee(c->store, &key_use_type, &alike);
	free(places);
	return e;
}

enum inro_err key_use_check(struct core *c, const struct key_claim *k)
{
	const struct store_cond conds[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "key_hash", .bytes = k->hash },
		{ .field = "fingerprint", .op = STORE_SOME }, /* a request is no certificate */
	};
	const struct store_query q = { STORE_WHERE(conds) };
	void *items = NULL;
	size_t n = 0;
	enum inro_err e = core_all(c, &key_use_type, &q, &items, &n);
	const struct key_use *rows = items;

	for (size_t i = 0; e == INRO_OK && i < n; i++)
		e = check_row(c, k, &rows[i]);
	list_free(&key_use_type, items, n);
	return e == INRO_OK ? check_place(c, k) : e;
}

/* As for a CA's certificate without a device: nothing but a compromise is in its way. */
enum inro_err key_use_trusted(struct core *c, struct bytes hash)
{
	const struct device nobody = { 0 };
	const struct key_claim claim = { .hash = hash, .device = &nobody, .for_ca = true };

	return key_use_check(c, &claim);
}

enum inro_err key_use_moment(struct core *c, int64_t *ret)
{
	SCOPED(audit_head) head = { 0 };
	enum inro_err e = store_get(c->store, 1, &head);

	*ret = head.count;
	return e;
}
