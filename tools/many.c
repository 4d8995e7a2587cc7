/* many - see many.h. */
#include "tools/many.h"

#include <stdlib.h>
#include <string.h>

#include "backoffice/core/device.h"
#include "backoffice/core/where.h"
#include "base/file.h"
#include "base/log.h"
#include "tools/office.h"

#define LIST_MAX ((size_t)64 << 20)

int many_said(const struct call *c)
{
	return call_has(c, "devices") + call_has(c, "where") + call_has(c, "all");
}

enum inro_err many_check(const struct call *c)
{
	if (many_said(c) != 1)
		return err_set(INRO_E_ARG, "one of --devices, --where and --all");
	if (!call_has(c, "out"))
		return err_set(INRO_E_ARG, "keys of many devices go to the file of --out");
	return INRO_OK;
}

void many_add(struct many *m, json_t *doc)
{
	char *line = json_dumps(doc, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (line) {
		buf_addf(&m->lines, "%s\n", line);
		wipe(line, strlen(line));
	} else {
		m->lines.err = INRO_E_NO_MEMORY;
	}
	free(line);
	json_decref(doc);
}

void many_failed(struct many *m, const char *device, const char *ref, enum inro_err e)
{
	m->failed++;
	many_add(m, json_pack("{s:o s:o s:s}", "device", json_of_text(device), "id",
			      json_of_text(ref), "error", err_detail(e)));
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

static enum inro_err do_page(struct many *m, const struct device_search *s, char **ret_next)
{
	SCOPED(device_found) l = { 0 };
	enum inro_err e = device_search(m->core, s, &l);
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
	struct device_search s = { .where = where };
	char *at = NULL;
	enum inro_err e;
	do {
		char *next = NULL;
		s.after = at;
		e = do_page(m, &s, &next);
		free(at);
		at = next;
	} while (!e && at);
	free(at);
	return e;
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
static enum inro_err write_lines(const struct many *m, const char *out, enum inro_err e)
{
	if (!e)
		return file_write(out, 0600, buf_bytes(&m->lines));
	if (m->done && !buf_err(&m->lines)) {
		SCOPED(err_kept) kept = err_keep();
		if (file_write(out, 0600, buf_bytes(&m->lines)))
			log_debug("many: what was done is not in the file");
	}
	return e;
}

enum inro_err many_run(struct many *m, const struct call *c)
{
	const char *list = call_opt(c, "devices"), *out = call_opt(c, "out");
	enum inro_err e = file_check_target(out);
	if (!e)
		e = list ? do_file(m, list) : do_search(m, call_opt(c, "where"));
	e = write_lines(m, out, e);
	buf_clear(&m->lines);
	return e;
}
