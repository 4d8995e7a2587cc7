/*
 * uri - PKCS#11 URIs (RFC 7512): parse, print, match against tokens and objects.
 *
 * 1. Strict: a character that must be percent-encoded, an attribute given twice, an unknown one in
 *    the path, pin-source beside pin-value, and a value longer than its Cryptoki field are refused.
 * 2. Unknown (vendor) attributes in the query part are ignored.
 * 3. A pin-value is a secret and is never printed.
 */
#ifndef INRO_BASE_CRYPTOKI_URI_H
#define INRO_BASE_CRYPTOKI_URI_H

#include "base/cryptoki/cryptoki.h"
#include "base/secret.h"

#define P11_URI_MAX 4096

enum p11_uri_type {
	P11_ANY,
	P11_PUBLIC,
	P11_PRIVATE,
	P11_CERT,
	P11_SECRET_KEY,
	P11_DATA,
	P11_TYPE__MAX
};

struct p11_uri {
	/* NULL: not given */
	char *token, *manufacturer, *serial, *model;
	char *library_manufacturer, *library_description;
	char *slot_manufacturer, *slot_description;
	char *object;
	uint8_t *id;
	size_t id_n;
	bool has_id, has_slot_id, has_library_version;
	CK_VERSION library_version;
	CK_SLOT_ID slot_id;
	enum p11_uri_type type;
	char *pin_source, *module_name, *module_path;
	struct secret pin_value;
	bool has_pin_value;
};

bool p11_uri_is(const char *text); /* starts with "pkcs11:", any case */
MUST_CHECK enum inro_err p11_uri_parse(const char *text, struct p11_uri *ret);
void p11_uri_clear(struct p11_uri *u);
MUST_CHECK enum inro_err p11_uri_copy(const struct p11_uri *u, struct p11_uri *ret);

/* Appends the URI without pin-value; pin-source stays. */
void p11_uri_print(const struct p11_uri *u, struct buf *out);

/* Whether what the URI says of a library, slot or token is true of this one; it may say nothing
 * (RFC 7512 2.5). */
bool p11_uri_matches_library(const struct p11_uri *u, const CK_INFO *info);
bool p11_uri_matches_slot(const struct p11_uri *u, CK_SLOT_ID slot, const CK_SLOT_INFO *info);
bool p11_uri_matches_token(const struct p11_uri *u, const CK_TOKEN_INFO *info);

/* Search template for class, id and label: out has room for 3, its values point into *u and, for
 * the class, to *class_room.  How many were filled. */
CK_ULONG p11_uri_template(const struct p11_uri *u, CK_ATTRIBUTE *out, CK_OBJECT_CLASS *class_room);

/* A token as people name it: "slot:N", "serial:HEX", else its label.  *u is empty before. */
MUST_CHECK enum inro_err p11_uri_name_token(const char *name, struct p11_uri *u);

/* The class a type names; CK_UNAVAILABLE_INFORMATION for P11_ANY. */
CK_OBJECT_CLASS p11_uri_class(enum p11_uri_type t);

/* The path that a place of a PIN names, as file_uri_path(); INRO_E_UNSUPPORTED for a program ("|...") too. */
MUST_CHECK enum inro_err p11_pin_path(const char *source, const char **ret);

/* pin-value, else pin-source (as p11_pin_path(); nothing is executed).
 * INRO_E_PIN_MISSING when the URI has neither. */
MUST_CHECK enum inro_err p11_uri_pin(const struct p11_uri *u, struct secret *ret);

/* A blank-padded Cryptoki field as a string: copies without the trailing blanks. cap > n. */
void p11_field_text(const CK_UTF8CHAR *field, size_t n, char *out, size_t cap);

#endif
