/* hashes - see hashes.h. */
#include "base/cryptoki/hashes.h"

#include "base/oids.h"

/* SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING }: lengths of the whole, the inner SEQUENCE, the
 * OID and the value. */
#define DIGEST_INFO(whole, inner, n, oid, size)                                                    \
	BYTES_LIT(OID_ELEMENT(n, oid)),                                                            \
		BYTES_LIT("\x30" whole "\x30" inner OID_ELEMENT(n, oid) "\x05\x00\x04" size)
#define NIST(whole, last, size) DIGEST_INFO(whole, "\x0d", "\x09", OID_NIST_HASH(last), size)

/* clang-format off */
static const struct ck_hash hashes[] = {
	{ CKM_SHA256,	  CKG_MGF1_SHA256,   32, NIST("\x31", "\x01", "\x20") },
	{ CKM_SHA384,	  CKG_MGF1_SHA384,   48, NIST("\x41", "\x02", "\x30") },
	{ CKM_SHA512,	  CKG_MGF1_SHA512,   64, NIST("\x51", "\x03", "\x40") },
	{ CKM_SHA224,	  CKG_MGF1_SHA224,   28, NIST("\x2d", "\x04", "\x1c") },
	{ CKM_SHA512_224, 0,		     28, NIST("\x2d", "\x05", "\x1c") },
	{ CKM_SHA512_256, 0,		     32, NIST("\x31", "\x06", "\x20") },
	{ CKM_SHA3_224,	  CKG_MGF1_SHA3_224, 28, NIST("\x2d", "\x07", "\x1c") },
	{ CKM_SHA3_256,	  CKG_MGF1_SHA3_256, 32, NIST("\x31", "\x08", "\x20") },
	{ CKM_SHA3_384,	  CKG_MGF1_SHA3_384, 48, NIST("\x41", "\x09", "\x30") },
	{ CKM_SHA3_512,	  CKG_MGF1_SHA3_512, 64, NIST("\x51", "\x0a", "\x40") },
	{ CKM_SHA_1,	  CKG_MGF1_SHA1,     20, DIGEST_INFO("\x21", "\x09", "\x05", OID_SHA1, "\x14") },
	{ CKM_MD5,	  0,		     16, DIGEST_INFO("\x20", "\x0c", "\x08", OID_MD5, "\x10") },
};
/* clang-format on */

const struct ck_hash *ck_hash_find(CK_MECHANISM_TYPE mech)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (hashes[i].mech == mech)
			return &hashes[i];
	return NULL;
}

const struct ck_hash *ck_hash_of_mgf(CK_RSA_PKCS_MGF_TYPE mgf)
{
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (mgf && hashes[i].mgf == mgf)
			return &hashes[i];
	return NULL;
}
