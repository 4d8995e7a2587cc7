/* attest - see attest.h. */
#include "backoffice/core/attest.h"

#include <string.h>

#include "backoffice/core/access/trying.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/group.h"
#include "backoffice/core/internal.h"
#include "backoffice/pki/alg.h"
#include "backoffice/pki/csr.h"
#include "base/clock.h"
#include "tpm/move/evidence.h"

#define DIGEST 32
_Static_assert(DIGEST == ATTEST_KEY, "both are SHA-256");

static const char wrong_tpm[] = "wrong device, TPM or answer, or the device may not work here";

void attest_challenge_clear(struct attest_challenge *a)
{
	buf_clear(&a->blob);
	*a = (struct attest_challenge) { 0 };
}

static struct bytes name_bytes(const TPM2B_NAME *n)
{
	return BYTES(n->name, n->size);
}

/* ---- whose TPM is it? ---- */

static enum inro_err digest_of_ek(const struct evidence *v, uint8_t ret[static PKI_DIGEST_MAX])
{
	SCOPED(buf) spki = { 0 };
	enum inro_err e = evidence_ek(v, &spki);

	return e == INRO_OK ? pki_digest(PKI_SHA256, buf_bytes(&spki), ret) : e;
}

static enum inro_err check_anchor(const struct device *d, struct bytes ek)
{
	enum inro_err e = device_may_have(d);

	if (e != INRO_OK)
		return e;
	if (d->anchor_kind != ANCHOR_EK)
		return err_set(INRO_E_ACCESS, "device '%s' has no endorsement key as trust anchor",
			       d->device_id);
	if (!bytes_equal(blob_bytes(&d->anchor), ek))
		return err_set(INRO_E_ACCESS,
			       "device '%s' has another endorsement key as trust anchor",
			       d->device_id);
	return INRO_OK;
}

/* ---- a challenge ---- */

struct asking_tpm {
	const char *named, *id; /* id NULL: of a tenant that there is none of */
	uint8_t ek_digest[PKI_DIGEST_MAX], whose[PKI_DIGEST_MAX];
	struct tpm_challenge row;
	bool full;
};

static void asking_tpm_clear(struct asking_tpm *a)
{
	tpm_challenge_clear(&a->row);
}

/* As the audit has it: as it was typed only where there is no such tenant. */
static const char *subject_of(const struct asking_tpm *a)
{
	return a->id ? a->id : a->named;
}

static enum inro_err set_names(const struct evidence *v, struct tpm_challenge *row)
{
	TPM2B_NAME ak, ek;
	enum inro_err e = evidence_names(v, &ak, &ek);

	if (e == INRO_OK)
		e = blob_set(&row->ak, name_bytes(&ak));
	return e == INRO_OK ? blob_set(&row->ek, name_bytes(&ek)) : e;
}

static enum inro_err digest_into(struct bytes of, struct blob *ret)
{
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e = pki_digest(PKI_SHA256, of, digest);

	return e == INRO_OK ? blob_set(ret, BYTES(digest, DIGEST)) : e;
}

static enum inro_err set_whose(struct core *c, struct asking_tpm *a)
{
	SCOPED(buf) all = { 0 };
	enum inro_err e;

	buf_add_u64(&all, (uint64_t)c->tenant);
	buf_add_field(&all, bytes_of(a->named));
	buf_add_field(&all, blob_bytes(&a->row.ek));
	e = buf_err(&all);
	return e == INRO_OK ? digest_into(buf_bytes(&all), &a->row.whose) : e;
}

/* What is made for anybody, before it is looked at who that is. */
static enum inro_err make_challenge(struct core *c, struct bytes evidence, struct asking_tpm *a,
				    struct attest_challenge *ret)
{
	const struct evidence_check by = { .known_ek = true };
	SCOPED(secret) secret = { 0 };
	struct evidence v;
	enum inro_err e = evidence_read(evidence, &v);

	if (e == INRO_OK)
		e = digest_of_ek(&v, a->ek_digest);
	if (e == INRO_OK)
		e = set_names(&v, &a->row);
	if (e == INRO_OK)
		e = evidence_challenge(&v, &by, &secret, &ret->blob);
	if (e != INRO_OK && e != INRO_E_NO_MEMORY && e != INRO_E_POLICY)
		return err_set(INRO_E_SYNTAX, "this is no evidence of a TPM's keys");
	if (e == INRO_OK)
		e = digest_into(secret_bytes(&secret), &a->row.answer);
	if (e == INRO_OK)
		e = random_fill(ret->nonce, ATTEST_NONCE);
	if (e == INRO_OK)
		e = blob_set(&a->row.nonce, BYTES(ret->nonce, ATTEST_NONCE));
	return e == INRO_OK ? set_whose(c, a) : e;
}

static enum inro_err drop_challenges(struct core *c, const struct store_cond *which)
{
	const struct store_query q = { .conds = which, .n = 1 };
	int64_t n;

	return store_delete(c->store, &tpm_challenge_type, &q, &n);
}

static enum inro_err take_id(void *arg, void *record)
{
	const struct tpm_challenge *row = record;
	int64_t *id = arg;

	*id = row->id;
	return INRO_OK;
}

/* No answer finds it any more.  The row stays for its time: it was given, and counts. */
static enum inro_err end_challenge(struct core *c, int64_t id)
{
	SCOPED(tpm_challenge) row = { 0 };
	uint8_t nobodys[ATTEST_NONCE];
	enum inro_err e = store_get(c->store, id, &row);

	if (e == INRO_OK)
		e = random_fill(nobodys, sizeof nobodys);
	if (e == INRO_OK)
		e = blob_set(&row.nonce, BYTES(nobodys, sizeof nobodys));
	if (e == INRO_OK)
		e = blob_set(&row.whose, BYTES(nobodys, sizeof nobodys));
	row.device = 0;
	return e == INRO_OK ? store_update(c->store, &row) : e;
}

/* Only who asks from the same address loses one by it. */
static enum inro_err make_room(struct core *c, const struct asking_tpm *a)
{
	const struct store_cond conds[] = {
		{ .field = "whose", .bytes = blob_bytes(&a->row.whose) },
		{ .field = "peer", .text = c->network },
	};
	const struct store_query all = { STORE_WHERE(conds) };
	struct store_query first = all;
	int64_t n = 0, oldest = 0;
	enum inro_err e = store_count(c->store, &tpm_challenge_type, &all, &n);

	if (e != INRO_OK || n < ATTEST_EACH)
		return e;
	first.limit = 1;
	e = store_each(c->store, &tpm_challenge_type, &first, take_id, &oldest);
	return e == INRO_OK ? end_challenge(c, oldest) : e;
}

static enum inro_err are_so_many(struct core *c, const struct store_cond *which, int64_t most,
				 bool *ret)
{
	const struct store_query q = { .conds = which, .n = 1 };
	int64_t n = 0;
	enum inro_err e = store_count(c->store, &tpm_challenge_type, &q, &n);

	*ret = n >= most;
	return e;
}

static enum inro_err is_full(struct core *c, const struct asking_tpm *a, bool *ret)
{
	const struct store_cond peer = { .field = "peer", .text = c->network };
	const struct store_cond whose = { .field = "whose", .bytes = blob_bytes(&a->row.whose) };
	enum inro_err e = are_so_many(c, &peer, ATTEST_PEER, ret);

	return e == INRO_OK && !*ret ? are_so_many(c, &whose, ATTEST_ALL, ret) : e;
}

static enum inro_err find_device(struct core *c, struct asking_tpm *a)
{
	SCOPED(device) d = { 0 };
	enum inro_err e;

	a->row.device = 0;
	if (!a->id)
		return err_set(INRO_E_NOT_FOUND, "there is no such tenant");
	e = device_load(c, a->id, &d);
	if (e == INRO_OK)
		e = check_anchor(&d, BYTES(a->ek_digest, DIGEST));
	if (e == INRO_OK)
		a->row.device = d.id;
	return e;
}

/* Whether or not it is anybody's, so that both take as long. */
static enum inro_err note_challenge(struct core *c, const struct asking_tpm *a, enum inro_err found)
{
	SCOPED(buf) detail = { 0 };
	struct audit_entry entry = { "device.challenge", "device", subject_of(a), EVENT_DONE,
				     &detail };

	if (found != INRO_OK) {
		entry.outcome = EVENT_REFUSED;
		detail_text(&detail, "error", err_name(found));
		detail_text(&detail, "reason", err_detail(found));
	}
	detail_hex(&detail, "ek", BYTES(a->ek_digest, DIGEST));
	return audit_append(c, &entry);
}

static bool is_about_who(enum inro_err e)
{
	return e == INRO_OK || e == INRO_E_NOT_FOUND || e == INRO_E_ARG || e == INRO_E_STATE ||
	       e == INRO_E_ACCESS;
}

static enum inro_err insert_challenge(struct core *c, struct asking_tpm *a, int64_t now)
{
	enum inro_err found = find_device(c, a), e = INRO_OK;

	if (!is_about_who(found))
		return found;
	e = note_challenge(c, a, found);
	if (e == INRO_OK)
		e = make_room(c, a);
	a->row.id = 0;
	a->row.tenant = c->tenant;
	a->row.until_ms = now + INT64_C(1000) * ATTEST_SECONDS;
	return e == INRO_OK ? store_insert(c->store, &a->row) : e;
}

static enum inro_err begin_attest(struct core *c, void *arg)
{
	struct asking_tpm *a = arg;
	struct store_cond over = { .field = "until_ms", .op = STORE_LE };
	enum inro_err e = store_now(c->store, &over.number);

	if (e == INRO_OK)
		e = drop_challenges(c, &over);
	if (e == INRO_OK)
		e = is_full(c, a, &a->full);
	return e == INRO_OK && !a->full ? insert_challenge(c, a, over.number) : e;
}

static enum inro_err begin_named(struct core *c, struct bytes evidence, struct asking_tpm *a,
				 struct attest_challenge *ret)
{
	int64_t tenant = 0;
	enum inro_err e = trying_split(c, a->named, &tenant, &a->id), begun;

	if (e != INRO_OK && e != INRO_E_NOT_FOUND)
		return e;
	if (e != INRO_OK)
		a->id = NULL;
	begun = trying_begin(c, a->id ? tenant : TENANT_DEFAULT);
	if (begun != INRO_OK)
		return begun;
	e = core_check_text("the device's id", a->named, WHO_ACTOR_MAX);
	if (e == INRO_OK)
		e = make_challenge(c, evidence, a, ret);
	if (e != INRO_OK)
		return audit_refused(c, "device.challenge", "device", subject_of(a), e);
	e = text_set(&a->row.peer, c->network);
	if (e == INRO_OK)
		e = core_write(c, begin_attest, a);
	if (e == INRO_OK && a->full)
		e = err_set(INRO_E_BUSY, "so many challenges were given there; wait two minutes");
	return e;
}

enum inro_err attest_begin(struct core *c, const char *device, struct bytes evidence,
			   struct attest_challenge *ret)
{
	SCOPED(asking_tpm) a = { .named = text_or_empty(device) };
	SCOPED(attest_challenge) made = { 0 };
	enum inro_err e = trying_tell(c, begin_named(c, evidence, &a, &made));

	if (e != INRO_OK)
		return e;
	*ret = made;
	made = (struct attest_challenge) { 0 };
	return INRO_OK;
}

/* ---- its answer ---- */

struct answered_tpm {
	const struct attest_answer *in;
	struct tpm_challenge row;
	struct device device;
	bool over;
};

static void answered_tpm_clear(struct answered_tpm *a)
{
	tpm_challenge_clear(&a->row);
	device_clear(&a->device);
}

/* Gone with the first answer, whatever that is: so nothing is refused in here. */
static enum inro_err take_challenge(struct core *c, void *arg)
{
	struct answered_tpm *a = arg;
	const struct store_cond conds[] = {
		{ .field = "nonce", .bytes = a->in->nonce },
		{ .field = "tenant", .number = c->tenant },
	};
	const struct store_query q = { STORE_WHERE(conds) };
	int64_t now = 0, n;
	enum inro_err e = store_now(c->store, &now);

	tpm_challenge_clear(&a->row);
	if (e == INRO_OK)
		e = store_find(c->store, &q, &a->row);
	if (e != INRO_OK)
		return e == INRO_E_NOT_FOUND ? INRO_OK : e;
	a->over = a->row.until_ms <= now;
	return store_delete(c->store, &tpm_challenge_type, &q, &n);
}

static enum inro_err check_secret(const struct answered_tpm *a)
{
	SCOPED(blob) digest = { 0 };
	enum inro_err e = digest_into(a->in->secret, &digest);

	if (e != INRO_OK)
		return e;
	if (!a->row.id)
		return err_set(INRO_E_LOGIN, "there is no such challenge, or it has been answered");
	if (a->over)
		return err_set(INRO_E_LOGIN, "the challenge is over");
	if (!a->row.device)
		return err_set(INRO_E_LOGIN, "the challenge was nobody's");
	if (secret_equal(blob_bytes(&digest), blob_bytes(&a->row.answer)))
		return INRO_OK;
	return err_set(INRO_E_LOGIN,
		       "the answer to the challenge is wrong: the attestation key is not in "
		       "the TPM that it claims");
}

/* It may have changed since it was asked for. */
static enum inro_err check_device(struct core *c, const char *id, struct answered_tpm *a)
{
	uint8_t ek[PKI_DIGEST_MAX];
	struct evidence v;
	enum inro_err e = store_get(c->store, a->row.device, &a->device);

	if (e == INRO_OK && strcmp(a->device.device_id, id) != 0)
		e = err_set(INRO_E_LOGIN, "the challenge was another device's");
	if (e != INRO_OK)
		return e;
	if (evidence_read(a->in->evidence, &v) != INRO_OK || digest_of_ek(&v, ek) != INRO_OK)
		return err_set(INRO_E_LOGIN,
			       "what the device shows is no evidence of a TPM's keys");
	return check_anchor(&a->device, BYTES(ek, DIGEST));
}

static enum inro_err try_answer(struct core *c, struct answered_tpm *a)
{
	int64_t tenant = 0;
	const char *id = NULL, *named = text_or_empty(a->in->device);
	enum inro_err split = trying_split(c, named, &tenant, &id), e;

	if (split != INRO_OK && split != INRO_E_NOT_FOUND)
		return split;
	e = trying_begin(c, split == INRO_OK ? tenant : TENANT_DEFAULT);
	if (e != INRO_OK)
		return e;
	e = core_write(c, take_challenge, a);
	if (e == INRO_OK)
		e = check_secret(a);
	if (e == INRO_OK && split != INRO_OK)
		e = err_set(split, "there is no such tenant");
	if (e == INRO_OK)
		e = check_device(c, id, a);
	if (e == INRO_OK || !(is_about_who(e) || e == INRO_E_LOGIN))
		return e;
	return audit_refused(c, "device.attest", "device", split == INRO_OK ? id : named, e);
}

/* ---- the key ---- */

static enum inro_err check_key(const struct answered_tpm *a, struct evidence_found *ret)
{
	SCOPED(csr) csr = { 0 };
	struct evidence_check by = { .known_ek = true,
				     .nonce = a->in->nonce,
				     .ak_name = blob_bytes(&a->row.ak),
				     .ek_name = blob_bytes(&a->row.ek),
				     .now = clock_now() };
	struct evidence v;
	enum inro_err e = csr_read(a->in->csr, &csr);

	if (e == INRO_OK)
		e = evidence_read(a->in->evidence, &v);
	by.spki = csr.key.spki;
	if (e == INRO_OK)
		e = evidence_check(&v, &by, ret);
	if (e == INRO_OK && ret->key_attributes & TPMA_OBJECT_RESTRICTED)
		e = err_set(INRO_E_POLICY,
			    "the key is the TPM's own: it signs nothing but what the TPM says");
	return e;
}

struct vouching {
	const struct answered_tpm *a;
	const struct evidence_found *found;
	struct bytes key;
};

/* By what it is known afterwards that this key is in this TPM. */
static enum inro_err note_vouching(struct core *c, void *arg)
{
	const struct vouching *x = arg;
	SCOPED(buf) detail = { 0 };
	const struct audit_entry entry = { "device.attest", "device", x->a->device.device_id,
					   EVENT_DONE, &detail };

	detail_hex(&detail, "ek", blob_bytes(&x->a->device.anchor));
	detail_hex(&detail, "ak", name_bytes(&x->found->ak_name));
	detail_hex(&detail, "key", x->key);
	detail_int(&detail, "resets", x->found->attest.clockInfo.resetCount);
	return audit_append(c, &entry);
}

static enum inro_err vouch(struct core *c, const struct answered_tpm *a, uint8_t ret_key[static ATTEST_KEY])
{
	SCOPED(evidence_found) found = { 0 };
	uint8_t key[PKI_DIGEST_MAX];
	struct vouching x = { a, &found, BYTES(key, ATTEST_KEY) };
	enum inro_err e = check_key(a, &found);

	if (e == INRO_OK)
		e = pki_digest(PKI_SHA256, buf_bytes(&found.spki), key);
	if (e != INRO_OK)
		return audit_refused(c, "device.attest", "device", a->device.device_id, e);
	memcpy(ret_key, key, ATTEST_KEY);
	return core_write(c, note_vouching, &x);
}

/* ---- is it wanted here? ---- */

static enum inro_err check_policy(struct core *c, const struct answered_tpm *a)
{
	SCOPED(policy) p = { 0 };
	enum inro_err e = policy_of_device(c, &a->device, &p);

	if (e == INRO_OK && !p.attestation)
		e = err_set(INRO_E_ACCESS,
			    "device '%s' gets no certificates by attestation: the policy of its group or tenant "
			    "says \"attestation\": false; change that, or enrol it with a pre-shared key",
			    a->device.device_id);
	return e == INRO_OK ? e : audit_refused(c, "device.attest", "device", a->device.device_id, e);
}

/* Its TPM is the right one: this is no wrong try, and does not count as one. */
static enum inro_err tell_policy(struct core *c, enum inro_err e)
{
	SCOPED(err_kept) kept = err_keep();

	core_nobody(c);
	return e;
}

void attest_found_clear(struct attest_found *f)
{
	device_clear(&f->device);
	*f = (struct attest_found) { 0 };
}

enum inro_err who_by_attestation(struct core *c, const struct attest_answer *in,
				 struct attest_found *ret)
{
	SCOPED(answered_tpm) a = { .in = in };
	enum inro_err e = try_answer(c, &a);

	if (e != INRO_OK)
		return trying_end(c, e, wrong_tpm);
	e = check_policy(c, &a);
	if (e != INRO_OK)
		return tell_policy(c, e);
	e = trying_tell(c, vouch(c, &a, ret->key));
	if (e != INRO_OK)
		return e;
	trying_is_device(&a.device, &ret->who);
	trying_hand_over(&a.device, &ret->device);
	return INRO_OK;
}
