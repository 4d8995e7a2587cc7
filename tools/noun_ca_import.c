/*
 * noun_ca_import - a CA from elsewhere, with what it issued: a bundle, or a folder of certificates.
 *
 * 1. Of a folder one file at a time is in memory.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "backoffice/core/ca.h"
#include "backoffice/pki/cert.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tools/nouns.h"
#include "tools/office.h"

#define FILE_MAX ((size_t)64 << 20)

struct past {
	const char *path;
	DIR *folder;	  /* NULL: path is a file */
	bool begun;	  /* the file was read */
	struct buf file;  /* what is being read */
	struct bytes rest; /* of it */
	struct buf der;
};

static void past_clear(struct past *p)
{
	if (p->folder)
		closedir(p->folder);
	buf_clear(&p->file);
	buf_clear(&p->der);
}

static enum inro_err past_open(struct past *p)
{
	struct stat st;
	if (stat(p->path, &st))
		return file_err(errno, p->path);
	if (!S_ISDIR(st.st_mode))
		return INRO_OK;
	p->folder = opendir(p->path);
	return p->folder ? INRO_OK : file_err(errno, p->path);
}

static enum inro_err read_into(struct past *p, const char *path)
{
	buf_clear(&p->file);
	enum inro_err e = file_read(path, FILE_MAX, &p->file);
	p->rest = buf_bytes(&p->file);
	return e;
}

/* *ret_more false: there was no further file. */
static enum inro_err next_file(struct past *p, bool *ret_more)
{
	struct dirent *entry = NULL;
	*ret_more = p->folder ? (entry = readdir(p->folder)) != NULL : !p->begun;
	if (!*ret_more)
		return INRO_OK;
	p->begun = true;
	if (!p->folder)
		return read_into(p, p->path);
	if (entry->d_name[0] == '.' || entry->d_type == DT_DIR)
		return INRO_OK;
	AUTO(free_chars) char *path = file_join(p->path, entry->d_name);
	if (!path)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	return read_into(p, path);
}

/* A file is one DER, or PEM with any number of certificates in it. */
static enum inro_err next_in_file(struct past *p, struct bytes *ret)
{
	enum inro_err e;
	buf_reset(&p->der);
	if (!pem_is(p->rest)) {
		*ret = p->rest;
		p->rest = BYTES_NONE;
		return INRO_OK;
	}
	e = pem_next(&p->rest, PEM_CERT, &p->der);
	if (e)
		p->rest = BYTES_NONE;
	*ret = buf_bytes(&p->der);
	return e == INRO_E_NOT_FOUND ? INRO_OK : e;
}

static enum inro_err past_pull(void *arg, struct bytes *ret)
{
	struct past *p = arg;
	bool more = true;
	enum inro_err e = INRO_OK;
	*ret = BYTES_NONE;
	while (!e && !ret->n && more) {
		if (p->rest.n)
			e = next_in_file(p, ret);
		else
			e = next_file(p, &more);
	}
	return e;
}

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
	enum inro_err e = file_read(call_opt(c, "cert"), CERT_MAX, &f->cert);
	if (!e && call_has(c, "chain"))
		e = file_read(call_opt(c, "chain"), FILE_MAX, &f->chain);
	if (!e && call_has(c, "crl"))
		e = file_read(call_opt(c, "crl"), FILE_MAX, &f->crl);
	return e;
}

static json_t *import_json(const struct ca_view *v, const struct ca_imported *done)
{
	json_t *doc = json_of_ca(v);
	if (!doc)
		return NULL;
	json_object_set_new(doc, "entries", json_integer(done->listed));
	json_object_set_new(doc, "past", json_integer(done->past));
	json_object_set_new(doc, "known", json_integer(done->known));
	json_object_set_new(doc, "passed_over", json_integer(done->foreign));
	return doc;
}

enum inro_err ca_import_run(const struct call *c, json_t **ret)
{
	AUTO(core_close_ptr) struct core *core = NULL;
	SCOPED(ca_view) v = { 0 };
	SCOPED(files) f = { 0 };
	SCOPED(past) past = { .path = call_opt(c, "past") };
	struct ca_imported done = { 0 };
	struct ca_import in = { .name = call_arg(c, 0), .key_uri = call_opt(c, "key") };
	enum inro_err e = read_files(c, &f);
	if (!e && past.path)
		e = past_open(&past);
	in.in = (struct ca_activation) { .cert = buf_bytes(&f.cert),
					 .chain = buf_bytes(&f.chain),
					 .proposal = call_number(c, "proposal", 0) };
	in.crl = buf_bytes(&f.crl);
	in.past = past.path ? past_pull : NULL;
	in.past_arg = &past;
	if (!e)
		e = office_open(c, &core);
	if (!e)
		e = ca_import(core, &in, &done, &v);
	return e ? e : json_give(import_json(&v, &done), ret);
}
