/* csv - see csv.h. */
#include "backoffice/core/csv.h"

#include <string.h>

#define BOM "\xef\xbb\xbf"

/* Reads on to the end of a line that is no row. */
static void pass_over(struct csv *r, int c)
{
	while (c != '\n' && c != EOF)
		c = getc(r->from);
}

/* The next line without its end.  *ret_n: its bytes, which may have NULs among them. */
static enum inro_err read_line(struct csv *r, size_t *ret_n)
{
	size_t n = 0;
	int c;

	while ((c = getc(r->from)) != EOF && c != '\n') {
		if (n == CSV_LINE_MAX) {
			pass_over(r, c);
			return err_set(INRO_E_TOO_BIG, "a row has up to %d bytes", CSV_LINE_MAX);
		}
		r->text[n++] = (char)c;
	}
	r->ended = c == EOF && n == 0;
	r->lost = ferror(r->from) != 0;
	if (r->lost)
		return err_set(INRO_E_IO, "the file can't be read on");
	if (n && r->text[n - 1] == '\r')
		n--;
	r->text[n] = 0;
	*ret_n = n;
	return INRO_OK;
}

/* Unquotes in place; *at is behind the opening quote, then behind the closing one. */
static enum inro_err take_quoted(char **at, char separator)
{
	char *from = *at, *to = *at;

	for (;; from++) {
		if (!*from)
			return err_set(INRO_E_SYNTAX, "a quote is not closed on its line");
		if (*from == '"' && from[1] != '"')
			break;
		from += *from == '"';
		*to++ = *from;
	}
	*at = from + 1;
	if (**at && **at != separator)
		return err_set(INRO_E_SYNTAX, "behind a closing quote comes a %s",
			       separator == ';' ? "semicolon" : "comma");
	*to = 0;
	return INRO_OK;
}

static enum inro_err take_plain(char **at, char separator)
{
	size_t n = strcspn(*at, (const char[]) { separator, 0 });

	if (memchr(*at, '"', n))
		return err_set(INRO_E_SYNTAX, "a quote is at the start of a field");
	*at += n;
	return INRO_OK;
}

/* What a spreadsheet takes for a formula begins so, behind any number of apostrophes.  The wide forms are those of
 * Japanese keyboards. */
static bool is_formula(const char *value)
{
	static const char *const marks[] = { "=", "+", "-", "@", "\t", "＝", "＋", "－", "＠" };

	value += strspn(value, "'");
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (strncmp(value, marks[i], strlen(marks[i])) == 0)
			return true;
	return false;
}

char csv_separator(const char *line)
{
	size_t commas = 0, semicolons = 0;
	bool quoted = false;

	for (; *line; line++) {
		quoted ^= *line == '"';
		commas += !quoted && *line == ',';
		semicolons += !quoted && *line == ';';
	}
	return semicolons > commas ? ';' : ',';
}

enum inro_err csv_split(struct csv *r)
{
	char separator = r->separator ? r->separator : ',', *at = r->text;
	enum inro_err e = INRO_OK;
	bool more = true;

	for (r->n = 0; e == INRO_OK && more; r->n++) {
		bool quoted = *at == '"';

		if (r->n == CSV_FIELDS_MAX)
			return err_set(INRO_E_TOO_BIG, "a row has up to %d fields", CSV_FIELDS_MAX);
		r->fields[r->n] = at += quoted;
		e = (quoted ? take_quoted : take_plain)(&at, separator);
		if (e != INRO_OK)
			return e;
		more = *at == separator;
		*at++ = 0;
		if (*r->fields[r->n] == '\'' && is_formula(r->fields[r->n]))
			r->fields[r->n]++;
	}
	return e;
}

enum inro_err csv_next_line(struct csv *r)
{
	size_t n = 0, mark = strlen(BOM);
	enum inro_err e;

	do {
		r->line++;
		e = read_line(r, &n);
	} while (e == INRO_OK && n == 0 && !r->ended);
	if (e != INRO_OK || r->ended)
		return e;
	if (strlen(r->text) != n)
		return err_set(INRO_E_SYNTAX, "a row has a NUL in it");
	if (r->line == 1 && r->charset == CHARSET_UTF8 && strncmp(r->text, BOM, mark) == 0)
		memmove(r->text, r->text + mark, n - mark + 1);
	return charset_line(r->charset, r->text, CSV_LINE_MAX);
}

enum inro_err csv_next(struct csv *r)
{
	enum inro_err e = csv_next_line(r);

	return e == INRO_OK && !r->ended ? csv_split(r) : e;
}

void csv_add(struct buf *out, const char *value, bool first)
{
	/* also for those who take a semicolon or a tab for the end of a field, too, as LibreOffice proposes */
	bool quotes = value[strcspn(value, "\",;\t\r\n")] != 0;

	buf_add_str(out, first ? "" : ",");
	buf_add_str(out, quotes ? "\"" : "");
	buf_add_str(out, is_formula(value) ? "'" : "");
	for (; *value; value++) {
		if (*value == '"')
			buf_add_u8(out, '"');
		buf_add_u8(out, (uint8_t)*value);
	}
	buf_add_str(out, quotes ? "\"" : "");
}
