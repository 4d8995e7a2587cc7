/*
 * pq - the parameter sets of ML-DSA, SLH-DSA and ML-KEM, and their pairs, signatures and secrets by
 * the module: each function fails the test when the module does not do it.
 */
#ifndef INRO_TESTS_LIB_PQ_H
#define INRO_TESTS_LIB_PQ_H

#include "tests/lib/module.h"

#define PQ_MAX_PART 4896
#define PQ_MAX_SIG  49856
#define PQ_SHARED   32

struct pq_set {
	CK_MECHANISM_TYPE maker, mech, hashed; /* hashed: 0 for none */
	CK_KEY_TYPE type;
	CK_ULONG set, public, private, seed, out;
	const char *name; /* of openssl */
};

/* The sizes of FIPS 203, 204, 205. */
#define PQ_SETS 18
extern const struct pq_set pq_sets[PQ_SETS];
/* One of each type that is no slower than needed. */
#define PQ_USUAL 3
extern const struct pq_set *const pq_usual[PQ_USUAL];
extern const struct pq_set *const pq_dsa65, *const pq_kem768;

/* A module, a token and a session with the user's login: for a group's setup. With INRO_PQ_DIR 1
 * where libcrypto has none of it. */
int pq_setup(void **state, CK_SLOT_ID *ret_slot, CK_SESSION_HANDLE *ret);
/* Whether this libcrypto has such keys. */
bool pq_here(void);
/* Ends the test, as skipped, where it has not. */
void pq_only(void);

CK_RV pq_generate(CK_SESSION_HANDLE s, const struct pq_set *of, bool in_token, bool open,
		  struct module_pair *ret);
struct module_pair pq_make(CK_SESSION_HANDLE s, const struct pq_set *of, bool in_token, bool open);
/* A pair that pq_make() made says what it is, and the private half not what it hides. */
void pq_assert_made(CK_SESSION_HANDLE s, const struct pq_set *of, struct module_pair p);
/* It signs and verifies, or encapsulates and decapsulates. */
void pq_assert_works(CK_SESSION_HANDLE s, const struct pq_set *of, struct module_pair p);

CK_MECHANISM pq_with(CK_MECHANISM_TYPE type, void *param, CK_ULONG n);

/* What is signed. */
#define PQ_MESSAGE_N 32
extern CK_BYTE pq_message[PQ_MESSAGE_N + 1];
/* sig: as long as `want`. */
void pq_sign(CK_SESSION_HANDLE s, CK_MECHANISM m, CK_OBJECT_HANDLE key, CK_BYTE *sig,
	     CK_ULONG want);
CK_RV pq_verify(CK_SESSION_HANDLE s, CK_MECHANISM m, CK_OBJECT_HANDLE key, CK_BYTE *sig,
		CK_ULONG n);
void pq_sign_and_verify(CK_SESSION_HANDLE s, CK_MECHANISM m, struct module_pair p, CK_ULONG n);

/* A shared secret that can be read; the template for it. */
extern CK_MECHANISM pq_kem;
#define PQ_SECRET 3
extern CK_ATTRIBUTE pq_secret[PQ_SECRET];
CK_OBJECT_HANDLE pq_encapsulated(CK_SESSION_HANDLE s, struct module_pair p, CK_BYTE *ciphertext,
				 CK_ULONG *n);
CK_OBJECT_HANDLE pq_decapsulated(CK_SESSION_HANDLE s, struct module_pair p, CK_BYTE *ciphertext,
				 CK_ULONG n);
void pq_assert_same(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE a, CK_OBJECT_HANDLE b, bool same);

#endif
