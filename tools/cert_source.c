/* cert_source - see cert_source.h. */
#include "tools/cert_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backoffice/pki/cert.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"
#include "tools/text.h"

void cert_source_clear(struct cert_source *p)
{
	if (p->folder)
		closedir(p->folder);
	buf_clear(&p->file);
	buf_clear(&p->der);
	free(p->name);
}

enum inro_err cert_source_open(struct cert_source *p)
{
	struct stat st;
	if (stat(p->path, &st))
		return file_err(errno, p->path);
	if (!S_ISDIR(st.st_mode))
		return INRO_OK;
	p->folder = opendir(p->path);
	return p->folder ? INRO_OK : file_err(errno, p->path);
}

static enum inro_err read_into(struct cert_source *p, const char *path)
{
	buf_clear(&p->file);
	free(p->name);
	p->name = strdup(path);
	if (!p->name)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	enum inro_err e = file_read(path, CERT_SOURCE_MAX, &p->file);
	p->rest = buf_bytes(&p->file);
	p->pem = pem_is(p->rest);
	return e;
}

/* *ret_more false: there was no further file. */
static enum inro_err next_file(struct cert_source *p, bool *ret_more)
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
static enum inro_err next_in_file(struct cert_source *p, struct bytes *ret)
{
	enum inro_err e;
	buf_reset(&p->der);
	if (!p->pem) {
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

enum inro_err cert_source_pull(void *arg, struct bytes *ret)
{
	struct cert_source *p = arg;
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

enum inro_err cert_source_one(const char *path, struct buf *ret)
{
	SCOPED(buf) file = { 0 };
	enum inro_err e = file_read(path, PEM_MAX(CERT_MAX), &file);
	if (e) /* which names the file */
		return e;
	e = pem_or_der(buf_bytes(&file), PEM_CERT, CERT_MAX, "certificate", ret);
	return e ? err_context(e, "%s", path) : e;
}

static bool is_bad_request(enum inro_err e, struct bytes text)
{
	SCOPED(err_kept) kept = err_keep();
	SCOPED(csr) csr = { 0 };
	enum inro_err found = csr_read(text, &csr);
	if (!found)
		found = csr_verify(&csr);
	return found && found == e;
}

enum inro_err cert_source_request(enum inro_err e, const char *path, struct bytes text)
{
	return e && path && is_bad_request(e, text) ? err_context(e, "%s", path) : e;
}
