/* C_WrapKey and C_UnwrapKey: every mechanism there and back, known answers, lengths and codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/own.h"
#include "tests/lib/moving.h"

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;

static int each_setup(void **state)
{
	(void)state;
	s = module_user(&slot);
	return 0;
}

static int each_teardown(void **state)
{
	(void)state;
	return p11->C_CloseAllSessions(slot) != CKR_OK;
}

/* ---- every mechanism ---- */

static CK_BYTE iv[16] = { 1, 2, 3 };
static CK_BYTE chacha_counter[4];
static CK_AES_CTR_PARAMS ctr = { .ulCounterBits = 128 };
static CK_GCM_PARAMS gcm = { .pIv = iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
static CK_CCM_PARAMS ccm = { .pNonce = iv, .ulNonceLen = 12, .ulMACLen = 16 };
static CK_CHACHA20_PARAMS chacha = {
	.pBlockCounter = chacha_counter, .blockCounterBits = 32, .pNonce = iv, .ulNonceBits = 96
};
static CK_SALSA20_CHACHA20_POLY1305_PARAMS poly = { .pNonce = iv, .ulNonceLen = 12 };
static CK_RSA_PKCS_OAEP_PARAMS oaep = { .hashAlg = CKM_SHA256,
					.mgf = CKG_MGF1_SHA256,
					.source = CKZ_DATA_SPECIFIED };
static CK_RSA_AES_KEY_WRAP_PARAMS rsa_aes = { .ulAESKeyBits = 256, .pOAEPParams = &oaep };
static CK_ECDH_AES_KEY_WRAP_PARAMS ecdh_aes = { .ulAESKeyBits = 256, .kdf = CKD_SHA256_KDF };

enum by { BY_AES, BY_CHACHA, BY_RSA, BY_EC };

/* What it can carry. */
enum { BLOCKS = 1, EIGHTS = 2, ANY_SIZE = 4, LONG = 8 };

static const struct row {
	CK_MECHANISM m;
	enum by by;
	unsigned carries;
} rows[] = {
	{ { CKM_AES_ECB, NULL, 0 }, BY_AES, BLOCKS | LONG },
	{ { CKM_AES_CBC, iv, 16 }, BY_AES, BLOCKS | LONG },
	{ { CKM_AES_CBC_PAD, iv, 16 }, BY_AES, ANY_SIZE | LONG },
	{ { CKM_AES_CTR, &ctr, sizeof ctr }, BY_AES, ANY_SIZE | LONG },
	{ { CKM_AES_OFB, iv, 16 }, BY_AES, ANY_SIZE | LONG },
	{ { CKM_AES_CFB128, iv, 16 }, BY_AES, ANY_SIZE | LONG },
	{ { CKM_AES_CFB8, iv, 16 }, BY_AES, ANY_SIZE | LONG },
	{ { CKM_AES_GCM, &gcm, sizeof gcm }, BY_AES, ANY_SIZE | LONG },
	{ { CKM_AES_CCM, &ccm, sizeof ccm }, BY_AES, 0 }, /* the length is a parameter */
	{ { CKM_AES_KEY_WRAP, NULL, 0 }, BY_AES, EIGHTS | LONG },
	{ { CKM_AES_KEY_WRAP_KWP, NULL, 0 }, BY_AES, ANY_SIZE | LONG },
	{ { CKM_CHACHA20, &chacha, sizeof chacha }, BY_CHACHA, ANY_SIZE | LONG },
	{ { CKM_CHACHA20_POLY1305, &poly, sizeof poly }, BY_CHACHA, ANY_SIZE | LONG },
	{ { CKM_RSA_PKCS, NULL, 0 }, BY_RSA, ANY_SIZE },
	{ { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep }, BY_RSA, ANY_SIZE },
	{ { CKM_RSA_AES_KEY_WRAP, &rsa_aes, sizeof rsa_aes }, BY_RSA, ANY_SIZE | LONG },
	{ { CKM_ECDH_AES_KEY_WRAP, &ecdh_aes, sizeof ecdh_aes }, BY_EC, ANY_SIZE | LONG },
};

static const struct row *row_of(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].m.mechanism == type)
			return &rows[i];
	}
	return NULL;
}

/* Which of those that the slot lists have this flag. */
static CK_ULONG listed(CK_FLAGS flag, CK_MECHANISM_TYPE *ret, CK_ULONG cap)
{
	CK_MECHANISM_TYPE all[512];
	CK_ULONG n = ARRAY_LEN(all), found = 0;

	OK(p11->C_GetMechanismList(slot, all, &n));
	for (CK_ULONG i = 0; i < n; i++) {
		CK_MECHANISM_INFO info;

		OK(p11->C_GetMechanismInfo(slot, all[i], &info));
		if (info.flags & flag && found < cap)
			ret[found++] = all[i];
	}
	return found;
}

static struct module_pair ec_pair(void)
{
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
				  A_BOOL(CKA_WRAP, CK_TRUE) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_UNWRAP, CK_TRUE) };
	struct module_pair p = { 0 };

	OK(p11->C_GenerateKeyPair(s, &m, public, 2, private, 1, &p.public, &p.private));
	return p;
}

static struct module_pair wrapping_key(enum by by)
{
	CK_MECHANISM chacha_gen = { CKM_CHACHA20_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE t[MOVING_MAX];
	CK_OBJECT_HANDLE key = 0;

	if (by == BY_RSA)
		return moving_rsa(s, 0);
	if (by == BY_EC)
		return ec_pair();
	if (by == BY_AES)
		key = moving_aes(s, M_MOVER, 32);
	else
		OK(p11->C_GenerateKey(s, &chacha_gen, t, moving_template(M_MOVER, t), &key));
	return (struct module_pair) { .public = key, .private = key };
}

static void there_and_back(const struct row *r, struct module_pair by, CK_ULONG n)
{
	CK_MECHANISM m = r->m;
	CK_CCM_PARAMS sized = ccm;
	CK_BYTE before[128], after[128];
	CK_OBJECT_HANDLE key = moving_generic(s, M_OPEN, n), back;
	struct blob b;
	CK_RV rv;

	if (m.mechanism == CKM_AES_CCM) {
		sized.ulDataLen = n;
		m.pParameter = &sized;
	}
	MUST(moving_value(s, key, before, sizeof before, &rv) == n);
	OK(moving_wrap(s, &m, by.public, key, &b));
	MUST(memcmp(b.p, before, n) != 0);
	OK(moving_unwrap(s, &m, by.private, &b, M_OPEN, CKK_GENERIC_SECRET, &back));
	MUST(moving_value(s, back, after, sizeof after, &rv) == n);
	assert_memory_equal(before, after, n);
	MUST(module_ulong(s, back, CKA_VALUE_LEN) == n);
}

static void private_there_and_back(const struct row *r, struct module_pair by)
{
	struct module_pair pair = module_ec(s, false, true);
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY), A_ULONG(CKA_KEY_TYPE, CKK_EC),
			     A_BOOL(CKA_SIGN, CK_TRUE), A_BOOL(CKA_SENSITIVE, CK_FALSE) };
	CK_MECHANISM m = r->m;
	CK_OBJECT_HANDLE back = 0;
	CK_BYTE sig[64];
	struct blob b;

	OK(moving_wrap(s, &m, by.public, pair.private, &b));
	OK(p11->C_UnwrapKey(s, &m, by.private, b.p, b.n, t, ARRAY_LEN(t), &back));
	OK(module_sign(s, back, sig));
	OK(module_verify(s, pair.public, sig));
	t[1] = (CK_ATTRIBUTE)A_ULONG(CKA_KEY_TYPE, CKK_RSA);
	GIVES(CKR_WRAPPED_KEY_INVALID,
	      p11->C_UnwrapKey(s, &m, by.private, b.p, b.n, t, ARRAY_LEN(t), &back));
}

static void every_listed_mechanism_goes_there_and_back(void **state)
{
	CK_MECHANISM_TYPE types[64];
	CK_ULONG n = listed(CKF_WRAP, types, ARRAY_LEN(types));

	(void)state;
	assert_true(n > 0);
	for (CK_ULONG i = 0; i < n; i++) {
		const struct row *r = row_of(types[i]);

		if (!r)
			print_error("mechanism 0x%lx wraps and has no row here\n", types[i]);
		assert_non_null(r);
		struct module_pair by = wrapping_key(r->by);

		there_and_back(r, by, 16);
		there_and_back(r, by, 64);
		if (r->carries & (EIGHTS | ANY_SIZE))
			there_and_back(r, by, 24);
		if (r->carries & ANY_SIZE)
			there_and_back(r, by, 33);
		if ((r->carries & LONG) && (r->carries & ANY_SIZE))
			private_there_and_back(r, by);
	}
}

/* ---- known answers ---- */

static void known_answer(const char *kek, CK_ULONG kek_n, const char *key, CK_ULONG key_n,
			 CK_MECHANISM *m, const char *want, CK_ULONG want_n)
{
	CK_OBJECT_HANDLE by, o, back;
	CK_BYTE value[64];
	struct blob b;
	CK_RV rv;

	OK(moving_import(s, M_WRAP | M_UNWRAP, CKK_AES, kek, kek_n, &by));
	OK(moving_import(s, M_OPEN, CKK_GENERIC_SECRET, key, key_n, &o));
	OK(moving_wrap(s, m, by, o, &b));
	assert_int_equal(b.n, want_n);
	assert_memory_equal(b.p, want, want_n);
	OK(moving_unwrap(s, m, by, &b, M_OPEN, CKK_GENERIC_SECRET, &back));
	assert_int_equal(moving_value(s, back, value, sizeof value, &rv), key_n);
	assert_memory_equal(value, key, key_n);
}

#define TEXT(s) s, sizeof(s) - 1

/* RFC 3394 4.6, RFC 5649 6. */
static void key_wrap_gives_the_rfcs_answers(void **state)
{
	(void)state;
	known_answer(TEXT("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
			  "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"),
		     TEXT("\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"
			  "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"),
		     &moving_kw,
		     TEXT("\x28\xc9\xf4\x04\xc4\xb8\x10\xf4\xcb\xcc\xb3\x5c\xfb\x87\xf8\x26"
			  "\x3f\x57\x86\xe2\xd8\x0e\xd3\x26\xcb\xc7\xf0\xe7\x1a\x99\xf4\x3b"
			  "\xfb\x98\x8b\x9b\x7a\x02\xdd\x21"));
	known_answer(TEXT("\x58\x40\xdf\x6e\x29\xb0\x2a\xf1\xab\x49\x3b\x70\x5b\xf1\x6e\xa1"
			  "\xae\x83\x38\xf4\xdc\xc1\x76\xa8"),
		     TEXT("\xc3\x7b\x7e\x64\x92\x58\x43\x40\xbe\xd1\x22\x07\x80\x89\x41\x15"
			  "\x50\x68\xf7\x38"),
		     &moving_kwp,
		     TEXT("\x13\x8b\xde\xaa\x9b\x8f\xa7\xfc\x61\xf9\x77\x42\xe7\x22\x48\xee"
			  "\x5a\xe6\xae\x53\x60\xd1\xae\x6a\x5f\x54\xf3\x73\xfa\x54\x3b\x6a"));
}

/* ---- lengths ---- */

static void a_question_for_the_length_has_no_effect(void **state)
{
	CK_OBJECT_HANDLE key = moving_aes(s, M_TARGET, 32), open = moving_aes(s, M_OPEN, 32);
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), back;
	CK_ULONG n = 0;
	CK_BYTE small[8];
	struct blob b;

	(void)state;
	OK(p11->C_WrapKey(s, &moving_kwp, by, key, NULL, &n));
	assert_int_equal(n, 40);
	n = sizeof small;
	GIVES(CKR_BUFFER_TOO_SMALL, p11->C_WrapKey(s, &moving_kwp, by, key, small, &n));
	assert_int_equal(n, 40);
	/* a readable key still moves: no role was taken */
	OK(moving_wrap(s, &moving_kwp, by, open, &b));
	OK(moving_unwrap(s, &moving_kwp, by, &b, M_OPEN, CKK_AES, &back));
}

/* ---- codes ---- */

static void each_argument_has_its_code(void **state)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32);
	CK_OBJECT_HANDLE no_use = moving_aes(s, M_SENSITIVE | M_ENCRYPT, 32), back;
	CK_OBJECT_HANDLE fixed = moving_aes(s, M_SENSITIVE, 32),
			 mac = moving_generic(s, M_MOVER, 32);
	struct module_pair rsa = moving_rsa(s, 0);
	struct blob b, bad = { .n = 40 };
	CK_ULONG n;

	(void)state;
	GIVES(CKR_WRAPPING_KEY_HANDLE_INVALID, moving_wrap(s, &moving_kwp, 0, key, &b));
	GIVES(CKR_KEY_HANDLE_INVALID, moving_wrap(s, &moving_kwp, by, 0, &b));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED, moving_wrap(s, &moving_kwp, no_use, key, &b));
	GIVES(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, moving_wrap(s, &moving_kwp, mac, key, &b));
	GIVES(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, moving_wrap(s, &moving_kwp, rsa.public, key, &b));
	GIVES(CKR_KEY_UNEXTRACTABLE, moving_wrap(s, &moving_kwp, by, fixed, &b));
	GIVES(CKR_KEY_NOT_WRAPPABLE, moving_wrap(s, &moving_kwp, by, rsa.public, &b));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_WrapKey(s, NULL, by, key, b.p, &n));
	GIVES(CKR_ARGUMENTS_BAD, p11->C_WrapKey(s, &moving_kwp, by, key, b.p, NULL));
	GIVES(CKR_UNWRAPPING_KEY_HANDLE_INVALID,
	      moving_unwrap(s, &moving_kwp, 0, &bad, M_SENSITIVE, CKK_AES, &back));
	GIVES(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
	      moving_unwrap(s, &moving_kwp, mac, &bad, M_SENSITIVE, CKK_AES, &back));
	GIVES(CKR_KEY_FUNCTION_NOT_PERMITTED,
	      moving_unwrap(s, &moving_kwp, no_use, &bad, M_SENSITIVE, CKK_AES, &back));
	GIVES(CKR_WRAPPED_KEY_INVALID,
	      moving_unwrap(s, &moving_kwp, by, &bad, M_SENSITIVE, CKK_AES, &back));
}

/* A blob that is whole but holds no key of the type that was said. */
static void a_secret_must_fit_its_type(void **state)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_generic(s, M_OPEN, 20), back;
	struct blob b;

	(void)state;
	OK(moving_wrap(s, &moving_kwp, by, key, &b));
	GIVES(CKR_WRAPPED_KEY_INVALID,
	      moving_unwrap(s, &moving_kwp, by, &b, M_SENSITIVE, CKK_AES, &back));
	OK(moving_unwrap(s, &moving_kwp, by, &b, M_SENSITIVE, CKK_GENERIC_SECRET, &back));
}

static void templates_of_the_key_are_kept(void **state)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE extractable = { CKA_EXTRACTABLE, &yes, sizeof yes };
	CK_ULONG type = CKK_AES;
	CK_ATTRIBUTE aes_only = { CKA_KEY_TYPE, &type, sizeof type };
	CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE t[MOVING_MAX + 3] = {
		A_ULONG(CKA_VALUE_LEN, 32), A_BYTES(CKA_WRAP_TEMPLATE, &aes_only, sizeof aes_only),
		A_BYTES(CKA_UNWRAP_TEMPLATE, &extractable, sizeof extractable)
	};
	CK_ATTRIBUTE bare[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
				A_ULONG(CKA_KEY_TYPE, CKK_AES) };
	CK_OBJECT_HANDLE by = 0, back;
	struct blob b;

	(void)state;
	OK(p11->C_GenerateKey(s, &gen, t, 3 + moving_template(M_MOVER, t + 3), &by));
	GIVES(CKR_KEY_HANDLE_INVALID,
	      moving_wrap(s, &moving_kwp, by, moving_generic(s, M_TARGET, 32), &b));
	OK(moving_wrap(s, &moving_kwp, by, moving_aes(s, M_TARGET, 32), &b));
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      moving_unwrap(s, &moving_kwp, by, &b, M_SENSITIVE, CKK_AES, &back));
	OK(p11->C_UnwrapKey(s, &moving_kwp, by, b.p, b.n, bare, ARRAY_LEN(bare), &back));
	MUST(module_bool(s, back, CKA_EXTRACTABLE));
	MUST(module_bool(s, back, CKA_SENSITIVE));
}

static void what_is_wrong_with_the_callers_template_is_told(void **state)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE extractable = { CKA_EXTRACTABLE, &yes, sizeof yes };
	CK_ATTRIBUTE modulus = { CKA_MODULUS_BITS, &(CK_ULONG) { 1 }, sizeof(CK_ULONG) };
	CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE t[MOVING_MAX + 2] = { A_ULONG(CKA_VALUE_LEN, 32),
					   A_BYTES(CKA_UNWRAP_TEMPLATE, &extractable,
						   sizeof extractable) };
	CK_ATTRIBUTE own[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_AES),
			       A_BOOL(CKA_DECRYPT, CK_TRUE) };
	CK_ULONG n = 2 + moving_template(M_MOVER, t + 2);
	CK_OBJECT_HANDLE by = 0, back;
	struct blob b;

	(void)state;
	OK(p11->C_GenerateKey(s, &gen, t, n, &by));
	OK(moving_wrap(s, &moving_kwp, by, moving_aes(s, M_TARGET, 32), &b));
	OK(p11->C_UnwrapKey(s, &moving_kwp, by, b.p, b.n, own, 3, &back));
	own[2] = modulus;
	GIVES(CKR_ATTRIBUTE_TYPE_INVALID,
	      p11->C_UnwrapKey(s, &moving_kwp, by, b.p, b.n, own, 3, &back));
	own[2] = (CK_ATTRIBUTE)A_BOOL(CKA_LOCAL, CK_TRUE);
	GIVES(CKR_ATTRIBUTE_READ_ONLY,
	      p11->C_UnwrapKey(s, &moving_kwp, by, b.p, b.n, own, 3, &back));
	own[2] = (CK_ATTRIBUTE)A_BOOL(CKA_DECRYPT, 2);
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID,
	      p11->C_UnwrapKey(s, &moving_kwp, by, b.p, b.n, own, 3, &back));
	own[1] = (CK_ATTRIBUTE)A_ULONG(CKA_KEY_TYPE, 0x7777);
	GIVES(CKR_ATTRIBUTE_VALUE_INVALID,
	      p11->C_UnwrapKey(s, &moving_kwp, by, b.p, b.n, own, 2, &back));
}

/* It asks for what no key of that kind has. */
static void what_is_wrong_with_the_keys_template_is_its_own(void **state)
{
	CK_ATTRIBUTE modulus = { CKA_MODULUS_BITS, &(CK_ULONG) { 1 }, sizeof(CK_ULONG) };
	CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_ATTRIBUTE t[MOVING_MAX + 2] = { A_ULONG(CKA_VALUE_LEN, 32),
					   A_BYTES(CKA_UNWRAP_TEMPLATE, &modulus, sizeof modulus) };
	CK_ULONG n = 2 + moving_template(M_MOVER, t + 2);
	CK_OBJECT_HANDLE by = 0, back;
	struct blob b;

	(void)state;
	OK(p11->C_GenerateKey(s, &gen, t, n, &by));
	OK(moving_wrap(s, &moving_kwp, by, moving_aes(s, M_TARGET, 32), &b));
	GIVES(CKR_TEMPLATE_INCONSISTENT,
	      moving_unwrap(s, &moving_kwp, by, &b, M_SENSITIVE, CKK_AES, &back));
}

/* ---- associated data: the parameter is that of a message, with the tag in it ---- */

static CK_BYTE nonce[12], tag[16];
static CK_GCM_MESSAGE_PARAMS gcm_message = { .pIv = nonce,
					     .ulIvLen = sizeof nonce,
					     .ivGenerator = CKG_GENERATE,
					     .pTag = tag,
					     .ulTagBits = 128 };
static CK_CCM_MESSAGE_PARAMS ccm_message = { .ulDataLen = 32,
					     .pNonce = nonce,
					     .ulNonceLen = sizeof nonce,
					     .nonceGenerator = CKG_GENERATE,
					     .pMAC = tag,
					     .ulMACLen = sizeof tag };
static CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS poly_message = { .pNonce = nonce,
								.ulNonceLen = sizeof nonce,
								.pTag = tag };

static CK_BYTE device[] = "device 1", other_device[] = "device 2";

static struct sealing {
	CK_MECHANISM m;
	enum by by;
	unsigned key;
} sealings[] = {
	{ { CKM_AES_GCM, &gcm_message, sizeof gcm_message }, BY_AES, M_TARGET },
	{ { CKM_AES_CCM, &ccm_message, sizeof ccm_message }, BY_AES, M_TARGET },
	/* there is nobody to make the nonce: not for sensitive keys */
	{ { CKM_CHACHA20_POLY1305, &poly_message, sizeof poly_message }, BY_CHACHA, M_OPEN },
};

static CK_RV open_sealed(struct sealing *e, CK_OBJECT_HANDLE by, struct blob *b, CK_BYTE *ad,
			 CK_OBJECT_HANDLE *ret)
{
	CK_ATTRIBUTE t[MOVING_MAX + 2] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
					   A_ULONG(CKA_KEY_TYPE, CKK_AES) };
	CK_ULONG n = 2 + moving_template(e->key | M_DECRYPT, t + 2);

	return moving_3_2()->C_UnwrapKeyAuthenticated(s, &e->m, by, b->p, b->n, t, n, ad,
						      sizeof device, ret);
}

static void seal_and_open(struct sealing *e)
{
	struct ck_functions_3_2 *f = moving_3_2();
	struct module_pair by = wrapping_key(e->by);
	CK_OBJECT_HANDLE key = moving_aes(s, e->key, 32), back;
	struct blob b = { .n = 0 };

	OK(f->C_WrapKeyAuthenticated(s, &e->m, by.public, key, device, sizeof device, NULL, &b.n));
	assert_int_equal(b.n, 32);
	b.n = 31;
	GIVES(CKR_BUFFER_TOO_SMALL, f->C_WrapKeyAuthenticated(s, &e->m, by.public, key, device,
							      sizeof device, b.p, &b.n));
	assert_int_equal(b.n, 32);
	memset(b.p, 0xee, sizeof b.p);
	memset(tag, 0, sizeof tag);
	OK(f->C_WrapKeyAuthenticated(s, &e->m, by.public, key, device, sizeof device, b.p, &b.n));
	assert_int_equal(b.n, 32);
	assert_int_equal(b.p[32], 0xee);
	GIVES(CKR_AEAD_DECRYPT_FAILED, open_sealed(e, by.private, &b, other_device, &back));
	tag[15] ^= 1;
	GIVES(CKR_AEAD_DECRYPT_FAILED, open_sealed(e, by.private, &b, device, &back));
	tag[15] ^= 1;
	OK(open_sealed(e, by.private, &b, device, &back));
	MUST(module_bool(s, back, CKA_SENSITIVE) == ((e->key & M_SENSITIVE) != 0));
}

static void associated_data_are_part_of_the_wrapping(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sealings); i++)
		seal_and_open(&sealings[i]);
}

/* What C_WrapKey has in one piece is the same. */
static void the_tag_apart_is_the_one_behind(void **state)
{
	struct sealing *e = &sealings[0];
	CK_GCM_PARAMS whole = { .pIv = nonce,
				.ulIvLen = sizeof nonce,
				.ulIvBits = 96,
				.pAAD = device,
				.ulAADLen = sizeof device,
				.ulTagBits = 128 };
	CK_MECHANISM m = { CKM_AES_GCM, &whole, sizeof whole };
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32), back;
	struct blob b = { .n = sizeof b.p };

	(void)state;
	OK(moving_3_2()->C_WrapKeyAuthenticated(s, &e->m, by, key, device, sizeof device, b.p,
						&b.n));
	memcpy(b.p + b.n, tag, sizeof tag);
	b.n += sizeof tag;
	OK(moving_unwrap(s, &m, by, &b, M_SENSITIVE, CKK_AES, &back));
}

static void a_sealing_has_its_own_parameter(void **state)
{
	struct ck_functions_3_2 *f = moving_3_2();
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32), back;
	CK_GCM_WRAP_PARAMS whole = { .pIv = nonce, .ulIvLen = sizeof nonce, .ulTagBits = 128 };
	CK_GCM_MESSAGE_PARAMS untagged = gcm_message;
	struct sealing bad[] = {
		{ { CKM_AES_GCM, &whole, sizeof whole }, BY_AES, M_TARGET },
		{ { CKM_AES_GCM, NULL, 0 }, BY_AES, M_TARGET },
		{ { CKM_AES_GCM, NULL, sizeof untagged }, BY_AES, M_TARGET },
		{ { CKM_AES_GCM, &untagged, sizeof untagged }, BY_AES, M_TARGET },
	};
	struct blob b = { .n = 32 };

	(void)state;
	untagged.pTag = NULL;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		GIVES(CKR_MECHANISM_PARAM_INVALID,
		      f->C_WrapKeyAuthenticated(s, &bad[i].m, by, key, device, sizeof device, b.p,
						&b.n));
		GIVES(CKR_MECHANISM_PARAM_INVALID, open_sealed(&bad[i], by, &b, device, &back));
	}
	GIVES(CKR_MECHANISM_INVALID, f->C_WrapKeyAuthenticated(s, &moving_kwp, by, key, device,
							       sizeof device, b.p, &b.n));
	GIVES(CKR_DATA_LEN_RANGE,
	      f->C_WrapKeyAuthenticated(s, &sealings[0].m, by, key, device, ULONG_BIT(40), b.p,
					&b.n));
}

static void a_bit_that_is_changed_is_found(void **state)
{
	CK_OBJECT_HANDLE by = moving_aes(s, M_MOVER, 32), key = moving_aes(s, M_TARGET, 32), back;
	struct blob b;

	(void)state;
	OK(moving_wrap(s, &moving_kwp, by, key, &b));
	for (CK_ULONG i = 0; i < b.n; i++) {
		b.p[i] ^= 1;
		GIVES(CKR_WRAPPED_KEY_INVALID,
		      moving_unwrap(s, &moving_kwp, by, &b, M_SENSITIVE, CKK_AES, &back));
		b.p[i] ^= 1;
	}
	OK(moving_unwrap(s, &moving_kwp, by, &b, M_SENSITIVE, CKK_AES, &back));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, each_setup, each_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_listed_mechanism_goes_there_and_back),
		CASE(key_wrap_gives_the_rfcs_answers),
		CASE(a_question_for_the_length_has_no_effect),
		CASE(each_argument_has_its_code),
		CASE(a_secret_must_fit_its_type),
		CASE(templates_of_the_key_are_kept),
		CASE(what_is_wrong_with_the_callers_template_is_told),
		CASE(what_is_wrong_with_the_keys_template_is_its_own),
		CASE(associated_data_are_part_of_the_wrapping),
		CASE(the_tag_apart_is_the_one_behind),
		CASE(a_sealing_has_its_own_parameter),
		CASE(a_bit_that_is_changed_is_found),
	};

	return cmocka_run_group_tests(tests, module_setup, module_teardown);
}
