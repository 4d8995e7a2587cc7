/*
 * prov - what one loaded instance of the provider owns.
 *
 * 1. Loading it touches no module and no token: both are opened when a key is first asked for, so
 *    that an openssl.cnf with the provider in it disturbs no program.
 * 2. The lists of algorithms are constant tables; they do not depend on what the token can do, but
 *    on the settings and on the version of libcrypto.
 * 3. Nothing here is guarded by a lock that a sign operation takes.
 */
#ifndef INRO_PROVIDER_PROV_H
#define INRO_PROVIDER_PROV_H

#include "base/cryptoki/client.h"
#include "provider/below.h"
#include "provider/core.h"
#include "provider/shown.h"

struct token;

struct prov {
	struct core core;
	struct below below;
	struct shown shown;
	bool pairs_alone; /* no algorithm by a secret key is offered */
	bool pem_alone;	  /* no decoder of DER is */
	_Atomic(struct ck_module *) module;
	_Atomic(struct token *) tokens; /* every token met, newest first; only ever grows */
	_Atomic(struct refused *) refused; /* what they refused; NULL: none was used yet */
};

#define PROV_PROPERTIES "provider=inro"

/* The settings in the provider's section of openssl.cnf, for core_setting(): inro-provider(7). */
#define SETTING_MODULE	    "pkcs11-module-path"
#define SETTING_TOKEN	    "token"
#define SETTING_PIN	    "pin"
#define SETTING_KEYGEN	    "keygen"
#define SETTING_KEY_KINDS   "key-kinds"
#define SETTING_SECRET_KEYS "secret-keys"
#define SETTING_REFERENCES  "references"
#define SETTING_TSS2_TOKEN  "tss2-token"
#define SETTING_TSS2_AUTH   "tss2-auth"

/* What OSSL_provider_init() does. */
int prov_open(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
	      void **ret);

/* Raises an error that leaves the provider, and sets errno to what fits, else to 0.  It is 0, as
 * most functions of a provider return then. */
#define prov_raise(prov, e) prov_raise_at((prov), (e), __FILE_NAME__, __LINE__, __func__)
int prov_raise_at(const struct prov *p, enum inro_err e, const char *file, int line,
		  const char *function);

/* The Cryptoki module, opened now if it was not yet. */
MUST_CHECK enum inro_err prov_module(struct prov *p, struct ck_module **ret);
/* Closes its sessions and gives up its module, which is not called any more for p. */
void prov_let_go(struct prov *p);

/* The tables of each operation, in the file named for it.  The first row of the decoders is the one
 * of DER. */
extern const OSSL_ALGORITHM keymgmt_algorithms[], signature_algorithms[], store_algorithms[],
	encoder_algorithms[], decoder_algorithms[];
extern const OSSL_ALGORITHM asym_cipher_algorithms[], exchange_algorithms[], kem_algorithms[],
	mac_algorithms[], cipher_algorithms[];
/* The same for libcrypto 3.0 alone. */
extern const OSSL_ALGORITHM decoder_algorithms_30[];
/* The same for libcrypto 3.2 and later, which has DHKEM. */
extern const OSSL_ALGORITHM kem_algorithms_32[];
/* The same for libcrypto 3.5 and later, which has post-quantum keys. */
extern const OSSL_ALGORITHM keymgmt_algorithms_35[], signature_algorithms_35[],
	encoder_algorithms_35[], skeymgmt_algorithms_35[], kem_algorithms_35[];

/* Shorter rows in a dispatch table. */
#define ENTRY(id, function)                                                                        \
	{                                                                                          \
		(id), (void (*)(void))(function)                                                   \
	}
#define ENTRY_END                                                                                  \
	{                                                                                          \
		0, NULL                                                                            \
	}

#endif
