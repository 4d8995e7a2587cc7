/* connector - see connector.h. */
#include "backoffice/core/connector.h"

#include <string.h>

/* ---- file: requests and certificates are carried by people ---- */

enum inro_err ca_file_request(struct core *c, const struct ca *ca, struct ca_order *order)
{
	(void)c;
	(void)ca;
	return text_set(&order->reference, "");
}

enum inro_err ca_file_collect(struct core *c, const struct ca *ca, const struct ca_incoming *in,
			      struct bytes *ret)
{
	(void)c;
	if (!in->files)
		return err_set(INRO_E_ARG, "certificates of CA '%s' come in files", ca->name);
	return in->files(in->arg, ret);
}

enum inro_err ca_file_revoke(struct core *c, const struct ca *ca, const struct credential *rec,
			     bool *ret_by_hand)
{
	(void)c;
	(void)ca;
	(void)rec;
	*ret_by_hand = true;
	return INRO_OK;
}

static const struct ca_connector by_file = {
	.name = "file", .request = ca_file_request, .collect = ca_file_collect, .revoke = ca_file_revoke
};

static const struct ca_connector *const connectors[CA_KIND__MAX] = {
	[CA_FILE] = &by_file,
	[CA_EST] = &ca_by_est,
	[CA_CMP] = &ca_by_cmp,
};

void ca_answer_clear(struct ca_answer *a)
{
	buf_clear(&a->cert);
	*a = (struct ca_answer) { 0 };
}

const struct ca_connector *ca_connector_of(const struct ca *ca)
{
	return connectors[ca->kind];
}

enum inro_err ca_connector_find(const char *name, enum ca_kind *ret)
{
	for (int k = 0; k < CA_KIND__MAX; k++) {
		if (!connectors[k] || strcmp(connectors[k]->name, name) != 0)
			continue;
		*ret = (enum ca_kind)k;
		return INRO_OK;
	}
	return err_set(INRO_E_ARG, "no CA is connected by '%s'; there are: file, est, cmp", name);
}

enum inro_err ca_is_elsewhere(const struct ca *ca)
{
	return err_set(INRO_E_STATE,
		       "the key of CA '%s' is elsewhere: 'inro cert issue --csr' asks it for a "
		       "certificate, and it makes its own lists",
		       ca->name);
}
