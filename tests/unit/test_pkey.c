/* pkey: published vectors, every mechanism against libcrypto, and the refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/der.h"
#include "base/own.h"
#include "pkcs11/token/libctx.h"
#include "pkcs11/token/pkey.h"

#define OCTETS(s) BYTES(s, sizeof(s) - 1)
#define P256	  OCTETS("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")
#define P384	  OCTETS("\x06\x05\x2b\x81\x04\x00\x22")
#define P521	  OCTETS("\x06\x05\x2b\x81\x04\x00\x23")
#define MESSAGE	  OCTETS("sample")

static struct pkey *rsa, *p256;

static int make_keys(void **state)
{
	const struct key_spec rsa_spec = { .kind = KEY_RSA, .bits = 2048 };
	const struct key_spec ec_spec = { .kind = KEY_EC, .params = P256 };

	(void)state;
	return pkey_generate(&rsa_spec, &rsa) || pkey_generate(&ec_spec, &p256) ? -1 : 0;
}

static int free_keys(void **state)
{
	(void)state;
	pkey_unref(rsa);
	pkey_unref(p256);
	return 0;
}

static struct bytes from_hex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	assert_int_equal(hex_decode(bytes_of(hex), out, cap, &n), INRO_OK);
	return BYTES(out, n);
}

static struct use_spec pss(CK_MECHANISM_TYPE mech, CK_MECHANISM_TYPE hash, CK_ULONG salt)
{
	return (struct use_spec) {
		.mech = mech, .digest = hash, .mgf_digest = hash, .salt_len = salt
	};
}

/* ---- published vectors ---- */

/* RFC 6979 A.2.5 to A.2.7, the message "sample", each curve with the hash of its size. */
struct vector {
	CK_MECHANISM_TYPE mech;
	struct bytes params;
	const char *value, *point, *signature;
};

static const struct vector vectors[] = {
	{ .mech = CKM_ECDSA_SHA256,
	  .params = { (const uint8_t *)"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10 },
	  .value = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
	  .point = "04"
		   "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
		   "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
	  .signature = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
		       "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8" },
	{ .mech = CKM_ECDSA_SHA384,
	  .params = { (const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x22", 7 },
	  .value = "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D8"
		   "96D5724E4C70A825F872C9EA60D2EDF5",
	  .point = "04"
		   "EC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64"
		   "DEF8F0EA9055866064A254515480BC13"
		   "8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1"
		   "288B231C3AE0D4FE7344FD2533264720",
	  .signature = "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C"
		       "81A648152E44ACF96E36DD1E80FABE46"
		       "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94F"
		       "A329C145786E679E7B82C71A38628AC8" },
	{ .mech = CKM_ECDSA_SHA512,
	  .params = { (const uint8_t *)"\x06\x05\x2b\x81\x04\x00\x23", 7 },
	  .value = "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75"
		   "CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B8"
		   "3538",
	  .point = "04"
		   "01894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD"
		   "371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F50"
		   "23A4"
		   "00493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A"
		   "28A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFD"
		   "FCF5",
	  .signature = "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F"
		       "174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E3"
		       "77FA"
		       "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF"
		       "282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4"
		       "A67A" },
};

/* r and s that both begin with a zero come without it from programs that hold them as numbers. */
static void check_cut(struct pkey *key, const struct use_spec *spec, struct bytes sig)
{
	size_t half = sig.n / 2;
	uint8_t cut[132];

	memcpy(cut, sig.p + 1, half - 1);
	memcpy(cut + half - 1, sig.p + half + 1, half - 1);
	assert_int_equal(pkey_verify(key, spec, MESSAGE, BYTES(cut, sig.n - 2)),
			 sig.p[0] || sig.p[half] ? INRO_E_SIGNATURE : INRO_OK);
	assert_int_equal(pkey_verify(key, spec, MESSAGE, BYTES(cut, sig.n - 3)),
			 INRO_E_SIGNATURE_LENGTH);
}

static void check_vector(const struct vector *v)
{
	SCOPED(secret) pkcs8 = { 0 };
	AUTO(pkey_unref_ptr) struct pkey *key = NULL;
	uint8_t value[66], point[133], sig[132];
	struct key_parts parts = { .kind = KEY_EC, .params = v->params }, back;
	const struct use_spec spec = { .mech = v->mech };
	struct bytes s = from_hex(v->signature, sig, sizeof sig);
	SCOPED(buf) spki = { 0 };

	/* the private value alone: the point must come out */
	parts.value = from_hex(v->value, value, sizeof value);
	assert_int_equal(keyder_write_pkcs8(&parts, &pkcs8), INRO_OK);
	assert_int_equal(pkey_from_pkcs8(secret_bytes(&pkcs8), &key), INRO_OK);
	assert_int_equal(pkey_check(key), INRO_OK);
	assert_int_equal(pkey_spki(key, &spki), INRO_OK);
	assert_int_equal(keyder_read_spki(buf_bytes(&spki), &back), INRO_OK);
	assert_true(bytes_equal(back.point, from_hex(v->point, point, sizeof point)));

	assert_int_equal(s.n, pkey_sig_len(key));
	check_cut(key, &spec, s);
	assert_int_equal(pkey_verify(key, &spec, MESSAGE, s), INRO_OK);
	sig[s.n - 1] ^= 1;
	assert_int_equal(pkey_verify(key, &spec, MESSAGE, s), INRO_E_SIGNATURE);
}

static void test_rfc6979(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++)
		check_vector(&vectors[i]);
}

/* ---- against libcrypto ---- */

static EVP_PKEY *foreign(const struct pkey *k)
{
	SCOPED(buf) spki = { 0 };
	const unsigned char *p;
	EVP_PKEY *evp;

	assert_int_equal(pkey_spki(k, &spki), INRO_OK);
	p = spki.p;
	evp = d2i_PUBKEY(NULL, &p, (long)spki.n);
	assert_non_null(evp);
	assert_ptr_equal(p, spki.p + spki.n);
	return evp;
}

static void to_der(struct bytes sig, struct buf *der)
{
	size_t seq = der_begin(der, DER_SEQUENCE);

	der_add_unsigned(der, BYTES(sig.p, sig.n / 2));
	der_add_unsigned(der, BYTES(sig.p + sig.n / 2, sig.n / 2));
	der_end(der, seq);
	assert_int_equal(buf_err(der), INRO_OK);
}

static int libcrypto_verifies(struct pkey *k, const struct use_spec *s, struct bytes sig)
{
	EVP_PKEY *evp = foreign(k);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	SCOPED(buf) der = { 0 };
	int ok;

	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, &pctx,
						 libctx_md_name(pkey_mech_hash(s->mech)), NULL,
						 NULL, evp, NULL),
			 1);
	if (s->digest) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, (int)s->salt_len), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md_name(
					 pctx, libctx_md_name(s->mgf_digest), NULL),
				 1);
	}
	if (pkey_kind(k) == KEY_EC) {
		to_der(sig, &der);
		sig = buf_bytes(&der);
	}
	ok = EVP_DigestVerify(ctx, sig.p, sig.n, MESSAGE.p, MESSAGE.n);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(evp);
	return ok;
}

/* The same by the raw mechanism, as the core does for input in parts. */
static void check_raw(struct pkey *k, const struct use_spec *spec)
{
	SCOPED(buf) in = { 0 };
	uint8_t hash[64], sig[PKEY_MAX_SIG];
	struct use_spec raw;
	const EVP_MD *md;
	unsigned hash_n;
	size_t n;

	assert_int_equal(libctx_md(pkey_mech_hash(spec->mech), &md), INRO_OK);
	assert_int_equal(EVP_Digest(MESSAGE.p, MESSAGE.n, hash, &hash_n, md, NULL), 1);
	assert_int_equal(pkey_raw_form(spec, BYTES(hash, hash_n), &raw, &in), INRO_OK);
	assert_true(in.n <= PKEY_MAX_RAW_INPUT);
	assert_int_equal(pkey_mech_hash(raw.mech), 0);
	assert_int_equal(pkey_sign(k, &raw, buf_bytes(&in), sig, sizeof sig, &n), INRO_OK);
	assert_int_equal(libcrypto_verifies(k, spec, BYTES(sig, n)), 1);
	assert_int_equal(pkey_verify(k, spec, MESSAGE, BYTES(sig, n)), INRO_OK);
}

static void check_hashed(struct pkey *k, const struct use_spec *spec)
{
	uint8_t sig[PKEY_MAX_SIG];
	size_t n = 0;

	assert_int_equal(pkey_sign(k, spec, MESSAGE, sig, sizeof sig, &n), INRO_OK);
	assert_int_equal(n, pkey_sig_len(k));
	assert_int_equal(libcrypto_verifies(k, spec, BYTES(sig, n)), 1);
	assert_int_equal(pkey_verify(k, spec, MESSAGE, BYTES(sig, n)), INRO_OK);
	assert_int_equal(pkey_verify(k, spec, OCTETS("samplf"), BYTES(sig, n)), INRO_E_SIGNATURE);
	sig[n / 2] ^= 0x10;
	assert_int_equal(pkey_verify(k, spec, MESSAGE, BYTES(sig, n)), INRO_E_SIGNATURE);
	assert_int_equal(pkey_verify(k, spec, MESSAGE, BYTES(sig, n - 1)), INRO_E_SIGNATURE_LENGTH);
	check_raw(k, spec);
}

static bool is_pss(CK_MECHANISM_TYPE mech)
{
	static const CK_MECHANISM_TYPE all[] = {
		CKM_SHA1_RSA_PKCS_PSS,	   CKM_SHA224_RSA_PKCS_PSS,   CKM_SHA256_RSA_PKCS_PSS,
		CKM_SHA384_RSA_PKCS_PSS,   CKM_SHA512_RSA_PKCS_PSS,   CKM_SHA3_224_RSA_PKCS_PSS,
		CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_512_RSA_PKCS_PSS
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] == mech)
			return true;
	return false;
}

static void test_every_hashed_mechanism(void **state)
{
	(void)state;
	for (const CK_MECHANISM_TYPE *m = pkey_mechanisms(); *m != CK_UNAVAILABLE_INFORMATION;
	     m++) {
		CK_MECHANISM_TYPE hash = pkey_mech_hash(*m);
		bool ec = *m >= CKM_ECDSA;
		struct use_spec spec = { .mech = *m };

		if (!hash || !pkey_mech_fits(*m, ec ? KEY_EC : KEY_RSA, USE_SIGN))
			continue;
		if (is_pss(*m))
			spec = pss(*m, hash, libctx_md_size(hash));
		check_hashed(ec ? p256 : rsa, &spec);
		uint8_t sig[PKEY_MAX_SIG];
		size_t n;

		assert_int_equal(pkey_sign(ec ? rsa : p256, &spec, MESSAGE, sig, sizeof sig, &n),
				 INRO_E_KEY_TYPE);
	}
}

static void test_mechanisms_are_sorted(void **state)
{
	(void)state;
	for (const CK_MECHANISM_TYPE *m = pkey_mechanisms(); *m != CK_UNAVAILABLE_INFORMATION; m++)
		assert_true(m[0] < m[1]);
}

static void test_salts(void **state)
{
	const CK_ULONG good[] = { 0, 1, 20, 32, 222 };
	uint8_t sig[PKEY_MAX_SIG];
	size_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct use_spec spec = pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, good[i]);

		check_hashed(rsa, &spec);
		spec.mgf_digest = CKM_SHA_1;
		check_hashed(rsa, &spec);
	}
	struct use_spec spec = pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, 223);

	assert_int_equal(pkey_sign(rsa, &spec, MESSAGE, sig, sizeof sig, &n),
			 INRO_E_MECHANISM_PARAM);
	spec.salt_len = CK_UNAVAILABLE_INFORMATION;
	assert_int_equal(pkey_sign(rsa, &spec, MESSAGE, sig, sizeof sig, &n),
			 INRO_E_MECHANISM_PARAM);
	spec = pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384, 32);
	assert_int_equal(pkey_sign(rsa, &spec, MESSAGE, sig, sizeof sig, &n),
			 INRO_E_MECHANISM_PARAM);
	spec = pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, 32);
	spec.mgf_digest = CKM_SHA256_HMAC;
	assert_int_equal(pkey_sign(rsa, &spec, MESSAGE, sig, sizeof sig, &n),
			 INRO_E_MECHANISM_PARAM);
}

/* A signature made with one salt length does not pass as another's. */
static void test_salt_length_is_exact(void **state)
{
	struct use_spec spec = pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, 20);
	uint8_t sig[PKEY_MAX_SIG];
	size_t n;

	(void)state;
	assert_int_equal(pkey_sign(rsa, &spec, MESSAGE, sig, sizeof sig, &n), INRO_OK);
	spec.salt_len = 32;
	assert_int_equal(pkey_verify(rsa, &spec, MESSAGE, BYTES(sig, n)), INRO_E_SIGNATURE);
}

/* PKCS#1 v1.5 signatures are determined by key and message. */
static void test_pkcs1_is_what_libcrypto_makes(void **state)
{
	SCOPED(secret) pkcs8 = { 0 };
	const struct use_spec spec = { .mech = CKM_SHA256_RSA_PKCS };
	uint8_t ours[PKEY_MAX_SIG], theirs[PKEY_MAX_SIG];
	size_t n, theirs_n = sizeof theirs;
	const unsigned char *p;
	EVP_PKEY *evp;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	(void)state;
	assert_int_equal(pkey_pkcs8(rsa, &pkcs8), INRO_OK);
	p = pkcs8.p;
	evp = d2i_AutoPrivateKey(NULL, &p, (long)pkcs8.n);
	assert_non_null(evp);
	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, evp, NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, theirs, &theirs_n, MESSAGE.p, MESSAGE.n), 1);
	assert_int_equal(pkey_sign(rsa, &spec, MESSAGE, ours, sizeof ours, &n), INRO_OK);
	assert_int_equal(n, theirs_n);
	assert_memory_equal(ours, theirs, n);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(evp);
}

/* ---- refusals ---- */

static enum inro_err try_sign(struct pkey *k, CK_MECHANISM_TYPE mech, size_t in_n)
{
	static const uint8_t in[600];
	const struct use_spec spec = pss(mech, CKM_SHA256, 32);
	uint8_t sig[PKEY_MAX_SIG];
	size_t n;

	return pkey_sign(k, &spec, BYTES(in, in_n), sig, sizeof sig, &n);
}

static void test_input_lengths(void **state)
{
	(void)state;
	assert_int_equal(try_sign(rsa, CKM_RSA_PKCS, 0), INRO_OK);
	assert_int_equal(try_sign(rsa, CKM_RSA_PKCS, 245), INRO_OK);
	assert_int_equal(try_sign(rsa, CKM_RSA_PKCS, 246), INRO_E_DATA_LENGTH);
	assert_int_equal(try_sign(rsa, CKM_RSA_PKCS_PSS, 32), INRO_OK);
	assert_int_equal(try_sign(rsa, CKM_RSA_PKCS_PSS, 31), INRO_E_DATA_LENGTH);
	assert_int_equal(try_sign(rsa, CKM_RSA_PKCS_PSS, 33), INRO_E_DATA_LENGTH);
	assert_int_equal(try_sign(p256, CKM_ECDSA, 0), INRO_E_DATA_LENGTH);
	assert_int_equal(try_sign(p256, CKM_ECDSA, 1), INRO_OK);
	assert_int_equal(try_sign(p256, CKM_ECDSA, 64), INRO_OK);
	assert_int_equal(try_sign(p256, CKM_ECDSA, 65), INRO_E_DATA_LENGTH);
	assert_int_equal(try_sign(p256, CKM_ECDSA_SHA256, 0), INRO_OK);
	assert_int_equal(try_sign(p256, CKM_AES_GCM, 16), INRO_E_MECHANISM);
}

static void test_buffer_too_small(void **state)
{
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	uint8_t sig[64] = { 7 };
	size_t n = 0;

	(void)state;
	assert_int_equal(pkey_sign(p256, &spec, MESSAGE, NULL, 0, &n), INRO_E_TOO_SMALL);
	assert_int_equal(n, 64);
	assert_int_equal(pkey_sign(p256, &spec, MESSAGE, sig, 63, &n), INRO_E_TOO_SMALL);
	assert_int_equal(sig[0], 7);
	assert_int_equal(pkey_sign(p256, &spec, MESSAGE, sig, 64, &n), INRO_OK);
}

static void test_degenerate_signatures(void **state)
{
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	uint8_t sig[64] = { 0 };

	(void)state;
	assert_int_equal(pkey_verify(p256, &spec, MESSAGE, BYTES(sig, 64)), INRO_E_SIGNATURE);
	memset(sig, 0xff, sizeof sig);
	assert_int_equal(pkey_verify(p256, &spec, MESSAGE, BYTES(sig, 64)), INRO_E_SIGNATURE);
	assert_int_equal(pkey_verify(p256, &spec, MESSAGE, BYTES_NONE), INRO_E_SIGNATURE_LENGTH);
}

static void test_public_key(void **state)
{
	AUTO(pkey_unref_ptr) struct pkey *public = NULL;
	SCOPED(buf) spki = { 0 };
	SCOPED(buf) again = { 0 };
	SCOPED(secret) none = { 0 };
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	uint8_t sig[64];
	size_t n;

	(void)state;
	assert_int_equal(pkey_spki(p256, &spki), INRO_OK);
	assert_int_equal(pkey_from_spki(buf_bytes(&spki), &public), INRO_OK);
	assert_int_equal(pkey_bits(public), 256);
	assert_int_equal(pkey_check(public), INRO_OK);
	assert_int_equal(pkey_spki(public, &again), INRO_OK);
	assert_true(bytes_equal(buf_bytes(&spki), buf_bytes(&again)));
	assert_int_equal(pkey_pkcs8(public, &none), INRO_E_KEY_TYPE);
	assert_int_equal(pkey_sign(public, &spec, MESSAGE, sig, sizeof sig, &n), INRO_E_KEY_TYPE);
}

static void test_point_off_the_curve(void **state)
{
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	SCOPED(buf) spki = { 0 };

	(void)state;
	assert_int_equal(pkey_spki(p256, &spki), INRO_OK);
	spki.p[spki.n - 1] ^= 1;
	assert_int_equal(pkey_from_spki(buf_bytes(&spki), &k), INRO_E_ATTR_VALUE);
	assert_null(k);
}

static void expect_private(const struct key_parts *parts, enum inro_err made, enum inro_err checked)
{
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	SCOPED(secret) der = { 0 };

	assert_int_equal(keyder_write_pkcs8(parts, &der), INRO_OK);
	assert_int_equal(pkey_from_pkcs8(secret_bytes(&der), &k), made);
	if (!made)
		assert_int_equal(pkey_check(k), checked);
}

static void test_parts_that_do_not_fit(void **state)
{
	static const uint8_t zero[33], ff[32] = { [0 ... 31] = 0xff };
	SCOPED(secret) a = { 0 };
	SCOPED(secret) b = { 0 };
	struct key_parts good, parts;
	uint8_t other[256];

	(void)state;
	assert_int_equal(pkey_pkcs8(rsa, &a), INRO_OK);
	assert_int_equal(keyder_read_pkcs8(secret_bytes(&a), &good), INRO_OK);
	expect_private(&good, INRO_OK, INRO_OK);
	memcpy(other, good.d.p, good.d.n);
	other[good.d.n / 2] ^= 1;
	parts = good;
	parts.d = BYTES(other, good.d.n);
	expect_private(&parts, INRO_OK, INRO_E_ATTR_VALUE);
	memcpy(other, good.n.p, good.n.n);
	other[100] ^= 1;
	parts = good;
	parts.n = BYTES(other, good.n.n);
	expect_private(&parts, INRO_OK, INRO_E_ATTR_VALUE);

	assert_int_equal(pkey_pkcs8(p256, &b), INRO_OK);
	assert_int_equal(keyder_read_pkcs8(secret_bytes(&b), &good), INRO_OK);
	expect_private(&good, INRO_OK, INRO_OK);
	parts = good;
	memcpy(other, good.value.p, good.value.n);
	other[31] ^= 1;
	parts.value = BYTES(other, good.value.n);
	expect_private(&parts, INRO_OK, INRO_E_ATTR_VALUE);
	parts.value = BYTES(ff, 32);
	parts.point = BYTES_NONE;
	expect_private(&parts, INRO_OK, INRO_E_ATTR_VALUE);
	parts.value = BYTES(zero, 33);
	assert_int_equal(keyder_write_pkcs8(&parts, &(struct secret) { 0 }), INRO_E_ATTR_VALUE);
}

static void test_generate_refuses(void **state)
{
	const struct {
		struct key_spec spec;
		enum inro_err e;
	} rows[] = {
		{ { .kind = KEY_RSA, .bits = 1024 }, INRO_E_KEY_SIZE },
		{ { .kind = KEY_RSA, .bits = 2047 }, INRO_E_KEY_SIZE },
		{ { .kind = KEY_RSA, .bits = 2052 }, INRO_E_KEY_SIZE },
		{ { .kind = KEY_RSA, .bits = 8192 }, INRO_E_KEY_SIZE },
		{ { .kind = KEY_RSA, .bits = 2048, .params = OCTETS("\x03") }, INRO_E_ATTR_VALUE },
		{ { .kind = KEY_RSA, .bits = 2048, .params = OCTETS("\x01\x00\x02") },
		  INRO_E_ATTR_VALUE },
		{ { .kind = KEY_RSA,
		    .bits = 2048,
		    .params = OCTETS("\x01\x00\x00\x00\x00\x00\x00\x00\x01") },
		  INRO_E_ATTR_VALUE },
		{ { .kind = KEY_EC }, INRO_E_CURVE },
		{ { .kind = KEY_NONE }, INRO_E_KEY_TYPE },
	};
	struct pkey *k = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(pkey_generate(&rows[i].spec, &k), rows[i].e);
		assert_null(k);
	}
}

static void test_generate_other_exponent(void **state)
{
	const struct key_spec spec = { .kind = KEY_RSA,
				       .bits = 2048,
				       .params = OCTETS("\x00\x01\x00\x03") };
	AUTO(pkey_unref_ptr) struct pkey *k = NULL;
	SCOPED(buf) spki = { 0 };
	struct key_parts parts;

	(void)state;
	assert_int_equal(pkey_generate(&spec, &k), INRO_OK);
	assert_int_equal(pkey_spki(k, &spki), INRO_OK);
	assert_int_equal(keyder_read_spki(buf_bytes(&spki), &parts), INRO_OK);
	assert_true(bytes_equal(parts.e, OCTETS("\x01\x00\x03")));
	assert_int_equal(parts.bits, 2048);
}

/* The application's error queue is left as it was. */
static void test_error_queue(void **state)
{
	const struct use_spec spec = { .mech = CKM_ECDSA_SHA256 };
	uint8_t sig[64] = { 1 };
	unsigned long before;

	(void)state;
	ERR_clear_error();
	assert_int_equal(pkey_verify(p256, &spec, MESSAGE, BYTES(sig, 64)), INRO_E_SIGNATURE);
	assert_int_equal(ERR_peek_error(), 0);
	ERR_raise(ERR_LIB_USER, 42);
	before = ERR_peek_last_error();
	assert_int_equal(pkey_verify(p256, &spec, MESSAGE, BYTES(sig, 64)), INRO_E_SIGNATURE);
	assert_int_equal(ERR_peek_last_error(), before);
	ERR_clear_error();
}

/* More ways of use at once than the pool keeps, from several threads. */
static void *sign_in_many_ways(void *arg)
{
	unsigned turn = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < 120; i++, turn += 7) {
		struct use_spec spec = pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, turn % 20);
		uint8_t sig[PKEY_MAX_SIG];
		size_t n;

		if (pkey_sign(rsa, &spec, MESSAGE, sig, sizeof sig, &n) ||
		    pkey_verify(rsa, &spec, MESSAGE, BYTES(sig, n)))
			return arg;
	}
	return NULL;
}

static void test_pool_under_threads(void **state)
{
	pthread_t threads[4];
	void *failed;

	(void)state;
	for (uintptr_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, sign_in_many_ways, (void *)(i + 1)), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc6979),
		cmocka_unit_test(test_every_hashed_mechanism),
		cmocka_unit_test(test_mechanisms_are_sorted),
		cmocka_unit_test(test_salts),
		cmocka_unit_test(test_salt_length_is_exact),
		cmocka_unit_test(test_pkcs1_is_what_libcrypto_makes),
		cmocka_unit_test(test_input_lengths),
		cmocka_unit_test(test_buffer_too_small),
		cmocka_unit_test(test_degenerate_signatures),
		cmocka_unit_test(test_public_key),
		cmocka_unit_test(test_point_off_the_curve),
		cmocka_unit_test(test_parts_that_do_not_fit),
		cmocka_unit_test(test_generate_refuses),
		cmocka_unit_test(test_generate_other_exponent),
		cmocka_unit_test(test_error_queue),
		cmocka_unit_test(test_pool_under_threads),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
