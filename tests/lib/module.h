/*
 * module - our Cryptoki module as a program meets it: loaded by its path, its home in the scratch
 * folder.
 *
 * 1. Nothing here knows what is inside the module.
 * 2. What must hold is said by OK() and GIVES(): in the test itself cmocka reports a failure, in a
 *    child made by fork() the child ends with status 98.
 */
#ifndef INRO_TESTS_LIB_MODULE_H
#define INRO_TESTS_LIB_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cryptoki/admin.h"

#define SO_PIN	 "87654321"
#define USER_PIN "123456"

extern struct ck_functions_3_2 *p11_32;
extern struct ck_functions_3_0 *p11_3; /* its head */
extern CK_FUNCTION_LIST *p11;	       /* and of that */
extern const struct inro_admin *p11_admin;

/* Loads it once, with INRO_HOME in the scratch folder; C_Initialize is the caller's. */
void module_load(void);
/* The module itself, for dlsym(). */
void *module_handle(void);
/* The file of a slot's token: one of a few static rooms. */
const char *module_token_file(CK_SLOT_ID slot);

/* For cmocka's group setup and teardown: load and C_Initialize, C_Finalize. */
int module_setup(void **state);
int module_teardown(void **state);

void module_expect(CK_RV want, CK_RV got, const char *what, const char *file, int line);
void module_fail(const char *what, const char *file, int line);
#define GIVES(rv, call) module_expect((rv), (call), #call, __FILE__, __LINE__)
#define OK(call)	GIVES(CKR_OK, call)
#define MUST(condition) ((condition) ? (void)0 : module_fail(#condition, __FILE__, __LINE__))

/* 1 << n, or the highest bit where a CK_ULONG has fewer: numbers that are too large for anything. */
#define ULONG_TOP    (8 * sizeof(CK_ULONG) - 1)
#define ULONG_BIT(n) ((CK_ULONG)1 << ((n) < ULONG_TOP ? (n) : ULONG_TOP))

struct inro_text module_text(const char *s);
CK_UTF8CHAR *module_pin(const char *s); /* Cryptoki knows no const */
CK_BYTE *module_data(const uint8_t *p);

/* A token with both PINs; its label is made up when it is NULL. */
CK_SLOT_ID module_token(const char *label);
CK_SESSION_HANDLE module_open(CK_SLOT_ID slot, bool rw);
CK_RV module_login(CK_SESSION_HANDLE s, CK_USER_TYPE user, const char *pin);
/* A read-write session of a new token with the user logged in. */
CK_SESSION_HANDLE module_user(CK_SLOT_ID *ret_slot);
/* Until the module looks again for what others have changed. */
void module_wait_for_a_look(void);

#define A_BYTES(t, p, n)                                                                           \
	{                                                                                          \
		(t), (void *)(uintptr_t)(p), (n)                                                   \
	}
#define A_TEXT(t, s) A_BYTES(t, s, sizeof(s) - 1)
#define A_BOOL(t, b)                                                                               \
	{                                                                                          \
		(t), &(CK_BBOOL) { (b) }, sizeof(CK_BBOOL)                                         \
	}
#define A_ULONG(t, v)                                                                              \
	{                                                                                          \
		(t), &(CK_ULONG) { (v) }, sizeof(CK_ULONG)                                         \
	}

extern const uint8_t module_p256[10], module_p384[7], module_p521[7]; /* ECParameters */

struct module_pair {
	CK_OBJECT_HANDLE public, private;
};

/* CKA_EXTRACTABLE true, CKA_SENSITIVE false when `open`. */
struct module_pair module_ec(CK_SESSION_HANDLE s, bool in_token, bool open);
struct module_pair module_ec_curve(CK_SESSION_HANDLE s, const uint8_t *params, size_t n);
struct module_pair module_rsa(CK_SESSION_HANDLE s, CK_ULONG bits, bool in_token, bool open);

/* How many objects are like it; the first in *ret_first if that is given. */
CK_ULONG module_find(CK_SESSION_HANDLE s, CK_ATTRIBUTE *like, CK_ULONG n,
		     CK_OBJECT_HANDLE *ret_first);
CK_BBOOL module_bool(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type);
CK_ULONG module_ulong(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type);
/* Its length; the value goes into out. */
CK_ULONG module_bytes(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *out,
		      CK_ULONG cap);
CK_RV module_set(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE a);

/* ECDSA over a fixed hash by the private key, checked with the public one. */
CK_RV module_sign(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE private, uint8_t sig[64]);
CK_RV module_verify(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE public, uint8_t sig[64]);

CK_TOKEN_INFO module_info(CK_SLOT_ID slot);

#endif
