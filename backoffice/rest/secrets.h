/* secrets - what rows about symmetric keys share. */
#ifndef INRO_BACKOFFICE_REST_SECRETS_H
#define INRO_BACKOFFICE_REST_SECRETS_H

#include "backoffice/rest/rows.h"

extern const struct rest_shape rest_told_key;

#define REST_KEY_IN                                                                                \
	IN_MUST("type", "aes-128, aes-256, twine-80, hmac-256 ..."),                               \
		{ .name = "name", .kind = REST_TEXT, .max = 64, .help = "what it is for" },        \
		IN_NUMBER("days", 1, 36500, "how long it is valid; as the policy says when not said")
#define REST_GRACE IN_NUMBER("grace", 0, 31536000, "seconds that the old one stays good")
#define REST_FORM                                                                                  \
	{ .name = "form", .kind = REST_WORD, .required = true,                                     \
	  .words = CHOICE("raw", "aes-kw", "jwe", "cms", "cms-auth", "pkcs11"),                             \
	  .help = "in the clear, or wrapped for the device" },                                     \
		IN_TEXT("under", "of aes-kw: the key above it"),                                           \
		IN_TEXT("certificate", "to which of the device's; the newest when not said")

MUST_CHECK enum inro_err rest_issue_key(struct rest *r, const char *device, json_t **ret);
MUST_CHECK enum inro_err rest_renew_key(struct rest *r, json_t **ret);
MUST_CHECK enum inro_err rest_get_key(struct rest *r, json_t **ret);

#endif
