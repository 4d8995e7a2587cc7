/* tpmfile - TPMKey, the ASN.1 around a TPM's key. */
#include "tpm/move/tpmfile.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/der.h"

#define OID_TPMKEY(last) "\x67\x81\x05\x0a\x01" last /* 2.23.133.10.1 */
#define MAX_FILE	 ((size_t)16 << 10)

enum field { EMPTY_AUTH, POLICY, SECRET, AUTH_POLICY, DESCRIPTION, RSA_PARENT, FIELD__MAX };

static const struct {
	struct bytes oid;
	const char *dotted;
} types[TPMFILE_TYPE__MAX] = {
	[TPMFILE_LOADABLE] = { BYTES_LIT(OID_TPMKEY("\x03")), "2.23.133.10.1.3" },
	[TPMFILE_IMPORTABLE] = { BYTES_LIT(OID_TPMKEY("\x04")), "2.23.133.10.1.4" },
	[TPMFILE_SEALED] = { BYTES_LIT(OID_TPMKEY("\x05")), "2.23.133.10.1.5" },
};

static enum inro_err read_type(struct bytes *in, enum tpmfile_type *ret)
{
	struct bytes oid;
	enum inro_err e = der_take(in, DER_OID, &oid);

	if (e)
		return e;
	for (size_t i = 0; i < TPMFILE_TYPE__MAX; i++)
		if (bytes_equal(oid, types[i].oid)) {
			*ret = (enum tpmfile_type)i;
			return INRO_OK;
		}
	return err_set(INRO_E_UNSUPPORTED,
		       "this TSS2 key file is of a type that is not known here");
}

static enum inro_err read_bool(struct bytes in, bool *ret)
{
	struct bytes v;
	enum inro_err e = der_only(in, DER_BOOLEAN, &v);

	if (e)
		return e;
	/* the provider tpm2 and tpm2-tools write 1 for true: BER, not DER */
	if (v.n != 1 || (v.p[0] > 1 && v.p[0] != 0xff))
		return err_set(INRO_E_SYNTAX, "not valid DER: a BOOLEAN that is neither");
	*ret = v.p[0] != 0;
	return INRO_OK;
}

static enum inro_err field_empty_auth(struct bytes in, struct tpmfile *k)
{
	return read_bool(in, &k->empty_auth);
}

static enum inro_err field_policy(struct bytes in, struct tpmfile *k)
{
	struct bytes list;
	enum inro_err e = der_only(in, DER_SEQUENCE, &list);

	(void)k;
	if (e)
		return e;
	return list.n ? err_set(INRO_E_UNSUPPORTED,
				"the key in this file is used under a policy: only keys used by "
				"their auth value can be taken")
		      : INRO_OK;
}

static enum inro_err field_secret(struct bytes in, struct tpmfile *k)
{
	return der_only(in, DER_OCTET_STRING, &k->secret);
}

/* Who made the file meant it for people. */
static enum inro_err field_description(struct bytes in, struct tpmfile *k)
{
	struct bytes text;

	(void)k;
	return der_only(in, DER_UTF8_STRING, &text);
}

static enum inro_err field_rsa_parent(struct bytes in, struct tpmfile *k)
{
	bool rsa = false;
	enum inro_err e = read_bool(in, &rsa);

	(void)k;
	if (!e && rsa)
		e = err_set(INRO_E_UNSUPPORTED,
			    "the key in this file has an RSA primary key above it: "
			    "only children of an EC storage root can be taken");
	return e;
}

static enum inro_err (*const fields[FIELD__MAX])(struct bytes in, struct tpmfile *k) = {
	[EMPTY_AUTH] = field_empty_auth,   [POLICY] = field_policy,
	[SECRET] = field_secret,	   [AUTH_POLICY] = field_policy,
	[DESCRIPTION] = field_description, [RSA_PARENT] = field_rsa_parent,
};

/* The optional ones, in the order of their numbers. */
static enum inro_err read_fields(struct bytes *in, struct tpmfile *k)
{
	enum inro_err e = INRO_OK;
	int least = 0;

	while (!e && in->n && der_peek(*in) != DER_INTEGER) {
		struct der d;
		int number;

		e = der_next(in, &d);
		if (e)
			return e;
		number = d.tag - DER_CONTEXT_CONSTRUCTED;
		if (number < least || number >= FIELD__MAX)
			return err_set(INRO_E_SYNTAX, "this TSS2 key file has a field that is not "
						      "known, or one out of order");
		least = number + 1;
		e = fields[number](d.value, k);
	}
	return e;
}

static enum inro_err read_parent(struct bytes *in, uint32_t *ret)
{
	int64_t parent = 0;
	enum inro_err e = der_take_int(in, &parent);

	if (e)
		return e;
	/* Writers with a 32-bit long give handles from 0x80000000 on as negative numbers. */
	if (parent < INT32_MIN || parent > UINT32_MAX)
		return err_set(INRO_E_SYNTAX, "the parent in this TSS2 key file is no handle");
	*ret = (uint32_t)parent;
	return INRO_OK;
}

/* An OCTET STRING that is one whole TPM2B. */
static enum inro_err read_2b(struct bytes *in, struct bytes *ret)
{
	struct bytes whole, rest, content;
	enum inro_err e = der_take(in, DER_OCTET_STRING, &whole);

	rest = whole;
	if (!e)
		e = wire_read_2b(&rest, UINT16_MAX, &content);
	if (!e)
		e = wire_end(rest);
	if (!e)
		*ret = whole;
	return e;
}

static enum inro_err check_secret(const struct tpmfile *k)
{
	struct bytes rest = k->secret, content = BYTES_NONE;
	enum inro_err e = INRO_OK;

	if ((k->type == TPMFILE_IMPORTABLE) != (k->secret.n != 0))
		return err_set(INRO_E_SYNTAX, "an importable key, and only such a one, has the "
					      "encrypted seed of its wrapping in the file");
	if (rest.n)
		e = wire_read_2b(&rest, UINT16_MAX, &content);
	return e ? e : wire_end(rest);
}

enum inro_err tpmfile_read(struct bytes der, struct tpmfile *ret)
{
	struct tpmfile k = { 0 };
	struct bytes seq;
	enum inro_err e = der_only(der, DER_SEQUENCE, &seq);

	if (!e)
		e = read_type(&seq, &k.type);
	if (!e)
		e = read_fields(&seq, &k);
	if (!e)
		e = read_parent(&seq, &k.parent);
	if (!e)
		e = read_2b(&seq, &k.pub);
	if (!e)
		e = read_2b(&seq, &k.priv);
	if (!e && seq.n)
		e = err_set(INRO_E_SYNTAX, "something follows the end of the key");
	if (!e)
		e = check_secret(&k);
	if (!e)
		*ret = k;
	return e;
}

static size_t begin_field(struct buf *b, enum field number)
{
	return der_begin(b, (uint8_t)(DER_CONTEXT_CONSTRUCTED | number));
}

enum inro_err tpmfile_write(const struct tpmfile *k, struct buf *ret_der)
{
	size_t seq = der_begin(ret_der, DER_SEQUENCE), field;

	der_add_oid(ret_der, types[k->type].dotted);
	if (k->empty_auth) {
		field = begin_field(ret_der, EMPTY_AUTH);
		der_add_bool(ret_der, true);
		der_end(ret_der, field);
	}
	if (k->secret.n) {
		field = begin_field(ret_der, SECRET);
		der_add(ret_der, DER_OCTET_STRING, k->secret);
		der_end(ret_der, field);
	}
	der_add_int(ret_der, k->parent);
	der_add(ret_der, DER_OCTET_STRING, k->pub);
	der_add(ret_der, DER_OCTET_STRING, k->priv);
	der_end(ret_der, seq);
	return buf_err(ret_der);
}

/* ---- PEM (RFC 7468) ---- */

#define BEGIN	 "-----BEGIN " TPMFILE_PEM "-----"
#define END	 "-----END " TPMFILE_PEM "-----"
#define PER_LINE 48 /* octets, 64 characters */

static const uint8_t *find(struct bytes in, const char *what)
{
	return in.n ? memmem(in.p, in.n, what, strlen(what)) : NULL;
}

/* The base64 between the two lines; text before and after is allowed, headers are not. */
static enum inro_err pem_body(struct bytes text, struct bytes *ret)
{
	const uint8_t *begin = find(text, BEGIN), *end;
	struct bytes rest;

	if (!begin)
		return err_set(INRO_E_SYNTAX, "this is no TSS2 PRIVATE KEY, neither PEM nor DER");
	begin += sizeof(BEGIN) - 1;
	rest = BYTES(begin, (size_t)(text.p + text.n - begin));
	end = find(rest, END);
	if (!end)
		return err_set(INRO_E_SYNTAX, "the TSS2 PRIVATE KEY has no end line");
	*ret = BYTES(begin, (size_t)(end - begin));
	return INRO_OK;
}

static void free_encode(EVP_ENCODE_CTX **c)
{
	EVP_ENCODE_CTX_free(*c);
}

static enum inro_err pem_decode(struct bytes body, struct buf *ret)
{
	AUTO(free_encode) EVP_ENCODE_CTX *c = EVP_ENCODE_CTX_new();
	uint8_t *room = buf_extend(ret, body.n + 64);
	int n = 0, last = 0;

	if (!c || !room)
		return err_set(INRO_E_NO_MEMORY, "no memory to read a PEM");
	EVP_DecodeInit(c);
	if (EVP_DecodeUpdate(c, room, &n, body.p, (int)body.n) < 0 ||
	    EVP_DecodeFinal(c, room + n, &last) != 1)
		return err_set(INRO_E_SYNTAX, "the TSS2 PRIVATE KEY is not valid base64");
	buf_truncate(ret, (size_t)(n + last));
	return INRO_OK;
}

enum inro_err tpmfile_read_any(struct bytes text, struct buf *der, struct tpmfile *ret)
{
	struct bytes body;
	enum inro_err e;

	buf_reset(der);
	if (text.n > MAX_FILE)
		return err_set(INRO_E_TOO_BIG, "a TSS2 key file has at most %zu bytes", MAX_FILE);
	if (text.n && text.p[0] == DER_SEQUENCE) {
		buf_add(der, text);
		e = buf_err(der);
	} else {
		e = pem_body(text, &body);
		if (!e)
			e = pem_decode(body, der);
	}
	return e ? e : tpmfile_read(buf_bytes(der), ret);
}

enum inro_err tpmfile_pem(struct bytes der, struct buf *ret_text)
{
	uint8_t line[PER_LINE / 3 * 4 + 1];

	buf_add_str(ret_text, BEGIN "\n");
	while (der.n) {
		size_t n = der.n < PER_LINE ? der.n : PER_LINE;

		EVP_EncodeBlock(line, der.p, (int)n);
		buf_add_str(ret_text, (const char *)line);
		buf_add_u8(ret_text, '\n');
		der = BYTES(der.p + n, der.n - n);
	}
	buf_add_str(ret_text, END "\n");
	return buf_err(ret_text);
}
