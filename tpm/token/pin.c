/*
 * pin - trying, changing and giving up what a PIN opens; pin_make.c makes it.
 *
 * 1. What a TPM answers is looked at where it is answered: a wrong PIN, an index that is locked and
 *    one that is not ours any more are told apart by its Name afterwards.
 * 2. A PIN is tried by one TPM2_PolicySecret, never repeated.
 */
#include "tpm/token/pin_private.h"

#include <string.h>

#include "pkcs11/soft/seal.h"
#include "tpm/talk/session.h"

#define LABEL "inro tpm pin auth 1"

void pin_opened_clear(struct pin_opened *o)
{
	secret_clear(&o->master);
	secret_clear(&o->guard);
	secret_clear(&o->officer);
}

/* ---- PIN to auth ---- */

/* HKDF-SHA-256 (RFC 5869), one block. */
enum inro_err pin_auth(const struct pin_at *at, CK_USER_TYPE user, struct bytes salt,
		       struct bytes pin, struct secret *ret)
{
	const uint8_t role = (uint8_t)user, one = 1;
	const struct bytes info[] = { BYTES_LIT(LABEL), BYTES(&role, 1), at->serial,
				      BYTES(&one, 1) };
	TPM2B_DIGEST prk = { 0 }, okm = { 0 };
	enum inro_err e = crypt_hmac(TPM2_ALG_SHA256, salt, &pin, 1, &prk);

	if (!e)
		e = crypt_hmac(TPM2_ALG_SHA256, BYTES(prk.buffer, prk.size), info, ARRAY_LEN(info),
			       &okm);
	if (!e)
		e = secret_copy(BYTES(okm.buffer, okm.size), ret);
	wipe(&prk, sizeof prk);
	wipe(&okm, sizeof okm);
	return e;
}

static bool pin_can_be(struct bytes pin)
{
	return pin.n > 0 && pin.n <= SECRET_MAX_PIN;
}

enum inro_err pin_check(CK_USER_TYPE user, struct bytes pin)
{
	if (user > CKU_USER)
		return err_set(INRO_E_USER_TYPE, "only the SO and the user have a PIN");
	if (!pin_can_be(pin))
		return err_set(INRO_E_PIN_FORMAT, "a PIN has 1 to %d bytes", SECRET_MAX_PIN);
	return INRO_OK;
}

/* ---- the index ---- */

static struct tpm_ref index_of(const struct pin_record *r)
{
	return (struct tpm_ref) { .handle = r->index, .name = r->name };
}

struct looked {
	const struct pin_record *record;
	bool ours;
};

static bool is_a_pins(const TPMS_NV_PUBLIC *pub)
{
	return pub->dataSize == PIN_INDEX_SIZE &&
	       pub->attributes == (PIN_INDEX_ATTRS | TPMA_NV_WRITTEN);
}

static enum inro_err look_step(struct tpm *t, void *arg)
{
	struct looked *l = arg;
	TPMS_NV_PUBLIC pub;
	TPM2B_NAME name;
	enum inro_err e = cmd_nv_read_public(t, l->record->index, &pub, &name);

	if (e && rc_plain(tpm_last_rc()) != TPM2_RC_HANDLE)
		return e;
	l->ours =
		!e && is_a_pins(&pub) && bytes_equal(BYTES(name.name, name.size), l->record->name);
	return INRO_OK;
}

static enum inro_err look_at_index(struct tpm *t, const struct pin_record *r, bool *ret_ours)
{
	struct looked l = { .record = r };
	enum inro_err e = resident_turn(t, 0, look_step, &l);

	if (!e)
		*ret_ours = l.ours;
	return e;
}

static enum inro_err index_gone(const struct pin_record *r)
{
	return err_set(INRO_E_TOKEN,
		       "the TPM's index 0x%08x of this PIN is gone or another one: the TPM was "
		       "cleared, or its owner removed it; nothing was changed",
		       r->index);
}

enum inro_err pin_is_there(const struct pin_at *at, struct bytes record, bool *ret)
{
	struct pin_record r;
	enum inro_err e = pin_record_index(record, &r);

	return e ? e : look_at_index(at->tpm, &r, ret);
}

/* ---- whether a PIN would open it ---- */

static enum inro_err pcrs_changed(const struct words *w)
{
	return err_set(INRO_E_TOKEN,
		       "the PCRs %s are not as they were when this token was made: the machine was "
		       "started with other software or settings; nothing was changed",
		       w->pcr);
}

static enum inro_err parts_differ(void)
{
	return err_set(INRO_E_DAMAGED, "the parts of the PIN's record don't belong together");
}

struct bound {
	const struct words *words;
	const struct pin_record *record;
	TPM2B_DIGEST policy; /* the sealed object's */
	bool as_it_was;
};

static enum inro_err read_policy(struct bytes sealed, TPM2B_DIGEST *ret)
{
	TPM2B_PUBLIC pub;
	enum inro_err e = wire_read_public(&sealed, &pub);

	if (!e)
		*ret = pub.publicArea.authPolicy;
	return e;
}

static enum inro_err bound_step(struct tpm *t, void *arg)
{
	struct bound *b = arg;
	TPM2B_DIGEST now;
	enum inro_err e = pin_sealed_policy(t, b->words, b->record->name, &now);

	if (!e)
		b->as_it_was = bytes_equal(BYTES(now.buffer, now.size),
					   BYTES(b->policy.buffer, b->policy.size));
	return e;
}

/* INRO_E_TOKEN is for what was seen to be gone or another; a TPM that has failed, or what stands
 * before it, says that too. */
static enum inro_err unsure(enum inro_err e)
{
	return e == INRO_E_TOKEN ? INRO_E_IO : e;
}

struct rooted {
	struct words words;
	bool another; /* that was seen */
};

static enum inro_err root_step(struct tpm *t, void *arg)
{
	struct rooted *r = arg;
	const struct root *found = NULL;
	enum inro_err e = root_check(t, &found);

	r->another = e && root_was_another(t);
	if (e)
		return e;
	e = words_root_step(t, &r->words);
	r->another = e == INRO_E_TOKEN;
	return e;
}

static enum inro_err check_root(const struct pin_at *at)
{
	struct rooted r = { .words = *at->words };
	enum inro_err e = resident_turn(at->tpm, 0, root_step, &r);

	return r.another ? e : unsure(e);
}

/* The index first: who answers that is a TPM that works. */
enum inro_err pin_opens(const struct pin_at *at, struct bytes record)
{
	struct pin_record r;
	struct bound b = { .words = at->words, .record = &r };
	bool ours = false;
	enum inro_err e = pin_record_index(record, &r);

	if (!e)
		e = unsure(look_at_index(at->tpm, &r, &ours));
	if (!e)
		e = check_root(at);
	if (!e && !ours)
		e = index_gone(&r);
	if (!e)
		e = read_policy(r.sealed_pub, &b.policy);
	if (!e)
		e = unsure(resident_turn(at->tpm, 0, bound_step, &b));
	if (e || b.as_it_was)
		return e;
	return at->words->pcr[0] ? pcrs_changed(at->words) : parts_differ();
}

/* ---- opening ---- */

enum stage { AT_LOAD, AT_PIN, AT_REST };

struct opening {
	const struct pin_at *at;
	const struct pin_record *record;
	struct bytes auth;
	struct secret content;
	enum stage stage;
	uint32_t rc; /* of what failed */
};

static enum inro_err add_pcrs(const struct opening *o, struct tpm *t, const struct tpm_session *s)
{
	TPML_PCR_SELECTION which;
	struct bytes words = bytes_of(o->at->words->pcr);
	enum inro_err e;

	if (words.n == 0)
		return INRO_OK;
	e = policy_read_pcrs(words, &which);
	return e ? e : cmd_policy_pcr(t, s, &which);
}

static enum inro_err open_by(struct opening *o, struct tpm *t, const struct tpm_ref *sealed,
			     struct tpm_session *s)
{
	const struct tpm_ref index = index_of(o->record);
	const struct tpm_auth by = { .by = BY_POLICY, .policy = s, .last = true };
	enum inro_err e;

	o->stage = AT_PIN;
	e = cmd_policy_secret(t, &index, o->auth, s);
	if (e)
		return e;
	o->stage = AT_REST;
	e = add_pcrs(o, t, s);
	return e ? e : cmd_unseal(t, sealed, &by, &o->content);
}

static enum inro_err open_step(struct tpm *t, const struct tpm_ref *sealed, void *arg)
{
	struct opening *o = arg;
	struct tpm_session *s = NULL;
	struct words w = *o->at->words;
	enum inro_err e = session_policy(t, &s);

	/* whoever stands between may have changed the root since it was looked at: a session that
	 * is salted to his own would let him guess the PIN */
	if (!e)
		e = words_root_step(t, &w);
	if (!e)
		e = open_by(o, t, sealed, s);
	o->rc = rc_plain(tpm_last_rc());
	session_end(t, s);
	return e;
}

static enum inro_err why_pin(const struct opening *o, enum inro_err e)
{
	bool ours = false, wrong = o->rc == TPM2_RC_BAD_AUTH || o->rc == TPM2_RC_AUTH_FAIL;
	enum inro_err looked;

	if (o->rc == TPM2_RC_HANDLE)
		return index_gone(o->record);
	if (!wrong && o->rc != TPM2_RC_AUTH_UNAVAILABLE)
		return e;
	looked = look_at_index(o->at->tpm, o->record, &ours);
	if (looked)
		return looked;
	if (!ours)
		return index_gone(o->record);
	return wrong ? err_set(INRO_E_PIN_WRONG, "wrong PIN")
		     : err_set(INRO_E_PIN_LOCKED, "the TPM has locked this PIN: too many wrong "
						  "ones; the security officer sets a new one");
}

static enum inro_err why_rest(const struct opening *o, enum inro_err e)
{
	bool ours = false;
	enum inro_err looked;

	if (o->rc == TPM2_RC_PCR_CHANGED)
		return pcrs_changed(o->at->words);
	if (o->rc != TPM2_RC_POLICY_FAIL)
		return e;
	looked = look_at_index(o->at->tpm, o->record, &ours);
	if (looked)
		return looked;
	if (!ours)
		return index_gone(o->record);
	return o->at->words->pcr[0] ? pcrs_changed(o->at->words) : parts_differ();
}

/* What failed after the TPM's answer, as a second attempt does, is told as it is. */
static enum inro_err why(const struct opening *o, enum inro_err e)
{
	if (e != rc_err(o->rc))
		return e;
	if (o->stage == AT_PIN)
		return why_pin(o, e);
	if (o->stage == AT_REST)
		return why_rest(o, e);
	return e;
}

static enum inro_err resident_of(struct tpm *t, struct bytes pub, struct bytes priv,
				 struct resident **ret)
{
	struct blob b = { 0 };
	enum inro_err e = blob_fill(&b, pub, priv);

	if (e) {
		blob_clear(&b);
		return e;
	}
	return resident_new(t, &b, ret);
}

static bool is_kept(const struct pin_at *at, const struct pin_record *r)
{
	const struct blob *b;

	if (!at->kept || !*at->kept)
		return false;
	b = resident_blob(*at->kept);
	return bytes_equal(buf_bytes(&b->pub), r->sealed_pub) &&
	       bytes_equal(buf_bytes(&b->priv), r->sealed_priv);
}

/* The sealed object as it was left at the last login, or anew. */
static enum inro_err sealed_of(const struct pin_at *at, const struct pin_record *r,
			       struct resident **ret)
{
	if (is_kept(at, r)) {
		*ret = *at->kept;
		*at->kept = NULL;
		return INRO_OK;
	}
	return resident_of(at->tpm, r->sealed_pub, r->sealed_priv, ret);
}

static void leave_sealed(const struct pin_at *at, struct resident *sealed)
{
	if (!at->kept) {
		resident_free(sealed);
		return;
	}
	resident_free(*at->kept);
	*at->kept = sealed;
}

static enum inro_err unseal(struct opening *o)
{
	struct resident *sealed = NULL;
	enum inro_err e = sealed_of(o->at, o->record, &sealed);

	if (e)
		return e;
	e = resident_do(sealed, 0, open_step, o);
	leave_sealed(o->at, sealed);
	return e ? why(o, e) : INRO_OK;
}

static enum inro_err split(struct bytes content, CK_USER_TYPE user, struct pin_opened *ret)
{
	struct secret *const parts[] = { &ret->master, &ret->guard, &ret->officer };
	size_t n = user == CKU_SO ? 3 : 2;
	enum inro_err e = INRO_OK;

	if (content.n != n * PIN_SECRET)
		return err_set(INRO_E_DAMAGED, "what the TPM has sealed for this PIN is of another "
					       "size");
	for (size_t i = 0; !e && i < n; i++)
		e = secret_copy(BYTES(content.p + i * PIN_SECRET, PIN_SECRET), parts[i]);
	return e;
}

enum inro_err pin_open(const struct pin_at *at, CK_USER_TYPE user, struct bytes record,
		       struct bytes pin, struct pin_opened *ret)
{
	SCOPED(secret) auth = { 0 };
	SCOPED(pin_opened) found = { 0 };
	struct pin_record r;
	struct opening o = { .at = at, .record = &r };
	enum inro_err e;

	if (user > CKU_USER)
		return pin_check(user, pin);
	e = pin_record_read(record, at->serial, user, &r);
	if (!e && !pin_can_be(pin)) /* no such PIN was ever set */
		e = err_set(INRO_E_PIN_WRONG, "wrong PIN");
	if (!e)
		e = pin_auth(at, user, r.salt, pin, &auth);
	if (!e)
		e = words_expect_root(at->words, at->tpm);
	if (e)
		return e;
	o.auth = secret_bytes(&auth);
	e = unseal(&o);
	if (!e)
		e = split(secret_bytes(&o.content), user, &found);
	secret_clear(&o.content);
	if (e)
		return e;
	*ret = found;
	found = (struct pin_opened) { 0 };
	return INRO_OK;
}

/* ---- changing ---- */

static enum inro_err guard_session(struct tpm *t, const struct tpm_ref *guard, struct bytes auth,
				   TPM2_CC cc, struct tpm_session **ret)
{
	TPML_DIGEST branches;
	struct tpm_session *s = NULL;
	enum inro_err e = pin_branches(guard->name, &branches);

	if (!e)
		e = session_policy(t, &s);
	if (!e)
		e = cmd_policy_secret(t, guard, auth, s);
	if (!e)
		e = cmd_policy_command(t, s, cc);
	if (!e)
		e = cmd_policy_or(t, s, &branches);
	if (e) {
		if (s)
			session_end(t, s);
		return e;
	}
	*ret = s;
	return INRO_OK;
}

/* Count 0, limit PIN_TRIES (TPMS_NV_PIN_COUNTER_PARAMETERS). */
enum inro_err pin_write_tries(struct tpm *t, const struct tpm_ref *guard, struct bytes auth,
			      const struct tpm_ref *index)
{
	static const uint8_t tries[8] = { [7] = PIN_TRIES };
	struct tpm_session *s = NULL;
	struct tpm_auth by = { .by = BY_POLICY, .last = true };
	enum inro_err e = guard_session(t, guard, auth, TPM2_CC_NV_Write, &s);

	if (e)
		return e;
	by.policy = s;
	e = cmd_nv_write(t, index, &by, index, BYTES(tries, sizeof tries));
	session_end(t, s);
	return e;
}

struct changing {
	const struct pin_record *record;
	struct bytes guard, auth;
	bool tries_too;
};

static enum inro_err change_auth(struct tpm *t, const struct tpm_ref *guard,
				 const struct changing *c)
{
	const struct tpm_ref index = index_of(c->record);
	struct tpm_session *s = NULL;
	struct tpm_auth by = { .by = BY_POLICY, .last = true };
	enum inro_err e = guard_session(t, guard, c->guard, TPM2_CC_NV_ChangeAuth, &s);

	if (e)
		return e;
	by.policy = s;
	e = cmd_nv_change_auth(t, &index, &by, c->auth);
	session_end(t, s);
	return e;
}

/* The tries come back last: who is stopped between has not given the old PIN new ones. */
static enum inro_err change_step(struct tpm *t, const struct tpm_ref *guard, void *arg)
{
	const struct changing *c = arg;
	const struct tpm_ref index = index_of(c->record);
	enum inro_err e = change_auth(t, guard, c);

	if (!e && c->tries_too)
		e = pin_write_tries(t, guard, c->guard, &index);
	return e;
}

static enum inro_err run_change(const struct pin_at *at, struct changing *c)
{
	const struct pin_record *r = c->record;
	struct resident *guard = NULL;
	bool ours = false;
	enum inro_err e = look_at_index(at->tpm, r, &ours);

	if (!e && !ours)
		e = index_gone(r);
	if (!e)
		e = resident_of(at->tpm, r->guard_pub, r->guard_priv, &guard);
	if (!e)
		e = resident_do(guard, 0, change_step, c);
	resident_free(guard);
	return e;
}

/* The officer has the key of every box; others have their own guard. */
static enum inro_err guard_of(const struct pin_at *at, const struct pin_record *r,
			      const struct pin_opened *by, struct secret *ret)
{
	if (by->officer.n > 0)
		return seal_open(secret_bytes(&by->officer), SEAL_PIN_GUARD, r->box, at->serial,
				 ret);
	if (by->guard.n > 0)
		return secret_copy(secret_bytes(&by->guard), ret);
	return err_set(INRO_E_LOGIN, "the token is locked: log in first");
}

enum inro_err pin_change(const struct pin_at *at, CK_USER_TYPE user, struct bytes record,
			 struct bytes pin, const struct pin_opened *by)
{
	SCOPED(secret) auth = { 0 };
	SCOPED(secret) guard = { 0 };
	struct pin_record r;
	struct changing c = { .record = &r, .tries_too = by->officer.n > 0 };
	enum inro_err e = pin_check(user, pin);

	if (!e)
		e = pin_record_read(record, at->serial, user, &r);
	if (!e)
		e = pin_auth(at, user, r.salt, pin, &auth);
	if (!e)
		e = guard_of(at, &r, by, &guard);
	if (!e)
		e = words_check_root(at->words, at->tpm);
	if (e)
		return e;
	c.guard = secret_bytes(&guard);
	c.auth = secret_bytes(&auth);
	return run_change(at, &c);
}

/* ---- giving up ---- */

struct forgetting {
	const struct pin_record *record;
	struct bytes owner;
};

static enum inro_err forget_step(struct tpm *t, void *arg)
{
	const struct forgetting *f = arg;
	const struct tpm_ref index = index_of(f->record);
	enum inro_err e = cmd_nv_undefine(t, f->owner, &index);

	if (e && rc_plain(tpm_last_rc()) == TPM2_RC_HANDLE)
		return INRO_OK;
	return tpm_auth_err(e, "owner-auth");
}

static enum inro_err forget(const struct pin_at *at, struct bytes record)
{
	SCOPED(secret) owner = { 0 };
	struct pin_record r;
	struct forgetting f = { .record = &r };
	bool ours = false;
	enum inro_err e = pin_record_index(record, &r);

	if (!e)
		e = look_at_index(at->tpm, &r, &ours);
	if (e || !ours)
		return e;
	e = words_check_root(at->words, at->tpm);
	if (!e)
		e = words_owner(at->words, &owner);
	if (e)
		return e;
	f.owner = secret_bytes(&owner);
	return resident_turn(at->tpm, 0, forget_step, &f);
}

/* An index of that number that is another's stays. */
enum inro_err pin_forget(const struct pin_at *at, struct bytes record)
{
	enum inro_err e = forget(at, record);

	pin_settled(record, !e);
	return e;
}
