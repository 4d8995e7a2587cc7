/* crypt - PKCS#11 3.2 5.8, 5.10: encrypt, decrypt. */
#include "pkcs11/api/use.h"

CK_RV api_C_EncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return use_begin(session,
			 &(struct op_init) { .slot = OP_ENCRYPT, .mech = mechanism, .key = key });
}

CK_RV api_C_Encrypt(CK_SESSION_HANDLE session, unsigned char *data, CK_ULONG n,
		    unsigned char *encrypted, CK_ULONG *len)
{
	return use_once(session, OP_ENCRYPT, BYTES(data, n), OUT(encrypted, len));
}

CK_RV api_C_EncryptUpdate(CK_SESSION_HANDLE session, unsigned char *part, CK_ULONG n,
			  unsigned char *encrypted, CK_ULONG *len)
{
	return use_step(session, OP_ENCRYPT, BYTES(part, n), OUT(encrypted, len));
}

CK_RV api_C_EncryptFinal(CK_SESSION_HANDLE session, unsigned char *last, CK_ULONG *len)
{
	return use_final(session, OP_ENCRYPT, OUT(last, len));
}

CK_RV api_C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	return use_begin(session,
			 &(struct op_init) { .slot = OP_DECRYPT, .mech = mechanism, .key = key });
}

/* Programs of 2.40 know no code of AEADs: Java tells a wrong tag by this one. */
static CK_RV plain_code(CK_RV rv)
{
	return rv == CKR_AEAD_DECRYPT_FAILED ? CKR_ENCRYPTED_DATA_INVALID : rv;
}

CK_RV api_C_Decrypt(CK_SESSION_HANDLE session, unsigned char *encrypted, CK_ULONG n,
		    unsigned char *data, CK_ULONG *len)
{
	return plain_code(use_once(session, OP_DECRYPT, BYTES(encrypted, n), OUT(data, len)));
}

CK_RV api_C_DecryptUpdate(CK_SESSION_HANDLE session, unsigned char *encrypted, CK_ULONG n,
			  unsigned char *part, CK_ULONG *len)
{
	return use_step(session, OP_DECRYPT, BYTES(encrypted, n), OUT(part, len));
}

CK_RV api_C_DecryptFinal(CK_SESSION_HANDLE session, unsigned char *last, CK_ULONG *len)
{
	return plain_code(use_final(session, OP_DECRYPT, OUT(last, len)));
}
