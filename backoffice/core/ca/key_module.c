/*
 * key_module - the Cryptoki module that a recorded URI names, before it is loaded; see keyring.h.
 *
 * 1. What stands with a certificate may have been said over the network.  What holds a CA's key was said on
 *    this machine.
 */
#include <stdlib.h>
#include <string.h>

#include "backoffice/core/ca_guard.h"
#include "backoffice/core/keyring.h"
#include "base/cryptoki/uri.h"

struct known {
	const char *module;
	bool is;
};

static enum inro_err compare(void *arg, const char *key_uri, int64_t ca, int64_t generation)
{
	struct known *k = arg;
	SCOPED(p11_uri) u = { 0 };
	enum inro_err e = p11_uri_parse(key_uri, &u);

	(void)ca;
	(void)generation;
	k->is |= u.module_path && strcmp(u.module_path, k->module) == 0;
	return e;
}

enum inro_err core_key_recorded(struct core *c, const char *uri)
{
	SCOPED(p11_uri) u = { 0 };
	struct known k = { 0 };
	enum inro_err e = p11_uri_parse(uri, &u);

	if (e != INRO_OK || !u.module_path)
		return e;
	k.module = u.module_path;
	k.is = strcmp(text_or_empty(c->module), u.module_path) == 0 ||
	       strcmp(text_or_empty(getenv("INRO_MODULE")), u.module_path) == 0;
	if (!k.is)
		e = ca_guard_each(c->store, compare, &k);
	if (e == INRO_OK && !k.is)
		e = err_set(INRO_E_POLICY,
			    "the Cryptoki module '%.200s' is named by the record of a certificate alone and "
			    "is not loaded; INRO_MODULE, or a CA with a key there, says that it may be",
			    u.module_path);
	return e;
}
