/*
 * root - the storage root (SRK), the endorsement key (EK) and what this TPM can do.
 *
 * 1. The storage root is an ECC P-256 key after the TCG template (TCG TPM v2.0 Provisioning
 *    Guidance 7.5.1, "SRK" of the EK credential profile) with noDA, so that no power cut after a
 *    use counts as a wrong try.  It is persistent at 0x81000001 (or where the token's words say)
 *    when the owner allows, else a primary made when it is needed: the same key in both cases.
 * 2. A storage root that is there and is not of that template (somebody else's, with DA) is used as
 *    it is.
 * 3. The turn is held.
 */
#ifndef INRO_TPM_TALK_ROOT_H
#define INRO_TPM_TALK_ROOT_H

#include "tpm/talk/cmd.h"

struct root {
	struct tpm_ref ref; /* the name is in pub_name */
	TPM2B_PUBLIC pub;
	TPM2B_NAME pub_name;
	struct bytes auth; /* of the words */
	bool persistent;
};

/* The storage root, found or made once and again when the epoch changed; borrowed until the turn
 * ends.  One that is expected (struct tpm_words) is not looked at: a session is salted to the key
 * that is expected, and if the TPM has another there, the first command that the session authorises
 * fails; only then it is looked at.  INRO_E_TOKEN when it is not the expected one. */
MUST_CHECK enum inro_err root_get(struct tpm *t, const struct root **ret);
/* The same, looked at in this epoch, or proved by such a command. */
MUST_CHECK enum inro_err root_check(struct tpm *t, const struct root **ret);
/* The error of a token whose root is not there. */
MUST_CHECK enum inro_err root_is_another(void);
/* Within a turn, after root_check(): whether that is what it has seen. */
bool root_was_another(const struct tpm *t);
/* For a new token: the same, and made persistent when the owner allows it. */
MUST_CHECK enum inro_err root_settle(struct tpm *t, const struct root **ret);

/* The endorsement key: persistent, or a primary of the TCG template whose certificate is in NV.
 * RSA-2048 (0x81010001, certificate 0x1c00002), P-256 (0x81010002, 0x1c0000a), P-384 (0x81010016,
 * 0x1c00016).  A transient one is flushed by root_ek_end(). */
struct ek {
	struct tpm_ref ref;
	TPM2B_PUBLIC pub;
	TPM2B_NAME name;
	bool transient;
};
MUST_CHECK enum inro_err root_ek(struct tpm *t, struct ek *ret);
void root_ek_end(struct tpm *t, struct ek *ek);
/* The EK's certificate (DER) from NV, and further certificates of its chain when they are in NV
 * (TCG EK credential profile 2.2.1.5.2: 0x01c00100 on).  Each as a u32 field.  Nothing when there
 * is none. */
MUST_CHECK enum inro_err root_ek_certificates(struct tpm *t, const struct ek *ek, struct buf *ret);
/* A policy session that satisfies the EK's policy (PolicySecret of the endorsement hierarchy). */
MUST_CHECK enum inro_err root_ek_session(struct tpm *t, struct tpm_session **ret);
/* How the next command that uses the EK is authorised: by such a session, which ends with it, or by
 * the EK's empty auth where its template has userWithAuth (P-384, whose policy is of SHA-384).
 * After the command session_end(t, ret->policy), which is NULL for the latter. */
MUST_CHECK enum inro_err root_ek_auth(struct tpm *t, const struct ek *ek, struct tpm_auth *ret);

/* ---- what this TPM can do ---- */

enum cap {
	CAP_RSA_2048 = 1 << 0,
	CAP_RSA_3072 = 1 << 1,
	CAP_P256 = 1 << 2,
	CAP_P384 = 1 << 3,
	CAP_P521 = 1 << 4,
	CAP_HMAC = 1 << 5,
	CAP_SHA1 = 1 << 6,
	CAP_SHA256 = 1 << 7,
	CAP_SHA384 = 1 << 8,
	CAP_SHA512 = 1 << 9,
	CAP_AES_128 = 1 << 10,
	CAP_AES_256 = 1 << 11,
	CAP_ECB = 1 << 12, /* modes of TPM2_EncryptDecrypt2, which is there */
	CAP_CBC = 1 << 13,
	CAP_CFB = 1 << 14,
	CAP_CTR = 1 << 15,
	CAP_RSA_4096 = 1 << 16
};

struct caps {
	uint32_t can; /* enum cap */
	uint32_t transient_slots;
	uint32_t max_nv;	  /* bytes of one index */
	char maker[5], model[17]; /* TPM2_PT_MANUFACTURER, VENDOR_STRING */
	uint32_t firmware[2];
};

/* Asked of the TPM: several commands, for a new token. */
MUST_CHECK enum inro_err caps_read(struct tpm *t, struct caps *ret);

#endif
