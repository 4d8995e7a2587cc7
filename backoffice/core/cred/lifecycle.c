/* lifecycle - the tables of legal moves and the one function that judges by them. */
#include "backoffice/core/lifecycle.h"

#include <string.h>

const char *const verb_names[VERB__MAX] = {
	[VERB_APPROVE] = "approve", [VERB_CANCEL] = "cancel",	  [VERB_ISSUE] = "issue",
	[VERB_HOLD] = "hold",	    [VERB_RELEASE] = "release",	  [VERB_SUPERSEDE] = "supersede",
	[VERB_REVOKE] = "revoke",   [VERB_EXPIRE] = "expire",	  [VERB_RETIRE] = "retire",
	[VERB_ARCHIVE] = "archive", [VERB_DESTROY] = "destroy",	  [VERB_ACTIVATE] = "activate",
	[VERB_ENABLE] = "enable",   [VERB_DISABLE] = "disable",	  [VERB_DELETE] = "delete",
	[VERB_REJECT] = "reject",   [VERB_WITHDRAW] = "withdraw", [VERB_EXECUTE] = "execute",
	[VERB_START] = "start",	    [VERB_RESUME] = "resume",	  [VERB_STOP] = "stop",
	[VERB_FINISH] = "finish",
};

static const struct move device_moves[] = {
	{ DEVICE_REGISTERED, VERB_ACTIVATE, DEVICE_ACTIVE, ROLE_OPERATOR },
	{ DEVICE_REGISTERED, VERB_ENABLE, DEVICE_ACTIVE, ROLE_OPERATOR },
	{ DEVICE_REGISTERED, VERB_DISABLE, DEVICE_DISABLED, ROLE_OPERATOR },
	{ DEVICE_REGISTERED, VERB_DELETE, DEVICE_DELETED, ROLE_OPERATOR },
	{ DEVICE_ACTIVE, VERB_DISABLE, DEVICE_DISABLED, ROLE_OPERATOR },
	{ DEVICE_ACTIVE, VERB_DELETE, DEVICE_DELETED, ROLE_OPERATOR },
	{ DEVICE_DISABLED, VERB_ENABLE, DEVICE_ACTIVE, ROLE_OPERATOR },
	{ DEVICE_DISABLED, VERB_DELETE, DEVICE_DELETED, ROLE_OPERATOR },
};

static const struct move ca_moves[] = {
	{ CA_PENDING, VERB_ISSUE, CA_ACTIVE, ROLE_ADMIN },
	{ CA_PENDING, VERB_CANCEL, CA_RETIRED, ROLE_ADMIN },
	{ CA_ACTIVE, VERB_REVOKE, CA_REVOKED, ROLE_ADMIN },
	{ CA_ACTIVE, VERB_RETIRE, CA_RETIRED, ROLE_ADMIN },
	{ CA_REVOKED, VERB_RETIRE, CA_RETIRED, ROLE_ADMIN },
	{ CA_RETIRED, VERB_REVOKE, CA_REVOKED, ROLE_ADMIN },
};

static const struct move certificate_moves[] = {
	{ CRED_REQUESTED, VERB_APPROVE, CRED_PENDING, ROLE_OPERATOR },
	{ CRED_REQUESTED, VERB_CANCEL, CRED_RETIRED, ROLE_OPERATOR },
	{ CRED_PENDING, VERB_ISSUE, CRED_ACTIVE, ROLE_OPERATOR },
	{ CRED_PENDING, VERB_CANCEL, CRED_RETIRED, ROLE_OPERATOR },
	{ CRED_ACTIVE, VERB_HOLD, CRED_SUSPENDED, ROLE_OPERATOR },
	{ CRED_ACTIVE, VERB_SUPERSEDE, CRED_SUPERSEDED, ROLE_OPERATOR },
	{ CRED_ACTIVE, VERB_REVOKE, CRED_REVOKED, ROLE_OPERATOR },
	{ CRED_ACTIVE, VERB_EXPIRE, CRED_EXPIRED, ROLE_OPERATOR },
	{ CRED_SUSPENDED, VERB_RELEASE, CRED_ACTIVE, ROLE_OPERATOR },
	{ CRED_SUSPENDED, VERB_REVOKE, CRED_REVOKED, ROLE_OPERATOR },
	{ CRED_SUSPENDED, VERB_EXPIRE, CRED_EXPIRED, ROLE_OPERATOR },
	{ CRED_SUPERSEDED, VERB_REVOKE, CRED_REVOKED, ROLE_OPERATOR },
	{ CRED_SUPERSEDED, VERB_RETIRE, CRED_RETIRED, ROLE_OPERATOR },
	{ CRED_REVOKED, VERB_RETIRE, CRED_RETIRED, ROLE_OPERATOR },
	{ CRED_EXPIRED, VERB_RETIRE, CRED_RETIRED, ROLE_OPERATOR },
	{ CRED_RETIRED, VERB_ARCHIVE, CRED_ARCHIVED, ROLE_OPERATOR },
	{ CRED_RETIRED, VERB_DESTROY, CRED_DESTROYED, ROLE_ADMIN },
	{ CRED_ARCHIVED, VERB_DESTROY, CRED_DESTROYED, ROLE_ADMIN },
};

static const struct move proposal_moves[] = {
	{ PROPOSAL_OPEN, VERB_APPROVE, PROPOSAL_APPROVED, ROLE_OPERATOR },
	{ PROPOSAL_OPEN, VERB_REJECT, PROPOSAL_REFUSED, ROLE_OPERATOR },
	{ PROPOSAL_OPEN, VERB_WITHDRAW, PROPOSAL_WITHDRAWN, ROLE_OPERATOR },
	{ PROPOSAL_APPROVED, VERB_REJECT, PROPOSAL_REFUSED, ROLE_OPERATOR },
	{ PROPOSAL_APPROVED, VERB_WITHDRAW, PROPOSAL_WITHDRAWN, ROLE_OPERATOR },
	{ PROPOSAL_APPROVED, VERB_EXECUTE, PROPOSAL_DONE, ROLE_OPERATOR },
};

/* What runs and has lost who worked at it is stopped first. */
static const struct move job_moves[] = {
	{ JOB_QUEUED, VERB_START, JOB_RUNNING, ROLE_OPERATOR },
	{ JOB_QUEUED, VERB_CANCEL, JOB_CANCELLED, ROLE_OPERATOR },
	{ JOB_RUNNING, VERB_STOP, JOB_FAILED, ROLE_OPERATOR },
	{ JOB_RUNNING, VERB_FINISH, JOB_DONE, ROLE_OPERATOR },
	{ JOB_RUNNING, VERB_CANCEL, JOB_CANCELLED, ROLE_OPERATOR },
	{ JOB_FAILED, VERB_RESUME, JOB_RUNNING, ROLE_OPERATOR },
	{ JOB_FAILED, VERB_CANCEL, JOB_CANCELLED, ROLE_OPERATOR },
};

/* A secret can be wiped in any state: what is gone can't be misused, only missed. */
static const struct move key_moves[] = {
	{ CRED_ACTIVE, VERB_HOLD, CRED_SUSPENDED, ROLE_OPERATOR },
	{ CRED_ACTIVE, VERB_SUPERSEDE, CRED_SUPERSEDED, ROLE_OPERATOR },
	{ CRED_ACTIVE, VERB_REVOKE, CRED_REVOKED, ROLE_OPERATOR },
	{ CRED_ACTIVE, VERB_EXPIRE, CRED_EXPIRED, ROLE_OPERATOR },
	{ CRED_ACTIVE, VERB_DESTROY, CRED_DESTROYED, ROLE_OPERATOR },
	{ CRED_SUSPENDED, VERB_RELEASE, CRED_ACTIVE, ROLE_OPERATOR },
	{ CRED_SUSPENDED, VERB_REVOKE, CRED_REVOKED, ROLE_OPERATOR },
	{ CRED_SUSPENDED, VERB_EXPIRE, CRED_EXPIRED, ROLE_OPERATOR },
	{ CRED_SUSPENDED, VERB_DESTROY, CRED_DESTROYED, ROLE_OPERATOR },
	{ CRED_SUPERSEDED, VERB_REVOKE, CRED_REVOKED, ROLE_OPERATOR },
	{ CRED_SUPERSEDED, VERB_RETIRE, CRED_RETIRED, ROLE_OPERATOR },
	{ CRED_SUPERSEDED, VERB_DESTROY, CRED_DESTROYED, ROLE_OPERATOR },
	{ CRED_REVOKED, VERB_RETIRE, CRED_RETIRED, ROLE_OPERATOR },
	{ CRED_REVOKED, VERB_DESTROY, CRED_DESTROYED, ROLE_OPERATOR },
	{ CRED_EXPIRED, VERB_RETIRE, CRED_RETIRED, ROLE_OPERATOR },
	{ CRED_EXPIRED, VERB_DESTROY, CRED_DESTROYED, ROLE_OPERATOR },
	{ CRED_RETIRED, VERB_ARCHIVE, CRED_ARCHIVED, ROLE_OPERATOR },
	{ CRED_RETIRED, VERB_DESTROY, CRED_DESTROYED, ROLE_OPERATOR },
	{ CRED_ARCHIVED, VERB_DESTROY, CRED_DESTROYED, ROLE_ADMIN },
};

/* Nobody has use for an old one: no archive. */
static const struct move psk_moves[] = {
	{ CRED_ACTIVE, VERB_SUPERSEDE, CRED_SUPERSEDED, ROLE_OPERATOR },
	{ CRED_ACTIVE, VERB_REVOKE, CRED_REVOKED, ROLE_OPERATOR },
	{ CRED_ACTIVE, VERB_DESTROY, CRED_DESTROYED, ROLE_OPERATOR },
	{ CRED_SUPERSEDED, VERB_REVOKE, CRED_REVOKED, ROLE_OPERATOR },
	{ CRED_SUPERSEDED, VERB_DESTROY, CRED_DESTROYED, ROLE_OPERATOR },
	{ CRED_REVOKED, VERB_DESTROY, CRED_DESTROYED, ROLE_OPERATOR },
};

/* A deleted one keeps its name for good. */
static const struct move account_moves[] = {
	{ ACCOUNT_ACTIVE, VERB_DISABLE, ACCOUNT_DISABLED, ROLE_ADMIN },
	{ ACCOUNT_ACTIVE, VERB_DELETE, ACCOUNT_DELETED, ROLE_ADMIN },
	{ ACCOUNT_DISABLED, VERB_ENABLE, ACCOUNT_ACTIVE, ROLE_ADMIN },
	{ ACCOUNT_DISABLED, VERB_DELETE, ACCOUNT_DELETED, ROLE_ADMIN },
};

static const struct lifecycle lifecycles[LIFE__MAX] = {
	[LIFE_DEVICE] = { "device", device_state_names, DEVICE_STATE__MAX, device_moves,
			  ARRAY_LEN(device_moves) },
	[LIFE_CA] = { "CA", ca_state_names, CA_STATE__MAX, ca_moves, ARRAY_LEN(ca_moves) },
	[LIFE_CERTIFICATE] = { "certificate", cred_state_names, CRED_STATE__MAX, certificate_moves,
			       ARRAY_LEN(certificate_moves) },
	[LIFE_PROPOSAL] = { "proposal", proposal_state_names, PROPOSAL_STATE__MAX, proposal_moves,
			    ARRAY_LEN(proposal_moves) },
	[LIFE_JOB] = { "job", job_state_names, JOB_STATE__MAX, job_moves, ARRAY_LEN(job_moves) },
	[LIFE_ACCOUNT] = { "account", account_state_names, ACCOUNT_STATE__MAX, account_moves,
			   ARRAY_LEN(account_moves) },
	[LIFE_KEY] = { "key", cred_state_names, CRED_STATE__MAX, key_moves, ARRAY_LEN(key_moves) },
	[LIFE_PSK] = { "pre-shared key", cred_state_names, CRED_STATE__MAX, psk_moves,
		       ARRAY_LEN(psk_moves) },
};

enum life life_of_cred(enum cred_kind kind)
{
	static const enum life lives[CRED_KIND__MAX] = {
		[CRED_CERTIFICATE] = LIFE_CERTIFICATE,
		[CRED_KEY] = LIFE_KEY,
		[CRED_PSK] = LIFE_PSK,
	};

	return lives[kind];
}

const struct lifecycle *lifecycle_of(enum life life)
{
	return &lifecycles[life];
}

/* What people have for a verb; the others are what the program does by itself. */
static const char *const commands[LIFE__MAX][VERB__MAX] = {
	[LIFE_DEVICE] = { [VERB_ENABLE] = "device enable",
			  [VERB_DISABLE] = "device disable",
			  [VERB_DELETE] = "device delete" },
	[LIFE_CA] = { [VERB_ISSUE] = "ca activate",
		      [VERB_CANCEL] = "ca cancel",
		      [VERB_REVOKE] = "cert revoke",
		      [VERB_RETIRE] = "ca retire" },
	[LIFE_CERTIFICATE] = { [VERB_APPROVE] = "cert approve",
			       [VERB_CANCEL] = "cert reject",
			       [VERB_HOLD] = "cert hold",
			       [VERB_RELEASE] = "cert release",
			       [VERB_SUPERSEDE] = "cert renew",
			       [VERB_REVOKE] = "cert revoke",
			       [VERB_RETIRE] = "cert retire",
			       [VERB_ARCHIVE] = "cert archive",
			       [VERB_DESTROY] = "cert destroy" },
	[LIFE_KEY] = { [VERB_HOLD] = "secret hold",
		       [VERB_RELEASE] = "secret release",
		       [VERB_SUPERSEDE] = "secret renew",
		       [VERB_REVOKE] = "secret revoke",
		       [VERB_RETIRE] = "secret retire",
		       [VERB_ARCHIVE] = "secret archive",
		       [VERB_DESTROY] = "secret delete" },
	[LIFE_PSK] = { [VERB_SUPERSEDE] = "psk rotate", [VERB_DESTROY] = "psk delete" },
	[LIFE_PROPOSAL] = { [VERB_APPROVE] = "proposal approve",
			    [VERB_REJECT] = "proposal reject",
			    [VERB_WITHDRAW] = "proposal withdraw" },
	[LIFE_JOB] = { [VERB_START] = "job resume",
		       [VERB_RESUME] = "job resume",
		       [VERB_CANCEL] = "job cancel" },
	[LIFE_ACCOUNT] = { [VERB_DISABLE] = "user disable",
			   [VERB_ENABLE] = "user enable",
			   [VERB_DELETE] = "user delete" },
};

const char *lifecycle_command(enum life life, enum verb verb)
{
	return commands[life][verb];
}

static const struct move *find_move(const struct lifecycle *l, int from, enum verb verb)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->moves[i].from == from && l->moves[i].verb == verb)
			return &l->moves[i];
	return NULL;
}

static enum inro_err refuse_move(enum life life, int from, enum verb verb)
{
	const struct lifecycle *l = &lifecycles[life];
	SCOPED(buf) legal = { 0 };

	for (size_t i = 0; i < l->n; i++) {
		const char *command = commands[life][l->moves[i].verb];

		if (l->moves[i].from == from && command)
			buf_addf(&legal, "%sinro %s", legal.n ? ", " : "", command);
	}
	buf_add_u8(&legal, 0);
	if (buf_err(&legal) != INRO_OK)
		return INRO_E_NO_MEMORY;
	return err_set(INRO_E_STATE, "can't %s a %s that is %s; from there: %s", verb_names[verb],
		       l->what, l->states[from],
		       legal.n > 1 ? (const char *)legal.p : "nothing, it is the end");
}

enum inro_err lifecycle_move(enum life life, int from, enum verb verb, enum role role, int *ret_to)
{
	const struct lifecycle *l = lifecycle_of(life);
	const struct move *m;

	if (from < 0 || (size_t)from >= l->states_n)
		return err_set(INRO_E_DAMAGED, "a %s has the unknown state %d", l->what, from);
	m = find_move(l, from, verb);
	if (!m)
		return refuse_move(life, from, verb);
	if (role < m->least)
		return err_set(INRO_E_ACCESS, "to %s a %s takes the role %s", verb_names[verb],
			       l->what, role_names[m->least]);
	*ret_to = m->to;
	return INRO_OK;
}

void lifecycle_print(enum life life, struct buf *out)
{
	const struct lifecycle *l = lifecycle_of(life);

	for (size_t i = 0; i < l->n; i++)
		buf_addf(out, "| %s | %s | %s | %s |\n", l->states[l->moves[i].from],
			 verb_names[l->moves[i].verb], l->states[l->moves[i].to],
			 role_names[l->moves[i].least]);
}

void lifecycle_draw(enum life life, struct buf *out)
{
	const struct lifecycle *l = lifecycle_of(life);

	buf_add_str(out, "```mermaid\nstateDiagram-v2\n");
	for (size_t i = 0; i < l->n; i++)
		buf_addf(out, "    %s --> %s: %s\n", l->states[l->moves[i].from],
			 l->states[l->moves[i].to], verb_names[l->moves[i].verb]);
	buf_add_str(out, "```\n");
}
