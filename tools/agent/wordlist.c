/* wordlist - see wordlist.h. */
#include "tools/agent/wordlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tools/agent/settings.h"

#define TEXT_MAX 4096

void wordlist_clear(struct wordlist *w)
{
	free(w->path);
	buf_clear(&w->text);
	*w = (struct wordlist) { 0 };
}

enum inro_err wordlist_open(const char *dir, const char *name, struct wordlist *ret)
{
	enum inro_err e;

	ret->path = file_join(dir, name);
	if (!ret->path)
		return agent_no_memory();
	e = file_read_regular(ret->path, TEXT_MAX, &ret->text);
	if (e == INRO_E_NOT_FOUND)
		return INRO_OK;
	buf_add_u8(&ret->text, 0);
	return e == INRO_OK ? buf_err(&ret->text) : e;
}

const char *wordlist_text(const struct wordlist *w)
{
	return w->text.n ? (const char *)w->text.p : "";
}

bool wordlist_is_new(const struct wordlist *w)
{
	return w->text.n == 0;
}

/* NULL: it is not there. */
static const char *find(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return p;
	return NULL;
}

bool wordlist_has(const struct wordlist *w, const char *word)
{
	return find(wordlist_text(w), word) != NULL;
}

/* Takes `text` over. */
static enum inro_err replace(struct wordlist *w, struct buf *text)
{
	enum inro_err e;

	buf_add_u8(text, 0);
	e = buf_err(text);
	if (e == INRO_OK)
		e = file_write(w->path, 0644, BYTES(text->p, text->n - 1));
	if (e != INRO_OK) {
		buf_clear(text);
		return e;
	}
	buf_clear(&w->text);
	w->text = *text;
	return INRO_OK;
}

static const char *without_oldest(const char *words)
{
	const char *next = strchr(words, ' ');

	return next ? next + 1 : "";
}

enum inro_err wordlist_add(struct wordlist *w, const char *word)
{
	const char *before = wordlist_text(w);
	struct buf after = { 0 };

	if (wordlist_has(w, word))
		return INRO_OK;
	while (*before && strlen(before) + strlen(word) + 2 > TEXT_MAX)
		before = without_oldest(before);
	buf_addf(&after, "%s%s%s", before, *before ? " " : "", word);
	return replace(w, &after);
}

enum inro_err wordlist_put(struct wordlist *w, const char *words)
{
	struct buf after = { 0 };

	while (strlen(words) >= TEXT_MAX)
		words = without_oldest(words);
	buf_add_str(&after, words);
	return replace(w, &after);
}

enum inro_err wordlist_drop(struct wordlist *w, const char *word)
{
	const char *all = wordlist_text(w), *at = find(all, word), *rest;
	struct buf after = { 0 };

	if (!at)
		return INRO_OK;
	rest = at + strlen(word);
	if (*rest)
		rest++;
	buf_addf(&after, "%.*s%s", (int)(at - all), all, rest);
	if (after.n && after.p[after.n - 1] == ' ')
		buf_truncate(&after, after.n - 1);
	return replace(w, &after);
}

enum inro_err wordlist_drop_all(struct wordlist *w)
{
	if (w->text.n && unlink(w->path) != 0 && errno != ENOENT)
		return file_err(errno, w->path);
	buf_clear(&w->text);
	return INRO_OK;
}
