/* test_public - SubjectPublicKeyInfo from the objects that different modules keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/lib/fake_load.h"

#define OK(x) assert_int_equal(x, INRO_OK)

/* Made by openssl(1): an EC key, a certificate of it, an RSA key. */
#define EC_POINT_HEX  "049c" EC_REST_HEX
#define EC_TRICKY_HEX "043f" EC_REST_HEX /* looks like an OCTET STRING */
#define EC_REST_HEX                                                                                \
	"6e931e8fd4dc5e20a18791af16b2df2a9e35bdf41a4e026395805f52d64647b2b2e1d7dc560ea7e2"         \
	"b583b073a5bae6b72ca43fa34703169c3dc368dde8c3f4"
#define EC_SPKI_START "3059301306072a8648ce3d020106082a8648ce3d030107034200"
#define EC_SPKI_HEX   EC_SPKI_START EC_POINT_HEX
#define MODULUS_HEX                                                                                \
	"e5f52e92004783d973c865c0f1dbcb2073995c4c0ffc1df999a1883020dd3a21bb8781f5d927f62991ef"     \
	"67848b308ecf0673946e27498a0ead6047a9f2871215ed63b39cfe2607136a06ad6dc2f017062d0bf0d7"     \
	"e8af27b99b9cd18a47e8e80f9a39f6f6e87e7ad93df474e41fe78491578473c4b510b7872a14f4fda882"     \
	"17e7"

static const char certificate_hex[] =
	"3082017330820119a003020102021434fda874e6fee314b9cbed0662e529cb9e6f28a7300a06082a8648"
	"ce3d040302300f310d300b06035504030c0454657374301e170d3236313132313031343630325a170d32"
	"36313230313031343630325a300f310d300b06035504030c04546573743059301306072a8648ce3d0201"
	"06082a8648ce3d030107034200049c6e931e8fd4dc5e20a18791af16b2df2a9e35bdf41a4e026395805f"
	"52d64647b2b2e1d7dc560ea7e2b583b073a5bae6b72ca43fa34703169c3dc368dde8c3f4a3533051301d"
	"0603551d0e04160414c524d460a8f8a72494afa17ebe6f9b5da3008ba9301f0603551d23041830168014"
	"c524d460a8f8a72494afa17ebe6f9b5da3008ba9300f0603551d130101ff040530030101ff300a06082a"
	"8648ce3d04030203480030450220604244662f02cba5c652c70f1042dcdfec6dc1828c57d5d823f6a2e1"
	"cfe27c20022100ef14a340ef540efe4c6ae6d5557f79c37f532705e02e1dc44ebf6f73d51a229e";
static const char rsa_spki_hex[] =
	"30819f300d06092a864886f70d010101050003818d0030818902818100" MODULUS_HEX "0203010001";

struct blob {
	uint8_t p[2048];
	size_t n;
};

static struct blob from_hex(const char *hex)
{
	struct blob b;

	OK(hex_decode(bytes_of(hex), b.p, sizeof b.p, &b.n));
	return b;
}

static CK_OBJECT_CLASS private = CKO_PRIVATE_KEY, public = CKO_PUBLIC_KEY, cert = CKO_CERTIFICATE;
static CK_KEY_TYPE ec = CKK_EC, rsa = CKK_RSA, aes = CKK_AES, ml_kem = CKK_ML_KEM;
static uint8_t id[] = "\x01";
static uint8_t p256[] = "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
static uint8_t explicit_params[] = "\x30\x03\x02\x01\x01";

#define CLASS(c)                                                                                   \
	{                                                                                          \
		CKA_CLASS, &(c), sizeof(c)                                                         \
	}
#define TYPE(t)                                                                                    \
	{                                                                                          \
		CKA_KEY_TYPE, &(t), sizeof(t)                                                      \
	}
#define TEXT(type, bytes)                                                                          \
	{                                                                                          \
		type, bytes, sizeof(bytes) - 1                                                     \
	}
#define BLOB(type, b)                                                                              \
	{                                                                                          \
		type, (b).p, (b).n                                                                 \
	}
#define OBJECT(attrs) ((struct fake_object) { attrs, ARRAY_LEN(attrs) })

static void assert_spki(struct ck_module *m, CK_OBJECT_HANDLE object, const char *hex)
{
	SCOPED(buf) spki = { 0 };
	struct blob want = from_hex(hex);

	buf_add_str(&spki, "x"); /* it is appended */
	OK(ck_public_key(m, 100, object, &spki));
	assert_int_equal(spki.n, 1 + want.n);
	assert_memory_equal(spki.p + 1, want.p, want.n);
}

static void assert_no_spki(struct ck_module *m, CK_OBJECT_HANDLE object, enum inro_err want)
{
	SCOPED(buf) spki = { 0 };

	assert_int_equal(ck_public_key(m, 100, object, &spki), want);
	assert_int_equal(spki.n, 0);
}

static void test_from_info(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	struct blob spki = from_hex(EC_SPKI_HEX);
	const CK_ATTRIBUTE key[] = { CLASS(private), BLOB(CKA_PUBLIC_KEY_INFO, spki) };

	(void)state;
	f->objects[0] = OBJECT(key);
	assert_spki(m, 1, EC_SPKI_HEX);
}

static void test_from_ec_parts(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	struct blob wrapped = from_hex("0441" EC_POINT_HEX), bare = from_hex(EC_POINT_HEX);
	struct blob tricky = from_hex(EC_TRICKY_HEX),
		    tricky_wrapped = from_hex("0441" EC_TRICKY_HEX);
	const CK_ATTRIBUTE a[] = { CLASS(public), TYPE(ec), TEXT(CKA_EC_PARAMS, p256),
				   BLOB(CKA_EC_POINT, wrapped) };
	const CK_ATTRIBUTE b[] = { CLASS(public), TYPE(ec), TEXT(CKA_EC_PARAMS, p256),
				   BLOB(CKA_EC_POINT, bare) };
	const CK_ATTRIBUTE c[] = { CLASS(public), TYPE(ec), TEXT(CKA_EC_PARAMS, explicit_params),
				   BLOB(CKA_EC_POINT, bare) };
	const CK_ATTRIBUTE d[] = { CLASS(public), TYPE(ec), TEXT(CKA_EC_PARAMS, p256),
				   BLOB(CKA_EC_POINT, tricky) };
	const CK_ATTRIBUTE g[] = { CLASS(public), TYPE(ec), TEXT(CKA_EC_PARAMS, p256),
				   BLOB(CKA_EC_POINT, tricky_wrapped) };

	(void)state;
	f->objects[0] = OBJECT(a);
	f->objects[1] = OBJECT(b);
	f->objects[2] = OBJECT(c);
	f->objects[3] = OBJECT(d);
	f->objects[4] = OBJECT(g);
	assert_spki(m, 4, EC_SPKI_START EC_TRICKY_HEX);
	assert_spki(m, 5, EC_SPKI_START EC_TRICKY_HEX);
	assert_spki(m, 1, EC_SPKI_HEX);
	assert_spki(m, 2, EC_SPKI_HEX);
	assert_no_spki(m, 3, INRO_E_CURVE);
}

static void test_from_rsa_parts(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	struct blob modulus = from_hex(MODULUS_HEX), padded = from_hex("00" MODULUS_HEX);
	uint8_t exponent[] = "\x01\x00\x01";
	const CK_ATTRIBUTE a[] = { CLASS(private), TYPE(rsa), BLOB(CKA_MODULUS, modulus),
				   TEXT(CKA_PUBLIC_EXPONENT, exponent) };
	const CK_ATTRIBUTE b[] = { CLASS(public), TYPE(rsa), BLOB(CKA_MODULUS, padded),
				   TEXT(CKA_PUBLIC_EXPONENT, exponent) };

	(void)state;
	f->objects[0] = OBJECT(a);
	f->objects[1] = OBJECT(b);
	assert_spki(m, 1, rsa_spki_hex);
	assert_spki(m, 2, rsa_spki_hex);
}

/* A module of before 3.2's CKA_PUBLIC_KEY_INFO: the public object's value and parameter set.  The
 * value of the private object is never asked for. */
static void test_from_parameter_set(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	static const uint8_t head[] = "\x30\x82\x03\x32\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03"
				      "\x04\x04\x01\x03\x82\x03\x21\x00";
	struct blob value = { .n = 800 };
	CK_ULONG set = CKP_ML_KEM_512, other = 77;
	const CK_ATTRIBUTE key[] = { CLASS(private),
				     TYPE(ml_kem),
				     TEXT(CKA_ID, id),
				     { CKA_PARAMETER_SET, &set, sizeof set },
				     BLOB(CKA_VALUE, value) };
	const CK_ATTRIBUTE peer[] = { CLASS(public),
				      TYPE(ml_kem),
				      TEXT(CKA_ID, id),
				      { CKA_PARAMETER_SET, &set, sizeof set },
				      BLOB(CKA_VALUE, value) };
	const CK_ATTRIBUTE odd[] = { CLASS(public),
				     TYPE(ml_kem),
				     { CKA_PARAMETER_SET, &other, sizeof other },
				     BLOB(CKA_VALUE, value) };
	const CK_ATTRIBUTE cut[] = { CLASS(public),
				     TYPE(ml_kem),
				     { CKA_PARAMETER_SET, &set, sizeof set },
				     { CKA_VALUE, value.p, value.n - 1 } };
	SCOPED(buf) spki = { 0 };

	(void)state;
	memset(value.p, 0x5a, value.n);
	f->objects[0] = OBJECT(key);
	assert_no_spki(m, 1, INRO_E_NOT_FOUND);
	f->objects[1] = OBJECT(peer);
	OK(ck_public_key(m, 100, 1, &spki));
	assert_int_equal(spki.n, sizeof head - 1 + value.n);
	assert_memory_equal(spki.p, head, sizeof head - 1);
	assert_memory_equal(spki.p + sizeof head - 1, value.p, value.n);
	f->objects[2] = OBJECT(odd);
	f->objects[3] = OBJECT(cut);
	assert_no_spki(m, 3, INRO_E_PARAMETER_SET);
	assert_no_spki(m, 4, INRO_E_PUBLIC_KEY);
}

static void test_from_peers(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	struct blob value = from_hex(certificate_hex), bare = from_hex(EC_POINT_HEX);
	const CK_ATTRIBUTE key[] = { CLASS(private), TYPE(ec), TEXT(CKA_ID, id),
				     TEXT(CKA_EC_PARAMS, p256) };
	const CK_ATTRIBUTE peer[] = { CLASS(public), TYPE(ec), TEXT(CKA_ID, id),
				      TEXT(CKA_EC_PARAMS, p256), BLOB(CKA_EC_POINT, bare) };
	const CK_ATTRIBUTE crt[] = { CLASS(cert), TEXT(CKA_ID, id), BLOB(CKA_VALUE, value) };

	(void)state;
	f->objects[0] = OBJECT(key);
	assert_no_spki(m, 1, INRO_E_NOT_FOUND);
	f->objects[1] = OBJECT(crt);
	assert_spki(m, 1, EC_SPKI_HEX);
	assert_spki(m, 2, EC_SPKI_HEX);
	f->objects[2] = OBJECT(peer);
	assert_spki(m, 1, EC_SPKI_HEX);
}

static void test_not_there(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	struct blob broken = from_hex(certificate_hex);
	const CK_ATTRIBUTE secret[] = { CLASS(private), TYPE(aes) };
	const CK_ATTRIBUTE crt[] = { CLASS(cert), { CKA_VALUE, broken.p, broken.n - 1 } };
	const CK_ATTRIBUTE empty[] = { CLASS(private), TYPE(ec), { CKA_ID, id, 0 } };

	(void)state;
	f->objects[0] = OBJECT(secret);
	f->objects[1] = OBJECT(crt);
	f->objects[2] = OBJECT(empty);
	assert_no_spki(m, 1, INRO_E_UNSUPPORTED);
	assert_no_spki(m, 2, INRO_E_SYNTAX);
	assert_no_spki(m, 3, INRO_E_NOT_FOUND);
	f->get_attribute = CKR_SESSION_HANDLE_INVALID;
	assert_no_spki(m, 1, INRO_E_SESSION_HANDLE);
}

static void test_attributes(void **state)
{
	AUTO(ck_module_close_ptr) struct ck_module *m = NULL;
	struct fake *f = fake_open(FAKE_PLAIN, &m);
	CK_BBOOL yes = CK_TRUE;
	const CK_ATTRIBUTE key[] = {
		CLASS(private), { CKA_TOKEN, &yes, 1 }, { CKA_ID, id, 0 }, { CKA_LABEL, id, 1 }
	};
	SCOPED(buf) value = { 0 };
	CK_ULONG n = 77;
	bool b = false;

	(void)state;
	f->objects[0] = OBJECT(key);
	OK(ck_attr_bool(m, 100, 1, CKA_TOKEN, &b));
	assert_true(b);
	OK(ck_attr_bool(m, 100, 1, CKA_SENSITIVE, &b));
	assert_false(b);
	assert_int_equal(ck_attr_bool(m, 100, 1, CKA_CLASS, &b), INRO_E_TOKEN);
	assert_int_equal(ck_attr_ulong(m, 100, 1, CKA_KEY_TYPE, &n), INRO_E_NOT_FOUND);
	assert_int_equal(ck_attr_ulong(m, 100, 1, CKA_LABEL, &n), INRO_E_TOKEN);
	assert_int_equal(n, 77);
	OK(ck_attr(m, 100, 1, CKA_ID, &value));
	assert_int_equal(value.n, 0);
	OK(ck_attr(m, 100, 1, CKA_LABEL, &value));
	assert_int_equal(value.n, 1);
	assert_int_equal(ck_attr(m, 100, 1, CKA_VALUE, &value), INRO_E_NOT_FOUND);
	f->get_attribute = CKR_ATTRIBUTE_SENSITIVE;
	assert_int_equal(ck_attr(m, 100, 1, CKA_LABEL, &value), INRO_E_ATTR_SENSITIVE);
	assert_int_equal(value.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_info),	   cmocka_unit_test(test_from_ec_parts),
		cmocka_unit_test(test_from_rsa_parts),	   cmocka_unit_test(test_from_peers),
		cmocka_unit_test(test_from_parameter_set), cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
