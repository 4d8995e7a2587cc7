/* match - what a PKCS#11 URI says about a library, slot, token or object, and its PIN. */
#include "base/cryptoki/uri.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* Cryptoki pads with blanks; some modules pad with zeros. */
static size_t field_length(const CK_UTF8CHAR *field, size_t n)
{
	while (n && (field[n - 1] == ' ' || field[n - 1] == '\0'))
		n--;
	return n;
}

static bool field_is(const char *want, const CK_UTF8CHAR *field, size_t n)
{
	size_t len;

	if (!want)
		return true;
	len = field_length((const CK_UTF8CHAR *)want, strlen(want));
	return len == field_length(field, n) && memcmp(want, field, len) == 0;
}

#define FIELD_IS(want, field) field_is(want, field, sizeof(field))

void p11_field_text(const CK_UTF8CHAR *field, size_t n, char *out, size_t cap)
{
	size_t len = field_length(field, n);

	if (len >= cap)
		len = cap - 1;
	memcpy(out, field, len);
	out[len] = '\0';
}

bool p11_uri_matches_library(const struct p11_uri *u, const CK_INFO *info)
{
	if (u->has_library_version && (u->library_version.major != info->libraryVersion.major ||
				       u->library_version.minor != info->libraryVersion.minor))
		return false;
	return FIELD_IS(u->library_manufacturer, info->manufacturerID) &&
	       FIELD_IS(u->library_description, info->libraryDescription);
}

bool p11_uri_matches_slot(const struct p11_uri *u, CK_SLOT_ID slot, const CK_SLOT_INFO *info)
{
	if (u->has_slot_id && u->slot_id != slot)
		return false;
	return FIELD_IS(u->slot_manufacturer, info->manufacturerID) &&
	       FIELD_IS(u->slot_description, info->slotDescription);
}

bool p11_uri_matches_token(const struct p11_uri *u, const CK_TOKEN_INFO *info)
{
	return FIELD_IS(u->token, info->label) && FIELD_IS(u->manufacturer, info->manufacturerID) &&
	       FIELD_IS(u->model, info->model) && FIELD_IS(u->serial, info->serialNumber);
}

static enum inro_err name_slot(const char *digits, struct p11_uri *u)
{
	char *end = NULL;
	size_t n = strlen(digits);

	if (n == 0 || n > 9 || strspn(digits, "0123456789") != n)
		return err_set(INRO_E_ARG, "'slot:%s' is not slot:NUMBER", digits);
	u->slot_id = strtoul(digits, &end, 10);
	u->has_slot_id = true;
	return INRO_OK;
}

enum inro_err p11_uri_name_token(const char *name, struct p11_uri *u)
{
	bool serial = strncmp(name, "serial:", 7) == 0;
	char **to = serial ? &u->serial : &u->token;

	if (strncmp(name, "slot:", 5) == 0)
		return name_slot(name + 5, u);
	*to = strdup(serial ? name + 7 : name);
	return *to ? INRO_OK : err_set(INRO_E_NO_MEMORY, "no memory for a token's name");
}

CK_OBJECT_CLASS p11_uri_class(enum p11_uri_type t)
{
	static const CK_OBJECT_CLASS classes[P11_TYPE__MAX] = {
		[P11_ANY] = CK_UNAVAILABLE_INFORMATION, [P11_PUBLIC] = CKO_PUBLIC_KEY,
		[P11_PRIVATE] = CKO_PRIVATE_KEY,	[P11_CERT] = CKO_CERTIFICATE,
		[P11_SECRET_KEY] = CKO_SECRET_KEY,	[P11_DATA] = CKO_DATA,
	};

	return (unsigned)t < P11_TYPE__MAX ? classes[t] : CK_UNAVAILABLE_INFORMATION;
}

CK_ULONG p11_uri_template(const struct p11_uri *u, CK_ATTRIBUTE *out, CK_OBJECT_CLASS *class_room)
{
	CK_ULONG n = 0;

	if (u->type != P11_ANY) {
		*class_room = p11_uri_class(u->type);
		out[n++] = (CK_ATTRIBUTE) { CKA_CLASS, class_room, sizeof *class_room };
	}
	if (u->has_id)
		out[n++] = (CK_ATTRIBUTE) { CKA_ID, u->id, u->id_n };
	if (u->object)
		out[n++] = (CK_ATTRIBUTE) { CKA_LABEL, u->object, strlen(u->object) };
	return n;
}

enum inro_err p11_pin_path(const char *source, const char **ret)
{
	if (*source == '|')
		return err_set(INRO_E_UNSUPPORTED, "a pin-source that is a program is not run; "
						   "name a file");
	return file_uri_path(source, ret);
}

enum inro_err p11_uri_pin(const struct p11_uri *u, struct secret *ret)
{
	const char *source = u->pin_source;
	const char *path = NULL;
	enum inro_err e;

	if (u->has_pin_value)
		return secret_copy(secret_bytes(&u->pin_value), ret);
	if (!source)
		return err_set(INRO_E_PIN_MISSING, "the URI has no pin-source");
	e = p11_pin_path(source, &path);
	return e ? e : file_read_secret(path, ret);
}
