/* record_names - the words of record.h: states, kinds and roles as they are stored and shown. */
#include "backoffice/store/record.h"

const char *const device_state_names[DEVICE_STATE__MAX] = {
	[DEVICE_REGISTERED] = "registered",
	[DEVICE_ACTIVE] = "active",
	[DEVICE_DISABLED] = "disabled",
	[DEVICE_DELETED] = "deleted",
};

const char *const ca_state_names[CA_STATE__MAX] = {
	[CA_ACTIVE] = "active",
	[CA_REVOKED] = "revoked",
	[CA_RETIRED] = "retired",
	[CA_PENDING] = "pending",
};

const char *const anchor_kind_names[ANCHOR_KIND__MAX] = {
	[ANCHOR_NONE] = "none",
	[ANCHOR_KEY] = "public-key",
	[ANCHOR_EK] = "ek",
	[ANCHOR_SERIAL] = "serial",
};

const char *const anchor_store_names[ANCHOR_STORE__MAX] = {
	[ANCHOR_UNKNOWN] = "unknown",
	[ANCHOR_SOFTWARE] = "software",
	[ANCHOR_HARDWARE] = "hardware",
};

const char *const ca_kind_names[CA_KIND__MAX] = {
	[CA_LOCAL] = "local",
	[CA_FILE] = "file",
	[CA_EST] = "est",
	[CA_CMP] = "cmp",
};

const char *const cred_kind_names[CRED_KIND__MAX] = {
	[CRED_CERTIFICATE] = "certificate",
	[CRED_KEY] = "key",
	[CRED_PSK] = "psk",
};

const char *const proposal_state_names[PROPOSAL_STATE__MAX] = {
	[PROPOSAL_OPEN] = "open",	    [PROPOSAL_APPROVED] = "approved",
	[PROPOSAL_DONE] = "done",	    [PROPOSAL_REFUSED] = "refused",
	[PROPOSAL_WITHDRAWN] = "withdrawn",
};

const char *const job_state_names[JOB_STATE__MAX] = {
	[JOB_QUEUED] = "queued", [JOB_RUNNING] = "running",	[JOB_DONE] = "done",
	[JOB_FAILED] = "failed", [JOB_CANCELLED] = "cancelled",
};

const char *const account_state_names[ACCOUNT_STATE__MAX] = {
	[ACCOUNT_ACTIVE] = "active",
	[ACCOUNT_DISABLED] = "disabled",
	[ACCOUNT_DELETED] = "deleted",
};

const char *const role_names[ROLE__MAX] = {
	[ROLE_AUDITOR] = "auditor",
	[ROLE_OPERATOR] = "operator",
	[ROLE_ADMIN] = "administrator",
};

const char *role_word(enum role role)
{
	static const char *const below[] = { [-ROLE_NOBODY] = "nobody", [-ROLE_DEVICE] = "a device" };

	return role < 0 ? below[-role] : role_names[role];
}

const char *const errand_verb_names[ERRAND_VERB__MAX] = {
	[ERRAND_RENEW] = "renew",
	[ERRAND_RUN] = "run",
	[ERRAND_STATUS] = "status",
	[ERRAND_CLEAR] = "clear",
};
const char *const errand_state_names[ERRAND_STATE__MAX] = {
	[ERRAND_OPEN] = "open",
	[ERRAND_DONE] = "done",
	[ERRAND_FAILED] = "failed",
	[ERRAND_CANCELLED] = "cancelled",
};
const char *const pass_kind_names[PASS_KIND__MAX] = {
	[PASS_SESSION] = "session",
	[PASS_TOKEN] = "token",
	[PASS_CERTIFICATE] = "certificate",
	[PASS_KEY] = "key",
};

const char *const cred_state_names[CRED_STATE__MAX] = {
	[CRED_REQUESTED] = "requested",	  [CRED_PENDING] = "pending",
	[CRED_ACTIVE] = "active",	  [CRED_SUSPENDED] = "suspended",
	[CRED_SUPERSEDED] = "superseded", [CRED_REVOKED] = "revoked",
	[CRED_EXPIRED] = "expired",	  [CRED_RETIRED] = "retired",
	[CRED_ARCHIVED] = "archived",	  [CRED_DESTROYED] = "destroyed",
};

const char *const event_outcome_names[EVENT_OUTCOME__MAX] = {
	[EVENT_DONE] = "done",
	[EVENT_REFUSED] = "refused",
};
