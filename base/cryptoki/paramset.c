/* paramset - the table. */
#include "base/cryptoki/paramset.h"

/* 2.16.840.1.101.3.4.3 and .4: NIST's signatures and key encapsulations. */
#define NIST(arc, last)                                                                            \
	{                                                                                          \
		.p = (const uint8_t *)"\x06\x09\x60\x86\x48\x01\x65\x03\x04" arc last, .n = 11     \
	}
#define SIG(last) NIST("\x03", last)
#define KEM(last) NIST("\x04", last)

#define ML_DSA(number, oid_, name_, public_, private_, sig, bits)                                  \
	{                                                                                          \
		.type = CKK_ML_DSA, .set = (number), .oid = SIG(oid_), .name = (name_),            \
		.public = (public_), .private = (private_), .seed = 32, .out = (sig),              \
		.strength = (bits)                                                                 \
	}
/* The private key is seed, prf key and the public one. */
#define SLH_DSA(number, oid_, name_, n_, sig)                                                      \
	{                                                                                          \
		.type = CKK_SLH_DSA, .set = (number), .oid = SIG(oid_), .name = (name_),           \
		.public = 2 * (n_), .private = 4 * (n_), .out = (sig), .strength = 8 * (n_)        \
	}
#define ML_KEM(number, oid_, name_, public_, private_, ciphertext, bits)                           \
	{                                                                                          \
		.type = CKK_ML_KEM, .set = (number), .oid = KEM(oid_), .name = (name_),            \
		.public = (public_), .private = (private_), .seed = 64, .out = (ciphertext),       \
		.strength = (bits)                                                                 \
	}

static const struct param_set sets[] = {
	ML_DSA(CKP_ML_DSA_44, "\x11", "ML-DSA-44", 1312, 2560, 2420, 128),
	ML_DSA(CKP_ML_DSA_65, "\x12", "ML-DSA-65", 1952, 4032, 3309, 192),
	ML_DSA(CKP_ML_DSA_87, "\x13", "ML-DSA-87", 2592, 4896, 4627, 256),
	SLH_DSA(CKP_SLH_DSA_SHA2_128S, "\x14", "SLH-DSA-SHA2-128s", 16, 7856),
	SLH_DSA(CKP_SLH_DSA_SHA2_128F, "\x15", "SLH-DSA-SHA2-128f", 16, 17088),
	SLH_DSA(CKP_SLH_DSA_SHA2_192S, "\x16", "SLH-DSA-SHA2-192s", 24, 16224),
	SLH_DSA(CKP_SLH_DSA_SHA2_192F, "\x17", "SLH-DSA-SHA2-192f", 24, 35664),
	SLH_DSA(CKP_SLH_DSA_SHA2_256S, "\x18", "SLH-DSA-SHA2-256s", 32, 29792),
	SLH_DSA(CKP_SLH_DSA_SHA2_256F, "\x19", "SLH-DSA-SHA2-256f", 32, 49856),
	SLH_DSA(CKP_SLH_DSA_SHAKE_128S, "\x1a", "SLH-DSA-SHAKE-128s", 16, 7856),
	SLH_DSA(CKP_SLH_DSA_SHAKE_128F, "\x1b", "SLH-DSA-SHAKE-128f", 16, 17088),
	SLH_DSA(CKP_SLH_DSA_SHAKE_192S, "\x1c", "SLH-DSA-SHAKE-192s", 24, 16224),
	SLH_DSA(CKP_SLH_DSA_SHAKE_192F, "\x1d", "SLH-DSA-SHAKE-192f", 24, 35664),
	SLH_DSA(CKP_SLH_DSA_SHAKE_256S, "\x1e", "SLH-DSA-SHAKE-256s", 32, 29792),
	SLH_DSA(CKP_SLH_DSA_SHAKE_256F, "\x1f", "SLH-DSA-SHAKE-256f", 32, 49856),
	ML_KEM(CKP_ML_KEM_512, "\x01", "ML-KEM-512", 800, 1632, 768, 128),
	ML_KEM(CKP_ML_KEM_768, "\x02", "ML-KEM-768", 1184, 2400, 1088, 192),
	ML_KEM(CKP_ML_KEM_1024, "\x03", "ML-KEM-1024", 1568, 3168, 1568, 256),
};

const struct param_set *paramset_at(size_t i)
{
	return i < ARRAY_LEN(sets) ? &sets[i] : NULL;
}

enum inro_err paramset_find(CK_KEY_TYPE type, CK_ULONG set, const struct param_set **ret)
{
	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		if (sets[i].type == type && sets[i].set == set) {
			*ret = &sets[i];
			return INRO_OK;
		}
	}
	return err_set(INRO_E_PARAMETER_SET, "there is no parameter set 0x%lx of this type of key",
		       set);
}

bool paramset_of_type(CK_KEY_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (sets[i].type == type)
			return true;
	return false;
}

const struct param_set *paramset_of_oid(struct bytes oid)
{
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (bytes_equal(sets[i].oid, oid))
			return &sets[i];
	return NULL;
}
