/* keypack - see keypack.h. */
#include "backoffice/pki/keypack.h"

#include "base/der.h"
#include "base/oids.h"

#define PKCS9(last)   BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09" last)
#define EXPLICIT_0    DER_CONTEXT_CONSTRUCTED
#define SIGNED_DATA   3 /* its version: the content is no data */
#define BY_ISSUER     1 /* a SignerInfo's version */

static const struct bytes oid_package = BYTES_LIT("\x60\x86\x48\x01\x65\x02\x01\x02\x4e\x05"),
			  oid_content = PKCS9("\x03"), oid_digest = PKCS9("\x04");

/* Keys that hash for themselves go with SHA-512 (RFC 8419 3.1, RFC 9882 3.3); so does Ed448, for which the former wants
 * SHAKE256 (docs/limits.md). */
static enum pki_hash hash_of(const struct pki_sig *sig)
{
	return sig->hash == PKI_HASH_NONE ? PKI_SHA512 : sig->hash;
}

static void add_hash(struct buf *b, enum pki_hash h)
{
	size_t seq = der_begin(b, DER_SEQUENCE);

	der_add(b, DER_OID, pki_hash_oid(h));
	der_end(b, seq);
}

static void add_attr(struct buf *b, struct bytes oid, uint8_t tag, struct bytes value)
{
	size_t seq = der_begin(b, DER_SEQUENCE), set;

	der_add(b, DER_OID, oid);
	set = der_begin(b, DER_SET);
	der_add(b, tag, value);
	der_end(b, set);
	der_end(b, seq);
}

/* Content of the signed attributes, in the order of X.690 11.6: the shorter one first. */
static enum inro_err signed_attrs(struct bytes package, enum pki_hash h, struct buf *ret)
{
	uint8_t digest[PKI_DIGEST_MAX];
	enum inro_err e = pki_digest(h, package, digest);

	if (e)
		return e;
	add_attr(ret, oid_content, DER_OID, oid_package);
	add_attr(ret, oid_digest, DER_OCTET_STRING, BYTES(digest, pki_hash_octets(h)));
	return buf_err(ret);
}

/* Signed is the SET OF, whatever its tag is in the SignerInfo (RFC 5652 5.4). */
static enum inro_err sign_attrs(const struct keypack_signer *s, struct bytes attrs, struct buf *ret)
{
	SCOPED(buf) set = { 0 };
	enum inro_err e;

	der_add(&set, DER_SET, attrs);
	e = buf_err(&set);
	return e ? e : s->sign(s->arg, s->sig, buf_bytes(&set), ret);
}

static void add_signer(struct buf *b, const struct keypack_signer *s, struct bytes attrs,
		       struct bytes signature)
{
	size_t infos = der_begin(b, DER_SET), info = der_begin(b, DER_SEQUENCE), who;

	der_add_int(b, BY_ISSUER);
	who = der_begin(b, DER_SEQUENCE);
	buf_add(b, s->cert->issuer);
	der_add_unsigned(b, s->cert->serial);
	der_end(b, who);
	add_hash(b, hash_of(s->sig));
	der_add(b, EXPLICIT_0, attrs);
	buf_add(b, s->sig->identifier);
	der_add(b, DER_OCTET_STRING, signature);
	der_end(b, info);
	der_end(b, infos);
}

static void add_content(struct buf *b, struct bytes package)
{
	size_t seq = der_begin(b, DER_SEQUENCE), outer;

	der_add(b, DER_OID, oid_package);
	outer = der_begin(b, EXPLICIT_0);
	der_add(b, DER_OCTET_STRING, package);
	der_end(b, outer);
	der_end(b, seq);
}

enum inro_err keypack_make(struct bytes pkcs8, const struct keypack_signer *s, struct buf *ret)
{
	SCOPED(buf) package = { .secret = true };
	SCOPED(buf) attrs = { 0 };
	SCOPED(buf) signature = { 0 };
	size_t seq, hashes;
	enum inro_err e;

	der_add(&package, DER_SEQUENCE, pkcs8);
	e = buf_err(&package);
	if (!e)
		e = signed_attrs(buf_bytes(&package), hash_of(s->sig), &attrs);
	if (!e)
		e = sign_attrs(s, buf_bytes(&attrs), &signature);
	if (e)
		return e;
	seq = der_begin(ret, DER_SEQUENCE);
	der_add_int(ret, SIGNED_DATA);
	hashes = der_begin(ret, DER_SET);
	add_hash(ret, hash_of(s->sig));
	der_end(ret, hashes);
	add_content(ret, buf_bytes(&package));
	der_add(ret, EXPLICIT_0, buf_bytes(&s->cert->der));
	add_signer(ret, s, buf_bytes(&attrs), buf_bytes(&signature));
	der_end(ret, seq);
	return buf_err(ret);
}
