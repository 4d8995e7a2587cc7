/*
 * fuzz_calls - any functions of Cryptoki in any order, with any arguments, on a token of which the
 * user is logged in.
 *
 * 1. Nothing that a call gives out holds eight bytes of a value that is sensitive: they are random,
 *    so that no input can hold them.
 * 2. Every answer is one that the standard has, and none says that the token itself is broken.
 * 3. An input begins with the objects that are always there and two sessions; what it makes is
 *    destroyed behind it.
 * What costs a derivation from a PIN, or seconds, is left out; inputs that begin with LOGS_OUT may
 * log out.
 */
#include "tests/fuzz/fuzz.h"

#include <stddef.h>
#include <string.h>

#include "base/cryptoki/admin.h"
#include "base/cryptoki/mechname.h"
#include "tests/fuzz/feed.h"
#include "tests/fuzz/token.h"

#define LOGS_OUT  0xee
#define MAX_CALLS 40
#define MAX_OUT	  700

/* ---- the functions ---- */

/*
 * What a function is called with, a letter each:
 *   s  session        S  slot          h  object          m  mechanism
 *   t  template, n    a  attributes to read, n            i  bytes, n
 *   o  room, *n       r  room, n       F  handles, n, *n  L  numbers, *n
 *   p  number         b  flag          y  user type       d  flags, not waiting
 *   H  *object        N  *session      u  *number         I  *info structure
 *   x  message parameter, n            e  mechanism with a message parameter
 *   z  NULL
 */
struct function {
	size_t at; /* in struct ck_functions_3_2 */
	const char *takes;
	bool logged_in; /* only while nobody has logged out */
};

#define F_2(name, takes)                                                                           \
	{                                                                                          \
		offsetof(struct ck_functions_3_2, v3.v2.name), takes, false                        \
	}
#define F_IN(name, takes)                                                                          \
	{                                                                                          \
		offsetof(struct ck_functions_3_2, v3.v2.name), takes, true                         \
	}
#define F_30(name, takes)                                                                          \
	{                                                                                          \
		offsetof(struct ck_functions_3_2, v3.name), takes, false                           \
	}
#define F_I30(name, takes)                                                                         \
	{                                                                                          \
		offsetof(struct ck_functions_3_2, v3.name), takes, true                            \
	}
#define F_32(name, takes)                                                                          \
	{                                                                                          \
		offsetof(struct ck_functions_3_2, name), takes, false                              \
	}

static const struct function functions[] = {
	F_2(C_Initialize, "z"),
	F_2(C_GetInfo, "I"),
	F_2(C_GetFunctionList, "I"),
	F_2(C_GetSlotList, "bL"),
	F_2(C_GetSlotInfo, "SI"),
	F_2(C_GetTokenInfo, "SI"),
	F_2(C_WaitForSlotEvent, "duz"),
	F_2(C_GetMechanismList, "SL"),
	F_2(C_GetMechanismInfo, "SpI"),
	F_2(C_InitPIN, "si"),
	F_2(C_OpenSession, "SpzzN"),
	F_2(C_CloseSession, "s"),
	F_2(C_GetSessionInfo, "sI"),
	F_2(C_GetOperationState, "so"),
	F_2(C_SetOperationState, "sihh"),
	F_IN(C_Login, "syi"),
	F_2(C_CreateObject, "stH"),
	F_2(C_CopyObject, "shtH"),
	F_2(C_DestroyObject, "sh"),
	F_2(C_GetObjectSize, "shu"),
	F_2(C_GetAttributeValue, "sha"),
	F_2(C_SetAttributeValue, "sht"),
	F_2(C_FindObjectsInit, "st"),
	F_2(C_FindObjects, "sF"),
	F_2(C_FindObjectsFinal, "s"),
	F_2(C_EncryptInit, "smh"),
	F_2(C_Encrypt, "sio"),
	F_2(C_EncryptUpdate, "sio"),
	F_2(C_EncryptFinal, "so"),
	F_2(C_DecryptInit, "smh"),
	F_2(C_Decrypt, "sio"),
	F_2(C_DecryptUpdate, "sio"),
	F_2(C_DecryptFinal, "so"),
	F_2(C_DigestInit, "sm"),
	F_2(C_Digest, "sio"),
	F_2(C_DigestUpdate, "si"),
	F_2(C_DigestKey, "sh"),
	F_2(C_DigestFinal, "so"),
	F_2(C_SignInit, "smh"),
	F_2(C_Sign, "sio"),
	F_2(C_SignUpdate, "si"),
	F_2(C_SignFinal, "so"),
	F_2(C_SignRecoverInit, "smh"),
	F_2(C_SignRecover, "sio"),
	F_2(C_VerifyInit, "smh"),
	F_2(C_Verify, "sii"),
	F_2(C_VerifyUpdate, "si"),
	F_2(C_VerifyFinal, "si"),
	F_2(C_VerifyRecoverInit, "smh"),
	F_2(C_VerifyRecover, "sio"),
	F_2(C_DigestEncryptUpdate, "sio"),
	F_2(C_DecryptDigestUpdate, "sio"),
	F_2(C_SignEncryptUpdate, "sio"),
	F_2(C_DecryptVerifyUpdate, "sio"),
	F_2(C_GenerateKey, "smtH"),
	F_2(C_GenerateKeyPair, "smttHH"),
	F_2(C_WrapKey, "smhho"),
	F_2(C_UnwrapKey, "smhitH"),
	F_2(C_DeriveKey, "smhtH"),
	F_2(C_SeedRandom, "si"),
	F_2(C_GenerateRandom, "sr"),
	F_2(C_GetFunctionStatus, "s"),
	F_2(C_CancelFunction, "s"),
	F_30(C_GetInterfaceList, "zu"),
	F_I30(C_LoginUser, "syii"),
	F_30(C_SessionCancel, "sp"),
	F_30(C_MessageEncryptInit, "smh"),
	F_30(C_EncryptMessage, "sxiio"),
	F_30(C_EncryptMessageBegin, "sxi"),
	F_30(C_EncryptMessageNext, "sxiop"),
	F_30(C_MessageEncryptFinal, "s"),
	F_30(C_MessageDecryptInit, "smh"),
	F_30(C_DecryptMessage, "sxiio"),
	F_30(C_DecryptMessageBegin, "sxi"),
	F_30(C_DecryptMessageNext, "sxiop"),
	F_30(C_MessageDecryptFinal, "s"),
	F_30(C_MessageSignInit, "smh"),
	F_30(C_SignMessage, "sxio"),
	F_30(C_SignMessageBegin, "sx"),
	F_30(C_SignMessageNext, "sxio"),
	F_30(C_MessageSignFinal, "s"),
	F_30(C_MessageVerifyInit, "smh"),
	F_30(C_VerifyMessage, "sxii"),
	F_30(C_VerifyMessageBegin, "sx"),
	F_30(C_VerifyMessageNext, "sxii"),
	F_30(C_MessageVerifyFinal, "s"),
	F_32(C_EncapsulateKey, "smhtoH"),
	F_32(C_DecapsulateKey, "smhtiH"),
	F_32(C_VerifySignatureInit, "smhi"),
	F_32(C_VerifySignature, "si"),
	F_32(C_VerifySignatureUpdate, "si"),
	F_32(C_VerifySignatureFinal, "s"),
	F_32(C_GetSessionValidationFlags, "spu"),
	F_32(C_AsyncComplete, "szz"),
	F_32(C_WrapKeyAuthenticated, "sehhio"),
	F_32(C_UnwrapKeyAuthenticated, "sehitiH"),
};

/* Every argument of Cryptoki is a number or a pointer of eight bytes: a call with more of them than
 * the function looks at is the same call. */
#define MAX_ARGS 12
typedef CK_RV any_fn(CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG,
		     CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG);

static any_fn *entry(const struct function *fn)
{
	any_fn *p;

	memcpy(&p, (const char *)fuzz_p11 + fn->at, sizeof p);
	return p;
}

/* ---- what an input has ---- */

#define MAX_OBJECTS  64
#define MAX_SESSIONS 16

struct run {
	struct feed f;
	CK_OBJECT_HANDLE objects[MAX_OBJECTS];
	CK_SESSION_HANDLE sessions[MAX_SESSIONS];
	size_t sessions_n;
	bool may_log_out;
};

struct call {
	CK_ULONG args[MAX_ARGS];
	size_t n;
	CK_OBJECT_HANDLE *made[2];
	CK_SESSION_HANDLE *opened;
};

static void add(struct call *c, CK_ULONG v)
{
	FUZZ_REQUIRE(c->n < MAX_ARGS);
	c->args[c->n++] = v;
}

static void add_pointer(struct call *c, const void *p)
{
	add(c, (CK_ULONG)(uintptr_t)p);
}

static void add_bytes(struct call *c, struct bytes x)
{
	add_pointer(c, x.p);
	add(c, x.n);
}

static CK_SESSION_HANDLE a_session(struct run *r)
{
	uint8_t how = feed_u8(&r->f);

	if (how < 240 && r->sessions_n > 0)
		return r->sessions[how % r->sessions_n];
	CK_SESSION_HANDLE any = how < 250 ? feed_below(&r->f, 4) : feed_ulong(&r->f);

	return any == fuzz_session ? 0 : any; /* that one is ours */
}

/* Nothing that stays when the input is over. */
static void add_template(struct run *r, struct call *c)
{
	CK_ULONG n = 0;
	CK_ATTRIBUTE *a = feed_template(&r->f, 2, &n);

	for (CK_ULONG i = 0; a && i < n; i++) {
		if (a[i].type == CKA_DESTROYABLE && a[i].pValue && a[i].ulValueLen == 1)
			memset(a[i].pValue, 1, 1);
	}
	add_pointer(c, a);
	add(c, n);
}

/* Room for values, without any, and for arrays in arrays. */
static void add_query(struct run *r, struct call *c)
{
	CK_ULONG n = 0;
	CK_ATTRIBUTE *a = feed_template(&r->f, 1, &n);

	for (CK_ULONG i = 0; a && i < n; i++) {
		uint8_t how = feed_u8(&r->f);
		size_t room = how % 8 ? how * 2U : 0;

		if (a[i].type & CKF_ARRAY_ATTRIBUTE)
			continue; /* as it came: an array, or nothing */
		a[i].ulValueLen = room;
		a[i].pValue = how & 1 ? feed_memory(&r->f, room) : NULL;
	}
	add_pointer(c, a);
	add(c, n);
}

static CK_ULONG *a_number(struct run *r, CK_ULONG v)
{
	CK_ULONG *p = feed_u8(&r->f) < 250 ? feed_memory(&r->f, sizeof v) : NULL;

	if (p)
		*p = v;
	return p;
}

static void add_room(struct run *r, struct call *c, char letter)
{
	uint8_t how = feed_u8(&r->f);
	size_t n = how < 200 ? MAX_OUT : feed_below(&r->f, 64), of = letter == 'o' ? 1 : 8;
	void *p = how % 8 ? feed_memory(&r->f, n * of) : NULL;

	add_pointer(c, p);
	if (letter == 'r' || letter == 'F')
		add(c, p ? n : feed_ulong(&r->f));
	if (letter != 'r')
		add_pointer(c, a_number(r, p ? n : feed_ulong(&r->f)));
}

static void add_number(struct run *r, struct call *c, char letter)
{
	switch (letter) {
	case 's':
		return add(c, a_session(r));
	case 'S':
		return add(c, feed_u8(&r->f) < 240 ? fuzz_slot : feed_ulong(&r->f));
	case 'h':
		return add(c, feed_object(&r->f));
	case 'b':
		return add(c, feed_u8(&r->f) & 1);
	case 'y':
		return add(c, feed_u8(&r->f) % 2 ? CKU_SO : CKU_USER);
	case 'd':
		return add(c, feed_ulong(&r->f) | CKF_DONT_BLOCK);
	case 'p':
		return add(c, feed_ulong(&r->f));
	default:
		return add(c, 0);
	}
}

static void add_result(struct run *r, struct call *c, char letter)
{
	CK_ULONG *p = letter == 'I' ? feed_memory(&r->f, 512) : a_number(r, 0);

	if (letter == 'H')
		c->made[c->made[0] ? 1 : 0] = p;
	if (letter == 'N')
		c->opened = p;
	add_pointer(c, p);
}

static void add_argument(struct run *r, struct call *c, char letter)
{
	if (letter == 'm')
		add_pointer(c, feed_mechanism(&r->f));
	else if (letter == 'e')
		add_pointer(c, feed_sealing(&r->f));
	else if (letter == 't')
		add_template(r, c);
	else if (letter == 'a')
		add_query(r, c);
	else if (letter == 'i')
		add_bytes(c, feed_input(&r->f));
	else if (letter == 'x')
		add_bytes(c, feed_message(&r->f));
	else if (strchr("orFL", letter))
		add_room(r, c, letter);
	else if (strchr("HNuI", letter))
		add_result(r, c, letter);
	else
		add_number(r, c, letter);
}

/* ---- what comes of it ---- */

static void look_at_answer(CK_RV rv)
{
	FUZZ_REQUIRE(cryptoki_rv_name(rv));
	FUZZ_REQUIRE(rv != CKR_GENERAL_ERROR && rv != CKR_DEVICE_ERROR);
	FUZZ_REQUIRE(rv != CKR_FUNCTION_FAILED && rv != CKR_DEVICE_MEMORY);
}

static void look_at_memory(const struct feed *f)
{
	for (size_t i = 0; i < f->n; i++)
		fuzz_token_no_secret(BYTES(f->blocks[i].p, f->blocks[i].n));
	fuzz_token_no_secret(bytes_of(fuzz_admin->last_error()));
}

static void keep_made(struct run *r, const struct call *c)
{
	for (int i = 0; i < 2; i++) {
		if (c->made[i] && *c->made[i] && r->f.objects_n < MAX_OBJECTS)
			r->objects[r->f.objects_n++] = *c->made[i];
	}
	if (c->opened && *c->opened && r->sessions_n < MAX_SESSIONS)
		r->sessions[r->sessions_n++] = *c->opened;
}

/* A pair of RSA keys takes a second. */
static bool is_too_slow(const struct function *fn, const struct call *c)
{
	const CK_MECHANISM *m = (const void *)(uintptr_t)c->args[1];

	return fn->at == offsetof(struct ck_functions_3_2, v3.v2.C_GenerateKeyPair) && m &&
	       (m->mechanism == CKM_RSA_PKCS_KEY_PAIR_GEN ||
		m->mechanism == CKM_RSA_X9_31_KEY_PAIR_GEN);
}

static void make(struct run *r, const struct function *fn, const struct call *c)
{
	const CK_ULONG *a = c->args;
	CK_RV rv =
		entry(fn)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);

	look_at_answer(rv);
	look_at_memory(&r->f);
	if (rv == CKR_OK)
		keep_made(r, c);
}

static void one_call(struct run *r)
{
	const struct function *fn = &functions[feed_below(&r->f, ARRAY_LEN(functions))];
	struct call c = { 0 };

	for (const char *p = fn->takes; *p; p++)
		add_argument(r, &c, *p);
	if (!is_too_slow(fn, &c) && !(fn->logged_in && r->may_log_out))
		make(r, fn, &c);
	feed_clear(&r->f);
}

/* Every secret part of every object that there is. */
static void ask_for_values(struct run *r)
{
	static const CK_ATTRIBUTE_TYPE parts[] = { CKA_VALUE, CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
						   CKA_SEED };
	uint8_t out[MAX_OUT];

	for (size_t i = 0; i < r->f.objects_n * ARRAY_LEN(parts); i++) {
		CK_ATTRIBUTE a = { parts[i % ARRAY_LEN(parts)], out, sizeof out };

		memset(out, 0, sizeof out);
		look_at_answer(fuzz_p11->v3.v2.C_GetAttributeValue(
			fuzz_session, r->objects[i / ARRAY_LEN(parts)], &a, 1));
		fuzz_token_no_secret(BYTES(out, sizeof out));
	}
}

static void begin(struct run *r)
{
	CK_FLAGS flags[] = { CKF_SERIAL_SESSION | CKF_RW_SESSION, CKF_SERIAL_SESSION };

	r->f.objects = r->objects;
	r->f.objects_n = fuzz_token_objects(r->objects);
	for (; r->sessions_n < ARRAY_LEN(flags); r->sessions_n++)
		FUZZ_REQUIRE(fuzz_p11->v3.v2.C_OpenSession(fuzz_slot, flags[r->sessions_n], NULL,
							   NULL,
							   &r->sessions[r->sessions_n]) == CKR_OK);
	r->may_log_out = feed_u8(&r->f) == LOGS_OUT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .f = { .in = BYTES(data, size) } };

	fuzz_token_make();
	begin(&r);
	for (int i = 0; i < MAX_CALLS && r.f.in.n > 0; i++) {
		if (r.may_log_out && i == 10)
			look_at_answer(fuzz_p11->v3.v2.C_Logout(r.sessions[0]));
		one_call(&r);
	}
	ask_for_values(&r);
	while (r.sessions_n > 0)
		(void)fuzz_p11->v3.v2.C_CloseSession(r.sessions[--r.sessions_n]);
	fuzz_token_restore();
	return 0;
}
