/* PKCS#11 3.2 5.5.6, 5.2: every mechanism that is listed does what its flags say with the smallest
 * and the largest key, does nothing that they don't, and its outputs have their lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/own.h"
#include "tests/lib/walked.h"

#define MOST 256

static CK_SLOT_ID slot;
static CK_SESSION_HANDLE s;
static CK_MECHANISM_TYPE list[MOST];
static CK_ULONG n_list;

static int setup(void **state)
{
	if (module_setup(state))
		return 1;
	s = module_user(&slot);
	n_list = MOST;
	return p11->C_GetMechanismList(slot, list, &n_list) != CKR_OK;
}

static struct walked now, *const w = &now;

/* ---- each flag ---- */

static CK_RV digest_init(CK_SESSION_HANDLE session, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	(void)key;
	return p11->C_DigestInit(session, m);
}

static void digest(void)
{
	struct walked_way y = { digest_init, p11->C_Digest,	  p11->C_DigestUpdate,
			 NULL,	      p11->C_DigestFinal, 0 };
	struct walked_made out;

	walked_both_ways(w, &y, w->in, w->n, &out, true);
	HOLDS(out.n == anymech_hash_n(w->r->hash));
	walked_whole(w, &y, NULL, 0, &out);
	HOLDS(out.n == anymech_hash_n(w->r->hash));
}

static bool takes_nothing(void)
{
	return w->r->input == IN_ANY;
}

static void verify(CK_BYTE *in, CK_ULONG n, struct walked_made *sig)
{
	GOOD(p11->C_VerifyInit(s, &w->m, w->key.public));
	GOOD(p11->C_Verify(s, in, n, sig->p, sig->n));
	WANT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Verify(s, in, n, sig->p, sig->n));
	GOOD(p11->C_VerifyInit(s, &w->m, w->key.public));
	WANT(CKR_SIGNATURE_LEN_RANGE, p11->C_Verify(s, in, n, sig->p, sig->n + 1));
	sig->p[sig->n / 2] ^= 1;
	GOOD(p11->C_VerifyInit(s, &w->m, w->key.public));
	WANT(CKR_SIGNATURE_INVALID, p11->C_Verify(s, in, n, sig->p, sig->n));
	sig->p[sig->n / 2] ^= 1;
	GOOD(p11_32->C_VerifySignatureInit(s, &w->m, w->key.public, sig->p, sig->n));
	GOOD(p11_32->C_VerifySignature(s, in, n));
	if (w->r->one_part)
		return;
	GOOD(p11->C_VerifyInit(s, &w->m, w->key.public));
	GOOD(p11->C_VerifyUpdate(s, in, n / 2));
	GOOD(p11->C_VerifyUpdate(s, in + n / 2, n - n / 2));
	GOOD(p11->C_VerifyFinal(s, sig->p, sig->n));
	GOOD(p11_32->C_VerifySignatureInit(s, &w->m, w->key.public, sig->p, sig->n));
	GOOD(p11_32->C_VerifySignatureUpdate(s, in, n));
	GOOD(p11_32->C_VerifySignatureFinal(s));
}

static void sign(void)
{
	struct walked_way y = { p11->C_SignInit,  p11->C_Sign,	 p11->C_SignUpdate, NULL,
			 p11->C_SignFinal, w->key.private };
	static CK_BYTE nothing[1];
	struct walked_made sig;

	walked_both_ways(w, &y, w->in, w->n, &sig, false);
	HOLDS(sig.n > 0);
	verify(w->in, w->n, &sig);
	if (takes_nothing()) {
		walked_whole(w, &y, NULL, 0, &sig);
		verify(nothing, 0, &sig);
	}
}

static void recover(void)
{
	struct walked_way y = { .init = p11->C_SignRecoverInit,
			 .once = p11->C_SignRecover,
			 .key = w->key.private };
	struct walked_way back = { .init = p11->C_VerifyRecoverInit,
			    .once = p11->C_VerifyRecover,
			    .key = w->key.public };
	struct walked_made sig, data;

	walked_whole(w, &y, w->in, w->n, &sig);
	walked_whole(w, &back, sig.p, sig.n, &data);
	HOLDS(data.n == w->n);
	assert_memory_equal(data.p, w->in, w->n);
}

static void crypt_of(CK_ULONG n)
{
	struct walked_way y = { p11->C_EncryptInit,   p11->C_Encrypt,	    NULL,
			 p11->C_EncryptUpdate, p11->C_EncryptFinal, w->key.public };
	struct walked_way back = { p11->C_DecryptInit,	  p11->C_Decrypt,      NULL,
			    p11->C_DecryptUpdate, p11->C_DecryptFinal, w->key.private };
	struct walked_made secret, plain;

	w->m = anymech_mechanism(w->r, s, n, 0);
	if (n > 1)
		walked_both_ways(w, &y, w->in, n, &secret, w->r->key != ANY_RSA);
	else
		walked_whole(w, &y, n ? w->in : NULL, n, &secret);
	if (secret.n > 1)
		walked_both_ways(w, &back, secret.p, secret.n, &plain, true);
	else
		walked_whole(w, &back, secret.p, secret.n, &plain);
	HOLDS(plain.n == n);
	assert_memory_equal(plain.p, w->in, n);
}

static void crypt(void)
{
	crypt_of(w->n);
	if (w->r->input == IN_ANY || w->r->input == IN_EXACTLY_N) {
		crypt_of(0);
		crypt_of(1);
		crypt_of(16);
	}
	if (w->r->input == IN_BLOCKS)
		crypt_of(0);
	if (w->r->input == IN_16_UP)
		crypt_of(16);
}

static void wrap(void)
{
	CK_OBJECT_HANDLE target = moving_generic(s, M_OPEN, 32), back = 0;
	CK_ULONG asked = 0, len;
	CK_BYTE before[32], after[32];
	struct blob b;
	CK_RV rv;

	w->m = anymech_mechanism(w->r, s, 32, 0);
	GOOD(p11->C_WrapKey(s, &w->m, w->key.public, target, NULL, &asked));
	b.n = 1;
	WANT(CKR_BUFFER_TOO_SMALL, p11->C_WrapKey(s, &w->m, w->key.public, target, b.p, &b.n));
	HOLDS(b.n == asked);
	GOOD(p11->C_WrapKey(s, &w->m, w->key.public, target, b.p, &b.n));
	HOLDS(b.n <= asked);
	len = b.n - 1;
	WANT(CKR_BUFFER_TOO_SMALL, p11->C_WrapKey(s, &w->m, w->key.public, target, b.p, &len));
	GOOD(moving_unwrap(s, &w->m, w->key.private, &b, M_OPEN, CKK_GENERIC_SECRET, &back));
	HOLDS(moving_value(s, target, before, sizeof before, &rv) == 32);
	HOLDS(moving_value(s, back, after, sizeof after, &rv) == 32);
	assert_memory_equal(before, after, 32);
	HOLDS(!module_bool(s, back, CKA_LOCAL));
}

static void derive(void)
{
	CK_OBJECT_HANDLE other = w->key.public, a = 0, b = 0;
	CK_BYTE one[64], two[64];
	CK_ULONG n = 32;
	CK_RV rv;

	if (w->r->param == PAR_OTHER_KEY || w->r->param == PAR_STRING) {
		n = 0; /* as long as both together; what comes out is the largest */
		if (module_ulong(s, other, CKA_VALUE_LEN) == w->info.ulMaxKeySize)
			w->key.private =
				moving_generic(s, M_OPEN | M_DERIVE, w->info.ulMaxKeySize - 16);
		other = moving_generic(s, M_OPEN | M_DERIVE, 16);
	}
	w->m = anymech_mechanism(w->r, s, 0, other);
	if (w->r->type == CKM_HKDF_DATA) {
		CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_DATA), A_ULONG(CKA_VALUE_LEN, 32) };

		GOOD(p11->C_DeriveKey(s, &w->m, w->key.private, t, 2, &a));
		GOOD(p11->C_DeriveKey(s, &w->m, w->key.private, t, 2, &b));
		n = 32;
	} else {
		GOOD(moving_derive(s, &w->m, w->key.private, M_OPEN, CKK_GENERIC_SECRET, n, &a));
		GOOD(moving_derive(s, &w->m, w->key.private, M_OPEN, CKK_GENERIC_SECRET, n, &b));
		n = module_ulong(s, a, CKA_VALUE_LEN);
		HOLDS(!module_bool(s, a, CKA_LOCAL));
	}
	if (n > sizeof one)
		return;
	HOLDS(moving_value(s, a, one, sizeof one, &rv) == n);
	HOLDS(moving_value(s, b, two, sizeof two, &rv) == n);
	assert_memory_equal(one, two, n);
}

static void generate(void)
{
	CK_OBJECT_HANDLE key = w->key.private;

	if (w->r->type == CKM_PKCS5_PBKD2) {
		CK_ATTRIBUTE t[] = { A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET),
				     A_ULONG(CKA_VALUE_LEN, 32) };

		GOOD(p11->C_GenerateKey(s, &w->m, t, 2, &key));
		return;
	}
	HOLDS(module_ulong(s, key, CKA_KEY_GEN_MECHANISM) == w->r->type);
	HOLDS(module_bool(s, key, CKA_LOCAL));
	if (w->info.flags & CKF_GENERATE)
		HOLDS(module_ulong(s, key, CKA_VALUE_LEN) > 0);
	else
		HOLDS(module_ulong(s, w->key.public, CKA_KEY_GEN_MECHANISM) == w->r->type);
}

static void encapsulate(void)
{
	CK_ATTRIBUTE t[MOVING_MAX + 2] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY),
					   A_ULONG(CKA_KEY_TYPE, CKK_GENERIC_SECRET) };
	CK_ULONG t_n = 2 + moving_template(M_OPEN, t + 2), asked = 0;
	CK_OBJECT_HANDLE a = 0, b = 0;
	CK_BYTE one[64], two[64];
	struct walked_made c;
	CK_RV rv;

	GOOD(p11_32->C_EncapsulateKey(s, &w->m, w->key.public, t, t_n, NULL, &asked, &a));
	c.n = asked - 1;
	WANT(CKR_BUFFER_TOO_SMALL,
	     p11_32->C_EncapsulateKey(s, &w->m, w->key.public, t, t_n, c.p, &c.n, &a));
	HOLDS(c.n == asked);
	GOOD(p11_32->C_EncapsulateKey(s, &w->m, w->key.public, t, t_n, c.p, &c.n, &a));
	GOOD(p11_32->C_DecapsulateKey(s, &w->m, w->key.private, t, t_n, c.p, c.n, &b));
	HOLDS(moving_value(s, a, one, sizeof one, &rv) == 32);
	HOLDS(moving_value(s, b, two, sizeof two, &rv) == 32);
	assert_memory_equal(one, two, 32);
}

/* ---- messages ---- */

static CK_BYTE nonce[12], tag[16];
static CK_GCM_MESSAGE_PARAMS gcm_message = {
	.pIv = nonce, .ulIvLen = 12, .pTag = tag, .ulTagBits = 128
};
static CK_CCM_MESSAGE_PARAMS ccm_message = {
	.pNonce = nonce, .ulNonceLen = 12, .pMAC = tag, .ulMACLen = 16
};
static CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS poly_message = { nonce, 12, tag };

static CK_MECHANISM message_param(CK_ULONG n)
{
	ccm_message.ulDataLen = n;
	if (w->r->type == CKM_AES_GCM)
		return (CK_MECHANISM) { 0, &gcm_message, sizeof gcm_message };
	if (w->r->type == CKM_AES_CCM)
		return (CK_MECHANISM) { 0, &ccm_message, sizeof ccm_message };
	return (CK_MECHANISM) { 0, &poly_message, sizeof poly_message };
}

static void message_round(CK_ULONG n, bool parts)
{
	CK_MECHANISM q = message_param(n);
	void *p = q.pParameter;
	CK_ULONG p_n = q.ulParameterLen, len = WALKED_ROOM, more;
	struct walked_made secret, plain;
	CK_BYTE ad[] = "with it";

	if (!parts) {
		GOOD(p11_3->C_EncryptMessage(s, p, p_n, ad, 7, w->in, n, NULL, &len));
		HOLDS(len == n);
		GOOD(p11_3->C_EncryptMessage(s, p, p_n, ad, 7, w->in, n, secret.p, &len));
	} else {
		GOOD(p11_3->C_EncryptMessageBegin(s, p, p_n, ad, 7));
		GOOD(p11_3->C_EncryptMessageNext(s, p, p_n, w->in, n / 2, secret.p, &len, 0));
		more = WALKED_ROOM - len;
		GOOD(p11_3->C_EncryptMessageNext(s, p, p_n, w->in + n / 2, n - n / 2,
						 secret.p + len, &more, CKF_END_OF_MESSAGE));
		len += more;
	}
	HOLDS(len == n);
	secret.n = len;
	len = WALKED_ROOM;
	GOOD(p11_3->C_DecryptMessage(s, p, p_n, ad, 7, secret.p, n, plain.p, &len));
	HOLDS(len == n);
	assert_memory_equal(plain.p, w->in, n);
	len = WALKED_ROOM;
	ad[0] ^= 1;
	WANT(CKR_AEAD_DECRYPT_FAILED,
	     p11_3->C_DecryptMessage(s, p, p_n, ad, 7, secret.p, n, plain.p, &len));
}

static void message_crypt(void)
{
	CK_MECHANISM with = message_param(0), bare = { w->r->type, NULL, 0 };

	with.mechanism = w->r->type;
	GOOD(p11_3->C_MessageEncryptInit(s, &with, w->key.public));
	GOOD(p11_3->C_MessageDecryptInit(s, &bare, w->key.private));
	for (CK_ULONG n = 0; n < 3; n++) { /* one begun, many messages */
		nonce[0]++;
		message_round(n * 20, false);
		nonce[0]++;
		if (w->info.flags & CKF_MULTI_MESSAGE)
			message_round(n * 20, true);
	}
	GOOD(p11_3->C_MessageEncryptFinal(s));
	GOOD(p11_3->C_MessageDecryptFinal(s));
	WANT(CKR_OPERATION_NOT_INITIALIZED, p11_3->C_MessageEncryptFinal(s));
	WANT(CKR_OPERATION_NOT_INITIALIZED, p11_3->C_MessageDecryptFinal(s));
}

static void message_parts(struct walked_made *sig)
{
	sig->n = WALKED_ROOM;
	GOOD(p11_3->C_SignMessageBegin(s, NULL, 0));
	GOOD(p11_3->C_SignMessageNext(s, NULL, 0, w->in, 5, NULL, NULL));
	GOOD(p11_3->C_SignMessageNext(s, NULL, 0, w->in + 5, w->n - 5, sig->p, &sig->n));
	GOOD(p11_3->C_VerifyMessageBegin(s, NULL, 0));
	GOOD(p11_3->C_VerifyMessageNext(s, NULL, 0, w->in, w->n - 1, NULL, 0));
	GOOD(p11_3->C_VerifyMessageNext(s, NULL, 0, w->in + w->n - 1, 1, sig->p, sig->n));
}

static void message_sign(void)
{
	struct walked_made sig;

	GOOD(p11_3->C_MessageSignInit(s, &w->m, w->key.private));
	GOOD(p11_3->C_MessageVerifyInit(s, &w->m, w->key.public));
	for (int i = 0; i < 2; i++) {
		GOOD(p11_3->C_SignMessage(s, NULL, 0, w->in, w->n, NULL, &sig.n));
		GOOD(p11_3->C_SignMessage(s, NULL, 0, w->in, w->n, sig.p, &sig.n));
		GOOD(p11_3->C_VerifyMessage(s, NULL, 0, w->in, w->n, sig.p, sig.n));
		sig.p[sig.n / 2] ^= 1;
		WANT(CKR_SIGNATURE_INVALID,
		     p11_3->C_VerifyMessage(s, NULL, 0, w->in, w->n, sig.p, sig.n));
		if (w->info.flags & CKF_MULTI_MESSAGE)
			message_parts(&sig);
	}
	GOOD(p11_3->C_MessageSignFinal(s));
	GOOD(p11_3->C_MessageVerifyFinal(s));
}

/* ---- what the flags don't say ---- */

#define GETTER(list, name)                                                                         \
	static walked_init_fn *get_##name(void)                                                    \
	{                                                                                          \
		return list->name;                                                                 \
	}
GETTER(p11, C_EncryptInit)
GETTER(p11, C_DecryptInit)
GETTER(p11, C_SignInit)
GETTER(p11, C_VerifyInit)
GETTER(p11, C_SignRecoverInit)
GETTER(p11, C_VerifyRecoverInit)
GETTER(p11_3, C_MessageEncryptInit)
GETTER(p11_3, C_MessageDecryptInit)
GETTER(p11_3, C_MessageSignInit)
GETTER(p11_3, C_MessageVerifyInit)

static walked_init_fn *get_digest(void)
{
	return digest_init;
}

static const struct {
	CK_FLAGS flag;
	walked_init_fn *(*init)(void);
} refusals[] = {
	{ CKF_ENCRYPT, get_C_EncryptInit },
	{ CKF_DECRYPT, get_C_DecryptInit },
	{ CKF_SIGN, get_C_SignInit },
	{ CKF_VERIFY, get_C_VerifyInit },
	{ CKF_SIGN_RECOVER, get_C_SignRecoverInit },
	{ CKF_VERIFY_RECOVER, get_C_VerifyRecoverInit },
	{ CKF_DIGEST, get_digest },
	{ CKF_MESSAGE_ENCRYPT, get_C_MessageEncryptInit },
	{ CKF_MESSAGE_DECRYPT, get_C_MessageDecryptInit },
	{ CKF_MESSAGE_SIGN, get_C_MessageSignInit },
	{ CKF_MESSAGE_VERIFY, get_C_MessageVerifyInit },
};

static void refused(CK_FLAGS flags)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_VALUE_LEN, 32) };
	CK_OBJECT_HANDLE a = w->key.public, b = w->key.private, o = 0;
	struct walked_made out = { .n = WALKED_ROOM };

	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		if (!(flags & refusals[i].flag))
			WANT(CKR_MECHANISM_INVALID, refusals[i].init()(s, &w->m, a));
	}
	if (!(flags & CKF_WRAP))
		WANT(CKR_MECHANISM_INVALID, p11->C_WrapKey(s, &w->m, a, b, out.p, &out.n));
	if (!(flags & CKF_UNWRAP))
		WANT(CKR_MECHANISM_INVALID, p11->C_UnwrapKey(s, &w->m, b, out.p, 40, t, 1, &o));
	if (!(flags & CKF_DERIVE))
		WANT(CKR_MECHANISM_INVALID, p11->C_DeriveKey(s, &w->m, b, t, 1, &o));
	if (!(flags & CKF_GENERATE))
		WANT(CKR_MECHANISM_INVALID, p11->C_GenerateKey(s, &w->m, t, 1, &o));
	if (!(flags & CKF_GENERATE_KEY_PAIR) && w->r->type != CKM_EDDSA) /* GnuTLS asks so */
		WANT(CKR_MECHANISM_INVALID,
		     p11->C_GenerateKeyPair(s, &w->m, NULL, 0, NULL, 0, &o, &o));
	if (!(flags & CKF_ENCAPSULATE))
		WANT(CKR_MECHANISM_INVALID,
		     p11_32->C_EncapsulateKey(s, &w->m, a, t, 1, out.p, &out.n, &o));
	if (!(flags & CKF_DECAPSULATE))
		WANT(CKR_MECHANISM_INVALID,
		     p11_32->C_DecapsulateKey(s, &w->m, b, t, 1, out.p, 32, &o));
}

/* ---- all of them ---- */

static const struct {
	CK_FLAGS flags;
	void (*fn)(void);
} works[] = {
	{ CKF_DIGEST, digest },
	{ CKF_SIGN | CKF_VERIFY, sign },
	{ CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER, recover },
	{ CKF_ENCRYPT | CKF_DECRYPT, crypt },
	{ CKF_WRAP | CKF_UNWRAP, wrap },
	{ CKF_DERIVE, derive },
	{ CKF_GENERATE, generate },
	{ CKF_GENERATE_KEY_PAIR, generate },
	{ CKF_ENCAPSULATE | CKF_DECAPSULATE, encapsulate },
	{ CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT, message_crypt },
	{ CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY, message_sign },
};

#define CURVE_FLAGS                                                                                \
	(CKF_EC_F_P | CKF_EC_F_2M | CKF_EC_ECPARAMETERS | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS |  \
	 CKF_EC_COMPRESS | CKF_EC_CURVENAME)

static void prepare(const struct any_mech *r, bool largest)
{
	*w = (struct walked) { .s = s, .r = r };
	OK(p11->C_GetMechanismInfo(slot, r->type, &w->info));
	if (r->key != ANY_NONE)
		w->key = anymech_key(r, s, &w->info, largest);
	w->n = anymech_input(r, s, w->key);
	for (CK_ULONG i = 0; i < w->n; i++)
		w->in[i] = (CK_BYTE)i; /* as a number less than any modulus */
	w->m = anymech_mechanism(r, s, w->n, w->key.public);
}

static void walk(const struct any_mech *r, bool largest)
{
	CK_FLAGS known = CURVE_FLAGS | CKF_MULTI_MESSAGE;

	prepare(r, largest);
	for (size_t i = 0; i < ARRAY_LEN(works); i++) {
		known |= works[i].flags;
		if (!(w->info.flags & works[i].flags))
			continue;
		MUST((w->info.flags & works[i].flags) == works[i].flags); /* no half of a pair */
		w->m = anymech_mechanism(r, s, w->n, w->key.public);
		works[i].fn();
	}
	MUST((w->info.flags & ~known) == 0);
	w->m = anymech_mechanism(r, s, w->n, w->key.public);
	refused(w->info.flags);
}

static void walk_all(enum any_key from, enum any_key to)
{
	size_t walked = 0;

	for (CK_ULONG i = 0; i < n_list; i++) {
		const struct any_mech *r = anymech_find(list[i]);

		if (!r)
			fail_msg("mechanism 0x%lx is listed and has no row in anymech.c", list[i]);
		if (r->key < from || r->key > to)
			continue;
		walk(r, false);
		/* a large SLH-DSA key takes its time, and is tried without a hash */
		if (r->key != ANY_NONE && !(r->key == ANY_SLH_DSA && r->hash))
			walk(r, true);
		walked++;
	}
	assert_true(walked > 0);
}

static void every_digest(void **state)
{
	(void)state;
	walk_all(ANY_NONE, ANY_NONE);
}

static void every_mechanism_of_rsa(void **state)
{
	(void)state;
	walk_all(ANY_RSA, ANY_RSA);
}

static void every_mechanism_of_curves(void **state)
{
	(void)state;
	walk_all(ANY_EC, ANY_MONTGOMERY);
}

static void every_mechanism_after_quantum(void **state)
{
	(void)state;
	if (p11->C_GetMechanismInfo(slot, CKM_ML_DSA, &w->info) == CKR_MECHANISM_INVALID)
		skip();
	walk_all(ANY_ML_DSA, ANY_ML_KEM);
}

static void every_mechanism_of_ciphers(void **state)
{
	(void)state;
	walk_all(ANY_AES, ANY_TWINE);
}

static void every_mechanism_of_secrets(void **state)
{
	(void)state;
	walk_all(ANY_GENERIC, ANY_HKDF);
}

static void every_hmac(void **state)
{
	(void)state;
	walk_all(ANY_HMAC, ANY_HMAC);
}

/* Rows of the list and only those have an info. */
static void what_is_not_listed_has_no_info(void **state)
{
	CK_MECHANISM_INFO info;
	CK_ULONG at = 0;

	(void)state;
	for (CK_MECHANISM_TYPE type = 0; type < 0x5000; type++) {
		bool listed = at < n_list && list[at] == type;

		GIVES(listed ? CKR_OK : CKR_MECHANISM_INVALID,
		      p11->C_GetMechanismInfo(slot, type, &info));
		if (!listed)
			continue;
		at++;
		MUST(info.ulMinKeySize <= info.ulMaxKeySize);
		MUST((info.flags & (CKF_HW | CKF_EXTENSION)) == 0);
	}
	/* what is ours alone comes behind */
	for (; at < n_list; at++)
		assert_true(list[at] & CKM_VENDOR_DEFINED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_listed_has_no_info),
		cmocka_unit_test(every_digest),
		cmocka_unit_test(every_mechanism_of_rsa),
		cmocka_unit_test(every_mechanism_of_curves),
		cmocka_unit_test(every_mechanism_after_quantum),
		cmocka_unit_test(every_mechanism_of_ciphers),
		cmocka_unit_test(every_mechanism_of_secrets),
		cmocka_unit_test(every_hmac),
	};

	return cmocka_run_group_tests_name("conformance: mechanisms", tests, setup,
					   module_teardown);
}
