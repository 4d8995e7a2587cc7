/*
 * oids - the object identifiers that more than one room writes or compares: content octets, as
 * string literals, so that a longer DER text is put together by the compiler.
 */
#ifndef INRO_BASE_OIDS_H
#define INRO_BASE_OIDS_H

/* A whole OID element; its length as a literal, "\x07". */
#define OID_ELEMENT(length, content) "\x06" length content

#define OID_RSA "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" /* rsaEncryption, RFC 8017 appendix C */
#define OID_RSA_PSS "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" /* id-RSASSA-PSS, RFC 4055 1.2 */
#define OID_EC	"\x2a\x86\x48\xce\x3d\x02\x01"	       /* id-ecPublicKey, RFC 5480 2.1.1 */

/* Curves: RFC 5480 2.1.1.1, RFC 8410 3. */
#define OID_P256	    "\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define OID_SECG(last)	    "\x2b\x81\x04\x00" last
#define OID_P224	    OID_SECG("\x21")
#define OID_P384	    OID_SECG("\x22")
#define OID_P521	    OID_SECG("\x23")
#define OID_K256	    OID_SECG("\x0a") /* SEC 2: secp256k1 */
#define OID_BRAINPOOL(last) "\x2b\x24\x03\x03\x02\x08\x01\x01" last /* RFC 5639 4.1 */
#define OID_CURVE8410(last) "\x2b\x65" last
#define OID_X25519	    OID_CURVE8410("\x6e")
#define OID_X448	    OID_CURVE8410("\x6f")
#define OID_ED25519	    OID_CURVE8410("\x70")
#define OID_ED448	    OID_CURVE8410("\x71")

/* 2.16.840.1.101.3.4.2: SHA-2 and SHA-3 by their last number, FIPS 180-4 and 202. */
#define OID_NIST(last)	    "\x60\x86\x48\x01\x65\x03\x04" last
#define OID_NIST_HASH(last) OID_NIST("\x02" last)
#define OID_SHA1	    "\x2b\x0e\x03\x02\x1a"
/* FIPS 204 and 203 keys: RFC 9881, RFC 9935. */
#define OID_ML_DSA_44	OID_NIST("\x03\x11")
#define OID_ML_DSA_65	OID_NIST("\x03\x12")
#define OID_ML_DSA_87	OID_NIST("\x03\x13")
#define OID_ML_KEM_512	OID_NIST("\x04\x01")
#define OID_ML_KEM_768	OID_NIST("\x04\x02")
#define OID_ML_KEM_1024 OID_NIST("\x04\x03")
#define OID_SLH_DSA(last) OID_NIST("\x03" last) /* FIPS 205: RFC 9909 */
#define OID_MD5		"\x2a\x86\x48\x86\xf7\x0d\x02\x05"

#endif
