/* area - who authorises a command, and whether its answer is the TPM's. */
#include "tpm/talk/area.h"

#include <string.h>

#define CONTINUE TPMA_SESSION_CONTINUESESSION
#define DECRYPT	 TPMA_SESSION_DECRYPT
#define ENCRYPT	 TPMA_SESSION_ENCRYPT

/* The longest key of a HMAC here: a session's and an authValue. */
#define KEY_MAX (SESSION_DIGEST + AUTH_MAX)

/* ---- the plan ---- */

/* The TPM compares authValues without the zeros at their end. */
static struct bytes trim(struct bytes value)
{
	while (value.n && value.p[value.n - 1] == 0)
		value.n--;
	return value;
}

static struct area_entry *add_entry(struct area_plan *p, struct tpm_session *s, struct bytes value,
				    bool stays)
{
	struct area_entry *entry = &p->entries[p->n++];

	*entry = (struct area_entry) { .session = s,
				       .value = value,
				       .attributes = stays ? CONTINUE : 0 };
	return entry;
}

static bool uses_main(const struct tpm *t, const struct area_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->entries[i].session == &t->main)
			return true;
	return false;
}

static enum inro_err add_policy(struct tpm *t, struct area_plan *p, const struct tpm_auth *a)
{
	struct tpm_session *s = a->policy;

	if (!session_alive(t, s))
		return err_set(INRO_E_IO, "the TPM lost a policy session");
	add_entry(p, s, s->auth_value ? trim(a->value) : BYTES_NONE, !a->last)->policy = true;
	return INRO_OK;
}

static enum inro_err add_main(struct tpm *t, struct area_plan *p, struct bytes value)
{
	enum inro_err e = session_main(t);

	if (!e)
		add_entry(p, &t->main, value, true);
	return e;
}

static enum inro_err add_brief(struct tpm *t, struct area_plan *p, struct bytes value)
{
	struct tpm_session *s = &t->brief[p->n];
	enum inro_err e = session_brief(t, s);

	if (!e)
		add_entry(p, s, value, false);
	return e;
}

static enum inro_err add_value(struct tpm *t, struct area_plan *p, const struct tpm_auth *a)
{
	struct bytes value = trim(a->value);
	bool no_main = t->roots.finding || uses_main(t, p);

	if (t->how == TPM_BY_PASSWORD || (no_main && value.n == 0)) {
		add_entry(p, NULL, value, true);
		return INRO_OK;
	}
	return no_main ? add_brief(t, p, value) : add_main(t, p, value);
}

static enum inro_err add_auth(struct tpm *t, struct area_plan *p, const struct tpm_auth *a)
{
	if (a->value.n > AUTH_MAX)
		return err_set(INRO_E_ARG, "an authorisation value of %zu bytes is too long",
			       a->value.n);
	if (a->by == BY_NOTHING || (a->by == BY_POLICY && !a->policy))
		return err_set(INRO_E_ARG, "a handle that wants authorisation has none");
	return a->by == BY_POLICY ? add_policy(t, p, a) : add_value(t, p, a);
}

/* The command shows first whether the storage root is the expected one.  Were the root itself
 * authorised by a session that is salted to another key, somebody else's root would count that
 * against its TPM's dictionary; an empty auth goes as a password, and the session beside it. */
static bool shows_root(const struct tpm *t, const struct tpm_command *c,
		       const struct command_row *row)
{
	return t->how == TPM_BY_HMAC && row->auths == 1 && row->flags & CMD_SIZED_IN &&
	       c->auths[0].by == BY_AUTH && trim(c->auths[0].value).n == 0 && root_is_assumed(t) &&
	       c->handles[0].handle == t->roots.root.ref.handle;
}

static enum inro_err check_root(const struct tpm *t, const struct tpm_command *c,
				const struct command_row *row)
{
	for (size_t i = 0; t->roots.refused && i < row->auths; i++)
		if (c->auths[i].by == BY_AUTH && root_is_at(t, c->handles[i].handle))
			return err_set(INRO_E_ACCESS,
				       "root-auth is missing or not that of this TPM: the TPM has "
				       "counted a try, and would lock itself after some; correct it "
				       "and start the program anew");
	return INRO_OK;
}

static struct area_entry *first_hmac(struct area_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->entries[i].session && !p->entries[i].policy)
			return &p->entries[i];
	return NULL;
}

static enum inro_err add_crypt(struct tpm *t, struct area_plan *p, const struct tpm_command *c,
			       const struct command_row *row)
{
	struct area_entry *by = first_hmac(p);
	bool in = c->secret_in || shows_root(t, c, row);
	enum inro_err e = INRO_OK;

	if ((c->secret_in && !(row->flags & CMD_SIZED_IN)) ||
	    (c->secret_out && !(row->flags & CMD_SIZED_OUT)))
		return err_set(INRO_E_ARG, "%s has no first parameter to encrypt", row->name);
	if (t->how == TPM_BY_PASSWORD || !(in || c->secret_out))
		return INRO_OK;
	if (!by && !t->roots.finding) {
		e = add_main(t, p, BYTES_NONE);
		by = first_hmac(p);
	}
	if (e || !by)
		return e;
	by->attributes |= (in ? DECRYPT : 0) | (c->secret_out ? ENCRYPT : 0);
	p->crypt = by;
	return INRO_OK;
}

/* Starting the one may have shown that the other is gone. */
static enum inro_err all_alive(const struct tpm *t, const struct area_plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->entries[i].session && !session_alive(t, p->entries[i].session))
			return err_set(INRO_E_IO, "the TPM lost a session");
	return INRO_OK;
}

enum inro_err area_make(struct tpm *t, const struct tpm_command *c, const struct command_row *row,
			struct area_plan *ret)
{
	enum inro_err e = check_root(t, c, row);

	*ret = (struct area_plan) { 0 };
	if (e)
		return e;
	if (shows_root(t, c, row))
		add_entry(ret, NULL, BYTES_NONE, true);
	for (size_t i = ret->n; !e && i < row->auths; i++)
		e = add_auth(t, ret, &c->auths[i]);
	if (!e)
		e = add_crypt(t, ret, c, row);
	if (!e)
		e = all_alive(t, ret);
	if (e)
		area_failed(t, ret, false);
	return e;
}

/* ---- keys ---- */

struct key {
	uint8_t p[KEY_MAX];
	size_t n;
};

static void key_clear(struct key *k)
{
	wipe(k, sizeof *k);
}

static void key_add(struct key *k, struct bytes x)
{
	if (x.n)
		memcpy(k->p + k->n, x.p, x.n);
	k->n += x.n;
}

static void key_of(const struct area_entry *a, struct key *ret)
{
	ret->n = 0;
	key_add(ret, secret_bytes(&a->session->key));
	key_add(ret, a->value);
}

/* A policy session that was neither salted nor wants an authValue has no HMAC (part 1, 19.6.10). */
static bool has_hmac(const struct area_entry *a)
{
	return a->session && (a->session->key.n || a->value.n);
}

/* Part 1, 21.3: encrypts or decrypts the first parameter, a TPM2B. */
static enum inro_err crypt_first(const struct area_entry *a, bool encrypt, struct bytes newer,
				 struct bytes older, struct buf *b, size_t at)
{
	SCOPED(key) k = { .n = 0 };
	uint8_t both[32]; /* key and IV */
	struct bytes in = BYTES(b->p + at, b->n - at), content;
	enum inro_err e = wire_read_2b(&in, in.n, &content);

	if (e)
		return e;
	key_of(a, &k);
	e = crypt_kdfa(&(struct crypt_kdf) { .hash = TPM2_ALG_SHA256,
					     .secret = BYTES(k.p, k.n),
					     .label = "CFB",
					     .u = newer,
					     .v = older,
					     .bits = 8 * sizeof both },
		       both);
	if (!e && content.n)
		e = crypt_cfb(BYTES(both, 16), BYTES(both + 16, 16), encrypt, b->p + at + 2,
			      content.n);
	wipe(both, sizeof both);
	return e;
}

static struct bytes nonce_tpm(const struct area_entry *a)
{
	return BYTES(a->session->nonce_tpm, SESSION_DIGEST);
}

static struct bytes nonce_caller(const struct area_entry *a)
{
	return BYTES(a->session->nonce_caller, SESSION_DIGEST);
}

struct hmac_of {
	struct bytes hash, newer, older, crypt_nonce;
	uint8_t attributes;
};

/* Part 1, 19.6.5. */
static enum inro_err hmac(const struct area_entry *a, const struct hmac_of *x, TPM2B_DIGEST *ret)
{
	SCOPED(key) k = { .n = 0 };
	struct bytes parts[] = { x->hash, x->newer, x->older, x->crypt_nonce,
				 BYTES(&x->attributes, 1) };

	key_of(a, &k);
	return crypt_hmac(TPM2_ALG_SHA256, BYTES(k.p, k.n), parts, ARRAY_LEN(parts), ret);
}

/* ---- the command ---- */

static enum inro_err begin_entry(struct buf *b, struct area_entry *a)
{
	static const uint8_t room[SESSION_DIGEST];
	enum inro_err e = INRO_OK;

	buf_add_u32(b, a->session ? a->session->handle : TPM2_RH_PW);
	if (a->session)
		e = random_fill(a->session->nonce_caller, SESSION_DIGEST);
	wire_add_2b(b, a->session ? nonce_caller(a) : BYTES_NONE);
	buf_add_u8(b, a->attributes);
	a->hmac_at = b->n + 2;
	if (a->session)
		wire_add_2b(b, BYTES(room, has_hmac(a) ? sizeof room : 0));
	else
		wire_add_2b(b, a->value);
	return e;
}

static void put_u32(struct buf *b, size_t at, size_t x)
{
	for (size_t i = 4; !b->err && i > 0; i--, x >>= 8)
		b->p[at + i - 1] = (uint8_t)x;
}

enum inro_err area_begin(struct tpm *t, struct area_plan *p)
{
	size_t at = t->out.n;
	enum inro_err e = INRO_OK;

	if (p->n == 0)
		return INRO_OK;
	buf_add_u32(&t->out, 0);
	for (size_t i = 0; !e && i < p->n; i++)
		e = begin_entry(&t->out, &p->entries[i]);
	put_u32(&t->out, at, t->out.n - at - 4);
	return e ? e : buf_err(&t->out);
}

/* What a handle is called in cpHash: PCRs, hierarchies and sessions are called by their handle. */
static bool names_itself(uint32_t handle)
{
	uint32_t type = handle >> TPM2_HR_SHIFT;

	return type == TPM2_HT_PCR || type == TPM2_HT_PERMANENT || type == TPM2_HT_HMAC_SESSION ||
	       type == TPM2_HT_POLICY_SESSION;
}

static enum inro_err command_hash(const struct tpm_command *c, struct bytes params,
				  TPM2B_DIGEST *ret)
{
	const struct command_row *row = command_row(c->cc);
	struct wire_u32 cc = wire_u32_of(c->cc), self[ARRAY_LEN(c->handles)];
	struct bytes parts[2 + ARRAY_LEN(c->handles)] = { BYTES(cc.octets, 4) };
	size_t n = 1;

	for (size_t i = 0; i < row->handles; i++) {
		self[i] = wire_u32_of(c->handles[i].handle);
		parts[n++] = names_itself(c->handles[i].handle) ? BYTES(self[i].octets, 4)
								: c->handles[i].name;
	}
	parts[n++] = params;
	return crypt_hash(TPM2_ALG_SHA256, parts, n, ret);
}

/* The first session's HMAC covers the nonce of another one that encrypts. */
static struct bytes crypt_nonce(const struct area_plan *p, size_t i)
{
	return i == 0 && p->crypt && p->crypt != &p->entries[0] ? nonce_tpm(p->crypt) : BYTES_NONE;
}

static enum inro_err seal_entry(struct tpm *t, const struct area_plan *p, size_t i,
				struct bytes hash)
{
	const struct area_entry *a = &p->entries[i];
	struct hmac_of x = { .hash = hash, .attributes = a->attributes };
	TPM2B_DIGEST d;
	enum inro_err e;

	if (!has_hmac(a))
		return INRO_OK;
	x.newer = nonce_caller(a);
	x.older = nonce_tpm(a);
	x.crypt_nonce = crypt_nonce(p, i);
	e = hmac(a, &x, &d);
	if (!e)
		memcpy(t->out.p + a->hmac_at, d.buffer, SESSION_DIGEST);
	return e;
}

enum inro_err area_seal(struct tpm *t, const struct area_plan *p, const struct tpm_command *c,
			size_t params_at)
{
	const struct area_entry *by = p->crypt;
	TPM2B_DIGEST hash;
	enum inro_err e = INRO_OK;

	if (p->n == 0)
		return INRO_OK;
	if (by && by->attributes & DECRYPT)
		e = crypt_first(by, true, nonce_caller(by), nonce_tpm(by), &t->out, params_at);
	if (!e)
		e = command_hash(c, BYTES(t->out.p + params_at, t->out.n - params_at), &hash);
	for (size_t i = 0; !e && i < p->n; i++)
		e = seal_entry(t, p, i, BYTES(hash.buffer, hash.size));
	return e;
}

/* ---- the response ---- */

struct answer {
	struct bytes nonce, hmac;
	uint8_t attributes;
};

static enum inro_err read_answer(struct bytes *area, struct answer *ret)
{
	enum inro_err e = wire_read_2b(area, SESSION_DIGEST, &ret->nonce);

	if (!e)
		e = read_u8(area, &ret->attributes);
	return e ? e : wire_read_2b(area, SESSION_DIGEST, &ret->hmac);
}

static bool is_authentic(const struct area_entry *a, struct bytes hash, const struct answer *x)
{
	struct hmac_of of = { .hash = hash, .newer = x->nonce, .attributes = x->attributes };
	TPM2B_DIGEST d;

	if (!a->session)
		return x->nonce.n == 0 && x->hmac.n == 0;
	if (x->nonce.n != SESSION_DIGEST)
		return false;
	if (!has_hmac(a))
		return x->hmac.n == 0;
	of.older = nonce_caller(a);
	return hmac(a, &of, &d) == INRO_OK &&
	       secret_equal(x->hmac, BYTES(d.buffer, SESSION_DIGEST));
}

static bool check_entry(struct area_entry *a, struct bytes hash, struct bytes *area)
{
	struct answer x;

	if (read_answer(area, &x) || !is_authentic(a, hash, &x))
		return false;
	if (a->session)
		memcpy(a->session->nonce_tpm, x.nonce.p, SESSION_DIGEST);
	a->ended = a->session && !(x.attributes & CONTINUE);
	return true;
}

enum inro_err area_check(struct area_plan *p, TPM2_CC cc, struct bytes params, struct bytes area)
{
	struct wire_u32 rc = wire_u32_of(TPM2_RC_SUCCESS), code = wire_u32_of(cc);
	struct bytes parts[] = { BYTES(rc.octets, 4), BYTES(code.octets, 4), params };
	TPM2B_DIGEST hash;
	enum inro_err e = crypt_hash(TPM2_ALG_SHA256, parts, ARRAY_LEN(parts), &hash);
	bool good = true;

	for (size_t i = 0; !e && good && i < p->n; i++)
		good = check_entry(&p->entries[i], BYTES(hash.buffer, hash.size), &area);
	if (e)
		return e;
	return good && area.n == 0
		       ? INRO_OK
		       : err_set(INRO_E_TOKEN, "the TPM's answer is not authentic: something "
					       "between here and the TPM changed it");
}

enum inro_err area_open(const struct area_plan *p, struct buf *params)
{
	const struct area_entry *by = p->crypt;

	if (!by || !(by->attributes & ENCRYPT))
		return INRO_OK;
	return crypt_first(by, false, nonce_tpm(by), nonce_caller(by), params, 0);
}

void area_done(struct tpm *t, struct area_plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct tpm_session *s = p->entries[i].session;

		if (!s)
			continue;
		s->uses++;
		s->proven = true;
		if (s == &t->main)
			root_proved(t);
		if (!p->entries[i].ended)
			continue;
		link_drop(t->link, s->handle);
		session_forget(s);
	}
}

static bool is_brief(const struct tpm *t, const struct tpm_session *s)
{
	return s >= t->brief && s < t->brief + MAX_SESSIONS;
}

void area_failed(struct tpm *t, struct area_plan *p, bool distrust)
{
	for (size_t i = 0; i < p->n; i++) {
		struct tpm_session *s = p->entries[i].session;

		if (s)
			s->proven = false;
		if (s && (distrust || is_brief(t, s)))
			session_flush(t, s);
	}
}
