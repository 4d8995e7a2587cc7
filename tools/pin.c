/*
 * pin - where PINs come from.
 *
 * 1. A PIN is in a struct secret from the first byte on; the terminal's line is read byte by byte
 *    into one, so no stdio buffer holds a copy.
 * 2. The terminal gets its echo back on every way out, also when the person gives up with ^C:
 *    signals from the keyboard are off while the PIN is typed, and ^C is read as a byte.
 */
#include "tools/pin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "tools/text.h"

#define OPT_PIN_USER                                                                               \
	{                                                                                          \
		.name = "pin-source", .arg = "FILE", .kind = OPT_FILE,                             \
		.help = "file whose first line is the PIN (else INRO_PIN, else a prompt)"          \
	}
#define OPT_PIN_SO                                                                                 \
	{                                                                                          \
		.name = "so-pin-source", .arg = "FILE", .kind = OPT_FILE,                          \
		.help = "file with the security officer's PIN (else INRO_SO_PIN, else a prompt)"   \
	}
#define OPT_PIN_NEW                                                                                \
	{                                                                                          \
		.name = "new-pin-source", .arg = "FILE", .kind = OPT_FILE,                         \
		.help = "file with the new PIN (else INRO_NEW_PIN, else a prompt)"                 \
	}

#define OPT_PIN_PASS                                                                               \
	{                                                                                          \
		.name = "passphrase-source", .arg = "FILE", .kind = OPT_FILE,                      \
		.help = "file with the passphrase (else INRO_PASSPHRASE, else a prompt)"           \
	}

#define OPT_PIN_PSK                                                                                \
	{                                                                                          \
		.name = "psk-source", .arg = "FILE", .kind = OPT_FILE,                             \
		.help = "file with the pre-shared key (else INRO_PSK, else a prompt)"              \
	}

#define OPT_PIN_PASSWORD                                                                           \
	{                                                                                          \
		.name = "new-password-source", .arg = "FILE", .kind = OPT_FILE,                    \
		.help = "file with the new password (else INRO_NEW_PASSWORD, else a prompt)"       \
	}

const struct cmd_opt pin_password_opts[] = { OPT_PIN_PASSWORD, { 0 } };
const struct cmd_opt pin_psk_opts[] = { OPT_PIN_PSK, { 0 } };
const struct cmd_opt pin_pass_opts[] = { OPT_PIN_PASS, { 0 } };
const struct cmd_opt pin_user_opts[] = { OPT_PIN_USER, { 0 } };
const struct cmd_opt pin_user_so_opts[] = { OPT_PIN_USER, OPT_PIN_SO, { 0 } };
const struct cmd_opt pin_so_opts[] = { OPT_PIN_SO, { 0 } };
const struct cmd_opt pin_change_opts[] = { OPT_PIN_USER, OPT_PIN_SO, OPT_PIN_NEW, { 0 } };
const struct cmd_opt pin_unblock_opts[] = { OPT_PIN_SO, OPT_PIN_NEW, { 0 } };

static const struct pin_way {
	const char *option, *environment, *what, *of;
} ways[PIN__KINDS] = {
	[PIN_USER] = { "pin-source", "INRO_PIN", "PIN", "token" },
	[PIN_SO] = { "so-pin-source", "INRO_SO_PIN", "SO PIN", "token" },
	[PIN_NEW] = { "new-pin-source", "INRO_NEW_PIN", "new PIN", "token" },
	[PIN_PASS] = { "passphrase-source", "INRO_PASSPHRASE", "passphrase for the backup",
		       "token" },
	[PIN_FILE] = { "passphrase-source", "INRO_PASSPHRASE", "passphrase", "file" },
	[PIN_PSK] = { "psk-source", "INRO_PSK", "pre-shared key", "device" },
	[PIN_PASSWORD] = { "password-source", "INRO_PASSWORD", "password", "account" },
	[PIN_NEW_PASSWORD] = { "new-password-source", "INRO_NEW_PASSWORD", "new password",
			       "account" },
};

static enum inro_err not_typed(const struct pin_way *way)
{
	return err_set(INRO_E_PIN_MISSING, "no %s was typed; nothing was done", way->what);
}

/* A character, of however many bytes of UTF-8. */
static size_t without_last(const struct secret *line, size_t n)
{
	while (n > 0 && (line->p[n - 1] & 0xc0) == 0x80)
		n--;
	return n - (n > 0);
}

static enum inro_err type_byte(uint8_t c, const struct pin_way *way, struct secret *line, size_t *n,
			       bool *ret_done)
{
	*ret_done = c == '\r' || c == '\n';
	if (c == 3 || c == 4) /* ^C, ^D */
		return not_typed(way);
	if (*ret_done)
		return INRO_OK;
	if (c == 0x7f || c == 8)
		*n = without_last(line, *n);
	else if (c == 0x15) /* ^U */
		*n = 0;
	else if (*n == line->n)
		return err_set(INRO_E_PIN_FORMAT, "a %s has at most %d bytes", way->what, SECRET_MAX_PIN);
	else
		line->p[(*n)++] = c;
	return INRO_OK;
}

static enum inro_err read_line(int tty, const struct pin_way *way, struct secret *ret)
{
	SCOPED(secret) line = { 0 };
	size_t n = 0;
	bool done = false;
	enum inro_err e = secret_new(SECRET_MAX_PIN, &line);
	while (!e && !done) {
		uint8_t c = 0;
		ssize_t got = read(tty, &c, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 1)
			e = type_byte(c, way, &line, &n, &done);
		else
			e = err_set(INRO_E_PIN_MISSING, "the terminal was closed");
	}
	if (!e && n == 0)
		e = not_typed(way);
	if (e)
		return e;
	secret_shrink(&line, n);
	*ret = line;
	line = (struct secret) { 0 };
	return INRO_OK;
}

static enum inro_err prompt(int tty, const struct pin_way *way, struct bytes question, struct secret *ret)
{
	struct termios before;
	if (tcgetattr(tty, &before) != 0)
		return file_err(errno, "/dev/tty");
	struct termios quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
	quiet.c_cc[VMIN] = 1;
	quiet.c_cc[VTIME] = 0;
	if (tcsetattr(tty, TCSAFLUSH, &quiet) != 0)
		return file_err(errno, "/dev/tty");
	dprintf(tty, "%.*s: ", (int)question.n, (const char *)question.p);
	enum inro_err e = read_line(tty, way, ret);
	dprintf(tty, "\n");
	(void)tcsetattr(tty, TCSAFLUSH, &before);
	return e;
}

static enum inro_err ask(const struct pin_way *way, const char *token, bool fresh,
			 struct secret *ret)
{
	AUTO(close_fd) int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return err_set(INRO_E_PIN_MISSING,
			       "no %s for %s '%s' and no terminal to ask on; give --%s FILE or "
			       "set %s",
			       way->what, way->of, token, way->option, way->environment);
	SCOPED(buf) question = { 0 };
	SCOPED(secret) first = { 0 };
	SCOPED(secret) again = { 0 };
	/* A label may be anybody's: nothing of it steers the terminal. */
	buf_addf(&question, "%s of %s '", way->what, way->of);
	text_add_safe(bytes_of(token), &question);
	buf_add_u8(&question, '\'');
	enum inro_err e = buf_err(&question);
	if (!e)
		e = prompt(tty, way, buf_bytes(&question), &first);
	if (!e && fresh)
		e = prompt(tty, way, bytes_of("the same again"), &again);
	if (!e && fresh && !secret_equal(secret_bytes(&first), secret_bytes(&again)))
		e = err_set(INRO_E_PIN_FORMAT, "the two differ, the %s and what was typed again; nothing was done",
			    way->what);
	if (e)
		return e;
	*ret = first;
	first = (struct secret) { 0 };
	return INRO_OK;
}

static const char *file_of(const struct call *c, enum pin_kind kind)
{
	return kind == PIN_PASSWORD ? c->password_source : call_opt(c, ways[kind].option);
}

bool pin_is_given(const struct call *c, enum pin_kind kind)
{
	const char *value = getenv(ways[kind].environment);
	return file_of(c, kind) || (value && value[0]);
}

enum inro_err pin_take(const struct call *c, enum pin_kind kind, const char *token, bool fresh,
		       struct secret *ret)
{
	const struct pin_way *way = &ways[kind];
	const char *path = file_of(c, kind);
	if (path) {
		enum inro_err e = file_read_secret(path, ret);
		if (e || ret->n)
			return e;
		return err_set(INRO_E_PIN_MISSING, "%s: its first line is empty; it is to be the %s", path, way->what);
	}
	const char *value = getenv(way->environment);
	if (value && value[0])
		return secret_copy(bytes_of(value), ret);
	return ask(way, token, fresh || kind == PIN_NEW || kind == PIN_NEW_PASSWORD, ret);
}
