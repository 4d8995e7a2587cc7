/* pss - the parameters of RSASSA-PSS (RFC 4055 3.1), of a signature or of a key. */
#include "backoffice/pki/alg.h"
#include "base/der.h"
#include "base/oids.h"

#define PART(n) DER_EXPLICIT(n)
#define SALT_MAX 2048 /* longer than any RSA key that is read has room for */

static const struct bytes oid_mgf1 = BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08");

static enum inro_err odd(const char *what)
{
	return err_set(INRO_E_UNSUPPORTED, "RSASSA-PSS with %s", what);
}

/* AlgorithmIdentifier of a hash: its parameters are NULL or left out (RFC 4055 2.1). */
static enum inro_err take_hash(struct bytes *in, enum pki_hash *ret)
{
	struct bytes id, oid, null = BYTES_NONE;
	enum inro_err e = der_take(in, DER_SEQUENCE, &id);

	if (!e)
		e = der_take(&id, DER_OID, &oid);
	if (!e && id.n)
		e = der_only(id, DER_NULL, &null);
	if (!e && null.n)
		e = err_set(INRO_E_SYNTAX, "a NULL that is not empty");
	if (e)
		return e;
	*ret = pki_hash_of_oid(oid);
	return *ret == PKI_HASH_NONE ? odd("a hash that is not taken; SHA-2 and SHA-3 are") : INRO_OK;
}

static enum inro_err take_mask(struct bytes in, enum pki_hash *ret)
{
	struct bytes seq, oid;
	enum inro_err e = der_only(in, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take(&seq, DER_OID, &oid);
	if (!e && !bytes_equal(oid, oid_mgf1))
		e = odd("another mask than MGF1");
	if (!e)
		e = take_hash(&seq, ret);
	if (!e && seq.n)
		e = err_set(INRO_E_SYNTAX, "something follows the hash of a mask");
	return e;
}

/* The salt's default is 20, the trailer's 1 and its only value. */
static enum inro_err take_numbers(struct bytes seq, size_t *ret_salt)
{
	int64_t salt = 20, trailer = 1;
	struct bytes part;
	enum inro_err e = INRO_OK;

	if (der_peek(seq) == PART(2)) {
		e = der_take(&seq, PART(2), &part);
		if (!e)
			e = der_take_int(&part, &salt);
		if (!e && part.n)
			e = err_set(INRO_E_SYNTAX, "something follows the length of a salt");
	}
	if (!e && der_peek(seq) == PART(3)) {
		e = der_take(&seq, PART(3), &part);
		if (!e)
			e = der_take_int(&part, &trailer);
		if (!e && part.n)
			e = err_set(INRO_E_SYNTAX, "something follows the trailer of RSASSA-PSS");
	}
	if (!e && seq.n)
		e = err_set(INRO_E_SYNTAX, "something follows the parameters of RSASSA-PSS");
	if (!e && (salt < 0 || salt > SALT_MAX || trailer != 1))
		e = odd("a salt or trailer that there can't be");
	if (!e)
		*ret_salt = (size_t)salt;
	return e;
}

enum inro_err pki_pss_read(struct bytes params, enum pki_hash *ret_hash, size_t *ret_salt)
{
	struct bytes seq, part;
	enum pki_hash hash = PKI_HASH_NONE, mask = PKI_HASH_NONE;
	enum inro_err e = der_only(params, DER_SEQUENCE, &seq);

	if (e)
		return e;
	if (der_peek(seq) != PART(0))
		return odd("SHA-1, its default, which is too weak; sign with SHA-256 or better");
	e = der_take(&seq, PART(0), &part);
	if (!e)
		e = take_hash(&part, &hash);
	if (!e && part.n)
		e = err_set(INRO_E_SYNTAX, "something follows a hash");
	if (!e && der_peek(seq) != PART(1))
		e = odd("a mask by SHA-1, its default");
	if (!e)
		e = der_take(&seq, PART(1), &part);
	if (!e)
		e = take_mask(part, &mask);
	if (!e && mask != hash)
		e = odd("one hash for the message and another for the mask");
	if (!e)
		e = take_numbers(seq, ret_salt);
	if (!e)
		*ret_hash = hash;
	return e;
}
