/* delegate_duty - those who sign in the place of CAs' keys, made and renewed in time; see status.h and signer.h. */
#include <stddef.h>
#include <string.h>

#include "backoffice/core/authority.h"
#include "backoffice/core/ca/delegate.h"
#include "backoffice/core/ca_policy.h"
#include "backoffice/core/duty.h"
#include "backoffice/core/issue_time.h"
#include "backoffice/core/signer.h"
#include "backoffice/core/status.h"
#include "base/clock.h"

static const struct rule {
	const char *what; /* in front of the CA */
	size_t signs;	  /* who does, of a struct ca_policy */
	bool each_key;	  /* also earlier ones, and a revoked CA's: answers are about what they signed */
} rules[SIGNER__MAX] = {
	[SIGNER_OCSP] = { "who answers for", offsetof(struct ca_policy, ocsp_signs), true },
	[SIGNER_MESSAGES] = { "who signs messages for", offsetof(struct ca_policy, cmp_signs), false },
};

struct renewing {
	enum signer_purpose purpose;
	enum inro_err first; /* of what went wrong: one key's is no other one's trouble */
	struct err_kept why; /* its words */
};

static enum inro_err renew_key(struct core *c, const struct ca *ca, enum signer_purpose purpose)
{
	SCOPED(credential) rec = { 0 };
	int64_t id, at, now = clock_now();
	bool due = false;
	enum inro_err e;

	if (!ca->cert.n || ca->not_before > now || ca->not_after <= now)
		return INRO_OK;
	e = delegate_find(c, purpose, ca->id, ca->generation, &id, &rec);
	if (e == INRO_OK)
		e = delegate_is_due(blob_bytes(&ca->cert), blob_bytes(&rec.cert), &due);
	if (e != INRO_OK || !due)
		return e;
	/* A clock that is behind is no refusal to record each time. */
	e = issue_now(c, &at);
	if (e == INRO_OK)
		e = delegate_make(c, purpose, ca->id, ca->generation);
	return e == INRO_OK ? duty_goes_on(c) : e; /* or it is another server's by now */
}

static enum inro_err renew_one(struct core *c, const struct ca *ca, void *arg)
{
	struct renewing *r = arg;
	enum inro_err e = duty_stops(c) ? INRO_OK : renew_key(c, ca, r->purpose);

	if (e != INRO_OK && r->first == INRO_OK) {
		r->first = e;
		r->why = err_keep();
	}
	return INRO_OK;
}

/* A server makes one where neither the CA's key does it itself, nor nobody. */
static bool has_one(const struct ca_policy *p, const struct rule *rule)
{
	const char *word = *(char *const *)(const void *)((const char *)p + rule->signs);

	return strcmp(text_or_empty(word), "ca") != 0 && strcmp(text_or_empty(word), "off") != 0;
}

/* As the settings are now, whichever key it is for. */
static enum inro_err renew_ca(struct core *c, const struct ca *ca, enum signer_purpose purpose)
{
	const struct rule *rule = &rules[purpose];
	SCOPED(ca_policy) p = { 0 };
	struct renewing r = { .purpose = purpose };
	enum inro_err e = ca_policy_read(ca, &p);

	if (e == INRO_OK && has_one(&p, rule)) {
		if (rule->each_key)
			e = ca_each_key(c, ca, renew_one, &r);
		else if (ca->state != CA_REVOKED)
			e = renew_one(c, ca, &r);
	}
	if (e == INRO_OK && r.first != INRO_OK) {
		err_kept_clear(&r.why);
		e = r.first;
	}
	return e == INRO_OK ? e : err_context(e, "%s CA '%s'", rule->what, ca->name);
}

static enum inro_err for_answers(struct core *c, const void *ca)
{
	return renew_ca(c, ca, SIGNER_OCSP);
}

static enum inro_err for_messages(struct core *c, const void *ca)
{
	return renew_ca(c, ca, SIGNER_MESSAGES);
}

static enum inro_err renew_all(struct core *c, duty_row_fn *fn)
{
	const struct store_cond here[] = {
		{ .field = "tenant", .number = c->tenant },
		{ .field = "kind", .number = CA_LOCAL },
	};
	const struct store_query q = { STORE_WHERE(here) };

	return duty_each(c, &ca_type, &q, fn);
}

enum inro_err ocsp_signers_renew(struct core *c)
{
	return renew_all(c, for_answers);
}

enum inro_err message_signers_renew(struct core *c)
{
	return renew_all(c, for_messages);
}
