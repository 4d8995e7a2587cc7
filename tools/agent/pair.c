/* pair - see pair.h. */
#include "tools/agent/pair.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backoffice/pki/pem.h"
#include "base/cryptoki/reference.h"
#include "base/cryptoki/uri.h"
#include "base/file.h"

#define LIVE_NEW   PAIR_LIVE ".new"
#define GENERATION "gen-"
#define URI_MAX	   (P11_URI_MAX + 2)
#define FILES_MAX  ((size_t)512 << 10) /* of certificates: twice what an answer has */

void pair_clear(struct pair *p)
{
	free(p->uri);
	cert_clear(&p->cert);
	cert_clear(&p->issuer);
	*p = (struct pair) { 0 };
}

static char *folder(const struct agent_settings *s, unsigned generation)
{
	char *path;

	return asprintf(&path, "%s/" GENERATION "%u", s->dir, generation) < 0 ? NULL : path;
}

char *pair_path(const struct agent_settings *s, unsigned generation, const char *file)
{
	AUTO(free_chars) char *dir = folder(s, generation);

	return dir ? file_join(dir, file) : NULL;
}

bool pair_has(const struct agent_settings *s, unsigned generation, const char *file)
{
	AUTO(free_chars) char *path = pair_path(s, generation, file);

	return path && access(path, F_OK) == 0;
}

/* "gen-7" */
static bool read_generation(const char *name, unsigned *ret)
{
	unsigned long n;
	char *end;

	if (strncmp(name, GENERATION, sizeof GENERATION - 1) != 0)
		return false;
	name += sizeof GENERATION - 1;
	n = strtoul(name, &end, 10);
	*ret = (unsigned)n;
	return *name >= '1' && *name <= '9' && !*end && n < 1000000000UL;
}

enum inro_err pair_live(const struct agent_settings *s, unsigned *ret)
{
	AUTO(free_chars) char *link = file_join(s->dir, PAIR_LIVE);
	char target[64];
	ssize_t n;

	if (!link)
		return agent_no_memory();
	n = readlink(link, target, sizeof target - 1);
	*ret = 0;
	if (n < 0 && errno == ENOENT)
		return INRO_OK;
	if (n < 0 && errno != EINVAL)
		return file_err(errno, link);
	if (n > 0)
		target[n] = 0;
	if (n <= 0 || !read_generation(target, ret))
		return err_set(INRO_E_DAMAGED,
			       "%s is not the agent's link to a generation; move it away", link);
	return INRO_OK;
}

static enum inro_err read_file(const struct agent_settings *s, unsigned generation,
			       const char *file, size_t max, struct buf *ret)
{
	AUTO(free_chars) char *path = pair_path(s, generation, file);

	return path ? file_read_regular(path, max, ret) : agent_no_memory();
}

static enum inro_err write_file(const struct agent_settings *s, unsigned generation,
				const char *file, struct bytes content)
{
	AUTO(free_chars) char *path = pair_path(s, generation, file);

	return path ? file_write(path, 0644, content) : agent_no_memory();
}

enum inro_err pair_uri(const struct agent_settings *s, unsigned generation, char **ret)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e = read_file(s, generation, "uri", URI_MAX, &text);

	if (e != INRO_OK)
		return e;
	if (text.n && text.p[text.n - 1] == '\n')
		buf_truncate(&text, text.n - 1);
	*ret = buf_take_str(&text);
	return *ret ? INRO_OK : agent_no_memory();
}

static int64_t came_at(const struct agent_settings *s, unsigned generation, int64_t otherwise)
{
	AUTO(free_chars) char *path = pair_path(s, generation, "cert.der");
	struct stat st;

	return path && stat(path, &st) == 0 && st.st_mtime > otherwise ? st.st_mtime : otherwise;
}

static bool take_issuer(struct bytes one, const struct cert *of, struct cert *ret)
{
	SCOPED(cert) c = { 0 };

	if (cert_read(one, &c) != INRO_OK || !bytes_equal(c.subject, of->issuer) ||
	    cert_verify(of, &c.key) != INRO_OK)
		return false;
	*ret = c;
	c = (struct cert) { 0 };
	return true;
}

/* For people: of what can't be read there is none. */
static bool find_issuer(const struct agent_settings *s, const char *file, struct pair *p)
{
	SCOPED(err_kept) kept = err_keep();
	SCOPED(buf) text = { 0 };
	struct bytes rest;
	bool found = false;

	if (read_file(s, p->generation, file, FILES_MAX, &text) != INRO_OK)
		return false;
	rest = buf_bytes(&text);
	if (!pem_is(rest))
		return take_issuer(rest, &p->cert, &p->issuer);
	while (!found) {
		SCOPED(buf) der = { 0 };

		if (pem_next(&rest, PEM_CERT, &der) != INRO_OK)
			break;
		found = take_issuer(buf_bytes(&der), &p->cert, &p->issuer);
	}
	return found;
}

enum inro_err pair_load(const struct agent_settings *s, unsigned generation, struct pair *ret)
{
	SCOPED(buf) der = { 0 };
	SCOPED(pair) p = { .generation = generation };
	enum inro_err e = read_file(s, generation, "cert.der", CERT_MAX, &der);

	if (e == INRO_OK)
		e = cert_read(buf_bytes(&der), &p.cert);
	if (e == INRO_OK)
		e = pair_uri(s, generation, &p.uri);
	if (e != INRO_OK)
		return err_context(e, "generation %u", generation);
	p.since = came_at(s, generation, p.cert.not_before);
	if (!find_issuer(s, "chain.pem", &p))
		(void)find_issuer(s, s->ca_file, &p);
	*ret = p;
	p = (struct pair) { 0 };
	return INRO_OK;
}

enum inro_err pair_request(const struct agent_settings *s, unsigned generation,
			   struct buf *ret_csr, char **ret_uri)
{
	enum inro_err e = read_file(s, generation, "csr.der", CERT_MAX, ret_csr);

	return e == INRO_OK ? pair_uri(s, generation, ret_uri) : e;
}

static enum inro_err make_folder(const struct agent_settings *s, unsigned generation)
{
	AUTO(free_chars) char *dir = folder(s, generation);
	enum inro_err e = dir ? file_make_dir(dir) : agent_no_memory();

	/* Programs of other users open what is in it; no secret is. */
	if (e == INRO_OK && (chmod(dir, 0755) != 0 || chmod(s->dir, 0755) != 0))
		return file_err(errno, dir);
	return e == INRO_OK ? file_sync_dir(s->dir) : e;
}

/* The request comes last: a generation without one is not under way. */
enum inro_err pair_begin(const struct agent_settings *s, unsigned generation, struct bytes csr,
			 const char *uri)
{
	enum inro_err e = make_folder(s, generation);

	if (e == INRO_OK)
		e = write_file(s, generation, "uri", bytes_of(uri));
	return e == INRO_OK ? write_file(s, generation, "csr.der", csr) : e;
}

static void add_certs(struct buf *out, const struct bytes *ders, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pem_add(out, PEM_CERT, ders[i]);
}

static enum inro_err write_certs(const struct agent_settings *s, unsigned generation,
				 const char *file, const struct bytes *ders, size_t n)
{
	SCOPED(buf) text = { 0 };
	enum inro_err e;

	if (s->form == AGENT_FORM_DER && strcmp(file, "chain.pem") != 0)
		return n ? write_file(s, generation, file, ders[0]) : INRO_OK;
	add_certs(&text, ders, n);
	e = buf_err(&text);
	return e == INRO_OK ? write_file(s, generation, file, buf_bytes(&text)) : e;
}

static enum inro_err write_key(const struct agent_settings *s, unsigned generation,
			       const char *uri)
{
	SCOPED(buf) der = { 0 };
	SCOPED(buf) text = { 0 };
	enum inro_err e;

	reference_write(uri, &der);
	pem_add(&text, REFERENCE_PEM, buf_bytes(&der));
	e = buf_err(&der);
	if (e == INRO_OK)
		e = buf_err(&text);
	if (e != INRO_OK)
		return e;
	return write_file(s, generation, s->key_file,
			  buf_bytes(s->form == AGENT_FORM_DER ? &der : &text));
}

static enum inro_err switch_live(const struct agent_settings *s, unsigned generation)
{
	AUTO(free_chars) char *link = file_join(s->dir, PAIR_LIVE);
	AUTO(free_chars) char *fresh = file_join(s->dir, LIVE_NEW);
	char target[64];

	if (!link || !fresh)
		return agent_no_memory();
	snprintf(target, sizeof target, GENERATION "%u", generation);
	(void)unlink(fresh); /* of a run that was cut short */
	if (symlink(target, fresh) != 0)
		return file_err(errno, fresh);
	if (rename(fresh, link) != 0)
		return file_err(errno, link);
	return file_sync_dir(s->dir);
}

static enum inro_err write_chain(const struct agent_settings *s, unsigned generation,
				 const struct pair_new *in)
{
	struct bytes all[PAIR_CERTS_MAX + 1];
	size_t n = in->chain_n + 1;
	enum inro_err e;

	if (n > ARRAY_LEN(all))
		return err_set(INRO_E_TOO_BIG, "%zu certificates are no chain", n);
	all[0] = in->leaf;
	for (size_t i = 0; i < in->chain_n; i++)
		all[i + 1] = in->chain[i];
	e = write_certs(s, generation, "chain.pem", all, n);
	return e == INRO_OK ? write_certs(s, generation, s->cert_file, all, n) : e;
}

enum inro_err pair_install(const struct agent_settings *s, unsigned generation,
			   const struct pair_new *in)
{
	enum inro_err e = write_chain(s, generation, in);

	if (e == INRO_OK)
		e = write_certs(s, generation, s->ca_file, in->cas, in->cas_n);
	if (e == INRO_OK)
		e = write_key(s, generation, in->uri);
	if (e == INRO_OK)
		e = write_file(s, generation, "cert.der", in->leaf);
	return e == INRO_OK ? switch_live(s, generation) : e;
}

enum inro_err pair_mark_done(const struct agent_settings *s, unsigned generation)
{
	return write_file(s, generation, "done", BYTES_NONE);
}

static enum inro_err remove_files(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	enum inro_err e = INRO_OK;

	if (!d)
		return errno == ENOENT ? INRO_OK : file_err(errno, dir);
	while (e == INRO_OK && (entry = readdir(d)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    unlinkat(dirfd(d), entry->d_name, 0) != 0)
			e = file_err(errno, entry->d_name);
	closedir(d);
	if (e == INRO_OK && rmdir(dir) != 0 && errno != ENOENT)
		e = file_err(errno, dir);
	return e;
}

enum inro_err pair_withdraw(const struct agent_settings *s, unsigned generation)
{
	AUTO(free_chars) char *dir = folder(s, generation);
	AUTO(free_chars) char *path = pair_path(s, generation, "csr.der");

	if (!dir || !path)
		return agent_no_memory();
	if (unlink(path) != 0 && errno != ENOENT)
		return file_err(errno, path);
	return file_sync_dir(dir);
}

enum inro_err pair_drop(const struct agent_settings *s, unsigned generation)
{
	AUTO(free_chars) char *dir = folder(s, generation);

	return dir ? remove_files(dir) : agent_no_memory();
}
