/*
 * fixture - one token of the backend under test, for the programs that hold the contract of
 * pkcs11/token/backend.h against every backend there is.
 *
 * 1. One row a backend and place of keys in fixture.c; every test runs for every row.
 * 2. What a backend signs is judged by public keys in libcrypto, never by the backend.
 */
#ifndef INRO_TESTS_BACKEND_FIXTURE_H
#define INRO_TESTS_BACKEND_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/own.h"
#include "pkcs11/token/pkey.h"

#define OCTETS(s)                                                                                  \
	{                                                                                          \
		.p = (const uint8_t *)(s), .n = sizeof(s) - 1                                      \
	}
#define SERIAL	     bytes_of("00000000c0ffee01")
#define OTHER_SERIAL bytes_of("00000000c0ffee02")
#define USER_PIN     bytes_of("123456")
#define SO_PIN	     bytes_of("so: eight and more")
#define AD	     bytes_of("object 7, version 1, extractable no")
#define OTHER_AD     bytes_of("object 7, version 1, extractable yes")
#define MESSAGE	     bytes_of("what is signed")

/* The keys of the token: the first is P-256, the others are there if they were asked for. */
#define KEYS  6
#define EC256 0

extern struct key_spec specs[KEYS];
/* The pairs of this row's token are in hardware and never come out. */
extern bool keys_stay;

/* The backend of this row, its token's records as the core would keep them, and an open, unlocked
 * instance. */
extern const struct backend_ops *ops;
extern struct backend *token;
extern struct buf user_auth, so_auth;
extern struct buf sealed[KEYS], spki[KEYS];

/* Runs the tests for every backend, with a token that has the first n keys; the count of failures.
 */
int run_for_every_backend(const struct CMUnitTest *tests, size_t n_tests, size_t n_keys);

struct backend *open_token(struct bytes serial);
void unlock(struct backend *b);
backend_key load(struct backend *b, size_t i);
/* A pair of that kind that libcrypto makes: its plain form and public half. */
void make_pair(size_t i, struct secret *ret_pkcs8, struct buf *ret_spki);

/* A secret key of n bytes; 0: as many as its value has. */
struct key_spec secret_spec(CK_KEY_TYPE type, size_t n);
/* In `token`. */
backend_key import_secret(struct key_spec spec, struct bytes value);
void assert_value(backend_key key, struct bytes value);

/* MESSAGE, into a buffer of cap bytes that is thrown away. */
enum inro_err sign(struct backend *b, backend_key key, CK_MECHANISM_TYPE mech, size_t cap,
		   size_t *ret_n);

#endif
