/* noun_ca_import - a CA from elsewhere, with what it issued. */
#include "backoffice/core/ca.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tools/cert_source.h"
#include "tools/nouns.h"
#include "tools/office.h"

#define FILE_MAX ((size_t)64 << 20)

struct files {
	struct buf cert, chain, crl;
};

static void files_clear(struct files *f)
{
	buf_clear(&f->cert);
	buf_clear(&f->chain);
	buf_clear(&f->crl);
}

static enum inro_err read_files(const struct call *c, struct files *f)
{
	enum inro_err e = cert_source_one(call_opt(c, "cert"), &f->cert);
	if (!e && call_has(c, "chain"))
		e = file_read(call_opt(c, "chain"), FILE_MAX, &f->chain);
	if (!e && call_has(c, "crl"))
		e = file_read(call_opt(c, "crl"), FILE_MAX, &f->crl);
	return e;
}

enum inro_err ca_import_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	SCOPED(files) f = { 0 };
	SCOPED(cert_source) past = { .path = call_opt(c, "past") };
	struct ca_imported done = { 0 };
	struct ca_import in = { .name = call_arg(c, 0), .key_uri = call_opt(c, "key") };
	enum inro_err e = office_open(c, &core);
	if (!e)
		e = read_files(c, &f);
	if (!e && past.path)
		e = cert_source_open(&past);
	in.in = (struct ca_activation) { .cert = buf_bytes(&f.cert),
					 .chain = buf_bytes(&f.chain),
					 .proposal = call_number(c, "proposal", 0) };
	in.crl = buf_bytes(&f.crl);
	in.past = past.path ? cert_source_pull : NULL;
	in.past_arg = &past;
	if (!e)
		e = ca_import(core, &in, &done, &v);
	return e ? e : json_give(json_of_ca_imported(&v, &done), ret);
}
