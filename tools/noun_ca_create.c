/* noun_ca_create - CAs that are made here, and certificates from others and for others' CAs. */
#include "backoffice/core/ca.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tools/cert_source.h"
#include "tools/nouns.h"
#include "tools/office.h"

#define CHAIN_MAX ((size_t)1 << 20)

/* NULL: as the profile says. */
static const unsigned *path_len_of(const struct call *c, unsigned *room)
{
	*room = (unsigned)call_number(c, "path-len", 0);
	return call_has(c, "path-len") || call_has(c, "no-sub-ca") ? room : NULL;
}

enum inro_err ca_certify_check(const struct call *c)
{
	if (call_number(c, "path-len", 0) > 255)
		return err_set(INRO_E_ARG, "a path length is a number up to 255");
	return INRO_OK;
}

enum inro_err ca_create_check(const struct call *c)
{
	enum inro_err e = ca_certify_check(c);
	if (e)
		return e;
	if (call_has(c, "key") != call_has(c, "token"))
		return INRO_OK;
	return err_set(INRO_E_ARG, "the CA's key: give either --key URI for one that is there, or "
				   "--token LABEL to make one");
}

/* --permit and --exclude, as DER. */
static enum inro_err read_constraints(const struct call *c, struct buf *ret)
{
	const char *permit[CALL_MAX_OPTS], *exclude[CALL_MAX_OPTS];
	size_t permit_n = call_opts(c, "permit", permit);
	size_t exclude_n = call_opts(c, "exclude", exclude);
	return ca_read_constraints(permit, permit_n, exclude, exclude_n, ret);
}

enum inro_err ca_create_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	SCOPED(buf) constraints = { 0 };
	unsigned path_len;
	const struct ca_settings lists = { CA_AS_IT_IS,
					   CA_AS_IT_IS,
					   CA_AS_IT_IS,
					   call_number(c, "crl-shards", CA_AS_IT_IS),
					   call_opt(c, "crl-url"),
					   call_opt(c, "delta-url") };
	struct ca_request r = {
		.name = call_arg(c, 0),
		.path_len = path_len_of(c, &path_len),
		.subject = call_opt(c, "subject"),
		.parent = call_opt(c, "parent"),
		.profile = call_opt(c, "profile"),
		.key_uri = call_opt(c, "key"),
		.token = call_opt(c, "token"),
		.key_type = call_opt(c, "type"),
		.label = call_opt(c, "label"),
		.days = (unsigned)call_number(c, "days", 0),
		.external = call_has(c, "external"),
		.lists = &lists,
		.proposal = call_number(c, "proposal", 0),
	};
	enum inro_err e = read_constraints(c, &constraints);
	r.constraints = buf_bytes(&constraints);
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = ca_create(core, &r, &v);
	return e ? e : json_give(json_of_ca(&v), ret);
}

enum inro_err ca_activate_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	SCOPED(buf) cert = { 0 };
	SCOPED(buf) chain = { 0 };
	struct ca_activation a = { 0 };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = cert_source_one(call_opt(c, "cert"), &cert);
	if (!e && call_has(c, "chain"))
		e = file_read(call_opt(c, "chain"), CHAIN_MAX, &chain);
	a.cert = buf_bytes(&cert);
	a.chain = buf_bytes(&chain);
	a.proposal = call_number(c, "proposal", 0);
	if (!e)
		e = ca_activate(core, call_arg(c, 0), &a, &v);
	return e ? e : json_give(json_of_ca(&v), ret);
}

enum inro_err ca_certify_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(cred) cred = { 0 };
	SCOPED(buf) csr = { 0 };
	SCOPED(buf) constraints = { 0 };
	unsigned path_len;
	struct cred_request r = {
		.path_len = path_len_of(c, &path_len),
		.ca = call_arg(c, 0),
		.profile = call_has(c, "profile") ? call_opt(c, "profile") : "sub-ca",
		.days = (unsigned)call_number(c, "days", 0),
		.proposal = call_number(c, "proposal", 0),
	};
	enum inro_err e = file_read(call_opt(c, "csr"), PEM_MAX(CSR_MAX), &csr);
	if (!e)
		e = read_constraints(c, &constraints);
	if (!e)
		e = office_open(c, &core);
	r.csr = buf_bytes(&csr);
	r.constraints = buf_bytes(&constraints);
	if (!e)
		e = cert_source_request(ca_certify(core, &r, &cred), call_opt(c, "csr"), r.csr);
	return e ? e : json_give(json_of_cred(&cred), ret);
}
