/*
 * judge - libcrypto's opinion of what the back office builds: keys that sign, and readers.
 *
 * Everything ends the running test when it does not work.
 */
#ifndef INRO_TESTS_LIB_JUDGE_H
#define INRO_TESTS_LIB_JUDGE_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "backoffice/pki/cert.h"
#include "backoffice/pki/csr.h"
#include "backoffice/pki/issue.h"

/* "P-256", "P-384", "P-521", "rsa:2048", else the name of an algorithm. */
EVP_PKEY *judge_key(const char *type);
/* Its SubjectPublicKeyInfo, appended. */
void judge_spki(EVP_PKEY *key, struct buf *ret);
/* What a token would do: sign the message, ECDSA as DER. */
void judge_sign(EVP_PKEY *key, const struct pki_sig *sig, struct bytes message, struct buf *ret);

/* A name from text, appended. */
void judge_name(const char *text, struct buf *ret);

/* A CA of ours in memory: its key and its certificate. */
struct judge_ca {
	EVP_PKEY *key;
	struct cert cert;
};

/* Self-signed by profile root-ca (issuer NULL), or by sub-ca under the issuer. */
void judge_ca_make(const char *key_type, const char *subject, const struct judge_ca *issuer,
		   int64_t now, struct judge_ca *ret);
void judge_ca_clear(struct judge_ca *ca);

/* The certificate that `in` asks for, signed by the CA's key (issuer) or its own. */
enum inro_err judge_issue(const struct issue *in, EVP_PKEY *signer, struct buf *ret_der);

/* The object as libcrypto reads it; its encoding must come out the same again.  Caller frees. */
X509 *judge_x509(struct bytes der);
X509_REQ *judge_req(struct bytes der);
X509_CRL *judge_crl(struct bytes der);
/* X509_V_OK or why not: leaf under intermediates (NULL behind the last) under the root; `crl` NULL:
 * none is asked for. */
int judge_verify(X509 *leaf, struct bytes root, struct bytes intermediate, X509_CRL *crl,
		 int64_t now);

#endif
