/*
 * p11kit - p11-kit's header, 2.40 or 3.0, with nothing of it in the way of what we name as PKCS#11
 * 3.2 does: what version 0.25 brought too gets another name.
 *
 * Include base/cryptoki/cryptoki.h, not this file.
 */
#ifndef INRO_BASE_CRYPTOKI_P11KIT_H
#define INRO_BASE_CRYPTOKI_P11KIT_H

#define CK_INTERFACE				P11KIT_CK_INTERFACE
#define CK_INTERFACE_PTR			P11KIT_CK_INTERFACE_PTR
#define CK_INTERFACE_PTR_PTR			P11KIT_CK_INTERFACE_PTR_PTR
#define CK_CHACHA20_PARAMS			P11KIT_CK_CHACHA20_PARAMS
#define CK_CHACHA20_PARAMS_PTR			P11KIT_CK_CHACHA20_PARAMS_PTR
#define CK_SALSA20_PARAMS			P11KIT_CK_SALSA20_PARAMS
#define CK_SALSA20_PARAMS_PTR			P11KIT_CK_SALSA20_PARAMS_PTR
#define CK_SALSA20_CHACHA20_POLY1305_PARAMS	P11KIT_CK_SALSA20_CHACHA20_POLY1305_PARAMS
#define CK_SALSA20_CHACHA20_POLY1305_PARAMS_PTR P11KIT_CK_SALSA20_CHACHA20_POLY1305_PARAMS_PTR
#define CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS P11KIT_CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS
#define CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS_PTR                                                \
	P11KIT_CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS_PTR

#define C_GetInterface	   P11KIT_C_GetInterface
#define C_GetInterfaceList P11KIT_C_GetInterfaceList

#include <p11-kit/pkcs11.h>

#undef C_GetInterface
#undef C_GetInterfaceList

#undef CK_INTERFACE
#undef CK_INTERFACE_PTR
#undef CK_INTERFACE_PTR_PTR
#undef CK_CHACHA20_PARAMS
#undef CK_CHACHA20_PARAMS_PTR
#undef CK_SALSA20_PARAMS
#undef CK_SALSA20_PARAMS_PTR
#undef CK_SALSA20_CHACHA20_POLY1305_PARAMS
#undef CK_SALSA20_CHACHA20_POLY1305_PARAMS_PTR
#undef CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS
#undef CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS_PTR

/* p11-kit renames these words to the members the standard has, and leaves them renamed. */
#undef hash_alg
#undef s_len
#undef source_data
#undef source_data_len
#undef counter_bits
#undef iv_ptr
#undef iv_len
#undef iv_bits
#undef aad_ptr
#undef aad_len
#undef tag_bits
#undef shared_data_len
#undef shared_data
#undef public_data_len
#undef public_data
#undef string_data
#undef string_data_len
#undef data_params

#endif
