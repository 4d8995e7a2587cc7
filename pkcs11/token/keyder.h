/*
 * keyder - keys as their parts and as DER: SubjectPublicKeyInfo (RFC 5280 4.1.2.7, RFC 3279,
 * RFC 5480, RFC 8410, RFC 9881, RFC 9909, RFC 9935) and PKCS#8 PrivateKeyInfo (RFC 5208, RFC 5958,
 * RFC 8017 A.1.2, RFC 5915).
 *
 * 1. Numbers are big-endian magnitudes without leading zeros; reading borrows from the input.
 * 2. EC means one of the named curves of curve_find(), points are uncompressed.
 * 3. Reading checks the form and the sizes, not the mathematics: pkey.h does that.
 */
#ifndef INRO_PKCS11_TOKEN_KEYDER_H
#define INRO_PKCS11_TOKEN_KEYDER_H

#include "pkcs11/token/ecname.h"

#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 4096
/* An uncompressed point of the largest curve. */
#define EC_MAX_POINT (1 + 2 * 66)

struct key_parts {
	enum key_kind kind;
	CK_ULONG bits;			    /* RSA: of the modulus; curves: of the field */
	struct bytes n, e;		    /* RSA: CKA_MODULUS, CKA_PUBLIC_EXPONENT */
	struct bytes d, p, q, dp, dq, qinv; /* RSA, private only */
	/* EC, Edwards, Montgomery: */
	struct bytes params; /* CKA_EC_PARAMS, the OID of struct curve */
	struct bytes point;  /* 04 || X || Y, or RFC 8032's or RFC 7748's bytes, bare; empty if a
				private key came without */
	struct bytes value;  /* private only: CKA_VALUE */
	/* ML-DSA, SLH-DSA, ML-KEM, with value; point is the public key's CKA_VALUE: */
	CK_ULONG set;	   /* CKA_PARAMETER_SET */
	struct bytes seed; /* private only: CKA_SEED; value or seed or both are known */
};

/* kind and bits are filled in from the DER.  INRO_E_SYNTAX, INRO_E_KEY_SIZE, INRO_E_CURVE,
 * INRO_E_UNSUPPORTED (another algorithm). */
MUST_CHECK enum inro_err keyder_read_spki(struct bytes spki, struct key_parts *ret);
MUST_CHECK enum inro_err keyder_read_pkcs8(struct bytes pkcs8, struct key_parts *ret);

/* By parts->kind; bits is not looked at.  For PKCS#8 of an RSA key all eight numbers are needed
 * (INRO_E_TEMPLATE_INCOMPLETE), for curves params and value, the point if it is known; for
 * parameter sets value or seed. */
MUST_CHECK enum inro_err keyder_write_spki(const struct key_parts *parts, struct buf *ret);
MUST_CHECK enum inro_err keyder_write_pkcs8(const struct key_parts *parts, struct secret *ret);

/* CKA_EC_POINT <-> point: written as a DER OCTET STRING around it for every kind of curve.  PKCS#11
 * 2.40 says so for EC; for Edwards and Montgomery 3.0 says "DER-encoding", 3.1 the bare bytes, and
 * what pkcs11-tool, GnuTLS and SoftHSM read and write is the OCTET STRING.  Reading takes each:
 * curve_point(). */
MUST_CHECK enum inro_err keyder_unwrap_point(struct bytes attribute, struct bytes *ret_point);
void keyder_wrap_point(struct bytes point, struct buf *ret);

#endif
