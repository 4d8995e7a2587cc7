/*
 * sign_whole - signatures over the message itself: EdDSA (RFC 8032), ML-DSA (FIPS 204), SLH-DSA
 * (FIPS 205).
 *
 * 1. The message comes in one piece and goes to the token as it is; there is no digest to set.  What
 *    begins with a digest in its place (EdDSA, libcrypto 3.5) is verified, and signed by software keys.
 * 2. Software keys and all verifications are libcrypto's, in the context below.
 * 3. A setting that a token has no mechanism for is refused when it is set, not passed over.
 */
#ifndef INRO_PROVIDER_SIGN_WHOLE_H
#define INRO_PROVIDER_SIGN_WHOLE_H

#include "provider/key.h"

/* The functions, for libcrypto 3.0, and for 3.5 with a message's signature beside a digest's. */
extern const OSSL_DISPATCH whole_eddsa[], whole_eddsa_35[], whole_ml_dsa_35[], whole_slh_dsa_35[];

#endif
