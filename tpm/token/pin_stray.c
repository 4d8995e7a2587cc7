/* pin_stray - indices that were made for a record that never was, or whose record is gone. */
#include "tpm/token/pin_private.h"

#include "tpm/wire/crypt.h"

/* How many handles are asked for at once. */
#define PART 64

enum inro_err pin_policy(struct bytes guard_name, TPM2B_DIGEST *ret)
{
	TPML_DIGEST branches;
	enum inro_err e = pin_branches(guard_name, &branches);

	policy_start(ret);
	return e ? e : policy_or(ret, &branches);
}

static enum inro_err policy_of(struct bytes record, TPM2B_DIGEST *ret)
{
	struct pin_record r;
	TPM2B_PUBLIC guard;
	TPM2B_NAME name = { 0 };
	enum inro_err e = pin_record_index(record, &r);

	if (!e)
		e = wire_read_public(&r.guard_pub, &guard);
	if (!e)
		e = crypt_name(&guard.publicArea, &name);
	return e ? e : pin_policy(BYTES(name.name, name.size), ret);
}

void pin_settled(struct bytes record, bool settled)
{
	SCOPED(err_kept) kept = err_keep();
	TPM2B_DIGEST policy;

	if (!policy_of(record, &policy))
		pin_note_end(&policy, settled);
}

enum inro_err pin_leaving(const struct pin_at *at, struct bytes record)
{
	TPM2B_DIGEST policy;
	enum inro_err e = policy_of(record, &policy);

	return e ? e : pin_note_begin(bytes_of(at->words->tcti), &policy);
}

/* ---- in the TPM ---- */

struct search {
	const TPM2B_DIGEST *policy;
	struct bytes owner;
};

static bool is_policy(const TPM2B_DIGEST *a, const TPM2B_DIGEST *b)
{
	return bytes_equal(BYTES(a->buffer, a->size), BYTES(b->buffer, b->size));
}

/* One that is gone by then is fine. */
static enum inro_err remove_if(struct tpm *t, const struct search *s, uint32_t handle)
{
	TPMS_NV_PUBLIC pub;
	TPM2B_NAME name;
	enum inro_err e = cmd_nv_read_public(t, handle, &pub, &name);

	if (e)
		return rc_plain(tpm_last_rc()) == TPM2_RC_HANDLE ? INRO_OK : e;
	if (!is_policy(&pub.authPolicy, s->policy) || pub.dataSize != PIN_INDEX_SIZE)
		return INRO_OK;
	const struct tpm_ref index = { .handle = handle, .name = BYTES(name.name, name.size) };

	return tpm_auth_err(cmd_nv_undefine(t, s->owner, &index), "owner-auth");
}

/* *at: the next handle to begin with; none of ours is behind the last. */
static enum inro_err search_part(struct tpm *t, const struct search *s, uint32_t *at)
{
	TPMS_CAPABILITY_DATA got;
	enum inro_err e = cmd_capability(t, TPM2_CAP_HANDLES, *at, PART, &got);
	const TPML_HANDLE *list = &got.data.handles;
	size_t n = e ? 0 : list->count;

	for (size_t i = 0; !e && i < n && pin_index_can_be(list->handle[i]); i++)
		e = remove_if(t, s, list->handle[i]);
	if (!e)
		*at = n > 0 && list->handle[n - 1] >= *at ? list->handle[n - 1] + 1 : UINT32_MAX;
	return e;
}

static enum inro_err search_step(struct tpm *t, void *arg)
{
	uint32_t at = PIN_FIRST_INDEX;
	enum inro_err e = INRO_OK;

	while (!e && pin_index_can_be(at))
		e = search_part(t, arg, &at);
	return e;
}

/* ---- strays ---- */

static bool is_named(struct bytes records, const TPM2B_DIGEST *policy)
{
	struct bytes record;
	TPM2B_DIGEST of;

	while (records.n > 0 && !read_field(&records, &record))
		if (!policy_of(record, &of) && is_policy(&of, policy))
			return true;
	err_reset();
	return false;
}

static enum inro_err drop(const struct pin_at *at, struct stray *s, struct bytes owner)
{
	struct search search = { .policy = &s->policy, .owner = owner };
	enum inro_err e = resident_turn(at->tpm, 0, search_step, &search);

	if (!e)
		stray_settle(s);
	return e;
}

enum inro_err pin_drop_strays(const struct pin_at *at, struct stray *list, struct bytes records)
{
	SCOPED(secret) owner = { 0 };
	enum inro_err e = words_check_root(at->words, at->tpm);

	if (!e)
		e = words_owner(at->words, &owner);
	for (struct stray *s = list; !e && s; s = s->next) {
		if (is_named(records, &s->policy))
			stray_settle(s);
		else
			e = drop(at, s, secret_bytes(&owner));
	}
	return e;
}
