/* mech_derive - parameters of key agreement, derivation, key wrapping and passwords. */
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pkcs11/token/kdf.h"
#include "pkcs11/token/keyder.h"
#include "pkcs11/token/libctx.h"
#include "pkcs11/token/mech_private.h"

#define MAX_POINT    (2 + 3 + 2 * 66) /* an OCTET STRING around the largest point */
#define MAX_FIELDS   16		      /* of SP 800-108's input */
#define MAX_ROUNDS   ((CK_ULONG)100000000)
#define MAX_PASSWORD ((CK_ULONG)4096)

static const struct {
	CK_ULONG prf;
	CK_MECHANISM_TYPE digest;
} pbkd2_prfs[] = {
	{ CKP_PKCS5_PBKD2_HMAC_SHA1, CKM_SHA_1 },
	{ CKP_PKCS5_PBKD2_HMAC_SHA224, CKM_SHA224 },
	{ CKP_PKCS5_PBKD2_HMAC_SHA256, CKM_SHA256 },
	{ CKP_PKCS5_PBKD2_HMAC_SHA384, CKM_SHA384 },
	{ CKP_PKCS5_PBKD2_HMAC_SHA512, CKM_SHA512 },
	{ CKP_PKCS5_PBKD2_HMAC_SHA512_224, CKM_SHA512_224 },
	{ CKP_PKCS5_PBKD2_HMAC_SHA512_256, CKM_SHA512_256 },
};

/* The PRFs of SP 800-108. */
static const struct {
	CK_MECHANISM_TYPE prf, digest;
} prfs[] = {
	{ CKM_SHA_1_HMAC, CKM_SHA_1 },		 { CKM_SHA224_HMAC, CKM_SHA224 },
	{ CKM_SHA256_HMAC, CKM_SHA256 },	 { CKM_SHA384_HMAC, CKM_SHA384 },
	{ CKM_SHA512_HMAC, CKM_SHA512 },	 { CKM_SHA512_224_HMAC, CKM_SHA512_224 },
	{ CKM_SHA512_256_HMAC, CKM_SHA512_256 }, { CKM_SHA3_224_HMAC, CKM_SHA3_224 },
	{ CKM_SHA3_256_HMAC, CKM_SHA3_256 },	 { CKM_SHA3_384_HMAC, CKM_SHA3_384 },
	{ CKM_SHA3_512_HMAC, CKM_SHA3_512 },	 { CKM_AES_CMAC, CKM_AES_CMAC },
};

CK_MECHANISM_TYPE mech_kdf_digest(CK_ULONG kdf)
{
	CK_MECHANISM_TYPE digest = kdf_x963_digest(kdf);

	return digest != 0 && libctx_md_size(digest) != 0 ? digest : 0;
}

/* ---- key agreement and wrapping ---- */

static enum inro_err set_kdf(CK_ULONG kdf, struct bytes shared, struct mech_use *u)
{
	u->spec.kdf = kdf;
	u->spec.digest = mech_kdf_digest(kdf);
	if (u->spec.digest == 0 && kdf != CKD_NULL)
		return err_set(INRO_E_MECHANISM_PARAM, "key derivation 0x%lx is not offered", kdf);
	if (kdf == CKD_NULL && shared.n > 0)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "shared data are given, but no key derivation that takes them");
	return INRO_OK;
}

/* A Montgomery key's point is 32 or 56 bytes, bare; those in an OCTET STRING can't be taken for
 * it, nor for the point of a curve: the lengths differ. */
static struct bytes bare_montgomery(struct bytes point)
{
	if ((point.n == 34 && point.p[0] == 4 && point.p[1] == 32) ||
	    (point.n == 58 && point.p[0] == 4 && point.p[1] == 56))
		return BYTES(point.p + 2, point.n - 2);
	return point;
}

static enum inro_err bare_point(struct bytes given, struct bytes *ret)
{
	enum inro_err e;

	*ret = bare_montgomery(given);
	if (ret->n == 32 || ret->n == 56)
		return INRO_OK;
	e = keyder_unwrap_point(given, ret);
	if (e)
		e = err_set(INRO_E_MECHANISM_PARAM, "the other's public point can't be read");
	return e;
}

/* CK_ECDH1_DERIVE_PARAMS (6.3.20). */
enum inro_err mech_par_ecdh(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_ECDH1_DERIVE_PARAMS p;
	struct bytes shared, point;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (!e)
		e = mech_bytes(p.pSharedData, p.ulSharedDataLen, 0, MECH_MAX_FIELD, &shared);
	if (!e)
		e = mech_bytes(p.pPublicData, p.ulPublicDataLen, 1, MAX_POINT, &point);
	if (!e)
		e = set_kdf(p.kdf, shared, u);
	if (!e)
		e = mech_room(u, shared.n + point.n);
	if (e)
		return e;
	u->spec.ad = mech_keep(u, shared);
	return bare_point(mech_keep(u, point), &u->spec.peer);
}

static enum inro_err set_aes_bits(CK_ULONG bits, struct mech_use *u)
{
	if (bits != 128 && bits != 192 && bits != 256)
		return err_set(INRO_E_MECHANISM_PARAM, "there are no AES keys of %lu bits", bits);
	u->spec.aes_bits = bits;
	return INRO_OK;
}

enum inro_err mech_par_rsa_aes(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_RSA_AES_KEY_WRAP_PARAMS p;
	CK_RSA_PKCS_OAEP_PARAMS oaep;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (!e)
		e = set_aes_bits(p.ulAESKeyBits, u);
	if (!e && !p.pOAEPParams)
		e = err_set(INRO_E_MECHANISM_PARAM, "pOAEPParams is NULL");
	if (e)
		return e;
	oaep = *p.pOAEPParams;
	return mech_oaep(&oaep, u);
}

enum inro_err mech_par_ecdh_aes(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_ECDH_AES_KEY_WRAP_PARAMS p;
	struct bytes shared;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (!e)
		e = set_aes_bits(p.ulAESKeyBits, u);
	if (!e)
		e = mech_bytes(p.pSharedData, p.ulSharedDataLen, 0, MECH_MAX_FIELD, &shared);
	if (!e)
		e = set_kdf(p.kdf, shared, u);
	if (!e)
		e = mech_room(u, shared.n);
	if (!e)
		u->spec.ad = mech_keep(u, shared);
	return e;
}

/* ---- HKDF ---- */

static enum inro_err hkdf_salt(const CK_HKDF_PARAMS *p, struct bytes *ret, struct mech_use *u)
{
	if (p->ulSaltType == CKF_HKDF_SALT_KEY)
		u->other = p->hSaltKey;
	if (p->ulSaltType == CKF_HKDF_SALT_KEY && p->hSaltKey == CK_INVALID_HANDLE)
		return err_set(INRO_E_MECHANISM_PARAM,
			       "the salt is to be a key, but there is none");
	if (p->ulSaltType == CKF_HKDF_SALT_DATA)
		return mech_bytes(p->pSalt, p->ulSaltLen, 0, MECH_MAX_FIELD, ret);
	if (p->ulSaltType == CKF_HKDF_SALT_NULL || p->ulSaltType == CKF_HKDF_SALT_KEY)
		return INRO_OK;
	return err_set(INRO_E_MECHANISM_PARAM, "salt type 0x%lx is not known", p->ulSaltType);
}

enum inro_err mech_par_hkdf(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_HKDF_PARAMS p;
	struct bytes salt = BYTES_NONE, info = BYTES_NONE;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (!e && (p.bExtract > CK_TRUE || p.bExpand > CK_TRUE || !(p.bExtract || p.bExpand)))
		e = err_set(INRO_E_MECHANISM_PARAM, "HKDF extracts, expands, or both");
	if (!e && libctx_md_size(p.prfHashMechanism) == 0)
		e = err_set(INRO_E_MECHANISM_PARAM, "hash 0x%lx is not offered",
			    p.prfHashMechanism);
	if (!e && p.bExtract)
		e = hkdf_salt(&p, &salt, u);
	if (!e && p.bExpand)
		e = mech_bytes(p.pInfo, p.ulInfoLen, 0, MECH_MAX_FIELD, &info);
	if (!e)
		e = mech_room(u, salt.n + info.n);
	if (e)
		return e;
	u->spec.digest = p.prfHashMechanism;
	u->spec.kdf = (p.bExtract ? HKDF_EXTRACT : 0U) | (p.bExpand ? HKDF_EXPAND : 0U);
	u->spec.iv = mech_keep(u, salt);
	u->spec.ad = mech_keep(u, info);
	return INRO_OK;
}

/* ---- SP 800-108 ---- */

/* One CK_SP800_108_KDF_PARAMS or CK_SP800_108_FEEDBACK_KDF_PARAMS. */
struct kbkdf {
	bool feedback;
	CK_MECHANISM_TYPE prf;
	const CK_PRF_DATA_PARAM *fields;
	CK_ULONG n;
	const CK_BYTE *iv;
	CK_ULONG iv_n;
	const CK_DERIVED_KEY *more;
	CK_ULONG more_n;
};

static bool width_ok(CK_ULONG bits)
{
	return bits == 8 || bits == 16 || bits == 24 || bits == 32;
}

static enum inro_err bad_field(CK_PRF_DATA_TYPE type)
{
	return err_set(INRO_E_MECHANISM_PARAM, "SP 800-108 data field of type 0x%lx is not right",
		       type);
}

static enum inro_err add_counter(const CK_PRF_DATA_PARAM *f, struct buf *out)
{
	CK_SP800_108_COUNTER_FORMAT c;

	if (!f->pValue || f->ulValueLen != sizeof c)
		return bad_field(f->type);
	memcpy(&c, f->pValue, sizeof c);
	if (!width_ok(c.ulWidthInBits) || c.bLittleEndian > CK_TRUE)
		return bad_field(f->type);
	buf_add_u8(out, KDF_COUNTER);
	buf_add_u8(out, (uint8_t)c.ulWidthInBits);
	buf_add_u8(out, c.bLittleEndian);
	return buf_err(out);
}

/* What is counted up: i in counter mode, K(i-1) in feedback mode. */
static enum inro_err add_iteration(const struct kbkdf *k, const CK_PRF_DATA_PARAM *f,
				   struct buf *out)
{
	if (!k->feedback)
		return add_counter(f, out);
	if (f->pValue || f->ulValueLen)
		return bad_field(f->type);
	buf_add_u8(out, KDF_FEEDBACK);
	return buf_err(out);
}

static enum inro_err add_optional_counter(const struct kbkdf *k, const CK_PRF_DATA_PARAM *f,
					  struct buf *out)
{
	return k->feedback ? add_counter(f, out) : bad_field(f->type);
}

static enum inro_err add_length(const struct kbkdf *k, const CK_PRF_DATA_PARAM *f, struct buf *out)
{
	CK_SP800_108_DKM_LENGTH_FORMAT l;

	(void)k;
	if (!f->pValue || f->ulValueLen != sizeof l)
		return bad_field(f->type);
	memcpy(&l, f->pValue, sizeof l);
	if (!width_ok(l.ulWidthInBits) || l.bLittleEndian > CK_TRUE ||
	    l.dkmLengthMethod < CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS ||
	    l.dkmLengthMethod > CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS)
		return bad_field(f->type);
	buf_add_u8(out, KDF_LENGTH);
	buf_add_u8(out, (uint8_t)l.ulWidthInBits);
	buf_add_u8(out, l.bLittleEndian);
	buf_add_u8(out, l.dkmLengthMethod == CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS);
	return buf_err(out);
}

static enum inro_err add_bytes(const struct kbkdf *k, const CK_PRF_DATA_PARAM *f, struct buf *out)
{
	struct bytes value;
	enum inro_err e = mech_bytes(f->pValue, f->ulValueLen, 1, MECH_MAX_FIELD, &value);

	(void)k;
	if (e)
		return e;
	buf_add_u8(out, KDF_BYTES);
	buf_add_field(out, value);
	return buf_err(out);
}

/* Indexed by CK_SP800_108_...; least and most are how often a field may be there. */
static const struct {
	enum inro_err (*add)(const struct kbkdf *k, const CK_PRF_DATA_PARAM *f, struct buf *out);
	unsigned least, most;
} field_kinds[] = {
	[CK_SP800_108_ITERATION_VARIABLE] = { add_iteration, 1, 1 },
	[CK_SP800_108_COUNTER] = { add_optional_counter, 0, 1 },
	[CK_SP800_108_DKM_LENGTH] = { add_length, 0, 1 },
	[CK_SP800_108_BYTE_ARRAY] = { add_bytes, 0, MAX_FIELDS },
};

static enum inro_err add_fields(const struct kbkdf *k, struct buf *out)
{
	unsigned seen[ARRAY_LEN(field_kinds)] = { 0 };
	enum inro_err e = INRO_OK;

	if (k->n > MAX_FIELDS || !k->fields)
		return err_set(INRO_E_MECHANISM_PARAM, "1 to %d data fields can be, not %lu",
			       MAX_FIELDS, k->n);
	for (CK_ULONG i = 0; i < k->n && !e; i++) {
		CK_PRF_DATA_PARAM f = k->fields[i];

		if (f.type >= ARRAY_LEN(field_kinds) || !field_kinds[f.type].add)
			return bad_field(f.type);
		seen[f.type]++;
		e = field_kinds[f.type].add(k, &f, out);
	}
	for (size_t t = 0; t < ARRAY_LEN(seen) && !e; t++) {
		if (seen[t] < field_kinds[t].least || seen[t] > field_kinds[t].most)
			e = bad_field(t);
	}
	return e;
}

static CK_MECHANISM_TYPE prf_digest(CK_MECHANISM_TYPE prf)
{
	for (size_t i = 0; i < ARRAY_LEN(prfs); i++) {
		if (prfs[i].prf == prf)
			return prfs[i].digest;
	}
	return 0;
}

static enum inro_err keep_kbkdf(const struct kbkdf *k, struct mech_use *u)
{
	SCOPED(buf) label = { 0 };
	struct bytes iv;
	enum inro_err e = mech_bytes(k->iv, k->iv_n, 0, LIBCTX_MAX_HASH, &iv);

	u->spec.digest = prf_digest(k->prf);
	if (!e && (u->spec.digest == 0 ||
		   (u->spec.digest != CKM_AES_CMAC && libctx_md_size(u->spec.digest) == 0)))
		e = err_set(INRO_E_MECHANISM_PARAM, "PRF 0x%lx is not offered", k->prf);
	if (!e && (k->more_n > MECH_MORE_KEYS || (k->more_n > 0 && !k->more)))
		e = err_set(INRO_E_MECHANISM_PARAM, "%lu keys besides; %d can be", k->more_n,
			    MECH_MORE_KEYS);
	if (!e)
		e = add_fields(k, &label);
	if (!e)
		e = mech_room(u, label.n + iv.n);
	if (e)
		return e;
	u->spec.label = mech_keep(u, buf_bytes(&label));
	u->spec.iv = mech_keep(u, iv);
	u->more = k->more;
	u->more_n = k->more_n;
	return INRO_OK;
}

enum inro_err mech_par_counter(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_SP800_108_KDF_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (e)
		return e;
	return keep_kbkdf(&(struct kbkdf) { .prf = p.prfType,
					    .fields = p.pDataParams,
					    .n = p.ulNumberOfDataParams,
					    .more = p.pAdditionalDerivedKeys,
					    .more_n = p.ulAdditionalDerivedKeys },
			  u);
}

enum inro_err mech_par_feedback(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_SP800_108_FEEDBACK_KDF_PARAMS p;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (e)
		return e;
	return keep_kbkdf(&(struct kbkdf) { .feedback = true,
					    .prf = p.prfType,
					    .fields = p.pDataParams,
					    .n = p.ulNumberOfDataParams,
					    .iv = p.pIV,
					    .iv_n = p.ulIVLen,
					    .more = p.pAdditionalDerivedKeys,
					    .more_n = p.ulAdditionalDerivedKeys },
			  u);
}

/* What is in secret memory while it is in use: never in `small`. */
static enum inro_err secret_room(struct mech_use *u, size_t n)
{
	u->big.secret = true;
	return mech_room_big(u, n);
}

/* ---- concatenation ---- */

enum inro_err mech_par_other_key(struct bytes param, enum key_use use, struct mech_use *u)
{
	(void)use;
	return mech_struct(param, &u->other, sizeof u->other);
}

enum inro_err mech_par_string(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_KEY_DERIVATION_STRING_DATA p;
	struct bytes data;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (!e)
		e = mech_bytes(p.pData, p.ulLen, 1, MECH_MAX_FIELD, &data);
	if (!e)
		e = secret_room(u, data.n); /* half of a key, often */
	if (!e)
		u->spec.label = mech_keep(u, data);
	return e;
}

/* ---- PBKDF2 ---- */

/* Reads memory of this process that may not be there. */
static bool peek(const void *from, void *to, size_t n)
{
	struct iovec here = { .iov_base = to, .iov_len = n };
	struct iovec there = { .iov_base = (void *)(uintptr_t)from, .iov_len = n };

	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)n;
}

/* The two forms of the parameter differ in nothing but what stands last: the length of the password
 * or, in old clients, a pointer to it.  No pointer is as small as a length can be. */
static enum inro_err password_n(const CK_PKCS5_PBKD2_PARAMS2 *p, CK_ULONG *ret)
{
	CK_ULONG n = p->ulPasswordLen;

	if (n > MAX_PASSWORD && !peek((const void *)(uintptr_t)n, &n, sizeof n))
		n = MAX_PASSWORD + 1;
	if (n > MAX_PASSWORD)
		return err_set(INRO_E_MECHANISM_PARAM, "a password has at most %lu bytes",
			       MAX_PASSWORD);
	*ret = n;
	return INRO_OK;
}

static enum inro_err set_prf(const CK_PKCS5_PBKD2_PARAMS2 *p, struct mech_use *u)
{
	if (p->pPrfData || p->ulPrfDataLen)
		return err_set(INRO_E_MECHANISM_PARAM, "the PRF takes no data");
	for (size_t i = 0; i < ARRAY_LEN(pbkd2_prfs); i++) {
		if (pbkd2_prfs[i].prf == p->prf && libctx_md_size(pbkd2_prfs[i].digest) != 0) {
			u->spec.digest = pbkd2_prfs[i].digest;
			return INRO_OK;
		}
	}
	return err_set(INRO_E_MECHANISM_PARAM, "PRF 0x%lx is not offered", p->prf);
}

static enum inro_err check_pbkd2(const CK_PKCS5_PBKD2_PARAMS2 *p)
{
	if (p->saltSource != CKZ_SALT_SPECIFIED)
		return err_set(INRO_E_MECHANISM_PARAM, "salt source 0x%lx is not known",
			       p->saltSource);
	if (p->iterations == 0 || p->iterations > MAX_ROUNDS)
		return err_set(INRO_E_MECHANISM_PARAM, "%lu iterations; 1 to %lu can be",
			       p->iterations, MAX_ROUNDS);
	return INRO_OK;
}

enum inro_err mech_par_pbkd2(struct bytes param, enum key_use use, struct mech_use *u)
{
	CK_PKCS5_PBKD2_PARAMS2 p;
	struct bytes salt, password;
	CK_ULONG n = 0;
	enum inro_err e = mech_struct(param, &p, sizeof p);

	(void)use;
	if (!e)
		e = check_pbkd2(&p);
	if (!e)
		e = set_prf(&p, u);
	if (!e)
		e = mech_bytes(p.pSaltSourceData, p.ulSaltSourceDataLen, 1, MECH_MAX_FIELD, &salt);
	if (!e)
		e = password_n(&p, &n);
	if (!e)
		e = mech_bytes(p.pPassword, n, 0, MAX_PASSWORD, &password);
	if (e)
		return e;
	e = secret_room(u, salt.n + password.n);
	if (e)
		return e;
	u->spec.rounds = p.iterations;
	u->spec.iv = mech_keep(u, salt);
	u->password = mech_keep(u, password);
	return INRO_OK;
}
