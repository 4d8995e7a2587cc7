/* csr_parts - see csr_parts.h. */
#include "tests/lib/csr_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/ec.h>
#include <openssl/x509.h>

#include "base/der.h"

#define TEXT_MAX 4096

void csr_must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "a request: %s\n", what);
	abort();
}

static void add_all(struct buf *to, const struct buf *from)
{
	buf_add(to, buf_bytes(from));
}

void csr_add_hex(struct buf *to, const char *hex)
{
	static uint8_t octets[TEXT_MAX];
	size_t n;

	csr_must(hex_decode(bytes_of(hex), octets, sizeof octets, &n) == INRO_OK, "hex");
	buf_add(to, BYTES(octets, n));
}

static EVP_PKEY *usual_key(void)
{
	static EVP_PKEY *key;

	if (!key)
		key = EVP_EC_gen("P-256");
	csr_must(key != NULL, "a key");
	return key;
}

void csr_add_spki(struct buf *to, EVP_PKEY *key)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	csr_must(n > 0, "a public key");
	buf_add(to, BYTES(der, (size_t)n));
	OPENSSL_free(der);
}

void csr_add_rdn(struct buf *to, const char *oid_hex, uint8_t tag, struct bytes value)
{
	size_t set = der_begin(to, DER_SET), seq = der_begin(to, DER_SEQUENCE);
	SCOPED(buf) oid = { 0 };

	csr_add_hex(&oid, oid_hex);
	der_add(to, DER_OID, buf_bytes(&oid));
	der_add(to, tag, value);
	der_end(to, seq);
	der_end(to, set);
}

void csr_parts_open(struct csr_parts *p)
{
	size_t name;

	*p = (struct csr_parts) { .signer = usual_key() };
	der_add_int(&p->version, 0);
	name = der_begin(&p->subject, DER_SEQUENCE);
	csr_add_rdn(&p->subject, CSR_OID_CN, DER_UTF8_STRING, bytes_of("hostile"));
	der_end(&p->subject, name);
	csr_add_spki(&p->spki, p->signer);
	der_add(&p->attributes, DER_CONTEXT_CONSTRUCTED, BYTES_NONE);
}

static void sign(struct csr_parts *p, struct bytes info)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char room[4096];
	size_t n = sizeof room;
	bool ed = EVP_PKEY_get_id(p->signer) == EVP_PKEY_ED25519;

	csr_must(EVP_DigestSignInit(ctx, NULL, ed ? NULL : EVP_sha256(), NULL, p->signer) == 1 &&
			 EVP_DigestSign(ctx, room, &n, info.p, info.n) == 1,
		 "a signature");
	buf_add(&p->signature, BYTES(room, n));
	EVP_MD_CTX_free(ctx);
}

void csr_parts_close(struct csr_parts *p, struct buf *ret)
{
	SCOPED(buf) info = { 0 };
	size_t mark = der_begin(&info, DER_SEQUENCE), whole;

	add_all(&info, &p->version);
	add_all(&info, &p->subject);
	add_all(&info, &p->spki);
	add_all(&info, &p->attributes);
	der_end(&info, mark);
	if (!p->signature.n && p->signer)
		sign(p, buf_bytes(&info));
	if (!p->identifier.n)
		csr_add_hex(&p->identifier, EVP_PKEY_get_id(p->signer) == EVP_PKEY_RSA
						? "300d06092a864886f70d01010b0500"
						: "300a06082a8648ce3d040302");
	whole = der_begin(ret, DER_SEQUENCE);
	add_all(ret, &info);
	add_all(ret, &p->identifier);
	der_add_bits(ret, buf_bytes(&p->signature));
	der_end(ret, whole);
	csr_must(!buf_err(ret), "memory");
	buf_clear(&p->version);
	buf_clear(&p->subject);
	buf_clear(&p->spki);
	buf_clear(&p->attributes);
	buf_clear(&p->identifier);
	buf_clear(&p->signature);
}
