/*
 * provision - the main job in one step: key in the token, CSR, certificate, certificate into the
 * token beside its key, record.
 *
 * When anything fails the new key is deleted again and nothing is recorded but the refusal.  Only
 * when the token refuses the finished certificate is there one on record: revoked
 * (cessationOfOperation).
 *
 * A run that is cut short may leave a key, or a certificate on record that is not in the token yet.
 * The next run for the device, with the same label, goes on from there: it takes over the one key
 * of that label and of the wanted type for which nothing was ever certified, or stores the active
 * certificate of this device, CA and profile beside its key.  Any other key of that label is
 * INRO_E_EXISTS.  A key that was there is never deleted.
 */
#ifndef INRO_BACKOFFICE_CORE_PROVISION_H
#define INRO_BACKOFFICE_CORE_PROVISION_H

#include "backoffice/core/cred.h"

struct provision_request {
	const char *device, *token, *ca, *profile;
	const char *key_type; /* NULL: ec-p256 */
	const char *label;    /* NULL: the device's id */
	const char *subject;  /* NULL: CN=<device id> */
	const char *const
		*sans; /* "DNS:…", "URI:…", "IP:…"; none: DNS and IP of the device's record */
	size_t sans_n;
	unsigned days; /* 0: the profile's */
};

enum provision_stage {
	PROVISION_KEY,
	PROVISION_CSR,
	PROVISION_ISSUE,
	PROVISION_STORE,
	PROVISION_STAGE__MAX
};
extern const char *const provision_stage_names[PROVISION_STAGE__MAX];

struct provision_step {
	enum provision_stage stage;
	char *text; /* what came of it, one line */
};

struct provision_result {
	struct provision_step steps[PROVISION_STAGE__MAX];
	size_t n; /* steps that were done */
	struct cred cert;
};
void provision_result_clear(struct provision_result *r);

/* *ret is written on failure too: its steps say how far it came. */
MUST_CHECK enum inro_err device_provision(struct core *c, const struct provision_request *r,
					  struct provision_result *ret);

/* A CSR (DER) signed by a key in a token; needs no database.  `o` gives module and PIN. */
struct csr_request {
	const char *key_uri, *subject;
	const char *const *sans;
	size_t sans_n;
};
MUST_CHECK enum inro_err csr_create(const struct core_options *o, const struct csr_request *r,
				    struct buf *ret_der);

#endif
