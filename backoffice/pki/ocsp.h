/*
 * ocsp - questions about certificates and answers to them as DER (RFC 6960, RFC 5019, RFC 9654).
 *
 * 1. A question is read strictly and within bounds, and nothing is taken from it by trust: what it
 *    is about is only compared.  Its signature, if it has one, is not looked at (RFC 5019 2.1.1).
 * 2. An answer is spliced.  The order is ocsp_tbs(), a signature over that, ocsp_signed(), and, as
 *    often as the answer is given, ocsp_whole(): what one signer's answers have in common, his
 *    certificate, is not kept with each of them.
 * All functions may be called from any thread.
 */
#ifndef INRO_BACKOFFICE_PKI_OCSP_H
#define INRO_BACKOFFICE_PKI_OCSP_H

#include "backoffice/pki/cert.h"
#include "backoffice/pki/crl.h"

#define OCSP_REQUEST_MAX 16384 /* octets */
#define OCSP_ASKED_MAX	 32    /* certificates in one question */
#define OCSP_NONCE_MAX	 128   /* RFC 9654 2.1 */

/* What a CA is named by. */
enum ocsp_hash { OCSP_SHA1, OCSP_SHA256, OCSP_HASH__MAX };
#define OCSP_HASH_OCTETS_MAX 32
size_t ocsp_hash_octets(enum ocsp_hash h);

/* A certificate: its CA by the hashes of name and key, and its serial.  Borrows from the question. */
struct ocsp_cert_id {
	struct bytes whole;  /* as it stands */
	enum ocsp_hash hash; /* OCSP_HASH__MAX: another one */
	bool with_null;	     /* the algorithm's parameters are NULL; else there are none */
	struct bytes name, key;
	struct bytes serial; /* magnitude */
};

struct ocsp_request {
	struct ocsp_cert_id asked[OCSP_ASKED_MAX];
	size_t n;
	struct bytes nonce; /* empty: none */
};

/* INRO_E_SYNTAX, INRO_E_TOO_BIG, INRO_E_UNSUPPORTED (a critical extension that is not known). */
MUST_CHECK enum inro_err ocsp_request_read(struct bytes der, struct ocsp_request *ret);

/* How a CA's key is named: the hashes of the Name and of the key's bits. */
struct ocsp_names {
	uint8_t name[OCSP_HASH__MAX][OCSP_HASH_OCTETS_MAX];
	uint8_t key[OCSP_HASH__MAX][OCSP_HASH_OCTETS_MAX];
};
MUST_CHECK enum inro_err ocsp_names_of(const struct cert *ca, struct ocsp_names *ret);
bool ocsp_is_of(const struct ocsp_cert_id *id, const struct ocsp_names *ca);
/* The whole of an id as a question would have it, appended. */
void ocsp_add_cert_id(struct buf *b, const struct ocsp_names *ca, const struct ocsp_cert_id *like);

enum ocsp_status { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN, OCSP_STATUS__MAX };

struct ocsp_single {
	struct bytes cert_id; /* whole */
	enum ocsp_status status;
	int64_t revoked_at;	/* of OCSP_REVOKED, as the next two */
	enum crl_reason reason; /* CRL_UNSPECIFIED: none is written */
	int64_t invalid_since;	/* 0: not known */
	int64_t cutoff;		/* since when certificates that have ended are known; 0: not said */
};

struct ocsp_answer {
	struct bytes responder;		  /* ResponderID, whole */
	int64_t this_update, next_update; /* of all of them */
	const struct ocsp_single *singles;
	size_t n;
	struct bytes nonce; /* empty: none */
};

/* The responder as its certificate has it: by the hash of its key or by its name. */
MUST_CHECK enum inro_err ocsp_add_responder(struct buf *b, const struct cert *signer, bool by_name);
/* What goes with each answer of a signer; der empty: the CA itself signs, nothing does. */
void ocsp_add_certs(struct buf *b, struct bytes der);
/* ResponseData: what is signed.  Appended. */
MUST_CHECK enum inro_err ocsp_tbs(const struct ocsp_answer *in, struct buf *ret);
/* It with its signature, appended. */
MUST_CHECK enum inro_err ocsp_signed(struct bytes tbs, const struct pki_sig *sig,
				     struct bytes signature, struct buf *ret);
/* The OCSPResponse, of what ocsp_signed() and ocsp_add_certs() gave.  Appended. */
MUST_CHECK enum inro_err ocsp_whole(struct bytes is_signed, struct bytes certs, struct buf *ret);

/* Answers that nobody signs (RFC 6960 2.3). */
enum ocsp_refusal {
	OCSP_MALFORMED = 1,
	OCSP_INTERNAL = 2,
	OCSP_TRY_LATER = 3,
	OCSP_UNAUTHORIZED = 6, /* not a CA of this responder's */
};
void ocsp_add_refusal(struct buf *b, enum ocsp_refusal why);

#endif
