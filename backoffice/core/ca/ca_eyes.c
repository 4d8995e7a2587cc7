#include "backoffice/core/ca/ca_eyes.h"

void ca_eyes_clear(struct ca_eyes *y)
{
	buf_clear(&y->subject);
	buf_clear(&y->body);
}

enum inro_err ca_eyes_check(struct core *c, struct ca_eyes *y, const char *ca)
{
	enum inro_err e;

	detail_end(&y->body);
	buf_addf(&y->subject, "ca:%s", ca);
	buf_add_u8(&y->subject, 0);
	e = buf_err(&y->subject);
	if (e == INRO_OK)
		e = buf_err(&y->body);
	y->plan = (struct proposal_plan) { .action = y->action,
					   .subject = (const char *)y->subject.p,
					   .body = BYTES(y->body.p, y->body.n - 1) };
	return e == INRO_OK ? eyes_check(c, EYES_CA, &y->plan, y->proposal) : e;
}

enum inro_err ca_eyes_done(struct core *c, const struct ca_eyes *y, int64_t id)
{
	return eyes_done(c, EYES_CA, &y->plan, y->proposal, id);
}
