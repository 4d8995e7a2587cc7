/*
 * lifecycle - the legal moves of devices, CAs, credentials, proposals and jobs, as data (after NIST SP 800-57 part
 * 1, chapter 7 and 8).
 *
 * 1. Each kind of thing has one const table of rows (from, verb, to, least role).  What is not a
 * row is refused, by naming what would be legal.
 * 2. Nothing else in the back office decides about a state.
 */
#ifndef INRO_BACKOFFICE_CORE_LIFECYCLE_H
#define INRO_BACKOFFICE_CORE_LIFECYCLE_H

#include "backoffice/store/record.h"

enum verb {
	VERB_APPROVE,
	VERB_CANCEL,
	VERB_ISSUE,
	VERB_HOLD,
	VERB_RELEASE,
	VERB_SUPERSEDE,
	VERB_REVOKE,
	VERB_EXPIRE,
	VERB_RETIRE,
	VERB_ARCHIVE,
	VERB_DESTROY,
	VERB_ACTIVATE, /* a device's first credential */
	VERB_ENABLE,
	VERB_DISABLE,
	VERB_DELETE,
	VERB_REJECT,
	VERB_WITHDRAW,
	VERB_EXECUTE, /* what was proposed is done */
	VERB_START,   /* of jobs, as the next three */
	VERB_RESUME,
	VERB_STOP, /* it can't go on now */
	VERB_FINISH,
	VERB__MAX
};

enum life {
	LIFE_DEVICE,
	LIFE_CA,
	LIFE_CERTIFICATE,
	LIFE_KEY,
	LIFE_PSK,
	LIFE_PROPOSAL,
	LIFE_JOB,
	LIFE_ACCOUNT,
	LIFE__MAX
};

struct move {
	int from; /* enum device_state, ca_state, cred_state, proposal_state or job_state */
	enum verb verb;
	int to;
	enum role least;
};

struct lifecycle {
	const char *what; /* "certificate" */
	const char *const *states;
	size_t states_n;
	const struct move *moves;
	size_t n;
};

extern const char *const verb_names[VERB__MAX];

/* Total. */
const struct lifecycle *lifecycle_of(enum life life);
/* By which of them a credential of this kind lives. */
enum life life_of_cred(enum cred_kind kind);

/* The command with which people make this move, as "cert revoke"; NULL: the program makes it. */
const char *lifecycle_command(enum life life, enum verb verb);

/* INRO_E_STATE with the legal commands named, INRO_E_ACCESS with the role that is needed. */
MUST_CHECK enum inro_err lifecycle_move(enum life life, int from, enum verb verb, enum role role,
					int *ret_to);

/* The table as the Mermaid diagram that docs/lifecycle.md shows. */
void lifecycle_draw(enum life life, struct buf *out);
/* The table as the Markdown rows that docs/lifecycle.md shows. */
void lifecycle_print(enum life life, struct buf *out);

#endif
