/* folder - see folder.h. */
#include "backoffice/core/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backoffice/pki/csr.h"
#include "backoffice/pki/pem.h"
#include "base/file.h"

#define UNDER_WAY ".inro-under-way"

static const char *const endings[] = { ".csr", ".pem", ".der", ".req", ".p10", "" };

void folder_list_clear(struct folder_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->items[i].file);
		free(l->items[i].stem);
	}
	free(l->items);
	*l = (struct folder_list) { 0 };
}

static char *stem_of(const char *file)
{
	size_t n = strlen(file), k = 0;

	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		k = strlen(endings[i]);
		if (n > k && strcmp(file + n - k, endings[i]) == 0)
			break;
	}
	return strndup(file, n - k);
}

static enum inro_err add_request(struct folder_list *l, const char *file)
{
	struct folder_request *r;

	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		struct folder_request *more = realloc(l->items, cap * sizeof *more);

		if (!more)
			return err_set(INRO_E_NO_MEMORY, "no memory for %zu requests", cap);
		l->items = more;
		l->cap = cap;
	}
	r = &l->items[l->n++];
	*r = (struct folder_request) { .file = strdup(file), .stem = stem_of(file) };
	return r->file && r->stem ? INRO_OK : err_set(INRO_E_NO_MEMORY, "memory is short");
}

static int by_stem(const void *a, const void *b)
{
	const struct folder_request *x = a, *y = b;
	int order = strcmp(x->stem, y->stem);

	return order ? order : strcmp(x->file, y->file);
}

static void mark_twice(struct folder_list *l)
{
	for (size_t i = 1; i < l->n; i++)
		if (strcmp(l->items[i - 1].stem, l->items[i].stem) == 0)
			l->items[i - 1].twice = l->items[i].twice = true;
}

enum inro_err folder_list(const char *path, struct folder_list *ret)
{
	SCOPED(folder_list) l = { 0 };
	DIR *d = opendir(path);
	struct dirent *entry;
	enum inro_err e = INRO_OK;

	if (!d)
		return file_err(errno, path);
	while (e == INRO_OK && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && entry->d_type != DT_DIR)
			e = add_request(&l, entry->d_name);
	closedir(d);
	if (e == INRO_OK && l.n == 0)
		e = err_set(INRO_E_NOT_FOUND, "there is no request in %s", path);
	if (e != INRO_OK)
		return e;
	qsort(l.items, l.n, sizeof *l.items, by_stem);
	mark_twice(&l);
	*ret = l;
	l = (struct folder_list) { 0 };
	return INRO_OK;
}

enum inro_err folder_read(const char *path, const struct folder_request *r, struct buf *ret)
{
	AUTO(free_chars) char *file = file_join(path, r->file);

	if (r->twice)
		return err_set(INRO_E_EXISTS, "another request's certificate is called %s.pem, too",
			       r->stem);
	return file ? file_read_regular(file, PEM_MAX(CSR_MAX), ret) : INRO_E_NO_MEMORY;
}

enum inro_err folder_find(const char *path, const char *stem, struct buf *ret)
{
	char file[PATH_MAX];
	enum inro_err e = INRO_E_NOT_FOUND;

	for (size_t i = 0; e == INRO_E_NOT_FOUND && i < ARRAY_LEN(endings); i++) {
		int n = snprintf(file, sizeof file, "%s/%s%s", path, stem, endings[i]);

		if (n > 0 && (size_t)n < sizeof file && access(file, F_OK) == 0)
			e = file_read_regular(file, PEM_MAX(CSR_MAX), ret);
	}
	return e == INRO_E_NOT_FOUND ? err_set(e, "there is no request '%s' in %s", stem, path) : e;
}

/* ---- certificates ---- */

#define NAMED_CHARS (sizeof UNDER_WAY + 64 + 40)

/* What runs on this machine write to before it has its name begins so; how long that is. */
static int add_prefix(char *out)
{
	char host[65] = "";

	gethostname(host, sizeof host - 1);
	for (char *s = host; *s; s++)
		if (*s == '/')
			*s = '_';
	return snprintf(out, NAMED_CHARS, UNDER_WAY "-%s-", host);
}

/* This process's for this open folder. */
static void name_under_way(int dir, char *out)
{
	int n = add_prefix(out);

	snprintf(out + n, NAMED_CHARS - (size_t)n, "%ld-%d", (long)getpid(), dir);
}

/* Of a process of this machine that is gone. */
static bool is_left(const char *name)
{
	char prefix[NAMED_CHARS];
	size_t n = (size_t)add_prefix(prefix);

	if (strncmp(name, prefix, n) != 0 || strspn(name + n, "0123456789") == 0)
		return false;
	return kill((pid_t)strtol(name + n, NULL, 10), 0) != 0 && errno == ESRCH;
}

static void remove_left(int dir)
{
	int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (is_left(entry->d_name))
			unlinkat(dir, entry->d_name, 0);
	if (d)
		closedir(d);
	else if (again >= 0)
		close(again);
}

enum inro_err folder_open(const char *path, int *ret_fd)
{
	enum inro_err e = file_make_dir(path);
	int fd;

	if (e != INRO_OK)
		return e;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return file_err(errno, path);
	remove_left(fd);
	*ret_fd = fd;
	return INRO_OK;
}

static enum inro_err write_all(int fd, struct bytes content)
{
	while (content.n) {
		ssize_t n = write(fd, content.p, content.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return file_err(errno, "the certificate");
		content = BYTES(content.p + n, content.n - (size_t)n);
	}
	return INRO_OK;
}

static enum inro_err write_file(int dir, const char *name, struct bytes content)
{
	char mine[NAMED_CHARS];
	enum inro_err e;
	int fd;

	name_under_way(dir, mine);
	fd = openat(dir, mine, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return file_err(errno, name);
	e = write_all(fd, content);
	if (close(fd) != 0 && e == INRO_OK)
		e = file_err(errno, name);
	if (e == INRO_OK && renameat(dir, mine, dir, name) != 0)
		e = file_err(errno, name);
	return e;
}

enum inro_err folder_write(int fd, const char *stem, struct bytes der)
{
	SCOPED(buf) pem = { 0 };
	char name[NAME_MAX + 1];
	int n = snprintf(name, sizeof name, "%s.pem", stem);
	enum inro_err e;

	if (!der.n)
		return err_set(INRO_E_ARG, "there is no certificate for %s.pem", stem);
	if (n < 0 || (size_t)n >= sizeof name)
		return err_set(INRO_E_TOO_BIG, "the name %s.pem is too long", stem);
	pem_add(&pem, PEM_CERT, der);
	e = buf_err(&pem);
	return e == INRO_OK ? write_file(fd, name, buf_bytes(&pem)) : e;
}

enum inro_err folder_sync(int fd, const char *path)
{
	return syncfs(fd) == 0 ? INRO_OK : file_err(errno, path);
}
