/*
 * tpmfile - "TSS2 PRIVATE KEY": a TPM's key in a file (the ASN.1 TPMKey of tpm2-openssl, tpm2-tools
 * and systemd; draft-bottomley-tpm2-keys), DER and PEM.
 *
 * type: 2.23.133.10.1.3 loadable, .4 importable (its seed is in `secret`), .5 sealed data.
 * Unknown optional fields are refused, policies other than none are refused with the reason.
 */
#ifndef INRO_TPM_MOVE_TPMFILE_H
#define INRO_TPM_MOVE_TPMFILE_H

#include "tpm/wire/crypt.h"

#define TPMFILE_PEM "TSS2 PRIVATE KEY"

enum tpmfile_type { TPMFILE_LOADABLE, TPMFILE_IMPORTABLE, TPMFILE_SEALED, TPMFILE_TYPE__MAX };

struct tpmfile {
	enum tpmfile_type type;
	bool empty_auth;
	uint32_t parent;     /* persistent handle, or TPM2_RH_OWNER: the default root's template */
	struct bytes pub;    /* TPM2B_PUBLIC, with its size */
	struct bytes priv;   /* TPM2B_PRIVATE, with its size */
	struct bytes secret; /* importable: TPM2B_ENCRYPTED_SECRET, with its size; else empty */
};

/* Borrows from `der`. */
MUST_CHECK enum inro_err tpmfile_read(struct bytes der, struct tpmfile *ret);
MUST_CHECK enum inro_err tpmfile_write(const struct tpmfile *k, struct buf *ret_der);
/* PEM or DER as it comes; der: where what was decoded is kept. */
MUST_CHECK enum inro_err tpmfile_read_any(struct bytes text, struct buf *der, struct tpmfile *ret);
MUST_CHECK enum inro_err tpmfile_pem(struct bytes der, struct buf *ret_text);

#endif
