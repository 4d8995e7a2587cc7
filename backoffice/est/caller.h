/* caller - who an EST request is from: the core works as him until caller_leave(). */
#ifndef INRO_BACKOFFICE_EST_CALLER_H
#define INRO_BACKOFFICE_EST_CALLER_H

#include "backoffice/core/label.h"
#include "backoffice/core/network.h"
#include "backoffice/core/view.h"
#include "backoffice/http/http.h"

struct caller {
	struct core *core;
	struct core_view view; /* from its beginning on */
	struct device device; /* id 0: not a device's request, or nobody's */
	bool by_cert;
	struct label label;
};
void caller_clear(struct caller *c); /* the core is nobody's again */

/* A device, by certificate or Basic, and the label for it.  INRO_E_LOGIN, with the challenge in the
 * answer, when it is nobody.  Who is known and is refused is recorded as `action` ("certificate.issue"). */
MUST_CHECK enum inro_err caller_enter(const struct http_call *call, const char *default_label,
				      const char *action, struct caller *ret);
/* The same, or nobody where nothing was shown. */
MUST_CHECK enum inro_err caller_any(const struct http_call *call, const char *default_label,
				    struct caller *ret);
/* Records what is refused before the core is asked for it; returns e as it is. */
MUST_CHECK enum inro_err caller_refused(struct caller *c, const char *action, enum inro_err e);

#endif
