#include "tests/lib/module.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/own.h"
#include "tests/lib/scratch.h"

struct ck_functions_3_2 *p11_32;
struct ck_functions_3_0 *p11_3;
CK_FUNCTION_LIST *p11;
const struct inro_admin *p11_admin;

const uint8_t module_p256[10] = { 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
const uint8_t module_p384[7] = { 6, 5, 0x2b, 0x81, 4, 0, 0x22 };
const uint8_t module_p521[7] = { 6, 5, 0x2b, 0x81, 4, 0, 0x23 };

static void *handle;
static pid_t owner;

typedef CK_RV get_interface_fn(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
			       CK_FLAGS flags);

void module_fail(const char *what, const char *file, int line)
{
	if (getpid() == owner) {
		print_error("%s\n", what);
		_fail(file, line);
	}
	fprintf(stderr, "%s:%d: in a child: %s\n", file, line, what);
	_exit(98);
}

void module_expect(CK_RV want, CK_RV got, const char *what, const char *file, int line)
{
	char text[768];

	if (got == want)
		return;
	snprintf(text, sizeof text, "%s gives 0x%lx, not 0x%lx (%s)", what, got, want,
		 p11_admin ? p11_admin->last_error() : "");
	module_fail(text, file, line);
}

void *module_handle(void)
{
	return handle;
}

void module_load(void)
{
	const char *build = getenv("INRO_TEST_BUILD");
	char path[512];
	get_interface_fn *get;
	CK_INTERFACE *found;

	if (handle)
		return;
	owner = getpid();
	snprintf(path, sizeof path, "%s/lib/inro-pkcs11.so", build ? build : ".");
	setenv("INRO_HOME", scratch_path("home"), 1);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		fprintf(stderr, "%s\n", dlerror());
		exit(99);
	}
	void *symbol = dlsym(handle, "C_GetInterface");

	memcpy(&get, &symbol, sizeof get);
	OK(get(NULL, NULL, &found, 0));
	p11_32 = found->pFunctionList;
	p11_3 = &p11_32->v3;
	p11 = &p11_3->v2;
	OK(get(module_pin(INRO_ADMIN_INTERFACE), NULL, &found, 0));
	p11_admin = found->pFunctionList;
}

int module_setup(void **state)
{
	(void)state;
	module_load();
	return p11->C_Initialize(NULL) != CKR_OK;
}

int module_teardown(void **state)
{
	(void)state;
	return p11->C_Finalize(NULL) != CKR_OK;
}

const char *module_token_file(CK_SLOT_ID slot)
{
	char name[64];

	snprintf(name, sizeof name, "home/tokens/%06lu.token", slot);
	return scratch_path(name);
}

struct inro_text module_text(const char *s)
{
	return (struct inro_text) { s, strlen(s) };
}

CK_BYTE *module_data(const uint8_t *p)
{
	return (CK_BYTE *)(uintptr_t)p;
}

CK_UTF8CHAR *module_pin(const char *s)
{
	return (CK_UTF8CHAR *)(uintptr_t)s;
}

CK_SLOT_ID module_token(const char *label)
{
	static int n;
	char name[33];
	CK_SLOT_ID slot = 0;

	snprintf(name, sizeof name, "token-%d", ++n);
	struct inro_new_token t = { .label = module_text(label ? label : name),
				    .so_pin = module_text(SO_PIN),
				    .user_pin = module_text(USER_PIN) };

	OK(p11_admin->create(&t, &slot));
	return slot;
}

CK_SESSION_HANDLE module_open(CK_SLOT_ID slot, bool rw)
{
	CK_SESSION_HANDLE s = 0;

	OK(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | (rw ? CKF_RW_SESSION : 0), NULL, NULL,
			      &s));
	return s;
}

CK_RV module_login(CK_SESSION_HANDLE s, CK_USER_TYPE user, const char *pin)
{
	return p11->C_Login(s, user, module_pin(pin), strlen(pin));
}

CK_SESSION_HANDLE module_user(CK_SLOT_ID *ret_slot)
{
	CK_SLOT_ID slot = module_token(NULL);
	CK_SESSION_HANDLE s = module_open(slot, true);

	OK(module_login(s, CKU_USER, USER_PIN));
	if (ret_slot)
		*ret_slot = slot;
	return s;
}

void module_wait_for_a_look(void)
{
	nanosleep(&(struct timespec) { .tv_nsec = 20000000 }, NULL);
}

struct module_pair module_ec(CK_SESSION_HANDLE s, bool in_token, bool open)
{
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, module_p256, sizeof module_p256),
				  A_BOOL(CKA_TOKEN, in_token) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, in_token), A_BOOL(CKA_SENSITIVE, !open),
				   A_BOOL(CKA_EXTRACTABLE, open) };
	struct module_pair p = { 0 };

	OK(p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), private, ARRAY_LEN(private),
				  &p.public, &p.private));
	return p;
}

struct module_pair module_ec_curve(CK_SESSION_HANDLE s, const uint8_t *params, size_t n)
{
	CK_MECHANISM m = { .mechanism = CKM_EC_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { A_BYTES(CKA_EC_PARAMS, params, n) };
	struct module_pair p = { 0 };

	OK(p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), NULL, 0, &p.public,
				  &p.private));
	return p;
}

struct module_pair module_rsa(CK_SESSION_HANDLE s, CK_ULONG bits, bool in_token, bool open)
{
	CK_MECHANISM m = { .mechanism = CKM_RSA_PKCS_KEY_PAIR_GEN };
	CK_ATTRIBUTE public[] = { A_ULONG(CKA_MODULUS_BITS, bits), A_BOOL(CKA_TOKEN, in_token) };
	CK_ATTRIBUTE private[] = { A_BOOL(CKA_TOKEN, in_token), A_BOOL(CKA_SENSITIVE, !open),
				   A_BOOL(CKA_EXTRACTABLE, open) };
	struct module_pair p = { 0 };

	OK(p11->C_GenerateKeyPair(s, &m, public, ARRAY_LEN(public), private, ARRAY_LEN(private),
				  &p.public, &p.private));
	return p;
}

CK_ULONG module_find(CK_SESSION_HANDLE s, CK_ATTRIBUTE *like, CK_ULONG n,
		     CK_OBJECT_HANDLE *ret_first)
{
	CK_OBJECT_HANDLE some[7];
	CK_ULONG got, all = 0;

	OK(p11->C_FindObjectsInit(s, like, n));
	do {
		OK(p11->C_FindObjects(s, some, ARRAY_LEN(some), &got));
		if (all == 0 && got > 0 && ret_first)
			*ret_first = some[0];
		all += got;
	} while (got > 0);
	OK(p11->C_FindObjectsFinal(s));
	return all;
}

CK_ULONG module_bytes(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *out,
		      CK_ULONG cap)
{
	CK_ATTRIBUTE a = { type, out, cap };

	OK(p11->C_GetAttributeValue(s, o, &a, 1));
	return a.ulValueLen;
}

CK_BBOOL module_bool(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL b = 99;

	MUST(module_bytes(s, o, type, &b, sizeof b) == sizeof b);
	return b;
}

CK_ULONG module_ulong(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_ULONG v = 0;

	MUST(module_bytes(s, o, type, &v, sizeof v) == sizeof v);
	return v;
}

CK_RV module_set(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE a)
{
	return p11->C_SetAttributeValue(s, o, &a, 1);
}

static uint8_t hash[32] = "a hash of thirty-two bytes, done";

CK_RV module_sign(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE private, uint8_t sig[64])
{
	CK_MECHANISM m = { .mechanism = CKM_ECDSA };
	CK_ULONG n = 64;
	CK_RV rv = p11->C_SignInit(s, &m, private);

	return rv ? rv : p11->C_Sign(s, hash, sizeof hash, sig, &n);
}

CK_RV module_verify(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE public, uint8_t sig[64])
{
	CK_MECHANISM m = { .mechanism = CKM_ECDSA };
	CK_RV rv = p11->C_VerifyInit(s, &m, public);

	return rv ? rv : p11->C_Verify(s, hash, sizeof hash, sig, 64);
}

CK_TOKEN_INFO module_info(CK_SLOT_ID slot)
{
	CK_TOKEN_INFO info;

	OK(p11->C_GetTokenInfo(slot, &info));
	return info;
}
