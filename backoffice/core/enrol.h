/*
 * enrol - what a device asks for itself over the network, by EST (RFC 7030) or CMP (RFC 9483): the
 * part that both have.  The core works as the device (network.h).
 *
 * 1. A request is for the device that sends it.  One that names another device is refused, whatever
 *    the profile allows.
 * 2. The same request again gets the same certificate, or what became of it: as long as that is good or
 *    waits, and for a day what was refused by a person.
 * 3. A renewal is authenticated by the certificate that it renews, or by the device's TPM, and asks for
 *    what that certificate has.
 */
#ifndef INRO_BACKOFFICE_CORE_ENROL_H
#define INRO_BACKOFFICE_CORE_ENROL_H

#include "backoffice/core/cred.h"
#include "backoffice/core/label.h"

/* For so long what a person refused stays refused. */
#define ENROL_REFUSED_MS (INT64_C(86400) * 1000)

struct enrol {
	const struct label *label; /* with a profile: label_for() */
	const struct device *device;
	struct bytes csr;	   /* DER or PEM */
	bool crmf;		   /* it is a CertReqMsg (crmf.h) */
	const char *transaction;   /* asked again by this, whatever became of it; NULL: by the request itself */
	int64_t confirm_by;	   /* as of a cred_request, and the next */
	struct bytes attested;
};

/* Does what was asked for wait for a person? */
bool enrol_waits(const struct cred *cred);

/* A first certificate. */
MUST_CHECK enum inro_err enrol_issue(struct core *c, const struct enrol *in, struct cred *ret);
/* The successor of `old`, a certificate's DER, which must be the device's and of the label's CA.  INRO_E_POLICY
 * when the request's subject or names are not those of it. */
MUST_CHECK enum inro_err enrol_renew(struct core *c, const struct enrol *in, struct bytes old,
				     struct cred *ret);

/* What is wanted in a request, as CsrAttrs; device NULL: who asks is not known.  Appended. */
MUST_CHECK enum inro_err enrol_wanted(struct core *c, const struct label *label,
				      const struct device *device, struct buf *ret);
/* The same as the parts of it that CMP has. */
struct csrattrs;
typedef enum inro_err enrol_wanted_fn(void *arg, const struct csrattrs *wanted);
MUST_CHECK enum inro_err enrol_with_wanted(struct core *c, const struct label *label,
					   const struct device *device, enrol_wanted_fn *fn,
					   void *arg);

/* A key made here for the device, with its certificate.  What the request has as key and signature
 * means nothing but the key's type.  The key comes as SignedData in EnvelopedData (RFC 7030 4.4.2)
 * where the request names a key of the device: a symmetric one by its serial or id, or the subject
 * key identifier of a certificate; else in the clear where the policy of the device's group says
 * plain_keys, and INRO_E_POLICY where it does not. */
struct enrol_given {
	struct buf key; /* ContentInfo or PKCS#8, DER; secret */
	bool plain;
	struct cred cred;
};
void enrol_given_clear(struct enrol_given *g);
MUST_CHECK enum inro_err enrol_generate(struct core *c, const struct enrol *in,
					struct enrol_given *ret);

/* A CA's certificates for who is to trust it: its chain, and where its root had another key, what
 * leads from one to the other (RFC 7030 4.1.3). */
MUST_CHECK enum inro_err enrol_chain(struct core *c, const char *ca, struct chain *ret);

#endif
