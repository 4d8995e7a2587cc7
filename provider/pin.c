/* pin - see pin.h. */
#include "provider/pin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "base/file.h"
#include "base/own.h"

static enum inro_err from_uri(const struct p11_uri *uri, struct secret *ret)
{
	if (!uri || (!uri->has_pin_value && !uri->pin_source))
		return INRO_E_PIN_MISSING;
	return p11_uri_pin(uri, ret);
}

static enum inro_err from_setting(const struct prov *p, struct secret *ret)
{
	const char *pin = core_setting(&p->core, "pin");

	if (!pin)
		return INRO_E_PIN_MISSING;
	if (strncmp(pin, "file:", 5) == 0)
		return file_read_secret(pin + 5, ret);
	return secret_copy(bytes_of(pin), ret);
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
	return access(path, F_OK) == 0 ? file_read_secret(path, ret) : INRO_E_PIN_MISSING;
}

/* What systemd gives the service: the token's own, else that for any.  A label may have characters
 * that no credential's name has. */
static enum inro_err from_service(const char *token_label, struct secret *ret)
{
	const char *dir = secure_getenv("CREDENTIALS_DIRECTORY");
	SCOPED(buf) name = { 0 };
	enum inro_err e = INRO_E_PIN_MISSING;

	if (!dir || !*dir)
		return INRO_E_PIN_MISSING;
	buf_addf(&name, "%s.pin", token_label);
	buf_add_u8(&name, 0);
	if (buf_err(&name))
		return buf_err(&name);
	if (!strchr(token_label, '/'))
		e = from_credential(dir, (const char *)name.p, ret);
	return e == INRO_E_PIN_MISSING ? from_credential(dir, "inro-pin", ret) : e;
}

static enum inro_err from_program(const struct pin_source *from, const char *token_label,
				  struct secret *ret)
{
	SCOPED(secret) room = { 0 };
	char info[64] = "";
	size_t n = 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PASSPHRASE_PARAM_INFO, info, 0),
		OSSL_PARAM_construct_end(),
	};
	enum inro_err e;

	if (!from->ask)
		return INRO_E_PIN_MISSING;
	e = secret_new(SECRET_MAX_PIN + 1, &room);
	if (e)
		return e;
	snprintf(info, sizeof info, "the PIN of token %s", token_label);
	if (!from->ask((char *)room.p, room.n, &n, params, from->arg) || n == 0 || n >= room.n)
		return INRO_E_PIN_MISSING;
	return secret_copy(BYTES(room.p, n), ret);
}

enum inro_err pin_obtain(const struct prov *p, const struct pin_source *from,
			 const char *token_label, struct secret *ret)
{
	enum inro_err e = from_uri(from->uri, ret);

	if (e == INRO_E_PIN_MISSING)
		e = from_setting(p, ret);
	if (e == INRO_E_PIN_MISSING)
		e = from_environment(ret);
	if (e == INRO_E_PIN_MISSING)
		e = from_service(token_label, ret);
	if (e == INRO_E_PIN_MISSING)
		e = from_program(from, token_label, ret);
	if (e == INRO_E_PIN_MISSING)
		return err_set(
			e,
			"token '%s' needs its PIN: give pin-source=file:PATH in the key's URI, "
			"the setting pin = file:PATH of the provider, INRO_PIN, or a "
			"credential inro-pin of the service",
			token_label);
	return e;
}
