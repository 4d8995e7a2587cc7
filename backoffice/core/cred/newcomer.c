/* newcomer - see newcomer.h. */
#include "backoffice/core/newcomer.h"

#include "backoffice/core/authority.h"
#include "backoffice/core/fleet.h"
#include "backoffice/core/issuing.h"
#include "backoffice/core/psk.h"
#include "backoffice/core/view.h"

#define NOT_YET (-1) /* its number: of no row, and not none */

void newcomer_clear(struct newcomer *n)
{
	device_clear(&n->made);
}

enum inro_err newcomer_is_new(struct core *c, const char *id)
{
	SCOPED(device) there = { 0 };
	enum inro_err e = device_load(c, id, &there);

	if (e == INRO_OK)
		return err_set(INRO_E_EXISTS, "there is a device '%s' already", id);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

enum inro_err newcomer_draft(struct core *c, struct making *j)
{
	const char *id = j->in->request->device;
	SCOPED(device) d = { .tenant = c->tenant, .state = DEVICE_REGISTERED };
	enum inro_err e = newcomer_is_new(c, id);

	if (e == INRO_OK)
		e = text_set(&d.device_id, id);
	if (e == INRO_OK)
		e = device_set_fields(c, &d, j->in->newcomer->fields);
	if (e != INRO_OK)
		return e;
	d.id = NOT_YET; /* behind the fields: one with a number is asked for where it was, too */
	device_clear(&j->device);
	j->device = d;
	d = (struct device) { 0 };
	return INRO_OK;
}

enum inro_err newcomer_record(struct core *c, struct making *j)
{
	struct newcomer *n = j->in->newcomer;
	const char *id = j->in->request->device;
	enum inro_err e;

	j->in->taken = true; /* INRO_E_EXISTS would be of the device */
	e = device_add_active(c, id, n->fields, n->psk, &n->made);
	if (e != INRO_OK)
		return e;
	j->in->rec.device = n->made.id;
	j->in->taken = false;
	return INRO_OK;
}

static enum inro_err issue_to(struct core *c, const struct cred_request *r, struct newcomer *n,
			      struct cred *ret)
{
	SCOPED(ca) ca = { 0 };
	struct issuing i = { .request = r, .ca = &ca, .newcomer = n };
	SCOPED(core_view) view = { 0 };
	enum inro_err e = device_add_prepare(c, r->device, n->fields, n->psk);

	if (e == INRO_OK && r->request_id)
		e = err_set(INRO_E_ARG, "a device that is registered with its certificate is new: there "
					"is no request id to ask again by");
	if (e == INRO_OK)
		e = core_view(c, &view);
	if (e == INRO_OK)
		e = ca_load(c, r->ca, &ca);
	return e == INRO_OK ? issue_shown(c, &i, ret) : e;
}

enum inro_err cred_issue_newcomer(struct core *c, const struct cred_request *r, struct newcomer *n,
				  struct cred *ret)
{
	enum inro_err e = issue_to(c, r, n, ret);

	return e == INRO_OK ? e : audit_refused(c, "device.add", "device", text_or_empty(r->device), e);
}
