/* many - see many.h. */
#include "tools/many.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backoffice/core/device.h"
#include "backoffice/core/where.h"
#include "base/file.h"
#include "base/log.h"
#include "tools/office.h"
#include "tools/pages.h"

#define LIST_MAX ((size_t)64 << 20)

int many_said(const struct call *c)
{
	return call_has(c, "devices") + call_has(c, "where") + call_has(c, "all");
}

static char *part_of(const char *out)
{
	char *part = NULL;
	return asprintf(&part, "%s.part", out) < 0 ? NULL : part;
}

static enum inro_err check_part(const char *out)
{
	AUTO(free_chars) char *part = part_of(out);
	if (!part)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	if (access(part, F_OK) != 0)
		return INRO_OK;
	return err_set(INRO_E_EXISTS,
		       "'%s' is what a run that was cut short has left, and the keys in it may be nowhere else; move it "
		       "away, and run this again for the devices that are not in it",
		       part);
}

enum inro_err many_check(const struct call *c)
{
	if (many_said(c) != 1)
		return err_set(INRO_E_ARG, "give one of --devices, --where and --all");
	if (!call_has(c, "out"))
		return err_set(INRO_E_ARG, "keys of many devices go to a file: give --out FILE");
	if (!strcmp(call_opt(c, "out"), "-"))
		return err_set(INRO_E_ARG, "keys of many devices go to a file, not to standard output");
	return INRO_OK;
}

static void add_line(struct buf *to, json_t *doc)
{
	char *line = json_dumps(doc, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (line) {
		buf_addf(to, "%s\n", line);
		wipe(line, strlen(line));
	} else {
		to->err = INRO_E_NO_MEMORY;
	}
	free(line);
	json_decref(doc);
}

void many_add(struct many *m, json_t *doc)
{
	add_line(&m->lines, doc);
}

/* ---- OUT.part ---- */

/* The name is there after a power cut, too. */
static enum inro_err sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO(free_chars) char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!folder)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	return file_sync_dir(folder);
}

static enum inro_err open_part(struct many *m)
{
	struct stat st;
	if (stat(m->out, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(INRO_E_ARG,
			       "keys of which only a hash is kept are kept in a file first; '%s' is none", m->out);
	char *part = part_of(m->out);
	if (!part)
		return err_set(INRO_E_NO_MEMORY, "no memory for a path");
	m->part_fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (m->part_fd < 0) {
		int err = errno;
		free(part);
		return file_err(err, m->out);
	}
	file_give(part);
	m->part = part;
	return sync_folder(part);
}

static enum inro_err append(const struct many *m, struct bytes line)
{
	while (line.n) {
		ssize_t n = write(m->part_fd, line.p, line.n);
		if (n < 0 && errno != EINTR)
			return file_err(errno, m->part);
		line = n < 0 ? line : BYTES(line.p + n, line.n - (size_t)n);
	}
	return INRO_OK;
}

enum inro_err many_keep(struct many *m, json_t *doc)
{
	SCOPED(buf) line = { .secret = true };
	enum inro_err e = m->part ? INRO_OK : open_part(m);
	add_line(&line, doc);
	if (!e)
		e = buf_err(&line);
	if (!e)
		e = append(m, buf_bytes(&line));
	if (!e && fdatasync(m->part_fd) != 0)
		e = file_err(errno, m->part);
	m->stuck = e != INRO_OK;
	return e;
}

/* What was kept for this device is not in force. */
static void note_failed(const struct many *m, const json_t *doc)
{
	SCOPED(buf) line = { 0 };
	SCOPED(err_kept) kept = err_keep();
	if (!m->part)
		return;
	add_line(&line, json_deep_copy(doc));
	if (buf_err(&line) || append(m, buf_bytes(&line)))
		log_debug("many: what could not be done is not in %s", m->part);
}

/* OUT has all of it now, or it stays and is named. */
static enum inro_err close_part(struct many *m, bool written, enum inro_err e)
{
	if (!m->part)
		return e;
	close(m->part_fd);
	if (written && !m->doubt)
		unlink(m->part);
	else if (e)
		e = err_context(e, "the keys that were made, if any were, are in '%s'", m->part);
	else
		e = err_set(INRO_E_IO,
			    "whether each key is in force is not known, because the database failed; '%s' has all that "
			    "were made",
			    m->part);
	free(m->part);
	m->part = NULL;
	return e;
}

void many_failed(struct many *m, const char *device, const char *ref, enum inro_err e)
{
	json_t *doc = json_pack("{s:o s:o s:s}", "device", json_of_text(device), "id", json_of_text(ref), "error",
				err_detail(e));
	m->failed++;
	note_failed(m, doc);
	m->doubt |= m->part && e == INRO_E_IO;
	many_add(m, doc);
}

bool many_ends(enum inro_err e)
{
	return e == INRO_E_BUSY || e == INRO_E_FULL || e == INRO_E_PIN_MISSING;
}

static enum inro_err do_one(struct many *m, const char *device)
{
	enum inro_err e = m->one(m, device);
	return e ? e : buf_err(&m->lines);
}

struct searching {
	struct many *many;
	const char *where;
};

static enum inro_err do_page(void *arg, const char *after, char **ret_next)
{
	const struct searching *in = arg;
	struct many *m = in->many;
	const struct device_search s = { .where = in->where, .after = after };
	SCOPED(device_found) l = { 0 };
	enum inro_err e = device_search(m->core, &s, &l);
	for (size_t i = 0; !e && i < l.n; i++)
		e = do_one(m, l.items[i].device_id);
	if (!e) {
		*ret_next = l.next;
		l.next = NULL;
	}
	return e;
}

static enum inro_err do_search(struct many *m, const char *where)
{
	return pages_each(do_page, &(struct searching) { m, where });
}

static enum inro_err do_file(struct many *m, const char *path)
{
	SCOPED(buf) file = { 0 };
	enum inro_err e = file_read(path, LIST_MAX, &file);
	if (!e)
		buf_add_u8(&file, 0);
	if (!e)
		e = buf_err(&file);
	char *rest = (char *)file.p, *line;
	while (!e && (line = strsep(&rest, "\n"))) {
		line[strcspn(line, "\r")] = '\0';
		if (*line)
			e = do_one(m, line);
	}
	return e;
}

/* Also what was done before an error ended the rest: it is on record, and may not be told again. */
static enum inro_err write_lines(struct many *m, enum inro_err e)
{
	enum inro_err written = buf_err(&m->lines);
	if (!e && !written) {
		written = file_write(m->out, 0600, buf_bytes(&m->lines));
	} else if (m->done && !written) {
		SCOPED(err_kept) kept = err_keep();
		written = file_write(m->out, 0600, buf_bytes(&m->lines));
		if (written)
			log_debug("many: what was done is not in the file");
	}
	return close_part(m, !written && (!e || m->done), e ? e : written);
}

enum inro_err many_run(struct many *m, const struct call *c)
{
	const char *list = call_opt(c, "devices");
	enum inro_err e;
	m->out = call_opt(c, "out");
	e = check_part(m->out);
	if (!e)
		e = list ? do_file(m, list) : do_search(m, call_opt(c, "where"));
	e = write_lines(m, e);
	buf_clear(&m->lines);
	return e;
}

enum inro_err many_give(const struct many *m, json_t *doc, json_t **ret)
{
	if (doc && json_object_update_new(doc, json_pack("{s:I s:I s:o}", "keys", m->done, "failed", m->failed, "file",
							 json_of_text(m->out))) != 0)
		return json_give_or_drop(INRO_E_NO_MEMORY, doc, ret);
	enum inro_err e = json_give(doc, ret);
	if (e || !m->failed)
		return e;
	return err_set(INRO_E_POLICY, "%lld of %lld could not be done; %s %s %s why", (long long)m->failed,
		       (long long)(m->done + m->failed), m->failed == 1 ? "its line in" : "their lines in", m->out,
		       m->failed == 1 ? "says" : "say");
}
