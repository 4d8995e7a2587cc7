/*
 * tss2 - keys in files that only a TPM can use: "TSS2 PRIVATE KEY" of tpm2-openssl, tpm2-tools and
 * systemd (ASN.1 TPMKey, draft-bottomley-tpm2-keys), PEM and DER.
 *
 * 1. Such a file is loaded into a token that is in a TPM (the setting `tss2-token`, else the one
 *    there is) as an object of a session: nothing of it stays in the token.
 * 2. What the TPM reads in it is the module's to check; here is read what a login and a template
 *    need.
 * 3. The program is asked for one thing only: the file's authorisation value if it has one, else
 *    the token's PIN.  libcrypto keeps an answer and would give it to the second question, too.
 */
#ifndef INRO_PROVIDER_TSS2_H
#define INRO_PROVIDER_TSS2_H

#include "provider/key.h"

#define TSS2_PEM "TSS2 PRIVATE KEY"
#define TSS2_MAX ((size_t)16 << 10)

/* Quick: looks at the head only. */
bool tss2_is(struct bytes head);

/* Where tpm2-openssl's provider is active in the program, it goes on reading its files, unless the
 * setting says that we do. */
bool tss2_is_left(const struct prov *p);

/* The key of a file, loaded.  `ask` may be NULL. */
MUST_CHECK enum inro_err tss2_open(struct prov *p, struct bytes der,
				   const struct pin_source *program, struct key **ret);

/* Loads the file into the token of this seat.  The object lives as long as the pool, or until it is
 * destroyed. */
MUST_CHECK enum inro_err tss2_load(struct seat *s, struct bytes der, struct bytes auth,
				   CK_OBJECT_HANDLE *ret);

#endif
