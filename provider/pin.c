/* pin - see pin.h. */
#include "provider/pin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "base/file.h"
#include "base/own.h"

/* What was read is not empty, and what could not be read is told with its place. */
static enum inro_err checked(enum inro_err e, const char *where, const char *path,
			     const struct secret *got)
{
	bool relative = path && *path != '/';

	if (!e && got->n == 0)
		e = err_set(INRO_E_PIN_FORMAT, "it is empty: the first line must be the PIN");
	if (!e || e == INRO_E_PIN_MISSING)
		return e;
	return err_context(e, "reading the PIN from %s%s", where,
			   relative ? " (a path that begins with / is found from any folder)" : "");
}

/* A line that was read of a pipe, a socket or a terminal is gone. */
static bool gives_once(const char *path, struct asked *ret)
{
	struct stat st;
	const bool in = strcmp(path, "-") == 0; /* file_read_secret() takes it for standard input */

	if ((in ? fstat(STDIN_FILENO, &st) : stat(path, &st)) != 0)
		return false;
	/* Of standard input what was read is gone, also of a file: the place in it is everybody's. */
	if (!in && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return false;
	*ret = asked_file(&st);
	return true;
}

/* Of two that read a pipe at once one gets nothing. */
static enum inro_err read_in_turn(const char *path, struct secret *ret)
{
	SCOPED(asking) turn = { 0 };
	struct asked what;

	if (gives_once(path, &what))
		asking_begin(&what, ASKING_PIPE_SECONDS, &turn);
	return file_read_secret(path, ret);
}

static enum inro_err from_file(const char *source, const char *where, struct secret *ret)
{
	const char *path = NULL;
	enum inro_err e = p11_pin_path(source, &path);

	return checked(e ? e : read_in_turn(path, ret), where, path, ret);
}

static enum inro_err from_uri(const struct p11_uri *uri, struct secret *ret)
{
	if (!uri || (!uri->has_pin_value && !uri->pin_source))
		return INRO_E_PIN_MISSING;
	if (!uri->has_pin_value)
		return from_file(uri->pin_source, "the URI's pin-source", ret);
	return checked(p11_uri_pin(uri, ret), "the URI's pin-value", NULL, ret);
}

static enum inro_err from_setting(const struct prov *p, const char *name, struct secret *ret)
{
	const char *value = core_setting(&p->core, name);
	char where[32];

	if (!value)
		return INRO_E_PIN_MISSING;
	snprintf(where, sizeof where, "the setting %s", name);
	if (strncasecmp(value, "file:", 5) == 0)
		return from_file(value, where, ret);
	if (*value == '/') /* tried as a PIN it would cost the token a try */
		return err_set(INRO_E_CONFIG, "the setting %s is a path: write %s = file:%s", name,
			       name, value);
	return secret_copy(bytes_of(value), ret);
}

/* The file that the PIN is read from, by the URI or the setting; NULL: none. */
static const char *file_of(const struct prov *p, const struct p11_uri *uri)
{
	const char *source = core_setting(&p->core, SETTING_PIN), *path = NULL;

	if (uri && (uri->pin_source || uri->has_pin_value))
		source = uri->pin_source;
	else if (source && strncasecmp(source, "file:", 5) != 0)
		source = NULL;
	return source && p11_pin_path(source, &path) == INRO_OK ? path : NULL;
}

bool pin_comes_once(const struct prov *p, const struct p11_uri *uri, struct asked *ret)
{
	const char *path = file_of(p, uri);

	return path && gives_once(path, ret);
}

static enum inro_err from_environment(struct secret *ret)
{
	const char *pin = secure_getenv("INRO_PIN");

	return pin && *pin ? secret_copy(bytes_of(pin), ret) : INRO_E_PIN_MISSING;
}

/* INRO_E_PIN_MISSING when there is no such credential. */
static enum inro_err from_credential(const char *dir, const char *name, struct secret *ret)
{
	AUTO(free_chars) char *path = file_join(dir, name);

	if (!path)
		return INRO_E_NO_MEMORY;
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return INRO_E_PIN_MISSING;
	return checked(file_read_secret(path, ret), "the service's credential", path, ret);
}

/* The folder of what systemd gives the service; NULL when there is none. */
static const char *service_folder(void)
{
	const char *dir = secure_getenv("CREDENTIALS_DIRECTORY");

	return dir && *dir ? dir : NULL;
}

/* The token's own, else that for any.  A label may have characters that no credential's name has.
 */
static enum inro_err from_service(const char *token_label, struct secret *ret)
{
	const char *dir = service_folder();
	SCOPED(buf) name = { 0 };
	enum inro_err e = INRO_E_PIN_MISSING;

	if (!dir)
		return INRO_E_PIN_MISSING;
	buf_addf(&name, "%s.pin", token_label);
	buf_add_u8(&name, 0);
	if (buf_err(&name))
		return buf_err(&name);
	if (!strchr(token_label, '/'))
		e = from_credential(dir, (const char *)name.p, ret);
	return e == INRO_E_PIN_MISSING ? from_credential(dir, "inro-pin", ret) : e;
}

static enum inro_err from_program(const struct pin_source *from, char *what, struct secret *ret)
{
	SCOPED(secret) room = { 0 };
	size_t n = 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PASSPHRASE_PARAM_INFO, what, 0),
		OSSL_PARAM_construct_end(),
	};
	enum inro_err e;

	if (!from->ask)
		return INRO_E_PIN_MISSING;
	e = secret_new(SECRET_MAX_PIN + 1, &room);
	if (e)
		return e;
	if (!from->ask((char *)room.p, room.n, &n, params, from->arg) || n == 0 || n >= room.n)
		return INRO_E_PIN_MISSING;
	return secret_copy(BYTES(room.p, n), ret);
}

enum inro_err pin_of_file(const struct prov *p, const struct pin_source *from, struct secret *ret)
{
	char what[] = "the authorisation value of the TSS2 PRIVATE KEY";
	enum inro_err e = from_setting(p, SETTING_TSS2_AUTH, ret);

	if (e == INRO_E_PIN_MISSING && service_folder())
		e = from_credential(service_folder(), "inro-tss2-auth", ret);
	if (e == INRO_E_PIN_MISSING)
		e = from_program(from, what, ret);
	if (e == INRO_E_PIN_MISSING)
		return err_set(e, "the TSS2 PRIVATE KEY has an authorisation value: give the "
				  "setting tss2-auth = file:PATH, or a credential "
				  "inro-tss2-auth of the service");
	return e;
}

enum inro_err pin_obtain(const struct prov *p, const struct pin_source *from,
			 const char *token_label, struct secret *ret)
{
	char what[64];
	enum inro_err e = from_uri(from->uri, ret);

	snprintf(what, sizeof what, "the PIN of token %s", token_label);
	if (e == INRO_E_PIN_MISSING)
		e = from_setting(p, SETTING_PIN, ret);
	if (e == INRO_E_PIN_MISSING)
		e = from_environment(ret);
	if (e == INRO_E_PIN_MISSING)
		e = from_service(token_label, ret);
	if (e == INRO_E_PIN_MISSING)
		e = from_program(from, what, ret);
	if (e == INRO_E_PIN_MISSING)
		return err_set(
			e,
			"token '%s' needs its PIN: give pin-source=file:PATH in the key's URI, "
			"the setting pin = file:PATH of the provider, INRO_PIN, or a "
			"credential inro-pin of the service",
			token_label);
	return e;
}
