/*
 * pubkey - SubjectPublicKeyInfo (RFC 5280 4.1.2.7, RFC 5480, 8017, 8410, 9881, 9935): bounded
 * strict reading, and verification by libcrypto.
 *
 * 1. A curve is known by its named OID only; explicit parameters are refused before libcrypto
 *    sees them.  A point is uncompressed and of the curve's size.
 * 2. An RSA modulus has 1024 to 16384 bits and is odd; the exponent is odd, from 3 to 2^32 - 1.
 *    Whether such a key is good enough is the profile's business.
 * 3. A key of id-RSASSA-PSS signs by PSS alone; its parameters, where it has some, bind it to one
 *    hash, and ask for no longer salt than that hash has.
 */
#ifndef INRO_BACKOFFICE_PKI_PUBKEY_H
#define INRO_BACKOFFICE_PKI_PUBKEY_H

#include "backoffice/pki/alg.h"

#define PUBKEY_RSA_MIN	 1024u
#define PUBKEY_RSA_MAX	 16384u
#define PUBKEY_ID_OCTETS 20
#define PUBKEY_NAME_MAX	 24 /* with its end */

/* Borrows from the SPKI it was read from. */
struct pubkey {
	enum pki_key type;
	unsigned bits;
	struct bytes spki;		/* whole DER */
	struct bytes key_bits;		/* the BIT STRING's octets */
	struct bytes modulus, exponent; /* RSA, also of id-RSASSA-PSS: magnitudes */
	enum pki_hash only;		/* of id-RSASSA-PSS with parameters: its one hash */
};

/* Exactly one SubjectPublicKeyInfo.  INRO_E_SYNTAX, INRO_E_UNSUPPORTED, INRO_E_POLICY
 * (a key that is no key: even modulus, exponent 1). */
MUST_CHECK enum inro_err pubkey_read(struct bytes spki, struct pubkey *ret);

/* Is a key, as a token tells of it, that of a certificate?  Of an RSA key that signs by PSS alone a token tells not all
 * parameters, nor whether its certificate says rsaEncryption: there the numbers decide. */
bool pubkey_is_told(const struct pubkey *told, const struct pubkey *k);

/* What makes it another key: SHA-256 of the SubjectPublicKeyInfo, of an RSA key always that of rsaEncryption with its
 * numbers.  What an RSA key may sign by (id-RSASSA-PSS, its parameters) makes it none. */
#define PUBKEY_PRINT 32
MUST_CHECK enum inro_err pubkey_print(const struct pubkey *k, uint8_t ret[static PKI_DIGEST_MAX]);
bool pubkey_same(const struct pubkey *a, const struct pubkey *b); /* by that */

/* How a key signs; PKI_HASH_NONE picks the hash that it is bound to, or else the one that fits its strength.
 * INRO_E_KEY_TYPE: it signs nothing, or by another hash alone. */
MUST_CHECK enum inro_err pubkey_sig(const struct pubkey *k, enum pki_hash hash, const struct pki_sig **ret);
/* The same, with PSS in place of PKCS#1 1.5 where the key is an RSA one. */
MUST_CHECK enum inro_err pubkey_sig_pss(const struct pubkey *k, enum pki_hash hash, const struct pki_sig **ret);

/* Key identifier: the leftmost 160 bits of SHA-256 of the key bits (RFC 7093 2, method 1). */
MUST_CHECK enum inro_err pubkey_id(const struct pubkey *k, uint8_t ret[static PUBKEY_ID_OCTETS]);

/* "ec-p256", "rsa-2048"; cap >= PUBKEY_NAME_MAX. */
void pubkey_name(const struct pubkey *k, char *out, size_t cap);

/* INRO_E_SIGNATURE when it does not verify; INRO_E_KEY_TYPE when key and algorithm don't fit.
 * Also what proves that an EC point is on its curve.  Any thread. */
MUST_CHECK enum inro_err pubkey_verify(const struct pubkey *k, const struct pki_sig *sig,
				       struct bytes message, struct bytes signature);

#endif
