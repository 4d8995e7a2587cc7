#include "tests/fuzz/token.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/lib/scratch.h"

CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
		     CK_FLAGS flags);

struct ck_functions_3_2 *fuzz_p11;
const struct inro_admin *fuzz_admin;
CK_SLOT_ID fuzz_slot;
CK_SESSION_HANDLE fuzz_session;

#define SECRETS	     4
#define SECRET_BYTES 32
#define PIN	     "123456"

/* random */
static uint8_t secrets[SECRETS][SECRET_BYTES];
static CK_OBJECT_HANDLE objects[FUZZ_OBJECTS];
static size_t objects_n;

#define OK(call) FUZZ_REQUIRE((call) == CKR_OK)

/* libFuzzer learns from comparisons: not from this one. */
#ifdef __clang__
#define UNSEEN __attribute__((no_sanitize("coverage"), noinline))
#else
#define UNSEEN
#endif

UNSEEN static bool is_at(const uint8_t *p, const uint8_t *secret)
{
	for (int i = 0; i < 8; i++) {
		if (p[i] != secret[i])
			return false;
	}
	return true;
}

static bool begins[256]; /* the eight bytes of some secret */

UNSEEN void fuzz_token_no_secret(struct bytes x)
{
	for (size_t i = 0; i + 8 <= x.n; i++) {
		if (!begins[x.p[i]])
			continue;
		for (size_t k = 0; k < SECRETS * SECRET_BYTES; k += 8)
			FUZZ_REQUIRE(!is_at(x.p + i, &secrets[k / SECRET_BYTES][k % SECRET_BYTES]));
	}
}

/* ---- what is always there ---- */

static const uint8_t p256[] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
static const uint8_t ed25519[] = { 6, 3, 0x2b, 0x65, 0x70 };
static const uint8_t open_value[32] = "a key whose value everyone knows";

#define A_RAW(t, ptr, n)                                                                           \
	{                                                                                          \
		(t), (void *)(uintptr_t)(ptr), (n)                                                 \
	}
#define A_FLAG(t, b)  A_RAW(t, &(CK_BBOOL) { (b) }, 1)
#define A_LONG(t, v)  A_RAW(t, &(CK_ULONG) { (v) }, sizeof(CK_ULONG))
#define STAYS	      A_FLAG(CKA_TOKEN, 1), A_FLAG(CKA_DESTROYABLE, 0), A_FLAG(CKA_MODIFIABLE, 0)
#define HIDDEN(b)     A_FLAG(CKA_SENSITIVE, (b)), A_FLAG(CKA_PRIVATE, 1)
#define EXTRACTS(b)   A_FLAG(CKA_EXTRACTABLE, (b))
#define ENCRYPTS      A_FLAG(CKA_ENCRYPT, 1), A_FLAG(CKA_DECRYPT, 1)
#define SIGNS	      A_FLAG(CKA_SIGN, 1), A_FLAG(CKA_VERIFY, 1)
#define DERIVES	      A_FLAG(CKA_DERIVE, 1)
#define WRAPS	      A_FLAG(CKA_WRAP, 1), A_FLAG(CKA_UNWRAP, 1)
#define SECRET_KEY(t) A_LONG(CKA_CLASS, CKO_SECRET_KEY), A_LONG(CKA_KEY_TYPE, (t))
#define VALUE(p)      A_RAW(CKA_VALUE, (p), 32)

static void create(CK_ATTRIBUTE *t, CK_ULONG n)
{
	OK(fuzz_p11->v3.v2.C_CreateObject(fuzz_session, t, n, &(CK_OBJECT_HANDLE) { 0 }));
}

#define CREATE(...)                                                                                \
	do {                                                                                       \
		CK_ATTRIBUTE all[] = { __VA_ARGS__ };                                              \
		create(all, ARRAY_LEN(all));                                                       \
	} while (0)

static void create_known(void)
{
	CREATE(SECRET_KEY(CKK_AES), STAYS, HIDDEN(1), EXTRACTS(0), ENCRYPTS, SIGNS, DERIVES,
	       VALUE(secrets[0]));
	CREATE(SECRET_KEY(CKK_AES), STAYS, HIDDEN(1), EXTRACTS(1), ENCRYPTS, WRAPS, DERIVES,
	       VALUE(secrets[1]));
	CREATE(SECRET_KEY(CKK_GENERIC_SECRET), STAYS, HIDDEN(1), EXTRACTS(1), SIGNS, DERIVES,
	       VALUE(secrets[2]));
	CREATE(A_LONG(CKA_CLASS, CKO_PRIVATE_KEY), A_LONG(CKA_KEY_TYPE, CKK_EC), STAYS, HIDDEN(1),
	       EXTRACTS(1), A_FLAG(CKA_SIGN, 1), DERIVES, A_RAW(CKA_EC_PARAMS, p256, sizeof p256),
	       VALUE(secrets[3]));
	CREATE(SECRET_KEY(CKK_AES), STAYS, HIDDEN(0), EXTRACTS(1), ENCRYPTS, SIGNS, WRAPS, DERIVES,
	       VALUE(open_value));
	CREATE(SECRET_KEY(CKK_GENERIC_SECRET), STAYS, HIDDEN(0), EXTRACTS(1), SIGNS, DERIVES,
	       VALUE(open_value));
	CREATE(A_LONG(CKA_CLASS, CKO_DATA), STAYS, A_FLAG(CKA_PRIVATE, 1),
	       A_RAW(CKA_VALUE, "private data", 12));
}

static void generate_mover(void)
{
	CK_MECHANISM m = { .mechanism = CKM_AES_KEY_GEN };
	CK_ATTRIBUTE t[] = { STAYS, HIDDEN(1), WRAPS, A_LONG(CKA_VALUE_LEN, 32) };

	OK(fuzz_p11->v3.v2.C_GenerateKey(fuzz_session, &m, t, ARRAY_LEN(t),
					 &(CK_OBJECT_HANDLE) { 0 }));
}

static void generate_pair(CK_MECHANISM_TYPE mech, CK_ATTRIBUTE first)
{
	CK_MECHANISM m = { .mechanism = mech };
	CK_OBJECT_HANDLE pair[2];
	CK_ATTRIBUTE public[] = { first, STAYS };
	CK_ATTRIBUTE private[] = { STAYS, HIDDEN(1) };

	OK(fuzz_p11->v3.v2.C_GenerateKeyPair(fuzz_session, &m, public, ARRAY_LEN(public), private,
					     ARRAY_LEN(private), &pair[0], &pair[1]));
}

static void fill(void)
{
	for (int i = 0; i < SECRETS; i++)
		OK(fuzz_p11->v3.v2.C_GenerateRandom(fuzz_session, secrets[i], SECRET_BYTES));
	secrets[3][0] &= 0x7f; /* less than the order of the curve */
	for (size_t k = 0; k < SECRETS * SECRET_BYTES; k += 8)
		begins[secrets[k / SECRET_BYTES][k % SECRET_BYTES]] = true;
	create_known();
	generate_mover();
	generate_pair(CKM_EC_KEY_PAIR_GEN, (CK_ATTRIBUTE)A_RAW(CKA_EC_PARAMS, p256, sizeof p256));
	generate_pair(CKM_EC_EDWARDS_KEY_PAIR_GEN,
		      (CK_ATTRIBUTE)A_RAW(CKA_EC_PARAMS, ed25519, sizeof ed25519));
	generate_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, (CK_ATTRIBUTE)A_LONG(CKA_MODULUS_BITS, 2048));
}

/* ---- the token ---- */

static void log_in(void)
{
	static CK_UTF8CHAR pin[] = PIN;

	OK(fuzz_p11->v3.v2.C_Login(fuzz_session, CKU_USER, pin, sizeof pin - 1));
}

static CK_ULONG find_all(CK_OBJECT_HANDLE *out, CK_ULONG max)
{
	CK_ULONG n = 0;

	OK(fuzz_p11->v3.v2.C_FindObjectsInit(fuzz_session, NULL, 0));
	OK(fuzz_p11->v3.v2.C_FindObjects(fuzz_session, out, max, &n));
	OK(fuzz_p11->v3.v2.C_FindObjectsFinal(fuzz_session));
	return n;
}

static bool always_there(CK_OBJECT_HANDLE o)
{
	CK_BBOOL destroyable = 1;
	CK_ATTRIBUTE a = { CKA_DESTROYABLE, &destroyable, 1 };

	return fuzz_p11->v3.v2.C_GetAttributeValue(fuzz_session, o, &a, 1) == CKR_OK &&
	       !destroyable;
}

/* The token's own come after those that were made. */
static void note_objects(void)
{
	CK_OBJECT_HANDLE all[256];
	CK_ULONG n = find_all(all, ARRAY_LEN(all));

	objects_n = 0;
	for (CK_ULONG i = 0; i < n && objects_n < FUZZ_OBJECTS; i++)
		objects[objects_n++] = all[i];
}

void fuzz_token_make(void)
{
	struct inro_new_token t = { .label = { "fuzzed", 6 },
				    .so_pin = { "87654321", 8 },
				    .user_pin = { PIN, sizeof PIN - 1 } };
	CK_UTF8CHAR vendor[] = INRO_ADMIN_INTERFACE;
	CK_INTERFACE *found;

	if (fuzz_p11)
		return;
	setenv("INRO_HOME", scratch_path("home"), 1);
	setenv("INRO_CONFIG", "/dev/null", 1);
	OK(C_GetInterface(vendor, NULL, &found, 0));
	fuzz_admin = found->pFunctionList;
	OK(C_GetInterface(NULL, NULL, &found, 0));
	fuzz_p11 = found->pFunctionList;
	OK(fuzz_p11->v3.v2.C_Initialize(NULL));
	OK(fuzz_admin->create(&t, &fuzz_slot));
	OK(fuzz_p11->v3.v2.C_OpenSession(fuzz_slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
					 &fuzz_session));
	log_in();
	fill();
	note_objects();
}

size_t fuzz_token_objects(CK_OBJECT_HANDLE ret[FUZZ_OBJECTS])
{
	memcpy(ret, objects, sizeof objects);
	return objects_n;
}

static bool was_there(CK_OBJECT_HANDLE o)
{
	for (size_t i = 0; i < objects_n; i++) {
		if (objects[i] == o)
			return true;
	}
	return false;
}

void fuzz_token_restore(void)
{
	CK_OBJECT_HANDLE all[256];
	CK_SESSION_INFO info;
	CK_ULONG n;

	OK(fuzz_p11->v3.v2.C_GetSessionInfo(fuzz_session, &info));
	if (info.state != CKS_RW_USER_FUNCTIONS)
		log_in();
	n = find_all(all, ARRAY_LEN(all));
	for (CK_ULONG i = 0; i < n; i++) {
		if (!was_there(all[i]) && !always_there(all[i]))
			(void)fuzz_p11->v3.v2.C_DestroyObject(fuzz_session, all[i]);
	}
	if (info.state != CKS_RW_USER_FUNCTIONS)
		note_objects();
}
