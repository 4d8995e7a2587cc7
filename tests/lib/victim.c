#include "tests/lib/victim.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "tests/lib/scratch.h"

uint8_t victim_file[1 << 20];
size_t victim_n;
const uint8_t victim_secret[33] = "a value that must never be shown";

void victim_make(void)
{
	CK_ATTRIBUTE t[] = { A_ULONG(CKA_CLASS, CKO_SECRET_KEY), A_ULONG(CKA_KEY_TYPE, CKK_AES),
			     A_BOOL(CKA_TOKEN, CK_TRUE), A_BOOL(CKA_PRIVATE, CK_TRUE),
			     A_BYTES(CKA_VALUE, victim_secret, 32) };
	CK_SLOT_ID where;
	CK_SESSION_HANDLE mine = module_user(&where);
	CK_OBJECT_HANDLE o;
	FILE *f;

	module_ec(mine, true, false);
	module_ec(mine, true, false);
	OK(p11->C_CreateObject(mine, t, ARRAY_LEN(t), &o));
	OK(p11->C_CloseSession(mine));
	/* a copy that is whole in one file */
	OK(p11_admin->backup(where, module_text(scratch_path("victim"))));
	f = fopen(scratch_path("victim"), "rbe");
	MUST(f);
	victim_n = fread(victim_file, 1, sizeof victim_file, f);
	fclose(f);
	MUST(unlink(scratch_path("victim")) == 0);
	MUST(victim_n > 0 && victim_n < sizeof victim_file);
}

const char *victim_write(CK_SLOT_ID at, const uint8_t *content, size_t n)
{
	char name[64];

	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof name, "home/tokens/%06lu.token-%s", at, i ? "shm" : "wal");
		unlink(scratch_path(name));
	}
	snprintf(name, sizeof name, "home/tokens/%06lu.token", at);
	return scratch_file(name, content, n);
}

static void look_for_secret(const uint8_t *p, size_t n)
{
	MUST(!memmem(p, n, victim_secret, 8));
}

static void read_all(CK_SESSION_HANDLE mine, CK_OBJECT_HANDLE o)
{
	static const CK_ATTRIBUTE_TYPE types[] = {
		CKA_VALUE,    CKA_PRIVATE_EXPONENT, CKA_LABEL,		 CKA_ID,
		CKA_EC_POINT, CKA_CHECK_VALUE,	    CKA_PUBLIC_KEY_INFO, CKA_SUBJECT,
	};
	uint8_t out[1000];

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		CK_ATTRIBUTE a = { types[i], out, sizeof out };

		memset(out, 0, sizeof out);
		p11->C_GetAttributeValue(mine, o, &a, 1);
		look_for_secret(out, sizeof out);
	}
	p11->C_GetObjectSize(mine, o, &(CK_ULONG) { 0 });
}

/* It shows no secret, and what signs is as it was made. */
static void look_at_key(CK_SESSION_HANDLE mine, CK_OBJECT_HANDLE o)
{
	uint8_t secret[64], sig[64];
	CK_ATTRIBUTE a = { CKA_VALUE, secret, sizeof secret };

	MUST(p11->C_GetAttributeValue(mine, o, &a, 1) != CKR_OK);
	if (module_sign(mine, o, sig) != CKR_OK)
		return;
	MUST(module_bool(mine, o, CKA_SENSITIVE) == CK_TRUE);
	MUST(module_bool(mine, o, CKA_EXTRACTABLE) == CK_FALSE);
	MUST(module_bool(mine, o, CKA_DECRYPT) == CK_FALSE);
	MUST(module_bool(mine, o, CKA_PRIVATE) == CK_TRUE);
	MUST(module_bool(mine, o, CKA_LOCAL) == CK_TRUE);
}

static CK_ULONG find(CK_SESSION_HANDLE mine, CK_ATTRIBUTE *like, CK_ULONG like_n,
		     CK_OBJECT_HANDLE some[16])
{
	CK_ULONG n = 0;

	if (p11->C_FindObjectsInit(mine, like, like_n) == CKR_OK)
		p11->C_FindObjects(mine, some, 16, &n);
	p11->C_FindObjectsFinal(mine);
	return n;
}

static void look_at_all(CK_SESSION_HANDLE mine)
{
	CK_ATTRIBUTE like[] = { A_ULONG(CKA_CLASS, CKO_PRIVATE_KEY) };
	CK_OBJECT_HANDLE some[16];
	CK_ULONG n = find(mine, like, 1, some);

	for (CK_ULONG i = 0; i < n; i++)
		look_at_key(mine, some[i]);
	n = find(mine, NULL, 0, some);
	for (CK_ULONG i = 0; i < n; i++)
		read_all(mine, some[i]);
}

bool victim_look(CK_SLOT_ID at, bool login)
{
	CK_SESSION_HANDLE mine;
	CK_TOKEN_INFO info;

	p11->C_GetTokenInfo(at, &info);
	if (p11->C_OpenSession(at, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &mine))
		return false;
	if (login)
		module_login(mine, CKU_USER, USER_PIN);
	look_at_all(mine);
	OK(p11->C_CloseSession(mine));
	return true;
}
