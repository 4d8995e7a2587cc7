/* connector - see connector.h. */
#include "backoffice/core/connector.h"

#include <string.h>

/* ---- file: requests and certificates are carried by people ---- */

static enum inro_err file_request(struct core *c, const struct ca *ca, struct ca_order *order)
{
	(void)c;
	(void)ca;
	return text_set(&order->reference, "");
}

static enum inro_err file_collect(struct core *c, const struct ca *ca, const struct ca_incoming *in,
				  struct bytes *ret)
{
	(void)c;
	if (!in->files)
		return err_set(INRO_E_ARG, "certificates of CA '%s' come in files", ca->name);
	return in->files(in->arg, ret);
}

static enum inro_err file_revoke(struct core *c, const struct ca *ca, const struct credential *rec,
				 bool *ret_by_hand)
{
	(void)c;
	(void)ca;
	(void)rec;
	*ret_by_hand = true;
	return INRO_OK;
}

static const struct ca_connector connectors[CA_KIND__MAX] = {
	[CA_FILE] = { "file", file_request, file_collect, file_revoke },
};

const struct ca_connector *ca_connector_of(const struct ca *ca)
{
	return connectors[ca->kind].name ? &connectors[ca->kind] : NULL;
}

enum inro_err ca_connector_find(const char *name, enum ca_kind *ret)
{
	for (int k = 0; k < CA_KIND__MAX; k++) {
		if (!connectors[k].name || strcmp(connectors[k].name, name) != 0)
			continue;
		*ret = (enum ca_kind)k;
		return INRO_OK;
	}
	return err_set(INRO_E_ARG, "no CA is connected by '%s'; there is: file", name);
}

enum inro_err ca_is_elsewhere(const struct ca *ca)
{
	return err_set(INRO_E_STATE,
		       "the key of CA '%s' is elsewhere: 'inro cert issue --csr' asks it for a "
		       "certificate, and it makes its own lists",
		       ca->name);
}
