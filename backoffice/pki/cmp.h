/*
 * cmp - messages of the Certificate Management Protocol (RFC 9810, 9483), read and written as DER
 * (docs/adr/0014): header, body, protection.
 *
 * 1. Reading is strict and bounded (CMP_MAX), and believes nothing: whose message it is, its protection
 *    says, which the caller has checked.
 * 2. What is written goes together from parts: the body, then a header, then the protection over both.
 */
#ifndef INRO_BACKOFFICE_PKI_CMP_H
#define INRO_BACKOFFICE_PKI_CMP_H

#include "backoffice/pki/alg.h"

#define CMP_MAX	      ((size_t)256 << 10) /* octets of a message: request, protection and certificates of SLH-DSA */
#define CMP_CERTS_MAX 16		  /* in extraCerts */
#define CMP_ID_MAX    32		  /* octets of a transactionID */
#define CMP_NONCE_MIN 16
#define CMP_NONCE_MAX 64
#define CMP_KID_MAX   128

/* Bodies by their tag's number (RFC 9810 5.1.2). */
enum cmp_body {
	CMP_IR = 0,
	CMP_IP = 1,
	CMP_CR = 2,
	CMP_CP = 3,
	CMP_P10CR = 4,
	CMP_KUR = 7,
	CMP_KUP = 8,
	CMP_RR = 11,
	CMP_RP = 12,
	CMP_PKICONF = 19,
	CMP_GENM = 21,
	CMP_GENP = 22,
	CMP_ERROR = 23,
	CMP_CERTCONF = 24,
	CMP_POLLREQ = 25,
	CMP_POLLREP = 26,
};

enum cmp_status {
	CMP_ACCEPTED = 0,
	CMP_ACCEPTED_OTHERWISE = 1,
	CMP_REJECTION = 2,
	CMP_WAITING = 3,
	CMP_REVOKED = 5, /* 4: it will be */
};

#define CMP_WHOLE (-1) /* certReqId of what is none of a message's requests, but the message */

/* PKIFailureInfo's bits (RFC 9810 5.2.3). */
enum cmp_fail {
	CMP_FAIL_BAD_ALG = 0,
	CMP_FAIL_BAD_MESSAGE_CHECK = 1,
	CMP_FAIL_BAD_REQUEST = 2,
	CMP_FAIL_BAD_TIME = 3,
	CMP_FAIL_BAD_CERT_ID = 4,
	CMP_FAIL_BAD_DATA_FORMAT = 5,
	CMP_FAIL_BAD_POP = 9,
	CMP_FAIL_CERT_REVOKED = 10,
	CMP_FAIL_BAD_RECIPIENT_NONCE = 13,
	CMP_FAIL_BAD_SENDER_NONCE = 18,
	CMP_FAIL_BAD_CERT_TEMPLATE = 19,
	CMP_FAIL_SIGNER_NOT_TRUSTED = 20,
	CMP_FAIL_ID_IN_USE = 21,
	CMP_FAIL_BAD_VERSION = 22,
	CMP_FAIL_NOT_AUTHORIZED = 23,
	CMP_FAIL_SYSTEM_UNAVAIL = 24,
	CMP_FAIL_SYSTEM_FAILURE = 25,
	CMP_FAIL__MAX = 27,
	CMP_FAIL_NONE = -1,
};

extern const struct bytes cmp_oid_implicit; /* id-it-implicitConfirm */

/* ---- read ---- */

struct cmp_message { /* borrows from what was read */
	int64_t version;
	struct bytes header, body_whole; /* as they stand, for the protection */
	struct bytes sender, recipient;	 /* GeneralName, whole */
	int64_t time;			 /* 0: none */
	struct bytes algorithm;		 /* AlgorithmIdentifier, whole; empty: not protected */
	struct bytes sender_kid, id, sender_nonce, recip_nonce; /* empty: none */
	bool implicit_confirm;
	enum cmp_body type; /* also a number that is none above */
	struct bytes body;  /* what is in its tag */
	struct bytes protection;
	struct bytes certs[CMP_CERTS_MAX]; /* extraCerts, DER */
	size_t n_certs;
};
/* INRO_E_SYNTAX, INRO_E_TOO_BIG. */
MUST_CHECK enum inro_err cmp_read(struct bytes der, struct cmp_message *ret);
/* What is protected: SEQUENCE { header, body }.  Appended. */
void cmp_protected_part(struct bytes header, struct bytes body, struct buf *ret);

/* The only element of a SEQUENCE OF, whole: a CertReqMsg, RevDetails, CertStatus.  INRO_E_UNSUPPORTED when there
 * are more or none. */
MUST_CHECK enum inro_err cmp_only_one(struct bytes body, struct bytes *ret_whole);

/* CertStatus (RFC 9810 5.3.18) */
struct cmp_confirmation {
	struct bytes hash;
	int64_t request; /* certReqId */
	bool rejected;
	struct bytes hash_alg; /* AlgorithmIdentifier's OID; empty: as the certificate's signature */
};
MUST_CHECK enum inro_err cmp_read_confirmation(struct bytes cert_status,
					       struct cmp_confirmation *ret);
/* The next InfoTypeAndValue; value empty: none. */
MUST_CHECK enum inro_err cmp_next_info(struct bytes *infos, struct bytes *ret_oid,
				       struct bytes *ret_value);

/* ---- PBM (RFC 9810 5.1.3.1) ---- */

#define CMP_PBM_ROUNDS_MAX 10000

struct cmp_pbm {
	struct bytes salt;
	enum pki_hash owf;
	int64_t rounds;
	struct bytes mac; /* AlgorithmIdentifier, whole, of a MAC that is known */
};
bool cmp_is_pbm(struct bytes algorithm);
/* INRO_E_UNSUPPORTED: another hash or MAC, too many rounds, a salt out of bounds. */
MUST_CHECK enum inro_err cmp_pbm_read(struct bytes algorithm, struct cmp_pbm *ret);
/* AlgorithmIdentifier, appended. */
void cmp_pbm_add(struct buf *ret, const struct cmp_pbm *p);
#define CMP_MAC_MAX 64
MUST_CHECK enum inro_err cmp_pbm_mac(const struct cmp_pbm *p, struct bytes secret,
				     struct bytes message, uint8_t ret[static CMP_MAC_MAX],
				     size_t *ret_n);

/* ---- written ---- */

struct cmp_head {
	int64_t version;
	struct bytes sender, recipient; /* GeneralName, whole */
	int64_t time;
	struct bytes algorithm;		/* empty: not protected */
	struct bytes sender_kid, id, sender_nonce, recip_nonce;
	bool implicit_confirm;
};
/* PKIHeader, appended. */
void cmp_add_head(struct buf *ret, const struct cmp_head *h);
/* Name as a GeneralName, appended. */
void cmp_add_directory(struct buf *ret, struct bytes name);
/* The message; protection empty: none.  Appended. */
void cmp_add_message(struct buf *ret, struct bytes head, struct bytes body, struct bytes protection,
		     const struct bytes *certs, size_t n);

/* PKIStatusInfo, appended; text NULL: none. */
void cmp_add_status(struct buf *ret, enum cmp_status status, enum cmp_fail fail, const char *text);

/* Bodies with their tag, appended. */
struct cmp_answer {
	enum cmp_body type; /* ip, cp, kup */
	int64_t request;    /* certReqId */
	enum cmp_status status;
	enum cmp_fail fail;
	const char *text;
	struct bytes cert; /* empty: none */
	struct bytes ca;   /* caPubs: what to trust from now on; empty: none */
};
void cmp_add_answer(struct buf *ret, const struct cmp_answer *a);
void cmp_add_revoked(struct buf *ret, enum cmp_status status, enum cmp_fail fail, const char *text);
void cmp_add_confirmed(struct buf *ret);
void cmp_add_poll(struct buf *ret, int64_t request, int64_t check_after);
void cmp_add_error(struct buf *ret, enum cmp_fail fail, const char *text);

#endif
