#include "backoffice/pki/ext.h"

#include "backoffice/pki/text.h"
#include "base/der.h"

#define CE(last)     BYTES_LIT("\x55\x1d" last)			    /* id-ce */
#define KP(last)     BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x03" last) /* id-kp */
#define PE(last)     BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x01" last) /* id-pe */
#define AD(last)     BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x30" last) /* id-ad */
#define EXT_MAX	     64
#define PATH_LEN_MAX 255
#define USAGE_BITS   9

static const struct bytes oid_ski = CE("\x0e"), oid_key_usage = CE("\x0f"), oid_san = CE("\x11"),
			  oid_constraints = CE("\x13"), oid_limits = CE("\x1e"), oid_crl_number = CE("\x14"),
			  oid_delta_base = CE("\x1b"), oid_crl_part = CE("\x1c"),
			  oid_crl_points = CE("\x1f"), oid_aki = CE("\x23"), oid_eku = CE("\x25"),
			  oid_freshest = CE("\x2e"), oid_eku_any = CE("\x25\x00"),
			  oid_access = PE("\x01"), oid_ad_ocsp = AD("\x01"),
			  oid_ad_issuers = AD("\x02"),
			  oid_nocheck = BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x30\x01\x05");

struct bit_name {
	const char *name;
	unsigned bit;
	struct bytes oid; /* of an extended usage */
};

static const struct bit_name key_usages[] = {
	{ .name = "digitalSignature", .bit = USAGE_DIGITAL_SIGNATURE },
	{ .name = "nonRepudiation", .bit = USAGE_NON_REPUDIATION },
	{ .name = "keyEncipherment", .bit = USAGE_KEY_ENCIPHERMENT },
	{ .name = "dataEncipherment", .bit = USAGE_DATA_ENCIPHERMENT },
	{ .name = "keyAgreement", .bit = USAGE_KEY_AGREEMENT },
	{ .name = "keyCertSign", .bit = USAGE_KEY_CERT_SIGN },
	{ .name = "cRLSign", .bit = USAGE_CRL_SIGN },
	{ .name = "encipherOnly", .bit = USAGE_ENCIPHER_ONLY },
	{ .name = "decipherOnly", .bit = USAGE_DECIPHER_ONLY },
};

static const struct bit_name ekus[] = {
	{ .name = "serverAuth", .bit = EKU_SERVER_AUTH, .oid = KP("\x01") },
	{ .name = "clientAuth", .bit = EKU_CLIENT_AUTH, .oid = KP("\x02") },
	{ .name = "codeSigning", .bit = EKU_CODE_SIGNING, .oid = KP("\x03") },
	{ .name = "emailProtection", .bit = EKU_EMAIL_PROTECTION, .oid = KP("\x04") },
	{ .name = "timeStamping", .bit = EKU_TIME_STAMPING, .oid = KP("\x08") },
	{ .name = "OCSPSigning", .bit = EKU_OCSP_SIGNING, .oid = KP("\x09") },
	{ .name = "cmcCA", .bit = EKU_CMC_CA, .oid = KP("\x1b") },
	{ .name = "cmcRA", .bit = EKU_CMC_RA, .oid = KP("\x1c") },
	{ .name = "cmKGA", .bit = EKU_CM_KGA, .oid = KP("\x20") },
};

static unsigned bit_find(const struct bit_name *t, size_t n, struct bytes name)
{
	for (size_t i = 0; i < n; i++)
		if (text_same(name, t[i].name))
			return t[i].bit;
	return 0;
}

static void bit_text(const struct bit_name *t, size_t n, unsigned bits, struct buf *ret)
{
	bool first = true;

	for (size_t i = 0; i < n; i++)
		if (bits & t[i].bit) {
			buf_addf(ret, "%s%s", first ? "" : " ", t[i].name);
			first = false;
		}
}

unsigned ku_find(struct bytes name)
{
	return bit_find(key_usages, ARRAY_LEN(key_usages), name);
}

unsigned eku_find(struct bytes name)
{
	return bit_find(ekus, ARRAY_LEN(ekus), name);
}

void ku_text(unsigned bits, struct buf *ret)
{
	bit_text(key_usages, ARRAY_LEN(key_usages), bits, ret);
}

void eku_text(unsigned bits, struct buf *ret)
{
	bit_text(ekus, ARRAY_LEN(ekus), bits, ret);
}

/* ---- reading ---- */

/* RFC 5280 4.2.1.3; X.690 11.2.2: a named bit list has no trailing zero bits. */
static enum inro_err read_key_usage(struct bytes value, bool critical, struct ext_facts *f)
{
	struct bytes bits;
	enum inro_err e = der_only(value, DER_BIT_STRING, &bits);

	if (e)
		return e;
	if (bits.n < 2 || bits.n > 3 || bits.p[0] > 7 || !(bits.p[bits.n - 1] >> bits.p[0] & 1) ||
	    bits.p[bits.n - 1] & ((1u << bits.p[0]) - 1))
		return err_set(INRO_E_SYNTAX, "a key usage that is no list of named bits");
	for (unsigned i = 0; i < USAGE_BITS && 1 + i / 8 < bits.n; i++)
		if (bits.p[1 + i / 8] & (0x80 >> i % 8))
			f->key_usage |= 1u << i;
	f->has_key_usage = true;
	f->key_usage_critical = critical;
	return INRO_OK;
}

static unsigned eku_bit(struct bytes oid)
{
	for (size_t i = 0; i < ARRAY_LEN(ekus); i++)
		if (bytes_equal(ekus[i].oid, oid))
			return ekus[i].bit;
	return bytes_equal(oid, oid_eku_any) ? EKU_ANY : EKU_OTHER;
}

static enum inro_err read_eku(struct bytes value, bool critical, struct ext_facts *f)
{
	struct bytes list, oid;
	enum inro_err e = der_only(value, DER_SEQUENCE, &list);

	(void)critical;
	if (!e && list.n == 0)
		e = err_set(INRO_E_SYNTAX, "an extended key usage without a usage");
	while (!e && list.n) {
		e = der_take(&list, DER_OID, &oid);
		if (!e)
			f->eku |= eku_bit(oid);
	}
	f->has_eku = true;
	return e;
}

static enum inro_err read_bool(struct bytes *in, bool *ret)
{
	struct bytes v;
	enum inro_err e;

	*ret = false;
	if (der_peek(*in) != DER_BOOLEAN)
		return INRO_OK;
	e = der_take(in, DER_BOOLEAN, &v);
	if (e)
		return e;
	if (v.n != 1 || (v.p[0] != 0 && v.p[0] != 0xff))
		return err_set(INRO_E_SYNTAX, "a BOOLEAN that is neither true nor false");
	*ret = v.p[0] != 0;
	return INRO_OK;
}

static enum inro_err read_constraints(struct bytes value, bool critical, struct ext_facts *f)
{
	struct bytes seq;
	int64_t n = EXT_PATH_LEN_NONE;
	bool has_length;
	enum inro_err e = der_only(value, DER_SEQUENCE, &seq);

	if (!e)
		e = read_bool(&seq, &f->ca);
	has_length = !e && seq.n;
	if (has_length)
		e = der_take_int(&seq, &n);
	if (e)
		return e;
	if (seq.n || n > PATH_LEN_MAX || (has_length && (n < 0 || !f->ca)))
		return err_set(INRO_E_SYNTAX, "basic constraints that make no sense");
	f->path_len = (int)n;
	f->has_constraints = true;
	f->constraints_critical = critical;
	return INRO_OK;
}

static enum inro_err read_sans(struct bytes value, bool critical, struct ext_facts *f)
{
	enum inro_err e = der_only(value, DER_SEQUENCE, &f->sans);

	if (!e && f->sans.n == 0)
		e = err_set(INRO_E_SYNTAX, "a list of alternative names without a name");
	f->sans_critical = critical;
	return e;
}

/* Kept as it is: limits.h reads it where it counts. */
static enum inro_err read_limits(struct bytes value, bool critical, struct ext_facts *f)
{
	struct bytes seq;

	(void)critical;
	f->limits = value;
	return der_only(value, DER_SEQUENCE, &seq);
}

static enum inro_err read_ski(struct bytes value, bool critical, struct ext_facts *f)
{
	f->key_id_critical |= critical;
	return der_only(value, DER_OCTET_STRING, &f->ski);
}

static enum inro_err read_aki(struct bytes value, bool critical, struct ext_facts *f)
{
	struct bytes seq;
	enum inro_err e = der_only(value, DER_SEQUENCE, &seq);

	f->key_id_critical |= critical;
	if (!e && der_peek(seq) == DER_CONTEXT)
		e = der_take(&seq, DER_CONTEXT, &f->aki);
	return e;
}

static enum inro_err read_nothing(struct bytes value, bool critical, struct ext_facts *f)
{
	(void)value;
	(void)critical;
	(void)f;
	return INRO_OK;
}

static const struct {
	const struct bytes *oid;
	enum inro_err (*read)(struct bytes value, bool critical, struct ext_facts *f);
} readers[] = {
	{ &oid_key_usage, read_key_usage },
	{ &oid_eku, read_eku },
	{ &oid_constraints, read_constraints },
	{ &oid_san, read_sans },
	{ &oid_limits, read_limits },
	{ &oid_ski, read_ski },
	{ &oid_aki, read_aki },
	{ &oid_crl_points, read_nothing },
	{ &oid_access, read_nothing },
	{ &oid_nocheck, read_nothing },
};

static enum inro_err read_known(struct bytes oid, struct bytes value, bool critical,
				struct ext_facts *f)
{
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		if (bytes_equal(*readers[i].oid, oid))
			return readers[i].read(value, critical, f);
	f->unknown_critical += critical;
	return INRO_OK;
}

bool ext_is_known(struct bytes oid)
{
	if (bytes_equal(oid_limits, oid))
		return false; /* a CA's profile may have them */
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		if (bytes_equal(*readers[i].oid, oid))
			return true;
	return bytes_equal(oid_crl_number, oid) || bytes_equal(oid_delta_base, oid) ||
	       bytes_equal(oid_crl_part, oid);
}

enum inro_err ext_next(struct bytes *in, struct ext_one *ret)
{
	struct bytes seq;
	enum inro_err e = der_take(in, DER_SEQUENCE, &seq);

	if (!e)
		e = der_take(&seq, DER_OID, &ret->oid);
	if (!e)
		e = read_bool(&seq, &ret->critical);
	if (!e)
		e = der_take(&seq, DER_OCTET_STRING, &ret->value);
	if (!e && seq.n)
		e = err_set(INRO_E_SYNTAX, "something follows the value of an extension");
	return e;
}

static enum inro_err read_one(struct bytes *in, struct bytes *ret_oid, struct ext_facts *f)
{
	struct ext_one one;
	enum inro_err e = ext_next(in, &one);

	if (e)
		return e;
	*ret_oid = one.oid;
	return read_known(one.oid, one.value, one.critical, f);
}

enum inro_err ext_read(struct bytes extensions, struct ext_facts *ret)
{
	struct ext_facts f = { .path_len = EXT_PATH_LEN_NONE, .all = extensions };
	struct bytes seen[EXT_MAX];
	size_t n = 0;
	char oid[64];

	while (extensions.n) {
		enum inro_err e;

		if (n == EXT_MAX)
			return err_set(INRO_E_TOO_BIG, "more than %d extensions", EXT_MAX);
		e = read_one(&extensions, &seen[n], &f);
		if (e)
			return e;
		for (size_t i = 0; i < n; i++)
			if (bytes_equal(seen[i], seen[n]))
				return err_set(INRO_E_SYNTAX, "extension %s is there twice",
					       der_oid_text(seen[n], oid, sizeof oid) ? "?" : oid);
		n++;
	}
	*ret = f;
	return INRO_OK;
}

/* ---- writing ---- */

enum inro_err ext_copy(struct buf *b, struct bytes extensions)
{
	enum inro_err e = INRO_OK;

	while (!e && extensions.n) {
		struct bytes whole, seq, oid;

		e = der_take_whole(&extensions, DER_SEQUENCE, &whole);
		if (!e)
			e = der_only(whole, DER_SEQUENCE, &seq);
		if (!e)
			e = der_take(&seq, DER_OID, &oid);
		if (!e && !bytes_equal(oid, oid_aki))
			buf_add(b, whole);
	}
	return e ? e : buf_err(b);
}

struct marks {
	size_t seq, value;
};

static struct marks ext_begin(struct buf *b, struct bytes oid, bool critical)
{
	struct marks m = { .seq = der_begin(b, DER_SEQUENCE) };

	der_add(b, DER_OID, oid);
	if (critical)
		der_add_bool(b, true);
	m.value = der_begin(b, DER_OCTET_STRING);
	return m;
}

static void ext_end(struct buf *b, struct marks m)
{
	der_end(b, m.value);
	der_end(b, m.seq);
}

void ext_add_other(struct buf *b, struct bytes oid, bool critical, struct bytes value)
{
	struct marks m = ext_begin(b, oid, critical);

	buf_add(b, value);
	ext_end(b, m);
}

void ext_add_key_usage(struct buf *b, unsigned bits)
{
	struct marks m = ext_begin(b, oid_key_usage, true);
	uint8_t octets[3] = { 0 };
	unsigned last = 0;

	for (unsigned i = 0; i < USAGE_BITS; i++)
		if (bits & 1u << i) {
			octets[1 + i / 8] |= (uint8_t)(0x80 >> i % 8);
			last = i;
		}
	octets[0] = (uint8_t)(7 - last % 8);
	der_add(b, DER_BIT_STRING, BYTES(octets, 2 + last / 8));
	ext_end(b, m);
}

void ext_add_eku(struct buf *b, unsigned bits, bool critical)
{
	struct marks m = ext_begin(b, oid_eku, critical);
	size_t list = der_begin(b, DER_SEQUENCE);

	for (size_t i = 0; i < ARRAY_LEN(ekus); i++)
		if (bits & ekus[i].bit)
			der_add(b, DER_OID, ekus[i].oid);
	der_end(b, list);
	ext_end(b, m);
}

void ext_add_constraints(struct buf *b, bool ca, int path_len)
{
	struct marks m = ext_begin(b, oid_constraints, true);
	size_t seq = der_begin(b, DER_SEQUENCE);

	if (ca)
		der_add_bool(b, true);
	if (ca && path_len >= 0)
		der_add_int(b, path_len);
	der_end(b, seq);
	ext_end(b, m);
}

void ext_add_limits(struct buf *b, struct bytes value)
{
	ext_add_other(b, oid_limits, true, value);
}

void ext_add_sans(struct buf *b, struct bytes names, bool critical)
{
	struct marks m = ext_begin(b, oid_san, critical);

	der_add(b, DER_SEQUENCE, names);
	ext_end(b, m);
}

void ext_add_ski(struct buf *b, struct bytes id)
{
	struct marks m = ext_begin(b, oid_ski, false);

	der_add(b, DER_OCTET_STRING, id);
	ext_end(b, m);
}

void ext_add_aki(struct buf *b, struct bytes id)
{
	struct marks m = ext_begin(b, oid_aki, false);
	size_t seq = der_begin(b, DER_SEQUENCE);

	der_add(b, DER_CONTEXT, id);
	der_end(b, seq);
	ext_end(b, m);
}

#define GENERAL_NAME_URI (DER_CONTEXT | 6)

/* A SEQUENCE with a distributionPoint, of a fullName of one URI: what a DistributionPoint and an
 * IssuingDistributionPoint have in common. */
static void add_point(struct buf *b, const char *url)
{
	size_t point = der_begin(b, DER_SEQUENCE);
	size_t name = der_begin(b, DER_CONTEXT_CONSTRUCTED);
	size_t full = der_begin(b, DER_CONTEXT_CONSTRUCTED);

	der_add(b, GENERAL_NAME_URI, bytes_of(url));
	der_end(b, full);
	der_end(b, name);
	der_end(b, point);
}

static void add_points(struct buf *b, struct bytes oid, const char *url)
{
	struct marks m = ext_begin(b, oid, false);
	size_t list = der_begin(b, DER_SEQUENCE);

	add_point(b, url);
	der_end(b, list);
	ext_end(b, m);
}

void ext_add_crl_url(struct buf *b, const char *url)
{
	add_points(b, oid_crl_points, url);
}

void ext_add_freshest(struct buf *b, const char *url)
{
	add_points(b, oid_freshest, url);
}

void ext_add_crl_part(struct buf *b, const char *url)
{
	struct marks m = ext_begin(b, oid_crl_part, true);

	add_point(b, url);
	ext_end(b, m);
}

void ext_add_delta_base(struct buf *b, struct bytes number)
{
	struct marks m = ext_begin(b, oid_delta_base, true);

	der_add_unsigned(b, number);
	ext_end(b, m);
}

static void add_access(struct buf *b, struct bytes method, const char *url)
{
	size_t seq;

	if (!url)
		return;
	seq = der_begin(b, DER_SEQUENCE);
	der_add(b, DER_OID, method);
	der_add(b, GENERAL_NAME_URI, bytes_of(url));
	der_end(b, seq);
}

void ext_add_access(struct buf *b, const char *ocsp_url, const char *issuer_url)
{
	struct marks m = ext_begin(b, oid_access, false);
	size_t list = der_begin(b, DER_SEQUENCE);

	add_access(b, oid_ad_ocsp, ocsp_url);
	add_access(b, oid_ad_issuers, issuer_url);
	der_end(b, list);
	ext_end(b, m);
}

void ext_add_ocsp_nocheck(struct buf *b)
{
	struct marks m = ext_begin(b, oid_nocheck, false);

	der_add(b, DER_NULL, BYTES_NONE);
	ext_end(b, m);
}

void ext_add_crl_number(struct buf *b, struct bytes number)
{
	struct marks m = ext_begin(b, oid_crl_number, false);

	der_add_unsigned(b, number);
	ext_end(b, m);
}
