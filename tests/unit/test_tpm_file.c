/* TSS2 key files: the forms that are read, and those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/der.h"
#include "tpm/move/tpmfile.h"

static const uint8_t pub[] = { 0, 3, 'p', 'u', 'b' };
static const uint8_t priv[] = { 0, 4, 'p', 'r', 'i', 'v' };
static const uint8_t seed[] = { 0, 2, 's', 'd' };

static const struct tpmfile loadable = { .type = TPMFILE_LOADABLE,
					 .empty_auth = true,
					 .parent = 0x81000001,
					 .pub = { pub, sizeof pub },
					 .priv = { priv, sizeof priv } };

static void is_same(const struct tpmfile *a, const struct tpmfile *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->empty_auth, b->empty_auth);
	assert_int_equal(a->parent, b->parent);
	assert_true(bytes_equal(a->pub, b->pub));
	assert_true(bytes_equal(a->priv, b->priv));
	assert_true(bytes_equal(a->secret, b->secret));
}

static void what_is_written_is_read(void **state)
{
	struct tpmfile all[] = { loadable, loadable, loadable };

	(void)state;
	all[1].type = TPMFILE_IMPORTABLE;
	all[1].secret = BYTES(seed, sizeof seed);
	all[1].parent = TPM2_RH_OWNER;
	all[2].type = TPMFILE_SEALED;
	all[2].empty_auth = false;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		SCOPED(buf) der = { 0 };
		SCOPED(buf) pem = { 0 };
		SCOPED(buf) room = { 0 };
		struct tpmfile k;

		assert_int_equal(tpmfile_write(&all[i], &der), INRO_OK);
		assert_int_equal(tpmfile_read(buf_bytes(&der), &k), INRO_OK);
		is_same(&k, &all[i]);
		assert_int_equal(tpmfile_pem(buf_bytes(&der), &pem), INRO_OK);
		assert_int_equal(tpmfile_read_any(buf_bytes(&pem), &room, &k), INRO_OK);
		is_same(&k, &all[i]);
		assert_int_equal(tpmfile_read_any(buf_bytes(&der), &room, &k), INRO_OK);
		is_same(&k, &all[i]);
	}
}

/* A file by its parts, so that each can be otherwise. */
struct parts {
	const char *type;
	void (*fields)(struct buf *b);
	int64_t parent;
	struct bytes pub, priv;
	bool more;
};

static void field(struct buf *b, uint8_t number, uint8_t tag, struct bytes value)
{
	size_t mark = der_begin(b, (uint8_t)(DER_CONTEXT_CONSTRUCTED | number));

	der_add(b, tag, value);
	der_end(b, mark);
}

static void add_secret(struct buf *b)
{
	field(b, 2, DER_OCTET_STRING, BYTES(seed, sizeof seed));
}

static void add_long_secret(struct buf *b)
{
	field(b, 2, DER_OCTET_STRING, BYTES("\0\1ab", 4));
}

static void add_policy(struct buf *b)
{
	field(b, 1, DER_SEQUENCE, BYTES("\x30\x00", 2));
}

static void add_no_policy(struct buf *b)
{
	field(b, 1, DER_SEQUENCE, BYTES_NONE);
}

static void add_auth_policy(struct buf *b)
{
	field(b, 3, DER_SEQUENCE, BYTES("\x30\x00", 2));
}

static void add_description(struct buf *b)
{
	field(b, 0, DER_BOOLEAN, BYTES("\0", 1));
	field(b, 4, DER_UTF8_STRING, bytes_of("a key of mine"));
}

static void add_rsa_parent(struct buf *b)
{
	field(b, 5, DER_BOOLEAN, BYTES("\xff", 1));
}

static void add_unknown(struct buf *b)
{
	field(b, 6, DER_BOOLEAN, BYTES("\xff", 1));
}

static void add_in_disorder(struct buf *b)
{
	field(b, 4, DER_UTF8_STRING, bytes_of("text"));
	field(b, 0, DER_BOOLEAN, BYTES("\xff", 1));
}

static void add_strange_bool(struct buf *b)
{
	field(b, 0, DER_BOOLEAN, BYTES("\x02", 1));
}

static void make(const struct parts *p, struct buf *ret)
{
	size_t seq = der_begin(ret, DER_SEQUENCE);

	der_add_oid(ret, p->type ? p->type : "2.23.133.10.1.3");
	if (p->fields)
		p->fields(ret);
	der_add_int(ret, p->parent ? p->parent : 0x81000001);
	der_add(ret, DER_OCTET_STRING, p->pub.n ? p->pub : loadable.pub);
	der_add(ret, DER_OCTET_STRING, p->priv.n ? p->priv : loadable.priv);
	if (p->more)
		der_add_bool(ret, true);
	der_end(ret, seq);
	assert_int_equal(buf_err(ret), INRO_OK);
}

static void forms(void **state)
{
	static const struct {
		struct parts parts;
		enum inro_err want;
	} rows[] = {
		{ { .type = NULL }, INRO_OK },
		{ { .fields = add_description }, INRO_OK },
		{ { .fields = add_no_policy }, INRO_OK },
		{ { .parent = -0x7effffff }, INRO_OK }, /* 0x81000001 of 32 bits */
		{ { .type = "2.23.133.10.1.4", .fields = add_secret }, INRO_OK },
		{ { .type = "2.23.133.10.1.4" }, INRO_E_SYNTAX },
		{ { .type = "2.23.133.10.1.4", .fields = add_long_secret }, INRO_E_SYNTAX },
		{ { .fields = add_secret }, INRO_E_SYNTAX },
		{ { .type = "2.23.133.10.1.6" }, INRO_E_UNSUPPORTED },
		{ { .fields = add_policy }, INRO_E_UNSUPPORTED },
		{ { .fields = add_auth_policy }, INRO_E_UNSUPPORTED },
		{ { .fields = add_rsa_parent }, INRO_E_UNSUPPORTED },
		{ { .fields = add_unknown }, INRO_E_SYNTAX },
		{ { .fields = add_in_disorder }, INRO_E_SYNTAX },
		{ { .fields = add_strange_bool }, INRO_E_SYNTAX },
		{ { .parent = 0x100000000 }, INRO_E_SYNTAX },
		{ { .pub = { (const uint8_t *)"\0\4abc", 5 } }, INRO_E_SYNTAX },
		{ { .priv = { (const uint8_t *)"\0\2abc", 5 } }, INRO_E_SYNTAX },
		{ { .more = true }, INRO_E_SYNTAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		SCOPED(buf) der = { 0 };
		struct tpmfile k;
		enum inro_err e;

		make(&rows[i].parts, &der);
		e = tpmfile_read(buf_bytes(&der), &k);
		if (e != rows[i].want)
			fail_msg("row %zu: %s (%s)", i, err_name(e), err_detail(e));
		if (!e)
			assert_int_equal(k.parent, 0x81000001);
	}
}

static void broken_text(void **state)
{
	static const char *const texts[] = {
		"",
		"hello",
		"-----BEGIN TSS2 PRIVATE KEY-----\nMAAA\n",
		"-----BEGIN TSS2 PRIVATE KEY-----\n!!!!\n-----END TSS2 PRIVATE KEY-----\n",
		"-----BEGIN TSS2 PRIVATE KEY-----\n-----END TSS2 PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
	};
	SCOPED(buf) room = { 0 };
	SCOPED(buf) big = { 0 };
	struct tpmfile k;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(tpmfile_read_any(bytes_of(texts[i]), &room, &k), INRO_E_SYNTAX);
	memset(buf_extend(&big, 20000), '-', 20000);
	assert_int_equal(tpmfile_read_any(buf_bytes(&big), &room, &k), INRO_E_TOO_BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(forms),
		cmocka_unit_test(broken_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
