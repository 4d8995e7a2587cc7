/*
 * evidence - what TPM2_Certify says about a key, with all that is needed to check it, and the
 * check. Needs libcrypto and no TPM.
 */
#ifndef INRO_TPM_MOVE_EVIDENCE_H
#define INRO_TPM_MOVE_EVIDENCE_H

#include "tpm/wire/crypt.h"

/* As it crosses from the token: version (u32, EVIDENCE_VERSION), then each as a u32 field in this
 * order. */
#define EVIDENCE_VERSION 1

struct evidence {
	struct bytes attest;	/* TPMS_ATTEST */
	struct bytes signature; /* TPMT_SIGNATURE */
	struct bytes key;	/* TPM2B_PUBLIC of the key, with its size */
	struct bytes ak;	/* TPM2B_PUBLIC of the attestation key, with its size */
	struct bytes ek;	/* TPM2B_PUBLIC of the endorsement key, with its size */
	struct bytes chain;	/* certificates (DER), each a u32 field; the EK's own first */
};

MUST_CHECK enum inro_err evidence_read(struct bytes in, struct evidence *ret); /* borrows */
MUST_CHECK enum inro_err evidence_write(const struct evidence *e, struct buf *ret);

struct evidence_check {
	const char *roots;  /* folder of certificates (PEM or DER) of TPM makers and their CAs: each
			       is trusted by itself */
	struct bytes nonce; /* what was asked for: 1 to 64 bytes */
	struct bytes spki;  /* the key that is claimed; empty: any */
	/* The Name of an attestation key that has been proven to live beside this EK (challenge),
	 * or empty: INRO_E_POLICY, because an AK that nobody has challenged may be anybody's. */
	struct bytes ak_name;
	/* The Name of that EK.  An attestation key is of one TPM: beside the certificate of another
	 * its word would be taken for that one's.  INRO_E_POLICY when it is empty or not the
	 * evidence's. */
	struct bytes ek_name;
	int64_t now; /* for the certificates' validity, seconds */
	/* It is known otherwise whose that EK is: no certificate is looked at, nor are roots and now. */
	bool known_ek;
	/* Keys that were brought into the TPM or may be moved to another are taken too: whoever
	 * made them may have them elsewhere.  Else: INRO_E_POLICY. */
	bool imported_too;
};

/* What the EK certificate says (TCG EK credential profile 3.2.9); "" where it says nothing. */
struct evidence_maker {
	char maker[32], model[64], version[32]; /* "id:49424D00", "swtpm", "id:20191023" */
};

/* INRO_E_SYNTAX, INRO_E_SIGNATURE (a signature or a certificate that nobody in the folder vouches
 * for), INRO_E_POLICY (all else), INRO_E_NOT_FOUND (no certificates).
 * All of it: the chain from a root to the EK certificate, its key the EK given, AK's attributes
 * (restricted, sign, fixedTPM, fixedParent), signature, magic and type, nonce, the key's Name, its
 * attributes.  The first thing that is wrong is told.  What was found goes to ret: attributes,
 * firmware, clock, reset count. */
struct evidence_found {
	TPMS_ATTEST attest;
	TPMA_OBJECT key_attributes;
	TPM2B_NAME ak_name, ek_name;
	struct evidence_maker tpm;
	struct buf spki; /* the key's; nothing for a secret key */
};
void evidence_found_clear(struct evidence_found *f);
MUST_CHECK enum inro_err evidence_check(const struct evidence *e, const struct evidence_check *by,
					struct evidence_found *ret);

/* Who the TPM and its attestation key are: no more than a claim until the challenge is answered. */
MUST_CHECK enum inro_err evidence_names(const struct evidence *e, TPM2B_NAME *ret_ak,
					TPM2B_NAME *ret_ek);

/* The endorsement key, as SubjectPublicKeyInfo (DER), appended. */
MUST_CHECK enum inro_err evidence_ek(const struct evidence *e, struct buf *ret_spki);

/* A challenge for the TPM that claims this EK (its certificate checked as above) and this AK: only
 * it can give `secret` back.  Of `by`, roots, now and known_ek are looked at.  ret_blob: TPM2B_ID_OBJECT and
 * TPM2B_ENCRYPTED_SECRET, one behind the other. */
MUST_CHECK enum inro_err evidence_challenge(const struct evidence *e,
					    const struct evidence_check *by,
					    struct secret *ret_secret, struct buf *ret_blob);

#endif
