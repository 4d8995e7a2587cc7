/* cmp_pbm - messages under a shared secret (RFC 9810 5.1.3.1, RFC 9481 6.1); see cmp.h. */
#include <openssl/evp.h>
#include <string.h>

#include "backoffice/pki/cmp.h"
#include "backoffice/pki/crypt.h"
#include "base/der.h"
#include "base/oids.h"
#include "base/secret.h"

#define SALT_MIN 8
#define SALT_MAX 128

static const struct bytes oid_pbm = BYTES_LIT("\x2a\x86\x48\x86\xf6\x7d\x07\x42\x0d");

static const struct {
	struct bytes oid;
	enum pki_hash hash;
} owfs[] = {
	{ BYTES_LIT(OID_NIST_HASH("\x01")), PKI_SHA256 },
	{ BYTES_LIT(OID_NIST_HASH("\x02")), PKI_SHA384 },
	{ BYTES_LIT(OID_NIST_HASH("\x03")), PKI_SHA512 },
};

/* HMAC-SHA1 is what RFC 4210 demands of everybody, and the default of openssl cmp. */
static const struct {
	struct bytes oid;
	const char *digest;
} macs[] = {
	{ BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x02\x09"), "SHA256" },
	{ BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x02\x0a"), "SHA384" },
	{ BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x02\x0b"), "SHA512" },
	{ BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x02\x07"), "SHA1" },
	{ BYTES_LIT("\x2b\x06\x01\x05\x05\x08\x01\x02"), "SHA1" },
};

bool cmp_is_pbm(struct bytes algorithm)
{
	struct bytes in, oid;

	return der_only(algorithm, DER_SEQUENCE, &in) == INRO_OK &&
	       der_take(&in, DER_OID, &oid) == INRO_OK && bytes_equal(oid, oid_pbm);
}

static enum inro_err oid_of(struct bytes algorithm, struct bytes *ret)
{
	struct bytes in;
	enum inro_err e = der_only(algorithm, DER_SEQUENCE, &in);

	return e ? e : der_take(&in, DER_OID, ret);
}

static const char *digest_of(struct bytes mac)
{
	struct bytes oid;

	if (oid_of(mac, &oid) != INRO_OK)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(macs); i++)
		if (bytes_equal(oid, macs[i].oid))
			return macs[i].digest;
	return NULL;
}

static enum inro_err read_owf(struct bytes algorithm, enum pki_hash *ret)
{
	struct bytes oid;
	enum inro_err e = oid_of(algorithm, &oid);

	for (size_t i = 0; !e && i < ARRAY_LEN(owfs); i++) {
		if (!bytes_equal(oid, owfs[i].oid))
			continue;
		*ret = owfs[i].hash;
		return INRO_OK;
	}
	if (e)
		return e;
	return err_set(INRO_E_UNSUPPORTED, "a password-based MAC hashes by SHA-2");
}

static enum inro_err check(const struct cmp_pbm *p)
{
	if (p->salt.n < SALT_MIN || p->salt.n > SALT_MAX)
		return err_set(INRO_E_UNSUPPORTED, "a password-based MAC has a salt of %d to %d octets",
			       SALT_MIN, SALT_MAX);
	if (p->rounds < 1 || p->rounds > CMP_PBM_ROUNDS_MAX)
		return err_set(INRO_E_UNSUPPORTED, "a password-based MAC has 1 to %d rounds",
			       CMP_PBM_ROUNDS_MAX);
	if (!digest_of(p->mac))
		return err_set(INRO_E_UNSUPPORTED, "a password-based MAC is an HMAC with SHA-2 or "
						   "SHA-1");
	return INRO_OK;
}

enum inro_err cmp_pbm_read(struct bytes algorithm, struct cmp_pbm *ret)
{
	struct cmp_pbm p = { 0 };
	struct bytes in, oid, seq, owf;
	enum inro_err e = der_only(algorithm, DER_SEQUENCE, &in);

	if (!e)
		e = der_take(&in, DER_OID, &oid);
	if (!e)
		e = der_only(in, DER_SEQUENCE, &seq);
	if (!e)
		e = der_take(&seq, DER_OCTET_STRING, &p.salt);
	if (!e)
		e = der_take_whole(&seq, DER_SEQUENCE, &owf);
	if (!e)
		e = der_take_int(&seq, &p.rounds);
	if (!e)
		e = der_take_whole(&seq, DER_SEQUENCE, &p.mac);
	if (!e && seq.n)
		e = err_set(INRO_E_SYNTAX, "something follows a password-based MAC's parameters");
	if (!e)
		e = read_owf(owf, &p.owf);
	if (!e)
		e = check(&p);
	if (!e)
		*ret = p;
	return e;
}

void cmp_pbm_add(struct buf *b, const struct cmp_pbm *p)
{
	size_t seq = der_begin(b, DER_SEQUENCE), params, owf;

	der_add(b, DER_OID, oid_pbm);
	params = der_begin(b, DER_SEQUENCE);
	der_add(b, DER_OCTET_STRING, p->salt);
	owf = der_begin(b, DER_SEQUENCE);
	for (size_t i = 0; i < ARRAY_LEN(owfs); i++)
		if (owfs[i].hash == p->owf)
			der_add(b, DER_OID, owfs[i].oid);
	der_end(b, owf);
	der_add_int(b, p->rounds);
	buf_add(b, p->mac);
	der_end(b, params);
	der_end(b, seq);
}

static void md_ctx_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

/* The base key: the secret and the salt, hashed so many times.  By a context of its own, which is wiped when
 * it goes: that of pki_digest() is for public data and stays. */
static enum inro_err base_key(const struct cmp_pbm *p, struct bytes secret, struct secret *ret)
{
	SCOPED(buf) first = { .secret = true };
	AUTO(md_ctx_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const EVP_MD *md = crypt_md(p->owf);
	enum inro_err e = secret_new(pki_hash_octets(p->owf), ret);
	struct bytes from;
	bool good = ctx && md;

	buf_add(&first, secret);
	buf_add(&first, p->salt);
	if (!e)
		e = buf_err(&first);
	if (e)
		return e;
	from = buf_bytes(&first);
	for (int64_t i = 0; good && i < p->rounds; i++) {
		good = EVP_DigestInit_ex(ctx, md, NULL) && EVP_DigestUpdate(ctx, from.p, from.n) &&
		       EVP_DigestFinal_ex(ctx, ret->p, NULL);
		from = secret_bytes(ret);
	}
	return good ? INRO_OK : crypt_err("a password-based MAC");
}

enum inro_err cmp_pbm_mac(const struct cmp_pbm *p, struct bytes secret, struct bytes message,
			  uint8_t ret[static CMP_MAC_MAX], size_t *ret_n)
{
	SCOPED(secret) key = { 0 };
	const char *digest = digest_of(p->mac);
	enum inro_err e = base_key(p, secret, &key);

	if (e)
		return e;
	if (!digest || !EVP_Q_mac(crypt_libctx(), "HMAC", NULL, digest, NULL, key.p, key.n,
				  message.p, message.n, ret, CMP_MAC_MAX, ret_n))
		return crypt_err("a password-based MAC");
	return INRO_OK;
}
