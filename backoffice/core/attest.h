/*
 * attest - a device is let in by nothing but its TPM: the registry has the TPM's endorsement
 * key as its trust anchor, and the TPM proves that it is that one and made the key that is to be
 * certified.
 *
 *   e = attest_begin(c, "press-1", evidence, &challenge);	TPM2_MakeCredential
 *   ...							the TPM: ActivateCredential, Certify
 *   e = who_by_attestation(c, &answer, &found);		then as in network.h
 *
 * 1. A challenge is a row of the database: any server takes its answer, for ATTEST_SECONDS, and
 * once.  The first answer ends it, right or wrong.
 * 2. Who asks by a name that is nobody's, for a device that may not work, or with a TPM that is not
 * the device's, gets a challenge as anybody does, and no answer to it is right.  The audit tells of
 * it.
 * 3. For one name and endorsement key, from one address (of IPv6: from one /64), there are ATTEST_EACH at a time, of which a
 * new one ends the oldest.  To one address ATTEST_PEER are given in that time, with those that were
 * ended, without those that were answered; for one name and endorsement key ATTEST_ALL wait, from
 * wherever.  INRO_E_BUSY then.
 * 4. Of the right answer only the SHA-256 is kept.
 * 5. Which TPM it is the trust anchor says: no maker's certificate is looked at.
 * 6. Where the policy of the device's group says "attestation": false, only who has answered rightly is told
 * so.
 */
#ifndef INRO_BACKOFFICE_CORE_ATTEST_H
#define INRO_BACKOFFICE_CORE_ATTEST_H

#include "backoffice/core/network.h"

#define ATTEST_NONCE   32
#define ATTEST_KEY     32
#define ATTEST_SECONDS 120
#define ATTEST_EACH    8
#define ATTEST_PEER    64
#define ATTEST_ALL     512

struct attest_challenge {
	uint8_t nonce[ATTEST_NONCE];
	struct buf blob; /* TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET */
};
void attest_challenge_clear(struct attest_challenge *a);

/* device: as who_by_device_psk().  evidence: of any key of the TPM, for any nonce; of it the
 * endorsement key and the attestation key are looked at.  INRO_E_SYNTAX and INRO_E_POLICY are about
 * these alone. */
MUST_CHECK enum inro_err attest_begin(struct core *c, const char *device, struct bytes evidence,
				      struct attest_challenge *ret);

struct attest_answer {
	const char *device;	    /* as it was asked for */
	struct bytes nonce, secret; /* of the challenge; what the TPM found in it */
	struct bytes evidence;	    /* of the key that is to be certified, for that nonce */
	struct bytes csr;	    /* by that key, PEM or DER */
};
/* Who asks, and the key that its TPM vouches for. */
struct attest_found {
	struct core_who who;
	struct device device;
	uint8_t key[ATTEST_KEY]; /* SHA-256 of the SubjectPublicKeyInfo: cred.h's attested */
};
void attest_found_clear(struct attest_found *f);
/* INRO_E_LOGIN: whatever is wrong with device, challenge or answer.  Else it is known which TPM it
 * is, and the error tells what is wrong with the key or what is said of it; INRO_E_ACCESS: the policy of the
 * device's group has no certificates by attestation. */
MUST_CHECK enum inro_err who_by_attestation(struct core *c, const struct attest_answer *in,
					    struct attest_found *ret);

#endif
