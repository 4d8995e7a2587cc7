/* hostile - see hostile.h. */
#include "tests/lib/hostile.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/ec.h>

#include "base/der.h"
#include "tests/lib/csr_parts.h"
#include "tests/lib/hostile_keys.h"

const char hostile_profile[] =
	"[profile]\nname = open\n[validity]\nperiod = 1d\n[key]\n"
	"types = ec-p256 ec-p384 ec-p521 rsa ed25519\n[subject]\nrequired =\n"
	"allowed = CN O OU L ST C serialNumber UID emailAddress DC title\n"
	"[san]\nallowed = DNS IP URI email\nwildcard = yes\n";

/* ---- names ---- */

/* A CN of kind `number`; its octets are `text`, with \0 as the character 0x01 would be no use: a
 * '|' stands for NUL. */
static void make_cn(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;
	SCOPED(buf) value = { 0 };
	size_t name;

	csr_parts_open(&p);
	for (const char *c = h->text; *c; c++)
		buf_add_u8(&value, *c == '|' ? 0 : (uint8_t)*c);
	buf_reset(&p.subject);
	name = der_begin(&p.subject, DER_SEQUENCE);
	csr_add_rdn(&p.subject, CSR_OID_CN, (uint8_t)h->number, buf_bytes(&value));
	der_end(&p.subject, name);
	csr_parts_close(&p, ret);
}

/* A CN of `number` letters. */
static void make_long_cn(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;
	SCOPED(buf) value = { 0 };
	size_t name;

	csr_parts_open(&p);
	for (int i = 0; i < h->number; i++)
		buf_add_str(&value, h->text);
	buf_reset(&p.subject);
	name = der_begin(&p.subject, DER_SEQUENCE);
	csr_add_rdn(&p.subject, CSR_OID_CN, DER_UTF8_STRING, buf_bytes(&value));
	der_end(&p.subject, name);
	csr_parts_close(&p, ret);
}

/* `number` RDNs of that type. */
static void make_rdns(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;
	size_t name;

	csr_parts_open(&p);
	buf_reset(&p.subject);
	name = der_begin(&p.subject, DER_SEQUENCE);
	for (int i = 0; i < h->number; i++)
		csr_add_rdn(&p.subject, h->text, DER_PRINTABLE_STRING, bytes_of("DEU"));
	der_end(&p.subject, name);
	csr_parts_close(&p, ret);
}

/* The subject's octets as they are. */
static void make_subject(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;

	csr_parts_open(&p);
	buf_reset(&p.subject);
	csr_add_hex(&p.subject, h->text);
	csr_parts_close(&p, ret);
}

/* ---- extensions ---- */

#define EXTENSION_REQUEST "06092a864886f70d01090e"

/* An attribute with a list of extensions, `times` of it. */
static void add_extensions(struct buf *to, struct bytes list, int times)
{
	size_t attributes = der_begin(to, DER_CONTEXT_CONSTRUCTED);

	for (int i = 0; i < times; i++) {
		size_t seq = der_begin(to, DER_SEQUENCE), set;

		csr_add_hex(to, EXTENSION_REQUEST);
		set = der_begin(to, DER_SET);
		der_add(to, DER_SEQUENCE, list);
		der_end(to, set);
		der_end(to, seq);
	}
	der_end(to, attributes);
}

static void add_san_ext(struct buf *to, struct bytes names)
{
	size_t seq = der_begin(to, DER_SEQUENCE), octets;

	csr_add_hex(to, "0603551d11");
	octets = der_begin(to, DER_OCTET_STRING);
	der_add(to, DER_SEQUENCE, names);
	der_end(to, octets);
	der_end(to, seq);
}

static void make_with_extensions(struct bytes list, int times, struct buf *ret)
{
	struct csr_parts p;

	csr_parts_open(&p);
	buf_reset(&p.attributes);
	add_extensions(&p.attributes, list, times);
	csr_parts_close(&p, ret);
}

/* GeneralNames' content in hexadecimal digits. */
static void make_san(const struct hostile *h, struct buf *ret)
{
	SCOPED(buf) names = { 0 };
	SCOPED(buf) list = { 0 };

	csr_add_hex(&names, h->text);
	add_san_ext(&list, buf_bytes(&names));
	make_with_extensions(buf_bytes(&list), 1, ret);
}

static void make_many_sans(const struct hostile *h, struct buf *ret)
{
	SCOPED(buf) names = { 0 };
	SCOPED(buf) list = { 0 };

	for (int i = 0; i < h->number; i++) {
		char name[32];

		snprintf(name, sizeof name, "n%d.example.org", i);
		der_add(&names, DER_CONTEXT | 2, bytes_of(name));
	}
	add_san_ext(&list, buf_bytes(&names));
	make_with_extensions(buf_bytes(&list), 1, ret);
}

/* A list of extensions in hexadecimal digits; so many attributes of it. */
static void make_extensions(const struct hostile *h, struct buf *ret)
{
	SCOPED(buf) list = { 0 };

	csr_add_hex(&list, h->text);
	make_with_extensions(buf_bytes(&list), h->number ? h->number : 1, ret);
}

static void make_many_extensions(const struct hostile *h, struct buf *ret)
{
	SCOPED(buf) list = { 0 };

	for (int i = 0; i < h->number; i++) {
		char oid[32];
		size_t seq = der_begin(&list, DER_SEQUENCE);

		snprintf(oid, sizeof oid, "1.2.3.%d", i);
		der_add_oid(&list, oid);
		der_add(&list, DER_OCTET_STRING, BYTES_NONE);
		der_end(&list, seq);
	}
	make_with_extensions(buf_bytes(&list), 1, ret);
}

/* The attributes' octets as they are. */
static void make_attributes(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;

	csr_parts_open(&p);
	buf_reset(&p.attributes);
	csr_add_hex(&p.attributes, h->text);
	csr_parts_close(&p, ret);
}

/* An attribute whose value is `number` SEQUENCEs deep. */
static void make_deep(const struct hostile *h, struct buf *ret)
{
	SCOPED(buf) deep = { 0 };
	size_t *marks = calloc((size_t)h->number, sizeof *marks);
	struct csr_parts p;
	size_t list, seq, set;

	csr_must(marks != NULL, "memory");
	for (int i = 0; i < h->number; i++)
		marks[i] = der_begin(&deep, DER_SEQUENCE);
	for (int i = h->number; i-- > 0;)
		der_end(&deep, marks[i]);
	csr_parts_open(&p);
	buf_reset(&p.attributes);
	list = der_begin(&p.attributes, DER_CONTEXT_CONSTRUCTED);
	seq = der_begin(&p.attributes, DER_SEQUENCE);
	csr_add_hex(&p.attributes, h->text);
	set = der_begin(&p.attributes, DER_SET);
	buf_add(&p.attributes, buf_bytes(&deep));
	der_end(&p.attributes, set);
	der_end(&p.attributes, seq);
	der_end(&p.attributes, list);
	csr_parts_close(&p, ret);
	free(marks);
}

/* ---- signatures ---- */

/* The algorithm's octets as they are. */
static void make_identifier(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;

	csr_parts_open(&p);
	csr_add_hex(&p.identifier, h->text);
	csr_parts_close(&p, ret);
}

static void make_by_another(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;

	(void)h;
	csr_parts_open(&p);
	p.signer = EVP_EC_gen("P-256");
	csr_must(p.signer != NULL, "a key");
	csr_parts_close(&p, ret);
	EVP_PKEY_free(p.signer);
}

static void make_signature(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;

	csr_parts_open(&p);
	csr_add_hex(&p.signature, h->text);
	csr_parts_close(&p, ret);
}

/* ---- the whole ---- */

static void make_good(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;

	(void)h;
	csr_parts_open(&p);
	csr_parts_close(&p, ret);
}

static void make_version(const struct hostile *h, struct buf *ret)
{
	struct csr_parts p;

	csr_parts_open(&p);
	buf_reset(&p.version);
	der_add_int(&p.version, h->number);
	csr_parts_close(&p, ret);
}

static void make_cut(const struct hostile *h, struct buf *ret)
{
	make_good(h, ret);
	ret->n = (size_t)h->number;
}

static void make_followed(const struct hostile *h, struct buf *ret)
{
	make_good(h, ret);
	buf_add_str(ret, h->text);
}

static void make_bytes(const struct hostile *h, struct buf *ret)
{
	csr_add_hex(ret, h->text);
}

static void make_text(const struct hostile *h, struct buf *ret)
{
	buf_add_str(ret, h->text);
}

/* So many octets of it. */
static void make_much(const struct hostile *h, struct buf *ret)
{
	for (int i = 0; i < h->number; i++)
		buf_add_str(ret, h->text);
}

/* ---- the rows ---- */

#define P256_SPKI  "3059301306072a8648ce3d020106082a8648ce3d030107034200"
#define ZEROS_32   "0000000000000000000000000000000000000000000000000000000000000000"
#define ED_SPKI	   "302a300506032b6570032100"
#define BAD_SYNTAX INRO_E_SYNTAX
#define NOT_WANTED INRO_E_POLICY
#define NOT_KNOWN  INRO_E_UNSUPPORTED
#define TOO_BIG	   INRO_E_TOO_BIG
#define BAD_PROOF  INRO_E_SIGNATURE

static const struct hostile rows[] = {
	{ "good", INRO_OK, "", make_good, NULL, 0 },
	{ "japanese", INRO_OK, "", make_cn, "プレス機 一号", DER_UTF8_STRING },
	{ "cyrillic-teletex", NOT_KNOWN, "string type", make_cn, "\xbf\xc0", 0x14 },
	{ "sql", INRO_OK, "", make_cn, "x'); DROP TABLE credential; --", DER_UTF8_STRING },
	{ "nul-in-cn", BAD_SYNTAX, "", make_cn, "good.example|.evil.org", DER_UTF8_STRING },
	{ "nul-in-printable", BAD_SYNTAX, "", make_cn, "good|evil", DER_PRINTABLE_STRING },
	{ "newline-in-cn", BAD_SYNTAX, "", make_cn, "a\nb", DER_UTF8_STRING },
	{ "escape-in-cn", BAD_SYNTAX, "", make_cn, "\x1b[2Jx", DER_UTF8_STRING },
	{ "no-utf8", BAD_SYNTAX, "", make_cn, "\xc3(", DER_UTF8_STRING },
	{ "overlong-utf8", BAD_SYNTAX, "", make_cn, "\xc0\xaf", DER_UTF8_STRING },
	{ "surrogate", BAD_SYNTAX, "", make_cn, "\xed\xa0\x80", DER_UTF8_STRING },
	{ "bmp", NOT_KNOWN, "string type", make_cn, "|a|b", 0x1e },
	{ "bmp-odd", NOT_KNOWN, "string type", make_cn, "abc", 0x1e },
	{ "universal", NOT_KNOWN, "string type", make_cn, "|||a", 0x1c },
	{ "numeric", NOT_KNOWN, "string type", make_cn, "12", 0x12 },
	{ "visible", NOT_KNOWN, "string type", make_cn, "ab", 0x1a },
	{ "graphic", NOT_KNOWN, "string type", make_cn, "ab", 0x19 },
	{ "general", NOT_KNOWN, "string type", make_cn, "ab", 0x1b },
	{ "cn-octets", NOT_KNOWN, "string type", make_cn, "ab", DER_OCTET_STRING },
	{ "cn-integer", NOT_KNOWN, "string type", make_cn, "a", DER_INTEGER },
	{ "cn-sequence", NOT_KNOWN, "string type", make_cn, "", DER_SEQUENCE },
	{ "cn-empty", TOO_BIG, "0 characters", make_cn, "", DER_UTF8_STRING },
	{ "cn-65", TOO_BIG, "65 characters", make_long_cn, "x", 65 },
	{ "cn-4000", TOO_BIG, "", make_long_cn, "x", 4000 },
	{ "cn-japanese-65", TOO_BIG, "65 characters", make_long_cn, "印", 65 },
	{ "cn-japanese-64", INRO_OK, "", make_long_cn, "印", 64 },
	{ "country-of-three", TOO_BIG, "3 characters", make_rdns, "550406", 1 },
	{ "cn-twice", NOT_WANTED, "", make_rdns, CSR_OID_CN, 2 },
	{ "rdns-40", TOO_BIG, "", make_rdns, "55040b", 40 },
	{ "rdns-200", TOO_BIG, "", make_rdns, "55040b", 200 },
	{ "unknown-attribute", NOT_KNOWN, "", make_rdns, "2a0304", 1 },
	{ "oid-unfinished", NOT_KNOWN, "attribute of type", make_rdns, "5504ff", 1 },
	{ "oid-padded", NOT_KNOWN, "attribute of type", make_rdns, "55800403", 1 },
	{ "oid-empty", NOT_KNOWN, "attribute of type", make_rdns, "", 1 },
	{ "oid-huge", NOT_KNOWN, "attribute of type", make_rdns,
	  "55ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", 1 },
	{ "rdn-of-two", NOT_KNOWN, "", make_subject,
	  "30163114300806035504030c01613008060355040a0c0162", 0 },
	{ "rdn-empty", BAD_SYNTAX, "", make_subject, "30023100", 0 },
	{ "name-indefinite", BAD_SYNTAX, "", make_subject, "30800000", 0 },
	{ "name-long-form", BAD_SYNTAX, "", make_subject, "30810d310b300906035504030c0261", 0 },
	{ "name-too-long-inside", BAD_SYNTAX, "", make_subject, "3004317f0000", 0 },
	{ "subject-none", NOT_WANTED, "", make_subject, "3000", 0 },
	{ "subject-octets", BAD_SYNTAX, "", make_subject, "0400", 0 },

	{ "san-nul", BAD_SYNTAX, "", make_san, "8209676f6f6400652e6f72", 0 },
	{ "san-utf8", BAD_SYNTAX, "", make_san, "8203e58db0", 0 },
	{ "san-blank", BAD_SYNTAX, "", make_san, "8203612062", 0 },
	{ "san-dns-empty", BAD_SYNTAX, "", make_san, "8200", 0 },
	{ "san-ip-5", BAD_SYNTAX, "", make_san, "87050102030405", 0 },
	{ "san-ip-empty", BAD_SYNTAX, "", make_san, "8700", 0 },
	{ "san-uri-newline", BAD_SYNTAX, "", make_san, "8604613a0a62", 0 },
	{ "san-email-nul", BAD_SYNTAX, "", make_san, "81056100406263", 0 },
	{ "san-other", NOT_KNOWN, "not DNS, IP, URI or email", make_san, "a00806022a03a0020500",
	  0 },
	{ "san-directory", NOT_KNOWN, "not DNS, IP, URI or email", make_san, "a4023000", 0 },
	{ "san-registered", NOT_KNOWN, "not DNS, IP, URI or email", make_san, "88022a03", 0 },
	{ "san-unknown-tag", NOT_KNOWN, "not DNS, IP, URI or email", make_san, "890161", 0 },
	{ "san-wildcard-within", BAD_SYNTAX, "", make_san, "8205612e2a2e62", 0 },
	{ "san-none", BAD_SYNTAX, "", make_san, "", 0 },
	{ "san-100", INRO_OK, "", make_many_sans, NULL, 100 },
	{ "san-101", NOT_WANTED, "", make_many_sans, NULL, 101 },
	{ "san-3000", NOT_WANTED, "", make_many_sans, NULL, 3000 },
	{ "san-4000", NOT_WANTED, "", make_many_sans, NULL, 4000 },
	{ "san-8000", TOO_BIG, "", make_many_sans, NULL, 8000 },
	{ "extension-twice", BAD_SYNTAX, "", make_extensions,
	  "30090603551d0f0402030030090603551d0f04020300", 0 },
	{ "extensions-65", TOO_BIG, "more than 64", make_many_extensions, NULL, 65 },
	{ "extensions-1000", TOO_BIG, "", make_many_extensions, NULL, 1000 },
	{ "request-twice", BAD_SYNTAX, "", make_extensions, "300706032a03040400", 2 },
	{ "boolean-odd", BAD_SYNTAX, "", make_extensions, "300a06032a03040101020400", 0 },
	{ "value-followed", BAD_SYNTAX, "", make_extensions, "300906032a030404000500", 0 },
	{ "wants-to-be-ca", INRO_OK, "", make_extensions, "300f0603551d130101ff040530030101ff", 0 },
	{ "deep-1000", INRO_OK, "", make_deep, "06032a0304", 1000 },
	{ "deep-extensions", BAD_SYNTAX, "", make_deep, EXTENSION_REQUEST, 5000 },
	{ "attribute-of-none", BAD_SYNTAX, "", make_attributes, "a0023000", 0 },
	{ "attributes-primitive", BAD_SYNTAX, "", make_attributes, "8000", 0 },
	{ "challenge-twice", BAD_SYNTAX, "", make_attributes,
	  "a02c301406092a864886f70d0109073107"
	  "0c0261620c0163"
	  "301406092a864886f70d01090731070c0261620c0163",
	  0 },
	{ "challenge-of-none", BAD_SYNTAX, "", make_attributes,
	  "a00f300d06092a864886f70d0109073100", 0 },

	{ "explicit-p521", NOT_KNOWN, "", hostile_explicit, "P-521", 0 },
	{ "explicit-p256", NOT_KNOWN, "", hostile_explicit, "P-256", 0 },
	{ "secp256k1", NOT_WANTED, "ec-secp256k1", hostile_curve, "secp256k1", 0 },
	{ "secp112r1", NOT_KNOWN, "", hostile_curve, "secp112r1", 0 },
	{ "brainpool", NOT_WANTED, "ec-brainpoolp256r1", hostile_curve, "brainpoolP256r1", 0 },
	{ "compressed", BAD_SYNTAX, "", hostile_compressed, "P-256", 0 },
	{ "point-off-curve", BAD_SYNTAX, "", hostile_spki, P256_SPKI "04" ZEROS_32 ZEROS_32, 0 },
	{ "point-infinity", BAD_SYNTAX, "", hostile_spki,
	  "3019301306072a8648ce3d020106082a8648ce3d03010703020000", 0 },
	{ "curve-missing", BAD_SYNTAX, "", hostile_spki, "300f300906072a8648ce3d020103020000", 0 },
	{ "ed25519-identity", NOT_WANTED, "ed25519-order", hostile_identity, NULL, 0 },
	{ "ed25519-short", BAD_SYNTAX, "", hostile_spki, "300a300506032b657003010001", 0 },
	{ "x25519", NOT_WANTED, "", hostile_spki, "302a300506032b656e032100" ZEROS_32, 0 },
	{ "dsa", NOT_KNOWN, "", hostile_spki,
	  "3013300906072a8648ce380401030600020301"
	  "0001",
	  0 },
	{ "bits-unused", BAD_SYNTAX, "", hostile_spki, "300a300506032b657003010701", 0 },
	{ "rsa-e-1", NOT_WANTED, "", hostile_rsa_numbers, "01", 2048 },
	{ "rsa-e-2", NOT_WANTED, "", hostile_rsa_numbers, "02", 2048 },
	{ "rsa-e-even", NOT_WANTED, "", hostile_rsa_numbers, "010000", 2048 },
	{ "rsa-e-huge", NOT_WANTED, "", hostile_rsa_numbers, "0200000001", 2048 },
	{ "rsa-e-3", NOT_WANTED, "rsa-exponent", hostile_rsa, "03", 2048 },
	{ "rsa-even", NOT_WANTED, "", hostile_rsa_numbers, "010001", -2048 },
	{ "rsa-512", NOT_WANTED, "", hostile_rsa_numbers, "010001", 512 },
	{ "rsa-1024", NOT_WANTED, "2048 to 4096 bits", hostile_rsa, "010001", 1024 },
	{ "rsa-16384", NOT_WANTED, "2048 to 4096 bits", hostile_rsa_numbers, "010001", 16384 },
	{ "rsa-16385", NOT_WANTED, "", hostile_rsa_numbers, "010001", 16385 },
	{ "rsa-32000", NOT_WANTED, "", hostile_rsa_numbers, "010001", 32000 },
	{ "rsa-factor", NOT_WANTED, "rsa-factors", hostile_factor, NULL, 2048 },
	{ "rsa-close", NOT_WANTED, "rsa-close-primes", hostile_close, NULL, 1024 },
	{ "rsa-roca", NOT_WANTED, "rsa-roca", hostile_roca, NULL, 1024 },
	{ "rsa-zero", NOT_WANTED, "", hostile_spki,
	  "301c300d06092a864886f70d0101010500030b00300802010002030100"
	  "01",
	  0 },

	{ "by-another", BAD_PROOF, "", make_by_another, NULL, 0 },
	{ "sha1", NOT_KNOWN, "too weak", make_identifier, "300906072a8648ce3d0401", 0 },
	{ "md5", NOT_KNOWN, "too weak", make_identifier, "300d06092a864886f70d0101040500", 0 },
	{ "rsa-algorithm", INRO_E_KEY_TYPE, "", make_identifier, "300d06092a864886f70d01010b0500",
	  0 },
	{ "algorithm-odd", NOT_KNOWN, "", make_identifier, "300506032a0304", 0 },
	{ "algorithm-octets", BAD_SYNTAX, "", make_identifier, "0400", 0 },
	{ "signature-empty", BAD_PROOF, "", make_signature, "3000", 0 },
	{ "signature-zero", BAD_PROOF, "", make_signature, "3006020100020100", 0 },

	{ "version-1", NOT_KNOWN, "", make_version, NULL, 1 },
	{ "version-negative", NOT_KNOWN, "", make_version, NULL, -1 },
	{ "nothing", BAD_SYNTAX, "", make_text, "", 0 },
	{ "one-octet", BAD_SYNTAX, "", make_bytes, "30", 0 },
	{ "length-huge", BAD_SYNTAX, "", make_bytes, "3084ffffffff", 0 },
	{ "length-of-9", BAD_SYNTAX, "", make_bytes, "3089ffffffffffffffffff", 0 },
	{ "indefinite", BAD_SYNTAX, "", make_bytes, "30800000", 0 },
	{ "cut-10", BAD_SYNTAX, "", make_cut, NULL, 10 },
	{ "cut-100", BAD_SYNTAX, "", make_cut, NULL, 100 },
	{ "followed", BAD_SYNTAX, "", make_followed, "x", 0 },
	{ "deep-octets", BAD_SYNTAX, "", make_much, "0\200", 30000 },
	{ "too-long", TOO_BIG, "", make_much, "0", 100000 },
	{ "pem-of-nothing", BAD_SYNTAX, "", make_text,
	  "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n", 0 },
	{ "pem-no-base64", BAD_SYNTAX, "", make_text,
	  "-----BEGIN CERTIFICATE REQUEST-----\n%%%%\n-----END CERTIFICATE REQUEST-----\n", 0 },
	{ "pem-endless", BAD_SYNTAX, "", make_text, "-----BEGIN CERTIFICATE REQUEST-----\nMIIB",
	  0 },
	{ "pem-of-key", BAD_SYNTAX, "", make_text,
	  "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n", 0 },
};

const struct hostile *hostile_at(size_t i)
{
	return i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}
