/*
 * self - what the service knows and wants of this device (GET /v1/device/self): its group's policy, a
 * renewal that is wanted, errands of operators.
 *
 * 1. A service without that (any EST service) is one that wants nothing.
 * 2. What is not understood is passed over; nothing in it is a command, a path or a key.
 */
#ifndef INRO_TOOLS_AGENT_SELF_H
#define INRO_TOOLS_AGENT_SELF_H

#include <jansson.h>

#include "backoffice/fetch/fetch.h"

#define SELF_ERRANDS_MAX 32
#define SELF_NAME_MAX	 64
#define SELF_DAYS_MAX	 36500 /* of an interval; one that is longer is as none */

enum self_verb { SELF_RENEW, SELF_RUN, SELF_STATUS, SELF_CLEAR, SELF_UNKNOWN };

struct self_errand {
	int64_t id;
	enum self_verb verb;
	char name[SELF_NAME_MAX + 1];
};
struct self {
	int64_t renew_days; /* of the group's policy; 0: not said */
	bool wanted;	    /* the certificate with that serial is to be renewed */
	struct self_errand errands[SELF_ERRANDS_MAX];
	size_t n;
	int64_t overlap_days; /* that an old symmetric key stays good */
	json_t *keys;	      /* its symmetric keys; NULL: it is not told */
	int64_t date;	      /* what time it is there; 0: not said */
};
void self_clear(struct self *s);

/* What *ret had is cleared.  serial: of the live certificate. */
MUST_CHECK enum inro_err self_ask(const struct fetch_way *way, const struct fetch_who *who,
				  struct bytes serial, struct self *ret);
/* The same of a document.  INRO_E_SYNTAX. */
MUST_CHECK enum inro_err self_read(struct bytes json, struct bytes serial, struct self *ret);

/* The document of an answer, the caller's, also where there is only one to come (202).  INRO_E_BUSY: not now.
 * INRO_E_STATE: refused. */
MUST_CHECK enum inro_err self_answer_of(const struct fetch *f, json_t **ret);

/* POSTs `body`, which it takes over (NULL: no memory), to a path below /v1/device/self; what comes is
 * the caller's.  INRO_E_BUSY: not now.  INRO_E_STATE: refused. */
MUST_CHECK enum inro_err self_post(const struct fetch_way *way, const struct fetch_who *who,
				   const char *below, json_t *body, json_t **ret);

/* Says how an errand went.  INRO_E_STATE: the service does not want to know any more. */
MUST_CHECK enum inro_err self_answer(const struct fetch_way *way, const struct fetch_who *who,
				     int64_t id, bool done, const char *answer);

#endif
